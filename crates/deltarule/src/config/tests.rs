use std::path::Path;

use proptest::prelude::*;

use super::*;

fn config(settings: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    for (key, text) in settings {
        config.set(key, text).unwrap();
    }
    config
}

fn parsed(text: &str) -> Result<Config> {
    Config::parse_toml(text, Path::new("run.toml"))
}

fn refusal(key: &str, text: &str) -> String {
    let error = Config::default().set(key, text).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadSetting { setting, .. } if setting == key), "{error}");
    error.to_string()
}

fn conflicts(settings: &[(&str, &str)]) -> String {
    let Err(error) = config(settings).check() else { panic!("{settings:?} are not refused") };
    assert!(matches!(error.kind(), ErrorKind::Conflict { .. }), "{error}");
    error.to_string()
}

#[test]
fn each_settings_example_goes_from_text_to_field_to_toml_and_json_and_back() {
    for setting in SETTINGS {
        let config = config(&[(setting.key, setting.example)]);
        let value = config.value(setting.key).unwrap_or_else(|| panic!("{} has a field", setting.key));
        assert_eq!(config.said().count(), 1, "{} fills its own field alone", setting.key);
        assert_eq!(parsed(&config.to_toml()).unwrap(), config, "{}: TOML", setting.key);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config, "{}: JSON", setting.key);
        let mut again = Config::default();
        again.set_value(setting.key, value).unwrap();
        assert_eq!(again, config);
    }
}

#[test]
fn fixed_defaults_are_values_that_their_settings_allow() {
    for setting in SETTINGS {
        if let Unset::Fixed(text) = setting.unset {
            config(&[(setting.key, text)]);
        }
    }
}

#[test]
fn what_a_setting_belongs_to_is_a_choice_that_offers_those_values() {
    for setting in SETTINGS {
        let Some((other, values)) = setting.only_with else { continue };
        let offered = super::setting(other).unwrap().kind.choices();
        assert!(values.iter().all(|value| offered.contains(value)), "{} with {other}", setting.key);
    }
}

#[test]
fn keys_are_said_once_and_aliases_mean_something_on_offer() {
    let keys: std::collections::BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(keys.len(), SETTINGS.len());
    let offers: Vec<_> = SETTINGS.iter().map(|setting| setting.kind.choices()).collect();
    for (alias, meant) in ALIASES {
        let with: Vec<_> = offers.iter().filter(|offered| offered.contains(meant)).collect();
        assert!(!with.is_empty(), "{alias} means {meant}");
        assert!(with.iter().all(|offered| !offered.contains(alias)), "{alias} is a name itself");
    }
}

#[test]
fn a_learning_rate_is_a_finite_number_above_0() {
    for text in ["0", "-0.1", "NaN", "nan", "inf", "-inf", "fast", ""] {
        let message = refusal("learning_rate", text);
        assert!(message.contains("a number above 0"), "{message}");
    }
    assert_eq!(config(&[("learning_rate", "1e-3")]).learning_rate, Some(0.001));
    for text in ["learning_rate = 0", "learning_rate = nan", "learning_rate = -inf", "learning_rate = \"x\""]
    {
        assert!(matches!(parsed(text).unwrap_err().kind(), ErrorKind::InConfig { line: 1, .. }), "{text}");
    }
    let mut by_hand = Config { learning_rate: Some(f64::NAN), ..Config::default() };
    assert!(matches!(by_hand.check().unwrap_err().kind(), ErrorKind::BadSetting { .. }));
    by_hand.learning_rate = Some(0.1);
    by_hand.check().unwrap();
}

#[test]
fn an_unknown_choice_is_refused_with_those_allowed() {
    let message = refusal("optimizer", "adamax");
    assert!(message.contains("\"adamax\"") && message.contains("rmsprop, adam, adamw"), "{message}");
    assert!(message.starts_with("optimizer: got"), "{message}");
}

