//! How good predictions are: pure functions, numbers in, figures out.
//!
//! ```text
//! predictions [rows × outputs], targets, row weights  →  {"accuracy": 0.98, "log_loss": 0.07, …}
//! ```
//!
//! Definitions and names are scikit-learn's (Pedregosa et al. 2011), in double precision whatever the predictions'
//! type; each is O(rows · outputs), areas under curves O(rows · log rows · outputs).
//!
//! | figure | better | of | is |
//! |---|---|---|---|
//! | `accuracy` | higher | classes | weighted part of rows predicted right; several labels: all of a row's right |
//! | `log_loss` | lower | classes | mean −ln(probability of what was the case), see [`classification`] |
//! | `roc_auc` | higher | classes | probability that a positive row scores above a negative one, see [`roc_auc`] |
//! | `f1` | higher | classes | harmonic mean of precision and recall: of class 1 of two, else the mean over classes |
//! | `label_accuracy` | higher | several labels | weighted part of single labels predicted right (1 − Hamming loss) |
//! | `rmse`, `mae` | lower | numbers | root of the mean squared, mean absolute error; mean over outputs |
//! | `r2` | higher | numbers | 1 − Σ(y−ŷ)² / Σ(y−ȳ)²; mean over outputs |
//!
//! **A figure that is not defined is absent**, never NaN: `roc_auc` where only one class occurs, `r2` of one row,
//! everything of no rows or of a total weight of 0. NaN comes out only where NaN went in: a prediction that is NaN
//! makes `log_loss`, `roc_auc`, `rmse`, `mae` and `r2` NaN, and counts as wrong in `accuracy` and `f1`.
//!
//! Refuses to know networks, tables and files. Lengths that disagree are a caller's bug and a documented panic.

mod calibration;
mod classes;
mod histogram;
mod numbers;
mod ranking;

use std::fmt;
use std::str::FromStr;

use deltarule_kernels::Real;
use serde::{Deserialize, Serialize};

pub use calibration::{CalibrationBin, calibration};
pub use classes::{ClassFigures, Confusion, classification, multilabel};
pub use histogram::{Histogram, histogram};
pub use numbers::{LargeResidual, ResidualSummary, regression, residual_summary};
pub use ranking::roc_auc;

use crate::dataset::TargetsView;
use crate::error::{Error, ErrorKind};
use crate::event::Figures;
use crate::task::Task;

/// A figure that can be watched: by early stopping, and by a schedule that waits for a plateau.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The cost that is trained on, taken over the validation rows. Lower is better.
    Cost,
    /// Part of rows predicted right.
    Accuracy,
    /// Mean −ln(probability of the true class). Lower is better.
    LogLoss,
    /// Area under the receiver operating characteristic.
    RocAuc,
    /// Harmonic mean of precision and recall.
    F1,
    /// Root of the mean squared error. Lower is better.
    Rmse,
    /// Mean absolute error. Lower is better.
    Mae,
    /// Coefficient of determination.
    R2,
}

impl Metric {
    /// All metrics, in the order in which they are listed to people.
    pub const ALL: [Self; 8] =
        [Self::Cost, Self::Accuracy, Self::LogLoss, Self::RocAuc, Self::F1, Self::Rmse, Self::Mae, Self::R2];

