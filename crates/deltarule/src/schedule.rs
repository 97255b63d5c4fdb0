//! The learning rate of each step.
//!
//! A [`Schedule`] is a **pure function of the step's number**: nothing is carried from step to step, so a resumed run
//! has the rates of an uninterrupted one. The one thing that depends on how training went, the number of reductions of
//! [`Schedule::ReduceOnPlateau`], is a number handed in; [`Plateau`] counts it from the validation figures.
//!
//! ```text
//! η(step) = base · warm-up(step) · curve(step)
//! ```
//!
//! Rates are taken per batch, not per epoch. Refuses to know optimizers, files and clocks.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::metric::Metric;

/// The curve of the learning rate over a run; what is multiplied with its base value.
///
/// `e` is the number of epochs done, `step / steps_per_epoch`, with its fraction; `T` is the number of steps planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// 1.
    #[default]
    Constant,
    /// γ^⌊e / epochs⌋: falls by `gamma` after every `epochs` epochs (PyTorch's `StepLR`).
    Step {
        /// Epochs between two falls, at least 1.
        epochs: u64,
        /// γ, above 0, at most 1. Default 0.1.
        #[serde(default = "tenth")]
        gamma: f64,
    },
    /// γ^e, falling with every step (PyTorch's `ExponentialLR` at the epochs' ends).
    Exponential {
        /// γ per epoch, above 0, at most 1.
        gamma: f64,
    },
    /// (1 + e)^−power (Robbins & Monro 1951).
    ///
    /// scikit-learn's `invscaling` has the same form, but counts e in *samples* and changes the rate at the end of an
    /// epoch: after one epoch over 10,000 rows its rate is a hundredth. Here e is in epochs, so that neither the number
    /// of rows nor the batch size matters.
    InverseScaling {
        /// Default 0.5, as in scikit-learn.
        #[serde(default = "half")]
        power: f64,
    },
    /// f + (1−f)·½(1 + cos π·step/T), half a cosine from 1 to f (Loshchilov & Hutter 2017 without restarts; PyTorch's
    /// `CosineAnnealingLR` with `T_max` = T and `eta_min` = f·base).
    Cosine {
        /// f, from 0 to 1. Default 0.
        #[serde(default)]
        final_fraction: f64,
    },
    /// From `start_fraction` up to 1 and down to `final_fraction`, both on half cosines (Smith & Topin 2018; PyTorch's
    /// `OneCycleLR` with its `max_lr` = base, two phases). Momentum is left as it is.
    OneCycle {
        /// The part of the steps spent rising. Default 0.3.
        #[serde(default = "three_tenths")]
        peak_fraction: f64,
        /// The first rate, as a part of the highest. Default 1/25.
        #[serde(default = "twenty_fifth")]
        start_fraction: f64,
        /// The last rate, as a part of the highest. Default 4·10⁻⁶, PyTorch's (1/25)·10⁻⁴.
        #[serde(default = "four_millionths")]
        final_fraction: f64,
    },
    /// γ^reductions: falls by `gamma` when the watched validation figure has not got better for more than `patience`
    /// epochs (PyTorch's `ReduceLROnPlateau`). [`Plateau`] does the watching.
    ReduceOnPlateau {
        /// γ, above 0, below 1. Default 0.1.
        #[serde(default = "tenth")]
        gamma: f64,
        /// Epochs without progress that are let pass; the rate falls at the end of the next. Default 10.
        #[serde(default = "ten")]
        patience: u64,
        /// Progress smaller than this part of the best figure's magnitude counts as none. Default 10⁻⁴.
        #[serde(default = "ten_thousandth")]
        threshold: f64,
        /// Epochs after a fall during which nothing is counted. Default 0.
        #[serde(default)]
        cooldown: u64,
        /// The curve never falls below this. Default 0.
        #[serde(default)]
        final_fraction: f64,
    },
}

fn half() -> f64 {
    0.5
}
fn tenth() -> f64 {
    0.1
}
fn three_tenths() -> f64 {
    0.3
}
fn twenty_fifth() -> f64 {
    1.0 / 25.0
}
fn four_millionths() -> f64 {
    1.0 / 25.0 / 1e4
}
fn ten() -> u64 {
    10
}
fn ten_thousandth() -> f64 {
    1e-4
}

