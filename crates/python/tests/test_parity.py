"""From the same weights over the same rows, step by step: losses beside scikit-learn's and PyTorch's."""

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.preprocessing import StandardScaler

import deltarule
from deltarule import from_torch

try:
    import torch

    # Its threads wait for each other by spinning: on a busy machine a step would take a hundred times as long.
    torch.set_num_threads(1)
except ImportError:
    torch = None

STEPS, BATCH = 100, 25
# How far a loss may be off, in its own size.
TOLERANCE = {"f64": 1e-6, "f32": 1e-3}
PROBLEMS = ["classes", "two classes", "labels", "a number", "two numbers"]


@pytest.fixture(scope="module")
def problems():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = StandardScaler().fit_transform(X)[order], y[order]
    X_labels, Y_labels = make_multilabel_classification(
        n_samples=150, n_features=4, n_classes=3, random_state=0
    )
    X_numbers, y_numbers = load_diabetes(return_X_y=True)
    X_numbers, y_numbers = 20 * X_numbers[:150, :4], (y_numbers[:150] - 150) / 80
    return {
        "classes": (X, y),
        "two classes": (X, (y == 1).astype(int)),
        "labels": (StandardScaler().fit_transform(X_labels), Y_labels),
        "a number": (X_numbers, y_numbers),
        "two numbers": (X_numbers, np.column_stack([y_numbers, y_numbers**2])),
    }


def batches(X, y, precision):
    """A hundred batches: the rows in their order, again and again."""
    X = X.astype(np.float32 if precision == "f32" else np.float64)
    for step in range(STEPS):
        rows = slice(step * BATCH % len(X), step * BATCH % len(X) + BATCH)
        yield X[rows], y[rows]


def losses_of(model, X, y, precision):
    """The loss of each batch before its step."""
    first = {"classes": np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])}
    first = first if hasattr(model, "predict_proba") else {}
    losses = []
    for X_batch, y_batch in batches(X, y, precision):
        losses.append(model.partial_fit(X_batch, y_batch, **first).loss_)
    assert losses[-1] < losses[0]
    return np.array(losses)


# What both are given; ε so small that it weighs nothing, neither where they add it nor where we do.
SOLVERS = {
    "descent": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "nesterov": {"solver": "sgd", "momentum": 0.9, "learning_rate_init": 0.02},
    "adam": {"solver": "adam", "epsilon": 1e-30, "learning_rate_init": 0.01},
}


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_losses_are_scikit_learns(problem, solver, precision, problems):
    X, y = problems[problem]
    name = "MLPRegressor" if "number" in problem else "MLPClassifier"
    both = {"hidden_layer_sizes": (8, 6), "activation": "tanh", "batch_size": BATCH, "shuffle": False, "alpha": 0.0,
            "random_state": 3, **SOLVERS[solver]}  # fmt: skip
    expected = losses_of(getattr(theirs, name)(**both), X, y, precision)
    # What theirs tells of several numbers is their mean, ours their sum; the gradient is the sum's here and there.
    outputs = y.shape[1] if problem == "two numbers" else 1
    got = losses_of(getattr(deltarule, name)(**both, precision=precision, n_jobs=1), X, y, precision)
    np.testing.assert_allclose(got / outputs, expected, rtol=TOLERANCE[precision])


def test_adams_epsilon_is_elsewhere(problems):
    # Ours is added to √v̂, theirs to √v: the same where theirs is √(1 − β₂ᵗ) as large, which at the first step is a
    # thirtieth. With an ε that weighs something both are seen.
    X, y = problems["classes"]
    both = {"hidden_layer_sizes": 6, "activation": "tanh", "batch_size": BATCH, "shuffle": False, "alpha": 0.0,
            "random_state": 3, "learning_rate_init": 0.01}  # fmt: skip
    ours = deltarule.MLPClassifier(**both, epsilon=1e-3, precision="f64")
    same = theirs.MLPClassifier(**both, epsilon=1e-3)
    corrected = theirs.MLPClassifier(**both, epsilon=1e-3)
    curves = {ours: [], same: [], corrected: []}
    for step, (X_batch, y_batch) in enumerate(batches(X, y, "f64"), 1):
        for model, losses in curves.items():
            if model is corrected and hasattr(model, "_optimizer"):
                model._optimizer.epsilon = 1e-3 * np.sqrt(1 - 0.999**step)
            elif model is corrected:
                model.set_params(epsilon=1e-3 * np.sqrt(1 - 0.999))
            losses.append(model.partial_fit(X_batch, y_batch, classes=[0, 1, 2]).loss_)
    np.testing.assert_allclose(curves[ours], curves[corrected], rtol=1e-6)
    assert np.abs(np.array(curves[ours]) / curves[same] - 1).max() > 1e-3


