//! How parameters follow their gradient.
//!
//! ```text
//! gradient → + penalties' gradient → clipped → optimizer's update → max-norm      (Regularization, Optimizer)
//! cost and gradient of all rows → direction → line search → new parameters       (Lbfgs)
//! ```
//!
//! An [`OptimizerSpec`] is what a user asks for; [`Optimizer`] is its state over one flat parameter buffer, and
//! [`Lbfgs`] that of the one method that needs the cost as well. All state is allocated once, can be read and written
//! for checkpoints, and is the same to the bit for any number of threads. Definitions are PyTorch's (`torch.optim`,
//! version 2).
//!
//! Refuses to know layers, data, schedules and files: a learning rate is a number per update.

mod first_order;
mod lbfgs;
mod line_search;
mod regularization;

#[cfg(test)]
mod golden_tests;

use serde::{Deserialize, Serialize};

pub use first_order::Optimizer;
pub use lbfgs::{Lbfgs, LbfgsOutcome, LbfgsState};
pub use regularization::Regularization;

/// Which optimizer, with its numbers. `g` is the gradient, η the learning rate; state starts at 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OptimizerSpec {
    /// w ← w − η·g: the textbook update.
    #[serde(alias = "sgd")]
    GradientDescent,
    /// v ← μ·v + g, w ← w − η·v (Polyak 1964).
    Momentum {
        /// μ, from 0, below 1. Default 0.9.
        #[serde(default = "nine_tenths")]
        momentum: f64,
    },
    /// v ← μ·v + g, w ← w − η·(g + μ·v) (Nesterov 1983 in the form of Sutskever et al. 2013).
    Nesterov {
        /// μ, from 0, below 1. Default 0.9.
        #[serde(default = "nine_tenths")]
        momentum: f64,
    },
    /// r ← ρ·r + (1−ρ)·g², u ← μ·u + g/(√r + ε), w ← w − η·u (Tieleman & Hinton 2012).
    #[serde(rename = "rmsprop")]
    RmsProp {
        /// ρ, from 0, below 1. Default 0.9, as in Hinton's lecture (PyTorch has 0.99).
        #[serde(default = "nine_tenths")]
        rho: f64,
        /// ε, above 0. Default 10⁻⁸.
        #[serde(default = "tiny")]
        epsilon: f64,
        /// μ, from 0, below 1; 0 needs no buffer u. Default 0.
        #[serde(default)]
        momentum: f64,
    },
    /// m ← β₁·m + (1−β₁)·g, r ← β₂·r + (1−β₂)·g², w ← w − η·m̂/(√r̂ + ε) with m̂ = m/(1−β₁ᵗ), r̂ = r/(1−β₂ᵗ)
    /// (Kingma & Ba 2015).
    Adam {
        /// β₁, from 0, below 1. Default 0.9.
        #[serde(default = "nine_tenths")]
        beta1: f64,
        /// β₂, from 0, below 1. Default 0.999.
        #[serde(default = "most")]
        beta2: f64,
        /// ε, above 0. Default 10⁻⁸.
        #[serde(default = "tiny")]
        epsilon: f64,
    },
    /// [`Adam`](Self::Adam) with decoupled weight decay (Loshchilov & Hutter 2019): the same update, but
    /// [`default_weight_decay`](Self::default_weight_decay) is 0.01.
    #[serde(rename = "adamw")]
    AdamW {
        /// β₁, from 0, below 1. Default 0.9.
        #[serde(default = "nine_tenths")]
        beta1: f64,
        /// β₂, from 0, below 1. Default 0.999.
        #[serde(default = "most")]
        beta2: f64,
        /// ε, above 0. Default 10⁻⁸.
        #[serde(default = "tiny")]
        epsilon: f64,
    },
    /// Each parameter has its own step Δ, which grows by `eta_plus` while the gradient keeps its sign and shrinks by
    /// `eta_minus` when the sign turns: w ← w − sign(g)·Δ (Riedmiller & Braun 1993; Igel & Hüsken's 2000 iRprop⁻).
    ///
    /// Of the gradient only the sign counts, so that noise between batches misleads it: made for the whole training
    /// set as one batch. The **first** update's learning rate is the first Δ; later rates have no effect.
    Rprop {
        /// Above 0, below 1. Default 0.5.
        #[serde(default = "half")]
        eta_minus: f64,
        /// Above 1. Default 1.2.
        #[serde(default = "six_fifths")]
        eta_plus: f64,
        /// The smallest Δ. Default 10⁻⁶.
        #[serde(default = "millionth")]
        step_min: f64,
        /// The largest Δ. Default 50.
        #[serde(default = "fifty")]
        step_max: f64,
    },
    /// Limited-memory BFGS with a line search, over all rows at once: see [`Lbfgs`]. Takes no learning rate.
    Lbfgs {
        /// Pairs of differences remembered, at least 1. Default 10.
        #[serde(default = "ten")]
        history: usize,
        /// It has converged where no element of the gradient is above this, or above what is 0 in its precision.
        /// Default 0.
        #[serde(default)]
        tolerance: f64,
    },
}

