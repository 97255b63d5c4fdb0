//! Sparse rows as a network's input: which networks take them, and the room that they need.

use deltarule_kernels::{Real, SparseColumns};

use super::{Network, Workspace};
use crate::dataset::Batch;
use crate::error::{ErrorKind, Result};
use crate::layer::Layer;

impl<F: Real> Network<F> {
    /// Tells whether batches of sparse rows may be passed through: only a dense layer reads them as they are. An
    /// embedding, a dropout or a normalisation before it would make a matrix of them.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`], which names the layer.
    pub fn require_sparse_input(&self) -> Result<()> {
        match self.layers.first() {
            Some(Layer::Dense(_)) => Ok(()),
            other => Err(ErrorKind::Conflict {
                first: "sparse rows".into(),
                second: format!("a network whose first layer is {}", other.map_or("none", Layer::kind)),
                why: "only a dense layer takes them as they are; leave that layer out, or give the rows as a matrix"
                    .into(),
            }
            .into()),
        }
    }

    /// Room for forward and backward passes over up to `rows` sparse rows, which for a backward pass hold up to `count`
    /// numbers together; of more it makes itself more. None of it is as large as the rows would be as a matrix.
    #[must_use]
    pub fn sparse_workspace(&self, rows: usize, count: usize) -> Workspace<F> {
        let mut ws = self.workspace_without_input(rows);
        if count > 0 {
            self.reserve_columns(&mut ws, count);
        }
        ws
    }

    /// Room for backward passes over sparse rows that hold up to `count` numbers together.
    pub(crate) fn reserve_columns(&self, ws: &mut Workspace<F>, count: usize) {
        ws.columns = Some(SparseColumns::new(self.spec.input.dense, count));
    }
}

impl<F: Real> Workspace<F> {
    /// Arranges a batch of sparse rows by columns, for the gradient of the first layer.
    pub(super) fn arrange(&mut self, layer: usize, batch: &Batch<'_, F>) {
        if let (0, Some(rows)) = (layer, batch.sparse) {
            let columns =
                self.columns.get_or_insert_with(|| SparseColumns::new(rows.columns(), rows.count()));
            columns.arrange(rows);
        }
    }
}

#[cfg(test)]
mod tests;
