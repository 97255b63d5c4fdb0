//! What may be asked of a running loop.
//!
//! Controls are polled at step boundaries. Each accepted one is itself an event, with its step, so that a run with
//! interventions can be replayed to the same bits.

mod file;

use serde::{Deserialize, Serialize};

pub use file::ControlFile;

/// A wish to a running trainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Control {
    /// End after the current step, keeping what has been learnt.
    Stop,
    /// Wait at the step boundary until `Resume` or `Stop`.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Multiply the schedule's learning rate by `factor` from the next step on.
    ScaleLearningRate {
        /// Above 0, finite; replaces an earlier factor.
        factor: f64,
    },
    /// Write a checkpoint now.
    Checkpoint,
    /// Write the state to a place of its own, for whoever wants to go on from it.
    Fork,
}

/// Whoever steers a run. Closures `FnMut(u64) -> Option<Control>` do.
pub trait Controller {
    /// Asked before each step, with the number of steps done; the trainer asks again until the answer is `None`.
    ///
    /// After a [`Control::Pause`] the trainer asks on: an implementation may block in here until something is wanted.
    fn poll(&mut self, step: u64) -> Option<Control>;
}

impl<T: FnMut(u64) -> Option<Control>> Controller for T {
    fn poll(&mut self, step: u64) -> Option<Control> {
        self(step)
    }
}

/// Asks for nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unattended;

impl Controller for Unattended {
    fn poll(&mut self, _: u64) -> Option<Control> {
        None
    }
}
