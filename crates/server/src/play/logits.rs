//! z of every dense layer. Layers keep it only where their derivative needs it; here a layer without its activation, made of
//! the same weights, computes it again.

use deltarule::dataset::{Batch, InputShape, TargetsView};
use deltarule::layer::{Layer, Pass};
use deltarule::network::{Network, NetworkSpec, Workspace};
use deltarule::{Activation, Pool, Real};

/// One-row networks, one for each dense layer that has an activation.
pub struct Logits<F: Real> {
    layers: Vec<Option<(Network<F>, Workspace<F>)>>,
}

impl<F: Real> Logits<F> {
    /// Of a network's layers.
    ///
    /// # Errors
    /// As the network itself.
    pub fn new(network: &Network<F>) -> deltarule::Result<Self> {
        let alone = |layer: &Layer| {
            let Layer::Dense(dense) = layer else { return Ok(None) };
            let input =
                InputShape { dense: dense.dense_in, embedded: Vec::new(), one_hot: dense.one_hot.clone() };
            let network = NetworkSpec::on(input).dense(dense.fan_out, Activation::Identity).build_unset()?;
            let workspace = network.workspace(1);
            Ok(Some((network, workspace)))
        };
        Ok(Self { layers: network.layers().iter().map(alone).collect::<deltarule::Result<_>>()? })
    }

    /// z of a layer in a row of a batch whose passes are in `of`; `None` of a layer that is not dense.
    pub fn row(
        &mut self,
        pool: &Pool,
        network: &Network<F>,
        of: &Workspace<F>,
        batch: &Batch<'_, F>,
        row: usize,
        layer: usize,
    ) -> Option<Vec<f64>> {
        let (alone, workspace) = self.layers.get_mut(layer)?.as_mut()?;
        let width = alone.spec().input.dense;
        let dense: Vec<F> = match layer.checked_sub(1) {
            Some(before) => of.kept[before].a[row * width..(row + 1) * width].to_vec(),
            None => (0..width).map(|column| batch.number(row, column)).collect(),
        };
        // One-hot codes come after those of the tables.
        let codes = batch.codes.len() / batch.rows;
        let one_hot = alone.spec().input.one_hot.len();
        let codes = &batch.codes[(row + 1) * codes - one_hot..(row + 1) * codes];
        let parameters = network.tensors().iter().filter(|tensor| tensor.layer == layer);
        let from = parameters.map(|tensor| tensor.range.start).min()?;
        let length = alone.params().len();
        alone.params_mut().copy_from_slice(&network.params()[from..from + length]);
        let targets = TargetsView::Values { outputs: 0, values: &[] };
        let input = Batch { rows: 1, dense: &dense, sparse: None, codes, targets, weights: None };
        alone.forward(pool, workspace, &input, Pass::Inference);
        Some(alone.output(workspace, 1).1.iter().map(|z| z.to_f64()).collect())
    }
}
