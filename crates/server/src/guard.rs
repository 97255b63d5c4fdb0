//! Who is answered: a browser on this machine that asks by one of this machine's names, from this page.
//!
//! A page from elsewhere can make a browser send requests here. It cannot read answers (they say nothing that allows it), but
//! under a name of its own that points to 127.0.0.1 ("DNS rebinding") it could: so the name in `Host` must be this machine's.
//! What changes something needs the token as well, which stands in the address that the program printed.

use std::fmt;

use axum::extract::Request;
use axum::http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The header that brings the token.
pub const TOKEN: HeaderName = HeaderName::from_static("x-deltarule-token");

/// What every answer says: nothing from elsewhere is loaded, nothing is put in a frame, nothing is guessed.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        HeaderName::from_static("content-security-policy"),
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store")),
];

/// A secret of this process, or of its user.
pub struct Token(String);

impl Token {
    /// One that is known to others, too.
    pub fn of(text: String) -> Self {
        Self(text)
    }

    /// 128 random bits.
    ///
    /// # Errors
    /// Where the system has no random numbers to give.
    pub fn random() -> std::io::Result<Self> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(format!("{:032x}", u128::from_ne_bytes(bits))))
    }

    /// Whether the request brings it.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.get(TOKEN).is_some_and(|given| self.is(given.as_bytes()))
    }

    /// Whether it is this one.
    pub fn is(&self, given: &[u8]) -> bool {
        // As long for a wrong first letter as for a wrong last one.
        let own = self.0.as_bytes();
        given.len() == own.len() && given.iter().zip(own).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Answers no request that comes under another name or from another page; puts the headers on every answer.
pub async fn watch(request: Request, next: Next) -> Response {
    let mut response = if is_local(request.headers(), request.uri()) {
        next.run(request).await
    } else {
        let why = "this page is for this machine alone: ask for it by the address that the program printed\n";
        (StatusCode::FORBIDDEN, why).into_response()
    };
    response.headers_mut().extend(HEADERS);
    response
}

/// Whether the request names this machine, and comes from a page of its own, if from any.
pub fn is_local(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or(uri.host());
    let Some(host) = host else { return false };
    if !is_loopback_name(name_of(host)) {
        return false;
    }
    match headers.get(ORIGIN) {
        None => true,
        Some(origin) => origin.to_str().is_ok_and(|origin| origin == format!("http://{host}")),
    }
}

/// The name in front of a port.
fn name_of(host: &str) -> &str {
    match host.rfind(':') {
        Some(at) if !host.ends_with(']') => &host[..at],
        _ => host,
    }
}

fn is_loopback_name(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(host: &'static str, origin: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        is_local(&headers, &Uri::from_static("/"))
    }

    #[test]
    fn only_this_machines_names_are_answered() {
        for host in ["127.0.0.1:7840", "localhost:1", "LOCALHOST", "[::1]:80", "127.8.0.1"] {
            assert!(asked(host, None), "{host}");
        }
        for host in ["evil.example:7840", "127.0.0.1.evil.example", "10.0.0.1:7840", "localhost.evil", ""] {
            assert!(!asked(host, None), "{host}");
        }
        assert!(!is_local(&HeaderMap::new(), &Uri::from_static("/")), "no name at all");
    }

    #[test]
    fn a_page_from_elsewhere_is_not_answered() {
        assert!(asked("localhost:7840", Some("http://localhost:7840")));
        for origin in ["http://evil.example", "http://localhost:7841", "https://localhost:7840", "null"] {
            assert!(!asked("localhost:7840", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn the_token_is_all_of_it() {
        let token = Token::random().unwrap();
        let brings = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TOKEN, HeaderValue::from_str(text).unwrap());
            token.is_in(&headers)
        };
        assert!(brings(&token.to_string()));
        assert!(!brings("") && !brings(&token.to_string()[1..]) && !token.is_in(&HeaderMap::new()));
        assert_ne!(token.to_string(), Token::random().unwrap().to_string());
        assert_eq!(token.to_string().len(), 32);
    }
}
