"""Tables of pandas, polars, pyarrow and whoever else speaks Arrow: what is taken as numbers, and what an encoder takes."""

import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array
from sklearn.utils.validation import _check_feature_names, _check_n_features, _get_feature_names

from ._core import Encoder, Table

Array = npt.NDArray[Any]

# What these types hold is a number.
_NUMBERS = {"number", "boolean"}


class Encoded(NamedTuple):
    """Rows as the core takes them: numbers, and codes of categories."""

    dense: Array
    codes: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers in each."""
        return self.dense.shape[0], self.dense.shape[1]


def settings(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The core's settings of how columns become numbers."""
    said = {
        "scaling": parameters["scaling"],
        "numeric_encoding": parameters["numeric_encoding"],
        "one_hot_limit": str(parameters["one_hot_limit"]),
    }
    if parameters["numeric_encoding"] == "piecewise":
        said["bins"] = str(parameters["bins"])
    return said


def _asks_for_encoding(estimator: Any) -> bool:
    return bool(
        estimator.scaling != "none"
        or estimator.numeric_encoding != "plain"
        or estimator.allow_missing
        or (estimator.categorical is not None and len(estimator.categorical))
    )


def _is_of_pandas(X: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(X, pandas.DataFrame)


def _is_table(X: Any) -> bool:
    # A series speaks Arrow, too, and is no table; scikit-learn says so in its own words.
    speaks_arrow = hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__")
    return _is_of_pandas(X) or (speaks_arrow and len(getattr(X, "shape", (0, 0))) == 2)


def _read(X: Any) -> Table:
    if not _is_of_pandas(X):
        return Table.of(X)
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            "columns of pandas that are not all numbers are read through pyarrow: pip install pyarrow"
        ) from error
    try:
        # Not through pandas' own stream, which gives the index as a column.
        return Table.of(pyarrow.Table.from_pandas(X, preserve_index=False))
    except (pyarrow.ArrowException, TypeError) as error:
        raise ValueError(
            f"X: {error}; give each column values of one kind: numbers, text, truth values, dates"
        ) from error


def _reads_as_numbers(X: Any) -> bool:
    """Whether scikit-learn's own checks take it: a data frame of pandas whose columns are numbers."""
    pandas = sys.modules["pandas"]
    return all(pandas.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes)


def rows_of(estimator: Any, X: Any, reset: bool) -> Table | Array | None:
    """What is learnt from or asked about: a table where columns are to be encoded; a matrix of the numbers that a table
    of Arrow holds; None where X is left to scikit-learn's checks."""
    encodes = _asks_for_encoding(estimator) if reset else estimator._encoder is not None
    if not _is_table(X):
        return _of_array(estimator, X, reset) if encodes else None
    if not encodes and _is_of_pandas(X) and _reads_as_numbers(X):
        return None
    table = _read(X)
    if not encodes:
        if all(kind in _NUMBERS for kind in table.types):
            return None if _is_of_pandas(X) else _matrix(estimator, X, table, reset)
        if not reset:
            wrong = [
                name for name, kind in zip(table.names, table.types, strict=True) if kind not in _NUMBERS
            ]
            raise ValueError(
                f"X: expected numbers, as in fit, got other values in {', '.join(wrong[:5])}; give the columns the "
                "types that they had in fit"
            )
    return _of_table(estimator, X, table, reset)


def _matrix(estimator: Any, X: Any, table: Table, reset: bool) -> Array:
    """The numbers of Arrow's columns, written into rows once."""
    _check_names(estimator, _names_of(X, table), reset)
    rows = table.numbers(estimator._dtype == np.float64)
    numbers: Array = check_array(rows, dtype=(np.float64, np.float32), estimator=estimator, input_name="X")
    _check_n_features(estimator, numbers, reset=reset)
    return numbers


