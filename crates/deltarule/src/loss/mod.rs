//! Costs: what the network is to make small, and its delta, out of **one function** so that they cannot drift.
//!
//! With ŷ = a_L the network's output, C(ŷ, y) is the cost of one row; a batch's cost is the weighted mean. What
//! [`Loss::value_and_delta`] returns is the weighted *sum* Σ_r weight_r·C_r, and δ_L = ∂(that sum)/∂z_L row by row:
//! the division by W comes with the gradients, so that sums over machines can be added first.

mod focal;
pub(crate) use focal::{Focus, best_constant};
#[cfg(test)]
mod tests;

use deltarule_kernels::{
    Activation, ClassRows, OutputRows, Pool, Real, activate_backward, binary_cross_entropies,
    cross_entropies, squared_errors,
};
use serde::{Deserialize, Serialize};

use crate::activation;
use crate::dataset::TargetsView;
use crate::error::{ErrorKind, Result};

/// The cost of one row, r = ŷ − y for each output.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// ½·Σ r², so that ∂C/∂ŷ = ŷ − y. (PyTorch's `MSELoss` is 2/outputs of it.)
    SquaredError,
    /// Σ |r|.
    Absolute,
    /// Σ ½r² where |r| ≤ delta, else delta·(|r| − ½delta) (Huber 1964).
    Huber {
        /// Where the parabola becomes a line, in the targets' scaled units.
        delta: f64,
    },
    /// Σ max(q·(y−ŷ), (q−1)·(y−ŷ)): its minimum is the q-quantile (Koenker & Bassett 1978).
    Pinball {
        /// q, between 0 and 1.
        quantile: f64,
    },
    /// Σ ŷ − y·ln ŷ, the negative log-likelihood of counts less ln y!; with an `exp` output, exp(z) − y·z.
    Poisson,
    /// Σ −y·ln ŷ − (1−y)·ln(1−ŷ) on sigmoid outputs, computed from the logits.
    BinaryCrossEntropy,
    /// −Σ y·ln ŷ on a softmax output, computed from the logits.
    CrossEntropy,
    /// (1 − p)^γ · C with C the cross-entropy of a softmax's row or of one sigmoid output and p = e^−C, the probability
    /// of what was seen: rows that are classed well already weigh less (Lin et al. 2017, "Focal loss for dense object
    /// detection", eq. 4; its α_t of eq. 5 is a class weight). Outputs of a sigmoid are summed.
    Focal {
        /// γ, not negative; 0 is the cross-entropy.
        gamma: f64,
    },
}

impl Cost {
    /// The cost's name, as `--cost` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SquaredError => "squared_error",
            Self::Absolute => "absolute",
            Self::Huber { .. } => "huber",
            Self::Pinball { .. } => "pinball",
            Self::Poisson => "poisson",
            Self::BinaryCrossEntropy => "binary_cross_entropy",
            Self::CrossEntropy => "cross_entropy",
            Self::Focal { .. } => "focal",
        }
    }
}

/// A cost together with the output activation that it is computed through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    cost: Cost,
    output: Activation,
    label_smoothing: f64,
}

