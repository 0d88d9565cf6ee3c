//! `wash-host run`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use wash_plugin_loader::{LoadedPlugins, PluginLoader, PluginsConfig};
use wash_runtime::{
    engine::Engine,
    host::{Host, HostApi, HostBuilder},
    plugin::HostPlugin,
    types::{WorkloadExit, WorkloadStartRequest, WorkloadState, WorkloadStatus},
};

use crate::{
    capabilities,
    cli::Run,
    code::Code,
    failure::{Failure, Result},
    http::{self, Server},
    log, metrics,
    signals::Signals,
    workload::{Item, Served, Source, check_imports},
};

/// How long tasks that do not end by themselves may hold up the end.
const LEFTOVERS_TIMEOUT: Duration = Duration::from_millis(200);

pub(crate) fn command(options: &Run) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::Io, error))?;
    let result = runtime.block_on(async {
        let signals = Signals::listen().map_err(|error| Failure::new(Code::Io, error))?;
        let prepared = tokio::select! {
            prepared = prepare(options) => prepared?,
            code = signals.received() => return Ok(code.number()),
        };
        let started = tokio::select! {
            started = prepared.start() => started?,
            code = signals.received() => return Ok(code.number()),
        };
        let host = Arc::clone(&started.host);
        let result = run(started, &signals).await;
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
    server: Option<Server>,
    sources: Vec<Source>,
}

/// A host with its plugins.
struct Started {
    host: Arc<Host>,
    server: Option<Server>,
    sources: Vec<Source>,
}

/// Reads the workloads, loads the plugins and binds the addresses.
async fn prepare(options: &Run) -> Result<Prepared> {
    let mut sources = options
        .workloads
        .iter()
        .map(|path| Source::read(path, &options.env))
        .collect::<Result<Vec<_>>>()?;
    check_names(&sources)?;
    http::check(&options.http, &sources)?;
    if let Some(addr) = options.metrics {
        metrics::serve(addr).await?;
    }
    let loaded = load_plugins(options).await?;
    let mut builder = loaded
        .register(HostBuilder::new())
        .map_err(|error| Failure::new(Code::Rejected, error))?;
    let mut plugins: Vec<Arc<dyn HostPlugin>> = Vec::new();
    for plugin in loaded.plugins() {
        plugins.push(Arc::clone(plugin) as _);
    }
    for plugin in capabilities::choose(options.keyvalue.as_ref(), &loaded).await? {
        builder = builder
            .with_plugin(Arc::clone(&plugin))
            .map_err(|error| Failure::new(Code::Rejected, error))?;
        plugins.push(plugin);
    }
    let server = http::bind(&options.http, &sources).await?;
    if let Some(server) = &server {
        builder = builder.with_http_handler(server.handler());
    }
    let host = Engine::builder()
        .build()
        .and_then(|engine| builder.with_engine(engine).build())
        .map_err(|error| Failure::new(Code::WorkloadStart, error))?;
    let served = Served::new(&plugins);
    for source in &mut sources {
        source.derive_interfaces(&host, &plugins, &served)?;
        check_imports(&source.items, &source.workload.host_interfaces, &served)?;
    }
    Ok(Prepared {
        host,
        server,
        sources,
    })
}

/// The host tells workloads apart by their names.
fn check_names(sources: &[Source]) -> Result<()> {
    let mut seen = BTreeMap::<&str, u32>::new();
    for source in sources {
        *seen.entry(&source.workload.name).or_default() += 1;
    }
    let shared: Vec<String> = seen
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(name, times)| format!("{times} workloads are called `{name}`"))
        .collect();
    if shared.is_empty() {
        return Ok(());
    }
    Err(Failure::message(Code::Usage, shared.join("; "))
        .help("rename the files, or give the workloads other names"))
}

/// Loads the plugins on a thread of their own: their initialisers may take
/// long, and Ctrl-C should be heard nevertheless.
async fn load_plugins(options: &Run) -> Result<LoadedPlugins> {
    let mut builder = PluginLoader::builder()
        .skip_rejected(options.skip_rejected)
        .metrics(options.metrics.is_some());
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
    async fn start(self) -> Result<Started> {
        let Self {
            host,
            server,
            sources,
        } = self;
        let host = host.start().await.map_err(|error| {
            Failure::new(Code::PluginStart, error)
                .help("correct its configuration (--config), or start the host without it")
        })?;
        Ok(Started {
            host,
            server,
            sources,
        })
    }
}

/// A workload that runs.
struct Running {
    id: String,
    is_service: bool,
}

/// Runs the workloads until all have ended, or a signal arrives.
async fn run(started: Started, signals: &Signals) -> Result<u8> {
    let Started {
        host,
        server,
        sources,
    } = started;
    let mut all = Vec::new();
    for source in sources {
        // With a server, what is exported is no riddle.
        let tells_exports = server.is_none();
        tokio::select! {
            running = start(&host, source, tells_exports) => all.push(running?),
            code = signals.received() => return Ok(code.number()),
        }
    }
    if let Some(server) = &server {
        log::tell(&format!("listening on {}", server.url()));
    }
    let runs_on = all.iter().any(|running| !running.is_service);
    let ended = async {
        let mut code = Ok(0);
        for running in &all {
            let exit = exit_code(host.wait_workload(&running.id).await);
            if matches!(code, Ok(0)) {
                code = exit;
            }
        }
        code
    };
    tokio::select! {
        code = ended => code,
        // A component has no end of its own: this is how it is stopped.
        _ = signals.received(), if runs_on => Ok(0),
        code = signals.received(), if !runs_on => Ok(code.number()),
    }
}

/// Starts one workload.
async fn start(host: &Host, source: Source, tells_exports: bool) -> Result<Running> {
    let Source {
        workload, items, ..
    } = source;
    let id = workload.name.clone();
    let is_service = workload.service.is_some();
    let request = WorkloadStartRequest {
        workload_id: id.clone(),
        workload,
    };
    let WorkloadStatus {
        workload_state,
        message,
        ..
    } = host
        .workload_start(request)
        .await
        .map_err(|error| Failure::new(Code::WorkloadStart, error))?
        .workload_status;
    if workload_state != WorkloadState::Running {
        let error =
            anyhow::Error::msg(message).context(format!("the workload `{id}` did not start"));
        return Err(Failure::new(Code::WorkloadStart, error));
    }
    if !is_service && tells_exports {
        tell_exports(&items);
    }
    Ok(Running { id, is_service })
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
    log::tell(&format!(
        "running until Ctrl-C; the workload exports {exports}"
    ));
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
