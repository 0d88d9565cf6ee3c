//! Calls of what components export.
#![allow(unsafe_code, reason = "the host's functions are behind a vtable")]

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::host::Extension;
use super::testing;
use crate::abi::foreign::{ForeignFuture, begin};
use crate::abi::{Buffer, EXT_GUEST, GuestCallV1, GuestV1, HostV1, Slice, Status};
use crate::codec::{self, CodecError, Decode, Encode};
use crate::event::Item;

static HOST: Extension<GuestV1> = Extension::new(EXT_GUEST);

/// Finds the host's way to components.
///
/// # Safety
///
/// As [`Extension::install`].
pub(super) unsafe fn install(host: *const HostV1) {
    // SAFETY: the caller's promise.
    unsafe { HOST.install(host) };
}

/// Lets go of the host.
pub(super) fn uninstall() {
    HOST.uninstall();
}

/// A component of a workload, whose exports the plugin calls.
///
/// What a plugin's world `import`s is what it calls: `bindgen!` makes a function
/// of each, whose first argument is one of these. A plugin is told in
/// [`Plugin::workload_resolved`](super::Plugin::workload_resolved) which
/// components there are, and by [`Item::exports`] what they export.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Component {
    workload_id: String,
    component_id: String,
}

impl Component {
    /// The component that an event is about.
    pub fn of(item: &Item) -> Self {
        Self {
            workload_id: item.workload.id.clone(),
            component_id: item.id.clone(),
        }
    }

    /// The id of its workload.
    pub fn workload_id(&self) -> &str {
        &self.workload_id
    }

    /// Its own id.
    pub fn component_id(&self) -> &str {
        &self.component_id
    }
}

/// A call of a component did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("component `{}` of workload `{}` failed in `{interface}#{function}`: {message}", component.component_id, component.workload_id)]
pub struct GuestError {
    /// The component.
    pub component: Component,
    /// The interface, as the plugin's world has it.
    pub interface: &'static str,
    /// The function in it.
    pub function: &'static str,
    /// What the host says.
    pub message: String,
}

/// The parameters of a call, for generated code.
pub fn call_params(params: &impl Encode) -> Result<Buffer, CodecError> {
    let mut args = Buffer::new();
    codec::to_out(params, args.out(), 0)?;
    Ok(args)
}

/// Calls a function of a component's, for generated code.
pub fn call_guest<R: for<'a> Decode<'a> + 'static>(
    component: &Component,
    interface: &'static str,
    function: &'static str,
    params: Result<Buffer, CodecError>,
) -> impl Future<Output = Result<R, GuestError>> + Send + use<R> {
    let component = component.clone();
    async move {
        let result = match params {
            Ok(args) => run(&component, interface, function, args).await,
            Err(error) => Err(format!("the arguments cannot be written: {error}")),
        };
        result
            .and_then(|buffer| {
                codec::from_slice(buffer.as_slice())
                    .map_err(|error| format!("the result cannot be read: {error}"))
            })
            .map_err(|message| GuestError {
                component,
                interface,
                function,
                message,
            })
    }
}

/// Drives a call: the buffer of its result.
async fn run(
    component: &Component,
    interface: &str,
    function: &str,
    args: Buffer,
) -> Result<Buffer, String> {
    let mut out = Buffer::new();
    let mut running: Option<ForeignFuture> = None;
    let status = poll_fn(|cx| {
        let status = match &mut running {
            Some(future) => future.poll(cx, &mut out),
            None => {
                let (status, future) = start(cx, &mut out, component, interface, function, &args);
                running = future;
                status
            }
        };
        match status {
            Status::PENDING => Poll::Pending,
            ended => Poll::Ready(ended),
        }
    })
    .await;
    drop(running);
    if status == Status::OK {
        return Ok(out);
    }
    Err(String::from_utf8_lossy(out.as_slice()).into_owned())
}

fn start(
    cx: &Context<'_>,
    out: &mut Buffer,
    component: &Component,
    interface: &str,
    function: &str,
    args: &Buffer,
) -> (Status, Option<ForeignFuture>) {
    let call = GuestCallV1 {
        size: size_of::<GuestCallV1>(),
        workload_id: Slice::new(component.workload_id.as_bytes()),
        component_id: Slice::new(component.component_id.as_bytes()),
        interface: Slice::new(interface.as_bytes()),
        function: Slice::new(function.as_bytes()),
    };
    let begun = HOST.with(|host| {
        // SAFETY: `call` is the host's entry, and writes the future of a call
        // that is pending; it borrows what it is given for itself alone.
        unsafe {
            begin(cx, out, |out, pending| {
                (host.vtable.call)(host.data, &call, Slice::new(args.as_slice()), out, pending)
            })
        }
    });
    begun.unwrap_or_else(|| {
        let status = testing::answer(component, interface, function, args.as_slice(), out);
        let status = status.unwrap_or_else(|| {
            out.out()
                .set_text("this host cannot call components, or is gone");
            Status::FAILED
        });
        (status, None)
    })
}
