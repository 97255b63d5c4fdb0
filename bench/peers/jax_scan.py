"""JAX: one compiled scan over an epoch's batches, unrolled by 1 or by 8.

The whole of an epoch is one call. One thread is what `XLA_FLAGS=--xla_cpu_multi_thread_eigen=false` and a single core
give, set by whoever starts this program.
"""

import jax
import jax.numpy as jnp

from case import Case, arguments, take_turns

ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "tanh": jnp.tanh, "identity": lambda z: z}


def step_of(case):
    """`step(state, (x, y))` gives the next state and the loss; the state is parameters, or with Adam's means."""
    activations = [ACTIVATIONS[name] for name in case.activations]

    def cost(parameters, x, y):
        for activation, (w, b) in zip(activations, parameters):
            x = activation(x @ w + b)
        if case.cost == "cross_entropy":
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1))
        return jnp.mean(jnp.sum((x - y) ** 2, axis=1)) / 2

    gradient = jax.value_and_grad(cost)
    rate, rule = case.learning_rate, case.optimizer

    def descend(parameters, batch):
        loss, gradients = gradient(parameters, *batch)
        return jax.tree.map(lambda w, g: w - rate * g, parameters, gradients), loss

    def adam(state, batch):
        parameters, means, squares, t = state
        loss, gradients = gradient(parameters, *batch)
        t = t + 1
        beta1, beta2 = rule["beta1"], rule["beta2"]
        means = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, means, gradients)
        squares = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, squares, gradients)
        rest1, rest2 = 1 - beta1**t, 1 - beta2**t
        moved = lambda w, m, v: w - rate / rest1 * m / (jnp.sqrt(v / rest2) + rule["epsilon"])
        return (jax.tree.map(moved, parameters, means, squares), means, squares, t), loss

    return adam if case.adam else descend


def beginning(case, unroll):
    """`begin()` for this case, and the number of steps in one scan."""
    parameters = [(jnp.array(w), jnp.array(b)) for w, b in case.weights]
    start = parameters
    if case.adam:
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        start = (parameters, zeros, jax.tree.map(jnp.zeros_like, zeros), jnp.float32(0))
    # A call costs what several steps of a tiny network do; a scan of a large network is cut, so that a turn may be short.
    length = scan_length(case, unroll)
    x, y = [jnp.array(rows) for rows in case.batched(length)]
    pieces = [(x[i : i + length], y[i : i + length]) for i in range(0, len(x) - length + 1, length)]
    step = step_of(case)
    scan = jax.jit(lambda state, x, y: jax.lax.scan(step, state, (x, y), unroll=unroll))

    def begin():
        state, at = start, 0

        def take(steps):
            nonlocal state, at
            if steps % length != 0:
                state, losses = scan(state, x[:steps], y[:steps])
            else:
                for _ in range(steps // length):
                    state, losses = scan(state, *pieces[at % len(pieces)])
                    at += 1
            jax.block_until_ready(state)
            return lambda: float(losses[-1])

        return take

    return begin, length


def scan_length(case, unroll):
    """Steps in a scan: some 5·10⁹ operations together, between `unroll` and 1000."""
    operations = 6 * case.batch_size * sum(w.size for w, _ in case.weights)
    return min(1000, max(unroll, int(5e9 // operations) // unroll * unroll))


def main():
    asked = arguments(__doc__.splitlines()[0], ("unroll-1", "unroll-8"))
    case = Case(asked.case_folder)
    begin, chunk = beginning(case, int(asked.variant.removeprefix("unroll-")))
    take_turns(case, asked, begin, {"jax": jax.__version__}, chunk)


if __name__ == "__main__":
    main()
