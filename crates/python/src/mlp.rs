//! A network in training on arrays.

use std::collections::BTreeMap;
use std::path::PathBuf;

use deltarule::Task;
use deltarule::config::Config;
use deltarule::event::EndReason;
use deltarule::explain::{Parameter, Question, Reach};
use deltarule::health::Record;
use deltarule::model::{Members, Model};
use deltarule::trainer::Outcome;
use numpy::PyReadonlyArrayDyn;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::arrays::{self, Inputs, Widths, samples, shaped};
use crate::encoder::Encoder;
use crate::errors::{of_training, to_python};
use crate::left;
use crate::plain_model::{self, Names};
use crate::questions;
use crate::rows::Rows;
use crate::standing::{Standing, begun};
use crate::threads;
use crate::watch::{Plateau, Watch};

/// A network in training: its weights, the optimizer's state, where the run stands.
#[pyclass(module = "deltarule._core")]
pub struct Mlp {
    said: BTreeMap<String, String>,
    config: Config,
    widths: Widths,
    state: State,
    /// What training told, for a diagnosis.
    record: Record,
}

enum State {
    Single(Standing<f32>),
    Double(Standing<f64>),
}

impl From<Standing<f32>> for State {
    fn from(standing: Standing<f32>) -> Self {
        Self::Single(standing)
    }
}

impl From<Standing<f64>> for State {
    fn from(standing: Standing<f64>) -> Self {
        Self::Double(standing)
    }
}

/// Does the same in either precision.
macro_rules! in_precision {
    ($state:expr, $standing:ident => $what:expr) => {
        match $state {
            State::Single($standing) => $what,
            State::Double($standing) => $what,
        }
    };
}

// Python hands arguments over; there is nobody to borrow them from.
#[allow(clippy::needless_pass_by_value)]
#[pymethods]
impl Mlp {
    /// A network with weights drawn by the settings' seed, or with these: w and b of each layer. `settings` are names and
    /// texts of `deltarule train`'s settings, all that training needs; `task` is regression, binary, multiclass or
    /// multilabel; `inputs` are numbers in a row, or what an encoder gives: then `x` has numbers and codes.
    #[new]
    #[pyo3(signature = (settings, task, inputs, outputs, start=None))]
    fn new(
        settings: BTreeMap<String, String>,
        task: &str,
        inputs: Inputs,
        outputs: usize,
        start: Option<Vec<PyReadonlyArrayDyn<'_, f64>>>,
    ) -> PyResult<Self> {
        let Some(known) = Task::ALL.into_iter().find(|known| known.name() == task) else {
            let names = Task::ALL.map(Task::name).join(", ");
            return Err(PyValueError::new_err(format!("task: expected one of {names}, got {task:?}")));
        };
        let input = inputs.shape();
        if input.fan_in() == 0 || outputs == 0 {
            return Err(PyValueError::new_err("a network has at least one input and one output"));
        }
        let widths = Widths { task: known, input, outputs };
        let config = configured(&settings)?;
        let state = match config.precision.as_deref() {
            Some("f64") => State::Double(begun(&config, &widths, start)?),
            _ => State::Single(begun(&config, &widths, start)?),
        };
        Ok(Self { said: settings, config, widths, state, record: Record::default() })
    }

    /// Changes settings between two trainings; weights and the optimizer's state stay.
    fn set(&mut self, settings: BTreeMap<String, String>) -> PyResult<()> {
        let mut said = self.said.clone();
        said.extend(settings);
        let config = configured(&said)?;
        (self.said, self.config) = (said, config);
        Ok(())
    }

    /// The settings.
    #[getter]
    fn settings(&self) -> BTreeMap<String, String> {
        self.said.clone()
    }

