"""Where code written for scikit-learn's classes would notice a difference, and what goes on from an earlier training."""

import io
import pickle
from contextlib import redirect_stdout

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

import deltarule
from deltarule import DeltaruleError, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Plain descent over the rows in their order: nothing in it is drawn but the start.
PLAIN = {
    "hidden_layer_sizes": (7, 5),
    "activation": "tanh",
    "solver": "sgd",
    "batch_size": 15,
    "momentum": 0,
    "shuffle": False,
    "learning_rate_init": 0.05,
    "max_iter": 8,
    "tol": 0,
    "random_state": 3,
}


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return StandardScaler().fit_transform(X)[order], y[order]


def parameters(model):
    return np.concatenate([array.ravel() for array in [*model.coefs_, *model.intercepts_]])


# ── the same as scikit-learn's ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 0.5},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterovs_momentum": False},
        {"learning_rate": "invscaling"},
        {"learning_rate": "adaptive", "tol": 0.03, "n_iter_no_change": 2, "max_iter": 80},
        {"hidden_layer_sizes": ()},
        {"activation": "logistic"},
        {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 40},
    ],
    ids=str,
)
def test_descent_arrives_where_theirs_does(change, iris):
    other = theirs.MLPClassifier(**{**PLAIN, **change}).fit(*iris)
    ours = MLPClassifier(**{**PLAIN, **change}, precision="f64").fit(*iris)
    assert ours.n_iter_ == other.n_iter_
    np.testing.assert_allclose(parameters(ours), parameters(other), rtol=1e-9, atol=1e-12)


