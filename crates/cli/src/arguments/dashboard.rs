//! The flags of `dashboard`.

use std::net::SocketAddr;

use clap::{Arg, ArgAction, Command, ValueHint, value_parser};
use deltarule::run_folder::RUNS;

/// Where the page is, where nothing else is said.
pub const ADDRESS: &str = "127.0.0.1:7840";

/// `dashboard`.
pub(super) fn dashboard() -> Command {
    Command::new("dashboard")
        .about("Watch runs in a browser, while they go and after")
        .long_about(
            "Watch runs in a browser, while they go and after: their curves beside each other, and of each one the way its \
             gradient takes through the layers, what its units do, and what is wrong with it. The page is served to this \
             machine alone, and asks nothing of any other; a run does not know that it is watched. What changes a run \
             (pause, resume, stop, another learning rate) needs the token that is in the address.",
        )
        .after_help("Examples:\n  deltarule dashboard\n  deltarule dashboard elsewhere/runs --addr 127.0.0.1:9000 --no-open")
        .arg(
            Arg::new("runs")
                .value_name("RUNS")
                .value_hint(ValueHint::DirPath)
                .default_value(RUNS)
                .help("The folder that holds the runs"),
        )
        .arg(
            Arg::new("addr")
                .long("addr")
                .value_name("ADDRESS")
                .value_parser(value_parser!(SocketAddr))
                .help(format!(
                    "Where to serve it, an address of this machine alone; port 0 takes any [default: {ADDRESS}, or any port \
                     where that is taken]"
                )),
        )
        .arg(no_open())
}

/// `train --dashboard` and its `--no-open`.
pub(super) fn beside_training() -> [Arg; 2] {
    [
        Arg::new("dashboard")
            .long("dashboard")
            .action(ArgAction::SetTrue)
            .help_heading("Run")
            .help("Watch it in a browser meanwhile; the page stays until Ctrl-C"),
        no_open().requires("dashboard").help_heading("Run"),
    ]
}

fn no_open() -> Arg {
    Arg::new("no_open")
        .long("no-open")
        .action(ArgAction::SetTrue)
        .help("Open no browser; the address is printed")
}
