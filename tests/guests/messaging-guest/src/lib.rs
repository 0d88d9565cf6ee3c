//! Sends messages, and handles those that it gets, as their subjects say.

use exports::test::messaging::scenarios;
use exports::wasmcloud::messaging::handler;
use wasmcloud::messaging::consumer;
use wasmcloud::messaging::types::BrokerMessage;

wit_bindgen::generate!({
    path: "../../wit/messaging",
    world: "messaging-guest",
    generate_all,
});

struct Guest;

fn answer(message: BrokerMessage, body: Vec<u8>) -> Result<(), String> {
    let subject = message.reply_to.ok_or("no answer is wanted")?;
    consumer::publish(&BrokerMessage {
        subject,
        body,
        reply_to: None,
    })
}

impl handler::Guest for Guest {
    fn handle_message(msg: BrokerMessage) -> Result<(), String> {
        let last = msg.subject.rsplit('.').next().unwrap_or_default().to_owned();
        match last.as_str() {
            "reverse" => {
                let mut body = msg.body.clone();
                body.reverse();
                answer(msg, body)
            }
            // To itself, under another subject, for the same answer.
            "forward" => consumer::publish(&BrokerMessage {
                subject: "far.reverse".to_owned(),
                ..msg
            }),
            // Asks somebody else, and answers what that answers.
            "relay" => {
                let found = consumer::request("far.reverse", &msg.body, 10_000)?;
                answer(msg, found.body)
            }
            "fail" => Err("it failed on purpose".to_owned()),
            "trap" => std::process::abort(),
            _ => Ok(()),
        }
    }
}

impl scenarios::Guest for Guest {
    fn ask(subject: String, body: Vec<u8>, timeout_ms: u32) -> Result<Vec<u8>, String> {
        consumer::request(&subject, &body, timeout_ms).map(|answer| answer.body)
    }

    fn tell(subject: String, body: Vec<u8>) -> Result<(), String> {
        consumer::publish(&BrokerMessage {
            subject,
            body,
            reply_to: None,
        })
    }
}

export!(Guest);
