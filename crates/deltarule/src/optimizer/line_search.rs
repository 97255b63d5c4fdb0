//! A step length along a direction of descent, by the strong Wolfe conditions.

/// Sufficient decrease: φ(α) ≤ φ(0) + C₁·α·φ'(0).
const C1: f64 = 1e-4;
/// Curvature: |φ'(α)| ≤ C₂·|φ'(0)|; Nocedal & Wright's value for quasi-Newton directions.
const C2: f64 = 0.9;
/// Step lengths tried until an interval is found; each is up to ten times the last.
const MAX_BRACKETING: usize = 20;
/// Step lengths tried within the interval.
const MAX_ZOOM: usize = 30;

/// A step length tried, φ and φ' there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trial {
    pub(super) alpha: f64,
    pub(super) cost: f64,
    pub(super) slope: f64,
}

impl Trial {
    /// Not above the line of sufficient decrease from `start`; NaN and infinity are above it.
    fn decreases(&self, start: &Self) -> bool {
        self.cost <= start.cost + C1 * self.alpha * start.slope
    }

    fn is_flat(&self, start: &Self) -> bool {
        self.slope.abs() <= C2 * -start.slope
    }
}

/// Finds α > 0 that keeps the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 3.5 and 3.6):
///
/// ```text
/// φ(α) ≤ φ(0) + c₁·α·φ'(0)        |φ'(α)| ≤ c₂·|φ'(0)|        c₁ = 10⁻⁴, c₂ = 0.9
/// ```
///
/// `start` is φ and φ' at 0, with φ' < 0; `first` is the first α tried; `evaluate` gives φ and φ' at an α. Where rounding
/// leaves no α that is flat enough, the lowest that decreases enough is taken; `None` where none does. The α found need
/// not be the last one evaluated.
pub(super) fn strong_wolfe(
    start: Trial,
    first: f64,
    evaluate: &mut dyn FnMut(f64) -> (f64, f64),
) -> Option<Trial> {
    let mut at = |alpha| {
        let (cost, slope) = evaluate(alpha);
        Trial { alpha, cost, slope }
    };
    let mut last = start;
    let mut alpha = first;
    for round in 0..MAX_BRACKETING {
        let trial = at(alpha);
        if !trial.decreases(&start) || (round > 0 && trial.cost >= last.cost) {
            return zoom(&start, last, trial, &mut at);
        }
        if trial.is_flat(&start) {
            return Some(trial);
        }
        if trial.slope >= 0.0 {
            return zoom(&start, trial, last, &mut at);
        }
        alpha = cubic_minimum(&last, &trial, alpha + 0.01 * (alpha - last.alpha), 10.0 * alpha);
        last = trial;
    }
    // The cost falls further than can be followed: take what there is.
    (last.alpha > 0.0).then_some(last)
}

/// Narrows an interval that holds a step length wanted. `low` is the lower end by cost, and decreases enough (or is the
/// start); its slope points towards `high`.
fn zoom(start: &Trial, mut low: Trial, mut high: Trial, at: &mut dyn FnMut(f64) -> Trial) -> Option<Trial> {
    for _ in 0..MAX_ZOOM {
        let width = (high.alpha - low.alpha).abs();
        if width * low.slope.abs() <= f64::EPSILON * low.cost.abs() || width <= f64::EPSILON * low.alpha {
            break; // no cost between the two can be told from the lower end's
        }
        let (left, right) = (low.alpha.min(high.alpha), low.alpha.max(high.alpha));
        let trial = at(cubic_minimum(&low, &high, left + 0.1 * width, right - 0.1 * width));
        if !trial.decreases(start) || trial.cost >= low.cost {
            high = trial;
            continue;
        }
        if trial.is_flat(start) {
            return Some(trial);
        }
        if trial.slope * (high.alpha - low.alpha) >= 0.0 {
            high = low;
        }
        low = trial;
    }
    (low.alpha > 0.0).then_some(low)
}