impl Schedule {
    /// The names of all schedules, in the order in which they are listed to people.
    pub const NAMES: [&'static str; 7] =
        ["constant", "step", "exponential", "inverse_scaling", "cosine", "one_cycle", "reduce_on_plateau"];

    /// The schedule of that name, with its default numbers; `None` for a name that is not in [`NAMES`](Self::NAMES).
    ///
    /// `step` falls to a tenth every 30 epochs and `exponential` by 5 % per epoch, which other software has no
    /// default for.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "constant" => Self::Constant,
            "step" => Self::Step { epochs: 30, gamma: tenth() },
            "exponential" => Self::Exponential { gamma: 0.95 },
            "inverse_scaling" => Self::InverseScaling { power: half() },
            "cosine" => Self::Cosine { final_fraction: 0.0 },
            "one_cycle" => Self::OneCycle {
                peak_fraction: three_tenths(),
                start_fraction: twenty_fifth(),
                final_fraction: four_millionths(),
            },
            "reduce_on_plateau" => Self::ReduceOnPlateau {
                gamma: tenth(),
                patience: ten(),
                threshold: ten_thousandth(),
                cooldown: 0,
                final_fraction: 0.0,
            },
            _ => return None,
        })
    }

    /// `constant`, `step`, `exponential`, `inverse_scaling`, `cosine`, `one_cycle`, `reduce_on_plateau`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Step { .. } => "step",
            Self::Exponential { .. } => "exponential",
            Self::InverseScaling { .. } => "inverse_scaling",
            Self::Cosine { .. } => "cosine",
            Self::OneCycle { .. } => "one_cycle",
            Self::ReduceOnPlateau { .. } => "reduce_on_plateau",
        }
    }

    /// η of a step, without warm-up: `base` times the curve.
    ///
    /// | argument | meaning |
    /// |---|---|
    /// | `base` | the learning rate that was asked for; of `OneCycle`, the highest |
    /// | `step` | steps done before this one, from 0; above `total_steps` the curve keeps its last value |
    /// | `total_steps` | T, steps planned |
    /// | `steps_per_epoch` | batches in an epoch; 0 is read as 1 |
    /// | `plateau_reductions` | [`Plateau::reductions`]; used by `ReduceOnPlateau` only |
    ///
    /// ```
    /// use deltarule::schedule::Schedule;
    /// let cosine = Schedule::Cosine { final_fraction: 0.0 };
    /// // Half-way down the half cosine: ½(1 + cos π/2) = ½.
    /// assert!((cosine.rate(0.1, 50, 100, 10, 0) - 0.05).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn rate(
        &self,
        base: f64,
        step: u64,
        total_steps: u64,
        steps_per_epoch: u64,
        plateau_reductions: u32,
    ) -> f64 {
        let steps_per_epoch = steps_per_epoch.max(1);
        let epochs_done = step as f64 / steps_per_epoch as f64;
        base * match *self {
            Self::Constant => 1.0,
            Self::Step { epochs, gamma } => gamma.powf((step / steps_per_epoch / epochs.max(1)) as f64),
            Self::Exponential { gamma } => gamma.powf(epochs_done),
            Self::InverseScaling { power } => (1.0 + epochs_done).powf(-power),
            Self::Cosine { final_fraction } => {
                let done = (step as f64 / total_steps.max(1) as f64).min(1.0);
                half_cosine(1.0, final_fraction, done)
            }
            Self::OneCycle { peak_fraction, start_fraction, final_fraction } => {
                one_cycle(step, total_steps, peak_fraction, start_fraction, final_fraction)
            }
            Self::ReduceOnPlateau { gamma, final_fraction, .. } => {
                let fallen = gamma.powf(f64::from(plateau_reductions));
                if fallen < final_fraction { final_fraction } else { fallen }
            }
        }
    }
}

/// From `from` to `to` on half a cosine; `done` from 0 to 1.
fn half_cosine(from: f64, to: f64, done: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (PI * done).cos())
}

/// The phases end at the steps peak·T − 1 and T − 1, as PyTorch counts.
fn one_cycle(step: u64, total_steps: u64, peak_fraction: f64, start: f64, end: f64) -> f64 {
    let last = total_steps.saturating_sub(1) as f64;
    let step = (step as f64).min(last);
    let peak = peak_fraction * total_steps as f64 - 1.0;
    if step <= peak && peak > 0.0 {
        half_cosine(start, 1.0, step / peak)
    } else {
        // A rise shorter than a step is left out: the curve then begins at its highest point.
        let peak = peak.max(0.0);
        if last <= peak { 1.0 } else { half_cosine(1.0, end, (step - peak) / (last - peak)) }
    }
}

