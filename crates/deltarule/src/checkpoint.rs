//! The file from which an interrupted run goes on to the same bits.
//!
//! A [`Checkpoint`] is the trainer's [`Snapshot`] of the part under way, what the finished parts (folds, members of an
//! ensemble) have left, and two digests: of the configuration and of the data, since a state resumed with others would
//! go on to something that no uninterrupted run gives. Numbers keep every bit: arrays as safetensors, single numbers as
//! the shortest decimals that read back exactly, the non-finite ones as words.
//!
//! Nothing here trains; [`Trainer::restore`](crate::trainer::Trainer::restore) checks that the arrays are its own.

use std::borrow::Cow;
use std::path::Path;

use deltarule_kernels::Real;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ErrorKind, Result};
use crate::network::{Network, NetworkSpec};
use crate::schedule::Plateau;
use crate::store::{self, Exact, Kind, Stored, Tensor};
use crate::trainer::{Best, Snapshot};

/// A run's state between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<'t, F: Clone> {
    /// Digest of the configuration that the run was started with.
    pub config_digest: String,
    /// Digest of the rows that it trains on.
    pub data_digest: String,
    /// The part under way: `model`, `fold 2`, `member 3`.
    pub part: String,
    /// What the parts before it have left, in order.
    pub finished: Cow<'t, [Finished<F>]>,
    /// The state of the part under way.
    pub snapshot: Snapshot<'t, F>,
}

/// What a finished part of a run leaves for the run's end.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished<F> {
    /// Its name.
    pub part: String,
    /// The trained parameters; empty where only the record counts (folds).
    pub params: Vec<F>,
    /// The trained running statistics.
    pub buffers: Vec<F>,
    /// Whatever else the run wants to know of it: figures, epochs. Non-finite numbers are lost (JSON has none).
    pub record: Value,
}

impl<F: Real> Finished<F> {
    /// The trained network.
    ///
    /// # Errors
    /// [`ErrorKind::ShapeMismatch`] where the numbers are not those of such a network: a file may hold anything.
    pub fn network(&self, spec: &NetworkSpec) -> Result<Network<F>> {
        let mut network = spec.build_unset::<F>()?;
        let lengths = (network.params().len(), network.buffers().len());
        if lengths != (self.params.len(), self.buffers.len()) {
            let words = |(params, buffers)| format!("{params} parameters and {buffers} running statistics");
            let what = format!("the checkpoint's part {:?}", self.part);
            let (expected, got) = (words(lengths), words((self.params.len(), self.buffers.len())));
            return Err(ErrorKind::ShapeMismatch { what, expected, got }.into());
        }
        network.params_mut().copy_from_slice(&self.params);
        network.buffers_mut().copy_from_slice(&self.buffers);
        Ok(network)
    }
}

impl<F: Real> Checkpoint<'_, F> {
    /// Writes the checkpoint: beside the target, synced, then renamed.
    ///
    /// # Errors
    /// As [`store::write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let (content, tensors) = self.parts();
        store::write(path, Kind::Checkpoint, &content, &tensors)
    }

    /// The bytes that [`Checkpoint::write`] writes.
    ///
    /// # Errors
    /// As [`store::encode`].
    pub fn encode(&self) -> Result<Vec<u8>> {
        let (content, tensors) = self.parts();
        store::encode(Kind::Checkpoint, &content, &tensors)
    }

    /// Refuses to go on with another configuration or other rows than the run began with.
    ///
    /// # Errors
    /// [`ErrorKind::CannotResume`] that names which of the two differs.
    pub fn check(&self, run: &Path, config_digest: &str, data_digest: &str) -> Result<()> {
        let pairs = [
            ("the configuration", self.config_digest.as_str(), config_digest),
            ("the data", self.data_digest.as_str(), data_digest),
        ];
        match pairs.into_iter().find(|(_, then, now)| then != now) {
            None => Ok(()),
            Some((what, then, now)) => Err(cannot_resume(run, what, then, now)),
        }
    }

    fn parts(&self) -> (Value, Vec<Tensor<'_>>) {
        let snapshot = &self.snapshot;
        let mut tensors = vec![vector("params", &snapshot.params), vector("buffers", &snapshot.buffers)];
        tensors.extend(snapshot.slots.iter().map(|(name, slot)| vector(&format!("slots.{name}"), slot)));
        if let Some(best) = &snapshot.best {
            tensors.extend([vector("best.params", &best.params), vector("best.buffers", &best.buffers)]);
        }
        for (i, part) in self.finished.iter().enumerate() {
            tensors.push(vector(&format!("finished.{i}.params"), &part.params));
            tensors.push(vector(&format!("finished.{i}.buffers"), &part.buffers));
        }
        let finished =
            self.finished.iter().map(|f| FinishedRecord { part: f.part.clone(), record: f.record.clone() });
        let content = Content {
            precision: F::NAME.to_owned(),
            config_digest: self.config_digest.clone(),
            data_digest: self.data_digest.clone(),
            part: self.part.clone(),
            position: Position::of(snapshot),
            finished: finished.collect(),
        };
        (serde_json::to_value(content).expect("text, numbers and JSON make JSON"), tensors)
    }
}

