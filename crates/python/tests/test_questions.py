"""What a fitted estimator answers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from deltarule import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    data = load_iris(as_frame=True)
    X = (data.data - data.data.mean()) / data.data.std()
    return X.rename(columns=lambda name: name.removesuffix(" (cm)")), data.target.map(
        dict(enumerate(data.target_names))
    )


def test_one_sigmoid_unit_is_the_textbooks_line():
    # x_i · ŷ(1−ŷ) · (ŷ−y) of the squared error, from a network whose hidden layer passes its input on.
    X, y = np.array([[0.5, -1.0]]), np.array([0.25])
    model = MLPRegressor(
        hidden_layer_sizes=1, activation="logistic", precision="f64", max_iter=1, alpha=0
    ).fit(X, y)
    w, b = [array.copy() for array in model.coefs_], [array.copy() for array in model.intercepts_]
    hidden = 1 / (1 + np.exp(-(X @ w[0] + b[0])))
    error = (hidden @ w[1] + b[1]).item() - 0.25
    expected = X[0, 1] * (hidden * (1 - hidden)).item() * w[1].item() * error
    told = model.explain(X, y, weight=(0, 1, 0), depth=3)
    assert told.data["ledger"]["value"] == pytest.approx(expected, rel=1e-12)
    assert told.data["difference"] <= told.data["tolerance"]


def test_explanations_name_columns_and_classes(iris, tmp_path):
    X, y = iris
    model = MLPClassifier(8, max_iter=30, random_state=0).fit(X, y)
    told = model.explain(X[:1], y[:1], output="virginica")
    assert {output["name"].split(" = ")[-1] for output in told.data["outputs"]} == set(y)
    assert {share["column"] for share in told.data["columns"]["shares"]} == set(X.columns)
    gradient = model.input_gradient(X[:1], 2)[0]
    by_column = {share["column"]: share["gradient"] for share in told.data["columns"]["shares"]}
    np.testing.assert_allclose([by_column[name] for name in X.columns], gradient, rtol=1e-3, atol=1e-7)
    told.to_html(tmp_path / "told.html")
    assert "petal length" in (tmp_path / "told.html").read_text(encoding="utf-8")
    told.to_tex(tmp_path / "told.tex")
    assert (tmp_path / "told.tex").read_text(encoding="utf-8").startswith("\\documentclass")
    with pytest.raises(ValueError, match=r"layers.0.w is \[4, 8\]"):
        model.explain(X[:1], y[:1], weight=(0, 99, 0))
    assert "∂C/∂" in repr(told)


def test_gradients_are_checked(iris):
    X, y = iris
    receipt = (
        MLPClassifier((8, 6), "tanh", max_iter=10, random_state=0).fit(X, y).check_gradients(X[:40], y[:40])
    )
    assert receipt["verdict"] == "passed" and receipt["rows"] == 40
    assert [tensor["tensor"] for tensor in receipt["tensors"]] == [
        f"layers.{layer}.{kind}" for layer in range(3) for kind in "wb"
    ]
    assert all(tensor["f64"] < 1e-5 and tensor["f32"] < 1e-3 for tensor in receipt["tensors"])


def test_a_diagnosis_names_what_is_wrong(iris):
    X, y = iris
    well = MLPClassifier(16, learning_rate_init=0.02, max_iter=60, random_state=0).fit(X, y)
    assert [finding for finding in well.diagnose(X, y) if finding["severity"] != "note"] == []
    slow = MLPClassifier(16, learning_rate_init=1e-7, batch_size=10, max_iter=20, random_state=0).fit(X, y)
    found = {finding["id"]: finding for finding in slow.diagnose(X, y)}
    assert "learning-rate-too-low" in found
    assert found["learning-rate-too-low"]["remedies"] and found["learning-rate-too-low"]["evidence"]
    leaking = X.assign(code=y.astype("category").cat.codes)
    model = MLPClassifier(16, learning_rate_init=0.02, batch_size=10, max_iter=20, random_state=0).fit(
        leaking, y
    )
    assert "leakage-suspected" in {finding["id"] for finding in model.diagnose(leaking, y)}


def test_numbers_are_explained_too():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(100, 2)), columns=["a", "b"])
    model = MLPRegressor(hidden_layer_sizes=4, activation="tanh", solver="lbfgs", random_state=0).fit(
        X, np.column_stack([X.a, X.b * 2])
    )
    told = model.explain(X[:1], np.array([[1.0, 2.0]]), output="target1")
    assert told.data["columns"]["output"] == "target1"
    assert model.check_gradients(X, np.column_stack([X.a, X.b]))["verdict"] == "passed"
    assert isinstance(model.diagnose(X, np.column_stack([X.a, X.b * 2])), list)
