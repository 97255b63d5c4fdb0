//! One network in training, which can be held between any two steps, or between any two phases of one.

use deltarule::config::resolve;
use deltarule::control::Control;
use deltarule::dataset::Samples;
use deltarule::encoder::Encoder;
use deltarule::event::{EndReason, Event, Figures};
use deltarule::layer::TensorKind;
use deltarule::model::Scorer;
use deltarule::network::Network;
use deltarule::run::Material;
use deltarule::schedule::Schedule;
use deltarule::trainer::{NextStep, Occasion, Trainer};
use deltarule::{Pool, Real};

use super::messages::Parameter;
use super::phases::Underway;
use super::subject::{Start, Subject};

/// Rows that figures are taken of, at most.
const SCORED: usize = 2000;

/// A network in training.
pub struct Training<'s, F: Real> {
    pub pool: &'s Pool,
    pub subject: &'s Subject,
    pub material: &'s Material<F>,
    pub trainer: Trainer<'s, F>,
    /// A step of which some phases are done.
    pub underway: Option<Underway<F>>,
    /// What measures on training rows, and on validation rows where there are any.
    pub training: Scorer<'s, F>,
    pub validation: Option<Scorer<'s, F>>,
    /// Why training came to an end by itself.
    pub problem: Option<String>,
    /// Whether a number has stopped being finite: then nothing more is learnt.
    has_diverged: bool,
    last_epoch: f64,
}

impl<'s, F: Real> Training<'s, F> {
    /// At the start.
    ///
    /// # Errors
    /// Those of the library.
    pub fn new(pool: &'s Pool, subject: &'s Subject, start: &'s Start<F>) -> deltarule::Result<Self> {
        let (material, prepared) = (&start.material, &subject.prepared);
        let settings = &prepared.plan.settings;
        let mut training = material.trainer_settings(settings, 0)?;
        training.telemetry = false; // frames look themselves
        let mut trainer = material.trainer(pool, settings, training)?;
        if let Some(network) = &start.network {
            let mut state = trainer.snapshot();
            state.params.to_mut().copy_from_slice(network.params());
            state.buffers.to_mut().copy_from_slice(network.buffers());
            trainer.restore(&state)?;
        }
        let train = &prepared.split.train;
        let scored: Vec<u32> = train.iter().copied().step_by(train.len().div_ceil(SCORED).max(1)).collect();
        Ok(Self {
            pool,
            subject,
            material,
            trainer,
            underway: None,
            training: Scorer::new(&material.encoder, material.loss, &prepared.table, &scored)?,
            validation: material.scorer(&prepared.table, &prepared.split)?,
            problem: None,
            has_diverged: false,
            last_epoch: f64::NAN,
        })
    }

    /// The network as it stands.
    pub fn network(&self) -> &Network<F> {
        self.trainer.network()
    }

    /// The training rows.
    pub fn rows(&self) -> &'s Samples<'static, F> {
        &self.material.train
    }

