//! NumPy's arrays as the library's rows, and back.

use deltarule::dataset::{Embedded, InputShape, Samples, Targets};
use deltarule::{Real, Task};
use numpy::{
    Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::rows::Rows;

/// A number of either precision, in the network and in an array.
pub trait Number: Real + Element {
    /// NumPy's name of it.
    const DTYPE: &'static str;
}

impl Number for f32 {
    const DTYPE: &'static str = "float32";
}

impl Number for f64 {
    const DTYPE: &'static str = "float64";
}

/// A matrix of the network's precision that lies row after row.
pub fn matrix<'py, F: Number>(
    what: &str,
    array: &Bound<'py, PyAny>,
    columns: usize,
) -> PyResult<PyReadonlyArray2<'py, F>> {
    let unlike = || {
        PyTypeError::new_err(format!("{what}: expected a C-contiguous matrix of {}, got {array}", F::DTYPE))
    };
    let matrix: PyReadonlyArray2<'py, F> = array.extract().map_err(|_| unlike())?;
    if !matrix.is_c_contiguous() {
        return Err(unlike());
    }
    if matrix.shape()[1] != columns {
        let got = matrix.shape()[1];
        return Err(PyValueError::new_err(format!("{what}: expected {columns} columns, got {got}")));
    }
    Ok(matrix)
}

/// Rows that are answered at once, at most.
const FEW: usize = 64;

/// A few rows of finite numbers, in the network's precision; `None` of anything else.
pub fn few_rows<F: Number>(array: &Bound<'_, PyAny>, columns: usize) -> Option<Vec<F>> {
    fn taken<F: Number, G: Number>(array: &Bound<'_, PyAny>, columns: usize) -> Option<Vec<F>> {
        let array = array.cast_exact::<PyArray2<G>>().ok()?.try_readonly().ok()?;
        let (shape, is_plain) = (array.shape(), array.is_c_contiguous());
        if !is_plain || shape[1] != columns || !(1..=FEW).contains(&shape[0]) {
            return None;
        }
        let rows: Vec<F> = array.as_slice().ok()?.iter().map(|x| F::from_f64(x.to_f64())).collect();
        rows.iter().all(|x| x.is_finite()).then_some(rows)
    }
    taken::<F, f32>(array, columns).or_else(|| taken::<F, f64>(array, columns))
}

/// One weight per row.
fn weights<F: Number>(array: &Bound<'_, PyAny>, rows: usize) -> PyResult<Vec<F>> {
    let given: Vec<f64> = if let Ok(array) = array.extract::<PyReadonlyArray1<'_, f64>>() {
        array.as_array().to_vec()
    } else {
        let array: PyReadonlyArray1<'_, f32> = array.extract().map_err(|_| {
            PyTypeError::new_err(format!("weight: expected a vector of float32 or float64, got {array}"))
        })?;
        array.as_array().iter().map(|&weight| f64::from(weight)).collect()
    };
    if given.len() != rows {
        return Err(PyValueError::new_err(format!("weight: expected {rows} numbers, got {}", given.len())));
    }
    if let Some(wrong) = given.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
        return Err(PyValueError::new_err(format!(
            "weight: expected finite numbers of at least 0, got {wrong}"
        )));
    }
    Ok(given.into_iter().map(F::from_f64).collect())
}

/// What a network is: its task, and the widths of its rows.
#[derive(Clone)]
pub struct Widths {
    pub task: Task,
    pub input: InputShape,
    pub outputs: usize,
}

/// What a network takes in a row: so many numbers; or numbers, learnt tables (rows, numbers in a row) and one-hot groups
/// (categories), as an encoder gives them.
#[derive(FromPyObject, IntoPyObject)]
pub enum Inputs {
    Numbers(usize),
    Encoded((usize, Vec<(usize, usize)>, Vec<usize>)),
}

impl Inputs {
    pub fn of(shape: &InputShape) -> Self {
        if shape.codes() == 0 {
            return Self::Numbers(shape.dense);
        }
        let tables = shape.embedded.iter().map(|table| (table.cardinality, table.dimension)).collect();
        Self::Encoded((shape.dense, tables, shape.one_hot.clone()))
    }

    pub fn shape(self) -> InputShape {
        match self {
            Self::Numbers(dense) => InputShape::dense(dense),
            Self::Encoded((dense, tables, one_hot)) => InputShape {
                dense,
                embedded: tables
                    .into_iter()
                    .map(|(cardinality, dimension)| Embedded { cardinality, dimension })
                    .collect(),
                one_hot,
            },
        }
    }
}

/// Rows to learn from or to be measured on; a matrix is not copied.
pub fn samples<'r, F: Number>(
    widths: &Widths,
    x: &'r mut Rows<'_, F>,
    y: &Bound<'_, PyAny>,
    weight: Option<&Bound<'_, PyAny>>,
) -> PyResult<Samples<'r, F>> {
    let rows = x.count();
    let targets = if widths.task == Task::Multiclass {
        let codes: PyReadonlyArray1<'_, u32> = y
            .extract()
            .map_err(|_| PyTypeError::new_err(format!("y: expected a vector of uint32, got {y}")))?;
        let codes = codes.as_array().to_vec();
        if let Some(code) = codes.iter().find(|code| **code as usize >= widths.outputs) {
            let classes = widths.outputs;
            return Err(PyValueError::new_err(format!("y: expected classes below {classes}, got {code}")));
        }
        Targets::Classes { classes: widths.outputs, codes }
    } else {
        let values = matrix::<F>("y", y, widths.outputs)?;
        Targets::Values { outputs: widths.outputs, values: values.as_slice()?.to_vec() }
    };
    let of_targets = match &targets {
        Targets::Values { outputs, values } => values.len() / outputs,
        Targets::Classes { codes, .. } => codes.len(),
    };
    if of_targets != rows {
        return Err(PyValueError::new_err(format!("y: expected {rows} rows as in x, got {of_targets}")));
    }
    let mut samples = x.samples(&widths.input, targets)?;
    samples.weights = weight.map(|weight| weights(weight, rows)).transpose()?;
    Ok(samples)
}

/// Numbers as an array of that shape.
pub fn shaped<'py, F: Number>(
    py: Python<'py>,
    numbers: &[F],
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyArray1::from_slice(py, numbers).reshape(shape.to_vec())?.into_any())
}

/// The same of numbers that are given away.
pub fn owned<'py, T: Element>(
    py: Python<'py>,
    numbers: Vec<T>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyArray1::from_vec(py, numbers).reshape(shape.to_vec())?.into_any())
}
