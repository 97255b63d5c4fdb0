//! Update rules: how a parameter follows its gradient, number by number.
//!
//! One body per rule, used twice: by the sweeps over all parameters, and by the products that apply the update to each
//! block of the gradient while it is at hand. Only additions, multiplications, divisions and square roots, each
//! rounded once and none fused, so that both give the same bits, on every instruction set.

use crate::Real;

/// An update rule with its numbers for one step. Definitions are PyTorch's (`torch.optim`, version 2), dampening 0.
///
/// | rule | first state | second state |
/// |---|---|---|
/// | `Descend` | | |
/// | `Momentum` | velocity | |
/// | `RmsProp` | mean square | |
/// | `RmsPropMomentum` | mean square | velocity |
/// | `Adam` | first moment | second moment |
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule<F> {
    /// w ← w − η·dw.
    Descend {
        /// η.
        learning_rate: F,
    },
    /// v ← μ·v + dw, then w ← w − η·v, or with `nesterov` w ← w − η·(dw + μ·v).
    Momentum {
        /// η.
        learning_rate: F,
        /// μ.
        mu: F,
        /// Whether the step looks ahead.
        nesterov: bool,
    },
    /// v ← ρ·v + (1 − ρ)·dw², then w ← w − η·dw/(√v + ε).
    RmsProp {
        /// η.
        learning_rate: F,
        /// ρ.
        rho: F,
        /// 1 − ρ.
        rest: F,
        /// ε.
        epsilon: F,
    },
    /// v as `RmsProp`, u ← μ·u + dw/(√v + ε), then w ← w − η·u.
    RmsPropMomentum {
        /// η.
        learning_rate: F,
        /// ρ.
        rho: F,
        /// 1 − ρ.
        rest: F,
        /// ε.
        epsilon: F,
        /// μ.
        mu: F,
    },
    /// m ← m + (1 − β₁)(dw − m), v ← β₂·v + (1 − β₂)·dw², w ← kept·w − step·m/(√v/root + ε).
    Adam {
        /// 1 − β₁.
        rest1: F,
        /// β₂.
        beta2: F,
        /// 1 − β₂.
        rest2: F,
        /// 1 − η·decoupled_decay, for parameters that decay.
        kept: F,
        /// η/(1 − β₁ᵗ).
        step: F,
        /// √(1 − β₂ᵗ).
        root: F,
        /// ε.
        epsilon: F,
    },
}

impl<F: Real> Rule<F> {
    /// RMSprop, with a momentum buffer where `mu` is given.
    pub fn rmsprop(learning_rate: F, rho: F, epsilon: F, mu: Option<F>) -> Self {
        let rest = F::from_f64(1.0 - rho.to_f64());
        match mu {
            Some(mu) => Self::RmsPropMomentum { learning_rate, rho, rest, epsilon, mu },
            None => Self::RmsProp { learning_rate, rho, rest, epsilon },
        }
    }

    /// Adam at a step with `bias1` = 1 − β₁ᵗ and `bias2` = 1 − β₂ᵗ, t = 1, 2, …
    pub fn adam(
        learning_rate: F,
        beta1: F,
        beta2: F,
        epsilon: F,
        bias1: F,
        bias2: F,
        decoupled_decay: F,
    ) -> Self {
        Self::Adam {
            rest1: F::from_f64(1.0 - beta1.to_f64()),
            beta2,
            rest2: F::from_f64(1.0 - beta2.to_f64()),
            kept: F::from_f64(1.0 - learning_rate.to_f64() * decoupled_decay.to_f64()),
            step: learning_rate / bias1,
            root: bias2.sqrt(),
            epsilon,
        }
    }

    /// The same for parameters that do not decay.
    #[must_use]
    pub fn without_decay(self) -> Self {
        match self {
            Self::Adam { rest1, beta2, rest2, step, root, epsilon, .. } => {
                Self::Adam { rest1, beta2, rest2, kept: F::ONE, step, root, epsilon }
            }
            other => other,
        }
    }