    /// The encoder.
    pub fn encoder(&self) -> &'s Encoder {
        &self.material.encoder
    }

    /// The step that comes next; `None` of L-BFGS.
    pub fn next_step(&self) -> Option<NextStep> {
        self.trainer.next_step(self.rows())
    }

    /// Steps in an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.next_step().map_or(1, |next| next.batches)
    }

    /// Steps until the epoch under way, or the next one, is complete.
    pub fn steps_to_epoch_end(&self) -> u64 {
        self.next_step().map_or(1, |next| next.batches - next.batch + 1)
    }

    /// Mean cost over the epoch under way so far, or over the last one.
    pub fn cost(&self) -> f64 {
        let state = self.trainer.state();
        if state.weight_sum > 0.0 { state.cost_sum / state.weight_sum } else { self.last_epoch }
    }

    /// η of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.next_step().map_or(self.trainer.settings().learning_rate.base, |next| next.learning_rate)
    }

    /// Trains until `is_over` says so, asked with the steps done. Returns whether training goes on after that.
    pub fn advance(&mut self, mut is_over: impl FnMut(u64) -> bool) -> bool {
        if self.has_diverged {
            return false;
        }
        self.underway = None; // what phases have done so far has changed nothing
        self.problem = None;
        let keeps_best = self.trainer.settings().keep_best;
        let plateau =
            matches!(self.trainer.settings().learning_rate.schedule, Schedule::ReduceOnPlateau { .. });
        let validation = self.validation.as_ref();
        let pool = self.pool;
        let mut score = |network: &Network<F>| -> Figures {
            validation.map_or_else(Figures::new, |scorer| scorer.score(pool, network))
        };
        let watches = validation.is_some() && (keeps_best || plateau);
        let (mut last_epoch, mut held) = (None, None);
        let mut observer = |event: &Event| {
            if let Event::Epoch { cost, .. } = event {
                last_epoch = Some(*cost);
            }
        };
        let mut controller = |step: u64| is_over(step).then_some(Control::Stop);
        let mut hold = |trainer: &Trainer<'s, F>, occasion: Occasion| {
            if keeps_best && occasion == Occasion::Stopped {
                held = Some(trainer.snapshot());
            }
            Ok(None)
        };
        let ended = self.trainer.run(
            "model",
            &self.material.train,
            watches.then_some(&mut score as _),
            &mut observer,
            &mut controller,
            &mut hold,
        );
        self.last_epoch = last_epoch.unwrap_or(self.last_epoch);
        // A run that is stopped takes the best epoch's weights: they are for its end, not for a pause.
        let ended = ended.and_then(|outcome| match &held {
            Some(held) => self.trainer.restore(held).map(|()| outcome),
            None => Ok(outcome),
        });
        match ended {
            Ok(outcome) => self.note_end(outcome.reason),
            Err(error) => {
                self.has_diverged = true;
                self.problem = Some(error.to_string());
                false
            }
        }
    }

    fn note_end(&mut self, reason: EndReason) -> bool {
        self.problem = match reason {
            EndReason::Stopped => return true,
            EndReason::Finished => Some(format!("all {} epochs are done", self.trainer.epochs())),
            EndReason::EarlyStopping => Some(format!(
                "early stopping: no better {} for {} epochs; these are the best epoch's weights",
                self.trainer.settings().watch.name(),
                self.trainer.settings().stopping.map_or(0, |stopping| stopping.patience)
            )),
            EndReason::Converged => Some("no descent is left: the gradient is as good as 0".into()),
        };
        if reason == EndReason::Finished
            && self.trainer.settings().max_steps.is_some_and(|most| self.trainer.steps() >= most)
        {
            self.problem = Some(format!("all {} steps are done", self.trainer.steps()));
        }
        false
    }

    /// Why nothing more is learnt, if so.
    pub fn diverged(&self) -> Option<&str> {
        self.problem.as_deref().filter(|_| self.has_diverged)
    }

    /// Sets η of the steps from now on, with the schedule's curve kept.
    ///
    /// # Errors
    /// In words, where it is no rate, or the optimizer has none.
    pub fn set_rate(&mut self, rate: f64) -> Result<(), String> {
        let Some(next) = self.next_step() else {
            return Err("optimizer lbfgs finds the length of its steps itself".into());
        };
        let mut state = self.trainer.snapshot();
        let factor = rate / (next.learning_rate / state.rate_factor);
        if !(rate > 0.0 && rate.is_finite() && factor > 0.0 && factor.is_finite()) {
            return Err(format!("learning_rate: got {rate}; expected a finite number above 0"));
        }
        state.rate_factor = factor;
        self.trainer.restore(&state).map_err(|error| error.to_string())
    }

    /// Sets one parameter. A step under way begins again.
    ///
    /// # Errors
    /// In words, where there is no such parameter, or it is no number of the network's precision.
    pub fn set_parameter(&mut self, parameter: Parameter, value: f64) -> Result<(), String> {
        let place = self.place(parameter)?;
        let value = F::from_f64(value);
        if !value.is_finite() {
            return Err("value: expected a finite number".into());
        }
        let mut state = self.trainer.snapshot();
        state.params.to_mut()[place] = value;
        self.underway = None;
        self.trainer.restore(&state).map_err(|error| error.to_string())
    }

    /// Where a parameter lies in the flat buffer.
    ///
    /// # Errors
    /// The library's words where there is none.
    pub fn place(&self, parameter: Parameter) -> Result<usize, String> {
        let network = self.network();
        let named = parameter.named();
        named.meaning(network, &deltarule::explain::Names::default()).map_err(|error| error.to_string())?;
        let kind = if parameter.from.is_some() { TensorKind::Weight } else { TensorKind::Bias };
        let mut tensors = network.tensors().iter();
        let tensor = tensors.find(|tensor| tensor.layer == parameter.layer && tensor.kind == kind);
        let tensor = tensor.ok_or_else(|| format!("{named}: there is no such parameter"))?;
        let columns = tensor.shape.last().copied().unwrap_or(1);
        Ok(tensor.range.start + parameter.from.unwrap_or(0) * columns + parameter.to)
    }

    /// λ·Σ of the penalties, as the plan has them.
    pub fn penalty(&self) -> f64 {
        let rule = resolve::regularization(&self.subject.prepared.plan.settings);
        rule.penalty(self.pool, self.network().params(), &self.network().regularized())
    }
}
