//! Whether a remedy helps, measured: the run again with each change, without one, and with a change that nobody asked for.
//!
//! ```text
//! findings ─ remedies ─┐
//! no change ───────────┼─▶ screening: a quarter of the epochs, one seed ─▶ the better half ─▶ all epochs, every seed ─▶ gains
//! a random change ─────┘
//! ```
//!
//! Every trial begins anew, from the same data and split, and from the same order of rows and (where the network is the
//! same) start weights as the trial without a change that it is compared with: the seed is the same, and nothing else is
//! random. (A state that went on from would be the broken one, and a change of the network has none to go on from.) A gain is the
//! difference of the two validation figures, seed by seed. The random change says what trying anything would have
//! brought. Nothing here believes a finding: «no remedy beats doing nothing» is an answer.
//!
//! ```
//! use deltarule::config::Config;
//! use deltarule::control::Unattended;
//! use deltarule::doctor::{self, Options};
//! use deltarule::event::Silent;
//! use deltarule::run::{self, Rows};
//! use deltarule::table::{ReadOptions, read};
//!
//! let table = read("circles", &ReadOptions::default())?;
//! let mut config = Config::default();
//! for (key, value) in [("hidden", "16"), ("optimizer", "adam"), ("learning_rate", "1e-7"), ("epochs", "12")] {
//!     config.set(key, value)?;
//! }
//! let rows = Rows::of_table(table, &config)?;
//! let prepared = rows.prepare(&config)?;
//! let findings = run::fit_prepared(&prepared, &mut Silent, &mut Unattended)?.report.findings;
//! let complete = prepared.plan.to_config();
//! let arms = doctor::arms(&complete, &prepared.facts, &findings, 0);
//! let options = Options { seeds: 1, ..Options::default() };
//! let prescription = doctor::measure(&complete, &arms, &options, &rows, &|_| {})?;
//! let gain = prescription.trials[prescription.best.expect("a rate that is a rate helps")].gain.expect("measured");
//! assert!(gain.least > 0.0, "by ROC AUC, with each seed");
//! # Ok::<(), deltarule::Error>(())
//! ```

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::Config;
use crate::control::Control;
use crate::error::{ErrorKind, Result};
use crate::event::Silent;
use crate::health::{Finding, Problem, Record, Remedy, Severity, findings, remedies};
use crate::metric::Metric;
use crate::plan::{Facts, plan};
use crate::random::{Purpose, shuffle, stream};
use crate::run::{self, Rows};
use crate::run_folder::RunFolder;
use crate::task::Task;

/// What a run's folder tells of it.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The complete configuration.
    pub config: Config,
    /// The events.
    pub record: Record,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Whether the last event was cut off, and left out.
    pub cut_off: bool,
}

impl Chart {
    /// Reads a run's configuration and events.
    ///
    /// # Errors
    /// Where the folder has no configuration or no events, or either cannot be read.
    pub fn read(folder: &RunFolder) -> Result<Self> {
        let config = Config::parse_toml(&folder.read_config()?, &folder.config())?;
        let mut record = Record::default();
        let cut_off = record.read(folder)?;
        let findings = findings(&record, &config);
        Ok(Self { config, record, findings, cut_off })
    }
}

/// The share of the epochs that a screening takes.
const SCREENING: u64 = 4;
/// Changes that go on after a screening, at least.
const KEPT: usize = 3;

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The time for all trials together; what is under way at its end is stopped and does not count.
    pub budget: Duration,
    /// Seeds that each change is tried with, from the run's own on.
    pub seeds: u64,
    /// Trials at a time, each on one thread.
    pub threads: usize,
    /// The validation figure that counts; `None`: [`figure_for`] the task.
    pub metric: Option<Metric>,
}

impl Default for Options {
    fn default() -> Self {
        Self { budget: Duration::from_secs(120), seeds: 3, threads: run::cores(), metric: None }
    }
}

