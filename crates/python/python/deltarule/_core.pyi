"""The Rust core: arrays in, arrays out. Its classes are made for the estimators; they may change."""

from collections.abc import Callable
from os import PathLike
from typing import Any, Self, TypeAlias, final

import numpy as np
import numpy.typing as npt

__all__ = ["DeltaruleError", "Encoder", "Mlp", "Table", "__version__"]

__version__: str

# Numbers in a row; or numbers, learnt tables (rows, numbers in a row) and one-hot groups (categories).
_Inputs: TypeAlias = int | tuple[int, list[tuple[int, int]], list[int]]
# A matrix; one and its rows' codes of categories; or a sparse one's starts of rows, columns and numbers.
_Rows: TypeAlias = (
    npt.NDArray[np.floating[Any]]
    | tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.uint32]]
    | tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]
)

class DeltaruleError(Exception): ...

@final
class Mlp:
    def __new__(
        cls,
        settings: dict[str, str],
        task: str,
        inputs: _Inputs,
        outputs: int,
        start: list[npt.NDArray[np.float64]] | None = None,
    ) -> Self: ...
    @property
    def settings(self) -> dict[str, str]: ...
    @property
    def task(self) -> str: ...
    @property
    def inputs(self) -> _Inputs: ...
    @property
    def outputs(self) -> int: ...
    def set(self, settings: dict[str, str]) -> None: ...
    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, str], str, _Inputs, int], dict[str, Any]]: ...
    def __setstate__(self, left: dict[str, Any]) -> None: ...
    def tensors(self) -> list[tuple[str, npt.NDArray[np.floating[Any]]]]: ...
    def set_tensors(self, tensors: list[tuple[str, npt.NDArray[np.floating[Any]]]]) -> None: ...
    def fit(
        self,
        x: _Rows,
        y: npt.NDArray[Any],
        weight: npt.NDArray[np.floating[Any]] | None = None,
        *,
        epochs: int,
        x_val: _Rows | None = None,
        y_val: npt.NDArray[Any] | None = None,
        weight_val: npt.NDArray[np.floating[Any]] | None = None,
        on_epoch: Callable[[dict[str, Any]], bool | float | None] | None = None,
        rate_factor: float | None = None,
        lends_network: bool = False,
        keeps_last: bool = False,
        plateau: tuple[float, float, float, int] | None = None,
        costs: list[float] | None = None,
    ) -> dict[str, Any]: ...
    def predict(self, x: _Rows) -> npt.NDArray[np.floating[Any]]: ...
    def predict_few(self, x: object) -> npt.NDArray[np.floating[Any]] | None: ...
    def input_gradient(self, x: _Rows, output: int) -> npt.NDArray[np.floating[Any]]: ...
    def save(
        self, path: str | PathLike[str], names: dict[str, Any], encoder: Encoder | None = None
    ) -> None: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> tuple[Mlp, dict[str, Any], Encoder | None]: ...
    def explain(
        self,
        names: dict[str, Any],
        x: npt.NDArray[np.float64] | Table,
        y: npt.NDArray[np.float64],
        encoder: Encoder | None = None,
        *,
        parameter: tuple[str, list[int]] | None = None,
        layer: int | None = None,
        output: str | None = None,
        top: int = 3,
        depth: int = 2,
        format: str = "json",
    ) -> str: ...
    def check_gradients(
        self,
        names: dict[str, Any],
        x: npt.NDArray[np.float64] | Table,
        y: npt.NDArray[np.float64],
        most: int,
        encoder: Encoder | None = None,
    ) -> str: ...
    def diagnose(
        self,
        names: dict[str, Any],
        x: _Rows,
        y: npt.NDArray[Any],
        weight: npt.NDArray[np.floating[Any]] | None = None,
        *,
        x_val: _Rows | None = None,
        y_val: npt.NDArray[Any] | None = None,
        encoder: Encoder | None = None,
    ) -> str: ...

@final
class Table:
    @staticmethod
    def of(table: object) -> Table: ...
    @staticmethod
    def of_matrix(x: npt.NDArray[np.floating[Any]], names: list[str]) -> Table: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def types(self) -> list[str]: ...
    def taken(self, names: list[str]) -> Table: ...
    def incomplete(self) -> list[str]: ...
    def take(self, rows: npt.NDArray[np.uint32]) -> Table: ...
    def numbers(self, double: bool) -> npt.NDArray[np.floating[Any]]: ...

@final
class Encoder:
    def __new__(cls, settings: dict[str, str], categorical: list[str], json: str) -> Self: ...
    @staticmethod
    def fit(table: Table, settings: dict[str, str], categorical: list[str]) -> Encoder: ...
    @property
    def settings(self) -> dict[str, str]: ...
    @property
    def categorical(self) -> list[str]: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def encodings(self) -> list[str]: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def inputs(self) -> _Inputs: ...
    @property
    def fan_in(self) -> int: ...
    def encode(
        self, table: Table, double: bool
    ) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.uint32]]: ...
    def encode_targets(self, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]: ...
    def decode_targets(self, z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]: ...
    def gradient(
        self, table: Table, gradient: npt.NDArray[np.float64], z: list[float], output: int
    ) -> npt.NDArray[np.float64]: ...
    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, str], list[str], str]]: ...
