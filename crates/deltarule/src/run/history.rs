//! What a run's events say of the training of one of its parts: how far it came, what controls asked of it, what its
//! steps cost.

use std::collections::BTreeMap;

use crate::control::Control;
use crate::error::Result;
use crate::event::Event;
use crate::run_folder::{RunFolder, read_events};

/// One part's training, as it led to where the run stands.
///
/// What a crash has cut off is not in it: a run that went on from an earlier checkpoint did those steps anew, without the
/// controls that had been asked for meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    /// Epochs planned, as the part began.
    pub epochs: u64,
    /// Steps known to have been done, the one that failed among them; `None` where the part has not begun.
    pub last: Option<u64>,
    /// Factors of the learning rate, each with the steps done when it was asked for, in order.
    pub factors: Vec<(u64, f64)>,
    /// The mean cost of each step that was looked at, by its number from 1.
    pub steps: BTreeMap<u64, f64>,
    /// The mean cost of each epoch, by its number from 1.
    pub costs: BTreeMap<u64, f64>,
    /// Whether the events read are the part's.
    is_under_way: bool,
    /// Each checkpoint with its step, and how many of the factors it had been told of.
    checkpoints: Vec<(u64, usize)>,
    /// Steps done at each epoch's end.
    ends: BTreeMap<u64, u64>,
}

impl History {
    /// Reads the events about a part.
    ///
    /// # Errors
    /// As [`read_events`].
    pub fn read(folder: &RunFolder, part: &str) -> Result<Self> {
        let mut history = Self::default();
        let checkpoint = folder.checkpoint();
        let is_to_go_on_from = |path: &str| std::path::Path::new(path).file_name() == checkpoint.file_name();
        let _cut_off = read_events(&folder.events(), |timed| {
            history.observe(&timed.event, part, &is_to_go_on_from);
        })?;
        Ok(history)
    }

    fn observe(&mut self, event: &Event, wanted: &str, is_to_go_on_from: &dyn Fn(&str) -> bool) {
        if let Event::Started { part, step, epochs, .. } = event {
            self.is_under_way = part == wanted;
            if self.is_under_way {
                self.epochs = *epochs;
                self.go_on_from(*step);
            }
        }
        if !self.is_under_way {
            return;
        }
        match *event {
            Event::Progress { step, .. } | Event::Ended { step, .. } => self.reach(step),
            Event::Health { step, cost, .. } => {
                self.steps.insert(step, cost);
                self.reach(step);
            }
            Event::Epoch { epoch, step, cost, .. } => {
                self.costs.insert(epoch, cost);
                self.ends.insert(epoch, step);
                self.reach(step);
            }
            Event::Controlled { step, ref control } => {
                if let Control::ScaleLearningRate { factor } = *control {
                    self.factors.push((step, factor));
                }
                self.reach(step);
            }
            Event::Checkpointed { step, ref path } => {
                if is_to_go_on_from(path) {
                    self.checkpoints.push((step, self.factors.len()));
                }
                self.reach(step);
            }
            // What came after it had no numbers to learn from.
            Event::Failed { step, .. } => self.last = Some(step),
            _ => {}
        }
    }

    fn reach(&mut self, step: u64) {
        self.last = self.last.max(Some(step));
    }

    /// Forgets what a training that goes on from `step` has not been through.
    fn go_on_from(&mut self, step: u64) {
        let checkpoint = self.checkpoints.iter().rposition(|&(at, _)| at == step);
        let told = match checkpoint {
            Some(at) => self.checkpoints[at].1,
            None => self.factors.iter().take_while(|(at, _)| *at < step).count(),
        };
        self.factors.truncate(told);
        self.checkpoints.truncate(checkpoint.map_or(0, |at| at + 1));
        self.steps.retain(|&at, _| at <= step);
        self.ends.retain(|_, at| *at <= step);
        let ends = &self.ends;
        self.costs.retain(|epoch, _| ends.contains_key(epoch));
        self.last = Some(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(events: &[Event]) -> History {
        let mut history = History::default();
        for event in events {
            history.observe(event, "model", &|path| path == "checkpoint");
        }
        history
    }

    fn started(part: &str, step: u64) -> Event {
        let part = part.to_owned();
        Event::Started { part, parameters: 1, rows: 1, epochs: 9, steps_per_epoch: 5, step, layers: vec![] }
    }

    fn scaled(step: u64, factor: f64) -> Event {
        Event::Controlled { step, control: Control::ScaleLearningRate { factor } }
    }

    fn written(step: u64, path: &str) -> Event {
        Event::Checkpointed { step, path: path.into() }
    }

    fn looked(step: u64, cost: f64) -> Event {
        Event::Health { epoch: 1, step, cost, rows: 1, layers: vec![] }
    }

    #[test]
    fn what_a_crash_cut_off_is_forgotten() {
        let mut events = vec![
            started("model", 0),
            scaled(2, 0.5),
            written(4, "checkpoint"),
            scaled(4, 0.1),
            looked(8, 0.25),
            written(9, "fork-9"),
        ];
        let before = history(&events);
        assert_eq!((before.last, &before.factors[..]), (Some(9), &[(2, 0.5), (4, 0.1)][..]));
        // The second factor was asked for after the checkpoint was written.
        events.push(started("model", 4));
        let after = history(&events);
        assert_eq!((after.last, &after.factors[..]), (Some(4), &[(2, 0.5)][..]));
        assert!(after.steps.is_empty());
        // Without a checkpoint it begins anew.
        events.push(started("model", 0));
        assert_eq!((history(&events).last, history(&events).factors), (Some(0), vec![]));
    }

    #[test]
    fn other_parts_are_not_this_ones() {
        let events = [started("fold 1", 0), looked(7, 1.0), started("model", 0), looked(2, 3.0)];
        let found = history(&events);
        assert_eq!((found.last, found.steps), (Some(2), BTreeMap::from([(2, 3.0)])));
        assert_eq!(history(&events[..2]).last, None);
    }

    #[test]
    fn the_step_that_failed_is_the_last() {
        let failed =
            Event::Failed { step: 3, epoch: 1, phase: "cost".into(), layer: None, what: "NaN".into() };
        assert_eq!(history(&[started("model", 0), looked(4, 1.0), failed]).last, Some(3));
    }
}
