//! What the training rows say before the first step: sizes of columns, shares of classes, what a constant would cost, and
//! how far a single column gets by itself.

use std::collections::HashMap;

use deltarule_kernels::{Activation, Pool, Real};
use serde::{Deserialize, Serialize};

use super::telemetry::rounded;
use crate::dataset::{Samples, Targets, TargetsView};
use crate::encoder::Encoder;
use crate::event::null_is_nan;
use crate::loss::{Cost, Loss, best_constant};
use crate::task::Task;

/// Rows that are looked at, at most; all of them where there are fewer.
const ROWS: usize = 2048;
/// Rows times columns that are looked at, about, so that a wide table costs no more than a long one.
const CELLS: usize = 1 << 20;
/// Target columns that single columns are tried on.
const HEADS: usize = 8;
/// Pieces that a column of numbers is cut into at its quantiles.
const PIECES: usize = 64;

/// Facts of the training rows, as the network sees them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Rows to train on.
    pub rows: u64,
    /// Columns that the inputs are made of.
    pub columns: u64,
    /// Mean cost of the best constant prediction.
    #[serde(deserialize_with = "null_is_nan")]
    pub baseline: f64,
    /// Mean cost of a perfect prediction: 0, but for smoothed labels and the Poisson cost.
    #[serde(deserialize_with = "null_is_nan")]
    pub floor: f64,
    /// Share of the rarest class, where there are classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarest: Option<Share>,
    /// The column with the largest root mean square as it enters the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest: Option<Size>,
    /// Share of the targets that the output's activation cannot reach.
    #[serde(deserialize_with = "null_is_nan")]
    pub out_of_reach: f64,
    /// The column that tells most of the target by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_column: Option<SingleColumn>,
}

/// A class and its share of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The class.
    pub class: String,
    /// Its share.
    #[serde(deserialize_with = "null_is_nan")]
    pub share: f64,
}

/// A column's size as it enters the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// The column.
    pub column: String,
    /// Root mean square of its largest number.
    #[serde(deserialize_with = "null_is_nan")]
    pub rms: f64,
}

/// What one column tells by itself: a table of it (64 pieces at its quantiles, or its categories) made of every other
/// row, and tried on the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SingleColumn {
    /// The column.
    pub column: String,
    /// What is predicted: `accuracy` or `r2`.
    pub score: String,
    /// The column's score.
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
    /// The score of a constant.
    #[serde(deserialize_with = "null_is_nan")]
    pub baseline: f64,
    /// Share of the constant's error that the column removes.
    #[serde(deserialize_with = "null_is_nan")]
    pub removed: f64,
    /// Rows that it was tried on.
    pub rows: u64,
}

impl Survey {
    /// Looks at encoded training rows.
    #[must_use]
    pub fn of<F: Real>(pool: &Pool, encoder: &Encoder, loss: &Loss, train: &Samples<'_, F>) -> Self {
        let names = encoder.feature_columns();
        let columns = names.len().max(1);
        let most = (CELLS / columns).clamp(256, ROWS).min(train.rows);
        let rows: Vec<usize> = (0..most).map(|row| row * train.rows / most).collect();
        let heads = heads(encoder.task(), train, &rows);
        let values = Columns::of(encoder, train, &rows);
        Self {
            rows: train.rows as u64,
            columns: names.len() as u64,
            baseline: rounded(constant_cost(pool, loss, train, &constants(loss, train), train)),
            floor: rounded(floor(loss, train)),
            rarest: rarest(encoder, &train.targets),
            largest: values.largest(&names),
            out_of_reach: rounded(out_of_reach(loss.output(), &train.targets)),
            best_column: values.best(&names, &heads),
        }
    }
}

/// What is to be told of each row: a class, or a number.
enum Head {
    Classes(Vec<u32>),
    Numbers(Vec<f64>),
}

fn heads<F: Real>(task: Task, train: &Samples<'_, F>, rows: &[usize]) -> Vec<Head> {
    match &train.targets {
        Targets::Classes { codes, .. } => vec![Head::Classes(rows.iter().map(|&row| codes[row]).collect())],
        Targets::Values { outputs, values } => (0..(*outputs).min(HEADS))
            .map(|output| {
                let of = rows.iter().map(|&row| values[row * outputs + output].to_f64());
                if task == Task::Regression {
                    Head::Numbers(of.collect())
                } else {
                    Head::Classes(of.map(|value| u32::from(value > 0.5)).collect())
                }
            })
            .collect(),
    }
}

