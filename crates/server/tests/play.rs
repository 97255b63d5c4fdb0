//! The playground as its page asks it, over a real WebSocket, and as a stranger would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use deltarule_server::{Dashboard, Options};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(120);

fn serve(runs: &Path) -> (SocketAddr, String) {
    let dashboard =
        Dashboard::bind(&Options { runs: runs.to_owned(), address: "127.0.0.1:0".parse().unwrap() }).unwrap();
    let (address, url) = (dashboard.address(), dashboard.url("/"));
    let token = url.split_once("#/?token=").unwrap().1.to_owned();
    std::thread::spawn(move || dashboard.serve());
    (address, token)
}

/// A page's socket.
struct Page(WebSocket<TcpStream>);

impl Page {
    fn connect(address: SocketAddr, origin: Option<&str>) -> Result<Self, String> {
        let mut request = format!("ws://{address}/api/v1/play").into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        tungstenite::client(request, stream)
            .map(|(socket, _)| Self(socket))
            .map_err(|error| error.to_string())
    }

    /// With the token.
    fn open(address: SocketAddr, token: &str) -> Self {
        let mut page = Self::connect(address, Some(&format!("http://{address}"))).unwrap();
        page.ask(&json!({ "ask": "hello", "token": token }));
        page
    }

    fn ask(&mut self, ask: &Value) {
        self.say(&ask.to_string());
    }

    fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// The next message; `None` where the socket is closed.
    fn hear(&mut self) -> Option<Value> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message of a kind.
    fn hear_of(&mut self, kind: &str) -> Value {
        loop {
            let told = self.hear().expect("the socket is open");
            if told["tell"] == kind {
                return told;
            }
        }
    }

    /// Trains on a data set from the start; the first frame is heard.
    fn set(&mut self, data: &Value, settings: &Value) -> Value {
        self.ask(&json!({ "ask": "set", "data": data, "settings": settings }));
        let ready = self.hear_of("ready");
        assert_eq!(self.hear_of("frame")["step"], 0);
        ready
    }

    fn asked(&mut self, ask: &Value, kind: &str) -> Value {
        self.ask(ask);
        self.hear_of(kind)
    }
}

/// Status and body.
fn http(address: SocketAddr, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!("{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses reads no more.
    drop(stream.write_all(body));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.get(end + 4..).unwrap_or_default().to_vec())
}

fn get(address: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    http(address, &format!("GET {path} HTTP/1.1"), b"")
}