/// Where the cubic through two trials is lowest (Nocedal & Wright 2006, equation 3.59), kept between `least` and `most`;
/// their middle where a trial is not finite or the cubic has no lowest point.
fn cubic_minimum(a: &Trial, b: &Trial, least: f64, most: f64) -> f64 {
    let d1 = a.slope + b.slope - 3.0 * (a.cost - b.cost) / (a.alpha - b.alpha);
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt() * (b.alpha - a.alpha).signum();
    let lowest = b.alpha - (b.alpha - a.alpha) * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    if lowest.is_finite() { lowest.clamp(least, most) } else { 0.5 * (least + most) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Searches φ from 0, and counts.
    fn search(phi: impl Fn(f64) -> (f64, f64), first: f64) -> (Option<Trial>, usize) {
        let (cost, slope) = phi(0.0);
        let mut count = 0;
        let found = strong_wolfe(Trial { alpha: 0.0, cost, slope }, first, &mut |alpha| {
            count += 1;
            phi(alpha)
        });
        (found, count)
    }

    #[test]
    fn the_cubic_is_exact_for_a_parabola() {
        // (α − 2)²: from 0 (4, slope −4) and 1 (1, slope −2) to 2.
        let at =
            |alpha: f64| Trial { alpha, cost: (alpha - 2.0) * (alpha - 2.0), slope: 2.0 * (alpha - 2.0) };
        assert!((cubic_minimum(&at(0.0), &at(1.0), 0.0, 10.0) - 2.0).abs() < 1e-12);
        assert_eq!(cubic_minimum(&at(0.0), &at(1.0), 0.0, 1.5), 1.5);
        let infinite = Trial { alpha: 1.0, cost: f64::INFINITY, slope: f64::NAN };
        assert_eq!(cubic_minimum(&at(0.0), &infinite, 0.25, 0.75), 0.5);
    }

    #[test]
    fn a_good_first_step_is_taken_at_once() {
        let (found, count) = search(|alpha| ((alpha - 1.0).powi(2), 2.0 * (alpha - 1.0)), 1.0);
        assert_eq!((found.map(|trial| trial.alpha), count), (Some(1.0), 1));
    }

    #[test]
    fn a_step_into_infinity_is_taken_back() {
        // −ln(1 − α) − 2α: lowest at ½, infinite from 1 on.
        let phi = |alpha: f64| {
            if alpha < 1.0 {
                (-(1.0 - alpha).ln() - 2.0 * alpha, 1.0 / (1.0 - alpha) - 2.0)
            } else {
                (f64::NAN, f64::NAN)
            }
        };
        let (found, _) = search(phi, 64.0);
        assert!(found.is_some_and(|trial| trial.alpha < 1.0 && trial.cost < 0.0));
    }

    #[test]
    fn no_descent_is_none() {
        // A slope that promises what the cost does not keep.
        let (found, count) = search(|alpha| (1.0 + alpha, -1.0), 1.0);
        assert_eq!(found, None);
        assert!(count <= MAX_BRACKETING + MAX_ZOOM + 1);
    }

    #[test]
    fn a_cost_without_bottom_is_left_at_last() {
        let (found, count) = search(|alpha| (-alpha, -1.0), 1.0);
        assert!(found.is_some_and(|trial| trial.cost < -1e6) && count == MAX_BRACKETING);
    }

    proptest! {
        /// Whatever the scale and the first step, both conditions hold.
        #[test]
        fn the_step_keeps_both_conditions(
            scale in -3.0..3.0, place in -3.0..3.0, wave in 0.0..0.9, first in -4.0..4.0
        ) {
            let (scale, place, first) = (10_f64.powf(scale), 10_f64.powf(place), 10_f64.powf(first));
            // A bowl with its lowest point near `place`, wavy.
            let phi = |alpha: f64| {
                let t = alpha / place;
                let (value, slope) = ((t - 1.0).powi(2) + wave * (5.0 * t).cos() / 5.0, 2.0 * (t - 1.0) - wave * (5.0 * t).sin());
                (scale * value, scale * slope / place)
            };
            let (found, _) = search(phi, first);
            let trial = found.expect("a bowl has such a step");
            let (cost, slope) = phi(0.0);
            let start = Trial { alpha: 0.0, cost, slope };
            prop_assert!(trial.decreases(&start) && trial.is_flat(&start), "{trial:?}");
        }
    }
}
