"""skops keeps an estimator without executing anything when it is read."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deltarule import MLPClassifier, MLPRegressor

skops = pytest.importorskip(
    "skops.io", reason="skops is not installed: it is in crates/python/requirements-test.txt"
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(
            (8, 6), ["tanh", "relu"], dropout=[0.1, 0.0], early_stopping=True, class_weight="balanced"
        ),
        MLPClassifier(8, solver="lbfgs", precision="f64"),
        MLPClassifier(8, normalization="batch", solver="rmsprop", class_weight={0: 2.0}),
        MLPRegressor("huber", 8, normalization="layer", solver="sgd", learning_rate="adaptive"),
    ],
    ids=str,
)
def test_what_comes_back_goes_on_alike(estimator, iris):
    X, y = iris
    estimator.set_params(max_iter=4, warm_start=True, random_state=0).fit(X, y)
    kept = skops.dumps(make_pipeline(StandardScaler(), estimator))
    kind = f"deltarule._mlp.{type(estimator).__name__}"
    assert skops.get_untrusted_types(data=kept) == [kind]
    loaded = skops.loads(kept, trusted=[kind])[-1]
    assert loaded.get_params() == estimator.get_params()
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))
    for model in (loaded, estimator):
        model.fit(X, y)
    assert loaded.loss_curve_ == estimator.loss_curve_ and len(loaded.loss_curve_) > 4
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


def test_one_that_is_not_fitted_is_kept_as_well():
    kept = skops.dumps(MLPClassifier(8, alpha=0.5))
    loaded = skops.loads(kept, trusted=["deltarule._mlp.MLPClassifier"])
    assert loaded.alpha == 0.5 and not hasattr(loaded, "_mlp")
