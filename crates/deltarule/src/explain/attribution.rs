//! What a prediction hangs on: the gradient of an output with respect to each column of the table.

use deltarule_kernels::{Pool, Real};
use serde::Serialize;

use super::Anatomy;
use crate::encoder::Encoder;
use crate::error::Result;
use crate::layer::{Layer, Pass};
use crate::table::Table;

/// The gradient of one output with respect to what the first dense layer reads.
#[derive(Clone, Debug, PartialEq)]
pub struct InputGradient {
    /// The output.
    pub output: usize,
    /// ŷ of it in each row.
    pub outputs: Vec<f64>,
    /// Rows of the first dense layer's w.
    pub inputs: usize,
    /// What the layer reads, `[rows × inputs]`: numbers, entries of learnt tables, 1 for the category of a one-hot group.
    pub x: Vec<f64>,
    /// ∂ŷ/∂x of it, `[rows × inputs]`.
    pub gradient: Vec<f64>,
}

/// What an output hangs on in one column, over some rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnShare {
    /// The column.
    pub column: String,
    /// ∂ŷ/∂column per unit of the column, of a column of numbers: the mean over the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient: Option<f64>,
    /// The mean of |∂ŷ/∂column|.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub magnitude: Option<f64>,
    /// Σ ∂ŷ/∂x · x over the numbers that the column became (gradient × input): the mean over the rows.
    pub times_input: f64,
}

impl<F: Real> Anatomy<'_, F> {
    /// ∂ŷ/∂x of an output, by a backward pass from that output instead of the cost.
    ///
    /// # Panics
    /// Where there is no such output, or the passes were not run with [`Pass::Inference`].
    #[must_use]
    pub fn input_gradient(&self, pool: &Pool, output: usize) -> InputGradient {
        assert!(self.pass == Pass::Inference, "a prediction is made with inference statistics");
        let (network, batch, rows) = (self.network, &self.batch, self.batch.rows);
        let units = network.outputs();
        let mut ws = network.workspace(rows);
        network.forward(pool, &mut ws, batch, Pass::Inference);
        let outputs =
            network.output(&ws, rows).1.iter().skip(output).step_by(units).map(|a| a.to_f64()).collect();
        network.delta_of_output(&mut ws, rows, output);
        let mut spare = vec![F::ZERO; network.params().len()];
        network.backward(pool, &mut ws, batch, F::ONE, &mut spare);
        let first = network.layers().iter().position(|layer| matches!(layer, Layer::Dense(_)));
        let first = first.expect("a network has a dense layer");
        let Layer::Dense(dense) = &network.layers()[first] else { unreachable!("just found") };
        let w = &network.params()[network.layer_range(first)][..dense.fan_in() * dense.fan_out];
        let (mut x, mut gradient) = (Vec::new(), Vec::new());
        for (row, delta) in ws.kept[first].delta.chunks_exact(dense.fan_out).take(rows).enumerate() {
            for (from, w) in w.chunks_exact(dense.fan_out).enumerate() {
                x.push(self.input(first, row, from));
                gradient.push(w.iter().zip(delta).map(|(w, delta)| w.to_f64() * delta.to_f64()).sum());
            }
        }
        InputGradient { output, outputs, inputs: dense.fan_in(), x, gradient }
    }
}

impl InputGradient {
    /// The same by the table's columns, in their units, and of a regression in the target's: the largest |gradient × input|
    /// first. `rows` are those of the batch in the table.
    ///
    /// # Errors
    /// As [`Encoder::slopes`].
    pub fn by_column(&self, encoder: &Encoder, table: &Table, rows: &[u32]) -> Result<Vec<ColumnShare>> {
        let slopes = encoder.slopes(table, rows)?;
        let dense = encoder.input_shape().dense;
        let origins = encoder.feature_origins();
        let columns = encoder.feature_columns();
        let share = 1.0 / rows.len() as f64;
        let mut sums = vec![[0.0; 3]; columns.len()];
        let mut moves = vec![false; columns.len()];
        for (row, (gradient, x)) in
            self.gradient.chunks_exact(self.inputs).zip(self.x.chunks_exact(self.inputs)).enumerate()
        {
            let unit = encoder.target_slope(self.output, self.outputs[row]);
            let mut slope_of = vec![0.0; columns.len()];
            for (from, &column) in origins.iter().enumerate() {
                sums[column][2] += share * unit * gradient[from] * x[from];
                if from < dense {
                    let slope = slopes[row * dense + from];
                    slope_of[column] += unit * gradient[from] * slope;
                    moves[column] |= slope != 0.0;
                }
            }
            for (sums, slope) in sums.iter_mut().zip(slope_of) {
                sums[0] += share * slope;
                sums[1] += share * slope.abs();
            }
        }
        let mut shares: Vec<ColumnShare> = columns
            .into_iter()
            .zip(sums.into_iter().zip(moves))
            .map(|(column, ([gradient, magnitude, times_input], moves))| ColumnShare {
                column: column.to_owned(),
                gradient: moves.then_some(gradient),
                magnitude: moves.then_some(magnitude),
                times_input,
            })
            .collect();
        shares.sort_by(|a, b| b.times_input.abs().total_cmp(&a.times_input.abs()));
        Ok(shares)
    }
}
