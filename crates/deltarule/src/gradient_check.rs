//! Backpropagation against finite differences, parameter by parameter, in double precision.
//!
//! The numeric gradient of parameter p is (4·D(h/2) − D(h)) / 3 with D(h) = (C(p+h) − C(p−h)) / 2h (central differences
//! with one step of Richardson's extrapolation, error O(h⁴)). Dropout masks are
//! frozen (they are a function of the step's number), batch normalisation uses the batch's statistics at every
//! evaluation. Where a ReLU or another kinked function changes side between p−h and p+h the difference says nothing
//! about the gradient at p: such a parameter is tried again with smaller h, and counted as stepped over where no h
//! avoids the kink.

use deltarule_kernels::{Activation, Pool};

use crate::dataset::Batch;
use crate::layer::{Pass, TensorKind};
use crate::loss::{Cost, Loss};
use crate::network::{Network, Workspace};
use crate::optimizer::Regularization;

/// |analytic − numeric| ≤ `RELATIVE`·max(|analytic|, |numeric|) + `ABSOLUTE`·‖g‖∞.
pub const RELATIVE: f64 = 1e-6;

/// See [`RELATIVE`].
pub const ABSOLUTE: f64 = 1e-9;

/// The greatest part of parameters that may be stepped over for their kinks.
pub const MOST_KINKS: f64 = 0.01;

/// Steps tried, as parts of max(1, |p|); the first is near the best for an error of O(h⁴), ε^(1/5) ≈ 7e-4 (Press et al.
/// 2007, §5.7); the others reach less far across a kink.
const STEPS: [f64; 3] = [1e-3, 1e-4, 1e-5];

/// |wide − narrow| ≤ `AGREE`·max(|wide|, |narrow|) + `AGREE_ABSOLUTE`·‖g‖∞ for a step that needs no shorter one: they
/// differ by the term in h², so that the extrapolation's, in h⁴, is far below [`RELATIVE`].
const AGREE: f64 = 1e-4;

/// See [`AGREE`].
const AGREE_ABSOLUTE: f64 = 1e-6;

/// The check of one parameter tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorCheck {
    /// `layers.0.w`.
    pub name: String,
    /// What it is.
    pub kind: TensorKind,
    /// Parameters compared.
    pub compared: usize,
    /// Parameters stepped over, since a kink lies within reach of every step.
    pub kinks: usize,
    /// The largest |analytic − numeric| / max(|analytic|, |numeric|, 1e-3·‖g‖∞).
    pub largest_relative_error: f64,
    /// Parameters beyond the tolerance.
    pub failures: usize,
    /// The entry with the largest relative error.
    pub worst: Option<WorstEntry>,
}

/// Where backpropagation and finite differences are furthest apart.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstEntry {
    /// Place in the tensor, row-major.
    pub index: usize,
    /// By backpropagation.
    pub analytic: f64,
    /// By finite differences.
    pub numeric: f64,
}

/// A whole gradient check.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientCheck {
    /// Mean cost of the batch, penalties included.
    pub cost: f64,
    /// One per parameter tensor.
    pub tensors: Vec<TensorCheck>,
}

impl GradientCheck {
    /// Parameters beyond the tolerance.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.failures).sum()
    }

    /// Whether no parameter is beyond the tolerance and at most [`MOST_KINKS`] were stepped over.
    #[must_use]
    pub fn passed(&self) -> bool {
        let sum = |of: fn(&TensorCheck) -> usize| self.tensors.iter().map(of).sum::<usize>();
        let (kinks, compared) = (sum(|t| t.kinks), sum(|t| t.compared));
        self.failures() == 0 && compared > 0 && kinks as f64 <= MOST_KINKS * (kinks + compared) as f64
    }
}

/// The cost as a function of the parameters: what is differentiated.
struct Objective<'a> {
    pool: &'a Pool,
    network: Network<f64>,
    ws: Workspace<f64>,
    loss: &'a Loss,
    regularization: &'a Regularization,
    batch: Batch<'a, f64>,
    pass: Pass,
    regularized: Vec<std::ops::Range<usize>>,
}

impl Objective<'_> {
    fn cost(&mut self) -> f64 {
        self.network.forward(self.pool, &mut self.ws, &self.batch, self.pass);
        let (z, a, delta) = self.network.output_and_delta(&mut self.ws, self.batch.rows);
        let (targets, weights) = (self.batch.targets, self.batch.weights);
        let sum = self.loss.value_and_delta(self.pool, z, a, targets, weights, Some(delta));
        let penalty = self.regularization.penalty(self.pool, self.network.params(), &self.regularized);
        sum / self.batch.total_weight() + penalty
    }

    fn gradient(&mut self, grads: &mut [f64]) {
        let total = self.batch.total_weight();
        self.network.backward(self.pool, &mut self.ws, &self.batch, total, grads);
        let params = self.network.params();
        self.regularization.add_gradient(self.pool, params, grads, &self.regularized);
    }

    /// On which side of every kink the last forward pass was.
    fn sides(&self, sides: &mut Vec<bool>) {
        sides.clear();
        for (layer, kept) in self.network.layers().iter().zip(&self.ws.kept) {
            let kinked = matches!(
                layer.activation(),
                Some(
                    Activation::Relu
                        | Activation::LeakyRelu { .. }
                        | Activation::Elu { .. }
                        | Activation::Selu
                )
            );
            if kinked {
                sides.extend(kept.a[..self.batch.rows * layer.units()].iter().map(|&a| a > 0.0));
            }
        }
        let (_, a) = self.network.output(&self.ws, self.batch.rows);
        let outputs = self.batch.targets.outputs();
        for (cell, &a) in a.iter().enumerate() {
            let r = a - self.batch.targets.value(cell / outputs, cell % outputs);
            match self.loss.cost() {
                Cost::Absolute | Cost::Pinball { .. } => sides.push(r > 0.0),
                Cost::Huber { delta } => sides.extend([r > delta, r < -delta]),
                _ => {}
            }
        }
    }
}

