//! Who listens to a training from Python, and who may end it: a callable after each epoch, and Ctrl-C at any time.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use deltarule::control::Control;
use deltarule::event::Event;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat};

use crate::mlp::Mlp;

/// How long Ctrl-C may go unheard.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What was heard, and what is wanted.
pub struct Watch {
    on_epoch: Option<Py<PyAny>>,
    /// The epoch that is over, until the callable hears of it.
    over: RefCell<Option<Event>>,
    plateau: RefCell<Option<Plateau>>,
    wants_to_stop: Cell<bool>,
    /// A factor of the learning rate that was answered with, and not told yet.
    factor: Cell<Option<f64>>,
    /// What was raised, by the callable or by a signal.
    raised: RefCell<Option<PyErr>>,
    /// Polls between two looks at the clock: reading it takes as long as a step of a tiny network.
    stride: Cell<u64>,
    polls: Cell<u64>,
    asked: Cell<Instant>,
}

/// scikit-learn's rule of when it is enough: more than so many epochs in which the cost did not fall by `tol`. It stands in
/// `BaseMLP._improves`, too, which is asked where somebody is called at each epoch; a test holds the two together.
pub struct Plateau {
    tol: f64,
    /// May be infinite.
    patience: f64,
    pub best: f64,
    pub since: u64,
    pub costs: Vec<f64>,
    pub is_enough: bool,
}

impl Plateau {
    pub fn new(tol: f64, patience: f64, best: f64, since: u64) -> Self {
        Self { tol, patience, best, since, costs: Vec::new(), is_enough: false }
    }

    fn take(&mut self, cost: f64) {
        self.since = if cost <= self.best - self.tol { 0 } else { self.since + 1 };
        self.best = self.best.min(cost);
        self.costs.push(cost);
        self.is_enough = self.since as f64 > self.patience;
    }
}

impl Watch {
    /// `factor` is that of the learning rate in the first epoch.
    pub fn new(on_epoch: Option<Py<PyAny>>, factor: Option<f64>, plateau: Option<Plateau>) -> Self {
        Self {
            on_epoch,
            over: RefCell::new(None),
            plateau: RefCell::new(plateau),
            wants_to_stop: Cell::new(false),
            factor: Cell::new(factor),
            raised: RefCell::new(None),
            stride: Cell::new(1),
            polls: Cell::new(0),
            asked: Cell::new(Instant::now()),
        }
    }

    /// What was raised meanwhile.
    pub fn into_raised(self) -> Option<PyErr> {
        self.raised.into_inner()
    }

    /// What came of the rule that it was made with.
    pub fn plateau(&self) -> Option<Plateau> {
        self.plateau.take()
    }

    /// Called with each event.
    pub fn note(&self, event: &Event) {
        if let (Some(plateau), Event::Epoch { cost, .. }) = (&mut *self.plateau.borrow_mut(), event) {
            plateau.take(*cost);
            self.wants_to_stop.set(self.wants_to_stop.get() || plateau.is_enough);
        }
        if self.on_epoch.is_some() && matches!(event, Event::Epoch { .. }) {
            self.over.replace(Some(event.clone()));
        }
    }

    /// Called when an epoch is over and its event was noted: the callable hears of it, with the network as it stands where
    /// `network` gives a copy. What it answers: true ends the training, a float is a factor of the learning rate.
    pub fn tell(&self, network: impl FnOnce() -> Option<Mlp>) {
        let (Some(callable), Some(event)) = (&self.on_epoch, self.over.take()) else { return };
        let network = network();
        self.take(Python::attach(|py| -> PyResult<bool> {
            let told = told(py, &event)?;
            told.set_item(intern!(py, "network"), network)?;
            let answer = callable.bind(py).call1((told,))?;
            if answer.is_instance_of::<PyFloat>() {
                self.factor.set(Some(answer.extract()?));
                return Ok(false);
            }
            answer.is_truthy()
        }));
    }

    /// Asked before each step.
    pub fn want(&self) -> Option<Control> {
        self.polls.set(self.polls.get() + 1);
        if !self.wants_to_stop.get() && self.polls.get() >= self.stride.get() {
            self.polls.set(0);
            self.look_at_the_clock();
        }
        if self.wants_to_stop.get() {
            return Some(Control::Stop);
        }
        self.factor.take().map(|factor| Control::ScaleLearningRate { factor })
    }

    fn look_at_the_clock(&self) {
        let passed = self.asked.get().elapsed();
        let stride = self.stride.get();
        if passed >= ASK_EVERY {
            self.take(Python::attach(|py| -> PyResult<bool> {
                py.check_signals()?;
                Ok(false)
            }));
            self.asked.set(Instant::now());
            self.stride.set((stride / 2).max(1));
        } else if passed < ASK_EVERY / 8 {
            self.stride.set((stride * 2).min(1 << 12));
        }
    }

    fn take(&self, answer: PyResult<bool>) {
        match answer {
            Ok(stop) => self.wants_to_stop.set(self.wants_to_stop.get() || stop),
            Err(error) => {
                self.wants_to_stop.set(true);
                self.raised.borrow_mut().get_or_insert(error);
            }
        }
    }
}

/// An epoch as a dictionary.
fn told<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    if let Event::Epoch { epoch, step, cost, validation, best, learning_rate, samples_per_second, seconds } =
        event
    {
        told.set_item(intern!(py, "epoch"), epoch)?;
        told.set_item(intern!(py, "step"), step)?;
        told.set_item(intern!(py, "cost"), cost)?;
        told.set_item(intern!(py, "validation"), (!validation.is_empty()).then_some(validation))?;
        told.set_item(intern!(py, "best"), best)?;
        told.set_item(intern!(py, "learning_rate"), learning_rate)?;
        told.set_item(intern!(py, "samples_per_second"), samples_per_second)?;
        told.set_item(intern!(py, "seconds"), seconds)?;
    }
    Ok(told)
}
