//! A plugin that serves any world: the vtables of the ABI, with answers that
//! the target gives it before each call.
#![allow(
    unsafe_code,
    reason = "it is the plugin's side of the ABI, written out: raw pointers come in"
)]

mod streams;

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use wash_plugin_abi::abi::{
    CallContextV1, CallContextV1Flags, CallFn, CallV1, EXT_CALL, EXT_CHANNEL, EXT_LENT_ARGS,
    EXT_PLUGIN, EXT_RESOURCE, FLAG_LEND, FLAG_LENT_ARGS, FutureV1, FutureVtableV1, HostV1,
    LentArgsV1, LentV1, OutBuf, PendingV1, PluginV1, ResourceV1, Slice, Status, WakerV1,
    with_waker,
};
use wash_plugin_loader::{Inspected, LoadedPlugin, admit, library};

use crate::oracle::Encoded;
use crate::script::{Answer, Script, Seen, lock};
use crate::world::World;

pub use streams::{Read, Source, Step, Streams};

/// How many functions it can serve.
pub const MAX_FUNCTIONS: usize = 256;

/// The scripts of plugins that are not created yet, by the number in their
/// configuration.
static SCRIPTS: Mutex<BTreeMap<u64, Arc<Script>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
/// Vtables live as long as the process; here a leak checker finds them.
static TABLES: Mutex<Vec<(&PluginV1, &CallV1)>> = Mutex::new(Vec::new());

/// The plugin of a world. It goes through admission as a library does, and
/// through the same checks when it is loaded.
///
/// # Errors
///
/// If it is rejected.
pub fn load(world: &World) -> Result<(Arc<LoadedPlugin>, Arc<Script>)> {
    let inspected = Inspected::from_bytes("fuzz.so", world.library.clone())?;
    let note: &'static [u8] = Box::leak(world.note.clone().into_boxed_slice());
    let plugin: &'static PluginV1 = Box::leak(Box::new(PluginV1 {
        size: size_of::<PluginV1>(),
        manifest: Slice::new(note),
        create,
        destroy,
        start: step,
        stop: step,
        workload_bound: step,
        item_bound: step,
        workload_resolved: step,
        workload_unbound: step,
    }));
    let calls: &'static CallV1 = Box::leak(Box::new(CallV1 {
        size: size_of::<CallV1>(),
        functions: FUNCTIONS.as_ptr(),
        functions_len: world.served.min(MAX_FUNCTIONS),
    }));
    lock(&TABLES).push((plugin, calls));
    let extension = |id: &str| -> *const u8 {
        match id {
            EXT_PLUGIN => (&raw const *plugin).cast(),
            EXT_CALL => (&raw const *calls).cast(),
            EXT_RESOURCE => (&raw const RESOURCES).cast(),
            EXT_CHANNEL => (&raw const streams::CHANNEL).cast(),
            // Every other one is given copies.
            EXT_LENT_ARGS if world.served.is_multiple_of(2) => (&raw const LENT_ARGS).cast(),
            _ => std::ptr::null(),
        }
    };
    let mut admission = admit(vec![inspected], &[]);
    if let Some(rejection) = admission.rejections.pop() {
        return Err(rejection.into());
    }
    let admitted = admission.admitted.pop().context("nothing was admitted")?;
    // SAFETY: each of the tables is what the ABI says of its id, and none is
    // ever freed.
    let loaded = unsafe { library::linked(admitted, extension)? };

    let key = NEXT.fetch_add(1, Ordering::Relaxed);
    let script = Arc::new(Script::default());
    lock(&SCRIPTS).insert(key, Arc::clone(&script));
    let plugin = LoadedPlugin::new(loaded, serde_json::json!({ "script": key }));
    Ok((plugin, script))
}

unsafe extern "C" fn create(
    host: *const HostV1,
    config: Slice,
    plugin: *mut *mut c_void,
    out: *mut OutBuf,
) -> Status {
    // SAFETY: the host lends the configuration, and its buffer, for this call.
    let (config, out) = unsafe { (config.as_bytes(), &mut *out) };
    let key = serde_json::from_slice::<serde_json::Value>(config)
        .ok()
        .and_then(|config| config["script"].as_u64());
    let Some(script) = key.and_then(|key| lock(&SCRIPTS).remove(&key)) else {
        out.set_text("there is no such script");
        return Status::FAILED;
    };
    // SAFETY: the host outlives its plugins.
    unsafe { script.streams.find(host) };
    // SAFETY: the host wants it written here. `destroy` takes it back.
    unsafe { *plugin = Arc::into_raw(script).cast_mut().cast() };
    Status::OK
}