#[test]
fn a_network_is_set_run_held_and_looked_at() {
    let place = tempfile::tempdir().unwrap();
    let (address, token) = serve(place.path());
    let mut page = Page::open(address, &token);
    let settings = json!({ "hidden": "8,8", "batch_size": "16", "optimizer": "gradient_descent", "learning_rate": "0.1" });
    let ready = page.set(&json!({ "name": "moons" }), &settings);
    assert_eq!((&ready["parameters"], &ready["data"]["task"]), (&json!(105), &json!("classes")));
    assert_eq!(ready["said"], settings);
    assert_eq!(
        ready["data"]["points"]["x"].as_array().unwrap().len(),
        ready["data"]["rows"].as_u64().unwrap() as usize
    );

    let frame = page.asked(&json!({ "ask": "draw", "grid": 16, "units": true }), "frame");
    let maps = &frame["maps"];
    assert_eq!((maps["outputs"].as_array().unwrap().len(), maps["units"].as_array().unwrap().len()), (1, 16));
    assert_eq!(maps["outputs"][0]["bytes"].as_str().unwrap().len(), 256_usize.div_ceil(3) * 4);

    assert_eq!(page.asked(&json!({ "ask": "batch" }), "frame")["step"], 1);
    let frame = page.asked(&json!({ "ask": "epoch" }), "frame");
    let frame = if frame["running"] == true { page.hear_of("frame") } else { frame };
    assert_eq!((&frame["epoch"], &frame["step"]), (&json!(1), &ready["data"]["steps_per_epoch"]));

    // Frames come as they are drawn, and no others.
    page.ask(&json!({ "ask": "run" }));
    let mut last = page.hear_of("frame");
    for _ in 0..5 {
        page.ask(&json!({ "ask": "drawn" }));
        let frame = page.hear_of("frame");
        assert!(frame["step"].as_u64() > last["step"].as_u64() && frame["running"] == true);
        last = frame;
    }
    assert!(last["steps_per_second"].as_f64().unwrap() > 0.0);
    let paused = page.asked(&json!({ "ask": "pause" }), "frame");
    assert_eq!(paused["running"], false);

    let phase = page.asked(&json!({ "ask": "phase" }), "phase");
    assert_eq!(
        (&phase["phase"], &phase["layer"], &phase["next"]["layer"]),
        (&json!("forward"), &json!(0), &json!(1))
    );
    let parameter = json!({ "layer": 1, "from": 0, "to": 3 });
    let checked = page.asked(&json!({ "ask": "check", "parameter": parameter }), "checked");
    assert!(checked["passed"] == true || checked["kink"] == true, "{checked}");
    let ledger = page.asked(&json!({ "ask": "ledger", "parameter": parameter }), "ledger");
    assert_eq!((&ledger["parameter"], ledger["ledger"]["ledger"].is_object()), (&parameter, true));
    page.ask(&json!({ "ask": "weight", "parameter": parameter, "value": 0.75 }));
    loop {
        let frame = page.hear_of("frame");
        if frame["weights"][1]["w"][3] == 0.75 {
            break;
        }
    }
    let refused = page.asked(&json!({ "ask": "row", "row": 100_000 }), "refused");
    assert_eq!(refused["ask"], "row");
    assert_eq!(page.asked(&json!({ "ask": "row", "row": 3 }), "frame")["row"]["row"], 3);
    let again = page.asked(&json!({ "ask": "restart" }), "frame");
    assert_eq!(again["step"], 0);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (address, token) = serve(place.path());
    let mut page = Page::open(address, &token);
    assert_eq!(page.asked(&json!({ "ask": "run" }), "refused")["ask"], "run");
    page.set(&json!({ "name": "xor" }), &json!({ "hidden": "3" }));
    let step = page.asked(&json!({ "ask": "batch" }), "frame")["step"].clone();
    for spoilt in [
        "",
        "{",
        "null",
        "[1]",
        r#"{"ask":"fly"}"#,
        r#"{"ask":"hello","token":"again"}"#,
        r#"{"ask":"pause","now":1}"#,
        r#"{"ask":"rate","learning_rate":1e999}"#,
        r#"{"ask":"rate","learning_rate":-1}"#,
        r#"{"ask":"row","row":18446744073709551616}"#,
        r#"{"ask":"row","row":18446744073709551615}"#,
        r#"{"ask":"draw","grid":129,"units":true}"#,
        r#"{"ask":"draw","grid":18446744073709551615,"units":true}"#,
        r#"{"ask":"weight","parameter":{"layer":0,"from":18446744073709551615,"to":0},"value":1}"#,
        r#"{"ask":"check","parameter":{"layer":7,"from":null,"to":0}}"#,
        r#"{"ask":"set","data":{"name":"xor"},"settings":{"hidden":"1000000,1000000,1000000"}}"#,
        r#"{"ask":"set","data":{"name":"xor","rows":18446744073709551615},"settings":{}}"#,
        r#"{"ask":"set","data":{"name":"../secret"},"settings":{}}"#,
        r#"{"ask":"set","data":{"name":"xor","upload":"x","target":"y"},"settings":{}}"#,
        r#"{"ask":"set","data":{"upload":"x","target":"y"},"settings":{}}"#,
        r#"{"ask":"set","data":{"name":"xor"},"settings":{"learning_rate":"fast"}}"#,
        r#"{"ask":"import","run":"../.."}"#,
    ] {
        page.say(spoilt);
        let told = page.hear().unwrap();
        assert_eq!(told["tell"], "refused", "{spoilt}: {told}");
        assert!(!told["why"].as_str().unwrap().is_empty());
    }
    let deep = "[".repeat(60_000);
    page.say(&deep);
    assert_eq!(page.hear().unwrap()["tell"], "refused");
    let frame = page.asked(&json!({ "ask": "pause" }), "frame");
    assert_eq!((&frame["step"], &frame["row"]["row"]), (&step, &json!(0)));
}

#[test]
fn strangers_get_no_session() {
    let place = tempfile::tempdir().unwrap();
    let (address, token) = serve(place.path());
    assert!(Page::connect(address, Some("http://evil.example")).is_err_and(|why| why.contains("403")));
    for first in [json!({ "ask": "hello", "token": "0".repeat(32) }), json!({ "ask": "run" }), json!(7)] {
        let mut page = Page::connect(address, None).unwrap();
        page.ask(&first);
        assert_eq!(page.hear().unwrap()["tell"], "refused", "{first}");
        assert!(page.hear().is_none());
    }
    // A message that is too long ends the session, one that is cut off ends nothing else.
    let mut page = Page::open(address, &token);
    page.say(&"x".repeat(70 << 10));
    assert!(page.hear().is_none_or(|told| told["tell"] == "refused"));
    let mut cut = Page::open(address, &token);
    cut.0.get_mut().write_all(&[0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, 5]).unwrap();
    drop(cut);
    let mut page = Page::open(address, &token);
    page.set(&json!({ "name": "xor" }), &json!({}));
}

