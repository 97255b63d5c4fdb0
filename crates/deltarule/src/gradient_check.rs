//! Backpropagation against finite differences, parameter by parameter, in double precision.
//!
//! The numeric gradient of parameter p is (4·D(h/2) − D(h)) / 3 with D(h) = (C(p+h) − C(p−h)) / 2h (central differences
//! with one step of Richardson's extrapolation, error O(h⁴)). Dropout masks are
//! frozen (they are a function of the step's number), batch normalisation uses the batch's statistics at every
//! evaluation. Where a ReLU or another kinked function changes side between p−h and p+h the difference says nothing
//! about the gradient at p: such a parameter is tried again with smaller h, and counted as stepped over where no h
//! avoids the kink.
//!
//! Training runs in single precision: [`check_single`] holds its backward pass against the double-precision one that
//! the differences have borne out. [`check_model`] does both with a model's own networks, costs, penalties and rows, and
//! says by the table's names where the two are furthest apart.

mod of_model;
mod single;
#[cfg(test)]
mod tests;

use deltarule_kernels::{Activation, Pool, Real};

use crate::dataset::Batch;
use crate::layer::{Pass, TensorKind};
use crate::loss::{Cost, Loss};
use crate::network::{Network, Workspace};
use crate::optimizer::Regularization;

pub use of_model::{ModelCheck, NamedEntry, NetworkCheck, SteppedOver, Verdict, check_model};
pub use single::{SINGLE, SingleCheck, SingleTensor, check_single};

/// |analytic − numeric| ≤ `RELATIVE`·max(|analytic|, |numeric|) + `ABSOLUTE`·‖g‖∞ + the rounding of the costs over
/// the step, and of ŷ − y.
///
/// The last is far below the others but at a minimum, where little of the gradient is left. If the cost is not 0 there, the
/// rows' gradients cancel, and a cost of 0.1, known to 1e-17, is known to 1e-14 over a step of 1e-3: a linear regression that
/// L-BFGS has trained to a gradient of 1e-9 would fail without it. If it is, as of classes that are told apart, ŷ − y is the
/// small difference of large numbers, known to 1e-16 itself.
pub const RELATIVE: f64 = 1e-6;

/// See [`RELATIVE`].
pub const ABSOLUTE: f64 = 1e-9;

/// The greatest part of parameters that may be stepped over for their kinks.
pub const MOST_KINKS: f64 = 0.01;

/// Parameters stepped over that are named for each tensor.
const KINKS_NAMED: usize = 3;

/// Steps tried, as parts of max(1, |p|); the first is near the best for an error of O(h⁴), ε^(1/5) ≈ 7e-4 (Press et al.
/// 2007, §5.7); the others reach less far across a kink.
const STEPS: [f64; 3] = [1e-3, 1e-4, 1e-5];

/// |wide − narrow| ≤ `AGREE`·max(|wide|, |narrow|) + `AGREE_ABSOLUTE`·‖g‖∞ for a step that needs no shorter one: they
/// differ by the term in h², so that the extrapolation's, in h⁴, is far below [`RELATIVE`].
const AGREE: f64 = 1e-4;

/// See [`AGREE`].
const AGREE_ABSOLUTE: f64 = 1e-7;

/// Roundings that a difference is allowed: of the cost, each half a unit in the last place of what it is made of, and of ŷ − y.
const ROUNDINGS: f64 = 4.0;

/// The check of one parameter tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorCheck {
    /// `layers.0.w`.
    pub name: String,
    /// Index of its layer.
    pub layer: usize,
    /// What it is.
    pub kind: TensorKind,
    /// Parameters compared.
    pub compared: usize,
    /// Parameters stepped over, since a kink lies within reach of every step.
    pub kinks: usize,
    /// Those of them with the largest gradients by backpropagation, largest first: place in the tensor, gradient.
    pub largest_kinks: Vec<(usize, f64)>,
    /// The largest |analytic − numeric| / max(|analytic|, |numeric|, 1e-3·‖g‖∞, rounding/[`RELATIVE`]).
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
    /// The size of what the cost is made of: each evaluation is rounded to about the last place of that.
    size: f64,
    /// What of the gradient may be rounding of δ_L = ŷ − y.
    blur: Vec<f64>,
}

impl<'a> Objective<'a> {
    fn new(
        pool: &'a Pool,
        network: &Network<f64>,
        loss: &'a Loss,
        regularization: &'a Regularization,
        batch: Batch<'a, f64>,
        pass: Pass,
    ) -> Self {
        let (ws, regularized) = (network.workspace(batch.rows), network.regularized());
        let network = network.clone();
        Self {
            pool,
            ws,
            regularized,
            network,
            loss,
            regularization,
            batch,
            pass,
            size: 0.0,
            blur: Vec::new(),
        }
    }

