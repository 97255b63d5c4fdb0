//! Epochs: the order of rows, validation, events, controls, early stopping.

use std::time::{Duration, Instant};

use deltarule_kernels::{Pool, Real};

use super::probe::Probe;
use super::{Snapshot, Trainer, Updater};
use crate::control::{Control, Controller, Unattended};
use crate::dataset::{Batch, BatchBuffer, Samples};
use crate::error::{ErrorKind, Result};
use crate::event::{EndReason, Event, Figures, Observer, Silent};
use crate::health::telemetry::{LayerHealth, LayerOutline};
use crate::network::Network;
use crate::random::{Purpose, shuffle, stream};

/// The time between two progress events.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// The time between two copies of the state that a search for the first NaN begins from.
const COPY_EVERY: Duration = Duration::from_secs(2);

/// How often the clock is read: a step of a tiny network takes less time than reading it.
const STEPS_BETWEEN_CLOCKS: u64 = 16;

/// Gives the figures of a network on the validation rows, in the table's units.
pub type Validation<'v, F> = dyn FnMut(&Network<F>) -> Figures + 'v;

/// Writes a checkpoint if the occasion calls for one, and says where.
pub type Checkpointer<'c, 'p, F> = dyn FnMut(&Trainer<'p, F>, Occasion) -> Result<Option<String>> + 'c;

/// Why a checkpoint might be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// An epoch is over.
    EpochEnd,
    /// A control asked for it.
    Asked,
    /// A control asked for a copy of the state elsewhere.
    Forked,
    /// The run was asked to stop here.
    Stopped,
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why it ended.
    pub reason: EndReason,
    /// Epochs completed.
    pub epochs: u64,
    /// Steps done.
    pub steps: u64,
    /// The epoch whose weights the network has now.
    pub best_epoch: u64,
    /// Mean cost over the rows of the last epoch, complete or not, each as it was trained on.
    pub cost: f64,
    /// Rows trained on in this call.
    pub samples: u64,
    /// Seconds in steps, in this call.
    pub step_seconds: f64,
    /// Seconds of this call.
    pub seconds: f64,
}

/// Rows in the order of one epoch, cut into batches.
pub(super) struct Batches<'d, F: Real> {
    pool: &'d Pool,
    data: &'d Samples<'d, F>,
    batch_size: usize,
    /// Empty where rows are taken as they lie.
    order: Vec<u32>,
    gathered: Option<BatchBuffer<F>>,
}

impl<'d, F: Real> Batches<'d, F> {
    pub(super) fn new(pool: &'d Pool, data: &'d Samples<'d, F>, batch_size: usize, shuffled: bool) -> Self {
        let batch_size = batch_size.min(data.rows);
        let gathered = shuffled.then(|| BatchBuffer::new(data, batch_size));
        let order = if shuffled { vec![0; data.rows] } else { Vec::new() };
        Self { pool, data, batch_size, order, gathered }
    }

    /// Batches in an epoch.
    pub(super) fn count(&self) -> u64 {
        self.data.rows.div_ceil(self.batch_size) as u64
    }

    /// Orders the rows for one epoch.
    pub(super) fn begin(&mut self, seed: u64, epoch: u64) {
        for (place, row) in self.order.iter_mut().zip(0..) {
            *place = row;
        }
        shuffle(&mut self.order, &mut stream(seed, Purpose::Shuffle, epoch));
    }

    /// The places of a batch in the epoch's order.
    fn places(&self, index: u64) -> (usize, usize) {
        let from = index as usize * self.batch_size;
        (from, self.data.rows.min(from + self.batch_size))
    }

    /// The numbers of a batch's rows.
    pub(super) fn rows(&self, index: u64) -> Vec<u32> {
        let (from, to) = self.places(index);
        if self.gathered.is_some() {
            self.order[from..to].to_vec()
        } else {
            (from as u32..to as u32).collect()
        }
    }

    pub(super) fn get(&mut self, index: u64) -> Batch<'_, F> {
        let (from, to) = self.places(index);
        match &mut self.gathered {
            Some(buffer) => buffer.gather(self.pool, self.data, &self.order[from..to]),
            None => self.data.range(from, to),
        }
    }
}

/// What goes on beside the numbers: who listens, what time it is.
struct Clock {
    began: Instant,
    samples: u64,
    step_seconds: f64,
    epoch_began: Instant,
    epoch_samples: u64,
    last_progress: Instant,
    last_copy: Instant,
}

