"""The estimators' docstrings: what both say stands once."""

_HEAD = """Multilayer perceptron {what}.

A drop-in for ``sklearn.neural_network.{name}``: each of its parameters, attributes and methods means the same here.
What differs is listed under Notes.

Parameters
----------
"""

_SHARED = """hidden_layer_sizes : int or array-like of int, default=(100,)
    Units of each hidden layer; an empty tuple for a network without.
activation : str or list of str, default='relu'
    Activation of the hidden layers, or one for each: 'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu',
    'selu', 'gelu', 'silu', 'mish', 'softplus'.
solver : str, default='adam'
    'lbfgs'; 'sgd' with `momentum`; 'adam'; and 'momentum', 'nesterov', 'rmsprop', 'adamw', 'rprop'.
alpha : float, default=0.0001
    Strength of the penalty alpha/2·Σw², divided by the rows in a batch (by their weight, where rows have one). Of
    'adamw', that of the decoupled decay.
batch_size : int or 'auto', default='auto'
    Rows in a step; 'auto' is 200, or all rows where there are fewer.
learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
    'invscaling' divides the rate by the `power_t`-th power of the rows seen, after each epoch; 'adaptive' by 5
    where `n_iter_no_change` epochs brought nothing. Without effect on 'adam' and 'lbfgs', as in scikit-learn. A
    momentum holds gradients, not steps: a new rate counts for all of it at once, in scikit-learn only bit by bit.
learning_rate_init : float, default=0.001
    η, the length of a step.
power_t : float, default=0.5
    Exponent of 'invscaling'.
max_iter : int, default=200
    Epochs at most; of 'lbfgs', iterations.
shuffle : bool, default=True
    Whether the rows are put in a new order before each epoch.
random_state : int, RandomState or None, default=None
    Where the start weights, the orders, and the split of early stopping come from.
tol : float, default=1e-4
    By how much an epoch must be better to count as better. 'lbfgs' ends where no element of the gradient is above it.
verbose : bool, default=False
    Whether each epoch's loss is printed.
warm_start : bool, default=False
    Whether `fit` goes on from the last one: from its weights, and with the optimizer's state.
momentum : float, default=0.9
    Of 'sgd', 'momentum', 'nesterov' and 'rmsprop'.
nesterovs_momentum : bool, default=True
    Whether the momentum of 'sgd' is Nesterov's.
early_stopping : bool or str, default=False
    Whether training ends, with the best epoch's weights, where the score on rows that are not trained on gets no
    better for `n_iter_no_change` epochs. A string names the score: {scores}. 'lbfgs' sets no rows apart and stops
    by itself; with an `eval_set` it keeps the best iteration's weights. `partial_fit` takes it with an `eval_set`, goes
    on from pass to pass, and sets the best pass's weights when `converged_`.
validation_fraction : float, default=0.1
    Share of the rows that early stopping sets apart, where `fit` is given no `eval_set`.
beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
    Of 'adam' and 'adamw'; `epsilon` of 'rmsprop', too.
n_iter_no_change : int, default=10
    Epochs without something better before training ends. Without effect on 'lbfgs'.
max_fun : int, default=15000
    Taken for the sake of code that sets it: an iteration of 'lbfgs' is bounded by `max_iter` alone.
"""

