//! `export!`: the symbols and the note of a library.
#![allow(
    unsafe_code,
    reason = "a library's root module and symbols are raw by nature"
)]

use abi_stable::library::RootModuleResult;

use super::vtable::{LENT_ARGS, PluginExport, RESOURCE, Tables};
use super::{channel, io};
use crate::abi::root::{PluginModuleV1, PluginModuleV1_Ref};
use crate::abi::{
    EXT_CALL, EXT_CHANNEL, EXT_LENT_ARGS, EXT_PLUGIN, EXT_RESOURCE, EXT_STATE, EXT_STREAM,
    REVISION, Slice,
};

/// Makes `Type`, which implements [`Plugin`](crate::Plugin) and the traits
/// that [`bindgen!`](crate::bindgen) made, this library's plugin.
///
/// The plugin's id is the package's name, or `id = "…"`; version, description,
/// licence, authors and repository are those of the package's `Cargo.toml`.
/// Build the package as a `cdylib`.
///
/// ```
/// # mod bindings {
/// #     wash_plugin_abi::bindgen!({ inline: "
/// #         package demo:noop;
/// #         interface noop { run: func(); }
/// #         world plugin { export noop; }
/// #     " });
/// # }
/// # struct Noop;
/// # impl wash_plugin_abi::Plugin for Noop {
/// #     type Config = ();
/// #     fn new((): ()) -> wash_plugin_abi::Result<Self> { Ok(Noop) }
/// # }
/// # impl bindings::exports::demo::noop::noop::Guest for Noop {
/// #     fn run(&self, _: &wash_plugin_abi::Call<'_>) {}
/// # }
/// wash_plugin_abi::export!(Noop with_types_in bindings, id = "noop");
/// # fn main() {}
/// ```
///
/// Without `with_types_in`, the bindings are in the module that exports.
///
/// # What is refused
///
/// An id that is not valid, a library built with `panic = "abort"` (a panic
/// would take the host down, where it should be an error), and two plugins in
/// one library (the linker finds the symbol twice).
#[macro_export]
macro_rules! export {
    ($plugin:ident $(, id = $id:literal)? $(,)?) => {
        $crate::export!($plugin with_types_in self $(, id = $id)?);
    };
    ($plugin:ident with_types_in $($bindings:ident)::+ $(, id = $id:literal)? $(,)?) => {
        const _: () = {
            #[cfg(not(panic = "unwind"))]
            ::std::compile_error!(
                "a plugin must be built with panic = \"unwind\": with \"abort\", a panic in it ends the host"
            );

            use $($bindings)::+::__wash as __wash_bindings;

            const ID: &str = $crate::__first!($($id,)? ::std::env!("CARGO_PKG_NAME"));
            const _: () = ::std::assert!(
                $crate::manifest::is_valid_id(ID),
                "a plugin's id is a lower-case letter, then lower-case letters, digits, `-` and `_`, 64 at most; name one with `export!(Type, id = \"…\")`"
            );

            const ENTRIES: &[$crate::manifest::Entry<'static>] = &[
                $crate::manifest::Entry::Text($crate::manifest::tag::ID, ID),
                $crate::manifest::Entry::Text($crate::manifest::tag::VERSION, ::std::env!("CARGO_PKG_VERSION")),
                $crate::manifest::Entry::Text($crate::manifest::tag::DESCRIPTION, ::std::env!("CARGO_PKG_DESCRIPTION")),
                $crate::manifest::Entry::Text($crate::manifest::tag::LICENSE, ::std::env!("CARGO_PKG_LICENSE")),
                $crate::manifest::Entry::Text($crate::manifest::tag::AUTHORS, ::std::env!("CARGO_PKG_AUTHORS")),
                $crate::manifest::Entry::Text($crate::manifest::tag::REPOSITORY, ::std::env!("CARGO_PKG_REPOSITORY")),
                $crate::manifest::Entry::Number($crate::manifest::tag::ABI_REVISION, $crate::abi::REVISION),
                $crate::manifest::Entry::Text($crate::manifest::tag::SDK, $crate::manifest::SDK),
                $crate::manifest::Entry::Text($crate::manifest::tag::COMPILER, $crate::manifest::COMPILER),
                $crate::manifest::Entry::Text($crate::manifest::tag::TARGET, $crate::manifest::TARGET),
                $crate::manifest::Entry::Text($crate::manifest::tag::WORLD, __wash_bindings::WORLD),
                $crate::manifest::Entry::Functions(__wash_bindings::FUNCTIONS),
                $crate::manifest::Entry::Pieces(
                    $crate::manifest::tag::CONFIG_SCHEMA,
                    <<$plugin as $crate::Plugin>::Config as $crate::ConfigSchema>::SCHEMA,
                ),
                $crate::manifest::Entry::Text($crate::manifest::tag::WIT, __wash_bindings::WIT),
            ];

            #[allow(unsafe_code, reason = "the section is where a host looks for the manifest")]
            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA_CONST,__wash_plugin"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".note.wash.plugin"))]
            static NOTE: $crate::manifest::Note<{ $crate::manifest::note_len(ENTRIES) }> =
                $crate::manifest::Note($crate::manifest::note_bytes(ENTRIES));

            struct __WashExport;

            impl $crate::__rt::PluginExport for __WashExport {
                type Plugin = $plugin;
                // A copy, and not the note itself: tools that edit a library
                // move the note, and do not know of its address in the code.
                const NOTE: &'static [u8] =
                    &$crate::manifest::note_bytes::<{ $crate::manifest::note_len(ENTRIES) }>(ENTRIES);
                const ID: &'static str = ID;
                const FUNCTIONS: &'static [$crate::abi::CallFn] = __wash_bindings::functions::<$plugin>();
                const CHANNELS: bool = __wash_bindings::CHANNELS;
            }

            // The name is `abi_stable::library::ROOT_MODULE_LOADER_NAME`,
            // which an attribute cannot be given but as a literal.
            #[allow(unsafe_code, reason = "a library is found by its symbols")]
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static ROOT: $crate::__rt::LibHeader = $crate::__rt::root_module::<__WashExport>();

            #[allow(unsafe_code, reason = "a library is found by its symbols")]
            #[unsafe(export_name = "wash_plugin_query_v1")]
            unsafe extern "C" fn query(id: *const u8, len: usize) -> *const u8 {
                // SAFETY: the caller's promise is the same.
                unsafe { $crate::__rt::query::<__WashExport>(id, len) }
            }
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}

/// Finds an extension of the plugin.
///
/// # Safety
///
/// `id` must point to `len` bytes.
pub unsafe extern "C" fn query<E: PluginExport>(id: *const u8, len: usize) -> *const u8 {
    // SAFETY: the caller's promise.
    let id = unsafe { Slice::from_raw(id, len).as_bytes() };
    if id == EXT_PLUGIN.as_bytes() {
        (&raw const *Tables::<E>::PLUGIN).cast()
    } else if id == EXT_CALL.as_bytes() {
        (&raw const *Tables::<E>::CALL).cast()
    } else if id == EXT_STATE.as_bytes() {
        (&raw const *Tables::<E>::STATE).cast()
    } else if id == EXT_LENT_ARGS.as_bytes() {
        (&raw const *LENT_ARGS).cast()
    } else if id == EXT_RESOURCE.as_bytes() {
        (&raw const *RESOURCE).cast()
    } else if id == EXT_STREAM.as_bytes() {
        (&raw const *io::STREAM).cast()
    } else if id == EXT_CHANNEL.as_bytes() {
        (&raw const *channel::CHANNEL).cast()
    } else {
        std::ptr::null()
    }
}

/// The root module that abi_stable's loader finds.
pub const fn root_module<E: PluginExport>() -> abi_stable::library::LibHeader {
    // SAFETY: `construct` returns what it says: a `PluginModuleV1_Ref`.
    unsafe {
        abi_stable::library::LibHeader::from_constructor::<PluginModuleV1_Ref>(
            construct::<E>,
            abi_stable::library::CheckTypeLayout::Yes,
        )
    }
}

extern "C" fn construct<E: PluginExport>() -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(module::<E>)
}

fn module<E: PluginExport>() -> PluginModuleV1_Ref {
    use abi_stable::prefix_type::PrefixTypeTrait;
    PluginModuleV1 {
        revision: REVISION,
        query: query::<E>,
    }
    .leak_into_prefix()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_root_modules_symbol_is_abi_stables() {
        assert_eq!(
            abi_stable::library::ROOT_MODULE_LOADER_NAME,
            "_1as_0lib_1header_0root_bmodule_bloader",
            "export! has the name as a literal"
        );
        assert_eq!(crate::abi::QUERY_SYMBOL, "wash_plugin_query_v1");
    }
}
