//! What keeps parameters and gradients small.

use std::ops::Range;

use deltarule_kernels::{Pool, Real, axpy, scale, sum_squares64};
use serde::{Deserialize, Serialize};

/// Penalties, decay and limits. All off by default.
///
/// Penalties and decay are for weights and tables (`decayed` below), max-norm for dense layers' weights; biases, scales and
/// shifts stay free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Regularization {
    /// λ₁ of the penalty λ₁·Σ|w| (Tibshirani 1996), from 0.
    pub l1: f64,
    /// λ₂ of the penalty ½·λ₂·Σw² (Hoerl & Kennard 1970), from 0.
    pub l2: f64,
    /// Decoupled weight decay λ: w ← w − η·λ·w before each update, from 0. See [`Optimizer::update`](super::Optimizer::update).
    pub weight_decay: f64,
    /// The largest norm of a unit's incoming weights, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_norm: Option<f64>,
    /// The largest norm of the whole gradient, above 0 (Pascanu, Mikolov & Bengio 2013).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// The largest magnitude of a gradient's element, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
}

impl Regularization {
    /// Whether nothing but the decay is on: then an update wants no gradient but its own parameter's.
    #[must_use]
    pub fn is_decay_alone(&self) -> bool {
        *self == Self { weight_decay: self.weight_decay, ..Self::default() }
    }

    /// l1·Σ|w| + ½·l2·Σw² over the ranges `decayed` of `params`, in double precision and fixed order.
    ///
    /// # Panics
    /// Where a range is not within `params`.
    ///
    /// ```
    /// use deltarule::optimizer::Regularization;
    /// let rule = Regularization { l1: 1.0, l2: 0.5, ..Regularization::default() };
    /// let pool = deltarule_kernels::Pool::new(1);
    /// // |3| + |−4| + ½·½·(9 + 16); the last number is a bias.
    /// assert_eq!(rule.penalty(&pool, &[3.0, -4.0, 100.0], &[0..2]), 13.25);
    /// ```
    #[must_use]
    pub fn penalty<F: Real>(&self, pool: &Pool, params: &[F], decayed: &[Range<usize>]) -> f64 {
        let mut penalty = 0.0;
        for range in decayed {
            let w = &params[range.clone()];
            if self.l1 != 0.0 {
                penalty += self.l1 * w.iter().map(|w| w.to_f64().abs()).sum::<f64>();
            }
            if self.l2 != 0.0 {
                penalty += 0.5 * self.l2 * sum_squares64(pool, w);
            }
        }
        penalty
    }

    /// Adds the penalty's gradient, l1·sign(w) + l2·w with sign(0) = 0, to `grads`.
    ///
    /// # Panics
    /// Where lengths differ or a range is not within them.
    pub fn add_gradient<F: Real>(
        &self,
        pool: &Pool,
        params: &[F],
        grads: &mut [F],
        decayed: &[Range<usize>],
    ) {
        assert_eq!(params.len(), grads.len(), "a gradient for each parameter");
        for range in decayed {
            let (w, dw) = (&params[range.clone()], &mut grads[range.clone()]);
            if self.l1 != 0.0 {
                let l1 = F::from_f64(self.l1);
                for (dw, w) in dw.iter_mut().zip(w) {
                    *dw += l1 * w.signum0();
                }
            }
            if self.l2 != 0.0 {
                axpy(pool, F::from_f64(self.l2), w, dw);
            }
        }
    }

    /// Clips a gradient: each element into ±`clip_value`, then the whole to the norm `clip_norm`, g ← g·c/‖g‖ where
    /// ‖g‖ > c. The norm is taken in double precision and in fixed order.
    ///
    /// Returns the norm before it was clipped; `None` where `clip_norm` is off, since it takes a pass over the gradient.
    /// NaN stays NaN; an infinite norm turns infinite elements into NaN and the others into 0: it is not hidden.
    ///
    /// PyTorch's `clip_grad_norm_` divides by ‖g‖ + 10⁻⁶ instead.
    pub fn clip<F: Real>(&self, pool: &Pool, grads: &mut [F]) -> Option<f64> {
        if let Some(limit) = self.clip_value {
            let limit = F::from_f64(limit);
            for g in grads.iter_mut() {
                *g = g.max(-limit).min(limit);
            }
        }
        let limit = self.clip_norm?;
        let norm = sum_squares64(pool, grads).sqrt();
        if norm > limit {
            scale(pool, F::from_f64(limit / norm), grads);
        }
        Some(norm)
    }

