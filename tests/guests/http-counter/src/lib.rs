//! A web server that counts its requests in wasi:keyvalue and logs each: what a
//! small application with two capabilities looks like.

use wasi::keyvalue::{atomics, store};
use wasi::logging::logging::{Level, log};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

wit_bindgen::generate!({
    path: "../../wit/http",
    world: "counter",
    generate_all,
});

struct Server;

wasip2::http::proxy::export!(Server);

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, text) = match count(&path) {
            Ok(count) => (200, format!("{count}\n")),
            Err(error) => (500, format!("{error:?}\n")),
        };
        log(Level::Info, "http-counter", &format!("{path}: {}", text.trim()));

        let response = OutgoingResponse::new(Fields::new());
        response.set_status_code(status).expect("a valid status");
        let body = response.body().expect("the first body");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the first stream");
        stream.blocking_write_and_flush(text.as_bytes()).ok();
        drop(stream);
        OutgoingBody::finish(body, None).ok();
    }
}

fn count(key: &str) -> Result<u64, store::Error> {
    let bucket = store::open("default")?;
    atomics::increment(&bucket, key, 1)
}
