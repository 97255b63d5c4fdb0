//! A training run from what a person said to what they take away: read → split → plan → encode → train → measure → save.
//!
//! [`train`] does all of it and leaves a [run folder](crate::run_folder); [`fit`] does it in memory on a table that is
//! there already. Both are compositions of the other rooms and hold no arithmetic of their own.
//!
//! ```
//! use deltarule::config::Config;
//! use deltarule::run;
//! use deltarule::table::{read, ReadOptions};
//!
//! let table = read("xor", &ReadOptions::default())?;
//! let mut config = Config::default();
//! config.set("hidden", "4")?;
//! let fitted = run::fit(table, &config)?;
//! assert_eq!(fitted.report.metrics["train"]["accuracy"], 1.0);
//! # Ok::<(), deltarule::Error>(())
//! ```

mod fit;
mod folds;
mod history;
mod late_folder;
mod material;
mod prepare;
mod replay;
mod report;
// These write tables as CSV files.
#[cfg(all(test, feature = "csv"))]
mod tests;

use std::path::Path;

use deltarule_kernels::{Pool, Real};

use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::control::{ControlFile, Controller, Unattended};
use crate::encoder::Encoder;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer, Silent};
use crate::health::{Record, findings};
use crate::model::Model;
use crate::run_folder::{Progress, RUNS, RunFolder, place};
use crate::table::Table;

use late_folder::LateFolder;

pub use crate::crew::cores;
pub use fit::check_memory;
pub use folds::{CrossValidation, FoldReport, Interval};
pub use material::Material;
pub use prepare::{Prepared, Rows, prepare, prepare_table};
pub use replay::Replay;
pub(crate) use replay::{BeforeStep, before_step};
pub use report::{Report, RowCounts};

/// A finished run in memory.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// What predicts.
    pub model: Model,
    /// What happened.
    pub report: Report,
}

/// Trains on a table in memory: nothing is written, nobody listens.
///
/// # Errors
/// Those of every room that the data pass through.
pub fn fit(table: Table, said: &Config) -> Result<Fitted> {
    fit_with(table, said, &mut Silent, &mut Unattended)
}

/// Trains on a table in memory, with an observer and a controller.
///
/// # Errors
/// As [`fit`]; [`ErrorKind::Conflict`] where the controller stopped it before there was a model.
pub fn fit_with(
    table: Table,
    said: &Config,
    observer: &mut dyn Observer,
    controller: &mut dyn Controller,
) -> Result<Fitted> {
    fit_prepared(&prepare_table(table, said, None, None)?, observer, controller)
}

/// Trains as [`prepare`] has planned it, in memory.
///
/// # Errors
/// As [`fit_with`].
pub fn fit_prepared(
    prepared: &Prepared,
    observer: &mut dyn Observer,
    controller: &mut dyn Controller,
) -> Result<Fitted> {
    let mut record = Record::default();
    let mut both = |event: &Event| {
        record.observe(event);
        observer.observe(event);
    };
    let outcome = dispatch(prepared, None, None, false, &mut both, controller)?;
    let mut report = outcome.report;
    report.findings = findings(&record, &prepared.plan.settings);
    outcome.model.map(|model| Fitted { model, report }).ok_or_else(|| {
        ErrorKind::Conflict {
            first: "a run in memory".into(),
            second: "a control to stop".into(),
            why: "there is no folder to keep a checkpoint in".into(),
        }
        .into()
    })
}

/// Trains as `said` says, and leaves the run's folder: `config.toml`, `events.jsonl`, `checkpoint.safetensors` and,
/// where the run came to its end, `model.safetensors`. Nothing is written before everything about the input is known to
/// be right.
///
/// # Errors
/// Those of every room that the data pass through; [`ErrorKind::CannotResume`] and [`ErrorKind::Conflict`] about the
/// run's folder.
pub fn train(said: &Config, observer: &mut dyn Observer, controller: &mut dyn Controller) -> Result<Report> {
    train_watched(said, observer, controller, &mut |_| {})
}