impl<F: Real> Checkpoint<'static, F> {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// As [`store::read`]; [`ErrorKind::CannotResume`] where it is of the other precision.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_stored(&store::read(path, Kind::Checkpoint)?)
    }

    /// Reads a checkpoint from bytes; `path` only names them in errors.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn decode(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        Self::from_stored(&store::decode(path, Kind::Checkpoint, bytes)?)
    }

    fn from_stored(stored: &Stored) -> Result<Self> {
        let content: Content = parse(stored, stored.content().clone())?;
        if content.precision != F::NAME {
            return Err(cannot_resume(stored.path(), "the precision", &content.precision, F::NAME));
        }
        let position = content.position;
        let read = |name: &str| vector_of::<F>(stored, name).map(Cow::Owned);
        let best = match position.best {
            None => None,
            Some(BestRecord { epoch, figure: Exact(figure) }) => {
                Some(Best { epoch, figure, params: read("best.params")?, buffers: read("best.buffers")? })
            }
        };
        let slots = position.slots.into_iter().map(|name| {
            let slot = read(&format!("slots.{name}"))?;
            Ok((name, slot))
        });
        let finished =
            content.finished.into_iter().enumerate().map(|(i, FinishedRecord { part, record })| {
                let (params, buffers) = (format!("finished.{i}.params"), format!("finished.{i}.buffers"));
                let (params, buffers) = (vector_of(stored, &params)?, vector_of(stored, &buffers)?);
                Ok(Finished { part, params, buffers, record })
            });
        let plateau = Plateau {
            best: position.plateau.best.map(|Exact(best)| best),
            waited: position.plateau.waited,
            cooling: position.plateau.cooling,
            reductions: position.plateau.reductions,
        };
        Ok(Self {
            config_digest: content.config_digest,
            data_digest: content.data_digest,
            part: content.part,
            finished: Cow::Owned(finished.collect::<Result<_>>()?),
            snapshot: Snapshot {
                params: read("params")?,
                buffers: read("buffers")?,
                slots: slots.collect::<Result<_>>()?,
                scalars: position.scalars.into_iter().map(|(name, Exact(value))| (name, value)).collect(),
                step: position.step,
                epoch: position.epoch,
                batch: position.batch,
                cost_sum: position.cost_sum.0,
                weight_sum: position.weight_sum.0,
                plateau,
                rate_factor: position.rate_factor.0,
                last_rate: position.last_rate.0,
                best,
                waited: position.waited,
            },
        })
    }
}

fn cannot_resume(run: &Path, what: &str, then: &str, now: &str) -> crate::Error {
    let (what, expected, got) = (what.to_owned(), then.to_owned(), now.to_owned());
    ErrorKind::CannotResume { run: run.to_owned(), what, expected, got }.into()
}

fn vector<'a, F: Real>(name: &str, numbers: &'a [F]) -> Tensor<'a> {
    Tensor::new(name, &[numbers.len()], numbers)
}

/// A tensor of one dimension, of whatever length.
fn vector_of<F: Real>(stored: &Stored, name: &str) -> Result<Vec<F>> {
    let length = stored.shape(name)?.first().copied().unwrap_or(0);
    stored.numbers(name, &[length])
}

fn parse<T: DeserializeOwned>(stored: &Stored, content: Value) -> Result<T> {
    serde_json::from_value(content).map_err(|error| {
        stored.bad("its content".into(), "what a checkpoint says of itself".into(), error.to_string())
    })
}

/// The JSON beside the tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    precision: String,
    config_digest: String,
    data_digest: String,
    part: String,
    position: Position,
    finished: Vec<FinishedRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    step: u64,
    epoch: u64,
    batch: u64,
    cost_sum: Exact,
    weight_sum: Exact,
    rate_factor: Exact,
    last_rate: Exact,
    waited: u64,
    plateau: PlateauRecord,
    best: Option<BestRecord>,
    /// Names in the optimizer's order, which safetensors does not keep.
    slots: Vec<String>,
    scalars: Vec<(String, Exact)>,
}

