//! Columns → matrix, codes and targets.
//!
//! An [`Encoder`] is fitted on the **training rows alone** and then encodes any rows of any table with the same columns:
//! nothing of a validation or test row reaches it. It is serialised inside the model, so that a model predicts from raw
//! rows.
//!
//! | column | becomes |
//! |---|---|
//! | number | one scaled number; with [`NumericEncoding::Piecewise`] up to T numbers in 0 … 1 beside it |
//! | boolean | 0 or 1 |
//! | datetime | its [parts](DatetimePart), each as a number |
//! | words, few | a 0/1 number for each, or a one-hot group of codes |
//! | words, many | a code for a learnt table of [`embedding_dimension`] numbers each; hashed beyond a limit |
//! | the target | class codes, 0/1, or scaled numbers: see [`infer_task`] |
//!
//! **Missing.** A missing number is taken for the training rows' median (a truth value for the more frequent one), and a
//! 0/1 number beside it says so, if training rows had missing values too; if they had none, the median alone stands in.
//! Missing words are a category of their own where training rows had missing ones. Words that training never saw, and
//! missing ones where it saw none missing, are none of the categories: no 0/1 number is set, no row of a table chosen.
//!
//! **Dropped**, each with a [`Note`]: columns of one value, without any value, equal to an earlier column, and columns of
//! words of which more than half of the rows have their own.
//!
//! What it refuses: infinite numbers, values of another type than in training, a column that is absent, a target without
//! two distinct values. It reads no file and drops no row: [`usable_rows`] says which rows have a target.
//!
//! ```
//! use deltarule::encoder::{Encoder, EncoderOptions};
//! use deltarule::table::{Column, Table};
//!
//! let table = Table::new("people", vec![
//!     Column::numbers("age", vec![20.0, 40.0, f64::NAN, 30.0]),
//!     Column::words("sex", &["f", "m", "m", "f"]),
//!     Column::words("pays", &["no", "yes", "yes", "no"]),
//! ])?;
//! let options = EncoderOptions { target: vec!["pays".into()], ..EncoderOptions::default() };
//! let encoder = Encoder::fit(&table, &[0, 1, 2, 3], &options)?;
//! assert_eq!(encoder.feature_names(), ["age", "age=missing", "sex=f", "sex=m"]);
//! // Mean 30, deviation √(200/3) = 8.165: 20 becomes −1.225; the missing age becomes the median, 30.
//! let data = encoder.encode::<f64>(&table, &[0, 2])?;
//! assert!((data.dense[0] + 1.224_745).abs() < 1e-6);
//! assert_eq!(data.dense[1..], [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
//! # Ok::<(), deltarule::Error>(())
//! ```

mod category;
mod class_weight;
mod describe;
mod features;
mod features_alone;
mod matrix;
mod note;
mod number;
mod options;
mod piecewise;
mod rows;
mod study;
mod target;
mod values;

use deltarule_kernels::Real;
use serde::{Deserialize, Serialize};

pub use category::embedding_dimension;
pub use class_weight::ClassWeight;
pub use describe::InputColumn;
pub use features::{feature_counts, pixel_like};
pub use note::Note;
pub use options::{DatetimePart, EncoderOptions, NumericEncoding, Scaling, TargetScaling};
pub use rows::{UsableRows, strata, usable_rows};
pub use target::{infer_task, skewed_target};

use category::{CategoryRecipe, Form};
use features::{Feature, Recipe};
use target::TargetEncoder;
use values::{Numbers, needed, not_finite};

use crate::dataset::{Dataset, InputShape, Targets};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::table::{ColumnType, Table};
use crate::task::Task;

/// Columns → dense matrix, codes and targets, as fitted on training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Encoder {
    stored: Stored,
    shape: InputShape,
}

/// What is kept in a model: the shape follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stored {
    features: Vec<Feature>,
    target: TargetEncoder,
    /// Types of the target columns in the training table.
    target_types: Vec<ColumnType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<String>,
    #[serde(default)]
    notes: Vec<Note>,
}

impl From<Encoder> for Stored {
    fn from(encoder: Encoder) -> Self {
        encoder.stored
    }
}

impl TryFrom<Stored> for Encoder {
    type Error = Error;

    /// Refuses an encoder whose parts do not agree: a file may hold anything.
    fn try_from(stored: Stored) -> Result<Self> {
        const WIDEST: usize = 1 << 28;
        let sound = !stored.features.is_empty()
            && stored.features.iter().all(|feature| feature.recipe.is_sound())
            && stored.target.is_sound()
            && stored.target_types.len() == stored.target.columns.len();
        let widths = stored.features.iter().map(|feature| feature.recipe.dense_width());
        let width = widths.fold(0, usize::saturating_add);
        if !sound || width > WIDEST {
            return Err(ErrorKind::BadFormat {
                path: "the model's encoder".into(),
                what: "recipes of the columns".to_owned(),
                expected: "finite scales, ascending edges, classes that fit the task".to_owned(),
                got: "others".to_owned(),
            }
            .into());
        }
        let shape = shape_of(&stored.features);
        Ok(Self { stored, shape })
    }
}

