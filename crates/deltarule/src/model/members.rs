//! The networks of a model: stored, checked and run.

use deltarule_kernels::{Activation, Pool, Real};

use crate::dataset::{Batch, Dataset};
use crate::encoder::Encoder;
use crate::error::{ErrorKind, Result};
use crate::memory;
use crate::network::{Inference, LayerSpec, Network, NetworkSpec};
use crate::store::{self, Stored, Tensor};
use crate::task::Task;

/// The networks of a model, in the precision that they were trained in.
#[derive(Clone, Debug, PartialEq)]
pub enum Members {
    /// Single precision.
    F32(Vec<Network<f32>>),
    /// Double precision.
    F64(Vec<Network<f64>>),
}

impl Members {
    /// Networks of either precision; the bits are kept.
    #[must_use]
    pub fn of<F: Real>(networks: &[Network<F>]) -> Self {
        if F::BYTES == f32::BYTES {
            Self::F32(networks.iter().map(Network::cast).collect())
        } else {
            Self::F64(networks.iter().map(Network::cast).collect())
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(networks) => networks.len(),
            Self::F64(networks) => networks.len(),
        }
    }

    /// Whether there is none; never in a [`Model`](super::Model).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `f32` or `f64`.
    #[must_use]
    pub fn precision(&self) -> &'static str {
        match self {
            Self::F32(_) => f32::NAME,
            Self::F64(_) => f64::NAME,
        }
    }

    /// What they are made of, all alike.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn spec(&self) -> &NetworkSpec {
        match self {
            Self::F32(networks) => networks[0].spec(),
            Self::F64(networks) => networks[0].spec(),
        }
    }

    /// SHA-256 of all parameters' little-endian bytes, one network after another.
    #[must_use]
    pub fn digest(&self) -> String {
        match self {
            Self::F32(networks) => store::digest_all(networks.iter().map(Network::params)),
            Self::F64(networks) => store::digest_all(networks.iter().map(Network::params)),
        }
    }

    pub(super) fn tensors(&self) -> Vec<Tensor<'_>> {
        match self {
            Self::F32(networks) => tensors(networks),
            Self::F64(networks) => tensors(networks),
        }
    }

    /// Whether they are of one kind and fit the encoder.
    pub(super) fn check(&self, encoder: &Encoder) -> Result<()> {
        let mismatch = |what: &str, expected: String, got: String| {
            Err(ErrorKind::ShapeMismatch { what: what.to_owned(), expected, got }.into())
        };
        if self.is_empty() {
            return mismatch("the model's members", "1 or more".into(), "none".into());
        }
        let spec = self.spec();
        let alike = match self {
            Self::F32(networks) => networks.iter().all(|network| network.spec() == spec),
            Self::F64(networks) => networks.iter().all(|network| network.spec() == spec),
        };
        if !alike {
            return mismatch(
                "the model's members",
                "networks of the same layers".into(),
                "different ones".into(),
            );
        }
        if spec.input != *encoder.input_shape() {
            let (expected, got) = (format!("{:?}", encoder.input_shape()), format!("{:?}", spec.input));
            return mismatch("the network's input", expected, got);
        }
        if spec.outputs() != encoder.outputs() {
            return mismatch(
                "the network's outputs",
                encoder.outputs().to_string(),
                spec.outputs().to_string(),
            );
        }
        Ok(())
    }
}

fn prefix(member: usize, members: usize) -> String {
    if members == 1 { String::new() } else { format!("members.{member}.") }
}

pub(super) fn tensors<F: Real>(networks: &[Network<F>]) -> Vec<Tensor<'_>> {
    let mut tensors = Vec::new();
    for (i, network) in networks.iter().enumerate() {
        let prefix = prefix(i, networks.len());
        for tensor in network.tensors() {
            let numbers = &network.params()[tensor.range.clone()];
            tensors.push(Tensor::new(format!("{prefix}{}", tensor.name), &tensor.shape, numbers));
        }
        for (name, range) in network.buffer_names() {
            let numbers = &network.buffers()[range.clone()];
            tensors.push(Tensor::new(format!("{prefix}{name}"), &[range.len()], numbers));
        }
    }
    tensors
}

