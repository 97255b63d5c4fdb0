"""scikit-learn's fitted networks as ours, and ours as theirs."""

import copy
from typing import Any

import numpy as np
from sklearn import neural_network as theirs
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from ._convert import HiddenLayers, assembled
from ._mlp import MLPClassifier, MLPRegressor, known_to

# Where a training stands, by the same name here and there, where there is something to say.
_STANDING = (
    "n_iter_",
    "t_",
    "loss_",
    "best_loss_",
    "loss_curve_",
    "validation_scores_",
    "best_validation_score_",
)
_CARRIED_TO_THEIRS = ("n_features_in_", "feature_names_in_", "n_layers_", "n_outputs_", "out_activation_")
# Parameters that theirs do not have, and what they are where nothing of them is used.
_ONLY_OURS = {"class_weight": None, "label_smoothing": 0.0, "callbacks": None}


def from_sklearn(estimator: Any) -> MLPClassifier | MLPRegressor:
    """Take over scikit-learn's fitted network.

    Parameters, weights, classes, names of columns, losses and scores are theirs; predictions are equal, since `precision`
    is that of their weights. The optimizer's state is not taken over: a training that goes on begins it anew.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        A fitted one.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor

    Raises
    ------
    ValueError
        Where it has what is not to be had here: a `momentum` of 1.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> import deltarule
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> other = MLPClassifier(8, "tanh", solver="lbfgs", random_state=1).fit(X, y)
    >>> print(*deltarule.from_sklearn(other).predict(X))
    no yes yes no
    """
    if not isinstance(estimator, (theirs.MLPClassifier, theirs.MLPRegressor)):
        raise TypeError(
            "from_sklearn: expected scikit-learn's MLPClassifier or MLPRegressor, got "
            f"{type(estimator).__module__}.{type(estimator).__name__}"
        )
    check_is_fitted(estimator)
    if estimator.momentum == 1:
        raise ValueError("from_sklearn: momentum is 1, and has to be below 1 here; set it before")
    is_double = estimator.coefs_[0].dtype == np.float64
    parameters = {**estimator.get_params(deep=False), "precision": "f64" if is_double else "f32"}
    is_classifier = isinstance(estimator, theirs.MLPClassifier)
    ours: MLPClassifier | MLPRegressor = (MLPClassifier if is_classifier else MLPRegressor)(**parameters)
    tensors = [
        tensor for layer in zip(estimator.coefs_, estimator.intercepts_, strict=True) for tensor in layer
    ]
    assembled(ours, tensors, known=known_to(estimator._label_binarizer) if is_classifier else None)
    for name in (*_STANDING, "feature_names_in_"):
        if hasattr(estimator, name):
            setattr(ours, name, copy.copy(getattr(estimator, name)))
    ours._no_improvement = getattr(estimator, "_no_improvement_count", 0)
    return ours


def to_sklearn(estimator: MLPClassifier | MLPRegressor) -> Any:
    """Hand a fitted network over to scikit-learn's class.

    What theirs cannot be is refused: see Raises. The optimizer's state is not handed over.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        A fitted one.

    Returns
    -------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Its weights are of the `precision` of ours.

    Raises
    ------
    ValueError
        Where it has an activation, loss or solver that theirs do not, activations that differ from layer to layer,
        dropout, normalisation, class weights, label smoothing, callbacks, or early stopping on another score than
        theirs. All of these are named.

    Examples
    --------
    >>> import deltarule
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> xor = deltarule.MLPClassifier(8, "tanh", solver="lbfgs", random_state=1).fit(X, y)
    >>> print(*deltarule.to_sklearn(xor).predict(X))
    no yes yes no
    """
    if not isinstance(estimator, (MLPClassifier, MLPRegressor)):
        raise TypeError(
            f"to_sklearn: expected a MLPClassifier or MLPRegressor of deltarule, got {type(estimator).__name__}"
        )
    check_is_fitted(estimator)
    parameters = _their_parameters(estimator)
    is_classifier = isinstance(estimator, MLPClassifier)
    other = (theirs.MLPClassifier if is_classifier else theirs.MLPRegressor)(**parameters)
    for name in (*_STANDING, *_CARRIED_TO_THEIRS):
        if hasattr(estimator, name):
            setattr(other, name, copy.copy(getattr(estimator, name)))
    other.coefs_, other.intercepts_ = estimator.coefs_, estimator.intercepts_
    # What a training that goes on, and keeps the best epoch, begins from.
    other._best_coefs = [array.copy() for array in other.coefs_]
    other._best_intercepts = [array.copy() for array in other.intercepts_]
    other._no_improvement_count = estimator._no_improvement
    if isinstance(estimator, MLPClassifier):
        is_multilabel = estimator._task() == "multilabel"
        labels = np.eye(estimator.n_outputs_, dtype=int) if is_multilabel else estimator.classes_
        other._label_binarizer = LabelBinarizer().fit(labels)
        # Theirs numbers labels, whatever they were called.
        other.classes_ = other._label_binarizer.classes_
    return other


def _their_parameters(estimator: MLPClassifier | MLPRegressor) -> dict[str, Any]:
    """The parameters that theirs have; all that stands against it in one error."""
    said = estimator.get_params(deep=False)
    against = [
        f"{name}={said[name]!r}" for name, nothing in _ONLY_OURS.items() if said.get(name, nothing) != nothing
    ]
    network = HiddenLayers.of(estimator)
    if any(network.dropout):
        against.append(f"dropout={said['dropout']!r}")
    if network.normalization is not None:
        against.append(f"normalization={network.normalization!r}")
    parameters = {name: said[name] for name in _theirs_of(estimator)._get_param_names() if name in said}
    activations = set(network.activations)
    if len(activations) > 1 or not activations <= {"identity", "logistic", "tanh", "relu"}:
        against.append(f"activation={network.activations!r}")
    parameters["activation"] = activations.pop() if activations else "relu"
    if said["solver"] in ("momentum", "nesterov"):
        parameters |= {"solver": "sgd", "nesterovs_momentum": said["solver"] == "nesterov"}
    elif said["solver"] not in ("sgd", "adam", "lbfgs"):
        against.append(f"solver={said['solver']!r}")
    if said["loss"] not in ("log_loss", "squared_error", "poisson"):
        against.append(f"loss={said['loss']!r}")
    if said["early_stopping"] not in (False, True, estimator._score_name):
        against.append(f"early_stopping={said['early_stopping']!r}")
    parameters["early_stopping"] = bool(said["early_stopping"])
    against += [f"encoding of {column!r} ({what})" for column, what in estimator.encoding_.items()]
    if against:
        raise ValueError(
            f"to_sklearn: scikit-learn's {type(estimator).__name__} has no {', '.join(against)}; what does not change "
            "predictions may be set to its default with set_params first"
        )
    return parameters


def _theirs_of(estimator: MLPClassifier | MLPRegressor) -> Any:
    return theirs.MLPClassifier if isinstance(estimator, MLPClassifier) else theirs.MLPRegressor
