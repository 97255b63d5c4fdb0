"""An epoch on sparse rows: deltarule's MLPClassifier beside scikit-learn's, on the same CSR matrix in single precision.

    python bench/peers/sparse_rows.py --threads 2

Each estimator trains in a process of its own, which tells its seconds for each epoch of `fit`, all that it does included, and
the most memory that it has had, the data and the packages included. Packages: deltarule (`pip install ./crates/python`),
scikit-learn.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings

import numpy
from scipy import sparse

SOLVERS = {
    "adam": {"solver": "adam"},
    "sgd": {"solver": "sgd"},
    "plain descent": {"solver": "sgd", "momentum": 0, "nesterovs_momentum": False, "alpha": 0},
}


def rows_and_classes(rows, columns, held):
    """`held` numbers in each row (fewer where two fall on one column), and which side of a plane it is on."""
    rng = numpy.random.default_rng(0)
    indices = rng.integers(0, columns, rows * held, dtype=numpy.int32)
    numbers = rng.random(rows * held, dtype=numpy.float32)
    x = sparse.csr_matrix((numbers, indices, numpy.arange(0, rows * held + 1, held)), shape=(rows, columns))
    x.sum_duplicates()
    return x, (x @ rng.standard_normal(columns, dtype=numpy.float32) > 0).astype(int)


def train(asked):
    """Trains one estimator and prints what it took."""
    if asked.engine == "deltarule":
        from deltarule import MLPClassifier

        named = {"n_jobs": asked.threads}
    else:
        from sklearn.neural_network import MLPClassifier

        named = {}
    warnings.simplefilter("ignore")
    x, y = rows_and_classes(asked.rows, asked.columns, asked.held)
    model = MLPClassifier((asked.hidden,), max_iter=asked.epochs, tol=0, random_state=0, **named, **SOLVERS[asked.solver])
    began = time.perf_counter()
    model.fit(x, y)
    seconds = (time.perf_counter() - began) / asked.epochs
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"engine": asked.engine, "solver": asked.solver, "seconds_per_epoch": round(seconds, 2)}
    print(json.dumps({**told, "peak_mib": round(peak), "loss": round(model.loss_, 4)}))


def main():
    """Takes the engines in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=50_000)
    parser.add_argument("--held", type=int, default=50)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--solver", choices=SOLVERS, help="one of them; else all")
    parser.add_argument("--engine", choices=["deltarule", "scikit-learn"], help="train this one, here")
    asked = parser.parse_args()
    if asked.engine:
        train(asked)
        return
    threads = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], str(asked.threads))
    for solver in [asked.solver] if asked.solver else SOLVERS:
        for engine in ["deltarule", "scikit-learn"]:
            command = [sys.executable, __file__, *sys.argv[1:], "--engine", engine, "--solver", solver]
            subprocess.run(command, check=True, env={**os.environ, **threads})


if __name__ == "__main__":
    main()
