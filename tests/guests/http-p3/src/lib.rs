//! A web server for WASI 0.3: `/` says hello and goes on for a while after it
//! has answered, `/echo` sends the request's body back as it arrives, `/error`
//! answers with an error code, `/trap` traps.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_bindgen, wit_future, wit_stream};

wasip3::http::service::export!(Server);

struct Server;

impl Guest for Server {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        match target.as_str() {
            "/" => Ok(hello(request.get_authority())),
            "/echo" => Ok(echo(request)),
            "/error" => Err(ErrorCode::InternalError(Some("as asked".to_owned()))),
            _ => core::arch::wasm32::unreachable(),
        }
    }
}

fn hello(authority: Option<String>) -> Response {
    let (mut writer, body) = wit_stream::new();
    let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(body), trailers);
    wit_bindgen::spawn_local(async move {
        let text = format!("Hello, {}!\n", authority.unwrap_or_default());
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
