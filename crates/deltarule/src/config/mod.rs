//! What a person may say about a run, from any side, in one validated form.
//!
//! [`SETTINGS`] defines each setting once: its key, its kind, its help, what holds without it. The command line's flags
//! and their help, the keys of `config.toml`, Python's keyword arguments, the JSON schema ([`json_schema`]), the
//! documentation ([`markdown`]) and every check are read off it. [`Config`] holds what was said; the
//! [`plan`](crate::plan) fills in the rest; [`resolve`] turns a complete one into the typed options of the other rooms.
//!
//! This is the only place where settings are validated. It opens no file but the one it is told to read, knows no table
//! and no model: whether a column exists is the encoder's to say.
//!
//! ```
//! use deltarule::config::Config;
//!
//! let mut config = Config::default();
//! config.set("learning_rate", "0.01")?;
//! config.set("hidden", "256,128")?;
//! config.set("optimizer", "sgd")?; // an alias of gradient_descent
//! assert_eq!(config.hidden, Some(vec![256, 128]));
//! assert!(config.set("learning_rate", "0").is_err());
//!
//! let text = config.to_toml();
//! assert_eq!(Config::parse_toml(&text, "config.toml".as_ref())?, config);
//! # Ok::<(), deltarule::Error>(())
//! ```

mod check;
mod kind;
pub mod resolve;
mod schema;
mod setting;
mod settings;
mod text;
mod value;

pub use kind::{ALIASES, Bound, Kind};
pub use schema::{json_schema, markdown};
pub use setting::{Scope, Section, Setting, Unset};
pub use settings::{ACTIVATIONS, Config, SETTINGS};
pub use value::{BatchSize, ClassWeight, Limit, Part, Value, Warmup};

use std::path::Path;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result, similar_names};

/// The setting of that key; `learning-rate` is the same as `learning_rate`.
///
/// # Errors
/// [`ErrorKind::UnknownSetting`] with the close keys.
pub fn setting(key: &str) -> Result<&'static Setting> {
    let wanted = key.replace('-', "_");
    SETTINGS.iter().find(|setting| setting.key == wanted).ok_or_else(|| {
        let known: Vec<String> = SETTINGS.iter().map(|setting| setting.key.to_owned()).collect();
        ErrorKind::UnknownSetting { setting: key.to_owned(), similar: similar_names(&wanted, &known) }.into()
    })
}

impl Config {
    /// Sets one setting from a flag's text; `auto` leaves a planned one to the plan.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSetting`], [`ErrorKind::BadSetting`] with what is allowed.
    pub fn set(&mut self, key: &str, text: &str) -> Result<()> {
        let setting = setting(key)?;
        if setting.knows_auto() && text.trim() == "auto" {
            self.put(setting.key, None);
            return Ok(());
        }
        self.store(setting, setting.kind.parse(text))
    }

    /// Sets one setting from a value of TOML, JSON or Python.
    ///
    /// # Errors
    /// As [`Config::set`].
    pub fn set_value(&mut self, key: &str, value: Value) -> Result<()> {
        let setting = setting(key)?;
        if setting.knows_auto() && value == Value::Text("auto".to_owned()) {
            self.put(setting.key, None);
            return Ok(());
        }
        self.store(setting, setting.kind.accept(value))
    }

    fn store(&mut self, setting: &Setting, checked: Result<Value, String>) -> Result<()> {
        let bad = |got: String| -> Error {
            ErrorKind::BadSetting {
                setting: setting.key.to_owned(),
                got,
                expected: setting.expected(),
                next: format!("for example --{} {}", setting.flag(), setting.example),
            }
            .into()
        };
        let value = checked.map_err(bad)?;
        let words = value.to_string();
        if self.put(setting.key, Some(value)) { Ok(()) } else { Err(bad(words)) }
    }

    /// Leaves a setting unsaid.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownSetting`].
    pub fn unset(&mut self, key: &str) -> Result<()> {
        let setting = setting(key)?;
        self.put(setting.key, None);
        Ok(())
    }

    /// What was said, in the settings' order.
    pub fn said(&self) -> impl Iterator<Item = (&'static Setting, Value)> + '_ {
        SETTINGS.iter().filter_map(|setting| Some((setting, self.value(setting.key)?)))
    }

    /// Takes over whatever `over` says: flags over a file.
    pub fn merge(&mut self, over: &Self) {
        for (setting, value) in over.said() {
            self.put(setting.key, Some(value));
        }
    }

    /// What the model file says of its origin: without the settings that the outcome does not depend on, and of paths
    /// the last component only. Equal data, settings and seed give an equal record.
    #[must_use]
    pub fn recorded(&self) -> Self {
        let mut recorded = Self::default();
        for (setting, value) in self.said() {
            let value = match (setting.scope, value) {
                (Scope::RunOnly, _) => continue,
                (Scope::FileName, Value::Text(path)) => {
                    let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned());
                    Value::Text(name.unwrap_or(path))
                }
                (_, value) => value,
            };
            recorded.put(setting.key, Some(value));
        }
        recorded
    }
}

/// A map of what was said, in the settings' order.
impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said: Vec<_> = self.said().collect();
        let mut map = serializer.serialize_map(Some(said.len()))?;
        for (setting, value) in said {
            map.serialize_entry(setting.key, &value)?;
        }
        map.end()
    }
}

/// Reads a map; unknown keys and values that are not allowed are refused. Conflicts are [`Config::check`]'s.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut config = Self::default();
        match Value::deserialize(deserializer)? {
            Value::Pairs(pairs) => {
                for (key, value) in pairs {
                    config.set_value(&key, value).map_err(D::Error::custom)?;
                }
                Ok(config)
            }
            other => Err(D::Error::custom(format!("got {other}; expected settings under their names"))),
        }
    }
}

#[cfg(test)]
mod tests;
