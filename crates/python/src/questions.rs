//! What may be asked of a network on plain numbers: a gradient taken apart, the gradient check, what is wrong with its
//! training. The library answers; here rows become tables, and answers JSON.

use deltarule::config::{Config, resolve};
use deltarule::dataset::Samples;
use deltarule::encoder::Encoder as Recipes;
use deltarule::error::ErrorKind;
use deltarule::event::{Event, Observer};
use deltarule::explain::{self, Question};
use deltarule::gradient_check::check_model;
use deltarule::health::{Judgement, Record, Survey, findings};
use deltarule::model::Model;
use deltarule::network::Network;
use deltarule::table::Table as Rows;
use deltarule::{Pool, Real, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Serialize;
use serde_json::json;

use crate::arrays::matrix;
use crate::encoder::Encoder;
use crate::errors::{of_table, to_python};
use crate::plain_model::{self, Names};
use crate::table::Table;

/// Rows and their targets as a table: a matrix of float64, or with an encoder a table; and the targets as a matrix.
pub fn table_of(
    names: &Names,
    x: &Bound<'_, PyAny>,
    y: &Bound<'_, PyAny>,
    encoder: Option<&Bound<'_, Encoder>>,
) -> PyResult<Rows> {
    let y = matrix::<f64>("y", y, names.targets.len())?;
    let y = y.as_slice()?;
    let features = match encoder {
        Some(encoder) => {
            let table = x.cast::<Table>()?.get().alone()?;
            encoder.get().recipes.as_in_training(&table).map_err(|error| of_table(&error))?.into_owned()
        }
        None => {
            let x = matrix::<f64>("x", x, names.columns.len())?;
            plain_model::features(names, x.as_slice()?).map_err(|error| to_python(&error))?
        }
    };
    if features.rows() == 0 || features.rows() != y.len() / names.targets.len() {
        return Err(PyValueError::new_err("x and y: expected as many rows of each, one at least"));
    }
    let beyond = y.iter().find(|code| **code < 0.0 || **code >= names.classes.len() as f64);
    if let Some(code) = beyond.filter(|_| !names.classes.is_empty()) {
        return Err(PyValueError::new_err(format!(
            "y: expected classes below {}, got {code}",
            names.classes.len()
        )));
    }
    plain_model::with_targets(features, names, y).map_err(|error| to_python(&error))
}

fn all_rows(table: &Rows) -> Vec<u32> {
    (0..table.rows() as u32).collect()
}

/// The account in the format that was asked for.
pub fn explain(
    pool: &Pool,
    model: &Model,
    table: &Rows,
    question: &Question,
    format: &str,
) -> Result<String> {
    let account = explain::explain(pool, model, table, &all_rows(table), question)?;
    match format {
        "json" => Ok(text(&account)),
        "html" => Ok(account.to_html("deltarule")),
        "tex" => Ok(account.to_tex("deltarule")),
        other => Err(ErrorKind::BadSetting {
            setting: "format".to_owned(),
            got: format!("{other:?}"),
            expected: "json, html or tex".to_owned(),
            next: String::new(),
        }
        .into()),
    }
}

/// The receipt of the gradient check.
pub fn check(pool: &Pool, model: &Model, table: &Rows, most: usize) -> Result<String> {
    let told = check_model(pool, model, table, &all_rows(table), most)?;
    let network = &told.networks[0];
    let tensors: Vec<_> = network
        .double
        .tensors
        .iter()
        .zip(&network.single.tensors)
        .map(|(double, single)| {
            json!({
                "tensor": double.name,
                "compared": double.compared,
                "kinks": double.kinks,
                "failures": double.failures,
                "f64": double.largest_relative_error,
                "f32": single.relative_error,
            })
        })
        .collect();
    let worst: Vec<_> = network
        .worst
        .iter()
        .map(|entry| {
            json!({
                "precision": entry.precision,
                "parameter": entry.parameter.to_string(),
                "meaning": entry.meaning,
                "got": entry.got,
                "expected": entry.expected,
                "relative_error": entry.relative_error,
            })
        })
        .collect();
    let verdict = format!("{:?}", told.verdict()).to_lowercase();
    Ok(json!({ "verdict": verdict, "rows": told.rows, "tensors": tensors, "worst": worst }).to_string())
}

/// The findings of a training, with what its rows say before and after it.
pub fn diagnose<F: Real>(
    pool: &Pool,
    config: &Config,
    encoder: &Recipes,
    network: &Network<F>,
    record: &mut Record,
    train: &Samples<'_, F>,
    watched: Option<&Samples<'_, F>>,
) -> Result<String> {
    let loss = resolve::loss(config)?;
    record.observe(&Event::Surveyed { survey: Survey::of(pool, encoder, &loss, train) });
    record.observe(&Event::Judged { judgement: Judgement::of(pool, &loss, network, train, watched) });
    Ok(text(&findings(record, config)))
}

fn text(told: &impl Serialize) -> String {
    serde_json::to_string(told).unwrap_or_default()
}
