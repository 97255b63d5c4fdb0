//! Updates from the gradient alone.

use std::ops::Range;

use deltarule_kernels::{Buffer, Pool, Real, Rule, Updated, scale, update};

use super::OptimizerSpec;

/// An optimizer's state over one flat parameter buffer.
///
/// ```
/// use deltarule::optimizer::{Optimizer, OptimizerSpec};
/// use deltarule_kernels::Pool;
///
/// let mut optimizer = Optimizer::<f64>::new(&OptimizerSpec::Momentum { momentum: 0.5 }, 1);
/// let (pool, mut w) = (Pool::new(1), [1.0]);
/// optimizer.update(&pool, &mut w, &[1.0], 0.25, &[], 0.0); // v = 1:         w = 1 − ¼·1
/// optimizer.update(&pool, &mut w, &[1.0], 0.25, &[], 0.0); // v = ½·1 + 1:   w = ¾ − ¼·1½
/// assert_eq!(w, [0.375]);
/// ```
#[derive(Clone, Debug)]
pub struct Optimizer<F: Real> {
    spec: OptimizerSpec,
    steps: u64,
    /// State by name, each as long as the parameters.
    slots: Vec<(&'static str, Buffer<F>)>,
}

impl<F: Real> Optimizer<F> {
    /// State for `parameters` parameters, all 0. Nothing is allocated later.
    ///
    /// # Panics
    /// For [`OptimizerSpec::Lbfgs`], whose state is an [`Lbfgs`](super::Lbfgs).
    #[must_use]
    pub fn new(spec: &OptimizerSpec, parameters: usize) -> Self {
        let names: &[&'static str] = match spec {
            OptimizerSpec::GradientDescent => &[],
            OptimizerSpec::Momentum { .. } | OptimizerSpec::Nesterov { .. } => &["velocity"],
            OptimizerSpec::RmsProp { momentum: 0.0, .. } => &["mean_square"],
            OptimizerSpec::RmsProp { .. } => &["mean_square", "velocity"],
            OptimizerSpec::Adam { .. } | OptimizerSpec::AdamW { .. } => &["first_moment", "second_moment"],
            OptimizerSpec::Rprop { .. } => &["previous_gradient", "step_size"],
            OptimizerSpec::Lbfgs { .. } => panic!("L-BFGS needs the cost: its state is an Lbfgs"),
        };
        let slots = names.iter().map(|&name| (name, Buffer::zeroed(parameters))).collect();
        Self { spec: *spec, steps: 0, slots }
    }

    /// What it was made from.
    #[must_use]
    pub fn spec(&self) -> &OptimizerSpec {
        &self.spec
    }

    /// The state by name, for checkpoints: with [`steps`](Self::steps) it is all there is.
    ///
    /// | optimizer | slots |
    /// |---|---|
    /// | `gradient_descent` | none |
    /// | `momentum`, `nesterov` | `velocity` |
    /// | `rmsprop` | `mean_square`, with momentum also `velocity` |
    /// | `adam`, `adamw` | `first_moment`, `second_moment` |
    /// | `rprop` | `previous_gradient`, `step_size` |
    #[must_use]
    pub fn slots(&self) -> Vec<(&'static str, &[F])> {
        self.slots.iter().map(|(name, slot)| (*name, &**slot)).collect()
    }

    /// The state by name, to be filled from a checkpoint.
    pub fn slots_mut(&mut self) -> Vec<(&'static str, &mut [F])> {
        self.slots.iter_mut().map(|(name, slot)| (*name, &mut **slot)).collect()
    }

