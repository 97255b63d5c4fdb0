"""What may be asked of a fitted estimator: a gradient taken apart, the gradient check, what is wrong with its training."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from ._base import Array
from ._repr import ShownMLP


class Explanation:
    """A gradient taken apart, and what a prediction hangs on.

    Attributes
    ----------
    data : dict
        All of it: ``outputs``, ``cost``, ``flow`` from layer to layer, the ``largest`` gradients, the ``ledger`` of one
        of them, and what an output hangs on by ``columns``.
    """

    def __init__(self, ask: Any) -> None:
        self._ask = ask
        self.data: dict[str, Any] = json.loads(ask("json"))

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write it as a page that needs nothing else."""
        Path(path).write_text(self._ask("html"), encoding="utf-8")

    def to_tex(self, path: str | PathLike[str]) -> None:
        """Write it as a LaTeX document."""
        Path(path).write_text(self._ask("tex"), encoding="utf-8")

    def __repr__(self) -> str:
        ledger = self.data["ledger"]
        return f"Explanation(cost={self.data['cost']:.4g}, {ledger['symbol']} = {ledger['value']:.4g})"


class AnsweringMLP(ShownMLP):
    """An estimator that answers."""

    classes_: Array

    def _names(self) -> dict[str, Any]:
        """What a model file calls the columns, the targets and the classes."""
        check_is_fitted(self)
        columns = getattr(self, "feature_names_in_", None)
        if columns is None:
            columns = [f"x{column}" for column in range(self.n_features_in_)]
        single = self.n_outputs_ == 1 or self._task() == "multiclass"
        targets = ["target"] if single else [f"target{output}" for output in range(self.n_outputs_)]
        names = {
            "columns": [str(name) for name in columns],
            "targets": targets,
            "classes": [],
            "are_numbers": False,
        }
        if self._task() not in ("binary", "multiclass"):
            return names
        classes = np.asarray(self.classes_)
        if len(classes) < 2:
            raise ValueError("a model tells at least two classes apart; this one knows one")
        are_numbers = classes.dtype.kind in "iuf"
        whole = [int(c) if are_numbers and float(c).is_integer() else c for c in classes]
        return {**names, "classes": [str(c) for c in whole], "are_numbers": are_numbers}

    def _asked(self, X: Any, y: Any) -> tuple[Array, Array]:
        """Rows and targets in double precision; of classes their numbers."""
        X, y = self._checked(X, y, False, True)
        if self._task() in ("binary", "multiclass"):
            y = np.searchsorted(self.classes_, y)
        if issparse(X):
            X = X.toarray()  # the few rows of a question, whose every column has a name
        return np.ascontiguousarray(X, dtype=np.float64), np.ascontiguousarray(
            np.reshape(y, (len(y), -1)), dtype=np.float64
        )

    def explain(
        self,
        X: Any,
        y: Any,
        *,
        weight: tuple[int, int, int] | None = None,
        layer: int | None = None,
        output: str | None = None,
        top: int = 3,
        depth: int = 2,
    ) -> Explanation:
        """Take a gradient apart into the chain rule's factors, and tell what a prediction hangs on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows, as one batch.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        weight : tuple (layer, from, to), default=None
            The weight whose gradient is taken apart; by default the one with the largest.
        layer : int, default=None
            The layer whose largest gradients are listed; by default those of all.
        output : str, default=None
            The class or target whose columns are told; by default the most probable one of the first row.
        top : int, default=3
            Terms of a sum that are taken apart themselves.
        depth : int, default=2
            Layers towards the cost.

        Returns
        -------
        explanation : Explanation
        """
        names = self._names()
        rows, targets = self._asked(X, y)
        parameter = None if weight is None else (f"layers.{weight[0]}.w", [weight[1], weight[2]])

        def ask(how: str) -> str:
            return self._mlp.explain(
                names,
                rows,
                targets,
                parameter=parameter,
                layer=layer,
                output=output,
                top=top,
                depth=depth,
                format=how,
            )

        return Explanation(ask)

    def check_gradients(self, X: Any, y: Any, *, most: int = 100) -> dict[str, Any]:
        """Compare backpropagation with finite differences, and single precision with double.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows that the cost is taken of.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        most : int, default=100
            Parameters of each tensor that are compared.

        Returns
        -------
        receipt : dict
            ``verdict`` ('passed', 'failed' or 'undecided'), ``tensors`` with their largest relative errors in both
            precisions, and the ``worst`` parameters by name.
        """
        rows, targets = self._asked(X, y)
        receipt: dict[str, Any] = json.loads(self._mlp.check_gradients(self._names(), rows, targets, most))
        return receipt

    def diagnose(
        self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: tuple[Any, ...] | None = None
    ) -> list[dict[str, Any]]:
        """Say what is wrong with the training that led here.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows that were trained on.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.
        eval_set : tuple (X, y), default=None
            Rows that were not trained on: without them overfitting is not seen.

        Returns
        -------
        findings : list of dict
            The worst first: ``id``, ``severity``, ``layer``, ``step``, ``evidence``, ``cause`` and ``remedies``. Empty
            where nothing was found.
        """
        names = self._names()
        X, y = self._checked(X, y, False, True)
        weights = self._weights(y, sample_weight, X)
        X_val, y_val, _ = self._watched_rows(eval_set) or (None, None, None)
        told = self._mlp.diagnose(names, self._rows(X), self._encoded(y), weights, x_val=X_val, y_val=y_val)
        # A notebook shows them with the estimator, until it is trained again. The caller's are the caller's.
        self._findings = json.loads(told)
        findings: list[dict[str, Any]] = json.loads(told)
        return findings
