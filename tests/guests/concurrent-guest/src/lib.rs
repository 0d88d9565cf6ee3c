//! Has several calls of a plugin's functions at once.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use exports::test::concurrent::scenarios::Guest;
use test::concurrent::meeting::{self, Room};

wit_bindgen::generate!({
    path: "../../wit/concurrent",
    world: "guest",
});

struct Scenarios;

type Calls<'a, T> = Vec<Pin<Box<dyn Future<Output = T> + 'a>>>;

/// Waits for all of them at once.
async fn all<T>(mut calls: Calls<'_, T>) -> Vec<T> {
    let mut results: Vec<Option<T>> = calls.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (call, result) in calls.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(value) = call.as_mut().poll(cx)
            {
                *result = Some(value);
            }
        }
        match results.iter().all(Option::is_some) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

impl Guest for Scenarios {
    async fn run(name: String) -> String {
        match name.as_str() {
            "meet" => {
                let mut calls: Calls<'_, String> = Vec::new();
                for name in ["one", "two", "three"] {
                    calls.push(Box::pin(meeting::meet(name.to_owned(), 3)));
                }
                all(calls).await.join(", ")
            }
            "many" => {
                meeting::nothing().await;
                let list = vec![1, 65_535];
                meeting::many(200, i64::MIN, 1.5, "ü".to_owned(), list, Some('🦀')).await
            }
            "rooms" => {
                let (left, right) = (Room::new("left"), Room::new("right"));
                let calls: Calls<'_, String> = vec![
                    Box::pin(left.meet(2)),
                    Box::pin(right.meet(1)),
                    Box::pin(left.meet(2)),
                ];
                let met = all(calls).await.join(", ");
                let waiting = (left.waiting(), right.waiting());
                let both = Room::join(left, &right).await;
                format!("{met}, {waiting:?}, {}", both.meet(1).await)
            }
            "panics" => {
                meeting::panics().await;
                "no panic".to_owned()
            }
            "never" => meeting::meet("alone".to_owned(), 1_000).await,
            other => format!("there is no scenario {other:?}"),
        }
    }
}

export!(Scenarios);
