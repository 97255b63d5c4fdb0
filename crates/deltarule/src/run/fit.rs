//! Training the parts of a run one after another: the members of each fold, then the members of the final model.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use deltarule_kernels::{Pool, Real};
use serde_json::json;

use super::Concluded;
use super::folds::{CrossValidation, FoldReport};
use super::late_folder::LateFolder;
use super::material::{Material, part_name, trainer_at_start};
use super::prepare::Prepared;
use super::report::{Report, RowCounts};
use crate::checkpoint::{Checkpoint, Finished};
use crate::config::{Config, resolve};
use crate::control::Controller;
use crate::dataset::Dataset;
use crate::encoder::Encoder;
use crate::error::Result;
use crate::event::{EndReason, Event, Figures, Observer};
use crate::health::{Judgement, Survey};
use crate::memory;
use crate::model::{self, Evaluation, Members, Model, Scorer};
use crate::network::{Network, NetworkSpec};
use crate::split::Split;
use crate::store;
use crate::trainer::{Need, Occasion, Trainer, TrainerSettings};

/// The time between two checkpoints where no number of epochs was asked for: what a crash may cost.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// Where a run's networks are trained: threads, prepared data, the folder to keep checkpoints in.
pub struct Place<'a, F: Real> {
    pool: &'a Pool,
    prepared: &'a Prepared,
    folder: Option<&'a LateFolder<'a>>,
    /// What was left by an interrupted run, until it is taken up.
    earlier: Option<Checkpoint<'static, F>>,
    finished: Vec<Finished<F>>,
    /// Digests of configuration and data, made at the first need: of much data that takes a while.
    digests: OnceCell<(String, String)>,
    /// The encoder of the first split, until it is taken up.
    fitted: Option<Encoder>,
    samples: u64,
    step_seconds: f64,
    began: Instant,
}

/// The trained members of one split.
struct Trained<F: Real> {
    encoder: Encoder,
    networks: Vec<Network<F>>,
    /// The training rows as they were encoded, where their weights are those of the table.
    train: Option<Dataset<F>>,
    best_epochs: Vec<u64>,
    last: PartRecord,
}

/// What a finished part leaves beside its parameters.
#[derive(Clone, Copy, Debug)]
struct PartRecord {
    reason: EndReason,
    epochs: u64,
    best_epoch: u64,
    steps: u64,
    cost: f64,
}

/// A part's end.
enum End<T> {
    Done(T),
    Interrupted(PartRecord),
}

impl<'a, F: Real> Place<'a, F> {
    pub(super) fn new(
        pool: &'a Pool,
        prepared: &'a Prepared,
        folder: Option<&'a LateFolder<'a>>,
        earlier: Option<Checkpoint<'static, F>>,
        fitted: Option<Encoder>,
    ) -> Result<Self> {
        let mut place = Self {
            pool,
            prepared,
            folder,
            earlier: None,
            finished: Vec::new(),
            digests: OnceCell::new(),
            fitted,
            samples: 0,
            step_seconds: 0.0,
            began: Instant::now(),
        };
        if let (Some(mut earlier), Some(folder)) = (earlier, folder.and_then(LateFolder::existing)) {
            let (config, data) = place.digests.get_or_init(|| digests(prepared));
            earlier.check(folder.path(), config, data)?;
            place.finished = std::mem::take(&mut earlier.finished).into_owned();
            place.earlier = Some(earlier);
        }
        Ok(place)
    }

    /// Trains all parts and measures.
    pub(super) fn conclude(
        mut self,
        observer: &mut dyn Observer,
        controller: &mut dyn Controller,
    ) -> Result<Concluded> {
        let settings = &self.prepared.plan.settings;
        let mut reports = Vec::new();
        for (index, fold) in self.prepared.folds.iter().enumerate() {
            let name = format!("fold {}", index + 1);
            let trained = match self.train_split(&name, fold, settings, observer, controller)? {
                End::Done(trained) => trained,
                End::Interrupted(last) => return Ok(self.interrupted(last)),
            };
            let best = trained.best_epochs.iter().sum::<u64>() as f64 / trained.best_epochs.len() as f64;
            let test = self.measure(&trained, &fold.test, None)?;
            let metrics = test.map_or_else(Figures::new, |found| found.figures);
            reports.push(FoldReport { fold: index + 1, rows: counts(fold), best_epoch: best, metrics });
        }
        let mut last_settings = settings.clone();
        if !reports.is_empty() {
            // No row is left to watch: the final model trains as long as the folds' best epochs took in the mean.
            let mean = reports.iter().map(|fold| fold.best_epoch).sum::<f64>() / reports.len() as f64;
            last_settings.epochs = Some(mean.round().max(1.0) as u64);
        }
        let cross_validation = (!reports.is_empty()).then(|| CrossValidation::new(reports));
        let split = &self.prepared.split;
        match self.train_split("model", split, &last_settings, observer, controller)? {
            End::Done(trained) => self.done(trained, cross_validation),
            End::Interrupted(last) => Ok(self.interrupted(last)),
        }
    }

