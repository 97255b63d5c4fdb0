//! The thread that trains: does what it is asked between slices of training, and tells what came of it.
//!
//! Training never waits for the page: a frame is made when the last one is on the screen, and making them takes a bounded
//! share of the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deltarule::{Pool, Real};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::export::File;
use super::frame::View;
use super::maps::{FINEST, Plane};
use super::messages::{Ask, Tell};
use super::subject::{Made, Start, Subject};
use super::training::Training;

/// Training between two looks at what was asked.
const SLICE: Duration = Duration::from_millis(5);
/// Between two frames, at least: 60 a second.
const FRAME: Duration = Duration::from_micros(16_600);
/// Between two frames, at least, in times of what the last one took: so frames take a quarter of the time at most.
const SHARE: u32 = 3;
/// Steps between two looks at the clock, at most.
const STRIDE: u64 = 64;

/// What reaches the thread.
pub enum Command {
    Ask(Ask),
    Export(File, oneshot::Sender<Result<Vec<u8>, String>>),
}

/// The page is gone, or does not listen any more.
struct Gone;

/// A session's thread.
pub struct Engine {
    pub session: String,
    pub commands: mpsc::Receiver<Command>,
    pub tells: mpsc::Sender<String>,
    pub state: Arc<crate::State>,
}

/// What comes after a network was given up.
enum After {
    Other(Box<Subject>),
    Again,
    Gone,
}

impl Engine {
    /// Works until the page is gone.
    pub fn work(mut self) {
        let Ok(mut subject) = self.first_subject() else { return };
        loop {
            let pool = Pool::new(subject.threads());
            let after = match &subject.made {
                Made::F32(start) => self.train(&pool, &subject, start),
                Made::F64(start) => self.train(&pool, &subject, start),
            };
            match after {
                After::Other(other) => subject = *other,
                After::Again => {}
                After::Gone => return,
            }
        }
    }

    fn tell(&self, told: &Tell) -> Result<(), Gone> {
        let text = serde_json::to_string(told).map_err(|_| Gone)?;
        self.tells.blocking_send(text).map_err(|_| Gone)
    }

    fn refuse(&self, ask: &str, why: String) -> Result<(), Gone> {
        self.tell(&Tell::Refused { ask: ask.to_owned(), why })
    }

    /// Waits for something to train.
    fn first_subject(&mut self) -> Result<Subject, Gone> {
        loop {
            match self.commands.blocking_recv().ok_or(Gone)? {
                Command::Export(_, answer) => drop(answer.send(Err("there is nothing to train yet".into()))),
                Command::Ask(ask @ (Ask::Set { .. } | Ask::Import { .. })) => {
                    if let Some(subject) = self.subject(&ask)? {
                        return Ok(subject);
                    }
                }
                Command::Ask(Ask::Drawn {}) => {}
                Command::Ask(ask) => self.refuse(ask.name(), "set what is to be trained first".into())?,
            }
        }
    }

    /// What is to be trained, made in whole; `None` where that is refused.
    fn subject(&self, ask: &Ask) -> Result<Option<Subject>, Gone> {
        let made = match ask {
            Ask::Set { data, settings } => Subject::asked(data, settings, &self.state.play.tables),
            Ask::Import { run } => Subject::of_run(run, &self.state.runs),
            _ => return Ok(None),
        };
        match made {
            Ok(subject) => Ok(Some(subject)),
            Err(why) => self.refuse(ask.name(), why).map(|()| None),
        }
    }

    fn train<F: Real>(&mut self, pool: &Pool, subject: &Subject, start: &Start<F>) -> After {
        let made = Training::new(pool, subject, start).and_then(|training| {
            let view = View::new(&training)?;
            Ok((training, view))
        });
        match made {
            Ok((training, view)) => {
                Work { engine: self, training, view, pace: Pace::new(), is_running: false, goal: u64::MAX }
                    .go_on()
            }
            Err(error) => match self.refuse("set", error.to_string()).and_then(|()| self.first_subject()) {
                Ok(other) => After::Other(Box::new(other)),
                Err(Gone) => After::Gone,
            },
        }
    }
}

/// When frames are due, and how fast steps are done.
struct Pace {
    is_drawn: bool,
    next_frame: Instant,
    /// Steps at the last frame, and when that was.
    counted: Option<(u64, Instant)>,
    stride: u64,
}

impl Pace {
    fn new() -> Self {
        Self { is_drawn: true, next_frame: Instant::now(), counted: None, stride: 1 }
    }

    /// Steps a second since the last frame.
    fn speed(&mut self, steps: u64, now: Instant) -> Option<f64> {
        let before = self.counted.replace((steps, now));
        let (then_steps, then) = before?;
        let seconds = (now - then).as_secs_f64();
        (seconds > 0.0).then(|| steps.saturating_sub(then_steps) as f64 / seconds)
    }
}

/// A network in training, and the page that looks on.
struct Work<'e, 's, F: Real> {
    engine: &'e mut Engine,
    training: Training<'s, F>,
    view: View<F>,
    pace: Pace,
    is_running: bool,
    /// Steps after which it pauses.
    goal: u64,
}

impl<F: Real> Work<'_, '_, F> {
    fn go_on(mut self) -> After {
        self.go_on_until_gone().unwrap_or(After::Gone)
    }

