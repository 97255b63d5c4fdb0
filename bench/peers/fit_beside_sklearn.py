"""`fit` of the Python package beside scikit-learn's, with equal settings and epochs, in turns: the best of each.

    python bench/peers/fit_beside_sklearn.py [--turns 15] [digits two_classes adult_size mnist_size …]

digits and two classes of iris are scikit-learn's; the other two are random numbers of adult's size, encoded, and of a third of
MNIST's. With --float32 scikit-learn computes in single precision as well. Needs `pip install ./crates/python`.
"""

import argparse
import time
import warnings

import deltarule
import numpy as np
from sklearn import neural_network
from sklearn.datasets import load_digits, load_iris


def digits(_):
    X, y = load_digits(return_X_y=True)
    return X / 16, y, 30


def two_classes(_):
    X, y = load_iris(return_X_y=True)
    X, y = X[:100], y[:100]
    return (X - X.mean(axis=0)) / X.std(axis=0), y, 200


def adult_size(rng):
    X = rng.normal(size=(32_561, 108))
    return X, (X @ rng.normal(size=108) + 3 * rng.normal(size=len(X)) > 0).astype(int), 5


def mnist_size(rng):
    X = rng.random(size=(20_000, 784))
    return X, ((X - 0.5) @ rng.normal(size=(784, 10))).argmax(axis=1), 3


CASES = {case.__name__: case for case in (digits, two_classes, adult_size, mnist_size)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=[*CASES], metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--float32", action="store_true")
    said = parser.parse_args()
    # That epochs are not enough is meant.
    warnings.filterwarnings("ignore")
    for name in said.cases:
        X, y, epochs = CASES[name](np.random.default_rng(0))
        X = X.astype(np.float32 if said.float32 else np.float64)
        seconds = {neural_network.MLPClassifier: [], deltarule.MLPClassifier: []}
        for _ in range(said.turns):
            for estimator, taken in seconds.items():
                model = estimator(max_iter=epochs, tol=0, n_iter_no_change=10**6, random_state=1)
                began = time.perf_counter()
                model.fit(X, y)
                taken.append(time.perf_counter() - began)
        theirs, ours = (1e3 * min(taken) for taken in seconds.values())
        print(f"{name:12} scikit-learn {theirs:8.1f} ms   deltarule {ours:8.1f} ms   {theirs / ours:5.1f} times", flush=True)


if __name__ == "__main__":
    main()
