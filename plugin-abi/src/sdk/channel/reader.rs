//! [`StreamReader`].

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use tokio::io::{AsyncRead, ReadBuf};

use super::{Panicked, batch};

/// A `stream<T>` of WASI 0.3: its readable end, which a plugin returns or is
/// given.
///
/// One that is **returned** is made of whatever has the items:
/// [`stream`](super::stream) makes a pair of ends,
/// [`from_iter`](Self::from_iter), [`from_stream`](Self::from_stream),
/// [`from_receiver`](Self::from_receiver) and
/// [`from_reader`](StreamReader::from_reader) take what has them already,
/// and [`spawn`](Self::spawn) runs a task that writes them. Nothing is taken
/// from it before the component reads.
///
/// One that was **given** is read by [`next`](Self::next), [`read`](Self::read)
/// or as a `Stream`; a `stream<u8>` also is `AsyncRead`. The component's write
/// waits until it is read. Dropped, the component is told.
///
/// A stream that was given may be returned again.
pub struct StreamReader<T>(pub(super) Arc<ReadEnd<T>>);

/// What is read, wherever it comes from.
pub(super) struct ReadEnd<T>(Mutex<State<T>>);

struct State<T> {
    /// `None` at its end.
    source: Option<Box<dyn Source<T>>>,
    /// What was read and not handed out yet.
    ahead: VecDeque<T>,
    /// Who waits for more.
    waiting: Option<Waker>,
}

/// Where a stream's items come from.
pub(super) trait Source<T>: Send {
    /// Puts items into `into`, which is empty: at least one and, if it can choose, at
    /// most `max`. `false` if there are none any more.
    fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        max: usize,
        into: &mut Vec<T>,
    ) -> Poll<Result<bool, Panicked>>;
}

impl<T: Send + 'static> StreamReader<T> {
    pub(super) fn of(source: impl Source<T> + 'static) -> Self {
        Self(Arc::new(ReadEnd(Mutex::new(State {
            source: Some(Box::new(source)),
            ahead: VecDeque::new(),
            waiting: None,
        }))))
    }

    /// The next item; `None` at the end.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_one(cx)).await
    }

    /// At least one item and at most `max`; none at the end.
    pub async fn read(&mut self, max: usize) -> Vec<T> {
        let items = poll_fn(|cx| self.0.read(cx, max)).await;
        items.unwrap_or_default().unwrap_or_default()
    }

    /// All items until the end.
    pub async fn collect(mut self) -> Vec<T> {
        let mut all = Vec::new();
        loop {
            let mut items = self.read(batch::<T>()).await;
            if items.is_empty() {
                return all;
            }
            all.append(&mut items);
        }
    }

    fn poll_one(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.state();
        if state.ahead.is_empty() {
            let items = ready!(state.more(cx, batch::<T>())).unwrap_or_default();
            state.ahead.extend(items);
        }
        Poll::Ready(state.ahead.pop_front())
    }
}

impl<T> ReadEnd<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // A source that panicked was taken out before.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads at least one item and at most `max`; `None` at the end.
    pub(super) fn read(
        &self,
        cx: &mut Context<'_>,
        max: usize,
    ) -> Poll<Result<Option<Vec<T>>, Panicked>> {
        let (mut state, max) = (self.state(), max.max(1));
        if state.ahead.is_empty() {
            let items = ready!(state.more(cx, max))?;
            if items.len() <= max {
                return Poll::Ready(Ok((!items.is_empty()).then_some(items)));
            }
            state.ahead.extend(items);
        }
        let some = state.ahead.len().min(max);
        Poll::Ready(Ok(Some(state.ahead.drain(..some).collect())))
    }
}

impl<T> State<T> {
    /// Asks the source; nothing at the end.
    fn more(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Vec<T>, Panicked>> {
        let mut items = Vec::new();
        // One that panics is not asked again.
        let Some(mut source) = self.source.take() else {
            return Poll::Ready(Ok(items));
        };
        match source.poll_more(cx, max, &mut items) {
            Poll::Pending => {
                self.source = Some(source);
                self.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Ok(true)) => self.source = Some(source),
            Poll::Ready(Ok(false)) => {}
            Poll::Ready(Err(panicked)) => return Poll::Ready(Err(panicked)),
        }
        self.waiting = None;
        Poll::Ready(Ok(items))
    }
}

impl<T> Drop for ReadEnd<T> {
    fn drop(&mut self) {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It is dropped under the one who waits if the plugin or the workload is
        // stopped.
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
    }
}

impl<T: Send + 'static> Stream for StreamReader<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_one(cx)
    }
}

impl AsyncRead for StreamReader<u8> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() > 0 {
            let read = ready!(self.0.read(cx, buf.remaining()));
            let bytes = read.map_err(|Panicked| io::Error::other("its writer panicked"))?;
            buf.put_slice(&bytes.unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for StreamReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stream")
    }
}
