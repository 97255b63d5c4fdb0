//! Everything that is known before a network exists: the table, the plan, the splits.

use std::ops::Range;
use std::sync::Arc;

use crate::config::{Config, Part, resolve};
use crate::encoder::{self, EncoderOptions};
use crate::error::{ErrorKind, Result};
use crate::plan::{Facts, Plan, plan};
use crate::split::{Split, SplitOptions, folds, split};
use crate::table::{ReadOptions, Table, read};
use crate::task::Task;

/// The data set that is trained on where none is named.
pub const DEFAULT_DATA: &str = "digits";

/// A run that is ready to train.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// All rows, those of separate files appended.
    pub table: Arc<Table>,
    /// What is to be done, and why.
    pub plan: Plan,
    /// What the plan went by.
    pub facts: Facts,
    /// How columns are encoded.
    pub encoder: EncoderOptions,
    /// Splits of cross-validation; empty without.
    pub folds: Vec<Split>,
    /// The split of the final model.
    pub split: Split,
    /// What was noticed.
    pub notes: Vec<String>,
}

/// The rows that runs are prepared from: read once, for as many configurations as are to be tried on them.
#[derive(Clone, Debug)]
pub struct Rows {
    table: Arc<Table>,
    validation: Option<Range<usize>>,
    test: Option<Range<usize>>,
}

impl Rows {
    /// Reads the data that a person named, files of validation and test rows with them.
    ///
    /// # Errors
    /// Those of the settings and of reading.
    pub fn read(said: &Config) -> Result<Self> {
        said.check()?;
        let options = resolve::read_options(said)?;
        let mut table = read(said.data.as_deref().unwrap_or(DEFAULT_DATA), &options)?;
        let expected =
            table.columns().iter().map(|column| (column.name.clone(), column.column_type())).collect();
        let options = ReadOptions { expected, ..options };
        let mut append = |part: &Option<Part>| -> Result<Option<Range<usize>>> {
            let Some(Part::File(path)) = part else { return Ok(None) };
            let other = read(&path.to_string_lossy(), &options)?;
            table.append(other).map(Some)
        };
        let validation = append(&said.validation)?;
        let test = append(&said.test)?;
        Ok(Self { table: Arc::new(table), validation, test })
    }

    /// Those of a table that is there already, without the columns that are to be ignored.
    ///
    /// # Errors
    /// Those of the settings.
    pub fn of_table(mut table: Table, said: &Config) -> Result<Self> {
        said.check()?;
        for name in said.ignore.iter().flatten() {
            table.drop_column(name)?;
        }
        Ok(Self { table: Arc::new(table), validation: None, test: None })
    }

    /// Prepares a run on them. Where the data come from is not asked of `said` again.
    ///
    /// # Errors
    /// Those of the settings, of the target and of the splits.
    pub fn prepare(&self, said: &Config) -> Result<Prepared> {
        prepare_rows(Arc::clone(&self.table), said, self.validation.clone(), self.test.clone())
    }
}

/// Reads the data that a person named, and prepares the run.
///
/// # Errors
/// Those of reading, of the settings, of the target and of the splits.
pub fn prepare(said: &Config) -> Result<Prepared> {
    let Rows { table, validation, test } = Rows::read(said)?;
    prepare_rows(table, said, validation, test)
}

/// Prepares a run on a table that is there already; `validation` and `test` are rows set apart by the caller.
///
/// # Errors
/// Those of the settings, of the target and of the splits.
pub fn prepare_table(
    table: Table,
    said: &Config,
    validation: Option<Range<usize>>,
    test: Option<Range<usize>>,
) -> Result<Prepared> {
    prepare_rows(Rows::of_table(table, said)?.table, said, validation, test)
}

