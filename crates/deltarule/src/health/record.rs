//! What the findings go by: a run's events, kept in bounded room.

use super::judgement::{Judgement, Part};
use super::survey::Survey;
use super::telemetry::{LayerHealth, LayerOutline};
use crate::error::Result;
use crate::event::{EndReason, Event, Observer};
use crate::run_folder::{RunFolder, read_events};

/// Looks that are kept; of more, every second one of the older half is let go.
const LOOKS: usize = 128;
/// Epochs that are kept, likewise.
const EPOCHS: usize = 512;

/// The account of one network's training, as far as findings need it: an [`Observer`] that keeps what it is told. Told
/// the events of an `events.jsonl`, it is what it was when they were written.
///
/// Its room is taken when a training begins, and does not grow with epochs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Which training of the run: `model`, `fold 2`. A record is of the last one that began.
    pub part: String,
    /// Its layers.
    pub layers: Vec<LayerOutline>,
    /// Epochs planned.
    pub planned_epochs: u64,
    /// Steps in an epoch.
    pub steps_per_epoch: u64,
    /// What the training rows said before the first step.
    pub survey: Option<Survey>,
    /// The looks at the layers, oldest first.
    pub looks: Vec<Look>,
    looked: Vec<LayerHealth>,
    /// The epochs, oldest first.
    pub epochs: Vec<EpochPoint>,
    /// Where numbers stopped being finite.
    pub failure: Option<Failure>,
    /// How it ended.
    pub end: Option<End>,
    /// What the trained network says of rows.
    pub judgement: Option<Judgement>,
}

/// One look at the layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The step, from 1.
    pub step: u64,
    /// The batch's mean cost before its update.
    pub cost: f64,
    /// Where its layers lie among those kept.
    at: usize,
}

/// One epoch's end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochPoint {
    /// Its number, from 1.
    pub epoch: u64,
    /// Steps done.
    pub step: u64,
    /// Mean cost of the rows as they were trained on.
    pub cost: f64,
    /// Mean cost on the validation rows, where there are any.
    pub validation_cost: Option<f64>,
}

/// Where numbers stopped being finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The step.
    pub step: u64,
    /// `forward`, `cost`, `backward`, `update`.
    pub phase: String,
    /// The layer, where it was one.
    pub layer: Option<usize>,
    /// What was not finite.
    pub what: String,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    /// Why.
    pub reason: EndReason,
    /// Epochs done.
    pub epochs: u64,
    /// Steps done.
    pub steps: u64,
    /// The epoch whose weights are kept.
    pub best_epoch: u64,
}

impl Observer for Record {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Started { part, epochs, steps_per_epoch, step, layers, .. } => {
                self.begin(part, *step, layers);
                (self.planned_epochs, self.steps_per_epoch) = (*epochs, *steps_per_epoch);
            }
            Event::Surveyed { survey } => self.survey = Some(survey.clone()),
            Event::Health { step, cost, layers, .. } => self.keep_look(*step, *cost, layers),
            Event::Epoch { epoch, step, cost, validation, .. } => {
                if self.epochs.len() >= EPOCHS {
                    thin(&mut self.epochs);
                }
                let validation_cost = validation.get("cost").copied();
                self.epochs.push(EpochPoint { epoch: *epoch, step: *step, cost: *cost, validation_cost });
            }
            Event::Failed { step, phase, layer, what, .. } => {
                self.failure =
                    Some(Failure { step: *step, phase: phase.clone(), layer: *layer, what: what.clone() });
            }
            Event::Ended { reason, epochs, step, best_epoch, .. } => {
                self.end =
                    Some(End { reason: *reason, epochs: *epochs, steps: *step, best_epoch: *best_epoch });
            }
            Event::Judged { judgement } => self.judgement = Some(judgement.clone()),
            Event::Progress { .. } | Event::Controlled { .. } | Event::Checkpointed { .. } => {}
        }
    }
}

/// Lets go every second one of the older half.
fn thin<T: Copy>(points: &mut Vec<T>) {
    let half = points.len() / 2;
    let mut at = 0;
    points.retain(|_| {
        at += 1;
        at > half || at % 2 == 1
    });
}

impl Record {
    /// Tells it what a run's folder has of its events; returns whether the last one was cut off, which is left out.
    ///
    /// # Errors
    /// As [`read_events`].
    pub fn read(&mut self, folder: &RunFolder) -> Result<bool> {
        read_events(&folder.events(), |timed| self.observe(&timed.event))
    }

