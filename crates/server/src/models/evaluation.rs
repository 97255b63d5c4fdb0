//! How good the model is on the part that was held out, as pictures need it.

use deltarule::Task;
use deltarule::metric::{self, CalibrationBin, Histogram};
use deltarule::model::{Evaluation, Members, Predictions, evaluate};
use serde::Serialize;

use super::{LOOKED_AT, Part, Refusal, Studied, evenly};

/// Stretches of the probabilities.
const BINS: usize = 10;
/// Stretches of the residuals.
const RESIDUAL_BINS: usize = 30;
/// Points of predicted against true.
const POINTS: usize = 2_000;

/// What an evaluation found, with what its pictures show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pictured {
    part: Part,
    /// Rows of the part; the evaluation says how many of them were measured on.
    of: usize,
    classes: Vec<String>,
    #[serde(flatten)]
    found: Evaluation,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<Calibration>,
    /// Of each target of a regression.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<Numbers>,
}

/// Whether probabilities are what they say.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Calibration {
    /// Which probabilities: of this class, or of whatever is predicted.
    of: Option<String>,
    bins: Vec<CalibrationBin>,
}

/// A target's numbers beside what was predicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Numbers {
    target: String,
    /// y and ŷ of evenly chosen rows.
    points: Vec<[f64; 2]>,
    /// y − ŷ of all rows.
    residuals: Option<Histogram>,
}

impl Studied {
    /// Measures the model.
    ///
    /// # Errors
    /// Where the rows cannot be encoded, or none has a target.
    pub fn evaluation(&self) -> Result<Pictured, Refusal> {
        let part = self.held_out();
        let all = self.rows_of(part)?;
        let rows = evenly(&all, LOOKED_AT);
        let (table, encoder) = (&self.prepared.table, self.model.encoder());
        let found = match self.model.members() {
            Members::F32(networks) => evaluate(networks, encoder, &self.pool, table, &rows),
            Members::F64(networks) => evaluate(networks, encoder, &self.pool, table, &rows),
        }?;
        let picked = table.take_rows(&rows.iter().map(|&row| row as usize).collect::<Vec<_>>());
        let predictions = self.model.predict(&self.pool, &picked)?;
        let (mut calibration, mut numbers) = (None, Vec::new());
        match self.model.task() {
            Task::Regression => numbers = self.numbers(&rows, &predictions)?,
            Task::Multilabel => {
                let was = encoder.target_values(table, &rows)?.into_iter().map(|label| label > 0.5);
                calibration = Some(bins(None, predictions.values(), &was.collect::<Vec<_>>()));
            }
            Task::Binary | Task::Multiclass => calibration = self.calibration(&rows, &predictions)?,
        }
        let classes = encoder.classes().to_vec();
        Ok(Pictured { part, of: all.len(), classes, found, calibration, numbers })
    }

    /// Of two classes the probability of the second, of more that of the predicted one.
    fn calibration(&self, rows: &[u32], predictions: &Predictions) -> Result<Option<Calibration>, Refusal> {
        let classes = predictions.classes();
        let names = self.model.encoder().target_names();
        let Some(name) = names.first() else { return Ok(None) };
        let column = self.prepared.table.column(name)?;
        let is = |at: usize, class: usize| {
            column.word(rows[at] as usize).is_some_and(|word| word == classes[class])
        };
        let mut told = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let class = if classes.len() == 2 { Some(1) } else { predictions.class(row) };
            if let Some((class, p)) =
                class.and_then(|class| Some((class, predictions.probability(row, class)?)))
            {
                told.push((p, is(row, class)));
            }
        }
        let (probabilities, was): (Vec<f64>, Vec<bool>) = told.into_iter().unzip();
        let of = classes.get(1).filter(|_| classes.len() == 2).cloned();
        Ok(Some(bins(of, &probabilities, &was)))
    }

    fn numbers(&self, rows: &[u32], predictions: &Predictions) -> Result<Vec<Numbers>, Refusal> {
        let encoder = self.model.encoder();
        let (outputs, targets) = (encoder.outputs(), encoder.target_values(&self.prepared.table, rows)?);
        let every = targets.len() / outputs.max(1);
        let of_output = |(output, target): (usize, &String)| {
            let pair = |row: usize| {
                let at = row * outputs + output;
                [targets[at], predictions.values()[at]]
            };
            let shown = every.min(POINTS);
            let residuals: Vec<f64> = (0..every).map(pair).map(|[y, said]| y - said).collect();
            Numbers {
                target: target.clone(),
                points: (0..shown).map(|at| pair(at * every / shown)).collect(),
                residuals: metric::histogram(&residuals, RESIDUAL_BINS),
            }
        };
        Ok(encoder.target_names().iter().enumerate().map(of_output).collect())
    }
}

fn bins(of: Option<String>, probabilities: &[f64], was: &[bool]) -> Calibration {
    Calibration { of, bins: metric::calibration(probabilities, was, BINS) }
}
