//! What is asked of one parameter at the batch that comes next: its gradient checked, and taken apart.

use deltarule::Real;
use deltarule::dataset::{Batch, BatchBuffer, Dataset, Numbers, Targets, TargetsView};
use deltarule::explain::Reach;
use deltarule::gradient_check::check_parameter;
use deltarule::layer::Pass;
use serde_json::Value;

use super::messages::{Checked, Parameter};
use super::training::Training;

/// Multiply-adds of a check, at most, about: it evaluates the cost a dozen times.
const LARGEST_CHECK: usize = 2_000_000_000;

const NO_BATCH: &str = "optimizer lbfgs takes no batches: its step is a search over all rows";

impl<F: Real> Training<'_, F> {
    /// Backpropagation against finite differences of the cost, in double precision, with dropout's masks as they are in
    /// the step that comes next.
    ///
    /// # Errors
    /// In words, where there is no such parameter or no batch.
    pub fn check(&self, parameter: Parameter) -> Result<Checked, String> {
        let place = self.place(parameter)?;
        let next = self.next_step().ok_or(NO_BATCH)?;
        if self.network().params().len().saturating_mul(next.rows.len()) > LARGEST_CHECK / 14 {
            return Err(
                "this batch and network are too large for a check at once: take a smaller batch_size".into(),
            );
        }
        let mut buffer = BatchBuffer::new(self.rows(), next.rows.len());
        let rows = in_double(&buffer.gather(self.pool, self.rows(), &next.rows));
        let settings = self.trainer.settings();
        let pass = Pass::Training { seed: settings.seed, step: self.trainer.steps() };
        let (network, batch) = (self.network().cast::<f64>(), rows.range(0, rows.rows));
        let (loss, penalties) = (&settings.loss, &settings.regularization);
        let found = check_parameter(self.pool, &network, loss, penalties, batch, pass, place);
        Ok(Checked {
            parameter,
            analytic: found.analytic,
            numeric: found.numeric,
            h: found.h,
            difference: found.numeric.map(|numeric| (found.analytic - numeric).abs()),
            allowed: found.allowed,
            passed: found.passed(),
            kink: found.numeric.is_none(),
        })
    }

    /// The chain rule's factors, as `explain --json` has them.
    ///
    /// # Errors
    /// In words, where there is no such parameter or no batch.
    pub fn ledger(&self, parameter: Parameter) -> Result<Value, String> {
        self.place(parameter)?;
        let account =
            self.with_next_batch(|anatomy| anatomy.account(Some(&parameter.named()), None, Reach::default()));
        let account = account.ok_or(NO_BATCH)?.map_err(|error| error.to_string())?;
        serde_json::to_value(account).map_err(|error| error.to_string())
    }
}

/// A batch in double precision.
fn in_double<F: Real>(batch: &Batch<'_, F>) -> Dataset<f64> {
    let cast = |numbers: &[F]| -> Vec<f64> { numbers.iter().map(|x| x.to_f64()).collect() };
    let targets = match batch.targets {
        TargetsView::Values { outputs, values } => Targets::Values { outputs, values: cast(values) },
        TargetsView::Classes { classes, codes } => Targets::Classes { classes, codes: codes.to_vec() },
    };
    Dataset {
        rows: batch.rows,
        dense_width: batch.dense.len() / batch.rows,
        dense: Numbers::Own(cast(batch.dense)),
        sparse: None,
        code_width: batch.codes.len() / batch.rows,
        codes: batch.codes.to_vec(),
        targets,
        weights: batch.weights.map(cast),
    }
}