    fn begin(&mut self, part: &str, step: u64, layers: &[LayerOutline]) {
        // A training that goes on has its looks already, if its record was told of them.
        let goes_on = step > 0 && self.part == part && self.layers == layers;
        self.failure = None;
        self.end = None;
        self.judgement = None;
        if goes_on {
            self.looks.retain(|look| look.step <= step);
            self.epochs.retain(|epoch| epoch.step <= step);
            return;
        }
        part.clone_into(&mut self.part);
        layers.clone_into(&mut self.layers);
        self.looks = Vec::with_capacity(LOOKS);
        self.looked = Vec::with_capacity(LOOKS * layers.len());
        self.epochs = Vec::with_capacity(EPOCHS);
    }

    fn keep_look(&mut self, step: u64, cost: f64, layers: &[LayerHealth]) {
        if layers.len() != self.layers.len() {
            return; // of an account that has no beginning
        }
        if self.looks.len() >= LOOKS {
            thin(&mut self.looks);
            let mut kept = 0;
            for look in &mut self.looks {
                for layer in 0..layers.len() {
                    self.looked[kept + layer] = self.looked[look.at + layer].clone();
                }
                look.at = kept;
                kept += layers.len();
            }
            self.looked.truncate(kept);
        }
        self.looks.push(Look { step, cost, at: self.looked.len() });
        self.looked.extend_from_slice(layers);
    }

    /// The layers of a look.
    #[must_use]
    pub fn layers_of(&self, look: &Look) -> &[LayerHealth] {
        &self.looked[look.at..look.at + self.layers.len()]
    }

    /// The looks and their layers, oldest first.
    pub fn each_look(&self) -> impl DoubleEndedIterator<Item = (&Look, &[LayerHealth])> + ExactSizeIterator {
        self.looks.iter().map(|look| (look, self.layers_of(look)))
    }

    /// Share of a constant prediction's cost that is gone on a part's rows: 0 for no better, 1 for perfect.
    #[must_use]
    pub fn removed(&self, part: &Part) -> f64 {
        let floor = self.survey.as_ref().map_or(0.0, |survey| survey.floor);
        let room = part.baseline - floor;
        if room > 0.0 { (part.baseline - part.cost) / room } else { 0.0 }
    }

    /// The rows that nobody trained on, else the training rows.
    #[must_use]
    pub fn judged(&self) -> Option<&Part> {
        let judgement = self.judgement.as_ref()?;
        Some(judgement.validation.as_ref().unwrap_or(&judgement.train))
    }

    /// Whether the trained network is worth something: see [`LEARNS`](super::thresholds::LEARNS).
    #[must_use]
    pub fn learns(&self) -> bool {
        self.judged().is_some_and(|part| self.removed(part) >= super::thresholds::LEARNS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(step: u64) -> Event {
        let layers = vec![LayerOutline { kind: "dense".into(), units: 1, ..LayerOutline::default() }];
        Event::Started {
            part: "model".into(),
            parameters: 1,
            rows: 1,
            epochs: 9,
            steps_per_epoch: 1,
            step,
            layers,
        }
    }

    fn look(step: u64) -> Event {
        let layers = vec![LayerHealth { delta: step as f64, ..LayerHealth::default() }];
        Event::Health { epoch: 1, step, cost: 1.0, rows: 1, layers }
    }

    #[test]
    fn of_many_looks_the_older_ones_thin_out() {
        let mut record = Record::default();
        record.observe(&started(0));
        (1..=1000).for_each(|step| record.observe(&look(step)));
        assert!(record.looks.len() <= LOOKS && record.looks.len() >= LOOKS / 2);
        assert_eq!(record.looks[0].step, 1);
        assert_eq!(record.looks.last().unwrap().step, 1000);
        for (look, layers) in record.each_look() {
            assert_eq!(layers[0].delta, look.step as f64);
        }
        assert!(record.looked.capacity() <= LOOKS, "no room beyond what was taken at the start");
    }

    #[test]
    fn a_training_that_goes_on_keeps_what_came_before() {
        let mut record = Record::default();
        record.observe(&started(0));
        (1..=8).for_each(|step| record.observe(&look(step)));
        record.observe(&started(5));
        record.observe(&look(6));
        let steps: Vec<u64> = record.looks.iter().map(|look| look.step).collect();
        assert_eq!(steps, [1, 2, 3, 4, 5, 6]);
        record.observe(&started(0));
        assert!(record.looks.is_empty());
    }
}
