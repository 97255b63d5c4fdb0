//! The loop: forward · cost · backward · update, as separate calls, of which the fast step is the composition.
//!
//! [`Trainer`] owns a network, its workspace, gradients and optimizer, and can be stopped between any two steps,
//! snapshotted and set back: nothing random is carried (see [`random`](crate::random)), so that a run that goes on
//! from a snapshot gives the bits of one that never stopped. Nothing in a step allocates.
//!
//! ```
//! use deltarule::activation::Activation;
//! use deltarule::dataset::{Dataset, Targets};
//! use deltarule::loss::{Cost, Loss};
//! use deltarule::network::NetworkSpec;
//! use deltarule::optimizer::OptimizerSpec;
//! use deltarule::trainer::{Trainer, TrainerSettings};
//! use deltarule::Pool;
//!
//! // XOR: one hidden layer, plain gradient descent on the four rows at once.
//! let xor = Dataset::from_dense(
//!     2,
//!     vec![0.0_f64, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0],
//!     Targets::Values { outputs: 1, values: vec![0.0, 1.0, 1.0, 0.0] },
//! );
//! let network = NetworkSpec::new(2).dense(8, Activation::Tanh).dense(1, Activation::Sigmoid).build(1)?;
//! let loss = Loss::new(Cost::SquaredError, Activation::Sigmoid, 0.0)?;
//! let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 2.0, 4, 3000);
//! let pool = Pool::new(1);
//! let mut trainer = Trainer::new(&pool, network, settings)?;
//! let outcome = trainer.run_quietly(&xor)?;
//! assert!(outcome.cost < 0.01);
//! # Ok::<(), deltarule::Error>(())
//! ```

mod need;
mod next;
mod probe;
mod replay;
mod run;
mod snapshot;
#[cfg(test)]
mod tests;

use std::ops::Range;

use deltarule_kernels::{Buffer, Pool, Real};

use crate::activation;
use crate::dataset::{Batch, Samples};
use crate::error::{ErrorKind, Result};
use crate::health::telemetry::LayerHealth;
use crate::layer::{Layer, Pass};
use crate::loss::Loss;
use crate::metric::Metric;
use crate::network::{Network, Workspace};
use crate::optimizer::{Lbfgs, Optimizer, OptimizerSpec, Regularization};
use crate::schedule::{LearningRate, Plateau};

use probe::Probe;

pub use need::Need;
pub use next::NextStep;
pub use run::{Checkpointer, Occasion, Outcome, Validation};
pub use snapshot::{Best, Snapshot};

/// Rows in a block of a full-batch evaluation for L-BFGS: bounds its workspace whatever the number of rows.
const FULL_BATCH_BLOCK: usize = 4096;

/// How to train. Every number is final: plans and defaults are made elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerSettings {
    /// The cost and the output that it goes with.
    pub loss: Loss,
    /// The update rule.
    pub optimizer: OptimizerSpec,
    /// η and its curve.
    pub learning_rate: LearningRate,
    /// Penalties, decay, clipping, norm limits.
    pub regularization: Regularization,
    /// Rows in a batch; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over the rows. Of L-BFGS: iterations.
    pub epochs: u64,
    /// Upper bound on steps, if any.
    pub max_steps: Option<u64>,
    /// Whether each epoch goes through the rows in a new random order.
    pub shuffle: bool,
    /// Seed of orders and masks.
    pub seed: u64,
    /// What is watched on the validation rows, which decides the best epoch and a plateau.
    pub watch: Metric,
    /// When to stop early; `None` trains all epochs. In either case the best epoch's weights are kept where there are
    /// validation rows and `keep_best` is set.
    pub stopping: Option<Stopping>,
    /// Whether the weights of the best epoch are restored at the end.
    pub keep_best: bool,
    /// Whether a step in many is looked at ([`Event::Health`](crate::event::Event::Health)). The weights are the same.
    pub telemetry: bool,
}

/// When to stop early.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stopping {
    /// Epochs to wait for something better.
    pub patience: u64,
    /// By how much a figure must be better to count.
    pub min_delta: f64,
}

impl TrainerSettings {
    /// Settings with a constant learning rate, no penalty, shuffled rows, seed 0 and no early stopping.
    #[must_use]
    pub fn new(
        loss: Loss,
        optimizer: OptimizerSpec,
        learning_rate: f64,
        batch_size: usize,
        epochs: u64,
    ) -> Self {
        Self {
            loss,
            optimizer,
            learning_rate: LearningRate::constant(learning_rate),
            regularization: Regularization::default(),
            batch_size,
            epochs,
            max_steps: None,
            shuffle: true,
            seed: 0,
            watch: Metric::Cost,
            stopping: None,
            keep_best: false,
            telemetry: false,
        }
    }
}