_TAIL = """dropout : float or list of float, default=0.0
    Probability that a hidden unit is left out of a step; one for all layers, or one for each.
normalization : {'batch', 'layer'} or None, default=None
    Normalisation before each hidden activation.
callbacks : list of callable, default=None
    Called with each epoch's event, a dict with 'epoch', 'cost', 'validation', 'model' and more; one that returns True
    ends the training, one that returns a float sets the learning rate. See `deltarule.callbacks`, which has some.
precision : {'f32', 'f64'}, default='f32'
    What training computes with.
n_jobs : int, default=None
    Threads; all cores by default, and of a negative number as in joblib. The outcome does not depend on it.
scaling : {'none', 'standard', 'robust', 'unit'}, default='none'
    How numbers are brought to a common scale: as they are; by mean and standard deviation; by median and interquartile
    range, softly clipped; to 0 … 1. Fitted on the rows that are trained on.
numeric_encoding : {'plain', 'piecewise'}, default='plain'
    Whether numbers also enter piecewise: beside each, up to `bins` numbers in 0 … 1 that grow between its quantiles.
bins : int, default=48
    Of 'piecewise'.
categorical : list of str or int, default=None
    Columns of numbers that are names, such as postcodes: by name, or by place. Columns of text and of categorical types
    are taken so without being named.
one_hot_limit : int, default=50
    Columns of up to so many categories become one-hot; those of more pass through a learnt table.
allow_missing : bool, default=False
    Whether numbers, truth values and dates may be missing (NaN, null). A missing number is taken for the median of the
    training rows, and a number beside it says so. Missing categories are always taken, as a category of their own.

Attributes
----------
coefs_, intercepts_ : list of ndarray
    Copies of each layer's weights and biases. Lists that are assigned are taken over; a change within one is not.
loss_, best_loss_ : float
    Mean cost of the last and of the best epoch; None for the best with early stopping.
loss_curve_, validation_loss_curve_ : list of float
    Mean cost of each epoch, on training rows (without the penalty) and on rows that are measured on.
validation_scores_, best_validation_score_ : list of float, float
    The score of early stopping; None without. Of a figure of which less is better, its negative.
converged_ : bool
    Whether more of the same would be in vain: `n_iter_no_change` epochs brought nothing, or 'lbfgs' came to its end.
    False where `max_iter`, a callback or Ctrl-C ended the training. `partial_fit` says so after each pass, and leaves it
    to the caller what to make of it.
n_iter_, t_ : int
    Epochs of the last `fit`, and rows seen in all.
n_layers_, n_outputs_ : int
    Layers, input and output counted, and units of the last one.
out_activation_ : str
    The output's activation.
n_features_in_, feature_names_in_ : int, ndarray of str
    What `fit` was given.
encoding_ : dict of str
    What became of each column of a table, in words; empty where all enter as they are.{attributes}

Notes
-----
The same `random_state` draws the same start weights as scikit-learn's, and sets the same rows apart for early
stopping; the order of rows within an epoch is another. `loss_curve_` is without the penalty (of 'lbfgs' with it), and
of several targets their sum, not their mean; weighted rows count by their weight. Adam divides by √v̂ + ε with the bias-corrected v̂, as
its paper does. Numbers are those of single precision unless `precision` says otherwise. A training that fails leaves
the estimator as it was.

Examples
--------
"""

CLASSIFIER = (
    _HEAD.format(what="classifier", name="MLPClassifier")
    + _SHARED.replace("{scores}", "'accuracy', 'log_loss', 'roc_auc', 'f1' or 'cost'")
    + """class_weight : dict, 'balanced' or None, default=None
    What a class's rows weigh in the cost.
label_smoothing : float, default=0.0
    Share of the probability that is spread over all classes.
loss : str, default='log_loss'
    'log_loss', the cross-entropy, or 'focal': it times (1 - p)^focal_gamma, p being the probability of what was seen, so
    that rows that are classed well already weigh less (Lin et al. 2017; their alpha is `class_weight`).
focal_gamma : float, default=2.0
    How much less those weigh; 0 is 'log_loss'.
"""
    + _TAIL.replace("{attributes}", "\nclasses_ : ndarray\n    The classes, in order.")
    + """>>> from deltarule import MLPClassifier
>>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
>>> xor = MLPClassifier(8, "tanh", solver="lbfgs", random_state=1).fit(X, y)
>>> print(*xor.predict(X))
no yes yes no

A table with words and a hole in it:

>>> import pandas as pd
>>> table = pd.DataFrame({"size": [1.5, None, 2.0, 1.0], "shape": ["cube", "ball", "ball", "cube"]})
>>> model = MLPClassifier(8, solver="lbfgs", allow_missing=True, random_state=1).fit(table, y)
>>> print(*model.predict(table))
no yes yes no
>>> model.encoding_
{'size': 'as it is, whether missing', 'shape': '2 categories, a 0/1 number each'}
"""
)

REGRESSOR = (
    _HEAD.format(what="regressor", name="MLPRegressor")
    + """loss : str, default='squared_error'
    'squared_error', 'poisson', 'absolute_error', 'huber' or 'quantile'.
"""
    + _SHARED.replace("{scores}", "'r2', 'rmse', 'mae' or 'cost'")
    + """huber_delta : float, default=1.0
    Where Huber's cost turns from square to straight.
quantile : float, default=0.5
    The quantile that is learnt.
"""
    + _TAIL.replace("{attributes}", "")
    + """>>> import numpy as np
>>> from deltarule import MLPRegressor
>>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
>>> square = MLPRegressor(hidden_layer_sizes=20, activation="tanh", solver="lbfgs", random_state=1)
>>> bool(square.fit(X, X.ravel() ** 2).score(X, X.ravel() ** 2) > 0.99)
True
"""
)
