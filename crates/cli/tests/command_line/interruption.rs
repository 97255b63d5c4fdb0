//! Ctrl-C: a checkpoint, and the same bits after going on from it.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{Deadline, Place, Ran};

const TRAIN: [&str; 8] = ["train", "circles", "--hidden", "16", "--batch-size", "4", "--epochs", "150"];

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::new();
        let mut command = place.command(TRAIN.into_iter().chain(["--run", "cut", "--json"]));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let _deadline = Deadline::of(&child);
        wait_for_an_epoch(&place);
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let ran = Ran::of(child.wait_with_output().unwrap());
        let report = ran.json();
        assert_eq!((&report["ended"], &report["model"]), (&"stopped".into(), &serde_json::Value::Null));
        assert!(ran.err.contains("checkpoint"), "{ran:#?}");
        assert!(place.path("runs/cut/checkpoint.safetensors").is_file());
        place.run(["inspect", "cut"]).is_refused(&["no model yet", "--run cut --resume"]);

        place.run(["train", "--run", "cut", "--resume", "--epochs", "3"]).is_refused(&["epochs", "150"]);
        place.run(["train", "--run", "cut", "--resume"]).is_done();
        if signal == "-INT" {
            place.run(TRAIN.into_iter().chain(["--run", "whole"])).is_done();
            let [cut, whole] =
                ["cut", "whole"].map(|run| place.read(&format!("runs/{run}/model.safetensors")));
            assert!(cut == whole);
        }
    }
}

fn wait_for_an_epoch(place: &Place) {
    let events = place.path("runs/cut/events.jsonl");
    let begun = Instant::now();
    while !std::fs::read_to_string(&events).is_ok_and(|text| text.contains("\"event\":\"epoch\"")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no epoch within a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}
