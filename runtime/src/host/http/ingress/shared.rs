//! Warm instances that serve several requests at once.
//!
//! Calls of a component for WASI 0.3 can overlap in one instance, which goes on
//! with one while another waits. Each such instance has a task of its own, which
//! other tasks hand requests to, at most `max_concurrency` at once.
//!
//! Whatever fails in an instance fails all its calls. A call that nobody waits
//! for any more cannot be cancelled by itself: its instance takes no further
//! ones, and ends with the last call that somebody does wait for.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::Request;
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use wasmtime::{
    Store,
    component::{Accessor, AccessorTask},
};
use wasmtime_wasi_http::p3::bindings::Service;

use super::{
    call::{Exchange, Responder, serve_p3},
    target::Failure,
};
use crate::engine::{ctx::SharedCtx, workload::InstancePolicy};

/// The instances of a component.
pub(super) struct Workers {
    policy: InstancePolicy,
    /// `None` once the workload takes no more requests.
    all: Mutex<Option<Vec<Arc<Worker>>>>,
}

/// An instance, for those who hand requests to it. It ends when there is nobody
/// left of them.
struct Worker {
    jobs: mpsc::UnboundedSender<(u64, Job)>,
    calls: Arc<Calls>,
}

/// A request for an instance.
pub(super) struct Job {
    pub(super) request: Request<Incoming>,
    pub(super) responder: Responder,
}

/// An instance to be.
pub(super) struct Start {
    pub(super) calls: Arc<Calls>,
    jobs: mpsc::UnboundedReceiver<(u64, Job)>,
}

/// A call's place in an instance. When it is dropped, nobody waits for the call.
pub(super) struct Place {
    worker: Arc<Worker>,
    number: u64,
    done: oneshot::Receiver<Result<(), Failure>>,
}

/// The calls of an instance.
#[derive(Default)]
pub(super) struct Calls {
    state: Mutex<State>,
    /// Nobody waits for what the instance does.
    pub(super) useless: CancellationToken,
}

#[derive(Default)]
struct State {
    /// How many calls there have been.
    served: u64,
    /// There will be no more.
    closed: bool,
    live: HashMap<u64, Live>,
}

struct Live {
    exchange: Exchange,
    done: oneshot::Sender<Result<(), Failure>>,
    abandoned: bool,
}

impl Workers {
    /// `None` if the component wants no instance to serve more than one request
    /// at once.
    pub(super) fn new(policy: InstancePolicy) -> Option<Self> {
        (policy.pool_size > 0 && policy.max_concurrency > 1).then(|| Self {
            policy,
            all: Mutex::new(Some(Vec::new())),
        })
    }

    /// A place in an instance that has room, or in one that is to be started.
    /// `None` if there are as many as may be, and no room in them.
    pub(super) fn place(&self, exchange: &Exchange) -> Option<(Place, Option<Start>)> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.as_mut()?;
        all.retain(|worker| !worker.calls.is_closed(self.policy));
        if let Some(place) = all
            .iter()
            .find_map(|worker| worker.admit(self.policy, exchange))
        {
            return Some((place, None));
        }
        if all.len() >= self.policy.pool_size {
            return None;
        }
        let (sender, jobs) = mpsc::unbounded_channel();
        let calls = Arc::new(Calls::default());
        let worker = Arc::new(Worker {
            jobs: sender,
            calls: Arc::clone(&calls),
        });
        let place = worker.admit(self.policy, exchange)?;
        all.push(worker);
        Some((place, Some(Start { calls, jobs })))
    }

    /// Has the instances end with the calls that they have.
    pub(super) fn close(&self) {
        let all = self
            .all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(all);
    }
}

impl Worker {
    fn admit(self: &Arc<Self>, policy: InstancePolicy, exchange: &Exchange) -> Option<Place> {
        let (number, done) = self.calls.admit(policy, exchange)?;
        Some(Place {
            worker: Arc::clone(self),
            number,
            done,
        })
    }
}

impl Place {
    /// Has the instance serve a request, until the guest is done with it.
    pub(super) async fn serve(mut self, job: Job) -> Result<(), Failure> {
        // If the instance is gone, its calls have failed, this one as well.
        self.worker.jobs.send((self.number, job)).ok();
        (&mut self.done).await.unwrap_or(Err(Failure::Stopped))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.worker.calls.abandon(self.number);
    }
}

impl Calls {
    fn admit(
        &self,
        policy: InstancePolicy,
        exchange: &Exchange,
    ) -> Option<(u64, oneshot::Receiver<Result<(), Failure>>)> {
        let mut state = self.lock();
        if state.is_closed(policy) || state.live.len() >= policy.max_concurrency {
            return None;
        }
        let number = state.served;
        state.served = number.saturating_add(1);
        let (done, ended) = oneshot::channel();
        let live = Live {
            exchange: exchange.clone(),
            done,
            abandoned: false,
        };
        state.live.insert(number, live);
        Some((number, ended))
    }

    fn is_closed(&self, policy: InstancePolicy) -> bool {
        self.lock().is_closed(policy)
    }

    fn ended(&self, number: u64) {
        let mut state = self.lock();
        let Some(ended) = state.live.remove(&number) else {
            return;
        };
        if state.is_useless() {
            self.useless.cancel();
        }
        drop(state);
        ended.done.send(Ok(())).ok();
    }

