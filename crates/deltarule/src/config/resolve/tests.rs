use super::*;
use crate::config::ACTIVATIONS;
use crate::plan::{Facts, plan};

/// A complete configuration with these settings.
fn complete(task: Task, settings: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    for (key, text) in settings {
        config.set(key, text).unwrap();
    }
    let outputs = if task == Task::Multiclass { 3 } else { 1 };
    plan(&Facts { numeric_columns: 4, ..Facts::new(1000, task, outputs) }, &config).unwrap().settings
}

fn choices(key: &str) -> Vec<&'static str> {
    crate::config::setting(key).unwrap().kind.choices()
}

#[test]
fn every_name_on_offer_is_known_to_the_room_that_uses_it() {
    for name in choices("format") {
        assert!(read_options(&complete(Task::Binary, &[("format", name)])).unwrap().format.is_some());
    }
    for name in choices("delimiter") {
        assert!(read_options(&complete(Task::Binary, &[("delimiter", name)])).unwrap().delimiter.is_some());
    }
    for name in choices("types") {
        let options = read_options(&complete(Task::Binary, &[("types", &format!("a={name}"))])).unwrap();
        assert_eq!(options.types[0].1.name(), name);
    }
    for key in ["scaling", "numeric_encoding", "datetime_parts"] {
        for name in choices(key) {
            encoder_options(&complete(Task::Binary, &[(key, name)]), Task::Binary).unwrap();
        }
    }
    for name in choices("target_scaling") {
        encoder_options(&complete(Task::Regression, &[("target_scaling", name)]), Task::Regression).unwrap();
    }
    for key in ["activation", "initializer", "output_initializer", "normalization"] {
        for name in choices(key) {
            network_spec(&complete(Task::Binary, &[(key, name)]), InputShape::dense(4), 1).unwrap();
        }
    }
    for name in choices("output_activation") {
        let config = complete(Task::Regression, &[("output_activation", name)]);
        network_spec(&config, InputShape::dense(4), 1).unwrap();
    }
    for (key, names) in [("optimizer", choices("optimizer")), ("schedule", choices("schedule"))] {
        for name in names {
            let config = complete(Task::Binary, &[(key, name)]);
            let schedule = learning_rate(&config, 100).unwrap().schedule.name();
            let got = if key == "optimizer" { optimizer(&config).unwrap().name() } else { schedule };
            assert_eq!(got, name);
        }
    }
    for name in choices("early_stopping") {
        let task = if matches!(name, "rmse" | "mae" | "r2") { Task::Regression } else { Task::Binary };
        let metric = watched(&complete(task, &[("early_stopping", name)])).unwrap();
        assert_eq!(metric.map_or("none", Metric::name), name);
    }
    for name in choices("cost") {
        let task = match name {
            "cross_entropy" => Task::Multiclass,
            "binary_cross_entropy" | "focal" => Task::Binary,
            _ => Task::Regression,
        };
        assert_eq!(loss(&complete(task, &[("cost", name)])).unwrap().cost().name(), name);
    }
}

#[test]
fn everything_another_room_has_is_on_offer() {
    let known: Vec<_> = activation::NAMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(choices("output_activation"), known);
    let hidden: Vec<_> = known.into_iter().filter(|name| !matches!(*name, "exp" | "softmax")).collect();
    assert_eq!(ACTIVATIONS, hidden);
    assert_eq!(choices("optimizer"), OptimizerSpec::NAMES);
    assert_eq!(choices("schedule"), Schedule::NAMES);
    assert_eq!(choices("initializer"), Initializer::NAMES.map(|(name, _)| name));
    assert_eq!(choices("types"), ColumnType::ALL.map(ColumnType::name));
    assert_eq!(choices("datetime_parts"), DatetimePart::ALL.map(DatetimePart::name));
    assert_eq!(choices("early_stopping")[1..], Metric::ALL.map(Metric::name));
    assert_eq!(choices("task"), Task::ALL.map(Task::name));
}

/// The plan's initialisers are those of the activations' own table.
#[test]
fn the_plans_initializers_are_the_activations_own() {
    for name in ACTIVATIONS {
        let config = complete(Task::Binary, &[("activation", name)]);
        let expected = activation::default_initializer(activation::from_name(name).unwrap());
        assert_eq!(config.initializer.unwrap(), [expected.name()], "{name}");
    }
}

#[test]
fn unset_numbers_are_the_other_rooms_defaults() {
    for name in OptimizerSpec::NAMES {
        let config = complete(Task::Binary, &[("optimizer", name)]);
        assert_eq!(optimizer(&config).unwrap(), OptimizerSpec::by_name(name).unwrap());
    }
    for name in Schedule::NAMES {
        // One-cycle's peak follows the optimizer.
        let config = complete(Task::Binary, &[("schedule", name), ("optimizer", "nesterov")]);
        assert_eq!(schedule(&config).unwrap(), Schedule::by_name(name).unwrap());
    }
    let options = encoder_options(&Config::default(), Task::Binary).unwrap();
    assert_eq!(options, EncoderOptions { task: Some(Task::Binary), ..EncoderOptions::default() });
    let planned = encoder_options(&complete(Task::Binary, &[]), Task::Binary).unwrap();
    assert_eq!(planned.datetime_parts, options.datetime_parts);
    assert_eq!((planned.one_hot_limit, planned.hash_limit), (options.one_hot_limit, options.hash_limit));
    assert_eq!(read_options(&Config::default()).unwrap(), ReadOptions::default());
    assert_eq!(regularization(&Config::default()), Regularization::default());
}

