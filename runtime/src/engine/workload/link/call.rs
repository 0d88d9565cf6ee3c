//! A call from one component to another, in the same store.

use std::sync::Arc;

use tokio::time::timeout;
use wasmtime::{
    AsContextMut, StoreContextMut, bail,
    component::{ComponentExportIndex, Val},
    error::Context,
    format_err,
};

use super::{
    provider::Provider,
    values::{self, Direction},
};
use crate::engine::ctx::SharedCtx;

/// A function of a provider.
pub(super) struct Callee {
    pub(super) provider: Arc<Provider>,
    pub(super) interface: Arc<str>,
    pub(super) function: String,
    pub(super) export: ComponentExportIndex,
}

impl Callee {
    /// Calls the function as the provider, and goes on as the caller, also
    /// after an error.
    pub(super) async fn call(
        &self,
        mut store: StoreContextMut<'_, SharedCtx>,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let caller = Arc::clone(&store.data().active_ctx.component_id);
        store.data_mut().set_active_ctx(&self.provider.id)?;
        let deadline = self.provider.deadlines.call;
        let called = match timeout(deadline, self.forward(&mut store, params, results)).await {
            Ok(called) => called,
            Err(_) => Err(format_err!(
                "the call did not end within {deadline:?}, the host's call deadline \
                 (WASH_SHARED_STORE_CALL_TIMEOUT_SECS)"
            )),
        };
        let called = match (called, store.data().reached_limit()) {
            (Err(error), Some(limit)) => Err(error.context(limit)),
            (called, _) => called,
        };
        store.data_mut().set_active_ctx(&caller)?;
        called.with_context(|| self.describe())
    }

    /// What is called, for messages.
    pub(super) fn describe(&self) -> String {
        format!(
            "'{}' of '{}', which {} serves",
            self.function, self.interface, self.provider.label
        )
    }

    async fn forward(
        &self,
        store: &mut StoreContextMut<'_, SharedCtx>,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let linked = self.provider.instance(store).await?;
        let Some(func) = linked
            .instance
            .get_func(store.as_context_mut(), self.export)
        else {
            bail!("the function is gone");
        };
        let mut borrowed = Vec::new();
        let mut given = Vec::with_capacity(params.len());
        for param in params {
            let into = Direction::IntoProvider(&mut borrowed);
            given.push(values::pass(store, &linked, into, param.clone())?);
        }
        let mut returned = vec![Val::Bool(false); results.len()];
        func.call_async(store.as_context_mut(), &given, &mut returned)
            .await?;
        for resource in borrowed {
            resource.resource_drop_async(store.as_context_mut()).await?;
        }
        for (result, returned) in results.iter_mut().zip(returned) {
            *result = values::pass(store, &linked, Direction::OutOfProvider, returned)?;
        }
        Ok(())
    }
}
