//! The one error type: where · what · got · expected · next step.
//!
//! Kinds carry *fields, not prose*, so that a program can act on them and one place, [`Display`], words them for
//! people. A kind says by [`Error::kind`] what went wrong; nothing here prints, exits or logs.
//!
//! [`Display`]: std::fmt::Display

use std::fmt;
use std::path::PathBuf;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, boxed so that a `Result` stays one word wide.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

impl Error {
    /// The kind with its fields.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// A file could not be opened, read or written; `what` was being done. Tells a missing file apart.
    pub fn io(path: impl Into<PathBuf>, what: &'static str, source: std::io::Error) -> Self {
        let path = path.into();
        if source.kind() == std::io::ErrorKind::NotFound && what == "read" {
            ErrorKind::FileNotFound { path }.into()
        } else {
            ErrorKind::Io { path, what, source }.into()
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

/// Every way in which the library refuses, with the fields that say where and what.
#[derive(Debug)]
#[allow(missing_docs)] // the fields' names are their description
#[non_exhaustive]
pub enum ErrorKind {
    // ── files and tables ─────────────────────────────────────────────────────────────────────────────
    /// The file or folder does not exist.
    FileNotFound { path: PathBuf },
    /// Reading or writing failed for a reason of the operating system's.
    Io { path: PathBuf, what: &'static str, source: std::io::Error },
    /// The file holds no byte (or nothing but white space).
    EmptyFile { path: PathBuf },
    /// The file holds a header and no row.
    NoRows { path: PathBuf },
    /// A row has more or fewer fields than the header.
    RaggedRow { path: PathBuf, line: u64, expected: usize, got: usize },
    /// A column declared numeric holds something else.
    NotANumber { path: PathBuf, line: u64, column: String, got: String },
    /// A number is infinite.
    InfiniteValue { path: PathBuf, line: u64, column: String, got: String },
    /// A file does not keep to its format: `what` was expected to be `expected`.
    BadFormat { path: PathBuf, what: String, expected: String, got: String },
    /// This build lacks the feature that reads the format.
    FeatureMissing { what: String, feature: &'static str },
    /// A bundled data set or file of that name does not exist.
    UnknownDataset { name: String, known: Vec<String>, advice: String },
    /// A column is absent; `similar` are the close names, `known` all of them.
    UnknownColumn { source: String, column: String, similar: Vec<String>, known: Vec<String> },
    /// A column cannot be used in its role.
    UnusableColumn { column: String, what: String, next: String },
    /// The target cannot be learnt: one class, all missing …
    UnusableTarget { column: String, what: String, next: String },
    /// A column that the model was trained on is not in the table.
    MissingColumn { source: String, column: String, similar: Vec<String> },
    /// A table has too few rows for what was asked.
    TooFewRows { source: String, rows: usize, expected: usize, what: String },

    // ── settings ─────────────────────────────────────────────────────────────────────────────────────
    /// A setting's value is outside what it may be.
    BadSetting { setting: String, got: String, expected: String, next: String },
    /// There is no setting of that name.
    UnknownSetting { setting: String, similar: Vec<String> },
    /// Two settings contradict each other.
    Conflict { first: String, second: String, why: String },
    /// A configuration file cannot be parsed.
    BadConfig { path: PathBuf, line: usize, column: usize, what: String },
    /// A setting in a configuration file is refused; `error` says why, here is where.
    InConfig { path: PathBuf, line: usize, column: usize, error: Error },
    /// The planned need of memory is above what there is. Bytes.
    NotEnoughMemory { what: String, need: u64, limit: u64, limited_by: String, next: String },

    // ── models, checkpoints, runs ────────────────────────────────────────────────────────────────────
    /// A model's or checkpoint's checksum does not match its content.
    ChecksumMismatch { path: PathBuf, expected: String, got: String },
    /// A model or checkpoint is of another format version.
    BadVersion { path: PathBuf, expected: u32, got: String },
    /// Shapes that must agree do not.
    ShapeMismatch { what: String, expected: String, got: String },
    /// A run cannot be resumed, or a step of it replayed: `what` differs from when it was started.
    CannotResume { run: PathBuf, what: String, expected: String, got: String },

    // ── training ─────────────────────────────────────────────────────────────────────────────────────
    /// The cost, or a number on the way to it, became NaN or infinite.
    NonFinite { step: u64, epoch: u64, phase: String, layer: Option<usize>, what: String, next: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::Io { source, .. } => Some(source),
            ErrorKind::InConfig { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileNotFound { path } => {
                write!(f, "{}: no such file or folder; check the path", path.display())
            }
            Self::Io { path, what, source } => write!(f, "{}: cannot {what}: {source}", path.display()),
            Self::EmptyFile { path } => {
                write!(
                    f,
                    "{}: the file is empty; expected a header line and at least one row",
                    path.display()
                )
            }
            Self::NoRows { path } => write!(
                f,
                "{}: a header and no row; expected at least one row (if the first line is data, say --header false)",
                path.display()
            ),
            Self::RaggedRow { path, line, expected, got } => write!(
                f,
                "{}, line {line}: {got} fields; expected {expected}, as in the first row; look for an unquoted \
                 delimiter or line break in it",
                path.display()
            ),
            Self::NotANumber { path, line, column, got } => write!(
                f,
                "{}, line {line}, column {column:?}: got {got:?}; expected a number; mend the value, name it with \
                 --missing, or declare the column a category (--types {column}=category)",
                path.display()
            ),
            Self::InfiniteValue { path, line, column, got } => write!(
                f,
                "{}, line {line}, column {column:?}: got {got:?}; expected a finite number; mend the value or name \
                 it with --missing",
                path.display()
            ),
            Self::BadFormat { path, what, expected, got } => {
                write!(f, "{}: {what}: got {got}; expected {expected}", path.display())
            }
            Self::FeatureMissing { what, feature } => write!(
                f,
                "{what}: this build cannot read it; build with the feature `{feature}` (the command line has it)"
            ),
            Self::UnknownDataset { name, known, advice } => {
                write!(f, "{name:?}: neither a file nor a bundled data set; bundled: {}", known.join(", "))?;
                if advice.is_empty() { Ok(()) } else { write!(f, "; {advice}") }
            }
            Self::UnknownColumn { source, column, similar, known } => {
                write!(f, "{source}: no column {column:?}; ")?;
                similar_or_known(f, similar, known)
            }
            Self::UnusableColumn { column, what, next } => write!(f, "column {column:?}: {what}; {next}"),
            Self::UnusableTarget { column, what, next } => write!(f, "target {column:?}: {what}; {next}"),
            Self::MissingColumn { source, column, similar } => {
                write!(f, "{source}: the model needs column {column:?}, which the table lacks")?;
                match similar.as_slice() {
                    [] => write!(f, "; add it (empty values count as missing)"),
                    names => write!(f, "; close: {}; rename it, or add the column", names.join(", ")),
                }
            }
            Self::TooFewRows { source, rows, expected, what } => {
                write!(f, "{source}: {rows} rows; {what} needs at least {expected}")
            }
            Self::BadSetting { setting, got, expected, next } => {
                write!(f, "{setting}: got {got}; expected {expected}")?;
                if next.is_empty() { Ok(()) } else { write!(f, "; {next}") }
            }
            Self::UnknownSetting { setting, similar } => {
                write!(f, "no setting {setting:?}")?;
                match similar.as_slice() {
                    [] => write!(f, "; `deltarule train --help` lists them"),
                    names => write!(f, "; close: {}", names.join(", ")),
                }
            }
            Self::Conflict { first, second, why } => write!(f, "{first} and {second}: {why}"),
            Self::BadConfig { path, line, column, what } => {
                write!(f, "{}, line {line}, column {column}: {what}", path.display())
            }
            Self::InConfig { path, line, error, .. } => write!(f, "{}, line {line}: {error}", path.display()),
            Self::NotEnoughMemory { what, need, limit, limited_by, next } => write!(
                f,
                "{what}: needs about {}; {limited_by} allows {}; {next}",
                crate::memory::Bytes(*need),
                crate::memory::Bytes(*limit)
            ),
            Self::ChecksumMismatch { path, expected, got } => write!(
                f,
                "{}: damaged: its content has SHA-256 {got}; expected {expected}; take it from a backup or train again",
                path.display()
            ),
            Self::BadVersion { path, expected, got } => write!(
                f,
                "{}: format version {got}; this deltarule reads version {expected}; use the version that wrote it, \
                 or train again",
                path.display()
            ),
            Self::ShapeMismatch { what, expected, got } => {
                write!(f, "{what}: got {got}; expected {expected}")
            }
            Self::CannotResume { run, what, expected, got } => write!(
                f,
                "{}: cannot resume or replay: {what} was {expected} when the run began, is {got} now; restore it, or start a \
                 new run",
                run.display()
            ),
            Self::NonFinite { step, epoch, phase, layer, what, next } => {
                write!(f, "step {step} (epoch {epoch}), {phase}")?;
                if let Some(layer) = layer {
                    write!(f, " of layer {layer}")?;
                }
                write!(f, ": {what}; {next}")
            }
        }
    }
}

fn similar_or_known(f: &mut fmt::Formatter<'_>, similar: &[String], known: &[String]) -> fmt::Result {
    const SHOWN: usize = 12;
    if !similar.is_empty() {
        return write!(f, "close: {}", similar.join(", "));
    }
    write!(f, "it has {}", known[..known.len().min(SHOWN)].join(", "))?;
    if known.len() > SHOWN { write!(f, " and {} more", known.len() - SHOWN) } else { Ok(()) }
}

/// The names in `known` that are close to `name`: at most three, nearest first, by edit distance (a swap of
/// neighbours counts once) over lower-cased letters, within a third of the name's length, or sharing it as a prefix.
///
/// ```
/// let known = ["salary", "age", "sex"].map(String::from);
/// assert_eq!(deltarule::error::similar_names("salery", &known), ["salary"]);
/// ```
#[must_use]
pub fn similar_names(name: &str, known: &[String]) -> Vec<String> {
    let wanted = name.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(1);
    let mut close: Vec<(usize, &String)> = known
        .iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = edit_distance(&wanted, &lower);
            let prefix = wanted.len() >= 2 && (lower.starts_with(&wanted) || wanted.starts_with(&lower));
            (distance <= limit || prefix).then_some((distance, candidate))
        })
        .collect();
    close.sort();
    close.into_iter().take(3).map(|(_, candidate)| candidate.clone()).collect()
}

/// Letters to insert, delete, replace, or swap with their neighbour (optimal string alignment, Damerau 1964).
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut least = (above[j] + usize::from(a[i] != b[j])).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_suggested_nearest_first() {
        let known = ["price", "prices", "carat", "x"].map(String::from);
        assert_eq!(similar_names("prise", &known), ["price"]);
        assert_eq!(similar_names("pric", &known), ["price", "prices"]);
        assert!(similar_names("weight", &known).is_empty());
        assert_eq!(similar_names("cartat", &known), ["carat"]); // one letter too many
        assert_eq!(similar_names("caart", &known), ["carat"]); // two swapped: 1, not 2
        assert_eq!(["", "kitten", "ab"].map(|a| edit_distance(a, "sitting")), [7, 3, 7]);
    }

    #[test]
    fn an_error_is_one_word_wide_and_reads_where_what_got_expected_next() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        let error: Error = ErrorKind::RaggedRow { path: "a.csv".into(), line: 7, expected: 3, got: 4 }.into();
        assert!(error.to_string().starts_with("a.csv, line 7: 4 fields; expected 3"));
    }
}