#[test]
fn layers_stand_in_the_order_product_normalisation_activation_dropout() {
    let config = complete(
        Task::Multiclass,
        &[
            ("hidden", "8,4"),
            ("activation", "relu,tanh"),
            ("normalization", "layer"),
            ("dropout", "0.5,0"),
            ("input_dropout", "0.1"),
            ("output_initializer", "normal"),
        ],
    );
    let dense = |units, activation, initializer| LayerSpec::Dense { units, activation, initializer };
    let spec = network_spec(&config, InputShape::dense(5), 3).unwrap();
    let expected = [
        LayerSpec::Dropout { rate: 0.1 },
        dense(8, Activation::Identity, Initializer::HeNormal),
        LayerSpec::LayerNorm { activation: Activation::Relu },
        LayerSpec::Dropout { rate: 0.5 },
        dense(4, Activation::Identity, Initializer::GlorotUniform),
        LayerSpec::LayerNorm { activation: Activation::Tanh },
        dense(3, Activation::Softmax, Initializer::Normal),
    ];
    assert_eq!(spec.layers, expected);
    let perceptron = complete(Task::Binary, &[("hidden", "none")]);
    assert_eq!(network_spec(&perceptron, InputShape::dense(2), 1).unwrap().layers.len(), 1);
}

#[test]
fn a_share_of_warm_up_is_of_the_steps_that_will_be_done() {
    // 1,000 rows in batches of 100 for 20 epochs: 200 steps, of which a tenth.
    let base = [("batch_size", "100"), ("epochs", "20"), ("warmup", "0.1")];
    let warmup = |settings: &[(&str, &str)]| {
        let config = complete(Task::Binary, settings);
        learning_rate(&config, total_steps(&config, 1000).unwrap()).unwrap().warmup_steps
    };
    assert_eq!(warmup(&base), 20);
    assert_eq!(warmup(&[&base[..], &[("steps", "50")]].concat()), 5);
    assert_eq!(warmup(&[&base[..2], &[("warmup", "7")]].concat()), 7);
}

#[test]
fn a_batch_is_never_larger_than_the_set() {
    let batch = |text: &str| batch_rows(&complete(Task::Binary, &[("batch_size", text)]), 700);
    assert_eq!((batch("32"), batch("all"), batch("5000")), (32, 700, 700));
}

#[test]
fn missing_values_add_to_the_usual_ones_and_split_columns_are_no_features() {
    let config = complete(Task::Binary, &[("missing", "-999"), ("group", "customer"), ("ignore", "id")]);
    let missing = read_options(&config).unwrap().missing;
    assert!(missing.contains(&"-999".to_owned()) && missing.contains(&"NA".to_owned()));
    assert_eq!(encoder_options(&config, Task::Binary).unwrap().ignore, ["id", "customer"]);
    assert_eq!(split_options(&config).group.as_deref(), Some("customer"));
}

#[test]
fn an_incomplete_configuration_is_refused_by_the_setting_it_lacks() {
    for key in ["hidden", "activation", "output_activation"] {
        let mut config = complete(Task::Binary, &[]);
        config.unset(key).unwrap();
        let error = network_spec(&config, InputShape::dense(2), 1).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadSetting { setting, .. } if setting == key), "{error}");
    }
    let config = complete(Task::Binary, &[]);
    for key in ["optimizer", "learning_rate", "schedule", "epochs", "beta1", "peak_fraction"] {
        let mut config = config.clone();
        config.unset(key).unwrap();
        let made = optimizer(&config).and_then(|_| learning_rate(&config, total_steps(&config, 1000)?));
        let error = made.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadSetting { setting, .. } if setting == key), "{error}");
    }
}

#[test]
fn the_trainer_is_told_what_was_planned() {
    let said = [
        ("batch_size", "100"),
        ("epochs", "4"),
        ("steps", "30"),
        ("clip_norm", "2"),
        ("early_stopping", "f1"),
        ("patience", "3"),
        ("min_delta", "0.01"),
        ("shuffle", "false"),
    ];
    let config = complete(Task::Binary, &said);
    let settings = trainer_settings(&config, loss(&config).unwrap(), 700, 9).unwrap();
    assert_eq!(
        (settings.batch_size, settings.epochs, settings.max_steps, settings.seed),
        (100, 4, Some(30), 9)
    );
    assert_eq!((settings.shuffle, settings.watch, settings.keep_best), (false, Metric::F1, true));
    assert_eq!(settings.stopping, Some(Stopping { patience: 3, min_delta: 0.01 }));
    assert_eq!(settings.regularization.clip_norm, Some(2.0));
    let mut open = config.clone();
    open.patience = None;
    assert!(trainer_settings(&open, loss(&open).unwrap(), 700, 9).is_err());
    let unwatched = complete(Task::Binary, &[("early_stopping", "none")]);
    let settings = trainer_settings(&unwatched, loss(&unwatched).unwrap(), 700, 9).unwrap();
    assert_eq!((settings.stopping, settings.keep_best), (None, false));
}
