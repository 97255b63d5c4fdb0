"""PyTorch's matrix product alone, on every product of a step: x·w, xᵀ·δ, and δ·wᵀ of all layers but the first.

Their times added up are the ceiling that a step is held against. Each product is timed on its own, over and over on the
same operands, results written in place: nothing is colder than it needs to be.
"""

import json
import statistics
import sys
import time

import torch

from case import ROUNDS, Case, arguments


def products_of(case):
    """(what, m, k, n, the call) of each product."""
    rows = min(case.batch_size, case.rows)
    for index, (w, _) in enumerate(case.weights):
        fan_in, fan_out = w.shape
        # Multiplied by zeros nothing takes longer or shorter, but zeros would not be what is multiplied.
        x, weights, delta = torch.randn(rows, fan_in), torch.randn(fan_in, fan_out), torch.randn(rows, fan_out)
        yield "x·w", rows, fan_in, fan_out, call(x, weights)
        yield "xᵀ·δ", fan_in, rows, fan_out, call(x.t(), delta)
        if index > 0:
            yield "δ·wᵀ", rows, fan_out, fan_in, call(delta, weights.t())


def call(a, b):
    c = torch.empty(a.shape[0], b.shape[1])
    return lambda: torch.mm(a, b, out=c)


def seconds_of(product, seconds):
    """Median of the rounds that take so long together, after a tenth of it for warming up."""

    def timed(count):
        began = time.perf_counter()
        for _ in range(count):
            product()
        return (time.perf_counter() - began) / count

    per_call = timed(2)
    per_call = timed(max(1, int(seconds / 10 / per_call)))
    in_round = max(1, int(seconds / ROUNDS / per_call))
    return statistics.median(timed(in_round) for _ in range(ROUNDS))


def main():
    asked = arguments(__doc__.splitlines()[0])
    torch.set_num_threads(asked.threads)
    case = Case(asked.case_folder)
    products = list(products_of(case))
    for line in sys.stdin:
        word, _, number = line.partition(" ")
        if word != "seconds":
            raise SystemExit(f"expected `seconds T`, got {line!r}")
        # A large product's time is not worth more rounds than a small one's.
        each = float(number) / len(products)
        measured = [
            {"product": what, "m": m, "k": k, "n": n, "microseconds": (took := seconds_of(product, each)) * 1e6,
             "gflops": 2 * m * k * n / took / 1e9}
            for what, m, k, n, product in products
        ]
        answer = {
            "case": case.name,
            "threads": asked.threads,
            "optimizer": case.optimizer["name"],
            "variant": asked.variant,
            "microseconds_per_step": sum(product["microseconds"] for product in measured),
            "products": measured,
            "versions": {"torch": torch.__version__},
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
