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