impl Loss {
    /// Pairs a cost with the network's output activation. `label_smoothing` s replaces a class's one-hot y by
    /// (1−s)·y + s/classes, a label's by (1−s)·y + s/2 (Szegedy et al. 2016, §7).
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] for a pair that has no finite cost everywhere (cross-entropy and focal need probabilities,
    /// poisson positive rates), or smoothing on a cost without classes.
    pub fn new(cost: Cost, output: Activation, label_smoothing: f64) -> Result<Self> {
        let allowed: &[Activation] = match cost {
            Cost::BinaryCrossEntropy => &[Activation::Sigmoid],
            Cost::CrossEntropy => &[Activation::Softmax],
            Cost::Focal { .. } => &[Activation::Softmax, Activation::Sigmoid],
            Cost::Poisson => &[Activation::Exp, Activation::Softplus],
            _ => &[],
        };
        if !allowed.is_empty() && !allowed.contains(&output) {
            let names: Vec<_> = allowed.iter().map(|&a| activation::name(a)).collect();
            return Err(ErrorKind::Conflict {
                first: format!("cost {}", cost.name()),
                second: format!("output activation {}", activation::name(output)),
                why: format!("this cost is defined on {} outputs", names.join(" or ")),
            }
            .into());
        }
        let smoothable = matches!(cost, Cost::BinaryCrossEntropy | Cost::CrossEntropy);
        if label_smoothing != 0.0 && !smoothable {
            return Err(ErrorKind::Conflict {
                first: format!("label_smoothing {label_smoothing}"),
                second: format!("cost {}", cost.name()),
                why: "only the cross-entropies have labels to smooth".into(),
            }
            .into());
        }
        Ok(Self { cost, output, label_smoothing })
    }

    /// The cost.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// The output activation that it is computed through.
    #[must_use]
    pub fn output(&self) -> Activation {
        self.output
    }

    /// The share of each target that label smoothing spreads over all classes.
    #[must_use]
    pub fn label_smoothing(&self) -> f64 {
        self.label_smoothing
    }

    /// Σ_r weight_r·C_r, and δ = ∂(that)/∂z written over `delta`, if wanted.
    ///
    /// | argument | shape | |
    /// |---|---|---|
    /// | `z` | `[batch, outputs]` | pre-activations of the last layer (logits) |
    /// | `a` | `[batch, outputs]` | its activations ŷ |
    /// | `targets` | `[batch, outputs]` or classes | y |
    /// | `weights` | `[batch]` | 1 each where `None` |
    /// | `delta` | `[batch, outputs]` | out |
    ///
    /// # Panics
    /// Where lengths do not agree.
    pub fn value_and_delta<F: Real>(
        &self,
        pool: &Pool,
        z: &[F],
        a: &[F],
        targets: TargetsView<'_, F>,
        weights: Option<&[F]>,
        mut delta: Option<&mut [F]>,
    ) -> f64 {
        assert_eq!(z.len(), a.len(), "z and a are of one shape");
        let mut sum = 0.0;
        self.each_row(pool, 0, z, a, targets, weights, delta.as_deref_mut(), |_, cost| sum += cost);
        if let Some(delta) = delta {
            self.through_output(pool, targets.outputs(), z, a, delta);
        }
        sum
    }

    /// [`value_and_delta`](Self::value_and_delta) of some rows of a batch, each row's cost for itself: `targets` and
    /// `weights` are the whole batch's.
    ///
    /// # Panics
    /// Where lengths do not agree.
    pub fn rows<F: Real>(
        &self,
        pool: &Pool,
        output: OutputRows<'_, F>,
        targets: TargetsView<'_, F>,
        weights: Option<&[F]>,
    ) {
        let OutputRows { rows, z, a, delta, costs } = output;
        let delta_out = Some(&mut *delta);
        self.each_row(pool, rows.start, z, a, targets, weights, delta_out, |row, cost| costs[row] = cost);
        self.through_output(pool, targets.outputs(), z, a, delta);
    }

    /// Each row's cost C_r for itself, whatever the row weighs; arguments as in
    /// [`value_and_delta`](Self::value_and_delta).
    ///
    /// # Panics
    /// Where lengths do not agree.
    pub fn row_costs<F: Real>(&self, pool: &Pool, z: &[F], a: &[F], targets: TargetsView<'_, F>) -> Vec<f64> {
        assert_eq!(z.len(), a.len(), "z and a are of one shape");
        let mut costs = vec![0.0; a.len() / targets.outputs()];
        self.each_row(pool, 0, z, a, targets, None, None, |row, cost| costs[row] = cost);
        costs
    }

    /// The targets \[batch, outputs\], where the cost is the squared error of rows that all weigh 1.
    #[must_use]
    pub fn squared_error_from<'a, F: Real>(
        &self,
        targets: TargetsView<'a, F>,
        weights: Option<&[F]>,
    ) -> Option<&'a [F]> {
        match (self.cost, targets, weights) {
            (Cost::SquaredError, TargetsView::Values { values, .. }, None) => Some(values),
            _ => None,
        }
    }

    /// Calls `cost` with each row's number among those of `z` and its weighted cost; row 0 there is row `first` of the
    /// batch.
    fn each_row<F: Real>(
        &self,
        pool: &Pool,
        first: usize,
        z: &[F],
        a: &[F],
        targets: TargetsView<'_, F>,
        weights: Option<&[F]>,
        mut delta: Option<&mut [F]>,
        mut cost: impl FnMut(usize, f64),
    ) {
        let outputs = targets.outputs();
        if let Some(y) = self.squared_error_from(targets, weights) {
            let y = &y[first * outputs..][..a.len()];
            // Not the loop below: of the smallest networks' steps it would be a tenth.
            if outputs < MANY_OUTPUTS {
                few_squared_errors(outputs, a, y, delta, cost);
            } else {
                many_squared_errors(pool, outputs, a, y, delta, cost);
            }
            return;
        }
        if let Cost::Focal { gamma } = self.cost {
            self.each_focal_row(gamma, pool, first, z, a, targets, weights, delta, cost);
            return;
        }
        if self.is_by_vectors(targets) {
            self.each_row_by_vectors(pool, first, z, a, targets, weights, delta, cost);
            return;
        }
        for (row, (z, a)) in z.chunks_exact(outputs).zip(a.chunks_exact(outputs)).enumerate() {
            let weight = weights.map_or(F::ONE, |weights| weights[first + row]);
            let delta = delta.as_deref_mut().map(|delta| &mut delta[row * outputs..][..outputs]);
            let value = if self.cost == Cost::CrossEntropy {
                self.cross_entropy_row(pool, z, a, targets, first + row, weight, delta)
            } else {
                self.separate_outputs_row(z, a, targets, first + row, weight, delta)
            };
            cost(row, weight.to_f64() * value);
        }
    }

    /// Whether costs of these targets are computed by the kernels.
    fn is_by_vectors<F>(&self, targets: TargetsView<'_, F>) -> bool {
        matches!(
            (self.cost, targets),
            (Cost::CrossEntropy, TargetsView::Classes { .. })
                | (Cost::BinaryCrossEntropy, TargetsView::Values { .. })
        )
    }

    /// [`each_row`](Self::each_row) of a cross-entropy, by the kernels.
    fn each_row_by_vectors<F: Real>(
        &self,
        pool: &Pool,
        first: usize,
        z: &[F],
        a: &[F],
        targets: TargetsView<'_, F>,
        weights: Option<&[F]>,
        mut delta: Option<&mut [F]>,
        mut cost: impl FnMut(usize, f64),
    ) {
        let (outputs, smoothing) = (targets.outputs(), self.label_smoothing);
        let mut costs = [0.0; ROWS];
        for (block, (z, a)) in z.chunks(ROWS * outputs).zip(a.chunks(ROWS * outputs)).enumerate() {
            let costs = &mut costs[..a.len() / outputs];
            let cells = block * ROWS * outputs..block * ROWS * outputs + a.len();
            let mut delta = delta.as_deref_mut().map(|delta| &mut delta[cells]);
            let rows = first + block * ROWS..first + block * ROWS + costs.len();
            match targets.range(rows.start, rows.end) {
                TargetsView::Classes { classes, codes } => {
                    let given = ClassRows { z, a, codes, classes, smoothing };
                    cross_entropies(pool, given, delta.as_deref_mut(), costs);
                }
                TargetsView::Values { values, .. } => {
                    let delta = delta.as_deref_mut();
                    binary_cross_entropies(pool, outputs, z, a, values, smoothing, delta, costs);
                }
            }
            if let Some(weights) = weights {
                let weights = &weights[rows];
                costs.iter_mut().zip(weights).for_each(|(cost, weight)| *cost *= weight.to_f64());
                for (delta, &weight) in
                    delta.into_iter().flat_map(|d| d.chunks_exact_mut(outputs)).zip(weights)
                {
                    delta.iter_mut().for_each(|delta| *delta = weight * *delta);
                }
            }
            for (row, &value) in costs.iter().enumerate() {
                cost(block * ROWS + row, value);
            }
        }
    }

    /// δ = ∂C/∂ŷ ⊙ f', where `delta` is not δ already.
    fn through_output<F: Real>(&self, pool: &Pool, outputs: usize, z: &[F], a: &[F], delta: &mut [F]) {
        if !self.is_fused() {
            let z = self.output.needs_z().then_some(z);
            activate_backward(pool, self.output, outputs, z, a, delta);
        }
    }

    /// Whether δ comes from the logits directly (of the cross-entropies δ = weight·(ŷ − y)) instead of from ∂C/∂ŷ times f'.
    #[must_use]
    pub fn is_fused(&self) -> bool {
        match self.cost {
            Cost::CrossEntropy | Cost::BinaryCrossEntropy | Cost::Focal { .. } => true,
            Cost::Poisson => self.output == Activation::Exp,
            _ => false,
        }
    }

    /// −Σ y·ln ŷ of targets that are numbers: with c the class of the largest, −ln ŷ_j = −ln ŷ_c + (z_c − z_j), so that
    /// near a perfect fit no digit is lost, and a one-hot target costs what its class does: of it both sums below are 0.
    fn cross_entropy_row<F: Real>(
        &self,
        pool: &Pool,
        z: &[F],
        a: &[F],
        targets: TargetsView<'_, F>,
        row: usize,
        weight: F,
        delta: Option<&mut [F]>,
    ) -> f64 {
        let (classes, kept) = (z.len(), 1.0 - self.label_smoothing);
        let y = |j| targets.value(row, j).to_f64();
        let likeliest = (1..classes).fold(0, |likeliest, j| if y(j) > y(likeliest) { j } else { likeliest });
        let cost_of_class = |smoothing| {
            let mut cost = [0.0];
            let of_class = ClassRows { z, a, codes: &[likeliest as u32], classes, smoothing };
            cross_entropies(pool, of_class, None, &mut cost);
            cost[0]
        };
        let beyond: f64 = (0..classes).map(y).sum::<f64>() - 1.0;
        let differences: f64 = (0..classes).map(|j| y(j) * (z[likeliest] - z[j]).to_f64()).sum();
        if let Some(delta) = delta {
            // Σ_j y_j = 1, so ∂C/∂z = a·Σy − y = a − y.
            for (j, delta) in delta.iter_mut().enumerate() {
                *delta = weight * (a[j] - self.smoothed(targets.value(row, j), classes));
            }
        }
        cost_of_class(self.label_smoothing) + kept * (beyond * cost_of_class(0.0) + differences)
    }

    fn separate_outputs_row<F: Real>(
        &self,
        z: &[F],
        a: &[F],
        targets: TargetsView<'_, F>,
        row: usize,
        weight: F,
        mut delta: Option<&mut [F]>,
    ) -> f64 {
        let mut value = 0.0;
        for j in 0..z.len() {
            let (cost, slope) = self.output_cost(z[j], a[j], targets.value(row, j));
            value += cost;
            if let Some(delta) = delta.as_deref_mut() {
                delta[j] = weight * slope;
            }
        }
        value
    }

    /// The cost of one output, and its slope: ∂C/∂z where fused, else ∂C/∂ŷ.
    fn output_cost<F: Real>(&self, z: F, a: F, y: F) -> (f64, F) {
        let r = a - y;
        match self.cost {
            Cost::SquaredError => (0.5 * r.to_f64() * r.to_f64(), r),
            Cost::Absolute => (r.abs().to_f64(), r.signum0()),
            Cost::Huber { delta } => {
                let size = r.abs().to_f64();
                if size <= delta {
                    (0.5 * size * size, r)
                } else {
                    (delta * (size - 0.5 * delta), F::from_f64(delta) * r.signum0())
                }
            }
            Cost::Pinball { quantile } => {
                // r = ŷ − y: above the target (r > 0) costs (1−q) each unit, below costs q.
                let slope = if r > F::ZERO { 1.0 - quantile } else { -quantile };
                let slope = if r == F::ZERO { 0.0 } else { slope };
                (slope * r.to_f64(), F::from_f64(slope))
            }
            Cost::Poisson if self.is_fused() => ((a - y * z).to_f64(), r),
            Cost::Poisson => {
                let rate = if a > F::MIN_POSITIVE { a } else { F::MIN_POSITIVE };
                (a.to_f64() - y.to_f64() * rate.to_f64().ln(), F::ONE - y / rate)
            }
            Cost::BinaryCrossEntropy => {
                // ln(1+e^z) − y·z with ln(1+e^z) = max(z,0) + ln(1+e^−|z|). The large numbers cancel first: near a perfect
                // fit y·z is all of max(z,0), and what is left is a logarithm of full precision.
                let y = self.smoothed(y, 2);
                let logit = z.to_f64();
                let linear = if logit > 0.0 { logit } else { 0.0 } - y.to_f64() * logit;
                let value = if logit.is_nan() { logit } else { linear + (-logit.abs()).exp().ln_1p() };
                (value, a - y)
            }
            Cost::CrossEntropy | Cost::Focal { .. } => unreachable!("a row's outputs are not separate"),
        }
    }

    /// What a row's cost (before its weight) sends back to an output, ∂C/∂z where [fused](Self::is_fused) and else ∂C/∂ŷ
    /// (of a focal cost, that of its [cross-entropy](Self::entropy)); the formula of it; and the target as the cost sees it,
    /// smoothed. `outputs` is how many the network has.
    pub(crate) fn slope_of(&self, z: f64, a: f64, y: f64, outputs: usize) -> (f64, &'static str, f64) {
        let seen = match self.cost {
            Cost::CrossEntropy => self.smoothed(y, outputs),
            Cost::BinaryCrossEntropy => self.smoothed(y, 2),
            _ => y,
        };
        let formula = match self.cost {
            Cost::Absolute => "sign(ŷ − y)",
            Cost::Huber { .. } => "ŷ − y, but not beyond ±delta",
            Cost::Pinball { .. } => "1 − q where ŷ > y, −q where ŷ < y",
            Cost::Poisson if !self.is_fused() => "1 − y/ŷ",
            _ => "ŷ − y",
        };
        // Of a softmax the outputs are not separate, but each one's slope is.
        let slope = match self.cost {
            Cost::CrossEntropy | Cost::Focal { .. } => a - seen,
            _ => self.output_cost(z, a, y).1,
        };
        (slope, formula, seen)
    }

    fn smoothed<F: Real>(&self, y: F, classes: usize) -> F {
        if self.label_smoothing == 0.0 {
            return y;
        }
        F::from_f64(y.to_f64() * (1.0 - self.label_smoothing) + self.label_smoothing / classes as f64)
    }
}

