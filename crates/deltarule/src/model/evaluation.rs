//! How well networks predict rows whose targets are known.

use deltarule_kernels::{Pool, Real};
use serde::Serialize;

use super::members::{Forward, rows_at_once};
use crate::dataset::{Dataset, Targets};
use crate::encoder::{Encoder, Note};
use crate::error::{ErrorKind, Result};
use crate::event::Figures;
use crate::metric::{self, ClassFigures, Confusion, ResidualSummary};
use crate::network::Network;
use crate::table::Table;
use crate::task::Task;

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows measured on.
    pub rows: usize,
    /// `accuracy`, `log_loss`, …; `rmse`, `mae`, `r2` in the target's units.
    #[serde(rename = "metrics")]
    pub figures: Figures,
    /// Classes as predicted against classes as they are; for tasks with classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
    /// Each class's figures; for tasks with classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub per_class: Vec<ClassReport>,
    /// For regression: each target's name and residuals, rows numbered as in the table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub residuals: Vec<(String, ResidualSummary)>,
    /// Rows left out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// A class and its figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassReport {
    /// Its name.
    pub class: String,
    /// Precision, recall, f1, support.
    #[serde(flatten)]
    pub figures: ClassFigures,
}

/// Measures networks (averaged, as in a [`Model`](super::Model)) on those of `rows` that have a target that training
/// knew, weighted by the weight column if the encoder has one.
///
/// # Errors
/// [`ErrorKind::MissingColumn`] for a feature's or target's column that the table lacks; [`ErrorKind::TooFewRows`]
/// where no row is left; what else [`Encoder::encode`] refuses.
///
/// # Panics
/// Where there is no network, or one of other shapes than the encoder's; where a row is not in the table.
pub fn evaluate<F: Real>(
    networks: &[Network<F>],
    encoder: &Encoder,
    pool: &Pool,
    table: &Table,
    rows: &[u32],
) -> Result<Evaluation> {
    evaluate_encoded(networks, encoder, pool, table, rows, None)
}

/// As [`evaluate`], for a caller that has the rows as the encoder encodes them: they are then not encoded again, unless
/// some of them are left out.
///
/// # Errors
/// As [`evaluate`].
///
/// # Panics
/// As [`evaluate`].
pub(crate) fn evaluate_encoded<F: Real>(
    networks: &[Network<F>],
    encoder: &Encoder,
    pool: &Pool,
    table: &Table,
    rows: &[u32],
    encoded: Option<Dataset<F>>,
) -> Result<Evaluation> {
    let usable = encoder.usable_rows(table, rows)?;
    if usable.rows.is_empty() {
        let (source, what) = (table.source.clone(), "an evaluation (rows with a known target)".to_owned());
        return Err(ErrorKind::TooFewRows { source, rows: 0, expected: 1, what }.into());
    }
    let mut measured = Measured { predictions: Vec::new(), targets: None, weights: None };
    let mut forward = Forward::new(networks, encoder, pool, usable.rows.len());
    if let Some(data) = encoded.filter(|data| data.rows == usable.rows.len()) {
        measured.predictions = forward.run(&data);
        measured.add_targets(data.targets, data.weights);
    } else {
        for block in usable.rows.chunks(rows_at_once::<F>(encoder)) {
            let data = encoder.encode::<F>(table, block)?;
            measured.predictions.extend(forward.run(&data));
            measured.add_targets(data.targets, data.weights);
        }
    }
    let mut evaluation = if encoder.task() == Task::Regression {
        measured.numbers(encoder, &encoder.target_values(table, &usable.rows)?, &usable.rows)
    } else {
        measured.classes(encoder)
    };
    evaluation.rows = usable.rows.len();
    evaluation.notes = usable.notes();
    Ok(evaluation)
}

/// Predictions and what they are measured against.
struct Measured<F> {
    predictions: Vec<f64>,
    targets: Option<Targets<F>>,
    weights: Option<Vec<F>>,
}

impl<F: Real> Measured<F> {
    fn add_targets(&mut self, targets: Targets<F>, weights: Option<Vec<F>>) {
        match (&mut self.targets, targets) {
            (Some(Targets::Values { values, .. }), Targets::Values { values: more, .. }) => {
                values.extend(more);
            }
            (Some(Targets::Classes { codes, .. }), Targets::Classes { codes: more, .. }) => {
                codes.extend(more);
            }
            (none, targets) => *none = Some(targets),
        }
        match (&mut self.weights, weights) {
            (Some(weights), Some(more)) => weights.extend(more),
            (none, weights) => *none = weights,
        }
    }

    /// Regression, in the targets' units and in double precision.
    fn numbers(&self, encoder: &Encoder, targets: &[f64], rows: &[u32]) -> Evaluation {
        let outputs = encoder.outputs();
        let weights: Option<Vec<f64>> =
            self.weights.as_ref().map(|weights| weights.iter().map(|weight| weight.to_f64()).collect());
        let weights = weights.as_deref();
        let mut summaries = metric::residual_summary(&self.predictions, targets, outputs, weights);
        for largest in summaries.iter_mut().flat_map(|summary| &mut summary.largest) {
            largest.row = rows[largest.row] as usize;
        }
        Evaluation {
            figures: metric::regression(&self.predictions, targets, outputs, weights),
            residuals: encoder.target_names().iter().cloned().zip(summaries).collect(),
            ..Evaluation::nothing()
        }
    }

    /// Classes and labels, in the networks' own precision, so that figures are those of the training's validation.
    fn classes(&self, encoder: &Encoder) -> Evaluation {
        let predictions: Vec<F> = self.predictions.iter().map(|&p| F::from_f64(p)).collect();
        let weights = self.weights.as_deref();
        let Some(targets) = &self.targets else { return Evaluation::nothing() };
        let view = targets.range(0, predictions.len() / encoder.outputs());
        let figures = metric::figures(encoder.task(), &predictions, view, weights);
        let codes = match (encoder.task(), targets) {
            (_, Targets::Classes { codes, .. }) => codes.clone(),
            (Task::Binary, Targets::Values { values, .. }) => metric::binary_codes(values),
            (_, Targets::Values { .. }) => return Evaluation { figures, ..Evaluation::nothing() },
        };
        let classes = encoder.classes();
        let confusion = Confusion::new(&predictions, &codes, classes.len(), weights);
        let report = |(code, class): (usize, &String)| ClassReport {
            class: class.clone(),
            figures: confusion.class(code),
        };
        let per_class = classes.iter().enumerate().map(report).collect();
        Evaluation { figures, per_class, confusion: Some(confusion), ..Evaluation::nothing() }
    }
}

impl Evaluation {
    fn nothing() -> Self {
        Self {
            rows: 0,
            figures: Figures::new(),
            confusion: None,
            per_class: Vec::new(),
            residuals: Vec::new(),
            notes: Vec::new(),
        }
    }
}
