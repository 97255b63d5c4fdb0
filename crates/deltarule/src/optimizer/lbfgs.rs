//! Limited-memory BFGS.

use std::cell::Cell;

use deltarule_kernels::{Pool, Real, abs_max, axpy, dot64, scale, sum_squares64};
use serde::{Deserialize, Serialize};

use super::line_search::{Trial, strong_wolfe};

/// Limited-memory BFGS (Nocedal 1980; Liu & Nocedal 1989): a quasi-Newton step over all rows at once.
///
/// ```text
/// d = −H·g        H from the last `history` pairs  s = w' − w,  y = g' − g,  by the two-loop recursion
/// w ← w + α·d     α by the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 3.5 and 3.6)
/// ```
///
/// α = 1 is tried first; of the first step, which is along the gradient, α = 1/‖g‖.
///
/// The cost, dot products and the line search are in double precision whatever the parameters' type. A pair whose
/// curvature sᵀy is not positive is dropped. Where a direction leads nowhere, the pairs are forgotten and the gradient
/// itself is tried; where that leads nowhere either, there is no further descent in this precision.
///
/// [`step`](Self::step) allocates nothing. It has converged when no element of the gradient is above
/// [`GRADIENT_TOLERANCE`](Self::GRADIENT_TOLERANCE) or the tolerance given, when a step lowers the cost by less than a few units in its last
/// place, or when there is no further descent.
///
/// ```
/// use deltarule::optimizer::Lbfgs;
/// use deltarule_kernels::Pool;
///
/// // Rosenbrock's valley (1 − x)² + 100·(y − x²)², lowest at (1, 1).
/// let mut valley = |w: &[f64], g: &mut [f64]| {
///     let (x, rise) = (w[0], w[1] - w[0] * w[0]);
///     g[0] = -2.0 * (1.0 - x) - 400.0 * x * rise;
///     g[1] = 200.0 * rise;
///     (1.0 - x).powi(2) + 100.0 * rise * rise
/// };
/// let (pool, mut w, mut lbfgs) = (Pool::new(1), [-1.2, 1.0], Lbfgs::new(10, 2));
/// let steps = (1..100).find(|_| lbfgs.step(&pool, &mut w, &mut valley).converged);
/// assert!(steps.is_some_and(|steps| steps < 50));
/// assert!((w[0] - 1.0).abs() < 1e-6 && (w[1] - 1.0).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs<F> {
    history: usize,
    tolerance: f64,
    state: LbfgsState,
    /// At the parameters of the last step.
    gradient: Vec<F>,
    /// `[history × parameters]`: the differences s, in a ring.
    moves: Vec<F>,
    /// `[history × parameters]`: the differences y, in a ring.
    changes: Vec<F>,
    /// sᵀy of each pair.
    curvatures: Vec<f64>,
    direction: Vec<F>,
    trial: Vec<F>,
    trial_gradient: Vec<F>,
    /// The first loop's factors, newest pair first.
    factors: Vec<f64>,
}

/// What an [`Lbfgs`] remembers besides its slots: a part of a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LbfgsState {
    /// Steps done.
    pub steps: u64,
    /// The cost at the parameters of the last step; `None` before the first.
    pub cost: Option<f64>,
    /// Pairs remembered.
    pub pairs: usize,
    /// The place that the next pair takes in the ring.
    pub next: usize,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsOutcome {
    /// The cost at the parameters now. Not finite only if it was so from the start, and then nothing was changed.
    pub cost: f64,
    /// How often cost and gradient were taken.
    pub evaluations: usize,
    /// Whether another step would be in vain.
    pub converged: bool,
}

impl<F: Real> Lbfgs<F> {
    /// The gradient is taken for 0 when none of its elements is above this: √ε, 1.5·10⁻⁸ in f64, and 10⁻⁶ in f32.
    pub const GRADIENT_TOLERANCE: f64 = if F::BYTES == 8 { 1.490_116_119_384_765_6e-8 } else { 1e-6 };

