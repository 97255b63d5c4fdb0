//! How training goes on, told to people: a bar on a terminal, a line for each tenth of the epochs elsewhere.

use std::time::Duration;

use deltarule::event::{EndReason, Event, Figures, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::Console;
use crate::words;

/// An observer that speaks.
pub struct Progress {
    console: Console,
    bar: Option<ProgressBar>,
    part: Part,
}

/// The network that is being trained.
#[derive(Clone, Debug, Default)]
struct Part {
    name: String,
    epochs: u64,
    steps_per_epoch: u64,
    /// What the last epoch's validation said.
    validation: Option<String>,
    /// Seconds into the part when a log was last told of it.
    told: f64,
}

/// A log is told of one part among several at most so often, in seconds: its end is what matters.
const SELDOM: f64 = 10.0;

impl Progress {
    /// Nothing is shown before the first event.
    #[must_use]
    pub fn new(console: &Console) -> Self {
        let bar = console.draws().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            let style = ProgressStyle::with_template("{bar:30} {prefix}\n{wide_msg}")
                .expect("the template is well formed");
            bar.set_style(style.progress_chars("━━╌"));
            bar
        });
        Self { console: *console, bar, part: Part::default() }
    }

    fn say(&self, words: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.console.say(words)),
            None => self.console.say(words),
        }
    }
}

impl Observer for Progress {
    fn observe(&mut self, event: &Event) {
        if let Event::Started { part, epochs, steps_per_epoch, .. } = event {
            let (name, epochs, steps_per_epoch) = (part.clone(), *epochs, *steps_per_epoch);
            self.part = Part { name, epochs, steps_per_epoch, ..Part::default() };
            if let Some(bar) = &self.bar {
                bar.reset();
                bar.set_length(epochs.saturating_mul(steps_per_epoch));
            }
        }
        if let Event::Epoch { validation, .. } = event {
            self.part.validation = headline(validation)
                .map(|(name, value)| format!("validation {} {}", words::name(name), words::figure(value)));
        }
        match &self.bar {
            Some(bar) => draw(bar, &self.part, event),
            None => {
                if let Some(line) = self.part.line(event) {
                    self.say(&line);
                }
            }
        }
        if let Event::Ended { .. } = event {
            if let Some(bar) = &self.bar {
                bar.finish_and_clear();
            }
            self.say(&self.part.end(event));
        }
    }
}

/// Two lines: how far it is, and how well it goes; each fits 80 columns.
fn draw(bar: &ProgressBar, part: &Part, event: &Event) {
    let Some(state) = State::of(event) else { return };
    bar.set_position(state.step);
    let all = part.epochs.saturating_mul(part.steps_per_epoch);
    let left = if state.step < all {
        format!(" · {} left", time_left(bar.elapsed(), state.step, all))
    } else {
        String::new()
    };
    bar.set_prefix(format!("{}{left}", part.place(state.epoch)));
    bar.set_message(part.course(&state));
}

/// What an event says of how training goes.
struct State {
    epoch: u64,
    step: u64,
    cost: f64,
    learning_rate: f64,
    speed: f64,
}

impl State {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Progress { epoch, step, cost, learning_rate, samples_per_second }
            | Event::Epoch { epoch, step, cost, learning_rate, samples_per_second, .. } => Some(Self {
                epoch: *epoch,
                step: *step,
                cost: *cost,
                learning_rate: *learning_rate,
                speed: *samples_per_second,
            }),
            _ => None,
        }
    }
}

/// As long as the steps so far took, for those to come; early stopping may make it shorter.
fn time_left(elapsed: Duration, done: u64, all: u64) -> String {
    let left = all.saturating_sub(done) as f64 / done.max(1) as f64;
    words::duration(elapsed.as_secs_f64() * left)
}

impl Part {
    fn place(&self, epoch: u64) -> String {
        format!("{}epoch {epoch}/{}", self.prefix(), self.epochs)
    }

    fn course(&self, state: &State) -> String {
        let mut words = vec![format!("cost {}", words::figure(state.cost))];
        words.extend(self.validation.clone());
        words.push(format!("rate {}", words::short(state.learning_rate)));
        words.push(format!("{} rows/s", words::rate(state.speed)));
        words.join(" · ")
    }

    /// A run of one network needs no name for it.
    fn prefix(&self) -> String {
        if self.name.is_empty() || self.name == "model" { String::new() } else { format!("{}: ", self.name) }
    }

    /// Whether it is one of several: a fold, an ensemble's member.
    fn is_one_of_several(&self) -> bool {
        !self.prefix().is_empty()
    }

