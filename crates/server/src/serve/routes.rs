//! What is asked for: `/health`, `/v1/model`, `/v1/predict`. Bodies and answers are bounded in each request, and in all of them
//! together.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use deltarule::model::{Model, Prepared};
use deltarule::table::{Format, ReadOptions, Table, read_bytes};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_stream::StreamExt;

use super::about;
use super::access::{self, Secret};
use super::refusal::{Refusal, SOURCE};
use super::rows::{Inputs, too_many_rows};
use super::workers::Workers;

/// Bytes of a request's body, at most.
pub const MOST_BYTES: usize = 32 << 20;
/// Rows of a request, at most.
pub const MOST_ROWS: usize = 100_000;
/// Bytes of an answer, at most.
const MOST_ANSWER: usize = 128 << 20;
/// KiB of all bodies that are held at once, and of all answers that are not sent yet.
const ALL_BODIES: usize = 256 << 10;
const ALL_ANSWERS: usize = 512 << 10;
/// Requests that wait for a worker.
const QUEUE: usize = 256;
/// Time for a body to arrive, and for which it waits for room.
const BODY_TIME: Duration = Duration::from_secs(60);
const ROOM_TIME: Duration = Duration::from_secs(2);

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// What every request sees.
pub struct Shared {
    workers: Workers,
    inputs: Inputs,
    reading: ReadOptions,
    /// What `/v1/model` answers.
    about: Bytes,
    /// What requests have to bring.
    pub(super) secret: Option<Secret>,
    bodies: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

impl Shared {
    /// Starts the workers.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(
        model: Model,
        reading: ReadOptions,
        secret: Option<Secret>,
        threads: usize,
    ) -> io::Result<Self> {
        let inputs = Inputs::new(model.encoder(), MOST_ROWS);
        let about = about::document(&model).to_string().into();
        Ok(Self {
            workers: Workers::start(&Arc::new(model), threads, QUEUE)?,
            inputs,
            reading: ReadOptions { format: Some(Format::Csv), limit: Some(MOST_ROWS + 1), ..reading },
            about,
            secret,
            bodies: Arc::new(Semaphore::new(ALL_BODIES)),
            answers: Arc::new(Semaphore::new(ALL_ANSWERS)),
        })
    }
}

/// All of it, behind the guard.
pub fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/v1/model", get(model))
        .route("/v1/predict", post(predict))
        .fallback(nowhere)
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), access::watch))
        .with_state(shared)
}

async fn model(State(shared): State<Arc<Shared>>) -> Response {
    ([(CONTENT_TYPE, JSON)], shared.about.clone()).into_response()
}

async fn nowhere(uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(200).collect();
    let paths = "GET /health, GET /v1/model or POST /v1/predict";
    Refusal::new(
        StatusCode::NOT_FOUND,
        format!("{path}: there is no such thing to ask for; expected {paths}"),
    )
}

async fn other_method(request: Request) -> Refusal {
    let path = request.uri().path();
    let expected = if path == "/v1/predict" { "POST" } else { "GET" };
    let message = format!("{path}: got {}; expected {expected}", request.method());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message).with("expected", expected)
}

async fn predict(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let given = given(&head.headers)?;
    let wanted = wanted(&head.headers);
    let (bytes, held) = received(&shared, &head.headers, body).await?;
    let workers = Arc::clone(&shared);
    let answer = worked(&workers.workers, move |prepared| {
        let answer = answer(&shared, prepared, given, bytes, wanted);
        drop(held);
        answer
    });
    let answer = answer.await??;
    let content = if wanted == Form::Json { JSON } else { "text/csv; charset=utf-8" };
    Ok(([(CONTENT_TYPE, content)], Body::from(Bytes::from_owner(answer))).into_response())
}

/// What a worker makes of the model.
async fn worked<T: Send + 'static>(
    workers: &Workers,
    work: impl FnOnce(&mut Prepared<'_>) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let (tell, told) = oneshot::channel();
    let job = move |prepared: &mut Prepared<'_>| {
        // Whoever has gone meanwhile is not worked for.
        if !tell.is_closed() {
            let _ = tell.send(work(prepared));
        }
    };
    workers.give(Box::new(job)).map_err(|_| Refusal::busy())?;
    // A worker that panicked tells nothing.
    told.await.map_err(|_| Refusal::mistake())
}

/// How rows or predictions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
}