/// A sample of rows, column by column.
struct Columns {
    rows: usize,
    /// Each column's numbers, or codes, and its largest root mean square as the network sees it.
    values: Vec<(Entry, f64)>,
}

enum Entry {
    Numbers(Vec<f64>),
    Codes(Vec<u32>),
}

impl Columns {
    /// Of a column that the encoder makes several numbers of: the categories that they stand for, where they take few
    /// values together, else their sum, since the pieces of a piecewise encoding grow together.
    fn of<F: Real>(encoder: &Encoder, train: &Samples<'_, F>, rows: &[usize]) -> Self {
        let shape = encoder.input_shape();
        let origins = encoder.feature_origins();
        let mut features: Vec<Vec<usize>> = vec![Vec::new(); encoder.feature_columns().len()];
        origins
            .iter()
            .take(shape.dense)
            .enumerate()
            .for_each(|(feature, &column)| features[column].push(feature));
        let all = train.range(0, train.rows);
        let number = |row: usize, feature: usize| all.number(row, feature).to_f64();
        let size = |feature: usize| {
            let squares: f64 = rows.iter().map(|&row| number(row, feature).powi(2)).sum();
            (squares / rows.len().max(1) as f64).sqrt()
        };
        let entry = |features: &Vec<usize>| {
            if features.len() > 1
                && let Some(codes) = patterns(rows, features, number)
            {
                return Entry::Codes(codes);
            }
            let sum = |row: &usize| features.iter().map(|&feature| number(*row, feature)).sum();
            Entry::Numbers(rows.iter().map(sum).collect())
        };
        let mut entries: Vec<(Entry, f64)> = features
            .iter()
            .map(|features| {
                (entry(features), features.iter().map(|&feature| size(feature)).fold(0.0, f64::max))
            })
            .collect();
        let widths = shape.embedded.iter().map(|table| table.dimension).chain(shape.one_hot.iter().copied());
        let mut at = shape.dense;
        for (code, width) in widths.enumerate() {
            if let Some(&column) = origins.get(at) {
                let codes = rows.iter().map(|&row| train.codes[row * train.code_width + code]).collect();
                entries[column] = (Entry::Codes(codes), 0.0);
            }
            at += width;
        }
        Self { rows: rows.len(), values: entries }
    }

    fn largest(&self, names: &[&str]) -> Option<Size> {
        let sizes = self.values.iter().zip(names).map(|((_, size), name)| (*size, *name));
        let (rms, name) = sizes.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(size, _)| *size > 0.0)?;
        Some(Size { column: name.to_owned(), rms: rounded(rms) })
    }

    fn best(&self, names: &[&str], heads: &[Head]) -> Option<SingleColumn> {
        if self.rows < 20 {
            return None;
        }
        let mut best: Option<SingleColumn> = None;
        for ((entry, _), name) in self.values.iter().zip(names) {
            let Some(cells) = entry.cells(self.rows) else { continue };
            for head in heads {
                let (score, value, baseline, removed) = head.told_by(entry, &cells);
                if best.as_ref().is_none_or(|best| removed > best.removed) {
                    best = Some(SingleColumn {
                        column: (*name).to_owned(),
                        score: score.to_owned(),
                        value: rounded(value),
                        baseline: rounded(baseline),
                        removed: rounded(removed),
                        rows: (self.rows / 2) as u64,
                    });
                }
            }
        }
        best
    }
}

/// The number of each row's values of these features among those that occur; `None` where too many do.
fn patterns(rows: &[usize], features: &[usize], number: impl Fn(usize, usize) -> f64) -> Option<Vec<u32>> {
    let mut known: HashMap<Vec<u64>, u32> = HashMap::new();
    let mut codes = Vec::with_capacity(rows.len());
    for &row in rows {
        let pattern = features.iter().map(|&feature| number(row, feature).to_bits()).collect();
        let next = known.len() as u32;
        codes.push(*known.entry(pattern).or_insert(next));
        if known.len() > PIECES {
            return None;
        }
    }
    Some(codes)
}

impl Entry {
    /// The piece or category that each row is in; `None` where there is but one.
    fn cells(&self, rows: usize) -> Option<Vec<u32>> {
        match self {
            Self::Codes(codes) => Some(codes.clone()),
            Self::Numbers(numbers) => {
                if numbers.len() != rows {
                    return None;
                }
                let mut sorted: Vec<f64> = numbers.iter().copied().step_by(2).collect();
                sorted.sort_by(f64::total_cmp);
                let pieces = PIECES.min(sorted.len() / 4).max(2);
                let mut cuts: Vec<f64> = (1..pieces).map(|cut| sorted[cut * sorted.len() / pieces]).collect();
                cuts.dedup();
                if sorted.first() == sorted.last() {
                    return None;
                }
                Some(numbers.iter().map(|number| cuts.partition_point(|cut| cut <= number) as u32).collect())
            }
        }
    }
}

