"""Model files, which the command line writes and reads, too."""

from os import PathLike, fspath
from typing import Any

import numpy as np

from ._core import Encoder, Mlp
from ._mlp import MLPClassifier, MLPRegressor, classes_of


def save(estimator: MLPClassifier | MLPRegressor, path: str | PathLike[str]) -> None:
    """Write a model file.

    ``deltarule predict``, ``evaluate`` and ``explain`` take it, with a table that has the estimator's columns as they are:
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
    estimator._mlp.save(fspath(path), estimator._names(), estimator._encoder)


def load(path: str | PathLike[str]) -> MLPClassifier | MLPRegressor:
    """Read a model file of one network.

    Parameters
    ----------
    path : str or path
        A file that :func:`save` or the command line wrote.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor
        A fitted one. Of its parameters, those of the network, those that say how columns become numbers, and a
        regressor's loss are the file's. Columns that the network does not read are not among ``feature_names_in_``:
        give it ``table[model.feature_names_in_]``. A regressor predicts in the target's units, whatever scale it was
        trained on.

    Raises
    ------
    DeltaruleError
        Where it is no model file, or holds several networks.
    """
    mlp, names, encoder = Mlp.load(fspath(path))
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
    if encoder is not None:
        network.update(_encoding(encoder))
    estimator: MLPClassifier | MLPRegressor
    if mlp.task == "regression":
        # What it is to learn if it goes on.
        costs = {"absolute": "absolute_error", "pinball": "quantile"}
        network["loss"] = costs.get(said["cost"], said["cost"])
        network.update({name: float(said[name]) for name in ("huber_delta", "quantile") if name in said})
        estimator = MLPRegressor(**network)
    else:
        if said["cost"] == "focal":
            network |= {"loss": "focal", "focal_gamma": float(said["focal_gamma"])}
        estimator = MLPClassifier(**network)
        labels: Any = np.array([float(c) for c in classes]) if are_numbers else np.array(classes)
        if are_numbers and (labels == labels.astype(int)).all():
            labels = labels.astype(int)
        if mlp.task == "multilabel":
            labels = np.eye(mlp.outputs, dtype=int)
        estimator.classes_, estimator._kind = classes_of(labels)
    estimator._encoder = encoder
    estimator._take(mlp, len(hidden) + 2)
    estimator.n_features_in_ = len(columns)
    if columns != [f"x{column}" for column in range(len(columns))]:
        estimator.feature_names_in_ = np.array(columns, dtype=object)
    return estimator


def _encoding(encoder: Encoder) -> dict[str, Any]:
    """The parameters that say how columns become numbers. The command line always takes missing values."""
    said = encoder.settings
    defaults = {"scaling": "standard", "numeric_encoding": "plain", "one_hot_limit": "50"}
    found: dict[str, Any] = {name: said.get(name, default) for name, default in defaults.items()}
    found["one_hot_limit"] = int(found["one_hot_limit"])
    if "bins" in said:
        found["bins"] = int(said["bins"])
    return {**found, "categorical": encoder.categorical or None, "allow_missing": True}


def _of_each_layer(text: str) -> str | list[str]:
    names = text.split(",")
    return names[0] if len(names) == 1 else names
