//! The project's own commands, run as `cargo xtask NAME`.
//!
//! `test` is the one that matters: from a fresh clone it sets up what it needs and runs every check there is, in the
//! order in which failures are cheap to find. Nothing is skipped silently: a missing program, a test binary without
//! tests and an ignored test are failures.

#![forbid(unsafe_code)]

mod accept;
mod bench;
mod everything;
mod faults;
mod features;
mod folder;
mod instructions;
mod machine;
mod manual;
mod python;
mod steps;
mod tally;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::steps::Steps;

const HELP: &str = "\
The project's own commands.

Usage: cargo xtask COMMAND

  test              everything that has to hold before a change is merged
  accept [NAME..]   accuracy on real data over several seeds, all of it or what is named
  bench [--slice]   training speed beside that of other libraries; bench/README.md tells its other flags
  bench limits      what a step costs as the work grows, beside what the machine could do at best
  bench inference   how fast trained networks answer, beside other engines
  bench accuracy    seconds of training to 98.0 and 98.5 % on MNIST, beside PyTorch
  faults            how well faults that were put in are found and mended; writes the tables of docs/DIAGNOSIS.md
  instructions      how many instructions some kernels take, beside what is expected; --write changes what is
  python            the Python package: its wheel, its style and types, its tests
  web [--write]     the page: its style, types and tests, and the page in a browser; --write puts its build into the server
  manual [NAME..]   the manual: its blocks run, and what they print; --write writes that anew, and --book the book alone
  settings          write docs/SETTINGS.md anew from the settings' definitions
  help              this page
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut steps = Steps::new(workspace_root());
    let outcome = match words.as_slice() {
        ["test"] => everything::test(&mut steps),
        ["accept", names @ ..] => accept::run_named(&mut steps, names),
        ["bench", words @ ..] => bench::run(&mut steps, words),
        ["faults", words @ ..] => faults::run(&mut steps, words),
        ["instructions", words @ ..] => instructions::run(&mut steps, words),
        ["python"] => python::test(&mut steps),
        ["web"] => web::test(&mut steps),
        ["web", "--write"] => web::write(&mut steps),
        ["manual"] => manual::test(&mut steps, manual::Outputs::Compared),
        ["manual", "--book"] => manual::write_book(&mut steps),
        ["manual", "--write"] => manual::write(&mut steps),
        ["manual", "--write", names @ ..] => manual::chapters(&mut steps, names, true),
        ["manual", names @ ..] => manual::chapters(&mut steps, names, false),
        ["settings"] => everything::write_settings_page(&mut steps),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("cargo xtask: no such command: {}\n\n{HELP}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    if let Err(error) = &outcome {
        eprintln!("\ncargo xtask: {error:#}");
    }
    steps.close(outcome.is_ok());
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The folder that holds the workspace: the parent of this crate's.
fn workspace_root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