/// Outputs from which on a row's squared errors are summed by vectors.
const MANY_OUTPUTS: usize = 8;

/// Rows whose costs a kernel is asked for at once.
const ROWS: usize = 64;

/// ½ Σ (ŷ − y)² of each row, given to `cost`, and ŷ − y over `delta`, by vectors.
fn many_squared_errors<F: Real>(
    pool: &Pool,
    outputs: usize,
    a: &[F],
    y: &[F],
    mut delta: Option<&mut [F]>,
    mut cost: impl FnMut(usize, f64),
) {
    let mut costs = [0.0; ROWS];
    for (block, a) in a.chunks(ROWS * outputs).enumerate() {
        let part = block * ROWS * outputs..block * ROWS * outputs + a.len();
        let costs = &mut costs[..a.len() / outputs];
        let delta = delta.as_deref_mut().map(|delta| &mut delta[part.clone()]);
        squared_errors(pool, outputs, a, &y[part], delta, costs);
        for (row, &value) in costs.iter().enumerate() {
            cost(block * ROWS + row, value);
        }
    }
}

/// The same in plain loops.
fn few_squared_errors<F: Real>(
    outputs: usize,
    a: &[F],
    y: &[F],
    delta: Option<&mut [F]>,
    mut cost: impl FnMut(usize, f64),
) {
    if let Some(delta) = delta {
        for ((delta, &a), &y) in delta.iter_mut().zip(a).zip(y) {
            *delta = a - y;
        }
    }
    for (row, (a, y)) in a.chunks_exact(outputs).zip(y.chunks_exact(outputs)).enumerate() {
        let mut sum = 0.0;
        for (&a, &y) in a.iter().zip(y) {
            let r = (a - y).to_f64();
            sum += 0.5 * r * r;
        }
        cost(row, sum);
    }
}