    /// The cost, its gradient by backpropagation, and on which sides of its kinks it is.
    fn differentiated(&mut self) -> (f64, Vec<f64>, Vec<bool>) {
        let mut grads = vec![0.0; self.network.params().len()];
        let mut here = Vec::new();
        let cost = self.cost();
        self.sides(&mut here);
        self.gradient(&mut grads);
        self.size = cost.abs() + self.felt();
        self.blur = self.blurred();
        (cost, grads, here)
    }

    fn cost(&mut self) -> f64 {
        self.network.forward(self.pool, &mut self.ws, &self.batch, self.pass);
        let (z, a, delta) = self.network.output_and_delta(&mut self.ws, self.batch.rows);
        let (targets, weights) = (self.batch.targets, self.batch.weights);
        let sum = self.loss.value_and_delta(self.pool, z, a, targets, weights, Some(delta));
        let penalty = self.regularization.penalty(self.pool, self.network.params(), &self.regularized);
        sum / self.batch.total_weight() + penalty
    }

    /// How much the cost feels of its pre-activations' last places, in the mean over the rows, after a backward pass:
    /// Σ |δ|·Σ|x·w| of each dense layer, since z = x·w + b is known to the last place of its terms, and x no better. Of
    /// exp(z) − y·z also y·z, which cancels in the cost itself.
    fn felt(&mut self) -> f64 {
        let (batch, network) = (&self.batch, &self.network);
        let mut felt = 0.0;
        for tensor in network.tensors().iter().filter(|tensor| tensor.kind == TensorKind::Weight) {
            let (units, w) = (tensor.shape[1], &network.params()[tensor.range.clone()]);
            let x = match tensor.layer.checked_sub(1) {
                Some(before) => &self.ws.kept[before].a[..batch.rows * network.layers()[before].units()],
                None => batch.dense,
            };
            let width = x.len() / batch.rows;
            for (row, delta) in
                self.ws.kept[tensor.layer].delta.chunks_exact(units).take(batch.rows).enumerate()
            {
                let of_weights = |x: f64, w: &[f64]| {
                    x.abs() * w.iter().zip(delta).map(|(w, delta)| (w * delta).abs()).sum::<f64>()
                };
                if let (0, Some(sparse)) = (tensor.layer, batch.sparse) {
                    let (columns, numbers) = sparse.row(row);
                    for (&column, &x) in columns.iter().zip(numbers) {
                        felt += of_weights(x, &w[column as usize * units..][..units]);
                    }
                    continue;
                }
                for (&x, w) in x[row * width..][..width].iter().zip(w.chunks_exact(units)) {
                    felt += of_weights(x, w);
                }
            }
        }
        if self.loss.cost() == Cost::Poisson {
            let (z, ..) = network.output_and_delta(&mut self.ws, batch.rows);
            let outputs = batch.targets.outputs();
            for (cell, z) in z.iter().enumerate() {
                let (row, output) = (cell / outputs, cell % outputs);
                felt += batch.weights.map_or(1.0, |w| w[row]) * (z * batch.targets.value(row, output)).abs();
            }
        }
        felt / batch.total_weight()
    }

    /// The gradient of half the last places of ŷ and y, with signs as if drawn: what the rounding of ŷ − y comes to. Of a
    /// perfect fit it is all that the gradient is.
    fn blurred(&mut self) -> Vec<f64> {
        let mut blur = vec![0.0; self.network.params().len()];
        let (targets, weights, rows) = (self.batch.targets, self.batch.weights, self.batch.rows);
        let outputs = targets.outputs();
        let (_, a, delta) = self.network.output_and_delta(&mut self.ws, rows);
        for (cell, (delta, a)) in delta.iter_mut().zip(a).enumerate() {
            let (row, output) = (cell / outputs, cell % outputs);
            let size = a.abs() + targets.value(row, output).abs();
            let sign = if (cell as u32).wrapping_mul(2_654_435_769) >> 31 == 0 { 1.0 } else { -1.0 };
            *delta = sign * 0.5 * f64::EPSILON * size * weights.map_or(1.0, |weights| weights[row]);
        }
        let total = self.batch.total_weight();
        self.network.backward(self.pool, &mut self.ws, &self.batch, total, &mut blur);
        blur
    }

    fn gradient(&mut self, grads: &mut [f64]) {
        let total = self.batch.total_weight();
        self.network.backward(self.pool, &mut self.ws, &self.batch, total, grads);
        let params = self.network.params();
        self.regularization.add_gradient(self.pool, params, grads, &self.regularized);
    }

