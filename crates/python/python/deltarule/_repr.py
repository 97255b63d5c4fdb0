"""What a notebook shows of a fitted estimator: its network, how it was trained, what was found.

The card takes its colours from the page around it (`currentColor`, and two hues that are legible on white and on black), so
that it needs no script to learn whether the notebook is light or dark. Whatever comes from outside is escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape
from inspect import signature
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import estimator_html_repr

from ._base import BaseMLP
from ._parameters import LOWER_IS_BETTER

# Lines of the network's table that are shown at once, and characters of a value.
_MOST_LINES = 8
_MOST_CHARACTERS = 100
_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_POINTS = 132, 34, 120

_STYLE = """<style>
.deltarule-repr{--deltarule-line:color-mix(in srgb,currentColor 22%,transparent);
--deltarule-train:#3a86c8;--deltarule-watched:#d2691e;
display:inline-block;box-sizing:border-box;max-width:min(100%,46rem);padding:.65rem .9rem .55rem;margin:.2rem 0;
border:1px solid var(--deltarule-line);border-radius:.4rem;font-family:system-ui,sans-serif;font-size:.8125rem;
line-height:1.45;color:inherit;background:none;text-align:left;overflow-wrap:anywhere}
.deltarule-repr .deltarule-title{font-weight:600;font-size:1.08em}
.deltarule-repr .deltarule-dim{opacity:.72}
.deltarule-repr .deltarule-part{margin-top:.5rem;padding-top:.5rem;border-top:1px solid var(--deltarule-line)}
.deltarule-repr table.deltarule-layers{border-collapse:collapse;border:none;margin:.35rem 0 0;width:auto;font-size:inherit;
color:inherit;table-layout:auto}
.deltarule-repr table.deltarule-layers thead,.deltarule-repr table.deltarule-layers tr:nth-child(n){background:none;border:none}
.deltarule-repr table.deltarule-layers tr:nth-child(n)>:nth-child(n){padding:.06rem 1.1rem .06rem 0;border:none;
background:none;text-align:left;vertical-align:baseline;font-weight:400;max-width:none;color:inherit}
.deltarule-repr table.deltarule-layers tr:nth-child(n)>.deltarule-number{text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}
.deltarule-repr table.deltarule-layers thead th:nth-child(n){opacity:.72;white-space:nowrap}
.deltarule-repr .deltarule-figures{display:flex;flex-wrap:wrap;gap:.35rem 1.5rem;align-items:center}
.deltarule-repr .deltarule-figures b{font-weight:600;font-variant-numeric:tabular-nums}
.deltarule-repr .deltarule-key{display:inline-block;width:.8em;height:.18em;vertical-align:.25em;margin-right:.35em}
.deltarule-repr svg.deltarule-spark{display:block;margin:0;overflow:visible;max-width:none}
.deltarule-repr ul.deltarule-findings{list-style:none;margin:0;padding:0}
.deltarule-repr ul.deltarule-findings>li{margin:0 0 .3rem;padding-left:1.05em}
.deltarule-repr .deltarule-mark{display:inline-block;width:.62em;height:.62em;margin:0 .43em 0 -1.05em}
.deltarule-repr .deltarule-error{background:#d1495b}
.deltarule-repr .deltarule-warning{background:#c8861a;border-radius:50%}
.deltarule-repr .deltarule-note{border:1px solid currentColor;border-radius:50%;box-sizing:border-box}
.deltarule-repr details>summary{cursor:pointer}
.deltarule-repr code:nth-child(n){font-family:ui-monospace,monospace;font-size:.95em;color:inherit;background:none;padding:0;border:none}
.deltarule-repr .deltarule-settings{margin:.25rem 0 0;columns:2 15rem;column-gap:1.5rem}
.deltarule-repr .deltarule-settings>div{break-inside:avoid}
</style>"""


class ShownMLP(BaseMLP):
    """An estimator that shows itself in a notebook: before `fit` as scikit-learn's do, and always within a pipeline."""

    def _html_repr(self) -> str:
        html: str = card(self) if self.__sklearn_is_fitted__() else estimator_html_repr(self)
        return html

    # Before 1.7 scikit-learn asked neither of these two for `_html_repr`.
    def _repr_html_inner(self) -> str:
        return self._html_repr()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        shows = get_config()["display"] == "diagram"
        return {"text/plain": repr(self), **({"text/html": self._html_repr()} if shows else {})}


def card(estimator: Any) -> str:
    """A fitted estimator as HTML that needs nothing else."""
    parts = [_network(estimator), _training(estimator), _findings(estimator), _settings(estimator)]
    return f'{_STYLE}<div class="deltarule-repr">{"".join(parts)}</div>'


def _text(value: Any, most: int = _MOST_CHARACTERS) -> str:
    text = str(value)
    return escape(text if len(text) <= most else text[: most - 1] + "…")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _counted(count: int, what: str) -> str:
    ending = "" if count == 1 else "es" if what.endswith("s") else "s"
    return f"{count:,} {what}{ending}"


# ── network ─────────────────────────────────────────────────────────────────────────────────────────


def _layers(mlp: Any) -> list[dict[str, Any]]:
    """Each dense layer with what follows it up to the next one: units, activation, parameters."""
    said = mlp.settings
    layers: list[dict[str, Any]] = []
    for name, array in mlp.tensors():
        kind = name.rpartition(".")[2]
        if kind == "w":
            layers.append({"inputs": array.shape[0], "units": array.shape[1], "parameters": 0})
        layers[-1]["parameters"] += array.size
    hidden = len(layers) - 1
    activations = _each(said.get("activation", ""), hidden) + [said["output_activation"]]
    dropouts = _each(said.get("dropout", "0"), hidden) + ["0"]
    normalisation = said.get("normalization", "none")
    for layer, activation, dropout in zip(layers, activations, dropouts, strict=True):
        also = [] if normalisation == "none" or layer is layers[-1] else [f"{normalisation} normalisation"]
        if float(dropout) > 0:
            also.append(f"dropout {float(dropout):g}")
        # scikit-learn's word for the core's.
        name = "sigmoid" if activation.strip() == "logistic" else activation.strip()
        layer["activation"] = ", ".join([name, *also])
    return layers


def _each(said: str, count: int) -> list[str]:
    each = said.split(",")
    return each if len(each) == count else each * count


def _network(estimator: Any) -> str:
    title = f'<span class="deltarule-title">{_text(type(estimator).__name__)}</span>'
    try:
        layers = _layers(estimator._mlp)
    except RuntimeError:  # a callback shows it: what is being trained cannot be read
        return f'<div>{title} <span class="deltarule-dim">in training</span></div>'
    # Equal layers in a row are one line: a deep network stays short.
    runs = [
        (layer, len(list(run)))
        for layer, run in groupby(layers, itemgetter("inputs", "units", "activation", "parameters"))
    ]
    chain = [f"{layers[0]['inputs']:,}"]
    for units, run in groupby(layer["units"] for layer in layers):
        count = len(list(run))
        chain.append(f"{units:,}" if count == 1 else f"{units:,} × {count}")
    total = sum(layer["parameters"] for layer in layers)
    about = [" → ".join(chain), _counted(total, "parameter")]
    classes = getattr(estimator, "classes_", None)
    if classes is not None:
        about.append(_counted(len(classes), "label" if estimator._task() == "multilabel" else "class"))
    head = f'<div>{title} <span class="deltarule-dim">{" · ".join(about)}</span></div>'
    rows, first = [], 0
    for (_, units, activation, parameters), count in runs:
        last = first + count - 1
        name = f"{first}" if count == 1 else f"{first} to {last}"
        each = "" if count == 1 else " each"
        rows.append(
            f"<tr><td>{name}</td>"
            f'<td class="deltarule-number">{units:,}{each}</td><td>{_text(activation)}</td>'
            f'<td class="deltarule-number">{parameters:,}{each}</td></tr>'
        )
        first += count
    table = (
        '<table class="deltarule-layers"><thead><tr><th>layer</th><th class="deltarule-number">units</th>'
        '<th>activation</th><th class="deltarule-number">parameters</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    if len(rows) > _MOST_LINES:
        table = f"<details><summary>{_counted(len(layers), 'layer')}</summary>{table}</details>"
    return head + table


# ── training ────────────────────────────────────────────────────────────────────────────────────────


def watched_score(estimator: Any) -> tuple[str, list[float]] | None:
    """The name of early stopping's score and its values as they are, not negated; None without."""
    scores: list[float] | None = getattr(estimator, "validation_scores_", None)
    if not scores:
        return None
    try:
        # The network's settings, not the parameter, which may have been set since.
        name = estimator._mlp.settings.get("early_stopping")
    except RuntimeError:  # in training: they are the parameters still
        name = estimator._watched_figure()
    if name is None:
        return None
    sign = -1.0 if name in LOWER_IS_BETTER else 1.0
    return name, [sign * score for score in scores]


def _training(estimator: Any) -> str:
    losses = [float(loss) for loss in getattr(estimator, "loss_curve_", [])]
    if not losses:
        return '<div class="deltarule-part deltarule-dim">From a file: how it was trained is not in it.</div>'
    watched = [float(loss) for loss in estimator.validation_loss_curve_]
    steps = "iterations" if estimator.solver == "lbfgs" else "epochs"
    figures = [_figure(steps, _number(len(losses)))]
    best = int(np.argmin(losses))
    # Where rows are measured on, it is theirs that counts.
    is_told = not watched and best < len(losses) - 1
    lowest = f"lowest {_number(losses[best])}, {steps[:-1]} {best + 1}" if is_told else ""
    figures.append(_figure("loss", _number(losses[-1]), lowest, key="train" if watched else ""))
    if watched:
        figures.append(_figure("validation loss", _number(watched[-1]), key="watched"))
    score = watched_score(estimator)
    if score is not None:
        name, values = score
        best = int(np.argmax(estimator.validation_scores_))
        also = f"best {_number(values[best])}, {steps[:-1]} {best + 1}"
        figures.append(_figure(f"validation {name.replace('_', ' ')}", _number(values[-1]), also))
    spark = _spark(losses, watched, steps) if len(losses) > 1 else ""
    return (
        f'<div class="deltarule-part deltarule-figures">{spark}'
        f'<div class="deltarule-figures">{"".join(figures)}</div></div>'
    )


def _figure(name: str, value: str, also: str = "", key: str = "") -> str:
    mark = f'<i class="deltarule-key" style="background:var(--deltarule-{key})"></i>' if key else ""
    also = f' <span class="deltarule-dim">{_text(also)}</span>' if also else ""
    return (
        f'<div><div>{mark}<span class="deltarule-dim">{_text(name)}</span></div>'
        f"<div><b>{_text(value)}</b>{also}</div></div>"
    )


def _spark(losses: Sequence[float], watched: Sequence[float], steps: str) -> str:
    least, most = min([*losses, *watched]), max([*losses, *watched])
    height = most - least or 1.0

    def line(curve: Sequence[float], color: str) -> str:
        chosen = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), _SPARK_POINTS)).astype(int))
        points = " ".join(
            f"{_SPARK_WIDTH * i / max(len(losses) - 1, 1):.1f},"
            f"{_SPARK_HEIGHT * (most - curve[i]) / height:.1f}"
            for i in chosen
        )
        return (
            f'<polyline points="{points}" fill="none" stroke="var(--deltarule-{color})" stroke-width="1.6" '
            'stroke-linejoin="round"/>'
        )

    told = f"loss from {_number(losses[0])} to {_number(losses[-1])} over {len(losses)} {steps}"
    # Curves of other lengths are those of other epochs, which ones is not known.
    lines = line(watched, "watched") if len(watched) == len(losses) else ""
    return (
        f'<svg class="deltarule-spark" width="{_SPARK_WIDTH}" height="{_SPARK_HEIGHT}" '
        f'viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" role="img" aria-label="{_text(told)}">'
        f"{lines}{line(losses, 'train')}</svg>"
    )