    /// The name of the figure: `cost`, `accuracy`, `log_loss`, `roc_auc`, `f1`, `rmse`, `mae`, `r2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Accuracy => "accuracy",
            Self::LogLoss => "log_loss",
            Self::RocAuc => "roc_auc",
            Self::F1 => "f1",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::R2 => "r2",
        }
    }

    /// Whether a higher figure is a better one.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::Accuracy | Self::RocAuc | Self::F1 | Self::R2)
    }

    /// Whether figure `a` is better than figure `b`. NaN is better than nothing, and everything else better than NaN.
    ///
    /// ```
    /// use deltarule::metric::Metric;
    /// assert!(Metric::Rmse.better(0.9, 1.0) && Metric::R2.better(1.0, 0.9));
    /// assert!(!Metric::Rmse.better(f64::NAN, 1.0) && Metric::Rmse.better(1.0, f64::NAN));
    /// ```
    #[must_use]
    pub fn better(self, a: f64, b: f64) -> bool {
        if a.is_nan() || b.is_nan() {
            return !a.is_nan();
        }
        if self.higher_is_better() { a > b } else { a < b }
    }

    /// Whether figure `a` is better than figure `b` by more than `margin` (at least 0): what early stopping calls progress.
    ///
    /// ```
    /// use deltarule::metric::Metric;
    /// assert!(Metric::R2.better_by(0.75, 0.5, 0.125) && !Metric::R2.better_by(0.75, 0.5, 0.25));
    /// ```
    #[must_use]
    pub fn better_by(self, a: f64, b: f64, margin: f64) -> bool {
        self.better(a, if self.higher_is_better() { b + margin } else { b - margin })
    }

    /// Whether the figure is defined for the task.
    #[must_use]
    pub fn applies_to(self, task: Task) -> bool {
        match self {
            Self::Cost => true,
            Self::Accuracy | Self::LogLoss | Self::RocAuc | Self::F1 => task.is_classification(),
            Self::Rmse | Self::Mae | Self::R2 => task == Task::Regression,
        }
    }

    /// This figure among `figures`, if it is there.
    #[must_use]
    pub fn of(self, figures: &Figures) -> Option<f64> {
        figures.get(self.name()).copied()
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = Error;

    /// The metric of that name; [`ErrorKind::BadSetting`] with the names there are for any other.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
            ErrorKind::BadSetting {
                setting: "metric".to_owned(),
                got: format!("{name:?}"),
                expected: format!("one of {}", Self::ALL.map(Self::name).join(", ")),
                next: String::new(),
            }
            .into()
        })
    }
}

/// The figures of a task: [`classification`], [`multilabel`] or [`regression`].
///
/// | argument | shape |
/// |---|---|
/// | `predictions` | `[rows × outputs]`: numbers, or probabilities; of two classes, that of the second |
/// | `targets` | as in the data set: classes, or `[rows × outputs]` numbers (of classes and labels, 0 or 1) |
/// | `weights` | `[rows]`, not negative; `None` means 1 each |
///
/// # Panics
/// Where lengths disagree, or a class's code is not below the number of classes.
#[must_use]
pub fn figures<F: Real>(
    task: Task,
    predictions: &[F],
    targets: TargetsView<'_, F>,
    weights: Option<&[F]>,
) -> Figures {
    match (task, targets) {
        (_, TargetsView::Classes { classes, codes }) => classification(predictions, codes, classes, weights),
        (Task::Regression, TargetsView::Values { outputs, values }) => {
            regression(predictions, values, outputs, weights)
        }
        (Task::Binary, TargetsView::Values { values, .. }) => {
            classification(predictions, &binary_codes(values), 2, weights)
        }
        (Task::Multiclass | Task::Multilabel, TargetsView::Values { outputs, values }) => {
            multilabel(predictions, values, outputs, weights)
        }
    }
}

/// The classes of 0/1 targets: 1 above ½, as the probabilities are read.
#[must_use]
pub fn binary_codes<F: Real>(values: &[F]) -> Vec<u32> {
    values.iter().map(|value| u32::from(value.to_f64() > 0.5)).collect()
}

/// How many rows of `width` numbers there are; none of width 0.
fn rows_of<F>(numbers: &[F], width: usize) -> usize {
    numbers.len().checked_div(width).unwrap_or(0)
}

/// The weight of row `row`.
fn weight_of<F: Real>(weights: Option<&[F]>, row: usize) -> f64 {
    weights.map_or(1.0, |weights| weights[row].to_f64())
}

/// W, the rows' weights summed in order; `None` where there is no weight to divide by.
fn total_weight<F: Real>(weights: Option<&[F]>, rows: usize) -> Option<f64> {
    let total = weights.map_or(rows as f64, |weights| weights.iter().map(|weight| weight.to_f64()).sum());
    (total > 0.0).then_some(total)
}

