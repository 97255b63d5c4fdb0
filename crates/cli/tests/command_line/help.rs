//! Help is kept as files, word for word; `DELTARULE_UPDATE_HELP=1 cargo test` writes them anew.

use std::path::Path;

use crate::place::Place;

const PAGES: [(&str, &[&str]); 18] = [
    ("deltarule", &["--help"]),
    ("train-short", &["train", "-h"]),
    ("train", &["train", "--help"]),
    ("evaluate", &["evaluate", "--help"]),
    ("predict", &["predict", "--help"]),
    ("serve", &["serve", "--help"]),
    ("inspect", &["inspect", "--help"]),
    ("explain", &["explain", "--help"]),
    ("doctor", &["doctor", "--help"]),
    ("dashboard", &["dashboard", "--help"]),
    ("report", &["report", "--help"]),
    ("check", &["check", "--help"]),
    ("bench", &["bench", "--help"]),
    ("datasets", &["datasets", "--help"]),
    ("schema", &["schema", "--help"]),
    ("completions", &["completions", "--help"]),
    ("man", &["man", "--help"]),
    ("datasets-output", &["datasets"]),
];

#[test]
fn help_is_as_kept() {
    let place = Place::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let updates = std::env::var_os("DELTARULE_UPDATE_HELP").is_some();
    for (name, arguments) in PAGES {
        let ran = place.run(arguments);
        ran.is_done();
        assert_eq!(ran.err, "");
        let path = folder.join(format!("{name}.txt"));
        if updates {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &ran.out).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(ran.out, kept, "{name}: if the change is meant, run DELTARULE_UPDATE_HELP=1 cargo test");
    }
}

#[test]
fn the_long_help_of_train_tells_of_every_setting() {
    let help = Place::new().run(["train", "--help"]).out;
    for setting in deltarule::config::SETTINGS.iter().filter(|setting| setting.key != "data") {
        assert!(help.contains(&format!("--{}", setting.flag())), "{}", setting.key);
    }
}

#[test]
fn completions_man_pages_and_schema_are_whole() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = place.run(["completions", shell]);
        assert!(script.is_done().out.contains("learning-rate"), "{shell}");
    }
    let document = place.run(["completions", "bash", "--json"]).json();
    assert_eq!(document["shell"], "bash");
    assert!(place.run(["man"]).is_done().out.contains(".TH deltarule 1"));
    let written = place.run(["man", "pages"]);
    assert_eq!(written.is_done().out.lines().count(), 16, "{written:#?}");
    let page = String::from_utf8(place.read("pages/deltarule-train.1")).unwrap();
    assert!(page.contains(".TH deltarule-train 1") && page.contains("learning\\-rate"), "{page}");
    assert_eq!(place.run(["schema"]).json(), deltarule::config::json_schema());
}

#[test]
fn words_that_nobody_knows_are_refused_with_those_that_are_close() {
    let place = Place::new();
    place.write("sales.csv", "a,b\n1,2\n");
    for (arguments, words) in [
        (vec!["trian"], "'train'"),
        (vec!["sales.csv"], "deltarule train sales.csv"),
        (vec!["digits"], "deltarule train digits"),
        (vec!["train", "--hiden", "3"], "'--hidden'"),
        (vec!["predict", "a"], "DATA"),
        (vec!["completions", "dash"], "bash"),
        (vec!["check", "a", "b", "--rows", "0"], "1..=100000"),
    ] {
        let ran = place.run(&arguments);
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(ran.err.contains(words) && ran.out.is_empty(), "{words}: {ran:#?}");
    }
}

#[test]
fn the_catalogue_names_what_can_be_trained_on() {
    let list = Place::new().run(["datasets", "--json"]).json();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert!(
        ["digits", "xor", "and", "or", "circles", "moons", "spirals"].iter().all(|name| names.contains(name))
    );
    assert!(
        list.as_array().unwrap().iter().all(|entry| entry["licence"].as_str().is_some_and(|l| !l.is_empty()))
    );
}
