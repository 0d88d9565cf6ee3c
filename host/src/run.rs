//! `wash-host run`.

use std::{
    collections::BTreeMap, env::consts::DLL_SUFFIX, path::PathBuf, pin::pin, sync::Arc,
    time::Duration,
};

use wash_plugin_loader::{
    LoadedPlugins, PluginLoader, PluginLoaderBuilder, PluginsConfig, Untrusted,
    adapt::LifecycleError,
    live::{LiveOptions, LivePlugins, Watch},
};
use wash_runtime::{
    engine::Engine,
    host::{Host, HostBuilder},
    plugin::HostPlugin,
    types::{WorkloadExit, WorkloadState},
};

use crate::{
    capabilities,
    cli::{Live, Plugins, Run},
    code::Code,
    control, descriptors,
    failure::{Failure, Result},
    http::{self, Server},
    launch::{self, Launcher, Running},
    log, metrics,
    registry::HostRegistry,
    signals::Signals,
    workload::Source,
};

/// How long a host that is not wanted any more may still take to start, so that
/// it can be stopped: as long as a plugin's hook.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long tasks that do not end by themselves may hold up the end.
const LEFTOVERS_TIMEOUT: Duration = Duration::from_millis(200);

pub(crate) fn command(options: &Run) -> Result<u8> {
    descriptors::raise_limit();
    block_on(async {
        let signals = Signals::listen().map_err(|error| Failure::new(Code::Io, error))?;
        let prepared = tokio::select! {
            prepared = prepare(options) => prepared?,
            code = signals.received() => return Ok(code.number()),
        };
        let mut starting = pin!(prepared.start(&options.live));
        let started = tokio::select! {
            started = starting.as_mut() => started?,
            code = signals.received() => {
                give_up(starting).await;
                return Ok(code.number());
            }
        };
        let launcher = Arc::clone(&started.launcher);
        let result = run(started, &options.live, &signals).await;
        launcher.stop().await;
        result
    })
}

/// Runs a future to its end, and does not wait for tasks that do not end by
/// themselves.
pub(crate) fn block_on(work: impl Future<Output = Result<u8>>) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::Io, error))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(LEFTOVERS_TIMEOUT);
    result
}

/// Stops a host that is still starting: plugins that have started are stopped,
/// too.
async fn give_up(starting: impl Future<Output = Result<Started>>) {
    match tokio::time::timeout(START_TIMEOUT, starting).await {
        Ok(Ok(started)) => started.launcher.stop().await,
        // What had started is stopped already.
        Ok(Err(failure)) => tracing::error!("{}", failure.chain()),
        Err(_) => tracing::error!(
            "the host does not start within {} seconds; its plugins are not stopped",
            START_TIMEOUT.as_secs()
        ),
    }
}

/// A host with its plugins, not started, and what it is to run.
struct Prepared {
    host: Host,
    loader: Arc<PluginLoader>,
    loaded: LoadedPlugins,
    capabilities: Vec<Arc<dyn HostPlugin>>,
    server: Option<Server>,
    /// In MiB, for each instance; zero is none.
    memory_limit: i32,
    sources: Vec<Source>,
    /// Those that nobody serves yet, and why not.
    unserved: Vec<(Source, Failure)>,
}

/// A host with its plugins.
struct Started {
    launcher: Arc<Launcher>,
    server: Option<Server>,
    sources: Vec<Source>,
}

/// Reads the workloads, loads the plugins and binds the addresses.
async fn prepare(options: &Run) -> Result<Prepared> {
    let mut read = Vec::new();
    for path in &options.workloads {
        read.extend(Source::read_all(path, &options.env)?);
    }
    check_names(&read)?;
    http::check(&options.http, &read)?;
    if let Some(address) = &options.metrics {
        metrics::serve(address).await?;
    }
    let builder = PluginLoader::builder()
        .plugins_may_come(options.live.watch)
        .metrics(options.metrics.is_some());
    let (loader, loaded) = load_plugins(builder, &options.plugins).await?;
    tell_if_there_are_none(&options.plugins.plugins, &loaded);
    let mut builder = loaded
        .register(HostBuilder::new())
        .map_err(|error| Failure::new(Code::Rejected, error))?;
    let capabilities = capabilities::choose(options.keyvalue.as_ref(), &loaded).await?;
    for plugin in &capabilities {
        builder = builder
            .with_plugin(Arc::clone(plugin))
            .map_err(|error| Failure::new(Code::Rejected, error))?;
    }
    let server = http::bind(&options.http).await?;
    if let Some(server) = &server {
        builder = builder.with_http_handler(server.handler());
    }
    let host = Engine::builder()
        .build()
        .and_then(|engine| builder.with_engine(engine).build())
        .map_err(|error| Failure::new(Code::WorkloadStart, error))?;
    let plugins: Vec<Arc<dyn HostPlugin>> = loaded
        .plugins()
        .iter()
        .map(|plugin| Arc::clone(plugin) as Arc<dyn HostPlugin>)
        .chain(capabilities.iter().map(Arc::clone))
        .collect();
    let (mut sources, mut unserved) = (Vec::new(), Vec::new());
    for mut source in read {
        match launch::check(&mut source, &host, &plugins) {
            Ok(()) => sources.push(source),
            Err(failure) if options.live.retry_unbound => unserved.push((source, failure)),
            Err(failure) => return Err(failure),
        }
    }
    Ok(Prepared {
        host,
        loader,
        loaded,
        capabilities,
        server,
        memory_limit: options.memory_limit,
        sources,
        unserved,
    })
}