/// As [`train`]; `planned` is shown the data and the plan before training begins.
///
/// # Errors
/// As [`train`].
pub fn train_watched(
    said: &Config,
    observer: &mut dyn Observer,
    controller: &mut dyn Controller,
    planned: &mut dyn FnMut(&Prepared),
) -> Result<Report> {
    let resumes = said.resume == Some(true);
    let (said, folder) = if resumes { reopen(said)? } else { (said.clone(), None) };
    let prepared = prepare(&said)?;
    let fitted = fit::check_memory(&prepared)?;
    planned(&prepared);
    let folder = LateFolder::new(&said, folder, prepared.plan.to_config().to_toml());
    let mut record = Record::default();
    if let Some(folder) = folder.existing().filter(|folder| folder.events().is_file()) {
        record.read(folder)?;
    }
    let mut both = |event: &Event| {
        folder.record(event);
        record.observe(event);
        observer.observe(event);
    };
    let mut file = None;
    let mut either = |step: u64| {
        controller.poll(step).or_else(|| {
            let folder = folder.existing()?;
            file.get_or_insert_with(|| ControlFile::new(&folder.controls())).poll(step)
        })
    };
    let outcome = dispatch(&prepared, Some(fitted), Some(&folder), resumes, &mut both, &mut either)?;
    let mut report = outcome.report;
    report.findings = findings(&record, &prepared.plan.settings);
    let made = folder.open()?;
    if let Some(model) = outcome.model {
        model.save(&made.model())?;
        report.model = Some(made.model());
    }
    report.run = Some(made.path().to_owned());
    report.notes.extend(folder.failure());
    Ok(report)
}

/// The configuration and the folder of the run that is to go on.
fn reopen(said: &Config) -> Result<(Config, Option<RunFolder>)> {
    let Some(run) = &said.run else {
        return Err(ErrorKind::BadSetting {
            setting: "resume".into(),
            got: "no run".into(),
            expected: "--run with the name or folder of the run that is to go on".into(),
            next: String::new(),
        }
        .into());
    };
    let folder = RunFolder::open(&place(Path::new(RUNS), run)?)?;
    match folder.progress() {
        Progress::Finished => {
            Err(cannot_resume(&folder, "its progress", "unfinished", "finished: it has its model"))
        }
        Progress::Nothing => {
            Err(cannot_resume(&folder, "its progress", "begun", "not begun: it has no config.toml"))
        }
        Progress::Begun | Progress::Resumable => {
            let mut config = Config::parse_toml(&folder.read_config()?, &folder.config())?;
            for (setting, value) in said.said() {
                let recorded = config.value(setting.key);
                let same = recorded.as_ref() == Some(&value);
                if setting.scope != crate::config::Scope::RunOnly && !same {
                    let then = recorded.map_or_else(|| "not set".to_owned(), |value| value.to_string());
                    return Err(cannot_resume(&folder, setting.key, &then, &value.to_string()));
                }
            }
            config.threads = said.threads.or(config.threads);
            config.checkpoint_epochs = said.checkpoint_epochs.or(config.checkpoint_epochs);
            Ok((config, Some(folder)))
        }
    }
}

fn cannot_resume(folder: &RunFolder, what: &str, expected: &str, got: &str) -> Error {
    let (run, what) = (folder.path().to_owned(), what.to_owned());
    ErrorKind::CannotResume { run, what, expected: expected.to_owned(), got: got.to_owned() }.into()
}

/// What a run came to, saved or not.
struct Concluded {
    model: Option<Model>,
    report: Report,
}

/// Runs in the precision that the plan says.
fn dispatch(
    prepared: &Prepared,
    fitted: Option<Encoder>,
    folder: Option<&LateFolder<'_>>,
    resumes: bool,
    observer: &mut dyn Observer,
    controller: &mut dyn Controller,
) -> Result<Concluded> {
    match prepared.plan.settings.precision.as_deref() {
        Some("f64") => conclude::<f64>(prepared, fitted, folder, resumes, observer, controller),
        _ => conclude::<f32>(prepared, fitted, folder, resumes, observer, controller),
    }
}

fn conclude<F: Real>(
    prepared: &Prepared,
    fitted: Option<Encoder>,
    folder: Option<&LateFolder<'_>>,
    resumes: bool,
    observer: &mut dyn Observer,
    controller: &mut dyn Controller,
) -> Result<Concluded> {
    let threads = prepared.plan.settings.threads.unwrap_or_else(cores);
    let pool = Pool::new(threads);
    let earlier: Option<Checkpoint<'static, F>> = match folder.and_then(LateFolder::existing) {
        Some(folder) if resumes && folder.progress() == Progress::Resumable => {
            Some(Checkpoint::read(&folder.checkpoint())?)
        }
        _ => None,
    };
    fit::Place::new(&pool, prepared, folder, earlier, fitted)?.conclude(observer, controller)
}
