//! A network on plain numbers as a model with an encoder, which the command line and the library's explanations take, and
//! back.

use std::path::Path;

use deltarule::config::Config;
use deltarule::dataset::InputShape;
use deltarule::encoder::{Encoder, EncoderOptions, NumericEncoding, Scaling, TargetScaling};
use deltarule::error::ErrorKind;
use deltarule::model::{Members, Model, SplitFigures};
use deltarule::table::{Column, Table};
use deltarule::{Result, Task};
use pyo3::prelude::*;

/// What the columns of an array are called, and what its classes are: a dictionary in Python.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub struct Names {
    pub columns: Vec<String>,
    pub targets: Vec<String>,
    /// Of a classification, in order.
    pub classes: Vec<String>,
    /// Whether the classes are numbers.
    pub are_numbers: bool,
}

/// The encoder that takes numbers as they are. It is fitted on a table made up of one row for each class.
pub fn plain_encoder(task: Task, names: &Names) -> Result<Encoder> {
    let rows = names.classes.len().max(2);
    let rising: Vec<f64> = (0..rows).map(|row| row as f64).collect();
    let mut columns: Vec<Column> =
        names.columns.iter().map(|name| Column::numbers(name, rising.clone())).collect();
    for name in &names.targets {
        let classes: Vec<&str> = names.classes.iter().map(String::as_str).collect();
        columns.push(match task {
            Task::Binary | Task::Multiclass if names.are_numbers => {
                Column::numbers(name, classes.iter().filter_map(|class| class.parse().ok()).collect())
            }
            Task::Binary | Task::Multiclass => Column::words(name, &classes),
            Task::Multilabel => Column::numbers(name, rising.iter().map(|row| row % 2.0).collect()),
            Task::Regression => Column::numbers(name, rising.clone()),
        });
    }
    let table = Table::new("the estimator's columns", columns)?;
    let options = EncoderOptions {
        target: names.targets.clone(),
        task: Some(task),
        keep_constant: true,
        scaling: Scaling::None,
        numeric_encoding: NumericEncoding::Plain,
        target_scaling: TargetScaling::None,
        ..EncoderOptions::default()
    };
    let all: Vec<u32> = (0..rows as u32).collect();
    let encoder = Encoder::fit(&table, &all, &options)?;
    if encoder.classes() == names.classes.as_slice() || matches!(task, Task::Regression | Task::Multilabel) {
        return Ok(encoder);
    }
    Err(ErrorKind::BadSetting {
        setting: "classes".to_owned(),
        got: names.classes.join(", "),
        expected: format!("as a model file has them: {}", encoder.classes().join(", ")),
        next: "give the classes other names".to_owned(),
    }
    .into())
}

/// The model of a network.
pub fn model(task: Task, names: &Names, members: Members, config: &Config) -> Result<Model> {
    let mut complete = config.clone();
    complete.task = Some(task.name().to_owned());
    complete.target = Some(names.targets.clone());
    Model::new(plain_encoder(task, names)?, members, &complete, SplitFigures::new())
}

/// Rows as a table: `x` is `[rows × columns]`; `y` is `[rows × targets]`, or the numbers of the classes.
pub fn table(names: &Names, x: &[f64], y: &[f64]) -> Result<Table> {
    let (width, outputs) = (names.columns.len(), names.targets.len());
    let column = |numbers: &[f64], width: usize, at: usize| -> Vec<f64> {
        numbers.iter().skip(at).step_by(width).copied().collect()
    };
    let mut columns: Vec<Column> = names
        .columns
        .iter()
        .enumerate()
        .map(|(at, name)| Column::numbers(name, column(x, width, at)))
        .collect();
    for (at, name) in names.targets.iter().enumerate() {
        let values = column(y, outputs, at);
        columns.push(if names.classes.is_empty() {
            Column::numbers(name, values)
        } else {
            let classes: Vec<&str> =
                values.iter().map(|&code| names.classes[code as usize].as_str()).collect();
            if names.are_numbers {
                Column::numbers(name, classes.iter().filter_map(|class| class.parse().ok()).collect())
            } else {
                Column::words(name, &classes)
            }
        });
    }
    Table::new("the rows", columns)
}

/// A model file's network with its settings, and what its columns are called.
pub struct Loaded {
    pub task: Task,
    pub names: Names,
    pub config: Config,
    pub members: Members,
}

/// Reads a model file of one network that takes numbers as they are.
pub fn load(path: &Path) -> Result<Loaded> {
    let model = Model::load(path)?;
    let encoder = model.encoder();
    let task = model.task();
    let classes = encoder.classes().to_vec();
    let names = Names {
        columns: encoder.feature_columns().into_iter().map(str::to_owned).collect(),
        targets: encoder.target_names().to_vec(),
        are_numbers: !classes.is_empty() && classes.iter().all(|class| class.parse::<f64>().is_ok()),
        classes,
    };
    if !is_plain(encoder)? {
        let got = encoder.column_encodings().join("; ");
        return Err(not_an_estimators(path, "its columns", "numbers as they are", &got));
    }
    let count = match model.members() {
        Members::F32(networks) => networks.len(),
        Members::F64(networks) => networks.len(),
    };
    if count != 1 {
        return Err(not_an_estimators(path, "its networks", "one", &count.to_string()));
    }
    Ok(Loaded { task, names, config: model.config().clone(), members: model.members().clone() })
}

/// Whether numbers come out of an encoder as they went in, and a regression's outputs with them.
fn is_plain(encoder: &Encoder) -> Result<bool> {
    const NUMBERS: [f64; 4] = [-3.5, 0.0, 0.25, 1e6];
    let names = encoder.feature_columns();
    if encoder.input_shape() != &InputShape::dense(names.len()) {
        return Ok(false);
    }
    let columns = names.iter().map(|name| Column::numbers(*name, NUMBERS.to_vec())).collect();
    let table = Table::new("a few numbers", columns)?;
    let encoded = encoder.encode_features::<f64>(&table, &[0, 1, 2, 3])?;
    let passes = encoded.dense.chunks_exact(names.len()).zip(NUMBERS);
    let outputs = vec![NUMBERS[0]; encoder.outputs()];
    let is_told_as_it_is =
        encoder.task() != Task::Regression || encoder.decode_targets::<f64>(&outputs) == outputs;
    Ok(is_told_as_it_is && passes.into_iter().all(|(row, number)| row.iter().all(|&x| x == number)))
}

fn not_an_estimators(path: &Path, what: &str, expected: &str, got: &str) -> deltarule::Error {
    let (path, what) = (path.to_owned(), what.to_owned());
    ErrorKind::BadFormat { path, what, expected: expected.to_owned(), got: got.to_owned() }.into()
}
