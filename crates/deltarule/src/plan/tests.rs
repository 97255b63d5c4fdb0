use proptest::prelude::*;

use super::*;
use crate::config::{BatchSize, Scope};
use crate::error::ErrorKind;

fn said(settings: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    for (key, text) in settings {
        config.set(key, text).unwrap();
    }
    config
}

fn adult() -> Facts {
    Facts {
        smallest_class: Some(11_687),
        numeric_columns: 6,
        categorical_columns: 8,
        ..Facts::new(48_842, Task::Binary, 1)
    }
}

fn diamonds() -> Facts {
    Facts { numeric_columns: 6, categorical_columns: 3, ..Facts::new(53_940, Task::Regression, 1) }
}

fn digits() -> Facts {
    Facts {
        smallest_class: Some(174),
        numeric_columns: 64,
        pixel_like: true,
        ..Facts::new(1_797, Task::Multiclass, 10)
    }
}

fn mnist() -> Facts {
    Facts {
        smallest_class: Some(5_421),
        numeric_columns: 784,
        pixel_like: true,
        test_apart: Some(10_000),
        ..Facts::new(60_000, Task::Multiclass, 10)
    }
}

fn xor() -> Facts {
    Facts { smallest_class: Some(2), numeric_columns: 2, ..Facts::new(4, Task::Binary, 1) }
}

/// The planned values of these keys, in words.
fn planned(facts: &Facts, settings: &[(&str, &str)], keys: &[&str]) -> Vec<String> {
    let plan = plan(facts, &said(settings)).unwrap();
    keys.iter()
        .map(|key| plan.settings.value(key).map_or("unset".to_owned(), |value| value.to_string()))
        .collect()
}

#[test]
fn the_plans_of_the_well_known_tables() {
    let keys = [
        "numeric_encoding",
        "bins",
        "cost",
        "hidden",
        "dropout",
        "batch_size",
        "epochs",
        "early_stopping",
        "test",
    ];
    let table = [
        (
            adult(),
            ["piecewise", "48", "binary_cross_entropy", "256, 128", "0.2", "256", "15", "log_loss", "0.15"],
        ),
        (diamonds(), ["piecewise", "48", "squared_error", "256, 128", "0", "256", "20", "rmse", "0.15"]),
        (digits(), ["plain", "unset", "cross_entropy", "512, 256", "0.2", "32", "60", "cost", "0.15"]),
        (mnist(), ["plain", "unset", "cross_entropy", "512, 256", "0.2", "256", "15", "cost", "unset"]),
        (xor(), ["plain", "unset", "binary_cross_entropy", "16", "0", "all", "1000", "none", "0"]),
    ];
    for (facts, expected) in table {
        assert_eq!(planned(&facts, &[], &keys), expected, "{facts:?}");
    }
}

#[test]
fn what_was_said_stands_and_the_rest_adapts_to_it() {
    let keys = ["optimizer", "batch_size", "schedule", "dropout", "weight_decay", "beta1", "epochs"];
    let lbfgs = planned(&adult(), &[("optimizer", "lbfgs")], &keys);
    assert_eq!(lbfgs, ["lbfgs", "all", "constant", "0", "unset", "unset", "500"]);
    let rprop = planned(&adult(), &[("optimizer", "rprop"), ("epochs", "7")], &keys);
    assert_eq!(rprop, ["rprop", "all", "constant", "0.2", "unset", "unset", "7"]);
    // A rate that does not fall is a third of one that does.
    assert_eq!(planned(&adult(), &[], &["learning_rate"]), ["0.003"]);
    assert_eq!(planned(&adult(), &[("schedule", "constant")], &["learning_rate"]), ["0.001"]);
    // A quarter of the rows, half the rate: 0.05·√(1/4).
    assert_eq!(planned(&xor(), &[("batch_size", "1")], &["learning_rate"]), ["0.025"]);
    // 3e-3·√(64/256) = 1.5e-3.
    assert_eq!(planned(&adult(), &[("batch_size", "64")], &["learning_rate"]), ["0.0015"]);
}

