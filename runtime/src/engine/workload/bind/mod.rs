//! Which plugin serves what, and undoing it.
//!
//! [`plan()`] decides, from nothing but worlds and declarations, which plugin
//! serves which declared interface to which item. [`Bindings`] records what
//! was done of it, and undoes exactly that.

mod bindings;
mod plan;

pub(super) use bindings::{Binding, Bindings, BoundItems};
pub(super) use plan::{ItemKind, ItemNeeds, ItemRef, PlannedBinding, plan};
