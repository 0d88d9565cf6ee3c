//! The plugin's life behind its vtable.
#![allow(unsafe_code, reason = "these functions are the ABI's entry points")]

use std::ffi::c_void;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::{
    ConfigSchema, Plugin, Result, channel, guest, io, log, panic, plugin, resource, runtime, state,
    task, thread,
};
use crate::abi::{
    CallFn, CallV1, EXT_CHANNEL, HostV1, LentArgsV1, OutBuf, PendingV1, PluginV1, ResourceV1,
    Slice, StateV1, Status,
};
use crate::event::{ItemBound, WorkloadBound, WorkloadResolved, WorkloadUnbound};

/// What `export!` knows of a plugin: implemented by its expansion.
pub trait PluginExport: 'static {
    /// The plugin.
    type Plugin: Plugin;
    /// Its manifest's note, whole. It is what the running code reports, and so
    /// must not be the note in the library's section: tools move that one.
    const NOTE: &'static [u8];
    /// Its functions, in the manifest's order.
    const FUNCTIONS: &'static [CallFn];
    /// Its id, which its threads are called by.
    const ID: &'static str = env!("CARGO_PKG_NAME");
    /// Whether its interfaces have streams or futures of WASI 0.3.
    const CHANNELS: bool = false;
}

/// The vtables of a plugin.
#[derive(Debug)]
pub(crate) struct Tables<E>(PhantomData<E>);

impl<E: PluginExport> Tables<E> {
    /// Behind [`crate::abi::EXT_PLUGIN`].
    pub(crate) const PLUGIN: &'static PluginV1 = &PluginV1 {
        size: size_of::<PluginV1>(),
        manifest: Slice::new(E::NOTE),
        create: create::<E>,
        destroy: destroy::<E::Plugin>,
        start: start::<E::Plugin>,
        stop: stop::<E::Plugin>,
        workload_bound: workload_bound::<E::Plugin>,
        item_bound: item_bound::<E::Plugin>,
        workload_resolved: workload_resolved::<E::Plugin>,
        workload_unbound: workload_unbound::<E::Plugin>,
    };

    /// Behind [`crate::abi::EXT_CALL`].
    pub(crate) const CALL: &'static CallV1 = &CallV1 {
        size: size_of::<CallV1>(),
        functions: E::FUNCTIONS.as_ptr(),
        functions_len: E::FUNCTIONS.len(),
    };

    /// Behind [`crate::abi::EXT_STATE`].
    pub(crate) const STATE: &'static StateV1 = &state::table::<E::Plugin>();
}

/// Behind [`crate::abi::EXT_RESOURCE`].
pub(crate) const RESOURCE: &ResourceV1 = &ResourceV1 {
    size: size_of::<ResourceV1>(),
    drop: drop_resource,
    release,
    live,
};

/// Behind [`crate::abi::EXT_LENT_ARGS`].
pub(crate) const LENT_ARGS: &LentArgsV1 = &LentArgsV1 {
    size: size_of::<LentArgsV1>(),
};

// One library has one plugin, and so one slab: the plugin's pointer is not used.

unsafe extern "C" fn drop_resource(_: *const c_void, number: u32) {
    panic::guard_silent(|| drop(resource::slab().take(number)));
}

unsafe extern "C" fn release(_: *const c_void, workload: u64) {
    // 0 stands for no workload, and so for all of them.
    let which = (workload != 0).then_some(workload);
    panic::guard_silent(|| resource::slab().release(which));
}

unsafe extern "C" fn live(_: *const c_void) -> u64 {
    resource::slab().live()
}

/// Lets go of the host, once everything else is done: its log is the last.
fn let_go() {
    channel::uninstall();
    guest::uninstall();
    io::uninstall();
    thread::uninstall();
    log::uninstall();
}

/// # Safety
///
/// As [`PluginV1::create`]: all pointers are valid.
unsafe extern "C" fn create<E: PluginExport>(
    host: *const HostV1,
    config: Slice,
    plugin: *mut *mut c_void,
    out: *mut OutBuf,
) -> Status {
    // SAFETY: the host lends the configuration and `out` until this returns.
    let (config, out) = unsafe { (config.as_bytes(), &mut *out) };
    let status = panic::guard(out, |out| {
        // SAFETY: the host outlives the plugin, and stays until this returns if none
        // is made: then it is let go of below.
        unsafe {
            log::install(host);
            io::install(host);
            guest::install(host);
            thread::install(host);
            if !channel::install(host) && E::CHANNELS {
                out.set_text(&format!(
                    "its interfaces have streams or futures of WASI 0.3, and this host has no `{EXT_CHANNEL}`: use a newer host"
                ));
                return Status::FAILED;
            }
        }
        panic::install_hook();
        runtime::name_threads(E::ID);
        let made = <E::Plugin as Plugin>::Config::from_json(config)
            .map_err(|error| {
                anyhow::Error::msg(without_place(&error)).context("the configuration does not fit")
            })
            .and_then(E::Plugin::new);
        match made {
            Ok(made) => {
                let made = Box::into_raw(Box::new(made));
                // SAFETY: the host's slot for it.
                unsafe { *plugin = made.cast() };
                Status::OK
            }
            Err(error) => failed(&error, out),
        }
    });
    if status != Status::OK {
        // The host may go now, and a task or thread that was begun may go on.
        let_go();
    }
    status
}

