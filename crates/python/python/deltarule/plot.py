"""Pictures of a fitted estimator, drawn by matplotlib: how training went, what becomes of a gradient on its way back, and what
is predicted where.

Each draws into the Axes that it is given, or into a new figure, returns the Axes, and shows nothing by itself. Colours are Okabe
and Ito's, which colour-blind readers tell apart as well, and Paul Tol's where there are more classes than those have; what a colour
says is said by a marker or a place, too.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._base import Array, BaseMLP
from ._repr import watched_score
from ._slice import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_decision_boundary", "plot_gradient_flow", "plot_history"]

_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "0.5"
_OKABE_ITO = [_BLUE, _ORANGE, _GREEN, "#CC79A7", "#56B4E9", "#E69F00"]
_TOL_MUTED = [
    *("#332288", "#DDCC77", "#117733", "#CC6677", "#88CCEE"),
    *("#882255", "#44AA99", "#999933", "#AA4499", "#777777"),
]
_MARKERS = "os^Dv*PX<>ph"
# Bars that have their factor written above them, at most: more would run into each other.
_MOST_FACTORS = 16
# Turns in which the rows of all classes are drawn.
_TURNS = 8
# What a gradient goes through. A dropout is none here: nothing is left out of a pass that is no training step.
_FACTORS = {
    "weights": ("factor of the weights, ·wᵀ", _BLUE),
    "normalisation": ("factor of the normalisation", _GREEN),
    "slope": ("factor of the slope, ⊙ f′", _ORANGE),
}


# ── training ────────────────────────────────────────────────────────────────────────────────────────


def plot_history(
    estimator: Any, ax: "Axes | None" = None, *, show: str = "loss", log: bool = False
) -> "Axes":
    """Draw how training went: the loss of each epoch, or the score of early stopping.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        A fitted one; of a pipeline, its last step.
    ax : matplotlib Axes, default=None
        Where to; a new figure by default.
    show : {'loss', 'score'}, default='loss'
        `loss_curve_`, beside `validation_loss_curve_` where rows were measured on; or `validation_scores_`, of figures
        of which less is better not negated.
    log : bool, default=False
        Whether the loss is drawn on a logarithmic scale.

    Returns
    -------
    ax : matplotlib Axes

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deltarule import MLPClassifier, plot_history
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(16, max_iter=20, random_state=0).fit(X, y, eval_set=(X, y))
    >>> ax = plot_history(model)
    >>> print(*(line.get_label() for line in ax.get_lines()), sep=", ")
    training, validation, lowest 1.05, epoch 20
    """
    mlp = _mlp_of(estimator, "plot_history")
    if show not in ("loss", "score"):
        raise ValueError(f"show: expected 'loss' or 'score', got {show!r}")
    losses: list[float] = mlp.loss_curve_
    if not losses:
        raise ValueError("plot_history: a model from a file has no history; fit one")
    score = watched_score(mlp)
    if show == "score" and score is None:
        raise ValueError("show='score': nothing was scored in training; fit with early_stopping")
    ax = _axes(ax, "plot_history", (6.4, 3.8))
    from matplotlib.ticker import MaxNLocator

    step = "iteration" if mlp.solver == "lbfgs" else "epoch"
    watched: list[float] = mlp.validation_loss_curve_
    # Where they are fewer, which epochs they are of is not known.
    has_watched = len(watched) == len(losses)
    if show == "score":
        assert score is not None
        curve, color = score[1], _ORANGE
        _curve(ax, curve, "validation", color)
    else:
        _curve(ax, losses, "training", _BLUE)
        curve, color = watched, _ORANGE
        if has_watched:
            _curve(ax, watched, "validation", color)
    if score is not None and (show == "score" or has_watched):
        name, scores = score
        best = int(np.argmax(mlp.validation_scores_ or ()))
        told = f"best {_words(name)} {scores[best]:.3g}, {step} {best + 1}"
        _ring(ax, best, curve[best], told, color)
    elif has_watched:
        best = int(np.argmin(watched))
        _ring(ax, best, watched[best], f"lowest {watched[best]:.3g}, {step} {best + 1}", color)
    what = score[0] if show == "score" and score is not None else f"loss ({mlp._mlp.settings['cost']})"
    ax.set(xlabel=step, ylabel=_words(what))
    if log:
        _logarithmic(ax)
    if len(losses) == 1:
        ax.set(xlim=(0, 2), xticks=[1])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _calm(ax)
    if len(ax.get_lines()) > 1:
        ax.legend(frameon=False)
    return ax


def _curve(ax: "Axes", curve: Sequence[float], label: str, color: str) -> None:
    # A line of one point is none.
    marker = "o" if len(curve) == 1 else ""
    ax.plot(np.arange(1, len(curve) + 1), curve, label=label, color=color, marker=marker, ms=5)


def _ring(ax: "Axes", epoch: int, height: float, label: str, color: str) -> None:
    ax.plot(epoch + 1, height, "o", ms=10, mfc="none", mec=color, mew=1.5, ls="", label=label)


def _words(name: str) -> str:
    return name.replace("_", " ")


# ── gradient ────────────────────────────────────────────────────────────────────────────────────────


def plot_gradient_flow(estimator: Any, X: Any, y: Any, ax: "Axes | None" = None) -> "Axes":
    """Draw what becomes of the gradient on its way back through the layers.

    ‖δ‖, the norm of ∂C/∂z over all rows and units, is a point at each layer, on a logarithmic scale. Between two layers it
    is multiplied by two factors, δ_l = (δ_(l+1)·wᵀ) ⊙ f′, and each is a bar from what came in to what went out: one of
    the weights (or of a normalisation), one of the activation's slope f′.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        A fitted one, with a hidden layer; of a pipeline, its last step, of what the steps before make of `X`.
    X : array-like of shape (n_samples, n_features)
        The rows, as one batch; some hundreds will do.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    ax : matplotlib Axes, default=None
        Where to; a new figure by default.

    Returns
    -------
    ax : matplotlib Axes

    See Also
    --------
    MLPClassifier.explain : The same numbers, in ``data["flow"]``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deltarule import MLPClassifier, plot_gradient_flow
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((8,) * 5, "logistic", max_iter=10, random_state=0).fit(X, y)
    >>> ax = plot_gradient_flow(model, X, y)
    >>> norms = ax.get_lines()[0].get_ydata()  # from the first layer to the last
    >>> bool(norms[0] < norms[-1] / 1000)
    True
    """
    mlp = _mlp_of(estimator, "plot_gradient_flow")
    if isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
        X = estimator[:-1].transform(X)
    # From the first layer to the last.
    stages = mlp.explain(X, y, top=1, depth=0).data["flow"][::-1]
    if not stages:
        raise ValueError(
            "plot_gradient_flow: the network has no hidden layer that a gradient could flow through"
        )
    layers = np.arange(len(stages) + 1)
    norms = np.array([*(stage["left"] for stage in stages), stages[-1]["sent"]])
    ax = _axes(ax, "plot_gradient_flow", (float(np.clip(2.8 + 0.8 * len(stages), 5.0, 12.0)), 4.0))
    # A logarithmic scale has no place for 0: what is lost altogether lies at the bottom.
    seen = [stage[key] for stage in stages for key in ("sent", "arrived", "left") if stage[key] > 0] or [1.0]
    bottom = min(seen) / 30 if (norms <= 0).any() else min(seen)
    ax.plot(layers, np.maximum(norms, bottom), "o", color=_ink(ax), ms=5.5, zorder=4, label="‖δ‖ of a layer")
    _stages(ax, stages, bottom)
    if (norms <= 0).any():
        gone = layers[norms <= 0]
        told = "0: nothing arrives"
        ax.plot(gone, [bottom] * len(gone), "X", color="#CC79A7", mec=_ink(ax), ms=9, zorder=5, label=told)
    # Two decades at least: a gradient that arrives well looks it.
    decades = np.log10(max(seen) / bottom)
    margin = max(0.14 * decades, (2 - decades) / 1.6)
    ax.set(ylim=(bottom / 10 ** (0.6 * margin), max(seen) * 10**margin), xlim=(-0.4, len(stages) + 0.4))
    ax.set(xlabel="layer (the backward pass goes from right to left)", ylabel="‖δ‖, over all rows and units")
    _logarithmic(ax)
    _name_layers(ax, [*(_layer_name(stage) for stage in stages), mlp._mlp.settings["output_activation"]])
    _calm(ax)
    ax.legend(frameon=False, loc="best")
    return ax


def _stages(ax: "Axes", stages: Sequence[dict[str, Any]], bottom: float) -> None:
    """Two bars for each step back: where the layers in between, and where f′, take ‖δ‖ to."""
    named: set[str] = set()
    for layer, stage in enumerate(stages):
        sent, arrived, left = (max(stage[key], bottom) for key in ("sent", "arrived", "left"))
        places = np.array([layer + 1, layer + 0.64, layer + 0.36, layer])
        ax.hlines([sent, arrived, left], places[:-1], places[1:], _GREY, lw=0.8)
        slope = "slope" if stage.get("activation", "identity") != "identity" else ""
        for x, start, end, what, factor in (
            (places[1], sent, arrived, stage["through"], stage["through_factor"]),
            (places[2], arrived, left, slope, stage["activation_factor"]),
        ):
            if what not in _FACTORS or stage["sent"] == 0:
                continue
            label, color = _FACTORS[what]
            shown = "_" if what in named else label
            named.add(what)
            ax.bar(x, end - start, 0.24, bottom=start, color=color, label=shown, zorder=3)
            if 2 * len(stages) <= _MOST_FACTORS:
                top, told = max(start, end), f"{factor:.2g}"
                ax.annotate(told, (x, top), (0, 3), textcoords="offset points", ha="center", size=7)


def _layer_name(stage: dict[str, Any]) -> str:
    kind, activation = stage["kind"].replace("_", "\n"), stage.get("activation", "identity")
    if activation == "identity":
        return str(kind)
    return str(activation if kind == "dense" else f"{kind}\n{activation}")


def _name_layers(ax: "Axes", names: Sequence[str]) -> None:
    every = -(-len(names) // 13)
    shown = sorted({*range(0, len(names) - every // 2, every), len(names) - 1})
    ax.set_xticks(
        shown, [f"{layer}\n{_words(names[layer])}" if every == 1 else str(layer) for layer in shown]
    )


# ── predictions ─────────────────────────────────────────────────────────────────────────────────────


def plot_decision_boundary(
    estimator: Any,
    X: Any,
    y: Any,
    ax: "Axes | None" = None,
    *,
    features: int | str | Sequence[int | str] | None = None,
    output: int = 0,
    resolution: int = 200,
) -> "Axes":
    """Draw what is predicted where, over one feature or two, and the rows.

    Over two features, classes are areas, the paler the less probable, with lines where two are equally probable; a number is
    a colour. Over one feature, probabilities and numbers are curves. Other features stay at their medians, categories at
    the most frequent one, so that the rows lie beside that plane, not in it.

    Parameters
    ----------
    estimator : classifier or regressor
        A fitted one, with `predict_proba` if it is a classifier; pipelines and scikit-learn's own will do as well.
    X : array-like of shape (n_samples, n_features)
        The rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    ax : matplotlib Axes, default=None
        Where to; a new figure by default.
    features : int, str, or one or two of them, default=None
        Which features are drawn, by number or name. By default all, where there are one or two.
    output : int, default=0
        Which target, or which label, where there are several.
    resolution : int, default=200
        Places along each axis that are predicted.

    Returns
    -------
    ax : matplotlib Axes

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from deltarule import MLPClassifier, plot_decision_boundary
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> model = MLPClassifier(16, "tanh", solver="lbfgs", max_iter=50, random_state=0).fit(X, y)
    >>> ax = plot_decision_boundary(model, X, y)
    >>> print(*(text.get_text() for text in ax.get_legend().get_texts()))
    0 1
    """
    check_is_fitted(estimator)
    if resolution < 2:
        raise ValueError(f"resolution: expected at least 2, got {resolution}")
    table = Table(estimator, X)
    places = table.places(features)
    targets = np.asarray(y)
    if targets.ndim == 2:
        if not 0 <= output < targets.shape[1]:
            raise ValueError(f"output: expected a number from 0 to {targets.shape[1] - 1}, got {output}")
        targets = targets[:, output]
    if len(targets) != table.rows:
        raise ValueError(f"y: expected {table.rows} rows, as X has, got {len(targets)}")
    ax = _axes(ax, "plot_decision_boundary", (6.0, 4.4) if len(places) == 2 else (6.4, 3.8))
    points = [table.numbers(place) for place in places]
    lines = [_along(values, resolution) for values in points]
    mesh = [axis.ravel() for axis in np.meshgrid(*lines)]
    grid = table.with_values(places, mesh)
    if is_classifier(estimator):
        classes = np.asarray(estimator.classes_) if np.ndim(y) == 1 else np.array([0, 1])
        probabilities = _probabilities(estimator, grid, output, np.ndim(y) == 2)
        draw = _areas if len(places) == 2 else _probability_curves
        draw(ax, lines, probabilities, classes, points, targets)
        if np.ndim(y) == 2:
            ax.get_legend().set_title(f"label {output}")  # type: ignore[union-attr]
    else:
        predicted = np.asarray(estimator.predict(grid), dtype=float)
        predicted = predicted[:, output] if predicted.ndim == 2 else predicted
        (_field if len(places) == 2 else _line)(ax, lines, predicted, points, targets)
    ax.set_xlabel(table.names[places[0]], parse_math=False)
    if len(places) == 2:
        ax.set_ylabel(table.names[places[1]], parse_math=False)
    return ax


def _along(values: Array, resolution: int) -> Array:
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.06 * (most - least) or 1.0
    return np.linspace(least - margin, most + margin, resolution)


def _probabilities(estimator: Any, grid: Any, output: int, is_multilabel: bool) -> Array:
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"plot_decision_boundary: a classifier needs predict_proba, which {type(estimator).__name__} has not"
        )
    told = estimator.predict_proba(grid)
    if not is_multilabel:
        return np.asarray(told)
    # Some classifiers have a list of both probabilities of each label, ours a column of the second one.
    if isinstance(told, list):
        return np.asarray(told[output])
    return np.column_stack([1 - told[:, output], told[:, output]])


def _areas(
    ax: "Axes",
    lines: Sequence[Array],
    probabilities: Array,
    classes: Array,
    points: Sequence[Array],
    targets: Array,
) -> None:
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(color) for color in _class_colors(len(classes))])
    shape = (len(lines[1]), len(lines[0]))
    chosen = probabilities.argmax(axis=1)
    # From a guess among the classes to certainty.
    sure = (probabilities.max(axis=1) * len(classes) - 1) / max(len(classes) - 1, 1)
    area = np.column_stack([colors[chosen], 0.12 + 0.38 * np.clip(sure, 0, 1)])
    extent = (lines[0][0], lines[0][-1], lines[1][0], lines[1][-1])
    ax.imshow(area.reshape(*shape, 4), origin="lower", extent=extent, aspect="auto", interpolation="bilinear")
    for number in range(len(classes) if len(classes) > 2 else len(classes) - 1):
        ahead = probabilities[:, number] - np.delete(probabilities, number, axis=1).max(axis=1)
        if ahead.min() < 0 < ahead.max():
            ax.contour(*lines, ahead.reshape(shape), [0.0], colors=[_GREY], linewidths=1.0)
    ink = np.array(to_rgb(_ink(ax)))
    handles = []
    of_classes = [np.flatnonzero(targets == of_class) for of_class in classes]
    # In turns: no class lies on top of all others where they mix.
    for turn in range(_TURNS):
        for number, mine in enumerate(of_classes):
            dots = ax.scatter(
                points[0][mine[turn::_TURNS]],
                points[1][mine[turn::_TURNS]],
                s=_size(len(targets)),
                color=[colors[number]],
                marker=_MARKERS[number % len(_MARKERS)],
                # Of its own colour, towards the text's: seen on its own area as well.
                edgecolors=[0.45 * colors[number] + 0.55 * ink],
                linewidths=0.5,
                zorder=3,
            )
            if turn == 0:
                handles.append(dots)
    if len(classes) > len(_OKABE_ITO):
        for mine, of_class in zip(of_classes, classes, strict=True):
            if len(mine):
                _name_class(ax, np.median(points[0][mine]), np.median(points[1][mine]), str(of_class))
    _legend_beside(ax, handles, classes)
    _calm(ax, grid=False)


def _name_class(ax: "Axes", x: float, y: float, name: str) -> None:
    """Many colours and markers are looked up slowly: the name stands in the midst of the rows, too."""
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=3, foreground=ax.get_facecolor())
    text = ax.text(x, y, name, ha="center", va="center", weight="bold", path_effects=[halo], zorder=5)
    text.set_parse_math(False)


def _probability_curves(
    ax: "Axes",
    lines: Sequence[Array],
    probabilities: Array,
    classes: Array,
    points: Sequence[Array],
    targets: Array,
) -> None:
    colors = _class_colors(len(classes))
    handles = []
    for number, of_class in enumerate(classes):
        (curve,) = ax.plot(lines[0], probabilities[:, number], color=colors[number])
        handles.append(curve)
        mine = points[0][targets == of_class]
        height = -0.05 - 0.045 * number
        ax.plot(mine, np.full(len(mine), height), "|", color=colors[number], ms=6, mew=0.8)
    if len(classes) == 2:
        ax.axhline(0.5, color=_GREY, lw=0.8, ls=":")
    ax.set(ylabel="probability", yticks=np.linspace(0, 1, 6), ylim=(-0.08 - 0.045 * len(classes), 1.05))
    _calm(ax)
    _legend_beside(ax, handles, classes)


def _field(
    ax: "Axes", lines: Sequence[Array], predicted: Array, points: Sequence[Array], targets: Array
) -> None:
    from matplotlib.colors import Normalize

    # One scale for the rows and what is predicted; a few rows far out do not fade all others.
    low, high = np.percentile(np.concatenate([targets, predicted]), [1, 99])
    norm = Normalize(low, high if high > low else low + 1)
    shape = (len(lines[1]), len(lines[0]))
    extent = (lines[0][0], lines[0][-1], lines[1][0], lines[1][-1])
    image = ax.imshow(
        predicted.reshape(shape), origin="lower", extent=extent, aspect="auto", cmap="cividis", norm=norm
    )
    if np.ptp(predicted) > 0:
        ax.contour(
            *lines, predicted.reshape(shape), 8, colors="white", linewidths=0.6, alpha=0.6, linestyles="solid"
        )
    ax.scatter(
        points[0],
        points[1],
        c=targets,
        s=_size(len(targets)),
        cmap="cividis",
        norm=norm,
        edgecolors="white",
        linewidths=0.6,
        zorder=3,
    )
    bar = ax.figure.colorbar(image, ax=ax, extend="both")
    bar.set_label("target (area: predicted, points: rows)")
    _calm(ax, grid=False)


def _line(
    ax: "Axes", lines: Sequence[Array], predicted: Array, points: Sequence[Array], targets: Array
) -> None:
    ax.plot(
        points[0], targets, "o", color=_GREY, ms=_size(len(targets)) ** 0.5, alpha=0.6, mew=0, label="rows"
    )
    ax.plot(lines[0], predicted, color=_BLUE, lw=2, label="prediction")
    ax.set_ylabel("target")
    _calm(ax)
    ax.legend(frameon=False)


def _class_colors(count: int) -> list[str]:
    palette = _OKABE_ITO if count <= len(_OKABE_ITO) else _TOL_MUTED
    return [palette[number % len(palette)] for number in range(count)]


def _size(rows: int) -> float:
    """A point's area: smaller where there are many."""
    return float(np.clip(12000 / max(rows, 1), 12, 34))


