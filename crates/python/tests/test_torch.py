"""PyTorch's networks as ours and ours as PyTorch's, with the real one."""

import doctest
import importlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.preprocessing import StandardScaler

import deltarule
from deltarule import MLPClassifier, MLPRegressor, from_torch, to_torch

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: pip install -r crates/python/requirements-torch.txt"
)
nn = torch.nn
# Its threads wait for each other by spinning: on a busy machine a step would take a hundred times as long.
torch.set_num_threads(1)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
}
DTYPES = {"f32": torch.float32, "f64": torch.float64}
# Of float32 the order of a sum's terms differs in the last places.
TOLERANCE = {"f32": 1e-6, "f64": 1e-12}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def rows(inputs, count=50):
    return np.random.default_rng(1).normal(size=(count, inputs))


def outputs(module, X):
    dtype = next(module.parameters()).dtype
    with torch.no_grad():
        return module.eval()(torch.tensor(X, dtype=dtype)).numpy()


def trained_statistics(module, inputs):
    """Running statistics, scales and shifts that are not those of the beginning."""
    with torch.no_grad():
        for layer in module:
            if isinstance(layer, (nn.BatchNorm1d, nn.LayerNorm)):
                layer.weight.uniform_(0.5, 2.0)
                layer.bias.uniform_(-1.0, 1.0)
    module.train()
    dtype = next(module.parameters()).dtype
    for _ in range(3):
        module(3 * torch.randn(40, inputs, dtype=dtype) + 1)
    return module.eval()


# ── theirs as ours ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_regressors_layers_mean_the_same(activation, norm, precision):
    norms = {None: lambda units: [], "batch": lambda units: [nn.BatchNorm1d(units)], "layer": lambda units: [nn.LayerNorm(units)]}  # fmt: skip
    hidden = [
        layer
        for fan_in, units in ((4, 9), (9, 6))
        for layer in (
            nn.Linear(fan_in, units),
            *norms[norm](units),
            ACTIVATIONS[activation](),
            nn.Dropout(0.25),
        )
    ]
    module = trained_statistics(nn.Sequential(*hidden, nn.Linear(6, 2)).to(DTYPES[precision]), 4)
    ours = from_torch(module, learning_rate_init=0.5)
    X, tolerance = 5 * rows(4), TOLERANCE[precision]
    expected = outputs(module, X)
    np.testing.assert_allclose(
        ours.predict(X), expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max())
    )
    assert ours.get_params()["hidden_layer_sizes"] == (9, 6) and ours.learning_rate_init == 0.5
    assert (ours.activation, ours.dropout, ours.normalization) == (activation, 0.25, norm)
    assert ours.precision == precision and ours.n_features_in_ == 4 and ours.n_layers_ == 4
    back = to_torch(ours)
    np.testing.assert_array_equal(outputs(back, X), outputs(module, X))
    kept = {name: tensor.numpy() for name, tensor in module.state_dict().items() if "num_batches" not in name}
    assert [type(layer) for layer in back] == [
        type(layer) for layer in module if not isinstance(layer, nn.Identity)
    ]
    returned = [tensor.numpy() for name, tensor in back.state_dict().items() if "num_batches" not in name]
    for got, expected in zip(returned, kept.values(), strict=True):
        np.testing.assert_array_equal(got, expected)


def ends():
    """Last layers, the classes, and the probabilities that their outputs mean."""
    softmax = {
        "three": (3, [nn.Softmax(dim=1)], lambda z: z),
        "three, -1": (3, [nn.Softmax(dim=-1)], lambda z: z),
    }
    softmax |= {"three, logarithms": (3, [nn.LogSoftmax(dim=1)], np.exp)}

    def of_logits(z):
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    def of_one(z):
        return np.hstack([1 - z, z])

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    return {
        **softmax,
        "three, bare": (3, [], of_logits),
        "two, bare": (2, [], of_logits),
        "two, Softmax": (2, [nn.Softmax(dim=1)], lambda z: z),
        "two, LogSoftmax": (2, [nn.LogSoftmax(dim=1)], np.exp),
        "one": (1, [nn.Sigmoid()], of_one),
        "one, bare": (1, [], lambda z: of_one(sigmoid(z))),
        "labels": (3, [nn.Sigmoid()], lambda z: z),
    }


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("end", ends())
def test_outputs_are_probabilities_of_the_classes(end, precision):
    count, last, probabilities = ends()[end]
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, count), *last).to(DTYPES[precision])
    classes = range(3) if end == "labels" else ["c", "a", "b"][: max(count, 2)]
    ours = from_torch(module, classes=classes)
    X, tolerance = rows(4), TOLERANCE[precision]
    expected = probabilities(outputs(module, X))
    order = np.argsort(classes)
    np.testing.assert_array_equal(ours.classes_, np.asarray(classes)[order])
    np.testing.assert_allclose(ours.predict_proba(X), expected[:, order], rtol=tolerance, atol=tolerance)
    if end == "labels":
        np.testing.assert_array_equal(ours.predict(X), (expected > 0.5).astype(int))
    else:
        np.testing.assert_array_equal(ours.predict(X), np.asarray(classes)[expected.argmax(axis=1)])


