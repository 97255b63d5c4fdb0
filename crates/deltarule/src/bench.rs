//! The training cases that speed is measured on, run by the real engine.
//!
//! A case is a configuration like any other: `deltarule bench --case xor --steps 100 --weights w` and `deltarule train`
//! with that configuration, those weights and that number of steps take the same steps, to the same bits. What the bench
//! leaves out is what peers' training loops leave out too: reading, shuffling, validation and events. Batches are
//! consecutive rows of the encoded data.

use std::path::Path;
use std::time::{Duration, Instant};

use deltarule_kernels::{Pool, Real};
use serde::Serialize;

use crate::Error;
use crate::activation;
use crate::atomic_file::write_atomically;
use crate::config::{Config, resolve};
use crate::dataset::Dataset;
use crate::encoder::Encoder;
use crate::error::{ErrorKind, Result, similar_names};
use crate::layer::Layer;
use crate::model::{read_weights, write_weights};
use crate::network::Network;
use crate::run::{Prepared, prepare};
use crate::store;
use crate::trainer::Trainer;

/// A case: its name, what it is, and the settings that make it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `xor`, `nielsen` …
    pub name: &'static str,
    /// What it stands for.
    pub about: &'static str,
    settings: &'static [(&'static str, &'static str)],
}

/// Settings that all cases share: plain gradient descent on rows as they lie.
const SHARED: &[(&str, &str)] = &[
    ("optimizer", "gradient_descent"),
    ("schedule", "constant"),
    ("validation", "0"),
    ("test", "0"),
    ("shuffle", "false"),
    ("early_stopping", "none"),
    ("numeric_encoding", "plain"),
    ("keep_constant", "true"),
    ("dropout", "0"),
    ("input_dropout", "0"),
    ("weight_decay", "0"),
    ("clip_norm", "none"),
    ("output_initializer", "glorot_uniform"),
    ("epochs", "1000000"),
];

/// Every case, from the smallest network to the largest.
pub const CASES: [Case; 6] = [
    Case {
        name: "xor",
        about: "2-8-1 sigmoid, squared error, batch 4: what a step costs where there is nothing to compute",
        settings: &[
            ("data", "xor"),
            ("hidden", "8"),
            ("activation", "sigmoid"),
            ("output_activation", "sigmoid"),
            ("cost", "squared_error"),
            ("learning_rate", "0.1"),
            ("batch_size", "4"),
            ("scaling", "none"),
        ],
    },
    Case {
        name: "nielsen",
        about: "784-30-10 sigmoid, squared error, batch 10: the textbook's network on MNIST",
        settings: &[
            ("data", "mnist"),
            ("hidden", "30"),
            ("activation", "sigmoid"),
            ("output_activation", "sigmoid"),
            ("cost", "squared_error"),
            ("learning_rate", "0.1"),
            ("batch_size", "10"),
            ("scaling", "unit"),
        ],
    },
    Case {
        name: "tabular",
        about: "16-64-64-1 relu, squared error, batch 64: a regression on a table of numbers",
        settings: &[
            ("data", "friedman"),
            ("hidden", "64,64"),
            ("activation", "relu"),
            ("output_activation", "identity"),
            ("cost", "squared_error"),
            ("learning_rate", "0.01"),
            ("batch_size", "64"),
            ("scaling", "standard"),
        ],
    },
    Case {
        name: "mnist-small",
        about: "784-128-10 relu, cross-entropy, batch 64",
        settings: &[
            ("data", "mnist"),
            ("hidden", "128"),
            ("activation", "relu"),
            ("cost", "cross_entropy"),
            ("label_smoothing", "0"),
            ("learning_rate", "0.1"),
            ("batch_size", "64"),
            ("scaling", "unit"),
        ],
    },
    Case {
        name: "mnist-large",
        about: "784-512-512-10 relu, cross-entropy, batch 128",
        settings: &[
            ("data", "mnist"),
            ("hidden", "512,512"),
            ("activation", "relu"),
            ("cost", "cross_entropy"),
            ("label_smoothing", "0"),
            ("learning_rate", "0.1"),
            ("batch_size", "128"),
            ("scaling", "unit"),
        ],
    },
    Case {
        name: "ciresan",
        about: "784-2500-2000-1500-1000-500-10 relu, cross-entropy, batch 128 (Cireşan et al. 2010)",
        settings: &[
            ("data", "mnist"),
            ("hidden", "2500,2000,1500,1000,500"),
            ("activation", "relu"),
            ("cost", "cross_entropy"),
            ("label_smoothing", "0"),
            ("learning_rate", "0.1"),
            ("batch_size", "128"),
            ("scaling", "unit"),
        ],
    },
];