    fn go_on_until_gone(&mut self) -> Result<After, Gone> {
        let ready = self.training.ready(&self.engine.session);
        self.engine.tell(&Tell::Ready(Box::new(ready)))?;
        self.tell_frame()?;
        loop {
            let command = if self.is_running {
                match self.engine.commands.try_recv() {
                    Ok(command) => Some(command),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return Err(Gone),
                }
            } else {
                Some(self.engine.commands.blocking_recv().ok_or(Gone)?)
            };
            match command {
                Some(Command::Export(file, answer)) => drop(answer.send(self.training.export(file))),
                Some(Command::Ask(ask @ (Ask::Set { .. } | Ask::Import { .. }))) => {
                    if let Some(subject) = self.engine.subject(&ask)? {
                        return Ok(After::Other(Box::new(subject)));
                    }
                }
                Some(Command::Ask(Ask::Restart {})) => return Ok(After::Again),
                Some(Command::Ask(ask)) => self.obey(&ask)?,
                None => self.run_a_slice()?,
            }
        }
    }

    fn tell_frame(&mut self) -> Result<(), Gone> {
        let began = Instant::now();
        let speed = if self.is_running {
            self.pace.speed(self.training.trainer.steps(), began)
        } else {
            self.pace.counted = None;
            None
        };
        let frame = self.training.frame(&mut self.view, self.is_running, speed);
        self.engine.tell(&Tell::Frame(Box::new(frame)))?;
        let done = Instant::now();
        self.pace.is_drawn = false;
        self.pace.next_frame = (began + FRAME).max(done + SHARE * (done - began));
        Ok(())
    }

    fn run_a_slice(&mut self) -> Result<(), Gone> {
        let from = self.training.trainer.steps();
        let (began, stride) = (Instant::now(), self.pace.stride);
        let mut look = from + stride;
        let goal = self.goal;
        let goes_on = self.training.advance(|step| {
            if step >= goal {
                return true;
            }
            if step < look {
                return false;
            }
            look = step + stride;
            began.elapsed() >= SLICE
        });
        let steps = self.training.trainer.steps().saturating_sub(from);
        self.pace.stride = (steps / 32).clamp(1, STRIDE);
        self.is_running = goes_on && self.training.trainer.steps() < goal;
        let is_due = self.pace.is_drawn && Instant::now() >= self.pace.next_frame;
        if is_due || !self.is_running { self.tell_frame() } else { Ok(()) }
    }

    fn obey(&mut self, ask: &Ask) -> Result<(), Gone> {
        let done = match ask {
            Ask::Drawn {} => {
                self.pace.is_drawn = true;
                return Ok(());
            }
            Ask::Check { parameter } => match self.training.check(*parameter) {
                Ok(checked) => return self.engine.tell(&Tell::Checked(checked)),
                Err(why) => Err(why),
            },
            Ask::Ledger { parameter } => match self.training.ledger(*parameter) {
                Ok(ledger) => {
                    return self.engine.tell(&Tell::Ledger { parameter: *parameter, ledger });
                }
                Err(why) => Err(why),
            },
            Ask::Phase {} => self.phase()?,
            _ => self.change(ask),
        };
        match done {
            Ok(()) => self.tell_frame(),
            Err(why) => self.engine.refuse(ask.name(), why),
        }
    }

    /// One phase, told before the frame that follows it.
    fn phase(&mut self) -> Result<Result<(), String>, Gone> {
        self.is_running = false;
        let row = u32::try_from(self.view.row).unwrap_or(0);
        match self.training.phase(row, &mut self.view.logits) {
            Ok(told) => self.engine.tell(&Tell::Phase(Box::new(told))).map(Ok),
            // What stopped it is told by a frame, too.
            Err(why) if self.training.diverged().is_some() => {
                self.tell_frame()?;
                Ok(Err(why))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    /// What changes something, in words where it cannot be done.
    fn change(&mut self, ask: &Ask) -> Result<(), String> {
        match ask {
            Ask::Run {} | Ask::Epoch {} | Ask::Batch {} => {
                if let Some(problem) = self.training.diverged() {
                    return Err(format!("{problem}; restart"));
                }
                let steps = self.training.trainer.steps();
                self.is_running = !matches!(ask, Ask::Batch {});
                self.goal = match ask {
                    Ask::Epoch {} => steps.saturating_add(self.training.steps_to_epoch_end()),
                    _ => u64::MAX,
                };
                if !self.is_running {
                    self.training.advance(|step| step > steps);
                }
                Ok(())
            }
            Ask::Pause {} => {
                self.is_running = false;
                Ok(())
            }
            Ask::Rate { learning_rate } => self.training.set_rate(*learning_rate),
            Ask::Row { row } => {
                let rows = self.training.rows().rows;
                if *row >= rows {
                    return Err(format!("row: got {row}; expected 0 to {}", rows - 1));
                }
                self.view.row = *row;
                Ok(())
            }
            Ask::Weight { parameter, value } => self.training.set_parameter(*parameter, *value),
            Ask::Draw { grid, units } => self.draw(*grid, *units),
            _ => Err("this is not a thing to ask now".into()),
        }
    }

    fn draw(&mut self, grid: usize, units: bool) -> Result<(), String> {
        if grid > FINEST || grid == 1 {
            return Err(format!("grid: got {grid}; expected 0 for no maps, or 2 to {FINEST}"));
        }
        let extents = self.training.extents().filter(|_| grid > 0);
        self.view.plane = extents.map(|extents| Plane::new(self.training.network(), &extents, grid, units));
        Ok(())
    }
}