/// Warns of directories without a plugin: another one may be meant.
fn tell_if_there_are_none(directories: &[PathBuf], loaded: &LoadedPlugins) {
    if directories.is_empty() || !loaded.plugins().is_empty() || !loaded.rejections().is_empty() {
        return;
    }
    let names: Vec<String> = directories
        .iter()
        .map(|directory| Untrusted::path(directory).to_string())
        .collect();
    tracing::warn!(
        "there are no plugin libraries (*{DLL_SUFFIX}) in {}",
        names.join(", ")
    );
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
pub(crate) async fn load_plugins(
    builder: PluginLoaderBuilder,
    options: &Plugins,
) -> Result<(Arc<PluginLoader>, LoadedPlugins)> {
    let mut builder = builder
        .skip_rejected(options.skip_rejected)
        .allow(options.trust.allow());
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
    let loader = Arc::new(loader);
    let loading = Arc::clone(&loader);
    match tokio::task::spawn_blocking(move || loading.load()).await {
        Ok(Ok(plugins)) => Ok((loader, plugins)),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => {
            let error = anyhow::Error::new(error).context("loading the plugins broke off");
            Err(Failure::new(Code::Rejected, error))
        }
    }
}

/// Tells why a host did not start.
pub(crate) fn not_started(error: anyhow::Error) -> Failure {
    let refused = error
        .downcast_ref::<LifecycleError>()
        .is_some_and(LifecycleError::is_about_configuration);
    match refused {
        true => Failure::new(Code::Config, error).help(
            "correct the plugin's table in the file of --config; `wash-host plugin inspect FILE` \
             shows its keys",
        ),
        false => Failure::new(Code::PluginStart, error)
            .help("correct its configuration (--config), or start the host without it"),
    }
}

impl Prepared {
    async fn start(self, live: &Live) -> Result<Started> {
        let Self {
            host,
            loader,
            loaded,
            capabilities,
            server,
            memory_limit,
            sources,
            unserved,
        } = self;
        let host = host.start().await.map_err(not_started)?;
        let options = LiveOptions {
            force: live.force_remove,
            update: live.update(),
            ..LiveOptions::default()
        };
        let registry = Arc::new(HostRegistry::new(&host, &capabilities));
        let plugins = LivePlugins::new(loader, &loaded, Arc::clone(&registry) as _, options);
        // With a server, what is exported is no riddle.
        let tells_exports = server.is_none();
        let mut launcher =
            Launcher::new(host, plugins, registry, tells_exports).with_memory_limit(memory_limit);
        if let Some(server) = &server {
            launcher = launcher.tells(server.readiness());
        }
        for (source, failure) in unserved {
            launcher.wait(source, &failure).await;
        }
        Ok(Started {
            launcher: Arc::new(launcher),
            server,
            sources,
        })
    }
}

/// Runs the workloads until all have ended, or a signal arrives.
async fn run(started: Started, live: &Live, signals: &Signals) -> Result<u8> {
    let Started {
        launcher,
        server,
        sources,
    } = started;
    // Unbound and removed when this returns.
    let _control = match live.no_control {
        true => None,
        false => control::server::open(&launcher, server.as_ref().map(Server::url)),
    };
    let mut all = Vec::new();
    for source in sources {
        tokio::select! {
            running = launcher.start(source) => all.push(running?),
            code = signals.received() => return Ok(code.number()),
        }
    }
    launcher.has_begun().await;
    if let Some(server) = &server {
        log::tell(&format!("listening on {}", server.url()));
    }
    tokio::select! {
        ended = async {
            match live.watch {
                true => follow(&launcher, live).await,
                false => until_ended(&launcher, &all).await,
            }
        } => ended,
        code = signals.received() => Ok(code.number()),
    }
}

/// Follows the plugin directories.
async fn follow(launcher: &Launcher, live: &Live) -> Result<u8> {
    let how = match live.poll {
        Some(seconds) => Watch::Poll(Duration::from_secs(seconds)),
        None => Watch::Events,
    };
    let retry = async {
        if live.retry_unbound {
            launcher.retry().await;
        }
        std::future::pending().await
    };
    tokio::select! {
        () = launcher.live().watch(how) => {}
        () = retry => {}
    }
    Ok(0)
}

/// Waits for the workloads that were started first.
async fn until_ended(launcher: &Launcher, all: &[Running]) -> Result<u8> {
    let mut code = Ok(0);
    for running in all {
        let exit = exit_code(launcher.host().wait_workload(&running.id).await);
        if matches!(code, Ok(0)) {
            code = exit;
        }
    }
    code
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
