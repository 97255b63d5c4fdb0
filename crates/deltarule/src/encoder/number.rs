//! One column of numbers: its statistics, and what becomes of a value.

use deltarule_kernels::Real;
use serde::{Deserialize, Serialize};

use super::options::{NumericEncoding, Scaling};
use super::piecewise;

/// Quantiles are taken of at most this many rows.
const SAMPLE: usize = 100_000;

/// x′ = (x − centre) / spread, then x′/√(1 + (x′/3)²) where `clip` is set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    pub(super) center: f64,
    pub(super) spread: f64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) clip: bool,
}

impl Scale {
    pub(super) const IDENTITY: Self = Self { center: 0.0, spread: 1.0, clip: false };

    pub(super) fn apply(self, value: f64) -> f64 {
        let scaled = (value - self.center) / self.spread;
        if self.clip { scaled / (1.0 + (scaled / 3.0) * (scaled / 3.0)).sqrt() } else { scaled }
    }
}

/// What becomes of a number: the scaled number, its piecewise encoding, and whether it was missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NumberRecipe {
    /// `None`: only whether the value is missing is of use.
    pub(super) scale: Option<Scale>,
    /// What a missing value is taken for: the median of the training rows.
    pub(super) fill: f64,
    /// Edges of the bins, ascending; none without piecewise encoding, otherwise at least three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) edges: Vec<f64>,
    /// Whether a 0/1 number says that the value was missing: where training rows had missing values.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) missing: bool,
}

impl NumberRecipe {
    /// Numbers that come of one value.
    pub(super) fn width(&self) -> usize {
        usize::from(self.scale.is_some()) + self.bins() + usize::from(self.missing)
    }

    pub(super) fn bins(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// Writes [`width`](Self::width) numbers; NaN is a missing value.
    #[inline]
    pub(super) fn write<F: Real>(&self, value: f64, out: &mut [F]) {
        let missing = value.is_nan();
        let value = if missing { self.fill } else { value };
        let mut slot = 0;
        if let Some(scale) = self.scale {
            out[0] = F::from_f64(scale.apply(value));
            slot = 1;
        }
        if !self.edges.is_empty() {
            piecewise::write(&self.edges, value, &mut out[slot..]);
            slot += self.bins();
        }
        if self.missing {
            out[slot] = if missing { F::ONE } else { F::ZERO };
        }
    }

    /// How fast each of those numbers moves with the value: central differences of [`write`](Self::write), which is
    /// piecewise linear but for soft limits; at an edge of two bins the mean of both sides. Nothing moves of a missing value.
    pub(super) fn slopes(&self, value: f64, out: &mut [f64]) {
        out.fill(0.0);
        if value.is_nan() {
            return;
        }
        let range = self.edges.last().zip(self.edges.first()).map(|(last, first)| last - first);
        let size = self.scale.map(|scale| scale.spread).or(range).unwrap_or(1.0);
        let step = 1e-6 * size.max(1e-6 * value.abs());
        let mut below = vec![0.0; out.len()];
        self.write(value + step, out);
        self.write(value - step, &mut below);
        for (above, below) in out.iter_mut().zip(below) {
            *above = (*above - below) / (2.0 * step);
        }
    }

    /// Appends the names of the numbers that come of the column.
    pub(super) fn name(&self, column: &str, names: &mut Vec<String>) {
        if self.scale.is_some() {
            names.push(column.to_owned());
        }
        names.extend((1..=self.bins()).map(|bin| format!("{column}[{bin}]")));
        if self.missing {
            names.push(format!("{column}=missing"));
        }
    }

    /// Whether every number is one that [`write`](Self::write) can work with: for recipes that were read from a file.
    pub(super) fn is_sound(&self) -> bool {
        let scale = self
            .scale
            .is_none_or(|scale| scale.center.is_finite() && scale.spread.is_finite() && scale.spread > 0.0);
        let edges = self.edges.is_empty()
            || (self.edges.len() > 2
                && self.edges.iter().all(|edge| edge.is_finite())
                && self.edges.windows(2).all(|pair| pair[0] < pair[1]));
        scale && edges && self.fill.is_finite() && self.width() > 0
    }
}

/// What the training rows of one column are like. Values are within ±[`LARGEST`](super::values::LARGEST) or missing.
pub(super) struct Profile {
    /// Values that are not missing.
    pub(super) present: usize,
    pub(super) missing: usize,
    pub(super) lowest: f64,
    pub(super) highest: f64,
    pub(super) integers: bool,
    /// Equal columns have equal fingerprints.
    pub(super) fingerprint: u64,
    /// How often each value occurs, where all are integers of 0 … 255 (pixels come in hundreds of columns).
    pub(super) counts: Option<Vec<usize>>,
}

impl Profile {
    pub(super) fn of(values: &[f64]) -> Self {
        let mut profile = Self::NOTHING;
        let mut prints = Prints::new();
        for (at, &value) in values.iter().enumerate() {
            prints.add(at, if value.is_nan() { u64::MAX } else { (value + 0.0).to_bits() });
            if value.is_nan() {
                profile.missing += 1;
                continue;
            }
            profile.lowest = profile.lowest.min(value);
            profile.highest = profile.highest.max(value);
            profile.integers = profile.integers && is_integer(value);
        }
        profile.present = values.len() - profile.missing;
        profile.fingerprint = prints.sum();
        profile.counts = profile.is_small().then(|| {
            let mut counts = vec![0; 256];
            values.iter().filter(|value| !value.is_nan()).for_each(|&value| counts[value as usize] += 1);
            counts
        });
        profile
    }

