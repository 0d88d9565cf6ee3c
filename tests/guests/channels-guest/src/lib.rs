//! Makes and reads streams and futures of a plugin's.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use exports::test::channels::scenarios::Guest;
use test::channels::pipes::{self, Point, Shelf, Token};
use wit_bindgen::{StreamReader, StreamResult};

wit_bindgen::generate!({
    path: "../../wit/channels",
    world: "guest",
});

struct Scenarios;

/// As much as is read or written at once.
const CHUNK: usize = 30_000;

/// Waits for both at once.
async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(cx)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(cx)
        {
            second = Some(value);
        }
        match first.is_some() && second.is_some() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    (first.unwrap(), second.unwrap())
}

/// Whether the future is not done when it is asked once.
async fn waits(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// The lowest byte of each number below `len`.
fn bytes(len: u64) -> Vec<u8> {
    (0..len).map(|n| n.to_le_bytes()[0]).collect()
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

/// Reads all, in chunks.
async fn drain(mut stream: StreamReader<u8>) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let (result, read) = stream.read(Vec::with_capacity(CHUNK)).await;
        all.extend_from_slice(&read);
        if let StreamResult::Dropped = result {
            return all;
        }
    }
}

fn point(n: u32) -> Point {
    Point {
        x: n as i32 - 2,
        y: i64::from(n) << 33,
        name: format!("point {n} ü"),
    }
}

/// A stream that is written when the future is awaited.
fn written(len: u64) -> (StreamReader<u8>, impl Future<Output = u64>) {
    let (mut writer, reader) = wit_stream::new();
    let write = async move {
        let mut written = 0;
        for chunk in bytes(len).chunks(CHUNK) {
            let rest = writer.write_all(chunk.to_vec()).await;
            written += (chunk.len() - rest.len()) as u64;
            if !rest.is_empty() {
                break;
            }
        }
        written
    };
    (reader, write)
}

fn points(len: u32) -> (StreamReader<Point>, impl Future<Output = usize>) {
    let (mut writer, reader) = wit_stream::new();
    let write = async move { writer.write_all((0..len).map(point).collect()).await.len() };
    (reader, write)
}

fn words() -> Vec<String> {
    ["one", "", "drei 🦀"].map(str::to_owned).to_vec()
}

async fn made(name: &str, len: u64) -> Option<String> {
    Some(match name {
        "read" => {
            let all = drain(pipes::count(len)).await;
            format!("{} {}", all.len(), all == bytes(len))
        }
        "read later" => {
            let mut stream = pipes::count(len);
            let before = pipes::counted();
            let (_, read) = stream.read(Vec::with_capacity(10)).await;
            format!("{before} {} {}", read.len(), pipes::counted())
        }
        "read with a result" | "read what fails" => {
            let (data, ended) = pipes::read_via_stream(len, name == "read what fails");
            let all = drain(data).await;
            format!("{} {:?}", all == bytes(len), ended.await)
        }
        "read less" => {
            let (mut data, ended) = pipes::read_via_stream(len, false);
            let mut read = Vec::new();
            while read.len() < 3 {
                // What is there at once may be fewer.
                let (_, more) = data.read(Vec::with_capacity(3 - read.len())).await;
                if more.is_empty() {
                    break;
                }
                read.extend(more);
            }
            drop(data);
            format!("{read:?} {:?}", ended.await)
        }
        "points" => {
            let all = pipes::points(len as u32).collect().await;
            let expected = (0..len as u32).map(point).map(|point| format!("{point:?}"));
            let equal = all.iter().map(|point| format!("{point:?}")).eq(expected);
            format!("{} {equal}", all.len())
        }
        "points later" => {
            let mut stream = pipes::points(len as u32);
            let first = stream.next().await;
            format!("{first:?} {}", pipes::counted())
        }
        "words" => format!("{:?}", pipes::words(words()).await.collect().await),
        "numbers" => {
            let all = pipes::numbers(len as u32).collect().await;
            format!("{} {}", all.len(), all.into_iter().eq(0..len as u32))
        }
        "ticks" => format!("{}", pipes::ticks(len as u32).collect().await.len()),
        "tokens" => {
            let tokens = pipes::tokens(len as u32).collect().await;
            format!("{:?}", tokens.iter().map(Token::number).collect::<Vec<_>>())
        }
        "streams" => {
            let mut streams = pipes::streams(&[len, 0, 1]);
            let mut sums = Vec::new();
            while let Some(stream) = streams.next().await {
                sums.push(drain(stream).await.len());
            }
            format!("{sums:?}")
        }
        "later" => pipes::later("now".to_owned()).await.await,
        "signal" => format!("{:?}", pipes::signal().await),
        "shelf" => {
            let shelf = pipes::make_shelf(Some("books"), &[len, 2]).unwrap();
            let title = shelf.title.unwrap().await;
            let mut lens = Vec::new();
            for part in shelf.parts {
                lens.push(drain(part).await.len());
            }
            let empty = pipes::make_shelf(None, &[]).map(|shelf| shelf.size);
            format!("{title} {lens:?} {} {empty:?}", shelf.size)
        }
        _ => return None,
    })
}

