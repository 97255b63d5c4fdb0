//! A run's training done again up to one of its steps.
//!
//! Everything in training is a function of the configuration, the data and the seed, but for what controls asked of it, and
//! these are events. So the state before a step is that of the run's checkpoint, where it is early enough, or of the start,
//! with the steps in between done again by the same [`Trainer::run`], its validation after each epoch included: a plateau's
//! reductions come of it. What the run recorded of its costs must come out again, to the bit.

use std::collections::BTreeSet;

use deltarule_kernels::{Pool, Real};
use serde::Serialize;

use super::fit::{check_memory, digests};
use super::history::History;
use super::material::{Material, part_name, trainer_at_start};
use super::prepare::Prepared;
use crate::checkpoint::Checkpoint;
use crate::control::{Control, Controller};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EndReason, Event, Figures, Observer};
use crate::network::Network;
use crate::optimizer::OptimizerSpec;
use crate::run_folder::RunFolder;
use crate::trainer::{NextStep, Occasion, Trainer, Validation};

/// Steps after which another gradient of the first has shown in a cost: the second is looked at, if any is.
const SEEN: u64 = 2;

/// How a state was come by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Steps done in the state that it began from; 0: from the start.
    pub from: u64,
    /// Whether that state was the run's checkpoint.
    pub checkpoint: bool,
    /// Steps done again.
    pub steps: u64,
    /// Costs of steps and epochs that the run had recorded, and that came out the same to the bit.
    pub costs: u64,
}

/// A part of a run right before one of its steps.
pub(crate) struct BeforeStep<'p, F: Real> {
    pub material: Material<F>,
    pub trainer: Trainer<'p, F>,
    pub next: NextStep,
    pub part: String,
    pub account: Comparison,
}

/// Takes a run's final model (of an ensemble the member of that number, from 1) to where it stood before `step`, counted
/// from 1.
///
/// # Errors
/// [`ErrorKind::BadSetting`] for a member or step that there is none of, [`ErrorKind::Conflict`] for L-BFGS,
/// [`ErrorKind::CannotResume`] where configuration or data are not the run's, and those of training.
pub(crate) fn before_step<'p, F: Real>(
    pool: &'p Pool,
    prepared: &Prepared,
    folder: &RunFolder,
    member: usize,
    step: u64,
    observer: &mut dyn Observer,
) -> Result<BeforeStep<'p, F>> {
    let mut settings = prepared.plan.settings.clone();
    let members = settings.ensemble.unwrap_or(1).max(1);
    if member == 0 || member > members {
        let expected = format!("1 to {members}, one for each network");
        return Err(absent("the member", &member.to_string(), expected));
    }
    let part = part_name("model", member - 1, members);
    let history = History::read(folder, &part)?;
    refuse_absent_step(folder, &part, step, &history)?;
    // Of a final model after folds the number of epochs is known from them alone.
    settings.epochs = Some(history.epochs);
    let fitted = check_memory(prepared)?;
    let fitted = prepared.folds.is_empty().then_some(fitted);
    let material = Material::<F>::new(prepared, &prepared.split, &settings, fitted)?;
    let training = material.trainer_settings(&settings, member - 1)?;
    if matches!(training.optimizer, OptimizerSpec::Lbfgs { .. }) {
        return Err(ErrorKind::Conflict {
            first: format!("a step of {}", folder.path().display()),
            second: "optimizer lbfgs".into(),
            why: "its step is a line search over all rows, which follows no one batch's gradient; explain rows of its model \
                  instead: deltarule explain MODEL DATA --rows 1..N"
                .into(),
        }
        .into());
    }
    let mut trainer = trainer_at_start(pool, &material.spec, &settings, training)?;
    let mut account = Comparison::new(folder, history);
    account.replay.checkpoint = restore(&mut trainer, prepared, folder, &part, step)?;
    account.replay.from = trainer.steps();
    if step == 1 && account.history.last > Some(SEEN) {
        // Nothing comes before it, and a first cost may hang on the targets alone.
        let start = trainer.snapshot();
        replay(pool, prepared, &material, &mut trainer, &part, SEEN, &mut account, observer)?;
        trainer.restore(&start)?;
    }
    replay(pool, prepared, &material, &mut trainer, &part, step - 1, &mut account, observer)?;
    account.replay.steps = step - 1 - account.replay.from;
    let next = trainer.next_step(&material.train).filter(|next| next.step == step);
    let next =
        next.ok_or_else(|| differs(folder, "the step that comes next", &step, &(trainer.steps() + 1)))?;
    Ok(BeforeStep { material, trainer, next, part, account })
}

fn refuse_absent_step(folder: &RunFolder, part: &str, step: u64, history: &History) -> Result<()> {
    let run = folder.path().display();
    let of = if part == "model" { String::new() } else { format!(" ({part})") };
    let last = history.last.unwrap_or(0);
    if step >= 1 && step <= last {
        return Ok(());
    }
    let expected = match last {
        0 => format!("a step that was done; {run}{of} has recorded none"),
        last => format!("1 to {last}, the steps of {run}{of}"),
    };
    let next = if last == 0 { "train it on".to_owned() } else { "give one of these".to_owned() };
    Err(ErrorKind::BadSetting { setting: "the step".into(), got: step.to_string(), expected, next }.into())
}

