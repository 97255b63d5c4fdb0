"""What listens to a training, and steers it: for the parameter `callbacks` of the estimators.

A callback is a callable. It is called after each epoch with that epoch's event, a dict:

================== ==================================================================================
``epoch``, ``step`` how many are done
``cost``            mean cost of the epoch's training rows
``validation``      figures on the rows that are measured on, a dict; None without such rows
``best``            whether the figure that early stopping watches is the best so far
``learning_rate``   that of the last step
``samples_per_second``, ``seconds`` how fast, and how long since this training began
``model``           the estimator as it stands after the epoch: ask it, save it, pickle it
================== ==================================================================================

What it returns counts: True ends the training; a float is the learning rate from now on; None changes nothing. What it
raises ends the training, and leaves what was learnt until then.

A callback may have two methods besides: ``begin(model)``, called before the first epoch, whose float is the first
learning rate, and ``end(model, error)``, called when the training is over, with what was raised or None. One with the attribute
``needs_network = False`` does not ask the model anything, which spares a copy of the network after each epoch.
"""

import csv
import json
import math
import sys
import time
from collections.abc import Callable as Function
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any

from ._parameters import LOWER_IS_BETTER

__all__ = [
    "Callback",
    "Checkpoint",
    "CosineDecay",
    "ExponentialDecay",
    "LearningRateScheduler",
    "LogTo",
    "MLflowLogger",
    "OneCycle",
    "OptunaPruning",
    "Progress",
    "StepDecay",
    "TensorBoardLogger",
]


class Callback:
    """What the callbacks of this module derive from; one's own may.

    Examples
    --------
    >>> from deltarule import MLPClassifier
    >>> from deltarule.callbacks import Callback
    >>> class EnoughIsEnough(Callback):
    ...     def __call__(self, event):
    ...         return event["epoch"] == 3
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> MLPClassifier(8, callbacks=[EnoughIsEnough()]).fit(X, y).n_iter_
    3
    """

    needs_network = False

    def begin(self, model: Any) -> float | None:
        """Before the first epoch; a float is its learning rate."""
        return None

    def __call__(self, event: dict[str, Any]) -> bool | float | None:
        """After each epoch."""
        return None

    def end(self, model: Any, error: BaseException | None) -> None:
        """When the training is over; `error` is what ended it, None where nothing was raised."""


def _figure(event: dict[str, Any], metric: str, who: str) -> float:
    """A figure of the watched rows; the cost of the training rows where none are watched."""
    figures: dict[str, float] = event["validation"] or {"cost": event["cost"]}
    if metric in figures:
        return figures[metric]
    known = ", ".join(repr(name) for name in figures)
    hint = (
        "" if event["validation"] else "; others need rows to measure on: early_stopping, or fit's eval_set"
    )
    raise ValueError(f"{who}: expected a metric of {known}, got {metric!r}{hint}")


def _figures(event: dict[str, Any]) -> dict[str, float]:
    """What a logger writes of an epoch."""
    watched = {f"validation_{name}": figure for name, figure in (event["validation"] or {}).items()}
    return {"cost": event["cost"], **watched, "learning_rate": event["learning_rate"]}


def _goes_on(model: Any) -> bool:
    """Whether a training that begins continues an earlier one."""
    return len(model.loss_curve_) > 0


# ── to see and to keep ──────────────────────────────────────────────────────────────────────────────