/// Refuses a network whose sizes the file's numbers do not bear out, before anything of those sizes is allocated.
pub(super) fn check_sizes(
    stored: &Stored,
    spec: &NetworkSpec,
    encoder: &Encoder,
    members: usize,
) -> Result<()> {
    let numbers: usize = stored.tensors().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let input = encoder.input_shape();
    // One by one, since a sum or product of forged sizes could overflow: each is at most a tensor's, or a row's width
    // of the first one's.
    let tables = input.embedded.iter().flat_map(|table| [table.cardinality, table.dimension]);
    let units = spec.layers.iter().map(|layer| match layer {
        LayerSpec::Dense { units, .. } => *units,
        _ => 0,
    });
    let largest =
        tables.chain(units).chain(input.one_hot.iter().copied()).chain([input.dense, members]).max();
    let parameters = match largest {
        Some(largest) if largest <= numbers && spec.input == *input => spec.parameters(),
        _ => None,
    };
    match parameters.and_then(|parameters| parameters.checked_mul(members)) {
        Some(parameters) if parameters <= numbers => Ok(()),
        _ => Err(stored.bad(
            "its tensors".into(),
            "as many numbers as the network and the encoder need".into(),
            format!("{numbers} numbers"),
        )),
    }
}

/// Reads the networks; every tensor of the file must be one of theirs.
pub(super) fn read<F: Real>(stored: &Stored, spec: &NetworkSpec, members: usize) -> Result<Vec<Network<F>>> {
    // Few numbers in a file can make many wide layers.
    let workspace = Network::<F>::workspace_bytes(spec, BLOCK);
    memory::require("running the model", workspace, "run it on a larger machine")?;
    let mut networks = Vec::new();
    let mut used = 0;
    for i in 0..members {
        let mut network = spec.build_unset::<F>()?;
        let prefix = prefix(i, members);
        let params: Vec<_> =
            network.tensors().iter().map(|t| (t.name.clone(), t.shape.clone(), t.range.clone())).collect();
        let buffers = network.buffer_names().to_vec();
        used += params.len() + buffers.len();
        for (name, shape, range) in params {
            let numbers = finite(stored, &format!("{prefix}{name}"), &shape)?;
            network.params_mut()[range].copy_from_slice(&numbers);
        }
        for (name, range) in buffers {
            let numbers = finite(stored, &format!("{prefix}{name}"), &[range.len()])?;
            network.buffers_mut()[range].copy_from_slice(&numbers);
        }
        networks.push(network);
    }
    let stored_tensors = stored.tensors().count();
    if used != stored_tensors {
        let (expected, got) = (format!("{used}, those of the network"), stored_tensors.to_string());
        return Err(stored.bad("its tensors".into(), expected, got));
    }
    Ok(networks)
}

fn finite<F: Real>(stored: &Stored, name: &str, shape: &[usize]) -> Result<Vec<F>> {
    check_finite(stored, name, stored.numbers(name, shape)?)
}

/// The numbers, none of which may be NaN or infinite.
pub(super) fn check_finite<F: Real>(stored: &Stored, name: &str, numbers: Vec<F>) -> Result<Vec<F>> {
    match numbers.iter().find(|number| !number.is_finite()) {
        None => Ok(numbers),
        Some(number) => {
            Err(stored.bad(format!("tensor {name:?}"), "finite numbers".into(), number.to_string()))
        }
    }
}

/// Rows that are encoded at a time: what fits in 128 MiB. Few large blocks, for each one reads whole columns' words.
pub(super) fn rows_at_once<F: Real>(encoder: &Encoder) -> usize {
    const BYTES: u64 = 128 << 20;
    const FEWEST: u64 = 1024;
    (BYTES / encoder.memory_need::<F>(1).max(1)).max(FEWEST) as usize
}

