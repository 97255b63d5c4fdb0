"""`MLPClassifier` and `MLPRegressor`: scikit-learn's estimators over the core."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from . import _docs
from ._base import Array, is_stochastic
from ._parameters import CLASSIFIERS_SCORES, CONSTRAINTS, REGRESSORS_SCORES
from ._questions import AnsweringMLP


def classes_of(y: Array) -> tuple[Array, str]:
    """The classes in order, and the core's name of what is learnt."""
    if y.ndim == 1 and y.dtype.kind in "biuU":
        classes = np.unique(y)
        if 2 * len(classes) <= len(y):
            return classes, "binary" if len(classes) <= 2 else "multiclass"
    # scikit-learn looks longer: these may be anything, or numbers, of which it warns.
    return known_to(LabelBinarizer().fit(y))


def known_to(binarizer: LabelBinarizer) -> tuple[Array, str]:
    """What :func:`classes_of` says of what scikit-learn's class was fitted on."""
    kinds = {"multiclass": "multiclass", "multilabel-indicator": "multilabel"}
    return binarizer.classes_, kinds.get(binarizer.y_type_, "binary")


class MLPClassifier(ClassifierMixin, AnsweringMLP):  # type: ignore[misc]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "early_stopping": ["boolean", StrOptions(CLASSIFIERS_SCORES)],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "loss": [StrOptions({"log_loss", "focal"})],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
    }
    _score_name = "accuracy"

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        class_weight: dict[Any, float] | str | None = None,
        label_smoothing: float = 0.0,
        loss: str = "log_loss",
        focal_gamma: float = 2.0,
        dropout: float | Sequence[float] = 0.0,
        normalization: str | None = None,
        callbacks: Sequence[Callable[[dict[str, Any]], bool | float | None]] | None = None,
        precision: str = "f32",
        n_jobs: int | None = None,
        scaling: str = "none",
        numeric_encoding: str = "plain",
        bins: int = 48,
        categorical: Sequence[str | int] | None = None,
        one_hot_limit: int = 50,
        allow_missing: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.loss = loss
        self.focal_gamma = focal_gamma
        self.dropout = dropout
        self.normalization = normalization
        self.callbacks = callbacks
        self.precision = precision
        self.n_jobs = n_jobs
        self.scaling = scaling
        self.numeric_encoding = numeric_encoding
        self.bins = bins
        self.categorical = categorical
        self.one_hot_limit = one_hot_limit
        self.allow_missing = allow_missing

    # ── targets ─────────────────────────────────────────────────────────────────────────────────────

    def _task(self) -> str:
        return self._kind

    @property
    def out_activation_(self) -> str:
        """Name of the output's activation."""
        return "softmax" if self._task() == "multiclass" else "logistic"

    def _outputs(self, y: Array) -> int:
        return 1 if self._task() == "binary" else len(self.classes_)

    def _loss_settings(self) -> dict[str, str]:
        softmax = self._task() == "multiclass"
        output = "softmax" if softmax else "sigmoid"
        if self.loss == "focal":
            if self.label_smoothing != 0:
                raise ValueError(
                    f"label_smoothing={self.label_smoothing} goes with loss='log_loss', and loss is 'focal'; "
                    "leave one of them out"
                )
            return {
                "cost": "focal",
                "focal_gamma": repr(float(self.focal_gamma)),
                "output_activation": output,
            }
        return {
            "cost": "cross_entropy" if softmax else "binary_cross_entropy",
            "output_activation": output,
            "label_smoothing": repr(float(self.label_smoothing)),
        }

    def _encoded(self, y: Array) -> Array:
        if self._task() == "multiclass":
            return np.searchsorted(self.classes_, y).astype(np.uint32)
        if self._task() == "binary":
            # Where there is one class alone, no row is of the second.
            y = (y == self.classes_[1]) if len(self.classes_) > 1 else np.zeros(len(y))
            y = y.reshape(-1, 1)
        return np.ascontiguousarray(y, dtype=self._dtype)

    def _weights(self, y: Array, sample_weight: Any, X: Array) -> Array | None:
        weights = super()._weights(y, sample_weight, X)
        if self.class_weight is None:
            return weights
        by_class: Array = compute_sample_weight(self.class_weight, y)
        return by_class if weights is None else by_class * weights

    def _checked(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Array, Array]:
        X, y = self._validated(X, y, reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self.classes_, self._kind = classes_of(y)
            return X, y
        classes = unique_labels(y)
        if self.warm_start and not incremental:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )
        return X, y

    # ── methods ─────────────────────────────────────────────────────────────────────────────────────

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: tuple[Any, ...] | None = None
    ) -> Self:
        """Train on rows and their classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their classes, or an indicator of their labels.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row weighs in the cost.
        eval_set : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that are measured on after each epoch, instead of a share of the training rows.

        Returns
        -------
        self : MLPClassifier
        """
        return self._fit(X, y, sample_weight, eval_set)

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        eval_set: tuple[Any, ...] | None = None,
    ) -> Self:
        """Train for one pass over the rows, from where the last one ended.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their classes.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row weighs in the cost.
        classes : array of shape (n_classes,), default=None
            All classes; needed in the first call.
        eval_set : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that are measured on after the pass.

        Returns
        -------
        self : MLPClassifier
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all rows at once; give partial_fit the classes' weights as a dict"
            )
        if _check_partial_fit_first_call(self, classes):
            labels = y if type_of_target(y).startswith("multilabel") else classes
            _, self._kind = classes_of(np.asarray(labels))
        return self._fit(X, y, sample_weight, eval_set, incremental=True)

    def predict(self, X: Any) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        outputs = self._predicted(X)
        if self._task() == "multiclass":
            chosen: Array = self.classes_[outputs.argmax(axis=1)]
            return chosen
        likely = outputs > 0.5
        if self._task() == "multilabel":
            return likely.astype(int)
        classes: Array = (
            self.classes_[likely[:, 0].astype(int)]
            if len(self.classes_) > 1
            else self.classes_[[0] * len(likely)]
        )
        return classes

    def predict_proba(self, X: Any) -> Array:
        """Predict each class's probability.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        outputs = self._predicted(X)
        if self.n_outputs_ == 1:
            both = np.empty((len(outputs), 2), dtype=outputs.dtype)
            np.subtract(1, outputs[:, 0], out=both[:, 0])
            both[:, 1] = outputs[:, 0]
            return both
        return outputs

    def predict_log_proba(self, X: Any) -> Array:
        """Predict the logarithm of each class's probability.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        logarithms : ndarray of shape (n_samples, n_classes)
        """
        logarithms: Array = np.log(self.predict_proba(X))
        return logarithms

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, AnsweringMLP):  # type: ignore[misc]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions({"squared_error", "poisson", "absolute_error", "huber", "quantile"})],
        "early_stopping": ["boolean", StrOptions(REGRESSORS_SCORES)],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
    }
    _score_name = "r2"

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        huber_delta: float = 1.0,
        quantile: float = 0.5,
        dropout: float | Sequence[float] = 0.0,
        normalization: str | None = None,
        callbacks: Sequence[Callable[[dict[str, Any]], bool | float | None]] | None = None,
        precision: str = "f32",
        n_jobs: int | None = None,
        scaling: str = "none",
        numeric_encoding: str = "plain",
        bins: int = 48,
        categorical: Sequence[str | int] | None = None,
        one_hot_limit: int = 50,
        allow_missing: bool = False,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.huber_delta = huber_delta
        self.quantile = quantile
        self.dropout = dropout
        self.normalization = normalization
        self.callbacks = callbacks
        self.precision = precision
        self.n_jobs = n_jobs
        self.scaling = scaling
        self.numeric_encoding = numeric_encoding
        self.bins = bins
        self.categorical = categorical
        self.one_hot_limit = one_hot_limit
        self.allow_missing = allow_missing

    # ── targets ─────────────────────────────────────────────────────────────────────────────────────

    def _task(self) -> str:
        return "regression"

    @property
    def out_activation_(self) -> str:
        """Name of the output's activation."""
        return "exp" if self.loss == "poisson" else "identity"

    def _outputs(self, y: Array) -> int:
        return 1 if y.ndim == 1 else int(y.shape[1])

    def _loss_settings(self) -> dict[str, str]:
        names = {"absolute_error": "absolute", "quantile": "pinball"}
        said = {"cost": names.get(self.loss, self.loss), "output_activation": self.out_activation_}
        if self.loss == "huber":
            said["huber_delta"] = repr(float(self.huber_delta))
        if self.loss == "quantile":
            said["quantile"] = repr(float(self.quantile))
        return said

    def _encoded(self, y: Array) -> Array:
        y = y.reshape(len(y), -1)
        if self._encoder is not None:
            y = self._encoder.encode_targets(y.astype(np.float64))
        with np.errstate(over="ignore"):
            targets = np.ascontiguousarray(y, dtype=self._dtype)
        if not np.isfinite(targets).all():
            raise ValueError(
                "y has numbers too large for single precision; scale them, or say precision='f64'."
            )
        return targets

    def _checked(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Array, Array]:
        X, y = self._validated(X, y, reset, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and np.any(y < 0):
            raise ValueError("Some value(s) of y are out of the valid range of the loss 'poisson'.")
        return X, y

    # ── methods ─────────────────────────────────────────────────────────────────────────────────────

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: tuple[Any, ...] | None = None
    ) -> Self:
        """Train on rows and their targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row weighs in the cost.
        eval_set : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that are measured on after each epoch, instead of a share of the training rows.

        Returns
        -------
        self : MLPRegressor
        """
        return self._fit(X, y, sample_weight, eval_set)

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: tuple[Any, ...] | None = None
    ) -> Self:
        """Train for one pass over the rows, from where the last one ended.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row weighs in the cost.
        eval_set : tuple (X, y) or (X, y, sample_weight), default=None
            Rows that are measured on after the pass.

        Returns
        -------
        self : MLPRegressor
        """
        return self._fit(X, y, sample_weight, eval_set, incremental=True)

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._predicted(X)
        if self._encoder is not None:
            # A file's network may have learnt targets on a scale of their own.
            outputs = self._encoder.decode_targets(outputs.astype(np.float64)).astype(outputs.dtype)
        return outputs.ravel() if self.n_outputs_ == 1 else outputs


MLPClassifier.__doc__ = _docs.CLASSIFIER
MLPRegressor.__doc__ = _docs.REGRESSOR
