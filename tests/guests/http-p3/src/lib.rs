//! A web server for WASI 0.3: `/` says hello and goes on for a while after it
//! has answered, `/echo` sends the request's body back as it arrives, `/error`
//! answers with an error code, `/hold` never answers, `/spin` never ends,
//! `/fetch?<url>` answers with what it gets from there, `/served` with how many
//! requests this instance has had and has at once, and is done when the request's
//! body is; everything else traps.

use std::cell::Cell;

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::exports::http::handler::Guest;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::{wit_bindgen, wit_future, wit_stream};

wasip3::http::service::export!(Server);

struct Server;

impl Guest for Server {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/" => Ok(text(format!("Hello, {}!\n", request.get_authority().unwrap_or_default()))),
            "/echo" => Ok(echo(request)),
            "/error" => Err(ErrorCode::InternalError(Some("as asked".to_owned()))),
            "/hold" => {
                wait_for(u64::MAX).await;
                Err(ErrorCode::ConnectionTimeout)
            }
            "/spin" => loop {
                std::hint::spin_loop();
            },
            "/fetch" => fetch(query).await,
            "/served" => Ok(served(request)),
            _ => core::arch::wasm32::unreachable(),
        }
    }
}

thread_local! {
    static SERVED: Cell<u32> = const { Cell::new(0) };
    static AT_ONCE: Cell<u32> = const { Cell::new(0) };
}

fn served(request: Request) -> Response {
    SERVED.set(SERVED.get() + 1);
    AT_ONCE.set(AT_ONCE.get() + 1);
    let served = format!("{} served, {} at once", SERVED.get(), AT_ONCE.get());
    let (mut writer, body) = wit_stream::new();
    let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(body), trailers);
    let (_, read) = wit_future::new(|| Ok(()));
    let (request, _trailers) = Request::consume_body(request, read);
    wit_bindgen::spawn_local(async move {
        writer.write_all(served.into_bytes()).await;
        request.collect().await;
        AT_ONCE.set(AT_ONCE.get() - 1);
        drop(writer);
        drop(trailers_writer);
    });
    response
}

async fn fetch(url: &str) -> Result<Response, ErrorCode> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _sent) = Request::new(Fields::new(), None, trailers, None);
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).expect("a valid scheme");
    request.set_authority(Some(authority)).expect("a valid authority");
    request.set_path_with_query(Some(path)).expect("a valid path");
    match client::send(request).await {
        Ok(response) => {
            let (_, read) = wit_future::new(|| Ok(()));
            let (body, _trailers) = Response::consume_body(response, read);
            let body = body.collect().await;
            Ok(text(String::from_utf8_lossy(&body).into_owned()))
        }
        Err(code) => Ok(text(format!("{code:?}"))),
    }
}

fn text(text: String) -> Response {
    let (mut writer, body) = wit_stream::new();
    let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(body), trailers);
    wit_bindgen::spawn_local(async move {
        writer.write_all(text.into_bytes()).await;
        drop(writer);
        drop(trailers_writer);
    });
    response
}

fn echo(request: Request) -> Response {
    let (_, read) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, read);
    let (response, _sent) = Response::new(Fields::new(), Some(body), trailers);
    response
}
