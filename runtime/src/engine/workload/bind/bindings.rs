//! The plugins that a workload is bound to.

use std::{collections::HashSet, fmt, sync::Arc};

use crate::{
    plugin::{HostPlugin, WitInterfaces, catch_panic},
    wit::WitInterface,
};

/// One plugin that began to bind a workload.
pub(in super::super) struct Binding {
    pub(in super::super) plugin: Arc<dyn HostPlugin>,
    /// The declared interfaces that it serves to the workload, over all items.
    pub(in super::super) interfaces: HashSet<WitInterface>,
    /// The items that it is bound to, in order.
    pub(in super::super) items: Vec<Arc<str>>,
}

/// A plugin and the ids of the items that it is bound to.
pub(in super::super) type BoundItems = (Arc<dyn HostPlugin>, Vec<Arc<str>>);

/// The plugins that a workload is bound to, in the order of their binding.
#[derive(Default)]
pub(in super::super) struct Bindings {
    bindings: Vec<Binding>,
}

impl Bindings {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }

    pub(in super::super) fn iter(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter()
    }

    /// Records that a plugin begins to bind.
    pub(in super::super) fn push(&mut self, binding: Binding) {
        self.bindings.push(binding);
    }

    /// Records that the plugin recorded last is bound to an item.
    pub(in super::super) fn add_item(&mut self, item_id: Arc<str>) {
        if let Some(binding) = self.bindings.last_mut() {
            binding.items.push(item_id);
        }
    }

    /// Unbinds all plugins, the last one first, each with what it was bound
    /// with. Errors are logged: there is nothing to go back to.
    pub(in super::super) async fn unbind_all(&mut self, workload_id: &str) {
        while let Some(binding) = self.bindings.pop() {
            let id = binding.plugin.id();
            let unbind = catch_panic(id, "on_workload_unbind", async {
                let interfaces = WitInterfaces::new(&binding.interfaces);
                binding
                    .plugin
                    .on_workload_unbind(workload_id, interfaces)
                    .await
            });
            if let Err(error) = unbind.await {
                tracing::warn!(
                    plugin = id,
                    workload_id,
                    error = format!("{error:#}"),
                    "a plugin failed to unbind a workload"
                );
            }
        }
    }
}

impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.bindings.iter().map(|binding| binding.plugin.id()))
            .finish()
    }
}
