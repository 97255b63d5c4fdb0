//! What the page asks for, under `/api/v1`: JSON, and streams of server-sent events.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use deltarule::control::{Control, ControlFile};
use deltarule::health::telemetry::HEALTHY_UPDATES;
use deltarule::health::thresholds;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::models::{Refusal, Studied};
use crate::runs::{Found, Summary, Tail};
use crate::{guard, models, page, play};

type Shared = Arc<crate::State>;
type Messages = Sse<axum::response::sse::KeepAliveStream<ReceiverStream<Result<Event, Infallible>>>>;

/// The time between two looks at a file that a run writes: each message wakes three of a browser's processes, and the page is
/// seldom drawn more often.
const LOOK: Duration = Duration::from_millis(500);
/// The time between two looks at all runs.
const LOOK_AT_ALL: Duration = Duration::from_secs(1);
/// Bytes of events in one message, about; and how many events at most.
const MESSAGE: usize = 256 << 10;

/// What is said to whoever lacks the token.
const NO_TOKEN: &str = "open the page by the address that the program printed: it has the token";

/// Bytes of a control, at most.
const CONTROL: usize = 1 << 10;

/// All of it, behind the guard.
pub fn routes(state: Shared) -> Router {
    let api = Router::new()
        .route("/about", get(about))
        .route("/runs", get(runs))
        .route("/runs/{name}", get(run))
        .route("/runs/{name}/lines", get(lines))
        .route("/runs/{name}/events", get(events))
        .route("/runs/{name}/controls", post(control).layer(DefaultBodyLimit::max(CONTROL)))
        .route("/runs/{name}/rows", get(rows))
        .route("/runs/{name}/explain", get(explain))
        .route("/runs/{name}/evaluation", get(evaluation))
        .route("/changes", get(changes))
        .route("/play", any(play))
        .route("/play/tables", post(upload))
        .route("/play/{session}/config.toml", get(config))
        .route("/play/{session}/model.safetensors", get(model))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is no such thing to ask for\n") });
    Router::new()
        .nest("/api/v1", api)
        .fallback_service(get(page::file))
        .layer(middleware::from_fn(guard::watch))
        .with_state(state)
}

async fn about(State(state): State<Shared>) -> Response {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "runs": state.runs.folder().display().to_string(),
        "thresholds": thresholds(),
    }))
    .into_response()
}

/// What the page draws its lines at: the library's own, so that no second definition stands there.
pub fn thresholds() -> serde_json::Value {
    json!({
        "dead": thresholds::DEAD,
        "saturated": thresholds::SATURATED_UNITS,
        "healthy_updates": HEALTHY_UPDATES,
    })
}

async fn runs(State(state): State<Shared>) -> Response {
    match beside(move || state.runs.summaries()).await {
        Ok(runs) => Json(json!({ "runs": runs })).into_response(),
        Err(refusal) => refusal,
    }
}

async fn run(State(state): State<Shared>, Path(name): Path<String>) -> Response {
    let asked = name.clone();
    match beside(move || state.runs.whole(&name)).await {
        Ok(Some(whole)) => Json(whole).into_response(),
        Ok(None) => no_such_run(&asked),
        Err(refusal) => refusal,
    }
}

/// From where on events are told.
#[derive(Deserialize)]
struct From {
    #[serde(default)]
    after: u64,
}

/// A run's events from a place in its file on, as far as they are written: in each line the place after them, and they. Long runs are
/// read so first, and followed from there on: a browser parses a stream of messages on the page's own thread.
async fn lines(State(state): State<Shared>, Path(name): Path<String>, Query(from): Query<From>) -> Response {
    let Some(folder) = state.runs.open(&name) else { return no_such_run(&name) };
    let mut tail = Tail::new(&folder.events(), from.after);
    let (told, heard) = mpsc::channel::<Result<String, Infallible>>(2);
    tokio::spawn(async move {
        loop {
            let Some((found, back)) = read_on(tail).await else { return };
            tail = back;
            let array = array_of(&found.lines);
            let mut text = String::with_capacity(array.len() + 32);
            if found.reset {
                text.push_str("reset\n");
            }
            if !array.is_empty() {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{} {array}", tail.offset());
            }
            if told.send(Ok(text)).await.is_err() || found.whole {
                return;
            }
        }
    });
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from_stream(ReceiverStream::new(heard)))
        .into_response()
}

