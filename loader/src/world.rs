//! What a plugin serves, read from the WIT in its manifest.

mod name;
mod types;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wash_plugin_abi::manifest::Manifest;
use wit_parser::abi::AbiVariant;
use wit_parser::{FunctionKind, InterfaceId, Resolve, SizeAlign, TypeDefKind, WorldItem};

pub use self::name::InterfaceName;
use self::types::{has, has_handle, is_channel, type_name, types_of};
use crate::depth;
use crate::flat::Plan;

/// The types of a world, with how they lie in memory.
type Wit<'a> = (&'a Resolve, &'a SizeAlign);

/// A plugin's WIT world, checked against the functions that its manifest
/// lists.
#[derive(Debug)]
pub struct World {
    resolve: Resolve,
    interfaces: Vec<Interface>,
    called: Arc<[Interface]>,
}

/// An interface that a plugin serves.
#[derive(Debug)]
pub struct Interface {
    /// As `namespace:package/name@version`.
    pub id: String,
    /// The parts of that.
    pub name: InterfaceName,
    /// The functions in it; none if it only has types.
    pub functions: Vec<Function>,
    /// The resource types that it defines.
    pub resources: Vec<Resource>,
}

/// A resource type that a plugin serves.
#[derive(Debug)]
pub struct Resource {
    /// Its name in its interface.
    pub name: String,
    /// Tells it from all other resource types of this process.
    pub(crate) key: u32,
}

/// A function that a plugin serves.
#[derive(Debug)]
pub struct Function {
    /// Its name in its interface.
    pub name: String,
    /// Its place in the plugin's call table.
    pub index: usize,
    /// Whether the plugin may answer later.
    pub is_async: bool,
    /// Whether it is an `async func`, of which a component may have several
    /// calls at once.
    pub is_concurrent: bool,
    /// How many core values its parameters are, or `None` if they are too
    /// many and lie in memory.
    pub flat_params: Option<usize>,
    /// Whether its result is one core value.
    pub flat_result: bool,
    /// What the type of its result is called, in a message.
    pub(crate) result_name: String,
    /// Whether its result may hold a resource, stream or future.
    pub gives_resources: bool,
    /// Whether a stream or future is passed to it, or returned.
    pub has_channels: bool,
    /// How its parameters are read from core values, and its result is written to
    /// memory.
    pub(crate) params_plan: Option<Plan>,
    pub(crate) result_plan: Option<Plan>,
    /// The function in the world's WIT.
    pub(crate) wit: wit_parser::Function,
}

/// Why a manifest's WIT is not the world that the manifest says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// The WIT is not well-formed.
    #[error("its WIT cannot be read: {0}")]
    Wit(String),
    /// There is no such world in it.
    #[error("its WIT has no world `{0}`")]
    NoWorld(String),
    /// The world exports or imports what this version cannot serve.
    #[error("its world has {what} `{name}`, which this version of the host does not support")]
    Unsupported {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The list of functions and the world differ.
    #[error("its list of functions does not match its WIT: {0}")]
    Functions(String),
}

