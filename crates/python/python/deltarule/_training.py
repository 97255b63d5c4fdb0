"""While an estimator trains: its callbacks are called, and may ask it; nobody else may."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from ._core import Mlp


class InTraining:
    """Stands where an estimator's network is while that is in training."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def __reduce__(self) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RuntimeError(
            "the network is in training; ask or copy it when the training has ended, or in one of its callbacks "
            "(without needs_network = False)"
        )


_IN_TRAINING = InTraining()


def asks_the_network(callbacks: Any) -> bool:
    """Whether a callback may want the network: each one, unless it says otherwise."""
    return any(getattr(callback, "needs_network", True) for callback in callbacks or ())


@contextmanager
def under_way(estimator: Any) -> Iterator[tuple[Mlp, float | None]]:
    """Takes the network out of the estimator for as long as it trains; gives it, and the learning rate that a callback
    begins with."""
    network, begun, raised = estimator._mlp, [], None
    try:
        rate = None
        for callback in estimator.callbacks or ():
            if begin := getattr(callback, "begin", None):
                answer = begin(estimator)
                rate = rate if answer is None else _checked_rate(answer, estimator, callback)
            begun.append(callback)
        estimator._mlp = _IN_TRAINING
        yield network, rate
    except BaseException as error:
        raised = error
        raise
    finally:
        estimator._mlp = network
        for callback in begun:
            if end := getattr(callback, "end", None):
                end(estimator, raised)


def tell_callbacks(estimator: Any, event: dict[str, Any]) -> tuple[bool, float | None]:
    """Calls each, whatever others say: whether the training is to end, and the learning rate that it is to go on with."""
    network = event.pop("network")
    if not estimator.callbacks:
        return False, None
    event["model"] = estimator
    estimator._mlp = _IN_TRAINING if network is None else network
    try:
        answers = [(callback, callback(event)) for callback in estimator.callbacks]
    finally:
        estimator._mlp = _IN_TRAINING
    ends, rate = False, None
    for callback, answer in answers:
        if isinstance(answer, (float, np.floating)):
            rate = _checked_rate(answer, estimator, callback)
        else:
            ends = ends or bool(answer)
    return ends, rate


def _checked_rate(rate: Any, estimator: Any, callback: Any) -> float:
    if estimator.solver in ("lbfgs", "rprop"):
        raise ValueError(
            f"callbacks: {callback!r} sets a learning rate, and solver={estimator.solver!r} has none; "
            "take 'sgd', 'adam' or another"
        )
    if not (np.isfinite(rate) and rate > 0):
        raise ValueError(f"callbacks: expected a learning rate above 0 of {callback!r}, got {rate!r}")
    return float(rate)
