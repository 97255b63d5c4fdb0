//! What is compared: the cases, under plain descent and some under Adam, and by how much ours is to be ahead.

/// A case under an optimizer.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Of `deltarule bench`.
    pub case: &'static str,
    /// As `--optimizer` takes it.
    pub optimizer: &'static str,
    /// After how many steps the losses are compared; a multiple of the 16 that a way of a peer takes at once, else that
    /// way is not tried. Few where steps are chaotic: on `ciresan` roundings alone have ours apart from PyTorch's loss by
    /// 1e-4 and from JAX's by 8e-3 after 8 steps.
    pub steps: u64,
    /// What must hold.
    pub bounds: &'static [Bound],
}

/// A ratio that ours must reach.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Of our rows per second to those of the fastest peer.
    OverBest(f64),
    /// Of our rows per second to this peer's.
    Over(&'static str, f64),
    /// Of the time that `torch.mm` takes for a step's products to the time of our step, each on its best number of
    /// threads.
    OfProducts(f64),
    /// Of our time on one thread to that on two.
    SecondCore(f64),
}

/// A second core that is of no use must not cost more than this.
const NO_SLOWER: Bound = Bound::SecondCore(0.97);

/// Every job, in the order of measuring.
pub const JOBS: [Job; 9] = [
    job("xor", 192, &[Bound::Over("fann", 5.0), Bound::Over("jax", 8.0), NO_SLOWER]),
    job("nielsen", 192, &[Bound::OverBest(2.5), NO_SLOWER]),
    job("tabular", 96, &[Bound::OverBest(1.8), NO_SLOWER]),
    job("mnist-small", 96, &[Bound::OverBest(2.0), Bound::SecondCore(1.0)]),
    job("mnist-large", 48, &[Bound::OverBest(1.3), Bound::SecondCore(1.5)]),
    job("ciresan", 2, &[Bound::OverBest(1.2), Bound::OfProducts(0.85), Bound::SecondCore(1.7)]),
    by_adam("tabular", 32, &[Bound::OverBest(1.8)]),
    by_adam("mnist-small", 32, &[Bound::OverBest(2.0)]),
    by_adam("mnist-large", 16, &[Bound::OverBest(1.3)]),
];

const fn job(case: &'static str, steps: u64, bounds: &'static [Bound]) -> Job {
    Job { case, optimizer: PLAIN, steps, bounds }
}

const fn by_adam(case: &'static str, steps: u64, bounds: &'static [Bound]) -> Job {
    Job { case, optimizer: ADAM, steps, bounds }
}

/// Plain gradient descent.
pub const PLAIN: &str = "gradient_descent";

/// Adam.
pub const ADAM: &str = "adam";

/// How much longer than a plain step one with Adam may take on `mnist-small`.
pub const ADAM_COST: f64 = 1.25;

impl Job {
    /// `xor`, `mnist-small adam`.
    pub fn name(&self) -> String {
        if self.optimizer == PLAIN {
            self.case.to_owned()
        } else {
            format!("{} {}", self.case, self.optimizer)
        }
    }
}

/// The names of the cases.
pub fn cases() -> Vec<&'static str> {
    JOBS.iter().filter(|job| job.optimizer == PLAIN).map(|job| job.case).collect()
}
