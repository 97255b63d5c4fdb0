//! The target: its task, its classes or its scale.

use std::collections::HashMap;

use deltarule_kernels::Real;
use serde::{Deserialize, Serialize};

use super::category::{occurring, sort_words};
use super::number::{Profile, mean_and_deviation, quantile, sorted_sample};
use super::options::{EncoderOptions, TargetScaling};
use super::values::{Numbers, Words, check_finite, needed};
use crate::dataset::Targets;
use crate::error::{Error, ErrorKind, Result};
use crate::table::{Column, ColumnData, Table};
use crate::task::Task;

/// Integers of up to this many distinct values, counted up from 0 or 1, are taken for classes.
const MOST_INTEGER_CLASSES: usize = 20;
/// Words of which more than half of the rows have their own are no classes, beyond this many.
const FEW_CLASSES: usize = 10;

/// z = (s(y) − centre) / spread, where s is the identity or sign(y)·ln(1 + |y|/unit).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TargetScale {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) log_unit: Option<f64>,
    pub(super) center: f64,
    pub(super) spread: f64,
}

impl TargetScale {
    fn encode(self, y: f64) -> f64 {
        let y = self.log_unit.map_or(y, |unit| y.signum() * (y.abs() / unit).ln_1p());
        (y - self.center) / self.spread
    }

    fn decode(self, z: f64) -> f64 {
        let y = z * self.spread + self.center;
        self.log_unit.map_or(y, |unit| y.signum() * unit * y.abs().exp_m1())
    }
}

/// What becomes of the target columns, and of the network's outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TargetEncoder {
    pub(super) columns: Vec<String>,
    pub(super) task: Task,
    /// Names of the classes in the order of their codes; none for regression and multi-label tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) classes: Vec<String>,
    /// One per column of a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scales: Vec<TargetScale>,
}

fn unusable(column: &str, what: impl Into<String>, next: impl Into<String>) -> Error {
    ErrorKind::UnusableTarget { column: column.to_owned(), what: what.into(), next: next.into() }.into()
}

/// The task that the target columns ask for, by their values in these rows.
///
/// | target | task |
/// |---|---|
/// | one column of words | binary for two distinct ones, multiclass for more |
/// | one column of truth values | binary |
/// | one column of numbers, two distinct integers | binary |
/// | one column of numbers, 3 to 20 distinct integers without a gap, from 0 or 1 | multiclass |
/// | one column of other numbers | regression |
/// | several columns, all of 0, 1 or truth values | multilabel |
/// | several columns of numbers | regression |
///
/// # Errors
/// [`ErrorKind::UnknownColumn`]; [`ErrorKind::UnusableTarget`] where all values are missing or equal, for datetimes, and
/// for several columns of which one holds words.
pub fn infer_task(table: &Table, rows: &[u32], target: &[String]) -> Result<Task> {
    let columns = target.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    match columns.as_slice() {
        [] => Err(no_target(table)),
        [column] => infer_single(column, rows),
        several => infer_several(several, rows),
    }
}

fn no_target(table: &Table) -> Error {
    ErrorKind::BadSetting {
        setting: "target".to_owned(),
        got: "none".to_owned(),
        expected: "the column that is to be learnt".to_owned(),
        next: format!("{} has {}", table.source, table.names().join(", ")),
    }
    .into()
}

/// Numbers of a target, checked; `None` for words.
fn numbers(column: &Column, rows: &[u32]) -> Result<Option<Vec<f64>>> {
    match &column.data {
        ColumnData::Text(_) => Ok(None),
        ColumnData::Datetime(_) => Err(unusable(
            &column.name,
            "it holds datetimes",
            "give a column of numbers, such as the seconds until then",
        )),
        _ => {
            let values = Numbers::of(column)?.gather(rows);
            check_finite(&column.name, &values, rows)?;
            Ok(Some(values))
        }
    }
}

fn infer_single(column: &Column, rows: &[u32]) -> Result<Task> {
    let Some(values) = numbers(column, rows)? else {
        let (found, _) = occurring(&Words::of(column, rows), rows);
        check_classes(&column.name, found.len(), rows.len())?;
        return Ok(if found.len() == 2 { Task::Binary } else { Task::Multiclass });
    };
    let profile = Profile::of(&values);
    check_varies(&column.name, &profile)?;
    if matches!(column.data, ColumnData::Boolean(_)) {
        return Ok(Task::Binary);
    }
    if !profile.integers {
        return Ok(Task::Regression);
    }
    let mut distinct: Vec<f64> = Vec::new();
    for value in values.into_iter().filter(|value| !value.is_nan()) {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
        if distinct.len() > MOST_INTEGER_CLASSES {
            return Ok(Task::Regression);
        }
    }
    let without_gap = profile.highest - profile.lowest == (distinct.len() - 1) as f64;
    let counted = profile.lowest == 0.0 || profile.lowest == 1.0;
    Ok(match distinct.len() {
        2 => Task::Binary,
        _ if without_gap && counted => Task::Multiclass,
        _ => Task::Regression,
    })
}

