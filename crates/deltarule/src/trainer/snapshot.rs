//! The whole state of a trainer between two steps.

use std::borrow::Cow;

use deltarule_kernels::Real;

use super::{Trainer, Updater};
use crate::error::{ErrorKind, Result};
use crate::optimizer::LbfgsState;
use crate::schedule::Plateau;

/// The largest state, in bytes, of which a copy is kept for the search for a first NaN: little beside any process, and
/// enough for four million parameters under plain descent.
const GOOD_COPY: usize = 16 << 20;

/// Everything that the next step depends on, beside the data and the settings.
///
/// Random streams are not in it: they are functions of the seed and the position.
///
/// The arrays are a trainer's own ([`Trainer::state`]) or copies of them ([`Trainer::snapshot`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<'t, F: Clone> {
    /// All parameters.
    pub params: Cow<'t, [F]>,
    /// Running statistics.
    pub buffers: Cow<'t, [F]>,
    /// The optimizer's vectors, by name.
    pub slots: Vec<(String, Cow<'t, [F]>)>,
    /// The optimizer's plain numbers, by name.
    pub scalars: Vec<(String, f64)>,
    /// Steps done.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Batches done in the epoch under way.
    pub batch: u64,
    /// Σ weight·C over the epoch so far.
    pub cost_sum: f64,
    /// Σ weight over the epoch so far.
    pub weight_sum: f64,
    /// What a plateau schedule remembers.
    pub plateau: Plateau,
    /// The factor set by a control.
    pub rate_factor: f64,
    /// η of the last step.
    pub last_rate: f64,
    /// The best epoch, its figure and its parameters, where they are kept.
    pub best: Option<Best<'t, F>>,
    /// Epochs since the best.
    pub waited: u64,
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best<'t, F: Clone> {
    /// Its number, from 1.
    pub epoch: u64,
    /// The watched figure.
    pub figure: f64,
    /// Parameters after it.
    pub params: Cow<'t, [F]>,
    /// Running statistics after it.
    pub buffers: Cow<'t, [F]>,
}

impl<F: Clone> Snapshot<'_, F> {
    /// A copy that belongs to nobody.
    #[must_use]
    pub fn into_owned(self) -> Snapshot<'static, F> {
        fn own<F: Clone>(numbers: Cow<'_, [F]>) -> Cow<'static, [F]> {
            Cow::Owned(numbers.into_owned())
        }
        Snapshot {
            params: own(self.params),
            buffers: own(self.buffers),
            slots: self.slots.into_iter().map(|(name, slot)| (name, own(slot))).collect(),
            scalars: self.scalars,
            best: self.best.map(|best| Best {
                epoch: best.epoch,
                figure: best.figure,
                params: own(best.params),
                buffers: own(best.buffers),
            }),
            step: self.step,
            epoch: self.epoch,
            batch: self.batch,
            cost_sum: self.cost_sum,
            weight_sum: self.weight_sum,
            plateau: self.plateau,
            rate_factor: self.rate_factor,
            last_rate: self.last_rate,
            waited: self.waited,
        }
    }
}

