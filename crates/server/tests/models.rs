//! What is asked of a finished run's model, over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use deltarule::Pool;
use deltarule::config::Config;
use deltarule::control::Unattended;
use deltarule::event::Silent;
use deltarule::explain::{self, Reach};
use deltarule::model::Model;
use deltarule::run;
use deltarule::run_folder::RunFolder;
use deltarule::table::{BundledOptions, ReadOptions, Table, read};
use deltarule_server::{Dashboard, Options, ReportOptions, report};
use serde_json::Value;

/// Trains a run below `runs`.
fn train(runs: &Path, name: &str, settings: &[(&str, &str)]) -> RunFolder {
    let folder = runs.join(name);
    let mut config = Config::default();
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    config.set("run", &folder.display().to_string()).unwrap();
    run::train(&config, &mut Silent, &mut Unattended).unwrap();
    RunFolder::open(&folder).unwrap()
}

/// The rows that a run with [`CIRCLES`] has: its seed is the generator's.
fn circles() -> Table {
    let bundled = BundledOptions { seed: 3, ..BundledOptions::default() };
    read("circles", &ReadOptions { bundled, ..ReadOptions::default() }).unwrap()
}

fn serve(runs: &Path) -> SocketAddr {
    let options = Options { runs: runs.to_owned(), address: "127.0.0.1:0".parse().unwrap() };
    let dashboard = Dashboard::bind(&options).unwrap();
    let address = dashboard.address();
    std::thread::spawn(move || dashboard.serve());
    address
}

/// The status and the body.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /api/v1/runs/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn json(address: SocketAddr, path: &str) -> Value {
    let (status, body) = get(address, path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

const CIRCLES: &[(&str, &str)] = &[("data", "circles"), ("hidden", "6,4"), ("epochs", "2"), ("seed", "3")];

#[test]
fn rows_come_worst_first_with_the_numbers_of_the_library() {
    let place = tempfile::tempdir().unwrap();
    let folder = train(place.path(), "circles", CIRCLES);
    let address = serve(place.path());
    let rows = json(address, "circles/rows?part=validation&count=200");
    let list = rows["list"].as_array().unwrap();
    assert!(list.len() > 20 && rows["rows"].as_u64().unwrap() >= list.len() as u64);
    let costs: Vec<f64> = list.iter().map(|row| row["cost"].as_f64().unwrap()).collect();
    assert!(costs.is_sorted_by(|a, b| a >= b), "{costs:?}");

    let table = circles();
    let model = Model::load(&folder.model()).unwrap();
    let said = model.predict(&Pool::new(1), &table).unwrap();
    for row in list {
        let at = row["row"].as_u64().unwrap() as usize - 1;
        let class = said.class(at).unwrap();
        assert_eq!(row["prediction"][0], said.classes()[class].as_str());
        let target = table.column("y").unwrap().word(at).unwrap();
        assert_eq!(row["target"][0], target.as_ref());
        assert_eq!(row["wrong"], target != said.classes()[class]);
        let of_target = said.probability(at, usize::from(target == said.classes()[1])).unwrap();
        assert!((row["cost"].as_f64().unwrap() + of_target.ln()).abs() < 1e-4, "{row}");
    }
    let second = json(address, "circles/rows?part=validation&from=1&count=1");
    assert_eq!(second["list"][0], list[1]);
    let in_order = json(address, "circles/rows?part=all&sort=row&count=3");
    assert_eq!(in_order["list"][0]["row"], 1);
}

#[test]
fn a_row_is_explained_as_the_library_does_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = train(place.path(), "circles", CIRCLES);
    let address = serve(place.path());
    let told = json(address, "circles/explain?row=17&parameter=2,2,3&depth=2");
    let table = circles();
    let model = Model::load(&folder.model()).unwrap();
    let question = explain::Question {
        parameter: Some(explain::Parameter::weight(2, 2, 3)),
        reach: Reach { top: 3, depth: 2 },
        ..explain::Question::default()
    };
    let account = explain::explain(&Pool::new(1), &model, &table, &[16], &question).unwrap();
    let account = serde_json::to_value(&account).unwrap();
    for (key, value) in account.as_object().unwrap() {
        assert_eq!(&told[key], value, "{key}");
    }
    let drawing = &told["drawing"];
    assert_eq!(drawing["parameter"], "layers.2.w,2,3");
    assert_eq!(drawing["layers"][2]["gradients"][2][3], told["ledger"]["value"]);
    assert_eq!((&told["told"]["row"], &told["told"]["cost"]), (&17.into(), &told["cost"]));
    let bias = json(address, "circles/explain?row=17&parameter=layers.0.b,1");
    assert_eq!(bias["ledger"]["symbol"], "∂C/∂b0[1]");
}