    /// Of bytes, none of which is missing: what [`of`](Self::of) says of the same numbers.
    pub(super) fn of_bytes(values: impl Iterator<Item = u8>) -> Self {
        let bits: [u64; 256] = std::array::from_fn(|byte| (byte as f64).to_bits());
        let mut prints = Prints::new();
        let mut counts = vec![0; 256];
        for (at, value) in values.enumerate() {
            prints.add(at, bits[usize::from(value)]);
            counts[usize::from(value)] += 1;
        }
        let occurs = |value: &usize| counts[*value] > 0;
        let (lowest, highest) = ((0..256).find(occurs), (0..256).rfind(occurs));
        Self {
            present: counts.iter().sum(),
            lowest: lowest.map_or(f64::INFINITY, |value| value as f64),
            highest: highest.map_or(f64::NEG_INFINITY, |value| value as f64),
            fingerprint: prints.sum(),
            counts: (lowest.is_some()).then_some(counts),
            ..Self::NOTHING
        }
    }

    const NOTHING: Self = Self {
        present: 0,
        missing: 0,
        lowest: f64::INFINITY,
        highest: f64::NEG_INFINITY,
        integers: true,
        fingerprint: 0,
        counts: None,
    };

    /// Whether there are values, all of them integers of 0 … 255.
    fn is_small(&self) -> bool {
        self.present > 0 && self.integers && self.lowest >= 0.0 && self.highest <= 255.0
    }

    pub(super) fn is_constant(&self) -> bool {
        self.present == 0 || self.lowest == self.highest
    }
}

/// Without a call of `trunc`, which only newer processors have as an instruction.
#[inline]
fn is_integer(value: f64) -> bool {
    const ALL_INTEGERS: f64 = 9_007_199_254_740_992.0; // 2⁵³: from here on there is nothing between them
    value as i64 as f64 == value || value.abs() >= ALL_INTEGERS
}

/// A fingerprint of words of 64 bits: four chains, since a chain's every step waits for the one before.
struct Prints([u64; 4]);

impl Prints {
    fn new() -> Self {
        Self([0xcbf2_9ce4_8422_2325, 1, 2, 3])
    }

    #[inline]
    fn add(&mut self, at: usize, word: u64) {
        let chain = &mut self.0[at % 4];
        *chain = mix(*chain, word);
    }

    fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, &chain| mix(sum, chain))
    }
}

/// One step of a fingerprint: multiply and fold, as FNV-1a does, over words of 64 bits.
pub(super) fn mix(state: u64, word: u64) -> u64 {
    let product = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 29)
}

