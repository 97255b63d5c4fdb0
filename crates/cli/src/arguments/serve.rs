//! The flags of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Arg, Command, ValueHint, value_parser};
use deltarule_server::{MOST_BYTES, MOST_ROWS};

use super::{flag_of, model};

/// Where predictions are served, where nothing else is said.
const ADDRESS: &str = "127.0.0.1:7841";

/// `serve`.
pub(super) fn serve() -> Command {
    let threads = deltarule::config::setting("threads").expect("there is a setting for threads");
    Command::new("serve")
        .about("Predict over HTTP")
        .long_about(format!(
            "Predict over HTTP: POST /v1/predict takes rows as JSON or CSV and answers as `predict` does, GET /v1/model says what \
             the model takes, GET /health whether the server lives. A request has at most {} MiB and {MOST_ROWS} rows.\n\nWithout \
             --token-file it answers this machine alone. With it, every request but /health brings the token, and the address may \
             be one that others reach; there is no encryption, so put a proxy with TLS in front. Ctrl-C ends what is underway \
             and then the server.",
            MOST_BYTES >> 20
        ))
        .after_help(
            "Examples:\n  deltarule serve sales-1\n  curl http://127.0.0.1:7841/v1/predict --data-binary @new.csv -H \
             'Content-Type: text/csv'\n  deltarule serve sales-1 --addr 0.0.0.0:7841 --token-file token.txt",
        )
        .args([
            model(),
            Arg::new("addr")
                .long("addr")
                .value_name("ADDRESS")
                .value_parser(value_parser!(SocketAddr))
                .default_value(ADDRESS)
                .help("Where to listen; port 0 takes any that is free"),
            Arg::new("token_file")
                .long("token-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .help("A file of yours alone with a token, one line of at least 16 characters, that requests have to bring"),
            flag_of(threads).long_help(None).hide_short_help(false).help(
                "Requests that are worked through at once, each on one thread [default: one for each core]",
            ),
        ])
}
