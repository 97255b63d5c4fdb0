//! One step in its phases: each layer forward, the cost, each layer backward, the update. They are the trainer's own, and the
//! step leaves the bits of one that was taken at once.

use deltarule::Real;
use deltarule::dataset::{Batch, BatchBuffer};
use deltarule::layer::{Layer, TensorKind};
use deltarule::network::Network;
use deltarule::trainer::NextStep;

use super::logits::Logits;
use super::messages::{Change, CostTold, Next, PhaseName, PhaseTold, Updated, Weights};
use super::training::Training;

/// Parameters of a network whose numbers are told in whole, at most.
pub const TOLD_IN_WHOLE: usize = 20_000;

/// A step of which some phases are done.
pub struct Underway<F: Real> {
    step: NextStep,
    buffer: BatchBuffer<F>,
    next: Next,
    cost: f64,
}

impl<F: Real> Training<'_, F> {
    /// What the next phase is.
    pub fn next_phase(&self) -> Next {
        self.underway.as_ref().map_or(Next::FIRST, |underway| underway.next)
    }

    /// Does the next phase. `chosen` is the row whose numbers are told, if the batch has it.
    ///
    /// # Errors
    /// In words, where a step has no phases, or training has come to its end.
    pub fn phase(&mut self, chosen: u32, logits: &mut Logits<F>) -> Result<PhaseTold, String> {
        let mut underway = match self.underway.take() {
            Some(underway) => underway,
            None => self.begin_step()?,
        };
        let rows = underway.step.rows.clone();
        let place = rows.iter().position(|&row| row == chosen).unwrap_or(0);
        let Next { phase, layer } = underway.next;
        let layers = self.network().layers().len();
        let next = underway.next.after(layers);
        let mut told = PhaseTold::of(underway.next, next, self.trainer.steps(), rows, place);
        let batch = underway.buffer.gather(self.pool, self.rows(), &underway.step.rows);
        match (phase, layer) {
            (PhaseName::Forward, Some(layer)) => {
                self.trainer.forward_layer(&batch, layer);
                let kept = &self.trainer.workspace().kept[layer];
                told.a = Some(row_of(&kept.a, place, self.network().layers()[layer].units()));
                told.z =
                    logits.row(self.pool, self.network(), self.trainer.workspace(), &batch, place, layer);
            }
            (PhaseName::Cost, _) => {
                underway.cost = self.trainer.cost(&batch);
                if !underway.cost.is_finite() {
                    return Err(self.fail());
                }
                told.cost = Some(self.cost_of(&batch, underway.cost, place));
                let kept = self.trainer.workspace().kept.last();
                told.delta = kept.map(|kept| row_of(&kept.delta, place, self.network().outputs()));
            }
            (PhaseName::Backward, Some(layer)) => {
                self.trainer.backward_layer(&batch, layer);
                let kept = &self.trainer.workspace().kept[layer];
                told.delta = Some(row_of(&kept.delta, place, self.network().layers()[layer].units()));
                let gradients = self.trainer.gradients();
                told.gradients = self.is_told_in_whole().then(|| {
                    let all = weights_of(self.network(), gradients);
                    all.into_iter().filter(|weights| weights.layer == layer).collect()
                });
            }
            _ => {
                let rows = batch.rows;
                let weight = batch.total_weight();
                told.updated = self.update(rows, weight, &underway)?;
                told.next = Next::FIRST;
                return Ok(told);
            }
        }
        underway.next = next;
        self.underway = Some(underway);
        Ok(told)
    }

    fn begin_step(&mut self) -> Result<Underway<F>, String> {
        if let Some(problem) = self.diverged() {
            return Err(problem.to_owned());
        }
        let settings = self.trainer.settings();
        let is_over = self.trainer.epochs() >= settings.epochs
            || settings.max_steps.is_some_and(|most| self.trainer.steps() >= most);
        if is_over {
            return Err("all steps that were planned are done".into());
        }
        let Some(step) = self.next_step() else {
            return Err(
                "optimizer lbfgs searches along a line over all rows: its step has no such phases".into()
            );
        };
        let mut buffer = BatchBuffer::new(self.rows(), step.rows.len());
        if buffer.gather(self.pool, self.rows(), &step.rows).total_weight() <= 0.0 {
            return Err(
                "all rows of the next batch weigh 0: there is nothing to learn from them; take it as a batch"
                    .into(),
            );
        }
        Ok(Underway { step, buffer, next: Next::FIRST, cost: 0.0 })
    }

    /// Has the library say where a number stopped being finite.
    fn fail(&mut self) -> String {
        let until = self.trainer.steps() + 1;
        self.advance(|step| step >= until);
        self.problem.clone().unwrap_or_default()
    }

    fn cost_of(&self, batch: &Batch<'_, F>, sum: f64, place: usize) -> CostTold {
        let (z, a) = self.network().output(self.trainer.workspace(), batch.rows);
        let outputs = self.network().outputs();
        let cells = place * outputs..(place + 1) * outputs;
        let weights = batch.weights.map(|weights| &weights[place..=place]);
        let targets = batch.targets.range(place, place + 1);
        let (z, a) = (&z[cells.clone()], &a[cells]);
        let row = self.material.loss.value_and_delta(self.pool, z, a, targets, weights, None);
        CostTold { batch: sum / batch.total_weight(), row, penalty: self.penalty() }
    }

    /// The last phase, and the step's place in its epoch, which the trainer's own loop would have counted.
    fn update(
        &mut self,
        rows: usize,
        weight: f64,
        done: &Underway<F>,
    ) -> Result<Option<Vec<Updated>>, String> {
        let before = self.is_told_in_whole().then(|| weights_of(self.network(), self.network().params()));
        self.trainer.update(rows, done.step.learning_rate);
        let after = before.is_some().then(|| weights_of(self.network(), self.network().params()));
        let mut state = self.trainer.snapshot();
        // The first step of an epoch may follow an end that is not closed yet.
        (state.epoch, state.batch) = (done.step.epoch - 1, done.step.batch);
        state.cost_sum += done.cost;
        state.weight_sum += weight;
        self.trainer.restore(&state).map_err(|error| error.to_string())?;
        if done.step.batch == done.step.batches {
            let steps = self.trainer.steps();
            self.advance(|step| step >= steps);
        }
        let pairs = before.into_iter().flatten().zip(after.into_iter().flatten());
        let updated: Vec<Updated> = pairs
            .map(|(before, after)| Updated {
                layer: before.layer,
                w: Change { before: before.w, after: after.w },
                b: Change { before: before.b, after: after.b },
            })
            .collect();
        Ok(self.is_told_in_whole().then_some(updated))
    }

    /// Whether the network is so small that all its numbers are told.
    pub fn is_told_in_whole(&self) -> bool {
        self.network().params().len() <= TOLD_IN_WHOLE
    }
}

/// A row of a matrix.
pub fn row_of<F: Real>(matrix: &[F], row: usize, width: usize) -> Vec<f64> {
    matrix[row * width..(row + 1) * width].iter().map(|x| x.to_f64()).collect()
}

/// The dense layers' parts of numbers that lie as the parameters do.
pub fn weights_of<F: Real>(network: &Network<F>, numbers: &[F]) -> Vec<Weights> {
    let of = |layer: usize, kind: TensorKind| {
        let tensor = network.tensors().iter().find(|tensor| tensor.layer == layer && tensor.kind == kind);
        let range = tensor.map_or(0..0, |tensor| tensor.range.clone());
        numbers[range].iter().map(|x| x.to_f64()).collect()
    };
    let dense = network.layers().iter().enumerate().filter(|(_, layer)| matches!(layer, Layer::Dense(_)));
    dense
        .map(|(layer, _)| Weights { layer, w: of(layer, TensorKind::Weight), b: of(layer, TensorKind::Bias) })
        .collect()
}
