//! What sessions train: asked for, sent, taken from a run, or refused.

use std::collections::BTreeMap;

use deltarule::config::Config;
use deltarule::model::Model;
use deltarule::run;

use super::{batch, subject, with};
use crate::play::export::File;
use crate::play::messages::Data;
use crate::play::subject::{Made, Start, Subject};
use crate::play::tables::Tables;

#[test]
fn settings_that_make_no_session_are_refused_in_words() {
    let refused = |name: &str, settings: &[(&str, &str)]| subject(name, settings).err().unwrap_or_default();
    for (settings, word) in [
        (("hidden", "0"), "hidden"),
        (("hiden", "8"), "hidden"),
        (("hidden", "1000000,1000000"), ""),
        (("hidden", "4000,4000"), "parameters"),
        (("weights", "/etc/passwd"), "weights"),
        (("test", "/etc/passwd"), "test"),
        (("data", "/etc/passwd"), "data"),
        (("folds", "5"), "folds"),
        (("run", "x"), "run"),
        (("target", "no"), "no"),
        (("dropout", "1"), "dropout"),
    ] {
        let why = refused("moons", &[settings]);
        assert!(!why.is_empty() && why.contains(word), "{settings:?}: {why}");
    }
    for name in ["mnist", "nothing", "/etc/passwd", ""] {
        assert!(refused(name, &[]).contains("no data set"), "{name}");
    }
    let asked = |data: Data, seed: &str| {
        let settings = BTreeMap::from([("seed".to_owned(), seed.to_owned())]);
        Subject::asked(&data, &settings, &Tables::default()).map(drop)
    };
    let xor = || Data { name: Some("xor".into()), ..Data::default() };
    assert!(asked(Data { seed: Some(4), ..xor() }, "4").is_ok());
    assert!(asked(Data { seed: Some(4), ..xor() }, "5").is_err_and(|why| why.contains("seed")));
    assert!(asked(Data { rows: Some(u64::MAX), ..xor() }, "4").is_err_and(|why| why.contains("rows")));
    assert!(asked(Data { noise: Some(-1.0), ..xor() }, "4").is_err_and(|why| why.contains("noise")));
    assert!(asked(Data { rows: Some(10), ..Data::default() }, "4").is_err());
}

#[test]
fn a_table_of_words_gaps_and_weights_is_taken_as_it_is() {
    let tables = Tables::default();
    let rows = (0..200).map(|row| {
        let word = ["red", "green", "blue", ""][row % 4];
        format!("{},{word},id{row},{},{}\n", row % 7, f64::from(u32::try_from(row % 3).unwrap()), row % 5)
    });
    let text = format!("a,colour,name,y,w\n{}", rows.collect::<String>());
    let uploaded = tables.keep("t.csv", text.into_bytes()).unwrap();
    let id = serde_json::to_value(uploaded).unwrap()["upload"].as_str().unwrap().to_owned();
    let asked = |settings: &[(&str, &str)]| {
        let data = Data { upload: Some(id.clone()), target: Some("y".into()), ..Data::default() };
        let settings = settings.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
        Subject::asked(&data, &settings.collect(), &tables)
    };
    let ways: [&[(&str, &str)]; 3] = [
        &[("weight", "w"), ("normalization", "batch"), ("ignore", "name")],
        &[("task", "regression"), ("one_hot_limit", "2"), ("dropout", "0.2")],
        &[("optimizer", "lbfgs"), ("dropout", "0"), ("normalization", "none"), ("ignore", "name")],
    ];
    for settings in ways {
        let subject = asked(settings).unwrap();
        with(&subject, |training, view| {
            training.ready("s");
            for _ in 0..3 {
                batch(training);
                let frame = training.frame(view, true, None);
                assert_eq!(frame.row.x.len(), training.encoder().feature_names().len(), "{settings:?}");
                assert!(frame.cost.is_finite() && frame.maps.is_none());
            }
            let is_lbfgs = training.next_step().is_none();
            assert_eq!(training.phase(0, &mut view.logits).is_err(), is_lbfgs);
            let text = String::from_utf8(training.export(File::Config).unwrap()).unwrap();
            assert!(
                text.contains("as it was sent to the page") && text.contains("data = \"t.csv\""),
                "{text}"
            );
        });
    }
    assert!(asked(&[("ignore", "nothing")]).is_err());
}

#[test]
fn a_network_comes_with_a_run_that_has_one() {
    let place = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    let run = place.path().join("xor-1").display().to_string();
    for (key, text) in [("data", "xor"), ("hidden", "4"), ("epochs", "30"), ("run", &run)] {
        config.set(key, text).unwrap();
    }
    run::train(&config, &mut deltarule::event::Silent, &mut deltarule::control::Unattended).unwrap();
    let runs = crate::runs::Runs::new(place.path());
    let subject = Subject::of_run("xor-1", &runs).unwrap();
    let model = Model::load(&place.path().join("xor-1").join("model.safetensors")).unwrap();
    let Made::F32(Start { network: Some(network), .. }) = &subject.made else { panic!("it has a model") };
    let deltarule::model::Members::F32(networks) = model.members() else { panic!("single precision") };
    assert_eq!(network.params(), networks[0].params());
    with(&subject, |training, _| assert_eq!(training.network().params(), networks[0].params()));
    assert!(Subject::of_run("../xor-1", &runs).is_err() && Subject::of_run("none", &runs).is_err());
}
