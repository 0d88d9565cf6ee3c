//! Serves a stream, and lacks the extension by which a host would read it, as a
//! plugin in another language might.
//!
//! It is what `export!` expands to, by hand, with the plain door alone. What it
//! lacks stands behind a mark, so that a test can make it lack another extension.

use wash_plugin_abi::abi::{CallFn, REVISION, Slice};
use wash_plugin_abi::io::StreamReader;
use wash_plugin_abi::manifest::{self, Entry, Note, note_bytes, note_len, tag};
use wash_plugin_abi::{__rt, Call, Plugin, Result};

wash_plugin_abi::bindgen!({ inline: "
    package faulty:channels@0.1.0;
    interface bytes { open: func() -> stream<u8>; }
    world plugin { export bytes; }
" });
use exports::faulty::channels::bytes::Guest;

struct NoChannels;

impl Plugin for NoChannels {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl Guest for NoChannels {
    fn open(&self, _: &Call<'_>) -> StreamReader<u8> {
        StreamReader::from_bytes("nobody reads this")
    }
}

const ENTRIES: &[Entry<'static>] = &[
    Entry::Text(tag::ID, env!("CARGO_PKG_NAME")),
    Entry::Text(tag::VERSION, env!("CARGO_PKG_VERSION")),
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
static NOTE: Note<{ note_len(ENTRIES) }> = Note(note_bytes(ENTRIES));

/// Its length alone, since what it is must stand in the library once.
const MARK: usize = b"lacks: ".len();

/// The mark, and the id of what it lacks, as long as the longest that is needed.
#[used]
static LACKS: [u8; 23] = *b"lacks: wash.channel/1 \n";

fn lacks() -> Option<&'static [u8]> {
    // As it is in the file, and not as the compiler knows it.
    let lacks = std::hint::black_box(&LACKS);
    Some(lacks.get(MARK..)?.trim_ascii_end())
}

struct Export;

impl __rt::PluginExport for Export {
    type Plugin = NoChannels;
    const NOTE: &'static [u8] = &NOTE.0;
    const FUNCTIONS: &'static [CallFn] = __wash::functions::<NoChannels>();
}

#[allow(unsafe_code, reason = "a library is found by its symbols")]
#[unsafe(export_name = "wash_plugin_query_v1")]
unsafe extern "C" fn query(id: *const u8, len: usize) -> *const u8 {
    // SAFETY: the caller's promise.
    if Some(unsafe { Slice::from_raw(id, len).as_bytes() }) == lacks() {
        return std::ptr::null();
    }
    // SAFETY: the caller's promise is the same.
    unsafe { __rt::query::<Export>(id, len) }
}
