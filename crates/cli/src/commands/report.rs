//! `report`: a run as one page that stands by itself.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ArgMatches;
use deltarule::atomic_file::write_atomically;
use deltarule::run_folder::{RUNS, RunFolder, place};
use deltarule_server::ReportOptions;
use serde_json::json;

use crate::Outcome;
use crate::console::Console;
use crate::words;

/// Writes the page.
///
/// # Errors
/// Where the run, a row or a parameter is not there, and where the page cannot be written.
pub fn report(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let run = matches.get_one::<String>("run").map_or("", String::as_str);
    let folder = RunFolder::open(&place(Path::new(RUNS), run)?)?;
    let out = matches.get_one::<PathBuf>("out").map_or_else(|| "report.html".into(), Clone::clone);
    refuse_a_file_of_the_run(&out, &folder)?;
    let options = ReportOptions {
        rows: matches.get_many::<u32>("rows").into_iter().flatten().map(|&row| row as usize).collect(),
        parameters: matches.get_many::<String>("weights").into_iter().flatten().cloned().collect(),
    };
    let made = deltarule_server::report(&folder, &options)?;
    write_atomically(&out, made.html.as_bytes())?;
    if let Some(why) = &made.without {
        console.warn(words::wrap(&format!("note: no rows are explained: {why}"), 100, 6));
    }
    let bytes = made.html.len();
    console.say(format!("{}: {} kB", out.display(), words::count(bytes.div_ceil(1000))));
    console.document(&json!({ "report": out, "bytes": bytes }))?;
    Ok(Outcome::Done)
}

/// The page may not take the place of what it is made from.
fn refuse_a_file_of_the_run(out: &Path, folder: &RunFolder) -> Result<()> {
    let own = [
        folder.config(),
        folder.events(),
        folder.controls(),
        folder.checkpoint(),
        folder.model(),
        folder.diagnosis(),
    ];
    let same = |other: &Path| matches!((out.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if own.iter().any(|own| same(own)) {
        bail!("--out {}: that is a file of the run; expected another; give another name", out.display());
    }
    Ok(())
}
