//! What a model says of rows, in the target's words and units.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::{Map, Number, Value};

use super::{Members, Model};
use crate::table::ColumnType;
use crate::task::Task;

/// Predictions, one row for each row of the table, in its order.
///
/// | task | columns |
/// |---|---|
/// | regression | `prediction` (of several targets `prediction_<target>`) |
/// | classes | `prediction`, then `probability_<class>` for each class |
/// | several labels | `prediction_<label>` and `probability_<label>` for each label |
///
/// The predicted class is the first of the most probable ones (of two classes the second only above ½), a label is
/// predicted above ½. Where an output is NaN nothing is predicted: the cell is empty, in JSON `null`.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    task: Task,
    classes: Vec<String>,
    /// Each target's name and the type that it had in the training table.
    targets: Vec<(String, ColumnType)>,
    /// Whether numbers are known to single precision only, and are to be written so.
    single: bool,
    outputs: usize,
    values: Vec<f64>,
}

/// A cell of the table of predictions.
enum Cell<'a> {
    Nothing,
    Word(Cow<'a, str>, ColumnType),
    Number(f64),
    Probability(f64),
}

impl Predictions {
    /// No rows yet.
    pub(super) fn none(model: &Model) -> Self {
        let encoder = model.encoder();
        let types = encoder.column_types();
        let type_of = |name: &String| {
            let found = types.iter().rev().find(|(column, _)| column == name);
            found.map_or(ColumnType::Text, |(_, kind)| *kind)
        };
        Self {
            task: model.task(),
            classes: encoder.classes().to_vec(),
            targets: encoder.target_names().iter().map(|name| (name.clone(), type_of(name))).collect(),
            single: matches!(model.members(), Members::F32(_)),
            outputs: encoder.outputs(),
            values: Vec::new(),
        }
    }

    pub(super) fn extend(&mut self, values: &[f64]) {
        self.values.extend_from_slice(values);
    }

