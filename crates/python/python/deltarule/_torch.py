"""PyTorch's networks as estimators, and estimators as PyTorch's networks. PyTorch is imported by whoever calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._base import Array
from ._convert import HiddenLayers, assembled
from ._mlp import MLPClassifier, MLPRegressor, classes_of

# Each activation's layer, and what its attributes have to be to mean the same; the first of each is what is built.
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "identity": ("Identity", {}),
    "logistic": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("ELU", {"alpha": 1.0}),
    "selu": ("SELU", {}),
    "gelu": ("GELU", {"approximate": "none"}),
    "silu": ("SiLU", {}),
    "mish": ("Mish", {}),
    "softplus": ("Softplus", {"beta": 1.0, "threshold": 20.0}),
}
_NORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "batch": ("BatchNorm1d", {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}),
    "layer": ("LayerNorm", {"eps": 1e-5, "elementwise_affine": True}),
}
_OF_THE_NETWORK = ("hidden_layer_sizes", "activation", "dropout", "normalization", "precision")


@dataclass
class _Block:
    """A dense layer with what stands after it."""

    linear: Any
    place: str
    norm: Any = None
    normalization: str | None = None
    activation: str | None = None
    dropout: float | None = None
    # What ends a classifier: softmax or sigmoid.
    output: str | None = None
    # Each of them with its place, for errors.
    said: list[str] = field(default_factory=list)


def from_torch(module: Any, *, classes: Any = None, **parameters: Any) -> MLPClassifier | MLPRegressor:
    """Take over a PyTorch network.

    Each hidden layer is a ``Linear``, then in this order, where they are wanted, ``BatchNorm1d`` or ``LayerNorm``, an
    activation, ``Dropout``; the last is a ``Linear`` alone, or with ``Sigmoid``, ``Softmax`` or ``LogSoftmax``. What is
    numbers without one of those is taken for logits of a classifier, as ``CrossEntropyLoss`` and ``BCEWithLogitsLoss``
    have them, for the predictions of a regressor, and for their logarithms where ``loss='poisson'``.

    ======================================== ==========================================================
    the last layer                           with `classes`
    ======================================== ==========================================================
    one output, bare or with ``Sigmoid``     two classes: the probability of the second
    as many outputs as classes, bare or with several classes; of two classes the two outputs become one, their
    ``Softmax`` or ``LogSoftmax``            difference
    two or more outputs with ``Sigmoid``     several labels, which are numbered from 0
    ======================================== ==========================================================

    Parameters
    ----------
    module : torch.nn.Sequential or torch.nn.Linear
        Sequences within a sequence are taken as what they hold. Its weights are copied; `precision` is theirs.
    classes : array-like, default=None
        The labels, in the order of the outputs: a classifier comes of it. Without, a regressor.
    **parameters
        Other parameters of the estimator, for a training that goes on.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor
        A fitted one. With ``warm_start=True`` it goes on from these weights.

    Raises
    ------
    ValueError
        Names the layer that is not to be had here, and its place.

    Examples
    --------
    >>> import deltarule
    >>> from torch import nn
    >>> network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    >>> deltarule.from_torch(network, classes=["a", "b", "c"]).predict_proba([[0, 1, 2, 3]]).shape
    (1, 3)
    """
    for name in _OF_THE_NETWORK:
        if name in parameters:
            raise TypeError(f"from_torch: {name} is the module's; it cannot be said besides")
    blocks = _blocks(module)
    tensors, buffers = _numbers(blocks)
    *hidden, last = blocks
    is_double = any(tensor.dtype == np.float64 for tensor in tensors)
    network = {
        "hidden_layer_sizes": tuple(block.linear.out_features for block in hidden),
        "precision": "f64" if is_double else "f32",
        **_of_hidden_layers(hidden),
    }
    if classes is None:
        if last.output is not None:
            raise ValueError(
                f"from_torch: {last.said[-1]} ends a classifier; say its classes, or leave that layer out for a regressor"
            )
        regressor = MLPRegressor(**network, **parameters)
        assembled(regressor, tensors, buffers)
        return regressor
    order, is_multilabel = _classes(last, np.asarray(classes))
    tensors[-2:] = _of_classes(tensors[-2:], order, is_multilabel)
    classifier = MLPClassifier(**network, **parameters)
    labels = np.eye(len(classes), dtype=int) if is_multilabel else np.asarray(classes)
    assembled(classifier, tensors, buffers, known=classes_of(labels))
    return classifier


def to_torch(estimator: MLPClassifier | MLPRegressor, *, logits: bool = False) -> Any:
    """Make a PyTorch network of an estimator.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        A fitted one.
    logits : bool, default=False
        Whether the last ``Softmax`` or ``Sigmoid`` is left out, as ``CrossEntropyLoss`` and ``BCEWithLogitsLoss`` want
        it; of a regressor with ``loss='poisson'``, the exponential, as ``PoissonNLLLoss`` does.

    Returns
    -------
    module : torch.nn.Sequential
        On the CPU, in evaluation mode, of the estimator's precision. It gives what ``predict_proba`` does, of two classes
        one column, the second's probability; of a regressor what ``predict`` does, as a matrix.

    Examples
    --------
    >>> import deltarule
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> xor = deltarule.MLPClassifier(8, "tanh", solver="lbfgs", random_state=1).fit(X, y)
    >>> deltarule.to_torch(xor)
    Sequential(
      (0): Linear(in_features=2, out_features=8, bias=True)
      (1): Tanh()
      (2): Linear(in_features=8, out_features=1, bias=True)
      (3): Sigmoid()
    )
    """
    if not isinstance(estimator, (MLPClassifier, MLPRegressor)):
        raise TypeError(
            f"to_torch: expected a MLPClassifier or MLPRegressor of deltarule, got {type(estimator).__name__}"
        )
    check_is_fitted(estimator)
    torch = _torch()
    nn = torch.nn
    dtype = torch.float64 if estimator._dtype is np.float64 else torch.float32
    end = estimator._mlp.settings["output_activation"]
    last = {"softmax": nn.Softmax(dim=1), "sigmoid": nn.Sigmoid(), "identity": None}
    if not logits and end not in last:
        raise ValueError(
            "to_torch: PyTorch has no layer for the exponential that ends loss='poisson'; say logits=True, and take "
            "the exponential of what comes out"
        )
    named = dict(estimator._mlp.tensors())
    weights = [name for name in named if name.endswith(".w")]
    hidden = HiddenLayers.of(estimator)
    buffers = estimator._mlp.__reduce__()[2]["buffers"]
    layers, at = [], 0
    for index, name in enumerate(weights):
        fan_in, units = named[name].shape
        linear = nn.utils.skip_init(nn.Linear, fan_in, units, dtype=dtype)
        _fill(torch, linear.weight, named[name].T)
        _fill(torch, linear.bias, named[name.removesuffix("w") + "b"])
        layers.append(linear)
        if index == len(weights) - 1:
            break
        if hidden.normalization is not None:
            norm = getattr(nn, _NORMS[hidden.normalization][0])(units, dtype=dtype)
            number = int(name.split(".")[1]) + 1
            _fill(torch, norm.weight, named[f"layers.{number}.scale"])
            _fill(torch, norm.bias, named[f"layers.{number}.shift"])
            if hidden.normalization == "batch":
                _fill(torch, norm.running_mean, buffers[at : at + units])
                _fill(torch, norm.running_var, buffers[at + units : at + 2 * units])
                at += 2 * units
            layers.append(norm)
        if hidden.activations[index] != "identity":
            kind, said = _ACTIVATIONS[hidden.activations[index]]
            layers.append(getattr(nn, kind)(**said))
        if hidden.dropout[index] > 0:
            layers.append(nn.Dropout(hidden.dropout[index]))
    if not logits and last[end] is not None:
        layers.append(last[end])
    return nn.Sequential(*layers).eval()


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError("PyTorch is not installed, and from_torch and to_torch need it") from error
    return torch


def _fill(torch: Any, tensor: Any, array: Array) -> None:
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))


# ── what a module is made of ────────────────────────────────────────────────────────────────────────


def _flat(module: Any, place: str = "") -> list[tuple[str, Any]]:
    """The layers with their places, as `named_modules` has them."""
    if type(module) is not _torch().nn.Sequential:  # a subclass may do something else besides
        return [(place or "0", module)]
    return [
        found
        for name, child in module._modules.items()  # named_children leaves a second use of a layer out
        for found in _flat(child, f"{place}.{name}" if place else name)
    ]


def _blocks(module: Any) -> list[_Block]:
    nn = _torch().nn
    if type(module) not in (nn.Sequential, nn.Linear):
        raise ValueError(
            f"from_torch: expected an nn.Sequential of layers, got {type(module).__name__}; its layers in their order "
            "are to be put into one"
        )
    found = [(place, layer) for place, layer in _flat(module) if type(layer) is not nn.Identity]
    if found and type(found[0][1]) is nn.Flatten and found[0][1].start_dim == 1:
        found = found[1:]  # rows are flat
    blocks: list[_Block] = []
    for number, (place, layer) in enumerate(found):
        if type(layer) is nn.Linear:
            blocks.append(_Block(layer, place))
        elif not blocks:
            raise ValueError(
                f"from_torch: layer {place}, {layer!r}, stands before the first Linear; expected a Linear"
            )
        else:
            _take(blocks[-1], layer, place, number == len(found) - 1)
    if not blocks:
        raise ValueError("from_torch: expected a Linear at least, got a module without")
    _end_is_one(blocks[-1])
    return blocks


def _take(block: _Block, layer: Any, place: str, is_last: bool) -> None:
    """Adds a layer to the block that it stands in."""
    nn = _torch().nn
    activations = {getattr(nn, kind): name for name, (kind, _) in _ACTIVATIONS.items()}
    norms = {getattr(nn, kind): name for name, (kind, _) in _NORMS.items()}
    outputs = {nn.Softmax: "softmax", nn.LogSoftmax: "softmax", nn.Sigmoid: "sigmoid"}
    kind, named = type(layer), f"layer {place}, {layer!r},"
    if is_last and kind in outputs:
        if kind is not nn.Sigmoid and layer.dim not in (1, -1):
            raise ValueError(f"from_torch: {named} is not over the outputs; expected dim=1")
        block.output = outputs[kind]
    elif kind in norms:
        _means(layer, named, _NORMS[norms[kind]][1])
        _comes_before(named, {"norm": block.norm, "activation": block.activation, "Dropout": block.dropout})
        block.norm, block.normalization = layer, norms[kind]
    elif kind in activations:
        _means(layer, named, _ACTIVATIONS[activations[kind]][1])
        _comes_before(named, {"activation": block.activation, "Dropout": block.dropout})
        block.activation = activations[kind]
    elif kind is nn.Dropout:
        _comes_before(named, {"Dropout": block.dropout})
        block.dropout = layer.p
    else:
        known = ["Linear", *(kind for kind, _ in (*_NORMS.values(), *_ACTIVATIONS.values())), "Dropout"]
        raise ValueError(
            f"from_torch: {named} is not to be had here; expected one of {', '.join(known)}, and at the end Sigmoid, "
            "Softmax or LogSoftmax"
        )
    block.said.append(named)


def _end_is_one(last: _Block) -> None:
    """After the last dense layer comes what makes probabilities of its outputs, or nothing."""
    if last.said and last.output is None:
        raise ValueError(
            f"from_torch: {last.said[-1]} stands after the last Linear, where no hidden layer follows; expected "
            "Sigmoid, Softmax, LogSoftmax or nothing"
        )
    if len(last.said) > 1:
        raise ValueError(f"from_torch: {last.said[0]} stands between the last Linear and its output")


def _means(layer: Any, named: str, expected: dict[str, Any]) -> None:
    """Whether a layer's numbers are those that it has here."""
    for name, value in expected.items():
        got = getattr(layer, name)
        # Past its threshold softplus is z itself: a later one is nearer to the function that it is here.
        if got != value and not (name == "threshold" and got > value):
            raise ValueError(f"from_torch: {named} has {name}={got!r}; expected {value!r}, as it is here")


