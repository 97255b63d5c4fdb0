//! One WebSocket: text of JSON in both directions, between a page that knows the token and an engine's thread.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::sync::mpsc;

use super::engine::{Command, Engine};
use super::messages::{Ask, Tell};

/// Bytes of a message from the page, at most.
pub const LARGEST: usize = 64 << 10;
/// What may wait on either side.
const WAITING: usize = 16;
/// How long a page may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);

/// Serves a page until it goes.
pub async fn serve(mut socket: WebSocket, state: Arc<crate::State>) {
    if let Err(why) = welcome(&mut socket, &state).await {
        return part(&mut socket, close_code::POLICY, "hello", why).await;
    }
    let (to_engine, commands) = mpsc::channel(WAITING);
    let (tells, from_engine) = mpsc::channel(WAITING);
    let seat = match state.play.sessions.take(&to_engine) {
        Ok(seat) => seat,
        Err(why) => return part(&mut socket, close_code::AGAIN, "hello", why).await,
    };
    let engine = Engine { session: seat.session().to_owned(), commands, tells, state };
    let thread = std::thread::Builder::new().name("play".into());
    let begun = thread.spawn(move || {
        engine.work();
        drop(seat); // a session counts until its thread is done
    });
    if let Err(error) = begun {
        return part(&mut socket, close_code::ERROR, "hello", error.to_string()).await;
    }
    carry(&mut socket, to_engine, from_engine).await;
}

/// Waits for the token.
async fn welcome(socket: &mut WebSocket, state: &crate::State) -> Result<(), String> {
    let first = tokio::time::timeout(HELLO, socket.recv()).await;
    let Ok(Some(Ok(Message::Text(text)))) = first else {
        return Err("expected hello, with the page's token".into());
    };
    match serde_json::from_str(&text) {
        Ok(Ask::Hello { token }) if state.token.is(token.as_bytes()) => Ok(()),
        Ok(Ask::Hello { .. }) => {
            Err("open the page by the address that the program printed: it has the token".into())
        }
        _ => Err("expected hello, with the page's token".into()),
    }
}

/// Carries messages both ways until one side is gone.
async fn carry(
    socket: &mut WebSocket,
    to_engine: mpsc::Sender<Command>,
    mut from_engine: mpsc::Receiver<String>,
) {
    let mut waiting: Option<Ask> = None;
    loop {
        tokio::select! {
            told = from_engine.recv() => {
                let Some(text) = told else { return };
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
            permit = to_engine.reserve(), if waiting.is_some() => {
                let (Ok(permit), Some(ask)) = (permit, waiting.take()) else { return };
                permit.send(Command::Ask(ask));
            }
            message = socket.recv(), if waiting.is_none() => match message {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(ask) => waiting = Some(ask),
                    Err(error) => {
                        let why = format!("not of the contract: {error}");
                        if socket.send(refusal("message", why)).await.is_err() {
                            return;
                        }
                    }
                },
                Some(Ok(Message::Binary(_))) => {
                    let why = "expected text".to_owned();
                    return part(socket, close_code::UNSUPPORTED, "message", why).await;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return,
                Some(Err(error)) => {
                    let why = format!("{error}; a message has at most {LARGEST} bytes of text");
                    return part(socket, close_code::SIZE, "message", why).await;
                }
            },
        }
    }
}

fn refusal(ask: &str, why: String) -> Message {
    let told = Tell::Refused { ask: ask.to_owned(), why };
    Message::Text(serde_json::to_string(&told).unwrap_or_default().into())
}

/// Says why, and closes. Where the page is gone already nobody hears it.
async fn part(socket: &mut WebSocket, code: u16, ask: &str, why: String) {
    if socket.send(refusal(ask, why)).await.is_ok() {
        let close = CloseFrame { code, reason: "refused".into() };
        drop(socket.send(Message::Close(Some(close))).await);
    }
}