async fn given(name: &str, len: u64) -> Option<String> {
    Some(match name {
        "write" => {
            let (reader, write) = written(len);
            let (summed, written) = both(pipes::sum(reader), write).await;
            format!("{written} {}", summed == sum(&bytes(len)))
        }
        "write with a result" => {
            let (reader, write) = written(len);
            let ended = pipes::write_via_stream(reader);
            let written = write.await;
            let expected = sum(&bytes(len));
            format!("{written} {}", matches!(ended.await, Ok(summed) if summed == expected))
        }
        "write points" => {
            let (reader, write) = points(len as u32);
            both(pipes::describe(reader), write).await.0
        }
        "write words" => {
            let (mut writer, reader) = wit_stream::new();
            let (separator, given) = wit_future::new(String::new);
            let write = async move {
                for word in words() {
                    writer.write_one(word).await;
                }
                drop(writer);
                separator.write(" + ".to_owned()).await.is_ok()
            };
            format!("{:?}", both(pipes::join(reader, given), write).await)
        }
        "write ticks" => {
            let (mut writer, reader) = wit_stream::new();
            let (done, given) = wit_future::new(|| ());
            let write = async move {
                writer.write_all(vec![(); len as usize]).await;
                drop(writer);
                done.write(()).await.is_ok()
            };
            format!("{:?}", both(pipes::count_ticks(reader, given), write).await)
        }
        "write tokens" => {
            let (mut writer, reader) = wit_stream::new();
            let write = async move {
                let tokens = (0..len as u32).map(Token::new).collect();
                writer.write_all(tokens).await.len()
            };
            format!("{:?}", both(pipes::add_tokens(reader), write).await)
        }
        "write streams" => {
            let (mut writer, reader) = wit_stream::new();
            let write = async move {
                for len in [len, 0, 3] {
                    let (reader, write) = written(len);
                    writer.write_one(reader).await;
                    write.await;
                }
            };
            let (summed, ()) = both(pipes::sum_streams(reader), write).await;
            format!("{}", summed == sum(&bytes(len)) + 3)
        }
        "write a shelf" => {
            let (title, given) = wit_future::new(String::new);
            let (first, write_first) = written(len);
            let (second, write_second) = written(3);
            let shelf = Shelf {
                title: Some(given),
                parts: vec![first, second],
                size: 2,
            };
            let write = async move {
                let _ = title.write("more books".to_owned()).await;
                write_first.await;
                write_second.await
            };
            both(pipes::read_shelf(shelf), write).await.0
        }
        "write later" => {
            let (mut writer, reader) = wit_stream::new();
            pipes::hold(reader);
            let mut write = Box::pin(writer.write(vec![1; 1000]));
            let before = waits(write.as_mut()).await;
            let read = pipes::read_held(10).await;
            let (result, rest) = write.await;
            pipes::drop_held();
            let after = writer.write(vec![1; 5]).await.0;
            format!("{before} {read} {result:?} {} {after:?}", rest.remaining())
        }
        "write and give up" => {
            let (mut writer, reader) = wit_stream::new();
            pipes::hold(reader);
            let mut write = Box::pin(writer.write(vec![1; 1000]));
            let before = waits(write.as_mut()).await;
            let (cancelled, rest) = write.as_mut().cancel();
            let text = format!("{before} {cancelled:?} {}", rest.remaining());
            drop(write);
            drop(writer);
            format!("{text} {}", pipes::read_held(10).await)
        }
        "write too much" => {
            let (reader, write) = written(len);
            let (taken, written) = both(pipes::take(reader, 10), write).await;
            format!("{taken} {written}")
        }
        "echo" => {
            let (reader, write) = points(len as u32);
            let back = pipes::echo(reader);
            let (all, rest) = both(back.collect(), write).await;
            let (writer, given) = wit_future::new(String::new);
            let back = pipes::echo_future(given);
            let (_, text) = both(writer.write("and back".to_owned()), async { back.await }).await;
            format!("{} {:?} {rest} {text}", all.len(), all.last())
        }
        _ => return None,
    })
}

