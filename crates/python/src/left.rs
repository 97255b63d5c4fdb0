//! What training leaves beside the weights, as a dictionary that pickles, and back.

use std::borrow::Cow;

use deltarule::trainer::{Best, Snapshot};
use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Number, shaped};

type Named<T> = Vec<(String, T)>;

/// The state as plain numbers and arrays.
pub fn to_python<'py, F: Number>(
    py: Python<'py>,
    params: &[F],
    buffers: &[F],
    left: Option<&Snapshot<'static, F>>,
) -> PyResult<Bound<'py, PyDict>> {
    let vector = |numbers: &[F]| shaped(py, numbers, &[numbers.len()]);
    let told = PyDict::new(py);
    told.set_item("params", vector(params)?)?;
    told.set_item("buffers", vector(buffers)?)?;
    let Some(left) = left else { return Ok(told) };
    let slots: PyResult<Named<Bound<'py, PyAny>>> =
        left.slots.iter().map(|(name, slot)| Ok((name.clone(), vector(slot)?))).collect();
    told.set_item("slots", slots?)?;
    told.set_item("scalars", left.scalars.clone())?;
    told.set_item("counts", (left.step, left.epoch, left.batch, left.waited))?;
    told.set_item("sums", (left.cost_sum, left.weight_sum, left.rate_factor, left.last_rate))?;
    told.set_item("plateau", serde_json::to_string(&left.plateau).map_err(|error| unreadable(&error))?)?;
    if let Some(best) = &left.best {
        told.set_item("best", (best.epoch, best.figure, vector(&best.params)?, vector(&best.buffers)?))?;
    }
    Ok(told)
}

/// Parameters, running statistics, and what training left.
pub type State<F> = (Vec<F>, Vec<F>, Option<Snapshot<'static, F>>);

/// Reads what [`to_python`] wrote.
pub fn from_python<F: Number>(told: &Bound<'_, PyDict>) -> PyResult<State<F>> {
    let params: Vec<F> = numbers(&item(told, "params")?)?;
    let buffers: Vec<F> = numbers(&item(told, "buffers")?)?;
    if !told.contains("slots")? {
        return Ok((params, buffers, None));
    }
    let slots: Named<Bound<'_, PyAny>> = item(told, "slots")?.extract()?;
    let slots: PyResult<Named<Cow<'static, [F]>>> =
        slots.into_iter().map(|(name, slot)| Ok((name, Cow::Owned(numbers(&slot)?)))).collect();
    let (step, epoch, batch, waited) = item(told, "counts")?.extract()?;
    let (cost_sum, weight_sum, rate_factor, last_rate) = item(told, "sums")?.extract()?;
    let plateau: String = item(told, "plateau")?.extract()?;
    let best = match told.get_item("best")? {
        Some(best) => {
            let (epoch, figure, params, buffers): (u64, f64, Bound<'_, PyAny>, Bound<'_, PyAny>) =
                best.extract()?;
            let (params, buffers) = (Cow::Owned(numbers(&params)?), Cow::Owned(numbers(&buffers)?));
            Some(Best { epoch, figure, params, buffers })
        }
        None => None,
    };
    let left = Snapshot {
        params: Cow::Owned(params.clone()),
        buffers: Cow::Owned(buffers.clone()),
        slots: slots?,
        scalars: item(told, "scalars")?.extract()?,
        step,
        epoch,
        batch,
        cost_sum,
        weight_sum,
        plateau: serde_json::from_str(&plateau).map_err(|error| unreadable(&error))?,
        rate_factor,
        last_rate,
        best,
        waited,
    };
    Ok((params, buffers, Some(left)))
}

fn item<'py>(told: &Bound<'py, PyDict>, key: &str) -> PyResult<Bound<'py, PyAny>> {
    told.get_item(key)?.ok_or_else(|| PyValueError::new_err(format!("the state has no {key:?}")))
}

fn numbers<F: Number>(array: &Bound<'_, PyAny>) -> PyResult<Vec<F>> {
    let array: PyReadonlyArray1<'_, F> = array
        .extract()
        .map_err(|_| PyValueError::new_err(format!("the state: expected a vector of {}", F::DTYPE)))?;
    Ok(array.as_array().to_vec())
}

fn unreadable(error: &serde_json::Error) -> PyErr {
    PyValueError::new_err(format!("the state's plateau: {error}"))
}