/// Prepares a run on a table without the columns that are to be ignored.
fn prepare_rows(
    table: Arc<Table>,
    said: &Config,
    validation: Option<Range<usize>>,
    test: Option<Range<usize>>,
) -> Result<Prepared> {
    let target = target_of(&table, said)?;
    let usable = encoder::usable_rows(&table, &target)?;
    if usable.rows.is_empty() {
        let (source, what) = (table.source.clone(), "training".to_owned());
        return Err(ErrorKind::TooFewRows { source, rows: 0, expected: 1, what }.into());
    }
    let mut notes: Vec<String> = usable.notes().iter().map(ToString::to_string).collect();
    let task = match resolve::task(said) {
        Some(task) => task,
        None => encoder::infer_task(&table, &usable.rows, &target)?,
    };
    let mut said = said.clone();
    said.target = Some(target);
    // What the columns are for is known before the plan says how they are encoded: bins are the plan's to choose.
    let roles = roles_of(&Config { numeric_encoding: None, ..said.clone() }, task, &table)?;
    let strata = encoder::strata(&table, &usable.rows, &roles)?;
    let test = test.or_else(|| table.test_rows.clone());
    let parts = SplitOptions { validation_rows: validation, test_rows: test, ..SplitOptions::default() };
    let facts = facts(&table, &usable.rows, &roles, task, strata.as_deref(), &parts);
    let plan = plan(&facts, &said)?;
    let encoder = roles_of(&plan.settings, task, &table)?;
    let parts = SplitOptions {
        validation_rows: parts.validation_rows,
        test_rows: parts.test_rows,
        ..resolve::split_options(&plan.settings)
    };
    let strata = strata.as_deref();
    let mut made = Vec::new();
    let divided = if let Some(count) = plan.settings.folds {
        made = folds(&table, &usable.rows, strata, count, &parts)?;
        Split { train: usable.rows.clone(), ..Split::default() }
    } else {
        split(&table, &usable.rows, strata, &parts)?
    };
    notes.extend(made.first().unwrap_or(&divided).notes.iter().cloned());
    Ok(Prepared { table, plan, facts, encoder, folds: made, split: divided, notes })
}

/// How columns are encoded; those to be ignored are not in the table any more.
fn roles_of(settings: &Config, task: Task, table: &Table) -> Result<EncoderOptions> {
    let mut roles = resolve::encoder_options(settings, task)?;
    roles.ignore.retain(|name| table.has(name));
    Ok(roles)
}

/// The target columns: those named, else the one that the data set itself names.
fn target_of(table: &Table, said: &Config) -> Result<Vec<String>> {
    if let Some(target) = &said.target {
        for name in target {
            table.column(name)?;
        }
        return Ok(target.clone());
    }
    if let Some(target) = &table.default_target {
        return Ok(vec![target.clone()]);
    }
    let names = table.names();
    Err(ErrorKind::BadSetting {
        setting: "target".into(),
        got: "none".into(),
        expected: "the column that is to be learnt".into(),
        next: format!("say --target COLUMN; {} has {}", table.source, names.join(", ")),
    }
    .into())
}

fn facts(
    table: &Table,
    rows: &[u32],
    roles: &EncoderOptions,
    task: Task,
    strata: Option<&[u32]>,
    parts: &SplitOptions,
) -> Facts {
    let within = |range: &Option<Range<usize>>| {
        range.as_ref().map(|range| rows.iter().filter(|&&row| range.contains(&(row as usize))).count())
    };
    let (validation_apart, test_apart) = (within(&parts.validation_rows), within(&parts.test_rows));
    let classes = strata.map_or(0, |strata| strata.iter().max().map_or(0, |&most| most as usize + 1));
    let mut sizes = vec![0_usize; classes];
    for &class in strata.unwrap_or_default() {
        sizes[class as usize] += 1;
    }
    let (numeric_columns, categorical_columns) = encoder::feature_counts(table, roles);
    Facts {
        rows: rows.len() - validation_apart.unwrap_or(0) - test_apart.unwrap_or(0),
        validation_apart,
        test_apart,
        task,
        outputs: if task == Task::Multiclass { classes } else { roles.target.len() },
        smallest_class: matches!(task, Task::Binary | Task::Multiclass)
            .then(|| sizes.iter().copied().min().unwrap_or(0)),
        numeric_columns,
        categorical_columns,
        pixel_like: encoder::pixel_like(table, rows, roles).is_some(),
    }
}