impl<F: Real> Trainer<'_, F> {
    /// Copies the state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<'static, F> {
        self.state().into_owned()
    }

    /// The state as it stands, nothing copied: what a checkpoint writes.
    #[must_use]
    pub fn state(&self) -> Snapshot<'_, F> {
        let (slots, scalars) = match &self.updater {
            Updater::ByGradient(optimizer) => {
                (optimizer.slots(), vec![("steps".to_owned(), optimizer.steps() as f64)])
            }
            Updater::ByLineSearch(lbfgs) => (lbfgs.slots(), scalars_of(lbfgs.state())),
        };
        let best = self.at.best.map(|(epoch, figure)| Best {
            epoch,
            figure,
            params: Cow::Borrowed(&self.best_params),
            buffers: Cow::Borrowed(&self.best_buffers),
        });
        Snapshot {
            params: Cow::Borrowed(self.network.params()),
            buffers: Cow::Borrowed(self.network.buffers()),
            slots: slots.into_iter().map(|(name, slot)| (name.to_owned(), Cow::Borrowed(slot))).collect(),
            scalars,
            step: self.at.step,
            epoch: self.at.epoch,
            batch: self.at.batch,
            cost_sum: self.at.cost_sum,
            weight_sum: self.at.weight_sum,
            plateau: self.at.plateau,
            rate_factor: self.at.rate_factor,
            last_rate: self.at.last_rate,
            best,
            waited: self.at.waited,
        }
    }

    /// The copy that a search for the first NaN begins from, without the best epoch's weights; `None` of a state so large
    /// that the copy would count: then the state as it stands is all that is looked at.
    pub(super) fn good_copy(&self) -> Option<Snapshot<'static, F>> {
        let numbers = match &self.updater {
            Updater::ByGradient(optimizer) => optimizer.slots().iter().map(|(_, slot)| slot.len()).sum(),
            Updater::ByLineSearch(lbfgs) => lbfgs.slots().iter().map(|(_, slot)| slot.len()).sum::<usize>(),
        } + self.network.params().len();
        (numbers * F::BYTES <= GOOD_COPY).then(|| Snapshot { best: None, ..self.state() }.into_owned())
    }

    /// Copies the state over [`Trainer::good_copy`], where there is one.
    pub(super) fn renew(&self, good: &mut Option<Snapshot<'static, F>>) {
        if let Some(good) = good {
            self.copy_to(good);
        }
    }

    /// Copies the state, but for the best epoch's, over an earlier copy of this trainer's, without allocating.
    fn copy_to(&self, snapshot: &mut Snapshot<'static, F>) {
        snapshot.params.to_mut().copy_from_slice(self.network.params());
        snapshot.buffers.to_mut().copy_from_slice(self.network.buffers());
        match &self.updater {
            Updater::ByGradient(optimizer) => {
                for ((_, to), (_, from)) in snapshot.slots.iter_mut().zip(optimizer.slots()) {
                    to.to_mut().copy_from_slice(from);
                }
                snapshot.scalars[0].1 = optimizer.steps() as f64;
            }
            Updater::ByLineSearch(_) => *snapshot = Snapshot { best: None, ..self.state() }.into_owned(),
        }
        snapshot.step = self.at.step;
        snapshot.epoch = self.at.epoch;
        snapshot.batch = self.at.batch;
        snapshot.cost_sum = self.at.cost_sum;
        snapshot.weight_sum = self.at.weight_sum;
        snapshot.plateau = self.at.plateau;
        snapshot.rate_factor = self.at.rate_factor;
        snapshot.last_rate = self.at.last_rate;
        snapshot.waited = self.at.waited;
    }

    /// Sets the state back.
    ///
    /// # Errors
    /// [`ErrorKind::ShapeMismatch`] where the snapshot is of another network or optimizer; nothing is changed then.
    pub fn restore(&mut self, snapshot: &Snapshot<'_, F>) -> Result<()> {
        self.check_shapes(snapshot)?;
        self.network.params_mut().copy_from_slice(&snapshot.params);
        self.network.buffers_mut().copy_from_slice(&snapshot.buffers);
        match &mut self.updater {
            Updater::ByGradient(optimizer) => {
                for ((_, to), (_, from)) in optimizer.slots_mut().into_iter().zip(&snapshot.slots) {
                    to.copy_from_slice(from);
                }
                let steps = snapshot.scalars.iter().find(|(name, _)| name == "steps");
                optimizer.set_steps(steps.map_or(0, |(_, steps)| *steps as u64));
            }
            Updater::ByLineSearch(lbfgs) => {
                for ((_, to), (_, from)) in lbfgs.slots_mut().into_iter().zip(&snapshot.slots) {
                    to.copy_from_slice(from);
                }
                if !lbfgs.restore(self.pool, state_of(&snapshot.scalars)) {
                    let (expected, got) = ("within its history".into(), "beyond it".into());
                    return Err(ErrorKind::ShapeMismatch {
                        what: "the snapshot's L-BFGS pairs".into(),
                        expected,
                        got,
                    }
                    .into());
                }
            }
        }
        if let Some(best) = &snapshot.best {
            self.best_params.copy_from_slice(&best.params);
            self.best_buffers.copy_from_slice(&best.buffers);
        }
        self.at = super::Position {
            step: snapshot.step,
            epoch: snapshot.epoch,
            batch: snapshot.batch,
            cost_sum: snapshot.cost_sum,
            weight_sum: snapshot.weight_sum,
            plateau: snapshot.plateau,
            rate_factor: snapshot.rate_factor,
            last_rate: snapshot.last_rate,
            best: snapshot.best.as_ref().map(|best| (best.epoch, best.figure)),
            waited: snapshot.waited,
        };
        Ok(())
    }

    fn check_shapes(&self, snapshot: &Snapshot<'_, F>) -> Result<()> {
        let slots = match &self.updater {
            Updater::ByGradient(optimizer) => optimizer.slots(),
            Updater::ByLineSearch(lbfgs) => lbfgs.slots(),
        };
        let lengths = |(name, slot): (&str, &[F])| format!("{name} {}", slot.len());
        let slots: Vec<String> = slots.into_iter().map(lengths).collect();
        let others: Vec<String> = snapshot.slots.iter().map(|(name, slot)| lengths((name, slot))).collect();
        let shape = |params: usize, buffers: usize, slots: &[String]| {
            format!(
                "{params} parameters, {buffers} running statistics, optimizer state [{}]",
                slots.join(", ")
            )
        };
        let expected = shape(self.network.params().len(), self.network.buffers().len(), &slots);
        let got = shape(snapshot.params.len(), snapshot.buffers.len(), &others);
        let best = snapshot.best.as_ref().map(|best| (best.params.len(), best.buffers.len()));
        let kept = (self.best_params.len(), self.best_buffers.len());
        if expected != got || best.is_some_and(|best| best != kept) {
            let what = "the snapshot".to_owned();
            return Err(ErrorKind::ShapeMismatch { what, expected, got }.into());
        }
        Ok(())
    }
}

/// L-BFGS's plain numbers, by name; an unknown cost is left out.
fn scalars_of(state: LbfgsState) -> Vec<(String, f64)> {
    let counts = [("steps", state.steps as f64), ("pairs", state.pairs as f64), ("next", state.next as f64)];
    let cost = state.cost.map(|cost| ("cost", cost));
    counts.into_iter().chain(cost).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn state_of(scalars: &[(String, f64)]) -> LbfgsState {
    let find = |wanted: &str| scalars.iter().find(|(name, _)| name == wanted).map(|&(_, value)| value);
    LbfgsState {
        steps: find("steps").unwrap_or(0.0) as u64,
        cost: find("cost"),
        pairs: find("pairs").unwrap_or(0.0) as usize,
        next: find("next").unwrap_or(0.0) as usize,
    }
}