/// The figure by which remedies are ranked: it must not depend on the cost, which a remedy may change, nor on a threshold
/// that a rare class never reaches.
#[must_use]
pub fn figure_for(task: Task) -> Metric {
    match task {
        Task::Regression => Metric::R2,
        Task::Binary => Metric::RocAuc,
        Task::Multiclass => Metric::Accuracy,
        Task::Multilabel => Metric::F1,
    }
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Arm {
    /// The run as it was.
    NoChange,
    /// What findings prescribe.
    Remedy {
        /// The change.
        remedy: Remedy,
        /// Against what.
        against: Vec<Problem>,
    },
    /// Any other remedy of the table.
    Random {
        /// The change.
        remedy: Remedy,
    },
}

impl Arm {
    /// The change, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<&Remedy> {
        match self {
            Self::NoChange => None,
            Self::Remedy { remedy, .. } | Self::Random { remedy } => Some(remedy),
        }
    }

    fn apply(&self, config: &Config) -> Result<Config> {
        self.remedy().map_or_else(|| Ok(config.clone()), |remedy| remedy.apply(config))
    }
}

/// One change and what it brought.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The change.
    pub arm: Arm,
    /// The validation figure of each seed that was trained to the end, in order; a training that broke down has the figure
    /// of a model that knows nothing.
    pub figures: Vec<f64>,
    /// Why it could not be trained: settings that do not go together, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The figure after the screening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screened: Option<f64>,
    /// Mean, least and most of the gains over no change, seed by seed; absent where it was left after the screening, or
    /// there was no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
}

/// How much better than no change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// Over all seeds.
    pub mean: f64,
    /// Of the worst seed.
    pub least: f64,
    /// Of the best seed.
    pub most: f64,
}

/// What came of all trials.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prescription {
    /// The figure that counts.
    pub metric: &'static str,
    /// The rows that it is of: `validation`, or `train` where there are no others.
    pub part: &'static str,
    /// The trials: no change, then the others, the largest gain first.
    pub trials: Vec<Trial>,
    /// Which of the trials to follow: the remedy with the largest mean gain, if it is a gain with every seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<usize>,
    /// Whether the budget sufficed for all of it.
    pub complete: bool,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Prescription {
    /// The remedy to follow.
    #[must_use]
    pub fn winner(&self) -> Option<&Remedy> {
        self.trials[self.best?].arm.remedy()
    }
}

/// What is to be tried against these findings: no change, each remedy of the warnings and errors, everything as the plan
/// chooses (whatever is wrong, that is known to do well), and a random one of the others, drawn by `seed`. Changes that the settings do not allow, or that change nothing, are left out, as is what no
/// validation figure can tell: a leak is in the validation rows, too.
#[must_use]
pub fn arms(config: &Config, facts: &Facts, findings: &[Finding], seed: u64) -> Vec<Arm> {
    let mut tried: Vec<Arm> = vec![Arm::NoChange];
    let whatever = remedies::all_planned();
    let treated = findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note && finding.id != Problem::LeakageSuspected);
    for finding in treated {
        // A finding without a remedy is none that a change of the settings could mend.
        let planned = (!finding.remedies.is_empty()).then_some(&whatever);
        for remedy in finding.remedies.iter().chain(planned) {
            let same = tried
                .iter_mut()
                .find(|arm| arm.remedy().is_some_and(|other| other.changes == remedy.changes));
            if let Some(Arm::Remedy { against, .. }) = same {
                if against.last() != Some(&finding.id) {
                    against.push(finding.id);
                }
            } else if changes_something(config, facts, remedy) {
                tried.push(Arm::Remedy { remedy: remedy.clone(), against: vec![finding.id] });
            }
        }
    }
    if tried.len() > 1 {
        tried.extend(random_arms(config, facts, &tried, 1, seed));
    }
    tried
}

