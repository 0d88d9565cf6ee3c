//! The plugin's streams and futures, and how it reads those of components.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock};
use std::task::{Poll, Waker};

use anyhow::{Result, bail, ensure};
use wash_plugin_abi::abi::{
    Buffer, ChannelV1, EXT_CHANNEL, HostV1, OutBuf, Slice, Status, WakerV1, lend_waker, with_waker,
};

use super::write;
use crate::oracle::Encoded;
use crate::script::{Script, lock};

/// What the plugin says when it is read.
#[derive(Debug)]
pub enum Step {
    /// Not yet; whoever made this wakes the reader.
    Pending,
    /// Items, or a value.
    Given(Encoded),
    /// It is at its end.
    Closed,
}

/// What one of the plugin's streams or futures has: asked for so many items, on
/// behalf of who waits.
pub type Source = Box<dyn FnMut(usize, &Waker) -> Step + Send>;

/// What was read of one of the plugin's.
#[derive(Clone, Debug)]
pub struct Read {
    /// By which number.
    pub number: u32,
    /// How many items were asked for.
    pub max: usize,
    /// What there was.
    pub given: Encoded,
}

/// The plugin's streams and futures, and the host's.
#[derive(Default)]
pub struct Streams {
    sources: Mutex<BTreeMap<u32, Source>>,
    reads: Mutex<Vec<Read>>,
    /// What must not happen.
    wrong: Mutex<Vec<String>>,
    host: OnceLock<Host>,
}

/// The host's extension, and what its functions take.
struct Host(*const c_void, &'static ChannelV1);

// SAFETY: the ABI says that they may be used from any thread.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    fn read(&self, number: u32, max: usize, waker: &Waker, out: &mut Buffer) -> Status {
        let Self(data, vtable) = self;
        let waker = lend_waker(waker);
        // SAFETY: the vtable is the host's, and the rest is lent for the call.
        unsafe { (vtable.read)(*data, number, max, &waker, out.out()) }
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams")
            .field("sources", &lock(&self.sources).keys())
            .finish_non_exhaustive()
    }
}

impl Streams {
    /// Finds the host's extension.
    ///
    /// # Safety
    ///
    /// The host must outlive the plugin.
    pub(super) unsafe fn find(&self, host: *const HostV1) {
        let id = Slice::new(EXT_CHANNEL.as_bytes());
        // SAFETY: the caller's promise; an extension's vtable lives as long.
        let found = unsafe {
            let found = ((*host).extension)((*host).data, id);
            found
                .cast::<ChannelV1>()
                .as_ref()
                .map(|v| Host((*host).data, v))
        };
        if let Some(found) = found {
            let _ = self.host.set(found);
        }
    }

    /// The plugin has another one, under this number.
    pub fn add(&self, number: u32, source: Source) {
        lock(&self.sources).insert(number, source);
    }

    /// One that was not given to anybody.
    pub fn withdraw(&self, number: u32) {
        lock(&self.sources).remove(&number);
    }

    /// What was read since the last time.
    pub fn reads(&self) -> Vec<Read> {
        std::mem::take(&mut *lock(&self.reads))
    }

    /// All that the plugin gave must have been given up, once.
    ///
    /// # Errors
    ///
    /// If not.
    pub fn check(&self) -> Result<()> {
        let wrong = std::mem::take(&mut *lock(&self.wrong));
        ensure!(wrong.is_empty(), "streams: {}", wrong.join(", "));
        let left: Vec<u32> = lock(&self.sources).keys().copied().collect();
        ensure!(left.is_empty(), "nobody has given up {left:?}");
        Ok(())
    }

    /// Reads up to `max` items of a component's, or its value; `None` at the end.
    ///
    /// # Errors
    ///
    /// What the host says.
    pub async fn read(&self, number: u32, max: usize) -> Result<Option<Encoded>> {
        let Some(host) = self.host.get() else {
            bail!("the host has no `{EXT_CHANNEL}`");
        };
        let mut out = Buffer::new();
        let read = poll_fn(|cx| match host.read(number, max, cx.waker(), &mut out) {
            Status::PENDING => Poll::Pending,
            status => Poll::Ready(status),
        });
        let status = read.await;
        match status {
            Status::OK => Ok(Some(Encoded {
                bytes: out.as_slice().to_vec(),
                lent: None,
            })),
            Status::CLOSED => Ok(None),
            other => bail!("{other:?}: {}", String::from_utf8_lossy(out.as_slice())),
        }
    }

    /// Gives a component's up.
    pub fn give_up(&self, number: u32) {
        if let Some(Host(data, vtable)) = self.host.get() {
            // SAFETY: the vtable is the host's; a number that is gone is ignored.
            unsafe { (vtable.drop)(*data, number) }
        }
    }
}

pub(super) static CHANNEL: ChannelV1 = ChannelV1 {
    size: size_of::<ChannelV1>(),
    read,
    drop: drop_source,
};

unsafe extern "C" fn read(
    plugin: *const c_void,
    number: u32,
    max: usize,
    waker: *const WakerV1,
    out: *mut OutBuf,
) -> Status {
    // SAFETY: the plugin is a script that `create` made; the host lends the rest
    // for this call.
    let (script, out) = unsafe { (&*plugin.cast::<Script>(), &mut *out) };
    let streams = &script.streams;
    let step = catch_unwind(AssertUnwindSafe(|| {
        let mut sources = lock(&streams.sources);
        match sources.get_mut(&number) {
            // SAFETY: as above.
            Some(source) => unsafe { with_waker(waker, |waker| source(max, waker)) },
            None => {
                lock(&streams.wrong).push(format!("{number:#x} is read, and stands for nothing"));
                Step::Closed
            }
        }
    }));
    match step {
        Ok(Step::Pending) => Status::PENDING,
        Ok(Step::Closed) => Status::CLOSED,
        Ok(Step::Given(given)) => {
            let (given, table) = script.with_lent(given, true);
            let status = table.map_or(Status::OK, |_| Status::OK_LENT);
            let status = write(out, &given.bytes, status);
            lock(&streams.reads).push(Read { number, max, given });
            status
        }
        Err(_) => Status::PANICKED,
    }
}

unsafe extern "C" fn drop_source(plugin: *const c_void, number: u32) {
    // SAFETY: the plugin is a script that `create` made.
    let streams = unsafe { &(*plugin.cast::<Script>()).streams };
    let source = lock(&streams.sources).remove(&number);
    if source.is_none() {
        lock(&streams.wrong).push(format!("{number:#x} is given up twice, or never was there"));
    }
}
