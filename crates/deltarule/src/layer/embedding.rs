//! Learnt tables for categorical columns of many values.

use deltarule_kernels::{Pool, Real, scatter_add};

use super::{Kept, LayerInput};
use crate::dataset::Embedded;

/// a = \[x, table₀\[code₀\], table₁\[code₁\], …\]: the numbers, then one row of each table. A code at or above its
/// table's cardinality stands for zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// Numbers per input row.
    pub dense_in: usize,
    /// One table per embedded column.
    pub tables: Vec<Embedded>,
}

impl Embedding {
    /// Numbers per output row.
    #[must_use]
    pub fn units(&self) -> usize {
        self.dense_in + self.tables.iter().map(|table| table.dimension).sum::<usize>()
    }

    /// Sets numbers and table rows side by side. `params` are the tables, one after another.
    pub fn forward<F: Real>(&self, params: &[F], input: &LayerInput<'_, F>, kept: &mut Kept<F>) {
        let units = self.units();
        for row in 0..input.rows {
            let a = &mut kept.a[row * units..][..units];
            let (numbers, mut rest) = a.split_at_mut(self.dense_in);
            numbers.copy_from_slice(&input.x[row * self.dense_in..][..self.dense_in]);
            let mut offset = 0;
            for (column, table) in self.tables.iter().enumerate() {
                let (place, after) = rest.split_at_mut(table.dimension);
                rest = after;
                let code = input.codes[row * input.code_width + column] as usize;
                if code < table.cardinality {
                    place.copy_from_slice(&params[offset + code * table.dimension..][..table.dimension]);
                } else {
                    place.fill(F::ZERO);
                }
                offset += table.cardinality * table.dimension;
            }
        }
    }

    /// ∂C/∂table\[c\] = Σ over the rows with code c of ∂C/∂a / total, written over `grads`. `spare` receives each
    /// table's columns of ∂C/∂a side by side; it holds `rows × units` numbers.
    pub fn gradient<F: Real>(
        &self,
        pool: &Pool,
        input: &LayerInput<'_, F>,
        delta: &[F],
        spare: &mut [F],
        total: F,
        grads: &mut [F],
    ) {
        let units = self.units();
        let (mut column, mut offset) = (self.dense_in, 0);
        for (number, table) in self.tables.iter().enumerate() {
            let width = table.dimension;
            for row in 0..input.rows {
                spare[row * width..][..width].copy_from_slice(&delta[row * units + column..][..width]);
            }
            let size = table.cardinality * width;
            let grads = &mut grads[offset..offset + size];
            let codes = &input.codes[number..];
            let part = &spare[..input.rows * width];
            scatter_add(pool, input.rows, width, codes, input.code_width, part, total, grads);
            column += width;
            offset += size;
        }
    }

    /// ∂C/∂x of the numbers: the first columns of ∂C/∂a.
    pub fn input_gradient<F: Real>(&self, rows: usize, delta: &[F], dx: &mut [F]) {
        let units = self.units();
        for row in 0..rows {
            dx[row * self.dense_in..][..self.dense_in]
                .copy_from_slice(&delta[row * units..][..self.dense_in]);
        }
    }
}
