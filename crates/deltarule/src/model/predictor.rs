//! Prediction inside a program: one network, encoded rows, no allocation.

use deltarule_kernels::{Pool, Real};

use crate::dataset::{Batch, SparseView, TargetsView};
use crate::network::{Inference, Network};

/// A network ready to predict, with its threads and all the room that it needs.
///
/// Rows are encoded ones: numbers as the network takes them, and category codes where it has such columns. A
/// [`Model`](super::Model) predicts from tables instead. Nothing is allocated after [`Predictor::new`]; the bits are those of
/// [`Network::forward`], on any number of threads.
///
/// One row is bound by reading the weights; of a network with more than some 30,000 of them per layer the threads share
/// the columns. Of 28 rows and more per two threads each thread takes its own rows.
///
/// ```
/// use deltarule::activation::Activation;
/// use deltarule::model::Predictor;
/// use deltarule::network::NetworkSpec;
///
/// let spec = NetworkSpec::new(2).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
/// let mut predictor = Predictor::new(spec.build::<f32>(1)?, 1);
/// let alone = predictor.predict_row(&[1.0, 0.0])[0];
/// let mut both = [0.0; 2];
/// predictor.predict_rows(&[1.0, 0.0, 0.0, 1.0], &[], &mut both);
/// assert_eq!(alone, both[0]);
/// # Ok::<(), deltarule::Error>(())
/// ```
#[derive(Debug)]
pub struct Predictor<F: Real> {
    network: Network<F>,
    inference: Inference<F>,
    pool: Pool,
}

impl<F: Real> Predictor<F> {
    /// Makes a network ready to predict on so many threads, the caller's included.
    ///
    /// # Panics
    /// Where `threads` is 0, or the system refuses to start one.
    #[must_use]
    pub fn new(network: Network<F>, threads: usize) -> Self {
        Self::on(network, Pool::new(threads))
    }

    /// The same on a pool.
    #[must_use]
    pub fn on(network: Network<F>, pool: Pool) -> Self {
        let inference = Inference::new(&network, &pool, usize::MAX);
        Self { network, inference, pool }
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network<F> {
        &self.network
    }

    /// The output activations ŷ of one row of numbers.
    ///
    /// # Panics
    /// Where `x` is not as long as the network's input, or that has category codes as well.
    pub fn predict_row(&mut self, x: &[F]) -> &[F] {
        assert_eq!(self.network.spec().input.codes(), 0, "the network's rows have category codes as well");
        self.inference.few(&self.network, &self.pool, &batch(1, x, &[]))
    }

    /// The output activations ŷ of any number of rows.
    ///
    /// | argument | shape |
    /// |---|---|
    /// | `x` | `[rows × numbers per row]` |
    /// | `codes` | `[rows × codes per row]`, as a [`Dataset`](crate::dataset::Dataset) holds them |
    /// | `out` | `[rows × outputs]`, overwritten; its length says how many rows there are |
    ///
    /// # Panics
    /// Where a length does not fit.
    pub fn predict_rows(&mut self, x: &[F], codes: &[u32], out: &mut [F]) {
        let (input, outputs) = (&self.network.spec().input, self.network.outputs());
        let rows = out.len() / outputs;
        assert_eq!(out.len(), rows * outputs, "out is [rows × outputs]");
        assert_eq!(x.len(), rows * input.dense, "x is [rows × numbers per row]");
        assert_eq!(codes.len(), rows * input.codes(), "codes are [rows × codes per row]");
        self.inference.run(&self.network, &self.pool, &batch(rows, x, codes), &mut [], out);
    }

    /// The output activations ŷ of sparse rows. `codes` and `out` are as in [`Predictor::predict_rows`].
    ///
    /// # Panics
    /// Where a length does not fit, or the network does not begin with a dense layer.
    pub fn predict_sparse_rows(&mut self, x: SparseView<'_, F>, codes: &[u32], out: &mut [F]) {
        assert_eq!(out.len(), x.rows() * self.network.outputs(), "out is [rows × outputs]");
        assert_eq!(
            codes.len(),
            x.rows() * self.network.spec().input.codes(),
            "codes are [rows × codes per row]"
        );
        let batch = Batch { sparse: Some(x), ..batch(x.rows(), &[], codes) };
        self.inference.run(&self.network, &self.pool, &batch, &mut [], out);
    }
}

/// Rows without targets.
fn batch<'a, F>(rows: usize, dense: &'a [F], codes: &'a [u32]) -> Batch<'a, F> {
    let targets = TargetsView::Values { outputs: 0, values: &[] };
    Batch { rows, dense, sparse: None, codes, targets, weights: None }
}
