//! A plugin's streams and futures, as components read them.
#![allow(
    unsafe_code,
    reason = "a plugin's streams are behind its vtable of raw functions"
)]

use std::sync::Arc;
use std::task::{Context, Poll};

use wash_plugin_abi::abi::{ChannelV1, EXT_CHANNEL, Lent, Status, lend_waker};
use wash_runtime::wasmtime::{Error, Result, bail, error::format_err};

use super::super::instance::Instance;
use crate::flat::{Channel, Frame};

/// Takes over the plugin's readable end of that number.
pub(in super::super) fn open(owner: &Arc<Instance>, number: u32) -> Result<Box<dyn Channel>> {
    let Some(vtable) = owner.channels() else {
        bail!(
            "plugin `{}` returned a stream or future, and lacks the extension `{EXT_CHANNEL}`",
            owner.id()
        );
    };
    Ok(Box::new(End {
        owner: Arc::clone(owner),
        vtable,
        number,
    }))
}

/// The plugin's end. Dropped, it is dropped in the plugin.
struct End {
    owner: Arc<Instance>,
    vtable: &'static ChannelV1,
    number: u32,
}

impl Channel for End {
    fn poll_read(&mut self, cx: &Context<'_>, max: usize, frame: &mut Frame) -> Poll<Result<bool>> {
        let waker = lend_waker(cx.waker());
        // SAFETY: the vtable is of this plugin; all is lent to the call, and
        // `&mut self` keeps calls for one number apart.
        let status = self.owner.inside(|| unsafe {
            (self.vtable.read)(self.owner.raw(), self.number, max, &waker, frame.out.out())
        });
        Poll::Ready(match status {
            Status::PENDING => return Poll::Pending,
            Status::OK => Ok(true),
            Status::OK_LENT => {
                // SAFETY: the plugin has written the buffer just now.
                match unsafe { Lent::take(&frame.out) } {
                    Ok(lent) => {
                        frame.lent = Some(lent);
                        frame.lender = Some(Arc::clone(&self.owner) as _);
                        Ok(true)
                    }
                    Err(error) => Err(self.failed(status, &error.to_string())),
                }
            }
            Status::CLOSED => Ok(false),
            _ => Err(self.failed(status, &String::from_utf8_lossy(frame.out.as_slice()))),
        })
    }

    fn error(&self, what: &str) -> Error {
        format_err!("plugin `{}` {what}", self.owner.id())
    }
}

impl End {
    /// Notes and tells that the plugin failed.
    #[cold]
    fn failed(&self, status: Status, problem: &str) -> Error {
        let panicked = status == Status::PANICKED;
        let what = if panicked { "panicked" } else { "failed" };
        let plugin = self.owner.id();
        let error = format!("plugin `{plugin}` {what} in a stream or future: {problem}");
        self.owner.record(panicked, &error);
        tracing::error!(plugin, "a plugin {what} in a stream or future: {problem}");
        Error::msg(error)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: as in `poll_read`; a number that is gone is ignored.
        self.owner
            .inside(|| unsafe { (self.vtable.drop)(self.owner.raw(), self.number) });
    }
}
