//! A setting's value between its texts (flag, TOML, JSON) and its typed field.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What a setting can hold, whichever way it was said. The six forms are those that TOML and JSON have in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number; finite once a [`Kind`](super::Kind) has accepted it.
    Number(f64),
    /// Words, names, paths.
    Text(String),
    /// Several values.
    List(Vec<Value>),
    /// Values under names, in the names' order.
    Pairs(BTreeMap<String, Value>),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("true or false, a number, text, a list, or values under names")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value)
            .map(Value::Integer)
            .map_err(|_| E::custom(format!("{value} is above {}", i64::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            pairs.insert(name, value);
        }
        Ok(Value::Pairs(pairs))
    }
}

impl Value {
    /// The value in TOML's notation, on one line; numbers print so that they read back to the same bits.
    #[must_use]
    pub fn to_toml(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(integer) => integer.to_string(),
            // `{:?}` is the shortest text that reads back to the same number, always with a point or an exponent.
            Self::Number(number) => format!("{number:?}"),
            Self::Text(text) => quoted(text),
            Self::List(values) => {
                format!("[{}]", values.iter().map(Self::to_toml).collect::<Vec<_>>().join(", "))
            }
            Self::Pairs(pairs) => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(name, value)| format!("{} = {}", quoted(name), value.to_toml()))
                    .collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        }
    }
}

/// As people read it in a message or a table of reasons: `256, 128` · `none` for an empty list · `a=number, b=category`.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Integer(integer) => integer.fmt(f),
            Self::Number(number) if (1e-4..1e6).contains(&number.abs()) || *number == 0.0 => number.fmt(f),
            Self::Number(number) => write!(f, "{number:e}"),
            Self::Text(text) => f.write_str(text),
            Self::List(values) if values.is_empty() => f.write_str("none"),
            Self::List(values) => {
                let texts: Vec<_> = values.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(", "))
            }
            Self::Pairs(pairs) => {
                let texts: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                f.write_str(&texts.join(", "))
            }
        }
    }
}

/// A basic string of TOML (a string of JSON, too).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A typed field of [`Config`](super::Config): to a [`Value`] and back.
pub(super) trait Field: Sized {
    /// `None` where the value's form is another one; a [`Kind`](super::Kind) has checked it before, so that this
    /// happens only where a setting's kind and its field's type disagree (a test goes through all of them).
    fn from_value(value: Value) -> Option<Self>;
    fn to_value(&self) -> Value;
}

impl Field for bool {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Flag(flag) = value { Some(flag) } else { None }
    }
    fn to_value(&self) -> Value {
        Value::Flag(*self)
    }
}

impl Field for u64 {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Integer(integer) = value { Self::try_from(integer).ok() } else { None }
    }
    fn to_value(&self) -> Value {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Field for usize {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Integer(integer) = value { Self::try_from(integer).ok() } else { None }
    }
    fn to_value(&self) -> Value {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl Field for f64 {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Number(number) = value { Some(number) } else { None }
    }
    fn to_value(&self) -> Value {
        Value::Number(*self)
    }
}

impl Field for String {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl<T: Field> Field for Vec<T> {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::List(values) = value { values.into_iter().map(T::from_value).collect() } else { None }
    }
    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn from_value(value: Value) -> Option<Self> {
        let Value::Pairs(pairs) = value else { return None };
        pairs.into_iter().map(|(name, value)| Some((name, T::from_value(value)?))).collect()
    }
    fn to_value(&self) -> Value {
        Value::Pairs(self.iter().map(|(name, value)| (name.clone(), value.to_value())).collect())
    }
}

/// Where validation or test rows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// This share of the rows, 0 for none of them.
    Fraction(f64),
    /// All rows of another file (or bundled data set).
    File(PathBuf),
}

impl Field for Part {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(fraction) => Some(Self::Fraction(fraction)),
            Value::Text(path) => Some(Self::File(path.into())),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Self::Fraction(fraction) => Value::Number(*fraction),
            Self::File(path) => Value::Text(path.to_string_lossy().into_owned()),
        }
    }
}

/// Rows per step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// So many; the last step of an epoch may have fewer.
    Rows(usize),
    /// The whole training set in one step.
    All,
}

impl Field for BatchSize {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Integer(rows) => usize::try_from(rows).ok().map(Self::Rows),
            Value::Text(_) => Some(Self::All),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Self::Rows(rows) => rows.to_value(),
            Self::All => Value::Text("all".to_owned()),
        }
    }
}

/// How long the learning rate rises before the schedule proper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Warmup {
    /// A share of all steps.
    Fraction(f64),
    /// A number of steps.
    Steps(u64),
}

impl Field for Warmup {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Integer(steps) => u64::try_from(steps).ok().map(Self::Steps),
            Value::Number(fraction) => Some(Self::Fraction(fraction)),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Self::Fraction(fraction) => Value::Number(*fraction),
            Self::Steps(steps) => steps.to_value(),
        }
    }
}

/// A bound that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// `none`.
    Off,
    /// This much at most.
    At(f64),
}

impl Field for Limit {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(limit) => Some(Self::At(limit)),
            Value::Text(_) => Some(Self::Off),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Self::Off => Value::Text("none".to_owned()),
            Self::At(limit) => Value::Number(*limit),
        }
    }
}

/// What a row weighs on account of its class.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeight {
    /// 1 whatever the class.
    None,
    /// n / (classes · n_class), so that each class weighs the same in sum (King & Zeng 2001).
    Balanced,
    /// By the class's name; 1 for those not named.
    Named(BTreeMap<String, f64>),
}

impl Field for ClassWeight {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(word) if word == "balanced" => Some(Self::Balanced),
            Value::Text(_) => Some(Self::None),
            Value::Pairs(_) => BTreeMap::from_value(value).map(Self::Named),
            _ => None,
        }
    }
    fn to_value(&self) -> Value {
        match self {
            Self::None => Value::Text("none".to_owned()),
            Self::Balanced => Value::Text("balanced".to_owned()),
            Self::Named(weights) => weights.to_value(),
        }
    }
}
