//! `train`: from a table to a saved model.

use std::path::Path;

use anyhow::Result;
use clap::ArgMatches;
use deltarule::config::Config;
use deltarule::event::{EndReason, Event, Observer};
use deltarule::health::{Record, Severity, findings};
use deltarule::run::{self, Prepared, Report};
use deltarule::run_folder::RUNS;

use super::dashboard;
use crate::Outcome;
use crate::arguments::config_of;
use crate::console::Console;
use crate::interrupt::{self, Interrupter};
use crate::progress::Progress;
use crate::words;

/// Trains as the arguments say.
///
/// # Errors
/// The library's.
pub fn train(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let config = config_of(matches)?;
    let page =
        matches.get_flag("dashboard").then(|| dashboard::beside(&config, matches, console)).transpose()?;
    let report = follow(&config, console, &mut |_| {})?;
    show(&report, console)?;
    console.document(&report)?;
    if report.ended != EndReason::Stopped {
        next_steps(&report, console);
        if let Some(page) = page {
            console.say(format!("\nthe page stays at {page}; Ctrl-C ends it"));
            interrupt::wait();
        }
    }
    let said = matches.get_one::<String>("fail_on").map(String::as_str);
    let limit = Severity::ALL.into_iter().find(|severity| Some(severity.name()) == said);
    let found = limit.is_some_and(|limit| report.findings.iter().any(|finding| finding.severity >= limit));
    Ok(if found { Outcome::Problem } else { Outcome::Done })
}

/// Trains, telling the plan and how it goes on; `planned` is shown the data and the plan, too.
///
/// # Errors
/// The library's.
pub fn follow(config: &Config, console: &Console, planned: &mut dyn FnMut(&Prepared)) -> Result<Report> {
    interrupt::listen()?;
    let mut progress = Progress::new(console);
    let mut plan = None;
    let mut both = |prepared: &Prepared| {
        plan = Some(prepared.plan.settings.clone());
        console.say(words::run::data(prepared));
        console.say("");
        console.say(words::plan::text(&prepared.plan.reasons, console.words()));
        console.say("");
        planned(prepared);
    };
    let mut record = Record::default();
    let mut observer = |event: &Event| {
        record.observe(event);
        progress.observe(event);
    };
    let report = match run::train_watched(config, &mut observer, &mut Interrupter::default(), &mut both) {
        Ok(report) => report,
        Err(error) => {
            // What made it fail is known better than the error says: the looks before it.
            if let (Some(settings), true) = (plan, record.failure.is_some()) {
                console.say("");
                console.say(words::findings::full(&findings(&record, &settings), console.words()));
                console.say("");
            }
            return Err(error.into());
        }
    };
    console.say("");
    for note in &report.notes {
        console.warn(words::wrap(&format!("note: {note}"), 100, 6));
    }
    if !report.notes.is_empty() {
        console.say("");
    }
    Ok(report)
}

/// The tables of a report, and where its model lies.
///
/// # Errors
/// Where standard output cannot be written.
pub fn show(report: &Report, console: &Console) -> Result<()> {
    if report.ended == EndReason::Stopped {
        let run = report.run.as_deref().map(run_argument).unwrap_or_default();
        return console.show(words::run::stopped(report, &run));
    }
    console.show(words::run::results(report, console.results()))?;
    let run = report.run.as_deref().map(run_argument).unwrap_or_default();
    let told = words::findings::brief(&report.findings, &run, console.words());
    if !told.is_empty() {
        console.say("");
        console.say(told);
    }
    Ok(())
}

/// What can be done with the model.
fn next_steps(report: &Report, console: &Console) {
    let Some(run) = &report.run else { return };
    let run = run_argument(run);
    console.say("");
    console.say(format!(
        "next: deltarule predict {run} DATA --out predictions.csv\n      deltarule inspect {run}"
    ));
}

/// What to call a run on the command line: its name where it lies under `runs`, else its folder.
#[must_use]
pub fn run_argument(folder: &Path) -> String {
    let named = folder.strip_prefix(RUNS).ok().filter(|name| name.components().count() == 1);
    named.map_or_else(|| folder.display().to_string(), |name| name.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_called_as_run_would_find_it() {
        assert_eq!(run_argument(Path::new("runs/digits-1")), "digits-1");
        assert_eq!(run_argument(Path::new("elsewhere/first")), "elsewhere/first");
        assert_eq!(run_argument(Path::new("runs/a/b")), "runs/a/b");
    }
}
