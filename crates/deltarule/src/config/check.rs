//! What each setting allows alone was checked when it was said; here they are checked together.

use super::settings::{Config, SETTINGS};
use super::value::{BatchSize, ClassWeight, Limit, Part, Value, Warmup};
use crate::error::{ErrorKind, Result};
use crate::task::Task;

fn conflict(first: impl Into<String>, second: impl Into<String>, why: impl Into<String>) -> Result<()> {
    Err(ErrorKind::Conflict { first: first.into(), second: second.into(), why: why.into() }.into())
}

impl Config {
    /// Refuses values that are not allowed (of fields set by hand) and settings that contradict each other.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`], [`ErrorKind::Conflict`].
    pub fn check(&self) -> Result<()> {
        self.check_values()?;
        self.check_belonging()?;
        self.check_columns()?;
        self.check_split()?;
        self.check_network()?;
        self.check_task()?;
        self.check_optimizer()?;
        self.check_stopping()
    }

    fn check_values(&self) -> Result<()> {
        let mut copy = Self::default();
        self.said().try_for_each(|(setting, value)| copy.set_value(setting.key, value))
    }

    /// `momentum` with `adam`, `gamma` with `cosine` …: [`Setting::only_with`](super::Setting::only_with).
    fn check_belonging(&self) -> Result<()> {
        for setting in SETTINGS {
            let (Some((other, values)), Some(value)) = (setting.only_with, self.value(setting.key)) else {
                continue;
            };
            // A penalty of 0 belongs anywhere.
            if matches!(setting.key, "weight_decay" | "label_smoothing") && value == Value::Number(0.0) {
                continue;
            }
            if let Some(Value::Text(name)) = self.value(other)
                && !values.contains(&name.as_str())
            {
                return conflict(
                    format!("{} {value}", setting.key),
                    format!("{other} {name}"),
                    format!(
                        "{} has a meaning with {other} {} only; leave one of them out",
                        setting.key,
                        values.join(", ")
                    ),
                );
            }
        }
        Ok(())
    }

    fn check_columns(&self) -> Result<()> {
        let ignored = |name: &String| self.ignore.iter().flatten().any(|ignored| ignored == name);
        let needed = [
            ("target", self.target.as_deref().unwrap_or_default()),
            ("weight", self.weight.as_slice()),
            ("split_column", self.split_column.as_slice()),
            ("group", self.group.as_slice()),
            ("time", self.time.as_slice()),
        ];
        for (key, names) in needed {
            if let Some(name) = names.iter().find(|name| ignored(name)) {
                let why = "a column that is left out cannot be used; leave it out of one of them";
                return conflict(format!("{key} {name}"), format!("ignore {name}"), why);
            }
        }
        Ok(())
    }

    fn check_split(&self) -> Result<()> {
        let file = |part: &Option<Part>| matches!(part, Some(Part::File(_)));
        let share = |part: &Option<Part>| if let Some(Part::Fraction(share)) = part { *share } else { 0.0 };
        if share(&self.validation) + share(&self.test) >= 1.0 {
            return conflict(
                format!("validation {}", share(&self.validation)),
                format!("test {}", share(&self.test)),
                "together they leave no row for training; make their sum less than 1",
            );
        }
        if self.group.is_some() && self.time.is_some() {
            return conflict("group", "time", "rows are split either by group or by time; leave one out");
        }
        if self.stratify == Some(true) {
            for (key, said) in [("group", self.group.is_some()), ("time", self.time.is_some())] {
                if said {
                    return conflict(
                        "stratify",
                        key,
                        "the column decides which rows stay together; leave one out",
                    );
                }
            }
        }
        if self.split_column.is_some() {
            let others = ["group", "time", "test", "folds"];
            if let Some(other) = others.into_iter().find(|other| self.value(other).is_some()) {
                return conflict(
                    "split_column",
                    other,
                    "the column alone says which row is for what; leave one out",
                );
            }
            if self.stratify == Some(true) {
                return conflict("split_column", "stratify", "the column alone says which row is for what");
            }
        }
        if self.folds.is_some() {
            for (key, part) in [("test", &self.test), ("validation", &self.validation)] {
                if file(part) {
                    return conflict(
                        "folds",
                        format!("{key} from a file"),
                        "folds take their rows in turn from one table",
                    );
                }
            }
        }
        Ok(())
    }

