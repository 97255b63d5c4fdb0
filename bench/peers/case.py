"""What every peer in Python has in common: its arguments, the case's files, and the turns that it takes.

A peer is a program `peer.py --case-folder DIR --threads N [--variant V]`. `DIR` is what `deltarule bench --export` writes.
For each line of standard input, `steps S` or `seconds T`, it trains from the start weights again and answers with one
line of JSON:

    {"case", "threads", "optimizer", "variant", "microseconds_per_step", "samples_per_second", "steps", "loss",
     "versions": {"numpy", …}}

With `steps` it takes exactly so many steps; with `seconds` it warms up for a tenth of that time and gives the median of
15 rounds, as `deltarule bench` does. `loss` is the last batch's mean cost before its update. A squared error is half the
sum over the outputs, averaged over rows.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy
from safetensors.numpy import load_file

ROUNDS = 15
# Fewer where many steps are taken at once and 15 times as many would take too long.
FEWEST_ROUNDS = 5


class Case:
    """A case's description, its start weights [(w, b), …], and its rows as NumPy arrays."""

    def __init__(self, folder):
        folder = Path(folder)
        described = json.loads((folder / "case.json").read_text())
        self.name = described["case"]
        self.batch_size = described["batch_size"]
        self.learning_rate = described["learning_rate"]
        self.weight_decay = described["weight_decay"]
        self.optimizer = described["optimizer"]
        self.cost = described["cost"]
        self.layers = described["layers"]
        if self.optimizer["name"] not in ("gradient_descent", "adam"):
            raise SystemExit(f"no such optimizer here: {self.optimizer['name']}")
        if self.cost not in ("squared_error", "cross_entropy"):
            raise SystemExit(f"no such cost here: {self.cost}")
        weights = load_file(folder / "weights.safetensors")
        self.weights = [(weights[f"layers.{i}.w"], weights[f"layers.{i}.b"]) for i in range(len(self.layers))]
        data = load_file(folder / "data.safetensors")
        self.x = data["x"]
        self.targets = data["targets"]
        self.rows = len(self.x)
        self.outputs = self.targets.shape[1]

    @property
    def adam(self):
        """Whether it is Adam, rather than plain descent."""
        return self.optimizer["name"] == "adam"

    @property
    def classes(self):
        """The class of each row, of a case whose targets are one-hot rows."""
        return self.targets.argmax(axis=1)

    @property
    def activations(self):
        """Each layer's activation, softmax left out: libraries have it in the cost."""
        names = [layer["activation"] for layer in self.layers]
        return ["identity" if name == "softmax" else name for name in names]

    def batched(self, at_least=1):
        """Rows and targets (or classes) as [batches, batch, …], an epoch's last and smaller batch left out.

        Where there are fewer batches than `at_least` they are repeated.
        """
        y = self.classes if self.cost == "cross_entropy" else self.targets
        batches = max(1, self.rows // self.batch_size)
        rows = min(self.rows, batches * self.batch_size)
        often = -(-at_least // batches)

        def cut(rows_of):
            whole = rows_of[:rows].reshape(batches, rows // batches, *rows_of.shape[1:])
            return numpy.concatenate([whole] * often) if often > 1 else whole

        return cut(self.x), cut(y)


def arguments(description, variants=("",)):
    """What the program was asked: `case_folder`, `threads` and `variant`, by itself the first one."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--case-folder", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--variant", choices=variants, default=variants[0])
    return parser.parse_args()


def take_turns(case, asked, begin, versions, chunk=1):
    """Answers to each line of standard input.

    `begin()` sets the start weights and gives `take(steps)`, which goes on where it stopped, and returns a function that
    gives the last loss. That function is called once, after the clock has stopped: fetching a loss may cost a
    synchronization. A program that takes several steps at once names their number as `chunk`: `take` is then called with
    multiples of it, but for the counted steps of `steps S`.
    """
    for line in sys.stdin:
        word, _, number = line.partition(" ")
        if word == "steps":
            length = {"steps": int(number)}
        elif word == "seconds":
            length = {"seconds": float(number)}
        else:
            raise SystemExit(f"expected `steps S` or `seconds T`, got {line!r}")
        per_step, steps, loss = measured(begin(), chunk, **length)
        answer = {
            "case": case.name,
            "threads": asked.threads,
            "optimizer": case.optimizer["name"],
            "variant": asked.variant,
            "microseconds_per_step": per_step * 1e6,
            "samples_per_second": min(case.batch_size, case.rows) / per_step,
            "steps": steps,
            "loss": loss,
            "versions": {"python": platform.python_version(), "numpy": numpy.__version__, **versions},
        }
        print(json.dumps(answer), flush=True)


def measured(take, chunk, steps=None, seconds=None):
    """Seconds per step, the number of steps, and the last loss."""
    total = 0

    def timed(count):
        nonlocal total
        began = time.perf_counter()
        loss = take(count)
        took = time.perf_counter() - began
        total += count
        return took / count, loss

    if steps is not None:
        per_step, loss = timed(steps)
        return per_step, total, loss()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds / 10 or total < 2:
        timed(chunk * (1 + total // 8 // chunk))
    per_step = (time.perf_counter() - began) / total
    in_round = chunk * max(1, int(seconds / ROUNDS / per_step / chunk))
    count = min(ROUNDS, max(FEWEST_ROUNDS, int(seconds / (in_round * per_step))))
    rounds = [timed(in_round) for _ in range(count)]
    return statistics.median(took for took, _ in rounds), total, rounds[-1][1]()
