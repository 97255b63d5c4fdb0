//! Predictions over HTTP, as a client and as a stranger ask for them, over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use deltarule::Pool;
use deltarule::config::Config;
use deltarule::control::Unattended;
use deltarule::event::Silent;
use deltarule::model::Model;
use deltarule::run;
use deltarule::run_folder::RunFolder;
use deltarule::table::{ReadOptions, read_bytes};
use deltarule_server::{MOST_BYTES, MOST_ROWS, Secret, ServeOptions, Serving, Stopper};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// A model of `x1` and `x2`, trained for a moment.
fn model() -> Model {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    let run = folder.path().join("a").display().to_string();
    for (key, value) in
        [("data", "circles"), ("hidden", "8"), ("epochs", "3"), ("rows", "200"), ("run", &run)]
    {
        config.set(key, value).unwrap();
    }
    run::train(&config, &mut Silent, &mut Unattended).unwrap();
    Model::load(&RunFolder::open(Path::new(&run)).unwrap().model()).unwrap()
}

struct Server {
    address: SocketAddr,
    stopper: Stopper,
    ends: std::thread::JoinHandle<std::io::Result<()>>,
}

fn serve(secret: Option<Secret>) -> Server {
    let model = model();
    let reading = ReadOptions { expected: model.encoder().column_types(), ..ReadOptions::default() };
    let address = "127.0.0.1:0".parse().unwrap();
    let serving = Serving::bind(ServeOptions { model, reading, address, secret, threads: 2 }).unwrap();
    let (address, stopper) = (serving.address(), serving.stopper());
    Server { address, stopper, ends: std::thread::spawn(move || serving.serve()) }
}

/// What is answered: status, headers in small letters, body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.head, self.body))
    }

    /// The message of a refusal with this status.
    fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{} {}", self.head, self.body);
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    BufReader::new(stream)
}

/// Reads one answer of a connection.
fn answered(stream: &mut BufReader<TcpStream>) -> Option<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, head, body: String::from_utf8(body).unwrap() })
}

fn raw(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = connect(address);
    // What is refused early may not be read to its end.
    let _ = stream.get_mut().write_all(request);
    answered(&mut stream)
}

fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}\r\n")
            .into_bytes();
    request.extend_from_slice(body);
    raw(address, &request).unwrap_or_else(|| panic!("{method} {path}: no answer"))
}

fn predict(address: SocketAddr, kind: &str, body: &[u8]) -> Answer {
    ask(address, "POST", "/v1/predict", &format!("Content-Type: {kind}\r\n"), body)
}