impl Clock {
    fn start() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            samples: 0,
            step_seconds: 0.0,
            epoch_began: now,
            epoch_samples: 0,
            last_progress: now,
            last_copy: now,
        }
    }

    fn begin_epoch(&mut self) {
        self.epoch_began = Instant::now();
        self.epoch_samples = 0;
    }

    /// Closes an epoch's account and returns its samples per second.
    fn end_epoch(&mut self) -> f64 {
        let seconds = self.epoch_began.elapsed().as_secs_f64();
        self.step_seconds += seconds;
        self.samples += self.epoch_samples;
        self.epoch_samples as f64 / seconds.max(1e-9)
    }
}

/// What the controls want after they were asked.
#[derive(PartialEq)]
enum Wish {
    GoOn,
    Stop,
}

impl<'p, F: Real> Trainer<'p, F> {
    /// Trains without validation, events or controls.
    ///
    /// # Errors
    /// As [`Trainer::run`].
    pub fn run_quietly(&mut self, data: &Samples<'_, F>) -> Result<Outcome> {
        self.run("model", data, None, &mut Silent, &mut Unattended, &mut |_, _| Ok(None))
    }

    /// Trains from where the trainer stands to the end of the last epoch, or until it is to stop. At the end the
    /// network has the best epoch's weights where those are kept, else the last ones.
    ///
    /// | argument | |
    /// |---|---|
    /// | `part` | what the events call this training |
    /// | `data` | the rows; the same, in the same order, after a resume |
    /// | `validate` | figures on the validation rows, asked for after each epoch |
    /// | `observer`, `controller` | see [`event`](crate::event) and [`control`](crate::control) |
    /// | `checkpoint` | called on each [`Occasion`]; decides itself whether to write |
    ///
    /// # Errors
    /// [`ErrorKind::NonFinite`] names step, phase and layer where a number first stopped being finite;
    /// [`ErrorKind::TooFewRows`] where there is no row of positive weight; [`ErrorKind::Conflict`] where the rows are sparse
    /// and the network cannot take such; errors of `checkpoint`.
    pub fn run(
        &mut self,
        part: &str,
        data: &Samples<'_, F>,
        mut validate: Option<&mut Validation<'_, F>>,
        observer: &mut dyn Observer,
        controller: &mut dyn Controller,
        checkpoint: &mut Checkpointer<'_, 'p, F>,
    ) -> Result<Outcome> {
        require_weight(data)?;
        if let Some(sparse) = &data.sparse {
            self.network.require_sparse_input()?;
            let most = sparse.most_in(self.ws.max_rows());
            self.network.reserve_columns(&mut self.ws, most);
        }
        let mut batches = Batches::new(self.pool, data, self.settings.batch_size, self.settings.shuffle);
        let steps_per_epoch = if self.searches_lines() { 1 } else { batches.count() };
        let mut clock = Clock::start();
        let mut good = self.good_copy();
        observer.observe(&Event::Started {
            part: part.to_owned(),
            parameters: self.network.params().len() as u64,
            rows: data.rows as u64,
            epochs: self.settings.epochs,
            steps_per_epoch,
            step: self.at.step,
            layers: self.network.layers().iter().map(LayerOutline::of).collect(),
        });
        // Of a snapshot taken at the end of the epoch that was to be the last: one more could be the best.
        let waited_enough = self.at.batch == 0 && self.has_waited_enough();
        let mut reason = if waited_enough { EndReason::EarlyStopping } else { EndReason::Finished };
        let mut cost = f64::NAN;
        'epochs: while !waited_enough && self.at.epoch < self.settings.epochs && !self.is_exhausted() {
            if self.settings.shuffle && !self.searches_lines() {
                batches.begin(self.settings.seed, self.at.epoch);
            }
            clock.begin_epoch();
            let mut converged = false;
            while self.at.batch < steps_per_epoch && !self.is_exhausted() {
                if self.obey(observer, controller, checkpoint, &mut good)? == Wish::Stop {
                    reason = EndReason::Stopped;
                    clock.end_epoch();
                    break 'epochs;
                }
                converged =
                    self.advance(data, &mut batches, steps_per_epoch, &mut good, &mut clock, observer)?;
                if self.at.step.is_multiple_of(STEPS_BETWEEN_CLOCKS) {
                    self.tell_progress(observer, &mut clock, &mut good);
                }
            }
            let samples_per_second = clock.end_epoch();
            cost = self.at.cost_sum / self.at.weight_sum;
            let figures = validate.as_deref_mut().map(|validate| validate(&self.network));
            let reductions = self.at.plateau.reductions;
            let enough = self.end_epoch(figures, cost, samples_per_second, &clock, observer);
            if self.at.plateau.reductions != reductions {
                self.renew(&mut good); // a replay asks nobody for figures
            }
            self.write_checkpoint(Occasion::EpochEnd, checkpoint, observer)?;
            if converged || enough {
                reason = if converged { EndReason::Converged } else { EndReason::EarlyStopping };
                break;
            }
        }
        if reason == EndReason::Stopped {
            self.write_checkpoint(Occasion::Stopped, checkpoint, observer)?;
        }
        let best_epoch = self.keep_best();
        let seconds = clock.began.elapsed().as_secs_f64();
        let (epochs, step) = (self.at.epoch, self.at.step);
        observer.observe(&Event::Ended { part: part.to_owned(), reason, epochs, step, best_epoch, seconds });
        let (samples, step_seconds) = (clock.samples, clock.step_seconds);
        Ok(Outcome { reason, epochs, steps: step, best_epoch, cost, samples, step_seconds, seconds })
    }

    /// The next step of the epoch. Returns whether no descent is left.
    fn advance(
        &mut self,
        data: &Samples<'_, F>,
        batches: &mut Batches<'_, F>,
        steps_per_epoch: u64,
        good: &mut Option<Snapshot<'static, F>>,
        clock: &mut Clock,
        observer: &mut dyn Observer,
    ) -> Result<bool> {
        let (sum, weight, converged);
        if self.searches_lines() {
            let mean;
            (mean, converged) = self.search_and_tell(data, observer);
            (sum, weight) = (mean * data.total_weight(), data.total_weight());
            clock.epoch_samples += data.rows as u64;
        } else {
            let rate = self.rate(steps_per_epoch);
            let batch = batches.get(self.at.batch);
            clock.epoch_samples += batch.rows as u64;
            weight = batch.total_weight();
            sum = self.step_and_tell(&batch, rate, observer);
            converged = false;
        }
        if !sum.is_finite() {
            let error = self.first_non_finite(good.as_ref(), batches, steps_per_epoch, data);
            if let ErrorKind::NonFinite { step, epoch, phase, layer, what, .. } = error.kind() {
                let (phase, what) = (phase.clone(), what.clone());
                observer.observe(&Event::Failed { step: *step, epoch: *epoch, phase, layer: *layer, what });
            }
            return Err(error);
        }
        self.at.batch += 1;
        self.at.cost_sum += sum;
        self.at.weight_sum += weight;
        Ok(converged)
    }

    /// A step, looked at where a look is due.
    fn step_and_tell(&mut self, batch: &Batch<'_, F>, rate: f64, observer: &mut dyn Observer) -> f64 {
        let Some(mut probe) = self.due_probe() else { return self.step(batch, rate) };
        let (sum, layers) = self.step_looked_at(&mut probe, batch, rate);
        self.tell(probe, batch.rows, sum / batch.total_weight(), layers, observer);
        sum
    }

    /// A line search, looked at where a look is due: the mean cost after it, and whether no descent is left.
    fn search_and_tell(&mut self, data: &Samples<'_, F>, observer: &mut dyn Observer) -> (f64, bool) {
        let mut probe = self.due_probe();
        let (mean, converged, look) = self.line_search_step(data, probe.as_mut());
        if let Some(probe) = probe {
            let (cost, layers) = look.unwrap_or_default();
            self.tell(probe, data.rows.min(self.ws.max_rows()), cost, layers, observer);
        }
        (mean, converged)
    }

    /// The probe, taken out, where the next step is to be looked at.
    fn due_probe(&mut self) -> Option<Probe<F>> {
        self.probe.take_if(|probe| probe.is_due(self.at.step))
    }

    /// Tells what the layers looked like, if there was anything to see, and puts the probe back.
    fn tell(
        &mut self,
        probe: Probe<F>,
        rows: usize,
        cost: f64,
        layers: Vec<LayerHealth>,
        observer: &mut dyn Observer,
    ) {
        if !layers.is_empty() {
            let (epoch, step, rows) = (self.at.epoch + 1, self.at.step, probe.rows(rows) as u64);
            observer.observe(&Event::Health { epoch, step, cost, rows, layers });
        }
        self.probe = Some(probe);
    }

    /// Closes the epoch: event, best, patience. Returns whether it is time to stop early.
    fn end_epoch(
        &mut self,
        figures: Option<Figures>,
        cost: f64,
        samples_per_second: f64,
        clock: &Clock,
        observer: &mut dyn Observer,
    ) -> bool {
        self.at.epoch += 1;
        self.at.batch = 0;
        (self.at.cost_sum, self.at.weight_sum) = (0.0, 0.0);
        let watch = self.settings.watch;
        let figure = figures.as_ref().and_then(|figures| figures.get(watch.name()).copied());
        let margin = self.settings.stopping.map_or(0.0, |stopping| stopping.min_delta);
        let mut best = false;
        if let Some(figure) = figure {
            best = self.at.best.is_none_or(|(_, earlier)| watch.better_by(figure, earlier, margin));
            if best {
                self.at.best = Some((self.at.epoch, figure));
                self.at.waited = 0;
                if !self.best_params.is_empty() {
                    self.best_params.copy_from_slice(self.network.params());
                    self.best_buffers.copy_from_slice(self.network.buffers());
                }
            } else {
                self.at.waited += 1;
            }
            self.at.plateau.observe(&self.settings.learning_rate.schedule, watch, figure);
        }
        observer.observe(&Event::Epoch {
            epoch: self.at.epoch,
            step: self.at.step,
            cost,
            validation: figures.unwrap_or_default(),
            best,
            learning_rate: self.at.last_rate,
            samples_per_second,
            seconds: clock.began.elapsed().as_secs_f64(),
        });
        figure.is_some() && self.has_waited_enough()
    }

    /// Whether early stopping's patience is at its end.
    fn has_waited_enough(&self) -> bool {
        self.settings.stopping.is_some_and(|stopping| self.at.waited >= stopping.patience.max(1))
    }

    /// Sets the best epoch's weights, where they are kept; returns the epoch of the weights that now stand.
    fn keep_best(&mut self) -> u64 {
        match self.at.best {
            Some((epoch, _)) if !self.best_params.is_empty() => {
                self.network.params_mut().copy_from_slice(&self.best_params);
                self.network.buffers_mut().copy_from_slice(&self.best_buffers);
                epoch
            }
            _ => self.at.epoch,
        }
    }

    /// Asks the controller until it wants nothing more.
    fn obey(
        &mut self,
        observer: &mut dyn Observer,
        controller: &mut dyn Controller,
        checkpoint: &mut Checkpointer<'_, 'p, F>,
        good: &mut Option<Snapshot<'static, F>>,
    ) -> Result<Wish> {
        let mut paused = false;
        loop {
            let Some(control) = controller.poll(self.at.step) else {
                if paused {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                return Ok(Wish::GoOn);
            };
            let valid = !matches!(control, Control::ScaleLearningRate { factor } if !(factor > 0.0 && factor.is_finite()));
            if !valid {
                continue;
            }
            observer.observe(&Event::Controlled { step: self.at.step, control: control.clone() });
            match control {
                Control::Stop => return Ok(Wish::Stop),
                Control::Pause => paused = true,
                Control::Resume => paused = false,
                Control::ScaleLearningRate { factor } => {
                    self.at.rate_factor = factor;
                    self.renew(good);
                }
                Control::Checkpoint => self.write_checkpoint(Occasion::Asked, checkpoint, observer)?,
                Control::Fork => self.write_checkpoint(Occasion::Forked, checkpoint, observer)?,
            }
        }
    }

    fn write_checkpoint(
        &self,
        occasion: Occasion,
        checkpoint: &mut Checkpointer<'_, 'p, F>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        if let Some(path) = checkpoint(self, occasion)? {
            observer.observe(&Event::Checkpointed { step: self.at.step, path });
        }
        Ok(())
    }

    fn tell_progress(
        &mut self,
        observer: &mut dyn Observer,
        clock: &mut Clock,
        good: &mut Option<Snapshot<'static, F>>,
    ) {
        let now = Instant::now();
        if now - clock.last_progress >= PROGRESS_EVERY {
            clock.last_progress = now;
            let seconds = (now - clock.epoch_began).as_secs_f64();
            observer.observe(&Event::Progress {
                epoch: self.at.epoch + 1,
                step: self.at.step,
                cost: self.at.cost_sum / self.at.weight_sum,
                learning_rate: self.at.last_rate,
                samples_per_second: clock.epoch_samples as f64 / seconds.max(1e-9),
            });
        }
        if now - clock.last_copy >= COPY_EVERY {
            clock.last_copy = now;
            self.renew(good);
        }
    }

    /// Whether the bound on steps is reached.
    fn is_exhausted(&self) -> bool {
        self.settings.max_steps.is_some_and(|most| self.at.step >= most)
    }

    pub(super) fn searches_lines(&self) -> bool {
        matches!(self.updater, Updater::ByLineSearch(_))
    }
}

fn require_weight<F: Real>(data: &Samples<'_, F>) -> Result<()> {
    if data.rows > 0 && data.total_weight() > 0.0 {
        return Ok(());
    }
    Err(ErrorKind::TooFewRows {
        source: "the training rows".into(),
        rows: 0,
        expected: 1,
        what: "training on rows of positive weight".into(),
    }
    .into())
}