def test_weighted_rows_are_penalised_as_theirs(iris):
    weights = np.random.default_rng(0).uniform(0.1, 2, 150)
    both = {**PLAIN, "batch_size": 150, "alpha": 2}
    other = theirs.MLPClassifier(**both).fit(*iris, sample_weight=weights)
    ours = MLPClassifier(**both, precision="f64").fit(*iris, sample_weight=weights)
    np.testing.assert_allclose(parameters(ours), parameters(other), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("learning_rate", ["adaptive", "invscaling"])
def test_adams_rate_stays_whatever_is_said(learning_rate, iris):
    both = {**PLAIN, "solver": "adam", "tol": 0.05, "n_iter_no_change": 2, "max_iter": 60}
    other = theirs.MLPClassifier(**both, learning_rate=learning_rate).fit(*iris)
    ours = MLPClassifier(**both, learning_rate=learning_rate, precision="f64").fit(*iris)
    assert ours.n_iter_ == other.n_iter_ < 60


def test_a_warm_start_begins_with_the_first_rate(iris):
    both = {**PLAIN, "warm_start": True, "learning_rate": "adaptive", "tol": 0.03, "n_iter_no_change": 1}
    other, ours = theirs.MLPClassifier(**both), MLPClassifier(**both, precision="f64")
    for model in (other, ours):
        for _ in range(6):
            model.fit(*iris)
    assert len(ours.loss_curve_) == len(other.loss_curve_)
    np.testing.assert_allclose(parameters(ours), parameters(other), rtol=1e-9, atol=1e-12)


def test_lbfgs_trains_on_all_rows(iris):
    both = {"hidden_layer_sizes": 5, "solver": "lbfgs", "max_iter": 20, "random_state": 0}
    early = MLPClassifier(**both, early_stopping=True).fit(*iris)
    np.testing.assert_array_equal(parameters(early), parameters(MLPClassifier(**both).fit(*iris)))


@pytest.mark.parametrize("precision", ["f32", "f64"])
@pytest.mark.parametrize("tol", [1e-2, 1e-4])
def test_lbfgs_ends_where_the_gradient_is_below_tol(tol, precision, iris):
    X, y = iris
    both = {"hidden_layer_sizes": 5, "activation": "tanh", "alpha": 1.0, "random_state": 0, "max_iter": 500}
    model = MLPClassifier(**both, solver="lbfgs", tol=tol, precision=precision, warm_start=True).fit(X, y)
    other = theirs.MLPClassifier(**both, solver="lbfgs", tol=tol).fit(X, y)
    assert model.converged_ and 3 < model.n_iter_ < 500
    assert (
        model.n_iter_
        < MLPClassifier(**both, solver="lbfgs", tol=tol / 50, precision=precision).fit(X, y).n_iter_
    )
    assert model.loss_ == pytest.approx(other.loss_, rel=0.05)
    # A step of length 1 is the gradient.
    before = parameters(model)
    model.set_params(solver="sgd", momentum=0, learning_rate_init=1.0, batch_size=150, max_iter=1).fit(X, y)
    assert np.abs(parameters(model) - before).max() <= tol * 1.001


def test_an_estimator_says_whether_it_is_enough(iris):
    X, y = iris
    both = {"learning_rate_init": 0.05, "random_state": 0}
    assert MLPClassifier(8, tol=1e-2, n_iter_no_change=3, **both).fit(X, y).converged_
    assert not MLPClassifier(8, max_iter=3, **both).fit(X, y).converged_
    assert not MLPClassifier(8, callbacks=[lambda event: True], **both).fit(X, y).converged_
    # Passes go on as long as they bring something, and the same passes are said to be enough as in one training.
    passes = MLPClassifier(8, tol=1e-2, n_iter_no_change=3, early_stopping="log_loss", **both)
    whole = MLPClassifier(8, tol=1e-2, n_iter_no_change=3, early_stopping="log_loss", **both).fit(
        X, y, eval_set=(X, y)
    )
    said = []
    while not said or not said[-1]:
        said.append(passes.partial_fit(X, y, classes=[0, 1, 2], eval_set=(X, y)).converged_)
    assert len(said) > 4 and not any(said[:-1])
    assert whole.converged_


def test_passes_go_on_and_end_with_the_best(iris):
    # Steps so long that many a pass is worse than the one before.
    X, y = iris
    both = {"learning_rate_init": 3.0, "n_iter_no_change": 3, "shuffle": False, "random_state": 0}
    stopping, plain = MLPClassifier(8, early_stopping="log_loss", **both), MLPClassifier(8, **both)
    heard = []
    while not heard or not stopping.converged_:
        for model in (stopping, plain):
            model.partial_fit(X, y, classes=[0, 1, 2], eval_set=(X, y))
        heard.append(plain.predict_proba(X))
        if not stopping.converged_:
            np.testing.assert_array_equal(stopping.predict_proba(X), heard[-1])
    best = int(np.argmax(stopping.validation_scores_))
    assert 0 < best < len(heard) - 1
    np.testing.assert_array_equal(stopping.predict_proba(X), heard[best])


def test_why_it_ends_is_printed(iris):
    both = {"tol": 10.0, "n_iter_no_change": 1, "verbose": True, "random_state": 0}
    said = io.StringIO()
    with redirect_stdout(said):
        MLPClassifier(8, **both).fit(*iris)
    last = "Training loss did not improve more than tol=10.000000 for 1 consecutive epochs. Stopping."
    assert said.getvalue().splitlines()[-1] == last


def test_partial_fit_does_not_set_rows_apart(iris):
    # scikit-learn refuses as well. With rows of one's own there is something to score.
    X, y = iris
    model = MLPClassifier(8, early_stopping=True, random_state=0)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert model.partial_fit(X, y, classes=[0, 1, 2], eval_set=(X, y)).validation_scores_ == [
        model.score(X, y)
    ]


# ── going on ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "change", [{"activation": "tanh"}, {"dropout": 0.5}, {"precision": "f64"}, {"solver": "lbfgs"}], ids=str
)
def test_what_changes_between_two_fits_counts(change, iris):
    X, y = iris
    model = MLPClassifier(8, max_iter=3, warm_start=True, random_state=0).fit(X, y)
    same = pickle.loads(pickle.dumps(model)).fit(X, y)
    learnt = parameters(model)
    model.set_params(**change).fit(X, y)
    assert not np.allclose(parameters(model), parameters(same), atol=1e-9)
    assert np.abs(parameters(model) - learnt).max() < 0.5 or change == {"solver": "lbfgs"}
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))


def test_a_network_that_is_built_anew_keeps_the_optimizers_state(iris):
    # Another name of the same function: a new network, and nothing else is to change.
    both = {
        "hidden_layer_sizes": 8,
        "activation": "logistic",
        "warm_start": True,
        "max_iter": 5,
        "random_state": 0,
    }
    renamed = MLPClassifier(**both).fit(*iris)
    first = renamed._mlp
    renamed.set_params(activation="sigmoid").fit(*iris)
    assert renamed._mlp is not first
    np.testing.assert_array_equal(
        parameters(renamed), parameters(MLPClassifier(**both).fit(*iris).fit(*iris))
    )


