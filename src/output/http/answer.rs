//! Answers: a whole body, or a stream of events.

use crate::output::live::Told;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Interval, MissedTickBehavior};

/// A connection on which nothing is told gets a comment so often, so that both ends know that the other is there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The body of an answer.
pub enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// Server-sent events (HTML Living Standard, section 9.2).
    Events {
        /// What is to be told.
        queue: Rc<RefCell<Receiver<Told>>>,
        /// When to give a sign of life.
        beat: Interval,
    },
}

/// An answer.
pub type Answer = Response<Content>;

/// JSON.
pub fn json(status: StatusCode, text: String) -> Answer {
    whole(status, "application/json; charset=utf-8", text.into_bytes())
}

/// `{"error": …}`.
pub fn error(status: StatusCode, why: &str) -> Answer {
    let mut w = crate::output::JsonWriter::compact();
    w.object(|w| w.key("error").string(why));
    json(status, w.text().to_owned() + "\n")
}

/// A whole body that nobody keeps.
pub fn whole(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Content::Whole(Some(body.into())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A stream of events.
pub fn events(queue: Rc<RefCell<Receiver<Told>>>) -> Answer {
    let mut beat = tokio::time::interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answer = Response::new(Content::Events { queue, beat });
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What every answer says to a browser: load nothing from elsewhere, guess no type, show this in no other page.
pub fn protect(answer: &mut Answer) {
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
    ] {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Events { queue, beat } => {
                let told = queue.borrow_mut().poll_recv(context);
                match told {
                    Poll::Ready(Some(told)) => {
                        beat.reset();
                        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&told)))))
                    }
                    Poll::Ready(None) => Poll::Ready(None),
                    // The first beat comes at once, and tells the browser that it is connected.
                    Poll::Pending => {
                        beat.poll_tick(context).map(|_| Some(Ok(Frame::data(Bytes::from_static(b":\n\n")))))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Events { .. } => SizeHint::default(),
        }
    }
}
