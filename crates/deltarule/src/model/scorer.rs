//! Validation rows, encoded once and scored after every epoch.

use deltarule_kernels::{Pool, Real};

use super::members::Forward;
use crate::dataset::{Dataset, TargetsView};
use crate::encoder::Encoder;
use crate::error::Result;
use crate::event::Figures;
use crate::loss::Loss;
use crate::metric::{self, Metric};
use crate::network::Network;
use crate::table::Table;
use crate::task::Task;

/// Rows with known targets that one network after another is scored on.
#[derive(Clone, Debug)]
pub struct Scorer<'e, F: Real> {
    encoder: &'e Encoder,
    loss: Loss,
    rows: Dataset<F>,
    /// Targets and row weights in double precision and in the table's units, of a regression.
    truth: Vec<f64>,
    weights: Option<Vec<f64>>,
}

impl<'e, F: Real> Scorer<'e, F> {
    /// Encodes the rows, each of which has a target that training knew.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn new(encoder: &'e Encoder, loss: Loss, table: &Table, rows: &[u32]) -> Result<Self> {
        let encoded = encoder.encode(table, rows)?;
        let is_number = encoder.task() == Task::Regression;
        let truth = if is_number { encoder.target_values(table, rows)? } else { Vec::new() };
        let weights = encoded.weights.as_ref().map(|w: &Vec<F>| w.iter().map(|w| w.to_f64()).collect());
        Ok(Self { encoder, loss, rows: encoded, truth, weights })
    }

    /// The rows as they are encoded.
    #[must_use]
    pub fn rows(&self) -> &Dataset<F> {
        &self.rows
    }

    /// The figures of one network, and its `cost`: the mean of what is trained on, as inference computes it.
    #[must_use]
    pub fn score(&self, pool: &Pool, network: &Network<F>) -> Figures {
        let networks = std::slice::from_ref(network);
        let mut forward = Forward::new(networks, self.encoder, pool, self.rows.rows);
        let mut sum = 0.0;
        let predictions = forward.run_watched(&self.rows, &mut |batch, z, a| {
            sum += self.loss.value_and_delta(pool, z, a, batch.targets, batch.weights, None);
        });
        let mut figures = self.figures(&predictions);
        figures.insert(Metric::Cost.name().to_owned(), sum / self.rows.total_weight());
        figures
    }

    fn figures(&self, predictions: &[f64]) -> Figures {
        let task = self.encoder.task();
        if task == Task::Regression {
            let targets = TargetsView::Values { outputs: self.encoder.outputs(), values: &self.truth };
            return metric::figures(task, predictions, targets, self.weights.as_deref());
        }
        let predictions: Vec<F> = predictions.iter().map(|&p| F::from_f64(p)).collect();
        let targets = self.rows.targets.range(0, self.rows.rows);
        metric::figures(task, &predictions, targets, self.rows.weights.as_deref())
    }
}
