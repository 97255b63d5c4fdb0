//! A number of the chain rule, and the numbers that it is made of.

use serde::Serialize;

/// A number with its name and what it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantity {
    /// How formulas write it: `∂C/∂w0[2,5]`, `δ1[5]`, `a0[2]`.
    pub symbol: String,
    /// What it is in words, where that says more: a column's name, a class, a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// The number: as the passes stored it where they did, else as its parts give it.
    pub value: f64,
    /// What its parts give, by their own values.
    pub computed: f64,
    /// Whether `value` was stored by the passes: then it is a claim of theirs that `computed` bears out.
    pub stored: bool,
    /// What it is made of.
    #[serde(flatten)]
    pub parts: Parts,
}

/// What a quantity is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Parts {
    /// Nothing: a parameter, an input, a target, a number of the plan.
    Given,
    /// More than was asked for.
    Folded,
    /// The product of its factors.
    Product {
        /// The factors.
        parts: Vec<Quantity>,
    },
    /// The sum of its terms and of the others, which are not shown one by one.
    Sum {
        /// The terms, largest magnitude first.
        parts: Vec<Quantity>,
        /// The rest of them.
        others: Others,
    },
    /// What a formula gives for some numbers.
    Formula {
        /// The formula, in the numbers' symbols.
        formula: String,
        /// The numbers.
        parts: Vec<Quantity>,
    },
}

/// The terms of a sum that are not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Others {
    /// How many.
    pub count: usize,
    /// What they add up to.
    pub sum: f64,
    /// What their magnitudes add up to.
    pub magnitude: f64,
}

impl Others {
    /// What the magnitudes of all terms add up to, `shown` being those that are shown: what their shares are of.
    #[must_use]
    pub fn magnitude_with(&self, shown: &[Quantity]) -> f64 {
        shown.iter().map(|part| part.value.abs()).sum::<f64>() + self.magnitude
    }
}

impl Quantity {
    /// A number that is made of nothing.
    pub(super) fn given(symbol: impl Into<String>, value: f64) -> Self {
        Self {
            symbol: symbol.into(),
            meaning: None,
            value,
            computed: value,
            stored: false,
            parts: Parts::Given,
        }
    }

    /// A stored number whose parts are not wanted.
    pub(super) fn folded(symbol: impl Into<String>, value: f64) -> Self {
        Self { parts: Parts::Folded, stored: true, ..Self::given(symbol, value) }
    }

    /// The product of `parts`.
    pub(super) fn product(symbol: impl Into<String>, parts: Vec<Self>) -> Self {
        let value = parts.iter().map(|part| part.value).product();
        Self { parts: Parts::Product { parts }, ..Self::given(symbol, value) }
    }

    /// The sum of `parts` and others.
    pub(super) fn sum(symbol: impl Into<String>, parts: Vec<Self>, others: Others) -> Self {
        let value = parts.iter().map(|part| part.value).sum::<f64>() + others.sum;
        Self { parts: Parts::Sum { parts, others }, ..Self::given(symbol, value) }
    }

    /// A number by a formula, already computed.
    pub(super) fn formula(
        symbol: impl Into<String>,
        value: f64,
        formula: impl Into<String>,
        parts: Vec<Self>,
    ) -> Self {
        let parts = Parts::Formula { formula: formula.into(), parts };
        Self { parts, ..Self::given(symbol, value) }
    }

    /// With what it is in words.
    pub(super) fn meaning(mut self, meaning: Option<String>) -> Self {
        self.meaning = meaning;
        self
    }

    /// With the number that the passes stored.
    pub(super) fn stored_as(mut self, value: f64) -> Self {
        (self.value, self.stored) = (value, true);
        self
    }

    /// The same under another name.
    pub(super) fn named(mut self, symbol: impl Into<String>) -> Self {
        self.symbol = symbol.into();
        self
    }

    /// The quantities that it is directly made of.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        match &self.parts {
            Parts::Given | Parts::Folded => &[],
            Parts::Product { parts } | Parts::Sum { parts, .. } | Parts::Formula { parts, .. } => parts,
        }
    }

    /// The largest |stored − computed| below this quantity and of itself, over the magnitude of what is added up there.
    #[must_use]
    pub fn largest_difference(&self) -> f64 {
        let own = match &self.parts {
            Parts::Folded | Parts::Given => 0.0,
            Parts::Sum { parts, others } => {
                relative(self.value - self.computed, others.magnitude_with(parts))
            }
            Parts::Product { parts } => {
                // A factor that is a sum brings the magnitude of its terms.
                let size = parts.iter().map(Self::magnitude).product();
                relative(self.value - self.computed, size)
            }
            Parts::Formula { .. } => {
                relative(self.value - self.computed, self.value.abs().max(self.computed.abs()))
            }
        };
        self.children().iter().map(Self::largest_difference).fold(own, f64::max)
    }

    /// What the magnitudes of its terms add up to, of a sum; else its own.
    fn magnitude(&self) -> f64 {
        match &self.parts {
            Parts::Sum { parts, others } => parts.iter().map(Self::magnitude).sum::<f64>() + others.magnitude,
            Parts::Product { parts } => parts.iter().map(Self::magnitude).product(),
            _ => self.value.abs(),
        }
    }
}

/// A difference below the smallest normal number is none: results below it are stored as 0.
fn relative(difference: f64, size: f64) -> f64 {
    if difference.abs() < f64::from(f32::MIN_POSITIVE) { 0.0 } else { difference.abs() / size }
}

/// A number to four significant digits, as ledgers show it.
///
/// ```
/// use deltarule::explain::four_digits;
/// assert_eq!([0.0020254, -12.3456, 3e-7].map(four_digits), ["0.002025", "-12.35", "3.000e-7"]);
/// ```
#[must_use]
pub fn four_digits(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{number:.3e}");
    }
    // 0.02 has its first digit in the second place behind the point, 20 in the second before it.
    let digits = (3.0 - size.log10().floor()).max(0.0) as usize;
    format!("{number:.digits$}")
}
