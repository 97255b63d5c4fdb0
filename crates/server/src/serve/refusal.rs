//! What could not be answered, and why: `{"error": {"message": …, and the fields of which it is made}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use deltarule::{Error, ErrorKind};
use serde_json::{Map, Value, json};

/// What messages call the body of a request.
pub const SOURCE: &str = "the request";

/// A status, the words, and the fields that they are made of.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    fields: Map<String, Value>,
}

impl Refusal {
    /// Words alone.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, fields: Map::from_iter([("message".to_owned(), Value::String(message.into()))]) }
    }

    /// The same with a field that the words are made of.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// A request that is not what it should be.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// More than is taken at once.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// More is asked than can be worked through.
    pub fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server: too many requests are waiting; expected fewer at once; ask again in a second",
        )
    }

    /// A panic: our mistake, not the client's.
    pub fn mistake() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server: a mistake in deltarule itself, whose place it has told on its standard error; please report it with the \
             request",
        )
    }

    #[cfg(test)]
    pub fn message(&self) -> &str {
        self.fields["message"].as_str().unwrap()
    }

    #[cfg(test)]
    pub fn field(&self, name: &str) -> &Value {
        &self.fields[name]
    }

    #[cfg(test)]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

/// The library's errors are about the rows, but where memory or the system fails. Where its words advise a flag of the command
/// line, others stand here: a client has none.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let mend = "mend the value, or leave it empty (missing)";
        match error.kind() {
            ErrorKind::NotANumber { line, column, got, .. } => Self::bad(format!(
                "{SOURCE}, line {line}, column {column:?}: got {got:?}; expected a number; {mend}"
            ))
            .with("line", *line)
            .with("column", column.as_str())
            .with("got", got.as_str())
            .with("expected", "a number"),
            ErrorKind::InfiniteValue { line, column, got, .. } => Self::bad(format!(
                "{SOURCE}, line {line}, column {column:?}: got {got:?}; expected a finite number; {mend}"
            ))
            .with("line", *line)
            .with("column", column.as_str())
            .with("got", got.as_str())
            .with("expected", "a finite number"),
            ErrorKind::EmptyFile { .. } | ErrorKind::NoRows { .. } => Self::bad(format!(
                "{SOURCE}: got no row; expected a line of column names and at least one row; GET /v1/model names the columns"
            )),
            ErrorKind::RaggedRow { line, expected, got, .. } => {
                Self::bad(error.to_string()).with("line", *line).with("expected", *expected).with("got", *got)
            }
            ErrorKind::MissingColumn { column, similar, .. } => Self::bad(error.to_string())
                .with("column", column.as_str())
                .with("similar", similar.as_slice()),
            ErrorKind::UnusableColumn { column, .. } => {
                Self::bad(error.to_string()).with("column", column.as_str())
            }
            ErrorKind::BadFormat { expected, got, .. } => {
                Self::bad(error.to_string()).with("expected", expected.as_str()).with("got", got.as_str())
            }
            ErrorKind::NotEnoughMemory { .. } => Self::too_large(error.to_string()),
            ErrorKind::Io { .. } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            _ => Self::bad(error.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let more: Option<(HeaderName, &str)> = match self.status {
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer")),
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, "1")),
            // What is left of the body is not read.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => Some((CONNECTION, "close")),
            _ => None,
        };
        let mut response = (self.status, Json(json!({ "error": self.fields }))).into_response();
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
