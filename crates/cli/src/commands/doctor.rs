//! `doctor`: what is wrong with a run, and which remedy helps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::ArgMatches;
use deltarule::atomic_file::write_atomically;
use deltarule::config::Config;
use deltarule::doctor::{self, Chart, Options, Prescription};
use deltarule::run::Rows;
use deltarule::run_folder::{RUNS, RunFolder, place};
use serde_json::json;

use super::train;
use crate::Outcome;
use crate::console::Console;
use crate::words;

/// Reads the run, tries the remedies, and says what came of it.
///
/// # Errors
/// The library's, and where standard output cannot be written.
pub fn doctor(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let name = matches.get_one::<String>("run").map_or("", String::as_str);
    let folder = RunFolder::open(&place(Path::new(RUNS), name)?)?;
    let chart = Chart::read(&folder)?;
    if chart.cut_off {
        console.warn(words::wrap(
            &format!(
                "note: {}: the last event was cut off in mid-line; what is whole before it is used",
                folder.events().display()
            ),
            100,
            6,
        ));
    }
    console.show(words::doctor::findings(&chart, console.results()))?;
    let prescription = try_remedies(matches, &chart, console)?;
    if let Some(prescription) = &prescription {
        // For the page, which shows beside each remedy what it brought.
        write_atomically(&folder.diagnosis(), &serde_json::to_vec(prescription)?)?;
        console.show("")?;
        console.show(words::doctor::trials(prescription, console.results()))?;
    }
    let winner = prescription.as_ref().and_then(Prescription::winner);
    let mended = match winner {
        Some(remedy) if matches.get_flag("apply") => {
            let config = Config { run: Some(new_place(&folder)), ..remedy.apply(&chart.config)? };
            console.say("");
            let report = train::follow(&config, console, &mut |_| {})?;
            train::show(&report, console)?;
            report.run
        }
        _ => None,
    };
    console.document(&json!({
        "run": folder.path(),
        "findings": chart.findings,
        "trials": prescription,
        "winner": winner,
        "mended": mended,
    }))?;
    Ok(Outcome::Done)
}

/// `None` where there is nothing to try.
fn try_remedies(matches: &ArgMatches, chart: &Chart, console: &Console) -> Result<Option<Prescription>> {
    let usual = Options::default();
    let options = Options {
        budget: matches
            .get_one::<u64>("budget")
            .map_or(usual.budget, |&seconds| Duration::from_secs(seconds)),
        seeds: matches.get_one::<u64>("seeds").copied().unwrap_or(usual.seeds),
        threads: matches.get_one::<u32>("threads").map_or(usual.threads, |&threads| threads as usize),
        ..usual
    };
    if options.budget.is_zero() {
        return Ok(None);
    }
    let rows = Rows::read(&chart.config)?;
    let facts = rows.prepare(&chart.config)?.facts;
    let seed = chart.config.seed.unwrap_or(0);
    let arms = doctor::arms(&chart.config, &facts, &chart.findings, seed);
    if arms.len() < 2 {
        return Ok(None);
    }
    console.say(format!(
        "\ntrying {} for at most {}",
        words::counted(arms.len() - 1, "change", "changes"),
        words::duration(options.budget.as_secs_f64())
    ));
    let bar = console.draws().then(|| indicatif::ProgressBar::new(0));
    let progress = |at: doctor::Progress| {
        if let Some(bar) = &bar {
            bar.set_length(at.planned as u64);
            bar.set_position(at.done as u64);
        }
    };
    let prescription = doctor::measure(&chart.config, &arms, &options, &rows, &progress)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(Some(prescription))
}

/// A folder beside the run's for the mended one, that holds nothing yet.
fn new_place(folder: &RunFolder) -> String {
    let name = |number: usize| {
        let more = if number == 1 { String::new() } else { format!("-{number}") };
        folder.path().with_file_name(format!("{}-mended{more}", folder.name()))
    };
    let free = (1..).map(name).find(|path: &PathBuf| !path.exists());
    let path = free.unwrap_or_else(|| name(1));
    // A bare name would be taken for one under runs/.
    if path.components().count() == 1 { format!("./{}", path.display()) } else { path.display().to_string() }
}
