//! The network as it stands, and what is done with it in either precision.

use std::sync::{Mutex, PoisonError};

use deltarule::config::{Config, resolve};
use deltarule::dataset::{Batch, Samples};
use deltarule::event::{Event, Figures, Observer};
use deltarule::health::Record;
use deltarule::layer::{Pass, Tensor, TensorKind};
use deltarule::metric::{self, Metric};
use deltarule::model::Predictor;
use deltarule::network::{Inference, Network};
use deltarule::trainer::{Occasion, Outcome, Snapshot, Trainer, Validation};
use deltarule::{Pool, Task};
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::arrays::{Number, Widths, shaped};
use crate::errors::to_python;
use crate::left;
use crate::mlp::Mlp;
use crate::rows::part;
use crate::watch::Watch;

/// Rows of a pass that asks for gradients.
const BLOCK: usize = 1024;

/// The network, and what training left beside it.
pub struct Standing<F: Number> {
    pub network: Network<F>,
    pub left: Option<Snapshot<'static, F>>,
    /// The network ready to answer a few rows on the caller's thread, until its weights change.
    ready: Mutex<Option<Predictor<F>>>,
}

impl<F: Number> Standing<F> {
    pub fn new(network: Network<F>) -> Self {
        Self { network, left: None, ready: Mutex::default() }
    }
}

