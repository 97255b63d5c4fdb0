//! The training that speed is measured on, run by the real engine.
//!
//! [`Work`] is a network, its data and its settings: of a named [`Case`], whose configuration is like any other, or of a
//! [`Shape`] on random rows. `deltarule bench --case xor --steps 100 --weights w` and `deltarule train` with that
//! configuration, those weights and that number of steps take the same steps, to the same bits. What the bench leaves out
//! is what peers' training loops leave out too: reading, shuffling, validation and events. Batches are consecutive rows
//! of the encoded data.

mod cases;
mod export;
mod shape;
mod telemetry;

use std::path::Path;
use std::time::{Duration, Instant};

use deltarule_kernels::{Pool, Real};
use serde::Serialize;

use crate::config::resolve;
use crate::dataset::Dataset;
use crate::encoder::Encoder;
use crate::error::{ErrorKind, Result};
use crate::layer::Layer;
use crate::model::read_weights;
use crate::network::Network;
use crate::optimizer::OptimizerSpec;
use crate::run::prepare;
use crate::store;
use crate::trainer::{Trainer, TrainerSettings};

pub use cases::{CASES, Case, RATE_OF_OTHERS};
pub use shape::Shape;
pub use telemetry::TelemetryCost;

/// Training that is ready to begin: every [`measure`](Work::measure) begins it anew.
#[derive(Clone, Debug)]
pub struct Work {
    name: String,
    about: String,
    data: Dataset<f32>,
    /// With the start weights.
    network: Network<f32>,
    settings: TrainerSettings,
}

/// How much of it is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So long, after a tenth of it for warming up; the median of 15 rounds counts.
    Seconds(f64),
    /// Exactly so many steps.
    Steps(u64),
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// The case's name, or the shape's.
    pub case: String,
    /// The update rule.
    pub optimizer: String,
    /// Threads.
    pub threads: usize,
    /// `avx512`, `avx2` or `portable`.
    pub instruction_set: String,
    /// Rows trained on per second: of the median round of steps.
    pub samples_per_second: f64,
    /// Of the median round of steps.
    pub microseconds_per_step: f64,
    /// 10⁹ [`operations`] per second: zeros of the input that were skipped count as if they were multiplied.
    pub gflops: f64,
    /// [`operations`] of a step.
    pub operations: f64,
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

impl Work {
    /// The steps of a case: with another optimizer where one is named, from a file's weights where there is one.
    ///
    /// # Errors
    /// As [`Case::config`]; where the case's data are not there, or the weights do not fit.
    pub fn of_case(case: &Case, optimizer: Option<&str>, weights: Option<&Path>) -> Result<Self> {
        let prepared = prepare(&case.config(optimizer)?)?;
        let plan = &prepared.plan.settings;
        let encoder = Encoder::fit(&prepared.table, &prepared.split.train, &prepared.encoder)?;
        let data = encoder.encode::<f32>(&prepared.table, &prepared.split.train)?;
        let spec = resolve::network_spec(plan, encoder.input_shape().clone(), encoder.outputs())?;
        let seed = plan.seed.unwrap_or(0);
        let mut network = spec.build::<f32>(seed)?;
        if let Some(path) = weights {
            read_weights(path, &mut network)?;
        }
        let settings = resolve::trainer_settings(plan, resolve::loss(plan)?, data.rows, seed)?;
        Ok(Self { name: case.name.to_owned(), about: case.about.to_owned(), data, network, settings })
    }

