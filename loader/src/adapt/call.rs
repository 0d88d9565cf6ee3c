//! A call of a WIT function, from wasmtime's closure to the plugin's entry.
#![allow(unsafe_code, reason = "the plugin's entry is a raw function")]

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use wash_plugin_abi::abi::{
    Buffer, CallContextV1, CallContextV1Flags, CallFn, FLAG_LEND, FLAG_LENT_ARGS, Lent, Slice,
    Status,
};
use wash_runtime::engine::ctx::SharedCtx;
use wash_runtime::wasmtime::error::format_err;
use wash_runtime::wasmtime::{self, StoreContextMut};

use super::driver::{self, PluginFuture};
use super::fault::{CallError, CallFault};
use super::instance::{Instance, Pending};
use super::resources::{self, Owner, Taken};
use crate::flat::{Frame, Give, Origin, Plan, PooledFrame, Raw, Results};
use crate::inside::{self, Place};
use crate::observability::{CallMetrics, Outcome, Tally};
use crate::world::Function;

/// On whose behalf a function is called.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) workload_id: String,
    pub(super) component_id: String,
}

/// A function of a plugin, ready to be called for a component.
pub(super) struct Target {
    /// For calls that wait for their answer.
    this: Weak<Self>,
    instance: Arc<Instance>,
    entry: CallFn,
    /// As `namespace:package/interface@version`.
    interface: String,
    function: String,
    /// Where the plugin is while it is called.
    place: Place,
    metrics: Option<CallMetrics>,
    /// What its results carry.
    origin: &'static Origin,
    /// Whether it takes care of resources in its result.
    give: Option<Arc<dyn Give>>,
    /// Whether it reads arguments that are lent.
    takes_lent_args: bool,
    /// On whose behalf it is called: borrows from the two below.
    context: CallContextV1Flags,
    /// The same for a call whose arguments are lent.
    lending_context: CallContextV1Flags,
    _workload_id: Box<str>,
    _component_id: Box<str>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("interface", &self.interface)
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

/// A call that was begun.
pub(super) enum Begun<const M: usize> {
    /// The plugin has answered.
    Ended(wasmtime::Result<Results<M>>),
    /// It will.
    Running(Box<Running<M>>),
}

/// A call that the plugin has not answered yet. Dropped, it is cancelled.
pub(super) struct Running<const M: usize> {
    /// Dropped first, as it borrows from what stands below. `None` once the
    /// plugin has answered.
    future: Option<PluginFuture>,
    frame: PooledFrame,
    taken: Taken,
    started: Option<Instant>,
    target: Arc<Target>,
    _pending: Pending,
}

impl<const M: usize> Future for Running<M> {
    type Output = wasmtime::Result<Results<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let status = match &mut this.future {
            Some(future) => {
                let out = &mut this.frame.out;
                inside::run(&this.target.place, || future.poll(cx, out))
            }
            None => Status::FAILED,
        };
        if status == Status::PENDING {
            return Poll::Pending;
        }
        // It may look at the arguments until it is dropped, so before they go.
        let future = this.future.take();
        inside::run(&this.target.place, || drop(future));
        this.target.count(Outcome::of(status), this.started.take());
        let taken = std::mem::take(&mut this.taken);
        let frame = std::mem::replace(&mut this.frame, PooledFrame::take());
        Poll::Ready(this.target.outcome(status, frame, taken))
    }
}

impl<const M: usize> Drop for Running<M> {
    fn drop(&mut self) {
        let future = self.future.take();
        inside::run(&self.target.place, || drop(future));
        self.target.count(Outcome::Cancelled, self.started.take());
    }
}

