//! Each rule on an account made by hand: just above its threshold, and just below.

use super::findings;
use crate::config::Config;
use crate::event::{EndReason, Event, Figures, Observer};
use crate::health::finding::{Finding, Problem, Severity};
use crate::health::judgement::{Judgement, Part};
use crate::health::record::Record;
use crate::health::survey::{Share, SingleColumn, Size, Survey};
use crate::health::telemetry::{ActivationHealth, LayerHealth, LayerOutline, WeightHealth};

/// An account of a network 4-16-16-1 that does well; each test spoils something.
struct Account {
    survey: Survey,
    /// Layers of each look.
    looks: Vec<Vec<LayerHealth>>,
    costs: Vec<f64>,
    judgement: Judgement,
    activation: &'static str,
}

fn outline(fan_in: usize, units: usize, activation: &str) -> LayerOutline {
    LayerOutline { kind: "dense".into(), fan_in, units, activation: Some(activation.into()) }
}

impl Account {
    fn good(activation: &'static str) -> Self {
        let outlines = Self::outlines(activation);
        let layer = |(layer, outline): (usize, &LayerOutline)| {
            let weight = outline.usual_weight().unwrap();
            LayerHealth {
                layer,
                delta: [0.5, 0.7, 1.0][layer],
                through: (layer < 2).then_some(1.0),
                slope: (layer < 2).then_some(0.7),
                activations: Some(ActivationHealth::default()),
                weights: Some(WeightHealth {
                    weight,
                    gradient: 0.1,
                    update: 0.01 * weight,
                    update_ratio: 0.01,
                    twins: 0.0,
                }),
                ..LayerHealth::default()
            }
        };
        let look: Vec<LayerHealth> = outlines.iter().enumerate().map(layer).collect();
        let part =
            |cost| Part { rows: 100, cost, baseline: 1.0, spread: 0.9, rarest_found: None, chance: 0.001 };
        Self {
            survey: Survey { rows: 100, columns: 4, baseline: 1.0, ..Survey::default() },
            looks: vec![look; 8],
            costs: (0..16).map(|epoch| 0.9_f64.powi(epoch)).collect(),
            judgement: Judgement { train: part(0.1), validation: Some(part(0.2)) },
            activation,
        }
    }

    fn outlines(activation: &str) -> [LayerOutline; 3] {
        [outline(4, 16, activation), outline(16, 16, activation), outline(16, 1, "identity")]
    }

    /// The network does no better than a constant.
    fn learns_nothing(mut self) -> Self {
        self.judgement.train.cost = 0.95;
        self.judgement.validation.as_mut().unwrap().cost = 0.99;
        self.costs = vec![1.0; 16];
        self
    }

    fn each(mut self, layer: usize, change: impl Fn(&mut LayerHealth)) -> Self {
        self.looks.iter_mut().for_each(|look| change(&mut look[layer]));
        self
    }

    fn record(&self) -> Record {
        let mut record = Record::default();
        let mut tell = |event: Event| record.observe(&event);
        tell(Event::Surveyed { survey: self.survey.clone() });
        tell(Event::Started {
            part: "model".into(),
            parameters: 1,
            rows: 100,
            epochs: 16,
            steps_per_epoch: 8,
            step: 0,
            layers: Self::outlines(self.activation).to_vec(),
        });
        for (number, layers) in self.looks.iter().enumerate() {
            tell(Event::Health { epoch: 1, step: 1 << number, cost: 1.0, rows: 10, layers: layers.clone() });
        }
        for (epoch, &cost) in self.costs.iter().enumerate() {
            tell(Event::Epoch {
                epoch: epoch as u64 + 1,
                step: 8 * (epoch as u64 + 1),
                cost,
                validation: Figures::from([("cost".to_owned(), cost)]),
                best: true,
                learning_rate: 0.1,
                samples_per_second: 1.0,
                seconds: 1.0,
            });
        }
        tell(Event::Ended {
            part: "model".into(),
            reason: EndReason::Finished,
            epochs: 16,
            step: 128,
            best_epoch: 16,
            seconds: 1.0,
        });
        tell(Event::Judged { judgement: self.judgement.clone() });
        record
    }

