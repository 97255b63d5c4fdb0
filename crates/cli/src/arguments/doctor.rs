//! The flags of `doctor`.

use clap::{Arg, ArgAction, Command, value_parser};
use deltarule::doctor::Options;

/// `doctor`.
pub(super) fn doctor() -> Command {
    let usual = Options::default();
    Command::new("doctor")
        .about("Say what is wrong with a run, try the remedies, and measure which one helps")
        .long_about(
            "Say what is wrong with a run, and measure what helps: the findings with their evidence, then the run again \
             with each remedy, without a change, and with a change that nobody prescribed, from the same data, split, order \
             and seeds. Half of the changes are given up after a quarter of the epochs; the others are trained to their end \
             with every seed. A gain is the difference of the validation figures, seed by seed. That no remedy beats doing \
             nothing is an answer.",
        )
        .after_help(
            "Examples:\n  deltarule doctor sales-1\n  deltarule doctor sales-1 --budget 600 --apply\n  deltarule doctor \
             runs/sales-1 --json",
        )
        .arg(
            Arg::new("run")
                .value_name("RUN")
                .required(true)
                .help("The run: its name (under runs/), or its folder"),
        )
        .arg(
            Arg::new("budget")
                .long("budget")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(0..=1_000_000))
                .help(format!(
                    "Seconds for all trials together; 0 tries nothing [default: {}]",
                    usual.budget.as_secs()
                )),
        )
        .arg(
            Arg::new("seeds")
                .long("seeds")
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..=100))
                .help(format!("Seeds that each change is tried with [default: {}]", usual.seeds)),
        )
        .arg(
            Arg::new("threads")
                .long("threads")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..=1024))
                .help("Trials at a time, each on one thread [default: one for each core]"),
        )
        .arg(
            Arg::new("apply")
                .long("apply")
                .action(ArgAction::SetTrue)
                .help("Train with the remedy that helped most, as a run of its own: RUN-mended"),
        )
}