#[test]
fn sessions_are_bounded_and_end_with_their_sockets() {
    let place = tempfile::tempdir().unwrap();
    let (address, token) = serve(place.path());
    let mut pages: Vec<Page> = (0..8).map(|_| Page::open(address, &token)).collect();
    for page in &mut pages {
        page.set(&json!({ "name": "xor" }), &json!({}));
    }
    let mut ninth = Page::open(address, &token);
    assert!(ninth.hear().unwrap()["why"].as_str().unwrap().contains("8 sessions"));
    // One that trains, too.
    pages[0].asked(&json!({ "ask": "run" }), "frame");
    drop(pages);
    let began = Instant::now();
    loop {
        let mut page = Page::open(address, &token);
        page.ask(&json!({ "ask": "set", "data": { "name": "xor" }, "settings": {} }));
        match page.hear() {
            Some(told) if told["tell"] == "ready" => break,
            _ => assert!(began.elapsed() < PATIENCE, "their threads go on"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn tables_come_in_and_files_go_out() {
    let place = tempfile::tempdir().unwrap();
    let (address, token) = serve(place.path());
    let mut csv = String::from("a,b,y\n");
    for row in 0..120 {
        csv.push_str(&format!(
            "{},{},{}\n",
            row % 11,
            row % 7,
            if row % 11 > row % 7 { "more" } else { "less" }
        ));
    }
    let post = |token: &str, body: &[u8]| {
        let head =
            format!("POST /api/v1/play/tables?name=my%20rows.csv HTTP/1.1\r\nX-Deltarule-Token: {token}");
        http(address, &head, body)
    };
    assert_eq!(post("", csv.as_bytes()).0, 403);
    assert_eq!(post(&token, b"a,b\n1\n").0, 422);
    let (status, body) = post(&token, csv.as_bytes());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let uploaded: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&uploaded["rows"], &uploaded["columns"][2]["name"]), (&json!(120), &json!("y")));

    let mut page = Page::open(address, &token);
    let data = json!({ "upload": uploaded["upload"], "target": "y" });
    let ready = page.set(&data, &json!({ "hidden": "4", "test": "0.1" }));
    assert_eq!(
        (&ready["data"]["name"], &ready["data"]["outputs"]),
        (&json!("my rows.csv"), &json!(["less", "more"]))
    );
    page.asked(&json!({ "ask": "batch" }), "frame");
    let session = ready["session"].as_str().unwrap();
    assert_eq!(session.len(), 32);
    let (status, text) = get(address, &format!("/api/v1/play/{session}/config.toml"));
    assert_eq!(status, 200);
    let text = String::from_utf8(text).unwrap();
    let config = deltarule::config::Config::parse_toml(&text, "config.toml".as_ref()).unwrap();
    assert_eq!((config.data.as_deref(), config.hidden), (Some("my rows.csv"), Some(vec![4])));
    let (status, bytes) = get(address, &format!("/api/v1/play/{session}/model.safetensors"));
    assert_eq!(status, 200);
    let model = deltarule::model::Model::from_bytes("model.safetensors".as_ref(), bytes).unwrap();
    assert_eq!(model.encoder().classes(), ["less", "more"]);
    assert_eq!(get(address, &format!("/api/v1/play/{}/config.toml", "0".repeat(32))).0, 404);
}

/// Prints how fast training is while its page draws; asserts nothing of time, which is the machine's.
#[test]
fn training_does_not_wait_for_drawing() {
    let place = tempfile::tempdir().unwrap();
    let (address, token) = serve(place.path());
    let cases = [
        ("moons", json!({ "hidden": "8,8", "batch_size": "1" })),
        ("moons", json!({ "hidden": "8,8", "batch_size": "32" })),
        ("digits", json!({ "hidden": "128", "batch_size": "32" })),
    ];
    for (name, settings) in cases {
        let mut page = Page::open(address, &token);
        page.set(&json!({ "name": name }), &settings);
        page.asked(&json!({ "ask": "draw", "grid": 64, "units": true }), "frame");
        let first = page.asked(&json!({ "ask": "run" }), "frame");
        let (began, mut frames, mut last) = (Instant::now(), 0_u32, first.clone());
        while began.elapsed() < Duration::from_secs(2) {
            page.ask(&json!({ "ask": "drawn" }));
            last = page.hear_of("frame");
            frames += 1;
        }
        let seconds = began.elapsed().as_secs_f64();
        let steps = last["step"].as_u64().unwrap() - first["step"].as_u64().unwrap();
        let batch = &settings["batch_size"];
        println!(
            "{name}, batch {batch}: {:.0} steps/s, {:.1} frames/s",
            steps as f64 / seconds,
            f64::from(frames) / seconds
        );
        assert!(steps > 0 && frames > 1);
    }
}
