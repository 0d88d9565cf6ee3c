//! What a stream can be made of.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

use super::reader::Source;
use super::{BATCH_BYTES, Panicked, StreamReader, StreamWriter, spawn, stream};

impl<T: Send + 'static> StreamReader<T> {
    /// A stream of what an iterator gives, as the component reads it.
    #[allow(
        clippy::should_implement_trait,
        reason = "the iterator has to be `Send`, so it cannot be the trait's"
    )]
    pub fn from_iter<I>(items: I) -> Self
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        Self::of(Items(items.into_iter()))
    }

    /// A stream of what another gives, as the component reads it. It is polled on
    /// the plugin's own runtime.
    pub fn from_stream(items: impl Stream<Item = T> + Send + 'static) -> Self {
        Self::of(Polled(Box::pin(items)))
    }

    /// A stream of what is sent to a channel. It ends when all its senders are
    /// gone.
    pub fn from_receiver(items: mpsc::Receiver<T>) -> Self {
        Self::of(Received(items))
    }

    /// A stream that a task writes, with room for `capacity` items. The task runs
    /// on the plugin's own runtime from now on, and should end when a write
    /// fails: then nobody reads any more.
    ///
    /// ```
    /// # use wash_plugin_abi::io::StreamReader;
    /// # fn numbers() -> StreamReader<u32> {
    /// StreamReader::spawn(16, async |mut writer| {
    ///     for n in 0..1_000 {
    ///         if writer.write(n).await.is_err() {
    ///             break;
    ///         }
    ///     }
    /// })
    /// # }
    /// # let _ = numbers;
    /// ```
    pub fn spawn<F>(capacity: usize, task: impl FnOnce(StreamWriter<T>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (writer, reader) = stream(capacity);
        spawn(task(writer));
        reader
    }
}

impl StreamReader<u8> {
    /// A stream of bytes that are at hand.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::from_reader(std::io::Cursor::new(bytes.into()))
    }

    /// A stream of the bytes that `reader` reads, as the component reads them. It
    /// ends where the reader does; so it does at an error, which is logged, as a
    /// `stream<u8>` has no errors: what a component should know of one goes to a
    /// future beside it.
    pub fn from_reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::of(Reading(Box::pin(reader)))
    }
}

struct Items<I>(I);

impl<I: Iterator + Send> Source<I::Item> for Items<I> {
    fn poll_more(
        &mut self,
        _: &mut Context<'_>,
        max: usize,
        into: &mut Vec<I::Item>,
    ) -> Poll<Result<bool, Panicked>> {
        let before = into.len();
        into.extend(self.0.by_ref().take(max));
        Poll::Ready(Ok(into.len() > before))
    }
}

struct Polled<T>(Pin<Box<dyn Stream<Item = T> + Send>>);

impl<T: Send + 'static> Source<T> for Polled<T> {
    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut Vec<T>,
    ) -> Poll<Result<bool, Panicked>> {
        match ready!(self.0.as_mut().poll_next(cx)) {
            None => return Poll::Ready(Ok(false)),
            Some(item) => into.push(item),
        }
        // What else is there already. The end is found again next time, so the
        // stream has to be one that may be asked then.
        for _ in 1..max {
            match self.0.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => into.push(item),
                Poll::Ready(None) => {
                    self.0 = Box::pin(Nothing(std::marker::PhantomData));
                    break;
                }
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(true))
    }
}

/// A stream that is at its end.
struct Nothing<T>(std::marker::PhantomData<fn() -> T>);

impl<T> Stream for Nothing<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(None)
    }
}

struct Received<T>(mpsc::Receiver<T>);

impl<T: Send> Source<T> for Received<T> {
    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut Vec<T>,
    ) -> Poll<Result<bool, Panicked>> {
        let received = ready!(self.0.poll_recv_many(cx, into, max));
        Poll::Ready(Ok(received > 0))
    }
}

struct Reading(Pin<Box<dyn AsyncRead + Send>>);

impl Source<u8> for Reading {
    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut Vec<u8>,
    ) -> Poll<Result<bool, Panicked>> {
        let start = into.len();
        into.resize(start + max.min(BATCH_BYTES), 0);
        let mut buf = ReadBuf::new(into.get_mut(start..).unwrap_or_default());
        let polled = self.0.as_mut().poll_read(cx, &mut buf);
        let read = buf.filled().len();
        into.truncate(start + read);
        match ready!(polled) {
            Ok(()) => Poll::Ready(Ok(read > 0)),
            Err(error) => {
                tracing::error!("a stream ends early, as what it reads has failed: {error}");
                Poll::Ready(Ok(false))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn now<F: Future>(future: F) -> Poll<F::Output> {
        std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn all_kinds_give_what_they_have() {
        let items = StreamReader::from_iter(1..=5);
        assert_eq!(now(items.collect()), Poll::Ready(vec![1, 2, 3, 4, 5]));

        let again = StreamReader::from_stream(StreamReader::from_iter(["a", "b"]));
        assert_eq!(now(again.collect()), Poll::Ready(vec!["a", "b"]));

        let (sender, receiver) = mpsc::channel(4);
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        let mut received = StreamReader::from_receiver(receiver);
        assert_eq!(now(received.next()), Poll::Ready(Some(1)));
        assert_eq!(now(received.next()), Poll::Ready(Some(2)));
        assert!(now(received.next()).is_pending());
        drop(sender);
        assert_eq!(now(received.next()), Poll::Ready(None));

        let bytes = StreamReader::from_bytes("bytes");
        assert_eq!(now(bytes.collect()), Poll::Ready(b"bytes".to_vec()));
    }

    #[test]
    fn nothing_is_taken_before_it_is_read() {
        let mut taken = 0;
        let (sender, counted) = std::sync::mpsc::channel();
        let mut items = StreamReader::from_iter(std::iter::from_fn(move || {
            taken += 1;
            sender.send(taken).ok()?;
            Some(taken)
        }));
        assert!(counted.try_recv().is_err());
        assert_eq!(now(items.read(3)), Poll::Ready(vec![1, 2, 3]));
        assert_eq!(counted.try_iter().last(), Some(3));
    }
}
