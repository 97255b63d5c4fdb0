"""Model files, which the command line writes and reads, too."""

from os import PathLike, fspath
from typing import Any

import numpy as np

from ._core import Mlp
from ._mlp import MLPClassifier, MLPRegressor, classes_of


def save(estimator: MLPClassifier | MLPRegressor, path: str | PathLike[str]) -> None:
    """Write a model file.

    ``deltarule predict``, ``evaluate`` and ``explain`` take it, with a table that has the estimator's columns:
    ``feature_names_in_``, or ``x0``, ``x1`` and so on where it was fitted on an array. What is learnt is called
    ``target``, or ``target0``, ``target1`` and so on.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        A fitted one.
    path : str or path
        Where to.

    Examples
    --------
    >>> import deltarule
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> xor = deltarule.MLPClassifier(8, "tanh", solver="lbfgs", random_state=1).fit(X, y)
    >>> deltarule.save(xor, "xor.safetensors")
    >>> print(*deltarule.load("xor.safetensors").predict(X))
    no yes yes no
    """
    estimator._mlp.save(fspath(path), estimator._names())


def load(path: str | PathLike[str]) -> MLPClassifier | MLPRegressor:
    """Read a model file of one network that takes numbers as they are.

    Parameters
    ----------
    path : str or path
        A file that :func:`save` or the command line wrote.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor
        A fitted one. Of its parameters, those of the network and a regressor's loss are the file's.

    Raises
    ------
    DeltaruleError
        Where it is no model file, holds several networks, or encodes its columns.
    """
    mlp, names = Mlp.load(fspath(path))
    columns, classes, are_numbers = names["columns"], names["classes"], names["are_numbers"]
    said = mlp.settings
    hidden = () if said["hidden"] == "none" else tuple(int(units) for units in said["hidden"].split(","))
    network: dict[str, Any] = {
        "hidden_layer_sizes": hidden,
        "precision": said.get("precision", "f32"),
    }
    if hidden:
        network["activation"] = _of_each_layer(said["activation"])
    if said.get("normalization", "none") != "none":
        network["normalization"] = said["normalization"]
    estimator: MLPClassifier | MLPRegressor
    if mlp.task == "regression":
        # What it is to learn if it goes on.
        costs = {"absolute": "absolute_error", "pinball": "quantile"}
        network["loss"] = costs.get(said["cost"], said["cost"])
        network.update({name: float(said[name]) for name in ("huber_delta", "quantile") if name in said})
        estimator = MLPRegressor(**network)
    else:
        estimator = MLPClassifier(**network)
        labels: Any = np.array([float(c) for c in classes]) if are_numbers else np.array(classes)
        if are_numbers and (labels == labels.astype(int)).all():
            labels = labels.astype(int)
        if mlp.task == "multilabel":
            labels = np.eye(mlp.outputs, dtype=int)
        estimator.classes_, estimator._kind = classes_of(labels)
    estimator._take(mlp, len(hidden) + 2)
    estimator.n_features_in_ = len(columns)
    if columns != [f"x{column}" for column in range(len(columns))]:
        estimator.feature_names_in_ = np.array(columns, dtype=object)
    return estimator


def _of_each_layer(text: str) -> str | list[str]:
    names = text.split(",")
    return names[0] if len(names) == 1 else names