    /// Holds a gradient against differences of the cost; `here` are the sides of its kinks.
    fn compare(&mut self, grads: &[f64], here: &[bool], most_per_tensor: usize) -> Vec<TensorCheck> {
        let largest = grads.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
        let mut checks = Vec::new();
        for tensor in self.network.tensors().to_vec() {
            // Signs may cancel in one entry; they do not in all.
            let blur = self.blur[tensor.range.clone()].iter().fold(0.0_f64, |most, g| most.max(g.abs()));
            let stride = tensor.range.len().div_ceil(most_per_tensor.max(1)).max(1);
            let mut check = TensorCheck {
                name: tensor.name.clone(),
                layer: tensor.layer,
                kind: tensor.kind,
                compared: 0,
                kinks: 0,
                largest_kinks: Vec::new(),
                largest_relative_error: 0.0,
                failures: 0,
                worst: None,
            };
            for index in (0..tensor.range.len()).step_by(stride) {
                let place = tensor.range.start + index;
                let l1 = if tensor.kind.is_regularized() { self.regularization.l1 } else { 0.0 };
                match numeric(self, place, l1, largest, here) {
                    None => check.step_over(index, grads[place]),
                    Some(Difference { value, rounding, .. }) => {
                        check.compare(index, grads[place], value, largest, rounding + ROUNDINGS * blur);
                    }
                }
            }
            checks.push(check);
        }
        checks
    }

    /// On which side of every kink the last forward pass was.
    fn sides(&self, sides: &mut Vec<bool>) {
        sides.clear();
        each_side(&self.network, &self.ws, &self.batch, self.loss, |_, side| sides.push(side));
    }
}

/// Tells of every kink, by its row, on which side of it the last forward pass was: a unit's activation, and an output's
/// distance from its target.
fn each_side<F: Real>(
    network: &Network<F>,
    ws: &Workspace<F>,
    batch: &Batch<'_, F>,
    loss: &Loss,
    mut tell: impl FnMut(usize, bool),
) {
    for (layer, kept) in network.layers().iter().zip(&ws.kept) {
        let kinked = matches!(
            layer.activation(),
            Some(Activation::Relu | Activation::LeakyRelu { .. } | Activation::Elu { .. } | Activation::Selu)
        );
        if kinked {
            let cells = kept.a[..batch.rows * layer.units()].iter().enumerate();
            cells.for_each(|(cell, &a)| tell(cell / layer.units(), a > F::ZERO));
        }
    }
    let (_, a) = network.output(ws, batch.rows);
    let outputs = batch.targets.outputs();
    for (cell, a) in a.iter().enumerate() {
        let row = cell / outputs;
        let r = a.to_f64() - batch.targets.value(row, cell % outputs).to_f64();
        match loss.cost() {
            Cost::Absolute | Cost::Pinball { .. } => tell(row, r > 0.0),
            Cost::Huber { delta } => {
                tell(row, r > delta);
                tell(row, r < -delta);
            }
            _ => {}
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
    let mut objective = Objective::new(pool, network, loss, regularization, batch, pass);
    let (cost, grads, here) = objective.differentiated();
    let tensors = objective.compare(&grads, &here, most_per_tensor);
    GradientCheck { cost, tensors }
}

/// The check of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParameterCheck {
    /// ∂C/∂p by backpropagation.
    pub analytic: f64,
    /// The same by finite differences; `None` where a kink lies within reach of every step.
    pub numeric: Option<f64>,
    /// The step of the wider difference; of a parameter that was stepped over, the shortest that was tried.
    pub h: f64,
    /// How far the two may be apart: see [`RELATIVE`].
    pub allowed: f64,
}

impl ParameterCheck {
    /// Whether the two were compared and agree.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.numeric.is_some_and(|numeric| (self.analytic - numeric).abs() <= self.allowed)
    }
}

