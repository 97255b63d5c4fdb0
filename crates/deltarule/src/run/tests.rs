use std::path::Path;

use super::*;

/// 60 rows of a, b, c and the target y = a + b − 20, partly negative.
const HEADER: &str = "a,b,c,y\n";

fn table(folder: &Path) -> String {
    let rows: String = (0..60_usize)
        .map(|i| (i % 17, i % 11, ["u", "v"][i % 2]))
        .map(|(a, b, c)| format!("{a},{b},{c},{}\n", (a + b) as i64 - 20))
        .collect();
    let path = folder.join("t.csv");
    std::fs::write(&path, format!("{HEADER}{rows}")).unwrap();
    path.display().to_string()
}

fn said(folder: &Path, settings: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    let run = folder.join("run").display().to_string();
    let data = table(folder);
    let always =
        [("data", data.as_str()), ("target", "y"), ("hidden", "3"), ("epochs", "1"), ("run", run.as_str())];
    for (key, text) in always.iter().chain(settings) {
        config.set(key, text).unwrap();
    }
    config
}

/// Trains; the error's words where it is refused, with whether a folder was left.
fn refused(settings: &[(&str, &str)]) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let error = train(&said(folder.path(), settings), &mut Silent, &mut Unattended).unwrap_err();
    (error.to_string(), folder.path().join("run").exists())
}

fn trained(settings: &[(&str, &str)]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let report = train(&said(folder.path(), settings), &mut Silent, &mut Unattended).unwrap();
    let run = folder.path().join("run");
    for name in ["config.toml", "events.jsonl", "model.safetensors"] {
        assert!(run.join(name).exists(), "{name}");
    }
    report
}

#[test]
fn an_ignored_column_of_a_file_is_left_out() {
    // Reading leaves it out, and the encoder then missed it.
    trained(&[("ignore", "c")]);
    assert!(refused(&[("ignore", "c,d")]).0.contains("no column \"d\""));
    let (words, _) = refused(&[("ignore", "a,b,c")]);
    assert!(words.contains("no other column"), "{words}");
}

#[test]
fn piecewise_encoding_may_be_asked_for_without_bins() {
    trained(&[("numeric_encoding", "piecewise")]);
}

#[test]
fn what_is_refused_after_the_plan_leaves_no_folder() {
    let classes = ("target", "c");
    for settings in [
        &[("cost", "poisson"), ("output_activation", "relu")][..],
        &[classes, ("output_activation", "relu")],
        &[classes, ("class_weight", "w=3")],
        &[("optimizer", "lbfgs"), ("normalization", "batch")],
        &[("weights", "/nowhere/model.safetensors")],
    ] {
        let (words, left) = refused(settings);
        assert!(!left, "{settings:?}: {words}");
    }
}

#[test]
fn poisson_cost_refuses_negative_targets() {
    let (words, left) = refused(&[("cost", "poisson")]);
    assert!(words.contains("target \"y\"") && words.contains("0 or more") && !left, "{words}");
}