    /// Trains one split's members, skipping those that an interrupted run has finished.
    fn train_split(
        &mut self,
        name: &str,
        split: &Split,
        settings: &Config,
        observer: &mut dyn Observer,
        controller: &mut dyn Controller,
    ) -> Result<End<Trained<F>>> {
        let fitted = self.fitted.take();
        let material = Material::<F>::new(self.prepared, split, settings, fitted)?;
        let scorer = material.scorer(&self.prepared.table, split)?;
        let Material { encoder, train, loss, spec, .. } = &material;
        let survey = self.looks().then(|| Survey::of(self.pool, encoder, loss, train));
        let (mut networks, mut best_epochs, mut last) = (Vec::new(), Vec::new(), None);
        let members = settings.ensemble.unwrap_or(1).max(1);
        for member in 0..members {
            let part = part_name(name, member, members);
            let trainer = material.trainer_settings(settings, member)?;
            let end = self.train_member(
                &part,
                spec,
                trainer,
                train,
                scorer.as_ref(),
                survey.as_ref(),
                observer,
                controller,
            )?;
            let (network, record) = match end {
                End::Done(done) => done,
                End::Interrupted(record) => return Ok(End::Interrupted(record)),
            };
            networks.push(network);
            best_epochs.push(record.best_epoch);
            last = Some(record);
        }
        let last = last.expect("there is at least one member");
        drop(scorer);
        let Material { encoder, train, as_in_table, .. } = material;
        let train = as_in_table.then_some(train);
        Ok(End::Done(Trained { encoder, networks, train, best_epochs, last }))
    }

