//! Rows with what the model says of them, those that cost most first.

use deltarule::Task;
use deltarule::model::Predictions;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Image, LOOKED_AT, Part, Refusal, Studied, evenly, pixel_columns};

/// Rows in an answer, at most.
const MOST: usize = 200;

/// Columns in an answer, at most: a picture of 32 × 32 has 1,024.
const MOST_COLUMNS: usize = 1024;

/// Which rows come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Those that cost most.
    #[default]
    Cost,
    /// As in the table.
    Row,
}

/// Which rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The part that is held out where none is named.
    pub part: Option<Part>,
    /// How many of the first to leave out.
    pub from: usize,
    /// How many; 50 where nothing is said.
    pub count: Option<usize>,
    /// Their order.
    pub sort: Order,
}

/// Some rows of a part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rows {
    pub(super) part: Part,
    /// How many the part has.
    pub(super) rows: usize,
    /// How many of them were looked at.
    pub(super) looked_at: usize,
    /// Rows of the whole table.
    pub(super) of_table: usize,
    pub(super) task: Task,
    pub(super) members: usize,
    pub(super) targets: Vec<String>,
    pub(super) columns: Vec<String>,
    /// Columns that are not told.
    pub(super) more_columns: usize,
    pub(super) image: Option<Image>,
    /// The rows themselves.
    pub list: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its number in the table, from 1.
    pub row: usize,
    /// Its cells as the table has them, `null` where one is missing.
    cells: Vec<Option<String>>,
    /// y, one for each target.
    target: Vec<Value>,
    /// ŷ of the same.
    prediction: Vec<Value>,
    /// Of the predicted class.
    probability: Option<f64>,
    cost: f64,
    /// Whether another class or label is predicted; of numbers nothing is.
    wrong: Option<bool>,
}

impl Studied {
    /// Rows as they are asked for.
    ///
    /// # Errors
    /// Where the rows cannot be encoded.
    pub fn rows(&mut self, asked: Asked) -> Result<Rows, Refusal> {
        let part = asked.part.unwrap_or_else(|| self.held_out());
        let rows = self.rows_of(part)?;
        let mut costs = self.costs(part, &rows)?;
        if asked.sort == Order::Row {
            costs.sort_unstable_by_key(|&(row, _)| row);
        }
        let count = asked.count.unwrap_or(50).min(MOST);
        let chosen: Vec<(u32, f64)> = costs.iter().skip(asked.from).take(count).copied().collect();
        let list = self.told(&chosen)?;
        Ok(Rows { rows: rows.len(), looked_at: costs.len(), list, ..self.about(part) })
    }

    /// Rows by their number in the table, from 1, in this order.
    ///
    /// # Errors
    /// Where there is no such row, or it has no target that the model knows.
    pub fn rows_by_number(&self, numbers: &[usize]) -> Result<Rows, Refusal> {
        let rows = numbers.iter().map(|&number| self.row(number)).collect::<Result<Vec<_>, _>>()?;
        let costs = self.model.row_costs(&self.pool, &self.prepared.table, &rows)?;
        let list = self.told(&rows.into_iter().zip(costs).collect::<Vec<_>>())?;
        Ok(Rows { rows: list.len(), looked_at: list.len(), list, ..self.about(Part::All) })
    }

    /// The worst row of the part that is held out, the best one, and the first, by their numbers; each once.
    ///
    /// # Errors
    /// Where the rows cannot be encoded, or there is none.
    pub fn telling_rows(&mut self) -> Result<Vec<usize>, Refusal> {
        let part = self.held_out();
        let rows = self.rows_of(part)?;
        let costs = self.costs(part, &rows)?;
        let (Some(worst), Some(best), Some(first)) = (costs.first(), costs.last(), rows.first()) else {
            return Err(Refusal::conflict(format!("{}: no row has a target", self.prepared.table.source)));
        };
        let mut telling = Vec::new();
        for row in [worst.0, best.0, *first] {
            let number = row as usize + 1;
            if !telling.contains(&number) {
                telling.push(number);
            }
        }
        Ok(telling)
    }