/// So many remedies of the whole table, drawn without regard to what is wrong; none that is among `others`.
#[must_use]
pub fn random_arms(config: &Config, facts: &Facts, others: &[Arm], count: usize, seed: u64) -> Vec<Arm> {
    let table = remedies::table(config);
    let mut order: Vec<u32> = (0..table.len() as u32).collect();
    shuffle(&mut order, &mut stream(seed, Purpose::Remedy, 0));
    let is_new = |remedy: &&Remedy| {
        let known =
            others.iter().any(|arm| arm.remedy().is_some_and(|other| other.changes == remedy.changes));
        !known && changes_something(config, facts, remedy)
    };
    let drawn = order.iter().map(|&index| &table[index as usize]).filter(is_new).take(count);
    drawn.map(|remedy| Arm::Random { remedy: remedy.clone() }).collect()
}

fn changes_something(config: &Config, facts: &Facts, remedy: &Remedy) -> bool {
    let Ok(changed) = remedy.apply(config) else { return false };
    // What is planned anew may be what it was.
    plan(facts, &changed).is_ok_and(|plan| plan.settings.recorded() != config.recorded())
}

/// How far the trials have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Trainings done.
    pub done: usize,
    /// Trainings planned.
    pub planned: usize,
}

/// A training to be done.
#[derive(Clone, Copy)]
struct Training {
    arm: usize,
    seed: u64,
    screening: bool,
}

/// What came of a training.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Figure(f64),
    /// The budget was used up.
    NoTime,
    /// Its settings cannot be trained.
    Failed(String),
}

impl Outcome {
    fn figure(&self) -> Option<f64> {
        if let Self::Figure(figure) = self { Some(*figure) } else { None }
    }
}