/// Mean and population standard deviation of the values that are not missing. Computed in units of the range, so that
/// no square overflows or vanishes.
pub(super) fn mean_and_deviation(values: &[f64], lowest: f64, highest: f64) -> (f64, f64) {
    let range = highest - lowest;
    let present = || values.iter().filter(|value| !value.is_nan()).map(|value| (value - lowest) / range);
    let count = present().count() as f64;
    let mean = present().sum::<f64>() / count;
    let variance = present().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (lowest + range * mean, range * variance.sqrt())
}

/// The same of integers that were counted.
fn counted_mean_and_deviation(counts: &[usize]) -> (f64, f64) {
    let values = || counts.iter().enumerate().map(|(value, &count)| (value as f64, count as f64));
    let count = values().map(|(_, count)| count).sum::<f64>();
    let mean = values().map(|(value, count)| value * count).sum::<f64>() / count;
    let squares = values().map(|(value, count)| (value - mean) * (value - mean) * count).sum::<f64>();
    (mean, (squares / count).sqrt())
}

/// The values that are not missing, ascending; of many, one from each of [`SAMPLE`] equal stretches, at a place that
/// depends on the stretch's number alone (so that no period in the data meets the sampling's).
pub(super) fn sorted_sample(values: &[f64], profile: &Profile) -> Vec<f64> {
    if let Some(counts) = &profile.counts {
        return counted(counts, profile.present + profile.missing);
    }
    let mut sample = sample(values);
    sample.sort_unstable_by(f64::total_cmp);
    sample
}

/// The median of [`sorted_sample`], for those who want no more of it: found without sorting; `None` of none.
fn median(values: &[f64], profile: &Profile) -> Option<f64> {
    if profile.counts.is_some() {
        let sorted = sorted_sample(values, profile);
        return (!sorted.is_empty()).then(|| quantile(&sorted, 0.5));
    }
    let mut sample = sample(values);
    let last = sample.len().checked_sub(1)?;
    let (_, &mut below, above) = sample.select_nth_unstable_by(last / 2, f64::total_cmp);
    let above = above.iter().copied().min_by(f64::total_cmp).filter(|_| last % 2 == 1);
    Some(quantile(&[below, above.unwrap_or(below)], 0.5))
}

fn sample(values: &[f64]) -> Vec<f64> {
    if values.len() <= SAMPLE {
        values.iter().copied().filter(|value| !value.is_nan()).collect()
    } else {
        let n = values.len();
        (0..SAMPLE)
            .map(|stretch| {
                let (from, to) = (stretch * n / SAMPLE, (stretch + 1) * n / SAMPLE);
                values[from + (mix(0, stretch as u64 + 1) >> 32) as usize % (to - from)]
            })
            .filter(|value| !value.is_nan())
            .collect()
    }
}

/// Sorted integers of 0 … 255, from how often each occurs in so many rows: in proportion, where there are more than a
/// sample has; each value that occurs stays.
fn counted(counts: &[usize], rows: usize) -> Vec<f64> {
    let divisor = rows.div_ceil(SAMPLE).max(1);
    let kept = counts.iter().enumerate().map(|(value, count)| (value, count.div_ceil(divisor)));
    kept.flat_map(|(value, count)| std::iter::repeat_n(value as f64, count)).collect()
}

