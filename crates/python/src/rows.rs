//! Rows as Python hands them over: a matrix, alone or with one of codes beside it, or the three arrays of one in compressed
//! sparse rows.

use deltarule::dataset::{Batch, InputShape, Samples, SparseRows, Targets, TargetsView};
use numpy::{Element, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::arrays::{Number, matrix};

/// Rows of numbers in the network's precision.
pub enum Rows<'py, F: Number> {
    Matrix(PyReadonlyArray2<'py, F>),
    /// Numbers, and codes of categories.
    Encoded(PyReadonlyArray2<'py, F>, PyReadonlyArray2<'py, u32>),
    Sparse(SparseRows<F>),
}

impl<'py, F: Number> Rows<'py, F> {
    /// A C-contiguous matrix; a tuple of one and of its rows' codes, as an encoder gives them; or a tuple `(indptr, indices,
    /// data)` as SciPy's CSR matrices have them.
    pub fn taken(x: &Bound<'py, PyAny>, shape: &InputShape) -> PyResult<Self> {
        let rows = match x.cast::<PyTuple>() {
            Ok(parts) if parts.len() == 2 && parts.get_item(0)?.cast::<PyArray2<F>>().is_ok() => {
                let dense = matrix("x", &parts.get_item(0)?, shape.dense)?;
                let codes = codes(&parts.get_item(1)?, [dense.shape()[0], shape.codes()])?;
                return Ok(Self::Encoded(dense, codes));
            }
            Ok(parts) => Self::Sparse(sparse(parts, shape.dense)?),
            Err(_) => Self::Matrix(matrix("x", x, shape.dense)?),
        };
        match shape.codes() {
            0 => Ok(rows),
            codes => Err(PyTypeError::new_err(format!("x: expected numbers and {codes} codes of each row"))),
        }
    }

    pub fn count(&self) -> usize {
        match self {
            Self::Matrix(matrix) | Self::Encoded(matrix, _) => matrix.shape()[0],
            Self::Sparse(sparse) => sparse.rows(),
        }
    }

    /// All rows, without targets, which a forward pass does not read.
    pub fn batch(&self, outputs: usize) -> PyResult<Batch<'_, F>> {
        let (dense, codes, sparse) = match self {
            Self::Matrix(matrix) => (matrix.as_slice()?, &[][..], None),
            Self::Encoded(matrix, codes) => (matrix.as_slice()?, codes.as_slice()?, None),
            Self::Sparse(sparse) => (&[][..], &[][..], Some(sparse.all())),
        };
        let targets = TargetsView::Values { outputs, values: &[] };
        Ok(Batch { rows: self.count(), dense, sparse, codes, targets, weights: None })
    }

    /// As rows to learn from: a matrix is not copied, and sparse rows are taken out.
    pub fn samples(&mut self, shape: &InputShape, targets: Targets<F>) -> PyResult<Samples<'_, F>> {
        Ok(match self {
            Self::Matrix(matrix) => Samples::lent(shape.dense, matrix.as_slice()?, targets),
            Self::Encoded(matrix, codes) => Samples {
                code_width: shape.codes(),
                codes: codes.as_slice()?.to_vec(),
                ..Samples::lent(shape.dense, matrix.as_slice()?, targets)
            },
            Self::Sparse(sparse) => {
                let nothing = SparseRows::new(sparse.columns(), vec![0], Vec::new(), Vec::new());
                Samples::from_sparse(std::mem::replace(sparse, nothing), targets)
            }
        })
    }
}

/// The rows from `from` up to `to` of a batch.
pub fn part<'a, F: Number>(batch: &Batch<'a, F>, shape: &InputShape, from: usize, to: usize) -> Batch<'a, F> {
    let (width, codes) = (shape.dense, shape.codes());
    let dense = if batch.sparse.is_some() { batch.dense } else { &batch.dense[from * width..to * width] };
    let codes = &batch.codes[from * codes..to * codes];
    Batch {
        rows: to - from,
        dense,
        codes,
        sparse: batch.sparse.map(|sparse| sparse.range(from, to)),
        ..*batch
    }
}

fn codes<'py>(array: &Bound<'py, PyAny>, shape: [usize; 2]) -> PyResult<PyReadonlyArray2<'py, u32>> {
    let codes: PyReadonlyArray2<'py, u32> =
        array.extract().map_err(|_| PyTypeError::new_err("x: expected codes in a matrix of uint32"))?;
    if codes.shape() != shape || !codes.is_c_contiguous() {
        let got = codes.shape();
        return Err(PyValueError::new_err(format!("x: expected codes of shape {shape:?}, got {got:?}")));
    }
    Ok(codes)
}

fn sparse<F: Number>(parts: &Bound<'_, PyTuple>, columns: usize) -> PyResult<SparseRows<F>> {
    let unlike = || {
        PyTypeError::new_err("x: expected a matrix, or a tuple (numbers, codes) or (indptr, indices, data)")
    };
    if parts.len() != 3 {
        return Err(unlike());
    }
    let starts = whole_numbers(&parts.get_item(0)?).ok_or_else(unlike)?;
    let indices = whole_numbers(&parts.get_item(1)?).ok_or_else(unlike)?;
    let data: PyReadonlyArray1<'_, F> = parts
        .get_item(2)?
        .extract()
        .map_err(|_| PyTypeError::new_err(format!("x: expected data of {}", F::DTYPE)))?;
    let values = data.as_array().to_vec();
    if let Some(fault) = SparseRows::<F>::fault(columns, &starts, &indices, values.len()) {
        return Err(PyValueError::new_err(format!("x is no CSR matrix: {fault}")));
    }
    Ok(SparseRows::new(columns, starts, indices, values))
}

/// A vector of int32 or int64, none of which is below 0 or beyond what `T` holds.
fn whole_numbers<T: TryFrom<i32> + TryFrom<i64>>(array: &Bound<'_, PyAny>) -> Option<Vec<T>> {
    fn taken<G: Element + Copy, T: TryFrom<G>>(array: &Bound<'_, PyAny>) -> Option<Vec<T>> {
        let array: PyReadonlyArray1<'_, G> = array.extract().ok()?;
        array.as_array().iter().map(|&number| T::try_from(number).ok()).collect()
    }
    taken::<i32, T>(array).or_else(|| taken::<i64, T>(array))
}
