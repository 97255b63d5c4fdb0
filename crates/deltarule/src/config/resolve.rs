//! From settings to the typed options of the other rooms: the one place that knows both.
//!
//! The functions read a *complete* configuration, as [`plan`](crate::plan::plan) makes it. Those that are needed before
//! there is a plan (reading a table, telling its columns' roles) take the other rooms' own defaults for what is unset.

use crate::activation::{self, Activation};
use crate::config::{BatchSize, ClassWeight, Config, Limit, Part, Warmup};
use crate::dataset::InputShape;
use crate::encoder::{self, DatetimePart, EncoderOptions, NumericEncoding, Scaling, TargetScaling};
use crate::error::{Error, ErrorKind, Result};
use crate::init::Initializer;
use crate::loss::{Cost, Loss};
use crate::metric::Metric;
use crate::network::{LayerSpec, NetworkSpec};
use crate::optimizer::{OptimizerSpec, Regularization};
use crate::schedule::{LearningRate, Schedule};
use crate::split::{self, SplitOptions};
use crate::table::{BundledOptions, ColumnType, Format, ReadOptions};
use crate::task::Task;
use crate::trainer::{Stopping, TrainerSettings};

/// A setting that the plan leaves open in no run that uses it.
fn missing(key: &str) -> Error {
    ErrorKind::BadSetting {
        setting: key.to_owned(),
        got: "nothing".to_owned(),
        expected: "a value: a complete configuration has one".to_owned(),
        next: "take the configuration from a plan".to_owned(),
    }
    .into()
}

fn needed<T: Clone>(key: &str, value: Option<&T>) -> Result<T> {
    value.cloned().ok_or_else(|| missing(key))
}

/// A name that [`Config::check`] lets through and another room does not know: the tests rule it out for every name.
fn named<T>(key: &str, name: &str, found: Option<T>) -> Result<T> {
    found.ok_or_else(|| {
        let expected =
            crate::config::setting(key).map_or_else(|_| String::new(), crate::config::Setting::expected);
        ErrorKind::BadSetting {
            setting: key.to_owned(),
            got: format!("{name:?}"),
            expected,
            next: String::new(),
        }
        .into()
    })
}

/// How the table is to be read.
///
/// # Errors
/// [`ErrorKind::BadSetting`] for a field set by hand to what its setting does not allow.
pub fn read_options(config: &Config) -> Result<ReadOptions> {
    let defaults = ReadOptions::default();
    let format = match config.format.as_deref() {
        None => None,
        Some(name) => {
            let format = match name {
                "csv" => Some(Format::Csv),
                "parquet" => Some(Format::Parquet),
                "npy" => Some(Format::Npy),
                "idx" => Some(Format::Idx),
                _ => None,
            };
            Some(named("format", name, format)?)
        }
    };
    let delimiter = match config.delimiter.as_deref() {
        None => None,
        Some(name) => {
            let byte = match name {
                "comma" => Some(b','),
                "tab" => Some(b'\t'),
                "semicolon" => Some(b';'),
                "bar" => Some(b'|'),
                "space" => Some(b' '),
                "colon" => Some(b':'),
                _ => None,
            };
            Some(named("delimiter", name, byte)?)
        }
    };
    let mut missing = defaults.missing;
    missing.extend(config.missing.iter().flatten().cloned());
    Ok(ReadOptions {
        format,
        header: config.header,
        delimiter,
        types: types(config)?,
        ignore: config.ignore.clone().unwrap_or_default(),
        missing,
        bundled: BundledOptions {
            rows: config.rows,
            noise: config.noise,
            seed: config.seed.unwrap_or(BundledOptions::default().seed),
        },
        ..ReadOptions::default()
    })
}

fn types(config: &Config) -> Result<Vec<(String, ColumnType)>> {
    config.types.iter().flatten().map(|(column, name)| Ok((column.clone(), name.parse()?))).collect()
}

/// The task that was said or planned.
#[must_use]
pub fn task(config: &Config) -> Option<Task> {
    let name = config.task.as_deref()?;
    Task::ALL.into_iter().find(|task| task.name() == name)
}

