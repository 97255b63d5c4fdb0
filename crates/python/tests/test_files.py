"""Model files that the command line and the package share."""

import os
import subprocess

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification

import deltarule
from deltarule import DeltaruleError, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def program(*words):
    """The command line; DELTARULE_PROGRAM says where it is."""
    command = [os.environ["DELTARULE_PROGRAM"], *map(str, words)]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    return said.stdout


def tasks():
    iris = load_iris(as_frame=True)
    X, y = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_")), iris.target
    words = y.map(dict(enumerate(iris.target_names)))
    diabetes = load_diabetes(as_frame=True)
    X_labels, Y_labels = make_multilabel_classification(n_samples=100, random_state=0)
    return {
        "numbers as classes": (MLPClassifier(8, max_iter=20, random_state=0), X, y),
        "words as classes": (MLPClassifier(8, max_iter=20, random_state=0), X, words),
        "two classes": (MLPClassifier(8, max_iter=20, random_state=0), X[y < 2], words[y < 2]),
        "labels": (MLPClassifier(8, max_iter=20, random_state=0), X_labels, Y_labels),
        "a number": (
            MLPRegressor(hidden_layer_sizes=(8, 4), max_iter=20, random_state=0),
            diabetes.data,
            diabetes.target,
        ),
        "two numbers": (
            MLPRegressor(hidden_layer_sizes=8, max_iter=20, precision="f64", random_state=0),
            diabetes.data,
            np.column_stack([diabetes.target, -diabetes.target]),
        ),
    }


@pytest.mark.parametrize("task", tasks())
def test_what_is_saved_predicts_the_same_on_the_command_line_and_when_loaded(task, tmp_path):
    model, X, y = tasks()[task]
    model.fit(X, y)
    path = tmp_path / "model.safetensors"
    deltarule.save(model, path)
    loaded = deltarule.load(path)
    assert type(loaded) is type(model)
    assert loaded.hidden_layer_sizes == tuple(np.atleast_1d(model.hidden_layer_sizes))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    if hasattr(X, "columns"):
        assert list(loaded.feature_names_in_) == list(X.columns)
    table = X if hasattr(X, "columns") else pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    table.to_csv(tmp_path / "rows.csv", index=False)
    program("predict", path, tmp_path / "rows.csv", "--out", tmp_path / "said.csv")
    said = pd.read_csv(tmp_path / "said.csv")
    predictions = model.predict(X)
    if predictions.ndim == 1 and isinstance(model, MLPClassifier):
        assert list(said["prediction"]) == list(predictions)
        columns = [f"probability_{c}" for c in model.classes_]
        np.testing.assert_allclose(said[columns], model.predict_proba(X), rtol=1e-4, atol=1e-6)
    elif task == "labels":
        probabilities = said[[name for name in said if name.startswith("probability")]]
        np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=1e-4, atol=1e-6)
    else:
        numbers = said[[name for name in said if name.startswith("prediction")]].to_numpy()
        np.testing.assert_allclose(numbers, predictions.reshape(len(X), -1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("target", ["number", "class"])
def test_what_the_command_line_trained_is_loaded(target, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    table["number"] = table.a - table.b
    table["class"] = np.where(table.a > 0, "up", "down")
    other = {"number": "class", "class": "number"}[target]
    table.to_csv(tmp_path / "rows.csv", index=False)
    path = tmp_path / "run" / "model.safetensors"
    plain = ["--scaling", "none", "--numeric-encoding", "plain"]
    plain += ["--target-scaling", "none"] if target == "number" else []
    train = [
        "train",
        tmp_path / "rows.csv",
        "--target",
        target,
        "--ignore",
        other,
        "--epochs",
        5,
        "--ensemble",
        1,
    ]
    program(*train, "--run", tmp_path / "run", *plain)
    model = deltarule.load(path)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    program("predict", path, tmp_path / "rows.csv", "--out", tmp_path / "said.csv")
    said = pd.read_csv(tmp_path / "said.csv")
    predictions = model.predict(table[["a", "b", "c"]])
    if target == "class":
        assert list(said["prediction"]) == list(predictions)
    else:
        np.testing.assert_allclose(said["prediction"], predictions, rtol=1e-4, atol=1e-5)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        deltarule.load(tmp_path / "nothing.safetensors")
    (tmp_path / "text.safetensors").write_text("this is no model")
    with pytest.raises(DeltaruleError):
        deltarule.load(tmp_path / "text.safetensors")