impl Case {
    /// The case of that name.
    ///
    /// # Errors
    /// [`ErrorKind::BadSetting`] with the names there are.
    pub fn named(name: &str) -> Result<&'static Self> {
        CASES.iter().find(|case| case.name == name).ok_or_else(|| {
            let known = CASES.map(|case| case.name.to_owned());
            let close = similar_names(name, &known);
            ErrorKind::BadSetting {
                setting: "case".into(),
                got: format!("{name:?}"),
                expected: format!("one of {}", known.join(", ")),
                next: if close.is_empty() { String::new() } else { format!("close: {}", close.join(", ")) },
            }
            .into()
        })
    }

    /// Its configuration, as `train --config` takes it.
    ///
    /// # Errors
    /// None that a test would not find: the settings are constants.
    pub fn config(&self) -> Result<Config> {
        let mut config = Config::default();
        for (key, value) in SHARED.iter().chain(self.settings) {
            config.set(key, value)?;
        }
        Ok(config)
    }
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads.
    pub threads: usize,
    /// How long to measure, after a tenth of it for warming up; ignored where `steps` is set.
    pub seconds: f64,
    /// Exactly so many steps from the start weights instead.
    pub steps: Option<u64>,
    /// A file of start weights.
    pub weights: Option<std::path::PathBuf>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// The case.
    pub case: String,
    /// Threads.
    pub threads: usize,
    /// `avx512`, `avx2` or `portable`.
    pub instruction_set: String,
    /// Rows trained on per second: of the median round of steps.
    pub samples_per_second: f64,
    /// Of the median round of steps.
    pub microseconds_per_step: f64,
    /// 10⁹ multiplications and additions per second, of the products that are needed: the first layer needs no ∂C/∂x.
    /// Skipped zeros of the input count as if they were multiplied ([`operations`]).
    pub gflops: f64,
    /// Steps taken in all.
    pub steps: u64,
    /// Mean cost of the last batch, before its update.
    pub loss: f64,
    /// Mean cost over the rows of the last epoch, complete or not, as `train` reports it.
    pub cost: f64,
    /// SHA-256 of the parameters' bytes at the end.
    pub digest: String,
}

/// Rounds that a measurement is cut into; the median one counts.
const ROUNDS: u32 = 15;

/// Runs one case.
///
/// # Errors
/// Where its data are not there, or the weights do not fit.
pub fn run(case: &Case, options: &Options) -> Result<Measurement> {
    let prepared = prepare(&case.config()?)?;
    let pool = Pool::new(options.threads);
    let (train, mut trainer) = trainer::<f32>(&prepared, &pool, options.weights.as_deref())?;
    let mut course = Course::new(&train, &trainer);
    let per_step = match options.steps {
        Some(steps) => {
            let began = Instant::now();
            course.take(&mut trainer, steps);
            began.elapsed().as_secs_f64() / steps.max(1) as f64
        }
        None => course.median(&mut trainer, options.seconds),
    };
    let rows = trainer.settings().batch_size.min(train.rows);
    Ok(Measurement {
        case: case.name.to_owned(),
        threads: options.threads,
        instruction_set: format!("{:?}", pool.instruction_set()).to_lowercase(),
        samples_per_second: rows as f64 / per_step,
        microseconds_per_step: per_step * 1e6,
        gflops: operations(trainer.network(), rows) / per_step / 1e9,
        steps: course.steps,
        loss: course.loss,
        cost: course.cost_sum / course.weight_sum,
        digest: store::digest(trainer.network().params()),
    })
}

/// Writes a case's start weights, for peers to begin from.
///
/// # Errors
/// As [`run`]; where the file cannot be written.
pub fn save_weights(case: &Case, path: &Path) -> Result<()> {
    let prepared = prepare(&case.config()?)?;
    let pool = Pool::new(1);
    let (_, trainer) = trainer::<f32>(&prepared, &pool, None)?;
    write_weights(path, trainer.network())
}

