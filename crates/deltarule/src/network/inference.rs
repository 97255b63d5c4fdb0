//! The forward pass alone, of weights that do not change meanwhile.
//!
//! Weights are packed once. Many rows go through all layers block by block, each block by one thread with a workspace
//! of its own, so that activations never leave that core's cache; a few rows go through one layer after another, whose
//! columns the threads share. Either way a row's numbers have the bits of [`Network::forward`].

use deltarule_kernels::{PackedWeights, Pool, Real};

use super::{Network, Workspace};
use crate::dataset::Batch;
use crate::layer::{Engine, Layer, Pass};

/// Rows that a thread takes through all layers at a time.
const BLOCK: usize = 112;
/// Rows for each thread from which on every thread takes its own.
const ROWS_EACH: usize = 14;

/// A network's weights made ready for inference, and room for it.
///
/// It belongs to the network that it was made of, as that was then: after a change of parameters it is made anew.
#[derive(Debug)]
pub struct Inference<F: Real> {
    /// Of each dense layer the rows of w that its numbers meet.
    packed: Vec<Option<PackedWeights<F>>>,
    /// One for each thread.
    own: Vec<Workspace<F>>,
    /// Each thread's pool within its block: of itself alone.
    alone: Pool,
    /// Rows of a workspace.
    block: usize,
    outputs: usize,
}

impl<F: Real> Inference<F> {
    /// Makes a network ready to be run on `pool`, on up to `rows` rows at a time. More than those it takes as well, but
    /// in smaller blocks than if it had known.
    #[must_use]
    pub fn new(network: &Network<F>, pool: &Pool, rows: usize) -> Self {
        Self::made(network, pool, rows, false)
    }

    /// The same for sparse rows. Their layer's weights are read where they lie, and not packed.
    #[must_use]
    pub fn of_sparse_rows(network: &Network<F>, pool: &Pool, rows: usize) -> Self {
        Self::made(network, pool, rows, true)
    }

    /// [`Inference::new`] or [`Inference::of_sparse_rows`], as the rows are.
    #[must_use]
    pub fn of(network: &Network<F>, pool: &Pool, batch: &Batch<'_, F>) -> Self {
        Self::made(network, pool, batch.rows, batch.sparse.is_some())
    }

    fn made(network: &Network<F>, pool: &Pool, rows: usize, are_sparse: bool) -> Self {
        let block = rows.clamp(1, BLOCK);
        let pack = |(index, layer): (usize, &Layer)| {
            let Layer::Dense(dense) = layer else { return None };
            if are_sparse && index == 0 {
                return None;
            }
            let numbers = &network.layer_params(index)[..dense.dense_in * dense.fan_out];
            Some(PackedWeights::new(pool, dense.dense_in, dense.fan_out, numbers))
        };
        Self {
            packed: network.layers.iter().enumerate().map(pack).collect(),
            own: (0..pool.threads())
                .map(
                    |_| {
                        if are_sparse { network.sparse_workspace(block, 0) } else { network.workspace(block) }
                    },
                )
                .collect(),
            alone: Pool::with_instruction_set(1, pool.instruction_set()),
            block,
            outputs: network.outputs(),
        }
    }

    /// The activations ŷ of up to [`Inference::most_at_once`] rows, `[rows × outputs]`.
    ///
    /// # Panics
    /// Where there are more rows, or they or the pool are not what this was made for.
    pub fn few(&mut self, network: &Network<F>, pool: &Pool, batch: &Batch<'_, F>) -> &[F] {
        let workspace = &mut self.own[0];
        forward(network, &self.packed, pool, workspace, batch, &[]);
        network.output(workspace, batch.rows).1
    }