impl World {
    /// Reads the world of a manifest.
    ///
    /// # Errors
    ///
    /// If the WIT is not well-formed, has something that cannot be served, or
    /// does not match the manifest's list of functions.
    pub fn parse(manifest: &Manifest) -> Result<Self, WorldError> {
        let mut resolve = Resolve::default();
        let package = resolve
            .push_str("manifest.wit", &manifest.wit)
            .map_err(|error| WorldError::Wit(format!("{error:#}")))?;
        depth::check(&resolve).map_err(WorldError::Wit)?;
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let wit = (&resolve, &sizes);
        let world = resolve
            .select_world(&[package], Some(&manifest.world))
            .map_err(|_| WorldError::NoWorld(manifest.world.clone()))?;
        let world = resolve
            .worlds
            .get(world)
            .ok_or_else(|| WorldError::NoWorld(manifest.world.clone()))?;

        let mut listed = Listed::new(manifest)?;
        let mut interfaces = Vec::new();
        let mut called = Vec::new();
        for item in world.imports.values() {
            match item {
                WorldItem::Interface { id, .. } => {
                    let interface = interface(wit, *id, None)?;
                    if interface.name.is_wasi_io() {
                        // Its streams and pollables cross; it is not called.
                        continue;
                    }
                    if resolve
                        .interfaces
                        .get(*id)
                        .is_some_and(|i| !i.functions.is_empty())
                    {
                        called.push(with_functions(wit, *id, interface)?);
                    } else if let Some(name) = imported_resource(&resolve, *id) {
                        return Err(unsupported("the imported resource", name));
                    } else {
                        interfaces.push(interface);
                    }
                }
                WorldItem::Function(function) => {
                    return Err(unsupported("the imported function", &function.name));
                }
                WorldItem::Type { .. } => {}
            }
        }
        for item in world.exports.values() {
            match item {
                WorldItem::Interface { id, .. } => {
                    interfaces.push(interface(wit, *id, Some(&mut listed))?);
                }
                WorldItem::Function(function) => {
                    return Err(unsupported("the function", &function.name));
                }
                WorldItem::Type { .. } => {}
            }
        }
        listed.all_found()?;
        Ok(Self {
            resolve,
            interfaces,
            called: called.into(),
        })
    }

    /// Names of the interfaces with functions that the plugin serves, as
    /// `namespace:package/name@version`.
    pub fn exports(&self) -> impl Iterator<Item = &str> {
        self.served().map(|interface| interface.id.as_str())
    }

    /// Names of the interfaces that the plugin calls.
    pub fn imports(&self) -> Vec<String> {
        self.called.iter().map(|called| called.id.clone()).collect()
    }

    /// The interfaces of components that the plugin calls.
    pub fn called(&self) -> &Arc<[Interface]> {
        &self.called
    }

    /// The interfaces with functions or resources that the plugin serves.
    pub fn served(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces
            .iter()
            .filter(|interface| interface.is_served())
    }

    /// All interfaces, with those that only have types.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// A function that the plugin serves with streams or futures, if there is one.
    pub(crate) fn channels(&self) -> Option<String> {
        self.served().find_map(|interface| {
            let found = interface.functions.iter().find(|f| f.has_channels)?;
            Some(format!("{}#{}", interface.id, found.name))
        })
    }

    pub(crate) fn resolve(&self) -> &Resolve {
        &self.resolve
    }
}

impl Interface {
    /// Whether there is more to it than types.
    pub fn is_served(&self) -> bool {
        !self.functions.is_empty() || !self.resources.is_empty()
    }
}

/// The manifest's functions that have not been found in the WIT yet.
struct Listed<'a>(HashMap<&'a str, HashMap<&'a str, (usize, bool)>>);

impl<'a> Listed<'a> {
    fn new(manifest: &'a Manifest) -> Result<Self, WorldError> {
        let mut listed: HashMap<&str, HashMap<&str, _>> = HashMap::new();
        for (index, function) in manifest.functions.iter().enumerate() {
            let functions = listed.entry(&function.interface).or_default();
            if functions
                .insert(&function.name, (index, function.is_async))
                .is_some()
            {
                return Err(WorldError::Functions(format!(
                    "`{}#{}` is listed twice",
                    function.interface, function.name
                )));
            }
        }
        Ok(Self(listed))
    }

    fn take(&mut self, interface: &str, function: &str) -> Result<(usize, bool), WorldError> {
        self.0
            .get_mut(interface)
            .and_then(|functions| functions.remove(function))
            .ok_or_else(|| WorldError::Functions(format!("`{interface}#{function}` is not listed")))
    }

    fn all_found(&self) -> Result<(), WorldError> {
        let rest = self.0.iter().flat_map(|(interface, functions)| {
            functions.keys().map(move |function| (interface, function))
        });
        match rest.min() {
            None => Ok(()),
            Some((interface, function)) => Err(WorldError::Functions(format!(
                "`{interface}#{function}` is listed, and the world does not export it"
            ))),
        }
    }
}

