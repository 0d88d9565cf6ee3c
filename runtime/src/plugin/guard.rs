//! Panics become errors.

use std::{any::Any, future::poll_fn, panic::AssertUnwindSafe, pin::pin, task::Poll};

use anyhow::anyhow;

/// Runs one method of a plugin. A panic in it is an error that names plugin
/// and method; unwinding further would skip the rollback of the plugins that
/// are bound already.
pub(crate) async fn catch_panic<T>(
    plugin_id: &str,
    method: &str,
    call: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    catch_unwind(call).await.unwrap_or_else(|panic| {
        Err(anyhow!(
            "plugin '{plugin_id}' panicked in {method}: {panic}"
        ))
    })
}

/// Runs a future; a panic in it is an error with the panic's message.
pub(crate) async fn catch_unwind<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    // Unwind safety: after a panic the future is never polled again, and what
    // it shares with others is theirs to repair.
    poll_fn(|cx| {
        let poll = || future.as_mut().poll(cx);
        match std::panic::catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(message(payload.as_ref()).to_string())),
        }
    })
    .await
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::catch_panic;

    #[tokio::test]
    async fn a_result_passes_through_unchanged() {
        let value = catch_panic("p", "start", async { Ok(7) }).await;
        assert_eq!(value.unwrap(), 7);
        let error = catch_panic::<()>("p", "start", async { anyhow::bail!("boom") }).await;
        assert_eq!(format!("{:#}", error.unwrap_err()), "boom");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_that_names_plugin_and_method() {
        let error = catch_panic::<()>("p", "start", async {
            tokio::task::yield_now().await;
            panic!("no {}", "luck")
        })
        .await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "plugin 'p' panicked in start: no luck"
        );
    }
}
