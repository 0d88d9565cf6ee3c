//! What a capability of this crate keeps for one component.
//!
//! Generated functions get at their state through a plain function of the
//! store's data, so the state has to be in there. A plugin finds itself only as
//! the type that was registered, which is another if someone has wrapped it. So
//! what a component's calls need is put beside the plugins that are bound to
//! the component, when they are.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;

use super::HostPlugin;
use crate::{
    engine::{ctx::Ctx, workload::WorkloadItem},
    wit::{WitInterface, WitWorld},
};

/// State of a capability for one component.
pub(super) trait Attachment: Send + Sync + 'static {
    /// Under what it is found. No plugin may have this id.
    const ID: &'static str;
}

/// Makes `state` what the component's calls find.
pub(super) fn attach<T: Attachment>(item: &mut WorkloadItem<'_>, state: Arc<T>) {
    item.add_plugin(T::ID, Arc::new(Attached(state)));
}

/// What was attached to the running component.
pub(super) fn attached<T: Attachment>(ctx: &Ctx) -> wasmtime::Result<Arc<T>> {
    let attached = ctx.try_get_plugin::<Attached<T>>(T::ID)?;
    Ok(Arc::clone(&attached.0))
}

struct Attached<T>(Arc<T>);

#[async_trait]
impl<T: Attachment> HostPlugin for Attached<T> {
    fn id(&self) -> &'static str {
        T::ID
    }

    fn world(&self) -> WitWorld {
        WitWorld::default()
    }
}

/// Whether a declared interface is of this package. One that lists no names
/// stands for the whole package, and the world of any plugin covers it.
pub(super) fn is_of(interface: &WitInterface, package: &str) -> bool {
    interface.namespace == "wasi" && interface.package == package
}

/// The world of a plugin that serves this.
pub(super) fn serves(interface: &str) -> WitWorld {
    WitWorld {
        imports: HashSet::from([WitInterface::from(interface)]),
        exports: HashSet::new(),
    }
}