impl Head {
    /// Score's name, the column's score, a constant's, and the share of the error that the column removes. Even rows make
    /// the table, odd ones try it.
    fn told_by(&self, entry: &Entry, cells: &[u32]) -> (&'static str, f64, f64, f64) {
        match self {
            Self::Classes(classes) => {
                let (value, baseline) = accuracy_of(classes, cells);
                ("accuracy", value, baseline, removed(1.0 - value, 1.0 - baseline))
            }
            Self::Numbers(numbers) => {
                let mut left = squares_left_by_table(numbers, cells);
                if let Entry::Numbers(x) = entry {
                    left = left.min(squares_left_by_line(numbers, x));
                }
                ("r2", 1.0 - left, 0.0, 1.0 - left)
            }
        }
    }
}

fn removed(left: f64, of: f64) -> f64 {
    if of > 0.0 { 1.0 - left / of } else { 0.0 }
}

/// Accuracy of the most frequent class of each cell, and of the most frequent class.
fn accuracy_of(classes: &[u32], cells: &[u32]) -> (f64, f64) {
    let (most, widest) = (top(classes) + 1, top(cells) + 1);
    let mut counts = vec![0_u32; most * widest];
    let mut all = vec![0_u32; most];
    for (&class, &cell) in classes.iter().zip(cells).step_by(2) {
        counts[cell as usize * most + class as usize] += 1;
        all[class as usize] += 1;
    }
    let winner = |counts: &[u32]| -> Option<u32> {
        let (class, &count) =
            counts.iter().enumerate().max_by_key(|&(class, &count)| (count, usize::MAX - class))?;
        (count > 0).then_some(class as u32)
    };
    let usual = winner(&all).unwrap_or(0);
    let table: Vec<u32> = counts.chunks(most).map(|counts| winner(counts).unwrap_or(usual)).collect();
    let tried = || classes.iter().zip(cells).skip(1).step_by(2);
    let count = tried().count().max(1) as f64;
    let right = tried().filter(|&(&class, &cell)| table[cell as usize] == class).count() as f64;
    let constant = tried().filter(|&(&class, _)| class == usual).count() as f64;
    (right / count, constant / count)
}

fn top(codes: &[u32]) -> usize {
    codes.iter().copied().max().unwrap_or(0) as usize
}

/// Share of the squared error of the mean that each cell's mean leaves.
fn squares_left_by_table(y: &[f64], cells: &[u32]) -> f64 {
    let mut sums = vec![(0.0, 0.0); top(cells) + 1];
    let (mut sum, mut count) = (0.0, 0.0);
    for (&y, &cell) in y.iter().zip(cells).step_by(2) {
        let cell = &mut sums[cell as usize];
        *cell = (cell.0 + y, cell.1 + 1.0);
        (sum, count) = (sum + y, count + 1.0);
    }
    let mean = sum / f64::max(count, 1.0);
    let of = |cell: u32| {
        let (sum, count) = sums[cell as usize];
        if count > 0.0 { sum / count } else { mean }
    };
    let tried = || y.iter().zip(cells).skip(1).step_by(2);
    let left: f64 = tried().map(|(y, &cell)| (y - of(cell)).powi(2)).sum();
    let whole: f64 = tried().map(|(y, _)| (y - mean).powi(2)).sum();
    if whole > 0.0 { left / whole } else { 1.0 }
}

/// Share of the squared error of the mean that a straight line through the even rows leaves on the odd ones.
fn squares_left_by_line(y: &[f64], x: &[f64]) -> f64 {
    let fit: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).step_by(2).collect();
    let count = fit.len().max(1) as f64;
    let mean_x = fit.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = fit.iter().map(|(_, y)| y).sum::<f64>() / count;
    let along: f64 = fit.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let across: f64 = fit.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let slope = if across > 0.0 { along / across } else { 0.0 };
    let tried = || x.iter().zip(y).skip(1).step_by(2);
    let left: f64 = tried().map(|(x, y)| (y - mean_y - slope * (x - mean_x)).powi(2)).sum();
    let whole: f64 = tried().map(|(_, y)| (y - mean_y).powi(2)).sum();
    if whole > 0.0 { left / whole } else { 1.0 }
}

