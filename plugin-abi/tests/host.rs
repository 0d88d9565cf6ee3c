//! What a plugin asks of its host: while it has one, and not any longer.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    unsafe_code,
    reason = "a test of raw entry points"
)]

use std::ffi::c_void;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use wash_plugin_abi::abi::{
    Buffer, ChannelV1, EXT_CHANNEL, EXT_LOG, HostV1, LogRecordV1, LogV1, OutBuf, PluginV1, Slice,
    Status, WakerV1,
};
use wash_plugin_abi::codec::from_slice;
use wash_plugin_abi::io::{Closed, FutureReader, StreamReader};
use wash_plugin_abi::{Plugin, Result};

wash_plugin_abi::bindgen!({ inline: "
    package test:host;
    interface nothing { nothing: func(); }
    world plugin { export nothing; }
" });

/// How making the plugin ends.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    Well,
    Fails,
    Panics,
}

static ENDS: Mutex<Ends> = Mutex::new(Ends::Well);

struct Made;

impl Plugin for Made {
    type Config = ();
    fn new((): ()) -> Result<Self> {
        tracing::error!("it is made");
        let ends = *ENDS.lock().unwrap();
        assert!(ends != Ends::Panics, "on purpose");
        anyhow::ensure!(ends != Ends::Fails, "on purpose");
        Ok(Self)
    }
}

impl exports::test::host::nothing::Guest for Made {
    fn nothing(&self, _: &wash_plugin_abi::Call<'_>) {}
}

wash_plugin_abi::export!(Made);

unsafe extern "C" {
    fn wash_plugin_query_v1(id: *const u8, len: usize) -> *const u8;
}

fn plugin() -> &'static PluginV1 {
    let id = "wash.plugin/1";
    // SAFETY: it is what the ABI says that the id stands for.
    unsafe { &*wash_plugin_query_v1(id.as_ptr(), id.len()).cast() }
}

/// What the host was told.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

static LOG: LogV1 = LogV1 {
    size: size_of::<LogV1>(),
    enabled,
    log,
};

unsafe extern "C" fn enabled(_: *const c_void, _: u32, _: Slice) -> bool {
    true
}

unsafe extern "C" fn log(_: *const c_void, record: *const LogRecordV1) {
    // SAFETY: the record is lent for the call.
    let message = unsafe { (*record).message.as_bytes() };
    let message = String::from_utf8_lossy(message).into_owned();
    LOGGED.lock().unwrap().push(message);
}

/// Components' streams, which fail.
static CHANNEL: ChannelV1 = ChannelV1 {
    size: size_of::<ChannelV1>(),
    read,
    drop: drop_end,
};

unsafe extern "C" fn read(
    _: *const c_void,
    number: u32,
    _: usize,
    _: *const WakerV1,
    out: *mut OutBuf,
) -> Status {
    if number == 0 {
        return Status::CLOSED;
    }
    // SAFETY: it is lent for the call.
    unsafe { &mut *out }.set_text(&format!("number {number} broke"));
    Status::FAILED
}

unsafe extern "C" fn drop_end(_: *const c_void, _: u32) {}

unsafe extern "C" fn extension(_: *const c_void, id: Slice) -> *const c_void {
    // SAFETY: it is lent for the call.
    let id = unsafe { id.as_bytes() };
    if id == EXT_LOG.as_bytes() {
        (&raw const LOG).cast()
    } else if id == EXT_CHANNEL.as_bytes() {
        (&raw const CHANNEL).cast()
    } else {
        std::ptr::null()
    }
}

const HOST: HostV1 = HostV1 {
    size: size_of::<HostV1>(),
    data: std::ptr::null(),
    extension,
};

// A host is the whole library's.
static ONE: Mutex<()> = Mutex::new(());

fn create(host: &HostV1, ends: Ends) -> (Status, *mut c_void, String) {
    *ENDS.lock().unwrap() = ends;
    let (mut made, mut out) = (std::ptr::null_mut(), Buffer::new());
    // SAFETY: the host outlives the plugin in each test.
    let status = unsafe { (plugin().create)(host, Slice::new(b"{}"), &mut made, out.out()) };
    let told = String::from_utf8_lossy(out.as_slice()).into_owned();
    (status, made, told)
}

fn now<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn logged() -> Vec<String> {
    std::mem::take(&mut *LOGGED.lock().unwrap())
}

#[test]
fn a_host_that_has_no_plugin_is_let_go() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let host = HOST;
    for (ends, status) in [
        (Ends::Fails, Status::FAILED),
        (Ends::Panics, Status::PANICKED),
    ] {
        let (ended, made, told) = create(&host, ends);
        assert_eq!(ended, status);
        assert!(made.is_null());
        assert!(told.contains("on purpose"), "{told}");
        assert_eq!(logged().first().map(String::as_str), Some("it is made"));
        // As a thread that it has left behind might do.
        tracing::error!("it is not there any more");
        assert!(logged().is_empty());
    }
}

#[test]
fn what_a_host_cannot_read_is_logged() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let host = HOST;
    let (status, made, told) = create(&host, Ends::Well);
    assert_eq!((status, told.as_str()), (Status::OK, ""));
    logged();

    let end = 0_u32.to_le_bytes();
    let stream: StreamReader<u8> = from_slice(&end).unwrap();
    assert!(now(stream.collect()).is_empty());
    assert!(logged().is_empty());

    let stream: StreamReader<u8> = from_slice(&7_u32.to_le_bytes()).unwrap();
    assert!(now(stream.collect()).is_empty());
    let future: FutureReader<u8> = from_slice(&8_u32.to_le_bytes()).unwrap();
    assert_eq!(now(future), Err(Closed));
    let early = "a component's stream or future ends early";
    let expected = [7, 8].map(|number| format!("{early}: number {number} broke"));
    assert_eq!(logged(), expected);

    // SAFETY: `create` made it.
    unsafe { (plugin().destroy)(made) };
    tracing::error!("it is not there any more");
    assert!(logged().is_empty());
}