def _comes_before(named: str, earlier: dict[str, Any]) -> None:
    for kind, there in earlier.items():
        if there is not None:
            what = "another" if kind == "norm" else f"a layer's {kind}"
            raise ValueError(
                f"from_torch: {named} comes after {what}; expected Linear, norm, activation, Dropout in this order, "
                "each once at most"
            )


def _array(tensor: Any) -> Array:
    array: Array = tensor.detach().cpu().numpy()
    return array


def _numbers(blocks: Sequence[_Block]) -> tuple[list[Array], list[Array]]:
    """Tensors in the order of the network here, and running statistics."""
    tensors, buffers = [], []
    width = blocks[0].linear.in_features
    for block in blocks:
        linear = block.linear
        if linear.in_features != width:
            raise ValueError(
                f"from_torch: layer {block.place}, {linear!r}, takes {linear.in_features} inputs; expected {width}"
            )
        width = linear.out_features
        if linear.weight.dtype not in (_torch().float32, _torch().float64):
            raise ValueError(
                f"from_torch: layer {block.place}, {linear!r}, has weights of {linear.weight.dtype}; expected float32 or "
                "float64: module.float() makes them so"
            )
        weight = _array(linear.weight)
        tensors.append(weight.T)
        tensors.append(np.zeros(width, weight.dtype) if linear.bias is None else _array(linear.bias))
        norm = block.norm
        if norm is None:
            continue
        shape = (norm.num_features,) if block.normalization == "batch" else tuple(norm.normalized_shape)
        if shape != (width,):
            raise ValueError(
                f"from_torch: {norm!r} after layer {block.place} is of {shape}; expected {width} units"
            )
        scale = _array(norm.weight)
        tensors.append(scale)
        tensors.append(np.zeros_like(scale) if norm.bias is None else _array(norm.bias))
        if block.normalization == "batch":
            buffers += [_array(norm.running_mean), _array(norm.running_var)]
    return tensors, buffers