    /// What a log is told of an event: the first epoch, then one for each tenth of the epochs; of one part among
    /// several not even that often.
    fn line(&mut self, event: &Event) -> Option<String> {
        let Event::Epoch { epoch, seconds, .. } = event else { return None };
        let every = (self.epochs / 10).max(1);
        let due = if self.is_one_of_several() {
            seconds - self.told >= SELDOM
        } else {
            *epoch == 1 || epoch % every == 0
        };
        if !due {
            return None;
        }
        self.told = *seconds;
        let course = self.course(&State::of(event)?);
        Some(format!("{} · {course} · {}", self.place(*epoch), words::duration(*seconds)))
    }

    fn end(&self, event: &Event) -> String {
        let Event::Ended { reason, epochs, step, best_epoch, seconds, .. } = event else {
            return String::new();
        };
        let why = match reason {
            EndReason::Finished => "done".to_owned(),
            EndReason::EarlyStopping => "stopped early: no better figure".to_owned(),
            EndReason::Converged => "converged: no further descent".to_owned(),
            EndReason::Stopped => "stopped as you asked".to_owned(),
        };
        let counted = words::counted(*epochs as usize, "epoch", "epochs");
        let steps = words::counted(*step as usize, "step", "steps");
        let kept = match reason {
            EndReason::Stopped => String::new(),
            _ if *best_epoch > 0 && best_epoch != epochs => {
                format!("; the weights of epoch {best_epoch} are kept")
            }
            _ => String::new(),
        };
        let figure = match &self.validation {
            Some(validation) if self.is_one_of_several() => format!(" · last {validation}"),
            _ => String::new(),
        };
        let (prefix, time) = (self.prefix(), words::duration(*seconds));
        format!("{prefix}{why} after {counted} ({steps}) in {time}{kept}{figure}")
    }
}

/// The figure that says most to people.
fn headline(figures: &Figures) -> Option<(&str, f64)> {
    ["accuracy", "r2", "f1", "cost"]
        .into_iter()
        .find_map(|name| figures.get(name).map(|&value| (name, value)))
        .or_else(|| figures.iter().next().map(|(name, &value)| (name.as_str(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: u64) -> Event {
        Event::Epoch {
            epoch,
            step: epoch * 10,
            cost: 0.25,
            validation: Figures::new(),
            best: true,
            learning_rate: 0.001,
            samples_per_second: 12_345.0,
            seconds: 0.5,
        }
    }

    #[test]
    fn a_log_gets_the_first_epoch_and_every_tenth_part() {
        let mut part = Part { name: "model".into(), epochs: 50, steps_per_epoch: 10, ..Part::default() };
        let told: Vec<u64> = (1..=50).filter(|&number| part.line(&epoch(number)).is_some()).collect();
        assert_eq!(told, [1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50]);
        assert_eq!(
            part.line(&epoch(10)).unwrap(),
            "epoch 10/50 · cost 0.2500 · rate 0.001 · 12,300 rows/s · 0.5 s"
        );
        let mut few = Part { epochs: 3, ..part };
        assert!((1..=3).all(|number| few.line(&epoch(number)).is_some()));
        few.name = "fold 2".into();
        assert!((1..=3).all(|number| few.line(&epoch(number)).is_none()));
    }

    #[test]
    fn a_bar_says_how_far_and_how_well_within_eighty_columns() {
        let bar = ProgressBar::hidden();
        let part = Part {
            name: "fold 2".into(),
            epochs: 100,
            steps_per_epoch: 10,
            validation: Some("validation accuracy 0.9000".into()),
            ..Part::default()
        };
        draw(&bar, &part, &epoch(50));
        assert!(bar.prefix().starts_with("fold 2: epoch 50/100 · ") && bar.prefix().ends_with(" left"));
        draw(&bar, &part, &epoch(100));
        assert_eq!(bar.position(), 1000);
        assert_eq!(bar.prefix(), "fold 2: epoch 100/100");
        let message = bar.message();
        assert_eq!(message, "cost 0.2500 · validation accuracy 0.9000 · rate 0.001 · 12,300 rows/s");
        assert!(message.chars().count() <= 80);
    }

    #[test]
    fn the_end_says_why_and_what_is_kept() {
        let end = Event::Ended {
            part: "model".into(),
            reason: EndReason::EarlyStopping,
            epochs: 30,
            step: 300,
            best_epoch: 20,
            seconds: 1.5,
        };
        let words = Part::default().end(&end);
        assert_eq!(
            words,
            "stopped early: no better figure after 30 epochs (300 steps) in 1.5 s; the weights of epoch 20 are kept"
        );
    }

    #[test]
    fn the_figure_shown_is_the_one_that_people_ask_for() {
        let figures = Figures::from([("log_loss".into(), 0.1), ("accuracy".into(), 0.9)]);
        assert_eq!(headline(&figures), Some(("accuracy", 0.9)));
        assert_eq!(headline(&Figures::new()), None);
    }

    #[test]
    fn time_left_is_that_of_the_steps_to_come() {
        assert_eq!(time_left(Duration::from_secs(10), 25, 100), "30 s");
    }
}
