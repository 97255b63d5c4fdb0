//! Who is answered: this machine alone, or whoever brings the token.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deltarule::{Error, ErrorKind};

use super::refusal::Refusal;
use super::routes::Shared;
use crate::guard::{self, Token};

/// Characters of a token, at least: what guessing takes too long for, if it is random.
const SHORTEST: usize = 16;
/// Bytes of its file, at most.
const LONGEST: u64 = 4096;

/// What every answer says: nothing is guessed, nothing is kept.
const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// A token that requests have to bring.
pub struct Secret(Token);

impl Secret {
    /// Reads it from a file of one line, which nobody else may read.
    ///
    /// # Errors
    /// [`ErrorKind::FileNotFound`], [`ErrorKind::Io`]; [`ErrorKind::BadFormat`] where others can read the file, or it does not hold one
    /// line of at least 16 printable characters without a space among them.
    pub fn from_file(path: &Path) -> deltarule::Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, "read", error))?;
        refuse_what_others_read(path, &file)?;
        let mut bytes = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| Error::io(path, "read", error))?;
        let got = match String::from_utf8(bytes) {
            Ok(text) if text.len() as u64 > LONGEST => format!("more than {LONGEST} bytes"),
            Ok(text) => {
                let line = text.trim();
                if line.len() < SHORTEST {
                    format!("{} characters", line.chars().count())
                } else if line.lines().count() > 1 {
                    format!("{} lines", line.lines().count())
                } else if !line.bytes().all(|byte| byte.is_ascii_graphic()) {
                    "a space, a control character or a letter beyond ASCII".to_owned()
                } else {
                    return Ok(Self(Token::of(line.to_owned())));
                }
            }
            Err(_) => "bytes that are no text".to_owned(),
        };
        let expected = format!(
            "one line of at least {SHORTEST} printable ASCII characters, such as those of: (umask 077 && head -c 24 /dev/urandom | \
             base64 > {})",
            path.display()
        );
        Err(ErrorKind::BadFormat { path: path.to_owned(), what: "the token".into(), expected, got }.into())
    }

    /// Whether the request brings it, as `Authorization: Bearer TOKEN`.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.get(AUTHORIZATION).is_some_and(|given| {
            let given = given.as_bytes();
            given.split_at_checked("bearer ".len()).is_some_and(|(scheme, token)| {
                scheme.eq_ignore_ascii_case(b"bearer ") && self.0.is(token.trim_ascii())
            })
        })
    }
}

/// Refuses a file that other users can read or write.
#[cfg(unix)]
fn refuse_what_others_read(path: &Path, file: &File) -> deltarule::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mode = file.metadata().map_err(|error| Error::io(path, "read", error))?.mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(ErrorKind::BadFormat {
        path: path.to_owned(),
        what: "the token's file".into(),
        expected: format!("one that nobody else can read: chmod 600 {}", path.display()),
        got: format!("mode {mode:04o}, open to others"),
    }
    .into())
}

/// Elsewhere the system's own lists say who may read a file.
#[cfg(not(unix))]
fn refuse_what_others_read(_: &Path, _: &File) -> deltarule::Result<()> {
    Ok(())
}

/// Answers nobody else; puts the headers on every answer.
pub async fn watch(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let refused = match &shared.secret {
        // Whether it lives is no secret: what watches over servers asks without one.
        Some(_) if request.uri().path() == "/health" => None,
        Some(secret) if secret.is_in(request.headers()) => None,
        Some(_) => Some(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "Authorization: got none, or another token; expected `Authorization: Bearer TOKEN` with the token of the file that the \
             server was started with",
        )),
        None if guard::is_local(request.headers(), request.uri()) => None,
        None => Some(Refusal::new(
            StatusCode::FORBIDDEN,
            "Host, Origin: got another name or a page from elsewhere; expected a request by the address that the program printed; \
             to serve others, start it with --token-file",
        )),
    };
    let mut response = match refused {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    response.headers_mut().extend(HEADERS);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading a file with these bytes and this mode gives.
    fn read(bytes: &[u8], mode: u32) -> deltarule::Result<Secret> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, bytes).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        Secret::from_file(&path)
    }

    #[test]
    fn a_token_is_one_long_line() {
        let secret = read(b"  0123456789abcdef\r\n", 0o600).unwrap();
        let brings = |text: &'static str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(text))]);
            secret.is_in(&headers)
        };
        assert!(brings("Bearer 0123456789abcdef") && brings("bearer  0123456789abcdef"));
        for wrong in ["0123456789abcdef", "Basic 0123456789abcdef", "Bearer", "Bearer 0123456789abcde", ""] {
            assert!(!brings(wrong), "{wrong}");
        }
        assert!(!secret.is_in(&HeaderMap::new()));
        for (bytes, got) in [
            (&b"short\n"[..], "5 characters"),
            (b"", "0 characters"),
            (b"0123456789abcdef\n0123456789abcdef\n", "2 lines"),
            (b"0123456789 abcdef", "a space"),
            ("0123456789abcdeü".as_bytes(), "beyond ASCII"),
            (b"0123456789abcdef\xff", "no text"),
            (&[b'a'; 5000], "more than 4096 bytes"),
        ] {
            let Err(error) = read(bytes, 0o600) else { panic!("it took {got}") };
            let error = error.to_string();
            assert!(error.contains(got) && error.contains("at least 16 printable"), "{error}");
        }
        assert!(
            Secret::from_file(Path::new("/nowhere/token"))
                .is_err_and(|error| error.to_string().contains("no such file"))
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_token_that_others_can_read_is_refused_with_what_to_do() {
        for mode in [0o644, 0o640, 0o604, 0o620] {
            let Err(error) = read(b"0123456789abcdef", mode) else { panic!("it took mode {mode:o}") };
            let error = error.to_string();
            assert!(error.contains(&format!("{mode:04o}")) && error.contains("chmod 600 /"), "{error}");
        }
        assert!(read(b"0123456789abcdef", 0o400).is_ok());
    }
}
