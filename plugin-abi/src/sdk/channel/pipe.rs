//! Both ends of a stream: [`stream`] and [`StreamWriter`].

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::AsyncWrite;

use super::reader::Source;
use super::{Closed, Panicked, StreamReader};

/// Makes a stream: its two ends, with room for `capacity` items between them, at
/// least one.
///
/// ```
/// use wash_plugin_abi::io::{StreamReader, spawn, stream};
///
/// fn numbers() -> StreamReader<u32> {
///     let (mut writer, reader) = stream(16);
///     spawn(async move {
///         for n in 0..1_000 {
///             if writer.write(n).await.is_err() {
///                 break; // nobody reads any more
///             }
///         }
///     });
///     reader
/// }
/// # let _ = numbers;
/// ```
pub fn stream<T: Send + 'static>(capacity: usize) -> (StreamWriter<T>, StreamReader<T>) {
    let pipe = Arc::new(Pipe(Mutex::new(State {
        items: VecDeque::new(),
        capacity: capacity.max(1),
        reader: None,
        writer: None,
        closed: false,
        ended: None,
    })));
    let reader = StreamReader::of(ReadHalf(Arc::clone(&pipe)));
    (StreamWriter(pipe), reader)
}

/// The writable end of a stream that the plugin makes. Dropped, the stream ends
/// behind what was written.
pub struct StreamWriter<T>(Arc<Pipe<T>>);

struct ReadHalf<T>(Arc<Pipe<T>>);

struct Pipe<T>(Mutex<State<T>>);

struct State<T> {
    /// Written, and not read yet.
    items: VecDeque<T>,
    capacity: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The reader is gone.
    closed: bool,
    /// The writer is gone.
    ended: Option<Result<(), Panicked>>,
}

impl<T> Pipe<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T: Send + 'static> StreamWriter<T> {
    /// Writes an item, once there is room for it.
    ///
    /// # Errors
    ///
    /// If nobody reads any more.
    pub async fn write(&mut self, item: T) -> Result<(), Closed> {
        poll_fn(|cx| self.poll_ready(cx)).await?;
        self.push(|items, _| items.push_back(item));
        Ok(())
    }

    /// Writes items, as there is room for them. They are moved and not copied if
    /// there is room for all.
    ///
    /// # Errors
    ///
    /// If nobody reads any more.
    pub async fn write_all(&mut self, items: impl Into<Vec<T>>) -> Result<(), Closed> {
        let mut rest: Vec<T> = items.into();
        while !rest.is_empty() {
            poll_fn(|cx| self.poll_ready(cx)).await?;
            self.push(|items, room| {
                if items.is_empty() && rest.len() <= room {
                    *items = VecDeque::from(std::mem::take(&mut rest));
                } else {
                    items.extend(rest.drain(..rest.len().min(room)));
                }
            });
        }
        Ok(())
    }

    /// Waits until nobody reads any more.
    pub async fn closed(&mut self) {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.closed {
                return Poll::Ready(());
            }
            state.writer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.0.state().closed
    }

    /// Waits until there is room: for how many items.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<usize, Closed>> {
        let mut state = self.0.state();
        if state.closed {
            return Poll::Ready(Err(Closed));
        }
        match state.room() {
            0 => {
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            room => Poll::Ready(Ok(room)),
        }
    }

    fn push(&self, f: impl FnOnce(&mut VecDeque<T>, usize)) {
        let reader = {
            let mut state = self.0.state();
            let room = state.room();
            f(&mut state.items, room);
            state.reader.take()
        };
        wake(reader);
    }
}

impl<T> State<T> {
    fn room(&self) -> usize {
        self.capacity.saturating_sub(self.items.len())
    }
}

