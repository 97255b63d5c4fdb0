//! What one column's training rows are like, and the recipe that follows from it: all that can be said without a look at
//! the other columns.

use super::category::{CategoryRecipe, Vocabulary, occurring};
use super::features::{DatetimeRecipe, Recipe, declared, wants_category};
use super::note::Note;
use super::number::{self, NumberRecipe, Profile, mix};
use super::options::{DatetimePart, EncoderOptions, NumericEncoding, Scaling};
use super::values::{Numbers, Words, check_finite, is_words, part_of};
use crate::error::{ErrorKind, Result};
use crate::table::{Column, ColumnData, ColumnType, MISSING_TIME};

/// A column of words is an identifier where more than half of the rows have their own, beyond this many words.
const FEW_WORDS: usize = 10;
/// Whether a column merely counts the rows, or equals the target, is said of at least this many rows.
pub(super) const ROWS_TO_TELL: usize = 20;
/// No number is written longer, and no more of a word is shown in a note.
const LONGEST_NUMBER: usize = 32;

/// What was found.
#[derive(Default)]
pub(super) struct Study {
    /// Said whatever becomes of the column.
    pub(super) noticed: Vec<Note>,
    /// Without any value.
    pub(super) all_missing: bool,
    /// One value in every row.
    pub(super) constant: bool,
    /// Nearly every row has a word of its own.
    pub(super) identifier: bool,
    /// Equal columns have equal fingerprints.
    pub(super) fingerprint: u64,
    /// Said where the column is kept.
    pub(super) noticed_if_kept: Vec<Note>,
    /// `None` where the column is dropped for what it is, or where nothing of it varies.
    pub(super) recipe: Option<Recipe>,
}

/// Studies a column; `common` is the range of all pixels.
pub(super) fn of(
    column: &Column,
    rows: &[u32],
    options: &EncoderOptions,
    common: Option<(f64, f64)>,
) -> Result<Study> {
    if wants_category(column, options) {
        return Ok(category(column, rows, options, true));
    }
    match &column.data {
        ColumnData::Text(_) => {
            check_declared(column, options)?;
            Ok(category(column, rows, options, false))
        }
        ColumnData::Datetime(values) => {
            check_declared(column, options)?;
            datetime(column, values, rows, options)
        }
        _ => number(column, rows, options, common),
    }
}

/// Refuses a declared type that the column's values do not have.
fn check_declared(column: &Column, options: &EncoderOptions) -> Result<()> {
    let kind = column.column_type();
    match declared(column, options) {
        Some(wanted) if wanted != kind && !(is_words(wanted) && is_words(kind)) => {
            Err(ErrorKind::UnusableColumn {
                column: column.name.clone(),
                what: format!("declared as {wanted}; the table holds it as {kind}"),
                next: "declare the type when the table is read".to_owned(),
            }
            .into())
        }
        _ => Ok(()),
    }
}

fn number(
    column: &Column,
    rows: &[u32],
    options: &EncoderOptions,
    common: Option<(f64, f64)>,
) -> Result<Study> {
    let numbers = Numbers::of(column)?;
    let (values, profile) = match numbers {
        // Pixels come in hundreds of columns: they are counted where they lie.
        Numbers::U8(bytes) => (Vec::new(), Profile::of_bytes(rows.iter().map(|&row| bytes[row as usize]))),
        _ => {
            let values = numbers.gather(rows);
            check_finite(&column.name, &values, rows)?;
            let profile = Profile::of(&values);
            (values, profile)
        }
    };
    let boolean = matches!(column.data, ColumnData::Boolean(_));
    let wanted = declared(column, options);
    let truth = wanted == Some(ColumnType::Boolean);
    let zero_or_one =
        profile.present == 0 || profile.integers && profile.lowest >= 0.0 && profile.highest <= 1.0;
    if truth && !zero_or_one || wanted == Some(ColumnType::Datetime) {
        check_declared(column, options)?;
    }
    let mut study = Study {
        all_missing: profile.present == 0,
        constant: profile.missing == 0 && profile.is_constant(),
        fingerprint: mix(1, profile.fingerprint),
        ..Study::default()
    };
    if study.all_missing || study.constant && !options.keep_constant {
        return Ok(study);
    }
    if !boolean && rows.len() >= ROWS_TO_TELL && counts(|row| numbers.at(row), rows) {
        study.noticed_if_kept.push(Note::RowNumber { column: column.name.clone() });
    }
    if profile.is_constant() && profile.missing > 0 {
        study.noticed_if_kept.push(Note::OnlyMissingness { column: column.name.clone() });
    }
    let (scaling, encoding) = if boolean || truth {
        (Scaling::None, NumericEncoding::Plain)
    } else {
        (options.scaling, options.numeric_encoding)
    };
    let mut recipe = number::fit(&values, &profile, scaling, encoding, common);
    if boolean || truth {
        recipe.fill = (recipe.fill + 0.5).floor(); // of as many true as false, the median is ½
    }
    study.recipe = Some(Recipe::Number(recipe));
    Ok(study)
}

