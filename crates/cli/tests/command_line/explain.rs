//! `explain` on real models: the parts hold, names are the table's, and what is not there is refused.

use serde_json::Value;

use crate::place::{Place, QUICK, flowers};

/// Every quantity of a ledger, the whole first.
fn quantities(ledger: &Value) -> Vec<&Value> {
    let parts = ledger["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    std::iter::once(ledger).chain(parts.iter().flat_map(quantities)).collect()
}

#[test]
fn a_perceptron_reads_as_the_textbook_line() {
    let place = Place::new();
    place.write("or.csv", "left,right,on\n0,0,0\n0,1,1\n1,0,1\n1,1,1\n");
    // One sigmoid unit with the squared error: ∂C/∂w_i = x_i · ŷ(1−ŷ) · (ŷ−y).
    let arguments = ["train", "or.csv", "--target", "on", "--hidden", "", "--output-activation", "sigmoid"];
    let rest = ["--cost", "squared_error", "--task", "regression", "--epochs", "20", "--run", "or", "-q"];
    place.run(arguments.into_iter().chain(rest)).is_done();
    let ran = place.run(["explain", "or", "or.csv", "--row", "4", "--weight", "0,1,0"]);
    let words = &ran.is_done().out;
    for line in
        ["the weight from right to on", "= x[1] · f'0[0] · ∂C/∂ŷ", "= a · (1 − a), ŷ = ", "= ŷ − y, ŷ = "]
    {
        assert!(words.contains(line), "no {line:?} in {words}");
    }
    assert!(words.contains("all levels hold"), "{words}");
}

#[test]
fn the_parts_give_what_was_stored_and_bear_the_tables_names() {
    let place = Place::with_model();
    for arguments in [&["--row", "7"][..], &["--rows", "1..30", "--depth", "9", "--top", "2"]] {
        let document =
            place.run(["explain", "first", "flowers.csv", "--json"].iter().chain(arguments)).json();
        let (difference, tolerance) = (&document["difference"], document["tolerance"].as_f64().unwrap());
        assert!(difference.as_f64().unwrap() <= tolerance, "{document}");
        let ledger = &document["ledger"];
        assert!(ledger["symbol"].as_str().unwrap().starts_with("∂C/∂w0["), "{document}");
        let all = quantities(ledger);
        assert!(all.iter().any(|one| one["stored"] == true) && all.len() > 3, "{document}");
        let flow = document["flow"].as_array().unwrap();
        let factors = flow.iter().map(|stage| {
            stage["through_factor"].as_f64().unwrap() * stage["activation_factor"].as_f64().unwrap()
        });
        let ratio = flow[flow.len() - 1]["left"].as_f64().unwrap() / flow[0]["sent"].as_f64().unwrap();
        assert!((factors.product::<f64>() - ratio).abs() <= 1e-5 * ratio, "{document}");
    }
    let document = place.run(["explain", "first", "flowers.csv", "--row", "7", "--json"]).json();
    let columns = document["columns"]["shares"].as_array().unwrap();
    let named: Vec<_> = columns.iter().map(|share| share["column"].as_str().unwrap()).collect();
    assert!(
        named.len() == 3 && ["length", "width", "colour"].iter().all(|name| named.contains(name)),
        "{document}"
    );
    assert!(
        columns.iter().all(|share| (share["column"] == "colour") != share["gradient"].is_number()),
        "{document}"
    );
    let words = place.run(["explain", "first", "flowers.csv", "--row", "7", "--weight", "0,0,1"]);
    assert!(words.is_done().out.contains("the weight from length to unit 1"), "{words:#?}");
    let words = place.run(["explain", "first", "flowers.csv", "--layer", "0", "--threads", "1"]);
    assert!(words.is_done().out.contains("layers.0."), "{words:#?}");
    let document =
        place.run(["explain", "first", "flowers.csv", "--parameter", "layers.0.b,1", "--json"]).json();
    assert_eq!(document["ledger"]["meaning"], "the bias of unit 1");
}

#[test]
fn what_is_not_there_is_refused() {
    let place = Place::with_model();
    let before = place.files();
    let refused = |arguments: &[&str], words: &[&str]| {
        place.run(["explain", "first", "flowers.csv"].iter().chain(arguments)).is_refused(words);
    };
    refused(&["--row", "61"], &["flowers.csv", "row 61", "rows 1 to 60"]);
    refused(&["--rows", "50..70"], &["row 70", "rows 1 to 60"]);
    refused(&["--weight", "0,99,0"], &["layers.0.w,99,0", "then 0 to 3"]);
    refused(&["--weight", "5,0,0"], &["layers.5.w", "one of layers.0.w"]);
    refused(&["--parameter", "layers.0.b,1,2"], &["layers.0.b,1,2", "layers.0.b is [4]"]);
    refused(&["--layer", "8"], &["the layer", "got 8", "with parameters: 0, "]);
    refused(&["--output", "blue"], &["the output", "blue", "kind = tall"]);
    refused(&["--member", "2"], &["the member", "got 2", "1 to 1"]);
    place.write("other.csv", "length,colour,kind\n1,red,low\n");
    place.run(["explain", "first", "other.csv"]).is_refused(&["width"]);
    place.write("unknown.csv", flowers(3).replace("tall", "").replace("low", ""));
    place.run(["explain", "first", "unknown.csv"]).is_refused(&["kind"]);
    assert_eq!(place.files().len(), before.len() + 2);
}

#[test]
fn a_network_of_an_ensemble_is_chosen() {
    let place = Place::new();
    place.write("flowers.csv", flowers(60));
    let arguments = ["train", "flowers.csv", "--target", "length", "--ensemble", "2", "--run", "two", "-q"];
    place.run(arguments.into_iter().chain(QUICK)).is_done();
    let cost = |member: &str| {
        let document =
            place.run(["explain", "two", "flowers.csv", "--rows", "1..60", "--member", member, "--json"]);
        document.json()["cost"].as_f64().unwrap()
    };
    assert!(cost("1") > 0.0 && cost("1") != cost("2"));
}

/// What stands in a run's folder.
fn folder(place: &Place, run: &str) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let folder = place.path(run);
    let files = place.files().into_iter().filter(|path| path.starts_with(&folder) && path.is_file());
    files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_step_of_a_training_is_told_with_its_rows_and_where_it_was_replayed_from() {
    let place = Place::with_model();
    let kept = folder(&place, "runs/first");
    let document = place.run(["explain", "--run", "first", "--step", "3", "--json"]).json();
    let step = &document["step"];
    // 42 of 60 rows are trained on, in batches of 32 and 10.
    assert_eq!(
        (&step["epoch"], &step["batch"], &step["batches"]),
        (&2.into(), &1.into(), &2.into()),
        "{step}"
    );
    assert_eq!((step["rows"].as_array().unwrap().len(), &document["pass"]), (32, &"training".into()));
    assert_eq!(step["replay"]["steps"], 2);
    assert_eq!((&step["replay"]["checkpoint"], &step["replay"]["from"]), (&false.into(), &0.into()));
    assert!(document["difference"].as_f64() <= document["tolerance"].as_f64(), "{document}");
    // The cost is the one that training recorded of this batch.
    let events = String::from_utf8(place.read("runs/first/events.jsonl")).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let first = events.into_iter().find(|event| event["event"] == "health" && event["step"] == 1).unwrap();
    let told = place.run(["explain", "--run", "first", "--step", "1", "--json"]).json();
    assert_eq!(told["cost"], first["cost"]);

    let by_folder = place.run(["explain", "--run", "./runs/first", "--step", "3", "--layer", "0"]);
    let words = &by_folder.is_done().out;
    let row = format!("row {}", step["rows"][0]);
    for part in [
        "Epoch 2, batch 1 of 2: rows",
        "At the learning rate",
        "Replayed from the start, 2 steps",
        "all levels hold",
    ] {
        assert!(words.contains(part), "no {part:?} in {words}");
    }
    assert!(words.contains(row.trim_start_matches("row ")) && words.contains("dropout masks"), "{words}");
    let page = place.run(["explain", "--run", "first", "--step", "3", "--format", "html"]);
    assert!(page.is_done().out.contains("Replayed from the start, 2 steps"), "{page:#?}");
    assert_eq!(folder(&place, "runs/first"), kept);
}

#[test]
fn a_step_that_cannot_be_told_is_refused_and_nothing_is_written() {
    let place = Place::with_model();
    let kept = folder(&place, "runs");
    let step = |rest: &[&str]| place.run(["explain", "--run", "first", "--step"].iter().chain(rest));
    step(&["7"]).is_refused(&["the step", "got 7", "1 to 6", "runs/first"]);
    step(&["3", "--member", "2"]).is_refused(&["the member", "got 2", "1 to 1"]);
    step(&["3", "--weight", "9,0,0"]).is_refused(&["layers.9.w"]);
    place
        .run(["explain", "--run", "none", "--step", "1"])
        .is_refused(&["runs/none", "no such file or folder"]);
    // clap's own words.
    for (arguments, words) in [
        (&["--run", "first", "--step", "0"][..], "0 is not in 1.."),
        (&["--run", "first"], "--step <K>"),
        (&["--step", "3"], "--run <RUN>"),
        (&["--run", "first", "--step", "3", "first", "flowers.csv"], "  [MODEL]"),
        (&["--run", "first", "--step", "3", "--row", "1"], "cannot be used with '--row <N>'"),
        (&["--run", "first", "--step", "3", "--rows", "1..2"], "cannot be used with '--rows <A..B>'"),
        (&["--run", "first", "--step", "3", "--delimiter", "tab"], "cannot be used with '--delimiter"),
        (&["first"], "<DATA>"),
    ] {
        let ran = place.run(["explain"].iter().chain(arguments));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:#?}");
        assert!(ran.err.contains(words), "{words}: {ran:#?}");
    }
    let other = String::from_utf8(place.read("flowers.csv")).unwrap().replace("1.0,", "1.5,");
    let flowers = place.read("flowers.csv");
    place.write("flowers.csv", other);
    step(&["6"]).is_refused(&["runs/first", "the data (or", "by the mean cost of step", "restore it"]);
    std::fs::remove_file(place.path("flowers.csv")).unwrap();
    step(&["6"]).is_refused(&["flowers.csv"]);
    place.write("flowers.csv", flowers);
    assert_eq!(folder(&place, "runs"), kept);
    std::fs::remove_file(place.path("runs/first/config.toml")).unwrap();
    step(&["6"]).is_refused(&["runs/first/config.toml", "no such file"]);
    let lbfgs = ["train", "flowers.csv", "--target", "length", "--optimizer", "lbfgs", "--run", "line", "-q"];
    place.run(lbfgs.into_iter().chain(QUICK)).is_done();
    place.run(["explain", "--run", "line", "--step", "1"]).is_refused(&["lbfgs", "line search"]);
}
