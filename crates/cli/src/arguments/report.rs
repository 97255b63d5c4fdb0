//! The flags of `report`.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, Command, ValueHint, value_parser};

/// `report`.
pub(super) fn report() -> Command {
    Command::new("report")
        .about("Write a run as one page that needs no server and no network")
        .long_about(
            "Write a run as one page that needs no server and no network: its curves, what is wrong with it, how good its \
             model is, and of some rows the way from each weight to the cost, computed beforehand. It is one file, to be \
             kept or sent. Without --rows it explains the row that costs most, the one that costs least and the first of \
             those held out; without --weights, the largest gradients of each.",
        )
        .after_help(
            "Examples:\n  deltarule report sales-1\n  deltarule report sales-1 -o sales.html --rows 3,17 --weights 0,3,5",
        )
        .arg(
            Arg::new("run")
                .value_name("RUN")
                .required(true)
                .help("The run: its name (under runs/), or its folder"),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .short('o')
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .value_parser(value_parser!(PathBuf))
                .default_value("report.html")
                .help("The page; it appears when it is whole, and takes the place of an older one"),
        )
        .arg(
            Arg::new("rows")
                .long("rows")
                .value_name("N,…")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .value_parser(value_parser!(u32).range(1..))
                .help("Rows of its data to explain, from 1"),
        )
        .arg(
            Arg::new("weights")
                .long("weights")
                .value_name("L,I,J")
                .num_args(1..)
                .action(ArgAction::Append)
                .value_parser(NonEmptyStringValueParser::new())
                .help(
                    "Weights to take apart at each row: of layer L from its input I to its unit J, from 0; several one after \
                     another. Any parameter by its tensor's name: layers.0.b,3",
                ),
        )
}