fn category(column: &Column, rows: &[u32], options: &EncoderOptions, asked_for: bool) -> Study {
    let words = Words::of(column, rows);
    let (found, missing) = occurring(&words, rows);
    let mut study =
        Study { all_missing: found.is_empty(), constant: found.len() == 1 && !missing, ..Study::default() };
    if !asked_for && declared(column, options).is_none() {
        study.noticed.extend(nearly_numbers(&column.name, &words, rows));
    }
    let distinct = found.len();
    study.identifier = !asked_for && distinct > FEW_WORDS && 2 * distinct > rows.len();
    if study.all_missing || study.constant && !options.keep_constant || study.identifier {
        return study;
    }
    study.fingerprint = fingerprint(&words, rows);
    let recipe = CategoryRecipe::fit(found, missing, options);
    if let Vocabulary::Hashed(buckets) = recipe.vocabulary {
        let buckets = buckets as usize;
        study.noticed_if_kept.push(Note::Hashed { column: column.name.clone(), distinct, buckets });
    }
    if let Some(table) = recipe.embedded() {
        study.noticed_if_kept.push(Note::Embedded {
            column: column.name.clone(),
            categories: table.cardinality,
            dimension: table.dimension,
        });
    }
    study.recipe = Some(Recipe::Category(recipe));
    study
}

fn datetime(column: &Column, values: &[i64], rows: &[u32], options: &EncoderOptions) -> Result<Study> {
    if options.datetime_parts.is_empty() {
        return Err(ErrorKind::UnusableColumn {
            column: column.name.clone(),
            what: "it holds datetimes, and no part of a datetime is asked for".to_owned(),
            next: format!(
                "name parts (datetime_parts: {}), or ignore the column",
                DatetimePart::ALL.map(DatetimePart::name).join(", ")
            ),
        }
        .into());
    }
    let at: Vec<i64> = rows.iter().map(|&row| values[row as usize]).collect();
    let missing = at.contains(&MISSING_TIME);
    let same = at.iter().all(|time| *time == at[0]);
    let mut study = Study {
        all_missing: missing && same,
        constant: same,
        fingerprint: at.iter().fold(3, |state, &time| mix(state, time as u64)),
        ..Study::default()
    };
    if study.all_missing || same && !options.keep_constant {
        return Ok(study);
    }
    let mut parts: Vec<(DatetimePart, NumberRecipe)> = Vec::new();
    for &part in &options.datetime_parts {
        let numbers: Vec<f64> = at.iter().map(|&time| part_of(part, time)).collect();
        let profile = Profile::of(&numbers);
        if profile.is_constant() || parts.iter().any(|(known, _)| *known == part) {
            continue;
        }
        let recipe = number::fit(&numbers, &profile, options.scaling, options.numeric_encoding, None);
        parts.push((part, NumberRecipe { missing: false, ..recipe }));
    }
    if !parts.is_empty() || missing {
        let names = parts.iter().map(|(part, _)| *part).collect();
        study.noticed_if_kept.push(Note::Datetime { column: column.name.clone(), parts: names });
        study.recipe = Some(Recipe::Datetime(DatetimeRecipe { parts, missing }));
    }
    Ok(study)
}

/// Whether each value is its row's number, but for a constant.
fn counts(value: impl Fn(usize) -> f64, rows: &[u32]) -> bool {
    let difference = |row: u32| value(row as usize) - f64::from(row);
    rows.iter().all(|&row| difference(row) == difference(rows[0]))
}

/// A note where at least nine of ten words are numbers, or would be if commas stood for nothing or a point: one stray
/// word, or a way of writing, has then made a column of numbers one of words.
fn nearly_numbers(column: &str, words: &Words<'_>, rows: &[u32]) -> Option<Note> {
    let is_number = |word: &str| word.trim().parse::<f64>().is_ok();
    let kinds: Vec<(bool, bool)> = words
        .dictionary
        .iter()
        .map(|word| {
            let number = is_number(word);
            let with_commas =
                word.contains(',') && word.len() <= LONGEST_NUMBER && is_number(&word.replace(',', ""));
            (number, number || with_commas)
        })
        .collect();
    let (mut present, mut numbers, mut readable) = (0, 0, 0);
    let (mut example, mut with_comma) = (None, None);
    for &row in rows {
        let code = words.codes[row as usize] as usize;
        let Some(&(number, commas)) = kinds.get(code) else { continue };
        present += 1;
        numbers += usize::from(number);
        readable += usize::from(commas);
        match (number, commas) {
            (false, true) => with_comma = with_comma.or(Some(code)),
            (false, false) => example = example.or(Some(code)),
            _ => {}
        }
    }
    let example = &words.dictionary[with_comma.or(example)?];
    let most = |count: usize| present >= ROWS_TO_TELL && 10 * count >= 9 * present;
    (most(numbers) || with_comma.is_some() && most(readable)).then(|| Note::NearlyNumbers {
        column: column.to_owned(),
        numbers: readable,
        present,
        example: example.chars().take(LONGEST_NUMBER).collect(),
    })
}

/// Equal words in the same order give equal fingerprints, whatever the dictionary's order.
fn fingerprint(words: &Words<'_>, rows: &[u32]) -> u64 {
    let hashes: Vec<u64> = words
        .dictionary
        .iter()
        .map(|word| word.bytes().fold(5, |state, byte| mix(state, u64::from(byte))))
        .collect();
    rows.iter().fold(2, |state, &row| {
        mix(state, hashes.get(words.codes[row as usize] as usize).copied().unwrap_or(u64::MAX))
    })
}