/// How columns become numbers; what is unset is as in [`EncoderOptions::default`].
///
/// # Errors
/// [`ErrorKind::BadSetting`] for a field set by hand to what its setting does not allow.
pub fn encoder_options(config: &Config, task: Task) -> Result<EncoderOptions> {
    let defaults = EncoderOptions::default();
    let scaling = match config.scaling.as_deref() {
        None => defaults.scaling,
        Some(name) => {
            let scaling = match name {
                "standard" => Some(Scaling::Standard),
                "robust" => Some(Scaling::Robust),
                "unit" => Some(Scaling::Unit),
                "none" => Some(Scaling::None),
                _ => None,
            };
            named("scaling", name, scaling)?
        }
    };
    let numeric_encoding = match config.numeric_encoding.as_deref() {
        Some("piecewise") => NumericEncoding::Piecewise { bins: needed("bins", config.bins.as_ref())? },
        Some(_) => NumericEncoding::Plain,
        None => defaults.numeric_encoding,
    };
    let target_scaling = match config.target_scaling.as_deref() {
        None => defaults.target_scaling,
        Some(name) => {
            let scaling = match name {
                "standard" => Some(TargetScaling::Standard),
                "log" => Some(TargetScaling::Log),
                "none" => Some(TargetScaling::None),
                _ => None,
            };
            named("target_scaling", name, scaling)?
        }
    };
    let datetime_parts = match &config.datetime_parts {
        None => defaults.datetime_parts,
        Some(names) => names
            .iter()
            .map(|name| {
                let part = DatetimePart::ALL.into_iter().find(|part| part.name() == name);
                named("datetime_parts", name, part)
            })
            .collect::<Result<_>>()?,
    };
    // What rows are split by is no feature: a customer's number says nothing of the next customer.
    let split_by = [&config.group, &config.time, &config.split_column].into_iter().flatten();
    let ignore = config.ignore.iter().flatten().chain(split_by).cloned().collect();
    Ok(EncoderOptions {
        target: config.target.clone().unwrap_or_default(),
        task: Some(task),
        weight: config.weight.clone(),
        ignore,
        types: types(config)?,
        categorical: config.categorical.clone().unwrap_or_default(),
        keep_constant: config.keep_constant.unwrap_or(defaults.keep_constant),
        datetime_parts,
        scaling,
        numeric_encoding,
        one_hot_limit: config.one_hot_limit.unwrap_or(defaults.one_hot_limit),
        hash_limit: config.hash_limit.unwrap_or(defaults.hash_limit),
        target_scaling,
        sparse_above: defaults.sparse_above,
    })
}

/// How rows are divided. Rows of separate files are the caller's to name; their shares are 0 here.
#[must_use]
pub fn split_options(config: &Config) -> SplitOptions {
    let share = |part: &Option<Part>| match part {
        Some(Part::Fraction(share)) => split::Part::Fraction(*share),
        Some(Part::File(_)) | None => split::Part::Fraction(0.0),
    };
    SplitOptions {
        validation: share(&config.validation),
        test: share(&config.test),
        column: config.split_column.clone(),
        group: config.group.clone(),
        time: config.time.clone(),
        stratify: config.stratify.unwrap_or(false),
        seed: config.seed.unwrap_or(0),
        // The plan has decided that few rows are not split; what a person said stands.
        fewest_rows: 0,
        ..SplitOptions::default()
    }
}

/// What a class's rows weigh.
#[must_use]
pub fn class_weight(config: &Config) -> encoder::ClassWeight {
    match &config.class_weight {
        None | Some(ClassWeight::None) => encoder::ClassWeight::None,
        Some(ClassWeight::Balanced) => encoder::ClassWeight::Balanced,
        Some(ClassWeight::Named(weights)) => encoder::ClassWeight::Explicit(
            weights.iter().map(|(class, weight)| (class.clone(), *weight)).collect(),
        ),
    }
}

/// The network: input dropout, then for each hidden layer its product, normalisation, activation and dropout, then the
/// output layer.
///
/// # Errors
/// [`ErrorKind::BadSetting`] where a setting that the network needs is unset.
pub fn network_spec(config: &Config, input: InputShape, outputs: usize) -> Result<NetworkSpec> {
    let hidden = needed("hidden", config.hidden.as_ref())?;
    let mut spec = NetworkSpec::on(input);
    if let Some(rate) = config.input_dropout.filter(|&rate| rate > 0.0) {
        spec = spec.dropout(rate);
    }
    for (index, &units) in hidden.iter().enumerate() {
        let activation =
            activation_named("activation", &of_layer("activation", config.activation.as_ref(), index)?)?;
        let initializer = match &config.initializer {
            Some(_) => initializer_named(
                "initializer",
                &of_layer("initializer", config.initializer.as_ref(), index)?,
            )?,
            // Weights that come from a file are not drawn.
            None => activation::default_initializer(activation),
        };
        spec = match config.normalization.as_deref() {
            None | Some("none") => spec.dense_with(units, activation, initializer),
            Some(name) => {
                let spec = spec.dense_with(units, Activation::Identity, initializer);
                let layer = match name {
                    "batch" => Some(LayerSpec::BatchNorm { activation }),
                    "layer" => Some(LayerSpec::LayerNorm { activation }),
                    _ => None,
                };
                spec.with(named("normalization", name, layer)?)
            }
        };
        let rate = match &config.dropout {
            Some(rates) if rates.is_empty() => 0.0,
            rates => of_layer("dropout", rates.as_ref(), index)?,
        };
        if rate > 0.0 {
            spec = spec.dropout(rate);
        }
    }
    let output = activation_named(
        "output_activation",
        &needed("output_activation", config.output_activation.as_ref())?,
    )?;
    let initializer = match &config.output_initializer {
        Some(name) => initializer_named("output_initializer", name)?,
        None => activation::default_initializer(output),
    };
    Ok(spec.dense_with(outputs, output, initializer))
}