    /// Updates done.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Sets the number of updates done, from a checkpoint.
    pub fn set_steps(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// One update of all parameters. Allocates nothing.
    ///
    /// | argument | meaning |
    /// |---|---|
    /// | `params`, `grads` | `[parameters]` |
    /// | `learning_rate` | η of this update |
    /// | `decayed` | ranges of `params` that weights and tables take, ascending, none overlapping |
    /// | `weight_decay` | λ: these are multiplied by 1 − η·λ before the update (Loshchilov & Hutter 2019), under any optimizer |
    ///
    /// # Panics
    /// Where lengths differ from those at the beginning, or a range is not within them.
    pub fn update(
        &mut self,
        pool: &Pool,
        params: &mut [F],
        grads: &[F],
        learning_rate: f64,
        decayed: &[Range<usize>],
        weight_decay: f64,
    ) {
        assert_eq!(params.len(), grads.len(), "a gradient for each parameter");
        self.steps += 1;
        let (spec, steps, rate) = (self.spec, self.steps, F::from_f64(learning_rate));
        if let OptimizerSpec::Rprop { .. } = spec {
            let [(_, previous), (_, sizes)] = self.slots.as_mut_slice() else {
                unreachable!("`new` made the slots of this optimizer");
            };
            for range in decayed.iter().filter(|_| weight_decay != 0.0) {
                scale(pool, F::from_f64(1.0 - learning_rate * weight_decay), &mut params[range.clone()]);
            }
            if steps == 1 {
                sizes.fill(rate);
            }
            rprop(&spec, params, grads, previous, sizes);
            return;
        }
        let (rule, decay) = self.rule(steps, learning_rate, weight_decay);
        if let Some(factor) = decay {
            decayed.iter().for_each(|range| scale(pool, factor, &mut params[range.clone()]));
        }
        let mut to = self.updated(params);
        // Adam's decay rides on the sweep: one pass over each part, decayed or not.
        let plain = rule.without_decay();
        for_parts(grads.len(), if plain == rule { &[] } else { decayed }, |part, decays| {
            let rule = if decays { &rule } else { &plain };
            update(pool, rule, to.reborrow().range(part.clone()), &grads[part]);
        });
    }

    /// One update whose arithmetic is somebody else's: `f` is given the rule and its state, one number per parameter or
    /// empty, and says whether the update took place. `None` where the update is more than one rule in one pass, and
    /// then `f` is not called.
    // Inlined, as a step of a tiny network takes no longer than some hundred instructions.
    #[inline(always)]
    pub fn update_by<T>(
        &mut self,
        learning_rate: f64,
        weight_decay: f64,
        f: impl FnOnce(&Rule<F>, [&mut [F]; 2]) -> (T, bool),
    ) -> Option<T> {
        if !self.is_one_rule(weight_decay) {
            return None;
        }
        let (rule, _) = self.rule(self.steps + 1, learning_rate, weight_decay);
        let mut slots = self.slots.iter_mut().map(|(_, slot)| &mut **slot);
        let state = [slots.next().unwrap_or_default(), slots.next().unwrap_or_default()];
        let (value, took_place) = f(&rule, state);
        self.steps += u64::from(took_place);
        Some(value)
    }

    /// Whether an update with that decay is one rule in one pass.
    #[must_use]
    pub fn is_one_rule(&self, weight_decay: f64) -> bool {
        match self.spec {
            OptimizerSpec::Adam { .. } | OptimizerSpec::AdamW { .. } => true,
            OptimizerSpec::Rprop { .. } | OptimizerSpec::Lbfgs { .. } => false,
            _ => weight_decay == 0.0,
        }
    }

    /// The rule of update number `step`, of parameters that decay, and what else these are multiplied with first.
    // Inlined: a copy of what was just written number by number would wait for it, in each step of a tiny network.
    #[inline(always)]
    fn rule(&self, step: u64, learning_rate: f64, weight_decay: f64) -> (Rule<F>, Option<F>) {
        let rate = F::from_f64(learning_rate);
        let decay = (weight_decay != 0.0).then(|| F::from_f64(1.0 - learning_rate * weight_decay));
        match self.spec {
            OptimizerSpec::GradientDescent => (Rule::Descend { learning_rate: rate }, decay),
            OptimizerSpec::Momentum { momentum } => {
                (Rule::Momentum { learning_rate: rate, mu: F::from_f64(momentum), nesterov: false }, decay)
            }
            OptimizerSpec::Nesterov { momentum } => {
                (Rule::Momentum { learning_rate: rate, mu: F::from_f64(momentum), nesterov: true }, decay)
            }
            OptimizerSpec::RmsProp { rho, epsilon, momentum } => {
                let mu = (momentum != 0.0).then(|| F::from_f64(momentum));
                (Rule::rmsprop(rate, F::from_f64(rho), F::from_f64(epsilon), mu), decay)
            }
            OptimizerSpec::Adam { beta1, beta2, epsilon }
            | OptimizerSpec::AdamW { beta1, beta2, epsilon } => {
                let [bias1, bias2] = [beta1, beta2].map(|beta| F::from_f64(1.0 - beta.powf(step as f64)));
                let [beta1, beta2, epsilon] = [beta1, beta2, epsilon].map(F::from_f64);
                (Rule::adam(rate, beta1, beta2, epsilon, bias1, bias2, F::from_f64(weight_decay)), None)
            }
            OptimizerSpec::Rprop { .. } | OptimizerSpec::Lbfgs { .. } => {
                unreachable!("these are no rules of one pass")
            }
        }
    }

    /// All parameters with their state.
    fn updated<'a>(&'a mut self, w: &'a mut [F]) -> Updated<'a, F> {
        let mut slots = self.slots.iter_mut().map(|(_, slot)| &mut **slot);
        let mut next = || slots.next().unwrap_or_default();
        Updated { w, first: next(), second: next() }
    }
}

/// Calls `f` for the consecutive parts of `0..length`, each either one of `ranges` (ascending) or a gap between them.
fn for_parts(length: usize, ranges: &[Range<usize>], mut f: impl FnMut(Range<usize>, bool)) {
    let mut begin = 0;
    for range in ranges {
        assert!(begin <= range.start, "ranges are ascending and do not overlap");
        if begin < range.start {
            f(begin..range.start, false);
        }
        f(range.clone(), true);
        begin = range.end;
    }
    if begin < length {
        f(begin..length, false);
    }
}

/// One update of [`OptimizerSpec::Rprop`]: where the sign turned, the step shrinks and the parameter stays; the gradient
/// is then forgotten, so that the step neither grows nor shrinks at the next update.
///
/// On the calling thread: over all rows at once, the gradient takes far longer.
fn rprop<F: Real>(spec: &OptimizerSpec, w: &mut [F], dw: &[F], previous: &mut [F], sizes: &mut [F]) {
    let OptimizerSpec::Rprop { eta_minus, eta_plus, step_min, step_max } = *spec else {
        unreachable!("called for Rprop alone");
    };
    let [eta_minus, eta_plus, step_min, step_max] =
        [eta_minus, eta_plus, step_min, step_max].map(F::from_f64);
    for (((w, &dw), previous), size) in w.iter_mut().zip(dw).zip(previous).zip(sizes) {
        // Of signs, not of gradients: their product could vanish.
        let turn = dw.signum0() * previous.signum0();
        let turned = turn < F::ZERO;
        let factor = if turned {
            eta_minus
        } else if turn > F::ZERO {
            eta_plus
        } else {
            F::ONE
        };
        *size = (*size * factor).max(step_min).min(step_max);
        *previous = if turned { F::ZERO } else { dw };
        *w = (*w - previous.signum0() * *size).flushed();
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // a list of one range is meant
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> impl Iterator<Item = OptimizerSpec> {
        OptimizerSpec::NAMES[..7].iter().filter_map(|name| OptimizerSpec::by_name(name))
    }

    /// Three updates of w = 1 with gradients 2, −1, −1 at η = 0.1.
    fn three_updates(spec: OptimizerSpec) -> [f64; 3] {
        let (pool, mut w) = (Pool::new(1), [1.0]);
        let mut optimizer = Optimizer::new(&spec, 1);
        [2.0, -1.0, -1.0].map(|gradient| {
            optimizer.update(&pool, &mut w, &[gradient], 0.1, &[], 0.0);
            w[0]
        })
    }

    fn assert_close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} is not {expected:?}");
    }

