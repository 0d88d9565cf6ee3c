//! [`Recorder`], a plugin that writes down what happens to it.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use anyhow::bail;
use async_trait::async_trait;
use tokio::sync::Notify;
use wash_runtime::{
    engine::workload::{ResolvedWorkload, UnresolvedWorkload, WorkloadItem},
    plugin::{HostPlugin, WitInterfaces, WorkloadFailureSink},
    wit::{WitInterface, WitWorld},
};

/// What happened, in order, to all plugins that share it.
#[derive(Clone, Default)]
pub(crate) struct Log {
    events: Arc<Mutex<Vec<String>>>,
}

impl Log {
    pub(crate) fn add(&self, event: impl Into<String>) {
        self.events.lock().unwrap().push(event.into());
    }

    /// The events since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }
}

/// Where a plugin waits until the test lets it go on.
#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) reached: Notify,
    pub(crate) open: Notify,
}

/// What a method does besides being recorded.
#[derive(Clone)]
pub(crate) enum Act {
    Fail,
    Panic,
    Hang,
    Wait(Arc<Gate>),
}

pub(crate) struct Recorder {
    id: &'static str,
    world: WitWorld,
    named: bool,
    refuses: Option<&'static str>,
    acts: Vec<(&'static str, Act)>,
    log: Log,
    pub(crate) sink: Mutex<Option<WorkloadFailureSink>>,
    pub(crate) resolved: Mutex<Vec<(ResolvedWorkload, String)>>,
}

impl Recorder {
    /// A plugin that lists what it serves as exports.
    pub(crate) fn new(id: &'static str, serves: &[&str], log: &Log) -> Self {
        Self {
            id,
            world: WitWorld {
                imports: Default::default(),
                exports: serves
                    .iter()
                    .map(|text| WitInterface::from(*text))
                    .collect(),
            },
            named: false,
            refuses: None,
            acts: Vec::new(),
            log: log.clone(),
            sink: Mutex::default(),
            resolved: Mutex::default(),
        }
    }

    /// Makes it list what it serves as imports.
    pub(crate) fn listed_as_imports(mut self) -> Self {
        std::mem::swap(&mut self.world.imports, &mut self.world.exports);
        self
    }

    pub(crate) fn named(mut self) -> Self {
        self.named = true;
        self
    }

    /// Makes it decline interfaces that are configured so.
    pub(crate) fn refuses(mut self, key: &'static str) -> Self {
        self.refuses = Some(key);
        self
    }

    pub(crate) fn when(mut self, method: &'static str, act: Act) -> Self {
        self.acts.push((method, act));
        self
    }

    pub(crate) fn arc(self) -> Arc<Self> {
        Arc::new(self)
    }

    async fn act(&self, method: &str, event: String) -> anyhow::Result<()> {
        self.log.add(format!("{} {event}", self.id));
        // At each call of a method, or at one of them: "item c1".
        let is_at = |at: &str| at == method || format!("{event} ").starts_with(&format!("{at} "));
        match self.acts.iter().find(|(at, _)| is_at(at)) {
            Some((_, Act::Fail)) => bail!("{} refuses to {method}", self.id),
            #[expect(clippy::panic, reason = "it is to be caught")]
            Some((_, Act::Panic)) => panic!("{} panics", self.id),
            Some((_, Act::Hang)) => pending().await,
            Some((_, Act::Wait(gate))) => {
                gate.reached.notify_one();
                gate.open.notified().await;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The entries with their configuration, sorted.
fn list(interfaces: &WitInterfaces<'_>) -> String {
    let mut entries: Vec<String> = interfaces
        .iter()
        .map(|interface| {
            let mut config: Vec<_> = interface.config.iter().collect();
            config.sort();
            let config: Vec<_> = config.iter().map(|(k, v)| format!("{k}={v}")).collect();
            match config.is_empty() {
                true => interface.to_string(),
                false => format!("{interface}?{}", config.join("&")),
            }
        })
        .collect();
    entries.sort();
    format!("[{}]", entries.join(" "))
}

#[async_trait]
impl HostPlugin for Recorder {
    fn id(&self) -> &'static str {
        self.id
    }

    fn world(&self) -> WitWorld {
        self.world.clone()
    }

    fn claims(&self, interface: &WitInterface) -> bool {
        self.refuses
            .is_none_or(|key| !interface.config.contains_key(key))
    }

    fn supports_named_instances(&self) -> bool {
        self.named
    }

    fn set_workload_failure_sink(&self, sink: WorkloadFailureSink) {
        *self.sink.lock().unwrap() = Some(sink);
    }

    async fn start(&self) -> anyhow::Result<()> {
        self.act("start", "start".to_string()).await
    }

    async fn on_workload_bind(
        &self,
        workload: &UnresolvedWorkload,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let event = format!("bind {} {}", workload.id(), list(&interfaces));
        self.act("bind", event).await
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let name = match item {
            WorkloadItem::Component(component) => component.name(),
            WorkloadItem::Service(_) => "service",
        };
        let event = format!("item {name} {}", list(&interfaces));
        self.act("item", event).await
    }

    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        let name = match workload.components().read().await.get(component_id) {
            Some(component) => component.name().to_string(),
            None => "service".to_string(),
        };
        self.resolved
            .lock()
            .unwrap()
            .push((workload.clone(), component_id.to_string()));
        self.act("resolved", format!("resolved {name}")).await
    }

    async fn on_workload_unbind(
        &self,
        workload_id: &str,
        interfaces: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        let event = format!("unbind {workload_id} {}", list(&interfaces));
        self.act("unbind", event).await
    }

    async fn stop(&self) -> anyhow::Result<()> {
        self.act("stop", "stop".to_string()).await
    }
}
