//! Which workload a request is for: [`HostRouter`].

use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use hyper::http::request::Parts;
use wash_runtime::{
    engine::workload::ResolvedWorkload,
    host::http::{DynamicRouter, RouteError, Router},
};

/// Sends a request to a workload that names its host, and the rest to the one
/// that was started last of those that name none: a bare component has no
/// configuration to name one in.
///
/// Which workloads there are is not known when the server is bound: some come
/// later, over the control socket.
#[derive(Debug, Default)]
pub(super) struct HostRouter {
    named: DynamicRouter,
    others: Others,
}

#[async_trait]
impl Router for HostRouter {
    async fn on_workload_resolved(
        &self,
        workload: &ResolvedWorkload,
        component_id: &str,
    ) -> anyhow::Result<()> {
        let names_a_host = workload.host_interfaces().iter().any(|interface| {
            interface.is_incoming_http_handler() && interface.config.contains_key("host")
        });
        if names_a_host {
            return self
                .named
                .on_workload_resolved(workload, component_id)
                .await;
        }
        self.others.add(workload.id());
        Ok(())
    }

    async fn on_workload_unbind(&self, workload_id: &str) -> anyhow::Result<()> {
        self.others.remove(workload_id);
        self.named.on_workload_unbind(workload_id).await
    }

    fn route(&self, request: &Parts) -> Result<String, RouteError> {
        self.named
            .route(request)
            .or_else(|error| self.others.newest().ok_or(error))
    }
}

/// The workloads that name no host, in the order of their starts.
#[derive(Debug, Default)]
struct Others(RwLock<Vec<String>>);

impl Others {
    fn add(&self, workload_id: &str) {
        self.remove(workload_id);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.push(workload_id.to_owned());
    }

    fn remove(&self, workload_id: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|id| id != workload_id);
    }

    fn newest(&self) -> Option<String> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.last().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_that_still_runs_takes_the_rest() {
        let others = Others::default();
        assert_eq!(others.newest(), None);
        others.add("one");
        others.add("two");
        assert_eq!(others.newest().as_deref(), Some("two"));
        others.remove("two");
        assert_eq!(others.newest().as_deref(), Some("one"));
    }
}
