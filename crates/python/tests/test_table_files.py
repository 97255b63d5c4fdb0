"""Model files with an encoder: the command line reads a table's file, the package its columns, and both say the same."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import deltarule
from deltarule import DeltaruleError, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DATASETS = Path(__file__).resolve().parents[3] / "datasets"


def program(*words):
    """The command line; DELTARULE_PROGRAM says where it is."""
    command = [os.environ["DELTARULE_PROGRAM"], *map(str, words)]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stderr
    return said.stdout


def predicted(path, rows, folder):
    program("predict", path, rows, "--out", folder / "said.csv")
    return pd.read_csv(folder / "said.csv")


def people(rows=500):
    """The census with holes in words, in numbers and in dates."""
    table = pd.read_csv(DATASETS / "adult.csv.gz", nrows=rows)
    table["seen"] = pd.date_range("2020-01-01", periods=rows, freq="31h").strftime("%Y-%m-%dT%H:%M:%S")
    table.loc[::7, "workclass"] = None
    table.loc[3::11, "age"] = np.nan
    table.loc[5::13, "seen"] = None
    table["member"] = np.arange(rows) % 3 == 0
    return table


@pytest.mark.parametrize(
    "parameters", [{}, {"scaling": "standard"}, {"numeric_encoding": "piecewise", "bins": 8}]
)
@pytest.mark.parametrize("one_hot_limit", [50, 6])
def test_what_is_saved_predicts_the_same_from_the_raw_file(parameters, one_hot_limit, tmp_path):
    table = people()
    table.to_csv(tmp_path / "rows.csv", index=False)
    X, y = table.drop(columns="salary"), table["salary"]
    X["seen"] = pd.to_datetime(X["seen"])
    model = MLPClassifier(
        (8, 4), max_iter=5, random_state=0, allow_missing=True, one_hot_limit=one_hot_limit, **parameters
    ).fit(X, y)
    path = tmp_path / "model.safetensors"
    deltarule.save(model, path)
    said = predicted(path, tmp_path / "rows.csv", tmp_path)
    probabilities = model.predict_proba(X)
    assert list(said["prediction"]) == list(model.predict(X))
    columns = [f"probability_{name}" for name in model.classes_]
    np.testing.assert_array_equal(said[columns].to_numpy(np.float32), probabilities)
    loaded = deltarule.load(path)
    for name in ("scaling", "numeric_encoding", "one_hot_limit", "allow_missing", "hidden_layer_sizes"):
        assert getattr(loaded, name) == getattr(model, name)
    assert loaded.encoding_ == model.encoding_
    np.testing.assert_array_equal(loaded.predict_proba(X), probabilities)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    # It is the same file again.
    deltarule.save(loaded, tmp_path / "again.safetensors")
    again = deltarule.load(tmp_path / "again.safetensors")
    np.testing.assert_array_equal(again.predict_proba(X), probabilities)
    # And it goes on learning.
    loaded.partial_fit(X, y)
    assert np.isfinite(loaded.loss_)


def test_what_the_command_line_trained_on_a_table_predicts_the_same(tmp_path):
    table = people()
    table.to_csv(tmp_path / "rows.csv", index=False)
    program("train", tmp_path / "rows.csv", "--target", "salary", "--epochs", 3, "--run", tmp_path / "run")
    path = tmp_path / "run" / "model.safetensors"
    model = deltarule.load(path)
    assert list(model.classes_) == ["<=50K", ">50K"]
    said = predicted(path, tmp_path / "rows.csv", tmp_path)
    rows = pd.read_csv(tmp_path / "rows.csv")[list(model.feature_names_in_)]
    for X in (rows, pl.read_csv(tmp_path / "rows.csv").select(list(model.feature_names_in_))):
        assert list(said["prediction"]) == list(model.predict(X))
        columns = [f"probability_{name}" for name in model.classes_]
        np.testing.assert_array_equal(said[columns].to_numpy(np.float32), model.predict_proba(X))
    assert model.score(rows, table["salary"]) == pytest.approx((said["prediction"] == table["salary"]).mean())
    assert model.check_gradients(rows[:20], table["salary"][:20])["verdict"] == "passed"
    assert set(model.encoding_) == set(model.feature_names_in_)


@pytest.mark.parametrize("scaling", ["standard", "log"])
def test_a_regression_is_told_in_the_targets_units(scaling, tmp_path):
    table = pd.read_csv(DATASETS / "diamonds.csv.gz", nrows=600)
    table.to_csv(tmp_path / "rows.csv", index=False)
    train = ["train", tmp_path / "rows.csv", "--target", "price", "--epochs", 5, "--precision", "f64"]
    program(*train, "--target-scaling", scaling, "--run", tmp_path / "run")
    path = tmp_path / "run" / "model.safetensors"
    model = deltarule.load(path)
    assert isinstance(model, MLPRegressor)
    X, y = table[list(model.feature_names_in_)], table["price"]
    said = predicted(path, tmp_path / "rows.csv", tmp_path)["prediction"]
    np.testing.assert_allclose(model.predict(X), said, rtol=1e-14)
    assert 300 < model.predict(X).mean() < 20_000
    # Gradients are per unit of the column, in the target's units.
    step = 1e-5
    above, below = X.assign(depth=X["depth"] + step), X.assign(depth=X["depth"] - step)
    differences = (model.predict(above) - model.predict(below)) / (2 * step)
    gradient = model.input_gradient(X)[:, list(X.columns).index("depth")]
    # An edge of a bin, or of a unit, may lie between the two.
    assert np.isclose(gradient, differences, rtol=1e-3, atol=1e-3).mean() > 0.9
    # Training goes on on the target's scale.
    before = model.score(X, y)
    model.set_params(max_iter=20, warm_start=True, batch_size=32)
    model.fit(X, y)
    assert model.score(X, y) > before
    deltarule.save(model, tmp_path / "further.safetensors")
    further = predicted(tmp_path / "further.safetensors", tmp_path / "rows.csv", tmp_path)["prediction"]
    np.testing.assert_allclose(model.predict(X), further, rtol=1e-14)


def test_several_networks_are_no_estimator(tmp_path):
    people(200).to_csv(tmp_path / "rows.csv", index=False)
    train = ["train", tmp_path / "rows.csv", "--target", "salary", "--epochs", 1, "--ensemble", 2]
    program(*train, "--run", tmp_path / "run")
    with pytest.raises(DeltaruleError, match="its networks.*expected one"):
        deltarule.load(tmp_path / "run" / "model.safetensors")


def test_a_column_called_target_is_no_target(tmp_path):
    X = pd.DataFrame({"target": ["a", "b", "c", "a"] * 5, "x": np.arange(20.0)})
    model = MLPClassifier(4, max_iter=2, random_state=0).fit(X, [0, 1] * 10)
    deltarule.save(model, tmp_path / "model.safetensors")
    loaded = deltarule.load(tmp_path / "model.safetensors")
    assert list(loaded.feature_names_in_) == ["target", "x"]
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert model.explain(X[:2], [0, 1]).data["cost"] > 0