    /// What is learnt.
    #[getter]
    fn task(&self) -> &'static str {
        self.widths.task.name()
    }

    /// What it takes in a row.
    #[getter]
    fn inputs(&self) -> Inputs {
        Inputs::of(&self.widths.input)
    }

    /// Units of the last layer.
    #[getter]
    fn outputs(&self) -> usize {
        self.widths.outputs
    }

    /// Copies of the weights: names and arrays.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        in_precision!(&self.state, standing => standing.tensors(py))
    }

    /// Sets weights by name.
    fn set_tensors(&mut self, tensors: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<()> {
        in_precision!(&mut self.state, standing => standing.set_tensors(&tensors))
    }

    /// Trains for so many epochs more, and says how it ended. `rate_factor` is the learning rate's at the beginning. With
    /// `lends_network` each epoch's event has a copy of the network as it then stands, which may be asked and kept. At the end
    /// the network has the best epoch's weights where those are kept, unless `keeps_last`.
    ///
    /// Where nobody is to be called, `plateau` is when it is enough: (tol, n_iter_no_change, the best cost so far, epochs
    /// since then); the epochs' costs are then appended to `costs`, whatever ends the training.
    #[pyo3(signature = (x, y, weight=None, *, epochs, x_val=None, y_val=None, weight_val=None, on_epoch=None,
                        rate_factor=None, lends_network=false, keeps_last=false, plateau=None, costs=None))]
    fn fit<'py>(
        &mut self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
        weight: Option<&Bound<'py, PyAny>>,
        epochs: u64,
        x_val: Option<&Bound<'py, PyAny>>,
        y_val: Option<&Bound<'py, PyAny>>,
        weight_val: Option<&Bound<'py, PyAny>>,
        on_epoch: Option<Py<PyAny>>,
        rate_factor: Option<f64>,
        lends_network: bool,
        keeps_last: bool,
        plateau: Option<(f64, f64, f64, u64)>,
        costs: Option<Bound<'py, PyList>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (said, config, widths) = (&self.said, &self.config, &self.widths);
        let plateau = plateau.map(|(tol, patience, best, since)| Plateau::new(tol, patience, best, since));
        let watch = Watch::new(on_epoch, rate_factor, plateau);
        let record = &mut self.record;
        let made_of = |state: State| Self {
            said: said.clone(),
            config: config.clone(),
            widths: widths.clone(),
            state,
            record: Record::default(),
        };
        let (outcome, watch) = in_precision!(&mut self.state, standing => {
            let mut x = Rows::taken(x, &widths.input)?;
            let mut x_val = x_val.map(|x| Rows::taken(x, &widths.input)).transpose()?;
            let train = samples(widths, &mut x, y, weight)?;
            let watched = match (&mut x_val, y_val) {
                (Some(x), Some(y)) => Some(samples(widths, x, y, weight_val)?),
                (None, None) => None,
                _ => return Err(PyValueError::new_err("x_val and y_val go together")),
            };
            py.detach(move || {
                let lend = |standing: Standing<_>| made_of(standing.into());
                let lend: Option<&dyn Fn(Standing<_>) -> Self> = if lends_network { Some(&lend) } else { None };
                let outcome = threads::with(config, |pool| {
                    let watched = watched.as_ref();
                    let task = widths.task;
                    standing.fit(config, task, pool, &train, watched, epochs, &watch, record, lend, keeps_last)
                });
                (outcome, watch)
            })
        });
        let plateau = watch.plateau();
        if let (Some(plateau), Some(costs)) = (&plateau, costs) {
            plateau.costs.iter().try_for_each(|cost| costs.append(cost))?;
        }
        let outcome = outcome.map_err(|error| of_training(&error, self.config.learning_rate))?;
        if let Some(raised) = watch.into_raised() {
            return Err(raised);
        }
        let told = told(py, &outcome)?;
        if let Some(Plateau { best, since, is_enough, .. }) = plateau {
            told.set_item("plateau", (best, since, is_enough))?;
        }
        Ok(told)
    }

    /// The activated outputs of rows.
    fn predict<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (widths, config) = (&self.widths, &self.config);
        in_precision!(&self.state, standing => {
            let x = Rows::taken(x, &widths.input)?;
            let batch = x.batch(widths.outputs)?;
            let outputs = py.detach(|| threads::with(config, |pool| standing.predict(pool, &batch)));
            shaped(py, &outputs, &[batch.rows, widths.outputs])
        })
    }

    /// As `predict`, at once, of a few finite rows in a C-contiguous matrix of either precision; None of anything else, which
    /// is then to be looked at with care.
    fn predict_few<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (width, widths) = (self.widths.input.dense, &self.widths);
        if widths.input.codes() > 0 {
            return Ok(None);
        }
        in_precision!(&self.state, standing => {
            let Some(x) = arrays::few_rows(x, width) else { return Ok(None) };
            let rows = x.len() / width;
            let mut outputs = vec![Default::default(); rows * widths.outputs];
            standing.answer(&x, &mut outputs);
            shaped(py, &outputs, &[rows, widths.outputs]).map(Some)
        })
    }

    /// ∂(output)/∂x of each row's numbers.
    fn input_gradient<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        output: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (widths, config) = (&self.widths, &self.config);
        if output >= widths.outputs {
            let text = format!("output: expected a number below {}, got {output}", widths.outputs);
            return Err(PyValueError::new_err(text));
        }
        in_precision!(&self.state, standing => {
            let x = Rows::taken(x, &widths.input)?;
            let batch = x.batch(widths.outputs)?;
            let gradient = py.detach(|| threads::with(config, |pool| standing.input_gradient(pool, &batch, output)));
            shaped(py, &gradient, &[batch.rows, widths.input.dense])
        })
    }

    /// Writes a model file: of these columns, targets and classes.
    #[pyo3(signature = (path, names, encoder=None))]
    fn save(&self, path: PathBuf, names: Names, encoder: Option<&Bound<'_, Encoder>>) -> PyResult<()> {
        self.model(&names, encoder)?.save(&path).map_err(|error| to_python(&error))
    }

    /// What is told of rows, as JSON, HTML or LaTeX: see `deltarule explain`. `x` is a matrix, or with an encoder a table; `y`
    /// has the classes' numbers, or the targets.
    #[pyo3(signature = (names, x, y, encoder=None, *, parameter=None, layer=None, output=None, top=3, depth=2, format="json"))]
    fn explain(
        &self,
        py: Python<'_>,
        names: Names,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        encoder: Option<&Bound<'_, Encoder>>,
        parameter: Option<(String, Vec<usize>)>,
        layer: Option<usize>,
        output: Option<String>,
        top: usize,
        depth: usize,
        format: &str,
    ) -> PyResult<String> {
        let parameter = parameter.map(|(tensor, place)| Parameter { tensor, place });
        let question = Question { parameter, layer, output, reach: Reach { top, depth }, member: 1 };
        let (model, table) = (self.model(&names, encoder)?, questions::table_of(&names, x, y, encoder)?);
        let config = &self.config;
        let told = py.detach(|| {
            threads::with(config, |pool| questions::explain(pool, &model, &table, &question, format))
        });
        told.map_err(|error| to_python(&error))
    }

    /// The gradient check of rows, as JSON: `most` parameters of each tensor, drawn by the network's sizes.
    #[pyo3(signature = (names, x, y, most, encoder=None))]
    fn check_gradients(
        &self,
        py: Python<'_>,
        names: Names,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        most: usize,
        encoder: Option<&Bound<'_, Encoder>>,
    ) -> PyResult<String> {
        let (model, table) = (self.model(&names, encoder)?, questions::table_of(&names, x, y, encoder)?);
        let config = &self.config;
        let told = py.detach(|| threads::with(config, |pool| questions::check(pool, &model, &table, most)));
        told.map_err(|error| to_python(&error))
    }

    /// What is wrong with the training that led here, as JSON: `x`, `y` and `weight` are its rows.
    #[pyo3(signature = (names, x, y, weight=None, *, x_val=None, y_val=None, encoder=None))]
    fn diagnose<'py>(
        &self,
        py: Python<'py>,
        names: Names,
        x: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
        weight: Option<&Bound<'py, PyAny>>,
        x_val: Option<&Bound<'py, PyAny>>,
        y_val: Option<&Bound<'py, PyAny>>,
        encoder: Option<&Bound<'py, Encoder>>,
    ) -> PyResult<String> {
        let (widths, mut record) = (&self.widths, self.record.clone());
        if record.looks.is_empty() && record.epochs.is_empty() {
            return Err(PyValueError::new_err(
                "nothing was recorded: the training was another process's, or is not over",
            ));
        }
        let encoder = plain_model::encoder(widths.task, &names, encoder.map(Bound::get))
            .map_err(|error| to_python(&error))?;
        let config = &self.config;
        in_precision!(&self.state, standing => {
            let mut x = Rows::taken(x, &widths.input)?;
            let mut x_val = x_val.map(|x| Rows::taken(x, &widths.input)).transpose()?;
            let train = samples(widths, &mut x, y, weight)?;
            let watched = match (&mut x_val, y_val) {
                (Some(x), Some(y)) => Some(samples(widths, x, y, None)?),
                _ => None,
            };
            let network = &standing.network;
            let told = py.detach(|| {
                let watched = watched.as_ref();
                threads::with(config, |pool| {
                    questions::diagnose(pool, config, &encoder, network, &mut record, &train, watched)
                })
            });
            told.map_err(|error| to_python(&error))
        })
    }

    /// Reads a model file: the network, names of columns and targets, classes, whether these are numbers, and the encoder
    /// where columns do not enter as they are.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<(Self, Names, Option<Encoder>)> {
        let plain_model::Loaded { task, names, config, members, input, encoder } =
            plain_model::load(&path).map_err(|error| to_python(&error))?;
        let said =
            config.said().map(|(setting, value)| (setting.key.to_owned(), value.to_string())).collect();
        let (outputs, state) = match members {
            Members::F32(mut networks) => {
                (networks[0].outputs(), State::Single(Standing::new(networks.remove(0))))
            }
            Members::F64(mut networks) => {
                (networks[0].outputs(), State::Double(Standing::new(networks.remove(0))))
            }
        };
        let widths = Widths { task, input, outputs };
        Ok((Self { said, config, widths, state, record: Record::default() }, names, encoder))
    }

    /// How to make it again: what was said, and everything that training left.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, MadeOf, Bound<'py, PyDict>)> {
        let py = slf.py();
        // In the midst of a training there is no state to take down.
        let this = slf.try_borrow().map_err(|_| {
            PyRuntimeError::new_err("the network is in training; copy it when the training has ended")
        })?;
        let (task, inputs) = (this.widths.task.name().to_owned(), Inputs::of(&this.widths.input));
        let made_of = (this.said.clone(), task, inputs, this.widths.outputs);
        let left = in_precision!(&this.state, standing => {
            left::to_python(py, standing.network.params(), standing.network.buffers(), standing.left.as_ref())
        })?;
        Ok((slf.get_type().into_any(), made_of, left))
    }

    fn __setstate__(&mut self, left: &Bound<'_, PyDict>) -> PyResult<()> {
        in_precision!(&mut self.state, standing => standing.take(left::from_python(left)?))
    }
}

