//! Who listens to a training from Python, and who may end it: a callable after each epoch, and Ctrl-C at any time.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use deltarule::control::Control;
use deltarule::event::{Event, Figures};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat};

/// How long Ctrl-C may go unheard.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What was heard, and what is wanted.
pub struct Watch {
    on_epoch: Option<Py<PyAny>>,
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

impl Watch {
    pub fn new(on_epoch: Option<Py<PyAny>>) -> Self {
        Self {
            on_epoch,
            wants_to_stop: Cell::new(false),
            factor: Cell::new(None),
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

    /// Called with each event. What the callable answers: true ends the training, a float is a factor of the learning rate.
    pub fn hear(&self, event: &Event) {
        let (Some(callable), Event::Epoch { epoch, cost, validation, seconds, .. }) = (&self.on_epoch, event)
        else {
            return;
        };
        let answer = Python::attach(|py| -> PyResult<bool> {
            let told = told(py, *epoch, *cost, validation, *seconds)?;
            let answer = callable.bind(py).call1((told,))?;
            if answer.is_instance_of::<PyFloat>() {
                self.factor.set(Some(answer.extract()?));
                return Ok(false);
            }
            answer.is_truthy()
        });
        self.take(answer);
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

fn told<'py>(
    py: Python<'py>,
    epoch: u64,
    cost: f64,
    validation: &Figures,
    seconds: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("epoch", epoch)?;
    told.set_item("cost", cost)?;
    let figures = (!validation.is_empty()).then(|| validation.clone());
    told.set_item("validation", figures)?;
    told.set_item("seconds", seconds)?;
    Ok(told)
}
