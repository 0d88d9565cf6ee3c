//! `wash-host call`: calls one function that a component exports, with arguments
//! as text.

mod export;
mod types;
mod wave;

use std::{collections::HashMap, sync::Arc};

use wash_plugin_loader::PluginLoader;
use wash_plugin_loader::Untrusted;
use wash_runtime::{
    engine::{Engine, ctx::SharedCtx, workload::ResolvedWorkload},
    host::{Host, HostBuilder, http::NullServer},
    plugin::HostPlugin,
    types::{Component, Workload},
    wasmtime::{
        Store,
        component::{Instance, Val},
    },
};

use crate::{
    capabilities,
    cli::Call,
    code::Code,
    failure::{Failure, Result},
    launch, output, run,
    signals::Signals,
    workload::Source,
};
use export::Export;

/// The exit code of a function that returned `err`, as that of a command whose
/// `run` does.
const RETURNED_ERR: u8 = 1;

pub(crate) fn command(options: &Call) -> Result<u8> {
    run::block_on(async {
        let signals = Signals::listen().map_err(|error| Failure::new(Code::Io, error))?;
        let prepared = tokio::select! {
            prepared = prepare(options) => prepared?,
            code = signals.received() => return Ok(code.number()),
        };
        let host = prepared.host.start().await.map_err(run::not_started)?;
        let called = tokio::select! {
            called = call(options, prepared.engine, prepared.workload, &prepared.plugins) => called,
            code = signals.received() => Ok(Called { result: None, code: code.number() }),
        };
        if let Err(error) = host.stop().await {
            tracing::error!(
                error = format!("{error:#}"),
                "the host did not stop cleanly"
            );
        }
        let called = called?;
        // What plugins print comes before it, whatever they print at their end.
        if let Some(result) = called.result {
            output::line(&result)?;
        }
        Ok(called.code)
    })
}

/// A host with its plugins, not started, and the component.
struct Prepared {
    host: Host,
    engine: Engine,
    plugins: HashMap<&'static str, Arc<dyn HostPlugin>>,
    workload: Workload,
}

/// What a call comes to.
struct Called {
    /// As text; `None` if the function has no result.
    result: Option<String>,
    code: u8,
}

async fn prepare(options: &Call) -> Result<Prepared> {
    let mut source = Source::read(&options.component, &options.env)?;
    if !source.is_bare() {
        return Err(Failure::message(
            Code::Usage,
            format!("{} is not a component", Untrusted::path(&options.component)),
        )
        .help("name the component (.wasm) whose function is to be called"));
    }
    as_component(&mut source.workload);
    let (_, loaded) = run::load_plugins(PluginLoader::builder(), &options.plugins).await?;
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
    let no_host = |error| Failure::new(Code::WorkloadStart, error);
    let engine = Engine::builder().build().map_err(no_host)?;
    let host = builder
        .with_engine(engine.clone())
        .build()
        .map_err(no_host)?;
    launch::check(&mut source, &host, &plugins)?;
    Ok(Prepared {
        host,
        engine,
        plugins: plugins
            .into_iter()
            .map(|plugin| (plugin.id(), plugin))
            .collect(),
        workload: source.workload,
    })
}

/// A command is not run here, but its functions can be called, too.
fn as_component(workload: &mut Workload) {
    if let Some(service) = workload.service.take() {
        workload.components.push(Component {
            name: workload.name.clone(),
            bytes: service.bytes,
            local_resources: service.local_resources,
            ..Default::default()
        });
    }
}

/// Binds the component to the plugins, calls its function, and unbinds it.
async fn call(
    options: &Call,
    engine: Engine,
    workload: Workload,
    plugins: &HashMap<&'static str, Arc<dyn HostPlugin>>,
) -> Result<Called> {
    let no_start = |error: anyhow::Error| Failure::new(Code::WorkloadStart, error);
    let id = workload.name.clone();
    let compiling = engine.clone();
    let compiled =
        tokio::task::spawn_blocking(move || compiling.initialize_workload(id, workload)).await;
    let unresolved = compiled
        .map_err(|error| no_start(error.into()))?
        .map_err(no_start)?;
    let component = unresolved.component_ids().into_iter().next();
    let component = component.ok_or_else(|| {
        Failure::message(
            Code::Workload,
            "there is no component to call a function of",
        )
    })?;
    let resolved = unresolved
        .resolve(Some(plugins), Arc::new(NullServer::new()))
        .await
        .map_err(no_start)?;
    let called = call_resolved(options, &engine, &resolved, &component).await;
    resolved.unbind_all_plugins().await;
    called
}

