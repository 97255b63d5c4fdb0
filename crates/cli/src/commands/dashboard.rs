//! `dashboard`, and `train --dashboard`: runs in a browser.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ArgMatches;
use deltarule::config::Config;
use deltarule::run_folder::{RUNS, place};
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
    let url = dashboard.url("/");
    console.show(format!(
        "{}\n\nruns in {}; Ctrl-C ends it",
        console.results().bold(&url),
        runs.display()
    ))?;
    console.document(&json!({ "url": url, "address": dashboard.address(), "runs": runs }))?;
    open(&url, matches, console);
    dashboard.serve().context("the page could not be served")?;
    Ok(Outcome::Done)
}

/// Serves the page beside a training; gives its address, which shows the newest run.
///
/// # Errors
/// Where no address is to be had, or no thread.
pub fn beside(config: &Config, matches: &ArgMatches, console: &Console) -> Result<String> {
    let dashboard = bind(runs_of(config)?, None)?;
    let url = dashboard.url("/run");
    console.say(format!("watch it at {}\n", console.words().bold(&url)));
    open(&url, matches, console);
    // It ends with the program.
    std::thread::Builder::new().name("dashboard".into()).spawn(move || dashboard.serve())?;
    Ok(url)
}

/// The folder of all runs that the configuration's own will be in.
fn runs_of(config: &Config) -> Result<PathBuf> {
    let Some(run) = &config.run else { return Ok(RUNS.into()) };
    let folder = place(Path::new(RUNS), run)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(parent.unwrap_or(Path::new(".")).to_owned())
}

fn open(url: &str, matches: &ArgMatches, console: &Console) {
    if !matches.get_flag("no_open") && open::that_detached(url).is_err() {
        console.warn("no browser was found: open the address by hand");
    }
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
