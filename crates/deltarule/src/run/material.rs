//! What the networks of one split are made from: the same for training and for a replay of it.

use deltarule_kernels::Real;

use super::prepare::Prepared;
use crate::config::{Config, resolve};
use crate::dataset::{Dataset, Targets};
use crate::encoder::Encoder;
use crate::error::{ErrorKind, Result};
use crate::loss::{Cost, Loss};
use crate::model::{self, Scorer};
use crate::network::{Network, NetworkSpec};
use crate::split::Split;
use crate::table::Table;
use crate::trainer::{Trainer, TrainerSettings};

/// Encoder, rows, cost and layers of one split: what a loop of one's own trains on.
///
/// ```
/// use deltarule::Pool;
/// use deltarule::config::Config;
/// use deltarule::run::{self, Material};
/// use deltarule::table::{ReadOptions, read};
///
/// let table = read("xor", &ReadOptions::default())?;
/// let prepared = run::prepare_table(table, &Config::default(), None, None)?;
/// let settings = &prepared.plan.settings;
/// let material = Material::<f32>::new(&prepared, &prepared.split, settings, None)?;
/// let pool = Pool::new(1);
/// let trainer = material.trainer(&pool, settings, material.trainer_settings(settings, 0)?)?;
/// assert_eq!((trainer.steps(), material.train.rows), (0, 4));
/// # Ok::<(), deltarule::Error>(())
/// ```
#[derive(Debug)]
pub struct Material<F: Real> {
    /// Fitted on the split's training rows.
    pub encoder: Encoder,
    /// Those rows in the split's order, with the weights of their classes.
    pub train: Dataset<F>,
    /// Whether no class weighs anything but 1.
    pub as_in_table: bool,
    /// The network's layers.
    pub spec: NetworkSpec,
    /// What is made small.
    pub loss: Loss,
}

impl<F: Real> Material<F> {
    /// Encodes the training rows; `fitted` is the split's encoder, where it is there already.
    ///
    /// # Errors
    /// Those of encoding, of the settings, and of targets that the cost has no smallest value for.
    pub fn new(
        prepared: &Prepared,
        split: &Split,
        settings: &Config,
        fitted: Option<Encoder>,
    ) -> Result<Self> {
        let table = &prepared.table;
        let encoder = match fitted {
            Some(fitted) => fitted,
            None => Encoder::fit(table, &split.train, &prepared.encoder)?,
        };
        let mut train = encoder.encode::<F>(table, &split.train)?;
        let class_weights = encoder.class_weights(&train, &resolve::class_weight(settings))?;
        encoder.apply_class_weights(&mut train, &class_weights);
        let as_in_table = class_weights.iter().all(|&weight| weight == 1.0);
        let spec = resolve::network_spec(settings, encoder.input_shape().clone(), encoder.outputs())?;
        let loss = resolve::loss(settings)?;
        check_targets(&loss, &train, encoder.target_names())?;
        Ok(Self { encoder, train, as_in_table, spec, loss })
    }

    /// What measures a network on the validation rows, if there are any that can be measured on.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn scorer(&self, table: &Table, split: &Split) -> Result<Option<Scorer<'_, F>>> {
        let watched = self.encoder.usable_rows(table, &split.validation)?.rows;
        if watched.is_empty() {
            return Ok(None);
        }
        Scorer::new(&self.encoder, self.loss, table, &watched).map(Some)
    }

    /// The settings of a member's training, numbered from 0: each has a seed of its own.
    ///
    /// # Errors
    /// Where a setting that training needs is unset.
    pub fn trainer_settings(&self, settings: &Config, member: usize) -> Result<TrainerSettings> {
        let seed = settings.seed.unwrap_or(0).wrapping_add(member as u64);
        resolve::trainer_settings(settings, self.loss, self.train.rows, seed)
    }
}

impl<F: Real> Material<F> {
    /// A trainer at step 0: start weights by its seed, or those of the file that the settings name.
    ///
    /// # Errors
    /// Those of the network, of the file and of the trainer's settings.
    pub fn trainer<'p>(
        &self,
        pool: &'p deltarule_kernels::Pool,
        settings: &Config,
        training: TrainerSettings,
    ) -> Result<Trainer<'p, F>> {
        trainer_at_start(pool, &self.spec, settings, training)
    }
}

/// A trainer at step 0: start weights by the trainer's seed, or those of the file that the settings name.
///
/// # Errors
/// Those of the network, of the file and of the trainer's settings.
pub(crate) fn trainer_at_start<'p, F: Real>(
    pool: &'p deltarule_kernels::Pool,
    spec: &NetworkSpec,
    config: &Config,
    settings: TrainerSettings,
) -> Result<Trainer<'p, F>> {
    let mut network: Network<F> = spec.build(settings.seed)?;
    if let Some(path) = &config.weights {
        model::read_weights(path.as_ref(), &mut network)?;
    }
    Trainer::new(pool, network, settings)
}

/// What events and checkpoints call a member of a split, numbered from 0.
pub(crate) fn part_name(split: &str, member: usize, members: usize) -> String {
    if members == 1 { split.to_owned() } else { format!("{split}, member {}", member + 1) }
}

/// Refuses targets on which the cost has no smallest value.
fn check_targets<F: Real>(loss: &Loss, train: &Dataset<F>, names: &[String]) -> Result<()> {
    let (Cost::Poisson, Targets::Values { outputs, values }) = (loss.cost(), &train.targets) else {
        return Ok(());
    };
    if let Some(at) = values.iter().position(|&target| target.to_f64() < 0.0) {
        let column = names.get(at % outputs).cloned().unwrap_or_default();
        let what =
            format!("a training row holds {}; poisson cost is for counts and rates, 0 or more", values[at]);
        let next = "choose another cost, such as squared_error or huber".to_owned();
        return Err(ErrorKind::UnusableTarget { column, what, next }.into());
    }
    Ok(())
}
