"""What the estimators do, beside scikit-learn's where it does the same."""

import copy
import doctest
import importlib
import pickle
import subprocess
import sys
import warnings

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
    make_multilabel_classification,
)
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import deltarule
from deltarule import DeltaruleError, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), (y - y.mean()) / y.std()


# ── the same as scikit-learn's ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "ours, other", [(MLPClassifier, theirs.MLPClassifier), (MLPRegressor, theirs.MLPRegressor)]
)
def test_every_parameter_method_and_default_is_there(ours, other):
    mine, reference = ours().get_params(), other().get_params()
    assert {name: mine[name] for name in reference} == reference
    public = {name for name in dir(other) if not name.startswith("_")}
    assert public <= set(dir(ours))


@pytest.mark.parametrize("kind", ["classes", "two classes", "numbers"])
def test_plain_descent_follows_scikit_learns_losses(kind, iris, diabetes):
    # From the same seed, so the same weights, in the same order of rows, without a penalty: 100 steps.
    X, y = diabetes if kind == "numbers" else iris
    if kind == "two classes":
        X, y = X[y < 2], y[y < 2]
    rows = 10 * (len(X) // 10)
    X, y = X[:rows], y[:rows]
    name = "MLPRegressor" if kind == "numbers" else "MLPClassifier"
    both = {
        "hidden_layer_sizes": (7, 5),
        "activation": "tanh",
        "solver": "sgd",
        "alpha": 0,
        "batch_size": rows // 10,
        "momentum": 0,
        "shuffle": False,
        "learning_rate_init": 0.05,
        "max_iter": 10,
        "tol": 0,
        "random_state": 3,
    }
    other = getattr(theirs, name)(**both).fit(X, y)
    ours = getattr(deltarule, name)(**both, precision="f64").fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, other.loss_curve_, rtol=1e-6)
    for mine, reference in zip(ours.coefs_ + ours.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
def test_accuracy_at_defaults_is_no_worse(load):
    X, y = load(return_X_y=True)
    scores = {MLPClassifier: [], theirs.MLPClassifier: []}
    for seed in range(5):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed, stratify=y)
        for estimator, found in scores.items():
            model = make_pipeline(StandardScaler(), estimator(random_state=seed))
            found.append(model.fit(X_train, y_train).score(X_test, y_test))
    # A row of a test set more or less is no difference.
    assert np.mean(scores[MLPClassifier]) >= np.mean(scores[theirs.MLPClassifier]) - 1 / len(X_test)


@pytest.mark.parametrize("load", [load_diabetes, load_linnerud])
def test_r2_at_defaults_is_no_worse(load):
    X, y = load(return_X_y=True)
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    scores = {MLPRegressor: [], theirs.MLPRegressor: []}
    for seed in range(5):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        for estimator, found in scores.items():
            model = make_pipeline(StandardScaler(), estimator(random_state=seed))
            found.append(model.fit(X_train, y_train).score(X_test, y_test))
    # From seed to seed it differs by 0.09 on diabetes, by more than 1 on the 20 rows of linnerud.
    assert np.mean(scores[MLPRegressor]) >= np.mean(scores[theirs.MLPRegressor]) - 0.01


def test_layers_and_attributes_have_scikit_learns_shapes(iris):
    X, y = iris
    ours = MLPClassifier((8, 6), max_iter=3, random_state=0).fit(X, y)
    other = theirs.MLPClassifier((8, 6), max_iter=3, random_state=0).fit(X, y)
    assert [w.shape for w in ours.coefs_] == [w.shape for w in other.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in other.intercepts_]
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "t_", "n_features_in_"):
        assert getattr(ours, name) == getattr(other, name), name
    assert len(ours.loss_curve_) == 3
    assert ours.best_loss_ == min(ours.loss_curve_)
    assert ours.validation_scores_ is None


def test_early_stopping_splits_and_scores_as_theirs(iris):
    X, y = iris
    both = {"max_iter": 60, "early_stopping": True, "random_state": 1, "n_iter_no_change": 5}
    ours = MLPClassifier(**both).fit(X, y)
    other = theirs.MLPClassifier(**both).fit(X, y)
    assert len(ours.validation_scores_) == ours.n_iter_
    assert ours.best_validation_score_ == max(ours.validation_scores_)
    assert ours.best_loss_ is None and other.best_loss_ is None
    # All rows are one batch, so that their order makes no difference.
    np.testing.assert_allclose(ours.validation_scores_, other.validation_scores_)
    # A few units have gradients of ε's size, and go their own way.
    assert np.median(np.abs(ours.coefs_[0] - other.coefs_[0])) < 1e-5


