//! A call that nobody waits for any more is cancelled in the plugin.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::pin::pin;
use std::task::{Context, Waker};

use e2e::events::Events;
use e2e::{LOGGING, RUN, TestHost, artifacts, string};

// One test, as a process has one subscriber.
#[tokio::test(flavor = "multi_thread")]
async fn sad_a_call_that_is_given_up() {
    let events = Events::install().await;
    let host = TestHost::builder()
        .library(artifacts::faulty("panics-async"))
        .guest("log-guest", [LOGGING])
        .start()
        .await
        .unwrap();
    let count = |message: &str| events.with("message", &message.into()).len();
    for (i, message) in ["never", "never, and panics when it is cancelled"]
        .into_iter()
        .cycle()
        .take(20)
        .enumerate()
    {
        let mut guest = host.instance().await.unwrap();
        let func = guest.func(RUN, "run").unwrap();
        let args = [string(message)];
        {
            let mut call = pin!(guest.call(func, &args));
            // The guest may be interrupted before it gets there.
            while count("waiting") == i {
                let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(polled.is_pending(), "{polled:?}");
            }
            assert_eq!((count("waiting"), count("cancelled")), (i + 1, i));
        }
        drop(guest);
        assert_eq!(count("cancelled"), i + 1);
    }
    let results = host.call(RUN, "run", &[string("fine")]).await.unwrap();
    assert_eq!(results, [string("logged: fine")]);
    host.stop().await.unwrap();
}