/// Sets the trainer to the run's checkpoint, where there is one of this part that is early enough. Whichever it is of, it
/// knows the data that the run was trained on.
fn restore<F: Real>(
    trainer: &mut Trainer<'_, F>,
    prepared: &Prepared,
    folder: &RunFolder,
    part: &str,
    step: u64,
) -> Result<bool> {
    if !folder.checkpoint().is_file() {
        return Ok(false);
    }
    let checkpoint = Checkpoint::<F>::read(&folder.checkpoint())?;
    let (config, data) = digests(prepared);
    checkpoint.check(folder.path(), &config, &data)?;
    let is_early = checkpoint.part == part && checkpoint.snapshot.step < step;
    if is_early {
        trainer.restore(&checkpoint.snapshot)?;
    }
    Ok(is_early)
}

/// Trains on until `until` steps are done, and leaves the trainer there.
fn replay<'p, F: Real>(
    pool: &Pool,
    prepared: &Prepared,
    material: &Material<F>,
    trainer: &mut Trainer<'p, F>,
    part: &str,
    until: u64,
    account: &mut Comparison,
    observer: &mut dyn Observer,
) -> Result<()> {
    let scorer = material.scorer(&prepared.table, &prepared.split)?;
    let mut validate = |network: &Network<F>| -> Figures {
        scorer.as_ref().map_or_else(Figures::new, |scorer| scorer.score(pool, network))
    };
    let validate: Option<&mut Validation<'_, F>> = if scorer.is_some() { Some(&mut validate) } else { None };
    // At its end a run sets the best epoch's weights: the state is taken before.
    let mut state = None;
    let mut keep = |trainer: &Trainer<'p, F>, occasion: Occasion| {
        if occasion == Occasion::Stopped {
            state = Some(trainer.snapshot());
        }
        Ok(None)
    };
    let mut script = Script { factors: account.history.factors.clone(), at: 0, until };
    let mut both = |event: &Event| {
        account.observe(event);
        observer.observe(event);
    };
    let outcome = trainer.run(part, &material.train, validate, &mut both, &mut script, &mut keep)?;
    account.verdict()?;
    match state {
        Some(state) if outcome.reason == EndReason::Stopped && state.step == until => trainer.restore(&state),
        _ => {
            Err(differs(&account.folder, "the number of steps before its end", &(until + 1), &outcome.steps))
        }
    }
}

/// The controls that a run has recorded, and a stop.
struct Script {
    factors: Vec<(u64, f64)>,
    at: usize,
    until: u64,
}

impl Controller for Script {
    fn poll(&mut self, step: u64) -> Option<Control> {
        while let Some(&(when, factor)) = self.factors.get(self.at).filter(|(when, _)| *when <= step) {
            self.at += 1;
            // Those before are in the state that was begun from.
            if when == step {
                return Some(Control::ScaleLearningRate { factor });
            }
        }
        (step >= self.until).then_some(Control::Stop)
    }
}

/// What a run has recorded of its costs, beside what a replay says.
pub(crate) struct Comparison {
    pub replay: Replay,
    folder: RunFolder,
    history: History,
    /// What has come out the same.
    same: BTreeSet<String>,
    differs: Option<Error>,
}

impl Comparison {
    fn new(folder: &RunFolder, history: History) -> Self {
        Self {
            replay: Replay::default(),
            folder: folder.clone(),
            history,
            same: BTreeSet::new(),
            differs: None,
        }
    }

    /// Holds the mean cost of a step's batch against what was recorded of it, if it was.
    ///
    /// # Errors
    /// [`ErrorKind::CannotResume`] where they are not the same.
    pub fn of_step(&mut self, step: u64, cost: f64) -> Result<()> {
        self.hold(&format!("the mean cost of step {step}"), self.history.steps.get(&step).copied(), cost);
        self.verdict()
    }

    fn observe(&mut self, event: &Event) {
        match *event {
            Event::Health { step, cost, .. } => {
                let recorded = self.history.steps.get(&step).copied();
                self.hold(&format!("the mean cost of step {step}"), recorded, cost);
            }
            Event::Epoch { epoch, cost, .. } => {
                let recorded = self.history.costs.get(&epoch).copied();
                self.hold(&format!("the mean cost of epoch {epoch}"), recorded, cost);
            }
            _ => {}
        }
    }

    fn hold(&mut self, what: &str, recorded: Option<f64>, cost: f64) {
        let Some(recorded) = recorded else { return };
        if recorded == cost || (recorded.is_nan() && cost.is_nan()) {
            self.same.insert(what.to_owned());
            self.replay.costs = self.same.len() as u64;
            return;
        }
        if self.differs.is_none() {
            self.differs = Some(differs(&self.folder, what, &recorded, &cost));
        }
    }

    fn verdict(&mut self) -> Result<()> {
        self.differs.take().map_or(Ok(()), Err)
    }
}

/// What did not come out as the run has recorded it: the data are not those that it was trained on, or the numbers were
/// rounded otherwise. How large a difference is says nothing of which: before a network has learnt, its cost hardly hangs on
/// the data.
fn differs<T: ToString>(folder: &RunFolder, what: &str, then: &T, now: &T) -> Error {
    let (run, what) = (
        folder.path().to_owned(),
        format!("the data (or the instruction set or version of the program), by {what},"),
    );
    ErrorKind::CannotResume { run, what, expected: then.to_string(), got: now.to_string() }.into()
}

fn absent(what: &str, got: &str, expected: String) -> Error {
    let next = "give one of these".into();
    ErrorKind::BadSetting { setting: what.into(), got: got.into(), expected, next }.into()
}