    /// What it is, in words.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Begins the training and measures it.
    ///
    /// # Errors
    /// Where network and settings do not go together.
    pub fn measure(&self, threads: usize, length: Length) -> Result<Measurement> {
        let pool = Pool::new(threads);
        let mut trainer = Trainer::new(&pool, self.network.clone(), self.settings.clone())?;
        let mut course = Course::new(&self.data, &trainer);
        let per_step = match length {
            Length::Steps(steps) => {
                let began = Instant::now();
                course.take(&mut trainer, steps);
                began.elapsed().as_secs_f64() / steps.max(1) as f64
            }
            Length::Seconds(seconds) => course.median(&mut trainer, seconds),
        };
        let operations = operations(trainer.network(), course.batch_size);
        Ok(Measurement {
            case: self.name.clone(),
            optimizer: self.settings.optimizer.name().to_owned(),
            threads,
            instruction_set: format!("{:?}", pool.instruction_set()).to_lowercase(),
            samples_per_second: course.batch_size as f64 / per_step,
            microseconds_per_step: per_step * 1e6,
            gflops: operations / per_step / 1e9,
            operations,
            steps: course.steps,
            loss: course.loss,
            cost: course.cost_sum / course.weight_sum,
            digest: store::digest(trainer.network().params()),
        })
    }
}

/// The update rule of that name, of those that take a step for each batch.
fn optimizer(name: &str) -> Result<OptimizerSpec> {
    OptimizerSpec::by_name(name).filter(|spec| !matches!(spec, OptimizerSpec::Lbfgs { .. })).ok_or_else(|| {
        ErrorKind::BadSetting {
            setting: "optimizer".into(),
            got: format!("{name:?}"),
            expected: "an optimizer that takes a step for each batch: gradient_descent, momentum, nesterov, rmsprop, \
                       adam, adamw or rprop"
                .into(),
            next: String::new(),
        }
        .into()
    })
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
struct Course<'d, F: Real> {
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
            case.config(None)
                .and_then(|config| config.check())
                .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        }
        assert!(Case::named("mnist").unwrap_err().to_string().contains("mnist-small"));
        let error = CASES[0].config(Some("lbfgs")).unwrap_err().to_string();
        assert!(error.starts_with("optimizer: got \"lbfgs\""), "{error}");
    }

    #[test]
    fn the_bench_takes_the_steps_that_training_takes() {
        let case = Case::named("xor").unwrap();
        for optimizer in [None, Some("adam")] {
            steps_agree(case, optimizer);
        }
    }

    fn steps_agree(case: &Case, optimizer: Option<&str>) {
        let work = Work::of_case(case, optimizer, None).unwrap();
        let measured = work.measure(1, Length::Steps(50)).unwrap();
        assert_eq!(measured.optimizer, optimizer.unwrap_or("gradient_descent"));
        let mut config = case.config(optimizer).unwrap();
        config.set("steps", "50").unwrap();
        let table = crate::table::read("xor", &crate::table::ReadOptions::default()).unwrap();
        let fitted = crate::run::fit(table, &config).unwrap();
        assert_eq!(measured.digest, fitted.report.digest);
        assert_eq!(measured.cost, fitted.report.cost);
        assert_eq!(measured.steps, 50);
        assert_eq!(work.measure(1, Length::Steps(50)).unwrap().digest, measured.digest, "it begins anew");
    }

    #[test]
    fn what_is_exported_is_what_training_begins_from() {
        let folder = tempfile::tempdir().unwrap();
        let case = Case::named("xor").unwrap();
        let place = folder.path().join("made/xor");
        Work::of_case(case, None, None).unwrap().export(&place).unwrap();

        let text = std::fs::read_to_string(place.join("case.json")).unwrap();
        let described: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(described["batch_size"], 4);
        assert_eq!(described["cost"], "squared_error");
        assert_eq!(described["optimizer"]["name"], "gradient_descent");
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

        let begun = |weights: Option<&Path>| {
            Work::of_case(case, None, weights).unwrap().measure(1, Length::Steps(9)).unwrap().digest
        };
        assert_eq!(begun(Some(&place.join("weights.safetensors"))), begun(None));
    }

    #[test]
    fn nothing_is_exported_where_a_file_stands_in_the_way() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let work = Work::of_case(Case::named("xor").unwrap(), None, None).unwrap();
        let error = work.export(file.path()).unwrap_err();
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