unsafe extern "C" fn destroy(plugin: *mut c_void) {
    // SAFETY: `create` made it, and the host calls this once.
    drop(unsafe { Arc::from_raw(plugin.cast_const().cast::<Script>()) });
}

unsafe extern "C" fn step(_: *const c_void, _: Slice, _: *mut OutBuf, _: *mut PendingV1) -> Status {
    Status::OK
}

static LENT_ARGS: LentArgsV1 = LentArgsV1 {
    size: size_of::<LentArgsV1>(),
};

static RESOURCES: ResourceV1 = ResourceV1 {
    size: size_of::<ResourceV1>(),
    drop: drop_resource,
    release: release_resources,
    live: live_resources,
};

unsafe extern "C" fn drop_resource(plugin: *const c_void, number: u32) {
    // SAFETY: the plugin is a script that `create` made.
    unsafe { &*plugin.cast::<Script>() }
        .resources
        .dropped(number);
}

/// There is nothing to release: the host has dropped all before.
unsafe extern "C" fn release_resources(_: *const c_void, _: u64) {}

unsafe extern "C" fn live_resources(plugin: *const c_void) -> u64 {
    // SAFETY: the plugin is a script that `create` made.
    unsafe { &*plugin.cast::<Script>() }.resources.live()
}

macro_rules! sixteen {
    ($($row:literal)*) => {
        [$(
            call::<{ 16 * $row }>, call::<{ 16 * $row + 1 }>, call::<{ 16 * $row + 2 }>,
            call::<{ 16 * $row + 3 }>, call::<{ 16 * $row + 4 }>, call::<{ 16 * $row + 5 }>,
            call::<{ 16 * $row + 6 }>, call::<{ 16 * $row + 7 }>, call::<{ 16 * $row + 8 }>,
            call::<{ 16 * $row + 9 }>, call::<{ 16 * $row + 10 }>, call::<{ 16 * $row + 11 }>,
            call::<{ 16 * $row + 12 }>, call::<{ 16 * $row + 13 }>, call::<{ 16 * $row + 14 }>,
            call::<{ 16 * $row + 15 }>,
        )*]
    };
}

/// A function does not learn its place in the table, so each has its own code.
static FUNCTIONS: [CallFn; MAX_FUNCTIONS] = sixteen!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);

unsafe extern "C" fn call<const FUNCTION: usize>(
    plugin: *const c_void,
    context: *const CallContextV1,
    args: Slice,
    out: *mut OutBuf,
    pending: *mut PendingV1,
) -> Status {
    // SAFETY: the plugin is a script that `create` made, and the host lends all
    // that it passes for this call; `pending` may be null.
    let (script, args, out, pending, flags) = unsafe {
        (
            &*plugin.cast::<Script>(),
            args.as_bytes(),
            &mut *out,
            pending.as_mut(),
            CallContextV1Flags::of(context),
        )
    };
    let aligned = args.is_empty() || args.as_ptr().addr().is_multiple_of(16);
    // What comes from the loader must not end the process: it is a finding.
    catch_unwind(AssertUnwindSafe(|| {
        let lent = (flags & FLAG_LENT_ARGS != 0).then(|| {
            // SAFETY: the host says that it lends them, for this call.
            unsafe { lent_args(args) }
        });
        let args = Encoded {
            bytes: args.to_vec(),
            lent: lent.map(<[u8]>::to_vec),
        };
        script.called(
            FUNCTION,
            args,
            aligned,
            flags & FLAG_LEND != 0,
            out,
            pending,
        )
    }))
    .unwrap_or(Status::PANICKED)
}

/// The bytes that arguments refer to and do not have.
///
/// # Safety
///
/// The last 16 bytes must be their address and length.
unsafe fn lent_args(args: &[u8]) -> &[u8] {
    let (words, _) = args.split_at(args.len() - 16).1.as_chunks::<8>();
    let [address, len] = [words[0], words[1]].map(usize::from_le_bytes);
    let slice = Slice::from_raw(std::ptr::with_exposed_provenance(address), len);
    // SAFETY: the caller's promise.
    unsafe { slice.as_bytes() }
}

/// An answer that waits.
struct Waiting {
    left: usize,
    answer: Vec<u8>,
    status: Status,
    /// Given back if it never comes to be answered.
    lent: Option<*const LentV1>,
}