    fn check_network(&self) -> Result<()> {
        if self.weights.is_some() {
            let drawn =
                ["initializer", "output_initializer"].into_iter().find(|key| self.value(key).is_some());
            if let Some(key) = drawn {
                return conflict("weights", key, "the weights come from the file; leave one out");
            }
        }
        if self.normalization.as_deref() == Some("batch") && self.batch_size == Some(BatchSize::Rows(1)) {
            let why = "one row is its own mean, so that nothing is left of it; say --normalization layer";
            return conflict("normalization batch", "batch_size 1", why);
        }
        let Some(hidden) = &self.hidden else { return Ok(()) };
        let counts = [
            ("activation", self.activation.as_ref().map(Vec::len)),
            ("dropout", self.dropout.as_ref().map(Vec::len)),
            ("initializer", self.initializer.as_ref().map(Vec::len)),
        ];
        for (key, count) in counts {
            let Some(count) = count else { continue };
            if count > 1 && count != hidden.len() {
                return conflict(
                    format!("{key} with {count} values"),
                    format!("hidden with {} layers", hidden.len()),
                    "give one value, or one for each hidden layer",
                );
            }
        }
        if hidden.is_empty() {
            let dropped = self.dropout.iter().flatten().any(|&share| share > 0.0);
            let normalized = self.normalization.as_deref().is_some_and(|name| name != "none");
            let activated = self.activation.as_ref().is_some_and(|names| !names.is_empty());
            let said = [("dropout", dropped), ("normalization", normalized), ("activation", activated)];
            if let Some((key, _)) = said.into_iter().find(|(_, said)| *said) {
                return conflict("hidden none", key, "there is no hidden layer that it could apply to");
            }
        } else if self.activation.as_ref().is_some_and(Vec::is_empty) {
            return conflict(
                "activation none",
                "hidden",
                "each hidden layer needs one; `identity` leaves z as it is",
            );
        }
        Ok(())
    }

    /// What the task, where it is said, rules out.
    fn check_task(&self) -> Result<()> {
        let Some(task) =
            self.task.as_deref().and_then(|name| Task::ALL.into_iter().find(|task| task.name() == name))
        else {
            return Ok(());
        };
        self.check_for(task)
    }

    /// What a task rules out: a cost that has no meaning for it, a figure that it has not.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`].
    pub(crate) fn check_for(&self, task: Task) -> Result<()> {
        let named = format!("task {task}");
        if let Some(cost) = self.cost.as_deref() {
            let tasks: &[Task] = match cost {
                "binary_cross_entropy" => &[Task::Binary, Task::Multilabel],
                "cross_entropy" => &[Task::Multiclass],
                "focal" => &[Task::Binary, Task::Multiclass, Task::Multilabel],
                "squared_error" | "absolute" | "huber" => &Task::ALL,
                _ => &[Task::Regression],
            };
            if !tasks.contains(&task) {
                let names: Vec<_> = tasks.iter().map(|task| task.name()).collect();
                return conflict(
                    format!("cost {cost}"),
                    named,
                    format!("this cost is for {}", names.join(", ")),
                );
            }
        }
        if task.is_classification() {
            if self.target_scaling.as_deref().is_some_and(|name| name != "none") {
                return conflict("target_scaling", named, "classes are not scaled; leave it out");
            }
        } else {
            if self.label_smoothing.is_some_and(|share| share > 0.0) {
                return conflict("label_smoothing", named, "numbers have no labels to smooth; leave it out");
            }
            if self.stratify == Some(true) {
                return conflict("stratify", named, "numbers have no classes to share out; leave it out");
            }
        }
        let weighted = !matches!(self.class_weight, None | Some(ClassWeight::None));
        if weighted && !matches!(task, Task::Binary | Task::Multiclass) {
            return conflict(
                "class_weight",
                named,
                "a row has not one class; use --weight COLUMN for row weights",
            );
        }
        if task == Task::Multilabel && self.stratify == Some(true) {
            return conflict(
                "stratify",
                named,
                "several labels cannot be shared out evenly at once; leave it out",
            );
        }
        if let Some(metric) = self.early_stopping.as_deref() {
            let known = match metric {
                "none" | "cost" => true,
                "rmse" | "mae" | "r2" => !task.is_classification(),
                _ => task.is_classification(),
            };
            if !known {
                let figures = if task.is_classification() {
                    "accuracy, log_loss, roc_auc, f1"
                } else {
                    "rmse, mae, r2"
                };
                return conflict(
                    format!("early_stopping {metric}"),
                    named,
                    format!("its figures are cost, {figures}"),
                );
            }
        }
        if self.cost.as_deref() == Some("poisson")
            && self.target_scaling.as_deref().is_some_and(|name| name != "none")
        {
            return conflict(
                "cost poisson",
                "target_scaling",
                "it is the likelihood of counts as they are; say none",
            );
        }
        Ok(())
    }

