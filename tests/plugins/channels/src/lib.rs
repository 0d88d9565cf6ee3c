//! Streams and futures of WASI 0.3: made, read, held and given back.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{Mutex, mpsc};
use wash_plugin_abi::io::{FutureReader, StreamReader, future, spawn, stream};
use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../wit/channels", world: "plugin" });
use exports::test::channels::pipes::{
    ErrorCode, Guest, GuestToken, Point, Shelf, Token as TokenHandle,
};

#[derive(Default)]
struct Channels {
    counted: Arc<AtomicU64>,
    held: Mutex<Option<StreamReader<u8>>>,
}

struct Token(u32);

/// Reads the lowest byte of each number, a piece at a time, and not at once.
struct Counter {
    next: u64,
    len: u64,
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
        let most = self.len.min(self.next + 100_000);
        while self.next < most && buf.remaining() > 0 {
            buf.put_slice(&[self.next.to_le_bytes()[0]]);
            self.next += 1;
        }
        self.counted.fetch_max(self.next, Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

impl Channels {
    fn counter(&self, len: u64) -> StreamReader<u8> {
        self.counted.store(0, Ordering::SeqCst);
        StreamReader::from_reader(Counter {
            next: 0,
            len,
            counted: Arc::clone(&self.counted),
            rests: false,
        })
    }
}

async fn sum(mut data: StreamReader<u8>) -> u64 {
    let mut sum = 0;
    loop {
        let bytes = data.read(64 * 1024).await;
        if bytes.is_empty() {
            return sum;
        }
        sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
}

fn point(n: u32) -> Point {
    Point {
        x: n.cast_signed() - 2,
        y: i64::from(n) << 33,
        name: format!("point {n} ü"),
    }
}

impl Plugin for Channels {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self::default())
    }
}

impl GuestToken<Channels> for Token {
    fn new(_: &Channels, _: &Call<'_>, number: u32) -> Self {
        Self(number)
    }

    fn number(&self, _: &Channels, _: &Call<'_>) -> u32 {
        self.0
    }
}

impl Guest for Channels {
    type Token = Token;

    fn count(&self, _: &Call<'_>, len: u64) -> StreamReader<u8> {
        self.counter(len)
    }

    fn counted(&self, _: &Call<'_>) -> u64 {
        self.counted.load(Ordering::SeqCst)
    }

    fn read_via_stream(
        &self,
        _: &Call<'_>,
        len: u64,
        fails: bool,
    ) -> (StreamReader<u8>, FutureReader<Result<(), ErrorCode>>) {
        let (ended, result) = future();
        let data = StreamReader::spawn(16, async move |mut writer| {
            for n in 0..len {
                if writer.write(n.to_le_bytes()[0]).await.is_err() {
                    let _ = ended.write(Err(ErrorCode::Full));
                    return;
                }
            }
            let _ = ended.write(match fails {
                true => Err(ErrorCode::Broken("on purpose".to_owned())),
                false => Ok(()),
            });
        });
        (data, result)
    }

    fn points(&self, _: &Call<'_>, len: u32) -> StreamReader<Point> {
        let (mut writer, reader) = stream(4);
        let counted = Arc::clone(&self.counted);
        counted.store(0, Ordering::SeqCst);
        spawn(async move {
            for n in 0..len {
                // Before it is there to be read, so that who reads finds it counted.
                counted.fetch_add(1, Ordering::SeqCst);
                if writer.write(point(n)).await.is_err() {
                    return;
                }
            }
        });
        reader
    }

    async fn words(&self, _: &Call<'_>, words: Vec<&str>) -> StreamReader<String> {
        let (sender, receiver) = mpsc::channel(1);
        let words: Vec<_> = words.into_iter().map(str::to_owned).collect();
        spawn(async move {
            for word in words {
                if sender.send(word).await.is_err() {
                    return;
                }
            }
        });
        StreamReader::from_receiver(receiver)
    }

    fn numbers(&self, _: &Call<'_>, len: u32) -> StreamReader<u32> {
        StreamReader::from_iter(0..len)
    }

    fn ticks(&self, _: &Call<'_>, len: u32) -> StreamReader<()> {
        StreamReader::from_iter((0..len).map(drop))
    }

    fn tokens(&self, _: &Call<'_>, len: u32) -> StreamReader<TokenHandle> {
        StreamReader::from_iter((0..len).map(|n| TokenHandle::new(Token(n))))
    }

    fn streams(&self, _: &Call<'_>, lens: &[u64]) -> StreamReader<StreamReader<u8>> {
        let streams: Vec<_> = lens.iter().map(|len| self.counter(*len)).collect();
        StreamReader::from_iter(streams)
    }

    async fn later(&self, _: &Call<'_>, text: &str) -> FutureReader<String> {
        let text = format!("{text}, later");
        FutureReader::new(async move {
            tokio::task::yield_now().await;
            text
        })
    }

    fn signal(&self, _: &Call<'_>) -> FutureReader<()> {
        FutureReader::spawn(tokio::task::yield_now())
    }

