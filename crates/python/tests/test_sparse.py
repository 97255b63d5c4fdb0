"""Sparse rows: the same numbers as of a matrix, in the memory of what they hold."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn import neural_network
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import deltarule
from deltarule import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMATS = [
    sparse.csr_matrix,
    sparse.csr_array,
    sparse.csc_matrix,
    sparse.coo_array,
    sparse.lil_matrix,
    sparse.dok_array,
    sparse.bsr_matrix,
]


@pytest.fixture(scope="module")
def rows():
    """Sparse rows, of which the first and the last column hold nothing, with three classes."""
    rng = np.random.default_rng(0)
    X = sparse.random(240, 60, 0.1, format="lil", random_state=0)
    X[0, :] = 0
    X[:, -1] = 0
    X = X.tocsr()
    return X, np.digitize(X @ rng.standard_normal(60), [-0.2, 0.2])


def same(ours, other, X):
    for mine, theirs in zip(ours.coefs_ + ours.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert ours.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(ours.predict(X), other.predict(X.toarray()))


@pytest.mark.parametrize("precision", ["f32", "f64"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "sgd", "momentum": 0, "alpha": 0},
        {"solver": "sgd", "batch_size": 1, "max_iter": 2},
        {"solver": "rmsprop", "batch_size": 240},
        {"solver": "lbfgs"},
        {"early_stopping": True},
        {"hidden_layer_sizes": ()},
        {"dropout": 0.3, "normalization": "batch", "hidden_layer_sizes": (20, 10)},
        {"class_weight": "balanced", "shuffle": False},
    ],
    ids=str,
)
def test_training_is_that_on_a_matrix(rows, settings, precision):
    X, y = rows
    settings = {"hidden_layer_sizes": (12,), "max_iter": 6, **settings}
    ours = MLPClassifier(**settings, precision=precision, random_state=0).fit(X, y)
    other = MLPClassifier(**settings, precision=precision, random_state=0).fit(X.toarray(), y)
    same(ours, other, X)
    np.testing.assert_array_equal(ours.predict_proba(X), other.predict_proba(X.toarray()))
    assert ours.score(X, y) == other.score(X.toarray(), y)


def test_numbers_and_several_targets_are_learnt_too(rows):
    X, y = rows
    settings = {"hidden_layer_sizes": (12,), "max_iter": 6, "random_state": 0}
    for targets in (y.astype(float), np.column_stack([y, -y]).astype(float)):
        ours = MLPRegressor(**settings).fit(X, targets)
        same(ours, MLPRegressor(**settings).fit(X.toarray(), targets), X)


@pytest.mark.parametrize("of_format", FORMATS)
def test_every_format_is_taken(rows, of_format):
    X, y = rows
    ours = MLPClassifier((8,), max_iter=3, random_state=0).fit(of_format(X), y)
    same(ours, MLPClassifier((8,), max_iter=3, random_state=0).fit(X.toarray(), y), X)
    np.testing.assert_array_equal(ours.predict_proba(of_format(X)), ours.predict_proba(X))


@pytest.mark.parametrize("whole", [np.int32, np.int64])
@pytest.mark.parametrize("number", [np.float32, np.float64, np.int64, bool])
def test_every_type_of_number_and_index_is_taken(rows, whole, number):
    X, y = rows
    X = X.copy()
    X.data = np.ceil(4 * X.data).astype(number)
    given = X.copy()
    given.indices, given.indptr = X.indices.astype(whole), X.indptr.astype(whole)
    ours = MLPClassifier((8,), max_iter=3, random_state=0).fit(given, y)
    same(ours, MLPClassifier((8,), max_iter=3, random_state=0).fit(X.toarray(), y), X)


def test_unsorted_columns_zeros_and_duplicates_are_what_scipy_takes_them_for(rows):
    X, y = rows
    rng = np.random.default_rng(1)
    indptr, indices, data = [0], [], []
    for row in X:
        columns, numbers = row.indices, row.data
        # Each number in two parts, a zero that is held, and columns in any order.
        columns = np.concatenate([columns, columns, [17]])
        numbers = np.concatenate([0.25 * numbers, 0.75 * numbers, [0.0]])
        order = rng.permutation(len(columns))
        indices.extend(columns[order])
        data.extend(numbers[order])
        indptr.append(len(indices))
    given = sparse.csr_matrix((data, indices, indptr), shape=X.shape)
    kept = given.copy()
    settings = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, "precision": "f64"}
    ours, other = (MLPClassifier(**settings).fit(matrix, y) for matrix in (given, X.toarray()))
    np.testing.assert_allclose(ours.loss_curve_, other.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(ours.predict_proba(given), other.predict_proba(X.toarray()), rtol=1e-9)
    # What was given is left as it was.
    np.testing.assert_array_equal(given.indices, kept.indices)
    np.testing.assert_array_equal(given.data, kept.data)


def test_sparse_rows_and_matrices_go_together(rows):
    X, y = rows
    dense = X.toarray()
    settings = {"hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0, "early_stopping": True}
    ours = MLPClassifier(**settings).fit(X[:200], y[:200], eval_set=(dense[200:], y[200:]))
    other = MLPClassifier(**settings).fit(dense[:200], y[:200], eval_set=(X[200:], y[200:]))
    same(ours, other, X)
    assert ours.validation_scores_ == other.validation_scores_
    # partial_fit goes on with rows of either kind.
    both = [MLPClassifier((8,), random_state=0) for _ in range(2)]
    for kind, estimator in enumerate(both):
        for part in range(4):
            some = slice(60 * part, 60 * part + 60)
            batch = X[some] if (part + kind) % 2 else dense[some]
            estimator.partial_fit(batch, y[some], classes=[0, 1, 2], sample_weight=1.0 + y[some])
    same(*both, X)
    copy = pickle.loads(pickle.dumps(both[0]))
    np.testing.assert_array_equal(copy.predict_proba(X), both[0].predict_proba(X))


def test_questions_are_answered_as_of_a_matrix(rows, tmp_path):
    X, y = rows
    dense = X.toarray()
    ours = MLPClassifier((8,), max_iter=8, random_state=0).fit(X, y)
    np.testing.assert_array_equal(ours.input_gradient(X[:9], 1), ours.input_gradient(dense[:9], 1))
    assert ours.explain(X[:4], y[:4]).data == ours.explain(dense[:4], y[:4]).data
    assert ours.check_gradients(X[:20], y[:20])["verdict"] == "passed"
    other = MLPClassifier((8,), max_iter=8, random_state=0).fit(dense, y)
    assert ours.diagnose(X, y, eval_set=(X, y)) == other.diagnose(dense, y, eval_set=(dense, y))
    deltarule.save(ours, tmp_path / "model.safetensors")
    loaded = deltarule.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), ours.predict_proba(X))


def test_what_is_wrong_is_said(rows):
    X, y = rows
    ours = MLPClassifier((8,), max_iter=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="60 features"):
        ours.predict(X[:, :10])
    bad = X.copy()
    bad.data[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        ours.fit(bad, y)
    bad.data[3] = 1e300
    with pytest.raises(ValueError, match="single precision"):
        ours.fit(bad, y)
    # The core looks at what it is handed itself.
    indptr, indices, data = X.indptr, X.indices, X.data.astype(np.float32)
    for parts, match in [
        ((indptr, indices + 60, data), "columns below 60"),
        ((indptr[2:], indices, data), "starts of rows"),
        ((indptr, indices[:-1], data), "as many numbers"),
        ((indptr[::-1].copy(), indices, data), "starts of rows"),
    ]:
        with pytest.raises(ValueError, match=match):
            ours._mlp.predict(parts)
    for parts in [(indptr, data), (indptr, indices, data, data), (indptr, -1 - indices, data)]:
        with pytest.raises(TypeError, match="indptr, indices, data"):
            ours._mlp.predict(parts)
    with pytest.raises(TypeError, match="float32"):
        ours._mlp.predict((indptr, indices, X.data))


def test_words_and_categories_in_a_pipeline():
    good, bad = ["good", "fine", "nice", "great"], ["bad", "poor", "awful", "dull"]
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 120)
    texts = [" ".join(rng.choice(good if label else bad, 3)) + f" word{rng.integers(400)}" for label in y]
    words = make_pipeline(
        TfidfVectorizer(), MLPClassifier((8,), learning_rate_init=0.02, max_iter=60, random_state=0)
    )
    assert cross_val_score(words, texts, y, cv=3).min() > 0.9
    letters = rng.choice(list("abcdefgh"), (150, 3))
    vowels = np.isin(letters, ["a", "e"]).any(axis=1)
    model = make_pipeline(
        OneHotEncoder(), MLPClassifier(learning_rate_init=0.02, max_iter=60, random_state=0)
    )
    search = GridSearchCV(model, {"mlpclassifier__hidden_layer_sizes": [(4,), (16,)]}, cv=3, n_jobs=2)
    assert search.fit(letters, vowels).best_score_ > 0.9


def test_a_matrix_of_five_thousand_million_numbers_is_trained_on_in_bounded_memory():
    # As a matrix in single precision it would take 20 GB. The peak is measured, of the whole process.
    code = """