# ── beyond it ───────────────────────────────────────────────────────────────────────────────────────


def test_rows_of_ones_own_are_watched_by_any_score(iris):
    X, y = iris
    X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0, stratify=y)
    model = MLPClassifier(max_iter=30, early_stopping="log_loss", random_state=0)
    model.fit(X_train, y_train, eval_set=(X_val, y_val))
    from sklearn.metrics import log_loss

    best = log_loss(y_val, model.predict_proba(X_val))
    assert -model.best_validation_score_ == pytest.approx(best, rel=1e-4)
    assert len(model.validation_loss_curve_) == model.n_iter_
    assert min(model.validation_loss_curve_) == pytest.approx(best, rel=1e-4)


def test_class_weights_move_the_border():
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.1).astype(int)
    X = rng.normal(size=(600, 3)) + 0.7 * y[:, None]
    plain = MLPClassifier(16, max_iter=60, random_state=0).fit(X, y)
    balanced = MLPClassifier(16, max_iter=60, random_state=0, class_weight="balanced").fit(X, y)
    assert balanced.predict(X).sum() > 2 * plain.predict(X).sum()
    by_hand = MLPClassifier(
        16, max_iter=60, random_state=0, class_weight={0: 600 / 2 / (y == 0).sum(), 1: 600 / 2 / y.sum()}
    )
    np.testing.assert_allclose(by_hand.fit(X, y).predict_proba(X), balanced.predict_proba(X), atol=1e-5)


def test_every_solver_activation_and_cost_learns(iris, diabetes):
    X, y = iris
    for solver in ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "rprop", "lbfgs"):
        rate = 0.05 if solver in ("sgd", "momentum", "nesterov") else 0.005
        model = MLPClassifier(
            16, solver=solver, learning_rate_init=rate, max_iter=150, batch_size=150, random_state=0
        )
        assert model.fit(X, y).score(X, y) > 0.93, solver
    for activation in (
        "identity",
        "logistic",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "softplus",
    ):
        model = MLPClassifier(
            (12, 8), [activation, "tanh"], learning_rate_init=0.02, max_iter=80, random_state=0
        )
        assert model.fit(X, y).score(X, y) > 0.93, activation
    X, y = diabetes
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        model = MLPRegressor(loss, 16, learning_rate_init=0.01, max_iter=60, random_state=0)
        assert model.fit(X, y).score(X, y) > 0.45, loss
    counts = np.random.default_rng(0).poisson(np.exp(0.5 * X[:, 2]))
    poisson = MLPRegressor("poisson", 16, learning_rate_init=0.01, max_iter=60, random_state=0).fit(X, counts)
    assert (poisson.predict(X) > 0).all()
    assert poisson.predict(X).mean() == pytest.approx(counts.mean(), rel=0.1)


def test_a_quantile_is_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 1))
    y = rng.normal(size=2000)
    model = MLPRegressor(
        "quantile", 8, quantile=0.9, learning_rate_init=0.01, max_iter=40, random_state=0
    ).fit(X, y)
    assert (y <= model.predict(X)).mean() == pytest.approx(0.9, abs=0.03)


def test_dropout_normalisation_and_smoothing_are_used(iris):
    X, y = iris
    plain = MLPClassifier(32, max_iter=60, learning_rate_init=0.01, random_state=0).fit(X, y)
    for change in (
        {"dropout": 0.5},
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"label_smoothing": 0.2},
    ):
        other = MLPClassifier(32, max_iter=60, learning_rate_init=0.01, random_state=0, **change).fit(X, y)
        assert not np.allclose(other.predict_proba(X), plain.predict_proba(X)), change
        assert other.score(X, y) > 0.93, change
    smooth = MLPClassifier(32, max_iter=60, learning_rate_init=0.01, random_state=0, label_smoothing=0.2).fit(
        X, y
    )
    assert smooth.predict_proba(X).max() < plain.predict_proba(X).max()


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_a_focal_loss_is_its_formula(task, iris):
    X, y = iris
    targets = {
        "binary": y == 0,
        "multiclass": y,
        "multilabel": np.stack([y == 0, y > 0], axis=1).astype(int),
    }[task]
    settings = {"solver": "sgd", "alpha": 0.0, "batch_size": len(X), "precision": "f64", "random_state": 0}
    model = MLPClassifier(5, loss="focal", focal_gamma=1.5, max_iter=1, **settings)
    # The loss of the first epoch is that of the weights which it began with.
    before = MLPClassifier(5, max_iter=1, learning_rate_init=1e-300, **settings).fit(X, targets)
    p = before.predict_proba(X)
    if task == "multilabel":
        seen = np.where(targets == 1, p, 1 - p)
    else:
        seen = p[np.arange(len(X)), targets.astype(int)][:, None]
    expected = ((1 - seen) ** 1.5 * -np.log(seen)).sum(axis=1).mean()
    assert model.fit(X, targets).loss_ == pytest.approx(expected, rel=1e-12)
    assert model.check_gradients(X, targets)["verdict"] == "passed"
    # With 0 it is the log loss.
    plain = MLPClassifier(5, max_iter=9, random_state=0).fit(X, targets)
    none = MLPClassifier(5, loss="focal", focal_gamma=0, max_iter=9, random_state=0).fit(X, targets)
    assert none.loss_curve_ == pytest.approx(plain.loss_curve_, rel=1e-6)


