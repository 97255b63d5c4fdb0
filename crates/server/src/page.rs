//! The built page and the built manual, in the binary. Their sources are the folders `web` and `docs/manual`.

use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "page/"]
struct Page;

#[derive(RustEmbed)]
#[folder = "manual/"]
struct Manual;

/// A file of the page, or of the manual below `/manual/`. The address of a view is the page itself, which reads the rest from
/// the fragment.
pub async fn file(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    // Without the slash the manual's links would lead beside it.
    if path == "manual" {
        return Redirect::permanent("/manual/").into_response();
    }
    let (path, get) = match path.strip_prefix("manual/") {
        Some(inner) => (inner, Manual::get as fn(&str) -> Option<EmbeddedFile>),
        None => (path, Page::get as _),
    };
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(file) = get(path) else {
        return (StatusCode::NOT_FOUND, format!("there is no {}\n", uri.path())).into_response();
    };
    ([(CONTENT_TYPE, kind_of(path))], file.data).into_response()
}

/// The text of one of its files.
pub fn text(path: &str) -> Option<String> {
    String::from_utf8(Page::get(path)?.data.into_owned()).ok()
}

/// The digest of one of its files, as digits.
pub fn digest(path: &str) -> Option<String> {
    let digest = Page::get(path)?.metadata.sha256_hash();
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