/// Returns what is wrong with a configuration, without the place in the JSON:
/// the operator wrote something else, and does not see that.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(text) => text.to_owned(),
        None => text,
    }
}

/// # Safety
///
/// As [`PluginV1::destroy`]: `plugin` is what `create` made, for the last time.
unsafe extern "C" fn destroy<P: Plugin>(plugin: *mut c_void) {
    panic::guard_silent(|| {
        resource::slab().release(None);
        // SAFETY: `create` took it out of a box.
        drop(unsafe { Box::from_raw(plugin.cast::<P>()) });
        runtime::shut_down();
    });
    let_go();
}

/// What a hook is called with, as references.
///
/// # Safety
///
/// `plugin` must be what `create` made, and all three stay valid for `'a`.
pub(super) unsafe fn lent<'a, P>(
    plugin: *const c_void,
    event: Slice,
    out: *mut OutBuf,
) -> (&'a P, &'a [u8], &'a mut OutBuf) {
    // SAFETY: the caller's promise.
    unsafe { (&*plugin.cast::<P>(), event.as_bytes(), &mut *out) }
}

/// Defines a lifecycle entry: reads the event, calls the hook, drives it.
macro_rules! lifecycle {
    ($(fn $name:ident($event:ident: $ty:ty) |$plugin:ident| $hook:expr;)*) => {$(
        /// # Safety
        ///
        /// As [`crate::abi::LifecycleFn`]: `plugin` is what `create` made, and
        /// lives until the future is dropped; the other pointers are valid.
        unsafe extern "C" fn $name<P: Plugin>(
            plugin: *const c_void,
            event: Slice,
            out: *mut OutBuf,
            pending: *mut PendingV1,
        ) -> Status {
            // SAFETY: the host's promises above; the event is only read here.
            let ($plugin, event, out) = unsafe { lent::<P>(plugin, event, out) };
            if plugin::is_left_out::<P, $ty, _>(|$plugin, $event| $hook) {
                return Status::OK;
            }
            panic::guard(out, |out| match read_event::<$ty>(event) {
                Ok(event) => {
                    let future = async move {
                        let $event = &event;
                        $hook.await
                    };
                    // SAFETY: the host's promises above; the event is moved in.
                    unsafe { task::start(future, ended, out, pending) }
                }
                Err(error) => failed(&error, out),
            })
        }
    )*};
}

lifecycle! {
    fn start(_event: Nothing) |plugin| plugin.start();
    fn stop(_event: Nothing) |plugin| plugin.stop();
    fn workload_bound(event: WorkloadBound) |plugin| {
        plugin.workload_bound(&event.workload, &event.interfaces)
    };
    fn item_bound(event: ItemBound) |plugin| plugin.item_bound(&event.item, &event.interfaces);
    fn workload_resolved(event: WorkloadResolved) |plugin| plugin.workload_resolved(&event.item);
    fn workload_unbound(event: WorkloadUnbound) |plugin| {
        plugin.workload_unbound(&event.workload_id)
    };
}

/// An event without contents.
#[derive(serde::Deserialize)]
struct Nothing {}

fn read_event<T: DeserializeOwned>(event: &[u8]) -> Result<T> {
    let event = if event.is_empty() { b"{}" } else { event };
    serde_json::from_slice(event)
        .map_err(|error| anyhow::Error::new(error).context("the host's event cannot be read"))
}

pub(super) fn ended(result: Result<()>, out: &mut OutBuf) -> Status {
    match result {
        Ok(()) => Status::OK,
        Err(error) => failed(&error, out),
    }
}

pub(super) fn failed(error: &anyhow::Error, out: &mut OutBuf) -> Status {
    out.set_text(&format!("{error:#}"));
    Status::FAILED
}

#[cfg(test)]
mod tests {
    use super::without_place;

    #[test]
    fn an_error_does_not_point_into_json_that_nobody_wrote() {
        for (json, expected) in [
            ("5", "invalid type: integer `5`, expected a string"),
            ("{", "invalid type: map, expected a string"),
            ("", "EOF while parsing a value"),
        ] {
            let error = serde_json::from_str::<String>(json).unwrap_err();
            assert_eq!(without_place(&error), expected);
        }
    }
}
