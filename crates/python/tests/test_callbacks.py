"""Callbacks: what they hear, what they may do, and what other tools' own readers say of what was logged."""

import copy
import csv
import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

import deltarule
from deltarule import MLPClassifier, MLPRegressor
from deltarule.callbacks import (
    Callback,
    Checkpoint,
    CosineDecay,
    ExponentialDecay,
    LearningRateScheduler,
    LogTo,
    MLflowLogger,
    OneCycle,
    OptunaPruning,
    Progress,
    StepDecay,
    TensorBoardLogger,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SCHEDULES = Path(__file__).parents[3] / "fixtures" / "schedules.json"


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def classifier(callbacks, **change):
    return MLPClassifier(
        **{"hidden_layer_sizes": 8, "max_iter": 6, "random_state": 0, **change}, callbacks=callbacks
    )


def parameters(model):
    return np.concatenate([array.ravel() for array in [*model.coefs_, *model.intercepts_]])


class Keep(Callback):
    """Keeps what it hears."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.events, self.begun, self.ended = [], [], []

    def begin(self, model):
        self.begun.append(model)

    def __call__(self, event):
        self.events.append(event)
        return self.answers[event["epoch"] - 1] if event["epoch"] <= len(self.answers) else None

    def end(self, model, error):
        self.ended.append((model, error))


class KeepPickles:
    """Keeps a pickle of the estimator after each epoch, as a callback of one's own would write it to a file."""

    def __init__(self, kept):
        self.kept = kept

    def __call__(self, event):
        self.kept.append(pickle.dumps(event["model"]))

    def __getstate__(self):
        return {"kept": []}


# ── the protocol ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("precision", ["f32", "f64"])
def test_the_model_may_be_asked_after_each_epoch(solver, precision, iris):
    X, y = iris
    heard = []

    def ask(event):
        model = event["model"]
        heard.append((parameters(model), model.predict_proba(X), model.predict(X[:1]), copy.deepcopy(model)))

    model = classifier([ask], solver=solver, precision=precision, max_iter=3).fit(X, y)
    assert len(heard) == 3
    for epochs, (learnt, probabilities, first, copied) in enumerate(heard, 1):
        # What another training has learnt after so many epochs.
        other = classifier(None, solver=solver, precision=precision, max_iter=epochs).fit(X, y)
        np.testing.assert_array_equal(learnt, parameters(other))
        np.testing.assert_array_equal(probabilities, other.predict_proba(X))
        np.testing.assert_array_equal(copied.predict_proba(X), probabilities)
        assert first == other.predict(X[:1]) and copied.n_iter_ == epochs
    np.testing.assert_array_equal(heard[-1][1], model.predict_proba(X))


def test_what_is_asked_changes_nothing_of_the_training(iris):
    asked = classifier([lambda event: event["model"].predict(iris[0]) is None]).fit(*iris)
    np.testing.assert_array_equal(parameters(asked), parameters(classifier(None).fit(*iris)))


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_what_was_pickled_in_training_goes_on_as_if_nothing_had_happened(solver, iris):
    kept = []
    model = classifier(None, solver=solver, max_iter=10, warm_start=True, tol=0)
    model.set_params(callbacks=[KeepPickles(kept)]).fit(*iris)
    half = pickle.loads(kept[3])
    assert half.n_iter_ == 4
    half.set_params(max_iter=6, callbacks=None).fit(*iris)
    assert half.loss_curve_ == model.loss_curve_ and len(half.loss_curve_) == 10
    np.testing.assert_array_equal(parameters(half), parameters(model))


def test_who_needs_no_network_gets_none_and_is_told_so(iris):
    refused = []

    class Curious(Callback):
        def __call__(self, event):
            for ask in (
                event["model"].predict,
                lambda _: copy.deepcopy(event["model"]),
                lambda _: event["model"].coefs_,
            ):
                with pytest.raises(RuntimeError, match="the network is in training"):
                    ask(iris[0])
                refused.append(event["epoch"])

    model = classifier([Curious()], max_iter=2).fit(*iris)
    assert refused == [1, 1, 1, 2, 2, 2]
    assert model.predict(iris[0]).shape == (150,)


def test_an_event_tells_what_it_is_said_to(iris):
    keep = Keep()
    model = classifier([keep], learning_rate_init=0.02, early_stopping=True, batch_size=27).fit(*iris)
    assert [event["epoch"] for event in keep.events] == [1, 2, 3, 4, 5, 6]
    assert [event["step"] for event in keep.events] == [5, 10, 15, 20, 25, 30]
    assert [event["cost"] for event in keep.events] == model.loss_curve_
    assert [event["validation"]["accuracy"] for event in keep.events] == model.validation_scores_
    best = np.maximum.accumulate(model.validation_scores_)
    rises = [True, *(best[1:] > best[:-1])]
    assert [event["best"] for event in keep.events] == rises
    assert {event["learning_rate"] for event in keep.events} == {0.02}
    assert all(event["samples_per_second"] > 0 and event["seconds"] > 0 for event in keep.events)
    assert keep.events[0]["model"] is model
    assert keep.begun == [model] and keep.ended == [(model, None)]


def test_the_end_is_told_of_what_ended_it(iris):
    def fail(event):
        raise LookupError("enough")

    keep = Keep()
    with pytest.raises(LookupError):
        classifier([keep, fail]).fit(*iris)
    ((_, error),) = keep.ended
    assert isinstance(error, LookupError)
    diverges = MLPRegressor(hidden_layer_sizes=8, solver="sgd", learning_rate_init=1e30, callbacks=[keep])
    with pytest.raises(deltarule.DeltaruleError):
        diverges.fit(*iris)
    assert isinstance(keep.ended[1][1], deltarule.DeltaruleError)
    assert not hasattr(diverges, "_mlp")


def test_true_ends_it_and_a_float_does_not(iris):
    assert classifier([Keep(None, False, 0.5, 0, True)]).fit(*iris).n_iter_ == 5
    assert classifier([Keep(np.True_)]).fit(*iris).n_iter_ == 1


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_float_is_the_learning_rate_from_there_on(solver, iris):
    keep = Keep(None, 0.03, None, np.float32(0.25))
    model = classifier([keep], solver=solver, learning_rate_init=0.01, precision="f64", shuffle=False).fit(
        *iris
    )
    assert [event["learning_rate"] for event in keep.events] == pytest.approx(
        [0.01, 0.01, 0.03, 0.03, 0.25, 0.25]
    )
    # The same by hand: the optimizer's state goes on from call to call.
    by_hand = classifier(None, solver=solver, precision="f64", shuffle=False)
    for rate in (0.01, 0.01, 0.03, 0.03, 0.25, 0.25):
        by_hand._rate = by_hand.learning_rate_init = rate
        by_hand.partial_fit(*iris, classes=[0, 1, 2])
    np.testing.assert_allclose(parameters(by_hand), parameters(model), rtol=1e-10)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_a_rate_is_above_zero(wrong, iris):
    with pytest.raises(ValueError, match="expected a learning rate above 0"):
        classifier([lambda event: wrong]).fit(*iris)
    with pytest.raises(ValueError, match="expected a learning rate above 0"):
        classifier([LearningRateScheduler(lambda epoch: wrong)]).fit(*iris)


@pytest.mark.parametrize("solver", ["lbfgs", "rprop"])
def test_a_solver_without_a_rate_takes_none(solver, iris):
    for callback in (LearningRateScheduler(ExponentialDecay(0.1, 0.9)), lambda event: 0.1):
        model = classifier([callback], solver=solver)
        with pytest.raises(ValueError, match=f"solver='{solver}' has none"):
            model.fit(*iris)
        # What is refused before anything was learnt leaves nothing behind; a rate is answered after an epoch.
        assert hasattr(model, "_mlp") != isinstance(callback, LearningRateScheduler)


# ── schedules ───────────────────────────────────────────────────────────────────────────────────────


def schedules():
    kinds = {"step": StepDecay, "exponential": ExponentialDecay, "cosine": CosineDecay, "one_cycle": OneCycle}
    names = {"learning_rate": "rate", "steps": "epochs"}
    for case in json.loads(SCHEDULES.read_text())["cases"]:
        if case["name"] not in kinds:
            continue
        kind = kinds[case["name"]]
        fields = {names.get(name, name): value for name, value in case.items()}
        said = {name: value for name, value in fields.items() if name in kind.__dataclass_fields__}
        yield pytest.param(kind(**said), case["rates"], id=f"{case['name']} {said}")


@pytest.mark.parametrize("schedule, expected", schedules())
def test_a_schedule_is_pytorchs(schedule, expected):
    np.testing.assert_allclose([schedule(epoch) for epoch in range(len(expected))], expected, rtol=1e-12)
    assert schedule(1000) > 0


@pytest.mark.parametrize("kind", ["at once", "warm", "by passes"])
def test_a_schedule_sets_each_epochs_rate(kind, iris):
    schedule, keep = OneCycle(0.05, epochs=6), Keep()
    model = classifier([LearningRateScheduler(schedule), keep], warm_start=True, learning_rate_init=7.0)
    if kind == "at once":
        model.fit(*iris)
    elif kind == "warm":
        model.set_params(max_iter=3).fit(*iris).fit(*iris)
    else:
        for _ in range(6):
            model.partial_fit(*iris, classes=[0, 1, 2])
    rates = [event["learning_rate"] for event in keep.events]
    assert rates == pytest.approx([schedule(epoch) for epoch in range(6)])
    whole = classifier([LearningRateScheduler(schedule)]).fit(*iris)
    np.testing.assert_allclose(parameters(model), parameters(whole), rtol=2e-3, atol=1e-5)


def test_a_schedule_starts_again_with_another_training(iris):
    keep = Keep()
    model = classifier([LearningRateScheduler(StepDecay(0.1, every=2)), keep], max_iter=3)
    model.fit(*iris).fit(*iris)
    assert [event["learning_rate"] for event in keep.events] == pytest.approx([0.1, 0.1, 0.01] * 2)


def test_estimators_with_callbacks_are_searched_and_copied(iris, tmp_path):
    callbacks = [LearningRateScheduler(CosineDecay(0.05, epochs=6)), Checkpoint(tmp_path / "{epoch}.safetensors", every=3),
                 LogTo(tmp_path / "log.csv"), Progress(), TensorBoardLogger(tmp_path / "tb")]  # fmt: skip
    search = GridSearchCV(classifier(callbacks), {"alpha": [1e-4, 1e-2]}, cv=2).fit(*iris)
    assert search.best_score_ > 0.5
    for model in (search.best_estimator_, clone(search.best_estimator_)):
        # As another process gets them.
        copied = cloudpickle.loads(cloudpickle.dumps(pickle.loads(pickle.dumps(model))))
        np.testing.assert_array_equal(copied.fit(*iris).predict(iris[0]), search.predict(iris[0]))


# ── ours ────────────────────────────────────────────────────────────────────────────────────────────


def test_progress_is_one_line(iris):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for kind in (io.StringIO, Terminal):
        out = kind()
        classifier([Progress(out)], early_stopping=True, max_iter=40).fit(*iris)
        lines = out.getvalue().split("\n")
        assert len(lines) == 2 and lines[1] == ""
        last = lines[0].split("\r")[-1]
        assert last.startswith("epoch ") and "/40  cost " in last and "validation accuracy " in last
        assert (kind is Terminal) == ("\r" in lines[0])


def test_a_checkpoint_is_a_model_file(iris, tmp_path):
    X, y = iris
    heard = {}

    def remember(event):
        heard[event["epoch"]] = event["model"].predict_proba(X)

    keep = Checkpoint(tmp_path / "{epoch}.safetensors", every=2)
    classifier([remember, keep]).fit(X, y)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{epoch}.safetensors" for epoch in (2, 4, 6)]
    for epoch in (2, 4, 6):
        other = deltarule.load(tmp_path / f"{epoch}.safetensors")
        np.testing.assert_array_equal(other.predict_proba(X), heard[epoch])


@pytest.mark.parametrize("metric", ["cost", "accuracy"])
def test_the_best_checkpoint_is_the_best(metric, iris, tmp_path):
    X, y = iris
    keep = Checkpoint(tmp_path / "best.safetensors", best_only=True, metric=metric)
    # Steps so long that the best of the epochs is not the last one.
    model = classifier([keep], learning_rate_init=3.0, max_iter=12, tol=0).fit(X, y, eval_set=(X, y))
    best = deltarule.load(tmp_path / "best.safetensors")
    if metric == "cost":
        picked = -np.log(best.predict_proba(X)[np.arange(150), y]).mean()
        assert picked == pytest.approx(min(model.validation_loss_curve_), rel=1e-4)
        assert picked < model.validation_loss_curve_[-1]
    assert best.score(X, y) >= model.score(X, y)


def test_the_command_line_reads_a_checkpoint(iris, tmp_path):
    import os

    X, y = iris
    path = tmp_path / "model.safetensors"
    model = classifier([Checkpoint(path)]).fit(X, y)
    table = tmp_path / "rows.csv"
    table.write_text("x0,x1,x2,x3\n" + "\n".join(",".join(map(repr, row)) for row in X.tolist()))
    said = subprocess.run(
        [os.environ["DELTARULE_PROGRAM"], "predict", path, table], check=True, capture_output=True, text=True
    )
    rows = list(csv.DictReader(io.StringIO(said.stdout)))
    told = [int(row[next(name for name in row if "target" in name or "predict" in name)]) for row in rows]
    np.testing.assert_array_equal(told, model.predict(X))


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_a_log_has_every_epoch(name, iris, tmp_path):
    X, y = iris
    path = tmp_path / name
    model = classifier([LogTo(path)], warm_start=True)

    def read():
        if name.endswith(".jsonl"):
            return [json.loads(line) for line in path.read_text().splitlines()]
        with path.open(newline="") as table:
            return [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(table)]

    model.fit(X, y, eval_set=(X, y))
    model.fit(X, y, eval_set=(X, y))
    rows = read()
    assert [row["epoch"] for row in rows] == list(range(1, 13))
    assert [row["cost"] for row in rows] == model.loss_curve_
    assert [row["validation_cost"] for row in rows] == model.validation_loss_curve_
    assert {row["learning_rate"] for row in rows} == {0.001}
    classifier([LogTo(path)]).fit(X, y, eval_set=(X, y))
    assert len(read()) == 6
    classifier([LogTo(path, append=True)]).fit(X, y, eval_set=(X, y))
    assert len(read()) == 12
    if name == "log.csv":
        with pytest.raises(ValueError, match=r"log.csv has the columns epoch, .*write to another file"):
            classifier([LogTo(path, append=True)]).fit(X, y)


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match=r"ends in .csv or .jsonl, got 'log.txt'"):
        LogTo("log.txt")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Checkpoint("a", every=0)
    with pytest.raises(ValueError, match="warmup"):
        CosineDecay(0.1, epochs=3, warmup=3)
    with pytest.raises(TypeError, match="callable"):
        LearningRateScheduler(0.1)
    keep = Checkpoint("nowhere", best_only=True, metric="accuracy")
    with pytest.raises(ValueError, match="expected a metric of 'cost', got 'accuracy'; others need rows"):
        classifier([keep]).fit([[0], [1]], [0, 1])


