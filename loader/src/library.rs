//! Loads the bytes that were checked: [`Loaded`].
#![allow(
    unsafe_code,
    reason = "loading a library runs its code, and its symbols have the types that we say"
)]

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use abi_stable::library::{AbiHeaderRef, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use wash_plugin_abi::abi::root::{PluginModuleV1_Ref, QueryFn};
use wash_plugin_abi::abi::{
    CallFn, CallV1, ChannelV1, EXT_CALL, EXT_CHANNEL, EXT_LENT_ARGS, EXT_PLUGIN, EXT_RESOURCE,
    EXT_STATE, EXT_STREAM, LentArgsV1, PluginV1, QUERY_SYMBOL, REVISION, ResourceV1, StateV1,
    StreamV1,
};
use wash_plugin_abi::manifest::{Manifest, note_description};

use crate::admit::Admitted;
use crate::facts::Facts;
use crate::image::{self, ImageError};
use crate::linker;
use crate::rejection::{Rejection, RejectionCause, Stage};
use crate::untrusted::Untrusted;
use crate::world::World;

/// A plugin whose library is loaded. It stays loaded for the life of the
/// process, as a Rust library cannot be unloaded soundly.
#[derive(Debug)]
pub struct Loaded {
    admitted: Admitted,
    tables: Tables,
}

/// What a library consists of: the vtables of its extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    pub(crate) plugin: &'static PluginV1,
    pub(crate) functions: &'static [CallFn],
    pub(crate) resources: Option<&'static ResourceV1>,
    pub(crate) streams: Option<&'static StreamV1>,
    pub(crate) channels: Option<&'static ChannelV1>,
    pub(crate) state: Option<&'static StateV1>,
    /// Whether it reads arguments that are lent.
    pub(crate) takes_lent_args: bool,
}

/// Loads an admitted plugin's library, and checks that what it says of itself
/// alive is what its manifest said.
///
/// # Errors
///
/// If the dynamic linker refuses it, or it does not keep to the ABI.
pub fn load(admitted: Admitted) -> Result<Loaded, Rejection> {
    match open(&admitted) {
        Ok(tables) => Ok(Loaded {
            admitted: admitted.without_bytes(),
            tables,
        }),
        Err(cause) => Err(admitted.reject(Stage::Load, cause)),
    }
}

impl Loaded {
    /// Where it was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.admitted.path()
    }

    /// The plugin's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.admitted.id()
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.admitted.manifest()
    }

    /// Its WIT world.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        self.admitted.world()
    }

    /// The digest of the bytes that were loaded, in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.admitted.sha256()
    }

    pub(crate) fn facts(&self) -> Facts {
        self.admitted.facts()
    }

    pub(crate) fn tables(&self) -> Tables {
        self.tables
    }
}

/// The same for a plugin whose code is part of this program: what admission
/// looked at is a description of it alone. For the fuzz targets, which serve
/// worlds that no library was built for.
///
/// # Errors
///
/// If it does not keep to the ABI.
///
/// # Safety
///
/// `extension` must return, for the id of an extension, null or what the ABI
/// says of that id, which lives as long as the process.
#[doc(hidden)]
pub unsafe fn linked(
    admitted: Admitted,
    extension: impl Fn(&str) -> *const u8,
) -> Result<Loaded, Rejection> {
    // SAFETY: the caller's promise.
    match unsafe { tables(&admitted, extension) } {
        Ok(tables) => Ok(Loaded {
            admitted: admitted.without_bytes(),
            tables,
        }),
        Err(reason) => Err(admitted.reject(Stage::Load, RejectionCause::Load { reason })),
    }
}

fn open(admitted: &Admitted) -> Result<Tables, RejectionCause> {
    // Should its code end the process, this is the line that says whose it was.
    tracing::info!(
        plugin = admitted.id(),
        path = %Untrusted::path(admitted.path()),
        sha256 = admitted.sha256(),
        "loading plugin"
    );
    let library = image::open(admitted.bytes()).map_err(|error| match error {
        ImageError::Linker(text) => linker::refusal(&text, admitted.linkage()),
        ImageError::NoPlace(tried) => linker::no_place(tried),
    })?;
    linker::note_static_tls(admitted.linkage());
    // Never unloaded, also if it is not used: see docs/ARCHITECTURE.md.
    let library = ManuallyDrop::new(library);
    let failed = |reason| RejectionCause::Load { reason };
    let query = query_function(&library).map_err(failed)?;

    // SAFETY: the ABI says that the function takes an id, and returns null or
    // a pointer to that extension's vtable, which is never unmapped.
    unsafe { tables(admitted, |id| query(id.as_ptr(), id.len())) }.map_err(failed)
}