def test_a_focal_loss_has_no_labels_to_smooth(iris):
    with pytest.raises(ValueError, match="label_smoothing"):
        MLPClassifier(5, loss="focal", label_smoothing=0.1).fit(*iris)


def test_callbacks_hear_each_epoch_and_may_end_the_training(iris):
    X, y = iris
    heard = []

    def listen(event):
        heard.append(event)
        return len(heard) == 4

    model = MLPClassifier(8, callbacks=[listen], random_state=0).fit(X, y)
    assert model.n_iter_ == len(heard) == 4
    assert [event["cost"] for event in heard] == model.loss_curve_

    def fail(event):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        model.set_params(callbacks=[fail]).fit(X, y)
    assert model.predict(X).shape == y.shape


def test_going_on_keeps_the_optimizers_state(iris):
    X, y = iris
    both = {"hidden_layer_sizes": 8, "random_state": 0, "shuffle": False, "tol": 0}
    whole = MLPClassifier(max_iter=20, **both).fit(X, y)
    warm = MLPClassifier(max_iter=10, warm_start=True, **both).fit(X, y).fit(X, y)
    passes = MLPClassifier(**both)
    for _ in range(20):
        passes.partial_fit(X, y, classes=[0, 1, 2])
    for other in (warm, passes):
        np.testing.assert_array_equal(other.predict_proba(X), whole.predict_proba(X))
        assert other.loss_curve_ == whole.loss_curve_
    assert passes.t_ == whole.t_ == 20 * len(X)


def test_partial_fit_knows_several_labels():
    X, Y = make_multilabel_classification(n_samples=200, random_state=0)
    model = MLPClassifier(16, learning_rate_init=0.01, random_state=0)
    for _ in range(60):
        model.partial_fit(X, Y, classes=np.arange(Y.shape[1]), eval_set=(X, Y))
    assert model.predict(X).shape == Y.shape
    assert (model.predict(X) == Y).mean() > 0.8
    assert len(model.validation_loss_curve_) == 60


def test_learning_rates_change(iris):
    X, y = iris
    both = {
        "hidden_layer_sizes": 8,
        "solver": "sgd",
        "learning_rate_init": 0.1,
        "max_iter": 40,
        "random_state": 0,
        "tol": 0.5,
    }
    adaptive = MLPClassifier(learning_rate="adaptive", n_iter_no_change=2, **both).fit(X, y)
    assert adaptive._rate < 0.1 and adaptive.n_iter_ > 3
    falling = MLPClassifier(learning_rate="invscaling", **{**both, "tol": 0}).fit(X, y)
    constant = MLPClassifier(learning_rate="constant", **{**both, "tol": 0}).fit(X, y)
    assert falling._rate == pytest.approx(0.1 / (falling.t_ + 1) ** 0.5)
    assert falling.loss_ > constant.loss_


def test_the_gradient_by_inputs_is_that_of_moving_them(iris):
    X, y = iris
    model = MLPClassifier((9, 7), "tanh", precision="f64", max_iter=20, random_state=0).fit(X, y)
    for output in range(3):
        gradient = model.input_gradient(X, output)
        for column in range(X.shape[1]):
            step = np.zeros(X.shape[1])
            step[column] = 1e-6
            moved = model.predict_proba(X + step) - model.predict_proba(X - step)
            np.testing.assert_allclose(gradient[:, column], moved[:, output] / 2e-6, atol=1e-7)