    /// State for `parameters` parameters and up to `history` pairs, at least 1. Nothing is allocated later.
    #[must_use]
    pub fn new(history: usize, parameters: usize) -> Self {
        let history = history.max(1);
        let zeros = |count| vec![F::ZERO; count];
        Self {
            history,
            tolerance: Self::GRADIENT_TOLERANCE,
            state: LbfgsState::default(),
            gradient: zeros(parameters),
            moves: zeros(history * parameters),
            changes: zeros(history * parameters),
            curvatures: vec![0.0; history],
            direction: zeros(parameters),
            trial: zeros(parameters),
            trial_gradient: zeros(parameters),
            factors: vec![0.0; history],
        }
    }

    /// Also converges where no element of the gradient is above `tolerance`, if that is larger than
    /// [`GRADIENT_TOLERANCE`](Self::GRADIENT_TOLERANCE).
    #[must_use]
    pub fn with_tolerance(self, tolerance: f64) -> Self {
        Self { tolerance: tolerance.max(Self::GRADIENT_TOLERANCE), ..self }
    }

    /// The arrays to be kept in a checkpoint, besides [`state`](Self::state): `gradient` `[parameters]`, `moves` and
    /// `changes` `[history × parameters]`.
    #[must_use]
    pub fn slots(&self) -> Vec<(&'static str, &[F])> {
        vec![("gradient", &self.gradient), ("moves", &self.moves), ("changes", &self.changes)]
    }

    /// The same, to be filled from a checkpoint before [`restore`](Self::restore).
    pub fn slots_mut(&mut self) -> Vec<(&'static str, &mut [F])> {
        vec![("gradient", &mut self.gradient), ("moves", &mut self.moves), ("changes", &mut self.changes)]
    }

    /// What is remembered besides the slots.
    #[must_use]
    pub fn state(&self) -> LbfgsState {
        self.state
    }

    /// Takes up a checkpoint's state, once the slots have been filled. `false`, and nothing is taken up, where the state
    /// does not fit the `history` that this was made with.
    #[must_use]
    pub fn restore(&mut self, pool: &Pool, state: LbfgsState) -> bool {
        if state.pairs > self.history || state.next >= self.history {
            return false;
        }
        self.state = state;
        for slot in 0..self.history {
            self.curvatures[slot] = dot64(pool, self.part(&self.moves, slot), self.part(&self.changes, slot));
        }
        true
    }

    /// Forgets the pairs and the cost: for parameters that were changed from outside.
    pub fn reset(&mut self) {
        self.state = LbfgsState { steps: self.state.steps, ..LbfgsState::default() };
    }

    /// One step. `evaluate(w, g)` writes the gradient at `w` over `g` and returns the cost, penalties included in both.
    ///
    /// The first step evaluates at `params`; later ones go on from the last step's cost and gradient, so `params` must
    /// be what it left (or call [`reset`](Self::reset)). A cost that is not finite during the search is stepped back from.
    ///
    /// # Panics
    /// Where `params` has another length than at the beginning.
    pub fn step(
        &mut self,
        pool: &Pool,
        params: &mut [F],
        evaluate: &mut dyn FnMut(&[F], &mut [F]) -> f64,
    ) -> LbfgsOutcome {
        assert_eq!(params.len(), self.gradient.len(), "as many parameters as at the beginning");
        let mut evaluations = 0;
        let cost = self.state.cost.unwrap_or_else(|| {
            evaluations += 1;
            evaluate(params, &mut self.gradient)
        });
        if !(cost.is_finite() && abs_max(pool, &self.gradient).is_finite()) {
            self.state.cost = None;
            let cost = if cost.is_finite() { f64::NAN } else { cost };
            return LbfgsOutcome { cost, evaluations, converged: false };
        }
        self.state.cost = Some(cost);
        if self.is_flat(pool, cost) {
            return LbfgsOutcome { cost, evaluations, converged: true };
        }
        loop {
            let was_steepest = self.state.pairs == 0;
            self.find_direction(pool);
            let found = self.search(pool, params, cost, evaluate, &mut evaluations);
            if let Some(new_cost) = found {
                self.accept(pool, params);
                self.state.cost = Some(new_cost);
                self.state.steps += 1;
                // A step along the gradient has no scale yet, and a short one says nothing of the lowest point.
                let last_places = 10.0 * F::EPSILON.to_f64() * cost.abs().max(new_cost.abs());
                let stalled = !was_steepest && cost - new_cost <= last_places;
                let converged = stalled || self.is_flat(pool, new_cost);
                return LbfgsOutcome { cost: new_cost, evaluations, converged };
            }
            if was_steepest {
                return LbfgsOutcome { cost, evaluations, converged: true };
            }
            (self.state.pairs, self.state.next) = (0, 0);
        }
    }

