//! One row's gradient taken apart, with what its picture needs.

use deltarule::explain::{self, Parameter, Reach};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, Studied};

/// Units of a layer that are drawn, at most.
const DRAWN: usize = 40;
/// As far as a page takes a gradient apart where nothing is said: to the cost, of all but the deepest networks.
const DEPTH: usize = 5;
/// The largest terms of each sum, at most; and layers, at most: 3⁶ terms are a page's worth.
const MOST: Reach = Reach { top: 10, depth: 6 };
/// Terms that a ledger may branch into.
const TERMS: usize = 5_000;

/// What is asked of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Question {
    /// Its number in the table, from 1.
    pub row: usize,
    /// `layer,from,to` of a weight, or a tensor's name and a place in it: `layers.0.b,3`.
    pub parameter: Option<String>,
    /// Which network of an ensemble, from 1.
    pub member: Option<usize>,
    /// The largest terms of each sum.
    pub top: Option<usize>,
    /// Layers towards the cost.
    pub depth: Option<usize>,
}

impl Studied {
    /// Tells it as `deltarule explain --json` does, with `drawing` and the row itself as `told` beside it.
    ///
    /// # Errors
    /// For a row, a parameter or a member that is not there, and more than a page can hold.
    pub fn explained(&self, question: &Question) -> Result<Value, Refusal> {
        let row = self.row(question.row)?;
        let reach = reach_of(question)?;
        let asked = explain::Question {
            parameter: question.parameter.as_deref().map(parameter).transpose()?,
            member: question.member.unwrap_or(1),
            reach,
            ..explain::Question::default()
        };
        let table = &self.prepared.table;
        if self.model.encoder().usable_rows(table, &[row])?.rows.is_empty() {
            return Err(Refusal::conflict(format!(
                "{}: row {} has no target that the model knows, so it has no cost; choose another",
                table.source, question.row
            )));
        }
        let (account, drawing) = explain::explain_drawn(&self.pool, &self.model, table, row, &asked, DRAWN)?;
        let cost = account.cost;
        let failed = |error: serde_json::Error| Refusal::conflict(error.to_string());
        let mut document = serde_json::to_value(&account).map_err(failed)?;
        document["rows"] = json!({ "first": question.row, "last": question.row });
        document["drawing"] = serde_json::to_value(&drawing).map_err(failed)?;
        document["told"] = serde_json::to_value(self.told(&[(row, cost)])?.first()).map_err(failed)?;
        Ok(document)
    }
}

fn reach_of(question: &Question) -> Result<Reach, Refusal> {
    let usual = Reach { depth: DEPTH, ..Reach::default() };
    let reach =
        Reach { top: question.top.unwrap_or(usual.top), depth: question.depth.unwrap_or(usual.depth) };
    let terms = reach.top.saturating_pow(u32::try_from(reach.depth).unwrap_or(u32::MAX));
    if reach.top > MOST.top || reach.depth > MOST.depth || terms > TERMS {
        return Err(Refusal::bad(format!(
            "top {} and depth {}: expected at most {} and {}, and top to the power of depth at most {TERMS}; ask for less",
            reach.top, reach.depth, MOST.top, MOST.depth
        )));
    }
    Ok(reach)
}

/// `1,3,5`, the weight of layer 1 from its input 3 to its unit 5; any other by its tensor: `layers.0.b,3`.
fn parameter(text: &str) -> Result<Parameter, Refusal> {
    let mut parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let numbers = |parts: &[&str]| parts.iter().map(|part| part.parse().ok()).collect::<Option<Vec<usize>>>();
    if let Some([layer, from, to]) = numbers(&parts).as_deref() {
        return Ok(Parameter::weight(*layer, *from, *to));
    }
    let tensor = parts.remove(0).to_owned();
    match numbers(&parts) {
        Some(place) if !place.is_empty() && !tensor.is_empty() => Ok(Parameter { tensor, place }),
        _ => Err(Refusal::bad(format!(
            "parameter {text:?}: expected layer,from,to of a weight, such as 0,2,5, or a tensor and a place in it, such as \
             layers.0.b,3"
        ))),
    }
}
