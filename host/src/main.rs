//! `wash-host`: a wasmCloud host whose capabilities are native plugins, dropped
//! into a directory as shared libraries.
//!
//! `wash-host run` starts a host with plugins and a workload;
//! `wash-host plugin` looks at plugins without running them. Standard output
//! is for the guest and for listings, everything else goes to standard error.

#![forbid(unsafe_code)]

mod capabilities;
mod cli;
mod code;
mod failure;
mod http;
mod inspect;
mod list;
mod log;
mod metrics;
mod output;
mod run;
mod signals;
mod workload;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, Plugin};
use failure::Result;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code().number())
        }
    }
}

/// Does what was asked, and answers with the exit code.
fn execute(cli: Cli) -> Result<u8> {
    log::init(cli.log.as_deref(), cli.log_format)?;
    match cli.command {
        Command::Run(options) => run::command(&options),
        Command::Plugin(Plugin::List { directory, json }) => list::command(&directory, json),
        Command::Plugin(Plugin::Inspect { file, json, wit }) => {
            inspect::command(&file, inspect::Form::new(json, wit))
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "wash-host", &mut script);
            output::write(&script)?;
            Ok(0)
        }
    }
}
