//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use wash_plugin_loader::{Allow, Keep, UpdateOptions};

use crate::{
    address::Address,
    capabilities::Backend,
    code,
    control::client::{self, Running},
    failure, size,
};

/// Where plugins are looked for unless told otherwise.
pub(crate) const PLUGINS: &str = "./plugins";

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
    /// Call one function that a component exports, and print its result
    #[command(after_help = code::HELP)]
    Call(Box<Call>),
    /// Make a new plugin; look at plugins without running any of their code, or
    /// at those of a running host
    #[command(subcommand)]
    Plugin(Plugin),
    /// See, start and stop the workloads of a host that runs
    #[command(subcommand)]
    Workload(Workload),
    /// Tell what a host that runs is doing
    #[command(after_help = code::HELP)]
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Which,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The plugins of a host.
#[derive(Args, Debug)]
pub(crate) struct Plugins {
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

    #[command(flatten)]
    pub(crate) trust: Trust,
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) plugins: Plugins,

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

    /// Limit the memory of each instance of a component or service, such as
    /// 64M or 1G; none for no limit. A `memoryLimitMb` in a workload file wins
    #[arg(long, value_name = "SIZE", value_parser = size::memory,
          default_value = "256M")]
    pub(crate) memory_limit: i32,

    #[command(flatten)]
    pub(crate) http: Http,

    /// Serve metrics, in the text format of Prometheus, at this address, such
    /// as localhost:9090
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<Address>,

    #[command(flatten)]
    pub(crate) live: Live,

    /// The component (.wasm), or the workload (.yaml) in the form of
    /// wasmCloud's Workload or WorkloadDeployment; can be repeated
    #[arg(value_name = "COMPONENT|WORKLOAD", required_unless_present = "watch")]
    pub(crate) workloads: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) plugins: Plugins,

    /// Set an environment variable of the component; can be repeated
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

    /// Component (.wasm) that exports the function
    pub(crate) component: PathBuf,

    /// Name of the function, such as run; if several interfaces have one of
    /// this name, with the interface, such as greeting#run
    pub(crate) function: String,

    /// Arguments, in the text format WAVE: 1, true, '"text"', '[1, 2]',
    /// '{name: "x"}', 'some(1)'; the result is printed in the same format
    #[arg(allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

/// What is to pass that is refused otherwise.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Trust {
    /// Let plugin files pass that others than root and this user own or can
    /// write to, and such directories on the way to them
    #[arg(long)]
    pub(crate) allow_insecure_permissions: bool,

    /// Let plugins pass that need other libraries than the system's C and
    /// compiler runtimes, or look for libraries in places of their own
    #[arg(long)]
    pub(crate) allow_foreign_libraries: bool,
}

impl Trust {
    pub(crate) fn allow(self) -> Allow {
        Allow::NOTHING
            .with_insecure_permissions(self.allow_insecure_permissions)
            .with_foreign_libraries(self.allow_foreign_libraries)
    }
}

#[derive(Args, Debug)]
pub(crate) struct Live {
    /// Follow the plugin directories and the configuration file: load new
    /// plugins, update changed ones, retire removed ones; runs until it is told
    /// to stop
    #[arg(long)]
    pub(crate) watch: bool,

    /// Look at the plugin directories every so many seconds, instead of being
    /// told by the file system: for network file systems
    #[arg(long, value_name = "SECONDS", requires = "watch",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) poll: Option<u64>,

    /// How long the previous version of a plugin runs after an update, for
    /// components that still have resources or calls of it: `unused`, until
    /// they have none; or a number of seconds, after which these fail [default:
    /// unused, where a service uses the plugin; otherwise 30]
    #[arg(long, value_name = "unused|SECONDS", value_parser = previous)]
    pub(crate) keep_previous: Option<KeepPrevious>,

    /// Stop the workloads of a plugin whose file is removed, instead of
    /// keeping the plugin until they end
    #[arg(long, requires = "watch")]
    pub(crate) force_remove: bool,

    /// Start workloads that no plugin serves yet as soon as one does
    #[arg(long, requires = "watch")]
    pub(crate) retry_unbound: bool,

    /// Do without the socket at which `wash-host plugin list`, `workload` and
    /// `status` find this host
    #[arg(long)]
    pub(crate) no_control: bool,
}

/// How long the previous version of a plugin runs after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepPrevious {
    /// As long as components have something of it.
    WhileUsed,
    /// At most so many seconds.
    Seconds(u64),
}

impl Live {
    /// How plugins are updated.
    pub(crate) fn update(&self) -> UpdateOptions {
        let default = UpdateOptions::default();
        match self.keep_previous {
            None => default,
            Some(KeepPrevious::WhileUsed) => UpdateOptions {
                keep: Keep::WhileUsed,
                ..default
            },
            Some(KeepPrevious::Seconds(seconds)) => UpdateOptions {
                drain: Duration::from_secs(seconds),
                keep: Keep::Never,
                ..default
            },
        }
    }
}

/// A host that runs.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The process of the host to ask, where several run
    #[arg(long, value_name = "PID")]
    pub(crate) host: Option<u32>,
}