impl Target {
    /// A function of the plugin, for one item of a workload.
    pub(super) fn new(
        instance: &Arc<Instance>,
        entry: CallFn,
        interface: &str,
        function: &Function,
        caller: &Caller,
        metrics: Option<&Arc<Tally>>,
    ) -> Self {
        // Their contents do not move with the struct.
        let workload_id: Box<str> = caller.workload_id.as_str().into();
        let component_id: Box<str> = caller.component_id.as_str().into();
        let context = |flags| CallContextV1Flags {
            context: CallContextV1 {
                size: size_of::<CallContextV1Flags>(),
                workload_id: Slice::new(workload_id.as_bytes()),
                component_id: Slice::new(component_id.as_bytes()),
                workload: instance.workload(&workload_id),
            },
            flags,
        };
        Self {
            this: Weak::new(),
            instance: Arc::clone(instance),
            entry,
            interface: interface.to_owned(),
            function: function.name.clone(),
            place: Place::new(
                instance.id(),
                format_args!("`{interface}#{}`", function.name),
            ),
            metrics: metrics
                .map(|tally| CallMetrics::new(tally, instance.id(), interface, &function.name)),
            origin: Origin::new(
                instance.id(),
                interface,
                &function.name,
                &function.result_name,
                function.result_plan.clone(),
            ),
            give: function
                .gives_resources
                .then(|| Arc::new(Owner(Arc::clone(instance))) as Arc<dyn Give>),
            takes_lent_args: instance.takes_lent_args(),
            context: context(FLAG_LEND),
            lending_context: context(FLAG_LEND | FLAG_LENT_ARGS),
            _workload_id: workload_id,
            _component_id: component_id,
        }
    }

