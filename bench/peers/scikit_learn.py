"""scikit-learn: MLPClassifier and MLPRegressor, whole runs of batches handed over at once.

`partial_fit` goes through the rows that it is given batch by batch, in their order, and checks them once. Its regressor has
no output but the identity: on sigmoid outputs under a squared error it trains the same network without that last sigmoid,
which is a little less to do, and its loss is not comparable.
"""

import warnings

import numpy
import sklearn
import threadpoolctl
from sklearn.neural_network import MLPClassifier, MLPRegressor

from case import Case, arguments, take_turns

warnings.simplefilter("ignore")

NAMES = {"sigmoid": "logistic", "relu": "relu", "tanh": "tanh"}


def beginning(case):
    """`begin()` for this case."""
    rule = case.optimizer
    solver = {"solver": "sgd", "momentum": 0, "nesterovs_momentum": False}
    if case.adam:
        solver = {"solver": "adam", "beta_1": rule["beta1"], "beta_2": rule["beta2"], "epsilon": rule["epsilon"]}
    classifies = case.cost == "cross_entropy"
    y = case.classes if classifies else case.targets if case.outputs > 1 else case.targets[:, 0]
    batch = min(case.batch_size, case.rows)
    whole = case.rows // batch * batch
    # Few rows are repeated, since a call costs what several steps of a tiny network do.
    often = max(1, 1000 * batch // whole)
    x = numpy.concatenate([case.x[:whole]] * often)
    y = numpy.concatenate([y[:whole]] * often)
    named = {"classes": numpy.arange(case.outputs)} if classifies else {}

    def begin():
        model = (MLPClassifier if classifies else MLPRegressor)(
            hidden_layer_sizes=tuple(layer["fan_out"] for layer in case.layers[:-1]),
            activation=NAMES[case.activations[0]],
            batch_size=batch,
            learning_rate_init=case.learning_rate,
            alpha=0,
            shuffle=False,
            **solver,
        )
        set_up(model, x[:batch], y[:batch], named, case)
        at = 0

        def take(steps):
            nonlocal at
            left = steps
            while left > 1:
                if at >= len(x):
                    at = 0
                to = min(len(x), at + (left - 1) * batch)
                model.partial_fit(x[at:to], y[at:to])
                left -= (to - at) // batch
                at = to
            # The last step apart, for the loss of its batch alone.
            if at >= len(x):
                at = 0
            model.partial_fit(x[at : at + batch], y[at : at + batch])
            at += batch
            # Its squared error is averaged over the outputs, ours is their sum.
            return lambda: float(model.loss_) * (1 if classifies else case.outputs)

        return take

    return begin


def set_up(model, x, y, named, case):
    """Lets the model make its arrays, then sets the start weights and an optimizer without a past."""
    model.partial_fit(x, y, **named)
    for coefficients, intercepts, (w, b) in zip(model.coefs_, model.intercepts_, case.weights):
        coefficients[...] = w
        intercepts[...] = b
    # `partial_fit` makes the optimizer where there is none; its parameters are the arrays themselves.
    del model._optimizer
    model.t_ = 0


def main():
    asked = arguments(__doc__.splitlines()[0])
    case = Case(asked.case_folder)
    begin = beginning(case)
    operations = 6 * case.batch_size * sum(w.size for w, _ in case.weights)
    chunk = min(1000, max(1, int(2e8 // operations)))
    with threadpoolctl.threadpool_limits(asked.threads):
        take_turns(case, asked, begin, {"scikit-learn": sklearn.__version__}, chunk)


if __name__ == "__main__":
    main()
