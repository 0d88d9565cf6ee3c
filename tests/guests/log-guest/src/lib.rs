//! Logs the message it is given and says so.

use wasi::logging::logging::{Level, log};

wit_bindgen::generate!({
    path: "../../wit/guest",
    world: "log-guest",
    generate_all,
});

struct LogGuest;

impl exports::demo::guest::run::Guest for LogGuest {
    fn run(message: String) -> String {
        log(Level::Info, "log-guest", &message);
        format!("logged: {message}")
    }
}

export!(LogGuest);
