//! Runs' folders as a training leaves them.

use std::fs;
use std::path::Path;

use deltarule::config::Config;
use deltarule::event::{EndReason, Event, Observer};
use deltarule::run_folder::{EventLog, RunFolder};
use serde_json::{Value, json};

use super::Runs;

fn json_of(runs: &Runs) -> Vec<Value> {
    runs.summaries().unwrap().iter().map(|summary| serde_json::to_value(summary).unwrap()).collect()
}

fn epoch(epoch: u64, cost: f64, best: bool) -> Event {
    let validation = [("accuracy".to_owned(), 0.5 + cost / 10.0), ("cost".to_owned(), cost)].into();
    let (step, seconds) = (epoch * 10, epoch as f64);
    Event::Epoch { epoch, step, cost, validation, best, learning_rate: 0.1, samples_per_second: 1.0, seconds }
}

fn begin(folder: &Path) -> (RunFolder, EventLog) {
    let run = RunFolder::create(folder).unwrap();
    run.write_config("data = \"xor\"\ntask = \"binary\"\nearly_stopping = \"cost\"\n").unwrap();
    let mut log = EventLog::open(&run, |error| panic!("{error}")).unwrap();
    log.observe(&Event::Started {
        part: "model".into(),
        parameters: 33,
        rows: 4,
        epochs: 7,
        steps_per_epoch: 10,
        step: 0,
        layers: Vec::new(),
    });
    (run, log)
}

#[test]
fn a_run_is_told_as_it_goes_and_as_it_ends() {
    let place = tempfile::tempdir().unwrap();
    let runs = Runs::new(&place.path().join("runs"));
    assert_eq!(json_of(&runs), [] as [Value; 0], "no folder yet");
    let (run, mut log) = begin(&place.path().join("runs/xor-1"));
    let [now] = &json_of(&runs)[..] else { panic!("one run") };
    assert_eq!(
        (&now["state"], &now["parameters"], &now["data"]),
        (&json!("running"), &json!(33), &json!("xor"))
    );

    log.observe(&epoch(1, 0.5, true));
    log.observe(&epoch(2, f64::NAN, false));
    let now = &json_of(&runs)[0];
    assert_eq!(now["epochs"], json!({ "done": 2, "planned": 7 }));
    assert_eq!(now["watched"], json!({ "name": "cost", "value": 0.5, "epoch": 1 }));
    assert_eq!((&now["cost"], &now["validation"]["cost"]), (&Value::Null, &Value::Null));

    let control = deltarule::control::Control::Pause;
    log.observe(&Event::Controlled { step: 20, control });
    assert_eq!(json_of(&runs)[0]["state"], "paused");
    let reason = EndReason::Stopped;
    log.observe(&Event::Ended {
        part: "model".into(),
        reason,
        epochs: 2,
        step: 20,
        best_epoch: 1,
        seconds: 2.5,
    });
    drop(log);
    let now = &json_of(&runs)[0];
    assert_eq!((&now["state"], &now["seconds"]), (&json!("stopped"), &json!(2.5)));
    fs::write(run.model(), "").unwrap();
    assert_eq!(json_of(&runs)[0]["state"], "finished");
}

#[test]
fn a_run_whose_process_went_is_interrupted_and_one_that_went_wrong_failed() {
    let place = tempfile::tempdir().unwrap();
    let runs = Runs::new(place.path());
    drop(begin(&place.path().join("a")));
    let (_, mut log) = begin(&place.path().join("b"));
    let what = "NaN".into();
    log.observe(&Event::Failed { step: 3, epoch: 1, phase: "forward".into(), layer: None, what });
    drop(log);
    let told = json_of(&runs);
    assert_eq!((&told[0]["state"], &told[1]["state"]), (&json!("interrupted"), &json!("failed")));
    let whole = serde_json::to_value(runs.whole("b").unwrap().unwrap()).unwrap();
    assert!(whole["findings_told"].is_array() && whole["name"] == "b", "{whole}");
}

#[test]
fn lines_of_other_versions_and_folders_without_a_run_are_passed_over() {
    let place = tempfile::tempdir().unwrap();
    let runs = Runs::new(place.path());
    let (run, log) = begin(&place.path().join("a"));
    drop(log);
    let mut text = fs::read_to_string(run.events()).unwrap();
    text.push_str("{\"time\":\"x\",\"event\":\"of tomorrow\"}\nno JSON\n{\"time\":\"cut");
    fs::write(run.events(), text).unwrap();
    fs::create_dir(place.path().join("empty")).unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    assert_eq!(json_of(&runs).len(), 1);
    fs::remove_dir_all(place.path().join("a")).unwrap();
    assert_eq!(json_of(&runs).len(), 0);
}

#[test]
fn only_names_of_runs_are_opened() {
    let place = tempfile::tempdir().unwrap();
    let runs = Runs::new(&place.path().join("runs"));
    drop(begin(&place.path().join("runs/a")));
    drop(begin(&place.path().join("outside")));
    assert!(runs.open("a").is_some());
    for name in ["", ".", "..", "../outside", "a/", "./a", "/tmp", "b", "a/../a", "..\\outside"] {
        assert!(runs.open(name).is_none(), "{name}");
    }
}

#[test]
fn the_page_reads_every_configuration_as_the_library_does() {
    let config = Config::parse_toml("data = \"xor\"\nhidden = [8, 4]\n", Path::new("config.toml")).unwrap();
    let text = config.to_toml();
    let table: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(table).unwrap()["hidden"], json!([8, 4]));
}