/// Rows that are scored, decoded and summed at a time.
const BLOCK: usize = 512;
/// Such blocks whose outputs are computed at once, so that threads meet seldom.
const BLOCKS: usize = 8;

/// Runs rows through all networks, whose weights are packed once.
pub(super) struct Forward<'m, F: Real> {
    networks: &'m [Network<F>],
    encoder: &'m Encoder,
    pool: &'m Pool,
    inferences: Vec<Inference<F>>,
    z: Vec<F>,
    a: Vec<F>,
}

/// Is shown a block of rows, its logits and its activations.
type Watch<'w, F> = dyn FnMut(&Batch<'_, F>, &[F], &[F]) + 'w;

impl<'m, F: Real> Forward<'m, F> {
    /// For data of up to `rows` rows.
    pub(super) fn new(networks: &'m [Network<F>], encoder: &'m Encoder, pool: &'m Pool, rows: usize) -> Self {
        let inferences = networks.iter().map(|network| Inference::new(network, pool, rows)).collect();
        let cells = rows.min(BLOCKS * BLOCK) * networks[0].outputs();
        Self { networks, encoder, pool, inferences, z: vec![F::ZERO; cells], a: vec![F::ZERO; cells] }
    }

    /// `[rows × outputs]`: probabilities, or numbers in the target's units; the mean over the networks.
    pub(super) fn run(&mut self, data: &Dataset<F>) -> Vec<f64> {
        self.run_watched(data, &mut |_, _, _| {})
    }

    /// As [`Forward::run`]; `watch` is shown each block with its logits and activations as the network puts them out.
    pub(super) fn run_watched(&mut self, data: &Dataset<F>, watch: &mut Watch<'_, F>) -> Vec<f64> {
        let (outputs, task) = (self.encoder.outputs(), self.encoder.task());
        let mut sums = vec![0.0; data.rows * outputs];
        let mut probabilities = Vec::with_capacity(BLOCK * outputs);
        for from in (0..data.rows).step_by(BLOCKS * BLOCK) {
            let batch = data.range(from, data.rows.min(from + BLOCKS * BLOCK));
            for (network, inference) in self.networks.iter().zip(&mut self.inferences) {
                let (z, a) = (&mut self.z[..batch.rows * outputs], &mut self.a[..batch.rows * outputs]);
                inference.run(network, self.pool, &batch, z, a);
                let blocks = z.chunks(BLOCK * outputs).zip(a.chunks(BLOCK * outputs));
                for (block, (z, a)) in blocks.enumerate() {
                    let first = from + block * BLOCK;
                    watch(&data.range(first, first + a.len() / outputs), z, a);
                    let sums = &mut sums[first * outputs..][..a.len()];
                    if task == Task::Regression {
                        add(sums, &self.encoder.decode_targets(a));
                    } else {
                        probabilities.clear();
                        probabilities.extend(a.iter().map(|a| a.to_f64()));
                        make_probabilities(network.output_activation(), task, outputs, &mut probabilities);
                        add(sums, &probabilities);
                    }
                }
            }
        }
        let members = self.networks.len() as f64;
        sums.iter_mut().for_each(|sum| *sum /= members);
        sums
    }
}

/// Outputs that are no probabilities yet are made some: cut to 0 … 1 (a least-squares output estimates one), and of
/// several classes divided by their sum. NaN stays.
fn make_probabilities(output: Activation, task: Task, outputs: usize, a: &mut [f64]) {
    if !matches!(output, Activation::Softmax | Activation::Sigmoid) {
        a.iter_mut().for_each(|a| *a = a.clamp(0.0, 1.0));
    }
    if task == Task::Multiclass && output != Activation::Softmax {
        for row in a.chunks_exact_mut(outputs) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|a| *a = if sum == 0.0 { 1.0 / outputs as f64 } else { *a / sum });
        }
    }
}

fn add(sums: &mut [f64], numbers: &[f64]) {
    sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
}
