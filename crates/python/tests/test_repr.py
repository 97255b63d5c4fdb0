"""What a notebook shows of an estimator."""

import pickle
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from deltarule import MLPClassifier, MLPRegressor, load, save

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

VOID = {"br", "hr", "img", "input", "meta", "link", "polyline"}
NASTY = "<script>alert('x')</script>\"&"


class Page(HTMLParser):
    """Reads HTML, and fails where an element is not closed in its order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.rows, self.texts, self.attributes = [], [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def fitted(iris):
    return MLPClassifier(
        (12, 8), ["tanh", "relu"], dropout=[0.0, 0.25], early_stopping=True, max_iter=30, random_state=0
    ).fit(*iris)


def shown(estimator):
    return Page(estimator._repr_html_())


# ── what it says ────────────────────────────────────────────────────────────────────────────────────


def test_the_network_is_shown_layer_by_layer(fitted):
    page = shown(fitted)
    assert page.rows == [
        ["layer", "units", "activation", "parameters"],
        ["0", "12", "tanh", "60"],
        ["1", "8", "relu, dropout 0.25", "104"],
        ["2", "3", "softmax", "27"],
    ]
    total = sum(array.size for array in fitted.coefs_ + fitted.intercepts_)
    assert f"4 → 12 → 8 → 3 · {total} parameters · 3 classes" in page.text


def test_equal_layers_are_one_line_and_normalisation_is_counted(iris):
    deep = MLPClassifier((16,) * 6, "logistic", normalization="layer", max_iter=1, random_state=0).fit(*iris)
    page = shown(deep)
    assert page.rows[1:] == [
        ["0", "16", "sigmoid, layer normalisation", str(4 * 16 + 16 + 32)],
        ["1 to 5", "16 each", "sigmoid, layer normalisation", f"{16 * 16 + 16 + 32} each"],
        ["6", "3", "softmax", str(16 * 3 + 3)],
    ]
    assert "4 → 16 × 6 → 3" in page.text
    different = MLPClassifier(range(3, 13), max_iter=1, random_state=0).fit(*iris)
    assert "11 layers" in shown(different).text and len(shown(different).rows) == 12


def test_figures_are_the_estimators(fitted):
    text = shown(fitted).text
    best = int(np.argmax(fitted.validation_scores_))
    assert f"epochs {fitted.n_iter_} " in text
    assert f" loss {fitted.loss_:.4g} " in text
    assert f"validation loss {fitted.validation_loss_curve_[-1]:.4g} " in text
    last = f"{fitted.validation_scores_[-1]:.4g}"
    assert f"validation accuracy {last} best {max(fitted.validation_scores_):.4g}, epoch {best + 1}" in text


def test_the_lowest_loss_is_told_where_nothing_else_was_measured(iris):
    model = MLPClassifier(8, learning_rate_init=0.5, max_iter=30, random_state=0, n_iter_no_change=30).fit(
        *iris
    )
    best = int(np.argmin(model.loss_curve_))
    assert best < 29
    assert f"lowest {model.loss_curve_[best]:.4g}, epoch {best + 1}" in shown(model).text
    X, y = iris
    assert "lowest" not in shown(model.fit(X, y, eval_set=(X, y))).text


def test_of_a_figure_of_which_less_is_better_the_least_is_best(iris):
    model = MLPClassifier(8, early_stopping="log_loss", max_iter=20, random_state=0).fit(*iris)
    assert f"validation log loss {-model.validation_scores_[-1]:.4g} " in shown(model).text
    assert f"best {-model.best_validation_score_:.4g}, epoch" in shown(model).text
    # What was trained counts, not what the parameter has been set to since.
    model.set_params(early_stopping=False)
    assert "validation log loss" in shown(model).text


def test_the_small_curve_has_the_losses(fitted):
    attributes = shown(fitted).attributes
    watched, train = [value for name, value in attributes if name == "points"]
    for points, curve in ((train, fitted.loss_curve_), (watched, fitted.validation_loss_curve_)):
        heights = np.array([float(point.split(",")[1]) for point in points.split()])
        both = fitted.loss_curve_ + fitted.validation_loss_curve_
        expected = 34 * (max(both) - np.array(curve)) / (max(both) - min(both))
        np.testing.assert_allclose(heights, expected, atol=0.051)
    label = dict(attributes)["aria-label"]
    assert (
        label == f"loss from {fitted.loss_curve_[0]:.4g} to {fitted.loss_:.4g} over {fitted.n_iter_} epochs"
    )


def test_a_long_training_has_a_short_curve(iris):
    model = MLPClassifier(2, max_iter=400, n_iter_no_change=np.inf, random_state=0).fit(*iris)
    (points,) = [value.split() for name, value in shown(model).attributes if name == "points"]
    assert 100 <= len(points) <= 120
    assert points[0].startswith("0.0,") and points[-1].startswith("132.0,")


def test_one_epoch_lbfgs_and_regression(iris):
    X, _ = iris
    one = MLPRegressor(hidden_layer_sizes=3, max_iter=1).fit(X, X[:, 0])
    assert "epochs 1 " in shown(one).text and "svg" not in shown(one).tags
    search = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", max_iter=5).fit(X, X[:, 0])
    assert f"iterations {search.n_iter_} " in shown(search).text
    assert shown(search).rows[1:] == [["0", "1", "identity", "5"]]


def test_only_settings_other_than_the_defaults_are_listed(fitted, iris):
    text = shown(fitted).text
    assert "6 settings other than the defaults" in text
    changed = {"hidden_layer_sizes", "activation", "dropout", "early_stopping", "max_iter", "random_state"}
    listed = set(re.findall(r"(\w+) =", text))
    assert listed == changed
    assert "All settings are the defaults." in shown(MLPClassifier().fit(*iris)).text


def test_of_a_file_it_says_that_there_is_no_history(fitted, tmp_path):
    save(fitted, tmp_path / "model.safetensors")
    text = shown(load(tmp_path / "model.safetensors")).text
    assert "how it was trained is not in it" in text and "diagnose" not in text


# ── findings ────────────────────────────────────────────────────────────────────────────────────────


def test_findings_are_those_of_the_last_diagnosis(iris):
    X, y = iris
    model = MLPClassifier(
        16, learning_rate_init=1e-7, batch_size=10, max_iter=20, random_state=0, warm_start=True
    ).fit(X, y)
    assert "Not diagnosed: diagnose(X, y) says" in shown(model).text
    findings = model.diagnose(X, y)
    assert findings
    text = shown(model).text
    for finding in findings:
        assert f"{finding['id'].replace('-', ' ')} {finding['severity']}" in text
        assert finding["cause"][1:] in text
        assert f"Could help: {finding['remedies'][0]['what']}" in text
    # The caller's list is the caller's.
    findings.clear()
    assert shown(model).text == text
    assert shown(pickle.loads(pickle.dumps(model))).text == text
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :2], y)
    assert shown(model).text == text
    model.fit(X, y)
    assert "Not diagnosed" in shown(model).text


def test_a_good_training_is_said_to_be_one(iris):
    X, y = iris
    model = MLPClassifier(16, learning_rate_init=0.02, max_iter=60, random_state=0).fit(X, y)
    found = model.diagnose(X, y)
    text = shown(model).text
    assert ("Diagnosed: nothing was found." in text) == (found == [])
    model._findings = []
    assert "Diagnosed: nothing was found." in shown(model).text


# ── safe, and scikit-learn's ────────────────────────────────────────────────────────────────────────


def test_all_text_is_escaped_and_nothing_is_fetched(iris):
    X, y = iris
    names = np.array([NASTY + str(label) for label in range(3)])[y]

    class Callback:
        def __call__(self, event):
            return False

        def __repr__(self):
            return NASTY

    model = MLPClassifier(
        4,
        class_weight={NASTY + "0": 2.0, NASTY + "1": 1.0, NASTY + "2": 1.0},
        callbacks=[Callback()],
        max_iter=2,
    ).fit(X, names)
    model._findings = [
        {"id": NASTY, "severity": NASTY, "layer": NASTY, "cause": NASTY, "remedies": [{"what": NASTY}]}
    ]
    html = model._repr_html_()
    page = Page(html)
    assert page.text.count("<script>") >= 6  # as text
    assert set(page.tags) <= {
        *("style", "div", "span", "table", "thead", "tbody", "tr", "th", "td", "svg", "polyline"),
        *("details", "summary", "code", "b", "i", "ul", "li"),
    }
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href", "id")]
    assert "http" not in html and "url(" not in html and "@import" not in html
    # Every rule is of the card alone.
    (style,) = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    for rule in re.findall(r"([^{}]+)\{", style):
        assert rule.strip().startswith(".deltarule-repr"), rule


def test_its_hues_are_legible_on_white_and_on_black(fitted):
    def luminance(color):
        channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    hues = set(re.findall(r"#[0-9a-f]{6}", fitted._repr_html_()))
    assert len(hues) == 4
    for hue in hues:
        for page in ("#ffffff", "#111111"):
            light, dark = sorted((luminance(hue), luminance(page)), reverse=True)
            # What WCAG 2 asks of graphics.
            assert (light + 0.05) / (dark + 0.05) >= 3, (hue, page)


def test_a_column_that_gives_the_target_away_is_named_safely(iris):
    import pandas as pd

    X, y = iris
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(**{NASTY: y.astype(float)})
    model = MLPClassifier(16, learning_rate_init=0.02, batch_size=10, max_iter=20, random_state=0).fit(
        table, y
    )
    found = model.diagnose(table, y)
    assert "leakage-suspected" in {finding["id"] for finding in found}
    assert "script" not in shown(model).tags


def test_scikit_learns_settings_and_diagrams_stay(fitted):
    assert "text/html" in fitted._repr_mimebundle_()
    assert fitted._repr_mimebundle_()["text/plain"] == repr(fitted)
    with config_context(display="text"):
        assert not hasattr(fitted, "_repr_html_")
        assert fitted._repr_mimebundle_() == {"text/plain": repr(fitted)}
    for diagram in (
        estimator_html_repr(fitted),
        MLPClassifier()._repr_html_(),
        make_pipeline(StandardScaler(), fitted)._repr_html_(),
    ):
        assert "sk-top-container" in diagram and "MLPClassifier" in diagram
        assert "deltarule-repr" not in diagram


def test_an_estimator_in_training_shows_itself(iris):
    htmls = []

    class Show:
        def __init__(self, needs_network):
            self.needs_network = needs_network

        def __call__(self, event):
            htmls.append(model._repr_mimebundle_()["text/html"])

    model = MLPClassifier(4, max_iter=2, callbacks=[Show(True)], early_stopping="cost")
    model.fit(*iris)
    assert len(htmls) == 2 and "35 parameters" in Page(htmls[0]).text
    htmls.clear()
    model.set_params(callbacks=[Show(False)]).fit(*iris)
    assert len(htmls) == 2 and "in training" in Page(htmls[0]).text
    assert f"loss {model.loss_curve_[0]:.4g}" in Page(htmls[0]).text
    assert f"validation cost {-model.validation_scores_[0]:.4g}" in Page(htmls[0]).text
    assert "in training" not in shown(model).text
