//! The one account of a run: a stream of [`Event`]s.
//!
//! The progress bar, `events.jsonl` and every later display are observers of it; none touches the trainer. What goes
//! the other way is a [`Control`].

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::control::Control;
use crate::health::judgement::Judgement;
use crate::health::survey::Survey;
use crate::health::telemetry::{LayerHealth, LayerOutline};

/// Named figures, such as `{"accuracy": 0.98, "log_loss": 0.07}`, in the order of their names.
pub type Figures = BTreeMap<String, f64>;

/// JSON has no NaN and no infinity: they are written as null.
pub(crate) fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn nulls_are_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Figures, D::Error> {
    let figures = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(figures.into_iter().map(|(name, figure)| (name, figure.unwrap_or(f64::NAN))).collect())
}

/// Something that happened in a run. One JSON object each, on one line of `events.jsonl`, told apart by `event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// One network's training begins (or goes on, with `step` > 0 after a resume).
    Started {
        /// Which part of the run: `model`, `fold 2`, `member 3`.
        part: String,
        /// Parameters of the network.
        parameters: u64,
        /// Rows trained on.
        rows: u64,
        /// Epochs planned.
        epochs: u64,
        /// Steps in an epoch.
        steps_per_epoch: u64,
        /// Steps already done.
        step: u64,
        /// The network's layers, first to last.
        #[serde(default)]
        layers: Vec<LayerOutline>,
    },
    /// What the training rows of the part that starts next say before its first step.
    Surveyed {
        /// The facts.
        survey: Survey,
    },
    /// A number stopped being finite; nothing of the part comes after it.
    Failed {
        /// The step, from 1.
        step: u64,
        /// Its epoch, from 1.
        epoch: u64,
        /// `input`, `forward`, `cost`, `backward`, `update`.
        phase: String,
        /// The layer, where it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        layer: Option<usize>,
        /// What was not finite.
        what: String,
    },
    /// What the trained network says of training and validation rows, after the part's end.
    Judged {
        /// The figures.
        judgement: Judgement,
    },
    /// What the layers looked like in one step of many, with the batch that it learnt from.
    Health {
        /// Epoch under way, from 1.
        epoch: u64,
        /// The step's number, from 1.
        step: u64,
        /// The batch's mean cost before the update.
        #[serde(deserialize_with = "null_is_nan")]
        cost: f64,
        /// Rows of the batch that activations and deltas were looked at in.
        rows: u64,
        /// Each layer, first to last.
        layers: Vec<LayerHealth>,
    },
    /// Some steps have been done within an epoch: for progress only, at most a few a second.
    Progress {
        /// Epoch under way, from 1.
        epoch: u64,
        /// Steps done since the start.
        step: u64,
        /// Mean cost over the rows of the epoch so far.
        #[serde(deserialize_with = "null_is_nan")]
        cost: f64,
        /// η of the last step.
        learning_rate: f64,
        /// Rows trained on per second since the epoch began.
        samples_per_second: f64,
    },
    /// An epoch is over.
    Epoch {
        /// Its number, from 1.
        epoch: u64,
        /// Steps done since the start.
        step: u64,
        /// Weighted mean cost over the epoch's rows, each as it was trained on, without penalties.
        #[serde(deserialize_with = "null_is_nan")]
        cost: f64,
        /// Figures on the validation rows; empty without any.
        #[serde(deserialize_with = "nulls_are_nan")]
        validation: Figures,
        /// Whether the watched figure is the best so far.
        best: bool,
        /// η of the last step.
        learning_rate: f64,
        /// Rows trained on per second, validation apart.
        samples_per_second: f64,
        /// Seconds since the start of this part, all told.
        seconds: f64,
    },
    /// A control was accepted before step `step`.
    Controlled {
        /// Steps done when it was accepted.
        step: u64,
        /// What was asked.
        control: Control,
    },
    /// A checkpoint was written after step `step`.
    Checkpointed {
        /// Steps done.
        step: u64,
        /// Where.
        path: String,
    },
    /// One network's training is over.
    Ended {
        /// Which part of the run.
        part: String,
        /// Why it ended.
        reason: EndReason,
        /// Epochs done, those of an interrupted epoch not counted.
        epochs: u64,
        /// Steps done.
        step: u64,
        /// The epoch whose weights are kept.
        best_epoch: u64,
        /// Seconds since the start of this part.
        seconds: f64,
    },
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// All epochs (or steps) were done.
    Finished,
    /// The watched figure did not get better for `patience` epochs.
    EarlyStopping,
    /// The optimizer found no further descent (L-BFGS, or a gradient of zero).
    Converged,
    /// [`Control::Stop`].
    Stopped,
}

/// Whoever listens to a run. Closures `FnMut(&Event)` do.
pub trait Observer {
    /// Called with each event, in order, on the trainer's thread.
    fn observe(&mut self, event: &Event);
}

impl<T: FnMut(&Event)> Observer for T {
    fn observe(&mut self, event: &Event) {
        self(event);
    }
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&mut self, _: &Event) {}
}
