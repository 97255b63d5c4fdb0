//! What a trained network says of rows: its cost beside that of a constant, how far its predictions vary, and whether they
//! have anything to do with the targets.

use deltarule_kernels::{Pool, Real};
use serde::{Deserialize, Serialize};

use super::survey::{constant_cost, constants};
use super::telemetry::rounded;
use crate::dataset::Samples;
use crate::event::null_is_nan;
use crate::loss::Loss;
use crate::network::{Inference, Network};
use crate::random::{Purpose, shuffle, stream};

/// Rows of each part that are looked at, at most.
const ROWS: usize = 4096;
/// Rows that are permuted, at most.
const PERMUTED: usize = 1000;
/// Permutations of the targets.
const PERMUTATIONS: u64 = 999;

/// Training rows and others, as the trained network sees them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// On rows that were trained on.
    pub train: Part,
    /// On the validation rows; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Part>,
}

/// Some rows, as the trained network sees them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Rows looked at.
    pub rows: u64,
    /// Mean cost.
    #[serde(deserialize_with = "null_is_nan")]
    pub cost: f64,
    /// Mean cost of the constant that is best on the training rows.
    #[serde(deserialize_with = "null_is_nan")]
    pub baseline: f64,
    /// Standard deviation of the predictions in that of the targets, of the output where it is largest.
    #[serde(deserialize_with = "null_is_nan")]
    pub spread: f64,
    /// Of the rarest class's rows, the share that are predicted to be of it; absent where there are no classes, or no such
    /// row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarest_found: Option<f64>,
    /// Share of random permutations of the targets that the predictions fit at least as well (Ojala & Garriga 2010):
    /// large where they have nothing to do with each other.
    #[serde(deserialize_with = "null_is_nan")]
    pub chance: f64,
}

impl Judgement {
    /// Runs the network over both parts.
    #[must_use]
    pub fn of<F: Real>(
        pool: &Pool,
        loss: &Loss,
        network: &Network<F>,
        train: &Samples<'_, F>,
        validation: Option<&Samples<'_, F>>,
    ) -> Self {
        let constants = constants(loss, train);
        let part = |rows: &Samples<'_, F>| Part::of(pool, loss, network, train, &constants, rows);
        Self { train: part(train), validation: validation.filter(|rows| rows.rows > 0).map(part) }
    }
}

impl Part {
    fn of<F: Real>(
        pool: &Pool,
        loss: &Loss,
        network: &Network<F>,
        train: &Samples<'_, F>,
        constants: &[f64],
        all: &Samples<'_, F>,
    ) -> Self {
        let outputs = network.outputs();
        let count = all.rows.min(ROWS);
        let order: Vec<u32> = (0..count).map(|row| (row * all.rows / count) as u32).collect();
        let mut buffer = crate::dataset::BatchBuffer::new(all, count);
        let batch = buffer.gather(pool, all, &order);
        let (mut z, mut a) = (vec![F::ZERO; count * outputs], vec![F::ZERO; count * outputs]);
        Inference::new(network, pool, count).run(network, pool, &batch, &mut z, &mut a);
        let cost =
            loss.value_and_delta(pool, &z, &a, batch.targets, batch.weights, None) / batch.total_weight();
        let y: Vec<f64> = (0..count * outputs)
            .map(|cell| batch.targets.value(cell / outputs, cell % outputs).to_f64())
            .collect();
        let a: Vec<f64> = a.iter().map(|a| a.to_f64()).collect();
        Self {
            rows: count as u64,
            cost: rounded(cost),
            baseline: rounded(constant_cost(pool, loss, train, constants, all)),
            spread: rounded(spread(outputs, &a, &y)),
            rarest_found: rarest_found(outputs, &a, &y),
            chance: rounded(chance(outputs, &a, &y)),
        }
    }
}

