//! `config.toml`: read with positions, written so that it reads back to the same configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::setting::Section;
use super::settings::Config;
use super::value::Value;
use crate::error::{Error, ErrorKind, Result};

/// No configuration is longer: a guard against being pointed at a data file.
const LONGEST_FILE: u64 = 1 << 20;

impl Config {
    /// Reads a TOML file of settings.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::Io`], and those of [`Config::parse_toml`].
    pub fn from_toml(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(|error| Error::io(path, "read", error))?;
        let mut bytes = Vec::new();
        file.take(LONGEST_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io(path, "read", error))?;
        let bad = |expected: &str, got: String| ErrorKind::BadFormat {
            path: path.to_owned(),
            what: "a configuration".to_owned(),
            expected: expected.to_owned(),
            got,
        };
        if bytes.len() as u64 > LONGEST_FILE {
            return Err(bad("at most 1 MiB of TOML", "a longer file".to_owned()).into());
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| bad("UTF-8", format!("another byte at {}", error.utf8_error().valid_up_to())))?;
        Self::parse_toml(&text, path)
    }

    /// Reads settings from TOML; `path` stands in messages.
    ///
    /// # Errors
    /// [`ErrorKind::BadConfig`] with line and column where it is no TOML; [`ErrorKind::InConfig`] with the line around
    /// [`ErrorKind::UnknownSetting`] and [`ErrorKind::BadSetting`]. Conflicts are [`Config::check`]'s.
    pub fn parse_toml(text: &str, path: &Path) -> Result<Self> {
        let document = DeTable::parse(text).map_err(|error| {
            let (line, column) = position(text, error.span().unwrap_or_default());
            let what = error.message().trim().replace('\n', ", ");
            Error::from(ErrorKind::BadConfig { path: path.to_owned(), line, column, what })
        })?;
        let mut config = Self::default();
        for (key, value) in document.get_ref() {
            let at = |span: Range<usize>, error: Error| {
                let (line, column) = position(text, span);
                Error::from(ErrorKind::InConfig { path: path.to_owned(), line, column, error })
            };
            super::setting(key.get_ref()).map_err(|error| at(key.span(), error))?;
            config
                .set_value(key.get_ref(), from_toml(value.get_ref()))
                .map_err(|error| at(value.span(), error))?;
        }
        Ok(config)
    }

    /// What was said as TOML, under the sections' headings; [`Config::parse_toml`] of it gives an equal configuration.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for section in Section::ALL {
            let lines: Vec<_> = self
                .said()
                .filter(|(setting, _)| setting.section == section)
                .map(|(setting, value)| format!("{} = {}", setting.key, value.to_toml()))
                .collect();
            if !lines.is_empty() {
                let gap = if text.is_empty() { "" } else { "\n" };
                let _ = writeln!(text, "{gap}# {}\n{}", section.title(), lines.join("\n"));
            }
        }
        text
    }
}

/// What no setting is (a date, a number beyond 64 bits) becomes its text, which the setting's kind then refuses by name.
fn from_toml(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Text(integer.as_str().to_owned()),
        },
        DeValue::Float(float) => match float.as_str().parse() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Text(float.as_str().to_owned()),
        },
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(datetime) => Value::Text(datetime.to_string()),
        DeValue::Array(values) => {
            Value::List(values.iter().map(|value| from_toml(value.get_ref())).collect())
        }
        DeValue::Table(table) => Value::Pairs(pairs(table)),
    }
}

fn pairs(table: &DeTable<'_>) -> BTreeMap<String, Value> {
    let pair = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = name.get_ref();
        (name.to_string(), from_toml(value.get_ref()))
    };
    table.iter().map(pair).collect()
}

/// Line and column, both from 1, of a byte position.
fn position(text: &str, span: Range<usize>) -> (usize, usize) {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