    fn train_member(
        &mut self,
        part: &str,
        spec: &NetworkSpec,
        settings: TrainerSettings,
        train: &Dataset<F>,
        scorer: Option<&Scorer<'_, F>>,
        survey: Option<&Survey>,
        observer: &mut dyn Observer,
        controller: &mut dyn Controller,
    ) -> Result<End<(Network<F>, PartRecord)>> {
        if let Some(finished) = self.finished.iter().find(|finished| finished.part == part) {
            let network = finished.network(spec)?;
            return Ok(End::Done((network, PartRecord::of_json(&finished.record))));
        }
        let mut trainer = trainer_at_start(self.pool, spec, &self.prepared.plan.settings, settings)?;
        if self.earlier.as_ref().is_some_and(|earlier| earlier.part == part)
            && let Some(earlier) = self.earlier.take()
        {
            trainer.restore(&earlier.snapshot)?;
        }
        let every = self.prepared.plan.settings.checkpoint_epochs;
        let mut last_write = Instant::now();
        let folder = self.folder.map(LateFolder::open).transpose()?;
        if let Some(survey) = survey {
            observer.observe(&Event::Surveyed { survey: survey.clone() });
        }
        let (digests_of, prepared) = (&self.digests, self.prepared);
        let finished = &self.finished;
        let mut checkpoint = |trainer: &Trainer<'_, F>, occasion: Occasion| {
            let Some(folder) = folder else { return Ok(None) };
            let is_due = every.map_or_else(
                || last_write.elapsed() >= CHECKPOINT_EVERY,
                |every| trainer.epochs().is_multiple_of(every),
            );
            let path = match occasion {
                Occasion::EpochEnd if !is_due => return Ok(None),
                Occasion::Forked => folder.path().join(format!("fork-{}.safetensors", trainer.steps())),
                _ => folder.checkpoint(),
            };
            let (config, data) = digests_of.get_or_init(|| digests(prepared));
            let checkpoint = Checkpoint {
                config_digest: config.clone(),
                data_digest: data.clone(),
                part: part.to_owned(),
                finished: Cow::Borrowed(finished),
                snapshot: trainer.state(),
            };
            checkpoint.write(&path)?;
            last_write = Instant::now();
            Ok(Some(path.display().to_string()))
        };
        let pool = self.pool;
        let mut validate = |network: &Network<F>| -> Figures {
            scorer.map_or_else(Figures::new, |scorer| scorer.score(pool, network))
        };
        let outcome = trainer.run(
            part,
            train,
            scorer.is_some().then_some(&mut validate as _),
            observer,
            controller,
            &mut checkpoint,
        )?;
        self.samples += outcome.samples;
        self.step_seconds += outcome.step_seconds;
        let record = PartRecord {
            reason: outcome.reason,
            epochs: outcome.epochs,
            best_epoch: outcome.best_epoch,
            steps: outcome.steps,
            cost: outcome.cost,
        };
        if outcome.reason == EndReason::Stopped {
            return Ok(End::Interrupted(record));
        }
        let loss = trainer.settings().loss;
        let network = trainer.into_network();
        if survey.is_some() {
            let judgement = Judgement::of(pool, &loss, &network, train, scorer.map(Scorer::rows));
            observer.observe(&Event::Judged { judgement });
        }
        if self.has_more_parts() {
            self.finished.push(Finished {
                part: part.to_owned(),
                params: network.params().to_vec(),
                buffers: network.buffers().to_vec(),
                record: record.to_json(),
            });
        }
        Ok(End::Done((network, record)))
    }

    /// Whether the run is looked at.
    fn looks(&self) -> bool {
        self.prepared.plan.settings.telemetry.unwrap_or(true)
    }

    /// Whether a checkpoint has to carry finished parts.
    fn has_more_parts(&self) -> bool {
        let settings = &self.prepared.plan.settings;
        settings.folds.is_some() || settings.ensemble.is_some_and(|members| members > 1)
    }

    /// `None` where no row of the part can be measured on; `encoded` are the same rows, where they are there.
    fn measure(
        &self,
        trained: &Trained<F>,
        rows: &[u32],
        encoded: Option<Dataset<F>>,
    ) -> Result<Option<Evaluation>> {
        let (table, encoder) = (&self.prepared.table, &trained.encoder);
        if encoder.usable_rows(table, rows)?.rows.is_empty() {
            return Ok(None);
        }
        model::evaluate_encoded(&trained.networks, encoder, self.pool, table, rows, encoded).map(Some)
    }

    fn done(self, mut trained: Trained<F>, cross_validation: Option<CrossValidation>) -> Result<Concluded> {
        let split = &self.prepared.split;
        let mut metrics = BTreeMap::new();
        let mut evaluation = None;
        for (part, rows) in
            [("train", &split.train), ("validation", &split.validation), ("test", &split.test)]
        {
            let encoded = if part == "train" { trained.train.take() } else { None };
            let measured = self.measure(&trained, rows, encoded)?;
            metrics.insert(part, measured.as_ref().map_or_else(Figures::new, |found| found.figures.clone()));
            if part != "validation" {
                evaluation = measured.or(evaluation);
            }
        }
        let members = Members::of(&trained.networks);
        let mut report = self.report(trained.last);
        report.target = trained.encoder.target_names().to_vec();
        report.task = trained.encoder.task();
        report.parameters = trained.networks[0].params().len();
        report.planned_memory_bytes = planned(self.prepared, &trained.encoder, trained.networks[0].spec())?;
        report.metrics = metrics.clone();
        report.cross_validation = cross_validation;
        report.evaluation = evaluation;
        report.digest = members.digest();
        report.notes.extend(trained.encoder.notes().iter().map(ToString::to_string));
        let metrics = metrics.into_iter().map(|(part, figures)| (part.to_owned(), figures)).collect();
        let model = Model::new(trained.encoder, members, &self.prepared.plan.settings, metrics)?;
        Ok(Concluded { model: Some(model), report })
    }

    fn interrupted(self, last: PartRecord) -> Concluded {
        Concluded { model: None, report: self.report(last) }
    }

    /// What can be said of every run, finished or not.
    fn report(&self, last: PartRecord) -> Report {
        let prepared = self.prepared;
        Report {
            model: None,
            run: None,
            task: prepared.facts.task,
            target: prepared.encoder.target.clone(),
            rows: counts(&prepared.split),
            ended: last.reason,
            epochs: last.epochs,
            best_epoch: last.best_epoch,
            steps: last.steps,
            parameters: 0,
            planned_memory_bytes: 0,
            peak_memory_bytes: memory::peak(),
            seconds: self.began.elapsed().as_secs_f64(),
            samples_per_second: self.samples as f64 / self.step_seconds.max(1e-9),
            cost: last.cost,
            metrics: BTreeMap::from([
                ("train", Figures::new()),
                ("validation", Figures::new()),
                ("test", Figures::new()),
            ]),
            cross_validation: None,
            evaluation: None,
            digest: String::new(),
            plan: prepared.plan.reasons.clone(),
            notes: prepared.notes.clone(),
            findings: Vec::new(),
        }
    }
}

