"""Keras on TensorFlow: the whole step compiled by XLA, many steps in one call.

`fit` costs more in callbacks and bookkeeping than a small network's step. So this is what a skilled user falls back to: a
training function over Keras's own layers, loss and optimizer, compiled with `jit_compile=True` and looping over batches
inside the graph.
"""

import keras
import numpy
import tensorflow as tf

from case import Case, arguments, take_turns


def scan_length(case):
    """Steps in a call: some 5·10⁹ operations together, between 1 and 1000."""
    operations = 6 * case.batch_size * sum(w.size for w, _ in case.weights)
    return min(1000, max(1, int(5e9 // operations)))


def model_of(case):
    """The network with its start weights."""
    model = keras.Sequential([keras.Input((case.x.shape[1],))])
    for activation, layer in zip(case.activations, case.layers):
        model.add(keras.layers.Dense(layer["fan_out"], activation=None if activation == "identity" else activation))
    for dense, (w, b) in zip(model.layers, case.weights):
        dense.set_weights([w, b])
    return model


def rule_of(case):
    rule = case.optimizer
    if case.adam:
        return keras.optimizers.Adam(case.learning_rate, rule["beta1"], rule["beta2"], rule["epsilon"])
    return keras.optimizers.SGD(case.learning_rate)


def beginning(case, length):
    """`begin()` for this case."""
    model, optimizer = model_of(case), rule_of(case)
    optimizer.build(model.trainable_variables)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def cost(x, y):
        z = model(x, training=True)
        if case.cost == "cross_entropy":
            return cross_entropy(y, z)
        # Its mean squared error is a mean over outputs, without the half.
        return tf.reduce_mean(tf.reduce_sum(tf.square(z - y), axis=1)) / 2

    weights = model.trainable_variables

    @tf.function(jit_compile=True)
    def several(xs, ys):
        loss = tf.constant(0.0)
        for k in tf.range(tf.shape(xs)[0]):
            with tf.GradientTape() as tape:
                loss = cost(xs[k], ys[k])
            optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    variables = weights + optimizer.variables
    start = [variable.numpy() for variable in variables]
    x, y = case.batched(length)
    y = y.astype(numpy.int32) if case.cost == "cross_entropy" else y
    x, y = tf.constant(x), tf.constant(y)
    pieces = [(x[i : i + length], y[i : i + length]) for i in range(0, len(x) - length + 1, length)]

    def begin():
        at = 0
        for variable, value in zip(variables, start):
            variable.assign(value)

        def take(steps):
            nonlocal at
            if steps % length != 0:
                loss = several(x[:steps], y[:steps])
            else:
                for _ in range(steps // length):
                    loss = several(*pieces[at % len(pieces)])
                    at += 1
            return lambda: float(loss)

        return take

    return begin


def main():
    asked = arguments(__doc__.splitlines()[0])
    tf.config.threading.set_intra_op_parallelism_threads(asked.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    case = Case(asked.case_folder)
    length = scan_length(case)
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    take_turns(case, asked, beginning(case, length), versions, length)


if __name__ == "__main__":
    main()
