//! The plugin that a library makes: its life, and what goes wrong in it.
#![allow(
    unsafe_code,
    reason = "the plugin is a pointer that its library's functions take"
)]

use std::collections::{HashMap, HashSet};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use wash_plugin_abi::abi::{Buffer, CallFn, ChannelV1, Slice, Status, StreamV1};

use super::guests::{Callable, Guests};
use super::hook::{CREATE, LifecycleError, failure, on_own_thread};
use super::host::HostSide;
use crate::inside::{self, Place};
use crate::library::{Loaded, Tables};

/// A plugin that was created. Dropped, it is destroyed; whoever can still call
/// it holds a reference.
#[derive(Debug)]
pub(super) struct Instance {
    id: &'static str,
    plugin: NonNull<c_void>,
    tables: Tables,
    workloads: Mutex<Workloads>,
    panics: AtomicU64,
    failures: AtomicU64,
    /// Calls that have not been answered yet, of functions that may take long.
    pending: AtomicU64,
    last_error: Mutex<Option<String>>,
    /// Where it is in functions that neither are hooks nor have names.
    place: Place,
    /// Dropped after the plugin (see `Drop`), which may log until the end.
    host: Box<HostSide>,
}

/// The numbers that stand for workloads.
#[derive(Debug, Default)]
struct Workloads {
    numbers: HashMap<String, u64>,
    /// Those that are in use.
    bound: HashSet<u64>,
    last: u64,
}

// SAFETY: the ABI says that a plugin may be used from any thread, at once.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: `create` made it, and nobody refers to it any more. The
        // fields are dropped after this, and so is the host's side.
        inside::run(&self.place, || unsafe {
            (self.tables.plugin.destroy)(self.plugin.as_ptr());
        });
    }
}

/// What has gone wrong in a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[non_exhaustive]
pub struct Faults {
    /// Panics, in calls and hooks.
    pub panics: u64,
    /// Other errors, in calls and hooks. What a function returns as its WIT
    /// result is not among them.
    pub failures: u64,
    /// The last of either.
    pub last_error: Option<String>,
}

/// Makes the plugin of a loaded library from its configuration (JSON). It may
/// call the components in `guests`.
pub(super) async fn create(
    id: &'static str,
    loaded: &Loaded,
    config: Vec<u8>,
    guests: Arc<Guests>,
    deadline: Duration,
) -> Result<Arc<Instance>, LifecycleError> {
    let (tables, runtime) = (loaded.tables(), Handle::current());
    let called = Arc::clone(loaded.world().called());
    let guests = Callable::new(guests, called, runtime.clone());
    let work = move |_| create_now(id, tables, &config, runtime, guests);
    on_own_thread(id, CREATE, deadline, work).await
}

fn create_now(
    id: &'static str,
    tables: Tables,
    config: &[u8],
    runtime: Handle,
    guests: Callable,
) -> Result<Arc<Instance>, LifecycleError> {
    inside::watch();
    let host = HostSide::new(id, runtime, guests);
    let mut out = Buffer::new();
    let mut plugin = std::ptr::null_mut();
    // SAFETY: the vtable is the library's; the host's side is boxed, and lives
    // as long as the plugin.
    let status = inside::run(&Place::new(id, "its function `new`"), || unsafe {
        (tables.plugin.create)(host.raw(), Slice::new(config), &mut plugin, out.out())
    });
    if status != Status::OK {
        return Err(failure(id, CREATE, status, &out));
    }
    // A plugin in C may have no state; its own functions know what null means.
    let plugin = NonNull::new(plugin).unwrap_or(NonNull::dangling());
    Ok(Arc::new(Instance {
        id,
        plugin,
        tables,
        workloads: Mutex::default(),
        panics: AtomicU64::new(0),
        failures: AtomicU64::new(0),
        pending: AtomicU64::new(0),
        last_error: Mutex::new(None),
        place: Place::new(
            id,
            "a function of its resources or streams, or as it is dropped",
        ),
        host,
    }))
}

/// A call that waits for its answer.
#[derive(Debug)]
pub(super) struct Pending(Arc<Instance>);

