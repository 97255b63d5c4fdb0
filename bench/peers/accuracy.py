"""PyTorch training on MNIST to an accuracy: recipes tuned for time, in a loop written for speed on a CPU.

`accuracy.py --mnist DIR --threads N --variant eager|compiled|autocast`: DIR holds MNIST's four gzipped IDX files. For each
line `TARGET SEED` of standard input it trains the recipe of that target on the 60,000 training images and answers with one
line of JSON:

    {"target", "seed", "accuracy", "seconds", "steps", "microseconds_per_step", "threads", "variant", "versions"}

`accuracy` is that of the 10,000 test images in percent. `seconds` are those of the loop over the epochs: loading,
standardising and what has to come before the first step (start weights, compilation, three batches to warm up with, the
optimizer and its schedule) do not count; orders, batches, rates and updates do.

The recipes: ReLU, AdamW with betas 0.9 and 0.99, decay of all parameters, one cycle stepped per batch whose first quarter
rises from a tenth of the highest rate, label smoothing, batches of 512, pixels standardised by their common mean and
deviation. `compiled` has forward pass, cost and backward pass compiled; `autocast` has the products in bfloat16 as well.
"""

import argparse
import gzip
import json
import platform
import sys
import time
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import nn

BATCH = 512
RECIPES = {
    "98.0": {"hidden": 192, "epochs": 3, "rate": 1.5e-2, "decay": 0.1, "smoothing": 0.05},
    "98.5": {"hidden": 384, "epochs": 5, "rate": 1e-2, "decay": 0.3, "smoothing": 0.1},
}


def idx(path, header):
    """The bytes of an IDX file after its header."""
    return numpy.frombuffer(gzip.decompress(path.read_bytes()), numpy.uint8, offset=header)


def mnist(folder):
    """Standardised images and labels for training, then those for testing."""
    parts = []
    for name in ("train", "t10k"):
        images = idx(folder / f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(numpy.float32) / 255
        labels = idx(folder / f"{name}-labels-idx1-ubyte.gz", 8).astype(numpy.int64)
        parts.append((torch.from_numpy(images), torch.from_numpy(labels)))
    (x, y), (x_test, y_test) = parts
    mean, deviation = x.mean(), x.std()
    return (x - mean) / deviation, y, (x_test - mean) / deviation, y_test


def cost_of(network, smoothing, variant):
    """`cost(x, y)` of a batch, compiled unless the variant is `eager`."""

    def cost(x, y):
        return F.cross_entropy(network(x), y, label_smoothing=smoothing)

    def in_bfloat16(x, y):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(x)
        return F.cross_entropy(logits.float(), y, label_smoothing=smoothing)

    if variant == "eager":
        return cost
    return torch.compile(in_bfloat16 if variant == "autocast" else cost)


class Task:
    """A recipe on the data: its network, made and compiled once, that each training begins anew."""

    def __init__(self, target, data, variant):
        self.recipe = RECIPES[target]
        self.x, self.y, self.x_test, self.y_test = data
        self.in_epoch = len(self.x) // BATCH
        self.steps = self.in_epoch * self.recipe["epochs"]
        hidden = self.recipe["hidden"]
        self.network = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 10))
        self.cost = cost_of(self.network, self.recipe["smoothing"], variant)

    def prepare(self, seed):
        """All that comes before training: the seed's start weights, the optimizer, and everything compiled and warm."""
        torch.manual_seed(seed)
        self.network.train()
        for layer in self.network:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        start = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        for _ in range(3):
            self.cost(self.x[:BATCH], self.y[:BATCH]).backward()
            self.network.zero_grad(set_to_none=True)
        self.network.load_state_dict(start)
        rate, decay = self.recipe["rate"], self.recipe["decay"]
        parameters = list(self.network.parameters())
        self.adam = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.99), weight_decay=decay, fused=True)
        self.cycle = torch.optim.lr_scheduler.OneCycleLR(
            self.adam,
            rate,
            total_steps=self.steps,
            pct_start=0.25,
            cycle_momentum=False,
            div_factor=10,
            final_div_factor=100,
        )

    def train(self):
        """One training. An epoch's last and smaller batch is left out."""
        x, y, cost, adam, cycle = self.x, self.y, self.cost, self.adam, self.cycle
        for _ in range(self.recipe["epochs"]):
            for order in torch.randperm(len(x))[: self.in_epoch * BATCH].split(BATCH):
                cost(x[order], y[order]).backward()
                adam.step()
                adam.zero_grad(set_to_none=True)
                cycle.step()

    def accuracy(self):
        """Percent of the test images that are told right."""
        self.network.eval()
        with torch.inference_mode():
            right = self.network(self.x_test).argmax(1) == self.y_test
        return 100 * right.float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--variant", choices=("eager", "compiled", "autocast"), default="eager")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.set_num_interop_threads(1)
    data = mnist(asked.mnist)
    tasks = {}
    for line in sys.stdin:
        target, seed = line.split()
        if target not in tasks:
            tasks[target] = Task(target, data, asked.variant)
        task = tasks[target]
        task.prepare(int(seed))
        began = time.perf_counter()
        task.train()
        seconds = time.perf_counter() - began
        answer = {
            "target": target,
            "seed": int(seed),
            "accuracy": task.accuracy(),
            "seconds": seconds,
            "steps": task.steps,
            "microseconds_per_step": seconds / task.steps * 1e6,
            "threads": asked.threads,
            "variant": asked.variant,
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "instruction_set": torch.backends.cpu.get_cpu_capability(),
            },
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