# ── findings ────────────────────────────────────────────────────────────────────────────────────────


def _findings(estimator: Any) -> str:
    findings = getattr(estimator, "_findings", None)
    if findings is None:
        # Of a network from a file, or another process's, nothing was recorded that a diagnosis could start from.
        if not getattr(estimator, "loss_curve_", []):
            return ""
        ask = "Not diagnosed: <code>diagnose(X, y)</code> says what is wrong, if anything."
        return f'<div class="deltarule-part deltarule-dim">{ask}</div>'
    if not findings:
        return '<div class="deltarule-part">Diagnosed: nothing was found.</div>'
    items = "".join(f"<li>{_finding(finding)}</li>" for finding in findings)
    return f'<div class="deltarule-part"><ul class="deltarule-findings">{items}</ul></div>'


def _finding(finding: dict[str, Any]) -> str:
    severity = finding["severity"] if finding["severity"] in ("error", "warning") else "note"
    where = f", layer {finding['layer']}" if finding.get("layer") is not None else ""
    name = finding["id"].replace("-", " ")
    told = (
        f'<i class="deltarule-mark deltarule-{severity}"></i><b>{_text(name)}</b> '
        f'<span class="deltarule-dim">{severity}{_text(where)}</span>'
    )
    remedies: Iterable[str] = (remedy["what"] for remedy in finding.get("remedies", [])[:1])
    helps = "".join(
        f'<div class="deltarule-dim">Could help: {_text(remedy, 400)}.</div>' for remedy in remedies
    )
    cause = finding["cause"]
    # A sentence, unless it begins with a symbol.
    cause = cause[0].upper() + cause[1:] if cause[:1].isascii() else cause
    return f'{told}<div class="deltarule-dim">{_text(cause, 600)}.</div>{helps}'


# ── settings ────────────────────────────────────────────────────────────────────────────────────────


def _settings(estimator: Any) -> str:
    defaults = {name: of.default for name, of in signature(type(estimator).__init__).parameters.items()}
    given = estimator.get_params(deep=False)
    # By their texts: an array beside a tuple has no single answer to `!=`.
    texts = {name: repr(value) for name, value in given.items()}
    changed = {name for name, text in texts.items() if text != repr(defaults.get(name))}
    lines = [
        f"<div>{_text(name)} = <code>{_text(texts[name])}</code></div>" for name in given if name in changed
    ]
    if not lines:
        return '<div class="deltarule-part deltarule-dim">All settings are the defaults.</div>'
    return (
        f'<details class="deltarule-part"><summary class="deltarule-dim">'
        f"{_counted(len(lines), 'setting')} other than the defaults</summary>"
        f'<div class="deltarule-settings">{"".join(lines)}</div></details>'
    )