    fn found(&self) -> Vec<Finding> {
        findings(&self.record(), &config())
    }

    fn ids(&self) -> Vec<&'static str> {
        self.found().iter().map(|finding| finding.id.id()).collect()
    }

    fn the(&self, problem: Problem) -> Finding {
        let found = self.found();
        found
            .iter()
            .find(|finding| finding.id == problem)
            .unwrap_or_else(|| panic!("{problem}: {found:?}"))
            .clone()
    }
}

fn config() -> Config {
    let mut config = Config::default();
    for (key, value) in [
        ("task", "regression"),
        ("hidden", "16,16"),
        ("activation", "relu"),
        ("output_activation", "identity"),
        ("cost", "squared_error"),
        ("optimizer", "adam"),
        ("learning_rate", "0.01"),
    ] {
        config.set(key, value).unwrap();
    }
    config
}

#[test]
fn of_a_good_run_nothing_is_said() {
    assert_eq!(Account::good("relu").ids(), [] as [&str; 0]);
    assert_eq!(Account::good("sigmoid").ids(), [] as [&str; 0]);
    assert_eq!(findings(&Record::default(), &config()), []);
}

#[test]
fn dead_units_are_named_with_their_layer_and_step() {
    let dead = |share| move |health: &mut LayerHealth| health.activations.as_mut().unwrap().dead = share;
    let finding = Account::good("relu").learns_nothing().each(1, dead(0.75)).the(Problem::DeadUnits);
    assert_eq!((finding.severity, finding.layer, finding.step), (Severity::Warning, Some(1), Some(1)));
    assert_eq!((finding.evidence[0].value, finding.evidence[0].threshold), (0.75, Some(0.7)));
    assert_eq!(finding.remedies[0].changes["activation"], "leaky_relu");
    // A run that does well in spite of it: a note.
    assert_eq!(Account::good("relu").each(1, dead(0.75)).the(Problem::DeadUnits).severity, Severity::Note);
    assert!(!Account::good("relu").learns_nothing().each(1, dead(0.69)).ids().contains(&"dead-units"));
}

#[test]
fn two_looks_in_a_row_are_too_few() {
    let mut account = Account::good("relu").learns_nothing();
    for (number, look) in account.looks.iter_mut().enumerate() {
        look[1].activations.as_mut().unwrap().dead = if number % 3 == 2 { 0.0 } else { 1.0 };
    }
    assert!(!account.ids().contains(&"dead-units"));
}

#[test]
fn a_vanished_gradient_is_laid_at_the_smallest_factor() {
    let mut account = Account::good("sigmoid").learns_nothing();
    for look in &mut account.looks {
        // δ: 1 → (0.1 by the output's weights) → 0.002 → 0.00002: of what arrived 0.0002 is left.
        (look[0].delta, look[0].through, look[0].slope) = (0.000_02, Some(1.0), Some(0.01));
        (look[1].delta, look[1].through, look[1].slope) = (0.002, Some(0.1), Some(0.02));
    }
    let finding = account.the(Problem::VanishingGradient);
    assert_eq!((finding.layer, finding.step), (Some(0), Some(2)));
    assert!((finding.evidence[0].value - 0.000_2).abs() < 1e-15);
    assert!(finding.cause.contains("the activation's factor (⊙ f')"), "{}", finding.cause);
    assert_eq!(finding.remedies[0].changes["activation"], "relu");
}

#[test]
fn an_exploded_gradient_is_laid_at_the_largest_factor() {
    let mut account = Account::good("relu").learns_nothing();
    for look in &mut account.looks {
        (look[0].delta, look[0].through) = (80.0, Some(10.0));
        (look[1].delta, look[1].through) = (8.0, Some(12.0));
    }
    assert_eq!(account.the(Problem::ExplodingGradient).layer, Some(1));
}

