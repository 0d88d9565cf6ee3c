//! A component that requests are routed to.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::Context;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::{
    handler::{Proxy, ProxyPre},
    p2, p3,
};

use super::{
    Scheme,
    body::{GuestBody, ResponseBody},
    call::{Answer, Exchange, Instance, Responder, explain},
    pool::{Pool, Warm},
    report::Reporter,
    shared::{self, Job, Place, Start, Workers},
};
use crate::{
    engine::{
        ctx::SharedCtx,
        explain_instance,
        workload::{ResolvedWorkload, StoreTemplate, WorkloadComponent},
    },
    plugin::catch_unwind,
};

/// How long a call that was cancelled may take to go.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// One workload's component that serves HTTP, ready to be called.
pub(super) struct Target {
    workload: ResolvedWorkload,
    stores: StoreTemplate,
    /// Resolved once: a request only instantiates it.
    pre: ProxyPre<SharedCtx>,
    pool: Pool<Instance>,
    /// For those that serve several requests at once, and do not take part in
    /// the pool.
    workers: Option<Workers>,
    instances: TaskTracker,
    /// The calls into the guest. One may outlast its response.
    calls: TaskTracker,
    killing: CancellationToken,
    response_timeout: Duration,
    pub(super) reporter: Reporter,
}

/// Why there is no response of the guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It trapped, or ended without a response.
    Guest,
    /// It did not answer in time.
    TimedOut,
    /// The engine has no room for another instance.
    Busy,
    /// The workload was stopped meanwhile.
    Stopped,
}

impl Failure {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Guest => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Busy | Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guest => "the component failed to answer; the host's log says why",
            Self::TimedOut => "the component did not answer in time",
            Self::Busy => "the host is busy; try again later",
            Self::Stopped => "the workload was stopped",
        })
    }
}

/// A call that somebody waits for. If nobody does any more, it ends; but not if
/// it has answered, for then it may have more to do.
struct Call {
    task: JoinHandle<Result<(), Failure>>,
    exchange: Exchange,
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.exchange.is_answered() {
            self.task.abort();
        }
    }
}

impl Target {
    pub(super) async fn new(
        workload: &ResolvedWorkload,
        component_id: &str,
        response_timeout: Duration,
    ) -> anyhow::Result<Self> {
        let stores = workload.store_template(component_id).await?;
        let components = workload.components();
        let components = components.read().await;
        let component = components
            .get(component_id)
            .with_context(|| format!("there is no component '{component_id}'"))?;
        let pre = pre_instantiate(component).with_context(|| {
            format!(
                "component '{}' of workload '{}' cannot serve HTTP",
                component.name(),
                workload.name()
            )
        })?;
        let policy = component.instance_policy();
        let workers = match pre {
            ProxyPre::P3(_) => Workers::new(policy),
            ProxyPre::P2(_) => None,
        };
        Ok(Self {
            workload: workload.clone(),
            stores,
            pre,
            pool: Pool::new(policy),
            workers,
            instances: TaskTracker::new(),
            calls: TaskTracker::new(),
            killing: CancellationToken::new(),
            response_timeout,
            reporter: Reporter::new(workload, component.name()),
        })
    }