#[test]
fn a_setting_that_belongs_to_a_choice_implies_it() {
    assert_eq!(planned(&adult(), &[("momentum", "0.8")], &["optimizer", "momentum"]), ["momentum", "0.8"]);
    assert_eq!(planned(&adult(), &[("rho", "0.8")], &["optimizer"]), ["rmsprop"]);
    assert_eq!(planned(&adult(), &[("beta1", "0.8")], &["optimizer"]), ["adamw"]);
    assert_eq!(
        planned(&diamonds(), &[("quantile", "0.9")], &["cost", "early_stopping"]),
        ["pinball", "cost"]
    );
    assert_eq!(planned(&diamonds(), &[("huber_delta", "2")], &["cost"]), ["huber"]);
    let focal = ["cost", "output_activation", "early_stopping", "label_smoothing"];
    assert_eq!(planned(&adult(), &[("focal_gamma", "1")], &focal), ["focal", "sigmoid", "cost", "unset"]);
    assert_eq!(planned(&digits(), &[("cost", "focal")], &focal), ["focal", "softmax", "cost", "unset"]);
    assert_eq!(planned(&adult(), &[("power", "0.5")], &["schedule"]), ["inverse_scaling"]);
    assert_eq!(planned(&xor(), &[("bins", "4")], &["numeric_encoding"]), ["piecewise"]);
    let both = plan(&adult(), &said(&[("momentum", "0.8"), ("rho", "0.9")])).unwrap_err();
    assert!(matches!(both.kind(), ErrorKind::Conflict { .. }), "{both}");
}

#[test]
fn a_network_without_hidden_layers_is_a_plan() {
    let keys = ["hidden", "activation", "dropout", "initializer", "normalization"];
    assert_eq!(planned(&adult(), &[("hidden", "none")], &keys), ["none", "unset", "unset", "unset", "unset"]);
}

#[test]
fn each_layers_initializer_follows_its_activation() {
    let mixed = [("hidden", "8,8"), ("activation", "relu,tanh")];
    assert_eq!(planned(&adult(), &mixed, &["initializer"]), ["he_normal, glorot_uniform"]);
    assert_eq!(planned(&adult(), &[("activation", "selu")], &["initializer"]), ["lecun_normal"]);
    assert_eq!(
        planned(&adult(), &[("weights", "w.safetensors")], &["initializer", "output_initializer"]),
        ["unset"; 2]
    );
}

#[test]
fn nothing_is_split_below_fifty_rows() {
    let keys = ["validation", "test", "stratify", "early_stopping"];
    let facts =
        |rows| Facts { smallest_class: Some(20), numeric_columns: 2, ..Facts::new(rows, Task::Binary, 1) };
    assert_eq!(planned(&facts(49), &[], &keys), ["0", "0", "false", "none"]);
    assert_eq!(planned(&facts(50), &[], &keys), ["0.15", "0.15", "true", "log_loss"]);
    assert_eq!(planned(&facts(49), &[("validation", "0.2")], &keys), ["0.2", "0", "false", "log_loss"]);
    let rare = Facts { smallest_class: Some(2), ..facts(5000) };
    assert_eq!(planned(&rare, &[], &keys)[2], "false");
}

#[test]
fn rows_that_are_set_apart_already_are_left_so() {
    let keys = ["validation", "test", "early_stopping"];
    let by_column = Facts { validation_apart: Some(100), test_apart: Some(100), ..diamonds() };
    assert_eq!(planned(&by_column, &[("split_column", "part")], &keys), ["unset", "unset", "rmse"]);
    let drawn = Facts { validation_apart: None, ..by_column.clone() };
    assert_eq!(planned(&drawn, &[("split_column", "part")], &keys), ["0.15", "unset", "rmse"]);
    let without_validation = Facts { validation_apart: Some(0), test_apart: Some(100), ..diamonds() };
    assert_eq!(planned(&without_validation, &[("split_column", "part")], &keys), ["unset", "unset", "none"]);
    assert_eq!(planned(&diamonds(), &[("test", "t.csv")], &keys), ["0.15", "t.csv", "rmse"]);
    assert_eq!(planned(&diamonds(), &[("folds", "5")], &keys), ["0.15", "0", "rmse"]);
    assert_eq!(planned(&diamonds(), &[("validation", "0")], &keys), ["0", "0.15", "none"]);
}

#[test]
fn the_piecewise_encoding_stays_within_memory() {
    // 10⁶·0.7 rows · 100 columns · b ≤ 2²⁸ gives b = 3: plain. With 20 columns: 2²⁸ / (7·10⁵ · 20) = 19.
    let facts = |columns| Facts { numeric_columns: columns, ..Facts::new(1_000_000, Task::Regression, 1) };
    assert_eq!(planned(&facts(100), &[], &["numeric_encoding", "bins"]), ["plain", "unset"]);
    assert_eq!(planned(&facts(20), &[], &["numeric_encoding", "bins"]), ["piecewise", "19"]);
    assert_eq!(planned(&facts(100), &[("bins", "12")], &["numeric_encoding", "bins"]), ["piecewise", "12"]);
}

