//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{capabilities::Backend, code};

/// A wasmCloud host whose capabilities are native plugins in a directory
#[derive(Debug, Parser)]
#[command(name = "wash-host", version, after_help = code::HELP)]
pub(crate) struct Cli {
    /// What to log to standard error: off, error, warn, info, debug, trace, or
    /// a filter as in RUST_LOG, which this option overrides
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,

    /// How to log
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a component or a workload, served by the plugins
    #[command(after_help = code::HELP)]
    Run(Box<Run>),
    /// Look at plugins without running any of their code
    #[command(subcommand)]
    Plugin(Plugin),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// Load the plugins of a directory
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,

    /// Load one plugin; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Vec<PathBuf>,

    /// Configure the plugins by the tables `[plugins.ID]` of a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Start without the plugins that are rejected
    #[arg(long)]
    pub(crate) skip_rejected: bool,

    /// Set an environment variable of the guest, in a workload of all its
    /// components; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,

    /// Serve wasi:keyvalue from memory, file:DIR, nats://HOST:PORT or
    /// redis://HOST:PORT, instead of from a plugin
    #[arg(
        long,
        value_name = "STORE",
        env = "WASH_KEYVALUE",
        hide_env_values = true
    )]
    pub(crate) keyvalue: Option<Backend>,

    #[command(flatten)]
    pub(crate) http: Http,

    /// Serve metrics, in the text format of Prometheus, at this address
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,

    /// The component (.wasm), or the workload (.yaml) in the form of
    /// wasmCloud's Workload or WorkloadDeployment; can be repeated
    #[arg(value_name = "COMPONENT|WORKLOAD", required = true)]
    pub(crate) workloads: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Http {
    /// Take HTTP requests at this address, such as 127.0.0.1:8000, for the
    /// workloads that serve them
    #[arg(long = "http", value_name = "ADDR")]
    pub(crate) addr: Option<SocketAddr>,

    /// Serve HTTPS, with the certificate chain of a PEM file
    #[arg(long, value_name = "FILE", requires_all = ["addr", "tls_key"])]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The certificate's private key, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Send every HTTP request to the workload that started last, whatever
    /// its Host header; bare components are served like that anyhow
    #[arg(long, requires = "addr")]
    pub(crate) dev: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// List the plugins of a directory: what they serve, and why some are
    /// rejected
    #[command(after_help = code::HELP)]
    List {
        /// The directory
        #[arg(default_value = "./plugins")]
        directory: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show everything that a plugin says of itself
    #[command(after_help = code::HELP)]
    Inspect {
        /// The plugin's library
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Print the WIT document only
        #[arg(long, conflicts_with = "json")]
        wit: bool,
    },
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it has to be NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