    /// How many numbers of state it keeps for a parameter.
    pub fn states(&self) -> usize {
        match self {
            Self::Descend { .. } => 0,
            Self::Momentum { .. } | Self::RmsProp { .. } => 1,
            Self::RmsPropMomentum { .. } | Self::Adam { .. } => 2,
        }
    }
}

/// Parameters and the state that their rule keeps, slices of one length; a state that the rule has not is empty.
#[derive(Debug)]
pub struct Updated<'a, F> {
    /// w.
    pub w: &'a mut [F],
    /// The first state.
    pub first: &'a mut [F],
    /// The second state.
    pub second: &'a mut [F],
}

impl<'a, F: Real> Updated<'a, F> {
    /// Parameters without a state.
    pub fn stateless(w: &'a mut [F]) -> Self {
        Self { w, first: &mut [], second: &mut [] }
    }

    /// The same, borrowed for less long.
    pub fn reborrow(&mut self) -> Updated<'_, F> {
        Updated { w: self.w, first: self.first, second: self.second }
    }

    /// A stretch of each.
    pub fn range(self, range: std::ops::Range<usize>) -> Self {
        fn part<F>(slice: &mut [F], range: std::ops::Range<usize>) -> &mut [F] {
            if slice.is_empty() { slice } else { &mut slice[range] }
        }
        Updated {
            w: &mut self.w[range.clone()],
            first: part(self.first, range.clone()),
            second: part(self.second, range),
        }
    }

    /// # Panics
    /// Where `rule` has a state that is not here.
    pub(crate) fn check(&self, rule: &Rule<F>) {
        let states = rule.states();
        assert!(states < 1 || self.first.len() == self.w.len(), "one number of first state per parameter");
        assert!(states < 2 || self.second.len() == self.w.len(), "one number of second state per parameter");
    }
}

/// One update of all of `to` by its gradient. Inlined into the caller's vector instructions.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // the rules index several slices, and read as formulas
pub(crate) fn apply<F: Real>(rule: &Rule<F>, to: Updated<'_, F>, dw: &[F]) {
    let Updated { w, first, second } = to;
    let length = dw.len();
    let w = &mut w[..length];
    match *rule {
        Rule::Descend { learning_rate } => {
            for i in 0..length {
                w[i] = (w[i] - learning_rate * dw[i]).flushed();
            }
        }
        Rule::Momentum { learning_rate, mu, nesterov: false } => {
            let v = &mut first[..length];
            for i in 0..length {
                v[i] = (mu * v[i] + dw[i]).flushed();
                w[i] = (w[i] - learning_rate * v[i]).flushed();
            }
        }
        Rule::Momentum { learning_rate, mu, nesterov: true } => {
            let v = &mut first[..length];
            for i in 0..length {
                v[i] = (mu * v[i] + dw[i]).flushed();
                w[i] = (w[i] - learning_rate * (dw[i] + mu * v[i])).flushed();
            }
        }
        Rule::RmsProp { learning_rate, rho, rest, epsilon } => {
            let v = &mut first[..length];
            for i in 0..length {
                v[i] = (rho * v[i] + rest * dw[i] * dw[i]).flushed();
                w[i] = (w[i] - learning_rate * (dw[i] / (v[i].sqrt() + epsilon))).flushed();
            }
        }
        Rule::RmsPropMomentum { learning_rate, rho, rest, epsilon, mu } => {
            let (v, u) = (&mut first[..length], &mut second[..length]);
            for i in 0..length {
                v[i] = (rho * v[i] + rest * dw[i] * dw[i]).flushed();
                u[i] = (mu * u[i] + dw[i] / (v[i].sqrt() + epsilon)).flushed();
                w[i] = (w[i] - learning_rate * u[i]).flushed();
            }
        }
        Rule::Adam { rest1, beta2, rest2, kept, step, root, epsilon } => {
            let (m, v) = (&mut first[..length], &mut second[..length]);
            for i in 0..length {
                m[i] = (m[i] + rest1 * (dw[i] - m[i])).flushed();
                v[i] = (beta2 * v[i] + rest2 * dw[i] * dw[i]).flushed();
                w[i] = (kept * w[i] - step * (m[i] / (v[i].sqrt() / root + epsilon))).flushed();
            }
        }
    }
}