#[test]
fn every_form_of_rows_gives_the_bits_of_the_model() {
    let server = serve(None);
    let csv = "x2,x1\n0.25,-0.5\n,1\n0.1,\n";
    let model = model();
    let table = read_bytes(csv.into(), "t.csv", &ReadOptions::default()).unwrap();
    let predictions = model.predict(&Pool::new(1), &table).unwrap();
    let expected = json!({ "rows": 3, "predictions": predictions.to_json() });
    for (kind, body) in [
        ("text/csv", csv),
        ("application/json", r#"[{"x1":-0.5,"x2":0.25},{"x1":1,"x2":null},{"x1":"","x2":0.1}]"#),
        ("application/json", r#"{"rows":[{"x1":-0.5,"x2":0.25},{"x1":1,"x2":null},{"x1":"","x2":"0.1"}]}"#),
        (
            "application/json;charset=utf-8",
            r#"{"columns":{"x1":[-0.5,1,null],"x2":[0.25,null,0.1],"y":[[],{},0]}}"#,
        ),
    ] {
        let answer = predict(server.address, kind, body.as_bytes());
        assert_eq!((answer.status, answer.json()), (200, expected.clone()), "{kind} {body}");
        assert!(answer.head.contains("nosniff") && answer.head.contains("no-store"), "{}", answer.head);
    }
    let one = predict(server.address, "application/json", br#"{"x1":-0.5,"x2":0.25}"#).json();
    assert_eq!(one, json!({ "rows": 1, "predictions": [predictions.to_json()[0]] }));

    let mut written = Vec::new();
    predictions.write_csv(&mut written).unwrap();
    let headers = "Content-Type: text/csv\r\nAccept: text/csv\r\n";
    let answer = ask(server.address, "POST", "/v1/predict", headers, csv.as_bytes());
    assert!(answer.head.contains("content-type: text/csv"), "{}", answer.head);
    assert_eq!(answer.body.as_bytes(), written);
}

#[test]
fn one_connection_takes_many_requests() {
    let server = serve(None);
    let mut stream = connect(server.address);
    let body = r#"{"x1":1,"x2":2}"#;
    let request = format!(
        "POST /v1/predict HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    let mut answers = Vec::new();
    for _ in 0..50 {
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        answers.push(answer_of(&mut stream).body);
    }
    assert!(answers[0].contains("\"rows\":1") && answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn the_model_and_the_health_are_told() {
    let server = serve(None);
    let health = ask(server.address, "GET", "/health", "", b"");
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
    let model = ask(server.address, "GET", "/v1/model", "", b"").json();
    assert_eq!((&model["task"], &model["targets"]), (&json!("binary"), &json!(["y"])));
    assert_eq!(model["inputs"][0], json!({"name": "x1", "type": "number", "missing": "filled"}));
    assert_eq!(model["outputs"], json!(["prediction", "probability_0", "probability_1"]));
    assert!(model["metrics"]["test"]["accuracy"].is_number() && model["version"].is_string(), "{model}");
}

#[test]
fn what_cannot_be_answered_is_told_in_json() {
    let server = serve(None);
    let address = server.address;
    let json = "application/json";
    for (kind, body, words) in [
        (json, r#"[{"x1":1}]"#, "row 1: the model needs column \"x2\", which the row lacks"),
        (json, r#"[{"x1":"old","x2":1}]"#, "row 1, column \"x1\": got \"old\"; expected a finite number"),
        (json, "[{", "got what is no JSON"),
        (json, "\u{0}", "got what is no JSON"),
        (json, r#"[{"x1":1e300,"x2":1}]"#, "too large"),
        ("text/csv", "x1\n1\n", "the model needs column \"x2\""),
        (
            "text/csv",
            "x1,x2\n1,old\n",
            "line 2, column \"x2\": got \"old\"; expected a number; mend the value, or leave it empty",
        ),
        ("text/csv", "x1,x2\n1,1e999\n", "expected a finite number; mend the value, or leave"),
        ("text/csv", "x1,x2\n1,2,3\n", "line 2: 3 fields; expected 2"),
        ("text/csv", "x1,x2,x1\n1,2,3\n", "\"x1\" twice"),
        ("text/csv", "x1,x2\n", "got no row"),
        ("text/csv", "", "got no row"),
    ] {
        let message = predict(address, kind, body.as_bytes()).refused(400);
        assert!(
            message.contains(words) && message.starts_with("the request") || words == "too large",
            "{message}"
        );
        assert!(!message.contains("--"), "a client has no flags: {message}");
    }
    let fields = predict(address, json, br#"[{"x1":1,"x2":2},{"x1":1,"X2":2}]"#).json();
    assert_eq!((&fields["error"]["row"], &fields["error"]["similar"]), (&json!(2), &json!(["X2"])));

    assert!(predict(address, "text/plain", b"x").refused(415).contains("text/csv"));
    assert!(predict(address, "text/csv", &[0x1f, 0x8b, 8, 0]).refused(415).contains("unpack it"));
    assert!(predict(address, "text/csv", b"x1,x2\n\xff,1\n").refused(400).contains("the request"));
    assert!(ask(address, "GET", "/v1/nothing", "", b"").refused(404).contains("POST /v1/predict"));
    let other = ask(address, "GET", "/v1/predict", "", b"");
    assert!(
        other.refused(405).contains("got GET; expected POST") && other.head.contains("allow: post"),
        "{}",
        other.head
    );
    let other = ask(address, "DELETE", "/v1/model", "", b"");
    assert!(other.refused(405).contains("expected GET"), "{}", other.head);
}

#[test]
fn bodies_and_heads_are_bounded() {
    let server = serve(None);
    let address = server.address;
    let predict_path =
        format!("POST /v1/predict HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    // A length that is stated is refused before a byte of it.
    let stated = format!("{predict_path}Content-Length: {}\r\n\r\n", MOST_BYTES + 1);
    let answer = raw(address, stated.as_bytes()).unwrap();
    assert!(
        answer.refused(413).contains("32 MiB") && answer.head.contains("connection: close"),
        "{}",
        answer.head
    );
    // One that is not stated, when it has come so far.
    let mut stream = connect(address);
    write!(stream.get_mut(), "{predict_path}Transfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = [&b"100000\r\n"[..], &[b' '; 1 << 20], b"\r\n"].concat();
    let mut sent = 0;
    while sent <= MOST_BYTES && stream.get_mut().write_all(&chunk).is_ok() {
        sent += 1 << 20;
    }
    assert_eq!(answer_of(&mut stream).status, 413);
    // Lengths that are none, or contradict each other.
    for wrong in [
        "Content-Length: -1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 99999999999999999999\r\n",
    ] {
        let answer = raw(address, format!("{predict_path}{wrong}\r\n[]").as_bytes());
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)), "{wrong}");
    }
    // A body that is cut off.
    let mut stream = connect(address);
    write!(stream.get_mut(), "{predict_path}Content-Length: 100\r\n\r\n[").unwrap();
    stream.get_mut().shutdown(Shutdown::Write).unwrap();
    assert!(answered(&mut stream).is_none_or(|answer| answer.status == 400));
    // Headers without number, and one without end.
    let many: String = (0..2000).map(|number| format!("X-{number}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "a".repeat(1 << 20));
    for flood in [many, long] {
        let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\n{flood}\r\n");
        let answer = raw(address, request.as_bytes());
        assert!(answer.is_none_or(|answer| answer.status == 431), "a flood was answered");
    }
    let garbage = raw(address, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS, not HTTP\r\n\r\n");
    assert!(garbage.is_none_or(|answer| answer.status == 400));
    assert_eq!(ask(address, "GET", "/health", "", b"").status, 200, "it lives on");
}

fn answer_of(stream: &mut BufReader<TcpStream>) -> Answer {
    answered(stream).expect("an answer")
}

#[test]
fn rows_are_bounded_and_as_many_as_may_be_are_answered() {
    let server = serve(None);
    let rows = |count: usize| format!("x1,x2\n{}", "0.5,1\n".repeat(count));
    let answer = predict(server.address, "text/csv", rows(MOST_ROWS + 1).as_bytes());
    assert!(answer.refused(413).contains("100000 rows"), "{}", answer.body);
    let answer = predict(server.address, "text/csv", rows(MOST_ROWS).as_bytes());
    assert_eq!(answer.status, 200);
    assert!(answer.body.ends_with("\"rows\":100000}"));
}

#[test]
fn without_a_token_this_machine_alone_is_answered() {
    let server = serve(None);
    let address = server.address;
    let body = r#"{"x1":1,"x2":2}"#;
    for headers in
        ["Host: evil.example\r\n".to_owned(), format!("Host: {address}\r\nOrigin: http://evil.example\r\n")]
    {
        for (method, path) in [("GET", "/health"), ("GET", "/v1/model"), ("POST", "/v1/predict")] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let answer = raw(address, request.as_bytes()).unwrap();
            assert!(answer.refused(403).contains("--token-file"));
            assert!(!answer.head.contains("access-control"), "{}", answer.head);
        }
    }
}

#[cfg(unix)]
#[test]
fn with_a_token_whoever_has_it_is_answered() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "correct-horse-battery\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let server = serve(Some(Secret::from_file(&path).unwrap()));
    let with = |bearer: &str, host: &str| {
        let request = format!("GET /v1/model HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n");
        raw(server.address, request.as_bytes()).unwrap()
    };
    // A proxy asks by a name of its own.
    assert_eq!(with("Authorization: Bearer correct-horse-battery\r\n", "models.example").status, 200);
    for wrong in [
        "",
        "Authorization: Bearer correct-horse-batterz\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Basic correct-horse-battery\r\n",
        "X-Deltarule-Token: correct-horse-battery\r\n",
    ] {
        let answer = with(wrong, "models.example");
        assert!(
            answer.refused(401).contains("Bearer TOKEN") && answer.head.contains("www-authenticate: bearer")
        );
        assert!(!answer.body.contains("correct"));
    }
    let request = b"GET /health HTTP/1.1\r\nHost: any\r\n\r\n";
    assert_eq!(raw(server.address, request).unwrap().status, 200);
    let nothing = b"GET /v1/nothing HTTP/1.1\r\nHost: any\r\n\r\n";
    assert_eq!(raw(server.address, nothing).unwrap().status, 401, "strangers learn of no path");
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let options = ServeOptions {
            model: model(),
            reading: ReadOptions::default(),
            address: address.parse().unwrap(),
            secret: None,
            threads: 1,
        };
        let Err(error) = Serving::bind(options) else { panic!("it listens to everybody at {address}") };
        assert!(error.to_string().contains("--token-file") && error.to_string().contains(address), "{error}");
    }
}

#[test]
fn what_is_underway_is_ended_before_the_server_is() {
    let server = serve(None);
    let mut underway = connect(server.address);
    let body = r#"{"x1":1,"x2":2}"#;
    let head = format!(
        "POST /v1/predict HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    underway.get_mut().write_all(head.as_bytes()).unwrap();
    underway.get_mut().write_all(&body.as_bytes()[..5]).unwrap();
    let mut idle = connect(server.address);
    idle.get_mut()
        .write_all(format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).as_bytes())
        .unwrap();
    assert_eq!(answer_of(&mut idle).status, 200);
    server.stopper.stop();
    // Nobody new is taken, and who is idle is let go.
    assert!(answered(&mut idle).is_none());
    let begun = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it still takes connections");
        std::thread::sleep(Duration::from_millis(5));
    }
    underway.get_mut().write_all(&body.as_bytes()[5..]).unwrap();
    assert_eq!(answer_of(&mut underway).status, 200);
    server.ends.join().unwrap().unwrap();
}