#[test]
fn a_start_is_held_against_the_layers_own() {
    // He: √(16·16·2/16) = √32.
    assert_eq!(outline(16, 16, "relu").usual_weight(), Some(32.0_f64.sqrt()));
    // Glorot: √(16·16·2/32) = 4.
    assert_eq!(outline(16, 16, "tanh").usual_weight(), Some(4.0));
    let times =
        |factor: f64| move |health: &mut LayerHealth| health.weights.as_mut().unwrap().weight *= factor;
    let finding = Account::good("tanh").each(1, times(3.0)).the(Problem::PoorInitialisation);
    assert_eq!((finding.layer, finding.step, finding.severity), (Some(1), Some(1), Severity::Warning));
    assert_eq!(Account::good("tanh").each(1, times(0.1)).the(Problem::PoorInitialisation).layer, Some(1));
    assert_eq!(Account::good("tanh").each(1, times(2.0)).ids(), [] as [&str; 0]);
    // An output layer may start at nearly 0.
    assert_eq!(Account::good("tanh").each(2, times(0.01)).ids(), [] as [&str; 0]);
}

#[test]
fn symmetric_units_explain_what_else_is_small() {
    let twins = |health: &mut LayerHealth| health.weights.as_mut().unwrap().twins = 1.0;
    let mut account = Account::good("tanh").learns_nothing().each(0, twins);
    account.looks.iter_mut().for_each(|look| look[0].delta = 0.0);
    let ids = account.ids();
    assert!(ids.contains(&"symmetric-units") && !ids.contains(&"vanishing-gradient"), "{ids:?}");
}

#[test]
fn steps_are_too_long_or_too_short() {
    let step = |of: f64| {
        move |health: &mut LayerHealth| {
            let weights = health.weights.as_mut().unwrap();
            weights.update = of * weights.weight;
        }
    };
    let long = Account::good("relu").learns_nothing().each(0, step(0.3)).the(Problem::LearningRateTooHigh);
    assert_eq!(long.remedies[0].changes["learning_rate"], "0.001");
    assert_eq!(Account::good("relu").each(0, step(0.3)).ids(), [] as [&str; 0], "it learns");
    let mut short = Account::good("relu").learns_nothing();
    for layer in 0..3 {
        short = short.each(layer, step(0.002)); // 128 steps: a quarter of the way
    }
    let short = short.the(Problem::LearningRateTooLow);
    assert!((short.evidence[0].value - 0.256).abs() < 1e-12, "{short:?}");
    assert_eq!(short.remedies[0].changes["learning_rate"], "0.1");
}

#[test]
fn turns_of_the_cost_are_counted() {
    let mut account = Account::good("relu");
    account.costs = (0..16).map(|epoch| if epoch % 2 == 0 { 0.5 } else { 0.6 }).collect();
    assert_eq!(account.ids(), ["oscillating-loss"]);
    account.costs = (0..16).map(|epoch| if epoch % 2 == 0 { 0.5 } else { 0.51 }).collect();
    assert_eq!(account.ids(), [] as [&str; 0]);
}

#[test]
fn what_was_not_learnt_is_told_apart() {
    let account = Account::good("relu").learns_nothing();
    let ids = account.ids();
    assert!(ids.contains(&"plateau") && ids.contains(&"underfitting"), "{ids:?}");

    let mut constant = Account::good("relu").learns_nothing();
    constant.judgement.validation.as_mut().unwrap().spread = 0.01;
    assert_eq!(constant.found()[0].id, Problem::ConstantPrediction);
    assert_eq!(constant.found()[0].severity, Severity::Error);

    let mut by_heart = Account::good("relu");
    by_heart.judgement.validation.as_mut().unwrap().cost = 0.6; // 0.9 of the cost removed there, 0.4 here
    assert_eq!(by_heart.ids(), ["overfitting"]);

    let mut random = Account::good("relu");
    let validation = random.judgement.validation.as_mut().unwrap();
    (validation.cost, validation.chance) = (1.1, 0.4);
    assert_eq!(random.ids(), ["labels-look-random"]);
}

