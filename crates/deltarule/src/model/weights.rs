//! Weights alone, in plain safetensors files: what NumPy or PyTorch users write, and what they read.

use std::collections::BTreeSet;
use std::path::Path;

use deltarule_kernels::Real;

use super::members::{check_finite, tensors};
use crate::error::Result;
use crate::network::Network;
use crate::store::{self, Stored};

/// Writes a network's tensors as plain safetensors: `layers.0.w` `[fan_in, fan_out]`, `layers.0.b` `[fan_out]` …
///
/// # Errors
/// As [`store::write_plain`].
pub fn write_weights<F: Real>(path: &Path, network: &Network<F>) -> Result<()> {
    store::write_plain(path, &tensors(std::slice::from_ref(network)))
}

/// Sets a network's parameters to those of a safetensors file with the same names and shapes, in either precision.
///
/// A model file does as well. Running statistics may be absent, and then stay as they are. Layers without parameters are
/// numbered, too; so that weights do not depend on whether there is dropout between them, the numbers may differ where
/// file and network have as many layers with tensors: these go together in their order.
///
/// # Errors
/// As [`store::read_plain`]; [`BadFormat`](crate::ErrorKind::BadFormat) where a tensor of the network is absent, one of the file is none
/// of the network's, or a number is not finite; [`ShapeMismatch`](crate::ErrorKind::ShapeMismatch). The network is not changed then.
pub fn read_weights<F: Real>(path: &Path, network: &mut Network<F>) -> Result<()> {
    let stored = store::read_plain(path)?;
    let in_file = NamesInFile::new(&stored, network);
    let mut known = BTreeSet::new();
    let mut params = network.params().to_vec();
    for tensor in network.tensors() {
        let name = in_file.of(&tensor.name);
        params[tensor.range.clone()].copy_from_slice(&finite(&stored, &name, &tensor.shape)?);
        known.insert(name);
    }
    let mut buffers = network.buffers().to_vec();
    for (name, range) in network.buffer_names() {
        let name = in_file.of(name);
        if stored.tensors().any(|(stored, _)| stored == name) {
            buffers[range.clone()].copy_from_slice(&finite(&stored, &name, &[range.len()])?);
            known.insert(name);
        }
    }
    if let Some((name, _)) = stored.tensors().find(|(name, _)| !known.contains(*name)) {
        let expected = "tensors of the network only".to_owned();
        return Err(stored.bad("its tensors".into(), expected, format!("{name:?}")));
    }
    network.params_mut().copy_from_slice(&params);
    network.buffers_mut().copy_from_slice(&buffers);
    Ok(())
}

/// What a file calls a network's tensors.
struct NamesInFile {
    /// Numbers of the layers with tensors, of the network and of the file, in order.
    layers: Vec<(usize, usize)>,
}

impl NamesInFile {
    fn new<F: Real>(stored: &Stored, network: &Network<F>) -> Self {
        let numbers = |names: &mut dyn Iterator<Item = &str>| -> BTreeSet<usize> {
            names.filter_map(layer_of).map(|(number, _)| number).collect()
        };
        let ours = numbers(&mut network.tensors().iter().map(|tensor| tensor.name.as_str()));
        let theirs = numbers(&mut stored.tensors().map(|(name, _)| name));
        let go_together = ours.len() == theirs.len();
        Self { layers: if go_together { ours.into_iter().zip(theirs).collect() } else { Vec::new() } }
    }

    fn of(&self, name: &str) -> String {
        let found = layer_of(name).and_then(|(number, rest)| {
            let (_, theirs) = self.layers.iter().find(|(ours, _)| *ours == number)?;
            Some(format!("layers.{theirs}.{rest}"))
        });
        found.unwrap_or_else(|| name.to_owned())
    }
}