#[test]
fn what_contradicts_the_inferred_task_is_refused() {
    let refused: [(Facts, &[(&str, &str)]); 6] = [
        (diamonds(), &[("cost", "cross_entropy")]),
        (adult(), &[("output_activation", "relu")]),
        (adult(), &[("target_scaling", "log")]),
        (diamonds(), &[("class_weight", "balanced")]),
        (adult(), &[("quantile", "0.9")]),
        (diamonds(), &[("early_stopping", "f1")]),
    ];
    for (facts, settings) in refused {
        let error = plan(&facts, &said(settings)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Conflict { .. }), "{error}");
    }
}

#[test]
fn every_reason_names_what_was_chosen_and_by_whom() {
    let plan = plan(&adult(), &said(&[("hidden", "32"), ("seed", "3")])).unwrap();
    let by_person: Vec<_> = plan.reasons.iter().filter(|reason| reason.by == Chosen::Said).collect();
    assert_eq!(by_person.iter().map(|reason| reason.setting).collect::<Vec<_>>(), ["hidden", "seed"]);
    for reason in &plan.reasons {
        assert_eq!(plan.settings.value(reason.setting).as_ref(), Some(&reason.value), "{}", reason.setting);
        assert!(!reason.because.is_empty());
    }
}

#[test]
fn nothing_that_is_planned_stays_open_where_it_applies() {
    for facts in [adult(), diamonds(), digits(), mnist(), xor()] {
        let plan = plan(&facts, &Config::default()).unwrap();
        let planner = Planner {
            facts: &facts,
            settings: plan.settings.clone(),
            said: BTreeSet::new(),
            reasons: Vec::new(),
        };
        for setting in SETTINGS {
            let open =
                plan.settings.value(setting.key).is_none() && !matches!(setting.unset, Unset::Nothing(_));
            assert!(!(open && planner.applies(setting)), "{} is open for {facts:?}", setting.key);
        }
    }
}

#[test]
fn the_runs_name_and_the_wish_to_resume_are_not_repeated() {
    let settings = said(&[("run", "a"), ("resume", "true"), ("threads", "2")]);
    let config = plan(&adult(), &settings).unwrap().to_config();
    assert_eq!((config.run, config.resume, config.threads), (None, None, Some(2)));
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let task = prop::sample::select(Task::ALL.to_vec());
    let apart = || prop::option::of(0..500_usize);
    (task, 1..2_000_000_usize, apart(), apart(), 0..3000_usize, 0..20_usize, any::<bool>(), 0..1000_usize)
        .prop_map(|(task, rows, validation_apart, test_apart, numeric, categorical, pixels, smallest)| {
            Facts {
                validation_apart,
                test_apart,
                smallest_class: task.is_classification().then_some(smallest),
                numeric_columns: numeric,
                categorical_columns: categorical,
                pixel_like: pixels,
                ..Facts::new(rows, task, 3)
            }
        })
}

/// Some settings, said by their examples.
fn any_settings() -> impl Strategy<Value = Config> {
    prop::collection::vec(0..SETTINGS.len(), 0..6).prop_map(|picked| {
        let mut config = Config::default();
        for index in picked {
            config.set(SETTINGS[index].key, SETTINGS[index].example).unwrap();
        }
        config
    })
}

proptest! {
    /// A complete plan's settings, planned again, are the same: `config.toml` repeats the run.
    #[test]
    fn a_plan_of_a_plan_is_the_plan(facts in any_facts(), settings in any_settings()) {
        if let Ok(first) = plan(&facts, &settings) {
            let config = first.to_config();
            let second = plan(&facts, &config).unwrap();
            prop_assert_eq!(&second.settings, &config);
            for (setting, value) in settings.said() {
                if !matches!(setting.key, "run" | "resume") {
                    prop_assert_eq!(config.value(setting.key), Some(value));
                }
            }
        }
    }

    /// Nothing said can only be planned, whatever the facts.
    #[test]
    fn any_facts_can_be_planned(facts in any_facts()) {
        let plan = plan(&facts, &Config::default()).unwrap();
        prop_assert!(matches!(plan.settings.batch_size, Some(BatchSize::Rows(1..) | BatchSize::All)));
        prop_assert!(plan.settings.said().all(|(setting, _)| setting.scope != Scope::RunOnly || setting.key == "checkpoint_epochs"));
    }
}
