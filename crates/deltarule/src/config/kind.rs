//! What a setting may be, and the one check of it.

use std::collections::BTreeMap;

use super::value::Value;

/// The end of a range of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Any finite number.
    Open,
    /// The limit itself is allowed.
    Including(f64),
    /// The limit itself is not allowed.
    Excluding(f64),
}

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`; a flag without a value means `true`.
    Flag,
    /// Any text.
    Text,
    /// A file, a folder or a bundled data set's name.
    Path,
    /// One of these names; see also [`ALIASES`].
    Choice(&'static [&'static str]),
    /// A finite number.
    Number(Bound, Bound),
    /// A whole number from … to …, both allowed.
    Integer(i64, i64),
    /// Several of a kind: `a,b` as text (a value holding a comma in double quotes), `none` for no value at all. One
    /// value alone is a list of it.
    List(&'static Kind),
    /// Values under names: `column=value,column=value` as text.
    Pairs(&'static Kind),
    /// The first of these kinds that accepts the value.
    Either(&'static [Kind]),
}

/// Other names for choices that people know from elsewhere.
pub const ALIASES: &[(&str, &str)] = &[
    ("sgd", "gradient_descent"),
    ("linear", "identity"),
    ("logistic", "sigmoid"),
    ("swish", "silu"),
    ("mse", "squared_error"),
    ("mae", "absolute"),
    ("l1_loss", "absolute"),
    ("quantile_loss", "pinball"),
    ("bce", "binary_cross_entropy"),
    ("categorical_cross_entropy", "cross_entropy"),
    ("focal_loss", "focal"),
    ("xavier_uniform", "glorot_uniform"),
    ("xavier_normal", "glorot_normal"),
    ("kaiming_uniform", "he_uniform"),
    ("kaiming_normal", "he_normal"),
    ("auc", "roc_auc"),
    ("plateau", "reduce_on_plateau"),
    ("exp", "exponential"),
    ("float32", "f32"),
    ("float64", "f64"),
    ("double", "f64"),
    ("numeric", "number"),
    ("categorical", "category"),
    ("bool", "boolean"),
    ("date", "datetime"),
    ("batch_norm", "batch"),
    ("layer_norm", "layer"),
    (",", "comma"),
    ("\t", "tab"),
    (";", "semicolon"),
    ("|", "bar"),
    (" ", "space"),
];

impl Kind {
    /// Reads a flag's text. The error is what was got, in words.
    pub(super) fn parse(&self, text: &str) -> Result<Value, String> {
        // A column's name may begin with a blank, and a blank may be a delimiter.
        let text = if matches!(self, Self::Text | Self::Path | Self::Choice(_)) { text } else { text.trim() };
        let got = || quote(text);
        match self {
            Self::Flag => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(Value::Flag(true)),
                "false" | "no" | "off" | "0" => Ok(Value::Flag(false)),
                _ => Err(got()),
            },
            Self::Number(..) => match text.parse() {
                Ok(number) => self.accept(Value::Number(number)),
                Err(_) => Err(got()),
            },
            Self::Integer(..) => match text.replace('_', "").parse() {
                Ok(integer) => self.accept(Value::Integer(integer)),
                Err(_) => Err(got()),
            },
            Self::List(_) if matches!(text, "none" | "") => Ok(Value::List(Vec::new())),
            Self::List(kind) => {
                let parts = split(text).ok_or_else(got)?;
                parts.iter().map(|part| kind.parse(part)).collect::<Result<_, _>>().map(Value::List)
            }
            Self::Pairs(kind) => {
                let mut pairs = BTreeMap::new();
                for part in split(text).ok_or_else(got)? {
                    // A column's name may hold '=', a value never does.
                    let (name, value) = part.rsplit_once('=').ok_or_else(|| quote(&part))?;
                    pairs.insert(name.trim().to_owned(), kind.parse(value)?);
                }
                Ok(Value::Pairs(pairs))
            }
            Self::Either(kinds) => first_of(kinds, is_number(text), |kind| kind.parse(text)).ok_or_else(got),
            Self::Text | Self::Path | Self::Choice(_) => self.accept(Value::Text(text.to_owned())),
        }
    }

    /// Checks a value from TOML or JSON and brings it into the kind's form. The error is what was got, in words.
    pub(super) fn accept(&self, value: Value) -> Result<Value, String> {
        match (self, value) {
            (Self::Flag, value @ Value::Flag(_)) => Ok(value),
            (Self::Text | Self::Path, Value::Text(text)) if !text.is_empty() => Ok(Value::Text(text)),
            // A column or a class may be called 7, and a missing value -999.
            (Self::Text, Value::Integer(integer)) => Ok(Value::Text(integer.to_string())),
            (Self::Choice(names), Value::Text(text)) => match choose(names, &text) {
                Some(name) => Ok(Value::Text(name.to_owned())),
                None => Err(quote(&text)),
            },
            (Self::Number(low, high), Value::Number(number)) => {
                if within(*low, *high, number) {
                    Ok(Value::Number(number))
                } else {
                    Err(format!("{number}"))
                }
            }
            (Self::Number(..), Value::Integer(integer)) => self.accept(Value::Number(integer as f64)),
            (Self::Integer(low, high), Value::Integer(integer)) => {
                if (*low..=*high).contains(&integer) {
                    Ok(Value::Integer(integer))
                } else {
                    Err(integer.to_string())
                }
            }
            (Self::List(_), Value::Text(word)) if word == "none" => Ok(Value::List(Vec::new())),
            (Self::List(kind), Value::List(values)) => {
                values.into_iter().map(|value| kind.accept(value)).collect::<Result<_, _>>().map(Value::List)
            }
            (Self::List(kind), value) => Ok(Value::List(vec![kind.accept(value)?])),
            (Self::Pairs(kind), Value::Pairs(pairs)) => {
                let checked = pairs.into_iter().map(|(name, value)| Ok((name, kind.accept(value)?)));
                checked.collect::<Result<_, String>>().map(Value::Pairs)
            }
            (Self::Either(kinds), value) => {
                let numeric = match &value {
                    Value::Text(text) => is_number(text),
                    Value::Number(_) | Value::Integer(_) => true,
                    _ => false,
                };
                first_of(kinds, numeric, |kind| kind.accept(value.clone())).ok_or_else(|| in_words(&value))
            }
            (_, value) => Err(in_words(&value)),
        }
    }

    /// What is allowed, in words: `a number above 0 and below 1`, `one of …`.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Text => "a name".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Choice([only]) => only.to_string(),
            Self::Choice(names) => format!("one of {}", names.join(", ")),
            Self::Number(low, high) => match (low, high) {
                (Bound::Open, Bound::Open) => "a number".to_owned(),
                (_, Bound::Open) => format!("a number {}", low_end(*low)),
                (Bound::Open, _) => format!("a number {}", high_end(*high)),
                _ => format!("a number {} and {}", low_end(*low), high_end(*high)),
            },
            Self::Integer(low, i64::MAX) => format!("a whole number of at least {low}"),
            Self::Integer(low, high) => format!("a whole number from {low} to {high}"),
            Self::List(kind) => match kind {
                Self::Choice(names) => format!("any of {}, separated by commas", names.join(", ")),
                Self::Number(..) | Self::Integer(..) => {
                    format!("{}, or several separated by commas, or none", kind.expected())
                }
                _ => "names separated by commas, or none".to_owned(),
            },
            Self::Pairs(kind) => format!("name=value separated by commas, each value {}", kind.expected()),
            Self::Either(kinds) => kinds.iter().map(Self::expected).collect::<Vec<_>>().join(", or "),
        }
    }

    /// All names that are on offer, for completion; empty where there are none.
    #[must_use]
    pub fn choices(&self) -> Vec<&'static str> {
        match self {
            Self::Flag => vec!["true", "false"],
            Self::Choice(names) => names.to_vec(),
            Self::List(kind) | Self::Pairs(kind) => kind.choices(),
            Self::Either(kinds) => kinds.iter().flat_map(Self::choices).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether every value is one of [`Kind::choices`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Flag | Self::Choice(_) => true,
            Self::Either(kinds) => kinds.iter().all(Self::is_closed),
            _ => false,
        }
    }

    /// Whether `auto` can be said for "let the plan choose" without being mistaken for a column's or file's name.
    #[must_use]
    pub(super) fn knows_auto(&self) -> bool {
        match self {
            Self::Text | Self::Path | Self::Pairs(_) => false,
            Self::List(kind) => kind.knows_auto(),
            _ => true,
        }
    }
}

/// A number that is out of range must not be taken for a path of that name.
fn first_of(
    kinds: &[Kind],
    numeric: bool,
    attempt: impl Fn(&Kind) -> Result<Value, String>,
) -> Option<Value> {
    kinds
        .iter()
        .filter(|kind| !(numeric && matches!(kind, Kind::Text | Kind::Path)))
        .find_map(|kind| attempt(kind).ok())
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn within(low: Bound, high: Bound, number: f64) -> bool {
    let above = match low {
        Bound::Open => true,
        Bound::Including(limit) => number >= limit,
        Bound::Excluding(limit) => number > limit,
    };
    let below = match high {
        Bound::Open => true,
        Bound::Including(limit) => number <= limit,
        Bound::Excluding(limit) => number < limit,
    };
    number.is_finite() && above && below
}

fn low_end(bound: Bound) -> String {
    match bound {
        Bound::Including(limit) => format!("of at least {limit}"),
        Bound::Excluding(limit) => format!("above {limit}"),
        Bound::Open => String::new(),
    }
}

fn high_end(bound: Bound) -> String {
    match bound {
        Bound::Including(limit) => format!("at most {limit}"),
        Bound::Excluding(limit) => format!("below {limit}"),
        Bound::Open => String::new(),
    }
}

/// The allowed name meant by `text`: letters of either case, `-` for `_`, or an alias.
fn choose(names: &'static [&'static str], text: &str) -> Option<&'static str> {
    let trimmed = if text.trim().is_empty() { text } else { text.trim() };
    let name = trimmed.to_ascii_lowercase().replace('-', "_");
    let find = |name: &str| names.iter().copied().find(|allowed| *allowed == name);
    find(&name).or_else(|| {
        let (_, meant) = ALIASES.iter().find(|(alias, meant)| *alias == name && names.contains(meant))?;
        find(meant)
    })
}

/// `a,"b,c",d` → a · b,c · d; a doubled quote within quotes is one. `None` where a quote is not closed.
fn split(text: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                parts.last_mut()?.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => parts.push(String::new()),
            other => parts.last_mut()?.push(other),
        }
    }
    let parts = parts.into_iter().map(|part| part.trim().to_owned());
    (!quoted).then(|| parts.filter(|part| !part.is_empty()).collect())
}

fn quote(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() <= SHOWN {
        format!("{text:?}")
    } else {
        format!("{:?} …", text.chars().take(SHOWN).collect::<String>())
    }
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Text(text) => quote(text),
        Value::List(_) => format!("the list [{}]", quote(&value.to_string()).trim_matches('"')),
        Value::Pairs(_) => "values under names".to_owned(),
        other => other.to_string(),
    }
}
