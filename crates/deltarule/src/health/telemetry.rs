//! What one sampled training step tells of each layer: plain numbers out of the passes that ran anyway.

use deltarule_kernels::{Activation, Pool, Real, sum_squares64};
use serde::{Deserialize, Serialize};

use crate::activation::{SATURATED, largest_slope};
use crate::event::null_is_nan;
use crate::layer::Layer;

/// Bars of a [`Histogram`].
pub const BARS: usize = 12;

/// Activations that a histogram counts, about: a bar of a tenth of them is known to a tenth of itself.
const COUNTED: usize = 1024;

/// ‖Δw‖/‖w‖ of a step that goes about as far as it should: about 10⁻³, with half a decade to either side (Karpathy, CS231n
/// 2015).
pub const HEALTHY_UPDATES: [f64; 2] = [3e-4, 3e-3];

/// f' that is smaller than this in all of a sample's rows lets nothing through: a ReLU's 0, an ELU's far left side, but
/// not a leaky ReLU's slope.
const SILENT: f64 = 1e-3;

/// A network's layer, in the form in which a run's account names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerOutline {
    /// `dense`, `batch_norm`, `layer_norm`, `dropout`, `embedding`.
    pub kind: String,
    /// Numbers per row that it reads, one-hot codes as so many numbers; 0 where it has no weights between units.
    pub fan_in: usize,
    /// Numbers per row that it puts out.
    pub units: usize,
    /// Its activation's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<String>,
}

impl LayerOutline {
    /// The outline of a layer.
    #[must_use]
    pub fn of(layer: &Layer) -> Self {
        Self {
            kind: layer.kind().to_owned(),
            fan_in: if let Layer::Dense(dense) = layer { dense.fan_in() } else { 0 },
            units: layer.units(),
            activation: layer.activation().map(|f| crate::activation::name(f).to_owned()),
        }
    }

    /// ‖w‖ that the layer's own initialiser draws, √(fan_in·units·σ²): σ² = 2/fan_in (He et al. 2015) for the ReLU family,
    /// 2/(fan_in + units) (Glorot & Bengio 2010) else. `None` where the layer is not dense.
    #[must_use]
    pub fn usual_weight(&self) -> Option<f64> {
        let (fan_in, units) = (self.fan_in as f64, self.units as f64);
        let variance = match self.activation.as_deref() {
            Some("relu" | "leaky_relu" | "elu" | "gelu" | "silu" | "mish") => 2.0 / fan_in,
            _ => 2.0 / (fan_in + units),
        };
        (self.kind == "dense" && self.fan_in > 0).then(|| (fan_in * units * variance).sqrt())
    }
}

/// A layer in one sampled step. Norms of activations and deltas are over the sample's rows; δ carries its row's weight,
/// as in the backward pass. A number that was not finite reads as NaN.
///
/// ```text
/// arrived = ‖∂C/∂a_l‖     delta = ‖δ_l‖ = ‖∂C/∂a_l ⊙ f'‖     through = arrived / ‖δ_{l+1}‖     slope = delta / arrived
/// ```
///
/// so that, over all layers, `through · slope` multiply to ‖δ_0‖/‖δ_L‖. The last layer has neither.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerHealth {
    /// Index of the layer.
    pub layer: usize,
    /// ‖δ‖; of a dropout, which has none, ‖∂C/∂a‖.
    #[serde(deserialize_with = "null_is_nan")]
    pub delta: f64,
    /// The factor of what lies between this layer and the next: weights, a normalisation, a dropout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<f64>,
    /// The factor of f'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope: Option<f64>,
    /// Share of ‖∂C/∂a‖² that f' took in units that are saturated in the row.
    #[serde(default, deserialize_with = "null_is_nan")]
    pub lost_saturated: f64,
    /// Share of ‖∂C/∂a‖² that f' took in units that are silent in every row of the sample.
    #[serde(default, deserialize_with = "null_is_nan")]
    pub lost_dead: f64,
    /// What the layer's activations look like; absent where it has no activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activations: Option<ActivationHealth>,
    /// What its weights (scales, tables) look like; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightHealth>,
}

/// A layer's activations in a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActivationHealth {
    /// Mean of a.
    #[serde(deserialize_with = "null_is_nan")]
    pub mean: f64,
    /// Variance of a.
    #[serde(deserialize_with = "null_is_nan")]
    pub variance: f64,
    /// How a is spread.
    pub histogram: Histogram,
    /// Share of activations with f' below [`SATURATED`] of its largest value; 0 for an f that does not saturate.
    pub saturated: f64,
    /// Share of units whose f' is 0 (below 10⁻³) in every row of the sample; 0 for an f that saturates.
    pub dead: f64,
    /// Share of units that have been so in every sample since training began or went on.
    pub never_active: f64,
}

/// Counts of numbers in equal steps from `from` to `to`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Lower end of the first bar: 0 of a sigmoid, −1 of a tanh, else the smallest number.
    #[serde(deserialize_with = "null_is_nan")]
    pub from: f64,
    /// Upper end of the last bar.
    #[serde(deserialize_with = "null_is_nan")]
    pub to: f64,
    /// Numbers in each bar.
    pub counts: [u32; BARS],
}