def test_rows_are_answered_alike_alone_and_together(iris):
    X, y = iris
    for precision in ("f32", "f64"):
        model = MLPClassifier((9, 7), max_iter=20, precision=precision, random_state=0).fit(X, y)
        together = model.predict_proba(X)
        alone = np.vstack([model.predict_proba(X[row : row + 1]) for row in range(len(X))])
        np.testing.assert_array_equal(alone, together)
        np.testing.assert_array_equal(np.vstack([model.predict_proba([list(row)]) for row in X]), together)
        model.coefs_ = [2 * w for w in model.coefs_]
        assert not np.allclose(model.predict_proba(X[:1]), together[:1])
        np.testing.assert_array_equal(model.predict_proba(X[:1]), model.predict_proba(X)[:1])
    for wrong in (X[:1, :3], np.array([[np.nan, 0, 0, 0]]), X[0], X[:0]):
        with pytest.raises(ValueError):
            model.predict(wrong)


def test_threads_may_ask_one_estimator(iris):
    from concurrent.futures import ThreadPoolExecutor

    X, y = iris
    X = np.tile(X, (40, 1))
    model = MLPClassifier(64, max_iter=3, random_state=0).fit(X, np.tile(y, 40))
    expected = model.predict_proba(X)
    with ThreadPoolExecutor(8) as executor:
        asked = [executor.submit(model.predict_proba, X if number % 2 else X[:1]) for number in range(64)]
        for number, answer in enumerate(asked):
            np.testing.assert_array_equal(answer.result(), expected if number % 2 else expected[:1])


# ── within scikit-learn ─────────────────────────────────────────────────────────────────────────────


def test_copies_of_all_kinds_go_on_alike(iris, tmp_path):
    X, y = iris
    model = MLPClassifier(8, warm_start=True, max_iter=5, random_state=0).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    copies = [
        pickle.loads(pickle.dumps(model)),
        cloudpickle.loads(cloudpickle.dumps(model)),
        joblib.load(tmp_path / "model.joblib"),
        copy.deepcopy(model),
    ]
    model.fit(X, y)
    for other in copies:
        np.testing.assert_array_equal(other.fit(X, y).predict_proba(X), model.predict_proba(X))
    assert not hasattr(clone(model), "_mlp")


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_a_search_runs_in_processes(iris, backend):
    X, y = iris
    MLPClassifier(8, max_iter=5, n_jobs=2).fit(X, y)  # threads that a fork does not have
    search = GridSearchCV(
        MLPClassifier(max_iter=30, random_state=0, n_jobs=2), {"hidden_layer_sizes": [(4,), (16,)]}, cv=2
    )
    with joblib.parallel_config(backend, n_jobs=2):
        search.fit(X, y)
    assert search.best_score_ > 0.6


def test_what_wraps_estimators_takes_them(iris):
    X, y = iris
    model = MLPClassifier(8, max_iter=60, learning_rate_init=0.02, random_state=0)
    assert cross_validate(model, X, y, cv=3)["test_score"].mean() > 0.85
    assert CalibratedClassifierCV(model, cv=2).fit(X, y).score(X, y) > 0.85
    stack = StackingClassifier([("one", model), ("two", clone(model).set_params(activation="tanh"))], cv=2)
    assert stack.fit(X, y).score(X, y) > 0.85
    importance = permutation_importance(model.fit(X, y), X, y, n_repeats=3, random_state=0)
    assert importance.importances_mean[2:].max() > importance.importances_mean[:2].max()


def test_partial_dependence_is_drawn(iris):
    import matplotlib

    matplotlib.use("Agg")
    from sklearn.inspection import PartialDependenceDisplay, partial_dependence

    X, y = iris
    model = MLPClassifier(8, max_iter=60, learning_rate_init=0.02, random_state=0).fit(X, y)
    display = PartialDependenceDisplay.from_estimator(model, X, [2, (2, 3)], target=1, grid_resolution=6)
    (line,) = display.lines_[0][0][None] if isinstance(display.lines_[0][0], dict) else [display.lines_[0][0]]
    grid, drawn = line.get_data()
    by_hand = []
    for value in grid:
        moved = X.copy()
        moved[:, 2] = value
        by_hand.append(model.predict_proba(moved)[:, 1].mean())
    np.testing.assert_allclose(drawn, by_hand, rtol=1e-5)
    assert partial_dependence(model, X, [0], grid_resolution=6)["average"].shape == (3, 6)
    display.figure_.clear()


