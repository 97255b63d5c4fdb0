//! `serve`: predictions over HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ArgMatches;
use deltarule::run::cores;
use deltarule_server::{Secret, ServeOptions, Serving};
use serde_json::json;

use super::source;
use crate::Outcome;
use crate::console::Console;
use crate::{interrupt, words};

/// Characters of an example's row, at most: a longer one is no example any more.
const LONGEST: usize = 400;

/// Serves a model until it is interrupted.
///
/// # Errors
/// Where there is no such model, the token's file is none, or the address is taken or open to others.
pub fn serve(matches: &ArgMatches, console: &Console) -> Result<Outcome> {
    let (path, model) = source::model(matches)?;
    let address = *matches.get_one::<SocketAddr>("addr").context("--addr has a default")?;
    let token_file = matches.get_one::<PathBuf>("token_file");
    let secret = token_file.map(|file| Secret::from_file(file)).transpose()?;
    let threads = source::threads(matches)?.unwrap_or_else(cores);
    let columns = model.encoder().feature_columns().len();
    let about = format!(
        "{} of {} from {}",
        model.task(),
        model.encoder().target_names().join(", "),
        words::counted(columns, "column", "columns")
    );
    let reading = source::reading(&model)?;
    let serving = Serving::bind(ServeOptions { model, reading, address, secret, threads })
        .with_context(|| format!("cannot serve at {address}"))?;
    let stopper = serving.stopper();
    interrupt::end_with(move || stopper.stop())?;
    let url = serving.url();
    console.show(format!(
        "{}\n\n{}: {about}, {}; Ctrl-C ends it\n\n{}",
        console.results().bold(&format!("{url}/v1/model")),
        path.display(),
        words::counted(threads, "thread", "threads"),
        curl(&url, serving.example(), token_file.map(PathBuf::as_path))
    ))?;
    console.document(&json!({
        "url": url,
        "address": serving.address(),
        "model": path,
        "token_file": token_file,
        "threads": threads,
    }))?;
    serving.serve().context("predictions could not be served")?;
    Ok(Outcome::Done)
}

/// A line for a shell that asks for a prediction.
fn curl(url: &str, row: &str, token_file: Option<&Path>) -> String {
    let bearer = token_file.map_or_else(String::new, |file| {
        format!(" -H \"Authorization: Bearer $(cat {})\"", quoted(&file.display().to_string()))
    });
    let (kind, data) = if row.len() <= LONGEST {
        ("application/json", format!("-d {}", quoted(row)))
    } else {
        ("text/csv", "--data-binary @rows.csv".to_owned())
    };
    format!("curl {url}/v1/predict{bearer} -H 'Content-Type: {kind}' {data}")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("a/b.txt"), "a/b.txt");
        assert_eq!(quoted("it's $5"), r"'it'\''s $5'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_row_that_is_too_long_for_a_line_is_asked_for_by_a_file() {
        let short = curl("http://h:1", "{\"a\":1}", Some(Path::new("my token")));
        let bearer = "-H \"Authorization: Bearer $(cat 'my token')\"";
        assert_eq!(
            short,
            format!(
                "curl http://h:1/v1/predict {bearer} -H 'Content-Type: application/json' -d '{{\"a\":1}}'"
            )
        );
        let long = curl("http://h:1", &"a".repeat(LONGEST + 1), None);
        assert_eq!(long, "curl http://h:1/v1/predict -H 'Content-Type: text/csv' --data-binary @rows.csv");
    }
}