/// Of configuration and data.
pub(super) fn digests(prepared: &Prepared) -> (String, String) {
    let config = prepared.plan.settings.recorded().to_toml();
    (store::digest_bytes(config.as_bytes()), prepared.table.digest())
}

impl PartRecord {
    fn to_json(self) -> serde_json::Value {
        json!({
            "reason": self.reason, "epochs": self.epochs, "best_epoch": self.best_epoch, "steps": self.steps,
            "cost": self.cost,
        })
    }

    fn of_json(value: &serde_json::Value) -> Self {
        let number = |key: &str| value[key].as_u64().unwrap_or(0);
        Self {
            reason: serde_json::from_value(value["reason"].clone()).unwrap_or(EndReason::Finished),
            epochs: number("epochs"),
            best_epoch: number("best_epoch"),
            steps: number("steps"),
            cost: value["cost"].as_f64().unwrap_or(f64::NAN),
        }
    }
}

fn counts(split: &Split) -> RowCounts {
    RowCounts { train: split.train.len(), validation: split.validation.len(), test: split.test.len() }
}

/// Refuses a plan that needs more memory than there is, before anything is encoded. Gives back the encoder of the first
/// split, which it had to fit.
///
/// # Errors
/// [`NotEnoughMemory`](crate::ErrorKind::NotEnoughMemory) with both numbers.
pub fn check_memory(prepared: &Prepared) -> Result<Encoder> {
    let settings = &prepared.plan.settings;
    let split = prepared.folds.first().unwrap_or(&prepared.split);
    let encoder = Encoder::fit(&prepared.table, &split.train, &prepared.encoder)?;
    let spec = resolve::network_spec(settings, encoder.input_shape().clone(), encoder.outputs())?;
    let need = planned(prepared, &encoder, &spec)?;
    memory::require(
        "the planned training",
        need.saturating_sub(prepared.table.bytes()), // which is there already
        "choose smaller --hidden layers, a smaller --batch-size, fewer --bins or fewer rows",
    )?;
    Ok(encoder)
}

/// The bytes of the account in [`memory`], table included.
///
/// # Errors
/// Where the settings name no optimizer.
fn planned(prepared: &Prepared, encoder: &Encoder, spec: &NetworkSpec) -> Result<u64> {
    if prepared.plan.settings.precision.as_deref() == Some("f64") {
        planned_in::<f64>(prepared, encoder, spec)
    } else {
        planned_in::<f32>(prepared, encoder, spec)
    }
}

fn planned_in<F: Real>(prepared: &Prepared, encoder: &Encoder, spec: &NetworkSpec) -> Result<u64> {
    let settings = &prepared.plan.settings;
    let split = prepared.folds.first().unwrap_or(&prepared.split);
    let rows = split.train.len() + split.validation.len() + split.test.len();
    let batch = resolve::batch_rows(settings, split.train.len());
    let need = Need::of::<F>(spec, &resolve::optimizer(settings)?, batch);
    let others = (settings.ensemble.unwrap_or(1).max(1) - 1 + prepared.folds.len()) as u64;
    Ok(prepared
        .table
        .bytes()
        .saturating_add(encoder.memory_need::<F>(rows))
        .saturating_add(need.total())
        .saturating_add(need.parameters / 3 * others))
}