/// The rarest class of a task with classes.
fn rarest<F: Real>(encoder: &Encoder, targets: &Targets<F>) -> Option<Share> {
    let codes: Vec<u32> = match targets {
        Targets::Classes { codes, .. } => codes.clone(),
        Targets::Values { outputs: 1, values } if encoder.task() == Task::Binary => {
            values.iter().map(|value| u32::from(value.to_f64() > 0.5)).collect()
        }
        Targets::Values { .. } => return None,
    };
    let mut counts = vec![0_usize; encoder.classes().len().max(top(&codes) + 1)];
    codes.iter().for_each(|&class| counts[class as usize] += 1);
    let (class, &count) = counts.iter().enumerate().min_by_key(|&(_, &count)| count)?;
    let class = encoder.classes().get(class).cloned().unwrap_or_else(|| class.to_string());
    Some(Share { class, share: rounded(count as f64 / codes.len().max(1) as f64) })
}

/// Share of the targets outside of what f can put out.
fn out_of_reach<F: Real>(f: Activation, targets: &Targets<F>) -> f64 {
    let Targets::Values { values, .. } = targets else { return 0.0 };
    let slack = 1e-6;
    let (from, to) = match f {
        Activation::Sigmoid | Activation::Softmax => (0.0, 1.0),
        Activation::Tanh => (-1.0, 1.0),
        Activation::Relu | Activation::Softplus | Activation::Exp => (0.0, f64::INFINITY),
        Activation::Elu { alpha } => (-alpha, f64::INFINITY),
        Activation::Selu => (-1.758_1, f64::INFINITY),
        Activation::Gelu => (-0.17, f64::INFINITY),
        Activation::Silu => (-0.279, f64::INFINITY),
        Activation::Mish => (-0.309, f64::INFINITY),
        Activation::Identity | Activation::LeakyRelu { .. } => return 0.0,
    };
    let outside = values.iter().map(|value| value.to_f64()).filter(|y| *y < from - slack || *y > to + slack);
    outside.count() as f64 / values.len().max(1) as f64
}

/// The best constant of each output before its activation, as far as that reaches it.
pub(super) fn constants<F: Real>(loss: &Loss, train: &Samples<'_, F>) -> Vec<f64> {
    let outputs = train.targets.outputs();
    let weight = |row: usize| train.weights.as_ref().map_or(1.0, |weights| weights[row].to_f64());
    let total = train.total_weight().max(f64::MIN_POSITIVE);
    let targets = train.targets.range(0, train.rows);
    let mean = |output: usize| {
        let sum: f64 = (0..train.rows).map(|row| weight(row) * targets.value(row, output).to_f64()).sum();
        sum / total
    };
    let quantile = |output: usize, share: f64| {
        let mut values: Vec<f64> = (0..train.rows).map(|row| targets.value(row, output).to_f64()).collect();
        values.sort_by(f64::total_cmp);
        values
            .get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0.0)
    };
    let of_focal = match (loss.cost(), loss.output()) {
        (Cost::Focal { gamma }, Activation::Softmax) => {
            best_constant(&(0..outputs).map(mean).collect::<Vec<_>>(), gamma)
        }
        // Each output for itself: two classes.
        (Cost::Focal { gamma }, _) => {
            (0..outputs).map(|output| best_constant(&[mean(output), 1.0 - mean(output)], gamma)[0]).collect()
        }
        _ => Vec::new(),
    };
    (0..outputs)
        .map(|output| {
            let best = match loss.cost() {
                Cost::Focal { .. } => of_focal[output],
                Cost::Absolute | Cost::Huber { .. } => quantile(output, 0.5),
                Cost::Pinball { quantile: share } => quantile(output, share),
                _ => mean(output),
            };
            before_activation(loss.output(), best)
        })
        .collect()
}

/// The z at which f(z) = a, or the nearest that f reaches.
fn before_activation(f: Activation, a: f64) -> f64 {
    const EDGE: f64 = 1e-7;
    match f {
        Activation::Sigmoid => {
            let a = a.clamp(EDGE, 1.0 - EDGE);
            (a / (1.0 - a)).ln()
        }
        Activation::Softmax | Activation::Exp => a.max(EDGE).ln(),
        Activation::Tanh => a.clamp(EDGE - 1.0, 1.0 - EDGE).atanh(),
        Activation::Relu => a.max(0.0),
        Activation::Softplus => a.max(EDGE).exp_m1().ln(),
        _ => a,
    }
}

