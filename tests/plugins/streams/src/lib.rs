//! Streams and pollables: made, taken, lent and given back.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use wash_plugin_abi::io::{InputStreamBorrow, OutputStreamBorrow};
use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({
    path: "../../wit/streams",
    world: "plugin",
    async: [
        "test:streams/pipes#sum",
        "test:streams/pipes#sum-lent",
        "test:streams/pipes#gives-up",
        "test:streams/pipes#fill-lent",
        "test:streams/pipes#wait",
        "test:streams/pipes#first",
        "test:streams/pipes#which",
    ],
});
use exports::test::streams::pipes::{
    Event, Guest, InputStream, OutputStream, Pollable, PollableBorrow, Sink,
};

struct Streams {
    counted: Arc<AtomicU64>,
    sunk: Arc<AtomicU64>,
}

/// Reads the lowest byte of each place, a piece at a time, and not at once.
struct Counter {
    next: u64,
    len: u64,
    breaks: bool,
    counted: Arc<AtomicU64>,
    rests: bool,
}

impl AsyncRead for Counter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.rests = !self.rests;
        if self.rests {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.breaks && self.next == self.len {
            return Poll::Ready(Err(io::Error::other("the counter is broken")));
        }
        let most = self.len.min(self.next + 10_000);
        while self.next < most && buf.remaining() > 0 {
            buf.put_slice(&[self.next.to_le_bytes()[0]]);
            self.next += 1;
        }
        self.counted.store(self.next, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

/// Adds up what is written to it, and tells when it is shut down.
struct Summer {
    sum: u64,
    sunk: Arc<AtomicU64>,
    closed: watch::Sender<bool>,
}

impl AsyncWrite for Summer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Not all at once.
        let (some, _) = buf.split_at(buf.len().min(5_000));
        self.sum += some.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        Poll::Ready(Ok(some.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sunk.store(self.sum, Ordering::SeqCst);
        self.closed.send_replace(true);
        Poll::Ready(Ok(()))
    }
}

/// Refuses all that is written to it.
struct Full;

impl AsyncWrite for Full {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::other("the disk is full")))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Takes nothing, and has nothing, for ever.
struct Stuck;

impl AsyncWrite for Stuck {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncRead for Stuck {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl Streams {
    fn counter(&self, len: u64, breaks: bool) -> Counter {
        self.counted.store(0, Ordering::SeqCst);
        Counter {
            next: 0,
            len,
            breaks,
            counted: Arc::clone(&self.counted),
            rests: false,
        }
    }
}

/// The sum of at most `len` bytes.
async fn sum(reader: impl AsyncRead + Unpin, len: u64) -> u64 {
    let mut bytes = Vec::new();
    let mut reader = reader.take(len);
    match reader.read_to_end(&mut bytes).await {
        Ok(_) => bytes.iter().map(|byte| u64::from(*byte)).sum(),
        Err(_) => u64::MAX,
    }
}

impl Plugin for Streams {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self {
            counted: Arc::default(),
            sunk: Arc::default(),
        })
    }
}

impl Guest for Streams {
    fn count(&self, _: &Call<'_>, len: u64) -> InputStream {
        InputStream::new(self.counter(len, false))
    }

    fn counted(&self, _: &Call<'_>) -> u64 {
        self.counted.load(Ordering::SeqCst)
    }

    fn breaks(&self, _: &Call<'_>, len: u64) -> InputStream {
        InputStream::new(self.counter(len, true))
    }

    async fn sum(&self, _: &Call<'_>, given: InputStream) -> u64 {
        sum(given, u64::MAX).await
    }

    async fn sum_lent(&self, _: &Call<'_>, lent: InputStreamBorrow<'_>, len: u64) -> u64 {
        sum(lent, len).await
    }

    async fn gives_up(&self, _: &Call<'_>, mut lent: InputStreamBorrow<'_>) -> bool {
        let wait = lent.read_u8();
        tokio::time::timeout(Duration::from_millis(1), wait)
            .await
            .is_err()
    }

    #[allow(clippy::panic, reason = "it is what the test is about")]
    fn takes_and_panics(&self, _: &Call<'_>, _: InputStream) {
        panic!("on purpose");
    }

    fn fill(&self, _: &Call<'_>, mut given: OutputStream, len: u64) {
        let mut counter = self.counter(len, false);
        // A synchronous call is not in the plugin's runtime.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(async {
                    let _ = tokio::io::copy(&mut counter, &mut given).await;
                    let _ = given.shutdown().await;
                });
            }
        });
    }

    async fn fill_lent(&self, _: &Call<'_>, mut lent: OutputStreamBorrow<'_>, len: u64) {
        let mut counter = self.counter(len, false);
        let _ = tokio::io::copy(&mut counter, &mut lent).await;
        let _ = lent.flush().await;
    }

    fn make_sink(&self, _: &Call<'_>) -> Sink {
        let (closed, mut watch) = watch::channel(false);
        let bytes = OutputStream::new(Summer {
            sum: 0,
            sunk: Arc::clone(&self.sunk),
            closed,
        });
        let closed = Pollable::new(async move {
            let _ = watch.wait_for(|closed| *closed).await;
        });
        Sink { bytes, closed }
    }

    fn sunk(&self, _: &Call<'_>) -> u64 {
        self.sunk.load(Ordering::SeqCst)
    }

    fn full(&self, _: &Call<'_>) -> OutputStream {
        OutputStream::new(Full)
    }

    fn stuck(&self, _: &Call<'_>) -> Option<OutputStream> {
        Some(OutputStream::new(Stuck))
    }

    fn waits(&self, _: &Call<'_>) -> InputStream {
        InputStream::new(Stuck)
    }

    async fn wait(&self, _: &Call<'_>, mut until: PollableBorrow<'_>) {
        for _ in 0..2 {
            let _ = until.ready().await;
        }
    }

    async fn first(&self, _: &Call<'_>, mut all: Vec<PollableBorrow<'_>>) -> u32 {
        let place = first(all.iter_mut()).await;
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    async fn which(&self, _: &Call<'_>, mut events: Vec<Event<'_>>) -> String {
        let place = first(events.iter_mut().map(|event| &mut event.comes)).await;
        let which = events.get(place).map(|event| event.name);
        which.unwrap_or_default().to_owned()
    }
}

/// The place of the one that is ready first.
async fn first<'a, 'b: 'a>(all: impl Iterator<Item = &'a mut PollableBorrow<'b>>) -> usize {
    let mut all: Vec<_> = all.collect();
    poll_fn(|cx| {
        let ready = all
            .iter_mut()
            .position(|pollable| pollable.poll_ready(cx).is_ready());
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

wash_plugin_abi::export!(Streams);
