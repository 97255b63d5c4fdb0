//! JSON and files that scripts rely on.

use serde_json::Value;

use crate::place::{Place, QUICK, flowers};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[test]
fn the_demonstration_learns_the_digits_and_says_what_it_did() {
    let place = Place::new();
    let ran = place.run(["--json"]);
    let report = ran.json();
    let accuracy = report["metrics"]["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy >= 0.96, "{accuracy}");
    assert_eq!(report["run"], "runs/digits-1");
    for words in ["handwritten digits", "plan", "epoch 1/", "test pictures", "What to try next"] {
        assert!(ran.err.contains(words), "no {words:?} in {}", ran.err);
    }
    for file in ["config.toml", "events.jsonl", "model.safetensors"] {
        assert!(place.path("runs/digits-1").join(file).is_file(), "{file}");
    }
}

#[test]
fn xor_is_solved_with_four_hidden_units_for_twenty_seeds() {
    let place = Place::new();
    for seed in 0..20 {
        let seed = seed.to_string();
        let arguments = ["train", "xor", "--hidden", "4", "--threads", "1", "--seed", &seed, "--json", "-q"];
        let report = place.run(arguments).json();
        assert_eq!(report["metrics"]["train"]["accuracy"], 1.0, "seed {seed}");
    }
}

#[test]
fn train_json_has_its_keys() {
    let place = Place::new();
    place.write("flowers.csv", flowers(100));
    let arguments = ["train", "flowers.csv", "--target", "kind", "--json"];
    let report = place.run(arguments.into_iter().chain(QUICK)).json();
    for key in
        ["model", "run", "task", "rows", "epochs", "seconds", "samples_per_second", "metrics", "findings"]
    {
        assert!(report.get(key).is_some(), "{key}");
    }
    assert_eq!(report["task"], "binary");
    assert_eq!(report["epochs"], 3);
    assert_eq!(report["model"], "runs/flowers-1/model.safetensors");
    let rows: Vec<u64> =
        ["train", "validation", "test"].iter().map(|part| report["rows"][part].as_u64().unwrap()).collect();
    assert_eq!(rows, [70, 15, 15]);
    for part in ["train", "validation", "test"] {
        let figures = keys(&report["metrics"][part]);
        assert!(
            ["accuracy", "f1", "log_loss", "roc_auc"].iter().all(|name| figures.contains(name)),
            "{figures:?}"
        );
    }
    // Three epochs of four units teach little, and that is told.
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty(), "{report}");
    for finding in findings {
        assert!(
            ["id", "severity", "evidence", "cause", "remedies"].iter().all(|key| finding.get(key).is_some()),
            "{finding}"
        );
    }
}

#[test]
fn a_regression_and_its_folds_are_told_in_json_and_words() {
    let place = Place::new();
    place.write("flowers.csv", flowers(60));
    let arguments = ["train", "flowers.csv", "--target", "length", "--folds", "3"];
    let ran = place.run(arguments.into_iter().chain(QUICK));
    for words in ["cross-validation", "95 % from", "mean", "RMSE", "residuals", "model: runs/flowers-1/"] {
        assert!(ran.is_done().out.contains(words), "no {words:?} in {}", ran.out);
    }
    let report = place.run(arguments.into_iter().chain(QUICK).chain(["--json"])).json();
    assert_eq!(keys(&report["metrics"]["train"]), ["mae", "r2", "rmse"]);
    assert_eq!(report["cross_validation"]["folds"].as_array().unwrap().len(), 3);
    assert_eq!(keys(&report["cross_validation"]["metrics"]["rmse"]), ["high", "low", "mean"]);
}

#[test]
fn evaluate_gives_rows_and_metrics() {
    let place = Place::with_model();
    let report = place.run(["evaluate", "first", "flowers.csv", "--json"]).json();
    assert_eq!(report["rows"], 60);
    assert!(keys(&report["metrics"]).contains(&"accuracy"));
    let words = place.run(["evaluate", "runs/first", "flowers.csv"]);
    assert!(words.is_done().out.contains("is \\ taken for"), "{words:#?}");
}