    fn make_shelf(
        &self,
        _: &Call<'_>,
        title: Option<&str>,
        lens: &[u64],
    ) -> Result<Shelf, ErrorCode> {
        if lens.is_empty() {
            return Err(ErrorCode::Full);
        }
        Ok(Shelf {
            title: title.map(|title| FutureReader::ready(title.to_owned())),
            parts: lens.iter().map(|len| self.counter(*len)).collect(),
            size: u8::try_from(lens.len()).unwrap_or(u8::MAX),
        })
    }

    async fn sum(&self, _: &Call<'_>, data: StreamReader<u8>) -> u64 {
        sum(data).await
    }

    fn write_via_stream(
        &self,
        _: &Call<'_>,
        data: StreamReader<u8>,
    ) -> FutureReader<Result<u64, ErrorCode>> {
        FutureReader::spawn(async move { Ok(sum(data).await) })
    }

    async fn describe(&self, _: &Call<'_>, mut points: StreamReader<Point>) -> String {
        let (mut count, mut last) = (0, None);
        while let Some(point) = points.next().await {
            count += 1;
            last = Some(point);
        }
        format!("{count} {last:?}")
    }

    async fn join(
        &self,
        _: &Call<'_>,
        words: StreamReader<String>,
        separator: FutureReader<String>,
    ) -> String {
        let words = words.collect().await;
        match separator.await {
            Ok(separator) => words.join(&separator),
            Err(closed) => closed.to_string(),
        }
    }

    async fn add(&self, _: &Call<'_>, numbers: StreamReader<u32>) -> u64 {
        numbers.collect().await.into_iter().map(u64::from).sum()
    }

    async fn count_ticks(
        &self,
        _: &Call<'_>,
        ticks: StreamReader<()>,
        done: FutureReader<()>,
    ) -> u32 {
        let ticks = ticks.collect().await.len();
        match done.await {
            Ok(()) => u32::try_from(ticks).unwrap_or(u32::MAX),
            Err(_) => u32::MAX,
        }
    }

    async fn add_tokens(&self, _: &Call<'_>, mut tokens: StreamReader<TokenHandle>) -> u32 {
        let mut sum = 0;
        while let Some(token) = tokens.next().await {
            sum += token.get::<Token>().map_or(u32::MAX, |token| token.0);
        }
        sum
    }

    async fn sum_streams(&self, _: &Call<'_>, mut streams: StreamReader<StreamReader<u8>>) -> u64 {
        let mut all = 0;
        while let Some(data) = streams.next().await {
            all += sum(data).await;
        }
        all
    }

    async fn read_shelf(&self, _: &Call<'_>, shelf: Shelf) -> String {
        let title = match shelf.title {
            Some(title) => title.await.unwrap_or_default(),
            None => "untitled".to_owned(),
        };
        let mut sums = Vec::new();
        for part in shelf.parts {
            sums.push(sum(part).await);
        }
        format!("{title} {sums:?} {}", shelf.size)
    }

    async fn take(&self, _: &Call<'_>, mut data: StreamReader<u8>, len: u32) -> u32 {
        let mut taken = 0;
        while taken < len {
            let bytes = data.read((len - taken) as usize).await;
            if bytes.is_empty() {
                break;
            }
            taken += u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        }
        taken
    }

    fn hold(&self, _: &Call<'_>, data: StreamReader<u8>) {
        *self.held.blocking_lock() = Some(data);
    }

    async fn read_held(&self, _: &Call<'_>, max: u32) -> u32 {
        match &mut *self.held.lock().await {
            Some(data) => u32::try_from(data.read(max as usize).await.len()).unwrap_or(u32::MAX),
            None => u32::MAX,
        }
    }

    fn drop_held(&self, _: &Call<'_>) {
        *self.held.blocking_lock() = None;
    }

    fn echo(&self, _: &Call<'_>, points: StreamReader<Point>) -> StreamReader<Point> {
        points
    }

    fn echo_future(&self, _: &Call<'_>, text: FutureReader<String>) -> FutureReader<String> {
        text
    }

    #[allow(clippy::panic, reason = "it is what the test is about")]
    fn panics_while_writing(&self, _: &Call<'_>, len: u32) -> StreamReader<u8> {
        StreamReader::spawn(16, async move |mut writer| {
            for _ in 0..len {
                let _ = writer.write(7).await;
            }
            panic!("on purpose");
        })
    }

    #[allow(clippy::panic, reason = "it is what the test is about")]
    fn panics_while_read(&self, _: &Call<'_>) -> StreamReader<u8> {
        StreamReader::from_iter(std::iter::from_fn(|| panic!("on purpose")))
    }

    #[allow(clippy::panic, reason = "it is what the test is about")]
    fn panics_in_future(&self, _: &Call<'_>) -> FutureReader<String> {
        FutureReader::spawn(async {
            tokio::task::yield_now().await;
            panic!("on purpose")
        })
    }

    #[allow(clippy::panic, reason = "it is what the test is about")]
    fn panics_with(&self, _: &Call<'_>, _: StreamReader<u8>) {
        panic!("on purpose");
    }

    fn gives_up(&self, _: &Call<'_>) -> FutureReader<String> {
        future().1
    }

    fn never(&self, _: &Call<'_>) -> StreamReader<u8> {
        StreamReader::spawn(1, async |writer| {
            pending::<()>().await;
            drop(writer);
        })
    }
}

wash_plugin_abi::export!(Channels);
