//! `dashboard`: runs in a browser.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ArgMatches;
use deltarule_server::{Dashboard, Options};
use serde_json::json;

use crate::Outcome;
use crate::arguments::dashboard::ADDRESS;
use crate::console::Console;

/// Serves the page until it is interrupted.
///
/// # Errors
/// Where the address is taken, or others can reach it.
pub fn dashboard(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let runs: PathBuf = matches.get_one::<String>("runs").map_or_else(PathBuf::new, PathBuf::from);
    let said = matches.get_one::<SocketAddr>("addr").copied();
    let dashboard = bind(runs.clone(), said)?;
    let url = dashboard.url();
    console.show(format!(
        "{}\n\nruns in {}; Ctrl-C ends it",
        console.results().bold(&url),
        runs.display()
    ))?;
    console.document(&json!({ "url": url, "address": dashboard.address(), "runs": runs }))?;
    if !matches.get_flag("no_open") && open::that_detached(&url).is_err() {
        console.warn("no browser was found: open the address by hand");
    }
    dashboard.serve().context("the page could not be served")?;
    Ok(Outcome::Done)
}

/// At the address that was said; else at the usual one, or any where that is taken.
fn bind(runs: PathBuf, said: Option<SocketAddr>) -> Result<Dashboard> {
    let usual: SocketAddr = ADDRESS.parse().context("the usual address is one")?;
    let mut options = Options { runs, address: said.unwrap_or(usual) };
    let mut bound = Dashboard::bind(&options);
    if said.is_none() && bound.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
        options.address.set_port(0);
        bound = Dashboard::bind(&options);
    }
    bound.with_context(|| format!("cannot serve at {}; give another --addr", options.address))
}