impl Script {
    fn called(
        self: &Script,
        function: usize,
        args: Encoded,
        aligned: bool,
        may_lend: bool,
        out: &mut OutBuf,
        pending: Option<&mut PendingV1>,
    ) -> Status {
        let Answer {
            result,
            pending: times,
            fails,
        } = self.answer_of(function);
        let (answered, table) = match fails {
            true => {
                let bytes = b"it was told to".to_vec();
                (Encoded { bytes, lent: None }, None)
            }
            false => self.with_lent(result, may_lend),
        };
        let status = match table {
            _ if fails => Status::FAILED,
            Some(_) => Status::OK_LENT,
            None => Status::OK,
        };
        let bytes = answered.bytes.clone();
        lock(&self.calls).push(Seen {
            function,
            args,
            aligned,
            answered,
        });
        match pending {
            Some(pending) if times > 0 => {
                // The host polls again only if it is woken, or has a waker
                // that wakes nobody.
                // SAFETY: the host lends the waker for this call.
                unsafe { with_waker(&raw const pending.waker, |waker| waker.wake_by_ref()) };
                pending.future = FutureV1 {
                    data: Box::into_raw(Box::new(Waiting {
                        left: times,
                        answer: bytes,
                        status,
                        lent: table,
                    }))
                    .cast(),
                    vtable: &FUTURE,
                };
                Status::PENDING
            }
            _ => write(out, &bytes, status),
        }
    }

    /// What is lent is beside the buffer, with the address of its table last in
    /// that.
    fn with_lent(&self, result: Encoded, may_lend: bool) -> (Encoded, Option<*const LentV1>) {
        let Encoded { mut bytes, lent } = result;
        let lent = lent.filter(|_| may_lend);
        let table = lent.as_ref().map(|lent| self.lend(lent));
        if let Some(table) = table {
            bytes.extend(table.expose_provenance().to_le_bytes());
        }
        (Encoded { bytes, lent }, table)
    }

    fn lend(&self, bytes: &[u8]) -> *const LentV1 {
        self.lent.fetch_add(1, Ordering::Relaxed);
        let bytes: *mut [u8] = Box::into_raw(bytes.to_vec().into_boxed_slice());
        let table = Box::into_raw(Box::new((
            LentV1 {
                // SAFETY: it was boxed just now, and lives until `give_back`.
                bytes: Slice::new(unsafe { &*bytes }),
                data: std::ptr::null_mut(),
                drop: give_back,
            },
            bytes,
            &raw const self.lent,
        )));
        // SAFETY: as above, and nobody else has it yet.
        unsafe { (*table).0.data = table.cast() };
        // SAFETY: as above.
        unsafe { &raw const (*table).0 }
    }
}

type Table = (LentV1, *mut [u8], *const AtomicU64);

unsafe extern "C" fn give_back(data: *mut c_void) {
    // SAFETY: `lend` made all three, the script lives as long as the plugin,
    // and the host calls this once.
    unsafe {
        let (_, bytes, lent) = *Box::from_raw(data.cast::<Table>());
        drop(Box::from_raw(bytes));
        (*lent).fetch_sub(1, Ordering::Relaxed);
    }
}

fn write(out: &mut OutBuf, bytes: &[u8], status: Status) -> Status {
    match out.extend(bytes) {
        Ok(()) => status,
        Err(error) => {
            out.set_text(&error.to_string());
            Status::FAILED
        }
    }
}

static FUTURE: FutureVtableV1 = FutureVtableV1 {
    size: size_of::<FutureVtableV1>(),
    poll,
    drop: drop_future,
};

unsafe extern "C" fn poll(data: *mut c_void, waker: *const WakerV1, out: *mut OutBuf) -> Status {
    // SAFETY: `called` made it, calls for one future do not overlap, and the
    // host lends the rest for this call.
    let (waiting, out) = unsafe { (&mut *data.cast::<Waiting>(), &mut *out) };
    waiting.left -= 1;
    if waiting.left > 0 {
        // SAFETY: as above.
        unsafe { with_waker(waker, |waker| waker.wake_by_ref()) };
        return Status::PENDING;
    }
    waiting.lent = None;
    write(out, &waiting.answer, waiting.status)
}

unsafe extern "C" fn drop_future(data: *mut c_void) {
    // SAFETY: `called` made it, and the host calls this once.
    let waiting = unsafe { Box::from_raw(data.cast::<Waiting>()) };
    if let Some(lent) = waiting.lent {
        // SAFETY: it was lent and never given to the host.
        unsafe { ((*lent).drop)((*lent).data) };
    }
}