@pytest.mark.parametrize(
    "change, told",
    [
        ({"hidden_layer_sizes": 9}, "expected hidden 8, got 9"),
        ({"normalization": "layer"}, "expected normalization none, got layer"),
    ],
    ids=str,
)
def test_other_layers_cannot_go_on(change, told, iris):
    model = MLPClassifier(8, max_iter=3, warm_start=True, random_state=0).fit(*iris)
    before = model.predict_proba(iris[0])
    with pytest.raises(ValueError, match=told):
        model.set_params(**change).fit(*iris)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(iris[0]), before)


def test_rms_propagation_takes_a_momentum_up(iris):
    model = MLPClassifier(8, solver="rmsprop", momentum=0, max_iter=3, warm_start=True, random_state=0)
    model.fit(*iris).set_params(momentum=0.9, max_iter=40).fit(*iris)
    assert model.score(*iris) > 0.8


def test_early_stopping_may_begin_later(iris):
    model = MLPClassifier(8, max_iter=3, warm_start=True, random_state=0).fit(*iris)
    model.set_params(early_stopping=True).fit(*iris)
    assert len(model.validation_scores_) == 3 and model.best_validation_score_ == max(
        model.validation_scores_
    )


def test_early_stopping_may_end_between_two_fits(iris):
    # Steps so long that the best of the epochs is not the last one, whose weights count without early stopping.
    X, y = iris
    both = {"learning_rate_init": 2.0, "warm_start": True, "random_state": 0}
    model = MLPClassifier(8, max_iter=5, early_stopping=True, **both).fit(X, y)
    model.set_params(early_stopping=False, max_iter=12, tol=0).fit(X, y, eval_set=(X, y))
    curve = model.validation_loss_curve_[-12:]
    assert curve[-1] > min(curve)
    assert log_loss(y, model.predict_proba(X)) == pytest.approx(curve[-1], rel=1e-4)


@pytest.mark.parametrize("normalization", [None, "layer"])
def test_a_file_goes_on(normalization, iris, tmp_path):
    X, y = iris
    both = {"normalization": normalization, "learning_rate_init": 0.02, "random_state": 0}
    model = MLPClassifier((8, 6), max_iter=60, **both).fit(X, y)
    deltarule.save(model, tmp_path / "model.safetensors")
    for goes_on in ("fit", "partial_fit"):
        other = deltarule.load(tmp_path / "model.safetensors")
        other.set_params(warm_start=True, max_iter=3, learning_rate_init=1e-5)
        assert getattr(other, goes_on)(X, y).score(X, y) == pytest.approx(model.score(X, y), abs=0.02)


@pytest.mark.parametrize("loss", ["poisson", "huber", "quantile", "absolute_error"])
def test_a_file_knows_its_loss(loss, iris, tmp_path):
    X, _ = iris
    model = MLPRegressor(loss, 6, huber_delta=0.5, quantile=0.9, max_iter=3, random_state=0).fit(
        X, X[:, 0] ** 2
    )
    deltarule.save(model, tmp_path / "model.safetensors")
    other = deltarule.load(tmp_path / "model.safetensors")
    assert other.loss == loss and other.out_activation_ == model.out_activation_
    assert loss != "huber" or other.huber_delta == 0.5
    assert loss != "quantile" or other.quantile == 0.9
    other.partial_fit(X, X[:, 0] ** 2)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_file_knows_a_focal_loss(classes, iris, tmp_path):
    X, y = iris
    model = MLPClassifier(6, loss="focal", focal_gamma=1.5, max_iter=3, random_state=0).fit(X, y % classes)
    deltarule.save(model, tmp_path / "model.safetensors")
    other = deltarule.load(tmp_path / "model.safetensors")
    assert (other.loss, other.focal_gamma) == ("focal", 1.5)
    other.partial_fit(X, y % classes)