    fn abandon(&self, number: u64) {
        let mut state = self.lock();
        let Some(live) = state.live.get_mut(&number) else {
            return;
        };
        live.abandoned = true;
        state.closed = true;
        if state.is_useless() {
            self.useless.cancel();
        }
    }

    /// The instance has failed, and so have its calls. To be told before the
    /// store goes: when a body ends for want of a writer, it must be known why.
    pub(super) fn fail(&self, failure: Failure) {
        let mut state = self.lock();
        state.closed = true;
        let live = std::mem::take(&mut state.live);
        drop(state);
        for call in live.into_values() {
            call.exchange.break_off();
            call.done.send(Err(failure)).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// There are calls, and nobody waits for any of them.
    fn is_useless(&self) -> bool {
        !self.live.is_empty() && self.live.values().all(|live| live.abandoned)
    }

    fn is_closed(&self, policy: InstancePolicy) -> bool {
        self.closed || (policy.max_invocations).is_some_and(|most| self.served >= u64::from(most))
    }
}

/// Serves what an instance is handed, until nobody can hand it anything.
pub(super) async fn serve(
    store: &mut Store<SharedCtx>,
    service: Service,
    start: Start,
) -> wasmtime::Result<()> {
    let Start { calls, mut jobs } = start;
    let service = Arc::new(service);
    store
        .run_concurrent(async |accessor: &Accessor<SharedCtx>| {
            while let Some((number, job)) = jobs.recv().await {
                accessor.spawn(Call {
                    service: Arc::clone(&service),
                    calls: Arc::clone(&calls),
                    number,
                    job,
                })?;
            }
            poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
            Ok(())
        })
        .await?
}

/// One call, beside others.
struct Call {
    service: Arc<Service>,
    calls: Arc<Calls>,
    number: u64,
    job: Job,
}

impl AccessorTask<SharedCtx> for Call {
    async fn run(self, accessor: &Accessor<SharedCtx>) -> wasmtime::Result<()> {
        let Job { request, responder } = self.job;
        serve_p3(accessor, &self.service, request, responder).await?;
        self.calls.ended(self.number);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(pool_size: usize, max_invocations: Option<u32>) -> Workers {
        Workers::new(InstancePolicy {
            pool_size,
            max_invocations,
            max_concurrency: 2,
        })
        .unwrap()
    }

    fn place(workers: &Workers) -> Option<(Place, Option<Start>)> {
        workers.place(&Exchange::new().0)
    }

    /// The instance is one that was there before.
    fn shares(placed: &Option<(Place, Option<Start>)>) -> bool {
        matches!(placed, Some((_, None)))
    }

    #[test]
    fn one_call_at_once_is_nothing_to_share() {
        let one = InstancePolicy {
            pool_size: 1,
            max_invocations: None,
            max_concurrency: 1,
        };
        assert!(Workers::new(one).is_none());
        let none = InstancePolicy {
            pool_size: 0,
            max_concurrency: 2,
            ..one
        };
        assert!(Workers::new(none).is_none());
    }

    #[test]
    fn an_instance_is_filled_before_another_is_started() {
        let workers = workers(2, None);
        let first = place(&workers).unwrap();
        assert!(first.1.is_some());
        let second = place(&workers);
        assert!(shares(&second));
        let third = place(&workers).unwrap();
        assert!(third.1.is_some());
        let fourth = place(&workers);
        assert!(shares(&fourth));
        assert!(place(&workers).is_none());
        first.0.worker.calls.ended(first.0.number);
        assert!(shares(&place(&workers)));
    }

    #[test]
    fn an_instance_that_was_used_up_is_replaced() {
        let workers = workers(1, Some(1));
        let first = place(&workers).unwrap();
        assert!(first.1.is_some());
        let second = place(&workers).unwrap();
        assert!(second.1.is_some());
    }

    #[test]
    fn an_instance_ends_when_nobody_waits_for_it() {
        let workers = workers(1, None);
        let (first, start) = place(&workers).unwrap();
        let (second, _) = place(&workers).unwrap();
        let calls = start.unwrap().calls;
        drop(first);
        assert!(!calls.useless.is_cancelled());
        // It takes no more, so there is room for another.
        assert!(place(&workers).unwrap().1.is_some());
        drop(second);
        assert!(calls.useless.is_cancelled());
    }

    #[test]
    fn so_it_does_when_the_last_call_that_counts_has_ended() {
        let workers = workers(1, None);
        let (first, start) = place(&workers).unwrap();
        let (second, _) = place(&workers).unwrap();
        let calls = start.unwrap().calls;
        drop(first);
        calls.ended(second.number);
        assert!(calls.useless.is_cancelled());
    }

    #[tokio::test]
    async fn all_calls_of_an_instance_fail_with_it() {
        let workers = workers(1, None);
        let (exchange, _, _) = Exchange::new();
        let (mut place, start) = workers.place(&exchange).unwrap();
        start.unwrap().calls.fail(Failure::Guest);
        assert_eq!((&mut place.done).await.unwrap(), Err(Failure::Guest));
        assert!(exchange.is_broken());
    }
}