impl Which {
    pub(crate) fn find(&self) -> failure::Result<Running> {
        client::find(self.host)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Workload {
    /// List the workloads
    #[command(after_help = code::HELP)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Which,
    },
    /// Start a workload
    #[command(after_help = code::HELP)]
    Start {
        /// The component (.wasm) or the workload (.yaml)
        #[arg(value_name = "COMPONENT|WORKLOAD")]
        file: PathBuf,
        /// Set an environment variable of the guest; can be repeated
        #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
        env: Vec<(String, String)>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Which,
    },
    /// Stop a workload
    #[command(after_help = code::HELP)]
    Stop {
        /// Its id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Which,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Http {
    /// Take HTTP requests at this address, such as 127.0.0.1:8000 or
    /// localhost:8000, for the workloads that serve them
    #[arg(long = "http", value_name = "ADDR")]
    pub(crate) addr: Option<Address>,

    /// Serve HTTPS, with the certificate chain of a PEM file
    #[arg(long, value_name = "FILE", requires_all = ["addr", "tls_key"])]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The certificate's private key, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// How many seconds a component may take until it answers a request: one
    /// that takes longer is ended, and the client gets status 504 [default:
    /// $WASH_EPHEMERAL_CALL_TIMEOUT_SECS, or 600]
    #[arg(long, value_name = "SECONDS", requires = "addr",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) http_timeout: Option<u64>,

    /// Send every HTTP request to the workload that started last, whatever
    /// its Host header; otherwise that of those that name no host, as bare
    /// components, gets what is for no other
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
    /// List the plugins of a host that runs, or of a directory: what they
    /// serve, and why some are rejected
    #[command(after_help = code::HELP)]
    List {
        /// The directory; without, the host that runs is asked, or if there is
        /// none, it is ./plugins
        directory: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Keep running, and print the list again when something other than a
        /// counter has changed; on a terminal, keep it up to date
        #[arg(long, conflicts_with = "directory")]
        watch: bool,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        host: Which,
    },
    /// Read the plugin directories and the configuration file again now, and
    /// try again what was rejected or failed
    #[command(after_help = code::HELP)]
    Reload {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Which,
    },
    /// Switch a plugin off: no further workload is bound to it, and it is
    /// stopped when the last one ends
    #[command(after_help = code::HELP)]
    Disable {
        /// Its id
        id: String,
        /// Take down the workloads that use it
        #[arg(long)]
        force: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Which,
    },
    /// Switch a plugin on again
    #[command(after_help = code::HELP)]
    Enable {
        /// Its id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: Which,
    },
    /// Make a crate for a new plugin, and a component that calls it
    #[command(after_help = code::HELP)]
    New(New),
    /// Check a configuration against the schemas of the plugins, without
    /// running any of their code
    #[command(name = "check-config", after_help = code::HELP)]
    CheckConfig(CheckConfig),
    /// Show everything that a plugin says of itself
    #[command(after_help = code::HELP)]
    Inspect {
        /// The plugin's library
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Print WIT only: `guest` is the world of a component that uses the
        /// plugin, to build one against; `plugin` is the plugin's own world
        #[arg(
            long,
            value_name = "WHOSE",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "guest",
            conflicts_with = "json"
        )]
        wit: Option<Whose>,
        #[command(flatten)]
        trust: Trust,
    },
}

#[derive(Args, Debug)]
pub(crate) struct New {
    /// Name of the plugin and of its crate, such as my-plugin: it is made in a
    /// directory of this name
    pub(crate) name: String,

    /// Serve the interfaces of a WIT file or directory [default: an example
    /// with one function]
    #[arg(long, value_name = "PATH")]
    pub(crate) wit: Option<PathBuf>,

    /// World of the WIT that says what the plugin exports [default: its only
    /// world, or a new one that exports all its interfaces]
    #[arg(long, value_name = "WORLD", requires = "wit")]
    pub(crate) world: Option<String>,

    /// Serve a published interface, such as wasi:logging/logging, or all
    /// interfaces of its package, such as wasi:keyvalue
    #[arg(long, value_name = "NAME", conflicts_with = "wit")]
    pub(crate) interface: Option<String>,

    /// Directory of the crate wash-plugin-abi [default: the one in the checkout
    /// that this program was built from]
    #[arg(long, value_name = "DIR")]
    pub(crate) abi: Option<PathBuf>,
}

/// Whose WIT to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Whose {
    /// That of a component which uses the plugin
    Guest,
    /// The plugin's own
    Plugin,
}

#[derive(Args, Debug)]
pub(crate) struct CheckConfig {
    /// The configuration: a TOML file with tables `[plugins.ID]`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// A directory of plugins that it is for; can be repeated [default:
    /// ./plugins, unless --plugin is given]
    #[arg(long, value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,

    /// One plugin that it is for; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Vec<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) trust: Trust,
}

fn previous(text: &str) -> Result<KeepPrevious, String> {
    match (text, text.parse()) {
        ("unused", _) => Ok(KeepPrevious::WhileUsed),
        (_, Ok(seconds)) => Ok(KeepPrevious::Seconds(seconds)),
        _ => Err("it has to be `unused` or a number of seconds".to_owned()),
    }
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
        let cli = Cli::parse_from(["wash-host", "run", "x.wasm"]);
        let Command::Run(run) = cli.command else {
            panic!("it is `run`")
        };
        assert_eq!(run.memory_limit, size::DEFAULT_MEMORY_MIB);
    }
}
