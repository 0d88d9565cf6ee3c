//! A call of an asynchronous function, in a store of its own.

use std::sync::Arc;

use tokio::{task::JoinHandle, time::timeout};
use wasmtime::{bail, component::Val, error::Context, format_err};

use super::call::Callee;

impl Callee {
    /// Calls the function on a fresh instance of the provider. The caller's
    /// store is free meanwhile; if it is dropped, so is the call.
    pub(super) async fn call_detached(
        self: Arc<Self>,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let (callee, params, count) = (Arc::clone(&self), params.to_vec(), results.len());
        // A task of its own: a store cannot be driven from within another one.
        let mut task = AbortOnDrop(tokio::spawn(async move {
            let deadline = callee.provider.deadlines.detached_call;
            match timeout(deadline, callee.call_fresh(&params, count)).await {
                Ok(called) => called,
                Err(_) => Err(format_err!(
                    "the call did not end within {deadline:?}, the host's deadline for \
                     asynchronous calls (WASH_EPHEMERAL_CALL_TIMEOUT_SECS)"
                )),
            }
        }));
        let called = match (&mut task.0).await {
            Ok(called) => called,
            Err(error) => Err(format_err!("the call broke off: {error}")),
        };
        let returned = called.with_context(|| self.describe())?;
        for (result, returned) in results.iter_mut().zip(returned) {
            *result = returned;
        }
        Ok(())
    }

    async fn call_fresh(&self, params: &[Val], results: usize) -> wasmtime::Result<Vec<Val>> {
        let provider = &self.provider;
        let (mut store, pre) = {
            let components = provider.components()?;
            let components = components.read().await;
            let component = components
                .get(&provider.id)
                .ok_or_else(|| format_err!("{} is gone", provider.label))?;
            let store = component
                .store_template(&components, Arc::clone(&provider.http_handler))
                .new_store()
                .map_err(wasmtime::Error::from_anyhow)?;
            (store, component.pre_instantiate_ref()?)
        };
        let instance = pre
            .instantiate_async(&mut store)
            .await
            .context("it could not be instantiated")?;
        let Some(func) = instance.get_func(&mut store, self.export) else {
            bail!("the function is gone");
        };
        let mut returned = vec![Val::Bool(false); results];
        let called = func.call_async(&mut store, params, &mut returned).await;
        match (called, store.data().reached_limit()) {
            (Ok(()), _) => Ok(returned),
            (Err(error), Some(limit)) => Err(error.context(limit)),
            (Err(error), None) => Err(error),
        }
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