fn infer_several(columns: &[&Column], rows: &[u32]) -> Result<Task> {
    let mut labels = true;
    for column in columns {
        let Some(values) = numbers(column, rows)? else {
            return Err(unusable(
                &column.name,
                "one of several targets, and it holds words",
                "train one model for each column of classes, or declare yes/no columns boolean",
            ));
        };
        check_varies(&column.name, &Profile::of(&values))?;
        labels &= values.iter().all(|&value| value.is_nan() || value == 0.0 || value == 1.0);
    }
    Ok(if labels { Task::Multilabel } else { Task::Regression })
}

fn check_varies(column: &str, profile: &Profile) -> Result<()> {
    if profile.present == 0 {
        return Err(unusable(column, "all its values are missing", "choose another target"));
    }
    if profile.is_constant() {
        return Err(unusable(
            column,
            format!("it is {} in every training row", profile.lowest),
            "there is nothing to learn; choose another target, or give rows in which it differs",
        ));
    }
    Ok(())
}

fn check_classes(column: &str, classes: usize, rows: usize) -> Result<()> {
    match classes {
        0 => Err(unusable(column, "all its values are missing", "choose another target")),
        1 => Err(unusable(
            column,
            "it has one class in the training rows",
            "there is nothing to learn; choose another target, or give rows of another class",
        )),
        _ if classes > FEW_CLASSES && 2 * classes > rows => Err(unusable(
            column,
            format!("{classes} classes in {rows} training rows"),
            "choose a target whose classes repeat",
        )),
        _ => Ok(()),
    }
}

impl TargetEncoder {
    /// Targets as they are.
    pub(super) fn plain(task: Task, columns: Vec<String>, classes: Vec<String>) -> Self {
        const AS_IT_IS: TargetScale = TargetScale { log_unit: None, center: 0.0, spread: 1.0 };
        let scales = if task == Task::Regression { vec![AS_IT_IS; columns.len()] } else { Vec::new() };
        Self { columns, task, classes, scales }
    }

    /// Fits on the training rows, none of whose targets may be missing.
    pub(super) fn fit(table: &Table, rows: &[u32], options: &EncoderOptions) -> Result<Self> {
        let names = &options.target;
        let inferred = || infer_task(table, rows, names);
        let task = match options.task {
            None => inferred()?,
            Some(task) => task,
        };
        let columns = names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
        let mut encoder = Self { columns: names.clone(), task, classes: Vec::new(), scales: Vec::new() };
        match (task, columns.as_slice()) {
            (_, []) => return Err(no_target(table)),
            (Task::Binary | Task::Multiclass, [column]) => encoder.classes = fit_classes(column, rows, task)?,
            (Task::Binary | Task::Multiclass, _) => {
                return Err(ErrorKind::Conflict {
                    first: format!("task {task}"),
                    second: format!("targets {}", names.join(", ")),
                    why: "several columns are a regression or multilabel; train one model for each"
                        .to_owned(),
                }
                .into());
            }
            (Task::Multilabel, columns) => {
                for column in columns {
                    let values = needs_numbers(column, rows, task)?;
                    check_varies(&column.name, &Profile::of(&values))?;
                    check_labels(&column.name, &values, rows)?;
                }
            }
            (Task::Regression, columns) => {
                for column in columns {
                    let values = needs_numbers(column, rows, task)?;
                    encoder.scales.push(fit_scale(&column.name, &values, options.target_scaling)?);
                }
            }
        }
        Ok(encoder)
    }

    /// Numbers that the network puts out per row.
    pub(super) fn outputs(&self) -> usize {
        match self.task {
            Task::Binary => 1,
            Task::Multiclass => self.classes.len(),
            Task::Regression | Task::Multilabel => self.columns.len(),
        }
    }

    /// Targets of no meaning, so that rows to be predicted are a data set like any other.
    pub(super) fn placeholder<F: Real>(&self, rows: usize) -> Targets<F> {
        match self.task {
            Task::Multiclass => Targets::Classes { classes: self.classes.len(), codes: vec![0; rows] },
            _ => Targets::Values { outputs: self.outputs(), values: vec![F::ZERO; rows * self.outputs()] },
        }
    }

