//! What is known of each setting.

use super::kind::Kind;

/// The headings under which settings stand in help, in `config.toml` and in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// What is read, and as what.
    Data,
    /// Which rows are for training, validation and test.
    Split,
    /// How columns become numbers.
    Encoding,
    /// Layers.
    Network,
    /// What is made small.
    Cost,
    /// How it is made small.
    Optimizer,
    /// How the learning rate changes over the run.
    Schedule,
    /// How long, in which portions.
    Training,
    /// What the outcome does not depend on.
    Run,
}

impl Section {
    /// In the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Data,
        Self::Split,
        Self::Encoding,
        Self::Network,
        Self::Cost,
        Self::Optimizer,
        Self::Schedule,
        Self::Training,
        Self::Run,
    ];

    /// `Data`, `Split` …
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Data => "Data",
            Self::Split => "Split",
            Self::Encoding => "Encoding",
            Self::Network => "Network",
            Self::Cost => "Cost",
            Self::Optimizer => "Optimizer",
            Self::Schedule => "Schedule",
            Self::Training => "Training",
            Self::Run => "Run",
        }
    }
}

/// What holds where a setting is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// [`plan`](crate::plan::plan) chooses, and says why.
    Planned,
    /// This value, in a flag's notation.
    Fixed(&'static str),
    /// Nothing: what happens instead, in words.
    Nothing(&'static str),
}

/// Whether a setting is part of what the model file says of its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It bears on the numbers: recorded in the model file.
    Recorded,
    /// A path whose content bears on the numbers: recorded by its last component, so that the same data in another
    /// folder give an equal model file.
    FileName,
    /// The outcome does not depend on it: in the run's `config.toml` only.
    RunOnly,
}

/// One setting: the single source of its flag, its TOML key, its help, its schema and its check.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key in TOML and Python, `learning_rate`; the flag is [`Setting::flag`].
    pub key: &'static str,
    /// Its heading.
    pub section: Section,
    /// What it may be.
    pub kind: Kind,
    /// What stands for its value in help: `RATE`.
    pub value_name: &'static str,
    /// What holds where it is not said.
    pub unset: Unset,
    /// Whether the model file records it.
    pub scope: Scope,
    /// The setting that this one belongs to, and that one's values with which it has a meaning; the first is the one
    /// that it implies where nothing else is said. With another value it is refused.
    pub only_with: Option<(&'static str, &'static [&'static str])>,
    /// A valid value, in a flag's notation.
    pub example: &'static str,
    pub(super) help: &'static str,
}

impl Setting {
    /// The flag's name, without its dashes: `learning-rate`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// One or two sentences for people.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.help.trim()
    }

    /// What holds where it is not said, in words: `chosen by the plan`, `0.9`, `none`.
    #[must_use]
    pub fn default_text(&self) -> &'static str {
        match self.unset {
            Unset::Planned => "chosen by the plan",
            Unset::Fixed(value) => value,
            Unset::Nothing(instead) => instead,
        }
    }

    /// The whole help: what it does, when it has a meaning, what it may be, what holds without it.
    #[must_use]
    pub fn long_help(&self) -> String {
        let mut text = self.help().to_owned();
        if let Some((other, values)) = self.only_with {
            text.push_str(&format!(" Only with {} {}.", other.replace('_', "-"), values.join(", ")));
        }
        if !matches!(self.kind, Kind::Flag | Kind::Text | Kind::Path) {
            text.push_str(&format!(" Expects {}.", self.kind.expected()));
        }
        text.push_str(&format!(" [default: {}]", self.default_text()));
        text
    }

    /// Whether `auto` may be said, meaning that the plan shall choose.
    #[must_use]
    pub fn knows_auto(&self) -> bool {
        self.unset == Unset::Planned && self.kind.knows_auto()
    }

    /// What is allowed, in words.
    #[must_use]
    pub fn expected(&self) -> String {
        let expected = self.kind.expected();
        if self.knows_auto() { format!("{expected} (or auto)") } else { expected }
    }
}