# ── other tools ─────────────────────────────────────────────────────────────────────────────────────


def test_optuna_prunes(iris):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    X, y = iris
    epochs = {}

    def objective(trial):
        # The first two trials learn; the rest have steps too short to learn anything.
        rate = 0.05 if trial.number < 2 else 1e-7
        model = classifier([OptunaPruning(trial, "log_loss")], learning_rate_init=rate, max_iter=12)
        try:
            model.fit(X, y, eval_set=(X, y))
        finally:
            epochs[trial.number] = model.n_iter_
        assert model.predict(X).shape == y.shape
        return model.validation_loss_curve_[-1]

    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=3)
    study = optuna.create_study(
        direction="minimize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.optimize(objective, n_trials=4)
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    assert epochs == {0: 12, 1: 12, 2: 3, 3: 3}
    assert list(study.trials[0].intermediate_values) == list(range(1, 13))
    assert study.trials[0].intermediate_values[12] == pytest.approx(study.trials[0].value)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    # Making its tables is most of what MLflow's tests take.
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/runs.db"


def test_mlflow_reads_what_was_logged(iris, runs):
    import mlflow

    X, y = iris
    uri = runs
    client = mlflow.MlflowClient(uri)
    log = MLflowLogger(tracking_uri=uri, experiment="iris")
    model = classifier([log], early_stopping="log_loss", warm_start=True).fit(X, y)
    run = client.get_run(log.run_id_)
    assert (
        run.info.status == "FINISHED"
        and client.get_experiment_by_name("iris").experiment_id == run.info.experiment_id
    )
    assert run.data.params["hidden_layer_sizes"] == "8" and run.data.params["alpha"] == "0.0001"
    assert "callbacks" not in run.data.params
    model.fit(X, y)
    for name, expected in {
        "cost": model.loss_curve_,
        "validation_log_loss": [-score for score in model.validation_scores_],
        "learning_rate": [0.001] * 12,
    }.items():
        metrics = client.get_metric_history(log.run_id_, name)
        assert [metric.step for metric in metrics] == list(range(1, 13))
        assert [metric.value for metric in metrics] == pytest.approx(expected)
    assert len(client.search_runs([run.info.experiment_id])) == 1

    def fail(event):
        raise LookupError

    with pytest.raises(LookupError):
        classifier([log, fail]).fit(X, y)
    assert client.get_run(log.run_id_).info.status == "FAILED"
    # A run that is somebody else's stays open.
    theirs = client.create_run(run.info.experiment_id).info.run_id
    classifier([MLflowLogger(theirs, tracking_uri=uri)]).fit(X, y)
    assert client.get_run(theirs).info.status == "RUNNING"
    assert len(client.get_metric_history(theirs, "cost")) == 6


def test_mlflows_active_run_is_logged_to(iris, runs):
    import mlflow

    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(runs)
        with mlflow.start_run() as run:
            classifier([MLflowLogger()]).fit(*iris)
            assert mlflow.get_run(run.info.run_id).info.status == "RUNNING"
        assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "cost")) == 6
        mine = mlflow.set_experiment("mine").experiment_id
        log = MLflowLogger()
        classifier([log]).fit(*iris)
        run = mlflow.get_run(log.run_id_)
        assert (run.info.experiment_id, run.info.status) == (mine, "FINISHED")
        assert run.data.params["max_iter"] == "6" and run.data.metrics["learning_rate"] == 0.001
        assert mlflow.active_run() is None
    finally:
        mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("kind", ["folder", "writer"])