/// The layer's own value, or the one for all.
fn of_layer<T: Clone>(key: &str, values: Option<&Vec<T>>, layer: usize) -> Result<T> {
    match values.map(Vec::as_slice) {
        Some([one]) => Ok(one.clone()),
        Some(each) => needed(key, each.get(layer)),
        None => Err(missing(key)),
    }
}

fn activation_named(key: &str, name: &str) -> Result<Activation> {
    named(key, name, activation::from_name(name))
}

fn initializer_named(key: &str, name: &str) -> Result<Initializer> {
    named(key, name, Initializer::from_name(name))
}

/// What is made small, with the output it is computed through.
///
/// # Errors
/// [`ErrorKind::BadSetting`] where a setting is unset; [`ErrorKind::Conflict`] where cost and output do not go together.
pub fn loss(config: &Config) -> Result<Loss> {
    let name = needed("cost", config.cost.as_ref())?;
    let cost = match name.as_str() {
        "squared_error" => Some(Cost::SquaredError),
        "absolute" => Some(Cost::Absolute),
        "huber" => Some(Cost::Huber { delta: needed("huber_delta", config.huber_delta.as_ref())? }),
        "pinball" => Some(Cost::Pinball { quantile: needed("quantile", config.quantile.as_ref())? }),
        "poisson" => Some(Cost::Poisson),
        "binary_cross_entropy" => Some(Cost::BinaryCrossEntropy),
        "cross_entropy" => Some(Cost::CrossEntropy),
        "focal" => Some(Cost::Focal { gamma: needed("focal_gamma", config.focal_gamma.as_ref())? }),
        _ => None,
    };
    let output = needed("output_activation", config.output_activation.as_ref())?;
    let output = activation_named("output_activation", &output)?;
    Loss::new(named("cost", &name, cost)?, output, config.label_smoothing.unwrap_or(0.0))
}

/// The update rule with its numbers.
///
/// # Errors
/// [`ErrorKind::BadSetting`] where a setting that it needs is unset.
pub fn optimizer(config: &Config) -> Result<OptimizerSpec> {
    let name = needed("optimizer", config.optimizer.as_ref())?;
    let momentum = || needed("momentum", config.momentum.as_ref());
    let epsilon = || needed("epsilon", config.epsilon.as_ref());
    let beta1 = || needed("beta1", config.beta1.as_ref());
    let beta2 = || needed("beta2", config.beta2.as_ref());
    Ok(match name.as_str() {
        "momentum" => OptimizerSpec::Momentum { momentum: momentum()? },
        "nesterov" => OptimizerSpec::Nesterov { momentum: momentum()? },
        "rmsprop" => OptimizerSpec::RmsProp {
            rho: needed("rho", config.rho.as_ref())?,
            epsilon: epsilon()?,
            momentum: momentum()?,
        },
        "adam" => OptimizerSpec::Adam { beta1: beta1()?, beta2: beta2()?, epsilon: epsilon()? },
        "adamw" => OptimizerSpec::AdamW { beta1: beta1()?, beta2: beta2()?, epsilon: epsilon()? },
        "lbfgs" => OptimizerSpec::Lbfgs {
            history: needed("lbfgs_history", config.lbfgs_history.as_ref())?,
            // Files of earlier versions do not name it.
            tolerance: config.lbfgs_tolerance.unwrap_or(0.0),
        },
        // Those without numbers of their own: gradient_descent, rprop.
        other => named("optimizer", other, OptimizerSpec::by_name(other))?,
    })
}

/// Penalties and limits; what is unset is off.
#[must_use]
pub fn regularization(config: &Config) -> Regularization {
    let limit = |limit: Option<Limit>| if let Some(Limit::At(limit)) = limit { Some(limit) } else { None };
    Regularization {
        l1: config.l1.unwrap_or(0.0),
        l2: config.l2.unwrap_or(0.0),
        weight_decay: config.weight_decay.unwrap_or(0.0),
        max_norm: limit(config.max_norm),
        clip_norm: limit(config.clip_norm),
        clip_value: limit(config.clip_value),
    }
}

