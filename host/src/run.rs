//! `wash-host run`.

use std::{sync::Arc, time::Duration};

use wash_plugin_loader::{LoadedPlugins, PluginLoader, PluginsConfig};
use wash_runtime::{
    engine::Engine,
    host::{Host, HostApi, HostBuilder},
    types::{WorkloadExit, WorkloadStartRequest, WorkloadState, WorkloadStatus},
};

use crate::{
    cli::Run,
    code::Code,
    failure::{Failure, Result},
    signals::Signals,
    workload::{Item, Served, Source, check_imports},
};

/// How long tasks that do not end by themselves may hold up the end.
const LEFTOVERS_TIMEOUT: Duration = Duration::from_millis(200);

pub(crate) fn command(options: Run) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::Io, error))?;
    let result = runtime.block_on(async {
        let signals = Signals::listen().map_err(|error| Failure::new(Code::Io, error))?;
        let prepared = tokio::select! {
            prepared = prepare(&options) => prepared?,
            code = signals.received() => return Ok(code.number()),
        };
        let (host, source) = tokio::select! {
            started = prepared.start() => started?,
            code = signals.received() => return Ok(code.number()),
        };
        let result = run(&host, source, &signals).await;
        if let Err(error) = Arc::clone(&host).stop().await {
            tracing::error!(
                error = format!("{error:#}"),
                "the host did not stop cleanly"
            );
        }
        result
    });
    runtime.shutdown_timeout(LEFTOVERS_TIMEOUT);
    result
}

/// A host with its plugins, not started, and what it is to run.
struct Prepared {
    host: Host,
    source: Source,
}

/// Reads the workload and loads the plugins.
async fn prepare(options: &Run) -> Result<Prepared> {
    let mut source = Source::read(&options.workload, &options.env)?;
    let plugins = load_plugins(options).await?;
    let builder = plugins
        .register(HostBuilder::new())
        .map_err(|error| Failure::new(Code::Rejected, error))?;
    let host = Engine::builder()
        .build()
        .and_then(|engine| builder.with_engine(engine).build())
        .map_err(|error| Failure::new(Code::WorkloadStart, error))?;
    let served = Served::new(&plugins);
    source.derive_interfaces(&host, &plugins, &served)?;
    check_imports(&source.items, &source.workload.host_interfaces, &served)?;
    Ok(Prepared { host, source })
}

/// Loads the plugins on a thread of their own: their initialisers may take
/// long, and Ctrl-C should be heard nevertheless.
async fn load_plugins(options: &Run) -> Result<LoadedPlugins> {
    let mut builder = PluginLoader::builder().skip_rejected(options.skip_rejected);
    for directory in &options.plugins {
        builder = builder.directory(directory);
    }
    for file in &options.plugin {
        builder = builder.file(file);
    }
    if let Some(path) = &options.config {
        builder = builder.config(PluginsConfig::from_file(path)?);
    }
    let loader = builder
        .build()
        .map_err(|error| Failure::new(Code::Config, error))?;
    match tokio::task::spawn_blocking(move || loader.load()).await {
        Ok(Ok(plugins)) => Ok(plugins),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => {
            let error = anyhow::Error::new(error).context("loading the plugins broke off");
            Err(Failure::new(Code::Rejected, error))
        }
    }
}

impl Prepared {
    async fn start(self) -> Result<(Arc<Host>, Source)> {
        let Self { host, source } = self;
        let host = host.start().await.map_err(|error| {
            Failure::new(Code::PluginStart, error)
                .help("correct its configuration (--config), or start the host without it")
        })?;
        Ok((host, source))
    }
}

/// Runs the workload until it ends, or a signal arrives.
async fn run(host: &Host, source: Source, signals: &Signals) -> Result<u8> {
    let Source {
        workload, items, ..
    } = source;
    let id = workload.name.clone();
    let is_service = workload.service.is_some();
    let request = WorkloadStartRequest {
        workload_id: id.clone(),
        workload,
    };
    let response = tokio::select! {
        response = host.workload_start(request) => response,
        code = signals.received() => return Ok(code.number()),
    };
    let WorkloadStatus {
        workload_state,
        message,
        ..
    } = response
        .map_err(|error| Failure::new(Code::WorkloadStart, error))?
        .workload_status;
    if workload_state != WorkloadState::Running {
        let error = anyhow::Error::msg(message).context("the workload did not start");
        return Err(Failure::new(Code::WorkloadStart, error));
    }
    if !is_service {
        tell_exports(&items);
    }
    tokio::select! {
        exit = host.wait_workload(&id) => exit_code(exit),
        // A component has no end of its own: this is how it is stopped.
        _ = signals.received(), if !is_service => Ok(0),
        code = signals.received(), if is_service => Ok(code.number()),
    }
}

/// Says why nothing seems to happen.
fn tell_exports(items: &[Item]) {
    let exports: Vec<&str> = items
        .iter()
        .flat_map(|item| item.names.exports.iter().map(String::as_str))
        .collect();
    let exports = match exports.as_slice() {
        [] => "nothing, so nothing can call it".to_owned(),
        _ => exports
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    eprintln!("running until Ctrl-C; the workload exports {exports}");
}

/// The guest's own code, or why it has none.
fn exit_code(exit: WorkloadExit) -> Result<u8> {
    match exit.exit_code {
        // A code that a process cannot end with is a failure nevertheless.
        Some(code) => Ok(u8::try_from(code).unwrap_or(1)),
        None if exit.workload_state == WorkloadState::Stopping => Ok(0),
        None => Err(Failure::message(Code::Guest, exit.message)),
    }
}
