//! Tables of other libraries: columns that are read where they lie, through Arrow's C stream interface.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use deltarule::table::{Column, ColumnData, ColumnType, Table as Columns, arrow};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;

use crate::arrays::{Number, owned};
use crate::errors::of_table;

/// What messages call the table.
const SOURCE: &str = "X";

/// Named columns, all rows of them or some.
#[pyclass(module = "deltarule._core", frozen)]
pub struct Table {
    held: Arc<Held>,
    /// Rows of what is held; `None`: all.
    rows: Option<Vec<u32>>,
}

enum Held {
    /// Another library's, where they lie.
    Arrow { schema: SchemaRef, batches: Vec<RecordBatch>, names: Vec<String> },
    /// Our own, and which of them were declared to be categories by their type.
    Columns(Columns, Vec<String>),
}

// Python hands arguments over; there is nobody to borrow them from.
#[allow(clippy::needless_pass_by_value)]
#[pymethods]
impl Table {
    /// The columns of an object with `__arrow_c_stream__` or `__arrow_c_array__`, not copied.
    #[staticmethod]
    fn of(table: &Bound<'_, PyAny>) -> PyResult<Self> {
        let reader =
            table.extract::<AnyRecordBatch>().and_then(AnyRecordBatch::into_reader).map_err(|error| {
                let kind = table.get_type();
                PyValueError::new_err(format!(
                    "{SOURCE}: expected a table of named columns, got {kind}: {error}"
                ))
            })?;
        let schema = reader.schema();
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        let batches = reader.collect::<Result<_, ArrowError>>();
        let batches = batches.map_err(|error| PyValueError::new_err(format!("{SOURCE}: {error}")))?;
        Ok(Self::all(Held::Arrow { schema, batches, names }))
    }

    /// The columns of a matrix of float32 or float64, copied.
    #[staticmethod]
    fn of_matrix(x: &Bound<'_, PyAny>, names: Vec<String>) -> PyResult<Self> {
        fn columns<F: Number>(
            x: &Bound<'_, PyAny>,
            names: &[String],
            data: fn(Vec<F>) -> ColumnData,
        ) -> Option<Vec<Column>> {
            let x: PyReadonlyArray2<'_, F> = x.extract().ok()?;
            let (x, names) = (x.as_array(), names.iter());
            Some(
                names
                    .zip(x.columns())
                    .map(|(name, column)| Column::new(name, data(column.to_vec())))
                    .collect(),
            )
        }
        let single = || columns::<f32>(x, &names, ColumnData::F32);
        let Some(columns) = columns::<f64>(x, &names, ColumnData::F64).or_else(single) else {
            return Err(PyTypeError::new_err("x: expected a matrix of float32 or float64"));
        };
        Columns::new(SOURCE, columns)
            .map(|table| Self::all(Held::Columns(table, Vec::new())))
            .map_err(|error| of_table(&error))
    }

    /// The columns' names.
    #[getter]
    fn names(&self) -> Vec<String> {
        match &*self.held {
            Held::Arrow { names, .. } => names.clone(),
            Held::Columns(table, _) => table.names(),
        }
    }

