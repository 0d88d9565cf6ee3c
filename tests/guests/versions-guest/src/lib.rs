//! Asks a plugin for its version, as a web server and for tests: the path of a
//! request names a scenario, too.

use std::cell::RefCell;

use exports::test::versions::scenarios::Guest as Scenarios;
use test::versions::stamps::{self, Token};
use wasip2::exports::http::incoming_handler::Guest as Server;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

wit_bindgen::generate!({
    path: "../../wit/versions",
    world: "guest",
});

thread_local! {
    static KEPT: RefCell<Option<Token>> = const { RefCell::new(None) };
}

struct Guest;

wasip2::http::proxy::export!(Guest);
export!(Guest);

impl Scenarios for Guest {
    fn run(name: String) -> String {
        match name.as_str() {
            "stamp" => stamps::stamp(),
            "history" => stamps::history(),
            "slow" => stamps::slow(500),
            "token" => {
                let token = Token::new();
                format!("{} {}", token.made_by(), stamps::take(token))
            }
            "keep" => {
                KEPT.set(Some(Token::new()));
                stamps::stamp()
            }
            "kept" => KEPT.with_borrow(|kept| {
                kept.as_ref()
                    .map_or_else(|| "nothing".to_owned(), Token::made_by)
            }),
            "give back" => KEPT
                .take()
                .map_or_else(|| "nothing".to_owned(), stamps::take),
            other => format!("no scenario is called {other:?}"),
        }
    }
}

impl Server for Guest {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        // Two answers in one request, which have to be of one version or of
        // two that follow one another; and a resource, which has to be whole.
        let text = match path.trim_start_matches('/') {
            "slow" => stamps::slow(20),
            _ => format!("{} {}", stamps::stamp(), Self::run("token".into())),
        };
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the first body");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the first stream");
        stream.blocking_write_and_flush(text.as_bytes()).ok();
        drop(stream);
        OutgoingBody::finish(body, None).ok();
    }
}
