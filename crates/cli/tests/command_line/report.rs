//! A run as one page; `web/browser/report.test.ts` opens it in a browser.

use serde_json::Value;

use crate::place::Place;

/// What the page finds in itself.
fn embedded(html: &str) -> Value {
    let (_, rest) = html.split_once("id=\"report\">").expect("a page with data");
    let (data, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

#[test]
fn a_run_becomes_one_page_that_asks_for_nothing() {
    let place = Place::with_model();
    let said = place.run(["report", "first", "--json"]).json();
    assert_eq!(said["report"], "report.html");
    let html = String::from_utf8(place.read("report.html")).unwrap();
    assert_eq!(said["bytes"], html.len());
    assert!(html.contains("default-src 'none'") && html.ends_with("</html>\n"));
    for from_elsewhere in ["<link rel=\"stylesheet\"", "<script src", "src=\"./"] {
        assert!(!html.contains(from_elsewhere), "{from_elsewhere}");
    }
    let data = embedded(&html);
    assert_eq!(
        (&data["run"], &data["without"], &data["thinned"]),
        (&"first".into(), &Value::Null, &Value::Null)
    );
    let rows = data["answers"]["runs/first/rows"]["list"].as_array().unwrap();
    assert!((1..=3).contains(&rows.len()));
    let row = rows[0]["row"].as_u64().unwrap().to_string();
    let told = place.run(["explain", "first", "flowers.csv", "--row", &row, "--depth", "5", "--json"]).json();
    let key = data["answers"][format!("runs/first/explain?row={row}")].as_str().unwrap();
    let account = &data["answers"][key];
    for (name, value) in told.as_object().unwrap() {
        assert_eq!(&account[name], value, "{name}");
    }
}

#[test]
fn rows_and_weights_are_those_asked_for() {
    let place = Place::with_model();
    let asked = ["report", "first", "-o", "own.html", "--rows", "3,17", "--weights", "2,0,0", "layers.0.b,2"];
    place.run(asked).is_done();
    let data = embedded(&String::from_utf8(place.read("own.html")).unwrap());
    for row in ["3", "17"] {
        let key = format!("runs/first/explain?row={row}");
        assert_eq!(data["answers"][&key], format!("{key}&parameter=layers.2.w,0,0"));
        let bias = &data["answers"][format!("{key}&parameter=layers.0.b,2")];
        assert_eq!(bias["ledger"]["symbol"], "∂C/∂b0[2]");
    }
}

#[test]
fn what_cannot_be_told_is_refused_or_said() {
    let place = Place::with_model();
    place.run(["report", "none"]).is_refused(&["none"]);
    place.run(["report", "first", "--rows", "999"]).is_refused(&["row 999", "rows 1 to 60"]);
    place.run(["report", "first", "--weights", "9,9,9"]).is_refused(&["expected"]);
    place.run(["report", "first", "-o", "runs/first/config.toml"]).is_refused(&["a file of the run"]);
    place.run(["report", "first", "-o", "absent/report.html"]).is_refused(&["absent"]);
    std::fs::remove_file(place.path("flowers.csv")).unwrap();
    let ran = place.run(["report", "first"]);
    assert!(ran.is_done().err.contains("flowers.csv"), "{ran:#?}");
    let data = embedded(&String::from_utf8(place.read("report.html")).unwrap());
    assert!(data["without"].as_str().unwrap().contains("flowers.csv"));
    assert!(!data["events"].as_array().unwrap().is_empty());
}
