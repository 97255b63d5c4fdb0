//! What a finding is: a named problem with its evidence, its cause, and what could be changed about it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::Result;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the run does well in spite of it, or it has been dealt with.
    Note,
    /// The model is likely to be worse for it.
    Warning,
    /// The model is of no use, or there is none.
    Error,
}

impl Severity {
    /// All of them, least first.
    pub const ALL: [Self; 3] = [Self::Note, Self::Warning, Self::Error];

    /// `note`, `warning`, `error`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! problems {
    ($($(#[doc = $doc:literal])+ $name:ident = $id:literal,)*) => {
        /// The problems that can be found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Problem {
            $($(#[doc = $doc])+ #[serde(rename = $id)] $name,)*
        }

        impl Problem {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its id: `vanishing-gradient`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// What it is, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

problems! {
    /// A number stopped being finite, and with it the training.
    NonFinite = "non-finite",
    /// The output's activation and the cost do not fit the targets.
    OutputCostMismatch = "output-cost-mismatch",
    /// A single column tells the target by itself.
    LeakageSuspected = "leakage-suspected",
    /// Columns enter the network in very different sizes.
    UnscaledInputs = "unscaled-inputs",
    /// One class is so rare that the cost hardly counts it.
    ClassImbalance = "class-imbalance",
    /// The weights of a layer start much larger or smaller than its width and activation ask for.
    PoorInitialisation = "poor-initialisation",
    /// Units of a layer have the same weights and stay the same.
    SymmetricUnits = "symmetric-units",
    /// Units of a layer are off in every row, so that nothing can turn them on again.
    DeadUnits = "dead-units",
    /// Units of a layer sit where their activation is flat.
    SaturatedUnits = "saturated-units",
    /// The signal that the first layers learn from is lost on the way back.
    VanishingGradient = "vanishing-gradient",
    /// The signal grows on the way back until steps are no descent.
    ExplodingGradient = "exploding-gradient",
    /// Steps are so long that they leap over what they should descend into.
    LearningRateTooHigh = "learning-rate-too-high",
    /// Steps are so short that the weights have hardly left their start.
    LearningRateTooLow = "learning-rate-too-low",
    /// The cost goes up and down from epoch to epoch instead of down.
    OscillatingLoss = "oscillating-loss",
    /// The cost has stopped falling long before it is low.
    Plateau = "plateau",
    /// The rows that were trained on are known far better than others.
    Overfitting = "overfitting",
    /// Not even the rows that were trained on are learnt.
    Underfitting = "underfitting",
    /// The network says the same of every row.
    ConstantPrediction = "constant-prediction",
    /// Nothing that was learnt carries over to other rows: no better than with shuffled targets.
    LabelsLookRandom = "labels-look-random",
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// One number that speaks for a finding, and the threshold that it passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was measured.
    pub what: String,
    /// What it came to.
    pub value: f64,
    /// From where on it counts: above for a `value` above it, below for one below; absent where the number is there to
    /// be compared with the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// A change of the configuration that could help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// What it does, in words.
    pub what: String,
    /// Settings and their new values, as in `config.toml` and on the command line; `auto` unsets one, so that it is
    /// planned anew.
    pub changes: BTreeMap<String, String>,
}

impl Remedy {
    /// A remedy that sets these.
    pub(crate) fn new<'a>(
        what: impl Into<String>,
        changes: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Self {
        let changes = changes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { what: what.into(), changes }
    }

    /// The configuration with the changes in it.
    ///
    /// # Errors
    /// Where a change is none that the settings allow.
    pub fn apply(&self, config: &Config) -> Result<Config> {
        let mut changed = config.clone();
        for (key, value) in &self.changes {
            if value == "auto" {
                changed.unset(key)?;
            } else {
                changed.set(key, value)?;
            }
        }
        Ok(changed)
    }

    /// The changes as flags: `--activation relu --learning-rate 0.001`.
    #[must_use]
    pub fn flags(&self) -> String {
        let flags = self.changes.iter().map(|(key, value)| format!("--{} {value}", key.replace('_', "-")));
        flags.collect::<Vec<_>>().join(" ")
    }
}

/// A problem found in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub id: Problem,
    /// How much it matters.
    pub severity: Severity,
    /// The layer at fault, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// The first step at which it showed, from 1; absent for what is known before the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// The numbers that speak for it.
    pub evidence: Vec<Evidence>,
    /// Why it is so, in words of the chain rule.
    pub cause: String,
    /// What could be changed about it, most promising first; whether it helps is for a doctor to measure.
    pub remedies: Vec<Remedy>,
}
