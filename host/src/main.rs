//! `wash-host`: a wasmCloud host whose capabilities are native plugins, dropped
//! into a directory as shared libraries.
//!
//! `wash-host run` starts a host with plugins and workloads; `wash-host call`
//! calls one function of a component; `wash-host plugin` makes new plugins, and
//! looks at plugins without running them. Of a host that runs, `wash-host
//! plugin`, `workload` and `status` tell and change what there is. Standard
//! output is for the guest and for listings, everything else goes to standard
//! error.

#![forbid(unsafe_code)]

mod address;
mod call;
mod capabilities;
mod check_config;
mod cli;
mod code;
mod control;
mod descriptors;
mod events;
mod failure;
mod foreign;
mod http;
mod inspect;
mod launch;
mod list;
mod log;
mod metrics;
mod new;
mod output;
mod registry;
mod run;
mod signals;
mod size;
mod table;
mod wit;
mod workload;

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, PLUGINS, Plugin, Workload};
use code::Code;
use failure::{Failure, Result};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    match execute(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code().number())
        }
    }
}

/// Tells what is wrong with the arguments, or what `--help` asks for.
fn misused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && wants_json(std::env::args_os()) {
        let code = Code::Usage.number();
        log::json_line("ERROR", &error.to_string(), &[("exit_code", code.into())]);
        return ExitCode::from(code);
    }
    error.exit()
}

/// Whether arguments that make no sense ask for a log in JSON nevertheless.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let arguments: Vec<OsString> = arguments.collect();
    let mut pairs = arguments.windows(2);
    arguments
        .iter()
        .any(|argument| argument == "--log-format=json")
        || pairs.any(|pair| matches!(pair, [a, b] if a == "--log-format" && b == "json"))
}

/// Does what was asked, and answers with the exit code.
fn execute(cli: Cli) -> Result<u8> {
    let default = match &cli.command {
        Command::Call(_) => log::ONE_CALL,
        _ => log::DEFAULT,
    };
    log::init(cli.log.as_deref(), cli.log_format, default)?;
    match cli.command {
        Command::Run(options) => run::command(&options),
        Command::Call(options) => call::command(&options),
        Command::Plugin(Plugin::List {
            directory,
            json,
            watch,
            trust,
            host,
        }) => match control::client::find_for_list(directory.as_deref(), host.host)? {
            Some(running) => control::show::plugins(&running, json, watch),
            None => {
                let default = Path::new(PLUGINS);
                if directory.is_none() && !default.exists() {
                    return Err(Failure::message(
                        Code::Missing,
                        "no host of yours is running, and there is no directory ./plugins to list \
                         instead",
                    )
                    .help("start a host with `wash-host run`, or name the directory to list"));
                }
                let directory = directory.as_deref().unwrap_or(default);
                list::command(directory, trust.allow(), json)
            }
        },
        Command::Plugin(Plugin::Reload { json, host }) => {
            control::show::reload(&host.find()?, json)
        }
        Command::Plugin(Plugin::Disable {
            id,
            force,
            json,
            host,
        }) => control::show::disable(&host.find()?, id, force, json),
        Command::Plugin(Plugin::Enable { id, json, host }) => {
            control::show::enable(&host.find()?, id, json)
        }
        Command::Workload(Workload::List { json, host }) => {
            control::show::workloads(&host.find()?, json)
        }
        Command::Workload(Workload::Start {
            file,
            env,
            json,
            host,
        }) => control::show::start(&host.find()?, &file, env, json),
        Command::Workload(Workload::Stop { id, json, host }) => {
            control::show::stop(&host.find()?, id, json)
        }
        Command::Status { json, host } => control::show::status(&host.find()?, json),
        Command::Plugin(Plugin::New(options)) => new::command(&options),
        Command::Plugin(Plugin::Inspect {
            file,
            json,
            wit,
            trust,
        }) => inspect::command(&file, trust.allow(), inspect::Form::new(json, wit)),
        Command::Plugin(Plugin::CheckConfig(options)) => check_config::command(&options),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "wash-host", &mut script);
            output::write(&script)?;
            Ok(0)
        }
    }
}