/// Writes all that another program needs to take a case's steps, into a folder that is made where there is none.
///
/// | file | what |
/// |---|---|
/// | `case.json` | `case`, `batch_size`, `learning_rate`, `cost`, and `layers`: `fan_in`, `fan_out`, `activation` of each |
/// | `weights.safetensors` | the start weights, as [`save_weights`] writes them: `w` is `[fan_in, fan_out]`, the transpose of what PyTorch keeps |
/// | `data.safetensors` | `x` `[rows, fan_in]` and `targets` `[rows, outputs]`, f32, encoded, in the order of training; classes are one-hot rows |
///
/// Batch s holds the rows from s·`batch_size` on; the last of an epoch may be shorter, and the next one begins again.
///
/// # Errors
/// As [`run`]; where the folder or a file cannot be written.
pub fn export(case: &Case, folder: &Path) -> Result<()> {
    let prepared = prepare(&case.config()?)?;
    let pool = Pool::new(1);
    let (train, trainer) = trainer::<f32>(&prepared, &pool, None)?;
    std::fs::create_dir_all(folder).map_err(|source| Error::io(folder, "write", source))?;
    write_weights(&folder.join("weights.safetensors"), trainer.network())?;

    let outputs = train.targets.outputs();
    let view = train.targets.range(0, train.rows);
    let targets: Vec<f32> = (0..train.rows)
        .flat_map(|row| (0..outputs).map(move |output| (row, output)))
        .map(|(row, output)| view.value(row, output))
        .collect();
    let tensors = [
        store::Tensor::new("x", &[train.rows, train.dense_width], &train.dense),
        store::Tensor::new("targets", &[train.rows, outputs], &targets),
    ];
    store::write_plain(&folder.join("data.safetensors"), &tensors)?;
    let description = format!("{:#}\n", description(case, &prepared, &trainer));
    write_atomically(&folder.join("case.json"), description.as_bytes())
}

fn description<F: Real>(case: &Case, prepared: &Prepared, trainer: &Trainer<'_, F>) -> serde_json::Value {
    let layers: Vec<_> = trainer
        .network()
        .layers()
        .iter()
        .filter_map(|layer| match layer {
            Layer::Dense(layer) => Some(serde_json::json!({
                "fan_in": layer.dense_in,
                "fan_out": layer.fan_out,
                "activation": activation::name(layer.activation),
            })),
            _ => None,
        })
        .collect();
    serde_json::json!({
        "case": case.name,
        "about": case.about,
        "batch_size": trainer.settings().batch_size,
        "learning_rate": trainer.settings().learning_rate.base,
        "cost": prepared.plan.settings.cost,
        "layers": layers,
    })
}

fn trainer<'p, F: Real>(
    prepared: &Prepared,
    pool: &'p Pool,
    weights: Option<&Path>,
) -> Result<(Dataset<F>, Trainer<'p, F>)> {
    let settings = &prepared.plan.settings;
    let encoder = Encoder::fit(&prepared.table, &prepared.split.train, &prepared.encoder)?;
    let train = encoder.encode::<F>(&prepared.table, &prepared.split.train)?;
    let spec = resolve::network_spec(settings, encoder.input_shape().clone(), encoder.outputs())?;
    let seed = settings.seed.unwrap_or(0);
    let mut network = spec.build::<F>(seed)?;
    if let Some(path) = weights {
        read_weights(path, &mut network)?;
    }
    let trainer = resolve::trainer_settings(settings, resolve::loss(settings)?, train.rows, seed)?;
    Ok((train, Trainer::new(pool, network, trainer)?))
}

/// Multiplications and additions in a step's products: x·w and xᵀ·δ of every dense layer, δ·wᵀ of all but the first.
/// Those with a zero of the first layer's input are counted, although they are skipped where there are many: on MNIST
/// 81 % of them.
#[must_use]
pub fn operations<F: Real>(network: &Network<F>, rows: usize) -> f64 {
    let dense = network.layers().iter().enumerate().filter_map(|(index, layer)| match layer {
        Layer::Dense(layer) => Some((index, layer.dense_in * layer.fan_out)),
        _ => None,
    });
    dense.map(|(index, size)| 2.0 * (rows * size) as f64 * if index == 0 { 2.0 } else { 3.0 }).sum()
}

/// Consecutive batches, over and over.
struct Course<'d, F> {
    data: &'d Dataset<F>,
    batch_size: usize,
    learning_rate: f64,
    next: usize,
    steps: u64,
    loss: f64,
    cost_sum: f64,
    weight_sum: f64,
}

impl<'d, F: Real> Course<'d, F> {
    fn new(data: &'d Dataset<F>, trainer: &Trainer<'_, F>) -> Self {
        let settings = trainer.settings();
        Self {
            data,
            batch_size: settings.batch_size.min(data.rows),
            learning_rate: settings.learning_rate.base,
            next: 0,
            steps: 0,
            loss: f64::NAN,
            cost_sum: 0.0,
            weight_sum: 0.0,
        }
    }