    /// Rows that [`Inference::few`] has room for.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.block
    }

    /// Logits and activations ŷ of any number of rows, `[rows × outputs]` each; `z` may be empty, if they are not
    /// wanted.
    ///
    /// # Panics
    /// Where a length does not fit, or the network or the pool is not what this was made for.
    pub fn run(&mut self, network: &Network<F>, pool: &Pool, batch: &Batch<'_, F>, z: &mut [F], a: &mut [F]) {
        let outputs = self.outputs;
        assert_eq!(a.len(), batch.rows * outputs, "a is [rows × outputs]");
        assert!(z.is_empty() || z.len() == a.len(), "z is of a's shape or empty");
        if batch.rows == 0 {
            return;
        }
        let store = |workspace: &Workspace<F>, rows: usize, a: &mut [F], z: &mut [F]| {
            let (logits, activations) = network.output(workspace, rows);
            a.copy_from_slice(activations);
            z.copy_from_slice(&logits[..z.len()]);
        };
        let threads = pool.threads();
        if batch.rows <= self.block && (threads == 1 || batch.rows < ROWS_EACH * threads) {
            forward(network, &self.packed, pool, &mut self.own[0], batch, &[]);
            store(&self.own[0], batch.rows, a, z);
            return;
        }
        // As many blocks for each thread, all but the last of one length.
        let block = batch.rows.div_ceil(threads * batch.rows.div_ceil(threads * self.block));
        let (packed, alone) = (&self.packed, &self.alone);
        let cells = block * outputs;
        let widths = (network.spec.input.dense, network.spec.input.codes());
        let z_cells = if z.is_empty() { 0 } else { cells };
        pool.for_pieces_with(a, z, (cells, z_cells), &mut self.own, |index, a, z, workspace| {
            let part = part_of(batch, widths, index * block, a.len() / outputs);
            // The rows that this thread will probably take next.
            let further = ((index + threads) * block).min(batch.rows);
            let next = part_of(batch, widths, further, block.min(batch.rows - further)).dense;
            forward(network, packed, alone, workspace, &part, next);
            store(workspace, part.rows, a, z);
        });
    }
}

/// `rows` rows of a batch from the row `first` on; without their targets, which a forward pass does not read.
fn part_of<'a, F: Real>(
    batch: &Batch<'a, F>,
    (dense, codes): (usize, usize),
    first: usize,
    rows: usize,
) -> Batch<'a, F> {
    Batch {
        rows,
        dense: if batch.sparse.is_some() { &[] } else { &batch.dense[first * dense..(first + rows) * dense] },
        sparse: batch.sparse.map(|sparse| sparse.range(first, first + rows)),
        codes: &batch.codes[first * codes..(first + rows) * codes],
        weights: None,
        ..*batch
    }
}

/// As [`Network::forward`] in [`Pass::Inference`], with packed weights, but where the input's zeros are skipped or not
/// held. `next` is what will be read after this.
fn forward<F: Real>(
    network: &Network<F>,
    packed: &[Option<PackedWeights<F>>],
    pool: &Pool,
    workspace: &mut Workspace<F>,
    batch: &Batch<'_, F>,
    next: &[F],
) {
    assert!(batch.rows <= workspace.rows, "the workspace has room for {} rows", workspace.rows);
    batch.require_width(network.spec.input.dense);
    for (index, packed) in packed.iter().enumerate() {
        let (Layer::Dense(layer), Some(packed)) = (&network.layers[index], packed) else {
            network.forward_layer(pool, workspace, batch, index, Pass::Inference);
            continue;
        };
        if let (0, Some(zeros), None) = (index, &mut workspace.zeros, batch.sparse) {
            zeros.look(pool, batch.rows, batch.dense);
        }
        let (before, after) = workspace.kept.split_at_mut(index);
        let input = network.input_of(before, workspace.zeros.as_ref(), None, batch);
        let mut engine = Engine { pool, scratch: &mut workspace.scratch };
        let (params, kept) = (network.layer_params(index), &mut after[0]);
        if input.nonzeros.is_some() || input.sparse.is_some() {
            layer.forward(&mut engine, params, &input, kept);
        } else {
            let next = if index == 0 { next } else { &[] };
            layer.forward_packed(&mut engine, packed, params, &input, next, kept);
        }
    }
}

#[cfg(test)]
mod tests;
