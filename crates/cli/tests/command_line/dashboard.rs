//! The page, as far as it can be asked without a browser; `web/browser/` opens it in one.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::place::{Deadline, Place, QUICK, Ran};

/// What a GET gives, headers and body.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The address in `http://ADDRESS/#/…`.
fn address_in(line: &str) -> String {
    let (_, rest) = line.split_once("http://").unwrap_or_else(|| panic!("no address in {line:?}"));
    rest.split('/').next().unwrap().to_owned()
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn the_page_is_served_with_the_runs() {
    let place = Place::with_model();
    let mut command = place.command(["dashboard", "--no-open", "--json", "--addr", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let _deadline = Deadline::of(&child);
    let said = serde_json::Deserializer::from_reader(child.stdout.take().unwrap())
        .into_iter::<Value>()
        .next()
        .unwrap()
        .unwrap();
    let address = said["address"].as_str().unwrap();
    assert_eq!(said["runs"], "runs");
    assert_eq!(address_in(said["url"].as_str().unwrap()), address);
    assert!(get(address, "/").contains("<title>"));
    let runs = get(address, "/api/v1/runs");
    assert!(runs.contains("\"first\"") && runs.contains("\"finished\""), "{runs}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_address_that_others_reach_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let ran = Place::new().run(["dashboard", "--no-open", "--addr", address]);
        ran.is_refused(&[address, "this machine alone", "127.0.0.1"]);
    }
    assert_eq!(Place::new().run(["dashboard", "--addr", "everywhere"]).code, Some(2));
    assert_eq!(Place::new().run(["train", "xor", "--no-open"]).code, Some(2), "there is no page to open");
}

#[test]
fn a_training_can_be_watched_and_its_page_stays_until_it_is_interrupted() {
    let place = Place::new();
    for folder in ["watched", "./elsewhere/watched"] {
        let arguments = ["train", "xor", "--dashboard", "--no-open", "--json", "--run", folder];
        let mut command = place.command(arguments.into_iter().chain(QUICK));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _deadline = Deadline::of(&child);
        let mut words = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address = address_in(&words.find(|line| line.contains("watch it at")).unwrap());
        words.find(|line| line.contains("the page stays")).unwrap();
        let runs = get(&address, "/api/v1/runs");
        assert!(runs.contains("\"watched\"") && runs.contains("\"finished\""), "{runs}");
        interrupt(&child);
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.json()["ended"], "finished");
    }
}