#[test]
fn predict_gives_a_row_for_each_row_in_order() {
    let place = Place::with_model();
    let ran = place.run(["predict", "first", "flowers.csv"]);
    let lines: Vec<&str> = ran.is_done().out.lines().collect();
    assert_eq!(lines.len(), 61);
    assert_eq!(lines[0], "prediction,probability_low,probability_tall");
    assert_eq!(ran.err, "");
    // Single rows give what they gave among the others.
    let table = flowers(60);
    for row in [1, 17, 60] {
        place.write(
            "one.csv",
            format!("{}\n{}\n", table.lines().next().unwrap(), table.lines().nth(row).unwrap()),
        );
        let one = place.run(["predict", "runs/first/model.safetensors", "one.csv"]);
        assert_eq!(one.is_done().out.lines().nth(1), Some(lines[row]));
    }
    let document = place.run(["predict", "first", "flowers.csv", "--json"]).json();
    assert_eq!(document["rows"], 60);
    assert_eq!(keys(&document["predictions"][0]), ["prediction", "probability_low", "probability_tall"]);
    let written = place.run(["predict", "first", "flowers.csv", "--out", "p.csv", "--json"]).json();
    assert_eq!((&written["rows"], &written["out"]), (&60.into(), &"p.csv".into()));
    assert_eq!(String::from_utf8(place.read("p.csv")).unwrap(), ran.out);
    assert_eq!(place.run(["predict", "first", "flowers.csv", "--out", "-"]).is_done().out, ran.out);
}

#[test]
fn the_target_may_be_absent_and_a_category_unseen_at_prediction() {
    let place = Place::with_model();
    place.write("new.csv", "colour,length,width\nviolet,1.5,0.5\n,,\n");
    assert_eq!(place.run(["predict", "first", "new.csv"]).is_done().out.lines().count(), 3);
}

#[test]
fn inspect_shows_layers_figures_and_settings() {
    let place = Place::with_model();
    let summary = place.run(["inspect", "first", "--json"]).json();
    assert_eq!(summary["task"], "binary");
    assert_eq!(summary["classes"], serde_json::json!(["low", "tall"]));
    assert_eq!(summary["config"]["epochs"], 3);
    let words = place.run(["inspect", "first"]);
    for expected in ["binary: kind", "colour", "becomes", "layers.0.w", "accuracy", "epochs = 3", "checksum"]
    {
        assert!(words.is_done().out.contains(expected), "no {expected:?} in {}", words.out);
    }
}

#[test]
fn check_passes_on_a_trained_network() {
    let place = Place::with_model();
    let report = place.run(["check", "first", "flowers.csv", "--rows", "8", "--json"]).json();
    assert_eq!((&report["passed"], &report["rows"]), (&true.into(), &8.into()));
    let tensors = report["tensors"].as_array().unwrap();
    assert!(tensors.iter().all(|tensor| tensor["failures"] == 0), "{report}");
    let single = |tensor: &serde_json::Value| tensor["single"]["relative_error"].as_f64().unwrap();
    assert!(tensors.iter().all(|tensor| single(tensor) <= 1e-5), "{report}");
    assert!(tensors.iter().any(|tensor| single(tensor) > 0.0), "f32 is not f64: {report}");
    let kinds: Vec<_> = tensors.iter().map(|tensor| (&tensor["layer"], &tensor["kind"])).collect();
    assert!(
        kinds.contains(&(&0.into(), &"w".into())) && kinds.contains(&(&2.into(), &"b".into())),
        "{report}"
    );
    // Entries go by the table's names, in both precisions.
    let worst = report["worst"].as_array().unwrap();
    for precision in ["f64", "f32"] {
        assert!(worst.iter().any(|entry| entry["precision"] == precision), "{report}");
    }
    let named = |entry: &serde_json::Value| entry["meaning"].as_str().unwrap().contains("kind = tall");
    assert!(worst.iter().any(named), "{report}");
    let words = place.run(["check", "first", "flowers.csv", "--parameters", "2"]);
    for expected in
        ["passed:", "furthest apart", "the bias of kind = tall", "f32: ‖a − g‖ ≤ 1e-5 of each tensor's norm"]
    {
        assert!(words.is_done().out.contains(expected), "no {expected:?} in {words:#?}");
    }
}

