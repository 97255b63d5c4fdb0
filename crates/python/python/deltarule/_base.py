"""What `MLPClassifier` and `MLPRegressor` have in common: parameters become settings, rows become arrays, and an epoch's
event becomes scikit-learn's attributes and stopping rules."""

import os
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from . import _tables
from ._checks import ChecksOnce, drawn_from, finds_nothing
from ._core import DeltaruleError, Encoder, Mlp, Table
from ._parameters import CONSTRAINTS, LOWER_IS_BETTER, STOCHASTIC, layers, settings
from ._training import asks_the_network, tell_callbacks, under_way

Array = npt.NDArray[Any]
# A matrix, or a sparse one's starts of rows, columns and numbers.
Rows = Array | tuple[Array, Array, Array]
# A learning rate below this is taken for none, as in scikit-learn.
_LEAST_RATE = 1e-6
# Settings that a network is built with: where one of them changes, another is built and takes the weights over.
_BUILT_WITH = ("activation", "dropout")
# Settings that cannot change within one training, and the parameters they come from.
_BEGUN_WITH = {"hidden": "hidden_layer_sizes", "normalization": "normalization", "output_activation": "loss"}


def _kind_of_state(said: Mapping[str, str]) -> tuple[str, str, bool]:
    """What the shape of an optimizer's state hangs on."""
    return said["optimizer"], said.get("precision", "f32"), float(said.get("momentum", 0)) > 0


def is_stochastic(estimator: Any) -> bool:
    if estimator.solver not in STOCHASTIC:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not."
        )
    return True