async fn passed(name: &str, len: u64) -> Option<String> {
    Some(match name {
        "pass bytes" => {
            let summed = pipes::sum(pipes::count(len)).await;
            format!("{}", summed == sum(&bytes(len)))
        }
        "pass points" => pipes::describe(pipes::points(len as u32)).await,
        "pass numbers" => format!("{}", pipes::add(pipes::numbers(len as u32)).await),
        "pass words" => {
            let words = pipes::words(words()).await;
            pipes::join(words, pipes::later("comma".to_owned()).await).await
        }
        "pass ticks" => {
            let ticks = pipes::ticks(len as u32);
            format!("{}", pipes::count_ticks(ticks, pipes::signal()).await)
        }
        "pass tokens" => format!("{}", pipes::add_tokens(pipes::tokens(len as u32)).await),
        "several" => {
            let (first, write_first) = written(len);
            let (second, write_second) = written(len / 2);
            let writes = both(write_first, write_second);
            let sums = both(pipes::sum(first), pipes::sum(second));
            let reads = both(drain(pipes::count(len)), pipes::points(10).collect());
            let ((sums, writes), (read, points)) = both(both(sums, writes), reads).await;
            let expected = (sum(&bytes(len)), sum(&bytes(len / 2)));
            let lens = (writes, read.len(), points.len());
            format!("{} {lens:?}", sums == expected)
        }
        _ => return None,
    })
}

async fn wrong(name: &str, len: u64) -> Option<String> {
    Some(match name {
        "a panic while it writes" => {
            let all = drain(pipes::panics_while_writing(len as u32)).await;
            format!("{}", all.len())
        }
        "a panic while it is read" => {
            format!("{}", drain(pipes::panics_while_read()).await.len())
        }
        "a panic in a future" => pipes::panics_in_future().await,
        "a future that is given up" => pipes::gives_up().await,
        "a panic with a stream" => {
            let (_writer, reader) = wit_stream::new();
            pipes::panics_with(reader);
            String::new()
        }
        "cancel a read" => {
            let mut never = pipes::never();
            let mut read = pin!(never.read(Vec::with_capacity(10)));
            let before = waits(read.as_mut()).await;
            let (result, _) = read.as_mut().cancel();
            format!("{before} {result:?}")
        }
        "drop unread" => {
            let _ = (pipes::count(len), pipes::points(5), pipes::never());
            let _ = (pipes::later("never".to_owned()).await, pipes::signal());
            "dropped".to_owned()
        }
        // The rest leaves ends behind, on purpose.
        "keep" => {
            std::mem::forget((pipes::count(len), pipes::points(5), pipes::never()));
            std::mem::forget((pipes::later("never".to_owned()).await, pipes::signal()));
            let (writer, reader) = wit_stream::new::<u8>();
            pipes::hold(reader);
            std::mem::forget(writer);
            "kept".to_owned()
        }
        "trap" => {
            let (writer, reader) = wit_stream::new::<u8>();
            pipes::hold(reader);
            std::mem::forget((writer, pipes::count(len)));
            core::arch::wasm32::unreachable()
        }
        "read without an end" => {
            let (result, _) = pipes::never().read(Vec::with_capacity(10)).await;
            format!("{result:?}")
        }
        "write without an end" => {
            let (mut writer, reader) = wit_stream::new();
            pipes::hold(reader);
            format!("{:?}", writer.write(vec![1]).await.0)
        }
        "read held" => format!("{}", pipes::read_held(10).await),
        _ => return None,
    })
}

impl Guest for Scenarios {
    async fn run(name: String, len: u64) -> String {
        if let Some(said) = made(&name, len).await {
            return said;
        }
        if let Some(said) = given(&name, len).await {
            return said;
        }
        if let Some(said) = passed(&name, len).await {
            return said;
        }
        match wrong(&name, len).await {
            Some(said) => said,
            None => format!("there is no scenario {name:?}"),
        }
    }
}

export!(Scenarios);
