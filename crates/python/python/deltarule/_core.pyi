"""The Rust core: arrays in, arrays out. Its classes are made for the estimators; they may change."""

from collections.abc import Callable
from os import PathLike
from typing import Any, Self, TypeAlias, final

import numpy as np
import numpy.typing as npt

__all__ = ["DeltaruleError", "Mlp", "__version__"]

__version__: str

# A matrix, or a sparse one's starts of rows, columns and numbers.
_Rows: TypeAlias = npt.NDArray[np.floating[Any]] | tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]

class DeltaruleError(Exception): ...

@final
class Mlp:
    def __new__(
        cls,
        settings: dict[str, str],
        task: str,
        inputs: int,
        outputs: int,
        start: list[npt.NDArray[np.float64]] | None = None,
    ) -> Self: ...
    @property
    def settings(self) -> dict[str, str]: ...
    @property
    def task(self) -> str: ...
    @property
    def outputs(self) -> int: ...
    def set(self, settings: dict[str, str]) -> None: ...
    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, str], str, int, int], dict[str, Any]]: ...
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
    def save(self, path: str | PathLike[str], names: dict[str, Any]) -> None: ...
    @staticmethod
    def load(path: str | PathLike[str]) -> tuple[Mlp, dict[str, Any]]: ...
    def explain(
        self,
        names: dict[str, Any],
        x: npt.NDArray[np.float64],
        y: npt.NDArray[np.float64],
        *,
        parameter: tuple[str, list[int]] | None = None,
        layer: int | None = None,
        output: str | None = None,
        top: int = 3,
        depth: int = 2,
        format: str = "json",
    ) -> str: ...
    def check_gradients(
        self, names: dict[str, Any], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], most: int
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
    ) -> str: ...