/// A run's events from a place in its file on, and then as they are written.
async fn events(
    State(state): State<Shared>,
    Path(name): Path<String>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Response {
    let Some(folder) = state.runs.open(&name) else { return no_such_run(&name) };
    // A browser that lost the connection says what it has.
    let had = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut tail = Tail::new(&folder.events(), had.unwrap_or(from.after));
    told_by(|messages| async move {
        let mut was_whole = false;
        loop {
            let Some((found, back)) = read_on(tail).await else { return };
            tail = back;
            if found.reset && messages.send(Ok(Event::default().event("reset").data("{}"))).await.is_err() {
                return;
            }
            let array = array_of(&found.lines);
            if !array.is_empty() {
                was_whole = false;
                let message = Event::default().event("events").id(tail.offset().to_string()).data(array);
                if messages.send(Ok(message)).await.is_err() {
                    return;
                }
            }
            if !found.whole {
                continue;
            }
            if !was_whole && messages.send(Ok(Event::default().event("whole").data("{}"))).await.is_err() {
                return;
            }
            was_whole = true;
            if messages.is_closed() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    })
    .into_response()
}

/// Asks something of a run that goes on.
async fn control(
    State(state): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(control): Json<Control>,
) -> Response {
    let refused = |status, why: &str| (status, format!("{why}\n")).into_response();
    if !state.token.is_in(&headers) {
        return refused(StatusCode::FORBIDDEN, NO_TOKEN);
    }
    let is_allowed = match control {
        Control::ScaleLearningRate { factor } => factor.is_finite() && factor > 0.0,
        Control::Stop | Control::Pause | Control::Resume | Control::Checkpoint => true,
        _ => false,
    };
    if !is_allowed {
        return refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "expected a factor above 0, or stop, pause, resume, checkpoint",
        );
    }
    let asked = name.clone();
    let written = beside(move || {
        let Some(folder) = state.runs.open(&name) else { return Ok(None) };
        if !state.runs.is_going_on(&name)? {
            return Ok(Some(false));
        }
        ControlFile::ask(&folder.controls(), &control).map_err(std::io::Error::other)?;
        Ok(Some(true))
    });
    match written.await {
        Ok(Some(true)) => StatusCode::ACCEPTED.into_response(),
        Ok(Some(false)) => {
            refused(StatusCode::CONFLICT, "no process is at this run: there is nobody to hear it")
        }
        Ok(None) => no_such_run(&asked),
        Err(refusal) => refusal,
    }
}

async fn rows(
    State(state): State<Shared>,
    Path(name): Path<String>,
    Query(asked): Query<models::Asked>,
) -> Response {
    of_model(&state, &name, move |studied| studied.rows(asked)).await
}

async fn explain(
    State(state): State<Shared>,
    Path(name): Path<String>,
    Query(question): Query<models::Question>,
) -> Response {
    of_model(&state, &name, move |studied| studied.explained(&question)).await
}

async fn evaluation(State(state): State<Shared>, Path(name): Path<String>) -> Response {
    of_model(&state, &name, |studied| studied.evaluation()).await
}

/// What is said of a run's model, on another thread; questions about one run wait for each other, and hold no thread
/// meanwhile.
async fn of_model<T: Serialize + Send + 'static>(
    state: &crate::State,
    name: &str,
    work: impl FnOnce(&mut Studied) -> Result<T, Refusal> + Send + 'static,
) -> Response {
    let Some(folder) = state.runs.open(name) else { return no_such_run(name) };
    let mut held = state.models.place(name).lock_owned().await;
    match beside(move || Ok(models::with(&mut held, &folder, work))).await {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(refusal)) => refusal.into_response(),
        Err(refusal) => refusal,
    }
}