class Progress(Callback):
    """One line that tells how far the training is.

    In a terminal and in a notebook the line is written anew, at most ten times a second; elsewhere it is written once,
    at the end.

    Parameters
    ----------
    file : file, default=sys.stderr
        Where to.

    Examples
    --------
    >>> import sys
    >>> from deltarule import MLPRegressor
    >>> from deltarule.callbacks import Progress
    >>> model = MLPRegressor(hidden_layer_sizes=4, max_iter=2, random_state=0, callbacks=[Progress(sys.stdout)])
    >>> _ = model.fit([[0.0], [1.0]], [0.0, 0.0])  # doctest: +ELLIPSIS
    epoch 2/2  cost 0...  ...s
    """

    def __init__(self, file: IO[str] | None = None) -> None:
        self.file = file
        self._line = ""
        self._written = -math.inf
        self._width = 0

    def begin(self, model: Any) -> None:
        self._line, self._written, self._width = "", -math.inf, 0

    def __call__(self, event: dict[str, Any]) -> None:
        model = event["model"]
        planned = f"/{model.max_iter}" if model.n_iter_ == event["epoch"] else ""
        parts = [f"epoch {event['epoch']}{planned}", f"cost {event['cost']:.4g}"]
        watched = event["validation"] or {}
        parts += [f"validation {name} {figure:.4g}" for name, figure in watched.items()]
        self._line = "  ".join([*parts, f"{event['seconds']:.1f} s"])
        now = time.monotonic()
        if self._is_live() and now - self._written >= 0.1:
            self._written = now
            self._write("\r", "")

    def end(self, model: Any, error: BaseException | None) -> None:
        if self._line:
            self._write("\r" if self._is_live() else "", "\n")

    def _write(self, before: str, after: str) -> None:
        # Blanks over what a longer line left.
        out = self.file or sys.stderr
        out.write(f"{before}{self._line.ljust(self._width)}{after}")
        out.flush()
        self._width = len(self._line) if before else 0

    def _is_live(self) -> bool:
        out = self.file or sys.stderr
        return out.isatty() or type(out).__module__.startswith("ipykernel")

    def __getstate__(self) -> dict[str, Any]:
        # An open file does not travel.
        return {**self.__dict__, "file": None}


class Checkpoint(Callback):
    """Writes the model file of the network as it stands.

    ``deltarule.load`` reads the file, and so do ``deltarule predict``, ``evaluate``, ``explain`` and ``inspect``. It is
    written beside the old one and then takes its place: who reads finds a whole one at any time.

    To go on from it, load it, set the parameters of the training, and fit with ``warm_start=True``. A model file holds
    the network alone: the optimizer's state begins anew. To go on as if nothing had happened, pickle ``event["model"]``
    in a callback of your own; what comes back from the pickle has all of it, and with ``warm_start=True`` fits on.

    Parameters
    ----------
    path : str or path
        Where to; ``{epoch}`` in it stands for the epoch's number.
    every : int, default=1
        Epochs between two files.
    best_only : bool, default=False
        Whether it is written only where `metric` is better than in all epochs before.
    metric : str, default='cost'
        A figure of the rows that are measured on: 'cost' or another score of ``early_stopping``. Without such rows
        'cost' is that of the training rows.

    Examples
    --------
    >>> import deltarule
    >>> from deltarule.callbacks import Checkpoint
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> keep = Checkpoint("xor.safetensors", every=10)
    >>> xor = deltarule.MLPClassifier(8, "tanh", max_iter=40, random_state=1, callbacks=[keep]).fit(X, y)
    >>> again = deltarule.load("xor.safetensors").set_params(warm_start=True, solver="lbfgs").fit(X, y)
    >>> print(*again.predict(X))
    no yes yes no
    """

    needs_network = True

    def __init__(
        self, path: str | PathLike[str], every: int = 1, *, best_only: bool = False, metric: str = "cost"
    ) -> None:
        if every < 1:
            raise ValueError(f"Checkpoint: expected every to be at least 1, got {every}")
        self.path = fspath(path)
        self.every = every
        self.best_only = best_only
        self.metric = metric
        self._best = math.inf

    def begin(self, model: Any) -> None:
        if not _goes_on(model):
            self._best = math.inf

    def __call__(self, event: dict[str, Any]) -> None:
        from ._files import save

        if self.best_only:
            figure = _figure(event, self.metric, "Checkpoint")
            figure = figure if self.metric in LOWER_IS_BETTER else -figure
            if not figure < self._best:
                return
            self._best = figure
        elif event["epoch"] % self.every:
            return
        save(event["model"], self.path.replace("{epoch}", str(event["epoch"])))