def test_sequences_within_a_sequence_and_layers_without_a_bias():
    body = nn.Sequential(nn.Linear(4, 5, bias=False), nn.Tanh())
    module = nn.Sequential(
        nn.Flatten(), body, nn.Sequential(nn.Linear(5, 3), nn.GELU()), nn.Identity(), nn.Linear(3, 2)
    )
    ours = from_torch(module)
    np.testing.assert_allclose(ours.predict(rows(4)), outputs(module, rows(4)), rtol=1e-6, atol=1e-6)
    tanh = nn.Tanh()
    twice = nn.Sequential(nn.Linear(4, 5), tanh, nn.Linear(5, 3), tanh, nn.Linear(3, 2))
    np.testing.assert_allclose(
        from_torch(twice).predict(rows(4)), outputs(twice, rows(4)), rtol=1e-6, atol=1e-6
    )
    assert ours.activation == ["tanh", "gelu"] and ours.hidden_layer_sizes == (5, 3)
    alone = nn.Linear(4, 2)
    np.testing.assert_allclose(
        from_torch(alone).predict(rows(4)), outputs(alone, rows(4)), rtol=1e-6, atol=1e-6
    )


def test_logarithms_of_rates():
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)).double()
    ours = from_torch(module, loss="poisson")
    np.testing.assert_allclose(ours.predict(rows(4)), np.exp(outputs(module, rows(4)))[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(outputs(to_torch(ours, logits=True), rows(4)), outputs(module, rows(4)))
    with pytest.raises(ValueError, match="say logits=True"):
        to_torch(ours)


def test_a_network_of_theirs_goes_on_and_is_saved(iris, tmp_path):
    X, y = iris
    module = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(torch.tensor(X, dtype=torch.float32)), torch.tensor(y)).backward()
        optimizer.step()
    ours = from_torch(module, classes=[0, 1, 2], warm_start=True, learning_rate_init=0.01, max_iter=40)
    before = ours.score(X, y)
    deltarule.save(ours, tmp_path / "model.safetensors")
    loaded = deltarule.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), ours.predict_proba(X))
    assert ours.fit(X, y).score(X, y) >= before > 0.8
    assert ours.loss_curve_[0] < 0.5


# ── ours as theirs ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("problem", ["classes", "two classes", "labels", "numbers"])
def test_ours_and_back(problem, normalization, precision, iris):
    X, y = iris
    if problem == "two classes":
        X, y = X[y < 2], np.array(["no", "yes"])[y[y < 2]]
    if problem == "labels":
        X, y = make_multilabel_classification(n_samples=100, n_features=4, random_state=0)
        X = X - X.mean(axis=0)
    if problem == "numbers":
        X, y = load_diabetes(return_X_y=True)
        y = np.column_stack([y, -y]) / 100
    kind = MLPRegressor if problem == "numbers" else MLPClassifier
    ours = kind(
        hidden_layer_sizes=(7, 5),
        activation=["silu", "identity"],
        dropout=[0.2, 0.0],
        normalization=normalization,
        max_iter=8,
        precision=precision,
        random_state=0,
    ).fit(X, y)
    # What is set later is not the network's.
    ours.set_params(activation="relu", dropout=0.9)
    module = to_torch(ours)
    assert not module.training
    tolerance = TOLERANCE[precision]
    expected = ours.predict(X) if problem == "numbers" else ours.predict_proba(X)
    expected = expected[:, 1:] if problem == "two classes" else expected
    np.testing.assert_allclose(outputs(module, X), expected, rtol=tolerance, atol=tolerance)
    classes = None if problem == "numbers" else ours.classes_
    if problem != "labels":
        logits = to_torch(ours, logits=True)
        assert not isinstance(logits[-1], (nn.Sigmoid, nn.Softmax))
        back = from_torch(logits, classes=classes)
        np.testing.assert_array_equal(back.predict(X), ours.predict(X))
    back = from_torch(module, classes=classes)
    assert (back.activation, back.dropout) == (["silu", "identity"], [0.2, 0.0])
    assert back.normalization == normalization
    for (name, got), (_, kept) in zip(back._mlp.tensors(), ours._mlp.tensors(), strict=True):
        np.testing.assert_array_equal(got, kept, err_msg=name)
    np.testing.assert_array_equal(back.predict(X), ours.predict(X))


def test_theirs_is_theirs_to_train(iris):
    ours = MLPClassifier(4, max_iter=2, dropout=0.5, random_state=0).fit(*iris)
    state = torch.get_rng_state()
    module = to_torch(ours)
    assert torch.equal(state, torch.get_rng_state())
    before = ours.predict_proba(iris[0])
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(ours.predict_proba(iris[0]), before)
    assert [repr(layer) for layer in module][2] == "Dropout(p=0.5, inplace=False)"


# ── what cannot be ──────────────────────────────────────────────────────────────────────────────────


class Residual(nn.Module):
    pass


