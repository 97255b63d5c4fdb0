//! The focal cost: a function φ(C) = (1 − e^−C)^γ · C of a cross-entropy C and of nothing else, so that its slopes are the
//! cross-entropy's, δ = ŷ − y, times φ'(C): one more factor in the chain rule.

use deltarule_kernels::{Activation, Pool, Real};

use super::{Cost, Loss, ROWS};
use crate::dataset::TargetsView;

/// The factor of a focal cost's slopes, with what it is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Focus {
    /// φ'(C).
    pub(crate) factor: f64,
    /// γ.
    pub(crate) gamma: f64,
    /// p = e^−C, the probability of what was seen.
    pub(crate) p: f64,
}

impl Focus {
    /// What [`factor`](Self::factor) is: φ'(C) with −ln p for C.
    pub(crate) const FORMULA: &'static str = "(1 − p)ᵞ + γ · (1 − p)ᵞ⁻¹ · p · (−ln p)";
}

/// φ(C) and φ'(C) = u^γ + γ·u^(γ−1)·p·C, u = 1 − p = 1 − e^−C.
///
/// Near a perfect fit u and C are both next to nothing, and C/u is next to 1.
fn focal(cross_entropy: f64, gamma: f64) -> (f64, f64) {
    let unlikely = -(-cross_entropy).exp_m1();
    let focus = unlikely.powf(gamma);
    let ratio = if unlikely == 0.0 { 1.0 } else { cross_entropy / unlikely };
    (focus * cross_entropy, focus * (1.0 + gamma * (1.0 - unlikely) * ratio))
}

impl Loss {
    /// The cross-entropy that a focal cost is a function of: of a softmax's row, or of each sigmoid output.
    fn entropy(&self) -> Self {
        let is_row = self.output == Activation::Softmax;
        Self { cost: if is_row { Cost::CrossEntropy } else { Cost::BinaryCrossEntropy }, ..*self }
    }

    /// [`each_row`](Self::each_row) of a focal cost.
    pub(super) fn each_focal_row<F: Real>(
        &self,
        gamma: f64,
        pool: &Pool,
        first: usize,
        z: &[F],
        a: &[F],
        targets: TargetsView<'_, F>,
        weights: Option<&[F]>,
        mut delta: Option<&mut [F]>,
        mut cost: impl FnMut(usize, f64),
    ) {
        let (entropy, outputs) = (self.entropy(), targets.outputs());
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[first + row].to_f64());
        if entropy.cost == Cost::BinaryCrossEntropy {
            for (row, (z, a)) in z.chunks_exact(outputs).zip(a.chunks_exact(outputs)).enumerate() {
                let mut sum = 0.0;
                for j in 0..outputs {
                    let (of_output, slope) = entropy.output_cost(z[j], a[j], targets.value(first + row, j));
                    let (value, factor) = focal(of_output, gamma);
                    sum += value;
                    if let Some(delta) = delta.as_deref_mut() {
                        delta[row * outputs + j] = F::from_f64(weight(row) * factor) * slope;
                    }
                }
                cost(row, weight(row) * sum);
            }
            return;
        }
        let mut entropies = [0.0; ROWS];
        for (block, (z, a)) in z.chunks(ROWS * outputs).zip(a.chunks(ROWS * outputs)).enumerate() {
            let (before, rows) = (block * ROWS, a.len() / outputs);
            let mut delta = delta.as_deref_mut().map(|delta| &mut delta[before * outputs..][..a.len()]);
            // Not by its own type: this is called from there, and that would have no end.
            let keep: &mut dyn FnMut(usize, f64) = &mut |row, value| entropies[row] = value;
            entropy.each_row(pool, first + before, z, a, targets, None, delta.as_deref_mut(), keep);
            for (row, &of_row) in entropies[..rows].iter().enumerate() {
                let (value, factor) = focal(of_row, gamma);
                let weight = weight(before + row);
                if let Some(delta) = delta.as_deref_mut() {
                    let factor = F::from_f64(weight * factor);
                    delta[row * outputs..][..outputs].iter_mut().for_each(|delta| *delta = factor * *delta);
                }
                cost(before + row, weight * value);
            }
        }
    }

    /// The factor that a focal cost has beyond its cross-entropy's slope at an output of a row; `None` of another cost.
    ///
    /// `z` and `a` are the row's, `y` its target of each output.
    pub(crate) fn focus(&self, z: &[f64], a: &[f64], y: &[f64], output: usize) -> Option<Focus> {
        let Cost::Focal { gamma } = self.cost else { return None };
        let entropy = self.entropy();
        let cross_entropy = if entropy.cost == Cost::CrossEntropy {
            let targets = TargetsView::Values { outputs: y.len(), values: y };
            entropy.value_and_delta(&Pool::new(1), z, a, targets, None, None)
        } else {
            entropy.output_cost(z[output], a[output], y[output]).0
        };
        Some(Focus { factor: focal(cross_entropy, gamma).1, gamma, p: (-cross_entropy).exp() })
    }
}

/// The probabilities p of which Σ_k share_k·(1 − p_k)^γ·(−ln p_k) is least, Σ p = 1: what a network that puts out the same
/// for every row should say of classes of these shares. With γ = 0 they are the shares.
///
/// Where it is least, share_k·g(p_k) is one number λ for all k, g = −d/dp (1−p)^γ·(−ln p), which falls from ∞ at p = 0 to
/// 0 at 1 (at γ = 0 to 1): each p_k falls with λ, and λ is found between bounds.
pub(crate) fn best_constant(shares: &[f64], gamma: f64) -> Vec<f64> {
    const HALVINGS: usize = 100;
    let fall = |p: f64| (1.0 - p).powf(gamma) / p - gamma * (1.0 - p).powf(gamma - 1.0) * p.ln();
    // Where an increasing question turns from no to yes, between two positive numbers far apart: halved by their powers.
    let turn = |mut low: f64, mut high: f64, is_beyond: &dyn Fn(f64) -> bool| {
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            if is_beyond(middle) { high = middle } else { low = middle }
        }
        (low * high).sqrt()
    };
    let of_share = |share: f64, lambda: f64| {
        if share <= 0.0 { 0.0 } else { turn(1e-12, 1.0, &|p| share * fall(p) < lambda) }
    };
    let sum = |lambda: f64| shares.iter().map(|&share| of_share(share, lambda)).sum::<f64>();
    let lambda = turn(1e-12, 1e12, &|lambda| sum(lambda) < 1.0);
    shares.iter().map(|&share| of_share(share, lambda)).collect()
}
