//! The flags of `bench`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgGroup, Command, ValueHint, value_parser};
use deltarule::bench::{CASES, RATE_OF_OTHERS, Shape};

use crate::commands::bench::{LONGEST, SECONDS};

/// `bench`.
pub(super) fn bench() -> Command {
    let path = |name: &'static str| {
        Arg::new(name)
            .long(long(name))
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .value_hint(ValueHint::FilePath)
    };
    let command = Command::new("bench")
        .about("Measure how fast networks are trained")
        .long_about(
            "Measure how fast networks are trained: plain gradient descent, or another optimizer, on consecutive \
             batches of data in memory, by the engine that `train` uses. With --steps, exactly so many steps are taken \
             and the digest of the weights is shown: `deltarule train --config CASE.toml --steps N` ends in the same, \
             where CASE.toml is what --print-config prints.",
        )
        .arg(
            Arg::new("case")
                .long("case")
                .value_name("NAME,…")
                .value_delimiter(',')
                .help(format!("What to train [default: all of {}]", CASES.map(|case| case.name).join(", "))),
        )
        .arg(Arg::new("optimizer").long("optimizer").value_name("NAME").help(format!(
            "Another optimizer than gradient_descent; cases then take the learning rate {RATE_OF_OTHERS}"
        )))
        .arg(
            Arg::new("threads")
                .long("threads")
                .value_name("N,…")
                .value_delimiter(',')
                .value_parser(value_parser!(u32).range(1..=1024))
                .help("Threads; several numbers measure each [default: one for each core]"),
        )
        .arg(
            Arg::new("seconds")
                .long("seconds")
                .value_name("SECONDS")
                .value_parser(seconds)
                .help(format!("How long to measure each [default: {SECONDS}]")),
        )
        .arg(
            Arg::new("steps")
                .long("steps")
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..))
                .conflicts_with("seconds")
                .help("Take exactly so many steps, and show the digest of the weights"),
        )
        .arg(
            Arg::new("turns")
                .long("turns")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["seconds", "steps"])
                .help(
                    "Measure once for each line of standard input, `steps N` or `seconds T`, each time from the start, \
                     and answer with a line of JSON: for taking turns with other programs",
                ),
        )
        .arg(path("weights").conflicts_with("layers").help("A model file to take the start weights from"))
        .arg(path("save_weights").help("Write the start weights of --case or --layers, for others to begin from"))
        .group(ArgGroup::new("what").args(["case", "layers"]).multiple(false))
        .mut_arg("save_weights", |arg| arg.requires("what"))
        .arg(
            Arg::new("export")
                .long("export")
                .value_name("FOLDER")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::DirPath)
                .help("Write FOLDER/CASE: a case's description, start weights and encoded rows, for other programs"),
        )
        .arg(
            Arg::new("print_config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .conflicts_with("layers")
                .help("Print the settings that make the case, for `train --config`"),
        );
    bench_shape(command)
}

/// `save_weights` → `save-weights`.
fn long(name: &str) -> String {
    name.replace('_', "-")
}

/// The flags that describe a network of any shape, in place of a case.
fn bench_shape(command: Command) -> Command {
    let default = Shape::default();
    let flag = |name: &'static str, value: &'static str, help: String| {
        let flag = Arg::new(name).long(long(name)).value_name(value).help(help);
        let flag = if name == "layers" { flag } else { flag.requires("layers") };
        flag.help_heading("A network of any shape, on random rows")
    };
    let number = |name, value, help| flag(name, value, help).value_parser(value_parser!(f64));
    let size = || value_parser!(u64).range(1..=u64::from(u32::MAX));
    let sizes = "Inputs, then the units of each layer, outputs last, in place of --case".to_owned();
    command
        .arg(flag("layers", "N,N,…", sizes).value_delimiter(',').value_parser(size()))
        .arg(
            flag("batch_size", "N", format!("Rows in a batch [default: {}]", default.batch_size))
                .value_parser(size()),
        )
        .arg(
            flag(
                "batches",
                "N",
                format!("Batches that there are, over and over [default: {}]", default.batches),
            )
            .value_parser(size()),
        )
        .arg(flag("activation", "NAME", format!("Of the hidden layers [default: {}]", default.activation)))
        .arg(flag("output_activation", "NAME", "Of the last layer [default: what goes with the cost]".into()))
        .arg(
            flag("cost", "COST", format!("What training makes small [default: {}]", default.cost))
                .value_parser(["squared_error", "cross_entropy"]),
        )
        .arg(number("learning_rate", "RATE", format!("η [default: {}]", default.learning_rate)))
        .arg(number("weight_decay", "LAMBDA", "Each step also takes η·λ·w from w [default: 0]".into()))
        .arg(number("start_scale", "FACTOR", "What the start weights are multiplied by [default: 1]".into()))
        .arg(
            flag("seed", "SEED", "Of rows and start weights [default: 0]".into())
                .value_parser(value_parser!(u64)),
        )
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST => Ok(seconds),
        _ => Err(format!("expected a number above 0 and at most {LONGEST}")),
    }
}