impl<T: Send> Source<T> for ReadHalf<T> {
    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut Vec<T>,
    ) -> Poll<Result<bool, Panicked>> {
        let writer = {
            let mut state = self.0.state();
            if state.items.is_empty() {
                if let Some(ended) = state.ended {
                    return Poll::Ready(ended.map(|()| false));
                }
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if state.items.len() <= max && into.is_empty() {
                *into = Vec::from(std::mem::take(&mut state.items));
            } else {
                let some = state.items.len().min(max);
                into.extend(state.items.drain(..some));
            }
            state.writer.take()
        };
        wake(writer);
        Poll::Ready(Ok(true))
    }
}

impl<T> Drop for StreamWriter<T> {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let reader = {
            let mut state = self.0.state();
            state.ended = Some(if failed { Err(Panicked) } else { Ok(()) });
            state.reader.take()
        };
        wake(reader);
    }
}

impl<T> Drop for ReadHalf<T> {
    fn drop(&mut self) {
        let (writer, unread) = {
            let mut state = self.0.state();
            state.closed = true;
            (state.writer.take(), std::mem::take(&mut state.items))
        };
        // The author's values, dropped without the lock.
        drop(unread);
        wake(writer);
    }
}

impl AsyncWrite for StreamWriter<u8> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let closed = |Closed| io::Error::new(io::ErrorKind::BrokenPipe, Closed);
        let room = ready!(self.poll_ready(cx)).map_err(closed)?;
        let some = buf.get(..room).unwrap_or(buf);
        self.push(|items, _| items.extend(some));
        Poll::Ready(Ok(some.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It ends when it is dropped.
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for StreamWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamWriter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now<F: Future>(future: F) -> Poll<F::Output> {
        std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_writer_waits_for_its_reader() {
        let (mut writer, mut reader) = stream(2);
        assert_eq!(now(writer.write(1)), Poll::Ready(Ok(())));
        assert_eq!(now(writer.write(2)), Poll::Ready(Ok(())));
        assert!(now(writer.write(3)).is_pending());
        assert_eq!(now(reader.read(1)), Poll::Ready(vec![1]));
        assert_eq!(now(writer.write(3)), Poll::Ready(Ok(())));
        drop(writer);
        assert_eq!(now(reader.collect()), Poll::Ready(vec![2, 3]));
    }

    #[test]
    fn a_writer_is_told_that_nobody_reads() {
        let (mut writer, reader) = stream(1);
        assert_eq!(now(writer.write(1)), Poll::Ready(Ok(())));
        assert!(now(writer.closed()).is_pending());
        drop(reader);
        assert!(writer.is_closed());
        assert_eq!(now(writer.closed()), Poll::Ready(()));
        assert_eq!(now(writer.write(2)), Poll::Ready(Err(Closed)));
        assert_eq!(now(writer.write_all([2, 3])), Poll::Ready(Err(Closed)));
    }

    #[test]
    fn what_is_read_in_parts_keeps_its_order() {
        let (mut writer, mut reader) = stream(4);
        let (mut next, mut read) = (0, Vec::new());
        for max in [3, 1, 2, 4, 3, 1] {
            while now(writer.write(next)).is_ready() {
                next += 1;
            }
            let Poll::Ready(some) = now(reader.read(max)) else {
                panic!("there is something to read")
            };
            assert_eq!(some.len(), max);
            read.extend(some);
        }
        drop(writer);
        let Poll::Ready(rest) = now(reader.collect()) else {
            panic!("it is at its end")
        };
        read.extend(rest);
        assert!(read.into_iter().eq(0..next));
    }

    #[test]
    fn what_has_room_is_not_copied() {
        let (mut writer, mut reader) = stream(1000);
        let bytes = vec![7_u8; 1000];
        let address = bytes.as_ptr();
        assert_eq!(now(writer.write_all(bytes)), Poll::Ready(Ok(())));
        let Poll::Ready(read) = now(reader.read(1000)) else {
            panic!("there is something to read")
        };
        assert_eq!((read.len(), read.as_ptr()), (1000, address));
    }
}
