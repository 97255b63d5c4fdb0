//! What becomes of a table's columns on their way into a network.

use std::collections::BTreeMap;

use deltarule::Task;
use deltarule::config::{Config, resolve};
use deltarule::encoder::{Encoder as Recipes, EncoderOptions};
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Inputs, Number, owned};
use crate::errors::{of_table, to_python};
use crate::table::Table;

/// What the recipes follow from, and what they are in JSON.
type MadeOf = (BTreeMap<String, String>, Vec<String>, String);

/// A fitted encoder of columns: fitted on the training rows, it encodes any rows of the same columns.
#[pyclass(module = "deltarule._core", frozen)]
pub struct Encoder {
    pub recipes: Recipes,
    /// Those of `deltarule train`'s settings that say how columns become numbers.
    #[pyo3(get)]
    pub settings: BTreeMap<String, String>,
    /// Columns of numbers that are names.
    #[pyo3(get)]
    pub categorical: Vec<String>,
}

impl Encoder {
    /// The settings beside those of a network.
    pub fn configure(&self, config: &mut Config) -> deltarule::Result<()> {
        configured(config, &self.settings, &self.categorical).map(|_| ())
    }

    fn encoded<'py, F: Number>(
        &self,
        py: Python<'py>,
        table: &Table,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (columns, rows) = (table.columns()?, table.rows()?);
        let data = py.detach(|| {
            let columns = self.recipes.as_in_training(columns)?;
            self.recipes.encode_features::<F>(&columns, &rows)
        });
        let data = data.map_err(|error| of_table(&error))?;
        let dense = owned(py, data.dense.into_vec(), &[data.rows, data.dense_width])?;
        Ok((dense, owned(py, data.codes, &[data.rows, data.code_width])?))
    }
}

/// The settings of an encoder beside those that are there.
fn configured<'a>(
    config: &'a mut Config,
    settings: &BTreeMap<String, String>,
    categorical: &[String],
) -> deltarule::Result<&'a mut Config> {
    for (key, text) in settings {
        config.set(key, text)?;
    }
    config.categorical = (!categorical.is_empty()).then(|| categorical.to_vec());
    Ok(config)
}

// Python hands arguments over; there is nobody to borrow them from.
#[allow(clippy::needless_pass_by_value)]
#[pymethods]
impl Encoder {
    /// An encoder that was taken down by pickle.
    #[new]
    fn new(settings: BTreeMap<String, String>, categorical: Vec<String>, json: &str) -> PyResult<Self> {
        let recipes = serde_json::from_str(json)
            .map_err(|error| PyValueError::new_err(format!("the encoder's state: {error}")))?;
        Ok(Self { recipes, settings, categorical })
    }

    /// Fits on the rows of a table. `categorical` are columns of numbers that are names.
    #[staticmethod]
    fn fit(
        py: Python<'_>,
        table: &Table,
        settings: BTreeMap<String, String>,
        categorical: Vec<String>,
    ) -> PyResult<Self> {
        let options = || {
            let config = configured(&mut Config::default(), &settings, &categorical)?.clone();
            config.check()?;
            resolve::encoder_options(&config, Task::Regression)
        };
        let mut options = options().map_err(|error| to_python(&error))?;
        options.categorical.extend_from_slice(table.categories());
        // Numbers stay what they are, so that a column that has one value in a first part of the rows is learnt from later.
        let options = EncoderOptions { keep_constant: true, ..options };
        let (columns, rows) = (table.columns()?, table.rows()?);
        let recipes = py.detach(|| Recipes::fit_features(columns, &rows, &options));
        Ok(Self { recipes: recipes.map_err(|error| of_table(&error))?, settings, categorical })
    }

    /// The columns that it reads.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.recipes.feature_columns().into_iter().map(str::to_owned).collect()
    }

    /// What becomes of each of them, in words.
    #[getter]
    fn encodings(&self) -> Vec<String> {
        self.recipes.column_encodings()
    }

    /// What was noticed while fitting.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.recipes.notes().iter().map(ToString::to_string).collect()
    }

    /// What a network takes: numbers, learnt tables (rows, numbers in a row), one-hot groups (categories).
    #[getter]
    fn inputs(&self) -> Inputs {
        Inputs::of(self.recipes.input_shape())
    }

    /// Rows of the weights of a network's first dense layer.
    #[getter]
    fn fan_in(&self) -> usize {
        self.recipes.input_shape().fan_in()
    }

    /// Numbers and codes of a table's rows.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        table: &Table,
        double: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        if double { self.encoded::<f64>(py, table) } else { self.encoded::<f32>(py, table) }
    }

    /// A regression's targets as the network learns them, in float64.
    fn encode_targets<'py>(
        &self,
        py: Python<'py>,
        y: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let targets: Vec<f64> = y.as_array().iter().copied().collect();
        owned(py, self.recipes.encode_targets::<f64>(&targets), y.shape())
    }

    /// A regression's outputs in the targets' units, in float64.
    fn decode_targets<'py>(
        &self,
        py: Python<'py>,
        z: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let outputs: Vec<f64> = z.as_array().iter().copied().collect();
        owned(py, self.recipes.decode_targets(&outputs), z.shape())
    }

    /// The gradient of an output by the columns, per unit of each and of a regression's target, from that by the numbers
    /// that they became. NaN in columns of categories and datetimes. `z` are the outputs.
    fn gradient<'py>(
        &self,
        py: Python<'py>,
        table: &Table,
        gradient: PyReadonlyArray2<'_, f64>,
        z: Vec<f64>,
        output: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (columns, rows) = (table.columns()?, table.rows()?);
        let gradient: Vec<f64> = gradient.as_array().iter().copied().collect();
        let width = self.recipes.feature_columns().len();
        if gradient.len() != rows.len() * self.recipes.input_shape().dense || z.len() != rows.len() {
            return Err(PyValueError::new_err("gradient and z: expected as many rows as the table has"));
        }
        let by_column = || {
            let columns = self.recipes.as_in_training(columns)?;
            self.recipes.gradient_by_column(&columns, &rows, &gradient)
        };
        let mut by_column = by_column().map_err(|error| of_table(&error))?;
        for (row, &z) in by_column.chunks_exact_mut(width).zip(&z) {
            let slope = self.recipes.target_slope(output, z);
            row.iter_mut().for_each(|x| *x *= slope);
        }
        owned(py, by_column, &[rows.len(), width])
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, MadeOf)> {
        let this = slf.get();
        let json = serde_json::to_string(&this.recipes)
            .map_err(|error| PyValueError::new_err(format!("the encoder's state: {error}")))?;
        Ok((slf.get_type().into_any(), (this.settings.clone(), this.categorical.clone(), json)))
    }
}