/// The update rule with its state.
#[derive(Clone, Debug)]
enum Updater<F: Real> {
    ByGradient(Optimizer<F>),
    ByLineSearch(Lbfgs<F>),
}

/// Where a run stands, beside parameters and optimizer: plain numbers, all part of a snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
struct Position {
    step: u64,
    /// Epochs completed.
    epoch: u64,
    /// Batches done in the epoch under way.
    batch: u64,
    /// Σ cost and Σ weight over the epoch so far.
    cost_sum: f64,
    weight_sum: f64,
    plateau: Plateau,
    rate_factor: f64,
    best: Option<(u64, f64)>,
    waited: u64,
    last_rate: f64,
}

/// A network in training.
#[derive(Debug)]
pub struct Trainer<'p, F: Real> {
    pool: &'p Pool,
    network: Network<F>,
    settings: TrainerSettings,
    ws: Workspace<F>,
    grads: Buffer<F>,
    updater: Updater<F>,
    regularized: Vec<Range<usize>>,
    matrices: Vec<(Range<usize>, usize, usize)>,
    /// Whether a step may write the update into the backward pass: nothing wants the gradient.
    fused: bool,
    at: Position,
    best_params: Vec<F>,
    best_buffers: Vec<F>,
    spare: Vec<F>,
    /// `None` while it is at work, or where nobody wants to look.
    probe: Option<Probe<F>>,
}

impl<'p, F: Real> Trainer<'p, F> {
    /// A trainer at step 0. Everything that a step writes is allocated here.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] for a batch of no rows or a learning rate that is not above 0;
    /// [`ErrorKind::Conflict`] for a loss made for another output than the network's, or L-BFGS with dropout or batch
    /// normalisation, whose cost is not a function of the parameters alone.
    pub fn new(pool: &'p Pool, network: Network<F>, settings: TrainerSettings) -> Result<Self> {
        Self::made(pool, network, settings, false)
    }

    /// The same for sparse rows, without the room that products with a matrix of them would need.
    ///
    /// # Errors
    /// As [`Trainer::new`], and [`ErrorKind::Conflict`] for a network that cannot take sparse rows.
    pub fn of_sparse_rows(pool: &'p Pool, network: Network<F>, settings: TrainerSettings) -> Result<Self> {
        network.require_sparse_input()?;
        Self::made(pool, network, settings, true)
    }

    fn made(
        pool: &'p Pool,
        network: Network<F>,
        settings: TrainerSettings,
        are_sparse: bool,
    ) -> Result<Self> {
        check(&network, &settings)?;
        let parameters = network.params().len();
        let (updater, rows) = if let OptimizerSpec::Lbfgs { history, tolerance } = settings.optimizer {
            (
                Updater::ByLineSearch(Lbfgs::new(history, parameters).with_tolerance(tolerance)),
                settings.batch_size.min(FULL_BATCH_BLOCK),
            )
        } else {
            (Updater::ByGradient(Optimizer::new(&settings.optimizer, parameters)), settings.batch_size)
        };
        let keeps_best = settings.keep_best || settings.stopping.is_some();
        let room = |wanted: bool, length: usize| if wanted { vec![F::ZERO; length] } else { Vec::new() };
        Ok(Self {
            pool,
            ws: if are_sparse { network.sparse_workspace(rows, 0) } else { network.workspace(rows) },
            grads: Buffer::zeroed(parameters),
            regularized: network.regularized(),
            matrices: network.weight_matrices(),
            fused: settings.regularization.is_decay_alone(),
            at: Position { rate_factor: 1.0, ..Position::default() },
            best_params: room(keeps_best, parameters),
            best_buffers: room(keeps_best, network.buffers().len()),
            spare: room(matches!(updater, Updater::ByLineSearch(_)), parameters),
            probe: settings.telemetry.then(|| Probe::new(&network, settings.batch_size)),
            updater,
            network,
            settings,
        })
    }

    /// The network as it stands.
    #[must_use]
    pub fn network(&self) -> &Network<F> {
        &self.network
    }

    /// The network as it stands, the trainer given up.
    #[must_use]
    pub fn into_network(self) -> Network<F> {
        self.network
    }

    /// What the last forward and backward pass wrote: activations and deltas of every layer.
    #[must_use]
    pub fn workspace(&self) -> &Workspace<F> {
        &self.ws
    }

    /// The gradient as the last [`Trainer::backward`] stored it, one number per parameter.
    #[must_use]
    pub fn gradients(&self) -> &[F] {
        &self.grads
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &TrainerSettings {
        &self.settings
    }

    /// Steps done.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.at.step
    }

