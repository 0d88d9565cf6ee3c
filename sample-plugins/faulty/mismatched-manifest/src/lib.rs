//! Says another thing when it runs than in its file: it makes up its manifest
//! when it is asked, so that nothing in the file tells.
//!
//! It is what `export!` expands to, by hand, with the plain door alone.

use std::sync::OnceLock;

use wash_plugin_abi::abi::{CallFn, EXT_PLUGIN, PluginV1, REVISION, Slice};
use wash_plugin_abi::manifest::{self, Entry, Note, note_bytes, note_len, tag};
use wash_plugin_abi::{__rt, Call, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../custom-logger/wit", world: "logger" });
use exports::wasi::logging::logging::{Guest, Level};

faulty_canary::canary!();

struct Mismatched;

impl Plugin for Mismatched {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl Guest for Mismatched {
    fn log(&self, _call: &Call<'_>, _level: Level, _context: &str, _message: &str) {}
}

const ENTRIES: &[Entry<'static>] = &[
    Entry::Text(tag::ID, env!("CARGO_PKG_NAME")),
    Entry::Text(tag::VERSION, "1.0.0"),
    Entry::Number(tag::ABI_REVISION, REVISION),
    Entry::Text(tag::TARGET, manifest::TARGET),
    Entry::Text(tag::WORLD, __wash::WORLD),
    Entry::Functions(__wash::FUNCTIONS),
    Entry::Text(tag::WIT, __wash::WIT),
];

#[allow(
    unsafe_code,
    reason = "the section is where a host looks for the manifest"
)]
#[used]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA_CONST,__wash_plugin")
)]
#[cfg_attr(
    not(target_vendor = "apple"),
    unsafe(link_section = ".note.wash.plugin")
)]
static IN_THE_FILE: Note<{ note_len(ENTRIES) }> = Note(note_bytes(ENTRIES));

struct Export;

impl __rt::PluginExport for Export {
    type Plugin = Mismatched;
    const NOTE: &'static [u8] = &note_bytes::<{ note_len(ENTRIES) }>(ENTRIES);
    const FUNCTIONS: &'static [CallFn] = __wash::functions::<Mismatched>();
}

/// The plugin's vtable with a manifest of another version.
fn another(plugin: &PluginV1) -> &'static PluginV1 {
    static ANOTHER: OnceLock<PluginV1> = OnceLock::new();
    ANOTHER.get_or_init(|| {
        let mut note = <Export as __rt::PluginExport>::NOTE.to_vec();
        let version = note.windows(5).position(|part| part == b"1.0.0");
        if let Some(digit) = version.and_then(|at| note.get_mut(at)) {
            *digit = b'2';
        }
        PluginV1 {
            size: plugin.size,
            manifest: Slice::new(note.leak()),
            create: plugin.create,
            destroy: plugin.destroy,
            start: plugin.start,
            stop: plugin.stop,
            workload_bound: plugin.workload_bound,
            item_bound: plugin.item_bound,
            workload_resolved: plugin.workload_resolved,
            workload_unbound: plugin.workload_unbound,
        }
    })
}

#[allow(unsafe_code, reason = "a library is found by its symbols")]
#[unsafe(export_name = "wash_plugin_query_v1")]
unsafe extern "C" fn query(id: *const u8, len: usize) -> *const u8 {
    // SAFETY: the caller's promise is the same.
    let table = unsafe { __rt::query::<Export>(id, len) };
    // SAFETY: the caller promises that `id` points to `len` bytes.
    if unsafe { Slice::from_raw(id, len).as_bytes() } != EXT_PLUGIN.as_bytes() {
        return table;
    }
    // SAFETY: what is returned for that id is the plugin's vtable, for ever.
    let plugin = unsafe { &*table.cast::<PluginV1>() };
    (&raw const *another(plugin)).cast()
}