fn categories(features: &[Feature]) -> impl Iterator<Item = (&Feature, &category::CategoryRecipe)> {
    features.iter().filter_map(|feature| match &feature.recipe {
        Recipe::Category(recipe) => Some((feature, recipe)),
        _ => None,
    })
}

fn shape_of(features: &[Feature]) -> InputShape {
    let one_hot = categories(features).filter(|(_, recipe)| recipe.form == Form::OneHot);
    InputShape {
        dense: features.iter().map(|feature| feature.recipe.dense_width()).sum(),
        embedded: categories(features).filter_map(|(_, recipe)| recipe.embedded()).collect(),
        one_hot: one_hot.map(|(_, recipe)| recipe.cardinality()).collect(),
    }
}

impl Encoder {
    /// Infers each column's role and fits on the training rows, none of whose targets may be missing (see
    /// [`usable_rows`]). Values of other rows are not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`] for a name in the options that the table lacks; [`ErrorKind::UnusableColumn`] for
    /// infinite numbers, bad weights, datetimes without parts; [`ErrorKind::UnusableTarget`] for a target that cannot be
    /// learnt or no column to learn it from; [`ErrorKind::Conflict`] where a target is ignored or the weight too;
    /// [`ErrorKind::TooFewRows`] without a training row.
    ///
    /// # Panics
    /// Where a row is not below the table's number of rows.
    pub fn fit(table: &Table, training_rows: &[u32], options: &EncoderOptions) -> Result<Self> {
        check_roles(table, options)?;
        if training_rows.is_empty() {
            let (source, what) = (table.source.clone(), "training".to_owned());
            return Err(ErrorKind::TooFewRows { source, rows: 0, expected: 1, what }.into());
        }
        let target = TargetEncoder::fit(table, training_rows, options)?;
        let mut notes = Vec::new();
        let features = features::fit(table, training_rows, options, &mut notes)?;
        for (name, scale) in target.columns.iter().zip(&target.scales) {
            if scale.log_unit.is_some() {
                notes.push(Note::LogTarget { column: name.clone() });
            }
        }
        let target_types =
            target.columns.iter().map(|name| Ok(table.column(name)?.column_type())).collect::<Result<_>>()?;
        let stored = Stored { features, target, target_types, weight: options.weight.clone(), notes };
        let shape = shape_of(&stored.features);
        let encoder = Self { stored, shape };
        if let Some(weights) = encoder.weights::<f64>(table, training_rows)?
            && weights.iter().all(|&weight| weight == 0.0)
        {
            return Err(ErrorKind::UnusableColumn {
                column: options.weight.clone().unwrap_or_default(),
                what: "every training row has weight 0".to_owned(),
                next: "give some row a positive weight".to_owned(),
            }
            .into());
        }
        Ok(encoder)
    }

    /// What the network's input looks like.
    #[must_use]
    pub fn input_shape(&self) -> &InputShape {
        &self.shape
    }

    /// What is learnt.
    #[must_use]
    pub fn task(&self) -> Task {
        self.stored.target.task
    }