    /// Rows and columns.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        let (rows, columns) = match &*self.held {
            Held::Arrow { batches, names, .. } => {
                (batches.iter().map(RecordBatch::num_rows).sum(), names.len())
            }
            Held::Columns(table, _) => (table.rows(), table.columns().len()),
        };
        (self.rows.as_ref().map_or(rows, Vec::len), columns)
    }

    /// Each column's type: number, boolean, category, text or datetime.
    #[getter]
    fn types(&self) -> PyResult<Vec<&'static str>> {
        let types = match &*self.held {
            Held::Arrow { schema, names, .. } => {
                arrow::column_types(schema, names).map_err(|error| of_table(&error))?
            }
            Held::Columns(table, _) => table.columns().iter().map(Column::column_type).collect(),
        };
        Ok(types.into_iter().map(ColumnType::name).collect())
    }

    /// The table taken over into columns of our own, under these names. Numbers, truth values and times are copied once,
    /// words become codes.
    fn taken(&self, py: Python<'_>, names: Vec<String>) -> PyResult<Self> {
        let Held::Arrow { schema, batches, .. } = &*self.held else {
            return Err(PyTypeError::new_err("the table was taken over already"));
        };
        if names.len() != schema.fields().len() {
            let (expected, got) = (schema.fields().len(), names.len());
            return Err(PyValueError::new_err(format!("names: expected {expected}, got {got}")));
        }
        let table =
            py.detach(|| arrow::table(SOURCE, schema, batches, &names)).map_err(|error| of_table(&error))?;
        let kinds = arrow::column_types(schema, &names).map_err(|error| of_table(&error))?;
        let of_kind = names.into_iter().zip(kinds).filter(|(_, kind)| *kind == ColumnType::Category);
        let categories = of_kind.map(|(name, _)| name).collect();
        Ok(Self { held: Arc::new(Held::Columns(table, categories)), rows: self.rows.clone() })
    }

    /// Columns whose missing values are no category: numbers, truth values and datetimes.
    fn incomplete(&self) -> PyResult<Vec<String>> {
        let table = self.columns()?;
        let is_incomplete =
            |column: &&Column| !matches!(column.data, ColumnData::Text(_)) && column.missing() > 0;
        Ok(table.columns().iter().filter(is_incomplete).map(|column| column.name.clone()).collect())
    }

    /// These rows, without a copy.
    fn take(&self, rows: PyReadonlyArray1<'_, u32>) -> PyResult<Self> {
        let all = self.shape().0;
        let rows = rows.as_array();
        if let Some(row) = rows.iter().find(|row| **row as usize >= all) {
            return Err(PyValueError::new_err(format!("rows: expected numbers below {all}, got {row}")));
        }
        let rows =
            rows.iter().map(|&row| self.rows.as_ref().map_or(row, |taken| taken[row as usize])).collect();
        Ok(Self { held: Arc::clone(&self.held), rows: Some(rows) })
    }

    /// All rows of columns of numbers and truth values, as a matrix of either precision; missing ones are NaN.
    fn numbers<'py>(&self, py: Python<'py>, double: bool) -> PyResult<Bound<'py, PyAny>> {
        if double { self.matrix::<f64>(py) } else { self.matrix::<f32>(py) }
    }
}

impl Table {
    fn all(held: Held) -> Self {
        Self { held: Arc::new(held), rows: None }
    }

    /// The columns, once they were [taken](Self::taken).
    pub fn columns(&self) -> PyResult<&Columns> {
        match &*self.held {
            Held::Columns(table, _) => Ok(table),
            Held::Arrow { .. } => Err(PyTypeError::new_err("the table was not taken over yet")),
        }
    }

    /// The numbers of the rows in [`columns`](Self::columns).
    pub fn rows(&self) -> PyResult<Vec<u32>> {
        if let Some(rows) = &self.rows {
            return Ok(rows.clone());
        }
        let rows = u32::try_from(self.shape().0)
            .map_err(|_| PyValueError::new_err(format!("{SOURCE}: expected fewer than 2**32 rows")))?;
        Ok((0..rows).collect())
    }

    /// The rows as a table of their own.
    pub fn alone(&self) -> PyResult<Columns> {
        let table = self.columns()?;
        Ok(match &self.rows {
            None => table.clone(),
            Some(rows) => table.take_rows(&rows.iter().map(|&row| row as usize).collect::<Vec<_>>()),
        })
    }

    /// Names of the columns that were declared to be categories by their type.
    pub fn categories(&self) -> &[String] {
        match &*self.held {
            Held::Columns(_, categories) => categories,
            Held::Arrow { .. } => &[],
        }
    }

    fn matrix<'py, F: Number>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Held::Arrow { schema, batches, names } = &*self.held else {
            return Err(PyTypeError::new_err("the table was taken over"));
        };
        let numbers = py.detach(|| arrow::matrix::<F>(schema, batches, names));
        let (rows, columns) = self.shape();
        owned(py, numbers.map_err(|error| of_table(&error))?, &[rows, columns])
    }
}