#[test]
fn data_speak_before_the_first_step() {
    let mut account = Account::good("relu");
    account.survey.largest = Some(Size { column: "income".into(), rms: 4000.0 });
    account.survey.rarest = Some(Share { class: "yes".into(), share: 0.01 });
    account.survey.out_of_reach = 0.5;
    let leak = SingleColumn {
        column: "copy".into(),
        score: "r2".into(),
        value: 0.999,
        baseline: 0.0,
        removed: 0.999,
        rows: 50,
    };
    account.survey.best_column = Some(leak);
    let expected = ["output-cost-mismatch", "leakage-suspected", "unscaled-inputs", "class-imbalance"];
    assert_eq!(account.ids(), expected);
    assert_eq!(account.the(Problem::LeakageSuspected).remedies[0].flags(), "--ignore copy");
    assert!(account.found().iter().all(|finding| finding.step.is_none()));
    // The same before the first step is done.
    let mut early = Record::default();
    early.observe(&Event::Surveyed { survey: account.survey.clone() });
    let ids: Vec<&str> = findings(&early, &config()).iter().map(|finding| finding.id.id()).collect();
    assert_eq!(ids, expected);
}

#[test]
fn every_remedy_is_a_change_that_the_settings_allow() {
    let complete = config();
    let mut accounts: Vec<Finding> = Vec::new();
    let zero = |health: &mut LayerHealth| health.activations.as_mut().unwrap().dead = 1.0;
    accounts.extend(Account::good("relu").learns_nothing().each(0, zero).found());
    for finding in accounts {
        for remedy in finding.remedies {
            remedy.apply(&complete).unwrap_or_else(|error| panic!("{remedy:?}: {error}"));
        }
    }
    for remedy in crate::health::remedies::table(&complete) {
        remedy.apply(&complete).unwrap_or_else(|error| panic!("{remedy:?}: {error}"));
        assert!(remedy.flags().starts_with("--"), "{remedy:?}");
    }
}