fn nine_tenths() -> f64 {
    0.9
}
fn most() -> f64 {
    0.999
}
fn tiny() -> f64 {
    1e-8
}
fn half() -> f64 {
    0.5
}
fn six_fifths() -> f64 {
    1.2
}
fn millionth() -> f64 {
    1e-6
}
fn fifty() -> f64 {
    50.0
}
fn ten() -> usize {
    10
}

impl OptimizerSpec {
    /// The names of all optimizers, in the order in which they are listed to people.
    pub const NAMES: [&'static str; 8] =
        ["gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw", "rprop", "lbfgs"];

    /// The optimizer of that name with its default numbers; `sgd` is `gradient_descent`. `None` for any other name.
    ///
    /// ```
    /// use deltarule::optimizer::OptimizerSpec;
    /// assert_eq!(OptimizerSpec::by_name("momentum"), Some(OptimizerSpec::Momentum { momentum: 0.9 }));
    /// ```
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "gradient_descent" | "sgd" => Self::GradientDescent,
            "momentum" => Self::Momentum { momentum: nine_tenths() },
            "nesterov" => Self::Nesterov { momentum: nine_tenths() },
            "rmsprop" => Self::RmsProp { rho: nine_tenths(), epsilon: tiny(), momentum: 0.0 },
            "adam" => Self::Adam { beta1: nine_tenths(), beta2: most(), epsilon: tiny() },
            "adamw" => Self::AdamW { beta1: nine_tenths(), beta2: most(), epsilon: tiny() },
            "rprop" => Self::Rprop {
                eta_minus: half(),
                eta_plus: six_fifths(),
                step_min: millionth(),
                step_max: fifty(),
            },
            "lbfgs" => Self::Lbfgs { history: ten(), tolerance: 0.0 },
            _ => return None,
        })
    }

    /// `gradient_descent`, `momentum`, `nesterov`, `rmsprop`, `adam`, `adamw`, `rprop`, `lbfgs`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::GradientDescent => "gradient_descent",
            Self::Momentum { .. } => "momentum",
            Self::Nesterov { .. } => "nesterov",
            Self::RmsProp { .. } => "rmsprop",
            Self::Adam { .. } => "adam",
            Self::AdamW { .. } => "adamw",
            Self::Rprop { .. } => "rprop",
            Self::Lbfgs { .. } => "lbfgs",
        }
    }

    /// The weight decay that goes with it unless another is asked for: 0.01 for `adamw` (PyTorch's), else 0.
    #[must_use]
    pub fn default_weight_decay(&self) -> f64 {
        if matches!(self, Self::AdamW { .. }) { 0.01 } else { 0.0 }
    }

    /// Whether an update wants the gradient over all rows: of `rprop` and `lbfgs`.
    #[must_use]
    pub fn wants_all_rows(&self) -> bool {
        matches!(self, Self::Rprop { .. } | Self::Lbfgs { .. })
    }

    /// Whether the learning rate of every update matters; not that of `rprop` (the first alone) and `lbfgs` (none).
    #[must_use]
    pub fn follows_a_schedule(&self) -> bool {
        !self.wants_all_rows()
    }

    /// Numbers of state per parameter, for plans of memory: parameters and gradient not counted.
    #[must_use]
    pub fn state_per_parameter(&self) -> usize {
        match self {
            Self::GradientDescent => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } => 1,
            Self::RmsProp { momentum, .. } => 1 + usize::from(*momentum != 0.0),
            Self::Adam { .. } | Self::AdamW { .. } | Self::Rprop { .. } => 2,
            // Pairs, and a direction, trial parameters and two gradients.
            Self::Lbfgs { history, .. } => history.saturating_mul(2).saturating_add(4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_defaults_and_text_agree() {
        for name in OptimizerSpec::NAMES {
            let spec = OptimizerSpec::by_name(name).expect("a listed name");
            assert_eq!(spec.name(), name);
            let short: OptimizerSpec =
                serde_json::from_str(&format!("{{\"name\":\"{name}\"}}")).expect("defaults for the rest");
            assert_eq!(short, spec);
            let text = serde_json::to_string(&spec).expect("plain data");
            assert_eq!(serde_json::from_str::<OptimizerSpec>(&text).expect("what was written"), spec);
        }
        let sgd: OptimizerSpec = serde_json::from_str("{\"name\":\"sgd\"}").expect("an alias");
        assert_eq!(Some(sgd), OptimizerSpec::by_name("sgd"));
        assert_eq!(OptimizerSpec::by_name("adagrad"), None);
    }

    #[test]
    fn state_is_as_large_as_said() {
        for name in &OptimizerSpec::NAMES[..7] {
            let spec = OptimizerSpec::by_name(name).expect("a listed name");
            let state: usize =
                Optimizer::<f32>::new(&spec, 5).slots().iter().map(|(_, slot)| slot.len()).sum();
            assert_eq!(state, 5 * spec.state_per_parameter(), "{name}");
        }
    }
}