def test_tensorboard_reads_what_was_logged(kind, iris, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboardX import SummaryWriter

    X, y = iris
    target = tmp_path if kind == "folder" else SummaryWriter(str(tmp_path))
    model = classifier([TensorBoardLogger(target)]).fit(X, y, eval_set=(X, y))
    if kind == "writer":
        target.add_scalar("mine", 1.0, 0)
        target.close()
    read = EventAccumulator(str(tmp_path)).Reload()
    for tag, expected in {
        "cost/training": model.loss_curve_,
        "cost/validation": model.validation_loss_curve_,
        "learning_rate": [0.001] * 6,
    }.items():
        scalars = read.Scalars(tag)
        assert [scalar.step for scalar in scalars] == [1, 2, 3, 4, 5, 6]
        assert [scalar.value for scalar in scalars] == pytest.approx(expected, rel=1e-6)
    assert "accuracy/validation" in read.Tags()["scalars"]
    assert (kind == "writer") == ("mine" in read.Tags()["scalars"])


def test_other_tools_are_imported_by_those_who_use_them(tmp_path):
    program = """
import sys
import deltarule.callbacks as callbacks
from deltarule import MLPClassifier
kept = [callbacks.Progress(), callbacks.LogTo("log.csv"), callbacks.Checkpoint("model.safetensors")]
callbacks.MLflowLogger(), callbacks.TensorBoardLogger("tb"), callbacks.OptunaPruning(None)
MLPClassifier(4, max_iter=2, callbacks=kept).fit([[0], [1]], [0, 1])
print(sorted({"mlflow", "optuna", "tensorboard", "tensorboardX", "torch"} & set(sys.modules)))
"""
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert said.stdout.strip() == "[]"
