//! What is to be learnt: a number, a class, several of either.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of target, inferred from the target columns or named by `--task`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One or several numbers.
    Regression,
    /// One of two classes: one output, the probability of the second class.
    Binary,
    /// One of three or more classes: an output for each.
    Multiclass,
    /// Several yes/no columns at once: an output for each.
    Multilabel,
}

impl Task {
    /// All tasks, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::Regression, Self::Binary, Self::Multiclass, Self::Multilabel];

    /// `regression`, `binary`, `multiclass`, `multilabel`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Multilabel => "multilabel",
        }
    }

    /// Whether the targets are classes or labels rather than numbers.
    #[must_use]
    pub fn is_classification(self) -> bool {
        self != Self::Regression
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