/// All summaries, whenever one of them has changed.
async fn changes(State(state): State<Shared>) -> Response {
    told_by(|messages| async move {
        let mut last: Option<Vec<Summary>> = None;
        while !messages.is_closed() {
            let shared = state.clone();
            let Ok(now) = beside(move || shared.runs.summaries()).await else { return };
            if last.as_ref() != Some(&now) {
                let data = json!({ "runs": now }).to_string();
                if messages.send(Ok(Event::default().event("runs").data(data))).await.is_err() {
                    return;
                }
                last = Some(now);
            }
            tokio::time::sleep(LOOK_AT_ALL).await;
        }
    })
    .into_response()
}

/// A session of the playground. Who may ask is settled by its first message: a browser's sockets bring no headers.
async fn play(State(state): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.max_message_size(play::LARGEST_MESSAGE).max_frame_size(play::LARGEST_MESSAGE);
    upgrade.on_upgrade(move |socket| play::serve(socket, state))
}

/// What an uploaded file is called.
#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Takes a table to play with.
async fn upload(State(state): State<Shared>, Query(named): Query<Named>, request: Request) -> Response {
    let refused = |status: StatusCode, why: String| (status, format!("{why}\n")).into_response();
    // Before a byte of the file is read.
    if !state.token.is_in(request.headers()) {
        return refused(StatusCode::FORBIDDEN, NO_TOKEN.into());
    }
    let Ok(bytes) = axum::body::to_bytes(request.into_body(), play::LARGEST_TABLE).await else {
        let most = play::LARGEST_TABLE >> 20;
        return refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("expected a whole file of at most {most} MiB"),
        );
    };
    match beside(move || Ok(state.play.tables.keep(&named.name, bytes.into()))).await {
        Ok(Ok(uploaded)) => Json(uploaded).into_response(),
        Ok(Err(why)) => refused(StatusCode::UNPROCESSABLE_ENTITY, why),
        Err(refusal) => refusal,
    }
}

async fn config(State(state): State<Shared>, Path(session): Path<String>) -> Response {
    exported(&state, &session, play::File::Config, "config.toml", "text/plain; charset=utf-8").await
}

async fn model(State(state): State<Shared>, Path(session): Path<String>) -> Response {
    exported(&state, &session, play::File::Model, "model.safetensors", "application/octet-stream").await
}

/// A session's file, to be saved. Its link brings no header: the session's name is the secret.
async fn exported(
    state: &Shared,
    session: &str,
    file: play::File,
    name: &str,
    content: &'static str,
) -> Response {
    match state.play.sessions.export(session, file).await {
        Some(Ok(bytes)) => {
            let attached = format!("attachment; filename=\"{name}\"");
            ([(CONTENT_TYPE, content.to_owned()), (CONTENT_DISPOSITION, attached)], bytes).into_response()
        }
        Some(Err(why)) => (StatusCode::CONFLICT, format!("{why}\n")).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no such session\n").into_response(),
    }
}

/// A stream of what a task sends.
fn told_by<F: Future<Output = ()> + Send + 'static>(
    tell: impl FnOnce(mpsc::Sender<Result<Event, Infallible>>) -> F,
) -> Messages {
    // Few: a browser that is slow makes the reading slow, and nothing piles up.
    let (messages, stream) = mpsc::channel(2);
    tokio::spawn(tell(messages));
    Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::default())
}

/// What comes next in a run's file, and the place after it; nothing where the file cannot be read.
async fn read_on(mut tail: Tail) -> Option<(Found, Tail)> {
    let read = beside(move || {
        let found = tail.read(MESSAGE)?;
        Ok((found, tail))
    });
    read.await.ok()
}

/// Lines of JSON as one array; what is none is left out. Empty where none is left.
fn array_of(lines: &[Vec<u8>]) -> String {
    let mut array = String::new();
    for line in lines {
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
        if let (true, Ok(text)) = (is_json, std::str::from_utf8(line)) {
            array.push(if array.is_empty() { '[' } else { ',' });
            array.push_str(text.trim_end_matches('\r'));
        }
    }
    if !array.is_empty() {
        array.push(']');
    }
    array
}

/// Reads files on another thread.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Response> {
    let failed = |why: String| (StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")).into_response();
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn no_such_run(name: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("there is no run {name:?}\n")).into_response()
}