# ── PyTorch ─────────────────────────────────────────────────────────────────────────────────────────


def torch_optimizer(solver, module, rate):
    weights = [parameter for parameter in module.parameters() if parameter.ndim == 2]
    others = [parameter for parameter in module.parameters() if parameter.ndim == 1]
    decay = {"params": weights, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}
    return {
        "descent": lambda: torch.optim.SGD(module.parameters(), lr=rate),
        "momentum": lambda: torch.optim.SGD(module.parameters(), lr=rate, momentum=0.9),
        "nesterov": lambda: torch.optim.SGD(module.parameters(), lr=rate, momentum=0.9, nesterov=True),
        "descent with alpha": lambda: torch.optim.SGD(decay, lr=rate),
        "rmsprop": lambda: torch.optim.RMSprop(module.parameters(), lr=rate, alpha=0.9),
        "adam": lambda: torch.optim.Adam(module.parameters(), lr=rate),
        "adam, large epsilon": lambda: torch.optim.Adam(
            module.parameters(), lr=rate, eps=1e-3, betas=(0.8, 0.99)
        ),
        "adam with alpha": lambda: torch.optim.Adam(decay, lr=rate),
        "adamw": lambda: torch.optim.AdamW(decay, lr=rate),
    }[solver]()


# Theirs penalises by ½·decay·Σw² in each step, ours by alpha/2·Σw² over the batch's rows; so does the decoupled decay.
OF_TORCH = {
    "descent": SOLVERS["descent"],
    "momentum": SOLVERS["momentum"],
    "nesterov": SOLVERS["nesterov"],
    "descent with alpha": {**SOLVERS["descent"], "alpha": 0.1 * BATCH},
    "rmsprop": {"solver": "rmsprop", "momentum": 0.0, "learning_rate_init": 0.005},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "adam, large epsilon": {"solver": "adam", "learning_rate_init": 0.01, "epsilon": 1e-3, "beta_1": 0.8, "beta_2": 0.99},
    "adam with alpha": {"solver": "adam", "learning_rate_init": 0.01, "alpha": 0.1 * BATCH},
    "adamw": {"solver": "adamw", "learning_rate_init": 0.01, "alpha": 0.1 * BATCH},
}  # fmt: skip


def torch_loss(problem, logits, y):
    functional = torch.nn.functional
    if problem == "classes":
        return functional.cross_entropy(logits, torch.tensor(y))
    targets = torch.tensor(y, dtype=logits.dtype).reshape(len(y), -1)
    if "number" in problem:
        return 0.5 * (logits - targets).square().sum(dim=1).mean()
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(dim=1).mean()


@pytest.mark.skipif(
    torch is None, reason="PyTorch is not installed: pip install -r crates/python/requirements-torch.txt"
)
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("solver", OF_TORCH)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_losses_are_pytorchs(problem, solver, precision, problems):
    X, y = problems[problem]
    outputs = {"classes": 3, "two classes": 1, "labels": 3, "a number": 1, "two numbers": 2}[problem]
    nn = torch.nn
    torch.manual_seed(0)
    layers = [nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 6), nn.SiLU(), nn.Linear(6, outputs)]
    module = nn.Sequential(*layers).to(torch.float32 if precision == "f32" else torch.float64)
    said = {"alpha": 0.0, "shuffle": False, "batch_size": BATCH, "n_jobs": 1, **OF_TORCH[solver]}
    classes = None if "number" in problem else np.arange(max(outputs, 2))
    ended = nn.Sequential(*layers, nn.Sigmoid()) if problem == "labels" else module
    ours = from_torch(ended, classes=classes, **said)
    assert ours.precision == precision
    optimizer = torch_optimizer(solver, module, said["learning_rate_init"])
    expected, got = [], []
    for X_batch, y_batch in batches(X, y, precision):
        optimizer.zero_grad()
        loss = torch_loss(problem, module(torch.tensor(X_batch)), y_batch)
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
        got.append(ours.partial_fit(X_batch, y_batch).loss_)
    assert np.mean(expected[-6:]) < np.mean(expected[:6])
    np.testing.assert_allclose(got, expected, rtol=TOLERANCE[precision])
