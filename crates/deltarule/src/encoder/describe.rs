//! The recipes in words.

use super::Encoder;
use super::category::{CategoryRecipe, Form, Vocabulary};
use super::features::{DatetimeRecipe, Feature, Recipe};
use super::number::{NumberRecipe, Scale};
use crate::table::ColumnType;

/// A column that a model needs, for who wants to ask it something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputColumn<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type in the training table.
    pub column_type: ColumnType,
    /// The categories that training saw; `None` where it is none, or they were too many to be told apart.
    pub categories: Option<&'a [String]>,
    /// Whether training rows had missing values: then the network was told so, else the typical value stands in.
    pub was_missing: bool,
    /// The median of the training rows, of a column of numbers or truth values (0 or 1).
    pub median: Option<f64>,
}

impl Encoder {
    /// Each feature's column, in the order of [`Encoder::feature_columns`].
    #[must_use]
    pub fn input_columns(&self) -> Vec<InputColumn<'_>> {
        self.stored.features.iter().map(input).collect()
    }

    /// What becomes of each feature's column, in words and in the order of [`Encoder::feature_columns`]: `scaled, 16
    /// bins`, `8 categories, a 0/1 number each`, `year, month`.
    #[must_use]
    pub fn column_encodings(&self) -> Vec<String> {
        self.stored.features.iter().map(|feature| describe(&feature.recipe)).collect()
    }
}

fn input(feature: &Feature) -> InputColumn<'_> {
    let (categories, was_missing, median) = match &feature.recipe {
        Recipe::Number(recipe) => (None, recipe.missing, Some(recipe.fill)),
        Recipe::Category(recipe) => match &recipe.vocabulary {
            Vocabulary::Words(words) => (Some(words.as_slice()), recipe.missing, None),
            Vocabulary::Hashed(_) => (None, recipe.missing, None),
        },
        Recipe::Datetime(recipe) => (None, recipe.missing, None),
    };
    let column_type = feature.column_type;
    InputColumn { name: &feature.name, column_type, categories, was_missing, median }
}

fn describe(recipe: &Recipe) -> String {
    match recipe {
        Recipe::Number(recipe) => number(recipe),
        Recipe::Category(recipe) => category(recipe),
        Recipe::Datetime(recipe) => datetime(recipe),
    }
}

fn with_missing(mut words: Vec<String>, missing: bool) -> String {
    if missing {
        words.push("whether missing".to_owned());
    }
    words.join(", ")
}

fn number(recipe: &NumberRecipe) -> String {
    let mut words = Vec::new();
    if let Some(scale) = recipe.scale {
        words.push(if scale == Scale::IDENTITY { "as it is" } else { "scaled" }.to_owned());
    }
    if !recipe.edges.is_empty() {
        words.push(format!("{} bins", recipe.edges.len() - 1));
    }
    with_missing(words, recipe.missing)
}

fn category(recipe: &CategoryRecipe) -> String {
    let what = match &recipe.vocabulary {
        Vocabulary::Words(words) if recipe.missing => format!("{} categories and missing", words.len()),
        Vocabulary::Words(words) => format!("{} categories", words.len()),
        Vocabulary::Hashed(buckets) => format!("hashed into {buckets} buckets"),
    };
    match recipe.form {
        Form::Dense => format!("{what}, a 0/1 number each"),
        Form::OneHot => format!("{what}, one-hot"),
        Form::Embedded(dimension) => format!("{what}, a learnt table of {dimension} numbers each"),
    }
}

fn datetime(recipe: &DatetimeRecipe) -> String {
    with_missing(recipe.parts.iter().map(|(part, _)| part.name().to_owned()).collect(), recipe.missing)
}

#[cfg(test)]
mod tests {
    use crate::encoder::{DatetimePart, Encoder, EncoderOptions};
    use crate::table::{Column, ColumnData, ColumnType, Table};

    #[test]
    fn each_recipe_is_told_in_words() {
        let rows = 24_usize;
        let number = |f: fn(usize) -> f64| (0..rows).map(f).collect::<Vec<f64>>();
        let words: Vec<String> = (0..rows).map(|row| format!("w{}", row % 9)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let day = 86_400_000_000_i64;
        let columns = vec![
            Column::numbers("plain", number(|row| (row * row) as f64 + 0.5)),
            Column::numbers("holes", number(|row| if row % 3 == 0 { f64::NAN } else { row as f64 / 7.0 })),
            Column::words("few", &words.iter().map(|word| &word[..2]).collect::<Vec<_>>()),
            Column::new("when", ColumnData::Datetime((0..rows as i64).map(|row| row * 40 * day).collect())),
            Column::new("truth", ColumnData::Boolean((0..rows).map(|row| Some(row % 5 > 2)).collect())),
            Column::words("y", &(0..rows).map(|row| ["no", "yes"][row % 2]).collect::<Vec<_>>()),
        ];
        let table = Table::new("t", columns).unwrap();
        let options = EncoderOptions {
            target: vec!["y".into()],
            datetime_parts: vec![DatetimePart::Year, DatetimePart::Month],
            sparse_above: 100,
            ..EncoderOptions::default()
        };
        let all: Vec<u32> = (0..rows as u32).collect();
        let encoder = Encoder::fit(&table, &all, &options).unwrap();
        let encodings = encoder.column_encodings();
        assert_eq!(encodings.len(), encoder.feature_columns().len());
        let categories = "9 categories, a 0/1 number each";
        let expected = ["scaled", "scaled, whether missing", categories, "year, month", "as it is"];
        assert_eq!(encodings, expected);

        let inputs = encoder.input_columns();
        let told: Vec<_> = inputs.iter().map(|input| (input.name, input.was_missing)).collect();
        let names = ["plain", "holes", "few", "when", "truth"];
        assert_eq!(told, names.map(|name| (name, name == "holes")));
        assert_eq!(inputs[2].categories.map(<[String]>::len), Some(9));
        // The middle ones of 0² + ½ … 23² + ½.
        assert!(inputs[0].median.is_some_and(|median| (121.5..=144.5).contains(&median)), "{:?}", inputs[0]);
        assert_eq!((inputs[3].column_type, inputs[3].median), (ColumnType::Datetime, None));
    }
}