/// The form of the body.
fn given(headers: &HeaderMap) -> Result<Form, Refusal> {
    let refused = |got: &str, what: &str, expected: &str| {
        let message = format!("{what}: got {got}; expected {expected}");
        Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).with("got", got).with("expected", expected)
    };
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        let got = String::from_utf8_lossy(encoding.as_bytes());
        return Err(refused(&got, "Content-Encoding", "the body as it is, not packed"));
    }
    let expected = "application/json, or text/csv in UTF-8";
    let said = headers.get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()));
    let Some(said) = said else { return Err(refused("none", "Content-Type", expected)) };
    let mut parts = said.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            let value = value.trim_matches('"');
            ["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known))
        }
        _ => true,
    });
    match kind {
        _ if !is_utf8 => {}
        _ if kind.eq_ignore_ascii_case(JSON) => return Ok(Form::Json),
        _ if kind.eq_ignore_ascii_case(CSV) => return Ok(Form::Csv),
        _ => {}
    }
    Err(refused(&said, "Content-Type", expected))
}

/// The form of the answer: the one that `Accept` likes best, JSON where it has no wish that can be met.
fn wanted(headers: &HeaderMap) -> Form {
    let said = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut best = (Form::Json, 0.0);
    for range in said.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "text/csv" | "text/*" => Form::Csv,
            "application/json" | "application/*" | "*/*" => Form::Json,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        if quality > best.1 {
            best = (form, quality);
        }
    }
    best.0
}

/// The body, and the room that it takes among all bodies.
async fn received(
    shared: &Shared,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Refusal> {
    let stated = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|length| length > MOST_BYTES as u64) {
        return Err(too_many_bytes());
    }
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut held, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>, 0);
    let all = async {
        while let Some(chunk) = chunks.next().await {
            let chunk =
                chunk.map_err(|error| Refusal::bad(format!("{SOURCE}: its body was cut off: {error}")))?;
            let length = bytes.len() + chunk.len();
            if length > MOST_BYTES {
                return Err(too_many_bytes());
            }
            let more = (length.div_ceil(1024) - room) as u32;
            let taken = Arc::clone(&shared.bodies).acquire_many_owned(more);
            let taken = tokio::time::timeout(ROOM_TIME, taken).await.map_err(|_| Refusal::busy())?;
            let taken = taken.map_err(|_| Refusal::busy())?;
            room += more as usize;
            match &mut held {
                Some(held) => held.merge(taken),
                none => *none = Some(taken),
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    match tokio::time::timeout(BODY_TIME, all).await {
        Ok(whole) => whole?,
        Err(_) => {
            let message = format!(
                "{SOURCE}: its body did not arrive within {} s; expected all of it; send it faster, or in parts",
                BODY_TIME.as_secs()
            );
            return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, message));
        }
    }
    Ok((bytes, held))
}

fn too_many_bytes() -> Refusal {
    let most = MOST_BYTES >> 20;
    Refusal::too_large(format!(
        "{SOURCE}: a body of more than {most} MiB; expected at most so much; send the rows in parts"
    ))
    .with("expected", MOST_BYTES)
}

/// Reads, predicts and writes, on a worker.
fn answer(
    shared: &Shared,
    prepared: &mut Prepared<'_>,
    given: Form,
    bytes: Vec<u8>,
    wanted: Form,
) -> Result<Answer, Refusal> {
    let table = match given {
        Form::Json => shared.inputs.table(&bytes)?,
        Form::Csv => csv(shared, bytes)?,
    };
    let mut text = Text { bytes: Vec::new(), is_full: false };
    let (mut rows, mut written) = (0, Ok(()));
    if wanted == Form::Json {
        text.bytes.extend_from_slice(b"{\"predictions\":[");
    }
    let predicted = prepared.predict_in_blocks(&table, &mut |block| {
        written = match wanted {
            Form::Json => block.write_json_rows(rows > 0, &mut text),
            Form::Csv if rows > 0 => block.write_csv_rows(&mut text),
            Form::Csv => block.write_csv(&mut text),
        };
        rows += block.rows();
        written
            .as_ref()
            .map_err(|error| deltarule::Error::io("the answer", "write", error.kind().into()))
            .copied()
    });
    if text.is_full {
        let most = MOST_ANSWER >> 20;
        return Err(Refusal::too_large(format!(
            "{SOURCE}: an answer of more than {most} MiB; expected at most so much; send fewer rows at once"
        )));
    }
    predicted?;
    if wanted == Form::Json {
        text.bytes.extend_from_slice(format!("],\"rows\":{rows}}}").as_bytes());
    }
    let room = text.bytes.len().div_ceil(1024) as u32;
    let held = Arc::clone(&shared.answers).try_acquire_many_owned(room).map_err(|_| Refusal::busy())?;
    Ok(Answer { text: text.bytes, _held: held })
}

/// The table of a request's CSV, read as `deltarule predict` reads a file.
fn csv(shared: &Shared, bytes: Vec<u8>) -> Result<Table, Refusal> {
    // A small body would become one without bounds.
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let message = format!("{SOURCE}: got what is packed by gzip; expected CSV as it is; unpack it");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let table = read_bytes(bytes, SOURCE, &shared.reading)?;
    if table.rows() > MOST_ROWS { Err(too_many_rows(MOST_ROWS)) } else { Ok(table) }
}