class BaseMLP(ChecksOnce):
    """What classifier and regressor have in common."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS
    _parameters: ClassVar[list[str]]
    _score_name: str
    loss: str
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    best_loss_: float | None
    # What becomes of the columns, where they do not enter as they are.
    _encoder: Encoder | None = None

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # scikit-learn reads the signature at each question, several times in a fit.
        if "_parameters" not in cls.__dict__:
            cls._parameters = super()._get_param_names()
        names: list[str] = cls._parameters
        return names

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_mlp")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.allow_missing
        return tags

    def __getstate__(self) -> dict[str, Any]:
        # The network as plain arrays and dictionaries: skops knows how to keep those.
        state: dict[str, Any] = dict(super().__getstate__())
        if "_mlp" in state:
            _, (said, task, inputs, outputs), left = self._mlp.__reduce__()
            state["_mlp"] = {
                "settings": said,
                "task": task,
                "inputs": inputs,
                "outputs": outputs,
                "left": left,
            }
        encoder = state.get("_encoder")
        if isinstance(encoder, Encoder):
            state["_encoder"] = encoder.__reduce__()[1]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        network = state.get("_mlp")
        if isinstance(network, dict):
            mlp = Mlp(network["settings"], network["task"], network["inputs"], network["outputs"])
            mlp.__setstate__(network["left"])
            state = {**state, "_mlp": mlp}
        if isinstance(state.get("_encoder"), tuple):
            state = {**state, "_encoder": Encoder(*state["_encoder"])}
        super().__setstate__(state)

    @abstractmethod
    def _encoded(self, y: Array) -> Array:
        """Targets as the core takes them."""

    @abstractmethod
    def _loss_settings(self) -> dict[str, str]:
        """Settings of the cost and the output."""

    @abstractmethod
    def _task(self) -> str:
        """The core's name of what is learnt."""

    @abstractmethod
    def _checked(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Array, Array]:
        """Rows and targets, validated."""

    def _weights(self, y: Array, sample_weight: Any, X: Array) -> Array | None:
        if sample_weight is None:
            return None
        weights: Array = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return weights

    @property
    def _dtype(self) -> type[np.floating[Any]]:
        # The network's: `set_params` may have changed the parameter since.
        return np.float64 if getattr(self, "_precision", self.precision) == "f64" else np.float32

    def _rows(self, X: Any) -> Any:
        """Rows as the core takes them."""
        if isinstance(X, Table):
            assert self._encoder is not None
            return _tables.Encoded(*self._encoder.encode(X, self._dtype == np.float64))
        if isinstance(X, _tables.Encoded):
            return X
        numbers: Array = X.data if issparse(X) else X
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(numbers, dtype=self._dtype)
        if rows.dtype != X.dtype and not np.isfinite(rows).all():
            raise ValueError(
                "X has numbers too large for single precision; scale them, or say precision='f64'."
            )
        return (X.indptr, X.indices, rows) if issparse(X) else rows

    def _validated(self, X: Any, y: Any, reset: bool, **checks: Any) -> tuple[Any, Array]:
        """Rows and targets by scikit-learn's rules; a table, where columns are to be encoded, stays one."""
        rows = _tables.rows_of(self, X, reset) if y is not None else None
        if reset:
            self._encoder = None
        if rows is None and reset and finds_nothing(X, y):
            self.n_features_in_ = X.shape[1]
            self.__dict__.pop("feature_names_in_", None)
            return X, y
        if rows is None:
            validated: tuple[Array, Array] = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                multi_output=True,
                dtype=(np.float64, np.float32),
                reset=reset,
                **checks,
            )
            return validated
        y = _check_y(y, multi_output=True, estimator=self, **checks)
        check_consistent_length(rows, y)
        return rows, y

    # ── training ────────────────────────────────────────────────────────────────────────────────────

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        eval_set: tuple[Any, ...] | None = None,
        incremental: bool = False,
    ) -> Self:
        before = {
            name: list(value) if name.endswith("_") and isinstance(value, list) else value
            for name, value in self.__dict__.items()
        }
        trains = False
        try:
            self._precision = self.precision
            ready = self._prepared(X, y, sample_weight, eval_set, incremental)
            trains = True
            self._train(*ready, incremental)
        except Exception as error:
            # What was learnt before stays. What a callback raises leaves what was learnt until then, if there is anything.
            if not trains or self.n_iter_ == 0 or isinstance(error, DeltaruleError):
                self.__dict__.clear()
                self.__dict__.update(before)
            raise
        return self

    def _prepared(
        self, X: Any, y: Any, sample_weight: Any, eval_set: tuple[Any, ...] | None, incremental: bool
    ) -> tuple[Array, Array, Array | None, tuple[Rows, Array, Array | None] | None]:
        """The network is made ready; what comes back are rows to train on and rows to measure on."""
        hidden = layers(self.hidden_layer_sizes)
        for callback in self.callbacks or ():
            if not callable(callback):
                raise TypeError(f"callbacks: expected callables, got {callback!r}")
        if incremental and self.early_stopping and eval_set is None:
            raise ValueError("partial_fit does not support early_stopping without an eval_set")
        first = not hasattr(self, "_mlp") or not (self.warm_start or incremental)
        X, y = self._checked(X, y, first, incremental)
        weights = self._weights(y, sample_weight, X)
        random_state = drawn_from(self.random_state)
        encodes = isinstance(X, Table)
        draws = first and not encodes
        start = self._drawn(random_state, [X.shape[1], *hidden, self._outputs(y)]) if draws else []
        held_out = None
        if eval_set is None and self.early_stopping and self.solver != "lbfgs":
            X, y, weights, held_out = self._held_out(X, y, weights, random_state)
        if encodes and first:
            # Nothing of the rows that are set apart reaches the encoder.
            self._encoder = _tables.fit_encoder(self, X)
            start = self._drawn(random_state, [self._encoder.fan_in, *hidden, self._outputs(y)])
        if encodes:
            X = self._rows(X)
        watched = self._watched_rows(eval_set)
        if held_out is not None:
            watched = self._rows(held_out[0]), self._encoded(held_out[1]), held_out[2]
        said = self._said(X.shape[0], weights, watched, first, incremental)
        if first:
            said["seed"] = str(random_state.randint(np.iinfo(np.int32).max))
            self._begin(said, start)
        else:
            said["seed"] = self._mlp.settings["seed"]
            self._go_on(said)
            if not incremental:
                self._rate = self.learning_rate_init
        if self.early_stopping and watched is not None and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None
        self._base_rate = float(said.get("learning_rate", 1.0))
        return X, y, weights, watched

    def _said(
        self,
        rows: int,
        weights: Array | None,
        watched: tuple[Rows, Array, Array | None] | None,
        first: bool,
        incremental: bool,
    ) -> dict[str, str]:
        """The core's settings for this call."""
        batch_rows = self._batch_rows(rows, incremental)
        # Passes of partial_fit are epochs of one training, whose rate may have changed.
        goes_on = incremental and not first
        said = settings(
            self.get_params(deep=False),
            learning_rate=self._rate if goes_on else self.learning_rate_init,
            batch_rows=batch_rows,
            batch_weight=batch_rows if weights is None else batch_rows * float(weights.mean()),
            loss=self._loss_settings(),
        )
        if self.n_jobs is not None and self.n_jobs != -1:
            left_free = (os.cpu_count() or 1) + 1 + self.n_jobs  # of a negative number, as in joblib
            said["threads"] = str(self.n_jobs if self.n_jobs > 0 else max(1, left_free))
        if self.early_stopping and watched is not None:
            # The core keeps the best epoch's weights; when it is enough is said here.
            said["early_stopping"] = self._watched_figure()
            said["patience"] = "1000000000"
        return said

    def _drawn(self, random_state: Any, units: list[int]) -> list[Array]:
        """Start weights and biases, the same numbers that scikit-learn draws (Glorot & Bengio 2010)."""
        each = self.activation if isinstance(self.activation, (list, tuple)) else [self.activation]
        each = each or ["identity"]
        drawn = []
        for layer, (fan_in, fan_out) in enumerate(pairwise(units)):
            activation = each[min(layer, len(each) - 1)]
            factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
            bound = np.sqrt(factor / (fan_in + fan_out))
            drawn.append(random_state.uniform(-bound, bound, (fan_in, fan_out)))
            drawn.append(random_state.uniform(-bound, bound, fan_out))
        return drawn

    def _begin(self, said: dict[str, str], start: list[Array]) -> None:
        inputs = len(start[0]) if self._encoder is None else self._encoder.inputs
        mlp = Mlp(said, self._task(), inputs, len(start[-1]), start)
        self._take(mlp, len(start) // 2 + 1)

    def _take(self, mlp: Mlp, layer_count: int) -> None:
        """A network that this estimator has not trained yet."""
        self._mlp = mlp
        self._rate = self.learning_rate_init
        self.n_outputs_ = mlp.outputs
        self.n_layers_ = layer_count
        self.t_ = 0
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self._no_improvement = 0
        self._precision = self.precision
        self.validation_scores_ = self.best_validation_score_ = None
        self.best_loss_ = np.inf

    def _go_on(self, said: dict[str, str]) -> None:
        # A file's settings have spaces after commas.
        had = {setting: text.replace(", ", ",") for setting, text in self._mlp.settings.items()}
        for setting, parameter in _BEGUN_WITH.items():
            began, now = had.get(setting, "none"), said.get(setting, "none")
            if began != now:
                raise ValueError(
                    f"{parameter}: a training that goes on has the layers it began with; "
                    f"expected {setting} {began}, got {now}"
                )
        alike = _kind_of_state(said) == _kind_of_state(had)
        # A setting that is no longer said would stay.
        if alike and had.keys() <= said.keys() and all(said.get(s) == had.get(s) for s in _BUILT_WITH):
            self._mlp.set(said)
            return
        fresh = Mlp(said, self._task(), self._mlp.inputs, self.n_outputs_)
        _, _, left = self._mlp.__reduce__()
        if not alike:
            # Another solver has another state: the weights, and the statistics of a normalisation, alone go on.
            left = {name: left[name].astype(self._dtype) for name in ("params", "buffers")}
        if "early_stopping" not in said:
            left.pop("best", None)
        fresh.__setstate__(left)
        self._mlp = fresh

    @abstractmethod
    def _outputs(self, y: Array) -> int:
        """Units of the output layer."""

    def _watched_figure(self) -> str:
        return self._score_name if self.early_stopping is True else str(self.early_stopping)

    def _watched_rows(self, eval_set: tuple[Any, ...] | None) -> tuple[Rows, Array, Array | None] | None:
        if eval_set is None:
            return None
        if not isinstance(eval_set, (tuple, list)) or len(eval_set) not in (2, 3):
            raise ValueError("eval_set: expected (X, y) or (X, y, sample_weight)")
        X, y = self._checked(eval_set[0], eval_set[1], False, True)
        weights = BaseMLP._weights(self, y, eval_set[2], X) if len(eval_set) == 3 else None
        return self._rows(X), self._encoded(y), weights

    def _held_out(
        self, X: Any, y: Array, weights: Array | None, random_state: Any
    ) -> tuple[Any, Array, Array | None, tuple[Any, Array, Array | None]]:
        # By classes where there are two of them, as scikit-learn does: the same seed sets the same rows apart.
        stratify = y if self._task() == "binary" else None
        rows = np.arange(X.shape[0]) if isinstance(X, Table) else X
        parts = [rows, y] if weights is None else [rows, y, weights]
        split = train_test_split(
            *parts, random_state=random_state, test_size=self.validation_fraction, stratify=stratify
        )
        (rows, rows_val), (y, y_val) = split[0:2], split[2:4]
        if rows_val.shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        weights, weights_val = split[4:6] if weights is not None else (None, None)
        if isinstance(X, Table):
            rows, rows_val = _tables.take(X, rows), _tables.take(X, rows_val)
        return rows, y, weights, (rows_val, y_val, weights_val)

    def _batch_rows(self, rows: int, incremental: bool) -> int:
        if self.solver == "lbfgs":
            return rows
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows and not incremental:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                stacklevel=7,
            )
        return int(np.clip(self.batch_size, 1, rows))

    def _train(
        self,
        X: Array,
        y: Array,
        weights: Array | None,
        watched: tuple[Rows, Array, Array | None] | None,
        incremental: bool,
    ) -> None:
        self.n_iter_ = 0
        self.converged_ = False
        self.__dict__.pop("_findings", None)  # a diagnosis is of the training before
        rows = X.shape[0]
        X_val, y_val, weights_val = watched if watched is not None else (None, None, None)
        goes_quietly = self._goes_quietly(watched is not None)
        costs: list[float] = []
        try:
            with under_way(self) as (network, rate):
                self._rate = self._rate if rate is None else rate
                outcome = network.fit(
                    self._rows(X),
                    self._encoded(y),
                    weights,
                    epochs=1 if incremental else self.max_iter,
                    x_val=X_val,
                    y_val=y_val,
                    weight_val=weights_val,
                    on_epoch=None if goes_quietly else lambda event: self._after_epoch(event, rows),
                    rate_factor=None if rate is None else rate / self._base_rate,
                    lends_network=asks_the_network(self.callbacks),
                    plateau=self._plateau() if goes_quietly else None,
                    costs=costs,
                    keeps_last=incremental and bool(self.early_stopping),
                )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
            return
        finally:
            if costs:
                self.n_iter_ += len(costs)
                self.t_ += rows * len(costs)
                self.loss_ = costs[-1]
                self.loss_curve_ += costs
                self.best_loss_ = min(costs) if self.best_loss_ is None else min(self.best_loss_, *costs)
        if goes_quietly:
            _, self._no_improvement, self.converged_ = outcome["plateau"]
        self.converged_ = self.converged_ or outcome["reason"] == "converged"
        if incremental and self.converged_ and self.early_stopping:
            self._set_best()
        if outcome["reason"] == "epochs" and not incremental:
            limit = "iterations" if self.solver == "lbfgs" else "Maximum iterations"
            warnings.warn(
                f"{limit} ({self.max_iter}) reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _goes_quietly(self, is_watched: bool) -> bool:
        """Whether nobody is to be called when an epoch ends: the core itself knows when it is enough."""
        has_own_rate = self.learning_rate != "constant" and self.solver not in ("adam", "lbfgs")
        return not (is_watched or self.callbacks or self.verbose or has_own_rate)

    def _plateau(self) -> tuple[float, float, float, int]:
        patience = np.inf if self.solver == "lbfgs" else float(self.n_iter_no_change)
        best = np.inf if self.best_loss_ is None else float(self.best_loss_)
        return float(self.tol), patience, best, self._no_improvement

    def _set_best(self) -> None:
        """The best pass's weights, where passes were measured."""
        _, _, left = self._mlp.__reduce__()
        if "best" in left:
            _, _, params, buffers = left["best"]
            self._mlp.__setstate__({**left, "params": params, "buffers": buffers})

    def _after_epoch(self, event: dict[str, Any], rows: int) -> bool | float:
        """What scikit-learn does at the end of an epoch; true ends the training, a float changes the rate."""
        self.n_iter_ += 1
        self.t_ += rows
        self.loss_ = float(event["cost"])
        self.loss_curve_.append(self.loss_)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        figures = event["validation"]
        if figures is not None:
            self.validation_loss_curve_.append(figures["cost"])
        improves = self._improves(figures)
        self._no_improvement = 0 if improves else self._no_improvement + 1
        ends, rate = tell_callbacks(self, event)
        if ends:
            return True
        if self.solver == "lbfgs":
            return False
        # Adam's rate stays, whatever is said: scikit-learn's does, and code written for it counts on that. What a
        # callback says counts.
        learning_rate = "constant" if self.solver == "adam" or rate is not None else self.learning_rate
        self._rate = self._rate if rate is None else rate
        if learning_rate == "invscaling":
            self._rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
        if self._no_improvement > self.n_iter_no_change:
            stops = learning_rate != "adaptive" or self._rate <= _LEAST_RATE
            if self.verbose:
                what = "Training loss" if figures is None or not self.early_stopping else "Validation score"
                then = "Stopping." if stops else f"Setting learning rate to {self._rate / 5.0:f}"
                print(
                    f"{what} did not improve more than tol={self.tol:f} for "
                    f"{self.n_iter_no_change} consecutive epochs. {then}"
                )
            if stops:
                self.converged_ = True
                return True
            self._rate /= 5.0
            self._no_improvement = 0
        is_new = rate is not None or learning_rate != "constant"
        return self._rate / self._base_rate if is_new else False

    def _improves(self, figures: dict[str, float] | None) -> bool:
        if self.early_stopping and figures is not None:
            name = self._watched_figure()
            if name not in figures:
                raise ValueError(
                    f"early_stopping={name!r}: rows of one class only have no such score; "
                    "watch another one, or rows of each class"
                )
            score = figures[name] if name not in LOWER_IS_BETTER else -figures[name]
            assert self.validation_scores_ is not None and self.best_validation_score_ is not None
            self.validation_scores_.append(score)
            if self.verbose:
                print(f"Validation score: {score:f}")
            improves = score >= self.best_validation_score_ + self.tol
            self.best_validation_score_ = max(self.best_validation_score_, score)
            return bool(improves)
        best = self.best_loss_ if self.best_loss_ is not None else np.inf
        improves = self.loss_ <= best - self.tol
        self.best_loss_ = min(best, self.loss_)
        return bool(improves)

    # ── what has been learnt ────────────────────────────────────────────────────────────────────────

    def _tensors(self, kind: str) -> list[Array]:
        check_is_fitted(self)
        return [array for name, array in self._mlp.tensors() if name.endswith(kind)]

    def _set_tensors(self, kind: str, arrays: Sequence[Any]) -> None:
        check_is_fitted(self)
        names = [name for name, _ in self._mlp.tensors() if name.endswith(kind)]
        if len(names) != len(arrays):
            raise ValueError(f"expected {len(names)} arrays, one for each layer, got {len(arrays)}")
        given = [np.ascontiguousarray(array, dtype=self._dtype) for array in arrays]
        self._mlp.set_tensors(list(zip(names, given, strict=True)))

    @property
    def coefs_(self) -> list[Array]:
        """Copies of the weights, from the first layer to the last; a list that is assigned is taken over."""
        return self._tensors(".w")

    @coefs_.setter
    def coefs_(self, arrays: Sequence[Any]) -> None:
        self._set_tensors(".w", arrays)

    @property
    def intercepts_(self) -> list[Array]:
        """Copies of the biases, from the first layer to the last; a list that is assigned is taken over."""
        return self._tensors(".b")

    @intercepts_.setter
    def intercepts_(self, arrays: Sequence[Any]) -> None:
        self._set_tensors(".b", arrays)

    def _asked_about(self, X: Any) -> Any:
        """Rows that are validated: a matrix of either kind, or a table where columns are encoded."""
        check_is_fitted(self)
        rows = _tables.rows_of(self, X, False)
        if rows is not None:
            return rows
        return validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)

    def _predicted(self, X: Any) -> Array:
        # A row at a time is what a service asks for: looking at it would take ten times as long as answering.
        plain = "feature_names_in_" not in self.__dict__ and self._encoder is None
        if "_mlp" in self.__dict__ and plain:
            outputs = self._mlp.predict_few(X)
            if outputs is not None:
                return outputs
        asked = self._asked_about(X)
        return self._mlp.predict(self._rows(asked))

    def input_gradient(self, X: Any, output: int = 0) -> Array:
        """Gradient of an output with respect to each input.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows.
        output : int, default=0
            Which output: of several classes, the class's number in ``classes_``; of two, 0 is the second's
            probability.

        Returns
        -------
        gradient : ndarray of shape (n_samples, n_features)
            ∂ŷ/∂x of each row, per unit of each column; of a sparse X also of those that it does not hold. Of a table: NaN
            in columns of categories and dates, 0 where a number is missing, and in columns that are not used.
        """
        asked = self._asked_about(X)
        if not 0 <= output < self.n_outputs_:
            raise ValueError(f"output: expected a number from 0 to {self.n_outputs_ - 1}, got {output}")
        rows = self._rows(asked)
        gradient = self._mlp.input_gradient(rows, output)
        if self._encoder is None:
            return gradient
        outputs = self._mlp.predict(rows)[:, output].astype(np.float64)
        by_column = self._encoder.gradient(asked, gradient.astype(np.float64), outputs.tolist(), output)
        of_columns = np.zeros((len(by_column), self.n_features_in_), dtype=gradient.dtype)
        names = _tables.column_names(self)
        of_columns[:, [names.index(column) for column in self._encoder.columns]] = by_column
        return of_columns

    @property
    def encoding_(self) -> dict[str, str]:
        """What becomes of each column that does not enter as it is, in words."""
        check_is_fitted(self)
        if self._encoder is None:
            return {}
        told = dict(zip(self._encoder.columns, self._encoder.encodings, strict=True))
        return {name: told.get(name, "not used") for name in _tables.column_names(self)}