import sys
import numpy as np
from scipy import sparse
from sklearn import neural_network
from deltarule import MLPClassifier

rows, columns, held = 100_000, 50_000, 50
rng = np.random.default_rng(0)
indices = rng.integers(0, columns, (rows, held), dtype=np.int32)
data, starts = rng.random(rows * held, dtype=np.float32), np.arange(0, rows * held + 1, held)
X = sparse.csr_matrix((data, indices.ravel(), starts), shape=(rows, columns))
y = (X @ rng.standard_normal(columns, dtype=np.float32) > 0).astype(int)
# A batch of thousands: as many steps as a test has time for.
estimator = MLPClassifier((100,), batch_size=5000, max_iter=1, random_state=0).fit(X, y)
assert estimator.coefs_[0].shape == (columns, 100) and np.isfinite(estimator.loss_)
assert estimator.predict(X).shape == (rows,)
# Not ru_maxrss, which begins with what the process had that this one was started by.
print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 700, "MiB"


def test_a_row_is_learnt_from_as_scikit_learns_class_does():
    X, y = load_iris(return_X_y=True)
    both = {"solver": "sgd", "momentum": 0, "alpha": 0, "shuffle": False, "batch_size": 15, "max_iter": 10}
    both |= {"tol": 0, "random_state": 3, "hidden_layer_sizes": (5,), "activation": "tanh"}
    X = sparse.csr_matrix(np.where(X > 2, X, 0))
    other = neural_network.MLPClassifier(**both).fit(X, y)
    ours = MLPClassifier(**both, precision="f64").fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, other.loss_curve_, rtol=1e-6)