def _of_table(estimator: Any, X: Any, table: Table, reset: bool) -> Table:
    names = _names_of(X, table)
    _check_names(estimator, names, reset)
    _check_n_features(estimator, table, reset=reset)
    if table.shape[0] == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={table.shape}) while a minimum of 1 is required by "
            f"{type(estimator).__name__}."
        )
    if table.shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={table.shape}) while a minimum of 1 is required by "
            f"{type(estimator).__name__}."
        )
    taken = table.taken(list(column_names(estimator)))
    return _complete(estimator, taken, reset)


def _of_array(estimator: Any, X: Any, reset: bool) -> Table:
    _check_feature_names(estimator, X, reset=reset)
    X = check_array(
        X,
        dtype=(np.float64, np.float32),
        ensure_all_finite="allow-nan",
        estimator=estimator,
        input_name="X",
    )
    _check_n_features(estimator, X, reset=reset)
    return _complete(estimator, Table.of_matrix(X, list(column_names(estimator))), reset)


def _complete(estimator: Any, table: Table, reset: bool) -> Table:
    if not estimator.allow_missing and (incomplete := table.incomplete()):
        raise ValueError(
            f"Input X contains missing values in {', '.join(incomplete[:5])}. {type(estimator).__name__} takes them "
            "with allow_missing=True: a missing number is then taken for the median of the training rows, and a "
            "number beside it says that it was missing. Missing categories are always taken, as a category of "
            "their own."
        )
    return table


def column_names(estimator: Any) -> list[str]:
    """What the estimator's columns are called: in messages, in model files, by its encoder."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return [f"x{column}" for column in range(estimator.n_features_in_)]
    return [str(name) for name in names]


def _names_of(X: Any, table: Table) -> Array | None:
    """The columns' names, or None where they are no strings, as scikit-learn has it."""
    if _is_of_pandas(X):
        names: Array | None = _get_feature_names(X)
        return names
    return np.array(table.names, dtype=object) if table.names else None


def _check_names(estimator: Any, names: Array | None, reset: bool) -> None:
    """As scikit-learn's `_check_feature_names`, for tables that it does not know as well."""
    if reset:
        if names is not None:
            estimator.feature_names_in_ = names
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return
    fitted = getattr(estimator, "feature_names_in_", None)
    estimators = type(estimator).__name__
    if names is None or fitted is None:
        if names is not None:
            warnings.warn(
                f"X has feature names, but {estimators} was fitted without feature names", stacklevel=2
            )
        elif fitted is not None:
            warnings.warn(
                f"X does not have valid feature names, but {estimators} was fitted with feature names",
                stacklevel=2,
            )
        return
    if list(names) == list(fitted):
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
    if unseen:
        message += "Feature names unseen at fit time:\n" + _listed(unseen)
    if missing:
        message += "Feature names seen at fit time, yet now missing:\n" + _listed(missing)
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)


def _listed(names: Sequence[str]) -> str:
    shown = [f"- {name}\n" for name in names[:5]]
    return "".join(shown) + ("- ...\n" if len(names) > 5 else "")


def fit_encoder(estimator: Any, table: Table) -> Encoder:
    """Fit on training rows, and warn of columns that are not used."""
    encoder = Encoder.fit(table, settings(estimator.get_params(deep=False)), _categorical(estimator))
    unused = set(table.names) - set(encoder.columns)
    if unused:
        told = [note for note in encoder.notes if note.startswith("dropped")]
        warnings.warn(f"columns that are not used: {'; '.join(told)}", UserWarning, stacklevel=6)
    return encoder


def _categorical(estimator: Any) -> list[str]:
    """The names of the columns whose numbers are names."""
    names = column_names(estimator)
    found = []
    for given in estimator.categorical or ():
        if isinstance(given, str):
            place = names.index(given) if given in names else -1
        else:
            place = int(given) if 0 <= int(given) < len(names) else -1
        if place < 0:
            raise ValueError(
                f"categorical: expected names or places of X's columns, got {given!r}; X has {', '.join(names[:20])}"
            )
        found.append(names[place])
    return found


def take(table: Table, rows: Array) -> Table:
    """These rows, without a copy."""
    return table.take(np.ascontiguousarray(rows, dtype=np.uint32))