/// A layer's weights and their step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightHealth {
    /// ‖w‖ before the step.
    #[serde(deserialize_with = "null_is_nan")]
    pub weight: f64,
    /// ‖∂C/∂w‖ of the cost, before penalties and clipping.
    #[serde(deserialize_with = "null_is_nan")]
    pub gradient: f64,
    /// ‖Δw‖ of the step.
    #[serde(deserialize_with = "null_is_nan")]
    pub update: f64,
    /// ‖Δw‖/‖w‖; healthy within [`HEALTHY_UPDATES`], about.
    #[serde(deserialize_with = "null_is_nan")]
    pub update_ratio: f64,
    /// Share of units whose incoming weights and bias are those of the unit before, number by number.
    #[serde(default, deserialize_with = "null_is_nan")]
    pub twins: f64,
}

/// Six significant digits: more than a display or a threshold needs, and half the text.
pub(crate) fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let scale = 10_f64.powi(5 - number.abs().log10().floor() as i32);
    if scale.is_finite() && scale != 0.0 { (number * scale).round() / scale } else { number }
}

/// ‖x‖ in double precision.
pub(crate) fn norm<F: Real>(pool: &Pool, numbers: &[F]) -> f64 {
    sum_squares64(pool, numbers).sqrt()
}

/// What is known of each of a layer's activations while δ is on its way through it.
#[derive(Clone, Debug)]
pub(crate) struct Slopes {
    activation: Activation,
    units: usize,
    /// Of each unit: silent in every row of the sample.
    silent: Vec<bool>,
    /// Of each unit: silent in every sample so far.
    ever_silent: Vec<bool>,
}

/// Σ g² of a sample, in all its units and in those that let little through.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Energy {
    pub whole: f64,
    saturated: f64,
    dead: f64,
}

impl Slopes {
    pub fn new(activation: Activation, units: usize) -> Self {
        Self { activation, units, silent: vec![false; units], ever_silent: vec![true; units] }
    }

    /// Looks at a sample's activations, `[rows × units]`; `z` where f' needs it, else empty.
    pub fn look<F: Real>(&mut self, z: &[F], a: &[F]) -> ActivationHealth {
        let count = a.len().max(1) as f64;
        let Spread { sum, squares, least, most } = Spread::of(a);
        let mean = sum / count;
        let saturated = match self.flat_above() {
            Some(limit) => a.iter().filter(|&&a| self.flatness(a.to_f64()) < limit).count(),
            None => 0,
        };
        self.find_silent(z, a);
        let share = |flags: &[bool]| flags.iter().filter(|&&is| is).count() as f64 / self.units as f64;
        ActivationHealth {
            mean: rounded(mean),
            variance: rounded((squares / count - mean * mean).max(0.0)),
            histogram: self.histogram(a, least, most),
            saturated: rounded(saturated as f64 / count),
            dead: rounded(share(&self.silent)),
            never_active: rounded(share(&self.ever_silent)),
        }
    }

    /// f' below which a unit counts as saturated.
    fn flat_above(&self) -> Option<f64> {
        largest_slope(self.activation).map(|largest| SATURATED * largest)
    }

    /// f' of an activation that saturates.
    fn flatness(&self, a: f64) -> f64 {
        if self.activation == Activation::Sigmoid { a * (1.0 - a) } else { (1.0 - a) * (1.0 + a) }
    }

    fn find_silent<F: Real>(&mut self, z: &[F], a: &[F]) {
        let f = self.activation;
        if self.flat_above().is_some()
            || matches!(f, Activation::Softmax | Activation::Identity | Activation::Exp)
        {
            self.silent.fill(false);
            self.ever_silent.fill(false);
            return;
        }
        self.silent.fill(true);
        for (row, a) in a.chunks_exact(self.units).enumerate() {
            if f == Activation::Relu {
                self.silent.iter_mut().zip(a).for_each(|(silent, &a)| *silent &= a <= F::ZERO);
                continue;
            }
            for (unit, (silent, &a)) in self.silent.iter_mut().zip(a).enumerate() {
                let z = z.get(row * self.units + unit).copied().unwrap_or(a);
                *silent = *silent && f.derivative(z, a).to_f64().abs() < SILENT;
            }
        }
        self.ever_silent.iter_mut().zip(&self.silent).for_each(|(ever, &silent)| *ever &= silent);
    }