#[derive(Serialize, Deserialize)]
struct PlateauRecord {
    best: Option<Exact>,
    waited: u64,
    cooling: u64,
    reductions: u32,
}

#[derive(Serialize, Deserialize)]
struct BestRecord {
    epoch: u64,
    figure: Exact,
}

#[derive(Serialize, Deserialize)]
struct FinishedRecord {
    part: String,
    record: Value,
}

impl Position {
    fn of<F: Clone>(snapshot: &Snapshot<'_, F>) -> Self {
        let Plateau { best, waited, cooling, reductions } = snapshot.plateau;
        Self {
            step: snapshot.step,
            epoch: snapshot.epoch,
            batch: snapshot.batch,
            cost_sum: Exact(snapshot.cost_sum),
            weight_sum: Exact(snapshot.weight_sum),
            rate_factor: Exact(snapshot.rate_factor),
            last_rate: Exact(snapshot.last_rate),
            waited: snapshot.waited,
            plateau: PlateauRecord { best: best.map(Exact), waited, cooling, reductions },
            best: snapshot.best.as_ref().map(|b| BestRecord { epoch: b.epoch, figure: Exact(b.figure) }),
            slots: snapshot.slots.iter().map(|(name, _)| name.clone()).collect(),
            scalars: snapshot.scalars.iter().map(|(name, value)| (name.clone(), Exact(*value))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::control::Control;
    use crate::dataset::{Dataset, Targets};
    use crate::event::Silent;
    use crate::loss::{Cost, Loss};
    use crate::network::LayerSpec;
    use crate::optimizer::OptimizerSpec;
    use crate::trainer::{Occasion, Trainer, TrainerSettings};
    use deltarule_kernels::Pool;
    use serde_json::json;

    fn example() -> Checkpoint<'static, f32> {
        Checkpoint {
            config_digest: "c0".into(),
            data_digest: "da".into(),
            part: "member 2".into(),
            finished: Cow::Owned(vec![Finished {
                part: "member 1".into(),
                params: vec![1.0, -0.0, f32::MIN_POSITIVE],
                buffers: vec![],
                record: json!({"epochs": 7, "figures": {"rmse": 0.1}}),
            }]),
            snapshot: Snapshot {
                params: vec![0.1, 0.2, 0.3].into(),
                buffers: vec![].into(),
                slots: vec![
                    ("v".into(), vec![4.0, 5.0, 6.0].into()),
                    ("m".into(), vec![1.0, 2.0, 3.0].into()),
                ],
                scalars: vec![("steps".into(), 41.0), ("cost".into(), 0.1 + 0.2)],
                step: 41,
                epoch: 3,
                batch: 2,
                cost_sum: 1.0 / 3.0,
                weight_sum: 64.0,
                plateau: Plateau { best: Some(f64::INFINITY), waited: 1, cooling: 0, reductions: 2 },
                rate_factor: 0.5,
                last_rate: 1e-3,
                best: Some(Best {
                    epoch: 2,
                    figure: f64::NAN,
                    params: vec![7.0, 8.0, 9.0].into(),
                    buffers: vec![].into(),
                }),
                waited: 1,
            },
        }
    }

    fn read_back(checkpoint: &Checkpoint<'_, f32>) -> Checkpoint<'static, f32> {
        Checkpoint::decode(Path::new("c"), checkpoint.encode().unwrap()).unwrap()
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_was() {
        let mut written = example();
        let mut read = read_back(&written);
        let nan = read.snapshot.best.as_mut().map(|best| std::mem::take(&mut best.figure));
        assert!(nan.is_some_and(f64::is_nan)); // apart, for NaN is not equal to itself
        written.snapshot.best.as_mut().unwrap().figure = 0.0;
        assert_eq!(read, written);
    }

    #[test]
    fn equal_states_give_equal_files() {
        assert_eq!(example().encode().unwrap(), example().encode().unwrap());
        assert_eq!(read_back(&example()).encode().unwrap(), example().encode().unwrap());
    }

    #[test]
    fn another_configuration_data_or_precision_is_refused_by_name() {
        let checkpoint = example();
        let run = Path::new("runs/a-1");
        checkpoint.check(run, "c0", "da").unwrap();
        for (config, data, named) in [("c1", "da", "configuration"), ("c0", "db", "data")] {
            let error = checkpoint.check(run, config, data).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::CannotResume { .. }));
            assert!(error.to_string().contains(named), "{error}");
        }
        let error = Checkpoint::<f64>::decode(Path::new("c"), checkpoint.encode().unwrap()).unwrap_err();
        assert!(error.to_string().contains("precision"), "{error}");
    }

    #[test]
    fn content_that_is_no_checkpoint_is_told() {
        let mut content = example().parts().0;
        content["position"]["cost_sum"] = json!("much");
        for content in [content, json!({}), json!(3)] {
            let bytes = store::encode(Kind::Checkpoint, &content, &[]).unwrap();
            let error = Checkpoint::<f32>::decode(Path::new("c"), bytes).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::BadFormat { .. }), "{error}");
        }
        let whole = example();
        let content = whole.parts().0; // its tensors are missing
        let bytes = store::encode(Kind::Checkpoint, &content, &[]).unwrap();
        let error = Checkpoint::<f32>::decode(Path::new("c"), bytes).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadFormat { .. }), "{error}");
    }

    #[test]
    fn a_tensor_of_two_dimensions_is_no_vector() {
        let whole = example();
        let (content, _) = whole.parts();
        let bytes =
            store::encode(Kind::Checkpoint, &content, &[Tensor::new("params", &[1, 3], &[0.0_f32; 3])])
                .unwrap();
        assert!(Checkpoint::<f32>::decode(Path::new("c"), bytes).is_err());
    }

    #[test]
    fn a_finished_part_gives_its_network_if_it_fits() {
        let spec = NetworkSpec::new(2).dense(1, Activation::Identity); // two weights and a bias
        let part = example().finished[0].clone();
        assert_eq!(part.network(&spec).unwrap().params(), [1.0, -0.0, f32::MIN_POSITIVE]);
        let wider = NetworkSpec::new(3).dense(1, Activation::Identity);
        assert!(matches!(part.network(&wider).unwrap_err().kind(), ErrorKind::ShapeMismatch { .. }));
    }

    #[test]
    fn it_is_written_to_a_file_and_read_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        example().write(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), example().encode().unwrap());
        assert_eq!(Checkpoint::<f32>::read(&path).unwrap().part, "member 2");
    }

    #[test]
    fn a_run_resumed_from_the_file_ends_with_the_bits_of_one_that_never_stopped() {
        let pool = Pool::new(1);
        let numbers: Vec<f32> = (0..24).map(|i| (i * 7 % 11) as f32 / 3.0).collect();
        let values = (0..12).map(|i| (i % 5) as f32).collect();
        let data = Dataset::from_dense(2, numbers, Targets::Values { outputs: 1, values });
        for name in OptimizerSpec::NAMES {
            let lines = name == "lbfgs"; // a line search knows neither batches nor batch statistics
            let begin = || {
                let spec = NetworkSpec::new(2).dense(5, Activation::Tanh);
                let norm = LayerSpec::BatchNorm { activation: Activation::Identity };
                let spec = if lines { spec } else { spec.with(norm).dropout(0.2) };
                let network = spec.dense(1, Activation::Identity).build::<f32>(3).unwrap();
                let loss = Loss::new(Cost::SquaredError, Activation::Identity, 0.0).unwrap();
                let optimizer = OptimizerSpec::by_name(name).unwrap();
                Trainer::new(&pool, network, TrainerSettings::new(loss, optimizer, 0.01, 5, 4)).unwrap()
            };
            let mut whole = begin();
            whole.run_quietly(&data).unwrap();
            let stop_at = if lines { 2 } else { 5 }; // within the second epoch of three batches
            let mut bytes = Vec::new();
            let outcome = begin().run(
                "model",
                &data,
                None,
                &mut Silent,
                &mut |step| (step == stop_at).then_some(Control::Stop),
                &mut |trainer, occasion| {
                    if occasion == Occasion::Stopped {
                        bytes = Checkpoint { snapshot: trainer.state(), ..example() }.encode()?;
                    }
                    Ok(None)
                },
            );
            assert_eq!(outcome.unwrap().steps, stop_at, "{name}");
            let read = Checkpoint::<f32>::decode(Path::new("c"), bytes).unwrap();
            let mut resumed = begin();
            resumed.restore(&read.snapshot).unwrap();
            resumed.run_quietly(&data).unwrap();
            assert_eq!(resumed.snapshot(), whole.snapshot(), "{name}");
        }
    }
}