/// A base rate, its curve and its warm-up: all that the rate of a step depends on.
///
/// During the first `warmup_steps` steps the rate rises linearly from base/(`warmup_steps` + 1); then the curve begins.
/// Curves measured in T have T − `warmup_steps` steps, so that they end where the run ends. (PyTorch's `SequentialLR`
/// of a `LinearLR` and the schedule; Goyal et al. 2017.) A rise is towards the curve's first value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRate {
    /// The learning rate that was asked for, above 0.
    pub base: f64,
    /// Its curve.
    #[serde(default)]
    pub schedule: Schedule,
    /// Steps of the linear rise at the beginning.
    #[serde(default)]
    pub warmup_steps: u64,
}

impl LearningRate {
    /// A constant rate.
    #[must_use]
    pub fn constant(base: f64) -> Self {
        Self { base, schedule: Schedule::Constant, warmup_steps: 0 }
    }

    /// η of a step, warm-up included; arguments as in [`Schedule::rate`].
    ///
    /// ```
    /// use deltarule::schedule::{LearningRate, Schedule};
    /// let rate = LearningRate { base: 0.4, schedule: Schedule::Constant, warmup_steps: 3 };
    /// let rates = [0, 1, 2, 3].map(|step| rate.at(step, 10, 10, 0));
    /// assert_eq!(rates, [0.1, 0.2, 0.4 * 0.75, 0.4]);
    /// ```
    #[must_use]
    pub fn at(&self, step: u64, total_steps: u64, steps_per_epoch: u64, plateau_reductions: u32) -> f64 {
        let curve = |step| {
            let total = total_steps.saturating_sub(self.warmup_steps);
            self.schedule.rate(self.base, step, total, steps_per_epoch, plateau_reductions)
        };
        match step.checked_sub(self.warmup_steps) {
            Some(step) => curve(step),
            None => curve(0) * ((step as f64 + 1.0) / (self.warmup_steps as f64 + 1.0)),
        }
    }
}

/// What [`Schedule::ReduceOnPlateau`] remembers of the validation figures: part of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The best figure so far.
    pub best: Option<f64>,
    /// Epochs counted since.
    pub waited: u64,
    /// Epochs of the cooldown still to pass.
    pub cooling: u64,
    /// How often the rate has fallen: what [`Schedule::rate`] is given.
    pub reductions: u32,
}