    /// The class of each row; `None` where it is missing or was not in the training rows.
    pub(super) fn class_codes(&self, table: &Table, rows: &[u32]) -> Result<Vec<Option<u32>>> {
        let words = Words::of(needed(table, &self.columns[0])?, rows);
        let index: HashMap<&str, u32> = self.classes.iter().map(String::as_str).zip(0..).collect();
        let known: Vec<Option<u32>> =
            words.dictionary.iter().map(|word| index.get(word.as_str()).copied()).collect();
        let code = |&row: &u32| known.get(words.codes[row as usize] as usize).copied().flatten();
        Ok(rows.iter().map(code).collect())
    }

    /// The encoded targets of these rows.
    pub(super) fn encode<F: Real>(&self, table: &Table, rows: &[u32]) -> Result<Targets<F>> {
        if self.task == Task::Binary || self.task == Task::Multiclass {
            let codes = self.class_codes(table, rows)?;
            if let Some(at) = codes.iter().position(Option::is_none) {
                return Err(self.unknown_class(table, rows[at])?);
            }
            let codes: Vec<u32> = codes.into_iter().flatten().collect();
            return Ok(match self.task {
                Task::Binary => Targets::Values {
                    outputs: 1,
                    values: codes.iter().map(|&code| F::from_f64(f64::from(code))).collect(),
                },
                _ => Targets::Classes { classes: self.classes.len(), codes },
            });
        }
        let values = self.numbers(table, rows)?;
        let outputs = self.outputs();
        let mut encoded = Vec::with_capacity(values.len());
        for (at, value) in values.into_iter().enumerate() {
            let (row, output) = (rows[at / outputs], at % outputs);
            let z = F::from_f64(self.encode_one(output, value));
            if !z.is_finite() {
                let what = format!("row {} holds {value:e}, too large to be scaled", u64::from(row) + 1);
                return Err(unusable(&self.columns[output], what, "mend the value, or leave the row out"));
            }
            encoded.push(z);
        }
        Ok(Targets::Values { outputs, values: encoded })
    }

    /// The targets of a regression or multi-label task in the table's units, `[rows × outputs]`.
    pub(super) fn numbers(&self, table: &Table, rows: &[u32]) -> Result<Vec<f64>> {
        let outputs = self.columns.len();
        let mut all = vec![0.0; rows.len() * outputs];
        for (output, name) in self.columns.iter().enumerate() {
            let values = needs_numbers(needed(table, name)?, rows, self.task)?;
            if self.task == Task::Multilabel {
                check_labels(name, &values, rows)?;
            }
            if let Some(at) = values.iter().position(|value| value.is_nan()) {
                let what = format!("it is missing in row {}", u64::from(rows[at]) + 1);
                return Err(unusable(name, what, "leave out the rows without a target"));
            }
            for (row, value) in values.into_iter().enumerate() {
                all[row * outputs + output] = value;
            }
        }
        Ok(all)
    }

    /// A target of a regression as the network learns it.
    pub(super) fn encode_one(&self, output: usize, y: f64) -> f64 {
        self.scales.get(output).map_or(y, |scale| scale.encode(y))
    }

    /// An output of a regression in the table's units.
    pub(super) fn decode(&self, output: usize, z: f64) -> f64 {
        self.scales.get(output).map_or(z, |scale| scale.decode(z))
    }

    fn unknown_class(&self, table: &Table, row: u32) -> Result<Error> {
        const SHOWN: usize = 12;
        let name = &self.columns[0];
        let row_number = u64::from(row) + 1;
        let mut known = self.classes[..self.classes.len().min(SHOWN)].join(", ");
        if self.classes.len() > SHOWN {
            known.push_str(" …");
        }
        Ok(match Words::of(needed(table, name)?, &[row]).get(row) {
            None => unusable(
                name,
                format!("it is missing in row {row_number}"),
                "leave out the rows without a target",
            ),
            Some(word) => unusable(
                name,
                format!("row {row_number} holds {word:?}; the training rows have {known}"),
                "leave the row out, or train on rows of that class too",
            ),
        })
    }

    /// Whether the parts agree: for encoders that were read from a file.
    pub(super) fn is_sound(&self) -> bool {
        let classes = match self.task {
            Task::Binary => self.classes.len() == 2,
            Task::Multiclass => self.classes.len() >= 2,
            Task::Regression | Task::Multilabel => self.classes.is_empty(),
        };
        let columns = match self.task {
            Task::Binary | Task::Multiclass => self.columns.len() == 1,
            Task::Regression | Task::Multilabel => !self.columns.is_empty(),
        };
        let scales = if self.task == Task::Regression { self.columns.len() } else { 0 };
        let sound = |scale: &TargetScale| {
            scale.center.is_finite()
                && scale.spread.is_finite()
                && scale.spread > 0.0
                && scale.log_unit.is_none_or(|unit| unit.is_finite() && unit > 0.0)
        };
        classes && columns && self.scales.len() == scales && self.scales.iter().all(sound)
    }
}