impl Pending {
    /// Counts it until it is dropped.
    pub(super) fn new(instance: &Arc<Instance>) -> Self {
        instance.pending.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(instance))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Release);
    }
}

impl Instance {
    /// How many calls wait for their answers.
    pub(super) fn pending_calls(&self) -> u64 {
        self.pending.load(Ordering::Acquire)
    }

    pub(super) fn id(&self) -> &'static str {
        self.id
    }

    /// What its library has.
    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// For the plugin's own functions.
    pub(super) fn raw(&self) -> *const c_void {
        self.plugin.as_ptr()
    }

    /// The entry of a function, by its place in the manifest.
    pub(super) fn function(&self, index: usize) -> Option<CallFn> {
        self.tables.functions.get(index).copied()
    }

    /// Whether it reads arguments that are lent.
    pub(super) fn takes_lent_args(&self) -> bool {
        self.tables.takes_lent_args
    }

    /// What the plugin was given of the host.
    pub(super) fn host(&self) -> &HostSide {
        &self.host
    }

    /// Runs `f`, which calls a function of the plugin that neither is a hook nor has a
    /// name.
    #[inline]
    pub(super) fn inside<R>(&self, f: impl FnOnce() -> R) -> R {
        inside::run(&self.place, f)
    }

    /// The functions of its streams, if it has any.
    pub(super) fn streams(&self) -> Option<&'static StreamV1> {
        self.tables.streams
    }

    /// The functions of its streams and futures of WASI 0.3, if it has any.
    pub(super) fn channels(&self) -> Option<&'static ChannelV1> {
        self.tables.channels
    }

    /// The number that stands for a workload, until it is unbound.
    pub(super) fn workload(&self, id: &str) -> u64 {
        let mut workloads = self
            .workloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = workloads.numbers.get(id) {
            return *number;
        }
        workloads.last += 1;
        let number = workloads.last;
        workloads.numbers.insert(id.to_owned(), number);
        workloads.bound.insert(number);
        number
    }

    /// Whether the workload of that number is still bound.
    pub(super) fn is_bound(&self, workload: u64) -> bool {
        let workloads = self
            .workloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        workloads.bound.contains(&workload)
    }

    /// Drops the resources that a workload still has.
    pub(super) fn release_workload(&self, id: &str) {
        let number = {
            let mut workloads = self
                .workloads
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let number = workloads.numbers.remove(id);
            if let Some(number) = number {
                workloads.bound.remove(&number);
            }
            number
        };
        if let Some(number) = number {
            self.release(number);
        }
    }

    /// Drops the resources that any workload still has.
    pub(super) fn release_all(&self) {
        self.release(0);
    }

    fn release(&self, workload: u64) {
        let of = (workload != 0).then_some(workload);
        self.host.streams.release(of);
        self.host.channels.release(of);
        if let Some(resources) = self.tables.resources {
            // SAFETY: the extension is this plugin's.
            self.inside(|| unsafe { (resources.release)(self.raw(), workload) });
        }
    }

    /// Drops a resource; a number that stands for none is ignored.
    pub(super) fn drop_resource(&self, number: u32) {
        if let Some(resources) = self.tables.resources {
            // SAFETY: the extension is this plugin's.
            self.inside(|| unsafe { (resources.drop)(self.raw(), number) });
        }
    }

    /// How many streams and futures of components it has.
    pub(super) fn held_streams(&self) -> u64 {
        let held = self.host.streams.open() + self.host.channels.open();
        u64::try_from(held).unwrap_or(u64::MAX)
    }

    /// How many resources, streams and futures components have.
    pub(super) fn live_resources(&self) -> u64 {
        // SAFETY: the extension is this plugin's.
        self.tables
            .resources
            .map_or(0, |resources| unsafe { (resources.live)(self.raw()) })
    }

    pub(super) fn faults(&self) -> Faults {
        Faults {
            panics: self.panics.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            last_error: self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    /// Notes something that went wrong.
    pub(super) fn record(&self, panicked: bool, error: &impl std::fmt::Display) {
        let counter = if panicked {
            &self.panics
        } else {
            &self.failures
        };
        counter.fetch_add(1, Ordering::Relaxed);
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}