#[test]
fn an_evaluation_has_what_its_pictures_need() {
    let place = tempfile::tempdir().unwrap();
    train(place.path(), "circles", CIRCLES);
    let data = place.path().join("curve.csv");
    let lines: String = (0..200).map(|at| format!("{at},{}\n", f64::from(at) * 0.5 + 1.25)).collect();
    std::fs::write(&data, format!("x,y\n{lines}")).unwrap();
    let data = data.display().to_string();
    let curve = [("data", data.as_str()), ("target", "y"), ("hidden", "4"), ("epochs", "2")];
    train(place.path(), "curve", &curve);
    let address = serve(place.path());
    let classes = json(address, "circles/evaluation");
    let sum = |list: &Value| list.as_array().unwrap().iter().filter_map(Value::as_f64).sum::<f64>();
    let rows = classes["rows"].as_f64().unwrap();
    assert_eq!(sum(&classes["confusion"]["counts"]), rows);
    let bins = classes["calibration"]["bins"].as_array().unwrap();
    assert_eq!(bins.iter().filter_map(|bin| bin["count"].as_f64()).sum::<f64>(), rows);
    let numbers = json(address, "curve/evaluation");
    let rows = numbers["rows"].as_f64().unwrap();
    assert_eq!(numbers["numbers"][0]["points"].as_array().unwrap().len() as f64, rows.min(2_000.0));
    assert_eq!(sum(&numbers["numbers"][0]["residuals"]["counts"]), rows);
}

#[test]
fn what_is_not_there_is_refused_in_words() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("table.csv");
    let lines: String = (0..60).map(|at| format!("{at},{}\n", at % 2)).collect();
    std::fs::write(&data, format!("x,y\n{lines}")).unwrap();
    let data = data.display().to_string();
    let runs = place.path().join("runs");
    let settings = [("data", data.as_str()), ("target", "y"), ("hidden", "2"), ("epochs", "1")];
    let folder = train(&runs, "own", &settings);
    let address = serve(&runs);
    for (path, status, words) in [
        ("none/rows", 404, "there is no run"),
        ("own/explain?row=61", 404, "rows 1 to 60"),
        ("own/explain?row=0", 404, "rows 1 to 60"),
        ("own/explain?row=1&parameter=0,9,9", 422, "expected"),
        ("own/explain?row=1&parameter=w", 422, "layer,from,to"),
        ("own/explain?row=1&depth=40", 422, "ask for less"),
        ("own/explain?row=1&member=2", 422, "1 to 1"),
        ("own/rows?part=left", 400, ""),
    ] {
        let (got, body) = get(address, path);
        assert!(got == status && body.contains(words), "{path}: {got} {body}");
    }
    std::fs::remove_file(folder.model()).unwrap();
    let (status, body) = get(address, "own/rows");
    assert!(status == 409 && body.contains("no model yet") && body.contains("--resume"), "{status} {body}");
}

#[test]
fn data_that_were_written_anew_are_read_anew() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("table.csv");
    let lines: String = (0..60).map(|at| format!("{at},{}\n", at % 2)).collect();
    std::fs::write(&data, format!("x,y\n{lines}")).unwrap();
    let said = data.display().to_string();
    let runs = place.path().join("runs");
    train(&runs, "own", &[("data", said.as_str()), ("target", "y"), ("hidden", "2"), ("epochs", "1")]);
    let address = serve(&runs);
    assert_eq!(get(address, "own/explain?row=61").0, 404);
    std::fs::write(&data, format!("x,y\n{lines}60,0\n")).unwrap();
    let (status, body) = get(address, "own/explain?row=61");
    assert_eq!(status, 200, "{body}");
    std::fs::remove_file(&data).unwrap();
    assert_eq!(get(address, "own/explain?row=61").0, 404);
}

#[test]
fn data_that_are_gone_are_named() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("table.csv");
    let lines: String = (0..60).map(|at| format!("{at},{}\n", at % 2)).collect();
    std::fs::write(&data, format!("x,y\n{lines}")).unwrap();
    let said = data.display().to_string();
    let runs = place.path().join("runs");
    let settings = [("data", said.as_str()), ("target", "y"), ("hidden", "2"), ("epochs", "1")];
    let folder = train(&runs, "own", &settings);
    std::fs::remove_file(&data).unwrap();
    let (status, body) = get(serve(&runs), "own/evaluation");
    assert!(status == 404 && body.contains("table.csv") && body.contains("put them back"), "{status} {body}");
    let made = report(&folder, &ReportOptions::default()).unwrap();
    assert!(made.without.is_some_and(|why| why.contains("table.csv")) && made.html.contains("\"events\""));
    let asked = ReportOptions { rows: vec![1], ..ReportOptions::default() };
    assert!(report(&folder, &asked).unwrap_err().to_string().contains("table.csv"));
}