/// Tries the arms, of which the first is [`Arm::NoChange`], on these rows.
///
/// # Errors
/// Those of [`Rows::prepare`] and of training the configuration as it is, but for numbers that are not finite, which are a
/// trial's outcome.
pub fn measure(
    config: &Config,
    arms: &[Arm],
    options: &Options,
    rows: &Rows,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Prescription> {
    let began = Instant::now();
    let base = rows.prepare(config)?;
    let metric = options.metric.unwrap_or_else(|| figure_for(base.facts.task));
    let part = if base.split.validation.is_empty() { "train" } else { "validation" };
    let bench = Bench { config, arms, metric, part, deadline: began + options.budget, rows, progress };
    let own = config.seed.unwrap_or(0);
    let seeds: Vec<u64> = (0..options.seeds.max(1)).map(|more| own.wrapping_add(more)).collect();
    let is_screened = arms.len() > KEPT + 1 && config.epochs.unwrap_or(1) >= SCREENING;
    let screening: Vec<Training> = if is_screened {
        (0..arms.len()).map(|arm| Training { arm, seed: own, screening: true }).collect()
    } else {
        Vec::new()
    };
    let planned =
        screening.len() + seeds.len() * if is_screened { (arms.len() / 2).max(KEPT) + 1 } else { arms.len() };
    let screened = bench.run(&screening, options.threads, 0, planned)?;
    let kept = keep(arms, &screened, metric, is_screened);
    let full: Vec<Training> = seeds
        .iter()
        .flat_map(|&seed| kept.iter().map(move |&arm| Training { arm, seed, screening: false }))
        .collect();
    let figures = bench.run(&full, options.threads, screening.len(), screening.len() + full.len())?;
    let complete = !screened.iter().chain(&figures).any(|outcome| *outcome == Outcome::NoTime);
    let done: Vec<(Training, Outcome)> =
        screening.into_iter().chain(full).zip(screened.into_iter().chain(figures)).collect();
    let mut trials: Vec<Trial> =
        arms.iter().enumerate().map(|(arm, kind)| trial(kind.clone(), arm, &done)).collect();
    let reference = trials[0].figures.clone();
    for trial in trials[1..].iter_mut().filter(|trial| trial.failed.is_none()) {
        trial.gain = gain(metric, &reference, &trial.figures);
    }
    trials[1..].sort_by(|a, b| {
        let key = |trial: &Trial| trial.gain.map_or(f64::NEG_INFINITY, |gain| gain.mean);
        key(b).total_cmp(&key(a))
    });
    let best =
        trials.iter().position(|trial| trial.gain.is_some_and(|gain| gain.mean > 0.0 && gain.least > 0.0));
    let seconds = began.elapsed().as_secs_f64();
    Ok(Prescription { metric: metric.name(), part, trials, best, complete, seconds })
}

/// What is told of an arm whose gain is not known yet.
fn trial(kind: Arm, arm: usize, done: &[(Training, Outcome)]) -> Trial {
    let of = |screening: bool| {
        let own = move |(task, _): &&(Training, Outcome)| task.arm == arm && task.screening == screening;
        done.iter().filter(own).map(|(_, outcome)| outcome)
    };
    let failed = of(true).chain(of(false)).find_map(|outcome| match outcome {
        Outcome::Failed(why) => Some(why.clone()),
        _ => None,
    });
    Trial {
        arm: kind,
        figures: of(false).map_while(Outcome::figure).collect(),
        failed,
        screened: of(true).next().and_then(Outcome::figure),
        gain: None,
    }
}

/// The arms that are trained to the end: no change, and the better half of the others.
fn keep(arms: &[Arm], screened: &[Outcome], metric: Metric, is_screened: bool) -> Vec<usize> {
    if !is_screened {
        return (0..arms.len()).collect();
    }
    let is_possible = |arm: &usize| !matches!(screened[*arm], Outcome::Failed(_));
    let mut order: Vec<usize> = (1..arms.len()).filter(is_possible).collect();
    let value = |arm: usize| match screened[arm].figure() {
        Some(figure) if metric.higher_is_better() => figure,
        Some(figure) => -figure,
        None => f64::NEG_INFINITY,
    };
    order.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
    order.truncate((arms.len() / 2).max(KEPT));
    order.insert(0, 0);
    order
}

fn gain(metric: Metric, reference: &[f64], figures: &[f64]) -> Option<Gain> {
    let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
    let gains: Vec<f64> =
        reference.iter().zip(figures).map(|(before, after)| sign * (after - before)).collect();
    if gains.is_empty() {
        return None;
    }
    Some(Gain {
        mean: gains.iter().sum::<f64>() / gains.len() as f64,
        least: gains.iter().copied().fold(f64::INFINITY, f64::min),
        most: gains.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

/// Where trials are done.
struct Bench<'a> {
    config: &'a Config,
    arms: &'a [Arm],
    metric: Metric,
    part: &'static str,
    deadline: Instant,
    rows: &'a Rows,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl Bench<'_> {
    /// What came of each task.
    fn run(&self, tasks: &[Training], threads: usize, before: usize, planned: usize) -> Result<Vec<Outcome>> {
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(vec![Outcome::NoTime; tasks.len()]);
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, tasks.len().max(1)) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(task) = tasks.get(index) else { break };
                        if Instant::now() >= self.deadline {
                            break;
                        }
                        let outcome = match self.train(*task) {
                            Ok(outcome) => outcome,
                            // Without a change it can be trained, or nothing can be compared.
                            Err(error) if task.arm > 0 => Outcome::Failed(error.to_string()),
                            Err(error) => {
                                if let Ok(mut failure) = failure.lock() {
                                    failure.get_or_insert(error);
                                }
                                break;
                            }
                        };
                        if let Ok(mut outcomes) = outcomes.lock() {
                            outcomes[index] = outcome;
                        }
                        (self.progress)(Progress { done: before + index + 1, planned });
                    }
                });
            }
        });
        match failure.into_inner() {
            Ok(Some(error)) => Err(error),
            _ => Ok(outcomes.into_inner().unwrap_or_default()),
        }
    }

    fn train(&self, task: Training) -> Result<Outcome> {
        let mut config = self.arms[task.arm].apply(self.config)?;
        config.threads = Some(1);
        config.telemetry = Some(false);
        config.run = None;
        if task.screening {
            let epochs = config.epochs.or(self.config.epochs).unwrap_or(1);
            config.epochs = Some((epochs / SCREENING).max(1));
        }
        let mut prepared = self.rows.prepare(&config)?;
        // After the split, which is the same for all seeds, as are generated rows.
        prepared.plan.settings.seed = Some(task.seed);
        let deadline = self.deadline;
        let mut stop = |_| (Instant::now() >= deadline).then_some(Control::Stop);
        match run::fit_prepared(&prepared, &mut Silent, &mut stop) {
            Ok(fitted) => {
                let figure = self.metric.of(&fitted.report.metrics[self.part]);
                let figure = figure.filter(|figure| figure.is_finite());
                Ok(Outcome::Figure(figure.unwrap_or_else(|| nothing_known(self.metric))))
            }
            Err(error) => match error.kind() {
                ErrorKind::NonFinite { .. } => Ok(Outcome::Figure(nothing_known(self.metric))),
                ErrorKind::Conflict { .. } if Instant::now() >= deadline => Ok(Outcome::NoTime),
                _ => Err(error),
            },
        }
    }
}