def test_a_fitted_network_keeps_its_precision(iris):
    X, y = iris
    model = MLPClassifier(8, max_iter=3, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(precision="f64")
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.coefs_ = [2 * w for w in model.coefs_]
    assert model.input_gradient(X).dtype == np.float32
    assert model.fit(X, y).predict_proba(X).dtype == np.float64


def test_a_network_without_hidden_layers_is_a_file_too(iris, tmp_path):
    X, y = iris
    model = MLPClassifier((), learning_rate_init=0.05, max_iter=100, random_state=0).fit(X, y)
    assert model.n_layers_ == 2 and model.score(X, y) > 0.9
    deltarule.save(model, tmp_path / "model.safetensors")
    other = deltarule.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert other.hidden_layer_sizes == ()


# ── what is ours ────────────────────────────────────────────────────────────────────────────────────


def test_adamw_takes_its_penalty_past_the_moments(iris):
    # One step from the same weights: Adam's, and η·(alpha/rows)·w besides; biases are not penalised.
    X, y = iris
    both = {
        "hidden_layer_sizes": 6,
        "max_iter": 1,
        "batch_size": 150,
        "learning_rate_init": 0.01,
        "random_state": 0,
    }
    adam = MLPClassifier(solver="adam", alpha=0, precision="f64", **both).fit(X, y)
    decayed = MLPClassifier(solver="adamw", alpha=300, precision="f64", **both).fit(X, y)
    start = theirs.MLPClassifier(**{**both, "learning_rate_init": 1e-300, "alpha": 0}).fit(X, y)
    for got, plain, w in zip(decayed.coefs_, adam.coefs_, start.coefs_, strict=True):
        np.testing.assert_allclose(got, plain - 0.01 * (300 / 150) * w, rtol=1e-9, atol=1e-12)
    for got, plain in zip(decayed.intercepts_, adam.intercepts_, strict=True):
        np.testing.assert_allclose(got, plain, rtol=1e-9)


def test_watched_rows_may_have_weights(iris):
    X, y = iris
    weights = np.where(y == 2, 3.0, 1.0)
    model = MLPClassifier(8, max_iter=2, early_stopping="log_loss", random_state=0)
    model.fit(X, y, eval_set=(X, y, weights))
    expected = log_loss(y, model.predict_proba(X), sample_weight=weights)
    assert -model.best_validation_score_ == pytest.approx(expected, rel=1e-5)


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────


def test_a_training_that_fails_leaves_the_estimator_as_it_was(iris):
    X, _ = iris
    model = MLPRegressor(hidden_layer_sizes=8, solver="sgd", max_iter=3, random_state=0)
    with pytest.raises(DeltaruleError):
        model.set_params(learning_rate_init=1e30).fit(X, X[:, 0])
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.set_params(learning_rate_init=1e-3).fit(X, X[:, 0])
    before, curve = model.predict(X), list(model.loss_curve_)
    with pytest.raises(DeltaruleError):
        model.set_params(learning_rate_init=1e30).fit(X[:, :2], X[:, 0])
    with pytest.raises(DeltaruleError) as raised:
        model.set_params(learning_rate_init=1e30).fit(X, X[:, 0])
    # In words of the parameters here, none of the command line.
    assert "try learning_rate_init=1e29 (it was 1e30), normalization='layer'" in str(raised.value)
    assert str(raised.value).startswith("step ") and "--" not in str(raised.value)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.loss_curve_ == curve and model.n_iter_ == 3 and model.n_features_in_ == 4


def test_what_cannot_be_is_said_before_training(iris):
    X, y = iris
    with pytest.raises(TypeError, match="callbacks: expected callables, got 3"):
        MLPClassifier(callbacks=[3]).fit(X, y)
    with pytest.raises(ValueError, match="eval_set: expected"):
        MLPClassifier().fit(X, y, eval_set=(X,))
    with pytest.raises(ValueError, match="whole numbers"):
        MLPClassifier([8.7]).fit(X, y)
    with pytest.raises(ValueError, match="n_jobs"):
        MLPClassifier(n_jobs=0).fit(X, y)
    with pytest.raises(ValueError, match="y has numbers too large"):
        MLPRegressor().fit(X, X[:, 0] * 1e300)
    with pytest.raises(ValueError, match="balanced"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="rows of one class only"):
        MLPClassifier(early_stopping="roc_auc").fit(X, y > 0, eval_set=(X[y > 0], y[y > 0] > 0))
    with pytest.raises(ValueError, match="from 0 to 2, got -1"):
        MLPClassifier(8, max_iter=1).fit(X, y).input_gradient(X, -1)


def test_warnings_point_at_the_line_that_asked(iris):
    with pytest.warns(UserWarning) as caught:
        MLPClassifier(8, batch_size=1000, max_iter=1).fit(*iris)
    assert {"batch_size" in str(warning.message) for warning in caught} == {True, False}
    assert {warning.filename for warning in caught} == {__file__}