#[test]
fn findings_read_back_what_was_written() {
    let account = Account::good("relu").learns_nothing();
    let found = account.found();
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.contains(r#""id":"underfitting","severity":"warning""#), "{text}");
    assert_eq!(serde_json::from_str::<Vec<Finding>>(&text).unwrap(), found);
    for problem in Problem::ALL {
        assert_eq!(serde_json::to_value(problem).unwrap(), problem.id());
        assert!(problem.meaning().ends_with('.'));
    }
}

/// Each problem, by each way of putting it: every sentence that the rules have.
fn every_text() -> Vec<Finding> {
    let with = |settings: &[(&str, &str)]| {
        let mut config = config();
        settings.iter().for_each(|(key, value)| config.set(key, value).unwrap());
        config
    };
    let bad = |activation| Account::good(activation).learns_nothing();
    let mut all = Vec::new();

    let mut data = Account::good("relu");
    data.survey.largest = Some(Size { column: "income".into(), rms: 4000.0 });
    data.survey.rarest = Some(Share { class: "yes".into(), share: 0.01 });
    data.survey.out_of_reach = 0.5;
    data.survey.best_column = Some(SingleColumn {
        column: "copy".into(),
        score: "r2".into(),
        value: 0.999,
        baseline: 0.0,
        removed: 0.999,
        rows: 50,
    });
    data.judgement.validation.as_mut().unwrap().rarest_found = Some(0.25);
    all.extend(data.found());
    let good = Account::good("relu").record();
    for (task, output) in [("multiclass", "softmax"), ("binary", "sigmoid"), ("binary", "identity")] {
        let settings = [("task", task), ("output_activation", output), ("cost", "squared_error")];
        all.extend(findings(&good, &with(&settings)));
    }

    for factor in [3.0, 0.1] {
        let start = |health: &mut LayerHealth| health.weights.as_mut().unwrap().weight *= factor;
        all.extend(Account::good("tanh").each(1, start).found());
    }
    let twins = |health: &mut LayerHealth| health.weights.as_mut().unwrap().twins = 1.0;
    all.extend(bad("tanh").each(0, twins).found());
    let dead = |health: &mut LayerHealth| health.activations.as_mut().unwrap().dead = 1.0;
    all.extend(bad("relu").each(1, dead).found());
    let flat = |health: &mut LayerHealth| health.activations.as_mut().unwrap().saturated = 0.9;
    for activation in ["sigmoid", "tanh"] {
        all.extend(bad(activation).each(0, flat).found());
    }
    for (through, slope) in [(1.0, 0.01), (0.01, 1.0)] {
        let mut vanished = bad("sigmoid");
        for look in &mut vanished.looks {
            (look[0].delta, look[0].through, look[0].slope) = (0.000_02, Some(through), Some(slope));
            (look[1].delta, look[1].through, look[1].slope) = (0.002, Some(0.1), Some(0.02));
        }
        all.extend(findings(&vanished.record(), &with(&[("hidden", "16,16,16")])));
    }
    let mut exploded = bad("relu");
    for look in &mut exploded.looks {
        (look[0].delta, look[0].through) = (80.0, Some(10.0));
        (look[1].delta, look[1].through) = (8.0, Some(12.0));
    }
    all.extend(exploded.found());

    for (phase, layer) in [("forward", Some(1)), ("cost", None)] {
        let mut long = bad("relu");
        long.costs[3] = 9.0;
        long.looks.iter_mut().for_each(|look| look[0].weights.as_mut().unwrap().update = 9.0);
        long.looks[7][1].weights.as_mut().unwrap().weight *= 9.0;
        let mut record = long.record();
        let what = "the cost is NaN or infinite".into();
        record.observe(&Event::Failed { step: 130, epoch: 17, phase: phase.into(), layer, what });
        all.extend(findings(&record, &config()));
    }
    let short = |health: &mut LayerHealth| health.weights.as_mut().unwrap().update *= 0.01;
    all.extend((0..3).fold(bad("relu"), |account, layer| account.each(layer, short)).found());
    let mut swings = Account::good("relu");
    swings.costs = (0..16).map(|epoch| if epoch % 2 == 0 { 0.5 } else { 0.6 }).collect();
    all.extend(findings(&swings.record(), &with(&[("momentum", "0.99")])));

    let mut constant = bad("relu");
    constant.judgement.validation.as_mut().unwrap().spread = 0.01;
    constant.survey.best_column = data.survey.best_column.clone();
    all.extend(constant.found());
    let mut by_heart = Account::good("relu");
    by_heart.judgement.validation.as_mut().unwrap().cost = 0.6;
    all.extend(by_heart.found());
    let mut random = Account::good("relu");
    let validation = random.judgement.validation.as_mut().unwrap();
    (validation.cost, validation.chance) = (1.1, 0.4);
    all.extend(random.found());

    // Once is enough for a reader of the file.
    let mut told: Vec<Finding> = Vec::new();
    for finding in all {
        let known = |one: &Finding| one.id == finding.id && one.cause == finding.cause;
        if !told.iter().any(known) {
            told.push(finding);
        }
    }
    told.sort_by_key(|finding| finding.id);
    told
}

/// The page puts the sentences into another language, and goes by `fixtures/findings.json` for what there is to put. Who
/// changes a sentence writes the file anew with `DELTARULE_UPDATE_FIXTURES=1`; the page's own test then asks for the rest.
#[test]
fn every_text_is_kept_for_those_who_translate_it() {
    let told = every_text();
    for problem in Problem::ALL {
        assert!(told.iter().any(|finding| finding.id == *problem), "{problem} is told by no account");
    }
    let mut deep = config();
    deep.set("hidden", "16,16,16").unwrap();
    let kept = serde_json::json!({ "findings": told, "remedies": crate::health::remedies::table(&deep) });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/findings.json");
    if std::env::var_os("DELTARULE_UPDATE_FIXTURES").is_some() {
        std::fs::write(path, format!("{kept:#}\n")).unwrap();
    }
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let texts = |value: &serde_json::Value| -> Vec<String> {
        let findings = value["findings"].as_array().unwrap().iter();
        let of = |finding: &serde_json::Value| {
            let parts =
                ["evidence", "remedies"].map(|part| finding[part].as_array().unwrap().clone()).concat();
            let whats = parts.into_iter().map(|part| part["what"].as_str().unwrap().to_owned());
            std::iter::once(finding["cause"].as_str().unwrap().to_owned()).chain(whats).collect::<Vec<_>>()
        };
        let remedies = value["remedies"].as_array().unwrap().iter();
        findings.flat_map(of).chain(remedies.map(|one| one["what"].as_str().unwrap().to_owned())).collect()
    };
    assert_eq!(
        texts(&file),
        texts(&kept),
        "the sentences are not those of fixtures/findings.json: write it anew with DELTARULE_UPDATE_FIXTURES=1, then \
         put the new ones into web/src/messages/findings.ko.ts"
    );
}
