//! Who gets which messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use wash_capabilities::messaging::{Broker, Subscription};
use wash_plugin_abi::anyhow::{self, Context as _};
use wash_plugin_abi::{Component, Interface, Item, tracing};

use crate::wasmcloud::messaging::handler;

/// How many messages of a subscription a component handles at once.
const AT_ONCE: usize = 64;

/// The key of an interface's configuration.
const KEY: &str = "subscriptions";

/// The subscriptions of all components, by their ids.
#[derive(Default)]
pub(crate) struct Subscriptions(Mutex<HashMap<String, Subscriber>>);

/// What a component is subscribed to.
struct Subscriber {
    workload_id: String,
    subjects: Vec<String>,
    /// What passes messages on to it.
    tasks: Vec<AbortHandle>,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Subscriptions {
    /// No code panics while it holds the lock, so a poisoned one is sound.
    fn all(&self) -> MutexGuard<'_, HashMap<String, Subscriber>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a component wants, as its workload says.
    pub(crate) fn declare(&self, item: &Item, interfaces: &[Interface]) {
        let mut subjects: Vec<String> = interfaces
            .iter()
            .filter(|i| i.namespace == "wasmcloud" && i.package == "messaging")
            .filter_map(|interface| interface.config.get(KEY))
            .flat_map(|subjects| subjects.split(','))
            .map(|subject| subject.trim().to_owned())
            .filter(|subject| !subject.is_empty())
            .collect();
        subjects.sort();
        subjects.dedup();
        let subscriber = Subscriber {
            workload_id: item.workload.id.clone(),
            subjects,
            tasks: Vec::new(),
        };
        self.all().insert(item.id.clone(), subscriber);
    }

    /// Subscribes a component that can be called.
    pub(crate) async fn begin(&self, item: &Item, broker: &Arc<dyn Broker>) -> anyhow::Result<()> {
        let handles = |name: &String| name.starts_with("wasmcloud:messaging/handler@");
        if !item.exports.iter().any(handles) {
            return Ok(());
        }
        let subjects = self.all().get(&item.id).map(|s| s.subjects.clone());
        for subject in subjects.unwrap_or_default() {
            let subscription = broker.subscribe(&subject).await.with_context(|| {
                format!(
                    "the component cannot be subscribed to what `{KEY}` of wasmcloud:messaging says"
                )
            })?;
            let task = tokio::spawn(pass_on(subscription, Component::of(item)));
            match self.all().get_mut(&item.id) {
                Some(subscriber) => subscriber.tasks.push(task.abort_handle()),
                // Its workload was stopped meanwhile.
                None => task.abort(),
            }
        }
        Ok(())
    }

    /// Ends those of a workload.
    pub(crate) fn end(&self, workload_id: &str) {
        self.all()
            .retain(|_, subscriber| subscriber.workload_id != workload_id);
    }

    /// Ends all.
    pub(crate) fn end_all(&self) {
        self.all().clear();
    }
}

/// Passes messages on to a component.
async fn pass_on(mut subscription: Subscription, component: Component) {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(message) = subscription.next().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let component = component.clone();
        tokio::spawn(async move {
            let subject = message.subject.clone();
            let workload_id = component.workload_id();
            match handler::handle_message(&component, message.into()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(workload_id, subject, "a message was not handled: {error}");
                }
                Err(error) => tracing::error!(workload_id, subject, "{error}"),
            }
            drop(slot);
        });
    }
}
