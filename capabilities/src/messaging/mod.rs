//! Messages under subjects, behind `wasmcloud:messaging`: [`Memory`] and
//! `Nats`.
//!
//! A subject is a series of names with dots between them, such as
//! `orders.new`. Who subscribes may write `*` for any one name, and `>` at the
//! end for any that follow. A message goes to all that are subscribed just
//! then, and is kept for nobody.
//!
//! ```
//! use std::time::Duration;
//! use wash_capabilities::messaging::{Broker, Memory, Message};
//!
//! # fn main() -> Result<(), wash_capabilities::messaging::Error> {
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let broker = Memory::new();
//! let mut orders = broker.subscribe("orders.>").await?;
//! broker.publish(Message::new("orders.new", "one")).await?;
//! assert_eq!(orders.next().await.unwrap().body, "one".as_bytes());
//! # Ok(())
//! # })
//! # }
//! ```

mod memory;
#[cfg(feature = "nats")]
mod nats;
mod subject;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use tokio::sync::mpsc;

pub use memory::Memory;
#[cfg(feature = "nats")]
pub use nats::Nats;

/// How many messages wait for a subscriber before it counts as too slow.
const WAITING: usize = 1024;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub subject: String,
    /// Its contents.
    pub body: Vec<u8>,
    /// Where an answer goes, if one is wanted.
    pub reply_to: Option<String>,
}

impl Message {
    /// One that wants no answer.
    pub fn new(subject: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            subject: subject.into(),
            body: body.into(),
            reply_to: None,
        }
    }
}

/// Why a broker did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing can be about that.
    #[error("the subject {subject:?} cannot be used: {reason}")]
    InvalidSubject {
        /// The subject.
        subject: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A request that nobody takes.
    #[error("nobody is subscribed to {subject:?}")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// A request that was not answered.
    #[error("nobody answered a message about {subject:?} within {milliseconds} ms")]
    TimedOut {
        /// The subject.
        subject: String,
        /// How long it was waited.
        milliseconds: u128,
    },
    /// Some subscribers did not get the message.
    #[error("{count} of the subscribers to {subject:?} are too slow, and did not get the message")]
    TooSlow {
        /// The subject.
        subject: String,
        /// How many.
        count: usize,
    },
    /// The broker cannot be reached, or refuses.
    #[error("{broker}: cannot {action}: {reason}")]
    Broker {
        /// Which one.
        broker: String,
        /// What was to be done.
        action: String,
        /// What it, or the way to it, says.
        reason: String,
    },
}

/// Messages about a subject, from the time it was made until it is dropped.
#[derive(Debug)]
pub struct Subscription(mpsc::Receiver<Message>);

impl Subscription {
    /// The next message; `None` if the broker is gone.
    pub async fn next(&mut self) -> Option<Message> {
        self.0.recv().await
    }
}

/// Takes messages, and passes them on.
///
/// All methods fail with [`Error::InvalidSubject`], and with [`Error::Broker`]
/// if the broker cannot be reached.
#[async_trait]
pub trait Broker: fmt::Debug + Send + Sync + 'static {
    /// Sends a message to whoever is subscribed: perhaps nobody.
    ///
    /// # Errors
    ///
    /// [`Error::TooSlow`] if that is known; the others got it.
    async fn publish(&self, message: Message) -> Result<(), Error>;

    /// Sends a message, and waits for the first answer.
    ///
    /// # Errors
    ///
    /// [`Error::NoResponders`] and [`Error::TimedOut`].
    async fn request(
        &self,
        subject: &str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Message, Error>;

    /// Subscribes to a subject.
    async fn subscribe(&self, subject: &str) -> Result<Subscription, Error>;
}