    #[test]
    fn rprop_by_hand() {
        // Δ = 0.1: w = 1 − 0.1. The sign turns: Δ = 0.05, w stays, the gradient counts as 0. So the next sign is no turn
        // and no repetition: w = 0.9 + 0.05.
        let rprop = OptimizerSpec::by_name("rprop").expect("a name");
        assert_close(&three_updates(rprop), &[0.9, 0.9, 0.95]);
        // Without a turn Δ grows: 0.1, 0.12; and not beyond its limit.
        let (pool, mut w) = (Pool::new(1), [1.0]);
        let spec = OptimizerSpec::Rprop { eta_minus: 0.5, eta_plus: 1.2, step_min: 0.01, step_max: 0.11 };
        let mut optimizer = Optimizer::new(&spec, 1);
        for expected in [0.9, 0.79, 0.68] {
            optimizer.update(&pool, &mut w, &[1.0], 0.1, &[], 0.0);
            assert_close(&w, &[expected]);
        }
    }

    #[test]
    fn momentum_and_nesterov_by_hand() {
        // v = 2, 0.8, −0.28 (μ = 0.9).
        let spec = OptimizerSpec::Momentum { momentum: 0.9 };
        assert_close(&three_updates(spec), &[0.8, 0.72, 0.748]);
        // g + μv = 2 + 1.8, −1 + 0.72, −1 − 0.252.
        let spec = OptimizerSpec::Nesterov { momentum: 0.9 };
        assert_close(&three_updates(spec), &[0.62, 0.648, 0.7732]);
    }

