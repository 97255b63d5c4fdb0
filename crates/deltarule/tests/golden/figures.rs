//! Metrics against scikit-learn, learning rates against PyTorch's schedulers.

use std::collections::BTreeMap;

use deltarule::Task;
use deltarule::dataset::TargetsView;
use deltarule::metric::{Metric, figures};
use deltarule::schedule::{LearningRate, Plateau, Schedule};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::reader;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases<C> {
    format: u32,
    cases: Vec<C>,
}

fn cases<C: DeserializeOwned>(file: &str) -> Vec<C> {
    let text = std::fs::read_to_string(reader::folder().join(file)).expect("the file can be read");
    let read: Cases<C> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
    assert_eq!(read.format, 1);
    assert!(!read.cases.is_empty(), "{file} has cases");
    read.cases
}

/// Targets are one number per row for classes, else a list per row.
#[derive(Deserialize)]
#[serde(untagged)]
enum MetricTargets {
    Classes(Vec<u32>),
    Values(Vec<Vec<f64>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricCase {
    name: String,
    kind: String,
    targets: MetricTargets,
    predictions: Vec<Vec<f64>>,
    weights: Option<Vec<f64>>,
    expected: BTreeMap<String, f64>,
}

#[test]
fn metrics_agree_with_scikit_learn() {
    for case in cases::<MetricCase>("metrics.json") {
        let task = Task::ALL.into_iter().find(|task| task.name() == case.kind).expect("the kind is a task");
        let width = case.predictions[0].len();
        let predictions = case.predictions.concat();
        let values: Vec<f64>;
        let targets = match &case.targets {
            MetricTargets::Classes(codes) => TargetsView::Classes { classes: width.max(2), codes },
            MetricTargets::Values(rows) => {
                values = rows.concat();
                TargetsView::Values { outputs: width, values: &values }
            }
        };
        let got = figures(task, &predictions, targets, case.weights.as_deref());
        assert_eq!(got.keys().collect::<Vec<_>>(), case.expected.keys().collect::<Vec<_>>(), "{}", case.name);
        for (metric, expected) in &case.expected {
            let difference = (got[metric] - expected).abs();
            assert!(difference <= 1e-12, "{}: {metric} is {}, not {expected}", case.name, got[metric]);
        }
    }
}

#[derive(Deserialize)]
struct ScheduleCase {
    #[serde(flatten)]
    rule: Rule,
    learning_rate: f64,
    steps: u64,
    rates: Vec<f64>,
}

/// A schedule in PyTorch's words.
#[derive(Deserialize, Clone)]
#[serde(tag = "name", rename_all = "snake_case")]
enum Rule {
    Step {
        every: u64,
        factor: f64,
    },
    Exponential {
        factor: f64,
    },
    Cosine {
        minimum: f64,
        #[serde(default)]
        warmup: u64,
    },
    OneCycle {
        start_factor: f64,
        end_factor: f64,
        rising: f64,
    },
    ReduceOnPlateau {
        factor: f64,
        threshold: f64,
        patience: u64,
        cooldown: u64,
        minimum: f64,
        figures: Vec<f64>,
    },
}

impl ScheduleCase {
    /// The same in the engine's, one step per epoch.
    fn learning_rate(&self) -> LearningRate {
        let base = self.learning_rate;
        let schedule = match self.rule {
            Rule::Step { every, factor } => Schedule::Step { epochs: every, gamma: factor },
            Rule::Exponential { factor } => Schedule::Exponential { gamma: factor },
            Rule::Cosine { minimum, .. } => Schedule::Cosine { final_fraction: minimum / base },
            Rule::OneCycle { start_factor, end_factor, rising } => Schedule::OneCycle {
                peak_fraction: rising,
                start_fraction: 1.0 / start_factor,
                final_fraction: 1.0 / start_factor / end_factor,
            },
            Rule::ReduceOnPlateau { factor, threshold, patience, cooldown, minimum, .. } => {
                let final_fraction = minimum / base;
                Schedule::ReduceOnPlateau { gamma: factor, patience, threshold, cooldown, final_fraction }
            }
        };
        let warmup_steps = if let Rule::Cosine { warmup, .. } = self.rule { warmup } else { 0 };
        LearningRate { base, schedule, warmup_steps }
    }
}

#[test]
fn learning_rates_agree_with_pytorch() {
    for case in cases::<ScheduleCase>("schedules.json") {
        let rate = case.learning_rate();
        let mut plateau = Plateau::default();
        assert_eq!(case.rates.len() as u64, case.steps);
        for (step, expected) in (0..case.steps).zip(&case.rates) {
            let got = rate.at(step, case.steps, 1, plateau.reductions);
            let difference = (got - expected).abs();
            assert!(
                difference <= 1e-12 * expected,
                "{:?} at step {step}: {got}, not {expected}",
                rate.schedule
            );
            if let Rule::ReduceOnPlateau { figures, .. } = &case.rule {
                plateau.observe(&rate.schedule, Metric::Cost, figures[step as usize]);
            }
        }
    }
}