/// Mean and standard deviation of one output's column.
fn moments(outputs: usize, output: usize, cells: &[f64]) -> (f64, f64) {
    let of = || cells.iter().skip(output).step_by(outputs);
    let count = (cells.len() / outputs).max(1) as f64;
    let mean = of().sum::<f64>() / count;
    (mean, (of().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt())
}

fn spread(outputs: usize, a: &[f64], y: &[f64]) -> f64 {
    let of = |output| {
        let ((_, predicted), (_, known)) = (moments(outputs, output, a), moments(outputs, output, y));
        if known > 0.0 { predicted / known } else { 0.0 }
    };
    (0..outputs).map(of).fold(0.0, f64::max)
}

/// Of classes as one-hot rows, or one output above or below ½.
fn rarest_found(outputs: usize, a: &[f64], y: &[f64]) -> Option<f64> {
    if y.iter().any(|&y| y != 0.0 && y != 1.0) {
        return None;
    }
    let class = |row: &[f64]| match row {
        [one] => usize::from(*one > 0.5),
        several => {
            let largest = several.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            largest.map_or(0, |(class, _)| class)
        }
    };
    if outputs > 1 && y.chunks_exact(outputs).any(|row| row.iter().sum::<f64>() != 1.0) {
        return None; // labels, of which several may hold
    }
    let mut counts = vec![(0_u32, 0_u32); outputs.max(2)];
    for (a, y) in a.chunks_exact(outputs).zip(y.chunks_exact(outputs)) {
        let (known, predicted) = (class(y), class(a));
        counts[known].0 += 1;
        counts[known].1 += u32::from(known == predicted);
    }
    let (rows, found) = counts.into_iter().filter(|(rows, _)| *rows > 0).min()?;
    Some(rounded(f64::from(found) / f64::from(rows)))
}

/// (1 + permutations at least as good) / (1 + permutations), by Σ over rows and outputs of prediction times target, both
/// less their means and each output by its own measure: of fixed predictions and targets that only change places, the
/// squared error is that sum but for a constant.
fn chance(outputs: usize, a: &[f64], y: &[f64]) -> f64 {
    let rows = (a.len() / outputs).min(PERMUTED);
    let scaled = |cells: &[f64]| -> Vec<f64> {
        let cells = &cells[..rows * outputs];
        let moments: Vec<(f64, f64)> = (0..outputs).map(|output| moments(outputs, output, cells)).collect();
        let of = |(cell, x): (usize, &f64)| {
            let (mean, deviation) = moments[cell % outputs];
            if deviation > 0.0 { (x - mean) / deviation } else { 0.0 }
        };
        cells.iter().enumerate().map(of).collect()
    };
    let (a, y) = (scaled(a), scaled(y));
    let fit = |order: &[u32]| -> f64 {
        let pairs = a.chunks_exact(outputs).zip(order);
        pairs
            .map(|(a, &row)| a.iter().zip(&y[row as usize * outputs..]).map(|(a, y)| a * y).sum::<f64>())
            .sum()
    };
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let found = fit(&order);
    let mut as_good = 0_u64;
    for permutation in 0..PERMUTATIONS {
        shuffle(&mut order, &mut stream(0, Purpose::Permutation, permutation));
        as_good += u64::from(fit(&order) >= found);
    }
    (1 + as_good) as f64 / (1 + PERMUTATIONS) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_that_follow_the_targets_are_no_chance() {
        let y: Vec<f64> = (0..40).map(|row| f64::from(row % 2)).collect();
        assert_eq!(chance(1, &y, &y), 0.001); // none of 999 permutations fits as well
        let other: Vec<f64> = (0..40).map(|row| f64::from(row / 20)).collect();
        assert!(chance(1, &other, &y) > 0.3);
        assert_eq!(chance(1, &[0.5; 40], &y), 1.0); // a constant fits all of them alike
    }

    #[test]
    fn spread_and_rare_rows_by_hand() {
        // Predictions 0.25 and 0.75 for targets 0 and 1: half their deviation.
        assert_eq!(spread(1, &[0.25, 0.75], &[0.0, 1.0]), 0.5);
        // Of three rows of class 1 none, of two of class 0 one is found.
        assert_eq!(rarest_found(1, &[0.1, 0.9, 0.2, 0.3, 0.4], &[0.0, 0.0, 1.0, 1.0, 1.0]), Some(0.5));
        assert_eq!(
            rarest_found(2, &[0.9, 0.1, 0.8, 0.2, 0.6, 0.4], &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0]),
            Some(0.0)
        );
        assert_eq!(rarest_found(1, &[0.1], &[0.3]), None);
    }
}
