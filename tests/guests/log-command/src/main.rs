//! A command that logs each of its arguments, or a greeting if it has none, and
//! exits with the code in `EXIT_CODE`, if that is set. To the host each code but
//! 0 is 1: WASI 0.2 only tells success from failure.

use std::process::ExitCode;

use wasi::logging::logging::{Level, log};

wit_bindgen::generate!({
    path: "../../wit/guest",
    world: "log-command",
    generate_all,
});

fn main() -> ExitCode {
    let mut messages: Vec<String> = std::env::args().skip(1).collect();
    if messages.is_empty() {
        messages.push("Hello from a WebAssembly component!".to_owned());
    }
    for message in &messages {
        log(Level::Info, "log-command", message);
    }
    println!("log-command: {} logged", messages.len());

    if let Ok(text) = std::env::var("EXIT_CODE") {
        match text.parse() {
            // Not `ExitCode`: it is to show that a guest may stop anywhere.
            Ok(code) => std::process::exit(code),
            Err(error) => {
                eprintln!("log-command: EXIT_CODE is {text:?}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}
