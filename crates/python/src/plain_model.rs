//! A network as a model with an encoder, which the command line and the library's explanations take, and back. The encoder is
//! the estimator's, where it has one; otherwise one that takes numbers as they are.

use std::path::Path;

use deltarule::config::Config;
use deltarule::dataset::InputShape;
use deltarule::encoder::{Encoder as Recipes, EncoderOptions, NumericEncoding, Scaling, TargetScaling};
use deltarule::error::ErrorKind;
use deltarule::model::{Members, Model, SplitFigures};
use deltarule::table::{Column, ColumnType, Table};
use deltarule::{Result, Task};
use pyo3::prelude::*;

use crate::encoder::Encoder;

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
fn plain_encoder(task: Task, names: &Names) -> Result<Recipes> {
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
    let encoder = Recipes::fit(&table, &all, &options)?;
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

/// The encoder of a model: that of an estimator, of its targets; otherwise the one that takes numbers as they are.
pub fn encoder(task: Task, names: &Names, encoder: Option<&Encoder>) -> Result<Recipes> {
    let Some(encoder) = encoder else { return plain_encoder(task, names) };
    let are_words = !(names.classes.is_empty() || names.are_numbers);
    let target_type = if are_words { ColumnType::Text } else { ColumnType::Number };
    encoder.recipes.with_target(task, names.targets.clone(), names.classes.clone(), target_type)
}

/// The model of a network.
pub fn model(
    task: Task,
    names: &Names,
    of_columns: Option<&Encoder>,
    members: Members,
    config: &Config,
) -> Result<Model> {
    let mut complete = config.clone();
    complete.task = Some(task.name().to_owned());
    complete.target = Some(names.targets.clone());
    if let Some(encoder) = of_columns {
        encoder.configure(&mut complete)?;
    }
    Model::new(encoder(task, names, of_columns)?, members, &complete, SplitFigures::new())
}

/// Rows as a table: `x` is `[rows × columns]`.
pub fn features(names: &Names, x: &[f64]) -> Result<Table> {
    let width = names.columns.len();
    let columns = names.columns.iter().enumerate();
    let columns = columns.map(|(at, name)| Column::numbers(name, every(x, width, at))).collect();
    Table::new("the rows", columns)
}

/// The rows with their targets: `y` is `[rows × targets]`, or the numbers of the classes.
pub fn with_targets(mut table: Table, names: &Names, y: &[f64]) -> Result<Table> {
    let outputs = names.targets.len();
    for (at, name) in names.targets.iter().enumerate() {
        let values = every(y, outputs, at);
        table = table.with_column(if names.classes.is_empty() {
            Column::numbers(name, values)
        } else {
            let classes: Vec<&str> =
                values.iter().map(|&code| names.classes[code as usize].as_str()).collect();
            if names.are_numbers {
                Column::numbers(name, classes.iter().filter_map(|class| class.parse().ok()).collect())
            } else {
                Column::words(name, &classes)
            }
        })?;
    }
    Ok(table)
}

/// Every `width`-th number, from one on.
fn every(numbers: &[f64], width: usize, from: usize) -> Vec<f64> {
    numbers.iter().skip(from).step_by(width).copied().collect()
}

/// A model file's network with its settings, and what its columns are called.
pub struct Loaded {
    pub task: Task,
    pub names: Names,
    pub config: Config,
    pub members: Members,
    pub input: InputShape,
    /// Where columns do not enter as they are.
    pub encoder: Option<Encoder>,
}

/// The settings that say how columns become numbers.
const ENCODING: [&str; 6] =
    ["scaling", "numeric_encoding", "bins", "one_hot_limit", "hash_limit", "datetime_parts"];

/// Reads a model file of one network.
pub fn load(path: &Path) -> Result<Loaded> {
    let model = Model::load(path)?;
    let recipes = model.encoder();
    let task = model.task();
    let count = match model.members() {
        Members::F32(networks) => networks.len(),
        Members::F64(networks) => networks.len(),
    };
    if count != 1 {
        return Err(not_an_estimators(path, "its networks", "one", &count.to_string()));
    }
    let classes = recipes.classes().to_vec();
    let names = Names {
        columns: recipes.feature_columns().into_iter().map(str::to_owned).collect(),
        targets: recipes.target_names().to_vec(),
        are_numbers: !classes.is_empty() && classes.iter().all(|class| class.parse::<f64>().is_ok()),
        classes,
    };
    let (config, input) = (model.config().clone(), recipes.input_shape().clone());
    let encoder = if is_plain(recipes)? {
        None
    } else {
        let said = config.said().filter(|(setting, _)| ENCODING.contains(&setting.key));
        let settings = said.map(|(setting, value)| (setting.key.to_owned(), value.to_string())).collect();
        let categorical = config.categorical.clone().unwrap_or_default();
        Some(Encoder { recipes: recipes.clone(), settings, categorical })
    };
    Ok(Loaded { task, names, config, members: model.members().clone(), input, encoder })
}

/// Whether numbers come out of an encoder as they went in, and a regression's outputs with them.
fn is_plain(encoder: &Recipes) -> Result<bool> {
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