class LogTo(Callback):
    """Writes each epoch's figures to a file: CSV, or JSON lines.

    Parameters
    ----------
    path : str or path
        Where to; one that ends in ``.jsonl`` gets an object on each line, one that ends in ``.csv`` a table.
    append : bool, default=False
        Whether what the file has stays. A training that goes on, by ``warm_start`` or ``partial_fit``, always appends.

    Examples
    --------
    >>> from pathlib import Path
    >>> from deltarule import MLPRegressor
    >>> from deltarule.callbacks import LogTo
    >>> model = MLPRegressor(hidden_layer_sizes=4, max_iter=2, random_state=0, callbacks=[LogTo("log.csv")])
    >>> _ = model.fit([[0.0], [1.0]], [0.0, 0.0])
    >>> Path("log.csv").read_text().split()[0]
    'epoch,cost,learning_rate,seconds'
    """

    def __init__(self, path: str | PathLike[str], *, append: bool = False) -> None:
        self.path = fspath(path)
        self.append = append
        if not self.path.endswith((".csv", ".jsonl")):
            raise ValueError(f"LogTo: expected a path that ends in .csv or .jsonl, got {self.path!r}")

    def begin(self, model: Any) -> None:
        if not (self.append or _goes_on(model)):
            Path(self.path).write_text("", encoding="utf-8")

    def __call__(self, event: dict[str, Any]) -> None:
        row = {"epoch": event["epoch"], **_figures(event), "seconds": event["seconds"]}
        # Opened for each line: whoever looks sees all of it, and the estimator may be copied.
        if self.path.endswith(".jsonl"):
            finite = {name: value if math.isfinite(value) else None for name, value in row.items()}
            with open(self.path, "a", encoding="utf-8") as out:
                out.write(json.dumps(finite) + "\n")
            return
        with open(self.path, "a+", encoding="utf-8", newline="") as out:
            out.seek(0)
            header = next(csv.reader(out), None)
            if header is not None and header != list(row):
                raise ValueError(
                    f"LogTo: {self.path} has the columns {', '.join(header)}; expected {', '.join(row)}; "
                    "write to another file"
                )
            writer = csv.writer(out)
            if header is None:
                writer.writerow(row)
            writer.writerow(row.values())


# ── learning rates ──────────────────────────────────────────────────────────────────────────────────


