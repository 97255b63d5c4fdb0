//! Rows as Python hands them over: a matrix, or the three arrays of one in compressed sparse rows.

use deltarule::dataset::{Batch, Dataset, SparseRows, Targets, TargetsView};
use numpy::{Element, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::arrays::{Number, matrix};

/// Rows of numbers in the network's precision.
pub enum Rows<'py, F: Number> {
    Matrix(PyReadonlyArray2<'py, F>),
    Sparse(SparseRows<F>),
}

impl<'py, F: Number> Rows<'py, F> {
    /// A C-contiguous matrix, or a tuple `(indptr, indices, data)` as SciPy's CSR matrices have them.
    pub fn taken(x: &Bound<'py, PyAny>, columns: usize) -> PyResult<Self> {
        match x.cast::<PyTuple>() {
            Ok(parts) => Ok(Self::Sparse(sparse(parts, columns)?)),
            Err(_) => Ok(Self::Matrix(matrix("x", x, columns)?)),
        }
    }

    pub fn count(&self) -> usize {
        match self {
            Self::Matrix(matrix) => matrix.shape()[0],
            Self::Sparse(sparse) => sparse.rows(),
        }
    }

    /// All rows, without targets, which a forward pass does not read.
    pub fn batch(&self, outputs: usize) -> PyResult<Batch<'_, F>> {
        let (dense, sparse) = match self {
            Self::Matrix(matrix) => (matrix.as_slice()?, None),
            Self::Sparse(sparse) => (&[][..], Some(sparse.all())),
        };
        let targets = TargetsView::Values { outputs, values: &[] };
        Ok(Batch { rows: self.count(), dense, sparse, codes: &[], targets, weights: None })
    }

    /// A data set of them, of so many columns.
    pub fn dataset(self, columns: usize, targets: Targets<F>) -> PyResult<Dataset<F>> {
        Ok(match self {
            Self::Matrix(matrix) => Dataset::from_dense(columns, matrix.as_slice()?.to_vec(), targets),
            Self::Sparse(sparse) => Dataset::from_sparse(sparse, targets),
        })
    }
}

/// The rows from `from` up to `to` of a batch of so many numbers each.
pub fn part<'a, F: Number>(batch: &Batch<'a, F>, width: usize, from: usize, to: usize) -> Batch<'a, F> {
    let dense = if batch.sparse.is_some() { batch.dense } else { &batch.dense[from * width..to * width] };
    Batch { rows: to - from, dense, sparse: batch.sparse.map(|sparse| sparse.range(from, to)), ..*batch }
}

fn sparse<F: Number>(parts: &Bound<'_, PyTuple>, columns: usize) -> PyResult<SparseRows<F>> {
    let unlike = || PyTypeError::new_err("x: expected a matrix, or a tuple (indptr, indices, data)");
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
