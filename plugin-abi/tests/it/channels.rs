//! A plugin's streams and futures, as a host reads them.
#![allow(unsafe_code, reason = "a test of raw entry points")]

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use wash_plugin_abi::abi::{
    Buffer, CallContextV1, ChannelV1, HostV1, Lent, LentArgsV1, PluginV1, ResourceV1, Slice,
    Status, lend_waker,
};
use wash_plugin_abi::codec::from_slice;
use wash_plugin_abi::io::{FutureReader, StreamReader, StreamWriter, stream};
use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({ inline: "
    package test:channels;
    interface channels {
        open: func() -> tuple<stream<u8>, stream<string>, stream, future<u16>, stream<u8>>;
    }
    world plugin { export channels; }
" });

struct Channels;

impl Plugin for Channels {
    type Config = ();
    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

type Opened = (
    StreamReader<u8>,
    StreamReader<String>,
    StreamReader<()>,
    FutureReader<u16>,
    StreamReader<u8>,
);

/// Writable ends that stay open as long as the process.
static OPEN: Mutex<Vec<StreamWriter<u8>>> = Mutex::new(Vec::new());

impl exports::test::channels::channels::Guest for Channels {
    fn open(&self, _: &Call<'_>) -> Opened {
        let (writer, never) = stream(1);
        OPEN.lock().unwrap().push(writer);
        (
            StreamReader::from_bytes(vec![7; 5000]),
            StreamReader::from_iter(["a", "ü"].map(str::to_owned)),
            StreamReader::from_iter([(); 3]),
            FutureReader::ready(513),
            never,
        )
    }
}

wash_plugin_abi::export!(Channels);

unsafe extern "C" {
    fn wash_plugin_query_v1(id: *const u8, len: usize) -> *const u8;
}

/// An extension of the plugin.
fn extension<T>(id: &str) -> &'static T {
    // SAFETY: `T` is what the ABI says that the id stands for.
    unsafe { &*wash_plugin_query_v1(id.as_ptr(), id.len()).cast() }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn read(number: u32, max: usize, waker: &Waker, out: &mut Buffer) -> Status {
    let channels = extension::<ChannelV1>("wash.channel/1");
    out.clear();
    let waker = lend_waker(waker);
    // SAFETY: all is valid for the call; the plugin's pointer is not used.
    unsafe { (channels.read)(std::ptr::null(), number, max, &waker, out.out()) }
}

/// Calls `open` for a workload: the numbers.
fn open(workload: u64) -> [u32; 5] {
    let context = CallContextV1 {
        size: size_of::<CallContextV1>(),
        workload_id: Slice::EMPTY,
        component_id: Slice::EMPTY,
        workload,
    };
    let mut out = Buffer::new();
    let entry = __wash::functions::<Channels>()[0];
    // SAFETY: all that is passed lives until it returns, and the plugin is a
    // `Channels`.
    let status = unsafe {
        let plugin = std::ptr::from_ref(&Channels).cast::<c_void>();
        entry(
            plugin,
            &context,
            Slice::EMPTY,
            out.out(),
            std::ptr::null_mut(),
        )
    };
    assert_eq!(status, Status::OK);
    let (a, b, c, d, e) = from_slice(out.as_slice()).unwrap();
    [a, b, c, d, e]
}

#[test]
fn what_a_plugin_gives_is_read_until_its_end_or_until_it_goes() {
    let resources = extension::<ResourceV1>("wash.resource/1");
    // SAFETY: the plugin's pointer is not used.
    let live = || unsafe { (resources.live)(std::ptr::null()) };
    let drop_end = extension::<ChannelV1>("wash.channel/1").drop;
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut out = Buffer::new();
    let numbers = open(1);
    let [bytes, words, ticks, value, never] = numbers;
    assert_eq!(live(), 5);

    // A few bytes are copied, and many are lent.
    assert_eq!(read(bytes, 3, &waker, &mut out), Status::OK);
    assert_eq!(from_slice::<&[u8]>(out.as_slice()).unwrap(), [7; 3]);
    assert_eq!(read(bytes, 10_000, &waker, &mut out), Status::OK_LENT);
    // SAFETY: it was written just now.
    let lent = unsafe { Lent::take(&out) }.unwrap();
    assert_eq!(lent.as_bytes(), [7; 4997]);
    drop(lent);
    assert_eq!(read(bytes, 1, &waker, &mut out), Status::CLOSED);
    assert_eq!(read(bytes, 1, &waker, &mut out), Status::CLOSED);

    assert_eq!(read(words, 1, &waker, &mut out), Status::OK);
    assert_eq!(from_slice::<Vec<&str>>(out.as_slice()).unwrap(), ["a"]);
    assert_eq!(read(words, 9, &waker, &mut out), Status::OK);
    assert_eq!(from_slice::<Vec<&str>>(out.as_slice()).unwrap(), ["ü"]);
    // No payload: the number is all there is.
    assert_eq!(read(ticks, 9, &waker, &mut out), Status::OK);
    assert_eq!(out.as_slice()[4..], [3, 0, 0, 0]);
    assert_eq!(read(value, 1, &waker, &mut out), Status::OK);
    assert_eq!(out.as_slice(), [1, 2]);
    assert_eq!(read(value, 1, &waker, &mut out), Status::CLOSED);

    // A number that was given up, or never was, is the end, and no harm.
    for number in [bytes, bytes, u32::MAX] {
        // SAFETY: a number that stands for nothing is ignored.
        unsafe { drop_end(std::ptr::null(), number) };
        assert_eq!(read(number, 1, &waker, &mut out), Status::CLOSED);
    }
    assert_eq!(live(), 4);

    // Who waits is woken when the workload goes, and finds the end.
    assert_eq!(read(never, 1, &waker, &mut out), Status::PENDING);
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    let others = open(2);
    // SAFETY: as above.
    unsafe { (resources.release)(std::ptr::null(), 1) };
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(read(never, 1, &waker, &mut out), Status::CLOSED);
    assert_eq!(live(), 5);
    assert_eq!(read(others[4], 1, &waker, &mut out), Status::PENDING);
    // SAFETY: as above.
    unsafe { (resources.release)(std::ptr::null(), 0) };
    assert_eq!((live(), woken.0.load(Ordering::SeqCst)), (0, 2));
}

/// A host that has nothing.
unsafe extern "C" fn nothing(_: *const c_void, _: Slice) -> *const c_void {
    std::ptr::null()
}

#[test]
fn a_plugin_says_that_it_reads_what_is_lent() {
    let lent_args = extension::<LentArgsV1>("wash.lent-args/1");
    assert_eq!(lent_args.size, size_of::<LentArgsV1>());
}

#[test]
fn a_host_that_has_no_streams_is_told_so() {
    let plugin = extension::<PluginV1>("wash.plugin/1");
    let host = HostV1 {
        size: size_of::<HostV1>(),
        data: std::ptr::null(),
        extension: nothing,
    };
    let (mut made, mut out) = (std::ptr::null_mut(), Buffer::new());
    // SAFETY: the host outlives the plugin, which is not made.
    let status = unsafe { (plugin.create)(&host, Slice::new(b"{}"), &mut made, out.out()) };
    assert_eq!(status, Status::FAILED);
    assert!(made.is_null());
    let told = String::from_utf8_lossy(out.as_slice());
    assert!(
        told.contains("`wash.channel/1`") && told.contains("newer host"),
        "{told}"
    );
}
