"""The estimators' parameters: what they may be, and what settings of the core they become."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

ACTIVATIONS = {
    "identity",
    "logistic",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
}
STOCHASTIC = {"sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "rprop"}
CLASSIFIERS_SCORES = {"accuracy", "log_loss", "roc_auc", "f1", "cost"}
REGRESSORS_SCORES = {"r2", "rmse", "mae", "cost"}
# Figures of which less is better.
LOWER_IS_BETTER = {"log_loss", "cost", "rmse", "mae"}

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(ACTIVATIONS), list, tuple],
    "solver": [StrOptions(STOCHASTIC | {"lbfgs"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterovs_momentum": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
    "normalization": [StrOptions({"batch", "layer"}), None],
    "callbacks": [list, tuple, None],
    "precision": [StrOptions({"f32", "f64"})],
    "n_jobs": [
        Interval(Integral, None, -1, closed="right"),
        Interval(Integral, 1, None, closed="left"),
        None,
    ],
    "scaling": [StrOptions({"none", "standard", "robust", "unit"})],
    "numeric_encoding": [StrOptions({"plain", "piecewise"})],
    "bins": [Interval(Integral, 2, 1024, closed="both")],
    "categorical": [list, tuple, np.ndarray, None],
    "one_hot_limit": [Interval(Integral, 0, 1_000_000, closed="both")],
    "allow_missing": ["boolean"],
}


def layers(sizes: Any) -> list[int]:
    """The hidden layers' units."""
    if type(sizes) is tuple and all(type(size) is int and size > 0 for size in sizes):
        return list(sizes)
    given = list(np.atleast_1d(np.asarray(sizes, dtype=object)))
    if any(not isinstance(size, Real) or float(size) % 1 != 0 for size in given):
        raise ValueError(f"hidden_layer_sizes must be whole numbers, got {given}.")
    units = [int(size) for size in given]
    if any(size <= 0 for size in units):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {units}.")
    return units


def _of_each_layer(name: str, value: Any, count: int) -> str:
    if isinstance(value, (list, tuple)):
        if len(value) != count:
            raise ValueError(
                f"{name}: expected one value or {count}, one for each hidden layer, got {len(value)}"
            )
        return ",".join(str(one) for one in value)
    return str(value)


def optimizer(solver: str, momentum: float, nesterovs_momentum: bool) -> str:
    """The core's name of a solver: scikit-learn's ``sgd`` has a momentum, of either kind or of 0."""
    if solver != "sgd":
        return solver
    if momentum == 0:
        return "gradient_descent"
    return "nesterov" if nesterovs_momentum else "momentum"


def settings(
    parameters: Mapping[str, Any],
    *,
    learning_rate: float,
    batch_rows: int,
    batch_weight: float,
    loss: Mapping[str, str],
) -> dict[str, str]:
    """The core's settings.

    scikit-learn divides ``alpha`` by the weight of the rows in a batch; ours is of the mean cost, so it is divided
    here: the two differ in an epoch's last batch, if that is a smaller one.
    """
    hidden = layers(parameters["hidden_layer_sizes"])
    solver = optimizer(parameters["solver"], parameters["momentum"], parameters["nesterovs_momentum"])
    said = {
        "hidden": ",".join(str(units) for units in hidden) or "none",
        "optimizer": solver,
        # AdamW's penalty is the same one, taken from the weights past the moments (Loshchilov & Hutter 2019).
        "weight_decay" if solver == "adamw" else "l2": repr(float(parameters["alpha"]) / batch_weight),
        "batch_size": str(batch_rows),
        "shuffle": str(bool(parameters["shuffle"])).lower(),
        "precision": parameters["precision"],
        **loss,
    }
    if hidden:
        said["activation"] = _of_each_layer("activation", parameters["activation"], len(hidden))
        said["dropout"] = _of_each_layer("dropout", parameters["dropout"], len(hidden))
    if parameters["normalization"] is not None:
        said["normalization"] = parameters["normalization"]
    if solver == "lbfgs":
        # As scikit-learn has SciPy's L-BFGS take it.
        tolerance = repr(float(parameters["tol"]))
        lbfgs = {
            "batch_size": "all",
            "lbfgs_history": "10",
            "lbfgs_tolerance": tolerance,
            "schedule": "constant",
        }
        return {**said, **lbfgs}
    said["learning_rate"] = repr(float(learning_rate))
    said["schedule"] = "constant"
    if solver in ("momentum", "nesterov", "rmsprop"):
        said["momentum"] = repr(float(parameters["momentum"]))
    if solver == "rmsprop":
        said["rho"] = "0.9"
    if solver in ("adam", "adamw"):
        said["beta1"] = repr(float(parameters["beta_1"]))
        said["beta2"] = repr(float(parameters["beta_2"]))
    if solver in ("adam", "adamw", "rmsprop"):
        said["epsilon"] = repr(float(parameters["epsilon"]))
    return said