async fn call_resolved(
    options: &Call,
    engine: &Engine,
    workload: &ResolvedWorkload,
    component: &str,
) -> Result<Called> {
    let no_start = |error: anyhow::Error| Failure::new(Code::WorkloadStart, error);
    let pre = workload.instantiate_pre(component).await;
    let pre = pre.map_err(no_start)?;
    let all = Export::all(engine.inner(), pre.component());
    let export = export::find(&all, &options.function).map_err(|problem| {
        let path = Untrusted::path(&options.component);
        Failure::message(Code::Usage, format!("{path} {problem}")).help(
            "name one function that the component exports, as in `wash-host call app.wasm run`",
        )
    })?;
    let arguments = arguments(export, &options.arguments)?;
    let (store, instance) = workload.instantiate(component).await.map_err(no_start)?;
    run_function(export, store, instance, &arguments).await
}

/// The arguments that the texts are.
fn arguments(export: &Export, texts: &[String]) -> Result<Vec<Val>> {
    let params: Vec<_> = export.ty.params().collect();
    if params.len() != texts.len() {
        let wanted = match params.len() {
            0 => "no arguments".to_owned(),
            1 => "one argument".to_owned(),
            count => format!("{count} arguments"),
        };
        return Err(Failure::message(
            Code::Usage,
            format!(
                "`{}` has {wanted}, and {} given:\n  {}",
                export.name,
                match texts.len() {
                    1 => "one is".to_owned(),
                    count => format!("{count} are"),
                },
                export.signature()
            ),
        )
        .help("give each argument as one word of the shell: put quotes around it"));
    }
    let mut values = Vec::new();
    for ((name, ty), text) in params.iter().zip(texts) {
        values.push(wave::read(ty, text).map_err(|problem| {
            let message = format!("`{name}: {}`: {problem}", types::name_of(ty));
            let failure = Failure::message(Code::Usage, message);
            failure.help(help_for(text))
        })?);
    }
    Ok(values)
}

/// Most of all, a shell has taken the quotes.
fn help_for(text: &str) -> String {
    let is_plain = text
        .chars()
        .all(|c| c.is_alphanumeric() || " _-".contains(c));
    if is_plain && !text.is_empty() {
        return format!(
            "arguments are written in WAVE, in which text has double quotes of its own: '\"{text}\"'"
        );
    }
    "arguments are written in WAVE: 1, true, '\"text\"', '[1, 2]', '{name: \"x\"}', 'some(1)'"
        .to_owned()
}

async fn run_function(
    export: &Export,
    mut store: Store<SharedCtx>,
    instance: Instance,
    arguments: &[Val],
) -> Result<Called> {
    let interface = match &export.interface {
        Some(name) => instance.get_export_index(&mut store, None, name),
        None => None,
    };
    let index = instance.get_export_index(&mut store, interface.as_ref(), &export.name);
    let function = index.and_then(|index| instance.get_func(&mut store, index));
    let function = function.ok_or_else(|| {
        let name = export.full_name();
        Failure::message(
            Code::Workload,
            format!("the component has lost its function `{name}`"),
        )
    })?;
    let mut results = vec![Val::Bool(false); export.ty.results().len()];
    let called = function.call_async(&mut store, arguments, &mut results);
    if let Err(error) = called.await {
        let limit = store.data().reached_limit();
        let cause = limit.unwrap_or_else(|| error.root_cause().to_string());
        let name = export.full_name();
        return Err(Failure::message(
            Code::Guest,
            format!("the component failed in `{name}`: {cause}"),
        ));
    }
    Ok(Called {
        code: match results.as_slice() {
            [Val::Result(Err(_))] => RETURNED_ERR,
            _ => 0,
        },
        result: results.first().map(wave::write),
    })
}