class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch.

    It counts instead of ``learning_rate`` and ``learning_rate_init``, with every solver that has a learning rate.

    Parameters
    ----------
    schedule : callable
        Gives the rate by the number of epochs done, from 0: :class:`StepDecay`, :class:`ExponentialDecay`,
        :class:`CosineDecay`, :class:`OneCycle`, or one's own.

    Examples
    --------
    >>> from deltarule import MLPClassifier
    >>> from deltarule.callbacks import CosineDecay, LearningRateScheduler
    >>> cosine = LearningRateScheduler(CosineDecay(0.1, epochs=50))
    >>> model = MLPClassifier(8, "tanh", max_iter=50, random_state=0, callbacks=[cosine])
    >>> model.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]).score([[0, 1]], [1])
    1.0
    """

    def __init__(self, schedule: Function[[int], float]) -> None:
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: expected a callable, got {schedule!r}")
        self.schedule = schedule

    def begin(self, model: Any) -> float:
        return float(self.schedule(len(model.loss_curve_)))

    def __call__(self, event: dict[str, Any]) -> float:
        return float(self.schedule(len(event["model"].loss_curve_)))


@dataclass(frozen=True)
class StepDecay:
    """The rate times `factor` after every so many epochs.

    Examples
    --------
    >>> from deltarule.callbacks import StepDecay
    >>> [StepDecay(0.1, every=2, factor=0.5)(epoch) for epoch in range(5)]
    [0.1, 0.1, 0.05, 0.05, 0.025]
    """

    rate: float
    every: int
    factor: float = 0.1

    def __call__(self, epoch: int) -> float:
        return float(self.rate * self.factor ** (epoch // self.every))


@dataclass(frozen=True)
class ExponentialDecay:
    """The rate times `factor` after each epoch.

    Examples
    --------
    >>> from deltarule.callbacks import ExponentialDecay
    >>> [ExponentialDecay(0.1, 0.5)(epoch) for epoch in range(3)]
    [0.1, 0.05, 0.025]
    """

    rate: float
    factor: float

    def __call__(self, epoch: int) -> float:
        return float(self.rate * self.factor**epoch)


@dataclass(frozen=True)
class CosineDecay:
    """Half a cosine from `rate` towards `minimum` (Loshchilov & Hutter 2017), after a straight rise of `warmup` epochs.

    After the last of `epochs` the rate stays.

    Examples
    --------
    >>> from deltarule.callbacks import CosineDecay
    >>> [round(CosineDecay(0.1, epochs=4)(epoch), 4) for epoch in range(5)]
    [0.1, 0.0854, 0.05, 0.0146, 0.0146]
    """

    rate: float
    epochs: int
    minimum: float = 0.0
    warmup: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < self.epochs:
            raise ValueError(
                f"CosineDecay: expected a warmup from 0 to below epochs ({self.epochs}), got {self.warmup}"
            )

    def __call__(self, epoch: int) -> float:
        if epoch < self.warmup:
            return self.rate * (epoch + 1) / (self.warmup + 1)
        epoch = min(epoch, self.epochs - 1)
        share = (epoch - self.warmup) / (self.epochs - self.warmup)
        return self.minimum + (self.rate - self.minimum) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class OneCycle:
    """Up to `rate` and down again, by half cosines (Smith & Topin 2019).

    It begins at ``rate/start_factor``, rises over the share `rising` of the epochs, and ends at the beginning's part
    ``1/end_factor``, where it stays.

    Examples
    --------
    >>> from deltarule.callbacks import OneCycle
    >>> [round(OneCycle(0.1, epochs=10)(epoch), 3) for epoch in range(10)]
    [0.004, 0.052, 0.1, 0.095, 0.081, 0.061, 0.039, 0.019, 0.005, 0.0]
    """

    rate: float
    epochs: int
    rising: float = 0.3
    start_factor: float = 25.0
    end_factor: float = 1e4

    def __call__(self, epoch: int) -> float:
        start, last = self.rate / self.start_factor, self.epochs - 1
        top = max(self.rising * self.epochs - 1, 0.0)
        epoch = min(epoch, last)
        if epoch < top:
            return _between(start, self.rate, epoch / top)
        return _between(
            self.rate, start / self.end_factor, (epoch - top) / (last - top) if last > top else 0.0
        )


def _between(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


# ── other tools ─────────────────────────────────────────────────────────────────────────────────────


class OptunaPruning(Callback):
    """Reports each epoch to an Optuna trial, and ends a training that is pruned.

    Parameters
    ----------
    trial : optuna.Trial
        The trial.
    metric : str, default='cost'
        What is reported: a figure of the rows that are measured on, 'cost' or another score of ``early_stopping``.
        Whether less or more of it is better is the study's direction. Without such rows 'cost' is that of the training
        rows.

    Raises
    ------
    optuna.TrialPruned
        From `fit`, where the study's pruner has given the trial up.
    """

    def __init__(self, trial: Any, metric: str = "cost") -> None:
        self.trial = trial
        self.metric = metric

    def __call__(self, event: dict[str, Any]) -> None:
        self.trial.report(_figure(event, self.metric, "OptunaPruning"), event["epoch"])
        if self.trial.should_prune():
            import optuna

            raise optuna.TrialPruned(f"pruned after epoch {event['epoch']}")


class MLflowLogger(Callback):
    """Logs parameters and each epoch's figures to an MLflow run.

    The run is `run_id`'s, or the active one; where there is none, one is begun, and ended with the training. The figures
    are ``cost``, ``learning_rate`` and ``validation_…``; the step is the epoch.

    Parameters
    ----------
    run_id : str, default=None
        The run.
    tracking_uri : str, default=None
        Where the runs are; by default where MLflow itself looks.
    experiment : str, default=None
        The experiment of a run that is begun here; made where it does not exist. By default the active one, and where
        `tracking_uri` is said the one called Default.

    Attributes
    ----------
    run_id_ : str
        The run that was logged to.
    """

    run_id_: str

    def __init__(
        self, run_id: str | None = None, *, tracking_uri: str | None = None, experiment: str | None = None
    ) -> None:
        self.run_id = run_id
        self.tracking_uri = tracking_uri
        self.experiment = experiment
        self._client: Any = None
        self._is_own = False

    def begin(self, model: Any) -> None:
        import mlflow
        from mlflow.entities import Param

        self._client = mlflow.MlflowClient(self.tracking_uri)
        if _goes_on(model) and hasattr(self, "run_id_"):
            if self._is_own:
                self._client.update_run(self.run_id_, "RUNNING")
            return
        active = mlflow.active_run()
        self._is_own = self.run_id is None and active is None
        if self._is_own:
            self.run_id_ = self._new_run(mlflow)
        else:
            self.run_id_ = self.run_id or active.info.run_id
        # A run's parameters cannot change; the callbacks are none.
        said = model.get_params(deep=False)
        parameters = [Param(name, str(value)) for name, value in said.items() if name != "callbacks"]
        self._client.log_batch(self.run_id_, params=parameters)

    def _new_run(self, mlflow: Any) -> str:
        if self.experiment is None and self.tracking_uri is None:
            # Only MLflow knows which experiment is the active one.
            with mlflow.start_run() as begun:
                run_id: str = begun.info.run_id
            self._client.update_run(run_id, "RUNNING")
            return run_id
        known = self._client.get_experiment_by_name(self.experiment or "Default")
        experiment = known.experiment_id if known else self._client.create_experiment(self.experiment)
        made: str = self._client.create_run(experiment).info.run_id
        return made

    def __call__(self, event: dict[str, Any]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, figure, now, event["epoch"]) for name, figure in _figures(event).items()]
        self._client.log_batch(self.run_id_, metrics=metrics)

    def end(self, model: Any, error: BaseException | None) -> None:
        if self._is_own:
            how = "FINISHED" if error is None else "FAILED" if isinstance(error, Exception) else "KILLED"
            self._client.set_terminated(self.run_id_, how)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_client": None}


class TensorBoardLogger(Callback):
    """Logs each epoch's figures for TensorBoard.

    The tags are ``cost/training``, ``cost/validation`` and so on for each figure, and ``learning_rate``; the step is the
    epoch.

    Parameters
    ----------
    log_dir : str, path or writer
        The folder, written with tensorboardX; or a ``SummaryWriter`` of tensorboardX or PyTorch, which is left open.
    """

    def __init__(self, log_dir: Any) -> None:
        self.log_dir = log_dir
        self._writer: Any = None

    def begin(self, model: Any) -> None:
        if hasattr(self.log_dir, "add_scalar"):
            self._writer = self.log_dir
            return
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(fspath(self.log_dir), write_to_disk=True)

    def __call__(self, event: dict[str, Any]) -> None:
        epoch = event["epoch"]
        self._writer.add_scalar("cost/training", event["cost"], epoch)
        for name, figure in (event["validation"] or {}).items():
            self._writer.add_scalar(f"{name}/validation", figure, epoch)
        self._writer.add_scalar("learning_rate", event["learning_rate"], epoch)

    def end(self, model: Any, error: BaseException | None) -> None:
        self._writer.flush()
        if self._writer is not self.log_dir:
            self._writer.close()
            self._writer = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_writer": None}