    /// The same, to be called.
    pub(super) fn shared(self) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            ..self
        })
    }

    /// Whether this plugin instance answers it.
    #[inline]
    pub(super) fn is_of(&self, instance: &Arc<Instance>) -> bool {
        Arc::ptr_eq(&self.instance, instance)
    }

    /// Finds the resources, streams and futures among the arguments.
    #[inline]
    pub(super) fn resolve(
        &self,
        store: StoreContextMut<'_, SharedCtx>,
        frame: &mut Frame,
    ) -> wasmtime::Result<Taken> {
        resources::take(store, &self.instance, frame, self.context.context.workload)
    }

    /// Calls a function that answers at once.
    #[inline]
    pub(super) fn call<const M: usize>(
        &self,
        mut frame: PooledFrame,
        taken: Taken,
    ) -> wasmtime::Result<Results<M>> {
        let Frame {
            args, lent_args, ..
        } = &mut *frame;
        // SAFETY: the arguments have just been read, and the component waits.
        let is_lent = unsafe { lent_args.pass(args, self.takes_lent_args)? };
        self.call_with(frame, taken, is_lent)
    }

    /// The same, whose arguments are lent or not.
    #[inline]
    fn call_with<const M: usize>(
        &self,
        mut frame: PooledFrame,
        taken: Taken,
        is_lent: bool,
    ) -> wasmtime::Result<Results<M>> {
        let started = self.now();
        let Frame { args, out, .. } = &mut *frame;
        // SAFETY: `entry` is of this plugin and synchronous, so it takes no
        // pending slot; all that it borrows lives until it returns.
        let status = inside::run(&self.place, || unsafe {
            (self.entry)(
                self.instance.raw(),
                self.context(is_lent),
                Slice::new(args.as_slice()),
                out.out(),
                std::ptr::null_mut(),
            )
        });
        self.count(Outcome::of(status), started);
        self.outcome(status, frame, taken)
    }

    /// The same, whose arguments are still to be read.
    #[inline]
    pub(super) fn call_planned<const N: usize, const M: usize>(
        &self,
        plan: &Plan,
        raw: &Raw<N>,
        fuel: impl FnOnce() -> usize,
    ) -> wasmtime::Result<Results<M>> {
        let mut frame = PooledFrame::take();
        // SAFETY: they have just been taken, and the component waits for the answer.
        let is_lent = unsafe { raw.read(plan, &mut frame.args, fuel, self.takes_lent_args)? };
        self.call_with(frame, Taken::default(), is_lent)
    }

    /// Calls a function that may answer later: its answer, or what is left to
    /// do. Whether it answers at once is found out here, before there is a
    /// future that would have to be polled, so with a waker that wakes nobody.
    #[inline]
    pub(super) fn begin<const M: usize>(&self, mut frame: PooledFrame, taken: Taken) -> Begun<M> {
        let started = self.now();
        let Frame { args, out, .. } = &mut *frame;
        let nobody = Context::from_waker(Waker::noop());
        // SAFETY: the entry is of this plugin; context and arguments are behind
        // pointers that the running call owns, and outlive its future.
        let (status, future) = inside::run(&self.place, || unsafe {
            driver::begin(&nobody, out, |out, pending| {
                (self.entry)(
                    self.instance.raw(),
                    self.context(false),
                    Slice::new(args.as_slice()),
                    out,
                    pending,
                )
            })
        });
        let Some(future) = future else {
            self.count(Outcome::of(status), started);
            return Begun::Ended(self.outcome(status, frame, taken));
        };
        // Only shared ones are linked.
        let Some(target) = self.this.upgrade() else {
            return Begun::Ended(Err(self.failed(Status::FAILED, &frame.out).into()));
        };
        Begun::Running(Box::new(Running {
            future: Some(future),
            frame,
            taken,
            started,
            target,
            _pending: Pending::new(&self.instance),
        }))
    }

    /// The same, whose arguments are still to be read.
    #[inline]
    pub(super) fn begin_planned<const N: usize, const M: usize>(
        &self,
        plan: &Plan,
        raw: &Raw<N>,
        fuel: impl FnOnce() -> usize,
    ) -> Begun<M> {
        let mut frame = PooledFrame::take();
        // SAFETY: they have just been taken. The component may go on while the
        // plugin has them, so nothing is lent.
        match unsafe { raw.read(plan, &mut frame.args, fuel, false) } {
            Ok(_) => self.begin(frame, Taken::default()),
            Err(error) => Begun::Ended(Err(error)),
        }
    }

    /// When a call begins, if that is wanted.
    #[inline]
    fn now(&self) -> Option<Instant> {
        self.metrics.as_ref().map(|_| Instant::now())
    }

    /// Counts a call, if that is wanted.
    #[inline]
    fn count(&self, outcome: Outcome, started: Option<Instant>) {
        if let (Some(metrics), Some(started)) = (&self.metrics, started) {
            metrics.ended(outcome, started);
        }
    }

    #[inline]
    fn outcome<const M: usize>(
        &self,
        status: Status,
        mut frame: PooledFrame,
        taken: Taken,
    ) -> wasmtime::Result<Results<M>> {
        if status != Status::OK {
            return self.other_outcome(status, frame, taken);
        }
        taken.by_plugin();
        frame.origin = Some(self.origin);
        if self.give.is_some() {
            frame.give.clone_from(&self.give);
        }
        Ok(Results(frame))
    }

    #[inline(never)]
    fn other_outcome<const M: usize>(
        &self,
        status: Status,
        mut frame: PooledFrame,
        taken: Taken,
    ) -> wasmtime::Result<Results<M>> {
        if self.is_lent(status, &mut frame) {
            return self.outcome(Status::OK, frame, taken);
        }
        Err(self.failed(status, &frame.out).into())
    }

    /// Whether the plugin lends a part of the result, which is in the frame
    /// then.
    #[inline]
    fn is_lent(&self, status: Status, frame: &mut Frame) -> bool {
        if status == Status::OK_LENT {
            // SAFETY: the entry has written the buffer just now.
            frame.lent = unsafe { Lent::take(&frame.out) }.ok();
            // It is read when this call, and so an update's wait for it, is over.
            frame.lender = Some(Arc::clone(&self.instance) as _);
        }
        frame.lent.is_some()
    }

    /// For the plugin's own functions.
    fn context(&self, is_lent: bool) -> *const CallContextV1 {
        let context = if is_lent {
            &raw const self.lending_context
        } else {
            &raw const self.context
        };
        context.cast()
    }

    /// Of a call that has let go of its store while it runs.
    #[cold]
    pub(super) fn cannot_wait(&self) -> wasmtime::Error {
        format_err!(
            "`{}#{}` is an `async func`, and cannot wait for the pollable that it is lent: plugin \
             `{}` has to take a `future` there",
            self.interface,
            self.function,
            self.instance.id()
        )
    }

    #[cold]
    fn failed(&self, status: Status, out: &Buffer) -> CallError {
        let fault = match Outcome::of(status) {
            Outcome::Failed => CallFault::Failed,
            Outcome::Panicked => CallFault::Panicked,
            Outcome::BadArguments => CallFault::BadArguments,
            _ => CallFault::Unknown,
        };
        let message = String::from_utf8_lossy(out.as_slice()).into_owned();
        let error = CallError {
            plugin: self.instance.id().to_owned(),
            fault,
            interface: self.interface.clone(),
            function: self.function.clone(),
            message,
        };
        self.instance.record(fault == CallFault::Panicked, &error);
        tracing::error!(
            plugin = error.plugin,
            interface = error.interface,
            function = error.function,
            "a plugin {fault}: {}",
            error.message
        );
        error
    }
}
