//! A plugin for hosts that do not exist yet: its manifest asks for the next
//! revision of the ABI. There is nothing behind the manifest, as no host may
//! come so far as to look.

use wash_plugin_abi::abi::REVISION;
use wash_plugin_abi::manifest::{self, Entry, Note, note_bytes, note_len, tag};

faulty_canary::canary!();

const WIT: &str = "
package wasi:logging;

interface logging {
  enum level { trace, debug, info, warn, error, critical }
  log: func(level: level, context: string, message: string);
}

world logger {
  export logging;
}
";

const ENTRIES: &[Entry<'static>] = &[
    Entry::Text(tag::ID, env!("CARGO_PKG_NAME")),
    Entry::Text(tag::VERSION, env!("CARGO_PKG_VERSION")),
    Entry::Text(tag::DESCRIPTION, env!("CARGO_PKG_DESCRIPTION")),
    Entry::Number(tag::ABI_REVISION, REVISION + 1),
    Entry::Text(tag::TARGET, manifest::TARGET),
    Entry::Text(tag::WORLD, "wasi:logging/logger"),
    Entry::Function("wasi:logging/logging#log", false),
    Entry::Text(tag::WIT, WIT),
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
