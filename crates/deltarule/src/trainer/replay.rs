//! Where a number first stopped being finite: the steps since the last good copy of the state, done again phase by
//! phase with every number looked at. Of a network too large to be copied every few seconds, what stands is looked at: a
//! parameter that is not finite was made so by the last update, since its forward pass was still finite; else the step
//! that failed is looked through.

use deltarule_kernels::Real;

use super::run::Batches;
use super::{Snapshot, Trainer};
use crate::dataset::{Batch, Samples};
use crate::error::{Error, ErrorKind};

/// A phase and what in it was not finite.
struct Found {
    phase: &'static str,
    layer: Option<usize>,
    what: String,
}

impl<F: Real> Trainer<'_, F> {
    /// Replays from `good` until something is not finite, and words it. The trainer is left where that happened.
    pub(super) fn first_non_finite(
        &mut self,
        good: Option<&Snapshot<'static, F>>,
        batches: &mut Batches<'_, F>,
        steps_per_epoch: u64,
        data: &Samples<'_, F>,
    ) -> Error {
        let failed_at = self.at.step;
        let Some(good) = good else {
            let batch = if self.searches_lines() {
                data.range(0, data.rows.min(self.ws.max_rows()))
            } else {
                batches.get(self.at.batch)
            };
            return self.found_where_it_stands(&batch);
        };
        if self.searches_lines() {
            let batch = data.range(0, data.rows.min(self.ws.max_rows()));
            let found = self.restore(good).ok().and_then(|()| self.look(&batch, None));
            return self.worded(self.at.step, found);
        }
        if self.restore(good).is_err() {
            return self.worded(failed_at, None);
        }
        let mut ordered = None;
        while self.at.step < failed_at {
            if self.settings.shuffle && ordered != Some(self.at.epoch) {
                batches.begin(self.settings.seed, self.at.epoch);
                ordered = Some(self.at.epoch);
            }
            let rate = self.rate(steps_per_epoch);
            let batch = batches.get(self.at.batch);
            let step = self.at.step;
            if let Some(found) = self.look(&batch, Some(rate)) {
                return self.worded(step, Some(found));
            }
            self.at.step = step + 1;
            self.at.batch += 1;
            if self.at.batch == steps_per_epoch {
                (self.at.batch, self.at.epoch) = (0, self.at.epoch + 1);
            }
        }
        self.worded(failed_at, None)
    }

    /// Looks at the parameters as the last update left them, then at the step that failed.
    fn found_where_it_stands(&mut self, batch: &Batch<'_, F>) -> Error {
        // A failed step is counted, and changes nothing.
        let failed = self.at.step.saturating_sub(1);
        let broken = (0..self.network.layers().len())
            .find(|&index| !finite(&self.network.params()[self.network.layer_range(index)]));
        match broken {
            Some(index) => {
                let what = "a parameter became NaN or infinite".to_owned();
                let found = Found { phase: "update", layer: Some(index), what };
                self.worded(failed.saturating_sub(1), Some(found))
            }
            None => {
                self.at.step = failed; // the masks of dropout are those of the step's number
                let found = self.look(batch, None);
                self.worded(failed, found)
            }
        }
    }

    /// One step, phase by phase; with no `rate` the update is left out.
    fn look(&mut self, batch: &Batch<'_, F>, rate: Option<f64>) -> Option<Found> {
        let found = |phase, layer, what: &str| Some(Found { phase, layer, what: what.to_owned() });
        if !finite(batch.held()) {
            return found("input", None, "the encoded rows hold NaN or infinity");
        }
        self.forward(batch);
        for (index, layer) in self.network.layers().iter().enumerate() {
            if !finite(&self.ws.kept[index].a[..batch.rows * layer.units()]) {
                return found("forward", Some(index), "an activation is NaN or infinite");
            }
        }
        if !self.cost(batch).is_finite() {
            return found("cost", None, "the cost is NaN or infinite");
        }
        if batch.total_weight() <= 0.0 {
            return None;
        }
        for index in (0..self.network.layers().len()).rev() {
            self.backward_layer(batch, index);
            let units = self.network.layers()[index].units();
            if !finite(&self.ws.kept[index].delta[..batch.rows * units]) {
                return found("backward", Some(index), "a delta is NaN or infinite");
            }
            if !finite(&self.grads[self.network.layer_range(index)]) {
                return found("backward", Some(index), "a gradient is NaN or infinite");
            }
        }
        let rate = rate?;
        self.update(batch.rows, rate);
        for index in 0..self.network.layers().len() {
            if !finite(&self.network.params()[self.network.layer_range(index)]) {
                return found("update", Some(index), "a parameter became NaN or infinite");
            }
        }
        None
    }

    fn worded(&self, step: u64, found: Option<Found>) -> Error {
        let found = found.unwrap_or(Found {
            phase: "cost",
            layer: None,
            what: "the cost is NaN or infinite".to_owned(),
        });
        let rate = self.settings.learning_rate.base;
        let next = format!(
            "training diverged: try a learning rate below {rate:e} (--learning-rate {:.0e}), --clip-norm 1, or look for \
             extreme values in the data; the last checkpoint stands",
            rate / 10.0
        );
        let (phase, layer, what) = (found.phase.to_owned(), found.layer, found.what);
        ErrorKind::NonFinite { step: step + 1, epoch: self.at.epoch + 1, phase, layer, what, next }.into()
    }
}

fn finite<F: Real>(values: &[F]) -> bool {
    values.iter().all(|value| value.is_finite())
}
