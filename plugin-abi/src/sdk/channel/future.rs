//! [`FutureReader`] and [`FutureWriter`].

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::{Closed, Panicked, spawn};

/// A `future<T>` of WASI 0.3: its readable end, which a plugin returns or is
/// given.
///
/// One that is **returned** is made of a value ([`ready`](Self::ready)), of a
/// future ([`new`](Self::new), [`spawn`](Self::spawn)), or is an end of a pair
/// ([`future`]). One that was **given** is a `Future`: the value, or [`Closed`] if
/// the component went away without writing one.
///
/// The component model has no futures without a value: if a plugin drops what
/// should write it, a component that waits for it traps.
pub struct FutureReader<T>(pub(super) Arc<FutureEnd<T>>);

/// What is waited for, wherever it comes from.
pub(super) struct FutureEnd<T>(Mutex<State<T>>);

struct State<T> {
    /// `None` once it has ended.
    value: Option<Value<T>>,
    waiting: Option<Waker>,
}

type Value<T> = Pin<Box<dyn Future<Output = Result<T, Ended>> + Send>>;

/// Why there is no value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    Closed,
    Panicked,
}

impl<T: Send + 'static> FutureReader<T> {
    pub(super) fn of(value: impl Future<Output = Result<T, Ended>> + Send + 'static) -> Self {
        Self(Arc::new(FutureEnd(Mutex::new(State {
            value: Some(Box::pin(value)),
            waiting: None,
        }))))
    }

    /// A future that has its value already.
    pub fn ready(value: T) -> Self {
        Self::new(std::future::ready(value))
    }

    /// A future whose value another one gives. That is polled on the plugin's own
    /// runtime while the component waits, and so does nothing before: what must
    /// go on by itself, as reading a stream that the component writes first, is
    /// for [`spawn`](Self::spawn).
    pub fn new(value: impl Future<Output = T> + Send + 'static) -> Self {
        Self::of(async move { Ok(value.await) })
    }

    /// A future whose value a task gives, which runs on the plugin's own runtime
    /// from now on, to its end, whether or not the component waits for it.
    ///
    /// ```
    /// use wash_plugin_abi::io::{FutureReader, StreamReader};
    ///
    /// /// `write: func(data: stream<u8>) -> future<u64>`
    /// fn write(mut data: StreamReader<u8>) -> FutureReader<u64> {
    ///     FutureReader::spawn(async move {
    ///         let mut written = 0;
    ///         loop {
    ///             let bytes = data.read(64 * 1024).await;
    ///             if bytes.is_empty() {
    ///                 return written;
    ///             }
    ///             written += bytes.len() as u64;
    ///         }
    ///     })
    /// }
    /// # let _ = write;
    /// ```
    pub fn spawn(value: impl Future<Output = T> + Send + 'static) -> Self {
        let (writer, reader) = future();
        spawn(async move {
            // Nobody may want it any more.
            let _ = writer.write(value.await);
        });
        reader
    }
}

impl<T> FutureEnd<T> {
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, Ended>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that panics is not asked again.
        let Some(mut value) = state.value.take() else {
            return Poll::Ready(Err(Ended::Closed));
        };
        let polled = value.as_mut().poll(cx);
        state.waiting = polled.is_pending().then(|| cx.waker().clone());
        state.value = polled.is_pending().then_some(value);
        polled
    }
}

impl<T> Drop for FutureEnd<T> {
    fn drop(&mut self) {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        // As for the end of a stream: see there.
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
    }
}

impl<T> Future for FutureReader<T> {
    type Output = Result<T, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Closed>> {
        self.0.poll(cx).map_err(|_| Closed)
    }
}

/// Makes a future: its two ends.
pub fn future<T: Send + 'static>() -> (FutureWriter<T>, FutureReader<T>) {
    let (sender, receiver) = oneshot::channel();
    let reader = FutureReader::of(async move {
        match receiver.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Panicked)) => Err(Ended::Panicked),
            Err(_) => Err(Ended::Closed),
        }
    });
    (FutureWriter(Some(sender)), reader)
}

/// The writable end of a future that the plugin makes.
pub struct FutureWriter<T>(Option<oneshot::Sender<Result<T, Panicked>>>);

impl<T> FutureWriter<T> {
    /// Writes the value.
    ///
    /// # Errors
    ///
    /// The value, if nobody waits for it any more.
    pub fn write(mut self, value: T) -> Result<(), T> {
        match self.0.take().map(|sender| sender.send(Ok(value))) {
            Some(Err(Ok(value))) => Err(value),
            _ => Ok(()),
        }
    }
}

impl<T> Drop for FutureWriter<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take().filter(|_| std::thread::panicking()) {
            let _ = sender.send(Err(Panicked));
        }
    }
}

impl<T> fmt::Debug for FutureReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("future")
    }
}

impl<T> fmt::Debug for FutureWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FutureWriter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now<T>(future: &mut FutureReader<T>) -> Poll<Result<T, Closed>> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_value_comes_once_and_a_lost_writer_is_told() {
        assert_eq!(now(&mut FutureReader::ready(7)), Poll::Ready(Ok(7)));
        let (writer, mut reader) = future();
        assert!(now(&mut reader).is_pending());
        assert_eq!(writer.write("here"), Ok(()));
        assert_eq!(now(&mut reader), Poll::Ready(Ok("here")));
        assert_eq!(now(&mut reader), Poll::Ready(Err(Closed)));

        let (writer, mut reader) = future::<u8>();
        drop(writer);
        assert_eq!(now(&mut reader), Poll::Ready(Err(Closed)));
        let (writer, reader) = future();
        drop(reader);
        assert_eq!(writer.write("back"), Err("back"));
    }
}
