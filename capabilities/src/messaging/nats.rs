//! [`Nats`].

use std::{error::Error as StdError, fmt, time::Duration};

use async_nats::{Client, Request, RequestErrorKind};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::{Broker, Error, Message, Subscription, WAITING, subject};
use crate::causes::causes;

/// Messages that go through NATS, to subscribers wherever they are.
#[derive(Clone)]
pub struct Nats {
    client: Client,
}

impl Nats {
    /// The account that the client is connected to.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
        }
    }

    /// Connects to the server of this URL, `nats://[user[:password]@]host[:port]`,
    /// or `tls://` with TLS.
    ///
    /// # Errors
    ///
    /// If it is no such URL, or no server answers there. The error does not
    /// quote the URL.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let client = async_nats::connect(url)
            .await
            .map_err(|error| failed("connect".to_owned(), &error))?;
        Ok(Self { client })
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").finish_non_exhaustive()
    }
}

fn failed(action: String, error: &dyn StdError) -> Error {
    Error::Broker {
        broker: "NATS".to_owned(),
        action,
        reason: causes(error),
    }
}

impl From<async_nats::Message> for Message {
    fn from(message: async_nats::Message) -> Self {
        Self {
            subject: message.subject.to_string(),
            body: message.payload.into(),
            reply_to: message.reply.map(|reply| reply.to_string()),
        }
    }
}

#[async_trait]
impl Broker for Nats {
    async fn publish(&self, message: Message) -> Result<(), Error> {
        let Message {
            subject,
            body,
            reply_to,
        } = message;
        subject::check(&subject)?;
        let name = subject.clone();
        let published = match reply_to {
            Some(reply) => {
                subject::check(&reply)?;
                self.client
                    .publish_with_reply(subject, reply, body.into())
                    .await
            }
            None => self.client.publish(subject, body.into()).await,
        };
        published.map_err(|error| failed(format!("publish about {name:?}"), &error))
    }

    async fn request(
        &self,
        subject: &str,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Message, Error> {
        subject::check(subject)?;
        let request = Request::new().payload(body.into()).timeout(Some(limit));
        let answer = self.client.send_request(subject.to_owned(), request).await;
        answer.map(Message::from).map_err(|error| {
            let subject = subject.to_owned();
            match error.kind() {
                RequestErrorKind::NoResponders => Error::NoResponders { subject },
                RequestErrorKind::TimedOut => Error::TimedOut {
                    subject,
                    milliseconds: limit.as_millis(),
                },
                _ => failed(format!("ask about {subject:?}"), &error),
            }
        })
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, Error> {
        subject::check_pattern(subject)?;
        let failed = |error: &dyn StdError| failed(format!("subscribe to {subject:?}"), error);
        let subscriber = self.client.subscribe(subject.to_owned()).await;
        let mut subscriber = subscriber.map_err(|error| failed(&error))?;
        // The server knows of it when this returns.
        let flushed = self.client.flush().await;
        flushed.map_err(|error| failed(&error))?;
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = sender.closed() => break,
                    message = subscriber.next() => {
                        let Some(message) = message else { break };
                        // What is too much waits in the client, which drops
                        // messages of who is too slow.
                        if sender.send(message.into()).await.is_err() {
                            break;
                        }
                    }
                }
            }
            let _ = subscriber.unsubscribe().await;
        });
        Ok(Subscription(receiver))
    }
}