    /// Epochs completed.
    #[must_use]
    pub fn epochs(&self) -> u64 {
        self.at.epoch
    }

    /// Phase 1: activations of every layer, as training computes them in this step.
    pub fn forward(&mut self, batch: &Batch<'_, F>) {
        let pass = Pass::Training { seed: self.settings.seed, step: self.at.step };
        self.network.forward(self.pool, &mut self.ws, batch, pass);
    }

    /// Phase 1, one layer of it; layers are called first to last.
    pub fn forward_layer(&mut self, batch: &Batch<'_, F>, layer: usize) {
        let pass = Pass::Training { seed: self.settings.seed, step: self.at.step };
        self.network.forward_layer(self.pool, &mut self.ws, batch, layer, pass);
    }

    /// Phase 2: Σ weight·C of the batch, and δ_L.
    pub fn cost(&mut self, batch: &Batch<'_, F>) -> f64 {
        let (z, a, delta) = self.network.output_and_delta(&mut self.ws, batch.rows);
        self.settings.loss.value_and_delta(self.pool, z, a, batch.targets, batch.weights, Some(delta))
    }

    /// Phase 3: every layer's δ, and the gradient of the batch's mean cost, stored.
    pub fn backward(&mut self, batch: &Batch<'_, F>) {
        let total = F::from_f64(batch.total_weight());
        self.network.backward(self.pool, &mut self.ws, batch, total, &mut self.grads);
    }

    /// Phase 3, one layer of it; layers are called last first.
    pub fn backward_layer(&mut self, batch: &Batch<'_, F>, layer: usize) {
        let total = F::from_f64(batch.total_weight());
        self.network.backward_layer(self.pool, &mut self.ws, batch, layer, total, &mut self.grads);
    }

    /// Phase 4: penalties' gradients, clipping, the optimizer's update, norm limits, running statistics. The step is
    /// done and counted: the next forward pass draws other dropout masks. Of L-BFGS this does nothing: its step is a line search over the whole set.
    pub fn update(&mut self, rows: usize, learning_rate: f64) {
        let regularization = &self.settings.regularization;
        let params = self.network.params_mut();
        regularization.add_gradient(self.pool, params, &mut self.grads, &self.regularized);
        regularization.clip(self.pool, &mut self.grads);
        if let Updater::ByGradient(optimizer) = &mut self.updater {
            let decay = regularization.weight_decay;
            optimizer.update(self.pool, params, &self.grads, learning_rate, &self.regularized, decay);
        }
        regularization.limit_norms(params, &self.matrices);
        self.network.update_buffers(&self.ws, rows);
        self.finish_step(learning_rate);
    }

    fn finish_step(&mut self, learning_rate: f64) {
        self.at.step += 1;
        self.at.last_rate = learning_rate;
    }

    /// One step: the four phases, or, where nothing wants the stored gradient, the same with the update inside the
    /// backward pass, to the same bits. A batch whose rows all weigh 0 changes nothing, nor does one whose cost is not
    /// finite. Returns Σ weight·C as it was before the update.
    pub fn step(&mut self, batch: &Batch<'_, F>, learning_rate: f64) -> f64 {
        let total = batch.total_weight();
        if total > 0.0
            && let Some(cost) = self.fused_step(batch, total, learning_rate)
        {
            return cost;
        }
        self.forward(batch);
        let cost = self.cost(batch);
        if total <= 0.0 || !cost.is_finite() {
            self.finish_step(learning_rate); // nothing to learn from, or nothing that may be learnt
        } else {
            self.backward(batch);
            self.update(batch.rows, learning_rate);
        }
        cost
    }

    /// The step in one, or `None` where something wants the stored gradient.
    fn fused_step(&mut self, batch: &Batch<'_, F>, total: f64, learning_rate: f64) -> Option<f64> {
        let Updater::ByGradient(optimizer) = &mut self.updater else { return None };
        if !self.fused {
            return None;
        }
        let Self { pool, network, ws, grads, settings, at, .. } = self;
        let decay = settings.regularization.weight_decay;
        let cost = optimizer.update_by(learning_rate, decay, |rule, state| {
            // Made here: read as a whole right after it was written in parts, it would be waited for.
            let pass = Pass::Training { seed: settings.seed, step: at.step };
            let total = F::from_f64(total);
            let cost = network.step(pool, ws, batch, pass, &settings.loss, total, rule, state, grads);
            (cost, cost.is_finite())
        })?;
        if cost.is_finite() {
            self.network.update_buffers(&self.ws, batch.rows);
        }
        self.finish_step(learning_rate);
        Some(cost)
    }