    pub(super) fn append(&mut self, more: &Self) {
        self.extend(&more.values);
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.outputs).unwrap_or(0)
    }

    /// Numbers per row in [`Predictions::values`].
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `[rows × outputs]`: numbers in the targets' units, or probabilities (of two classes, that of the second).
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The names of the classes, in the order of their codes; empty for regression and labels.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The code of the class predicted for a row, where the task has classes and no output is NaN.
    ///
    /// # Panics
    /// Where `row` is not below [`Predictions::rows`], as in the following ones.
    #[must_use]
    pub fn class(&self, row: usize) -> Option<usize> {
        let values = self.row(row);
        if values.iter().any(|value| value.is_nan()) {
            return None;
        }
        match self.task {
            Task::Binary => Some(usize::from(values[0] > 0.5)),
            Task::Multiclass => {
                let first_best = |best: usize, at: usize| if values[at] > values[best] { at } else { best };
                Some((0..values.len()).fold(0, first_best))
            }
            Task::Regression | Task::Multilabel => None,
        }
    }

    /// The probability of class `class` in a row, where the task has classes.
    ///
    /// # Panics
    /// Where `class` is not below the number of classes, too.
    #[must_use]
    pub fn probability(&self, row: usize, class: usize) -> Option<f64> {
        let values = self.row(row);
        match self.task {
            Task::Binary if class == 0 => Some(self.complement(values[0])),
            Task::Binary => Some(values[0]),
            Task::Multiclass => Some(values[class]),
            Task::Regression | Task::Multilabel => None,
        }
    }

    /// 1 − p, rounded to the model's precision.
    fn complement(&self, p: f64) -> f64 {
        if self.single { f64::from(1.0 - p as f32) } else { 1.0 - p }
    }

    /// The columns' names.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let names = self.targets.iter().map(|(name, _)| name);
        match self.task {
            Task::Regression if self.targets.len() == 1 => vec!["prediction".to_owned()],
            Task::Regression => names.map(|name| format!("prediction_{name}")).collect(),
            Task::Multilabel => {
                names.flat_map(|name| [format!("prediction_{name}"), format!("probability_{name}")]).collect()
            }
            Task::Binary | Task::Multiclass => {
                let probabilities = self.classes.iter().map(|class| format!("probability_{class}"));
                std::iter::once("prediction".to_owned()).chain(probabilities).collect()
            }
        }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.outputs..][..self.outputs]
    }

    fn cells(&self, row: usize) -> Vec<Cell<'_>> {
        let values = self.row(row);
        match self.task {
            Task::Regression => values.iter().map(|&value| Cell::Number(value)).collect(),
            Task::Multilabel => {
                let pairs = values.iter().zip(&self.targets);
                pairs.flat_map(|(&p, (_, kind))| [label(p, *kind), Cell::Probability(p)]).collect()
            }
            Task::Binary | Task::Multiclass => {
                let kind = self.targets.first().map_or(ColumnType::Text, |(_, kind)| *kind);
                let class = self.class(row).and_then(|class| self.classes.get(class));
                let word = class.map_or(Cell::Nothing, |class| Cell::Word(Cow::Borrowed(class), kind));
                let probabilities = (0..self.classes.len()).filter_map(|class| self.probability(row, class));
                std::iter::once(word).chain(probabilities.map(Cell::Probability)).collect()
            }
        }
    }

    /// Writes the header and all rows as CSV (RFC 4180, lines ended by a line feed).
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_csv_header(out)?;
        self.write_csv_rows(out)
    }

    /// Writes the line of column names.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv_header(&self, out: &mut impl Write) -> io::Result<()> {
        for (i, name) in self.columns().iter().enumerate() {
            out.write_all(if i > 0 { b"," } else { b"" })?;
            write_field(out, name)?;
        }
        out.write_all(b"\n")
    }

    /// Writes a line for each row.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv_rows(&self, out: &mut impl Write) -> io::Result<()> {
        for row in 0..self.rows() {
            for (i, cell) in self.cells(row).into_iter().enumerate() {
                out.write_all(if i > 0 { b"," } else { b"" })?;
                match cell {
                    Cell::Nothing => {}
                    Cell::Word(word, _) => write_field(out, &word)?,
                    Cell::Probability(value) if self.single => write!(out, "{:?}", value as f32)?,
                    Cell::Probability(value) | Cell::Number(value) => write!(out, "{value:?}")?,
                }
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// The rows as JSON: a list of objects with the columns' names for keys. Predictions are numbers or truth values
    /// where the target's column held such; what is not finite is `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let columns = self.columns();
        (0..self.rows()).map(|row| self.row_to_json(&columns, row)).collect()
    }

    /// Writes what [`Predictions::to_json`] gives, without its brackets, row by row: of many rows the tree would take some
    /// ten times the room of the text. `among` says whether rows have come before.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json_rows(&self, among: bool, out: &mut impl Write) -> io::Result<()> {
        let columns = self.columns();
        for row in 0..self.rows() {
            out.write_all(if among || row > 0 { b"," } else { b"" })?;
            serde_json::to_writer(&mut *out, &self.row_to_json(&columns, row))?;
        }
        Ok(())
    }

    fn row_to_json(&self, columns: &[String], row: usize) -> Value {
        let cells = self.cells(row).into_iter().map(|cell| self.to_value(cell));
        Value::Object(columns.iter().cloned().zip(cells).collect::<Map<_, _>>())
    }

    fn to_value(&self, cell: Cell<'_>) -> Value {
        match cell {
            Cell::Nothing => Value::Null,
            Cell::Word(word, kind) => typed(&word, kind),
            Cell::Probability(value) if self.single => {
                // The shortest decimals of the single-precision number, not all those of its neighbour in double.
                format!("{:?}", value as f32).parse::<f64>().map_or(Value::Null, Value::from)
            }
            Cell::Probability(value) | Cell::Number(value) => Value::from(value),
        }
    }
}

fn label<'a>(probability: f64, kind: ColumnType) -> Cell<'a> {
    if probability.is_nan() {
        return Cell::Nothing;
    }
    let word = match (kind, probability > 0.5) {
        (ColumnType::Boolean, true) => "true",
        (ColumnType::Boolean, false) => "false",
        (_, true) => "1",
        (_, false) => "0",
    };
    Cell::Word(Cow::Borrowed(word), kind)
}

fn typed(word: &str, kind: ColumnType) -> Value {
    let number = || {
        let whole = word.parse::<i64>().ok().map(Number::from);
        whole.or_else(|| Number::from_f64(word.parse().ok()?)).map(Value::Number)
    };
    let value = match kind {
        ColumnType::Number => number(),
        ColumnType::Boolean => word.parse::<bool>().ok().map(Value::Bool),
        _ => None,
    };
    value.unwrap_or_else(|| Value::from(word))
}

fn write_field(out: &mut impl Write, field: &str) -> io::Result<()> {
    let plain = !field.is_empty() && !field.contains([',', '"', '\n', '\r']) && field.trim() == field;
    if plain { out.write_all(field.as_bytes()) } else { write!(out, "\"{}\"", field.replace('"', "\"\"")) }
}