impl Plateau {
    /// Takes note of an epoch's figure; says whether the rate falls. Does nothing under any other schedule.
    ///
    /// A figure makes progress if it is better than the best by more than `threshold`·|best|. NaN makes none.
    pub fn observe(&mut self, schedule: &Schedule, metric: Metric, figure: f64) -> bool {
        let Schedule::ReduceOnPlateau { patience, threshold, cooldown, .. } = *schedule else {
            return false;
        };
        let progress = match self.best {
            Some(best) => metric.better_by(figure, best, threshold * best.abs()),
            None => !figure.is_nan(),
        };
        if progress {
            self.best = Some(figure);
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.waited = 0;
        }
        if self.waited <= patience {
            return false;
        }
        self.waited = 0;
        self.cooling = cooldown;
        self.reductions = self.reductions.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates printed by PyTorch 2.15, base 0.1.
    fn assert_rates(schedule: Schedule, total_steps: u64, steps_per_epoch: u64, expected: &[f64]) {
        for (step, expected) in expected.iter().enumerate() {
            let rate = schedule.rate(0.1, step as u64, total_steps, steps_per_epoch, 0);
            assert!((rate - expected).abs() < 1e-15, "{schedule:?}, step {step}: {rate} is not {expected}");
        }
    }

    #[test]
    fn cosine_is_pytorchs_annealing() {
        // CosineAnnealingLR(T_max=8, eta_min=0.01)
        let expected = [
            0.1,
            0.096_574_578_963_007_9,
            0.086_819_805_153_394_63,
            0.072_220_754_456_429_05,
            0.055,
            0.037_779_245_543_570_96,
            0.023_180_194_846_605_363,
            0.013_425_421_036_992_097,
        ];
        assert_rates(Schedule::Cosine { final_fraction: 0.1 }, 8, 3, &expected);
        let after = Schedule::Cosine { final_fraction: 0.1 }.rate(0.1, 99, 8, 3, 0);
        assert!((after - 0.01).abs() < 1e-15);
    }

    #[test]
    fn one_cycle_is_pytorchs() {
        // OneCycleLR(max_lr=0.1, total_steps=10): up to step 2, down to step 9 at 0.1/25/10⁴.
        let expected = [
            0.004,
            0.052,
            0.1,
            0.095_048_463_201_347_38,
            0.081_174_565_394_976_3,
            0.061_126_202_193_628_93,
            0.038_874_197_806_371_07,
            0.018_825_834_605_023_7,
            0.004_951_936_798_652_629,
            4e-7,
            4e-7, // beyond the plan: the last value
        ];
        let schedule = Schedule::by_name("one_cycle").expect("a name");
        assert_rates(schedule, 10, 1, &expected);
        // OneCycleLR(max_lr=0.1, total_steps=11): the peak lies between steps, at 2.3.
        let expected = [0.004, 0.042_234_111_373_473_58, 0.096_026_142_472_261_75, 0.097_974_656_782_130_16];
        assert_rates(schedule, 11, 1, &expected);
    }

    #[test]
    fn one_cycle_of_a_few_steps_has_finite_rates() {
        let schedule = Schedule::by_name("one_cycle").expect("a name");
        for total in 0..8 {
            for step in 0..10 {
                let rate = schedule.rate(1.0, step, total, 1, 0);
                assert!(rate > 0.0 && rate <= 1.0, "step {step} of {total}: {rate}");
            }
        }
    }

    #[test]
    fn step_and_exponential_are_pytorchs_at_the_epochs() {
        assert_rates(Schedule::Step { epochs: 2, gamma: 0.5 }, 6, 1, &[0.1, 0.1, 0.05, 0.05, 0.025, 0.025]);
        assert_rates(Schedule::Step { epochs: 1, gamma: 0.5 }, 6, 3, &[0.1, 0.1, 0.1, 0.05, 0.05, 0.05]);
        assert_rates(Schedule::Exponential { gamma: 0.9 }, 4, 1, &[0.1, 0.09, 0.081, 0.0729]);
        // Two steps an epoch: √0.81 = 0.9 per step.
        assert_rates(Schedule::Exponential { gamma: 0.81 }, 4, 2, &[0.1, 0.09, 0.081, 0.0729]);
    }

    #[test]
    fn inverse_scaling_falls_with_the_epochs() {
        // After 3 epochs: 0.1/√4; after 1½: 0.1/√2.5.
        let schedule = Schedule::InverseScaling { power: 0.5 };
        assert!((schedule.rate(0.1, 6, 10, 2, 0) - 0.05).abs() < 1e-15);
        assert!((schedule.rate(0.1, 3, 10, 2, 0) - 0.1 / 2.5_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn warm_up_comes_before_the_curve() {
        // SequentialLR([LinearLR(start_factor=1/4, total_iters=3), CosineAnnealingLR(T_max=5)], [3])
        let expected = [
            0.025,
            0.05,
            0.075,
            0.1,
            0.090_450_849_718_747_38,
            0.065_450_849_718_747_37,
            0.034_549_150_281_252_63,
            0.009_549_150_281_252_633,
        ];
        let rate =
            LearningRate { base: 0.1, schedule: Schedule::Cosine { final_fraction: 0.0 }, warmup_steps: 3 };
        for (step, expected) in expected.iter().enumerate() {
            assert!((rate.at(step as u64, 8, 2, 0) - expected).abs() < 1e-15);
        }
        assert_eq!(LearningRate::constant(0.3).at(7, 8, 2, 0), 0.3);
    }

    #[test]
    fn a_plateau_is_seen_as_pytorch_sees_it() {
        // ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1) on these figures, base 1.
        let figures = [1.0, 0.9, 0.9, 0.9, 0.899_99, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8];
        let expected = [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125];
        let schedule = Schedule::ReduceOnPlateau {
            gamma: 0.5,
            patience: 2,
            threshold: 1e-4,
            cooldown: 1,
            final_fraction: 0.0,
        };
        let (mut falling, mut rising) = (Plateau::default(), Plateau::default());
        for (figure, expected) in figures.iter().zip(expected) {
            falling.observe(&schedule, Metric::Rmse, *figure);
            // The mirror image under a figure that should rise, negative throughout.
            rising.observe(&schedule, Metric::R2, -figure);
            assert_eq!(schedule.rate(1.0, 5, 10, 1, falling.reductions), expected);
            assert_eq!(falling.reductions, rising.reductions);
        }
    }

    #[test]
    fn nan_is_no_progress_and_the_rate_stops_at_its_floor() {
        let schedule = Schedule::ReduceOnPlateau {
            gamma: 0.1,
            patience: 0,
            threshold: 0.0,
            cooldown: 0,
            final_fraction: 0.05,
        };
        let mut plateau = Plateau::default();
        assert!(plateau.observe(&schedule, Metric::Cost, f64::NAN));
        assert_eq!(plateau.best, None);
        assert!(!plateau.observe(&schedule, Metric::Cost, 1.0));
        assert!(plateau.observe(&schedule, Metric::Cost, 1.0));
        assert_eq!(schedule.rate(1.0, 0, 1, 1, plateau.reductions), 0.05);
        assert!(!plateau.observe(&Schedule::Constant, Metric::Cost, 2.0));
    }

    /// The schedule that a case of `fixtures/schedules.json` describes in PyTorch's words.
    fn golden_schedule(case: &serde_json::Value) -> Schedule {
        let number = |key: &str| case[key].as_f64().expect(key);
        let count = |key: &str| case[key].as_u64().expect(key);
        match case["name"].as_str().expect("a name") {
            "step" => Schedule::Step { epochs: count("every"), gamma: number("factor") },
            "exponential" => Schedule::Exponential { gamma: number("factor") },
            "cosine" => Schedule::Cosine { final_fraction: number("minimum") / number("learning_rate") },
            "one_cycle" => Schedule::OneCycle {
                peak_fraction: number("rising"),
                start_fraction: 1.0 / number("start_factor"),
                final_fraction: 1.0 / number("start_factor") / number("end_factor"),
            },
            "reduce_on_plateau" => Schedule::ReduceOnPlateau {
                gamma: number("factor"),
                patience: count("patience"),
                threshold: number("threshold"),
                cooldown: count("cooldown"),
                final_fraction: number("minimum") / number("learning_rate"),
            },
            other => panic!("a schedule of another name: {other}"),
        }
    }

    /// Every case of `fixtures/schedules.json`, whose rates PyTorch computed.
    #[test]
    fn golden_rates_are_pytorchs() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/schedules.json");
        let text = std::fs::read_to_string(path).expect("a committed file");
        let golden: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let cases = golden["cases"].as_array().expect("a list");
        assert!(cases.len() >= 9);
        for case in cases {
            let rate = LearningRate {
                base: case["learning_rate"].as_f64().expect("a rate"),
                schedule: golden_schedule(case),
                warmup_steps: case["warmup"].as_u64().unwrap_or(0),
            };
            let (steps, mut plateau) = (case["steps"].as_u64().expect("a count"), Plateau::default());
            let expected =
                case["rates"].as_array().expect("a list").iter().map(|rate| rate.as_f64().expect("a rate"));
            for (step, expected) in (0..).zip(expected) {
                let got = rate.at(step, steps, 1, plateau.reductions);
                assert!((got - expected).abs() < 1e-15, "{case}, step {step}: {got} is not {expected}");
                if let Some(figure) = case["figures"][step as usize].as_f64() {
                    plateau.observe(&rate.schedule, Metric::Cost, figure);
                }
            }
        }
    }

    #[test]
    fn names_defaults_and_text_agree() {
        for name in Schedule::NAMES {
            let schedule = Schedule::by_name(name).expect("a listed name");
            assert_eq!(schedule.name(), name);
            let text = serde_json::to_string(&schedule).expect("plain data");
            assert_eq!(serde_json::from_str::<Schedule>(&text).expect("what was written"), schedule);
            assert!(text.starts_with(&format!("{{\"name\":\"{name}\"")), "{text}");
        }
        for name in ["one_cycle", "cosine", "inverse_scaling", "reduce_on_plateau"] {
            let schedule: Schedule =
                serde_json::from_str(&format!("{{\"name\":\"{name}\"}}")).expect("defaults for the rest");
            assert_eq!(Some(schedule), Schedule::by_name(name));
        }
        assert_eq!(Schedule::by_name("linear"), None);
    }
}
