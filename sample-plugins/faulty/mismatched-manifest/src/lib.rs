//! Says another thing when it runs than in its file, as a library would whose
//! manifest was edited after it was built.
//!
//! It is what `export!` expands to, by hand, with two manifests.

use wash_plugin_abi::abi::{CallFn, REVISION};
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

const fn entries(version: &'static str) -> [Entry<'static>; 7] {
    [
        Entry::Text(tag::ID, env!("CARGO_PKG_NAME")),
        Entry::Text(tag::VERSION, version),
        Entry::Number(tag::ABI_REVISION, REVISION),
        Entry::Text(tag::TARGET, manifest::TARGET),
        Entry::Text(tag::WORLD, __wash::WORLD),
        Entry::Functions(__wash::FUNCTIONS),
        Entry::Text(tag::WIT, __wash::WIT),
    ]
}

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
static IN_THE_FILE: Note<{ note_len(&entries("1.0.0")) }> = Note(note_bytes(&entries("1.0.0")));

static WHEN_IT_RUNS: Note<{ note_len(&entries("2.0.0")) }> = Note(note_bytes(&entries("2.0.0")));

struct Export;

impl __rt::PluginExport for Export {
    type Plugin = Mismatched;
    const NOTE: &'static [u8] = &WHEN_IT_RUNS.0;
    const FUNCTIONS: &'static [CallFn] = __wash::functions::<Mismatched>();
}

#[allow(unsafe_code, reason = "a library is found by its symbols")]
#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
static ROOT: __rt::LibHeader = __rt::root_module::<Export>();

#[allow(unsafe_code, reason = "a library is found by its symbols")]
#[unsafe(export_name = "wash_plugin_query_v1")]
unsafe extern "C" fn query(id: *const u8, len: usize) -> *const u8 {
    // SAFETY: the caller's promise is the same.
    unsafe { __rt::query::<Export>(id, len) }
}
