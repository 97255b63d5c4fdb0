//! The model and the table that a command is pointed at.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use clap::ArgMatches;
use deltarule::Pool;
use deltarule::config::{Config, resolve, setting};
use deltarule::error::similar_names;
use deltarule::model::Model;
use deltarule::run::cores;
use deltarule::run_folder::{RUNS, RunFolder};
use deltarule::table::{ReadOptions, Table, read};

use crate::arguments::{READING, set_said};

/// What of a model's configuration holds for the tables that it is given later.
const REMEMBERED: [&str; 3] = ["header", "delimiter", "missing"];

/// The model that the arguments name, and its file.
///
/// # Errors
/// Where there is none of that name, and the library's about the file.
pub fn model(matches: &ArgMatches) -> Result<(PathBuf, Model)> {
    let said = matches.get_one::<PathBuf>("model").ok_or_else(|| anyhow!("MODEL: not said"))?;
    let path = model_path(said)?;
    let model = Model::load(&path)?;
    Ok((path, model))
}

/// A model's file from what a person calls it: the file, its run's folder, or its run's name.
fn model_path(said: &Path) -> Result<PathBuf> {
    if said.is_file() {
        return Ok(said.to_owned());
    }
    let named = Path::new(RUNS).join(said);
    let folder = if said.is_dir() { said } else { named.as_path() };
    if folder.is_dir() {
        let file = RunFolder::open(folder)?.model();
        if !file.is_file() {
            let run = super::train::run_argument(folder);
            bail!(
                "{}: the run has no model yet: it was interrupted or is under way; go on with it: deltarule train \
                 --run {run} --resume",
                folder.display()
            );
        }
        return Ok(file);
    }
    if said.exists() {
        return Ok(said.to_owned()); // a pipe or a device
    }
    let known = runs();
    let close = similar_names(&said.to_string_lossy(), &known);
    let advice = match (close.as_slice(), known.as_slice()) {
        ([], []) => "train one first: deltarule train DATA --target COLUMN".to_owned(),
        ([], known) => format!("runs here: {}", known[..known.len().min(8)].join(", ")),
        (close, _) => format!("close: {}", close.join(", ")),
    };
    bail!(
        "{}: no such model; expected a model file, a run's folder or a run's name; {advice}",
        said.display()
    )
}

/// The names of the runs below the working folder.
fn runs() -> Vec<String> {
    let entries = std::fs::read_dir(RUNS).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Reads the table that the arguments name as the model expects it: flags, else what training was told, else inferred.
///
/// # Errors
/// The library's, about the flags and the table.
pub fn table(matches: &ArgMatches, model: &Model, limit: Option<usize>) -> Result<Table> {
    let data = matches.get_one::<String>("data").ok_or_else(|| anyhow!("DATA: not said"))?;
    let mut config = remembered(model)?;
    let settings = READING.iter().map(|key| setting(key)).collect::<deltarule::Result<Vec<_>>>()?;
    set_said(&mut config, matches, settings.into_iter())?;
    Ok(read(data, &ReadOptions { limit, ..options(model, &config)? })?)
}

/// How a table is read as the model expects it, where nothing else is said.
///
/// # Errors
/// The library's, about a model's configuration.
pub fn reading(model: &Model) -> Result<ReadOptions> {
    options(model, &remembered(model)?)
}

/// What training was told of its table.
fn remembered(model: &Model) -> Result<Config> {
    let mut config = Config::default();
    for key in REMEMBERED {
        if let Some(value) = model.config().value(key) {
            config.set_value(key, value)?;
        }
    }
    Ok(config)
}

fn options(model: &Model, config: &Config) -> Result<ReadOptions> {
    Ok(ReadOptions { expected: model.encoder().column_types(), ..resolve::read_options(config)? })
}

/// The threads that the arguments ask for.
///
/// # Errors
/// The library's, about the flag.
pub fn threads(matches: &ArgMatches) -> Result<Option<usize>> {
    let mut config = Config::default();
    set_said(&mut config, matches, std::iter::once(setting("threads")?))?;
    Ok(config.threads)
}

/// The threads that the arguments ask for, else one for each core.
///
/// # Errors
/// As [`threads`].
pub fn pool(matches: &ArgMatches) -> Result<Pool> {
    Ok(Pool::new(threads(matches)?.unwrap_or_else(cores)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_file_or_its_runs_folder() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("first");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), "").unwrap();
        let unfinished = model_path(&folder).unwrap_err().to_string();
        assert!(unfinished.contains("no model yet") && unfinished.contains("--resume"), "{unfinished}");
        let file = folder.join("model.safetensors");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(model_path(&folder).unwrap(), file);
        assert_eq!(model_path(&file).unwrap(), file);
        let absent = model_path(&base.path().join("none")).unwrap_err().to_string();
        assert!(absent.contains("no such model"), "{absent}");
    }
}