/// A network as it begins: `start` are w and b of each layer, or the settings say how they are drawn, as tables always are.
pub fn begun<F: Number>(
    config: &Config,
    widths: &Widths,
    start: Option<Vec<PyReadonlyArrayDyn<'_, f64>>>,
) -> PyResult<Standing<F>> {
    let of_config = || {
        resolve::loss(config)?;
        resolve::network_spec(config, widths.input.clone(), widths.outputs)
    };
    let spec = of_config().map_err(|error| to_python(&error))?;
    let Some(start) = start else {
        return Ok(Standing::new(spec.build(config.seed.unwrap_or(0)).map_err(|error| to_python(&error))?));
    };
    let has_tables = !widths.input.embedded.is_empty();
    let network = if has_tables { spec.build(config.seed.unwrap_or(0)) } else { spec.build_unset() };
    let mut network: Network<F> = network.map_err(|error| to_python(&error))?;
    let is_given = |tensor: &&Tensor| matches!(tensor.kind, TensorKind::Weight | TensorKind::Bias);
    let tensors: Vec<Tensor> = network.tensors().iter().filter(is_given).cloned().collect();
    let fits = |(tensor, array): (&Tensor, &PyReadonlyArrayDyn<'_, f64>)| array.shape() == tensor.shape;
    if tensors.len() != start.len() || !tensors.iter().zip(&start).all(fits) {
        let expected: Vec<_> = tensors.iter().map(|tensor| &tensor.shape).collect();
        let got: Vec<_> = start.iter().map(|array| array.shape()).collect();
        return Err(PyValueError::new_err(format!("start: expected shapes {expected:?}, got {got:?}")));
    }
    for (tensor, array) in tensors.iter().zip(&start) {
        let to = &mut network.params_mut()[tensor.range.clone()];
        to.iter_mut().zip(array.as_array()).for_each(|(to, from)| *to = F::from_f64(*from));
    }
    Ok(Standing::new(network))
}

impl<F: Number> Standing<F> {
    pub fn fit(
        &mut self,
        config: &Config,
        task: Task,
        pool: &Pool,
        train: &Samples<'_, F>,
        watched: Option<&Samples<'_, F>>,
        epochs: u64,
        watch: &Watch,
        record: &mut Record,
        lend: Option<&dyn Fn(Self) -> Mlp>,
        keeps_last: bool,
    ) -> deltarule::Result<Outcome> {
        let loss = resolve::loss(config)?;
        let done = self.left.as_ref().map_or(0, |left| left.epoch);
        let planned = Config { epochs: Some(done + epochs), ..config.clone() };
        let settings = resolve::trainer_settings(&planned, loss, train.rows, config.seed.unwrap_or(0))?;
        let network = self.network.clone();
        let mut trainer = if train.sparse.is_some() {
            Trainer::of_sparse_rows(pool, network, settings)?
        } else {
            Trainer::new(pool, network, settings)?
        };
        if let Some(left) = &mut self.left {
            // The settings' learning rate counts, not what an earlier training made of it.
            left.rate_factor = 1.0;
            trainer.restore(left)?;
        }
        let mut validate = watched.map(|watched| {
            move |network: &Network<F>| {
                let rows = watched.rows;
                let (mut z, mut a) =
                    (vec![F::ZERO; rows * network.outputs()], vec![F::ZERO; rows * network.outputs()]);
                let batch = watched.range(0, rows);
                Inference::of(network, pool, &batch).run(network, pool, &batch, &mut z, &mut a);
                let sum = loss.value_and_delta(pool, &z, &a, batch.targets, batch.weights, None);
                let mut figures: Figures = metric::figures(task, &a, batch.targets, batch.weights);
                figures.insert(Metric::Cost.name().to_owned(), sum / watched.total_weight());
                figures
            }
        });
        let validate: Option<&mut Validation<'_, F>> = match &mut validate {
            Some(validate) => Some(validate),
            None => None,
        };
        let mut last = None;
        let outcome = trainer.run(
            "model",
            train,
            validate,
            &mut |event: &Event| {
                record.observe(event);
                watch.note(event);
            },
            &mut |_| watch.want(),
            // Where a checkpoint would be written the trainer may be looked at.
            &mut |trainer, occasion| {
                if occasion == Occasion::EpochEnd {
                    last = keeps_last.then(|| Self::of(trainer));
                    watch.tell(|| lend.map(|lend| lend(Self::of(trainer))));
                }
                Ok(None)
            },
        )?;
        if let Some(last) = last {
            *self = last;
            return Ok(outcome);
        }
        self.left = Some(trainer.snapshot());
        self.ready = Mutex::default();
        self.network = trainer.into_network();
        Ok(outcome)
    }

    /// A copy of a network in training, with all that it takes to go on from there.
    pub fn of(trainer: &Trainer<'_, F>) -> Self {
        Self { left: Some(trainer.snapshot()), ..Self::new(trainer.network().clone()) }
    }

    pub fn take(&mut self, (params, buffers, left): left::State<F>) -> PyResult<()> {
        let fits =
            (params.len(), buffers.len()) == (self.network.params().len(), self.network.buffers().len());
        if !fits {
            return Err(PyValueError::new_err("the state is that of another network"));
        }
        self.network.params_mut().copy_from_slice(&params);
        self.network.buffers_mut().copy_from_slice(&buffers);
        self.left = left;
        self.ready = Mutex::default();
        Ok(())
    }

    /// Answers a few rows.
    pub fn answer(&self, x: &[F], outputs: &mut [F]) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let predictor = ready.get_or_insert_with(|| Predictor::on(self.network.clone(), Pool::new(1)));
        predictor.predict_rows(x, &[], outputs);
    }

    pub fn predict(&self, pool: &Pool, batch: &Batch<'_, F>) -> Vec<F> {
        let mut a = vec![F::ZERO; batch.rows * self.network.outputs()];
        Inference::of(&self.network, pool, batch).run(&self.network, pool, batch, &mut [], &mut a);
        a
    }

    /// By a backward pass from δ = ∂(output)/∂z of the last layer.
    pub fn input_gradient(&self, pool: &Pool, all: &Batch<'_, F>, output: usize) -> Vec<F> {
        let (network, rows) = (&self.network, all.rows);
        let width = network.spec().input.dense;
        let mut gradient = vec![F::ZERO; rows * width];
        let mut ws = network.workspace(rows.clamp(1, BLOCK));
        let mut grads = vec![F::ZERO; network.params().len()];
        for from in (0..rows).step_by(BLOCK) {
            let to = rows.min(from + BLOCK);
            let batch = part(all, &network.spec().input, from, to);
            network.forward(pool, &mut ws, &batch, Pass::Inference);
            network.delta_of_output(&mut ws, batch.rows, output);
            network.backward(pool, &mut ws, &batch, F::ONE, &mut grads);
            network.input_gradient(pool, &mut ws, &batch, &mut gradient[from * width..to * width]);
        }
        gradient
    }

    pub fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let params = self.network.params();
        let of = |tensor: &deltarule::layer::Tensor| {
            Ok((tensor.name.clone(), shaped(py, &params[tensor.range.clone()], &tensor.shape)?))
        };
        self.network.tensors().iter().map(of).collect()
    }

    pub fn set_tensors(&mut self, tensors: &[(String, Bound<'_, PyAny>)]) -> PyResult<()> {
        let mut params = self.network.params().to_vec();
        for (name, array) in tensors {
            let Some(tensor) = self.network.tensors().iter().find(|tensor| tensor.name == *name) else {
                let known: Vec<&str> = self.network.tensors().iter().map(|t| t.name.as_str()).collect();
                let text = format!("{name}: expected one of {}", known.join(", "));
                return Err(PyValueError::new_err(text));
            };
            let array: PyReadonlyArrayDyn<'_, F> = array
                .extract()
                .map_err(|_| PyTypeError::new_err(format!("{name}: expected an array of {}", F::DTYPE)))?;
            if array.shape() != tensor.shape {
                let text = format!("{name}: expected shape {:?}, got {:?}", tensor.shape, array.shape());
                return Err(PyValueError::new_err(text));
            }
            params[tensor.range.clone()].iter_mut().zip(array.as_array()).for_each(|(to, from)| *to = *from);
        }
        self.network.params_mut().copy_from_slice(&params);
        self.ready = Mutex::default();
        if let Some(left) = &mut self.left {
            left.params.to_mut().copy_from_slice(&params);
        }
        Ok(())
    }
}
