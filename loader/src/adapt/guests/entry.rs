//! The plugin's entry to components' exports, and the futures it is given.
#![allow(
    unsafe_code,
    reason = "the plugin calls with raw values, and drives a raw future"
)]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use wash_plugin_abi::abi::{
    Buffer, FutureV1, FutureVtableV1, GuestCallV1, GuestV1, OutBuf, PendingV1, Slice, Status,
    WakerV1, with_waker,
};

use super::super::host::HostSide;
use super::{Running, Wanted};

/// What the host offers as [`wash_plugin_abi::abi::EXT_GUEST`].
pub(in super::super) static GUEST: GuestV1 = GuestV1 {
    size: size_of::<GuestV1>(),
    call,
};

static FUTURE: FutureVtableV1 = FutureVtableV1 {
    size: size_of::<FutureVtableV1>(),
    poll,
    drop: drop_future,
};

/// # Safety
///
/// As [`GuestV1::call`]: `data` is the host's, the other pointers are valid for
/// the call.
unsafe extern "C" fn call(
    data: *const c_void,
    call: *const GuestCallV1,
    args: Slice,
    out: *mut OutBuf,
    pending: *mut PendingV1,
) -> Status {
    // SAFETY: the caller's promise.
    let (side, call, args, out, pending) = unsafe {
        (
            HostSide::from_data(data),
            &*call,
            args.as_bytes(),
            &mut *out,
            &mut *pending,
        )
    };
    // A panic of ours must not cross into the plugin.
    let begun = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the texts of a call are valid as long as it is.
        let [workload_id, component_id, interface, function] = unsafe {
            [
                call.workload_id.to_text(),
                call.component_id.to_text(),
                call.interface.to_text(),
                call.function.to_text(),
            ]
        };
        let mut copy = Buffer::new();
        copy.extend(args).map_err(|error| error.to_string())?;
        side.guests.begin(
            &Wanted {
                workload_id: &workload_id,
                component_id: &component_id,
                interface: &interface,
                function: &function,
            },
            copy,
        )
    }));
    let running = match begun {
        Ok(Ok(running)) => running,
        Ok(Err(problem)) => {
            out.set_text(&problem);
            return Status::FAILED;
        }
        Err(_) => {
            out.set_text("the host panicked");
            return Status::FAILED;
        }
    };
    let mut running = Box::new(running);
    // SAFETY: the slot's waker is valid for the call.
    let status = unsafe { advance(&mut running, &raw const pending.waker, out) };
    if status == Status::PENDING {
        pending.future = FutureV1 {
            data: Box::into_raw(running).cast(),
            vtable: &raw const FUTURE,
        };
    }
    status
}

/// # Safety
///
/// `waker` must point to a valid waker of the plugin's.
unsafe fn advance(running: &mut Running, waker: *const WakerV1, out: &mut OutBuf) -> Status {
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let result = Pin::new(&mut running.result);
        // SAFETY: the caller's promise.
        unsafe { with_waker(waker, |w| result.poll(&mut Context::from_waker(w))) }
    }));
    match polled {
        Ok(Poll::Pending) => Status::PENDING,
        Ok(Poll::Ready(Ok(Ok(result)))) => {
            out.clear();
            match out.extend(result.as_slice()) {
                Ok(()) => Status::OK,
                Err(error) => {
                    out.set_text(&error.to_string());
                    Status::FAILED
                }
            }
        }
        Ok(Poll::Ready(Ok(Err(problem)))) => {
            out.set_text(&problem);
            Status::FAILED
        }
        Ok(Poll::Ready(Err(_))) => {
            out.set_text("the call was given up: the host is being stopped, or it panicked");
            Status::FAILED
        }
        Err(_) => {
            out.set_text("the host panicked");
            Status::FAILED
        }
    }
}

/// # Safety
///
/// As [`FutureVtableV1::poll`]: `data` comes from [`call`], waker and `out` are
/// valid for the call.
unsafe extern "C" fn poll(data: *mut c_void, waker: *const WakerV1, out: *mut OutBuf) -> Status {
    // SAFETY: `call` took it out of a box, and calls for it do not overlap.
    let (running, out) = unsafe { (&mut *data.cast::<Running>(), &mut *out) };
    // SAFETY: the caller's promise.
    unsafe { advance(running, waker, out) }
}

/// # Safety
///
/// As [`FutureVtableV1::drop`]: `data` comes from [`call`], once.
unsafe extern "C" fn drop_future(data: *mut c_void) {
    // SAFETY: `call` took it out of a box.
    let running = unsafe { Box::from_raw(data.cast::<Running>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(running)));
}
