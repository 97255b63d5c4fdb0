"""Pictures: what is drawn are the estimator's numbers, and nothing lies on top of them."""

import doctest
import subprocess
import sys

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import deltarule.plot
from deltarule import (
    MLPClassifier,
    MLPRegressor,
    load,
    plot_decision_boundary,
    plot_gradient_flow,
    plot_history,
    save,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    def show(*args, **kwargs):
        raise AssertionError("a picture is shown by whoever asked for it")

    monkeypatch.setattr(plt, "show", show)
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def watched(iris):
    return MLPClassifier(16, early_stopping=True, max_iter=40, random_state=0).fit(*iris)


@pytest.fixture(scope="module")
def deep(iris):
    return MLPClassifier((8,) * 5, "logistic", precision="f64", max_iter=5, random_state=0).fit(*iris)


def drawn(ax):
    """The lines by their labels."""
    return {line.get_label(): np.asarray(line.get_xydata()) for line in ax.get_lines()}


def is_clear_of_the_legend(ax):
    """Whether no line, bar or point lies under the legend."""
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    for line in ax.get_lines():
        x, y = ax.transData.transform(np.asarray(line.get_xydata(), dtype=float)).T
        # The line itself, not its corners alone.
        t = np.linspace(0, len(x) - 1, 2000)
        x, y = np.interp(t, np.arange(len(x)), x), np.interp(t, np.arange(len(y)), y)
        if ((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).any():
            return False
    bars = [patch.get_window_extent() for patch in ax.patches]
    dots = np.vstack([np.empty((0, 2)), *(ax.transData.transform(c.get_offsets()) for c in ax.collections)])
    return not any(bar.overlaps(box) for bar in bars) and not any(box.contains(*dot) for dot in dots)


# ── training ────────────────────────────────────────────────────────────────────────────────────────


def test_history_draws_the_curves_and_rings_the_best_epoch(watched):
    ax = plot_history(watched)
    best = int(np.argmax(watched.validation_scores_))
    lines = drawn(ax)
    epochs = np.arange(1, watched.n_iter_ + 1)
    np.testing.assert_array_equal(lines["training"], np.column_stack([epochs, watched.loss_curve_]))
    np.testing.assert_array_equal(
        lines["validation"], np.column_stack([epochs, watched.validation_loss_curve_])
    )
    told = f"best accuracy {max(watched.validation_scores_):.3g}, epoch {best + 1}"
    np.testing.assert_array_equal(lines[told], [[best + 1, watched.validation_loss_curve_[best]]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss (cross entropy)")
    assert is_clear_of_the_legend(ax)


def test_history_draws_scores_as_they_are(iris, watched):
    lines = drawn(plot_history(watched, show="score"))
    np.testing.assert_array_equal(lines["validation"][:, 1], watched.validation_scores_)
    less_is_better = MLPClassifier(8, early_stopping="log_loss", max_iter=10, random_state=0).fit(*iris)
    ax = plot_history(less_is_better, show="score")
    np.testing.assert_array_equal(drawn(ax)["validation"][:, 1], -np.array(less_is_better.validation_scores_))
    assert ax.get_ylabel() == "log loss" and is_clear_of_the_legend(ax)
    alone = MLPClassifier(8, max_iter=3).fit(*iris)
    with pytest.raises(ValueError, match="nothing was scored"):
        plot_history(alone, show="score")
    with pytest.raises(ValueError, match="expected 'loss' or 'score', got 'lost'"):
        plot_history(alone, show="lost")


def test_an_eval_set_has_its_lowest_loss_ringed(iris):
    X, y = iris
    model = MLPClassifier(50, learning_rate_init=0.05, max_iter=60, n_iter_no_change=60, random_state=0)
    model.fit(X[::10], y[::10], eval_set=(X, y))
    best = int(np.argmin(model.validation_loss_curve_))
    assert best < len(model.loss_curve_) - 1  # it overfits
    ax = plot_history(model)
    ring = drawn(ax)[f"lowest {model.validation_loss_curve_[best]:.3g}, epoch {best + 1}"]
    np.testing.assert_array_equal(ring, [[best + 1, model.validation_loss_curve_[best]]])
    assert is_clear_of_the_legend(ax)


def test_history_without_validation_of_one_epoch_and_of_iterations(iris):
    alone = plot_history(MLPClassifier(8, max_iter=5).fit(*iris))
    assert list(drawn(alone)) == ["training"] and alone.get_legend() is None
    one = plot_history(MLPClassifier(8, max_iter=1, early_stopping=True).fit(*iris))
    assert one.get_lines()[0].get_marker() == "o" and list(one.get_xticks()) == [1]
    search = plot_history(MLPClassifier(8, solver="lbfgs", max_iter=5).fit(*iris), log=True)
    assert (search.get_xlabel(), search.get_yscale()) == ("iteration", "log")


def test_a_curve_whose_epochs_are_not_known_is_left_out(iris):
    X, y = iris
    model = MLPClassifier(8, max_iter=5, warm_start=True).fit(X, y).fit(X, y, eval_set=(X, y))
    assert len(model.loss_curve_) == 10 and len(model.validation_loss_curve_) == 5
    assert list(drawn(plot_history(model))) == ["training"]


def test_history_says_what_it_cannot_draw(watched, tmp_path):
    save(watched, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="a model from a file has no history"):
        plot_history(load(tmp_path / "model.safetensors"))
    with pytest.raises(NotFittedError):
        plot_history(MLPClassifier())
    with pytest.raises(TypeError, match="expected deltarule's MLPClassifier .* got StandardScaler"):
        plot_history(StandardScaler())


# ── gradient ────────────────────────────────────────────────────────────────────────────────────────


def test_gradient_flow_is_the_recursion_by_hand(iris, deep):
    X, y = iris
    w, b = deep.coefs_, deep.intercepts_
    activations = [X]
    for weights, biases in zip(w[:-1], b[:-1], strict=True):
        activations.append(1 / (1 + np.exp(-(activations[-1] @ weights + biases))))
    delta = deep.predict_proba(X) - np.eye(3)[y]
    norms, arrived = [np.linalg.norm(delta)], []
    for weights, a in zip(w[:0:-1], activations[:0:-1], strict=True):
        back = delta @ weights.T
        arrived.append(np.linalg.norm(back))
        delta = back * a * (1 - a)
        norms.append(np.linalg.norm(delta))
    ax = plot_gradient_flow(deep, X, y)
    points = drawn(ax)["‖δ‖ of a layer"]
    np.testing.assert_array_equal(points[:, 0], np.arange(6))
    np.testing.assert_allclose(points[:, 1], norms[::-1], rtol=1e-9)
    # Two bars a layer, from what came to what went.
    bars = {round(bar.get_x() + bar.get_width() / 2, 2): bar for bar in ax.patches}
    assert len(bars) == 10
    for layer, (sent, between, left) in enumerate(
        zip(norms[-2::-1], arrived[::-1], norms[:0:-1], strict=True)
    ):
        for x, start, end in ((layer + 0.64, sent, between), (layer + 0.36, between, left)):
            bar = bars[round(x, 2)]
            np.testing.assert_allclose([bar.get_y(), bar.get_y() + bar.get_height()], [start, end], rtol=1e-9)
    factors = [float(text.get_text()) for text in ax.texts]
    expected = [f for a, s, n in zip(arrived, norms, norms[1:], strict=False) for f in (a / s, n / a)]
    np.testing.assert_allclose(sorted(factors), sorted(expected), rtol=0.06)
    assert ax.get_yscale() == "log" and is_clear_of_the_legend(ax)


def test_every_point_and_bar_lies_within_the_picture(iris):
    X, y = iris
    for hidden, activation in (((8,), "tanh"), ((8,) * 4, "relu"), ((8,) * 20, "logistic")):
        model = MLPClassifier(hidden, activation, max_iter=2, random_state=0).fit(X, y)
        ax = plot_gradient_flow(model, X, y)
        low, high = ax.get_ylim()
        assert high / low >= 99  # what arrives well looks it
        heights = [patch.get_y() for patch in ax.patches] + list(drawn(ax)["‖δ‖ of a layer"][:, 1])
        heights += [patch.get_y() + patch.get_height() for patch in ax.patches]
        assert low < min(heights) and max(heights) < high
        assert is_clear_of_the_legend(ax)


def test_what_is_lost_altogether_is_marked(iris):
    X, y = iris
    model = MLPClassifier((8, 8, 8), max_iter=2, random_state=0).fit(X, y)
    biases = model.intercepts_
    biases[1][:] = -1000
    model.intercepts_ = biases
    ax = plot_gradient_flow(model, X, y)
    crosses = drawn(ax)["0: nothing arrives"]
    assert list(crosses[:, 0]) == [0, 1]
    assert (crosses[:, 1] < drawn(ax)["‖δ‖ of a layer"][2:, 1].min()).all()
    assert [text.get_text() for text in ax.texts].count("0") == 1


def test_normalisations_and_dropouts_are_named(iris):
    X, y = iris
    model = MLPClassifier((8, 6), normalization="batch", dropout=0.2, max_iter=2, random_state=0).fit(X, y)
    ax = plot_gradient_flow(model, X, y)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [
        *("0\ndense", "1\nbatch\nnorm\nrelu", "2\ndropout"),
        *("3\ndense", "4\nbatch\nnorm\nrelu", "5\ndropout", "6\nsoftmax"),
    ]
    assert "factor of the normalisation" in {text.get_text() for text in ax.get_legend().get_texts()}


def test_a_pipelines_rows_are_transformed(iris):
    X, y = load_iris(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), MLPClassifier((6, 6), max_iter=5, random_state=0)).fit(X, y)
    of_pipe = drawn(plot_gradient_flow(pipe, X, y))["‖δ‖ of a layer"]
    of_step = drawn(plot_gradient_flow(pipe[-1], pipe[0].transform(X), y))["‖δ‖ of a layer"]
    np.testing.assert_array_equal(of_pipe, of_step)
    assert list(drawn(plot_history(pipe))) == ["training"]
    binary = MLPClassifier((6, 6), "logistic", max_iter=5, random_state=0).fit(X, y == 0)
    ticks = [tick.get_text() for tick in plot_gradient_flow(binary, X, y == 0).get_xticklabels()]
    assert ticks == ["0\nsigmoid", "1\nsigmoid", "2\nsigmoid"]
    flat = MLPClassifier((), max_iter=5).fit(X, y)
    with pytest.raises(ValueError, match="no hidden layer"):
        plot_gradient_flow(flat, X, y)


# ── predictions ─────────────────────────────────────────────────────────────────────────────────────


def mesh(ax, resolution):
    x0, x1, y0, y1 = ax.images[0].get_extent()
    axes = np.meshgrid(np.linspace(x0, x1, resolution), np.linspace(y0, y1, resolution))
    return np.column_stack([axis.ravel() for axis in axes])


def dots(ax):
    """The points of each class, in the order of their colours' first appearance."""
    by_color = {}
    for collection in ax.collections:
        if len(collection.get_facecolors()) and type(collection).__name__ == "PathCollection":
            color = tuple(np.round(collection.get_facecolors()[0][:3], 3))
            by_color.setdefault(color, []).append(np.asarray(collection.get_offsets()))
    return [np.vstack(parts) for parts in by_color.values()]


def assert_areas(ax, model, grid, palette):
    told = np.asarray(ax.images[0].get_array()).reshape(len(grid), 4)
    probabilities = model.predict_proba(grid)
    colors = np.array([to_rgb(color) for color in palette])[probabilities.argmax(axis=1)]
    np.testing.assert_allclose(told[:, :3], colors)
    # The surer, the less pale.
    order = np.argsort(probabilities.max(axis=1))
    assert (np.diff(told[order, 3]) >= -1e-7).all() and 0.1 < told[:, 3].min() < told[:, 3].max() <= 0.5


def test_areas_are_what_is_predicted(iris):
    X, y = iris
    for labels in (y, np.where(y == 1, "one", "other")):
        model = MLPClassifier(8, "tanh", solver="lbfgs", max_iter=40, random_state=0).fit(X[:, :2], labels)
        ax = plot_decision_boundary(model, X[:, :2], labels, resolution=40)
        palette = ["#0072B2", "#D55E00", "#009E73"]
        assert_areas(ax, model, mesh(ax, 40), palette)
        for of_class, points in zip(model.classes_, dots(ax), strict=True):
            assert {*map(tuple, points)} == {*map(tuple, X[labels == of_class, :2])}
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert names == [str(of_class) for of_class in model.classes_]
        ax.figure.canvas.draw()
        # The legend lies beside, within the figure.
        box = ax.get_legend().get_window_extent()
        assert ax.bbox.x1 <= box.x0 and box.x1 <= ax.figure.bbox.x1
        # All rows lie within.
        (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
        assert x0 < X[:, 0].min() and X[:, 0].max() < x1 and y0 < X[:, 1].min() and X[:, 1].max() < y1


def test_the_line_is_where_both_are_equally_probable(iris):
    X, y = iris
    model = MLPClassifier(8, "tanh", learning_rate_init=0.02, max_iter=30, random_state=0).fit(
        X[:, :2], y == 0
    )
    ax = plot_decision_boundary(model, X[:, :2], y == 0)
    (line,) = [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
    corners = np.vstack([path.vertices for path in line.get_paths()])
    assert len(corners) > 20
    np.testing.assert_allclose(model.predict_proba(corners)[:, 1], 0.5, atol=0.01)


def test_other_features_stay_at_their_medians():
    frame = load_iris(as_frame=True).data
    y = load_iris().target
    model = make_pipeline(StandardScaler(), MLPClassifier(8, max_iter=40, random_state=0)).fit(frame, y)
    names = ["petal length (cm)", "petal width (cm)"]
    ax = plot_decision_boundary(model, frame, y, features=names, resolution=30)
    grid = pd.DataFrame(np.tile(frame.median(), (900, 1)), columns=frame.columns)
    grid[names] = mesh(ax, 30)
    assert_areas(ax, model, grid, ["#0072B2", "#D55E00", "#009E73"])
    assert [ax.get_xlabel(), ax.get_ylabel()] == names
    bare = make_pipeline(StandardScaler(), MLPClassifier(8, max_iter=40, random_state=0)).fit(
        frame.to_numpy(), y
    )
    of_array = plot_decision_boundary(bare, frame.to_numpy(), y, features=(2, 3), resolution=30)
    np.testing.assert_array_equal(of_array.images[0].get_array(), ax.images[0].get_array())
    swapped = plot_decision_boundary(model, frame, y, features=(3, 2), resolution=30)
    assert [swapped.get_xlabel(), swapped.get_ylabel()] == names[::-1]
    of_polars = plot_decision_boundary(model, pl.from_pandas(frame), y, features=names, resolution=30)
    np.testing.assert_array_equal(of_polars.images[0].get_array(), ax.images[0].get_array())


def test_categories_stay_at_the_most_frequent_one():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=90), "kind": ["x", "y", "y"] * 30, "b": rng.normal(size=90)})
    frame["group"] = frame["kind"].astype("category")
    y = frame.a + 3 * (frame.kind == "y") + frame.b
    encode = make_column_transformer((OneHotEncoder(), ["kind", "group"]), remainder="passthrough")
    model = make_pipeline(
        encode, MLPRegressor(hidden_layer_sizes=8, solver="lbfgs", max_iter=60, random_state=0)
    )
    model.fit(frame, y)
    ax = plot_decision_boundary(model, frame, y, features=["a", "b"], resolution=20)
    grid = frame.iloc[[1] * 400].reset_index(drop=True)
    grid[["a", "b"]] = mesh(ax, 20)
    np.testing.assert_allclose(np.ravel(ax.images[0].get_array()), model.predict(grid))
    with pytest.raises(ValueError, match="'kind' is not of numbers"):
        plot_decision_boundary(model, frame, y, features=["a", "kind"])


def test_many_classes_are_named_where_they_are():
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(9), 20)
    X = np.column_stack([y % 3, y // 3]) * 4 + rng.normal(size=(180, 2))
    model = MLPClassifier(32, solver="lbfgs", max_iter=60, random_state=0).fit(X, y)
    ax = plot_decision_boundary(model, X, y, resolution=30)
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places == {str(number): tuple(np.median(X[y == number], axis=0)) for number in range(9)}
    colors = {tuple(np.round(c.get_facecolors()[0], 3)) for c in ax.collections if len(c.get_facecolors())}
    assert len(colors) == 9


def test_names_are_drawn_as_they_are(iris):
    X, y = iris
    frame = pd.DataFrame(X[:, :2], columns=["$x", "_y"])
    labels = np.array(["_hidden", "$a$", "b_$"])[y]
    model = MLPClassifier(4, max_iter=3, random_state=0).fit(frame, labels)
    ax = plot_decision_boundary(model, frame, labels, resolution=10)
    ax.figure.canvas.draw()
    texts = ax.get_legend().get_texts()
    assert {text.get_text() for text in texts} == set(labels)
    assert not any(text.get_parse_math() for text in [*texts, ax.xaxis.label, ax.yaxis.label])
    assert [ax.get_xlabel(), ax.get_ylabel()] == ["$x", "_y"]


def test_probabilities_along_one_feature(iris):
    X, y = iris
    model = MLPClassifier(8, "tanh", solver="lbfgs", max_iter=40, random_state=0).fit(X[:, 2:3], y)
    ax = plot_decision_boundary(model, X[:, 2:3], y, resolution=50)
    curves = [line for line in ax.get_lines() if line.get_linestyle() == "-"]
    for number, curve in enumerate(curves):
        x = curve.get_xdata()
        np.testing.assert_allclose(curve.get_ydata(), model.predict_proba(x[:, None])[:, number])
    assert len(curves) == 3
    rugs = [line for line in ax.get_lines() if line.get_marker() == "|"]
    for number, rug in enumerate(rugs):
        np.testing.assert_array_equal(rug.get_xdata(), X[y == number, 2])
        assert (rug.get_ydata() < 0).all()


def test_numbers_along_one_feature_and_over_two(iris):
    X, _ = iris
    one = MLPRegressor(hidden_layer_sizes=8, solver="lbfgs", max_iter=40, random_state=0).fit(
        X[:, :1], X[:, 2]
    )
    ax = plot_decision_boundary(one, X[:, :1], X[:, 2], resolution=50)
    lines = drawn(ax)
    np.testing.assert_array_equal(lines["rows"], np.column_stack([X[:, 0], X[:, 2]]))
    np.testing.assert_allclose(lines["prediction"][:, 1], one.predict(lines["prediction"][:, :1]))
    assert len(lines["prediction"]) == 50
    both = MLPRegressor(hidden_layer_sizes=8, solver="lbfgs", max_iter=40, random_state=0)
    both.fit(X[:, :2], X[:, 2:])
    for output in (0, 1):
        ax = plot_decision_boundary(both, X[:, :2], X[:, 2:], output=output, resolution=20)
        field = np.ravel(ax.images[0].get_array())
        np.testing.assert_allclose(field, both.predict(mesh(ax, 20))[:, output])
        (points,) = [c for c in ax.collections if type(c).__name__ == "PathCollection"]
        np.testing.assert_array_equal(points.get_array(), X[:, 2 + output])
        # One scale for both.
        assert points.norm is ax.images[0].norm
    with pytest.raises(ValueError, match="output: expected a number from 0 to 1, got 2"):
        plot_decision_boundary(both, X[:, :2], X[:, 2:], output=2)


def test_a_label_of_several_and_other_classifiers(iris):
    X, labels = make_multilabel_classification(80, n_features=2, n_classes=3, random_state=0)
    for model in (MLPClassifier(8, max_iter=40, random_state=0), RandomForestClassifier(5, random_state=0)):
        model.fit(X, labels)
        ax = plot_decision_boundary(model, X, labels, output=2, resolution=20)
        told = np.asarray(ax.images[0].get_array()).reshape(-1, 4)
        is_second = np.isclose(told[:, :3], to_rgb("#D55E00")).all(axis=1)
        p = model.predict_proba(mesh(ax, 20))
        p = p[2][:, 1] if isinstance(p, list) else p[:, 2]
        np.testing.assert_array_equal(is_second, p > 0.5)
        assert ax.get_legend().get_title().get_text() == "label 2"


@pytest.mark.parametrize(
    "features, error",
    [
        (None, "there are 4; say which one or two"),
        ((0, 1, 2), "expected one or two, got 3"),
        ((0, 4), "a number from 0 to 3, got 4"),
        ((1, 1), "two different ones"),
        ("length", "no 'length' among x0, x1, x2, x3"),
    ],
)
def test_features_that_cannot_be_drawn(iris, watched, features, error):
    with pytest.raises(ValueError, match=error):
        plot_decision_boundary(watched, *iris, features=features)


def test_rows_that_cannot_be_drawn(iris, watched):
    X, y = iris
    with pytest.raises(ValueError, match="y: expected 150 rows, as X has, got 3"):
        plot_decision_boundary(watched, X, y[:3], features=0)
    with pytest.raises(ValueError, match="expected 4 features, as in fit, got 2"):
        plot_decision_boundary(watched, X[:, :2], y)
    with pytest.raises(ValueError, match="expected rows and columns"):
        plot_decision_boundary(watched, X[:, 0], y)
    with pytest.raises(ValueError, match="resolution: expected at least 2"):
        plot_decision_boundary(watched, X, y, features=0, resolution=1)
    with pytest.raises(NotFittedError):
        plot_decision_boundary(MLPClassifier(), X, y)


# ── axes, and matplotlib ────────────────────────────────────────────────────────────────────────────


def test_axes_that_are_given_are_drawn_into(iris, watched, deep):
    X, y = iris
    figure, axes = plt.subplots(1, 3, figsize=(14, 4))
    assert plot_history(watched, axes[0]) is axes[0]
    assert plot_gradient_flow(deep, X, y, axes[1]) is axes[1]
    assert plot_decision_boundary(watched, X, y, axes[2], features=(2, 3), resolution=10) is axes[2]
    assert plt.get_fignums() == [figure.number]
    assert len({plot_history(watched).figure.number, plot_history(watched).figure.number, figure.number}) == 3


def test_matplotlib_is_asked_for_by_name_when_it_is_needed(monkeypatch, watched):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"plot_history draws with matplotlib.*pip install matplotlib"):
        plot_history(watched)


def test_matplotlib_is_not_imported_before():
    code = (
        "import sys, deltarule; assert 'sklearn' not in sys.modules;"
        "deltarule.plot_history, deltarule.plot_gradient_flow, deltarule.plot_decision_boundary;"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.filterwarnings("ignore")
def test_the_examples_are_as_they_say():
    outcome = doctest.testmod(deltarule.plot)
    assert outcome.attempted >= 12 and outcome.failed == 0
