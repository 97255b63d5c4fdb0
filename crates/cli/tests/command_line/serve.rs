//! Predictions over HTTP by the real program: as `predict` gives them, until it is told to end.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::place::{Deadline, Place, Ran};

/// A server that is told to end when a test fails.
struct Served {
    child: Option<Child>,
    _deadline: Deadline,
    address: String,
    said: Value,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Served {
    fn new(place: &Place, more: &[&str]) -> Self {
        let arguments = ["serve", "first", "--json", "--addr", "127.0.0.1:0"];
        let mut command = place.command(arguments.iter().chain(more));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Deadline::of(&child);
        let said = serde_json::Deserializer::from_reader(child.stdout.take().unwrap())
            .into_iter::<Value>()
            .next()
            .unwrap_or_else(|| panic!("it said nothing"))
            .unwrap();
        let address = said["address"].as_str().unwrap().to_owned();
        assert_eq!(said["url"], format!("http://{address}"));
        Self { child: Some(child), _deadline: deadline, address, said }
    }

    /// The head and the body of an answer.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn json(&self, path: &str, headers: &str, body: &str) -> Value {
        let (head, answer) = self.ask("POST", path, headers, body);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// What it came to after a signal.
    fn ended(mut self) -> Ran {
        Ran::of(self.child.take().unwrap().wait_with_output().unwrap())
    }
}

const ROWS: [(&str, &str, &str); 4] =
    [("1.5", "2.25", "red"), ("", "0.333", "blue"), ("6", "", ""), ("3", "1e-3", "green")];

fn csv() -> String {
    let lines = ROWS.map(|(length, width, colour)| format!("{length},{width},{colour}\n"));
    format!("length,width,colour\n{}", lines.concat())
}

fn rows() -> Value {
    let number = |word: &str| word.parse::<f64>().map_or(Value::Null, Value::from);
    ROWS.iter()
        .map(|(length, width, colour)| json!({"length": number(length), "width": number(width), "colour": colour}))
        .collect()
}

#[test]
fn answers_are_those_of_predict_and_sigterm_ends_it() {
    let place = Place::with_model();
    place.write("rows.csv", csv());
    let (as_json, as_csv) = (
        place.run(["predict", "first", "rows.csv", "--json"]).json(),
        place.run(["predict", "first", "rows.csv"]).out,
    );
    for signal in ["-TERM", "-INT"] {
        let served = Served::new(&place, &["--threads", "2"]);
        assert_eq!(
            (&served.said["model"], &served.said["threads"]),
            (&json!("runs/first/model.safetensors"), &json!(2))
        );
        let json = "Content-Type: application/json\r\n";
        assert_eq!(served.json("/v1/predict", json, &rows().to_string()), as_json);
        assert_eq!(served.json("/v1/predict", "Content-Type: text/csv\r\n", &csv()), as_json);
        let (_, answer) =
            served.ask("POST", "/v1/predict", &format!("{json}Accept: text/csv\r\n"), &rows().to_string());
        assert_eq!(answer, as_csv);
        let (_, model) = served.ask("GET", "/v1/model", "", "");
        let model: Value = serde_json::from_str(&model).unwrap();
        assert_eq!((&model["targets"], &model["classes"]), (&json!(["kind"]), &json!(["low", "tall"])));
        assert!(model["metrics"]["test"]["accuracy"].is_number(), "{model}");
        // An idle connection does not keep it.
        let _idle = TcpStream::connect(&served.address).unwrap();
        let begun = Instant::now();
        served.signal(signal);
        let ran = served.ended();
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:#?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn the_line_that_is_printed_works() {
    let place = Place::with_model();
    let token = place.write("my token", "0123456789abcdef\n");
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
    for more in [&[][..], &["--token-file", "my token"]] {
        let arguments = ["serve", "first", "--addr", "127.0.0.1:0"];
        let mut child = place.command(arguments.iter().chain(more)).stdout(Stdio::piped()).spawn().unwrap();
        let _deadline = Deadline::of(&child);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.next().unwrap().ends_with("/v1/model"));
        let line = lines.find(|line| line.starts_with("curl ")).unwrap();
        let asked = Command::new("sh").args(["-c", &line]).current_dir(place.path("")).output();
        child.kill().unwrap();
        child.wait().unwrap();
        let answer: Value =
            serde_json::from_slice(&asked.unwrap().stdout).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(answer["rows"], 1, "{line}: {answer}");
    }
}

#[test]
fn an_address_that_others_reach_needs_a_token_and_one_that_is_taken_is_named() {
    let place = Place::with_model();
    place.run(["serve", "first", "--addr", "0.0.0.0:0"]).is_refused(&[
        "0.0.0.0:0",
        "--token-file",
        "127.0.0.1",
    ]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.run(["serve", "first", "--addr", &address]).is_refused(&["cannot serve at", &address, "in use"]);
    place.run(["serve", "second"]).is_refused(&["no such model", "first"]);
    assert_eq!(place.run(["serve", "first", "--addr", "everywhere"]).code, Some(2));
}

#[test]
fn a_token_lets_in_whoever_has_it() {
    let place = Place::with_model();
    let path = place.write("token", "0123456789abcdef\n");
    for (mode, words) in [(0o644, &["chmod 600 token", "0644"][..]), (0o600, &[])] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        if !words.is_empty() {
            place.run(["serve", "first", "--token-file", "token"]).is_refused(words);
        }
    }
    place.run(["serve", "first", "--token-file", "absent"]).is_refused(&["absent", "no such file"]);
    let served = Served::new(&place, &["--token-file", "token"]);
    assert!(served.ask("GET", "/v1/model", "", "").0.starts_with("HTTP/1.1 401"));
    assert!(served.ask("GET", "/health", "", "").0.starts_with("HTTP/1.1 200"));
    let headers = "Content-Type: application/json\r\nAuthorization: Bearer 0123456789abcdef\r\n";
    assert_eq!(served.json("/v1/predict", headers, &rows().to_string())["rows"], 4);
    let wrong = headers.replace("abcdef", "abcdeg");
    assert!(served.ask("POST", "/v1/predict", &wrong, "[]").0.starts_with("HTTP/1.1 401"));
}
