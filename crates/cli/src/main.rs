//! The command line of deltarule: arguments → library calls → words for people.
//!
//! Results go to standard output, words and progress to standard error. Exit codes: 0 done, 1 it ran and found a
//! problem, 2 it could not run. Settings are checked by the library's `config` alone; nothing here computes.

#![forbid(unsafe_code)]

mod arguments;
mod commands;
mod console;
mod interrupt;
mod progress;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::console::{Closed, error_line};

/// What a command that ran came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// It ran, and found a problem (a failed check).
    Problem,
}

fn main() -> ExitCode {
    console::install_panic_words();
    let arguments = arguments::join_flag_values(std::env::args_os());
    let matches = match arguments::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(refused) => return arguments::refuse(&refused),
    };
    // A panic has told its story by the hook; what is left is the exit code.
    match catch_unwind(AssertUnwindSafe(|| commands::run(&matches))).unwrap_or_else(|_| std::process::exit(2))
    {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Problem) => ExitCode::from(1),
        // Whoever read our output has seen enough (`| head`): no error, nothing to say.
        Err(error) if error.is::<Closed>() => ExitCode::SUCCESS,
        Err(error) => {
            error_line(&error);
            ExitCode::from(2)
        }
    }
}