def _legend_beside(ax: "Axes", handles: Sequence[Any], classes: Array) -> None:
    from matplotlib.collections import PathCollection

    # Within the axes it would hide rows. Names are put in as they are: no mathematics, no leading underscore that hides one.
    legend = ax.legend(
        handles,
        [str(number) for number in range(len(classes))],
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        handletextpad=0.4,
        ncols=1 + (len(classes) - 1) // 16,
    )
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([34])
    for text, name in zip(legend.get_texts(), classes, strict=True):
        text.set_parse_math(False)
        text.set_text(str(name))


# ── axes ────────────────────────────────────────────────────────────────────────────────────────────


def _mlp_of(estimator: Any, asked: str) -> Any:
    """The network's estimator, itself or a pipeline's last step."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(last, BaseMLP):
        raise TypeError(
            f"{asked}: expected deltarule's MLPClassifier or MLPRegressor, or a pipeline that ends in one, "
            f"got {type(last).__name__}"
        )
    check_is_fitted(last)
    return last


def _axes(ax: "Axes | None", asked: str, size: tuple[float, float]) -> "Axes":
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{asked} draws with matplotlib, which is not installed; `pip install matplotlib` installs it"
        ) from error
    _, axes = pyplot.subplots(figsize=size, layout="constrained")
    return axes


def _ink(ax: "Axes") -> Any:
    """The colour of text, black or, in a dark style, white."""
    return ax.xaxis.label.get_color()


def _calm(ax: "Axes", grid: bool = True) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    if grid:
        ax.grid(axis="y", color=_GREY, alpha=0.22, lw=0.6)
        ax.set_axisbelow(True)


def _logarithmic(ax: "Axes") -> None:
    """A logarithmic scale for y, with numbers as one writes them where it spans a few decades only."""
    from matplotlib.ticker import LogFormatter, NullFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high < 1000 * low:
        ax.yaxis.set_major_formatter(Plain())
        ax.yaxis.set_minor_formatter(Plain(minor_thresholds=(1.5, 0.5)))
    else:
        ax.yaxis.set_minor_formatter(NullFormatter())