/// Mean cost on `rows` of a network that puts out the same for every row; NaN without rows.
pub(super) fn constant_cost<F: Real>(
    pool: &Pool,
    loss: &Loss,
    train: &Samples<'_, F>,
    constants: &[f64],
    rows: &Samples<'_, F>,
) -> f64 {
    debug_assert_eq!(constants.len(), train.targets.outputs(), "one constant for each output");
    const BLOCK: usize = 512;
    let z: Vec<F> = constants.iter().map(|&z| F::from_f64(z)).collect();
    let mut a = z.clone();
    if loss.output() == Activation::Softmax {
        let sum: f64 = constants.iter().map(|z| z.exp()).sum();
        a.iter_mut().zip(constants).for_each(|(a, z)| *a = F::from_f64(z.exp() / sum));
    } else {
        a.iter_mut().for_each(|a| *a = loss.output().value(*a));
    }
    let (z, a) = (z.repeat(BLOCK), a.repeat(BLOCK));
    let mut sum = 0.0;
    for from in (0..rows.rows).step_by(BLOCK) {
        let batch = rows.range(from, rows.rows.min(from + BLOCK));
        let cells = batch.rows * constants.len();
        sum += loss.value_and_delta(pool, &z[..cells], &a[..cells], batch.targets, batch.weights, None);
    }
    sum / rows.total_weight()
}

/// Mean cost where every row is predicted perfectly.
fn floor<F: Real>(loss: &Loss, train: &Samples<'_, F>) -> f64 {
    let entropy = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    let (smoothing, outputs) = (loss.label_smoothing(), train.targets.outputs() as f64);
    match (loss.cost(), train.targets.range(0, train.rows)) {
        (Cost::CrossEntropy, TargetsView::Classes { .. }) => {
            let rest = smoothing / outputs;
            entropy(1.0 - smoothing + rest) + (outputs - 1.0) * entropy(rest)
        }
        (Cost::BinaryCrossEntropy, _) => {
            outputs * (entropy(smoothing / 2.0) + entropy(1.0 - smoothing / 2.0))
        }
        (Cost::Poisson, TargetsView::Values { values, outputs }) => {
            let of = |y: f64| if y > 0.0 { y - y * y.ln() } else { 0.0 };
            values.iter().map(|y| of(y.to_f64())).sum::<f64>() / (values.len() / outputs).max(1) as f64
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    #[test]
    fn a_column_is_tried_on_rows_that_its_table_was_not_made_of() {
        // Even rows: cell 0 → class 0, cell 1 → class 1; odd rows agree but for one in four.
        let cells = [0, 0, 1, 1, 0, 0, 1, 1];
        let classes = [0, 0, 1, 1, 0, 0, 1, 0];
        assert_eq!(accuracy_of(&classes, &cells), (0.75, 0.75)); // class 0 wins a tie, and is right as often
        // y = 2x: a line leaves nothing, two cells leave what lies within them.
        let x: Vec<f64> = (0..8).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| 2.0 * x).collect();
        assert!(squares_left_by_line(&y, &x) < 1e-12);
        assert!((0.1..0.5).contains(&squares_left_by_table(&y, &[0, 0, 0, 0, 1, 1, 1, 1])));
        // Of one value in all rows there is no table.
        assert_eq!(Entry::Numbers(vec![1.0; 8]).cells(8), None);
    }

    #[test]
    fn the_best_constant_costs_what_the_targets_vary() {
        let pool = Pool::new(1);
        let values = |values: Vec<f64>| {
            let rows = values.len();
            Dataset::from_dense(1, vec![0.0; rows], Targets::Values { outputs: 1, values })
        };
        // ½·((0−3)² + (6−3)²)/2 = 4.5; of the absolute cost the median is as good: (0 + 6)/2 = 3.
        let data = values(vec![0.0, 6.0]);
        let cost = |cost, output| {
            let loss = Loss::new(cost, output, 0.0).unwrap();
            constant_cost(&pool, &loss, &data, &constants(&loss, &data), &data)
        };
        assert!((cost(Cost::SquaredError, Activation::Identity) - 4.5).abs() < 1e-12);
        assert!((cost(Cost::Absolute, Activation::Identity) - 3.0).abs() < 1e-12);
        // One in four: −¼·ln ¼ − ¾·ln ¾ = 0.5623.
        let data = values(vec![0.0, 0.0, 1.0, 0.0]);
        let loss = Loss::new(Cost::BinaryCrossEntropy, Activation::Sigmoid, 0.0).unwrap();
        let found = constant_cost(&pool, &loss, &data, &constants(&loss, &data), &data);
        assert!((found - 0.562_335).abs() < 1e-6, "{found}");
        assert_eq!(out_of_reach(Activation::Sigmoid, &values(vec![-1.0, 0.5, 2.0, 0.0]).targets), 0.5);
    }
}