def test_weights_are_routed(iris):
    import sklearn

    X, y = iris
    weights = np.where(y == 2, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier(8, max_iter=40, learning_rate_init=0.05, random_state=0).set_fit_request(
            sample_weight=True
        )
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
    assert (pipeline.predict(X) != 2).all()


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────


def test_errors_are_of_scikit_learns_kinds(iris):
    X, y = iris
    with pytest.raises(NotFittedError):
        MLPClassifier().predict(X)
    with pytest.raises(ValueError, match="solver"):
        MLPClassifier(solver="newton").fit(X, y)
    with pytest.raises(ValueError, match="activation: expected one value or 2"):
        MLPClassifier((3, 3), ["relu"] * 3).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        MLPClassifier().fit(np.where(X > 2, np.nan, X), y)
    with pytest.raises(ValueError, match="lbfgs"):
        MLPClassifier(solver="lbfgs", dropout=0.5).fit(X, y)
    with pytest.raises(ValueError, match="single precision"):
        MLPClassifier().fit(X * 1e300, y)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        MLPClassifier(max_iter=2).fit(X, y)


def test_divergence_says_where_and_leaves_what_was_there(iris):
    X, _ = iris
    model = MLPRegressor(
        hidden_layer_sizes=8, solver="sgd", momentum=0, warm_start=True, max_iter=3, random_state=0
    ).fit(X, X[:, 0])
    before = model.predict(X)
    with pytest.raises(DeltaruleError, match="layer|cost"):
        model.set_params(learning_rate_init=1e30).fit(X, X[:, 0])
    np.testing.assert_array_equal(model.predict(X), before)


def test_ctrl_c_is_heard_and_leaves_a_model():
    program = """
import os, signal, threading, time, warnings
import numpy as np
from deltarule import MLPClassifier
# What a shell starts in the background ignores the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).normal(size=(20000, 50)); y = (X[:, 0] > 0).astype(int)
model = MLPClassifier((256, 256), max_iter=100000, tol=0, n_iter_no_change=np.inf, random_state=0)
sent = []
threading.Timer(1.5, lambda: (sent.append(time.perf_counter()), os.kill(os.getpid(), signal.SIGINT))).start()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X, y)
print(time.perf_counter() - sent[0], model.predict(X[:3]).shape, model.n_iter_ > 0 or model.loss_curve_ == [])
print([str(warning.message) for warning in caught])
"""
    said = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0, said.stderr
    assert "Training interrupted by user." in said.stdout
    # Long before the epochs are over; how soon is measured, not asserted, on a machine that may be busy.
    assert float(said.stdout.split()[0]) < 5, said.stdout


def test_importing_is_lazy():
    program = "import sys, deltarule; assert not {'numpy', 'sklearn'} & set(sys.modules); print(deltarule.__version__)"
    said = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == deltarule.__version__


@pytest.mark.parametrize("name", ["_mlp", "_files", "_sklearn", "callbacks"])
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = doctest.testmod(importlib.import_module(f"deltarule.{name}"))
    assert outcome.attempted >= 2 and outcome.failed == 0


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_it_ends_where_it_ends_when_somebody_is_called_at_each_epoch(solver):
    X, y = load_iris(return_X_y=True)
    parameters = {"solver": solver, "tol": 3e-3, "n_iter_no_change": 3, "random_state": 1}
    quiet = MLPClassifier(**parameters).fit(X, y)
    heard = []
    told = MLPClassifier(**parameters, callbacks=[heard.append]).fit(X, y)
    assert len(heard) == told.n_iter_ < 200 and told.converged_
    for name in ("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_", "converged_", "_no_improvement"):
        assert getattr(quiet, name) == getattr(told, name), name


MEASURE = """
import numpy as np
from deltarule import MLPRegressor

def held():
    # Not ru_maxrss, which begins with what the process had that this one was started by.
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024

X = np.ones((1_000_000, 32), dtype=np.float32)
y = np.ones(len(X), dtype=np.float32)
model = MLPRegressor(hidden_layer_sizes=2, max_iter=1, batch_size=1000, n_jobs=1).fit(X[:1000], y[:1000])
before = held()
model.fit(X, y)
print(X.nbytes / 2**20, held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is there alone")
def test_rows_of_the_networks_precision_are_trained_on_where_they_lie():
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE], check=True, capture_output=True, text=True
    )
    size, fitting = map(float, told.stdout.split())
    # Beside the rows: targets, the order of rows, a batch.
    assert fitting < 0.15 * size