    /// Names of the classes in the order of their codes (integers as numbers, words by their letters); none for
    /// regression and multi-label tasks. Of a binary task the second is the one whose probability is put out.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.stored.target.classes
    }

    /// Numbers that the network puts out per row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.stored.target.outputs()
    }

    /// The target columns.
    #[must_use]
    pub fn target_names(&self) -> &[String] {
        &self.stored.target.columns
    }

    /// The columns that features are made of, in the table's order.
    #[must_use]
    pub fn feature_columns(&self) -> Vec<&str> {
        self.stored.features.iter().map(|feature| feature.name.as_str()).collect()
    }

    /// The types that the columns had in the training table, target and features: for
    /// [`ReadOptions::expected`](crate::table::ReadOptions::expected) when another table is read.
    #[must_use]
    pub fn column_types(&self) -> Vec<(String, ColumnType)> {
        let features = self.stored.features.iter().map(|feature| (feature.name.clone(), feature.column_type));
        let target = &self.stored.target;
        features.chain(target.columns.iter().cloned().zip(self.stored.target_types.iter().copied())).collect()
    }

    /// A name for each row of the first dense layer's `w`: numbers (`age`, its bins `age[3]`, `age=missing`,
    /// `sex=Male`, `date.year`), then learnt tables (`city~1`), then one-hot groups (`city=Rome`).
    #[must_use]
    pub fn feature_names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.shape.fan_in());
        for feature in &self.stored.features {
            match &feature.recipe {
                Recipe::Number(recipe) => recipe.name(&feature.name, &mut names),
                Recipe::Category(recipe) if recipe.form == Form::Dense => {
                    recipe.name(&feature.name, &mut names);
                }
                Recipe::Category(_) => {}
                Recipe::Datetime(recipe) => {
                    for (part, number) in &recipe.parts {
                        number.name(&format!("{}.{}", feature.name, part.name()), &mut names);
                    }
                    if recipe.missing {
                        names.push(format!("{}=missing", feature.name));
                    }
                }
            }
        }
        for (feature, recipe) in categories(&self.stored.features) {
            if let Some(table) = recipe.embedded() {
                names.extend((1..=table.dimension).map(|number| format!("{}~{number}", feature.name)));
            }
        }
        for (feature, recipe) in categories(&self.stored.features) {
            if recipe.form == Form::OneHot {
                recipe.name(&feature.name, &mut names);
            }
        }
        names
    }

    /// Of which of the [`feature_columns`](Self::feature_columns) each of the [`feature_names`](Self::feature_names) is made.
    #[must_use]
    pub fn feature_origins(&self) -> Vec<usize> {
        let features = || self.stored.features.iter().map(|feature| &feature.recipe).enumerate();
        let category = |recipe: &Recipe, form: fn(&CategoryRecipe) -> usize| match recipe {
            Recipe::Category(recipe) => form(recipe),
            _ => 0,
        };
        let mut origins = Vec::with_capacity(self.shape.fan_in());
        let mut extend = |column: usize, numbers: usize| origins.extend(std::iter::repeat_n(column, numbers));
        features().for_each(|(column, recipe)| extend(column, recipe.dense_width()));
        let dimension = |recipe: &CategoryRecipe| recipe.embedded().map_or(0, |table| table.dimension);
        features().for_each(|(column, recipe)| extend(column, category(recipe, dimension)));
        let one_hot =
            |recipe: &CategoryRecipe| if recipe.form == Form::OneHot { recipe.cardinality() } else { 0 };
        features().for_each(|(column, recipe)| extend(column, category(recipe, one_hot)));
        origins
    }

    /// How fast each dense number of these rows moves with the column that it is made of, per unit of that column,
    /// `[rows × dense]`. Numbers made of categories and datetimes do not move, nor does a missing value.
    ///
    /// # Errors
    /// As [`encode_features`](Self::encode_features).
    pub fn slopes(&self, table: &Table, rows: &[u32]) -> Result<Vec<f64>> {
        let width = self.shape.dense;
        let mut slopes = vec![0.0; rows.len() * width];
        let mut at = 0;
        for feature in &self.stored.features {
            if let Recipe::Number(recipe) = &feature.recipe {
                let values = Numbers::of(needed(table, &feature.name)?)?.gather(rows);
                for (row, value) in values.into_iter().enumerate() {
                    recipe.slopes(value, &mut slopes[row * width + at..][..recipe.width()]);
                }
            }
            at += feature.recipe.dense_width();
        }
        Ok(slopes)
    }

    /// How fast the target, in its own units, moves with an output of a regression that is `z`; 1 of other tasks.
    #[must_use]
    pub fn target_slope(&self, output: usize, z: f64) -> f64 {
        // Central differences: decoding is a line, or an exponential of one.
        const STEP: f64 = 1e-6;
        let decode = |z| self.stored.target.decode(output, z);
        (decode(z + STEP) - decode(z - STEP)) / (2.0 * STEP)
    }

    /// What was noticed while fitting.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.stored.notes
    }

    /// Bytes that encoding so many rows takes, with numbers of type `F`: the data set, and codes on the way to it.
    #[must_use]
    pub fn memory_need<F: Real>(&self, rows: usize) -> u64 {
        let numbers = self.shape.dense + self.outputs() + usize::from(self.stored.weight.is_some());
        let per_row = numbers as u64 * F::BYTES as u64 + 4 * self.shape.codes() as u64;
        // On the way: targets in double precision, and words of number columns as codes.
        let on_the_way = 8 * self.outputs() as u64 + 8 * categories(&self.stored.features).count() as u64;
        (rows as u64).saturating_mul(per_row.saturating_add(on_the_way))
    }

    /// Features, targets and weights of these rows.
    ///
    /// # Errors
    /// As [`encode_features`](Self::encode_features); [`ErrorKind::UnusableTarget`] where a target is missing or of a
    /// class that training did not see; [`ErrorKind::UnusableColumn`] for a weight that is negative, missing or infinite.
    ///
    /// # Panics
    /// Where a row is not below the table's number of rows.
    pub fn encode<F: Real>(&self, table: &Table, rows: &[u32]) -> Result<Dataset<F>> {
        let targets = self.stored.target.encode(table, rows)?;
        let weights = self.weights(table, rows)?;
        self.with_targets(table, rows, targets, weights)
    }

    /// Features of these rows; the target columns may be absent, and the targets are placeholders (0).
    ///
    /// # Errors
    /// [`ErrorKind::MissingColumn`] for a feature's column that the table lacks; [`ErrorKind::UnusableColumn`] where a
    /// column holds values of another type, or infinite numbers; [`ErrorKind::NotEnoughMemory`].
    ///
    /// # Panics
    /// Where a row is not below the table's number of rows.
    pub fn encode_features<F: Real>(&self, table: &Table, rows: &[u32]) -> Result<Dataset<F>> {
        self.with_targets(table, rows, self.stored.target.placeholder(rows.len()), None)
    }

    fn with_targets<F: Real>(
        &self,
        table: &Table,
        rows: &[u32],
        targets: Targets<F>,
        weights: Option<Vec<F>>,
    ) -> Result<Dataset<F>> {
        const WORTH_A_LOOK: u64 = 64 << 20;
        let need = self.memory_need::<F>(rows.len());
        if need > WORTH_A_LOOK {
            memory::require("the encoded table", need, "use fewer rows or columns, or lower one_hot_limit")?;
        }
        let (dense_width, code_width) = (self.shape.dense, self.shape.codes());
        let widths = (dense_width, code_width, self.shape.embedded.len());
        let matrix = matrix::encode(&self.stored.features, widths, table, rows)?;
        let (dense, codes) = (matrix.dense, matrix.codes);
        let rows = rows.len();
        let dense = dense.into();
        Ok(Dataset { rows, dense_width, dense, sparse: None, code_width, codes, targets, weights })
    }

    fn weights<F: Real>(&self, table: &Table, rows: &[u32]) -> Result<Option<Vec<F>>> {
        let Some(name) = &self.stored.weight else { return Ok(None) };
        let values = Numbers::of(needed(table, name)?)?.gather(rows);
        let mut weights = Vec::with_capacity(values.len());
        for (&value, &row) in values.iter().zip(rows) {
            let weight = F::from_f64(value);
            if value.is_infinite() || (weight.to_f64().is_infinite()) {
                return Err(not_finite(name, row, value));
            }
            if value.is_nan() || value < 0.0 {
                let got = if value.is_nan() { "no value".to_owned() } else { value.to_string() };
                return Err(ErrorKind::UnusableColumn {
                    column: name.clone(),
                    what: format!(
                        "row {} holds {got}; a weight is 0 or a positive number",
                        u64::from(row) + 1
                    ),
                    next: "mend the value, or choose another weight column".to_owned(),
                }
                .into());
            }
            weights.push(weight);
        }
        Ok(Some(weights))
    }

    /// A regression's outputs `[rows × outputs]` in the table's units; of other tasks, as they are.
    #[must_use]
    pub fn decode_targets<F: Real>(&self, outputs: &[F]) -> Vec<f64> {
        let width = self.outputs();
        let decode = |(at, z): (usize, &F)| self.stored.target.decode(at % width, z.to_f64());
        outputs.iter().enumerate().map(decode).collect()
    }

    /// The targets of these rows as the table has them, `[rows × outputs]`, for a regression or multi-label task.
    ///
    /// # Errors
    /// [`ErrorKind::MissingColumn`]; [`ErrorKind::UnusableTarget`] where one is missing, or the task has classes.
    pub fn target_values(&self, table: &Table, rows: &[u32]) -> Result<Vec<f64>> {
        self.stored.target.numbers(table, rows)
    }
}

/// Refuses names that the table lacks, and columns of two roles.
fn check_roles(table: &Table, options: &EncoderOptions) -> Result<()> {
    let types = options.types.iter().map(|(name, _)| name);
    let named =
        options.target.iter().chain(&options.weight).chain(&options.ignore).chain(&options.categorical);
    for name in named.chain(types) {
        table.column(name)?;
    }
    let conflict = |first: &str, second: &str, name: &str| -> Result<()> {
        let (first, second) = (format!("{first} {name:?}"), format!("{second} {name:?}"));
        Err(ErrorKind::Conflict { first, second, why: "a column has one role".to_owned() }.into())
    };
    for (at, name) in options.target.iter().enumerate() {
        if options.target[..at].contains(name) {
            return conflict("target", "target", name);
        }
        if options.ignore.contains(name) {
            return conflict("target", "ignore", name);
        }
        if options.weight.as_ref() == Some(name) {
            return conflict("target", "weight", name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
