//! Builds what tests and demo need, so that cargo never calls cargo inside a
//! test: plugins, guest components, and plugins by other compilers.
//!
//! Run it as `cargo xtask <command>`. Everything it makes is in the workspace's
//! target directory:
//!
//! | folder           | contents                                              |
//! |------------------|-------------------------------------------------------|
//! | `guests/`        | components from `tests/guests/`                       |
//! | `plugins/`       | libraries from `sample-plugins/`                      |
//! | `plugins-faulty/`| libraries from `sample-plugins/faulty/`               |
//! | `plugins-test/`  | libraries from `tests/plugins/`                       |
//! | `foreign/`       | the test plugin as other Rust compilers build it      |
//! | `fuzz/`          | what the fuzz targets found                           |
//! | `fuzz-worlds/`   | the program that makes worlds for them                |
//! | `demo/`          | the plugin folder and configuration of `demo`         |

mod artifacts;
mod bench;
mod cmd;
mod demo;
mod encode;
mod files;
mod foreign;
mod fuzz;
mod guests;
mod other_tokio;
mod plugins;
mod progress;
mod readme;
mod recipe;
mod sanitize;
mod setup;
mod stamp;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::plugins::Profile;
use crate::setup::Purpose;
use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask",
    about = "Builds plugins and guests, runs the demo and the tests"
)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the guest components of tests/guests/ into target/guests/
    Guests {
        /// Only these (default: all)
        #[arg(value_name = "GUEST")]
        names: Vec<String>,
    },
    /// Build the plugin libraries into target/plugins/, plugins-faulty/ and plugins-test/
    Plugins {
        /// Only these packages (default: all)
        #[arg(value_name = "PACKAGE")]
        names: Vec<String>,
        /// Build with optimisations
        #[arg(long)]
        release: bool,
    },
    /// Build a logging plugin and a command, and run one against the other
    Demo,
    /// Look for what a command needs of the machine, and install what is missing
    Setup {
        /// Which command
        purpose: Purpose,
    },
    /// Build guests and plugins, then run every test and the README
    Test {
        /// Also build plugins and hosts with every other Rust compiler that rustup has, and test
        /// those
        #[arg(long)]
        all: bool,
        /// Passed to `cargo nextest run`, or `cargo test` where that is missing
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the end-to-end suite under AddressSanitizer, with a nightly compiler
    Sanitize {
        /// Passed to `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the demo, then the commands of README.md as a new user would
    Readme,
    /// Measure, with optimisations
    #[command(subcommand)]
    Bench(Bench),
    /// Run a fuzz target, `calls` for a minute say: `cargo xtask fuzz calls --seconds 60`
    Fuzz {
        /// Passed to the fuzz program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        args: Vec<String>,
    },
    /// Build the test plugin with every other Rust toolchain into target/foreign/
    Foreign,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// What a call to a loaded plugin costs, beside the same plugin compiled in; figures go to
    /// target/bench/calls.json. With `--instructions`, it counts them with valgrind instead
    Calls {
        /// Passed to the measuring program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// What finding, checking and loading plugins costs, beside the least that it takes; figures go
    /// to target/bench/load.json
    Load {
        /// Passed to the measuring program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Requests through the HTTP server, beside the least that serving a component takes; figures
    /// go to target/bench/http.json
    Http,
    /// HTTP requests while a plugin that serves them is updated; to
    /// target/bench/updates.json
    Updates,
    /// All of them, briefly and without optimisations: whether they still run
    Smoke,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    // It needs no workspace, and it may be what cargo itself lacks that is missing.
    if let Task::Setup { purpose } = task {
        return setup::prepare(purpose);
    }
    let workspace = Workspace::load()?;
    match task {
        Task::Setup { .. } => Ok(()),
        Task::Guests { names } => {
            setup::prepare(Purpose::Guests)?;
            guests::build(&workspace, &names)
        }
        Task::Plugins { names, release } => {
            let profile = if release {
                Profile::Release
            } else {
                Profile::Dev
            };
            plugins::build(&workspace, &names, profile)
        }
        Task::Demo => demo::run(&workspace),
        Task::Test { all, args } => test::run(&workspace, all, &args),
        Task::Sanitize { args } => sanitize::run(&workspace, &args),
        Task::Readme => readme::run(&workspace),
        Task::Bench(Bench::Calls { args }) => bench::calls(&workspace, &args),
        Task::Bench(Bench::Load { args }) => bench::load(&workspace, &args),
        Task::Bench(Bench::Http) => bench::http(&workspace),
        Task::Bench(Bench::Updates) => bench::updates(&workspace),
        Task::Bench(Bench::Smoke) => bench::smoke(&workspace),
        Task::Fuzz { args } => fuzz::run(&workspace, &args),
        Task::Foreign => foreign::build(&workspace),
    }
}