/// Checks the parameter at one place in the flat buffer, as [`check`] does, on one batch.
///
/// ```
/// use deltarule::Pool;
/// use deltarule::activation::Activation;
/// use deltarule::dataset::{Dataset, Targets};
/// use deltarule::gradient_check::check_parameter;
/// use deltarule::layer::Pass;
/// use deltarule::loss::{Cost, Loss};
/// use deltarule::network::NetworkSpec;
/// use deltarule::optimizer::Regularization;
///
/// // C = ½(wx + b − y)² at w = 2, x = 3, b = 0, y = 1: ∂C/∂w = (6 − 1)·3.
/// let mut network = NetworkSpec::new(1).dense(1, Activation::Identity).build::<f64>(1)?;
/// network.params_mut().copy_from_slice(&[2.0, 0.0]);
/// let data = Dataset::from_dense(1, vec![3.0], Targets::Values { outputs: 1, values: vec![1.0] });
/// let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0)?;
/// let none = Regularization::default();
/// let found = check_parameter(&Pool::new(1), &network, &loss, &none, data.range(0, 1), Pass::Inference, 0);
/// assert!(found.passed() && (found.analytic - 15.0).abs() < 1e-12);
/// # Ok::<(), deltarule::Error>(())
/// ```
///
/// # Panics
/// Where the batch does not fit the network, or there is no such place.
#[must_use]
pub fn check_parameter(
    pool: &Pool,
    network: &Network<f64>,
    loss: &Loss,
    regularization: &Regularization,
    batch: Batch<'_, f64>,
    pass: Pass,
    place: usize,
) -> ParameterCheck {
    let mut objective = Objective::new(pool, network, loss, regularization, batch, pass);
    let (_, grads, here) = objective.differentiated();
    let largest = grads.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
    let tensor = network.tensors().iter().find(|tensor| tensor.range.contains(&place));
    let tensor = tensor.unwrap_or_else(|| panic!("there is no parameter {place}"));
    let blur = objective.blur[tensor.range.clone()].iter().fold(0.0_f64, |most, g| most.max(g.abs()));
    let l1 = if tensor.kind.is_regularized() { regularization.l1 } else { 0.0 };
    let analytic = grads[place];
    let shortest = STEPS[STEPS.len() - 1] * network.params()[place].abs().max(1.0);
    match numeric(&mut objective, place, l1, largest, &here) {
        None => ParameterCheck { analytic, numeric: None, h: shortest, allowed: 0.0 },
        Some(Difference { value, rounding, h }) => {
            let allowed = allowance(analytic, value, largest, rounding + ROUNDINGS * blur);
            ParameterCheck { analytic, numeric: Some(value), h, allowed }
        }
    }
}

/// A difference of the cost.
struct Difference {
    value: f64,
    /// How much of it may be rounding.
    rounding: f64,
    /// The step of the wider of the two that it was extrapolated from.
    h: f64,
}

/// How far a gradient and a difference may be apart: see [`RELATIVE`].
fn allowance(analytic: f64, numeric: f64, largest: f64, rounding: f64) -> f64 {
    RELATIVE * analytic.abs().max(numeric.abs()) + ABSOLUTE * largest + rounding
}

/// The extrapolated central difference with the largest step that crosses no kink and over which the cost is nearly a
/// parabola: where wide and narrow differences disagree, shorter steps are tried, and those that agree best are taken.
///
/// The kink of |w| at 0 is known, and no reason to step over a weight: beyond it the penalty is continued as the
/// straight line l1·sign(w)·w whose slope backpropagation takes.
fn numeric(
    objective: &mut Objective<'_>,
    place: usize,
    l1: f64,
    largest: f64,
    here: &[bool],
) -> Option<Difference> {
    let rounding = ROUNDINGS * 0.5 * f64::EPSILON * objective.size;
    let p = objective.network.params()[place];
    let sign = if p == 0.0 { 0.0 } else { p.signum() };
    let mut sides = Vec::with_capacity(here.len());
    let mut best: Option<(f64, Difference)> = None;
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
            if best.as_ref().is_none_or(|(least, _)| apart < *least) {
                best = Some((apart, Difference { value: found, rounding: rounding / h, h }));
            }
            let agree = AGREE * narrow.abs().max(wide.abs()) + AGREE_ABSOLUTE * largest;
            // Over a shorter step rounding alone would set them further apart.
            if apart <= agree.max(rounding / h) {
                break;
            }
        }
    }
    objective.network.params_mut()[place] = p;
    best.map(|(_, difference)| difference)
}

impl TensorCheck {
    fn step_over(&mut self, index: usize, analytic: f64) {
        self.kinks += 1;
        let before = self.largest_kinks.partition_point(|(_, gradient)| gradient.abs() >= analytic.abs());
        self.largest_kinks.insert(before, (index, analytic));
        self.largest_kinks.truncate(KINKS_NAMED);
    }

    fn compare(&mut self, index: usize, analytic: f64, numeric: f64, largest: f64, rounding: f64) {
        self.compared += 1;
        let (difference, size) = ((analytic - numeric).abs(), analytic.abs().max(numeric.abs()));
        let within = difference <= allowance(analytic, numeric, largest, rounding);
        self.failures += usize::from(!within);
        let size = size.max(1e-3 * largest).max(rounding / RELATIVE);
        let relative = if difference == 0.0 { 0.0 } else { difference / size };
        // A NaN on either side is the worst there is.
        if self.worst.is_none() || relative.is_nan() || relative > self.largest_relative_error {
            self.largest_relative_error = relative;
            self.worst = Some(WorstEntry { index, analytic, numeric });
        }
    }
}