/// η over the run. A share of warm-up is taken of `total_steps`.
///
/// # Errors
/// [`ErrorKind::BadSetting`] where a setting that it needs is unset.
pub fn learning_rate(config: &Config, total_steps: u64) -> Result<LearningRate> {
    let base = match config.optimizer.as_deref() {
        Some("lbfgs") => 1.0,
        _ => needed("learning_rate", config.learning_rate.as_ref())?,
    };
    let warmup_steps = match config.warmup {
        None => 0,
        Some(Warmup::Steps(steps)) => steps,
        Some(Warmup::Fraction(share)) => (share * total_steps as f64).round() as u64,
    };
    Ok(LearningRate { base, schedule: schedule(config)?, warmup_steps })
}

fn schedule(config: &Config) -> Result<Schedule> {
    let name = needed("schedule", config.schedule.as_ref())?;
    let mut schedule = named("schedule", &name, Schedule::by_name(&name))?;
    let set = |key, value: Option<f64>| needed(key, value.as_ref());
    match &mut schedule {
        Schedule::Step { epochs, gamma } => {
            *epochs = needed("step_epochs", config.step_epochs.as_ref())?;
            *gamma = set("gamma", config.gamma)?;
        }
        Schedule::Exponential { gamma } => *gamma = set("gamma", config.gamma)?,
        Schedule::InverseScaling { power } => *power = set("power", config.power)?,
        Schedule::Cosine { final_fraction } => {
            *final_fraction = set("final_fraction", config.final_fraction)?;
        }
        Schedule::OneCycle { peak_fraction, final_fraction, .. } => {
            *peak_fraction = set("peak_fraction", config.peak_fraction)?;
            *final_fraction = set("final_fraction", config.final_fraction)?;
        }
        Schedule::ReduceOnPlateau { gamma, patience, .. } => {
            *gamma = set("gamma", config.gamma)?;
            *patience = needed("plateau_patience", config.plateau_patience.as_ref())?;
        }
        Schedule::Constant => {}
    }
    Ok(schedule)
}

/// Rows in a step of `rows` training rows.
#[must_use]
pub fn batch_rows(config: &Config, rows: usize) -> usize {
    match config.batch_size {
        Some(BatchSize::Rows(batch)) => batch.min(rows).max(1),
        Some(BatchSize::All) | None => rows.max(1),
    }
}

/// The figure that is watched on the validation rows; `None` where early stopping is off.
///
/// # Errors
/// [`ErrorKind::BadSetting`] for a field set by hand to what its setting does not allow.
pub fn watched(config: &Config) -> Result<Option<Metric>> {
    match config.early_stopping.as_deref() {
        None | Some("none") => Ok(None),
        Some(name) => {
            let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name);
            named("early_stopping", name, metric).map(Some)
        }
    }
}

/// Steps that training takes at most, over `rows` training rows.
///
/// # Errors
/// [`ErrorKind::BadSetting`] where the number of epochs is unset.
pub fn total_steps(config: &Config, rows: usize) -> Result<u64> {
    let epochs = needed("epochs", config.epochs.as_ref())?;
    let planned = epochs.saturating_mul(rows.div_ceil(batch_rows(config, rows)) as u64);
    Ok(config.steps.map_or(planned, |steps| steps.min(planned)))
}

/// All that the trainer is told: of `rows` training rows, with this seed (members of an ensemble differ in theirs).
///
/// # Errors
/// [`ErrorKind::BadSetting`] where a setting that training needs is unset.
pub fn trainer_settings(config: &Config, loss: Loss, rows: usize, seed: u64) -> Result<TrainerSettings> {
    let watched = watched(config)?;
    let stopping = match watched {
        None => None,
        Some(_) => Some(Stopping {
            patience: needed("patience", config.patience.as_ref())?,
            min_delta: config.min_delta.unwrap_or(0.0),
        }),
    };
    Ok(TrainerSettings {
        loss,
        optimizer: optimizer(config)?,
        learning_rate: learning_rate(config, total_steps(config, rows)?)?,
        regularization: regularization(config),
        batch_size: batch_rows(config, rows),
        epochs: needed("epochs", config.epochs.as_ref())?,
        max_steps: config.steps,
        shuffle: config.shuffle.unwrap_or(true),
        seed,
        watch: watched.unwrap_or(Metric::Cost),
        stopping,
        keep_best: watched.is_some(),
        telemetry: config.telemetry.unwrap_or(true),
    })
}

#[cfg(test)]
mod tests;
