//! One suite over every implementation of `Broker`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]
#![cfg(feature = "nats")]

#[path = "keyvalue/servers.rs"]
mod servers;

use std::sync::Arc;
use std::time::Duration;

use servers::Server;
use wash_capabilities::messaging::{Broker, Error, Memory, Message, Nats};

const SOON: Duration = Duration::from_millis(200);
const LATER: Duration = Duration::from_secs(30);

async fn passes_messages_on(broker: Arc<dyn Broker>) {
    let mut exact = broker.subscribe("orders.new").await.unwrap();
    let mut all = broker.subscribe("orders.>").await.unwrap();
    let mut other = broker.subscribe("bills.*").await.unwrap();
    let mut first = Message::new("orders.new", vec![0, 255]);
    first.reply_to = Some("answers".to_owned());
    broker.publish(first.clone()).await.unwrap();
    broker
        .publish(Message::new("orders.old", ""))
        .await
        .unwrap();
    broker
        .publish(Message::new("bills.one", "1"))
        .await
        .unwrap();
    assert_eq!(exact.next().await.unwrap(), first);
    assert_eq!(all.next().await.unwrap(), first);
    assert_eq!(all.next().await.unwrap().subject, "orders.old");
    // The others never got here.
    assert_eq!(other.next().await.unwrap().subject, "bills.one");
    // Nobody needs to be there.
    drop(exact);
    broker.publish(Message::new("nobody", "x")).await.unwrap();
}

async fn answers_requests(broker: Arc<dyn Broker>) {
    let mut asked = broker.subscribe("ask.*").await.unwrap();
    let answering = Arc::clone(&broker);
    let task = tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            if message.subject == "ask.silent" {
                continue;
            }
            let mut body = message.body;
            body.reverse();
            let answer = Message::new(message.reply_to.unwrap(), body);
            answering.publish(answer).await.unwrap();
        }
    });
    let answer = broker.request("ask.me", b"abc".to_vec(), LATER).await;
    assert_eq!(answer.unwrap().body, b"cba");
    let error = broker.request("ask.silent", Vec::new(), SOON).await;
    assert_eq!(
        error.unwrap_err(),
        Error::TimedOut {
            subject: "ask.silent".to_owned(),
            milliseconds: 200
        }
    );
    let error = broker.request("nobody", Vec::new(), LATER).await;
    let subject = "nobody".to_owned();
    assert_eq!(error.unwrap_err(), Error::NoResponders { subject });
    task.abort();
}

async fn refuses_what_is_no_subject(broker: Arc<dyn Broker>) {
    for subject in ["", "a..b", "a b", "a.*", ">"] {
        let error = broker.publish(Message::new(subject, "")).await.unwrap_err();
        assert!(matches!(error, Error::InvalidSubject { .. }), "{error}");
        let error = broker.request(subject, Vec::new(), SOON).await.unwrap_err();
        assert!(matches!(error, Error::InvalidSubject { .. }), "{error}");
    }
    let error = broker.subscribe("a.>.b").await.unwrap_err();
    assert!(error.to_string().contains("stands at the end"), "{error}");
}

#[tokio::test]
async fn memory() {
    passes_messages_on(Arc::new(Memory::new())).await;
    answers_requests(Arc::new(Memory::new())).await;
    refuses_what_is_no_subject(Arc::new(Memory::new())).await;
}

#[tokio::test]
async fn nats() {
    let Some(server) = Server::nats() else {
        return;
    };
    let client = async_nats::connect(server.url()).await.unwrap();
    let broker = Arc::new(Nats::new(&client));
    passes_messages_on(broker.clone()).await;
    answers_requests(broker.clone()).await;
    refuses_what_is_no_subject(broker).await;
}

#[tokio::test]
async fn who_is_too_slow_in_memory_misses_messages_and_the_publisher_is_told() {
    let broker = Memory::new();
    let mut slow = broker.subscribe("a").await.unwrap();
    let error = loop {
        if let Err(error) = broker.publish(Message::new("a", "")).await {
            break error;
        }
    };
    assert_eq!(
        error.to_string(),
        "1 of the subscribers to \"a\" are too slow, and did not get the message"
    );
    slow.next().await.unwrap();
    broker.publish(Message::new("a", "")).await.unwrap();
}
