//! What a store remembers of the components that are linked into it.

use std::{collections::HashMap, sync::Arc};

use wasmtime::component::{Instance, ResourceAny, ResourceType};

/// The instances of linked components, and the resources of theirs that other
/// components hold.
#[derive(Default)]
pub(crate) struct Links {
    /// By the component's id. One instance each, made when it is first called.
    pub(crate) instances: HashMap<Arc<str>, Arc<LinkedInstance>>,
    handles: HashMap<u32, ResourceAny>,
    next: u32,
}

/// An instance of a component that others in the store call.
pub(crate) struct LinkedInstance {
    pub(crate) instance: Instance,
    /// The resources that it defines, and the types that others know them by.
    pub(crate) resources: Vec<(ResourceType, u32)>,
}

impl Links {
    /// Keeps a resource for those who hold the number.
    pub(crate) fn keep(&mut self, resource: ResourceAny) -> wasmtime::Result<u32> {
        // Numbers come round again, so that one in use is passed over.
        for _ in 0..=self.handles.len() {
            let number = self.next;
            self.next = self.next.wrapping_add(1);
            if let std::collections::hash_map::Entry::Vacant(entry) = self.handles.entry(number) {
                entry.insert(resource);
                return Ok(number);
            }
        }
        wasmtime::bail!("too many resources of linked components are held")
    }

    /// The resource of a number, which stays valid.
    pub(crate) fn lend(&self, number: u32) -> wasmtime::Result<ResourceAny> {
        self.handles.get(&number).copied().ok_or_else(unknown)
    }

    /// The resource of a number, which nobody else holds.
    pub(crate) fn release(&mut self, number: u32) -> wasmtime::Result<ResourceAny> {
        self.handles.remove(&number).ok_or_else(unknown)
    }
}

fn unknown() -> wasmtime::Error {
    wasmtime::format_err!("a resource of a linked component is used after it was given away")
}