LINEAR = nn.Linear(4, 4)
REFUSED = {
    "a module": (Residual(), None, "expected an nn.Sequential of layers, got Residual"),
    "a layer": ([LINEAR, nn.Sequential(nn.Conv1d(1, 1, 1)), LINEAR], None, r"layer 1\.0, Conv1d.* is not to be had here"),
    "another slope": ([LINEAR, nn.LeakyReLU(0.2), LINEAR], None, r"layer 1, .* has negative_slope=0.2; expected 0.01"),
    "another alpha": ([LINEAR, nn.ELU(0.5), LINEAR], None, "has alpha=0.5; expected 1.0"),
    "another gelu": ([LINEAR, nn.GELU("tanh"), LINEAR], None, "has approximate='tanh'; expected 'none'"),
    "another softplus": ([LINEAR, nn.Softplus(threshold=5), LINEAR], None, "has threshold=5"),
    "another epsilon": ([LINEAR, nn.BatchNorm1d(4, eps=1e-3), LINEAR], None, r"has eps=0.001; expected 1e-05"),
    "a norm without scale": ([LINEAR, nn.LayerNorm(4, elementwise_affine=False), LINEAR], None, "elementwise_affine=False"),
    "other norms": ([LINEAR, nn.LayerNorm(4), LINEAR, nn.BatchNorm1d(4), LINEAR], None, "LayerNorm after 0, BatchNorm1d after 2"),
    "a norm of some": ([LINEAR, nn.LayerNorm(4), LINEAR, LINEAR], None, "LayerNorm after 0, none after 2"),
    "a norm too late": ([LINEAR, nn.ReLU(), nn.BatchNorm1d(4), LINEAR], None, "layer 2, BatchNorm1d.* comes after a layer's activation"),
    "two activations": ([LINEAR, nn.ReLU(), nn.Tanh(), LINEAR], None, r"layer 2, Tanh\(\), comes after a layer's activation"),
    "dropout too early": ([LINEAR, nn.Dropout(0.5), nn.ReLU(), LINEAR], None, r"layer 2, ReLU\(\), comes after a layer's Dropout"),
    "dropout of inputs": ([nn.Dropout(0.5), LINEAR], None, "layer 0, Dropout.* stands before the first Linear"),
    "an end": ([LINEAR, nn.ReLU()], None, r"layer 1, ReLU\(\), stands after the last Linear"),
    "a norm of outputs": ([LINEAR, nn.BatchNorm1d(4), nn.Softmax(1)], range(4), "stands between the last Linear and its output"),
    "over rows": ([LINEAR, nn.Softmax(dim=0)], range(4), r"layer 1, Softmax\(dim=0\), is not over the outputs"),
    "no classes": ([LINEAR, nn.Softmax(dim=1)], None, r"layer 1, Softmax\(dim=1\), ends a classifier; say its classes"),
    "too few classes": ([LINEAR], ["a", "b"], "layer 0 has 4 outputs with no activation, which does not go with 2 classes"),
    "the same class": ([LINEAR], ["a", "b", "a", "b"], "a list of different labels"),
    "labels with names": ([LINEAR, nn.Sigmoid()], ["a", "b", "c", "d"], r"expected classes=range\(4\)"),
    "other widths": ([LINEAR, nn.ReLU(), nn.Linear(5, 1)], None, "layer 2, .* takes 5 inputs; expected 4"),
    "half": (nn.Linear(4, 1).half(), None, "has weights of torch.float16; expected float32"),
    "nothing": ([], None, "expected a Linear at least"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_to_be_had_is_named_with_its_place(case):
    layers, classes, told = REFUSED[case]
    module = nn.Sequential(*layers) if isinstance(layers, list) else layers
    with pytest.raises(ValueError, match=told):
        from_torch(module, classes=classes)


def test_what_is_said_twice_or_wrongly():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    with pytest.raises(TypeError, match="activation is the module's"):
        from_torch(module, activation="tanh")
    with pytest.raises(ValueError, match="solver"):
        from_torch(module, solver="newton")
    with pytest.raises(
        TypeError, match="expected a MLPClassifier or MLPRegressor of deltarule, got Sequential"
    ):
        to_torch(module)


# ── who imports it ──────────────────────────────────────────────────────────────────────────────────


def test_it_is_imported_by_whoever_asks_for_it():
    program = """
import sys
import deltarule
model = deltarule.MLPClassifier(4, max_iter=2).fit([[0], [1]], [0, 1])
deltarule.from_torch, deltarule.to_torch
assert "torch" not in sys.modules
sys.modules["torch"] = None
for ask in (lambda: deltarule.to_torch(model), lambda: deltarule.from_torch(model)):
    try:
        ask()
    except ImportError as error:
        print(error)
"""
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], check=True, capture_output=True, text=True
    )
    assert said.stdout.splitlines() == ["PyTorch is not installed, and from_torch and to_torch need it"] * 2


def test_examples_in_docstrings():
    outcome = doctest.testmod(importlib.import_module("deltarule._torch"))
    assert outcome.attempted >= 8 and outcome.failed == 0