#[test]
fn an_unknown_key_is_refused_with_the_close_ones_and_its_line() {
    let error = parsed("seed = 1\nlerning_rate = 0.1\n").unwrap_err();
    let ErrorKind::InConfig { line, column, error: inner, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((*line, *column), (2, 1));
    let ErrorKind::UnknownSetting { similar, .. } = inner.kind() else { panic!("{inner}") };
    assert_eq!(similar, &["learning_rate"]);
    assert!(error.to_string().starts_with("run.toml, line 2"), "{error}");
}

#[test]
fn broken_toml_is_refused_with_line_and_column() {
    let error = parsed("seed = 1\nhidden = [1, 2\nepochs = 3").unwrap_err();
    let ErrorKind::BadConfig { line, column, .. } = error.kind() else { panic!("{error}") };
    assert!(*line >= 2 && *column >= 1, "{error}");
    let error = parsed("# é\n seed = = 1").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadConfig { line: 2, column: 9, .. }), "{error}");
}

#[test]
fn values_that_no_setting_has_are_refused_not_guessed() {
    for text in [
        "seed = 99999999999999999999",
        "epochs = 1979-05-27",
        "hidden = [[1]]",
        "seed = 1.5",
        "target = true",
        "shuffle = \"yes\"",
        "epochs = 1e3",
        "[seed]\na = 1",
        "dropout = [0.1, 1.0]",
        "target = \"\"",
    ] {
        assert!(matches!(parsed(text).unwrap_err().kind(), ErrorKind::InConfig { .. }), "{text}");
    }
}

