//! The commands, each from its arguments to its words.

pub mod bench;
mod catalogue;
mod check;
mod dashboard;
mod demo;
mod doctor;
mod evaluate;
mod explain;
mod inspect;
mod pages;
mod predict;
mod report;
mod serve;
mod source;
mod train;

use anyhow::Result;
use clap::ArgMatches;

use crate::Outcome;
use crate::console::Console;

/// Runs the command that the arguments name; without one, the demonstration.
///
/// # Errors
/// Why it could not run.
pub fn run(matches: &ArgMatches) -> Result<Outcome> {
    let Some((name, arguments)) = matches.subcommand() else {
        return demo::demo(&Console::new(matches));
    };
    let console = Console::new(arguments);
    match name {
        "train" => train::train(arguments, &console),
        "evaluate" => evaluate::evaluate(arguments, &console),
        "predict" => predict::predict(arguments, &console),
        "serve" => serve::serve(arguments, &console),
        "inspect" => inspect::inspect(arguments, &console),
        "explain" => explain::explain(arguments, &console),
        "doctor" => doctor::doctor(arguments, &console),
        "dashboard" => dashboard::dashboard(arguments, &console),
        "report" => report::report(arguments, &console),
        "check" => check::check(arguments, &console),
        "bench" => bench::bench(arguments, &console),
        "datasets" => catalogue::datasets(&console),
        "schema" => pages::schema(),
        "completions" => pages::completions(arguments, &console),
        "man" => pages::man(arguments, &console),
        other => unreachable!("clap knows no command {other}"),
    }
}
