//! The step that comes next: where it stands, which rows it takes, how fast it learns.

use deltarule_kernels::Real;

use super::Trainer;
use super::run::Batches;
use crate::dataset::Samples;

/// A step that is about to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct NextStep {
    /// Its number, from 1.
    pub step: u64,
    /// The epoch that it belongs to, from 1.
    pub epoch: u64,
    /// Its batch's place in that epoch, from 1.
    pub batch: u64,
    /// Batches in an epoch.
    pub batches: u64,
    /// The batch's rows by their numbers in the data, from 0, in their order.
    pub rows: Vec<u32>,
    /// η, with its curve, the reductions of a plateau, and the factor that a control has set.
    pub learning_rate: f64,
}

impl<F: Real> Trainer<'_, F> {
    /// What [`Trainer::run`] would do next with these rows.
    ///
    /// `None` where there is no row, and of L-BFGS, whose step takes no batch. Whether there is to be a next step at all is
    /// not asked.
    ///
    /// ```
    /// use deltarule::Pool;
    /// use deltarule::activation::Activation;
    /// use deltarule::dataset::{Dataset, Targets};
    /// use deltarule::loss::{Cost, Loss};
    /// use deltarule::network::NetworkSpec;
    /// use deltarule::optimizer::OptimizerSpec;
    /// use deltarule::trainer::{Trainer, TrainerSettings};
    ///
    /// // Three rows in batches of two: each epoch has two steps, the second of one row.
    /// let data = Dataset::from_dense(1, vec![0.0, 1.0, 2.0], Targets::Values { outputs: 1, values: vec![1.0; 3] });
    /// let network = NetworkSpec::new(1).dense(1, Activation::Identity).build::<f32>(1)?;
    /// let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0)?;
    /// let settings = TrainerSettings::new(loss, OptimizerSpec::GradientDescent, 0.1, 2, 5);
    /// let pool = Pool::new(1);
    /// let next = Trainer::new(&pool, network, settings)?.next_step(&data).expect("descent takes batches");
    /// assert_eq!((next.step, next.epoch, next.batch, next.batches), (1, 1, 1, 2));
    /// assert_eq!((next.rows.len(), next.learning_rate), (2, 0.1));
    /// # Ok::<(), deltarule::Error>(())
    /// ```
    #[must_use]
    pub fn next_step(&self, data: &Samples<'_, F>) -> Option<NextStep> {
        if data.rows == 0 || self.searches_lines() {
            return None;
        }
        let mut batches = Batches::new(self.pool, data, self.settings.batch_size, self.settings.shuffle);
        // The epoch that a snapshot of its end has closed is over: what follows is the first batch of the next.
        let over = self.at.batch >= batches.count();
        let (epoch, batch) = if over { (self.at.epoch + 1, 0) } else { (self.at.epoch, self.at.batch) };
        batches.begin(self.settings.seed, epoch);
        Some(NextStep {
            step: self.at.step + 1,
            epoch: epoch + 1,
            batch: batch + 1,
            batches: batches.count(),
            rows: batches.rows(batch),
            learning_rate: self.rate(batches.count()),
        })
    }
}