    fn take(&mut self, trainer: &mut Trainer<'_, F>, steps: u64) {
        for _ in 0..steps {
            if self.next >= self.data.rows {
                self.next = 0;
            }
            if self.next == 0 {
                (self.cost_sum, self.weight_sum) = (0.0, 0.0);
            }
            let to = self.data.rows.min(self.next + self.batch_size);
            let batch = self.data.range(self.next, to);
            let sum = trainer.step(&batch, self.learning_rate);
            let weight = batch.total_weight();
            self.loss = sum / weight;
            self.cost_sum += sum;
            self.weight_sum += weight;
            self.next = to;
            self.steps += 1;
        }
    }

    /// Seconds per step: the median of [`ROUNDS`] rounds that take `seconds` together.
    fn median(&mut self, trainer: &mut Trainer<'_, F>, seconds: f64) -> f64 {
        let warm_up = Duration::from_secs_f64(seconds / 10.0);
        let began = Instant::now();
        let mut steps = 0_u64;
        while began.elapsed() < warm_up || steps < 2 {
            self.take(trainer, 1 + steps / 8);
            steps += 1 + steps / 8;
        }
        let per_step = began.elapsed().as_secs_f64() / steps as f64;
        let in_round = ((seconds / f64::from(ROUNDS) / per_step) as u64).max(1);
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let began = Instant::now();
                self.take(trainer, in_round);
                began.elapsed().as_secs_f64() / in_round as f64
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_a_valid_configuration() {
        for case in CASES {
            case.config()
                .and_then(|config| config.check())
                .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        }
        assert!(Case::named("mnist").unwrap_err().to_string().contains("mnist-small"));
    }

    #[test]
    fn the_bench_takes_the_steps_that_training_takes() {
        let case = Case::named("xor").unwrap();
        let options = Options { threads: 1, seconds: 0.0, steps: Some(50), weights: None };
        let measured = run(case, &options).unwrap();
        let mut config = case.config().unwrap();
        config.set("steps", "50").unwrap();
        let table = crate::table::read("xor", &crate::table::ReadOptions::default()).unwrap();
        let fitted = crate::run::fit(table, &config).unwrap();
        assert_eq!(measured.digest, fitted.report.digest);
        assert_eq!(measured.cost, fitted.report.cost);
        assert_eq!(measured.steps, 50);
    }

    #[test]
    fn what_is_exported_is_what_training_begins_from() {
        let folder = tempfile::tempdir().unwrap();
        let case = Case::named("xor").unwrap();
        let place = folder.path().join("made/xor");
        export(case, &place).unwrap();

        let text = std::fs::read_to_string(place.join("case.json")).unwrap();
        let described: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(described["batch_size"], 4);
        assert_eq!(described["cost"], "squared_error");
        let layers = serde_json::json!([
            { "fan_in": 2, "fan_out": 8, "activation": "sigmoid" },
            { "fan_in": 8, "fan_out": 1, "activation": "sigmoid" },
        ]);
        assert_eq!(described["layers"], layers);

        let data = store::read_plain(&place.join("data.safetensors")).unwrap();
        let rows = data.shape("x").unwrap()[0];
        let x: Vec<f32> = data.numbers("x", &[rows, 2]).unwrap();
        let targets: Vec<f32> = data.numbers("targets", &[rows, 1]).unwrap();
        assert!(rows >= 4);
        for (row, target) in x.chunks(2).zip(targets) {
            assert_eq!(target, f32::from(row[0] != row[1]), "{row:?}");
        }

        let begun =
            |weights| run(case, &Options { threads: 1, seconds: 0.0, steps: Some(9), weights }).unwrap();
        assert_eq!(begun(Some(place.join("weights.safetensors"))).digest, begun(None).digest);
    }

    #[test]
    fn nothing_is_exported_where_a_file_stands_in_the_way() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = export(Case::named("xor").unwrap(), file.path()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
    }

    #[test]
    fn only_the_first_layers_product_with_its_transpose_is_left_out() {
        // 2·4·(2·8·2 + 8·1·3) = 448 multiplications and additions.
        let network = crate::network::NetworkSpec::new(2)
            .dense(8, crate::Activation::Sigmoid)
            .dense(1, crate::Activation::Sigmoid)
            .build::<f32>(0)
            .unwrap();
        assert_eq!(operations(&network, 4), 448.0);
    }
}