    /// Has the guest answer a request.
    ///
    /// The call is a task of its own: the guest may have things to do after its
    /// response, and while its body is being read. Until the response it ends
    /// with this one, which is dropped when the client goes away.
    pub(super) async fn call(
        self: &Arc<Self>,
        scheme: Scheme,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Failure> {
        let (exchange, responder, response) = Exchange::new();
        let this = Arc::clone(self);
        let task = self.calls.spawn({
            let exchange = exchange.clone();
            async move {
                match this.place(&exchange) {
                    Some(place) => {
                        let job = Job { request, responder };
                        place.serve(job).await
                    }
                    None => {
                        let call = this.run(scheme, request, responder, &exchange);
                        this.unless_killed(call).await
                    }
                }
            }
        });
        let mut task = Call {
            task,
            exchange: exchange.clone(),
        };
        let answer = self.answer(response, &mut task.task);
        let Ok(answer) = tokio::time::timeout(self.response_timeout, answer).await else {
            self.reporter.timed_out(self.response_timeout);
            return Err(Failure::TimedOut);
        };
        match answer? {
            Ok(response) => {
                Ok(response.map(|body| ResponseBody::Guest(GuestBody::new(body, exchange))))
            }
            Err(code) => {
                self.reporter.refused(&code);
                Err(Failure::Guest)
            }
        }
    }

    async fn answer(
        &self,
        mut response: oneshot::Receiver<Answer>,
        task: &mut JoinHandle<Result<(), Failure>>,
    ) -> Result<Answer, Failure> {
        // A guest that sets no response may keep the means to set it for as
        // long as its instance lives, so the end of the call counts as well.
        let response = tokio::select! {
            biased;
            response = &mut response => response.ok(),
            ended = &mut *task => match response.try_recv() {
                Ok(response) => Some(response),
                Err(_) => return Err(self.unanswered(ended.unwrap_or(Err(Failure::Stopped)))),
            },
        };
        match response {
            Some(answer) => Ok(answer),
            None => Err(self.unanswered(task.await.unwrap_or(Err(Failure::Stopped)))),
        }
    }

    /// What to make of a call that ended without a response.
    fn unanswered(&self, ended: Result<(), Failure>) -> Failure {
        match ended {
            Ok(()) => {
                self.reporter.unanswered();
                Failure::Guest
            }
            Err(failure) => failure,
        }
    }

    /// A place in an instance that serves several requests at once.
    fn place(self: &Arc<Self>, exchange: &Exchange) -> Option<Place> {
        let (place, start) = self.workers.as_ref()?.place(exchange)?;
        if let Some(start) = start {
            self.instances.spawn(Arc::clone(self).work(start));
        }
        Some(place)
    }

    /// Serves several requests at once with one instance.
    async fn work(self: Arc<Self>, start: Start) {
        let calls = Arc::clone(&start.calls);
        let mut stored = None;
        let work = async {
            let Instance { store, proxy } = self.instantiate().await?;
            let Proxy::P3(service) = proxy else {
                wasmtime::bail!("instances of components for WASI 0.2 are not shared");
            };
            let store = stored.insert(store);
            let served = shared::serve(store, service, start).await;
            served.map_err(|error| explain(store, error))
        };
        let work = self.unless_killed(work);
        let ended = calls.useless.run_until_cancelled(work).await;
        calls.fail(match ended {
            Some(Err(failure)) => failure,
            // Nobody waits for it.
            Some(Ok(())) | None => Failure::Stopped,
        });
    }

    /// What comes of something that the guest does.
    async fn unless_killed(
        &self,
        call: impl Future<Output = wasmtime::Result<()>>,
    ) -> Result<(), Failure> {
        let call = self.killing.run_until_cancelled(catch_unwind(call));
        let error = match call.await {
            Some(Ok(Ok(()))) => return Ok(()),
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => wasmtime::format_err!("the host panicked: {panic}"),
            None => return Err(Failure::Stopped),
        };
        if error.is::<PoolConcurrencyLimitError>() {
            self.reporter.busy(&error);
            return Err(Failure::Busy);
        }
        self.reporter.failed(&error);
        Err(Failure::Guest)
    }

    async fn run(
        &self,
        scheme: Scheme,
        request: Request<Incoming>,
        responder: Responder,
        exchange: &Exchange,
    ) -> wasmtime::Result<()> {
        let mut warm = match self.pool.take() {
            Some(warm) => warm,
            None => Warm::fresh(self.instantiate().await?),
        };
        // Goes before the instance does: when the body ends for want of a
        // writer, it must be known why.
        let guard = exchange.guard();
        warm.instance.call(scheme, request, responder).await?;
        guard.completed();
        if exchange.is_answered() {
            self.pool.put(warm);
        }
        Ok(())
    }

    async fn instantiate(&self) -> wasmtime::Result<Instance> {
        let store = self.stores.new_store();
        let mut store = store.map_err(wasmtime::Error::from_anyhow)?;
        let proxy = (self.pre.instantiate_async(&mut store).await)
            .map_err(|error| explain(&store, explain_instance(error)))?;
        Ok(Instance::new(store, proxy))
    }

    /// How many calls there are.
    pub(super) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Waits until the guest has no more calls.
    pub(super) async fn drained(&self) {
        if let Some(workers) = &self.workers {
            workers.close();
        }
        for tasks in [&self.calls, &self.instances] {
            tasks.close();
            tasks.wait().await;
        }
    }

    /// Cancels the calls that are left.
    pub(super) fn kill(&self) {
        self.killing.cancel();
    }

    /// Lets calls finish for so long, and cancels those that do not. No more
    /// must be made.
    pub(super) async fn retire(&self, drain: Duration) {
        if tokio::time::timeout(drain, self.drained()).await.is_err() {
            tracing::warn!(
                workload = self.workload.name(),
                calls = self.calls.len(),
                "cancelling HTTP requests that did not finish within {drain:?}"
            );
            self.kill();
            let gone = tokio::time::timeout(KILL_TIMEOUT, self.drained()).await;
            if gone.is_err() {
                tracing::error!(
                    workload = self.workload.name(),
                    calls = self.calls.len(),
                    "HTTP requests cannot be cancelled; leaving them behind"
                );
            }
        }
        self.pool.close();
    }
}

fn pre_instantiate(component: &WorkloadComponent) -> anyhow::Result<ProxyPre<SharedCtx>> {
    let resolved = component.pre_instantiate_ref()?;
    let is_p3 = component
        .component_exports()?
        .iter()
        .any(|(name, _)| name.starts_with("wasi:http/handler@0.3"));
    Ok(if is_p3 {
        ProxyPre::P3(p3::bindings::ServicePre::new(resolved)?)
    } else {
        ProxyPre::P2(p2::bindings::ProxyPre::new(resolved)?)
    })
}