    fn is_flat(&self, pool: &Pool, cost: f64) -> bool {
        cost.is_finite() && abs_max(pool, &self.gradient).to_f64() <= self.tolerance
    }

    /// Pair `slot` of a ring.
    fn part<'a>(&self, ring: &'a [F], slot: usize) -> &'a [F] {
        let parameters = self.gradient.len();
        &ring[slot * parameters..][..parameters]
    }

    /// The place in the ring of the pair `age` steps old, 0 being the newest.
    fn slot(&self, age: usize) -> usize {
        (self.state.next + self.history - 1 - age) % self.history
    }

    /// d = −H·g by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4), with sᵀy/yᵀy of the newest pair for the
    /// first guess of H.
    fn find_direction(&mut self, pool: &Pool) {
        let mut direction = std::mem::take(&mut self.direction);
        direction.copy_from_slice(&self.gradient);
        for age in 0..self.state.pairs {
            let slot = self.slot(age);
            let factor = dot64(pool, self.part(&self.moves, slot), &direction) / self.curvatures[slot];
            self.factors[age] = factor;
            axpy(pool, F::from_f64(-factor), self.part(&self.changes, slot), &mut direction);
        }
        let mut sign_and_scale = -1.0;
        if self.state.pairs > 0 {
            let newest = self.slot(0);
            sign_and_scale *= self.curvatures[newest] / sum_squares64(pool, self.part(&self.changes, newest));
        }
        scale(pool, F::from_f64(sign_and_scale), &mut direction);
        for age in (0..self.state.pairs).rev() {
            let slot = self.slot(age);
            let back = dot64(pool, self.part(&self.changes, slot), &direction) / self.curvatures[slot];
            // The direction is −r already, so the sum of the book is a difference here.
            axpy(pool, F::from_f64(-self.factors[age] - back), self.part(&self.moves, slot), &mut direction);
        }
        self.direction = direction;
    }

    /// Searches along the direction; leaves the parameters found in `trial` and their gradient in `trial_gradient`.
    fn search(
        &mut self,
        pool: &Pool,
        params: &[F],
        cost: f64,
        evaluate: &mut dyn FnMut(&[F], &mut [F]) -> f64,
        evaluations: &mut usize,
    ) -> Option<f64> {
        let slope = dot64(pool, &self.gradient, &self.direction);
        if !(slope < 0.0 && slope.is_finite()) {
            return None;
        }
        let first = if self.state.pairs > 0 {
            1.0
        } else {
            // Without a pair the gradient's length is no measure of distance: a move of length 1 is tried, as in SciPy.
            1.0 / sum_squares64(pool, &self.gradient).sqrt()
        };
        let (direction, trial, gradient) = (&self.direction, &mut self.trial, &mut self.trial_gradient);
        let last = Cell::new(f64::NAN);
        let mut at = |alpha: f64| {
            last.set(alpha);
            *evaluations += 1;
            trial.copy_from_slice(params);
            axpy(pool, F::from_f64(alpha), direction, trial);
            let cost = evaluate(trial, gradient);
            (cost, dot64(pool, gradient, direction))
        };
        let found = strong_wolfe(Trial { alpha: 0.0, cost, slope }, first, &mut at)?;
        if last.get() != found.alpha {
            at(found.alpha); // the buffers hold another trial
        }
        // A gradient that overflowed where the cost did not would poison the pairs.
        (found.cost < cost && found.slope.is_finite()).then_some(found.cost)
    }

    /// Moves to the trial, and remembers the pair.
    fn accept(&mut self, pool: &Pool, params: &mut [F]) {
        let parameters = params.len();
        let slot = self.state.next;
        let here = slot * parameters..(slot + 1) * parameters;
        let (moved, changed) = (&mut self.moves[here.clone()], &mut self.changes[here]);
        for i in 0..parameters {
            moved[i] = self.trial[i] - params[i];
            changed[i] = self.trial_gradient[i] - self.gradient[i];
        }
        let curvature = dot64(pool, moved, changed);
        let lengths = (sum_squares64(pool, moved) * sum_squares64(pool, changed)).sqrt();
        params.copy_from_slice(&self.trial);
        std::mem::swap(&mut self.gradient, &mut self.trial_gradient);
        if curvature > f64::EPSILON * lengths {
            self.curvatures[slot] = curvature;
            self.state.next = (slot + 1) % self.history;
            self.state.pairs = (self.state.pairs + 1).min(self.history);
        } else if self.state.pairs == self.history {
            // The dropped pair's differences were written over the oldest one's.
            self.state.pairs -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// ½ Σ cᵢ(wᵢ − tᵢ)², its gradient in the precision of `F`.
    fn bowl<F: Real>(curvatures: &[f64], targets: &[f64]) -> impl FnMut(&[F], &mut [F]) -> f64 {
        move |w, g| {
            let mut cost = 0.0;
            for i in 0..w.len() {
                let distance = w[i].to_f64() - targets[i];
                cost += 0.5 * curvatures[i] * distance * distance;
                g[i] = F::from_f64(curvatures[i] * distance);
            }
            cost
        }
    }

    fn solve<F: Real>(
        pool: &Pool,
        history: usize,
        w: &mut [F],
        evaluate: &mut dyn FnMut(&[F], &mut [F]) -> f64,
    ) -> (f64, usize) {
        let mut lbfgs = Lbfgs::new(history, w.len());
        for steps in 1..1000 {
            let outcome = lbfgs.step(pool, w, evaluate);
            if outcome.converged {
                return (outcome.cost, steps);
            }
        }
        panic!("no convergence in a thousand steps");
    }

    #[test]
    fn a_bowl_is_solved_in_a_few_steps() {
        let pool = Pool::new(1);
        let (curvatures, targets) = ([1.0, 10.0, 0.1], [3.0, -1.0, 0.5]);
        let mut w = [0.0_f64; 3];
        let (cost, steps) = solve(&pool, 10, &mut w, &mut bowl(&curvatures, &targets));
        assert!(cost < 1e-14 && steps < 25, "{cost} after {steps}");
        let mut w = [0.0_f32; 3];
        let (cost, steps) = solve(&pool, 10, &mut w, &mut bowl(&curvatures, &targets));
        assert!(cost < 1e-9 && steps < 25, "{cost} after {steps}");
    }

    #[test]
    fn it_ends_where_the_gradient_is_below_the_tolerance_given() {
        let (pool, curvatures, targets) = (Pool::new(1), [1.0, 10.0, 0.1], [3.0, -1.0, 0.5]);
        let mut evaluate = bowl(&curvatures, &targets);
        let steps_to = |tolerance: f64, evaluate: &mut dyn FnMut(&[f64], &mut [f64]) -> f64| {
            let (mut w, mut lbfgs) = ([0.0_f64; 3], Lbfgs::new(10, 3).with_tolerance(tolerance));
            let steps = (1..100).find(|_| lbfgs.step(&pool, &mut w, evaluate).converged);
            (steps.expect("it converges"), abs_max(&pool, &lbfgs.gradient))
        };
        let (few, steep) = steps_to(0.1, &mut evaluate);
        let (many, flat) = steps_to(0.0, &mut evaluate);
        assert!(few < many && steep <= 0.1 && steep > flat, "{few} of {many} steps, {steep:e} and {flat:e}");
        assert!(flat <= Lbfgs::<f64>::GRADIENT_TOLERANCE);
    }

    #[test]
    fn a_minimum_is_recognised_without_a_step() {
        let (pool, mut w) = (Pool::new(1), [3.0]);
        let outcome = Lbfgs::new(3, 1).step(&pool, &mut w, &mut bowl(&[1.0], &[3.0]));
        assert_eq!(outcome, LbfgsOutcome { cost: 0.0, evaluations: 1, converged: true });
    }

    #[test]
    fn a_cost_that_is_not_finite_is_told_and_changes_nothing() {
        let (pool, mut w, mut lbfgs) = (Pool::new(1), [3.0], Lbfgs::new(3, 1));
        let outcome = lbfgs.step(&pool, &mut w, &mut |_, g| {
            g[0] = 1.0;
            f64::INFINITY
        });
        assert_eq!((outcome.cost, outcome.converged, w), (f64::INFINITY, false, [3.0]));
        let outcome = lbfgs.step(&pool, &mut w, &mut |_, g| {
            g[0] = f64::NAN;
            1.0
        });
        assert!(outcome.cost.is_nan() && !outcome.converged && w == [3.0]);
    }

    #[test]
    fn a_gradient_that_lies_ends_in_no_descent() {
        let (pool, mut w) = (Pool::new(1), [3.0]);
        // The cost rises along its own negative gradient.
        let outcome = Lbfgs::new(3, 1).step(&pool, &mut w, &mut |w, g| {
            g[0] = -1.0;
            w[0]
        });
        assert!(outcome.converged && outcome.cost == 3.0 && w == [3.0]);
    }

    #[test]
    fn a_restored_state_goes_on_to_the_same_bits() {
        let pool = Pool::new(1);
        let (curvatures, targets) = ([1.0, 100.0, 0.01, 3.0], [3.0, -1.0, 0.5, 1.0]);
        let mut evaluate = bowl(&curvatures, &targets);
        let (mut first, mut w) = (Lbfgs::new(2, 4), [0.0_f64; 4]);
        for _ in 0..5 {
            first.step(&pool, &mut w, &mut evaluate);
        }
        let (mut second, mut copy) = (Lbfgs::new(2, 4), w);
        for ((to_name, to), (from_name, from)) in second.slots_mut().into_iter().zip(first.slots()) {
            assert_eq!(to_name, from_name);
            to.copy_from_slice(from);
        }
        let text = serde_json::to_string(&first.state()).expect("plain data");
        assert!(second.restore(&pool, serde_json::from_str(&text).expect("what was written")));
        for _ in 0..5 {
            let outcomes =
                [first.step(&pool, &mut w, &mut evaluate), second.step(&pool, &mut copy, &mut evaluate)];
            assert_eq!(outcomes[0], outcomes[1]);
            assert_eq!(w.map(f64::to_bits), copy.map(f64::to_bits));
        }
        let foreign = LbfgsState { pairs: 3, ..first.state() };
        assert!(!second.restore(&pool, foreign));
    }

    #[test]
    fn after_a_reset_it_starts_from_where_it_is_put() {
        let pool = Pool::new(1);
        let (mut lbfgs, mut w) = (Lbfgs::new(2, 1), [0.0_f64]);
        let mut evaluate = bowl(&[1.0], &[3.0]);
        lbfgs.step(&pool, &mut w, &mut evaluate);
        w = [100.0];
        lbfgs.reset();
        while !lbfgs.step(&pool, &mut w, &mut evaluate).converged {}
        assert!((w[0] - 3.0).abs() < 1e-7);
    }

    #[test]
    fn threads_change_no_bit() {
        let count = 150_000;
        let curvatures: Vec<f64> = (0..count).map(|i| 1.0 + (i % 17) as f64).collect();
        let targets: Vec<f64> = (0..count).map(|i| (i as f64).sin()).collect();
        let run = |threads| {
            let (pool, mut w) = (Pool::new(threads), vec![0.0_f32; count]);
            solve(&pool, 3, &mut w, &mut bowl(&curvatures, &targets));
            w
        };
        assert!(run(1) == run(3));
    }

    proptest! {
        /// Bowls of any shape end at their lowest point, whatever the history.
        #[test]
        fn any_bowl_is_solved(
            sides in proptest::collection::vec((-2.0..2.0, -5.0..5.0, -5.0..5.0), 1..8), history in 1_usize..12
        ) {
            let curvatures: Vec<f64> = sides.iter().map(|side: &(f64, f64, f64)| 10_f64.powf(side.0)).collect();
            let targets: Vec<f64> = sides.iter().map(|side| side.1).collect();
            let mut w: Vec<f64> = sides.iter().map(|side| side.2).collect();
            let (cost, _) = solve(&Pool::new(1), history, &mut w, &mut bowl(&curvatures, &targets));
            prop_assert!(cost < 1e-10, "{cost}");
        }
    }
}
