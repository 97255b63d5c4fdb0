"""What every peer has in common: its arguments, the case's files, the clock, and the line that it prints.

A peer is a program `peer.py --case-folder DIR --threads N (--steps S | --seconds T)`. It prints one line of JSON:

    {"case", "threads", "microseconds_per_step", "samples_per_second", "steps", "loss", "versions": {"numpy", …}}

`DIR` is what `deltarule bench --case C --export DIR` writes. With `--steps` a peer takes exactly so many steps from
the start weights; with `--seconds` it warms up for a tenth of that time and reports the median of 15 rounds, as
`deltarule bench` does. `loss` is the last batch's mean cost before its update. A squared error is half the sum over the
outputs, averaged over rows.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy
from safetensors.numpy import load_file

ROUNDS = 15


class Case:
    """A case's description, its start weights [(w, b), …], and its rows as NumPy arrays."""

    def __init__(self, folder):
        folder = Path(folder)
        described = json.loads((folder / "case.json").read_text())
        self.name = described["case"]
        self.batch_size = described["batch_size"]
        self.learning_rate = described["learning_rate"]
        self.cost = described["cost"]
        self.layers = described["layers"]
        weights = load_file(folder / "weights.safetensors")
        self.weights = [(weights[f"layers.{i}.w"], weights[f"layers.{i}.b"]) for i in range(len(self.layers))]
        data = load_file(folder / "data.safetensors")
        self.x = data["x"]
        self.targets = data["targets"]
        self.outputs = self.targets.shape[1]

    @property
    def classes(self):
        """The class of each row, of a case whose targets are one-hot rows."""
        return self.targets.argmax(axis=1)


def arguments(description):
    """What the program was asked: `case_folder`, `threads`, and one of `steps` and `seconds`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--case-folder", required=True)
    parser.add_argument("--threads", type=int, required=True)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--seconds", type=float)
    return parser.parse_args()


def measure(case, asked, take, versions):
    """Times `take(steps)`, which goes on where it stopped and returns a function that gives the last loss.

    That function is called once, after the clock has stopped: fetching a loss may cost a synchronization.
    """
    steps = 0

    def timed(count):
        nonlocal steps
        began = time.perf_counter()
        loss = take(count)
        took = time.perf_counter() - began
        steps += count
        return took / count, loss

    if asked.steps is not None:
        per_step, loss = timed(asked.steps)
    else:
        began = time.perf_counter()
        while time.perf_counter() - began < asked.seconds / 10 or steps < 2:
            timed(1 + steps // 8)
        per_step = (time.perf_counter() - began) / steps
        in_round = max(1, int(asked.seconds / ROUNDS / per_step))
        rounds = [timed(in_round) for _ in range(ROUNDS)]
        per_step, loss = statistics.median(took for took, _ in rounds), rounds[-1][1]
    print(
        json.dumps(
            {
                "case": case.name,
                "threads": asked.threads,
                "microseconds_per_step": per_step * 1e6,
                "samples_per_second": min(case.batch_size, len(case.x)) / per_step,
                "steps": steps,
                "loss": loss(),
                "versions": {"numpy": numpy.__version__, **versions},
            }
        )
    )
