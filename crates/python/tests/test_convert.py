"""scikit-learn's networks as ours, and ours as theirs."""

import copy
import pickle

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

import deltarule
from deltarule import MLPClassifier, MLPRegressor, from_sklearn, to_sklearn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STANDING = (
    "n_iter_",
    "t_",
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
)
SHAPE = ("n_features_in_", "n_layers_", "n_outputs_", "out_activation_")


@pytest.fixture(scope="module")
def iris():
    frame = load_iris(as_frame=True)
    return StandardScaler().set_output(transform="pandas").fit_transform(frame.data), frame.target


def problems(iris):
    X, y = iris
    words = np.array(["rose", "lily", "aster"])[y]
    X_labels, Y_labels = make_multilabel_classification(n_samples=100, random_state=0)
    X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
    y_diabetes = y_diabetes / 100
    return {
        "classes": ("MLPClassifier", X, words),
        "two classes": ("MLPClassifier", X[y < 2].to_numpy(), words[y < 2]),
        "labels": ("MLPClassifier", X_labels, Y_labels),
        "a number": ("MLPRegressor", X_diabetes, y_diabetes),
        "two numbers": ("MLPRegressor", X_diabetes, np.column_stack([y_diabetes, -y_diabetes])),
    }


PROBLEMS = ["classes", "two classes", "labels", "a number", "two numbers"]


def assert_same_predictions(one, other, X, tolerance=1e-12):
    for method in ("predict", "predict_proba"):
        if not hasattr(one, method):
            continue
        got, expected = getattr(one, method)(X), getattr(other, method)(X)
        if expected.dtype.kind in "fc":
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(got, expected)


def assert_alike(one, other):
    for name in (*STANDING, *SHAPE):
        if hasattr(other, name):
            assert getattr(one, name) == getattr(other, name), name
    if hasattr(other, "classes_"):
        np.testing.assert_array_equal(one.classes_, other.classes_)
    if hasattr(other, "feature_names_in_"):
        np.testing.assert_array_equal(one.feature_names_in_, other.feature_names_in_)


@pytest.mark.parametrize("precision", ["f32", "f64"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_theirs_and_back(problem, precision, iris):
    name, X, y = problems(iris)[problem]
    X = X.astype(np.float32 if precision == "f32" else np.float64)
    early = {"early_stopping": True} if problem in ("classes", "a number") else {}
    other = getattr(theirs, name)(
        hidden_layer_sizes=(9, 6),
        activation="tanh",
        max_iter=15,
        alpha=0.01,
        batch_size=32,
        random_state=3,
        **early,
    ).fit(X, y)
    ours = from_sklearn(other)
    assert ours.precision == precision and ours.predict(X[:1]).shape == other.predict(X[:1]).shape
    tolerance = 1e-12 if precision == "f64" else 1e-6
    assert_same_predictions(ours, other, X, tolerance)
    assert_alike(ours, other)
    parameters = other.get_params()
    assert {key: value for key, value in ours.get_params().items() if key in parameters} == parameters
    back = to_sklearn(ours)
    assert type(back) is type(other) and back.get_params() == parameters
    for got, expected in zip(
        [*back.coefs_, *back.intercepts_], [*other.coefs_, *other.intercepts_], strict=True
    ):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    assert_same_predictions(back, other, X, tolerance)
    assert_alike(back, other)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "sigmoid", "tanh", "relu"])
