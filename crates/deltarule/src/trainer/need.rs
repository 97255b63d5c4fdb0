//! What a training holds in memory, known before it begins.

use deltarule_kernels::Real;
use serde::Serialize;

use crate::network::{Network, NetworkSpec};
use crate::optimizer::OptimizerSpec;

/// Bytes that the training of one network holds beside its rows; see [`memory`](crate::memory) for the whole account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The parameters, their gradient, and the best epoch's parameters: three times as many numbers as there are
    /// parameters.
    pub parameters: u64,
    /// The optimizer's state: two numbers per parameter for Adam, one for momentum, none for plain descent.
    pub optimizer: u64,
    /// Activations, deltas and gathered rows of a batch, and the activations of the rows that are scored at once.
    pub workspace: u64,
}

impl Need {
    /// Rows that are scored at once.
    const SCORED: usize = 512;

    /// What a training with these layers and so many rows in a batch holds, in numbers of type `F`.
    ///
    /// ```
    /// use deltarule::activation::Activation;
    /// use deltarule::network::NetworkSpec;
    /// use deltarule::optimizer::OptimizerSpec;
    /// use deltarule::trainer::Need;
    ///
    /// let spec = NetworkSpec::new(2).dense(8, Activation::Tanh).dense(1, Activation::Sigmoid);
    /// let adam = OptimizerSpec::by_name("adam").expect("an optimizer");
    /// let need = Need::of::<f32>(&spec, &adam, 4);
    /// assert_eq!(need.parameters, 3 * 33 * 4); // 2·8 + 8 + 8·1 + 1 = 33 parameters
    /// assert_eq!(need.optimizer, 2 * 33 * 4);
    /// ```
    #[must_use]
    pub fn of<F: Real>(spec: &NetworkSpec, optimizer: &OptimizerSpec, batch: usize) -> Self {
        let copy = (spec.parameters().unwrap_or(usize::MAX) as u64).saturating_mul(F::BYTES as u64);
        let row = (spec.input.dense + spec.outputs() + 1) * F::BYTES + 4 * spec.input.codes();
        let gathered = (batch as u64).saturating_mul(row as u64);
        let workspace = Network::<F>::workspace_bytes(spec, batch)
            .saturating_add(Network::<F>::workspace_bytes(spec, Self::SCORED))
            .saturating_add(gathered);
        let state = optimizer.state_per_parameter() as u64;
        Self { parameters: copy.saturating_mul(3), optimizer: copy.saturating_mul(state), workspace }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.parameters.saturating_add(self.optimizer).saturating_add(self.workspace)
    }
}