/// The number of a layer in its tensor's name, and what follows it.
fn layer_of(name: &str) -> Option<(usize, &str)> {
    let (number, rest) = name.strip_prefix("layers.")?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

fn finite<F: Real>(stored: &Stored, name: &str, shape: &[usize]) -> Result<Vec<F>> {
    check_finite(stored, name, stored.converted(name, shape)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::activation::Activation;
    use crate::network::{LayerSpec, NetworkSpec};
    use crate::store::Tensor;

    fn network<F: Real>(seed: u64) -> Network<F> {
        NetworkSpec::new(3)
            .dense(2, Activation::Tanh)
            .with(LayerSpec::BatchNorm { activation: Activation::Identity })
            .dense(1, Activation::Sigmoid)
            .build(seed)
            .unwrap()
    }

    #[test]
    fn weights_round_trip_in_either_precision() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let written = network::<f32>(1);
        write_weights(&path, &written).unwrap();
        let mut same = network::<f32>(2);
        read_weights(&path, &mut same).unwrap();
        assert_eq!(same, written);
        let mut double = network::<f64>(2);
        read_weights(&path, &mut double).unwrap();
        assert_eq!(double, written.cast());
    }

    #[test]
    fn dropout_between_the_layers_makes_no_difference() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let spec = |dropout: bool| {
            let spec = NetworkSpec::new(3);
            let spec = if dropout { spec.with(LayerSpec::Dropout { rate: 0.2 }) } else { spec };
            let spec = spec.dense(2, Activation::Tanh);
            let spec = if dropout { spec.with(LayerSpec::Dropout { rate: 0.5 }) } else { spec };
            spec.with(LayerSpec::BatchNorm { activation: Activation::Identity }).dense(1, Activation::Sigmoid)
        };
        for written_with in [true, false] {
            let mut written = spec(written_with).build::<f32>(1).unwrap();
            written.buffers_mut().iter_mut().enumerate().for_each(|(at, number)| *number = at as f32);
            write_weights(&path, &written).unwrap();
            let mut read = spec(!written_with).build::<f32>(2).unwrap();
            read_weights(&path, &mut read).unwrap();
            assert_eq!(read.params(), written.params());
            assert_eq!(read.buffers(), written.buffers());
        }
        let mut deeper = spec(true).dense(1, Activation::Sigmoid).build::<f32>(2).unwrap();
        let error = read_weights(&path, &mut deeper).unwrap_err().to_string();
        assert!(error.contains("layers.1.w"), "{error}");
    }

    #[test]
    fn files_that_do_not_fit_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let mut network = network::<f32>(1);
        let before = network.clone();
        let (ones, infinite) = ([1.0_f32; 6], [f32::INFINITY; 2]);
        let tensor = |name: &str, shape: &[usize], number: f32| {
            let numbers = if number == 1.0 { &ones[..] } else { &infinite[..] };
            Tensor::new(name, shape, &numbers[..shape.iter().product::<usize>()])
        };
        let fitting = || {
            vec![
                tensor("layers.0.w", &[3, 2], 1.0),
                tensor("layers.0.b", &[2], 1.0),
                tensor("layers.1.scale", &[2], 1.0),
                tensor("layers.1.shift", &[2], 1.0),
                tensor("layers.2.w", &[2, 1], 1.0),
                tensor("layers.2.b", &[1], 1.0),
            ]
        };
        let mut spoilt = [fitting(), fitting(), fitting(), fitting()];
        spoilt[0].pop();
        spoilt[1].push(tensor("layers.3.w", &[1], 1.0));
        spoilt[2][0] = tensor("layers.0.w", &[2, 3], 1.0);
        spoilt[3][1] = tensor("layers.0.b", &[2], f32::INFINITY);
        for tensors in spoilt {
            store::write_plain(&path, &tensors).unwrap();
            let error = read_weights(&path, &mut network).unwrap_err();
            let kind = error.kind();
            assert!(matches!(kind, ErrorKind::BadFormat { .. } | ErrorKind::ShapeMismatch { .. }), "{error}");
            assert_eq!(network, before);
        }
        store::write_plain(&path, &fitting()).unwrap();
        read_weights(&path, &mut network).unwrap();
        assert!(network.params().iter().all(|&param| param == 1.0));
        assert_eq!(network.buffers(), before.buffers());
    }
}
