//! What the command line says of itself to shells, manuals and editors.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::ArgMatches;
use clap_complete::Shell;
use deltarule::atomic_file::write_atomically;
use deltarule::config::json_schema;
use serde_json::json;

use crate::Outcome;
use crate::arguments::command;
use crate::console::{Console, print};

/// The JSON schema of `config.toml`; the same with `--json`.
///
/// # Errors
/// Where standard output cannot be written.
pub fn schema() -> Result<Outcome> {
    let text = serde_json::to_string_pretty(&json_schema())?;
    print(|out| writeln!(out, "{text}"))?;
    Ok(Outcome::Done)
}

/// A shell's completion script.
///
/// # Errors
/// Where standard output cannot be written.
pub fn completions(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let shell = *matches.get_one::<Shell>("shell").ok_or_else(|| anyhow!("completions: no shell"))?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "deltarule", &mut script);
    let script = String::from_utf8_lossy(&script);
    console.show(script.trim_end())?;
    console.document(&json!({ "shell": shell.to_string(), "script": script }))?;
    Ok(Outcome::Done)
}

/// The manual: one page on standard output, or a page for each command in a folder.
///
/// # Errors
/// Where the folder or standard output cannot be written.
pub fn man(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let mut command = command();
    command.build();
    let Some(folder) = matches.get_one::<PathBuf>("folder") else {
        let page = page(command)?;
        console.show(page.trim_end())?;
        console.document(&json!({ "page": page }))?;
        return Ok(Outcome::Done);
    };
    std::fs::create_dir_all(folder)
        .map_err(|source| deltarule::Error::io(folder, "create the folder", source))?;
    let mut written = Vec::new();
    let subcommands: Vec<_> = command.get_subcommands().cloned().collect();
    for mut command in std::iter::once(command).chain(subcommands) {
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        command = command.name(name.clone());
        let path = folder.join(format!("{name}.1"));
        write_atomically(&path, page(command)?.as_bytes())?;
        console.show(path.display())?;
        written.push(path);
    }
    console.document(&json!({ "pages": written }))?;
    Ok(Outcome::Done)
}

fn page(command: clap::Command) -> Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