/// The arguments that an [`Mlp`] is made from.
type MadeOf = (BTreeMap<String, String>, String, Inputs, usize);

fn configured(said: &BTreeMap<String, String>) -> PyResult<Config> {
    let mut config = Config::default();
    for (key, text) in said {
        config.set(key, text).map_err(|error| to_python(&error))?;
    }
    config.check().map_err(|error| to_python(&error))?;
    Ok(config)
}

impl Mlp {
    /// The network as a model, whose encoder takes numbers as they are unless another is given.
    fn model(&self, names: &Names, encoder: Option<&Bound<'_, Encoder>>) -> PyResult<Model> {
        let members =
            in_precision!(&self.state, standing => Members::of(std::slice::from_ref(&standing.network)));
        if encoder.is_none() && names.columns.len() != self.widths.input.dense {
            let (inputs, got) = (self.widths.input.dense, names.columns.len());
            return Err(PyValueError::new_err(format!("columns: expected {inputs} names, got {got}")));
        }
        plain_model::model(self.widths.task, names, encoder.map(Bound::get), members, &self.config)
            .map_err(|error| to_python(&error))
    }
}

fn told<'py>(py: Python<'py>, outcome: &Outcome) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    let reason = match outcome.reason {
        EndReason::Finished => "epochs",
        EndReason::EarlyStopping => "early_stopping",
        EndReason::Converged => "converged",
        EndReason::Stopped => "stopped",
    };
    told.set_item("reason", reason)?;
    told.set_item("epochs", outcome.epochs)?;
    told.set_item("steps", outcome.steps)?;
    told.set_item("best_epoch", outcome.best_epoch)?;
    told.set_item("cost", outcome.cost)?;
    Ok(told)
}
