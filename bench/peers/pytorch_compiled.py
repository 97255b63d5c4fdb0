"""PyTorch, the whole step compiled into one graph: gradient, cost and update by `torch.func` and Inductor.

`whole` is one step in one graph; `autotuned` the same under max-autotune, whose C++ products are tried beside MKL's;
`unrolled` is 16 steps in one graph called through a C++ wrapper, which leaves the interpreter once for 16 steps.
"""

import itertools

import torch
import torch._inductor.config as inductor
import torch.nn.functional as F

from case import Case, arguments, take_turns

ACTIVATIONS = {"sigmoid": torch.sigmoid, "relu": torch.relu, "tanh": torch.tanh, "identity": lambda z: z}

UNROLLED = 16


def step_of(case):
    """`step(parameters, state, x, y)` gives the loss, and updates parameters and Adam's state in place."""
    activations = [ACTIVATIONS[name] for name in case.activations]

    def cost(parameters, x, y):
        for activation, w, b in zip(activations, parameters[::2], parameters[1::2]):
            x = activation(F.linear(x, w, b))
        if case.cost == "cross_entropy":
            return F.cross_entropy(x, y)
        return F.mse_loss(x, y) * (case.outputs / 2)

    gradient = torch.func.grad_and_value(cost)
    rate, rule = case.learning_rate, case.optimizer

    def descend(parameters, state, x, y):
        gradients, loss = gradient(parameters, x, y)
        for parameter, g in zip(parameters, gradients):
            parameter.sub_(g, alpha=rate)
        return loss

    def adam(parameters, state, x, y):
        gradients, loss = gradient(parameters, x, y)
        beta1, beta2 = rule["beta1"], rule["beta2"]
        # β₁ᵗ and β₂ᵗ are tensors: as Python numbers each step would be compiled anew.
        powers, betas, means, squares = state
        powers.mul_(betas)
        rest1, rest2 = 1 - powers[0], 1 - powers[1]
        for parameter, g, m, v in zip(parameters, gradients, means, squares):
            m.lerp_(g, 1 - beta1)
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            parameter.sub_(rate / rest1 * m / ((v / rest2).sqrt() + rule["epsilon"]))
        return loss

    return adam if case.adam else descend


def beginning(case, variant):
    """`begin()` for this case."""
    start = [torch.from_numpy(tensor).contiguous() for w, b in case.weights for tensor in (w.T, b)]
    parameters = [tensor.clone() for tensor in start]
    means, squares = [[torch.zeros_like(tensor) for tensor in start] for _ in range(2)]
    powers = torch.ones(2)
    state = ()
    if case.adam:
        state = (powers, torch.tensor([case.optimizer["beta1"], case.optimizer["beta2"]]), means, squares)
    x, y = [torch.from_numpy(rows) for rows in case.batched(UNROLLED)]
    batches = list(zip(x, y))
    step = step_of(case)
    inductor.cpp_wrapper = variant == "unrolled"
    torch._dynamo.config.automatic_dynamic_shapes = False
    options = {"mode": "max-autotune"} if variant == "autotuned" else {}
    single = torch.compile(step, fullgraph=True, **options)
    if variant == "unrolled":

        def several(parameters, state, xs, ys):
            for k in range(UNROLLED):
                loss = step(parameters, state, xs[k], ys[k])
            return loss

        unrolled = torch.compile(several, fullgraph=True)
        whole = len(x) // UNROLLED * UNROLLED
        blocks = [(x[i : i + UNROLLED], y[i : i + UNROLLED]) for i in range(0, whole, UNROLLED)]

    def begin():
        for tensor, from_start in zip(parameters, start):
            tensor.copy_(from_start)
        for tensor in means + squares:
            tensor.zero_()
        powers.fill_(1)
        following = itertools.cycle(batches)

        @torch.no_grad()
        def take_single(steps):
            for xb, yb in itertools.islice(following, steps):
                loss = single(parameters, state, xb, yb)
            return lambda: loss.item()

        if variant != "unrolled":
            return take_single
        following_blocks = itertools.cycle(blocks)

        @torch.no_grad()
        def take(steps):
            for xs, ys in itertools.islice(following_blocks, steps // UNROLLED):
                loss = unrolled(parameters, state, xs, ys)
            return lambda: loss.item()

        return take

    return begin


def main():
    asked = arguments(__doc__.splitlines()[0], ("whole", "autotuned", "unrolled"))
    torch.set_num_threads(asked.threads)
    torch.set_num_interop_threads(1)
    case = Case(asked.case_folder)
    versions = {"torch": torch.__version__, "instruction_set": torch.backends.cpu.get_cpu_capability()}
    chunk = UNROLLED if asked.variant == "unrolled" else 1
    take_turns(case, asked, beginning(case, asked.variant), versions, chunk)


if __name__ == "__main__":
    main()