fn needs_numbers(column: &Column, rows: &[u32], task: Task) -> Result<Vec<f64>> {
    numbers(column, rows)?.ok_or_else(|| {
        unusable(
            &column.name,
            format!("it holds words; {task} needs numbers or truth values"),
            "choose the task binary or multiclass, or declare the column's type",
        )
    })
}

fn check_labels(column: &str, values: &[f64], rows: &[u32]) -> Result<()> {
    match values.iter().position(|&value| !(value.is_nan() || value == 0.0 || value == 1.0)) {
        None => Ok(()),
        Some(at) => Err(unusable(
            column,
            format!("row {} holds {}; multilabel needs 0 or 1", u64::from(rows[at]) + 1, values[at]),
            "choose the task regression, or mend the value",
        )),
    }
}

fn fit_classes(column: &Column, rows: &[u32], task: Task) -> Result<Vec<String>> {
    numbers(column, rows)?; // refuses datetimes and infinities
    let (mut classes, _) = occurring(&Words::of(column, rows), rows);
    check_classes(&column.name, classes.len(), rows.len())?;
    if task == Task::Binary && classes.len() != 2 {
        let next = "choose the task multiclass or regression";
        return Err(unusable(&column.name, format!("{} classes; binary needs two", classes.len()), next));
    }
    sort_words(&mut classes);
    Ok(classes)
}

fn fit_scale(column: &str, values: &[f64], scaling: TargetScaling) -> Result<TargetScale> {
    let profile = Profile::of(values);
    check_varies(column, &profile)?;
    let standard = |log_unit: Option<f64>| {
        let plain = TargetScale { log_unit, center: 0.0, spread: 1.0 };
        let scaled: Vec<f64> = values.iter().map(|&y| plain.encode(y)).collect();
        let (lowest, highest) = (plain.encode(profile.lowest), plain.encode(profile.highest));
        let (center, spread) = mean_and_deviation(&scaled, lowest, highest);
        let spread = if spread > 0.0 { spread } else { 1.0 };
        (TargetScale { log_unit, center, spread }, skewness(&scaled, center, spread))
    };
    let logarithm = || {
        let positive: Vec<f64> = sorted_sample(values, &profile).into_iter().filter(|&y| y > 0.0).collect();
        let unit = quantile(&positive, 0.05);
        (profile.lowest >= 0.0 && unit > 0.0).then(|| standard(Some(unit)))
    };
    match scaling {
        TargetScaling::None => Ok(TargetScale { log_unit: None, center: 0.0, spread: 1.0 }),
        TargetScaling::Standard => Ok(standard(None).0),
        TargetScaling::Log => logarithm().map(|(scale, _)| scale).ok_or_else(|| {
            unusable(
                column,
                format!(
                    "its smallest training value is {}; a logarithmic scale needs 0 or more",
                    profile.lowest
                ),
                "choose the target scaling standard",
            )
        }),
        TargetScaling::Auto => {
            let (plain, skew) = standard(None);
            Ok(match logarithm() {
                Some((scale, log_skew)) if skew > 1.0 && log_skew.abs() < skew => scale,
                _ => plain,
            })
        }
    }
}

/// Whether every target of a regression is better learnt on a logarithmic scale, by the rule of
/// [`TargetScaling::Auto`], judged on these rows. False where a target cannot be learnt at all: fitting says why.
#[must_use]
pub fn skewed_target(table: &Table, rows: &[u32], options: &EncoderOptions, task: Task) -> bool {
    let is_skewed = |name: &String| -> Result<bool> {
        let values = needs_numbers(table.column(name)?, rows, task)?;
        Ok(fit_scale(name, &values, TargetScaling::Auto)?.log_unit.is_some())
    };
    task == Task::Regression
        && !options.target.is_empty()
        && options.target.iter().all(|name| is_skewed(name).unwrap_or(false))
}

/// The third standardised moment.
fn skewness(values: &[f64], mean: f64, deviation: f64) -> f64 {
    let cubes =
        values.iter().filter(|value| !value.is_nan()).map(|value| ((value - mean) / deviation).powi(3));
    cubes.clone().sum::<f64>() / cubes.count() as f64
}