    /// One iteration of L-BFGS over all rows: returns the mean cost after it, penalties included, whether no
    /// descent is left, and where there is a probe what the layers looked like, with the mean cost there. Rows pass in blocks
    /// of [`FULL_BATCH_BLOCK`] whose gradients are added in order.
    fn line_search_step(
        &mut self,
        data: &Samples<'_, F>,
        mut probe: Option<&mut Probe<F>>,
    ) -> (f64, bool, Option<(f64, Vec<LayerHealth>)>) {
        let Self { pool, network, settings, ws, grads, updater, regularized, spare, .. } = self;
        let Updater::ByLineSearch(lbfgs) = updater else {
            unreachable!("called for L-BFGS only");
        };
        let total = data.total_weight();
        let pass = Pass::Training { seed: settings.seed, step: 0 };
        let is_first = self.at.step == 0;
        spare.copy_from_slice(network.params());
        if let Some(probe) = &mut probe {
            probe.remember(spare);
        }
        let mut look: Option<(f64, Vec<LayerHealth>)> = None;
        let mut evaluate = |trial: &[F], gradient: &mut [F]| {
            network.params_mut().copy_from_slice(trial);
            gradient.fill(F::ZERO);
            let mut sum = 0.0;
            let mut probe = probe.as_deref_mut().filter(|_| !(is_first && look.is_some()));
            let mut layers = Vec::new();
            for from in (0..data.rows).step_by(ws.max_rows()) {
                let batch = data.range(from, data.rows.min(from + ws.max_rows()));
                network.forward(pool, ws, &batch, pass);
                let (z, a, delta) = network.output_and_delta(ws, batch.rows);
                sum += settings.loss.value_and_delta(pool, z, a, batch.targets, batch.weights, Some(delta));
                match &mut probe {
                    Some(probe) if from == 0 => {
                        layers = probe.look_back(pool, network, ws, &batch, total, grads);
                    }
                    _ => network.backward(pool, ws, &batch, F::from_f64(total), grads),
                }
                gradient.iter_mut().zip(grads.iter()).for_each(|(sum, &part)| *sum += part);
            }
            if let Some(probe) = probe {
                probe.look_at_gradients(pool, trial, gradient, &mut layers);
                look = Some((sum / total, layers));
            }
            settings.regularization.add_gradient(pool, trial, gradient, regularized);
            sum / total + settings.regularization.penalty(pool, trial, regularized)
        };
        let outcome = lbfgs.step(pool, spare, &mut evaluate);
        network.params_mut().copy_from_slice(spare);
        if let (Some(probe), Some((_, layers))) = (probe, &mut look) {
            probe.look_at_update(pool, spare, layers);
        }
        self.at.step += 1;
        self.at.last_rate = settings.learning_rate.base;
        (outcome.cost, outcome.converged, look)
    }

    /// η of the next step.
    fn rate(&self, steps_per_epoch: u64) -> f64 {
        let planned = self.settings.epochs.saturating_mul(steps_per_epoch);
        let total = self.settings.max_steps.map_or(planned, |most| most.min(planned));
        let reductions = self.at.plateau.reductions;
        self.at.rate_factor * self.settings.learning_rate.at(self.at.step, total, steps_per_epoch, reductions)
    }
}

fn check<F: Real>(network: &Network<F>, settings: &TrainerSettings) -> Result<()> {
    let bad = |setting: &str, got: String, expected: &str| {
        let (setting, expected) = (setting.to_owned(), expected.to_owned());
        Err(ErrorKind::BadSetting { setting, got, expected, next: String::new() }.into())
    };
    let rate = settings.learning_rate.base;
    if !(rate > 0.0 && rate.is_finite()) {
        return bad("learning_rate", rate.to_string(), "a finite number above 0");
    }
    if settings.batch_size == 0 {
        return bad("batch_size", "0".into(), "1 or more rows");
    }
    let random = |layer: &&Layer| matches!(layer, Layer::Dropout(_) | Layer::BatchNorm(_));
    let unsuited = network.layers().iter().find(random);
    if let (OptimizerSpec::Lbfgs { .. }, Some(layer)) = (&settings.optimizer, unsuited) {
        return Err(ErrorKind::Conflict {
            first: "optimizer lbfgs".into(),
            second: format!("a {} layer", layer.kind()),
            why: "a line search needs a cost that depends on the parameters alone".into(),
        }
        .into());
    }
    if network.output_activation() != settings.loss.output() {
        return Err(ErrorKind::Conflict {
            first: format!("a network with {} outputs", activation::name(network.output_activation())),
            second: format!("a loss computed through {}", activation::name(settings.loss.output())),
            why: "value and delta come from one pair of cost and output".into(),
        }
        .into());
    }
    Ok(())
}