#[test]
fn check_passes_on_a_network_at_its_minimum() {
    // Gradients from 1e-10 to 1e-5 of logits around 10, whose rounding in the differences was taken for a mistake.
    let place = Place::new();
    for optimizer in ["adam", "lbfgs"] {
        place.run(["train", "xor", "--run", optimizer, "--optimizer", optimizer, "-q"]).is_done();
        let words = place.run(["check", optimizer, "xor"]);
        assert!(words.is_done().out.contains("passed:"), "{words:#?}");
    }
}

#[test]
fn a_flag_overrides_the_file() {
    let place = Place::new();
    place.write("c.toml", "data = \"xor\"\nhidden = [4]\nepochs = 2\n");
    let report = place.run(["train", "--config", "c.toml", "--epochs", "5", "--json"]).json();
    assert_eq!((&report["epochs"], &report["parameters"]), (&5.into(), &17.into()));
}

#[test]
fn the_bench_measures_and_its_steps_are_those_of_training() {
    let place = Place::new();
    let measured =
        place.run(["bench", "--case", "xor", "--threads", "1,2", "--seconds", "0.05", "--json"]).json();
    assert_eq!(measured.as_array().unwrap().len(), 2);
    for key in ["case", "threads", "samples_per_second", "microseconds_per_step", "gflops"] {
        assert!(measured[1].get(key).is_some(), "{key}");
    }

    place.run(["bench", "--case", "xor", "--save-weights", "start.safetensors"]).is_done();
    let start = ["--weights", "start.safetensors", "--steps", "50"];
    let bench = place.run(["bench", "--case", "xor", "--json"].into_iter().chain(start)).json();
    place.write("xor.toml", place.run(["bench", "--case", "xor", "--print-config"]).is_done().out.as_bytes());
    let train = place.run(["train", "--config", "xor.toml", "--json"].into_iter().chain(start)).json();
    assert_eq!(bench[0]["digest"], train["digest"]);
    assert_eq!(bench[0]["cost"], train["cost"]);
    place.run(["bench", "--case", "xor", "--export", "out"]).is_done();
    let exported = ["--weights", "out/xor/weights.safetensors", "--steps", "50"];
    let again = place.run(["bench", "--case", "xor", "--json"].into_iter().chain(exported)).json();
    assert_eq!(bench[0]["digest"], again[0]["digest"]);
    place.run(["bench", "--case", "xro"]).is_refused(&["xro", "close: xor"]);
}

#[test]
fn ignored_columns_are_neither_trained_on_nor_asked_for() {
    let place = Place::new();
    place.write("flowers.csv", flowers(60));
    let arguments = ["train", "flowers.csv", "--target", "kind", "--ignore", "colour", "--run", "first"];
    place.run(arguments.into_iter().chain(QUICK)).is_done();
    place.write("new.csv", "width,length\n1,2\n");
    assert_eq!(place.run(["predict", "first", "new.csv"]).is_done().out.lines().count(), 2);
    place.run(["train", "--config", "runs/first/config.toml", "--run", "again"]).is_done();
    assert!(place.read("runs/first/model.safetensors") == place.read("runs/again/model.safetensors"));
}

#[test]
fn several_targets_are_learnt_at_once() {
    let place = Place::new();
    let labels = |i: usize| format!("{},{},{}\n", i % 7, i % 7 > 3, i % 7 < 2);
    place.write("labels.csv", "x,high,low\n".to_owned() + &(0..60).map(labels).collect::<String>());
    let arguments = ["train", "labels.csv", "--target", "high,low", "--run", "labels", "--json"];
    let report = place.run(arguments.into_iter().chain(QUICK)).json();
    assert_eq!(report["task"], "multilabel");
    let predicted = place.run(["predict", "labels", "labels.csv"]);
    assert!(
        predicted
            .is_done()
            .out
            .starts_with("prediction_high,probability_high,prediction_low,probability_low\n")
    );

    place.write("numbers.csv", flowers(60));
    let arguments = ["train", "numbers.csv", "--target", "length,width", "--run", "numbers"];
    let ran = place.run(arguments.into_iter().chain(QUICK));
    assert!(ran.is_done().out.contains("residuals"), "{ran:#?}");
    let predicted = place.run(["predict", "numbers", "numbers.csv"]);
    assert!(predicted.is_done().out.starts_with("prediction_length,prediction_width\n"));
}