/// Checks up to `most_per_tensor` parameters of each tensor, spread evenly over it, on one batch.
///
/// `pass` says whether dropout masks and batch statistics take part, and of which step.
///
/// # Panics
/// Where the batch does not fit the network.
#[must_use]
pub fn check(
    pool: &Pool,
    network: &Network<f64>,
    loss: &Loss,
    regularization: &Regularization,
    batch: Batch<'_, f64>,
    pass: Pass,
    most_per_tensor: usize,
) -> GradientCheck {
    let mut objective = Objective {
        pool,
        ws: network.workspace(batch.rows),
        regularized: network.regularized(),
        network: network.clone(),
        loss,
        regularization,
        batch,
        pass,
    };
    let mut grads = vec![0.0; network.params().len()];
    let cost = objective.cost();
    let mut here = Vec::new();
    objective.sides(&mut here);
    objective.gradient(&mut grads);
    let largest = grads.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
    let tensors = network.tensors().iter().map(|tensor| {
        let stride = tensor.range.len().div_ceil(most_per_tensor.max(1)).max(1);
        let mut check = TensorCheck {
            name: tensor.name.clone(),
            kind: tensor.kind,
            compared: 0,
            kinks: 0,
            largest_relative_error: 0.0,
            failures: 0,
            worst: None,
        };
        for index in (0..tensor.range.len()).step_by(stride) {
            let place = tensor.range.start + index;
            let l1 = if tensor.kind.is_regularized() { regularization.l1 } else { 0.0 };
            match numeric(&mut objective, place, l1, largest, &here) {
                None => check.kinks += 1,
                Some(numeric) => check.compare(index, grads[place], numeric, largest),
            }
        }
        check
    });
    GradientCheck { cost, tensors: tensors.collect() }
}

/// The extrapolated central difference with the largest step that crosses no kink and over which the cost is nearly a
/// parabola: where wide and narrow differences disagree, shorter steps are tried, and those that agree best are taken.
///
/// The kink of |w| at 0 is known, and no reason to step over a weight: beyond it the penalty is continued as the
/// straight line l1·sign(w)·w whose slope backpropagation takes.
fn numeric(objective: &mut Objective<'_>, place: usize, l1: f64, largest: f64, here: &[bool]) -> Option<f64> {
    let p = objective.network.params()[place];
    let sign = if p == 0.0 { 0.0 } else { p.signum() };
    let mut sides = Vec::with_capacity(here.len());
    let mut best: Option<(f64, f64)> = None;
    for step in STEPS {
        let h = step * p.abs().max(1.0);
        let mut at = |value: f64| {
            objective.network.params_mut()[place] = value;
            let mut cost = objective.cost();
            if l1 != 0.0 {
                cost -= l1 * (value.abs() - sign * value);
            }
            objective.sides(&mut sides);
            (cost, sides == here)
        };
        let mut difference = |h: f64| {
            let ((above, same_above), (below, same_below)) = (at(p + h), at(p - h));
            (same_above && same_below).then(|| (above - below) / ((p + h) - (p - h)))
        };
        if let (Some(wide), Some(narrow)) = (difference(h), difference(0.5 * h)) {
            let (found, apart) = ((4.0 * narrow - wide) / 3.0, (narrow - wide).abs());
            if best.is_none_or(|(least, _)| apart < least) {
                best = Some((apart, found));
            }
            if apart <= AGREE * narrow.abs().max(wide.abs()) + AGREE_ABSOLUTE * largest {
                break;
            }
        }
    }
    objective.network.params_mut()[place] = p;
    best.map(|(_, found)| found)
}

impl TensorCheck {
    fn compare(&mut self, index: usize, analytic: f64, numeric: f64, largest: f64) {
        self.compared += 1;
        let (difference, size) = ((analytic - numeric).abs(), analytic.abs().max(numeric.abs()));
        let within = difference <= RELATIVE * size + ABSOLUTE * largest;
        self.failures += usize::from(!within);
        let relative = if difference == 0.0 { 0.0 } else { difference / size.max(1e-3 * largest) };
        // A NaN on either side is the worst there is.
        if self.worst.is_none() || relative.is_nan() || relative > self.largest_relative_error {
            self.largest_relative_error = relative;
            self.worst = Some(WorstEntry { index, analytic, numeric });
        }
    }
}