def test_ours_and_back(problem, activation, iris):
    name, X, y = problems(iris)[problem]
    ours = getattr(deltarule, name)(
        hidden_layer_sizes=(9, 6), activation=activation, max_iter=5, precision="f64", random_state=3
    ).fit(X, y)
    other = to_sklearn(ours)
    assert_same_predictions(other, ours, X)
    assert_alike(other, ours)
    assert_same_predictions(from_sklearn(other), ours, X)
    assert_same_predictions(pickle.loads(pickle.dumps(other)), ours, X)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_both_go_on_from_there(early_stopping, iris):
    # Plain descent over rows in their order: both arrive at the same weights.
    X, y = iris
    plain = {"solver": "sgd", "momentum": 0, "shuffle": False, "batch_size": 15, "learning_rate_init": 0.05,
             "warm_start": True, "early_stopping": early_stopping, "random_state": 3, "max_iter": 6, "tol": 0}  # fmt: skip
    other = theirs.MLPClassifier(7, **plain).fit(X, y)
    ours = from_sklearn(other)
    again = to_sklearn(ours)
    for model in (other, ours, again):
        model.fit(X, y)
    for model in (ours, again):
        assert model.n_iter_ == other.n_iter_
        for got, expected in zip(model.coefs_, other.coefs_, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_networks_of_other_shapes(iris):
    X, y = iris
    for sizes in ((), 4, [4, 3, 2]):
        other = theirs.MLPClassifier(sizes, max_iter=3, random_state=0).fit(X, y)
        assert_same_predictions(from_sklearn(other), other, X)
        assert_same_predictions(to_sklearn(from_sklearn(other)), other, X)
    poisson = theirs.MLPRegressor("poisson", 4, max_iter=3, random_state=0).fit(X, y)
    assert_same_predictions(from_sklearn(poisson), poisson, X)
    assert_same_predictions(to_sklearn(from_sklearn(poisson)), poisson, X)
    # What is carried over is a copy.
    ours = from_sklearn(other)
    before = ours.predict_proba(X)
    other.coefs_[0][:] = 0
    other.loss_curve_.clear()
    np.testing.assert_array_equal(ours.predict_proba(X), before)
    assert len(ours.loss_curve_) == 3


def test_an_estimator_from_theirs_is_one_like_any_other(iris, tmp_path):
    X, y = iris
    words = np.array(["rose", "lily", "aster"])[y]
    ours = from_sklearn(theirs.MLPClassifier(8, max_iter=30, random_state=0).fit(X, words))
    copied = copy.deepcopy(ours)
    np.testing.assert_array_equal(copied.predict(X), ours.predict(X))
    deltarule.save(ours, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(deltarule.load(tmp_path / "model.safetensors").predict(X), ours.predict(X))
    assert ours.check_gradients(X, words)["verdict"] == "passed"
    assert ours.set_params(max_iter=200, learning_rate_init=0.01).fit(X, words).score(X, words) > 0.9


def test_solvers_of_one_kind_have_another_name(iris):
    for solver, nesterovs in (("momentum", False), ("nesterov", True)):
        model = MLPClassifier(4, solver=solver, max_iter=2, random_state=0).fit(*iris)
        other = to_sklearn(model)
        assert (other.solver, other.nesterovs_momentum, other.momentum) == ("sgd", nesterovs, 0.9)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"dropout": 0.5}, r"MLPClassifier has no dropout=0.5"),
        ({"dropout": [0.0, 0.1]}, r"dropout=\[0.0, 0.1\]"),
        ({"normalization": "batch"}, "normalization='batch'"),
        ({"activation": ["relu", "tanh"]}, r"activation=\['relu', 'tanh'\]"),
        ({"activation": "gelu"}, r"activation=\['gelu', 'gelu'\]"),
        ({"class_weight": "balanced"}, "class_weight='balanced'"),
        ({"label_smoothing": 0.1}, "label_smoothing=0.1"),
        ({"loss": "focal"}, "loss='focal'"),
        ({"solver": "adamw"}, "solver='adamw'"),
        ({"early_stopping": "log_loss"}, "early_stopping='log_loss'"),
        ({"callbacks": [print]}, "callbacks="),
        ({"dropout": 0.5, "solver": "rprop"}, "dropout=0.5, solver='rprop'"),
    ],
    ids=str,
)
def test_what_theirs_cannot_be_is_named(change, told, iris, capsys):
    model = MLPClassifier((4, 3), max_iter=1, random_state=0, **change).fit(*iris)
    with pytest.raises(ValueError, match=told):
        to_sklearn(model)


def test_other_losses_are_named(iris):
    X, y = iris
    for loss in ("absolute_error", "huber", "quantile"):
        with pytest.raises(ValueError, match=f"MLPRegressor has no loss='{loss}'"):
            to_sklearn(MLPRegressor(loss, 4, max_iter=1).fit(X, y))
    assert (
        to_sklearn(MLPClassifier(4, max_iter=1, early_stopping="accuracy").fit(X, y)).early_stopping is True
    )


def test_what_is_no_network_of_theirs_is_refused(iris):
    X, y = iris
    with pytest.raises(TypeError, match="got deltarule._mlp.MLPClassifier"):
        from_sklearn(MLPClassifier(4, max_iter=1).fit(X, y))
    with pytest.raises(TypeError, match="expected a MLPClassifier or MLPRegressor of deltarule"):
        to_sklearn(theirs.MLPClassifier(4, max_iter=1).fit(X, y))
    for convert, model in ((from_sklearn, theirs.MLPClassifier()), (to_sklearn, MLPClassifier())):
        with pytest.raises(NotFittedError):
            convert(model)
    with pytest.raises(ValueError, match="momentum is 1"):
        from_sklearn(theirs.MLPClassifier(4, max_iter=1, solver="sgd", momentum=1.0).fit(X, y))
