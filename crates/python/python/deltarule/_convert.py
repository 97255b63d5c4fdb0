"""What the converters from and to other libraries' networks have in common: an estimator made of given numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._base import Array
from ._core import Mlp
from ._mlp import MLPClassifier, MLPRegressor


def assembled(
    estimator: MLPClassifier | MLPRegressor,
    tensors: Sequence[Array],
    buffers: Sequence[Array] = (),
    *,
    known: tuple[Array, str] | None = None,
) -> None:
    """Makes the estimator a fitted one, of these tensors in the network's order, and these running statistics."""
    estimator._validate_params()
    if known is not None:
        assert isinstance(estimator, MLPClassifier)
        estimator.classes_, estimator._kind = known
    estimator._rate, estimator._precision = estimator.learning_rate_init, estimator.precision
    # Of the rows of a later training only the batch is said: nothing else is known of them yet.
    rows = 200 if isinstance(estimator.batch_size, str) else estimator.batch_size
    said = {**estimator._said(rows, None, None, True, False), "seed": "0"}
    inputs, outputs = len(tensors[0]), len(tensors[-1])
    mlp = Mlp(said, estimator._task(), inputs, outputs)
    estimator._take(mlp, sum(tensor.ndim == 2 for tensor in tensors) + 1)
    estimator.n_features_in_, estimator.n_iter_ = inputs, 0
    dtype = estimator._dtype
    names = [name for name, _ in mlp.tensors()]
    given = [np.ascontiguousarray(tensor, dtype=dtype) for tensor in tensors]
    mlp.set_tensors(list(zip(names, given, strict=True)))
    if buffers:
        _, _, state = mlp.__reduce__()
        mlp.__setstate__({**state, "buffers": np.concatenate(buffers).astype(dtype)})


@dataclass(frozen=True)
class HiddenLayers:
    """What a fitted network has between its dense layers, whatever its parameters have been set to since."""

    activations: list[str]
    dropout: list[float]
    normalization: str | None

    @classmethod
    def of(cls, estimator: MLPClassifier | MLPRegressor) -> "HiddenLayers":
        said = estimator._mlp.settings
        count = 0 if said["hidden"] == "none" else len(said["hidden"].split(","))
        activations = [text.strip() for text in said.get("activation", "relu").split(",")]
        dropout = [float(text) for text in said.get("dropout", "0").split(",")] if count else []
        normalization = said.get("normalization", "none")
        return cls(
            ["logistic" if name == "sigmoid" else name for name in _each(activations, count)],
            _each(dropout, count),
            None if normalization == "none" else normalization,
        )


def _each(values: list[Any], count: int) -> list[Any]:
    return values * count if len(values) == 1 else values