    /// L-BFGS searches along lines of one fixed, smooth cost; Rprop finds its steps by itself.
    fn check_optimizer(&self) -> Result<()> {
        let warmed = matches!(self.warmup, Some(Warmup::Steps(1..)))
            || matches!(self.warmup, Some(Warmup::Fraction(share)) if share > 0.0);
        if self.optimizer.as_deref() == Some("rprop") {
            if warmed {
                return conflict("optimizer rprop", "warmup", "each weight finds its own step; leave it out");
            }
            if let Some(schedule) = self.schedule.as_deref().filter(|name| *name != "constant") {
                let why = "each weight finds its own step; say --schedule constant";
                return conflict("optimizer rprop", format!("schedule {schedule}"), why);
            }
        }
        if self.optimizer.as_deref() != Some("lbfgs") {
            return Ok(());
        }
        let clipped = |limit: &Option<Limit>| matches!(limit, Some(Limit::At(_)));
        let refused: [(&str, bool, &str); 10] = [
            (
                "batch_size",
                matches!(self.batch_size, Some(BatchSize::Rows(_))),
                "it needs the whole training set in each step; say --batch-size all",
            ),
            (
                "dropout",
                self.dropout.iter().flatten().any(|&share| share > 0.0),
                "it needs the same cost at each evaluation; say --dropout 0",
            ),
            (
                "input_dropout",
                self.input_dropout.is_some_and(|share| share > 0.0),
                "it needs the same cost at each evaluation; say --input-dropout 0",
            ),
            (
                "normalization batch",
                self.normalization.as_deref() == Some("batch"),
                "its running statistics are no part of the cost; say --normalization layer",
            ),
            (
                "schedule",
                self.schedule.as_deref().is_some_and(|name| name != "constant"),
                "its line search finds the step's length; say --schedule constant",
            ),
            ("warmup", warmed, "its line search finds the step's length; leave it out"),
            ("l1", self.l1.is_some_and(|lambda| lambda > 0.0), "it needs a cost without kinks; use l2"),
            (
                "max_norm",
                clipped(&self.max_norm),
                "moving the weights would break its model of the curvature",
            ),
            ("clip_norm", clipped(&self.clip_norm), "a cut gradient would break its model of the curvature"),
            (
                "clip_value",
                clipped(&self.clip_value),
                "a cut gradient would break its model of the curvature",
            ),
        ];
        match refused.into_iter().find(|(_, said, _)| *said) {
            Some((key, _, why)) => conflict("optimizer lbfgs", key, why),
            None => Ok(()),
        }
    }

    fn check_stopping(&self) -> Result<()> {
        match self.early_stopping.as_deref() {
            Some("none") => {
                for (key, said) in
                    [("patience", self.patience.is_some()), ("min_delta", self.min_delta.is_some())]
                {
                    if said {
                        return conflict("early_stopping none", key, "nothing is watched; leave one out");
                    }
                }
            }
            Some(metric) if self.validation == Some(Part::Fraction(0.0)) => {
                return conflict(
                    format!("early_stopping {metric}"),
                    "validation 0",
                    "without validation rows there is nothing to watch; say --early-stopping none",
                );
            }
            _ => {}
        }
        Ok(())
    }
}