/// The quantile `q` of sorted values, interpolated linearly (Hyndman & Fan 1996, type 7); of none, 0.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// The recipe of a column that varies, or that is sometimes missing; `common` is the range of all pixels. `values` may be
/// empty where the profile has counts.
pub(super) fn fit(
    values: &[f64],
    profile: &Profile,
    scaling: Scaling,
    encoding: NumericEncoding,
    common: Option<(f64, f64)>,
) -> NumberRecipe {
    let needs_order = scaling == Scaling::Robust || encoding != NumericEncoding::Plain;
    let sorted = if needs_order { sorted_sample(values, profile) } else { Vec::new() };
    let median = match sorted.as_slice() {
        [] => median(values, profile),
        sorted => Some(quantile(sorted, 0.5)),
    };
    // A sample may have met no value at all; then any value stands for the few that there are.
    let fill = median.unwrap_or(profile.lowest);
    let missing = profile.missing > 0;
    if profile.is_constant() {
        // Kept without a missing value it is one number all the same, in the range that it has in common with others.
        let fill = if profile.present == 0 { 0.0 } else { profile.lowest };
        let scale = match common {
            Some((from, to)) if scaling == Scaling::Unit => {
                Scale { center: from, spread: to - from, clip: false }
            }
            _ => Scale { center: fill, spread: 1.0, clip: false },
        };
        return NumberRecipe { scale: (!missing).then_some(scale), fill, edges: Vec::new(), missing };
    }
    let (lowest, highest) = (profile.lowest, profile.highest);
    let scale = match scaling {
        Scaling::Standard => {
            let (center, spread) = match &profile.counts {
                Some(counts) => counted_mean_and_deviation(counts),
                None => mean_and_deviation(values, lowest, highest),
            };
            Scale { center, spread, clip: false }
        }
        Scaling::Robust => {
            let (lower, upper) = (quantile(&sorted, 0.25), quantile(&sorted, 0.75));
            let spread = if upper > lower { upper - lower } else { (highest - lowest) / 2.0 };
            Scale { center: fill, spread, clip: true }
        }
        Scaling::Unit => {
            let (from, to) = common.unwrap_or((lowest, highest));
            Scale { center: from, spread: to - from, clip: false }
        }
        Scaling::None => Scale::IDENTITY,
    };
    // Of a spread that is lost to rounding, the range is what is left.
    let spread = if scale.spread > 0.0 { scale.spread } else { highest - lowest };
    let edges = match encoding {
        NumericEncoding::Plain => Vec::new(),
        NumericEncoding::Piecewise { bins } => piecewise::edges(&sorted, lowest, highest, bins),
    };
    NumberRecipe { scale: Some(Scale { spread, ..scale }), fill, edges, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of no order, some missing.
    fn values(count: usize) -> Vec<f64> {
        let value = |i: usize| match mix(7, i as u64) {
            word if word % 11 == 0 => f64::NAN,
            word => (word % 2001) as f64 / 16.0 - 60.0,
        };
        (0..count).map(value).collect()
    }

    #[test]
    fn the_median_is_that_of_the_sorted_sample() {
        for count in [0, 1, 2, 3, 10, 101, SAMPLE + 7] {
            let values = values(count);
            let profile = Profile::of(&values);
            let sorted = sorted_sample(&values, &profile);
            let expected = (!sorted.is_empty()).then(|| quantile(&sorted, 0.5).to_bits());
            assert_eq!(median(&values, &profile).map(f64::to_bits), expected, "{count}");
        }
    }

    #[test]
    fn bytes_have_the_profile_of_the_numbers_that_they_are() {
        for count in [0_usize, 1, 5, 1000] {
            let bytes: Vec<u8> = (0..count).map(|i| mix(3, i as u64) as u8 / 2).collect();
            let numbers: Vec<f64> = bytes.iter().map(|&byte| f64::from(byte)).collect();
            let (a, b) = (Profile::of_bytes(bytes.iter().copied()), Profile::of(&numbers));
            assert_eq!(
                (a.present, a.missing, a.lowest, a.highest),
                (b.present, b.missing, b.lowest, b.highest)
            );
            assert_eq!((a.integers, a.fingerprint, &a.counts), (b.integers, b.fingerprint, &b.counts));
            let Some(counts) = &a.counts else { continue };
            let (mean, deviation) = counted_mean_and_deviation(counts);
            if a.lowest < a.highest {
                let (expected_mean, expected_deviation) = mean_and_deviation(&numbers, b.lowest, b.highest);
                assert!(
                    (mean - expected_mean).abs() < 1e-11 && (deviation - expected_deviation).abs() < 1e-11
                );
            }
        }
    }

    #[test]
    fn integers_are_told_from_other_numbers() {
        for value in [0.0, -0.0, 3.0, -4.0, 9_007_199_254_740_993.0, 1e150] {
            assert!(is_integer(value), "{value}");
        }
        for value in [0.5, -1e-300, 4_503_599_627_370_495.5] {
            assert!(!is_integer(value), "{value}");
        }
    }
}