    /// Rows and what they cost, those that cost most first; NaN before all.
    fn costs(&mut self, part: Part, rows: &[u32]) -> Result<Vec<(u32, f64)>, Refusal> {
        if let Some(known) = self.costs.get(&part) {
            return Ok(known.clone());
        }
        let rows = evenly(rows, LOOKED_AT);
        let costs = self.model.row_costs(&self.pool, &self.prepared.table, &rows)?;
        let mut costs: Vec<(u32, f64)> = rows.into_iter().zip(costs).collect();
        let size = |cost: f64| if cost.is_nan() { f64::INFINITY } else { cost };
        costs.sort_by(|(_, a), (_, b)| size(*b).total_cmp(&size(*a)));
        self.costs.insert(part, costs.clone());
        Ok(costs)
    }

    /// All but the rows themselves.
    fn about(&self, part: Part) -> Rows {
        let columns = self.columns();
        let told = columns.len().min(MOST_COLUMNS);
        Rows {
            part,
            rows: 0,
            looked_at: 0,
            of_table: self.prepared.table.rows(),
            task: self.model.task(),
            members: self.model.members().len(),
            targets: self.model.encoder().target_names().to_vec(),
            more_columns: columns.len() - told,
            columns: columns.into_iter().take(told).map(str::to_owned).collect(),
            image: self.image,
            list: Vec::new(),
        }
    }

    /// What a row is made of: of an image all pixels, those that never change with them.
    fn columns(&self) -> Vec<&str> {
        match self.image {
            Some(_) => pixel_columns(&self.prepared),
            None => self.model.encoder().feature_columns(),
        }
    }

    /// Rows with their costs as they are told.
    pub(super) fn told(&self, rows: &[(u32, f64)]) -> Result<Vec<Row>, Refusal> {
        let table = &self.prepared.table;
        let picked = table.take_rows(&rows.iter().map(|&(row, _)| row as usize).collect::<Vec<_>>());
        let predictions = self.model.predict(&self.pool, &picked)?;
        let columns = self.columns();
        let columns = columns.iter().take(MOST_COLUMNS).map(|name| picked.column(name));
        let columns = columns.collect::<deltarule::Result<Vec<_>>>()?;
        let targets = self.model.encoder().target_names().iter().map(|name| picked.column(name));
        let targets = targets.collect::<deltarule::Result<Vec<_>>>()?;
        let one = |(at, &(row, cost)): (usize, &(u32, f64))| {
            let target = targets.iter().map(|column| match self.model.task() {
                Task::Regression => Value::from(column.number(at)),
                Task::Multilabel => label(column.number(at)),
                Task::Binary | Task::Multiclass => {
                    column.word(at).map_or(Value::Null, |word| Value::from(word.into_owned()))
                }
            });
            let target = target.collect();
            Row {
                row: row as usize + 1,
                cells: columns.iter().map(|column| column.word(at).map(Into::into)).collect(),
                prediction: said(&predictions, self.model.task(), at),
                probability: predictions.class(at).and_then(|class| predictions.probability(at, class)),
                wrong: None,
                target,
                cost,
            }
        };
        let told = rows.iter().enumerate().map(one).map(|row| {
            let wrong = (self.model.task() != Task::Regression).then(|| row.target != row.prediction);
            Row { wrong, ..row }
        });
        Ok(told.collect())
    }
}

/// The prediction for each target.
fn said(predictions: &Predictions, task: Task, row: usize) -> Vec<Value> {
    let values = &predictions.values()[row * predictions.outputs()..][..predictions.outputs()];
    match task {
        Task::Binary | Task::Multiclass => {
            let class = predictions.class(row).and_then(|class| predictions.classes().get(class));
            vec![class.map_or(Value::Null, |class| Value::from(class.as_str()))]
        }
        Task::Regression => values.iter().map(|&value| Value::from(value)).collect(),
        Task::Multilabel => values.iter().map(|&p| label(p)).collect(),
    }
}

/// A label, of a probability above ½ as of a 1.
fn label(number: f64) -> Value {
    if number.is_nan() { Value::Null } else { Value::from(if number > 0.5 { "1" } else { "0" }) }
}