fn unsupported(what: &'static str, name: &str) -> WorldError {
    WorldError::Unsupported {
        what,
        name: name.to_owned(),
    }
}

/// A resource that an interface defines.
fn imported_resource(resolve: &Resolve, id: InterfaceId) -> Option<&str> {
    let types = &resolve.interfaces.get(id)?.types;
    let (name, _) = types.iter().find(|(_, ty)| {
        resolve
            .types
            .get(**ty)
            .is_some_and(|def| matches!(def.kind, TypeDefKind::Resource))
    })?;
    Some(name)
}

fn interface(
    (resolve, sizes): Wit<'_>,
    id: InterfaceId,
    listed: Option<&mut Listed<'_>>,
) -> Result<Interface, WorldError> {
    let unnamed = || unsupported("an interface", "(without a name)");
    let interface = resolve.interfaces.get(id).ok_or_else(unnamed)?;
    let package = interface
        .package
        .and_then(|package| resolve.packages.get(package))
        .ok_or_else(unnamed)?;
    let name = InterfaceName {
        namespace: package.name.namespace.clone(),
        package: package.name.name.clone(),
        interface: interface.name.clone().ok_or_else(unnamed)?,
        version: package.name.version.clone(),
    };
    let id = name.to_string();
    let mut functions = Vec::new();
    let mut resources = Vec::new();
    if let Some(listed) = listed {
        for (name, ty) in &interface.types {
            let def = resolve.types.get(*ty);
            if def.is_some_and(|def| matches!(def.kind, TypeDefKind::Resource)) {
                let key = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
                resources.push(Resource {
                    name: name.clone(),
                    key,
                });
            }
        }
        for (name, function) in &interface.functions {
            let (index, is_async) = listed.take(&id, name)?;
            if function.kind.is_async() && !is_async {
                return Err(WorldError::Functions(format!(
                    "`{id}#{name}` is an `async func`, and is not listed as one that may answer later"
                )));
            }
            functions.push(described((resolve, sizes), function, index, is_async));
        }
    }
    Ok(Interface {
        id,
        name,
        functions,
        resources,
    })
}

/// An interface that the plugin calls, with its functions.
fn with_functions(
    (resolve, sizes): Wit<'_>,
    id: InterfaceId,
    mut interface: Interface,
) -> Result<Interface, WorldError> {
    let functions = resolve.interfaces.get(id).map(|found| &found.functions);
    for (index, (name, function)) in functions.into_iter().flatten().enumerate() {
        let handles = types_of(function).any(|ty| has_handle(resolve, ty));
        let function = described((resolve, sizes), function, index, true);
        let is_plain = matches!(function.wit.kind, FunctionKind::Freestanding);
        if !is_plain || handles || function.flat_params.is_none() {
            return Err(unsupported(
                "the imported function, which is `async`, has resources, streams or futures, or too many parameters,",
                name,
            ));
        }
        interface.functions.push(function);
    }
    Ok(interface)
}

/// What is known of a function from its type.
fn described(
    (resolve, sizes): Wit<'_>,
    function: &wit_parser::Function,
    index: usize,
    is_async: bool,
) -> Function {
    let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
    Function {
        name: function.name.clone(),
        index,
        is_async,
        is_concurrent: function.kind.is_async(),
        flat_params: (!signature.indirect_params)
            .then(|| signature.params.len() - usize::from(signature.retptr)),
        result_name: type_name(resolve, function.result),
        flat_result: !signature.results.is_empty(),
        gives_resources: function.result.is_some_and(|ty| has_handle(resolve, &ty)),
        has_channels: types_of(function).any(|ty| has(resolve, ty, is_channel)),
        params_plan: Plan::of_params(resolve, sizes, function),
        result_plan: Plan::of_result(resolve, sizes, function),
        wit: function.clone(),
    }
}

/// Each resource type of each plugin that was ever inspected has its own.
static NEXT_KEY: AtomicU32 = AtomicU32::new(0);
