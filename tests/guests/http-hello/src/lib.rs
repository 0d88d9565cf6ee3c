//! A web server with a path for each thing that a host must cope with:
//!
//! | path            | what it does                                         |
//! |-----------------|------------------------------------------------------|
//! | `/`             | says hello                                           |
//! | `/authority`    | says for which host the request is                   |
//! | `/echo`         | sends the request's body back, as it arrives         |
//! | `/served`       | how many requests this instance has had              |
//! | `/fetch?<url>`  | answers with what it gets from there                 |
//! | `/never-read`   | answers without reading the body                     |
//! | `/no-response`  | returns without answering                            |
//! | `/trap`         | traps                                                |
//! | `/trap-late`    | traps when half of the body is written               |
//! | `/spin`         | never ends                                           |
//! | `/hold`         | waits for ever, without answering or reading         |
//! | `/allocate`     | wants more and more memory                           |
//! | `/recurse`      | calls itself for ever                                |
//! | `/late?<url>`   | answers, then goes there twice                       |

use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, IncomingResponse, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

struct Server;

wasip2::http::proxy::export!(Server);

static SERVED: AtomicU32 = AtomicU32::new(0);

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let served = SERVED.fetch_add(1, Ordering::Relaxed) + 1;
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/" => text(out, 200, "Hello from a WebAssembly component!\n"),
            "/authority" => text(out, 200, &request.authority().unwrap_or_default()),
            "/echo" => echo(&request, out),
            "/served" => text(out, 200, &served.to_string()),
            "/fetch" => fetch(query, out),
            "/never-read" => text(out, 200, "not read\n"),
            "/no-response" => {}
            "/trap" => core::arch::wasm32::unreachable(),
            "/trap-late" => {
                let body = respond(out, 200);
                let stream = body.write().expect("the first stream");
                stream.blocking_write_and_flush(b"half").ok();
                core::arch::wasm32::unreachable()
            }
            "/spin" => loop {
                std::hint::spin_loop();
            },
            "/hold" => subscribe_duration(u64::MAX).block(),
            "/allocate" => allocate(),
            "/recurse" => text(out, 200, &recurse().to_string()),
            "/late" => {
                text(out, 200, "there is more to do\n");
                for _ in 0..2 {
                    visit(query).ok();
                }
            }
            _ => text(out, 404, "there is nothing here\n"),
        }
    }
}

fn allocate() {
    let mut all = Vec::new();
    loop {
        all.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&all);
    }
}

#[inline(never)]
fn recurse() -> u32 {
    match SERVED.fetch_add(1, Ordering::Relaxed) {
        u32::MAX => 1,
        _ => recurse().rotate_left(1),
    }
}

fn respond(out: ResponseOutparam, status: u16) -> OutgoingBody {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("a valid status");
    let body = response.body().expect("the first body");
    ResponseOutparam::set(out, Ok(response));
    body
}

fn text(out: ResponseOutparam, status: u16, text: &str) {
    let body = respond(out, status);
    let stream = body.write().expect("the first stream");
    stream.blocking_write_and_flush(text.as_bytes()).ok();
    drop(stream);
    OutgoingBody::finish(body, None).ok();
}

fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().expect("the first body");
    let outgoing = respond(out, 200);
    copy(incoming, outgoing);
}

fn fetch(url: &str, out: ResponseOutparam) {
    match visit(url) {
        Ok(response) => {
            let incoming = response.consume().expect("the first body");
            copy(incoming, respond(out, response.status()));
        }
        Err(code) => text(out, 502, &format!("{code:?}")),
    }
}

fn visit(url: &str) -> Result<IncomingResponse, ErrorCode> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let request = OutgoingRequest::new(Fields::new());
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).expect("a valid scheme");
    request.set_authority(Some(authority)).expect("a valid authority");
    request.set_path_with_query(Some(path)).expect("a valid path");
    let response = outgoing_handler::handle(request, None)?;
    response.subscribe().block();
    response.get().expect("it is ready").expect("it is taken once")
}

/// Passes a body on as it arrives.
fn copy(incoming: IncomingBody, outgoing: OutgoingBody) {
    let input = incoming.stream().expect("the first stream");
    let output = outgoing.write().expect("the first stream");
    let ended = pump(&input, &output);
    drop((input, output));
    if ended {
        OutgoingBody::finish(outgoing, None).ok();
    }
}

/// Whether the body was passed on to its end.
fn pump(input: &InputStream, output: &OutputStream) -> bool {
    loop {
        match input.blocking_read(64 << 10) {
            Ok(chunk) => {
                for part in chunk.chunks(4096) {
                    if output.blocking_write_and_flush(part).is_err() {
                        return false;
                    }
                }
            }
            Err(StreamError::Closed) => return true,
            Err(StreamError::LastOperationFailed(_)) => return false,
        }
    }
}
