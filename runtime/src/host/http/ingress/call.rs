//! One request, from host to guest and back.

use std::{
    convert::Infallible,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use wasmtime::{Store, component::Accessor};
use wasmtime_wasi_http::{
    WasiBody, WasiHttpView,
    handler::Proxy,
    p2::bindings::{Proxy as Handler, http::types::Scheme as SchemeP2},
    p3,
};

use super::Scheme;
use crate::{engine::ctx::SharedCtx, host::http::BodyTransfer};

/// What the guest answers, or the error code that it gives instead.
pub(super) type Answer = Result<Response<WasiBody>, String>;

/// What the two sides of a request know of each other.
#[derive(Clone)]
pub(super) struct Exchange(Arc<State>);

struct State {
    answered: AtomicBool,
    /// The call broke off. The end of a body is then no end, and the client
    /// must not take what it has got for the whole.
    broken: AtomicBool,
    /// Dropped when nobody reads the body any more.
    reading: Mutex<Option<oneshot::Sender<Infallible>>>,
}

/// Takes the guest's answer.
pub(super) struct Responder {
    exchange: Exchange,
    answer: oneshot::Sender<Answer>,
    unread: oneshot::Receiver<Infallible>,
}

/// Records that a call broke off, unless it is told that it did not.
pub(super) struct BreakGuard<'a>(Option<&'a Exchange>);

impl Exchange {
    pub(super) fn new() -> (Self, Responder, oneshot::Receiver<Answer>) {
        let (reading, unread) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let exchange = Self(Arc::new(State {
            answered: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            reading: Mutex::new(Some(reading)),
        }));
        let responder = Responder {
            exchange: exchange.clone(),
            answer,
            unread,
        };
        (exchange, responder, answered)
    }

    pub(super) fn is_answered(&self) -> bool {
        self.0.answered.load(Ordering::Acquire)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.0.broken.load(Ordering::Acquire)
    }

    /// The call has broken off.
    pub(super) fn break_off(&self) {
        self.0.broken.store(true, Ordering::Release);
    }

    pub(super) fn guard(&self) -> BreakGuard<'_> {
        BreakGuard(Some(self))
    }

    /// Nobody reads the body any more.
    pub(super) fn read(&self) {
        let mut reading = self
            .0
            .reading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        reading.take();
    }
}

impl BreakGuard<'_> {
    pub(super) fn completed(mut self) {
        self.0 = None;
    }
}

impl Drop for BreakGuard<'_> {
    fn drop(&mut self) {
        if let Some(exchange) = self.0 {
            exchange.break_off();
        }
    }
}

impl Responder {
    /// Gives the answer, and returns what ends when its body was read.
    fn send(self, answer: Answer) -> oneshot::Receiver<Infallible> {
        self.exchange.0.answered.store(true, Ordering::Release);
        let has_body = answer.is_ok();
        if self.answer.send(answer).is_err() || !has_body {
            // The client went away, or there is nothing to read.
            self.exchange.read();
        }
        self.unread
    }
}

/// The limit behind a trap.
#[derive(Debug)]
pub(super) struct ReachedLimit(String);

impl fmt::Display for ReachedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An instance of a component that serves HTTP.
pub(super) struct Instance {
    pub(super) store: Store<SharedCtx>,
    pub(super) proxy: Proxy,
}

impl Instance {
    pub(super) fn new(store: Store<SharedCtx>, proxy: Proxy) -> Self {
        Self { store, proxy }
    }

    /// Serves one request, until the guest is done with it.
    pub(super) async fn call(
        &mut self,
        scheme: Scheme,
        request: Request<Incoming>,
        responder: Responder,
    ) -> wasmtime::Result<()> {
        let store = &mut self.store;
        match &self.proxy {
            Proxy::P2(handler) => call_p2(store, handler, scheme, request, responder).await,
            Proxy::P3(service) => call_p3(store, service, request, responder).await,
        }
        .map_err(|error| explain(&self.store, error))
    }
}

/// An error of the guest's, with the limit that it has hit, if it has.
pub(super) fn explain(store: &Store<SharedCtx>, error: wasmtime::Error) -> wasmtime::Error {
    match store.data().reached_limit() {
        Some(limit) => error.context(ReachedLimit(limit)),
        None => error,
    }
}

async fn call_p2(
    store: &mut Store<SharedCtx>,
    handler: &Handler,
    scheme: Scheme,
    request: Request<Incoming>,
    responder: Responder,
) -> wasmtime::Result<()> {
    let scheme = match scheme {
        Scheme::Http => SchemeP2::Http,
        Scheme::Https => SchemeP2::Https,
    };
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(scheme, request)?;
    let out = http.new_response_outparam_from_callback(move |answer| {
        responder.send(answer.map_err(|code| format!("{code:?}")));
    })?;
    handler
        .wasi_http_incoming_handler()
        .call_handle(store, request, out)
        .await
}

async fn call_p3(
    store: &mut Store<SharedCtx>,
    service: &p3::bindings::Service,
    request: Request<Incoming>,
    responder: Responder,
) -> wasmtime::Result<()> {
    store
        .run_concurrent(async |accessor: &Accessor<SharedCtx>| {
            serve_p3(accessor, service, request, responder).await?;
            poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
            Ok(())
        })
        .await?
}

/// Serves one request, until its response was read.
pub(super) async fn serve_p3(
    accessor: &Accessor<SharedCtx>,
    service: &p3::bindings::Service,
    request: Request<Incoming>,
    responder: Responder,
) -> wasmtime::Result<()> {
    let (request, transfer) = accessor.with(|mut access| {
        let hooks = access.data_mut().http().hooks;
        let (request, transfer) = p3::Request::from_http(hooks, request);
        let transfer: Pin<BodyTransfer> = Box::pin(transfer);
        (request, transfer)
    });
    let unread = match service.handle(accessor, request).await? {
        Err(code) => responder.send(Err(format!("{code:?}"))),
        Ok(response) => {
            let response = accessor.with(|store| response.into_http(store, transfer))?;
            responder.send(Ok(response))
        }
    };
    // The store is what moves the body, so it stays until that is read.
    unread.await.ok();
    Ok(())
}
