//! Which path is answered by what. The list is fixed: any other path is not found, and counts as that alone.

use super::answer::{self, Answer};
use super::connections::Slot;
use super::query::Query;
use super::site::Site;
use super::{api, assets, guard};
use crate::output::prometheus::{Format, accepts_gzip, compressed};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

/// Shorter answers are not worth compressing.
const COMPRESS_FROM: usize = 1_024;

/// Answers a request, whatever it is.
pub async fn answer<B>(site: Rc<Site>, request: Request<B>, slot: Rc<Slot>) -> Result<Answer, Infallible> {
    let mut answer = answered(&site, &request, &slot).await;
    answer::protect(&mut answer);
    for (name, value) in &site.web().headers {
        answer.headers_mut().insert(name.clone(), value.clone());
    }
    site.live.metrics.serving.answered(answer.status().as_u16());
    Ok(answer)
}

async fn answered<B>(site: &Site, request: &Request<B>, slot: &Slot) -> Answer {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if let Err((status, why)) = guard::check(method, uri, headers, &site.allowed_hosts) {
        return refused(status, why);
    }
    let web = site.web();
    if !web.users.is_empty() && !site.known.is_right(&web, headers).await {
        let mut answer = answer::error(StatusCode::UNAUTHORIZED, "name and password are wanted");
        let realm = HeaderValue::from_static("Basic realm=\"swarmscope\", charset=\"UTF-8\"");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        return answer;
    }
    let path = uri.path();
    if path == "/-/reload" {
        return reload(site, method, headers);
    }
    if *method == Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
    }
    let people = site.may_see_people(&web);
    match path {
        "/-/healthy" => plain(StatusCode::OK, "healthy\n"),
        "/-/ready" if site.live.is_ready() => plain(StatusCode::OK, "ready\n"),
        "/-/ready" => plain(StatusCode::SERVICE_UNAVAILABLE, "no packet source is being read yet\n"),
        _ if path == site.metrics_path => metrics(site, headers, people),
        _ if !people && !is_asset(path) => {
            let known = path == "/" || path.starts_with("/api/v1/");
            let why = "who talks to whom is told only to those who say who they are: set up TLS and users";
            if known { answer::error(StatusCode::FORBIDDEN, why) } else { not_found() }
        }
        "/api/v1/events" => events(site, method, slot),
        _ => match path.strip_prefix("/api/v1/") {
            Some(rest) => {
                let query = Query::parse(uri.query().unwrap_or_default());
                squeezed(api::answer(&site.live, rest, &query).unwrap_or_else(not_found), headers)
            }
            None => assets::answer(path, headers).map_or_else(not_found, |a| squeezed(a, headers)),
        },
    }
}

/// Files of the page that say nothing about anybody.
fn is_asset(path: &str) -> bool {
    path.starts_with("/assets/")
}

fn metrics(site: &Site, headers: &HeaderMap, people: bool) -> Answer {
    let format = Format::accepted(&listed(headers, header::ACCEPT));
    let gzip = accepts_gzip(&listed(headers, header::ACCEPT_ENCODING));
    match site.metrics(format, gzip, people) {
        Ok(body) => {
            let mut answer = answer::whole(StatusCode::OK, format.content_type(), body);
            if gzip {
                answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            vary(&mut answer, "accept, accept-encoding");
            answer
        }
        Err(error) => answer::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn events(site: &Site, method: &Method, slot: &Slot) -> Answer {
    if *method == Method::HEAD {
        return answer::whole(StatusCode::OK, "text/event-stream; charset=utf-8", Vec::new());
    }
    let Some(queue) = site.live.listeners.listen() else {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "too many listen already");
    };
    let queue = Rc::new(RefCell::new(queue));
    slot.listening(Rc::clone(&queue));
    answer::events(queue)
}

fn reload(site: &Site, method: &Method, headers: &HeaderMap) -> Answer {
    let Some(reload) = &site.reload else { return not_found() };
    if *method != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "a reload is asked for with POST");
    }
    if !guard::is_own_request(headers) {
        return answer::error(StatusCode::FORBIDDEN, "another site may not ask for this");
    }
    reload();
    plain(StatusCode::ACCEPTED, "reload asked for\n")
}

fn refused(status: StatusCode, why: &str) -> Answer {
    let mut answer = answer::error(status, why);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    answer
}

fn not_found() -> Answer {
    answer::error(StatusCode::NOT_FOUND, "there is nothing here")
}

fn plain(status: StatusCode, text: &str) -> Answer {
    answer::whole(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
}

/// Compresses an answer that is worth it, for who takes it.
fn squeezed(answer: Answer, headers: &HeaderMap) -> Answer {
    let (mut parts, body) = answer.into_parts();
    let body = match body {
        answer::Content::Whole(Some(bytes))
            if bytes.len() >= COMPRESS_FROM && accepts_gzip(&listed(headers, header::ACCEPT_ENCODING)) =>
        {
            match compressed(&bytes) {
                Ok(small) => {
                    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    answer::Content::Whole(Some(small.into()))
                }
                Err(_) => answer::Content::Whole(Some(bytes)),
            }
        }
        body => body,
    };
    let mut answer = Answer::from_parts(parts, body);
    vary(&mut answer, "accept-encoding");
    answer
}

fn vary(answer: &mut Answer, on: &'static str) {
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static(on));
}

/// All values of a header that is a list, as one.
fn listed(headers: &HeaderMap, name: header::HeaderName) -> String {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    values.join(",")
}
