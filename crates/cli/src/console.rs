//! Where words and results go: words to standard error, results to standard output.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use clap::ArgMatches;
use serde::Serialize;

use crate::words::printable;

/// Nobody reads standard output any more.
#[derive(Clone, Copy, Debug)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output was closed")
    }
}

impl std::error::Error for Closed {}

/// How a command speaks.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// One JSON document on standard output, nothing else there.
    pub json: bool,
    /// No words but errors and warnings.
    pub quiet: bool,
    words: Style,
    results: Style,
}

/// Whether headings may be emphasised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    emphasis: bool,
}

impl Style {
    /// Text as it is.
    #[cfg(test)]
    pub const PLAIN: Self = Self { emphasis: false };

    fn of(stream: &impl IsTerminal) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { emphasis: stream.is_terminal() && !set("NO_COLOR") && !dumb }
    }

    /// A heading, or what matters most.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        if self.emphasis { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What may be skipped in reading.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        if self.emphasis { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Console {
    /// As the arguments, the environment and the terminals ask.
    #[must_use]
    pub fn new(matches: &ArgMatches) -> Self {
        Self {
            json: matches.get_flag("json"),
            quiet: matches.get_flag("quiet"),
            words: Style::of(&io::stderr()),
            results: Style::of(&io::stdout()),
        }
    }

    /// Whether a bar may be drawn: only on a terminal that can move its cursor.
    #[must_use]
    pub fn draws(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        !self.quiet && !dumb && io::stderr().is_terminal()
    }

    /// How words are styled.
    #[must_use]
    pub fn words(&self) -> Style {
        self.words
    }

    /// How results are styled.
    #[must_use]
    pub fn results(&self) -> Style {
        self.results
    }

    /// Says something to people, on standard error. Nobody listening there is no reason to stop.
    pub fn say(&self, words: impl fmt::Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{words}");
        }
    }

    /// Says something that even the quiet are told.
    pub fn warn(&self, words: impl fmt::Display) {
        let _ = writeln!(io::stderr(), "{}", printable(&words.to_string()));
    }

    /// Puts out a result for people; with `--json` the document says it instead.
    ///
    /// # Errors
    /// [`Closed`], and what writing refuses.
    pub fn show(&self, text: impl fmt::Display) -> Result<()> {
        if self.json { Ok(()) } else { print(|out| writeln!(out, "{text}")) }
    }

    /// Puts out the JSON document, where one was asked for.
    ///
    /// # Errors
    /// As [`Console::show`].
    pub fn document(&self, document: &impl Serialize) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(document)?;
        print(|out| writeln!(out, "{text}"))
    }
}

/// Writes to standard output, telling a reader that is gone from a true error.
///
/// # Errors
/// [`Closed`], and what writing refuses.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    write(&mut out).and_then(|()| out.flush()).map_err(output_error)
}

/// An error in writing to standard output.
pub fn output_error(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Closed.into()
    } else {
        anyhow::Error::new(error).context("standard output: cannot write")
    }
}

/// The last words of a command that could not run: one line where it fits, no backtrace.
pub fn error_line(error: &anyhow::Error) {
    let mut words = error.to_string();
    // The library's errors word their sources themselves.
    if error.downcast_ref::<deltarule::Error>().is_none() {
        for cause in error.chain().skip(1) {
            words.push_str(&format!(": {cause}"));
        }
    }
    let style = Style::of(&io::stderr());
    let _ = writeln!(io::stderr(), "{} {}", style.bold("error:"), printable(&words));
}

/// A panic is our mistake, not the user's: it says so, where it happened, and asks for a report.
pub fn install_panic_words() {
    std::panic::set_hook(Box::new(|panic| {
        let words = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            io::stderr(),
            "error: a mistake in deltarule itself ({place}): {words}; please report it with the command that led here"
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emphasis_is_left_out_where_it_is_not_wanted() {
        assert_eq!(Style::PLAIN.bold("plan"), "plan");
        assert_eq!(Style { emphasis: true }.bold("plan"), "\x1b[1mplan\x1b[0m");
    }

    #[test]
    fn a_closed_pipe_is_told_from_a_full_disk() {
        assert!(output_error(io::ErrorKind::BrokenPipe.into()).is::<Closed>());
        let full = output_error(io::ErrorKind::StorageFull.into());
        assert!(!full.is::<Closed>());
        assert_eq!(full.to_string(), "standard output: cannot write");
    }
}
