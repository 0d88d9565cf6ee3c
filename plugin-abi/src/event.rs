//! The events of a plugin's life, as they cross the boundary: JSON, so that
//! they can grow. They are rare; calls never pass through here.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A workload: what runs together under one id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Workload {
    /// Unique on the host for as long as it runs.
    pub id: String,
    /// The name that its author gave it.
    pub name: String,
    /// The namespace of that name.
    pub namespace: String,
}

impl Workload {
    /// A workload of this identity.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        namespace: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            namespace: namespace.into(),
        }
    }
}

/// A component of a workload, or its service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Item {
    /// Unique on the host; what [`CallContextV1::component_id`] names.
    ///
    /// [`CallContextV1::component_id`]: crate::abi::CallContextV1::component_id
    pub id: String,
    /// Which of the two; not known when it is resolved.
    #[serde(default)]
    pub kind: Option<ItemKind>,
    /// What it belongs to.
    pub workload: Workload,
    /// The configuration that its author gave to it, not to an interface; not
    /// known when it is resolved.
    #[serde(default)]
    pub config: HashMap<String, String>,
    /// Which of the interfaces that the plugin's world imports it exports, as
    /// the plugin names them; known when it is resolved.
    #[serde(default)]
    pub exports: Vec<String>,
}

impl Item {
    /// An item of this identity.
    pub fn new(id: impl Into<String>, kind: Option<ItemKind>, workload: Workload) -> Self {
        Self {
            id: id.into(),
            kind,
            workload,
            config: HashMap::new(),
            exports: Vec::new(),
        }
    }
}

/// What an item of a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ItemKind {
    /// Instantiated for each request.
    Component,
    /// Runs as long as the workload does.
    Service,
}

/// An interface that a workload asks the plugin for, with the configuration
/// that the workload gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interface {
    /// Namespace of the WIT package, such as `wasi`.
    pub namespace: String,
    /// Name of the WIT package, such as `keyvalue`.
    pub package: String,
    /// Names of the interfaces, sorted.
    pub interfaces: Vec<String>,
    /// Version of the package, if the workload names one.
    #[serde(default)]
    pub version: Option<String>,
    /// Name of this instance, if the workload uses several.
    #[serde(default)]
    pub name: Option<String>,
    /// Its configuration.
    #[serde(default)]
    pub config: HashMap<String, String>,
}

impl Interface {
    /// Interfaces of one package, without version, name or configuration.
    pub fn new(
        namespace: impl Into<String>,
        package: impl Into<String>,
        interfaces: Vec<String>,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            package: package.into(),
            interfaces,
            version: None,
            name: None,
            config: HashMap::new(),
        }
    }
}

/// What `workload_bound` is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadBound {
    /// The workload.
    pub workload: Workload,
    /// What it wants, over all its items.
    pub interfaces: Vec<Interface>,
}

/// What `item_bound` is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemBound {
    /// The item.
    pub item: Item,
    /// What it wants.
    pub interfaces: Vec<Interface>,
}

/// What `workload_resolved` is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadResolved {
    /// The item.
    pub item: Item,
}

/// What `workload_unbound` is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadUnbound {
    /// The workload's id.
    pub workload_id: String,
}