/// # Panics
/// Unless there are `rows` × `width` numbers and as many weights as rows.
fn check_lengths<F: Real>(what: &str, numbers: &[F], rows: usize, width: usize, weights: Option<&[F]>) {
    assert_eq!(numbers.len(), rows * width, "{what}: {rows} rows of {width}");
    if let Some(weights) = weights {
        assert_eq!(weights.len(), rows, "weights: one per row");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_to_and_fro() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse::<Metric>().ok(), Some(metric));
            assert_eq!(serde_json::to_string(&metric).ok(), Some(format!("{:?}", metric.name())));
        }
        let error = "auc".parse::<Metric>().expect_err("no such metric");
        assert!(matches!(error.kind(), ErrorKind::BadSetting { .. }));
        assert!(error.to_string().contains("got \"auc\"; expected one of cost, accuracy, log_loss"));
    }

    #[test]
    fn each_metric_knows_its_direction_and_tasks() {
        for metric in Metric::ALL {
            assert_eq!(metric.better(2.0, 1.0), metric.higher_is_better());
            assert_ne!(metric.better(2.0, 1.0), metric.better(1.0, 2.0));
            assert!(!metric.better(1.0, 1.0) && !metric.better(f64::NAN, f64::NAN));
        }
        assert!(Metric::Cost.applies_to(Task::Regression) && Metric::Cost.applies_to(Task::Multilabel));
        assert!(Metric::R2.applies_to(Task::Regression) && !Metric::R2.applies_to(Task::Binary));
        assert!(Metric::F1.applies_to(Task::Multiclass) && !Metric::F1.applies_to(Task::Regression));
    }

    /// Every case of `fixtures/metrics.json`, whose values scikit-learn computed.
    #[test]
    fn golden_figures_are_scikit_learns() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/metrics.json");
        let text = std::fs::read_to_string(path).expect("a committed file");
        let golden: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            let rows = value.as_array().expect("a list");
            let cells =
                rows.iter().flat_map(|row| row.as_array().map_or(std::slice::from_ref(row), Vec::as_slice));
            cells.map(|cell| cell.as_f64().expect("a number")).collect()
        };
        let cases = golden["cases"].as_array().expect("a list");
        assert!(cases.len() >= 16);
        for case in cases {
            let task: Task = serde_json::from_value(case["kind"].clone()).expect("a task");
            let (predictions, values) = (numbers(&case["predictions"]), numbers(&case["targets"]));
            let weights = case.get("weights").map(numbers);
            let rows = case["targets"].as_array().expect("a list").len();
            let codes: Vec<u32> = values.iter().map(|value| *value as u32).collect();
            let targets = if task == Task::Multiclass {
                TargetsView::Classes { classes: predictions.len() / rows, codes: &codes }
            } else {
                TargetsView::Values { outputs: predictions.len() / rows, values: &values }
            };
            let figures = figures(task, &predictions, targets, weights.as_deref());
            let expected: Figures = serde_json::from_value(case["expected"].clone()).expect("figures");
            let name = &case["name"];
            assert!(figures.keys().eq(expected.keys()), "{name}: {figures:?}, not {expected:?}");
            for (figure, expected) in &expected {
                let got = figures[figure];
                assert!(
                    (got - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                    "{name}: {figure} {got}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn a_task_gets_its_own_figures() {
        let names = |figures: Figures| figures.into_keys().collect::<Vec<_>>();
        let values = TargetsView::Values { outputs: 1, values: &[0.0, 1.0, 1.0] };
        let predictions = [0.2, 0.4, 0.9];
        assert_eq!(names(figures(Task::Regression, &predictions, values, None)), ["mae", "r2", "rmse"]);
        let binary = figures(Task::Binary, &predictions, values, None);
        assert_eq!(binary["accuracy"], 2.0 / 3.0);
        assert_eq!(names(binary), ["accuracy", "f1", "log_loss", "roc_auc"]);
        let labels = figures(Task::Multilabel, &predictions, values, None);
        assert_eq!(names(labels), ["accuracy", "f1", "label_accuracy", "log_loss", "roc_auc"]);
        let classes = TargetsView::Classes { classes: 3, codes: &[2] };
        let classes = figures(Task::Multiclass, &[0.25, 0.25, 0.5], classes, None);
        assert_eq!(classes["log_loss"], 2.0_f64.ln());
        assert_eq!(Metric::LogLoss.of(&classes), Some(2.0_f64.ln()));
        assert_eq!(Metric::RocAuc.of(&classes), None);
    }
}
