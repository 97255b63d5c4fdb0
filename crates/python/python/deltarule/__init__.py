"""Train multilayer perceptrons by backpropagation on a CPU, and see why they learn or don't."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core import DeltaruleError, __version__
    from ._files import load, save
    from ._mlp import MLPClassifier, MLPRegressor
    from ._sklearn import from_sklearn, to_sklearn
    from ._torch import from_torch, to_torch
    from .plot import plot_decision_boundary, plot_gradient_flow, plot_history

__all__ = [
    "DeltaruleError",
    "MLPClassifier",
    "MLPRegressor",
    "__version__",
    "from_sklearn",
    "from_torch",
    "load",
    "plot_decision_boundary",
    "plot_gradient_flow",
    "plot_history",
    "save",
    "to_sklearn",
    "to_torch",
]

# Where each name lives: scikit-learn is imported by whoever asks for an estimator, not by `import deltarule`.
_HOMES = {
    "DeltaruleError": "._core",
    "MLPClassifier": "._mlp",
    "MLPRegressor": "._mlp",
    "__version__": "._core",
    "from_sklearn": "._sklearn",
    "from_torch": "._torch",
    "load": "._files",
    "plot_decision_boundary": ".plot",
    "plot_gradient_flow": ".plot",
    "plot_history": ".plot",
    "save": "._files",
    "to_sklearn": "._sklearn",
    "to_torch": "._torch",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
