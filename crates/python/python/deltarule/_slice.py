"""Rows of any kind, by column, and rows like them along a few of their features: what a picture is drawn over."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._base import Array


class Table:
    """Rows whose columns can be drawn."""

    def __init__(self, estimator: Any, X: Any) -> None:
        if not hasattr(X, "iloc") and hasattr(X, "to_pandas"):
            X = X.to_pandas()
        if hasattr(X, "toarray"):
            X = X.toarray()
        self._frame = X if hasattr(X, "iloc") else None
        self._array = np.asarray(X) if self._frame is None else np.empty(0)
        shape: tuple[int, ...] = self._array.shape if self._frame is None else X.shape
        if len(shape) != 2 or shape[0] == 0:
            raise ValueError(f"X: expected rows and columns, got an array of shape {shape}")
        self.rows, self.columns = shape
        expected = getattr(estimator, "n_features_in_", self.columns)
        if self.columns != expected:
            raise ValueError(f"X: expected {expected} features, as in fit, got {self.columns}")
        names = getattr(X, "columns", getattr(estimator, "feature_names_in_", None))
        self.names = (
            [f"x{place}" for place in range(self.columns)] if names is None else [str(n) for n in names]
        )

    def places(self, features: int | str | Sequence[int | str] | None) -> list[int]:
        """The columns that are drawn."""
        if features is None:
            if self.columns > 2:
                raise ValueError(
                    f"features: there are {self.columns}; say which one or two are drawn, for example features=(0, 1)"
                )
            return list(range(self.columns))
        given = [features] if isinstance(features, (int, str, np.integer)) else list(features)
        if len(given) not in (1, 2):
            raise ValueError(f"features: expected one or two, got {len(given)}")
        places = [self._place(feature) for feature in given]
        if len(set(places)) < len(places):
            raise ValueError(f"features: expected two different ones, got {given}")
        return places

    def _place(self, feature: int | str) -> int:
        if isinstance(feature, str):
            if feature not in self.names:
                raise ValueError(f"features: no {feature!r} among {', '.join(self.names)}")
            return self.names.index(feature)
        if not 0 <= feature < self.columns:
            raise ValueError(f"features: expected a number from 0 to {self.columns - 1}, got {feature}")
        return int(feature)

    def _column(self, place: int) -> Any:
        return self._array[:, place] if self._frame is None else self._frame.iloc[:, place]

    def numbers(self, place: int) -> Array:
        """A column that is drawn."""
        try:
            return np.asarray(self._column(place), dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"features: {self.names[place]!r} is not of numbers, and has no axis") from error

    def with_values(self, places: Sequence[int], values: Sequence[Array]) -> Any:
        """Rows with these values in these columns, and in all others what is usual there."""
        count = len(values[0])
        if self._frame is None:
            # In double precision: medians of whole numbers, and places between them, may be none.
            grid = np.tile(np.nanmedian(self._array.astype(float), axis=0), (count, 1))
            for place, numbers in zip(places, values, strict=True):
                grid[:, place] = numbers
            return grid
        frame = self._frame.iloc[np.zeros(count, dtype=int)].reset_index(drop=True)
        columns = list(frame.columns)
        for place, name in enumerate(columns):
            if place not in places:
                frame[name] = self._usual(place, frame[name])
        for place, numbers in zip(places, values, strict=True):
            frame[columns[place]] = numbers
        return frame

    def _usual(self, place: int, like: Any) -> Any:
        column = self._column(place)
        if column.dtype.kind in "fiu":
            return column.median()
        # Of words and categories the most frequent one, as such a column.
        most = column.mode(dropna=True)
        return most.iloc[np.zeros(len(like), dtype=int)].array if len(most) else like
