//! A command that logs each of its arguments, or a greeting if it has none, and
//! exits with the code in `EXIT_CODE`, if that is set. It calls `wasi:cli/exit`
//! for that: the standard library of its target only tells success from failure,
//! so that each code but 0 becomes 1.

use std::process::ExitCode;

use wasi::cli::exit::exit_with_code;
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
            Ok(code) => exit_with_code(code),
            Err(error) => {
                eprintln!("log-command: EXIT_CODE is {text:?}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}
