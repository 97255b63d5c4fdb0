//! The server as a browser and as a stranger ask it, over real sockets.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use deltarule::control::{Control, ControlFile, Controller};
use deltarule::run_folder::{EventLog, RunFolder};
use deltarule_server::{Dashboard, Options};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a port of its own, which ends with the tests.
fn serve(runs: &Path) -> SocketAddr {
    serve_with_token(runs).0
}

fn serve_with_token(runs: &Path) -> (SocketAddr, String) {
    let dashboard =
        Dashboard::bind(&Options { runs: runs.to_owned(), address: "127.0.0.1:0".parse().unwrap() }).unwrap();
    let (address, url) = (dashboard.address(), dashboard.url("/"));
    let (_, token) = url.split_once("#/?token=").unwrap();
    let token = token.to_owned();
    std::thread::spawn(move || dashboard.serve());
    (address, token)
}

/// The status of a control.
fn post(address: SocketAddr, name: &str, token: &str, body: &str) -> u16 {
    let length = body.len();
    let request = format!(
        "POST /api/v1/runs/{name}/controls HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-Deltarule-Token: \
         {token}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut answer = String::new();
    connect(address, &request).read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn connect(address: SocketAddr, request: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}

/// Status line and headers, and the body.
fn ask(address: SocketAddr, path: &str, headers: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    let mut answer = String::new();
    connect(address, &request).read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> (String, String) {
    ask(address, path, &format!("Host: {address}\r\n"))
}

/// The next message of a stream: its event, id and data.
fn message(stream: &mut BufReader<TcpStream>) -> (String, String, String) {
    let (mut event, mut id, mut data) = (String::new(), String::new(), String::new());
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended");
        let line = line.trim_end();
        if let Some(text) = line.strip_prefix("event: ") {
            text.clone_into(&mut event);
        } else if let Some(text) = line.strip_prefix("id: ") {
            text.clone_into(&mut id);
        } else if let Some(text) = line.strip_prefix("data: ") {
            text.clone_into(&mut data);
        } else if line.is_empty() && !event.is_empty() {
            return (event, id, data);
        }
    }
}

fn stream(address: SocketAddr, path: &str, more: &str) -> BufReader<TcpStream> {
    connect(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{more}\r\n"))
}

fn write(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let mut file = OpenOptions::new().append(true).create(true).open(folder.join("events.jsonl")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn events(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_run_is_listed_told_and_followed_without_loss_or_repetition() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("xor-1");
    write(&run, "{\"time\":\"1\",\"event\":\"a\"}\n{\"time\":\"2\",\"event\":\"b\"}\n{\"time\":\"3\",\"ev");
    let address = serve(place.path());

    let (head, body) = get(address, "/api/v1/runs");
    assert!(head.starts_with("http/1.1 200") && head.contains("application/json"), "{head}");
    let runs: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&runs["runs"][0]["name"], &runs["runs"][0]["state"]),
        (&json!("xor-1"), &json!("interrupted"))
    );

    let mut first = stream(address, "/api/v1/runs/xor-1/events", "");
    let (event, id, data) = message(&mut first);
    assert_eq!((event.as_str(), events(&data).len()), ("events", 2));
    assert_eq!(message(&mut first).0, "whole");
    // The line that was cut off is ended, and another comes.
    write(&run, "ent\":\"c\"}\n{\"time\":\"4\",\"event\":\"d\"}\n");
    let (_, _, data) = message(&mut first);
    assert_eq!(events(&data), [json!({ "time": "3", "event": "c" }), json!({ "time": "4", "event": "d" })]);

    // A browser that was cut off after the first message, and asks another process.
    let again = serve(place.path());
    let mut second = stream(again, "/api/v1/runs/xor-1/events", &format!("Last-Event-ID: {id}\r\n"));
    let (_, _, data) = message(&mut second);
    assert_eq!(events(&data).len(), 2);
    assert_eq!(message(&mut second).0, "whole");

    // The run is begun anew under the same name.
    std::fs::remove_file(run.join("events.jsonl")).unwrap();
    write(&run, "{\"time\":\"9\",\"event\":\"z\"}\n");
    assert_eq!(message(&mut second).0, "reset");
    loop {
        let (event, _, data) = message(&mut second);
        if event == "events" {
            assert_eq!(events(&data), [json!({ "time": "9", "event": "z" })]);
            break;
        }
    }
}

#[test]
fn every_change_of_a_run_is_told() {
    let place = tempfile::tempdir().unwrap();
    let address = serve(place.path());
    let mut changes = stream(address, "/api/v1/changes", "");
    assert_eq!(message(&mut changes), ("runs".into(), String::new(), "{\"runs\":[]}".into()));
    write(&place.path().join("a"), "{\"time\":\"1\",\"event\":\"a\"}\n");
    let (_, _, data) = message(&mut changes);
    let told: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(told["runs"][0]["name"], "a");
}

#[test]
fn strangers_are_turned_away_and_every_answer_is_locked_up() {
    let place = tempfile::tempdir().unwrap();
    let address = serve(place.path());
    for headers in
        ["Host: evil.example\r\n", "", &format!("Host: {address}\r\nOrigin: http://evil.example\r\n")]
    {
        for path in ["/", "/api/v1/runs"] {
            let (head, body) = ask(address, path, headers);
            let refused = head.starts_with("http/1.1 403") || head.starts_with("http/1.1 400");
            assert!(refused && !body.contains("runs\""), "{headers:?} {head}");
        }
    }
    for path in ["/", "/api/v1/runs", "/nowhere", "/api/v1/nothing"] {
        let (head, _) = get(address, path);
        for part in ["content-security-policy: default-src 'none'", "nosniff", "no-referrer", "no-store"] {
            assert!(head.contains(part), "{path} {part}: {head}");
        }
        assert!(!head.contains("access-control"), "{head}");
    }
}

#[test]
fn the_manual_is_at_hand_with_its_types_and_under_the_same_policy() {
    let place = tempfile::tempdir().unwrap();
    let address = serve(place.path());
    for (path, kind, words) in [
        ("/manual/", "text/html; charset=utf-8", "The manual"),
        ("/manual/tutorial.html", "text/html; charset=utf-8", "deltarule train"),
        ("/manual/manual.css", "text/css; charset=utf-8", "prefers-color-scheme"),
        ("/manual/gradient_flow.svg", "image/svg+xml", "<svg"),
    ] {
        let (head, body) = get(address, path);
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains(&format!("content-type: {kind}\r\n")), "{path}: {head}");
        assert!(head.contains("content-security-policy: default-src 'none'"), "{path}: {head}");
        assert!(body.contains(words), "{path} has no {words}");
    }
    let (head, _) = get(address, "/manual");
    assert!(head.starts_with("http/1.1 308") && head.contains("location: /manual/\r\n"), "{head}");
    for path in ["/manual/none.html", "/manual/../index.html", "/manual/index.html/", "/manual//index.html"] {
        assert!(get(address, path).0.starts_with("http/1.1 404"), "{path}");
    }
}

#[test]
fn what_is_written_is_told_at_once_with_the_place_after_it() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("xor-1");
    let (one, two) = ("{\"time\":\"1\",\"event\":\"a\"}", "{\"time\":\"2\",\"event\":\"b\"}");
    write(&run, &format!("{one}\n{two}\n{{\"time\":\"3\",\"ev"));
    let address = serve(place.path());
    let (head, body) = get(address, "/api/v1/runs/xor-1/lines");
    let end = one.len() + two.len() + 2;
    assert!(head.starts_with("http/1.1 200") && body.contains(&format!("{end} [{one},{two}]\n")), "{body}");
    // From there on the stream of messages goes on, and nothing else is written yet.
    let (_, rest) = get(address, &format!("/api/v1/runs/xor-1/lines?after={end}"));
    assert!(!rest.contains('['), "{rest}");
    write(&run, "ent\":\"c\"}\n");
    let mut followed = stream(address, &format!("/api/v1/runs/xor-1/events?after={end}"), "");
    assert_eq!(events(&message(&mut followed).2), [json!({ "time": "3", "event": "c" })]);
    // A long run comes in pieces, each event once.
    let long = place.path().join("long-1");
    write(&long, &format!("{one}\n").repeat(30_000));
    let (_, body) = get(address, "/api/v1/runs/long-1/lines");
    assert_eq!(body.matches("\"event\":\"a\"").count(), 30_000);
}

#[test]
fn nothing_outside_the_runs_is_read() {
    let place = tempfile::tempdir().unwrap();
    write(&place.path().join("secret"), "{\"time\":\"1\",\"event\":\"a\"}\n");
    std::fs::create_dir(place.path().join("runs")).unwrap();
    let address = serve(&place.path().join("runs"));
    for name in ["..%2Fsecret", "%2e%2e/secret", "..", "%2Fetc", "a%00b", "secret"] {
        for more in ["", "/events", "/lines"] {
            let (head, body) = get(address, &format!("/api/v1/runs/{name}{more}"));
            assert!(
                head.starts_with("http/1.1 404") || head.starts_with("http/1.1 400"),
                "{name}: {head} {body}"
            );
        }
    }
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let options = Options { runs: "runs".into(), address: "0.0.0.0:0".parse().unwrap() };
    let Err(error) = Dashboard::bind(&options) else { panic!("it listens to everybody") };
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[test]
fn a_run_that_goes_on_hears_what_the_page_asks_and_nobody_else() {
    let place = tempfile::tempdir().unwrap();
    let run = RunFolder::create(&place.path().join("a")).unwrap();
    let log = EventLog::open(&run, |error| panic!("{error}")).unwrap();
    write(run.path(), "{\"time\":\"1\",\"event\":\"a\"}\n");
    let (address, token) = serve_with_token(place.path());
    let pause = "{\"control\":\"pause\"}";
    assert_eq!(post(address, "a", "", pause), 403);
    assert_eq!(post(address, "a", &token.replace(char::is_alphanumeric, "0"), pause), 403);
    assert!(!run.controls().exists());
    assert_eq!(post(address, "b", &token, pause), 404);
    for wrong in ["{\"control\":\"explode\"}", "{\"control\":\"fork\"}", "", "[]"] {
        assert!((400..500).contains(&post(address, "a", &token, wrong)), "{wrong}");
    }
    for factor in ["0", "-1", "null"] {
        let wrong = format!("{{\"control\":\"scale_learning_rate\",\"factor\":{factor}}}");
        assert_eq!(post(address, "a", &token, &wrong), 422, "{factor}");
    }
    let mut heard = ControlFile::new(&run.controls());
    assert_eq!(post(address, "a", &token, pause), 202);
    assert_eq!(post(address, "a", &token, "{\"control\":\"scale_learning_rate\",\"factor\":0.5}"), 202);
    let mut wishes = Vec::new();
    while wishes.len() < 2 {
        wishes.extend(heard.poll(0));
    }
    assert_eq!(wishes, [Control::Pause, Control::ScaleLearningRate { factor: 0.5 }]);
    // Nobody is at it any more.
    drop(log);
    assert_eq!(post(address, "a", &token, pause), 409);
}
