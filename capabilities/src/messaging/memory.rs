//! [`Memory`].

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::timeout,
};

use super::{Broker, Error, Message, Subscription, WAITING, subject};

/// Messages in the memory of this process.
#[derive(Debug, Default)]
pub struct Memory {
    subscribers: Mutex<Vec<(String, mpsc::Sender<Message>)>>,
    requests: AtomicU64,
}

impl Memory {
    /// Nobody is subscribed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No code panics while it holds the lock, so a poisoned one is sound.
    fn subscribers(&self) -> MutexGuard<'_, Vec<(String, mpsc::Sender<Message>)>> {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message: how many got it.
    fn send(&self, message: &Message) -> Result<usize, Error> {
        subject::check(&message.subject)?;
        let (mut got, mut slow) = (0, 0);
        self.subscribers().retain(|(pattern, subscriber)| {
            if !subject::matches(pattern, &message.subject) {
                return !subscriber.is_closed();
            }
            match subscriber.try_send(message.clone()) {
                Ok(()) => got += 1,
                Err(TrySendError::Full(_)) => slow += 1,
                Err(TrySendError::Closed(_)) => return false,
            }
            true
        });
        if slow > 0 {
            return Err(Error::TooSlow {
                subject: message.subject.clone(),
                count: slow,
            });
        }
        Ok(got)
    }
}

#[async_trait]
impl Broker for Memory {
    async fn publish(&self, message: Message) -> Result<(), Error> {
        self.send(&message).map(drop)
    }

    async fn request(
        &self,
        subject: &str,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Message, Error> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let inbox = format!("_INBOX.{number}");
        let mut answers = self.subscribe(&inbox).await?;
        let mut message = Message::new(subject, body);
        message.reply_to = Some(inbox);
        if self.send(&message)? == 0 {
            return Err(Error::NoResponders {
                subject: message.subject,
            });
        }
        match timeout(limit, answers.next()).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(_) => Err(Error::TimedOut {
                subject: message.subject,
                milliseconds: limit.as_millis(),
            }),
        }
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, Error> {
        subject::check_pattern(subject)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        self.subscribers().push((subject.to_owned(), sender));
        Ok(Subscription(receiver))
    }
}