    fn histogram<F: Real>(&self, a: &[F], least: f64, most: f64) -> Histogram {
        let (from, to) = match self.activation {
            Activation::Sigmoid | Activation::Softmax => (0.0, 1.0),
            Activation::Tanh => (-1.0, 1.0),
            _ => (least, most),
        };
        let scale = BARS as f64 / (to - from);
        // An odd stride, so that a number of units that is a power of two does not hide most of them.
        let stride = (a.len() / COUNTED) | 1;
        // Neighbours are often alike: counted in turns, no bar waits for the count before it.
        let mut turns = [[0_u32; BARS]; 4];
        for (turn, a) in (0..4).cycle().zip(a.iter().step_by(stride)) {
            let bar = ((a.to_f64() - from) * scale) as i32; // NaN is 0; a width of nothing makes it so
            turns[turn][bar.clamp(0, BARS as i32 - 1) as usize] += 1;
        }
        let counts = std::array::from_fn(|bar| turns.iter().map(|counts| counts[bar]).sum());
        Histogram { from: rounded(from), to: rounded(to), counts }
    }

    /// Σ g² over a sample's ∂C/∂a or δ, after [`look`](Self::look) at its activations.
    pub fn energy<F: Real>(&self, a: &[F], g: &[F]) -> Energy {
        let square = |g: F| g.to_f64() * g.to_f64();
        let mut energy = Energy { whole: summed(g, g, |g, _| square(g)), ..Energy::default() };
        // A unit is silent or saturates: an activation that does the one does not do the other.
        if let Some(limit) = self.flat_above() {
            energy.saturated =
                summed(a, g, |a, g| if self.flatness(a.to_f64()) < limit { square(g) } else { 0.0 });
        }
        for (unit, _) in self.silent.iter().enumerate().filter(|(_, silent)| **silent) {
            energy.dead += g[unit..].iter().step_by(self.units).map(|&g| square(g)).sum::<f64>();
        }
        energy
    }
}

/// Numbers that are summed side by side, so that no sum waits for itself.
const SIDE_BY_SIDE: usize = 8;

/// Σ of a function of two numbers each.
#[inline(always)]
fn summed<F: Real>(a: &[F], b: &[F], of: impl Fn(F, F) -> f64) -> f64 {
    let mut sums = [0.0; SIDE_BY_SIDE];
    let ((a, rest_of_a), (b, rest_of_b)) = (a.as_chunks::<SIDE_BY_SIDE>(), b.as_chunks::<SIDE_BY_SIDE>());
    for (a, b) in a.iter().zip(b) {
        for at in 0..SIDE_BY_SIDE {
            sums[at] += of(a[at], b[at]);
        }
    }
    let rest: f64 = rest_of_a.iter().zip(rest_of_b).map(|(&a, &b)| of(a, b)).sum();
    sums.iter().sum::<f64>() + rest
}

/// Sums and extremes of a sample's activations.
struct Spread {
    sum: f64,
    squares: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// NaN is neither the least nor the most. Four passes, each of which the compiler turns into vectors, take half the time of
    /// one with all four in it.
    fn of<F: Real>(a: &[F]) -> Self {
        Self {
            sum: summed(a, a, |a, _| a.to_f64()),
            squares: summed(a, a, |a, _| a.to_f64() * a.to_f64()),
            least: extreme(a, F::INFINITY, |a, least| a < least).to_f64(),
            most: extreme(a, -F::INFINITY, |a, most| a > most).to_f64(),
        }
    }
}

/// The number that goes before all others, by `before`; `last` where there is none.
#[inline(always)]
fn extreme<F: Real>(a: &[F], last: F, before: impl Fn(F, F) -> bool) -> F {
    let pick = |kept: F, a: F| if before(a, kept) { a } else { kept };
    let mut kept = [last; SIDE_BY_SIDE];
    let (groups, rest) = a.as_chunks::<SIDE_BY_SIDE>();
    for group in groups {
        for at in 0..SIDE_BY_SIDE {
            kept[at] = pick(kept[at], group[at]);
        }
    }
    kept.iter().chain(rest).fold(last, |kept, &a| pick(kept, a))
}

impl LayerHealth {
    /// Fills in what f' did: `arrived` is of ∂C/∂a, `left` of δ.
    pub(crate) fn pass_activation(&mut self, arrived: Energy, left: Energy) {
        self.slope = Some(rounded(ratio(left.whole.sqrt(), arrived.whole.sqrt())));
        if arrived.whole > 0.0 {
            self.lost_saturated = rounded((arrived.saturated - left.saturated) / arrived.whole);
            self.lost_dead = rounded((arrived.dead - left.dead) / arrived.whole);
        }
    }
}

/// 0/0 is 1: nothing came, and nothing was lost.
pub(crate) fn ratio(after: f64, before: f64) -> f64 {
    if after == before { 1.0 } else { after / before }
}

/// The share of units whose column of w, and bias, equal those of the unit before.
pub(crate) fn twins<F: Real>(w: &[F], bias: &[F]) -> f64 {
    let units = bias.len();
    if units < 2 {
        return 0.0;
    }
    let mut equal: Vec<usize> = (1..units).filter(|&unit| bias[unit] == bias[unit - 1]).collect();
    for row in w.chunks_exact(units) {
        equal.retain(|&unit| row[unit] == row[unit - 1]);
        if equal.is_empty() {
            break;
        }
    }
    rounded(equal.len() as f64 / (units - 1) as f64)
}