    #[test]
    fn the_first_update_of_adam_is_the_learning_rate() {
        // m̂ = g, r̂ = g²: η·2/(2 + ε).
        let spec = OptimizerSpec::by_name("adam").expect("a name");
        assert_close(&three_updates(spec)[..1], &[1.0 - 0.1 * 2.0 / (2.0 + 1e-8)]);
    }

    #[test]
    fn decay_shrinks_the_ranges_it_is_given_under_any_optimizer() {
        let pool = Pool::new(1);
        for spec in all() {
            let mut optimizer = Optimizer::new(&spec, 4);
            let mut w = [1.0_f64; 4];
            // A gradient of 0 leaves the decay alone: 1 − 0.1·0.5.
            optimizer.update(&pool, &mut w, &[0.0; 4], 0.1, &[0..1, 2..3], 0.5);
            assert_close(&w, &[0.95, 1.0, 0.95, 1.0]);
        }
    }

    #[test]
    fn a_restored_state_goes_on_to_the_same_bits() {
        let pool = Pool::new(1);
        let gradient = |step: u64| [0.3, -0.2, 0.1].map(|g: f32| g * (step as f32).cos());
        for spec in all() {
            let (mut first, mut w) = (Optimizer::new(&spec, 3), [0.5_f32, -0.5, 0.25]);
            for step in 0..5 {
                first.update(&pool, &mut w, &gradient(step), 0.1, &[0..2], 0.01);
            }
            let (mut second, mut copy) = (Optimizer::new(&spec, 3), w);
            second.set_steps(first.steps());
            for ((to_name, to), (from_name, from)) in second.slots_mut().into_iter().zip(first.slots()) {
                assert_eq!(to_name, from_name);
                to.copy_from_slice(from);
            }
            for step in 5..10 {
                first.update(&pool, &mut w, &gradient(step), 0.1, &[0..2], 0.01);
                second.update(&pool, &mut copy, &gradient(step), 0.1, &[0..2], 0.01);
            }
            assert_eq!(w.map(f32::to_bits), copy.map(f32::to_bits), "{}", spec.name());
        }
    }

    #[test]
    fn threads_change_no_bit() {
        let count = 200_000;
        let grads: Vec<f32> = (0..count).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 500.0).collect();
        let run = |spec: &OptimizerSpec, threads| {
            let (pool, mut w) = (Pool::new(threads), vec![0.5_f32; count]);
            let mut optimizer = Optimizer::new(spec, count);
            for _ in 0..2 {
                optimizer.update(&pool, &mut w, &grads, 0.1, &[10..150_000], 0.01);
            }
            w
        };
        for spec in all() {
            assert!(run(&spec, 1) == run(&spec, 3), "{}", spec.name());
        }
    }

    #[test]
    fn nan_is_passed_on() {
        let pool = Pool::new(1);
        for spec in all() {
            let mut w = [1.0_f32; 2];
            Optimizer::new(&spec, 2).update(&pool, &mut w, &[f32::NAN, 1.0], 0.1, &[], 0.0);
            assert!(w[0].is_nan() && w[1].is_finite(), "{}", spec.name());
        }
    }

    #[test]
    #[should_panic(expected = "its state is an Lbfgs")]
    fn lbfgs_has_a_state_of_its_own() {
        let _ = Optimizer::<f32>::new(&OptimizerSpec::Lbfgs { history: 5, tolerance: 0.0 }, 1);
    }

    #[test]
    #[should_panic(expected = "a gradient for each parameter")]
    fn lengths_must_agree() {
        let pool = Pool::new(1);
        Optimizer::new(&OptimizerSpec::GradientDescent, 2).update(
            &pool,
            &mut [0.0; 2],
            &[0.0],
            0.1,
            &[],
            0.0,
        );
    }

    proptest! {
        /// A bowl Σ c·w²/2 is descended by every optimizer.
        #[test]
        fn each_optimizer_descends_a_bowl(
            start in proptest::collection::vec(-2.0..2.0, 3), curvature in 0.5..2.0
        ) {
            let pool = Pool::new(1);
            let cost = |w: &[f64]| w.iter().map(|w| 0.5 * curvature * w * w).sum::<f64>();
            for spec in all() {
                let (mut w, mut optimizer) = (start.clone(), Optimizer::new(&spec, 3));
                for _ in 0..400 {
                    let grads: Vec<f64> = w.iter().map(|w| curvature * w).collect();
                    optimizer.update(&pool, &mut w, &grads, 0.02, &[], 0.0);
                }
                prop_assert!(cost(&w) <= 0.01 * cost(&start) + 1e-3, "{}: {:?}", spec.name(), w);
            }
        }
    }
}
