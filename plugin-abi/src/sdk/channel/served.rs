//! The plugin's streams and futures, as the host reads them for components.
#![allow(unsafe_code, reason = "these functions are the ABI's entry points")]

use std::ffi::c_void;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::future::{Ended, FutureEnd};
use super::reader::ReadEnd;
use super::{FutureReader, Panicked, StreamReader, items};
use crate::abi::{ChannelV1, OutBuf, Status, WakerV1, with_waker};
use crate::codec::{CodecError, Encode, Writer};
use crate::sdk::resource::slab;
use crate::sdk::{panic, runtime};

/// Behind [`crate::abi::EXT_CHANNEL`].
pub(crate) const CHANNEL: &ChannelV1 = &ChannelV1 {
    size: size_of::<ChannelV1>(),
    read,
    drop: drop_end,
};

/// A readable end, whatever its items.
trait End: Send + Sync {
    fn read(&self, cx: &mut Context<'_>, max: usize, out: &mut OutBuf, workload: u64) -> Status;
}

/// What a number stands for.
struct Served {
    end: Arc<dyn End>,
    /// The workload that has it.
    workload: u64,
}

impl<T: Encode + Send> End for ReadEnd<T> {
    fn read(&self, cx: &mut Context<'_>, max: usize, out: &mut OutBuf, workload: u64) -> Status {
        match self.read(cx, max) {
            Poll::Pending => Status::PENDING,
            Poll::Ready(Ok(None)) => Status::CLOSED,
            Poll::Ready(Ok(Some(read))) => items::write(read, out, workload),
            Poll::Ready(Err(Panicked)) => panicked(out),
        }
    }
}

impl<T: Encode + Send> End for FutureEnd<T> {
    fn read(&self, cx: &mut Context<'_>, _: usize, out: &mut OutBuf, workload: u64) -> Status {
        match self.poll(cx) {
            Poll::Pending => Status::PENDING,
            Poll::Ready(Ok(value)) => items::write_value(&value, out, workload),
            Poll::Ready(Err(Ended::Closed)) => Status::CLOSED,
            Poll::Ready(Err(Ended::Panicked)) => panicked(out),
        }
    }
}

#[cold]
fn panicked(out: &mut OutBuf) -> Status {
    out.set_text("the task that should write it panicked");
    Status::PANICKED
}

/// # Safety
///
/// As [`ChannelV1::read`]: waker and `out` are valid for the call.
unsafe extern "C" fn read(
    _: *const c_void,
    number: u32,
    max: usize,
    waker: *const WakerV1,
    out: *mut OutBuf,
) -> Status {
    // SAFETY: the caller's promise.
    let out = unsafe { &mut *out };
    panic::guard(out, |out| {
        let served = slab()
            .get(number)
            .and_then(|value| value.downcast::<Served>().ok());
        let Some(served) = served else {
            // It went with the plugin or the workload, and nobody waits for it
            // any more who could be told more than that.
            return Status::CLOSED;
        };
        let _entered = match runtime::enter() {
            Ok(entered) => entered,
            Err(error) => {
                out.set_text(&format!("the plugin's async runtime cannot start: {error}"));
                return Status::FAILED;
            }
        };
        let mut read = |waker: &std::task::Waker| {
            let mut cx = Context::from_waker(waker);
            served.end.read(&mut cx, max, out, served.workload)
        };
        // SAFETY: the caller's promise.
        unsafe { with_waker(waker, &mut read) }
    })
}

unsafe extern "C" fn drop_end(_: *const c_void, number: u32) {
    panic::guard_silent(|| {
        let _entered = runtime::enter();
        drop(slab().take(number));
    });
}

fn encode(end: Arc<dyn End>, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
    let workload = writer.workload();
    let number = slab().insert(Arc::new(Served { end, workload }), workload)?;
    number.encode(writer, at)
}

impl<T: Encode + Send + 'static> Encode for StreamReader<T> {
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        encode(Arc::clone(&self.0) as _, writer, at)
    }
}

impl<T: Encode + Send + 'static> Encode for FutureReader<T> {
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        encode(Arc::clone(&self.0) as _, writer, at)
    }
}
