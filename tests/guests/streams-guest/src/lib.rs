//! Uses streams in the ways that a test names, and tells what it saw.

use exports::test::streams::scenarios::Guest;
use test::streams::pipes;
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::io::poll::poll;
use wasi::io::streams::{InputStream, OutputStream, StreamError};

wit_bindgen::generate!({
    path: "../../wit/streams",
    world: "guest",
    generate_all,
});

struct Scenarios;

/// The bytes that `count` has, up to a place.
fn expected(len: u64) -> u64 {
    (0..len).map(|n| n & 0xff).sum()
}

fn error(error: StreamError) -> String {
    match error {
        StreamError::Closed => "closed".to_owned(),
        StreamError::LastOperationFailed(error) => error.to_debug_string(),
    }
}

/// Reads to the end: the sum, how many bytes, and how it ended.
fn drain(stream: &InputStream) -> (u64, u64, String) {
    let (mut sum, mut len) = (0, 0);
    loop {
        match stream.blocking_read(100_000) {
            Ok(bytes) => {
                len += bytes.len() as u64;
                sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            }
            Err(end) => return (sum, len, error(end)),
        }
    }
}

/// Writes the bytes that `count` has, as `check-write` allows.
fn write(stream: &OutputStream, len: u64) -> Result<(), StreamError> {
    let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
    let mut rest = bytes.as_slice();
    let ready = stream.subscribe();
    while !rest.is_empty() {
        ready.block();
        let room = stream.check_write()? as usize;
        let (some, after) = rest.split_at(room.min(rest.len()));
        stream.write(some)?;
        rest = after;
    }
    stream.blocking_flush()
}

impl Guest for Scenarios {
    fn run(name: String, len: u64) -> String {
        match name.as_str() {
            "read" => {
                let stream = pipes::count(len);
                let (sum, read, end) = drain(&stream);
                format!("{} {read} {end}", sum == expected(len))
            }
            "read later" => {
                let stream = pipes::count(len);
                let first = stream.blocking_read(10).map(|bytes| bytes.len());
                format!("{first:?} {}", pipes::counted())
            }
            "read what breaks" => {
                let stream = pipes::breaks(len);
                let (sum, read, end) = drain(&stream);
                let again = error(stream.read(1).unwrap_err());
                format!("{} {read} {end} {again}", sum == expected(len))
            }
            "write" => {
                let sink = pipes::make_sink();
                let written = write(&sink.bytes, len).map_err(error);
                let before = sink.closed.ready();
                drop(sink.bytes);
                sink.closed.block();
                format!("{written:?} {before} {}", pipes::sunk() == expected(len))
            }
            "write without flushing" => {
                let sink = pipes::make_sink();
                let room = sink.bytes.check_write().unwrap();
                sink.bytes.write(&vec![1; room as usize]).unwrap();
                drop(sink.bytes);
                sink.closed.block();
                format!("{}", pipes::sunk() == room)
            }
            "write to what is full" => {
                let full = pipes::full();
                let written = full.blocking_write_and_flush(b"a").map_err(error);
                format!("{written:?}")
            }
            "write to what is stuck" => {
                let stuck = pipes::stuck().unwrap();
                let room = stuck.check_write().unwrap();
                stuck.write(b"a").unwrap();
                format!("{} {}", room > 0, stuck.check_write().unwrap())
            }
            "write more than there is room" => {
                let stuck = pipes::stuck().unwrap();
                let room = stuck.check_write().unwrap();
                let written = stuck.write(&vec![0; room as usize + 1]);
                format!("{written:?}")
            }
            "splice" => {
                let (from, sink) = (pipes::count(len), pipes::make_sink());
                let mut spliced = 0;
                let end = loop {
                    match sink.bytes.blocking_splice(&from, u64::MAX) {
                        Ok(some) => spliced += some,
                        Err(end) => break error(end),
                    }
                };
                drop(sink.bytes);
                sink.closed.block();
                format!("{spliced} {end} {}", pipes::sunk() == expected(len))
            }
            "give" => {
                let sum = pipes::sum(pipes::count(len));
                format!("{}", sum == expected(len))
            }
            "lend" => {
                let stream = pipes::count(len);
                let half = len / 2;
                let first = pipes::sum_lent(&stream, half);
                let (rest, ..) = drain(&stream);
                let both = expected(len);
                format!("{} {}", first == expected(half), first + rest == both)
            }
            "lend with a pollable" => {
                let stream = pipes::count(len);
                let ready = stream.subscribe();
                let sum = pipes::sum_lent(&stream, len);
                ready.block();
                let end = error(stream.blocking_read(1).unwrap_err());
                format!("{} {end}", sum == expected(len))
            }
            "lend what waits" => {
                let stream = pipes::waits();
                let gave_up = pipes::gives_up(&stream);
                let still = stream.read(1).map(|bytes| bytes.len());
                format!("{gave_up} {still:?}")
            }
            "give a sink" => {
                let sink = pipes::make_sink();
                pipes::fill(sink.bytes, len);
                sink.closed.block();
                format!("{}", pipes::sunk() == expected(len))
            }
            "lend a sink" => {
                let sink = pipes::make_sink();
                pipes::fill_lent(&sink.bytes, len);
                drop(sink.bytes);
                sink.closed.block();
                format!("{}", pipes::sunk() == expected(len))
            }
            "wait for several" => {
                let (first, second) = (pipes::make_sink(), pipes::make_sink());
                drop(second.bytes);
                let ready = poll(&[&first.closed, &second.closed]);
                format!("{ready:?} {}", first.closed.ready())
            }
            "lend a time" => {
                pipes::wait(&subscribe_duration(20_000_000));
                "it has come".to_owned()
            }
            "lend the plugin's own" => {
                let sink = pipes::make_sink();
                drop(sink.bytes);
                pipes::wait(&sink.closed);
                format!("{}", pipes::sunk())
            }
            "lend several" => {
                let (sink, stuck) = (pipes::make_sink(), pipes::waits());
                let never = stuck.subscribe();
                let soon = subscribe_duration(20_000_000);
                let first = pipes::first(&[&sink.closed, &never, &soon, &never]);
                // Those that were lent are the component's again.
                drop(sink.bytes);
                sink.closed.block();
                let mut ready = poll(&[&never, &sink.closed, &soon]);
                ready.sort_unstable();
                format!("{first} {ready:?}")
            }
            "lend in a record" => {
                let (stuck, full) = (pipes::waits(), pipes::count(1));
                let (never, now) = (stuck.subscribe(), full.subscribe());
                let event = |name: &'static str, comes| pipes::Event {
                    name: name.to_owned(),
                    comes,
                };
                pipes::which(&[event("never", &never), event("now", &now)])
            }
            "lend what never comes" => {
                let stuck = pipes::waits();
                pipes::wait(&stuck.subscribe());
                String::new()
            }
            "give what has a pollable" => {
                let stream = pipes::count(len);
                let _ready = stream.subscribe();
                format!("{}", pipes::sum(stream))
            }
            "give to a panic" => {
                pipes::takes_and_panics(pipes::count(len));
                String::new()
            }
            // The rest leaves streams behind, on purpose.
            "keep" => {
                std::mem::forget((pipes::count(len), pipes::make_sink(), pipes::waits()));
                "kept".to_owned()
            }
            other => format!("there is no scenario {other:?}"),
        }
    }
}

export!(Scenarios);
