//! A web server that logs the path of each request, without its slash, and
//! answers with it.

use wasi::logging::logging::{Level, log};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

wit_bindgen::generate!({
    path: "../../wit/http",
    world: "logger",
    generate_all,
});

struct Server;

wasip2::http::proxy::export!(Server);

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let message = path.trim_start_matches('/');
        log(Level::Info, "http-log", message);

        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the first body");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the first stream");
        stream.blocking_write_and_flush(message.as_bytes()).ok();
        drop(stream);
        OutgoingBody::finish(body, None).ok();
    }
}
