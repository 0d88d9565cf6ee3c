//! `wasmcloud:messaging` as a plugin library: messages between the components
//! of a host, or through NATS.
//!
//! ```toml
//! # plugins.toml
//! [plugins.wasmcloud-messaging]
//! backend = "nats" # or in-memory, which needs no url
//! url = "nats://127.0.0.1:4222"
//! ```
//!
//! A component that exports `handler` gets the messages about the subjects that
//! its workload names in the configuration `subscriptions` of the interface,
//! with commas between them: each in an instance of its own, several at once.

mod subscriptions;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Deserialize;
use wash_capabilities::messaging::{Broker, Memory, Message, Nats};
use wash_plugin_abi::anyhow::{self, Context as _, bail};
use wash_plugin_abi::{Call, ConfigSchema, Interface, Item, Plugin};

use exports::wasmcloud::messaging::consumer::Guest;
use subscriptions::Subscriptions;
use wasmcloud::messaging::types::BrokerMessage;

wash_plugin_abi::bindgen!({ async: true });

type Result<T, E = String> = std::result::Result<T, E>;

/// Where messages go.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The kind of broker: in-memory unless it is said.
    #[serde(default)]
    backend: Kind,
    /// Of the backend `nats`: where the server is, such as
    /// `nats://127.0.0.1:4222`.
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize, ConfigSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    InMemory,
    Nats,
}

/// The plugin.
struct Messaging {
    /// Of NATS.
    url: Option<String>,
    /// There once the plugin has started.
    broker: RwLock<Option<Arc<dyn Broker>>>,
    subscriptions: Subscriptions,
}

impl Messaging {
    fn broker(&self) -> Result<Arc<dyn Broker>> {
        let broker = self.broker.read().unwrap_or_else(PoisonError::into_inner);
        broker
            .clone()
            .ok_or_else(|| String::from("the plugin has not started"))
    }
}

impl Plugin for Messaging {
    type Config = Config;

    fn new(config: Config) -> anyhow::Result<Self> {
        let url = match (config.backend, config.url) {
            (Kind::InMemory, None) => None,
            (Kind::Nats, Some(url)) => Some(url),
            (Kind::InMemory, Some(_)) => {
                bail!("`url` is for the backend `nats`: set `backend`, or remove `url`")
            }
            (Kind::Nats, None) => {
                bail!("the backend `nats` needs `url`, such as `nats://127.0.0.1:4222`: set it")
            }
        };
        Ok(Self {
            url,
            broker: RwLock::default(),
            subscriptions: Subscriptions::default(),
        })
    }

    async fn start(&self) -> anyhow::Result<()> {
        let broker: Arc<dyn Broker> = match &self.url {
            None => Arc::new(Memory::new()),
            Some(url) => Arc::new(
                // Not quoted: there may be a password in it.
                Nats::connect(url)
                    .await
                    .context("NATS cannot be reached: start the server, or correct `url`")?,
            ),
        };
        *self.broker.write().unwrap_or_else(PoisonError::into_inner) = Some(broker);
        Ok(())
    }

    async fn item_bound(&self, item: &Item, interfaces: &[Interface]) -> anyhow::Result<()> {
        self.subscriptions.declare(item, interfaces);
        Ok(())
    }

    async fn workload_resolved(&self, item: &Item) -> anyhow::Result<()> {
        let broker = self.broker().map_err(anyhow::Error::msg)?;
        self.subscriptions.begin(item, &broker).await
    }

    async fn workload_unbound(&self, workload_id: &str) -> anyhow::Result<()> {
        self.subscriptions.end(workload_id);
        Ok(())
    }

    async fn stop(&self) -> anyhow::Result<()> {
        self.subscriptions.end_all();
        Ok(())
    }
}

impl From<Message> for BrokerMessage {
    fn from(message: Message) -> Self {
        Self {
            subject: message.subject,
            body: message.body,
            reply_to: message.reply_to,
        }
    }
}

impl From<BrokerMessage> for Message {
    fn from(message: BrokerMessage) -> Self {
        let mut sent = Self::new(message.subject, message.body);
        sent.reply_to = message.reply_to;
        sent
    }
}

impl Guest for Messaging {
    async fn request(
        &self,
        _: &Call<'_>,
        subject: &str,
        body: &[u8],
        timeout_ms: u32,
    ) -> Result<BrokerMessage> {
        let timeout = Duration::from_millis(timeout_ms.into());
        let broker = self.broker()?;
        let answer = broker.request(subject, body.to_vec(), timeout).await;
        answer
            .map(BrokerMessage::from)
            .map_err(|error| error.to_string())
    }

    async fn publish(&self, _: &Call<'_>, msg: BrokerMessage) -> Result<()> {
        let published = self.broker()?.publish(msg.into()).await;
        published.map_err(|error| error.to_string())
    }
}

wash_plugin_abi::export!(Messaging);