#[test]
fn lists_are_split_at_commas_outside_quotes() {
    let config =
        config(&[("target", r#""New York, NY", b ,"say ""hi""""#), ("hidden", "none"), ("dropout", "0.1,0")]);
    assert_eq!(config.target.unwrap(), ["New York, NY", "b", "say \"hi\""]);
    assert_eq!(config.hidden.unwrap(), [0; 0]);
    assert_eq!(config.dropout.unwrap(), [0.1, 0.0]);
    refusal("target", "\"a,b");
    refusal("hidden", "64,0");
}

#[test]
fn names_under_pairs_may_hold_an_equals_sign() {
    let config = config(&[("types", "a=b=number,zip=categorical"), ("class_weight", "yes=2,no=0.5")]);
    let types = config.types.unwrap();
    assert_eq!(types["a=b"], "number");
    assert_eq!(types["zip"], "category");
    let Some(ClassWeight::Named(weights)) = config.class_weight else { panic!("weights by name") };
    assert_eq!((weights["yes"], weights["no"]), (2.0, 0.5));
    refusal("types", "zip");
    refusal("class_weight", "heavy");
}

#[test]
fn a_share_out_of_range_is_not_taken_for_a_file() {
    assert_eq!(config(&[("test", "0.2")]).test, Some(Part::Fraction(0.2)));
    assert_eq!(config(&[("test", "b.csv")]).test, Some(Part::File("b.csv".into())));
    for text in ["1", "1.5", "-0.1", "nan"] {
        refusal("test", text);
    }
    assert!(parsed("test = 1.5").is_err());
}

#[test]
fn either_form_of_a_setting_is_understood() {
    assert_eq!(config(&[("batch_size", "all")]).batch_size, Some(BatchSize::All));
    assert_eq!(config(&[("batch_size", "32")]).batch_size, Some(BatchSize::Rows(32)));
    assert_eq!(config(&[("warmup", "100")]).warmup, Some(Warmup::Steps(100)));
    assert_eq!(config(&[("warmup", "0.05")]).warmup, Some(Warmup::Fraction(0.05)));
    assert_eq!(config(&[("max_norm", "none")]).max_norm, Some(Limit::Off));
    assert_eq!(config(&[("clip_norm", "1")]).clip_norm, Some(Limit::At(1.0)));
    assert_eq!(config(&[("delimiter", "\t")]).delimiter.as_deref(), Some("tab"));
    assert_eq!(config(&[("delimiter", ";")]).delimiter.as_deref(), Some("semicolon"));
    assert_eq!(parsed("missing = [-999]").unwrap().missing.unwrap(), ["-999"]);
    assert_eq!(parsed("activation = \"ReLU\"").unwrap().activation.unwrap(), ["relu"]);
}

#[test]
fn auto_leaves_a_planned_setting_to_the_plan_and_names_a_column_elsewhere() {
    let mut config = config(&[("optimizer", "adam"), ("target", "auto")]);
    config.set("optimizer", "auto").unwrap();
    assert_eq!(config.optimizer, None);
    assert_eq!(config.target.unwrap(), ["auto"]);
    assert_eq!(parsed("hidden = \"auto\"").unwrap(), Config::default());
}

#[test]
fn flags_win_over_the_file() {
    let mut file = parsed("seed = 1\nepochs = 3").unwrap();
    file.merge(&config(&[("seed", "2")]));
    assert_eq!((file.seed, file.epochs), (Some(2), Some(3)));
}

#[test]
fn the_record_of_a_run_has_file_names_and_nothing_that_is_the_runs_own() {
    let said = config(&[
        ("data", "/home/me/sales.csv"),
        ("threads", "3"),
        ("run", "x"),
        ("test", "b/t.csv"),
        ("seed", "4"),
    ]);
    let expected = config(&[("data", "sales.csv"), ("test", "t.csv"), ("seed", "4")]);
    assert_eq!(said.recorded(), expected);
    assert_eq!(config(&[("test", "0.25")]).recorded().test, Some(Part::Fraction(0.25)));
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let pairs: &[&[(&str, &str)]] = &[
        &[("optimizer", "lbfgs"), ("batch_size", "32")],
        &[("optimizer", "lbfgs"), ("dropout", "0.1")],
        &[("optimizer", "lbfgs"), ("input_dropout", "0.1")],
        &[("optimizer", "lbfgs"), ("schedule", "cosine")],
        &[("optimizer", "lbfgs"), ("warmup", "10")],
        &[("optimizer", "lbfgs"), ("warmup", "0.1")],
        &[("optimizer", "lbfgs"), ("l1", "0.1")],
        &[("optimizer", "lbfgs"), ("max_norm", "3")],
        &[("optimizer", "lbfgs"), ("clip_norm", "3")],
        &[("optimizer", "lbfgs"), ("clip_value", "3")],
        &[("optimizer", "lbfgs"), ("weight_decay", "0.1")],
        &[("optimizer", "lbfgs"), ("learning_rate", "0.1")],
        &[("optimizer", "lbfgs"), ("normalization", "batch")],
        &[("normalization", "batch"), ("batch_size", "1")],
        &[("optimizer", "rprop"), ("schedule", "cosine")],
        &[("optimizer", "rprop"), ("warmup", "10")],
        &[("optimizer", "adam"), ("momentum", "0.9")],
        &[("optimizer", "momentum"), ("beta1", "0.9")],
        &[("schedule", "cosine"), ("gamma", "0.5")],
        &[("cost", "squared_error"), ("huber_delta", "1")],
        &[("cost", "huber"), ("quantile", "0.9")],
        &[("cost", "cross_entropy"), ("focal_gamma", "1")],
        &[("cost", "focal"), ("label_smoothing", "0.1")],
        &[("task", "regression"), ("cost", "focal")],
        &[("cost", "squared_error"), ("label_smoothing", "0.1")],
        &[("numeric_encoding", "plain"), ("bins", "8")],
        &[("folds", "5"), ("test", "t.csv")],
        &[("folds", "5"), ("validation", "v.csv")],
        &[("group", "a"), ("time", "b")],
        &[("stratify", "true"), ("time", "b")],
        &[("stratify", "true"), ("group", "b")],
        &[("split_column", "part"), ("test", "0.1")],
        &[("split_column", "part"), ("stratify", "true")],
        &[("validation", "0.5"), ("test", "0.5")],
        &[("hidden", "8,8"), ("activation", "relu,tanh,relu")],
        &[("hidden", "8,8"), ("dropout", "0.1,0.1,0.1")],
        &[("hidden", "none"), ("dropout", "0.1")],
        &[("hidden", "none"), ("normalization", "batch")],
        &[("hidden", "none"), ("activation", "relu")],
        &[("hidden", "8"), ("activation", "none")],
        &[("weights", "w.safetensors"), ("initializer", "he_normal")],
        &[("task", "regression"), ("label_smoothing", "0.1")],
        &[("task", "regression"), ("class_weight", "balanced")],
        &[("task", "regression"), ("stratify", "true")],
        &[("task", "regression"), ("cost", "cross_entropy")],
        &[("task", "regression"), ("early_stopping", "accuracy")],
        &[("task", "regression"), ("cost", "poisson"), ("target_scaling", "log")],
        &[("task", "multilabel"), ("stratify", "true")],
        &[("task", "multilabel"), ("class_weight", "balanced")],
        &[("task", "binary"), ("cost", "poisson")],
        &[("task", "binary"), ("target_scaling", "log")],
        &[("task", "multiclass"), ("early_stopping", "rmse")],
        &[("early_stopping", "none"), ("patience", "3")],
        &[("early_stopping", "none"), ("min_delta", "0.1")],
        &[("early_stopping", "cost"), ("validation", "0")],
    ];
    for settings in pairs {
        let message = conflicts(settings);
        assert!(message.contains(settings[0].0) || message.contains(settings[1].0), "{message}");
    }
}

#[test]
fn settings_that_go_together_are_not_refused() {
    let fine: &[&[(&str, &str)]] = &[
        &[
            ("optimizer", "lbfgs"),
            ("batch_size", "all"),
            ("dropout", "0"),
            ("weight_decay", "0"),
            ("l2", "0.1"),
        ],
        &[("optimizer", "nesterov"), ("momentum", "0.9"), ("weight_decay", "1e-4")],
        &[("folds", "5"), ("group", "customer"), ("validation", "0.1")],
        &[("hidden", "8,8"), ("activation", "relu,tanh"), ("dropout", "0.1")],
        &[("task", "binary"), ("cost", "squared_error"), ("early_stopping", "accuracy")],
        &[("hidden", "none")],
    ];
    for settings in fine {
        config(settings).check().unwrap();
    }
}

#[test]
fn a_configuration_too_long_or_not_utf8_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, [b'#', 0xff]).unwrap();
    assert!(matches!(Config::from_toml(&path).unwrap_err().kind(), ErrorKind::BadFormat { .. }));
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(matches!(Config::from_toml(&path).unwrap_err().kind(), ErrorKind::BadFormat { .. }));
    std::fs::write(&path, "seed = 3").unwrap();
    assert_eq!(Config::from_toml(&path).unwrap().seed, Some(3));
    let absent = Config::from_toml(&folder.path().join("absent.toml")).unwrap_err();
    assert!(matches!(absent.kind(), ErrorKind::FileNotFound { .. }));
}

#[test]
fn the_schema_has_every_setting_and_refuses_others() {
    let schema = json_schema();
    assert_eq!(schema["additionalProperties"], false);
    for setting in SETTINGS {
        assert!(schema["properties"][setting.key]["description"].is_string(), "{}", setting.key);
    }
    assert_eq!(schema["properties"]["rho"]["exclusiveMaximum"], 1.0);
    assert_eq!(schema["properties"]["seed"]["type"], "integer");
    let rates = &schema["properties"]["learning_rate"]["anyOf"];
    assert_eq!((&rates[0]["exclusiveMinimum"], &rates[1]["const"]), (&0.0.into(), &"auto".into()));
}

/// `docs/SETTINGS.md` is written by this test where `UPDATE_DOCS` is set, and compared otherwise.
#[test]
fn the_page_of_settings_is_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SETTINGS.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(
        page == markdown(),
        "docs/SETTINGS.md is out of date: UPDATE_DOCS=1 cargo test -p deltarule the_page"
    );
}

proptest! {
    #[test]
    fn any_text_is_refused_or_understood_never_a_panic(index in 0..SETTINGS.len(), text in "\\PC{0,24}") {
        let mut config = Config::default();
        if config.set(SETTINGS[index].key, &text).is_ok() {
            prop_assert_eq!(parsed(&config.to_toml()).unwrap(), config);
        }
    }

    #[test]
    fn any_document_is_refused_or_understood_never_a_panic(text in "[a-z_=\\[\\]{}\", .0-9\\n-]{0,80}") {
        let _ = parsed(&text);
    }

    #[test]
    fn numbers_and_names_print_so_that_they_read_back_the_same(
        rate in proptest::num::f64::POSITIVE | proptest::num::f64::SUBNORMAL,
        names in proptest::collection::vec(any::<String>(), 0..4),
    ) {
        let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let config = Config { learning_rate: Some(rate.abs()), ignore: Some(names), ..Config::default() };
        prop_assume!(config.check().is_ok());
        prop_assert_eq!(parsed(&config.to_toml()).unwrap(), config);
    }
}
