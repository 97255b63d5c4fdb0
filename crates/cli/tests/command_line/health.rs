//! Telemetry, findings and the doctor on real runs: what is wrong is named, and what helps is measured.

use serde_json::Value;

use crate::place::{Place, QUICK};

/// Steps so short that nothing is learnt, on a table that takes no time.
const LAME: [&str; 13] = [
    "train",
    "circles",
    "--optimizer",
    "adam",
    "--learning-rate",
    "1e-7",
    "--epochs",
    "12",
    "--hidden",
    "16",
    "--run",
    "lame",
    "--threads=1",
];

fn events(place: &Place, run: &str) -> Vec<Value> {
    let text = String::from_utf8(place.read(&format!("runs/{run}/events.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_run_tells_of_its_layers_and_is_the_same_without_telling() {
    let place = Place::new();
    for (run, telemetry) in [("told", "--telemetry=true"), ("untold", "--telemetry=false")] {
        let arguments = ["train", "circles", "--run", run, telemetry, "-q"];
        place.run(arguments.into_iter().chain(QUICK)).is_done();
    }
    assert_eq!(place.read("runs/told/model.safetensors"), place.read("runs/untold/model.safetensors"));
    let of = |run: &str, kind: &str| -> Vec<Value> {
        events(&place, run).into_iter().filter(|event| event["event"] == kind).collect()
    };
    for kind in ["health", "surveyed", "judged"] {
        assert!(!of("told", kind).is_empty() && of("untold", kind).is_empty(), "{kind}");
    }
    let outlines = of("told", "started")[0]["layers"].as_array().unwrap().clone();
    let looks = of("told", "health");
    let steps: Vec<u64> = looks.iter().map(|look| look["step"].as_u64().unwrap()).collect();
    assert_eq!(steps[..4], [1, 2, 4, 8]);
    for look in &looks {
        let layers = look["layers"].as_array().unwrap();
        assert_eq!(layers.len(), outlines.len());
        // The factors multiply to what is left of the output's δ at the first layer.
        let product: f64 = layers
            .iter()
            .map(|layer| layer["through"].as_f64().unwrap_or(1.0) * layer["slope"].as_f64().unwrap_or(1.0))
            .product();
        let (first, last) =
            (layers[0]["delta"].as_f64().unwrap(), layers.last().unwrap()["delta"].as_f64().unwrap());
        assert!((first - product * last).abs() <= 1e-4 * first.abs() + 1e-12, "{look}");
        for layer in layers {
            if let Some(counts) = layer["activations"]["histogram"]["counts"].as_array() {
                assert!(counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>() > 0, "{layer}");
            }
        }
    }
}

#[test]
fn what_is_wrong_is_told_at_the_end_and_can_be_an_exit_status() {
    let place = Place::new();
    let ran = place.run(LAME);
    for words in
        ["learning-rate-too-low", "try --learning-rate 1e-6: 10 times", "deltarule doctor lame tells"]
    {
        assert!(ran.is_done().err.contains(words), "no {words:?} in {}", ran.err);
    }
    let again = |more: &[&str]| {
        let arguments = LAME.iter().filter(|&&word| word != "--run" && word != "lame");
        place.run(arguments.chain(more))
    };
    assert_eq!(again(&["--fail-on", "warning", "-q"]).code, Some(1));
    let report: Value = serde_json::from_str(&again(&["--fail-on", "note", "--json"]).out).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let low = findings.iter().find(|finding| finding["id"] == "learning-rate-too-low").unwrap();
    let evidence = &low["evidence"][0];
    assert!(evidence["value"].as_f64().unwrap() < evidence["threshold"].as_f64().unwrap(), "{low}");
    assert_eq!(low["remedies"][0]["changes"]["learning_rate"], "1e-6");
    // A run that does well may be told a note, which is no alarm.
    let well =
        ["train", "circles", "--hidden", "32", "--epochs", "60", "--threads=1", "--fail-on", "warning", "-q"];
    assert_eq!(place.run(well).code, Some(0));
    let refused = place.run(["train", "circles", "--fail-on", "much"]);
    refused.is_refused(&["--fail-on", "'much'"]);
    assert!(refused.err.contains("note, warning, error"), "{refused:#?}");
}

#[test]
fn the_doctor_measures_and_mends() {
    let place = Place::new();
    place.run(LAME.iter().chain(&["-q"])).is_done();
    let arguments = ["doctor", "lame", "--seeds", "2", "--threads", "2", "--apply"];
    let told = place.run(arguments.iter().chain(&["--json"])).json();
    let trials = told["trials"]["trials"].as_array().unwrap();
    assert_eq!(trials[0]["arm"]["kind"], "no_change");
    assert_eq!(trials[0]["figures"].as_array().unwrap().len(), 2);
    let gains: Vec<f64> = trials.iter().filter_map(|trial| trial["gain"]["mean"].as_f64()).collect();
    assert!(gains.windows(2).all(|pair| pair[0] >= pair[1]) && gains[0] > 0.1, "{told}");
    assert!(trials.iter().any(|trial| trial["arm"]["kind"] == "random"), "{told}");
    assert_eq!(told["trials"]["complete"], true);
    assert_eq!(told["mended"], "runs/lame-mended");
    assert!(told["winner"]["changes"].is_object(), "{told}");
    let mended = place.run(["evaluate", "lame-mended", "circles", "--json"]).json();
    assert!(mended["metrics"]["roc_auc"].as_f64().unwrap() > 0.9, "{mended}");
    // Told in words, and with no time nothing is tried.
    let words = place.run(["doctor", "runs/lame", "--budget", "0"]);
    for line in ["learning-rate-too-low", "(limit 0.3)", "w ← w − η·∂C/∂w"] {
        assert!(words.is_done().out.contains(line), "no {line:?} in {}", words.out);
    }
    let words = place.run(["doctor", "lame", "--seeds", "1", "--threads", "2"]);
    assert!(words.is_done().out.contains("no change"), "{words:#?}");
}

#[test]
fn a_folder_that_is_not_whole_is_used_as_far_as_it_goes_or_refused() {
    let place = Place::new();
    place.run(["doctor", "none"]).is_refused(&["none", "no such"]);
    place.run(LAME.iter().chain(&["-q"])).is_done();
    let path = place.path("runs/lame/events.jsonl");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let before = place.files();
    let ran = place.run(["doctor", "lame", "--budget", "0"]);
    assert!(ran.is_done().err.contains("cut off in mid-line"), "{ran:#?}");
    std::fs::write(&path, [&whole[..40], b"\n", &whole[..]].concat()).unwrap();
    place.run(["doctor", "lame"]).is_refused(&["events.jsonl", "line 1", "expected one event"]);
    std::fs::remove_file(&path).unwrap();
    place.run(["doctor", "lame"]).is_refused(&["events.jsonl", "no such file"]);
    assert_eq!(place.files().len(), before.len() - 1, "nothing was written");
}
