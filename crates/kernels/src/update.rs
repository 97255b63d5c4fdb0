//! Update rules: how a parameter follows its gradient, number by number.
//!
//! One body per rule, used twice: by the sweeps over all parameters, and by the products that apply the update to each
//! block of the gradient while it is at hand. Only additions, multiplications, divisions and square roots, each
//! rounded once and none fused, so that both give the same bits, on every instruction set.

use crate::Real;
use crate::vector::{Single, Vector};

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
    /// m ← m + (1 − β₁)(dw − m), v ← β₂·v + (1 − β₂)·dw², w ← kept·w − step·m/(√v·inverse_root + ε).
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
        /// 1/√(1 − β₂ᵗ): multiplying by it costs a parameter one division less.
        inverse_root: F,
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
            inverse_root: F::ONE / bias2.sqrt(),
            epsilon,
        }
    }

    /// The same for parameters that do not decay.
    #[must_use]
    pub fn without_decay(self) -> Self {
        match self {
            Self::Adam { rest1, beta2, rest2, step, inverse_root, epsilon, .. } => {
                Self::Adam { rest1, beta2, rest2, kept: F::ONE, step, inverse_root, epsilon }
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

/// What parameters and their two states are after one update by their gradient; a state that the rule has not stays. Each
/// rule's one definition.
///
/// # Safety
/// The machine has the vector type's instruction set, and the caller is compiled for it.
#[inline(always)]
pub(crate) unsafe fn follow<V: Vector>(rule: &Rule<V::Number>, [w, first, second]: [V; 3], dw: V) -> [V; 3] {
    // No closure for V::splat: as a function of its own it would lack the instruction set.
    // SAFETY: the caller's promise.
    unsafe {
        match *rule {
            Rule::Descend { learning_rate } => {
                [w.subtract(V::splat(learning_rate).multiply(dw)).flushed(), first, second]
            }
            Rule::Momentum { learning_rate, mu, nesterov } => {
                let v = V::splat(mu).multiply(first).add(dw).flushed();
                let step = if nesterov { dw.add(V::splat(mu).multiply(v)) } else { v };
                [w.subtract(V::splat(learning_rate).multiply(step)).flushed(), v, second]
            }
            Rule::RmsProp { learning_rate, rho, rest, epsilon } => {
                let v = V::splat(rho).multiply(first).add(V::splat(rest).multiply(dw).multiply(dw)).flushed();
                let step = dw.divide(v.sqrt().add(V::splat(epsilon)));
                [w.subtract(V::splat(learning_rate).multiply(step)).flushed(), v, second]
            }
            Rule::RmsPropMomentum { learning_rate, rho, rest, epsilon, mu } => {
                let v = V::splat(rho).multiply(first).add(V::splat(rest).multiply(dw).multiply(dw)).flushed();
                let step = dw.divide(v.sqrt().add(V::splat(epsilon)));
                let u = V::splat(mu).multiply(second).add(step).flushed();
                [w.subtract(V::splat(learning_rate).multiply(u)).flushed(), v, u]
            }
            Rule::Adam { rest1, beta2, rest2, kept, step, inverse_root, epsilon } => {
                let m = first.add(V::splat(rest1).multiply(dw.subtract(first))).flushed();
                let v =
                    V::splat(beta2).multiply(second).add(V::splat(rest2).multiply(dw).multiply(dw)).flushed();
                let by = m.divide(v.sqrt().multiply(V::splat(inverse_root)).add(V::splat(epsilon)));
                [V::splat(kept).multiply(w).subtract(V::splat(step).multiply(by)).flushed(), m, v]
            }
        }
    }
}

/// One update of all of `to` by its gradient. Inlined into the caller's vector instructions.
#[inline(always)]
pub(crate) fn apply<F: Real>(rule: &Rule<F>, to: Updated<'_, F>, dw: &[F]) {
    // A loop for each rule, made anew from its numbers: only so the compiler knows within the loop which one it is.
    match *rule {
        Rule::Descend { learning_rate } => follow_each::<F, 0>(&Rule::Descend { learning_rate }, to, dw),
        Rule::Momentum { learning_rate, mu, nesterov: false } => {
            follow_each::<F, 1>(&Rule::Momentum { learning_rate, mu, nesterov: false }, to, dw);
        }
        Rule::Momentum { learning_rate, mu, nesterov: true } => {
            follow_each::<F, 1>(&Rule::Momentum { learning_rate, mu, nesterov: true }, to, dw);
        }
        Rule::RmsProp { learning_rate, rho, rest, epsilon } => {
            follow_each::<F, 1>(&Rule::RmsProp { learning_rate, rho, rest, epsilon }, to, dw);
        }
        Rule::RmsPropMomentum { learning_rate, rho, rest, epsilon, mu } => {
            follow_each::<F, 2>(&Rule::RmsPropMomentum { learning_rate, rho, rest, epsilon, mu }, to, dw);
        }
        Rule::Adam { rest1, beta2, rest2, kept, step, inverse_root, epsilon } => {
            let rule = Rule::Adam { rest1, beta2, rest2, kept, step, inverse_root, epsilon };
            follow_each::<F, 2>(&rule, to, dw);
        }
    }
}

/// The loop of [`apply`] for a rule with so many states.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // several slices go side by side
fn follow_each<F: Real, const STATES: usize>(rule: &Rule<F>, to: Updated<'_, F>, dw: &[F]) {
    let length = dw.len();
    let Updated { w, first, second } = to;
    let w = &mut w[..length];
    let first = &mut first[..if STATES > 0 { length } else { 0 }];
    let second = &mut second[..if STATES > 1 { length } else { 0 }];
    for i in 0..length {
        let of_first = if STATES > 0 { first[i] } else { F::ZERO };
        let of_second = if STATES > 1 { second[i] } else { F::ZERO };
        let before = [Single(w[i]), Single(of_first), Single(of_second)];
        // SAFETY: vectors of one number are portable.
        let [after, of_first, of_second] = unsafe { follow(rule, before, Single(dw[i])) };
        w[i] = after.0;
        if STATES > 0 {
            first[i] = of_first.0;
        }
        if STATES > 1 {
            second[i] = of_second.0;
        }
    }
}
