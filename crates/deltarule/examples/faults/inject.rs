//! The faults, and what is right to find of each.

use std::path::{Path, PathBuf};

use deltarule::config::{Config, resolve};
use deltarule::encoder::Encoder;
use deltarule::health::Problem;
use deltarule::layer::{Tensor, TensorKind};
use deltarule::model::write_weights;
use deltarule::network::Network;
use deltarule::run;
use deltarule::table::{Column, Table};

use super::Case;
use super::data::{Data, Half};
use super::well::plain;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A fault in the making.
struct Fault<'a> {
    data: &'a Data,
    seed: u64,
    table: Table,
    config: Config,
    /// The same settings without the fault.
    clean: Config,
    /// Where weight files may be put.
    folder: &'a Path,
    /// The layer at fault, where it is one.
    layer: Option<usize>,
}

/// What a fault is.
pub struct Kind {
    pub name: &'static str,
    /// Any of these is right to find.
    pub expected: &'static [Problem],
    /// Whether a change of the configuration can undo it; what is wrong with the data it cannot. Written down before
    /// thresholds and remedies were tuned.
    pub repairable: bool,
    /// Puts it in; false where a data set cannot have it.
    put_in: fn(&mut Fault<'_>) -> Outcome<bool>,
}

const fn kind(
    name: &'static str,
    expected: &'static [Problem],
    repairable: bool,
    put_in: fn(&mut Fault<'_>) -> Outcome<bool>,
) -> Kind {
    Kind { name, expected, repairable, put_in }
}

pub const KINDS: &[Kind] = &[
    kind("sigmoid stack", &[Problem::VanishingGradient], true, sigmoid_stack),
    kind("weights 30 times too large in the second layer", &[Problem::PoorInitialisation], true, |fault| {
        scaled_layer(fault, 30.0)
    }),
    kind("weights 300 times too small in the second layer", &[Problem::PoorInitialisation], true, |fault| {
        scaled_layer(fault, 1.0 / 300.0)
    }),
    kind("equal units in the first layer", &[Problem::SymmetricUnits], true, equal_units),
    kind("learning rate ×100 and more", &[Problem::LearningRateTooHigh], true, rate_too_high),
    kind("learning rate ÷1000", &[Problem::LearningRateTooLow], true, rate_too_low),
    kind("a column in other units, unscaled", &[Problem::UnscaledInputs], true, unscaled),
    kind("shuffled labels", &[Problem::LabelsLookRandom], false, shuffled),
    kind("dead relu by bias in the second layer", &[Problem::DeadUnits], true, dead_by_bias),
    kind("output that cannot reach the targets", &[Problem::OutputCostMismatch], true, wrong_output),
    kind("the target among the columns", &[Problem::LeakageSuspected], false, leaked),
    kind("classes 99 to 1", &[Problem::ClassImbalance], false, imbalanced),
    kind(
        "twelve layers, each three times too large",
        &[Problem::ExplodingGradient, Problem::PoorInitialisation],
        true,
        exploding_depth,
    ),
    kind(
        "penalty that outweighs the cost",
        &[Problem::Underfitting, Problem::ConstantPrediction],
        true,
        overpowered_penalty,
    ),
    kind(
        "batch of 2, momentum 0.99",
        &[Problem::OscillatingLoss, Problem::LearningRateTooHigh, Problem::NonFinite],
        true,
        nervous,
    ),
    kind(
        "a constant as the only column",
        &[Problem::ConstantPrediction, Problem::Underfitting],
        false,
        constant_column,
    ),
    kind("ten training rows", &[Problem::Overfitting], false, tiny_training_set),
    kind("steps to infinity", &[Problem::NonFinite], true, to_infinity),
];

pub fn cases(half: Half, folder: &Path) -> Outcome<Vec<Case>> {
    let mut cases = Vec::new();
    for data in half.data()? {
        for seed in half.seeds() {
            for kind in KINDS {
                let config = plain(&data, seed)?;
                let (table, clean) = (data.table.clone(), config.clone());
                let mut fault = Fault { data: &data, seed, table, config, clean, folder, layer: None };
                if (kind.put_in)(&mut fault)? {
                    let Fault { table, config, clean, layer, .. } = fault;
                    let fault = Some(kind);
                    cases.push(Case { data: data.name, seed, fault, layer, table, config, clean });
                }
            }
        }
    }
    Ok(cases)
}

impl Fault<'_> {
    fn set(&mut self, settings: &[(&str, &str)]) -> Outcome<()> {
        for (key, value) in settings {
            self.config.set(key, value)?;
        }
        Ok(())
    }

    /// What is no fault, but what it shows in.
    fn set_both(&mut self, settings: &[(&str, &str)]) -> Outcome<()> {
        for (key, value) in settings {
            self.clean.set(key, value)?;
        }
        self.set(settings)
    }

    /// Starts from the weights that the plan would draw, changed; the change says at which layer, if at one.
    fn start_from(&mut self, change: impl FnOnce(&mut Network<f32>) -> Option<usize>) -> Outcome<bool> {
        let prepared = run::prepare_table(self.table.clone(), &self.config, None, None)?;
        let settings = &prepared.plan.settings;
        let encoder = Encoder::fit(&prepared.table, &prepared.split.train, &prepared.encoder)?;
        let spec = resolve::network_spec(settings, encoder.input_shape().clone(), encoder.outputs())?;
        let mut network = spec.build::<f32>(self.seed)?;
        self.layer = change(&mut network);
        let path = self.path();
        write_weights(&path, &network)?;
        self.config.set("weights", &path.to_string_lossy())?;
        Ok(true)
    }

    fn path(&self) -> PathBuf {
        let number = self.folder.read_dir().map_or(0, Iterator::count);
        self.folder.join(format!("{number}.safetensors"))
    }

    fn random(&self, bound: usize, counter: &mut u64) -> usize {
        // A small generator is enough for orders that nobody attacks (Steele et al. 2014, SplitMix64).
        *counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *counter ^ self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn target(&self) -> Column {
        self.table.column(self.data.target).expect("the target is there").clone()
    }

    fn replace_target(&mut self, column: Column) -> Outcome<()> {
        self.table.drop_column(self.data.target)?;
        self.table = self.table.clone().with_column(column)?;
        Ok(())
    }
}

/// The tensor of that kind in the network's so-and-so-many-th layer that has one.
fn tensor(network: &Network<f32>, kind: TensorKind, number: usize) -> Tensor {
    let mut of_kind = network.tensors().iter().filter(|tensor| tensor.kind == kind);
    of_kind.nth(number).expect("two layers and more").clone()
}

fn sigmoid_stack(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.set(&[
        ("hidden", "32,32,32,32,32,32,32,32"),
        ("activation", "sigmoid"),
        ("optimizer", "momentum"),
        ("learning_rate", "0.02"),
    ])?;
    Ok(true)
}

fn scaled_layer(fault: &mut Fault<'_>, factor: f32) -> Outcome<bool> {
    // By plain steps: Adam's are of one size, whatever the gradient's.
    fault.set_both(&[
        ("hidden", "64,64,64"),
        ("activation", "tanh"),
        ("optimizer", "gradient_descent"),
        ("learning_rate", "0.01"),
    ])?;
    fault.start_from(|network| {
        let weights = tensor(network, TensorKind::Weight, 1);
        network.params_mut()[weights.range].iter_mut().for_each(|w| *w *= factor);
        Some(weights.layer)
    })
}

fn equal_units(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.set_both(&[("activation", "tanh")])?;
    fault.start_from(|network| {
        // Equal columns in the first layer; equal rows in the second, so that what comes back is equal, too.
        let weights = tensor(network, TensorKind::Weight, 0);
        let columns = network.params_mut()[weights.range].chunks_exact_mut(weights.shape[1]);
        columns.for_each(|row| row.fill(row[0]));
        let second = tensor(network, TensorKind::Weight, 1);
        let w = &mut network.params_mut()[second.range];
        let first = w[..second.shape[1]].to_vec();
        w.chunks_exact_mut(second.shape[1]).for_each(|row| row.copy_from_slice(&first));
        Some(weights.layer)
    })
}

fn rate_too_high(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.set(&[("learning_rate", "0.5")])?;
    Ok(true)
}

fn rate_too_low(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.set(&[("learning_rate", "0.000002")])?;
    Ok(true)
}

fn unscaled(fault: &mut Fault<'_>) -> Outcome<bool> {
    let target = fault.data.target;
    let mut numeric = fault.table.columns().iter().filter(|column| column.name != target);
    let varied = |column: &&Column| {
        let first = column.number(0);
        column.column_type() == deltarule::table::ColumnType::Number
            && (0..column.len()).filter(|&row| column.number(row) != first).count() > column.len() / 4
    };
    let Some(column) = numeric.rfind(varied).cloned() else { return Ok(false) };
    let values = (0..column.len()).map(|row| column.number(row) * 10_000.0).collect();
    fault.table.drop_column(&column.name)?;
    fault.table = fault.table.clone().with_column(Column::numbers(column.name, values))?;
    // Bins would hide it: they are the same in any unit.
    fault.set_both(&[("numeric_encoding", "plain")])?;
    fault.set(&[("scaling", "none")])?;
    Ok(true)
}

fn shuffled(fault: &mut Fault<'_>) -> Outcome<bool> {
    let target = fault.target();
    let mut order: Vec<usize> = (0..target.len()).collect();
    let mut counter = 7;
    for place in (1..order.len()).rev() {
        let other = fault.random(place + 1, &mut counter);
        order.swap(place, other);
    }
    fault.replace_target(target.take_rows(&order))?;
    Ok(true)
}

fn dead_by_bias(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.start_from(|network| {
        let bias = tensor(network, TensorKind::Bias, 1);
        network.params_mut()[bias.range].fill(-100.0);
        Some(bias.layer)
    })
}

fn wrong_output(fault: &mut Fault<'_>) -> Outcome<bool> {
    match fault.data.task {
        "regression" => fault.set(&[("output_activation", "sigmoid"), ("target_scaling", "standard")])?,
        "binary" => fault.set(&[("output_activation", "tanh"), ("cost", "absolute")])?,
        _ => fault.set(&[("output_activation", "relu"), ("cost", "absolute")])?,
    }
    Ok(true)
}

fn leaked(fault: &mut Fault<'_>) -> Outcome<bool> {
    let mut copy = fault.target();
    copy.name = "code".to_owned();
    if fault.data.task == "regression" {
        let mut counter = 3;
        let values: Vec<f64> = (0..copy.len()).map(|row| copy.number(row)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        let noisy = |v: &f64, noise: usize| 3.0 * (v + spread * 0.02 * (noise as f64 / 50.0 - 1.0)) + 7.0;
        let values = values.iter().map(|v| noisy(v, fault.random(101, &mut counter))).collect();
        copy = Column::numbers("code", values);
    }
    fault.table = fault.table.clone().with_column(copy)?;
    Ok(true)
}

fn imbalanced(fault: &mut Fault<'_>) -> Outcome<bool> {
    if fault.data.task == "regression" {
        return Ok(false);
    }
    let target = fault.target();
    let name = |row: usize| target.word(row).map(std::borrow::Cow::into_owned).unwrap_or_default();
    let rare = name(0);
    let (few, many): (Vec<usize>, Vec<usize>) = (0..target.len()).partition(|&row| name(row) == rare);
    let keep = (many.len() / 99).max(6).min(few.len());
    let mut rows: Vec<usize> = many;
    rows.extend(&few[..keep]);
    rows.sort_unstable();
    fault.table = fault.table.take_rows(&rows);
    Ok(true)
}

fn exploding_depth(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.set(&[
        ("hidden", "32,32,32,32,32,32,32,32,32,32,32,32"),
        ("optimizer", "gradient_descent"),
        ("learning_rate", "0.01"),
    ])?;
    fault.start_from(|network| {
        let last = network.layers().len() - 1;
        let hidden: Vec<_> = network
            .tensors()
            .iter()
            .filter(|t| t.layer != last && t.kind == TensorKind::Weight)
            .cloned()
            .collect();
        for tensor in hidden {
            network.params_mut()[tensor.range].iter_mut().for_each(|w| *w *= 3.0);
        }
        None
    })
}

fn overpowered_penalty(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.set(&[("l2", "10")])?;
    Ok(true)
}

fn nervous(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.set(&[
        ("optimizer", "momentum"),
        ("momentum", "0.99"),
        ("learning_rate", "0.02"),
        ("batch_size", "2"),
        ("epochs", "15"),
    ])?;
    Ok(true)
}

fn constant_column(fault: &mut Fault<'_>) -> Outcome<bool> {
    let target = fault.target();
    let constant = Column::numbers("constant", vec![1.0; target.len()]);
    fault.table = Table::new(fault.table.source.clone(), vec![constant, target])?;
    fault.set(&[("keep_constant", "true"), ("numeric_encoding", "plain"), ("scaling", "none")])?;
    Ok(true)
}

fn tiny_training_set(fault: &mut Fault<'_>) -> Outcome<bool> {
    let rows = fault.table.rows();
    let mut counter = 11;
    let mut part = vec!["validation"; rows];
    let mut drawn = 0;
    while drawn < 10 {
        let row = fault.random(rows, &mut counter);
        if part[row] == "validation" {
            part[row] = "train";
            drawn += 1;
        }
    }
    fault.table = fault.table.clone().with_column(Column::words("part", &part))?;
    fault.config.unset("patience")?;
    fault.set(&[
        ("split_column", "part"),
        ("batch_size", "5"),
        ("epochs", "200"),
        ("early_stopping", "none"),
    ])?;
    Ok(true)
}

fn to_infinity(fault: &mut Fault<'_>) -> Outcome<bool> {
    fault.set_both(&[("optimizer", "gradient_descent"), ("learning_rate", "0.02")])?;
    fault.set(&[("learning_rate", "1e30")])?;
    Ok(true)
}
