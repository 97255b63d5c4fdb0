//! What a run reports: the JSON that scripts rely on, and the source of every word that people see at its end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::folds::CrossValidation;
use crate::event::{EndReason, Figures};
use crate::health::Finding;
use crate::model::Evaluation;
use crate::plan::Reason;
use crate::task::Task;

/// How many rows each part has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows trained on.
    pub train: usize,
    /// Rows that early stopping watched.
    pub validation: usize,
    /// Rows that nothing but the final figures saw.
    pub test: usize,
}

/// The account of a run. `train --json` prints it; its keys are a contract.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The model's file; none where the run was interrupted or nothing is written.
    pub model: Option<PathBuf>,
    /// The run's folder.
    pub run: Option<PathBuf>,
    /// What was learnt.
    pub task: Task,
    /// The target columns.
    pub target: Vec<String>,
    /// Rows of each part.
    pub rows: RowCounts,
    /// Why training ended.
    pub ended: EndReason,
    /// Epochs done (of the last network trained).
    pub epochs: u64,
    /// The epoch whose weights were kept.
    pub best_epoch: u64,
    /// Steps done.
    pub steps: u64,
    /// Parameters of one network.
    pub parameters: usize,
    /// Bytes that the run was expected to hold at its peak, by the account in [`memory`](crate::memory); 0 where it was
    /// interrupted.
    pub planned_memory_bytes: u64,
    /// The most memory that the process had resident, in bytes, reading included; absent where the system does not tell
    /// (not Linux).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Seconds from the first step to the last figure.
    pub seconds: f64,
    /// Rows trained on per second, validation apart.
    pub samples_per_second: f64,
    /// Mean cost over the last epoch's rows, each as it was trained on.
    pub cost: f64,
    /// Figures of `train`, `validation` and `test`; empty for a part without rows.
    pub metrics: BTreeMap<&'static str, Figures>,
    /// The figures of each fold, their mean and interval, where cross-validation was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_validation: Option<CrossValidation>,
    /// What lies behind the test figures (behind the training figures where there are no test rows).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// SHA-256 of the parameters' bytes.
    pub digest: String,
    /// What the run was planned to be, and why.
    #[serde(serialize_with = "reasons")]
    pub plan: Vec<Reason>,
    /// What a person should know of the data.
    pub notes: Vec<String>,
    /// Problems found, the gravest first; of folds and members, those of the last network trained.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The part of the rows that the evaluation is of.
    #[must_use]
    pub fn evaluated_part(&self) -> &'static str {
        if self.rows.test > 0 { "test" } else { "train" }
    }
}

fn reasons<S: serde::Serializer>(reasons: &[Reason], serializer: S) -> Result<S::Ok, S::Error> {
    let one = |reason: &Reason| {
        let value = serde_json::to_value(&reason.value).unwrap_or_default();
        serde_json::json!({ "setting": reason.setting, "value": value, "because": reason.because })
    };
    serializer.collect_seq(reasons.iter().map(one))
}