/// An answer on its way, which holds its room until it is sent.
struct Answer {
    text: Vec<u8>,
    _held: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// Text that does not grow beyond what an answer may have.
struct Text {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Text {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > MOST_ANSWER {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use axum::http::HeaderValue;

    use super::*;
    use crate::serve::about::tests::model_of_two_numbers;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_panic_is_answered_and_the_next_request_too() {
        let workers = Workers::start(&Arc::new(model_of_two_numbers()), 1, 2).unwrap();
        let panics = worked(&workers, |_| -> u32 { panic!("on purpose, by a test") });
        let refusal = block_on(panics).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(refusal.message().contains("a mistake in deltarule itself"), "{refusal:?}");
        assert_eq!(block_on(worked(&workers, |_| 7)).unwrap(), 7);
    }

    #[test]
    fn who_comes_when_the_queue_is_full_is_told_to_come_again() {
        let workers = Workers::start(&Arc::new(model_of_two_numbers()), 1, 1).unwrap();
        let ((begun, begins), (go, gone)) = (channel(), channel());
        let first = worked(&workers, move |_| {
            begun.send(()).unwrap();
            gone.recv().unwrap();
            1
        });
        block_on(async {
            let mut first = std::pin::pin!(first);
            // Polled once it is given to the worker; then it waits.
            assert!(tokio::time::timeout(Duration::from_millis(1), first.as_mut()).await.is_err());
            begins.recv().unwrap();
            let mut second = std::pin::pin!(worked(&workers, |_| 2));
            assert!(tokio::time::timeout(Duration::from_millis(1), second.as_mut()).await.is_err());
            let third = worked(&workers, |_| 3).await.unwrap_err();
            let response = third.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()["retry-after"], "1");
            go.send(()).unwrap();
            assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 2));
        });
    }

    #[test]
    fn a_body_waits_for_room_and_is_refused_where_none_comes() {
        let shared = Shared::new(model_of_two_numbers(), ReadOptions::default(), None, 1).unwrap();
        let all = block_on(Arc::clone(&shared.bodies).acquire_many_owned(ALL_BODIES as u32)).unwrap();
        let headers = HeaderMap::new();
        let receive = || received(&shared, &headers, Body::from("[]"));
        assert_eq!(block_on(receive()).unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(all);
        let (bytes, held) = block_on(receive()).unwrap();
        assert_eq!((bytes.as_slice(), shared.bodies.available_permits()), (&b"[]"[..], ALL_BODIES - 1));
        drop(held);
        assert_eq!(shared.bodies.available_permits(), ALL_BODIES);
    }

    fn headers(name: axum::http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_form_of_a_body_is_what_it_says() {
        for (said, form) in [
            ("application/json", Form::Json),
            ("Application/JSON; charset=UTF-8", Form::Json),
            ("text/csv", Form::Csv),
            ("text/csv;header=present; charset=\"utf-8\"", Form::Csv),
        ] {
            assert_eq!(given(&headers(CONTENT_TYPE, said)).unwrap(), form, "{said}");
        }
        for said in
            ["", "text/plain", "application/x-www-form-urlencoded", "text/csv; charset=latin1", "json"]
        {
            let refusal = given(&headers(CONTENT_TYPE, said)).unwrap_err();
            assert_eq!(refusal.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{said}");
            assert!(refusal.message().contains("text/csv") && refusal.field("got") == said, "{refusal:?}");
        }
        assert!(given(&HeaderMap::new()).is_err());
        let mut packed = headers(CONTENT_TYPE, CSV);
        packed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(given(&packed).is_err_and(|refusal| refusal.message().contains("not packed")));
    }

    #[test]
    fn the_form_of_the_answer_is_the_one_that_is_liked_best() {
        for (said, form) in [
            ("text/csv", Form::Csv),
            ("text/csv, application/json", Form::Csv),
            ("application/json, text/csv", Form::Json),
            ("application/json;q=0.5, text/csv;q=0.8", Form::Csv),
            ("text/csv;q=0, */*;q=0.1", Form::Json),
            ("*/*", Form::Json),
            ("image/png", Form::Json),
            ("", Form::Json),
        ] {
            assert_eq!(wanted(&headers(ACCEPT, said)), form, "{said}");
        }
        assert_eq!(wanted(&HeaderMap::new()), Form::Json);
    }

    #[test]
    fn an_answer_does_not_grow_without_bounds() {
        let mut text = Text { bytes: vec![0; MOST_ANSWER - 2], is_full: false };
        text.write_all(b"ab").unwrap();
        assert!(text.write_all(b"c").is_err() && text.is_full);
        assert_eq!(text.bytes.len(), MOST_ANSWER);
    }
}