    /// Scales back the incoming weights of each unit whose norm is above `max_norm`: w·ⱼ ← w·ⱼ·c/‖w·ⱼ‖ (Srebro & Shraibman
    /// 2005; Hinton et al. 2012). Called after an update. Does nothing where `max_norm` is off.
    ///
    /// `matrices` are `(range, fan_in, fan_out)` of each w `[fan_in, fan_out]` in `params`; unit j's incoming weights are
    /// its column j. Norms are taken in double precision, down the column.
    ///
    /// # Panics
    /// Where a range is not within `params`, or does not hold `fan_in`·`fan_out` numbers.
    pub fn limit_norms<F: Real>(&self, params: &mut [F], matrices: &[(Range<usize>, usize, usize)]) {
        let Some(limit) = self.max_norm else { return };
        for (range, fan_in, fan_out) in matrices {
            let w = &mut params[range.clone()];
            assert_eq!(w.len(), fan_in * fan_out, "w [fan_in, fan_out]");
            if !w.is_empty() {
                limit_columns(w, *fan_out, limit);
            }
        }
    }
}

/// Columns at a time: their sums stay on the stack, and rows are read along.
const COLUMNS: usize = 64;

fn limit_columns<F: Real>(w: &mut [F], fan_out: usize, limit: f64) {
    for first in (0..fan_out).step_by(COLUMNS) {
        let columns = first..fan_out.min(first + COLUMNS);
        let mut squares = [0.0; COLUMNS];
        for row in w.chunks_exact(fan_out) {
            for (sum, w) in squares.iter_mut().zip(&row[columns.clone()]) {
                *sum += w.to_f64() * w.to_f64();
            }
        }
        if squares.iter().all(|sum| sum.sqrt() <= limit) {
            continue;
        }
        let factors =
            squares.map(|sum| if sum.sqrt() > limit { F::from_f64(limit / sum.sqrt()) } else { F::ONE });
        for row in w.chunks_exact_mut(fan_out) {
            for (w, factor) in row[columns.clone()].iter_mut().zip(factors) {
                *w = (*w * factor).flushed();
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // a list of one range is meant
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OFF: Regularization = Regularization {
        l1: 0.0,
        l2: 0.0,
        weight_decay: 0.0,
        max_norm: None,
        clip_norm: None,
        clip_value: None,
    };

    #[test]
    fn everything_is_off_by_default() {
        let pool = Pool::new(1);
        let rule: Regularization = serde_json::from_str("{}").expect("all have a default");
        assert_eq!(rule, OFF);
        assert_eq!(
            serde_json::to_string(&rule).expect("plain data"),
            r#"{"l1":0.0,"l2":0.0,"weight_decay":0.0}"#
        );
        let (mut w, mut dw) = ([3.0_f32, -4.0], [5.0_f32, 12.0]);
        rule.add_gradient(&pool, &w, &mut dw, &[0..2]);
        assert_eq!(rule.clip(&pool, &mut dw), None);
        rule.limit_norms(&mut w, &[(0..2, 2, 1)]);
        assert_eq!((w, dw, rule.penalty(&pool, &w, &[0..2])), ([3.0, -4.0], [5.0, 12.0], 0.0));
    }

    #[test]
    fn the_penaltys_gradient_by_hand() {
        let rule = Regularization { l1: 0.5, l2: 0.25, ..OFF };
        let mut dw = [1.0; 4];
        rule.add_gradient(&Pool::new(1), &[2.0, -2.0, 0.0, 2.0], &mut dw, &[0..3]);
        // 1 + 0.5 + 0.25·2, 1 − 0.5 − 0.25·2, 1 + 0, and the bias untouched.
        assert_eq!(dw, [2.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn clipping_by_value_comes_before_the_norm() {
        let pool = Pool::new(1);
        let mut g = [3.0, -4.0];
        assert_eq!(Regularization { clip_norm: Some(2.5), ..OFF }.clip(&pool, &mut g), Some(5.0));
        assert_eq!(g, [1.5, -2.0]); // half of it
        assert_eq!(Regularization { clip_norm: Some(2.5), ..OFF }.clip(&pool, &mut g), Some(2.5));
        assert_eq!(g, [1.5, -2.0]);
        let mut g = [30.0, -4.0];
        let both = Regularization { clip_norm: Some(2.5), clip_value: Some(3.0), ..OFF };
        assert_eq!(both.clip(&pool, &mut g), Some(18.0_f64.sqrt())); // of [3, −3]
        assert!(g[0] == -g[1] && (g[0] - 2.5 / 2.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        let pool = Pool::new(1);
        let rule = Regularization { clip_norm: Some(1.0), clip_value: Some(2.0), ..OFF };
        let mut g = [f32::NAN, 1.0];
        assert!(rule.clip(&pool, &mut g).is_some_and(f64::is_nan));
        assert!(g[0].is_nan() && g[1] == 1.0);
        let mut g = [f32::INFINITY, 1.0];
        let norm = Regularization { clip_norm: Some(1.0), ..OFF }.clip(&pool, &mut g);
        assert!(norm == Some(f64::INFINITY) && g[0].is_nan());
    }

    #[test]
    fn only_columns_above_the_limit_are_scaled_back() {
        // Column 0 has norm 5, column 1 norm 1; a second matrix of one unit has norm 10; between them a bias.
        let mut w = [3.0, 0.6, 4.0, 0.8, 100.0, 6.0, 8.0];
        Regularization { max_norm: Some(2.5), ..OFF }.limit_norms(&mut w, &[(0..4, 2, 2), (5..7, 2, 1)]);
        assert_eq!(w, [1.5, 0.6, 2.0, 0.8, 100.0, 1.5, 2.0]);
    }

    #[test]
    #[should_panic(expected = "w [fan_in, fan_out]")]
    fn shapes_must_agree() {
        Regularization { max_norm: Some(1.0), ..OFF }.limit_norms(&mut [1.0; 4], &[(0..4, 3, 1)]);
    }

    proptest! {
        /// In the penalty's gradient each number is the penalty's slope, by central differences.
        #[test]
        fn the_gradient_is_the_penaltys_slope(
            w in proptest::collection::vec(prop_oneof![-2.0..-0.1, 0.1..2.0], 1..6), l1 in 0.0..1.0, l2 in 0.0..1.0
        ) {
            let (pool, rule, all) = (Pool::new(1), Regularization { l1, l2, ..OFF }, [0..w.len()]);
            let mut dw = vec![0.0; w.len()];
            rule.add_gradient(&pool, &w, &mut dw, &all);
            for i in 0..w.len() {
                let at = |step: f64| {
                    let mut w = w.clone();
                    w[i] += step;
                    rule.penalty(&pool, &w, &all)
                };
                prop_assert!(((at(1e-4) - at(-1e-4)) / 2e-4 - dw[i]).abs() < 1e-8);
            }
        }

        /// After limiting no column is above the limit, whatever the number of columns.
        #[test]
        fn no_column_stays_above_the_limit(fan_in in 1_usize..5, fan_out in 1_usize..150, limit in 0.1..2.0) {
            let start: Vec<f64> = (0..fan_in * fan_out).map(|i| (i as f64).sin() * 2.0).collect();
            let mut w = start.clone();
            Regularization { max_norm: Some(limit), ..OFF }
                .limit_norms(&mut w, &[(0..fan_in * fan_out, fan_in, fan_out)]);
            for column in 0..fan_out {
                let norm = |w: &[f64]| w[column..].iter().step_by(fan_out).map(|w| w * w).sum::<f64>().sqrt();
                prop_assert!((norm(&w) - norm(&start).min(limit)).abs() < 1e-12);
            }
        }
    }
}