/// The vtables of a plugin.
///
/// # Safety
///
/// As [`linked`]: `extension` returns, for the id of an extension, null or what
/// the ABI says of it, for as long as the process lives.
unsafe fn tables(
    admitted: &Admitted,
    extension: impl Fn(&str) -> *const u8,
) -> Result<Tables, String> {
    let plugin = extension(EXT_PLUGIN).cast::<PluginV1>();
    check_table(plugin.cast(), size_of::<PluginV1>(), EXT_PLUGIN)?;
    // SAFETY: `check_table` made sure that it is there, aligned, and as large
    // as the type, which is all function pointers that a plugin must fill.
    let plugin: &'static PluginV1 = unsafe { &*plugin };

    // SAFETY: the manifest of a vtable lives as long as its library.
    let note = unsafe { plugin.manifest.as_bytes() };
    let alive = note_description(note)
        .map_err(|error| error.to_string())
        .and_then(|found| found.ok_or_else(|| String::from("there is none")))
        .and_then(|description| Manifest::parse(description).map_err(|error| error.to_string()))
        .map_err(|error| {
            format!("the manifest that it reports once loaded is not valid: {error}")
        })?;
    if alive != *admitted.manifest() {
        return Err(String::from(
            "the manifest that it reports once loaded is not the one in its file",
        ));
    }

    let calls = extension(EXT_CALL).cast::<CallV1>();
    let functions: &'static [CallFn] = if calls.is_null() {
        &[]
    } else {
        check_table(calls.cast(), size_of::<CallV1>(), EXT_CALL)?;
        // SAFETY: `check_table`, and the ABI's word about what the table has.
        unsafe { (*calls).functions() }
    };
    let listed = admitted.manifest().functions.len();
    if functions.len() != listed {
        return Err(format!(
            "its manifest lists {listed} functions, and its call table has {}",
            functions.len()
        ));
    }

    // SAFETY: the ABI says which table each of these ids stands for.
    let resources = unsafe { optional::<ResourceV1>(extension(EXT_RESOURCE), EXT_RESOURCE)? };
    // SAFETY: as above.
    let streams = unsafe { optional::<StreamV1>(extension(EXT_STREAM), EXT_STREAM)? };
    // SAFETY: as above.
    let channels = unsafe { optional::<ChannelV1>(extension(EXT_CHANNEL), EXT_CHANNEL)? };
    // SAFETY: as above.
    let state = unsafe { optional::<StateV1>(extension(EXT_STATE), EXT_STATE)? };
    // SAFETY: as above.
    let lent_args = unsafe { optional::<LentArgsV1>(extension(EXT_LENT_ARGS), EXT_LENT_ARGS)? };
    let needs = admitted
        .world()
        .served()
        .find(|interface| !interface.resources.is_empty());
    if let (None, Some(interface)) = (resources, needs) {
        return Err(format!(
            "it serves resources (`{}`), and lacks the extension `{EXT_RESOURCE}`",
            interface.id
        ));
    }
    if let (None, Some(function)) = (channels, admitted.world().channels()) {
        return Err(format!(
            "it serves streams or futures (`{function}`), and lacks the extension `{EXT_CHANNEL}`"
        ));
    }
    if let (None, Some(function)) = (resources, admitted.world().channels()) {
        return Err(format!(
            "it serves streams or futures (`{function}`), and lacks the extension \
             `{EXT_RESOURCE}`, by which a host counts and releases them"
        ));
    }
    Ok(Tables {
        plugin,
        functions,
        resources,
        streams,
        channels,
        state,
        takes_lent_args: lent_args.is_some(),
    })
}

/// The table of an extension that a library may lack.
///
/// # Safety
///
/// `table` must be what the library's query function returned for `id`, and
/// `T`, which is nothing but its size and functions, what the ABI says of it.
unsafe fn optional<T>(table: *const u8, id: &str) -> Result<Option<&'static T>, String> {
    if table.is_null() {
        return Ok(None);
    }
    check_table(table.cast(), size_of::<T>(), id)?;
    // SAFETY: `check_table`, and the table lives as long as the library.
    Ok(Some(unsafe { &*table.cast::<T>() }))
}

/// The library's front door: its root module, or the plain symbol of a plugin
/// that is not written in Rust.
fn query_function(library: &libloading::Library) -> Result<QueryFn, String> {
    // SAFETY: abi_stable's loader symbol has this type in every library that
    // exports a root module; its header is checked by `upgrade`.
    let header =
        unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()) };
    if let Ok(header) = header {
        let module = header
            .upgrade()
            .and_then(|header| header.init_root_module::<PluginModuleV1_Ref>())
            .map_err(|error| format!("its root module does not fit: {error}"))?;
        if module.revision() != REVISION {
            return Err(format!(
                "its root module is of revision {} of the ABI, and this host speaks {REVISION}",
                module.revision()
            ));
        }
        return Ok(module.query());
    }
    // SAFETY: the ABI gives the symbol this type.
    unsafe { library.get::<QueryFn>(QUERY_SYMBOL.as_bytes()) }
        .map(|query| *query)
        .map_err(|_| {
            format!(
                "it has a manifest, but neither an abi_stable root module nor the symbol `{QUERY_SYMBOL}`"
            )
        })
}

/// Checks that an extension is there and as large as the revision that we know.
fn check_table(table: *const c_void, expected: usize, id: &str) -> Result<(), String> {
    let size = table.cast::<usize>();
    if size.is_null() {
        return Err(format!("it lacks the extension `{id}`"));
    }
    if !size.is_aligned() {
        return Err(format!("its extension `{id}` is not aligned"));
    }
    // SAFETY: the ABI says that every vtable begins with its size.
    let size = unsafe { *size };
    if size < expected {
        return Err(format!(
            "its extension `{id}` has {size} bytes, and {expected} are needed"
        ));
    }
    Ok(())
}