/// The figure of a training that broke down: that of a model that knows nothing.
fn nothing_known(metric: Metric) -> f64 {
    match metric {
        Metric::RocAuc => 0.5,
        _ if metric.higher_is_better() => 0.0,
        _ => f64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, read};

    fn settings(changes: &[(&str, &str)]) -> Config {
        let mut config = Config::default();
        for (key, value) in [("hidden", "8"), ("epochs", "4"), ("threads", "1")].iter().chain(changes) {
            config.set(key, value).unwrap();
        }
        config
    }

    fn rows(config: &Config) -> Rows {
        Rows::of_table(read("circles", &ReadOptions::default()).unwrap(), config).unwrap()
    }

    #[test]
    fn what_cannot_be_trained_is_told_and_stops_nothing() {
        let config = settings(&[]);
        let remedy = Remedy::new("weights of another house", [("weights", "nowhere.safetensors".to_owned())]);
        let arms = [Arm::NoChange, Arm::Random { remedy }];
        let options = Options { seeds: 2, threads: 2, ..Options::default() };
        let told = measure(&config, &arms, &options, &rows(&config), &|_| {}).unwrap();
        assert_eq!((told.best, told.complete), (None, true));
        assert_eq!(told.trials[0].figures.len(), 2);
        assert_eq!((told.trials[1].figures.len(), told.trials[1].gain), (0, None));
        let why = told.trials[1].failed.as_deref().unwrap_or_default();
        assert!(why.contains("nowhere.safetensors"), "{why}");
        // Without a change it has to go.
        let broken = settings(&[("weights", "nowhere.safetensors")]);
        let error = measure(&broken, &arms, &options, &rows(&broken), &|_| {}).unwrap_err();
        assert!(error.to_string().contains("nowhere.safetensors"), "{error}");
    }

    #[test]
    fn the_plans_own_settings_are_among_what_is_tried_for_as_many_epochs() {
        let config = settings(&[("optimizer", "adam"), ("learning_rate", "1e-7"), ("epochs", "12")]);
        let rows = rows(&config);
        let prepared = rows.prepare(&config).unwrap();
        let fitted = run::fit_prepared(&prepared, &mut Silent, &mut |_| None).unwrap();
        let complete = prepared.plan.to_config();
        let arms = arms(&complete, &prepared.facts, &fitted.report.findings, 0);
        let planned = remedies::all_planned();
        let of =
            arms.iter().filter(|arm| arm.remedy().is_some_and(|remedy| remedy.changes == planned.changes));
        assert_eq!(of.count(), 1);
        assert_eq!(arms.iter().filter(|arm| matches!(arm, Arm::Random { .. })).count(), 1);
        for arm in &arms {
            assert_eq!(arm.apply(&complete).unwrap().epochs, Some(12), "{arm:?}");
        }
    }
}