def _of_hidden_layers(hidden: Sequence[_Block]) -> dict[str, Any]:
    """Parameters of the hidden layers; the same for all of them where they are the same."""
    if not hidden:
        return {}
    norms = {block.normalization for block in hidden}
    if len(norms) > 1:
        told = ", ".join(
            f"{'none' if block.norm is None else type(block.norm).__name__} after {block.place}"
            for block in hidden
        )
        raise ValueError(f"from_torch: expected the same normalisation in each hidden layer, got {told}")
    activations = [block.activation or "identity" for block in hidden]
    rates = [float(block.dropout or 0.0) for block in hidden]
    return {
        "activation": activations[0] if len(set(activations)) == 1 else activations,
        "dropout": rates[0] if len(set(rates)) == 1 else rates,
        "normalization": norms.pop(),
    }


def _classes(last: _Block, classes: Array) -> tuple[Array, bool]:
    """The outputs' order by their classes, and whether they are labels, several of which may hold."""
    outputs, end = last.linear.out_features, last.output or "no activation"
    if classes.ndim != 1 or len(np.unique(classes)) != len(classes):
        raise ValueError(f"from_torch: classes: expected a list of different labels, got {classes!r}")
    order = np.argsort(classes, kind="stable")
    if outputs >= 2 and last.output == "sigmoid":
        if not np.array_equal(classes, np.arange(outputs)):
            raise ValueError(
                f"from_torch: {outputs} outputs with Sigmoid are labels, several of which may hold, and are numbered: "
                f"expected classes=range({outputs}), got {classes.tolist()}"
            )
        return order, True
    fits = outputs == 1 and len(classes) == 2 and last.output in (None, "sigmoid")
    if not fits and not (outputs == len(classes) >= 2):
        raise ValueError(
            f"from_torch: layer {last.place} has {outputs} outputs with {end}, which does not go with {len(classes)} "
            "classes; expected an output for each class, or one for the second of two"
        )
    return order, False


def _of_classes(last: Sequence[Array], order: Array, is_multilabel: bool) -> list[Array]:
    """Weights and biases of the last layer for classes in their order: of two classes those of the second one's logit."""
    weights, biases = last
    if is_multilabel:
        return [weights, biases]
    if len(biases) == 1:
        # The probability of the other class has the opposite logit.
        sign = 1 if order[0] == 0 else -1
        return [sign * weights, sign * biases]
    weights, biases = weights[:, order], biases[order]
    if len(biases) == 2:
        # softmax(z)₁ = σ(z₁ − z₀)
        return [weights[:, 1:] - weights[:, :1], biases[1:] - biases[:1]]
    return [weights, biases]
