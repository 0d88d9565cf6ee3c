//! What a library says of itself, readable without running any of it.
//!
//! [`export!`](crate::export) embeds the manifest: on ELF as a note of the
//! owner [`NOTE_OWNER`] and type [`NOTE_TYPE`] in the section
//! [`ELF_SECTION`], on Mach-O as the same bytes in [`MACHO_SECTION`]. The
//! note's description is a [`FORMAT`] number and a sequence of entries, each a
//! tag, a length and that many bytes, padded to 4, all little-endian. A reader
//! skips tags that it does not know.

mod decode;
mod encode;

pub use decode::{ManifestError, note_description};
pub use encode::{Entry, Note, Piece, note_bytes, note_len};

/// Owner of the note, as its name says. With the terminating zero, 5 bytes.
pub const NOTE_OWNER: &str = "wash";
/// Type of the note: "PLUG", read as a little-endian number.
pub const NOTE_TYPE: u32 = u32::from_le_bytes(*b"PLUG");
/// The note's section in an ELF file.
pub const ELF_SECTION: &str = ".note.wash.plugin";
/// The section in a Mach-O file: segment, then section.
pub const MACHO_SECTION: (&str, &str) = ("__DATA_CONST", "__wash_plugin");
/// The manifest's format.
pub const FORMAT: u32 = 1;
/// Larger manifests are refused.
pub const MAX_LEN: usize = 4 << 20;
/// Longer ids are refused.
pub const MAX_ID_LEN: usize = 64;

/// Name and version of this kit, as a manifest says it.
pub const SDK: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
/// The compiler of this build.
pub const COMPILER: &str = env!("WASH_PLUGIN_COMPILER");
/// The target of this build.
pub const TARGET: &str = env!("WASH_PLUGIN_TARGET");

/// Tags of the manifest's entries. Only additions, ever.
pub mod tag {
    /// Id. Text, required.
    pub const ID: u32 = 1;
    /// The plugin's version (semantic versioning). Text, required.
    pub const VERSION: u32 = 2;
    /// What it is, in a sentence. Text.
    pub const DESCRIPTION: u32 = 3;
    /// Licence (SPDX expression). Text.
    pub const LICENSE: u32 = 4;
    /// Authors, separated by colons as Cargo does. Text.
    pub const AUTHORS: u32 = 5;
    /// Revision of the ABI. Number, required.
    pub const ABI_REVISION: u32 = 6;
    /// Name and version of the kit that built it. Text.
    pub const SDK: u32 = 7;
    /// The compiler. Text.
    pub const COMPILER: u32 = 8;
    /// The target triple. Text.
    pub const TARGET: u32 = 9;
    /// The WIT packages that the world needs, as one WIT document. Text, required.
    pub const WIT: u32 = 10;
    /// The world in it, as `namespace:package/world@version`. Text, required.
    pub const WORLD: u32 = 11;
    /// A served function: a byte of flags (bit 0: asynchronous), then
    /// `namespace:package/interface@version#function`. Repeated, in the order
    /// of the call table.
    pub const FUNCTION: u32 = 12;
    /// JSON Schema of the configuration. Text.
    pub const CONFIG_SCHEMA: u32 = 13;
    /// Where the source is. Text.
    pub const REPOSITORY: u32 = 14;
}

/// A library's manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's id, valid as [`is_valid_id`] says.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What it is; may be empty.
    pub description: String,
    /// Its licence; may be empty.
    pub license: String,
    /// Its authors; may be empty.
    pub authors: Vec<String>,
    /// Where its source is; may be empty.
    pub repository: String,
    /// The revision of the ABI that it speaks.
    pub abi_revision: u32,
    /// The kit that built it; may be empty.
    pub sdk: String,
    /// The compiler that built it; may be empty.
    pub compiler: String,
    /// The target that it was built for; may be empty.
    pub target: String,
    /// The WIT packages that its world needs, as one document.
    pub wit: String,
    /// The world in it.
    pub world: String,
    /// The functions that it serves, in the order of its call table.
    pub functions: Vec<Function>,
    /// JSON Schema of its configuration; empty if it takes none.
    pub config_schema: String,
}

/// A function that a plugin serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The interface, as `namespace:package/interface@version`.
    pub interface: String,
    /// The function's name in it.
    pub name: String,
    /// Whether it may finish later.
    pub is_async: bool,
}

/// Whether `id` can be a plugin's id: a lower-case letter, then lower-case
/// letters, digits, `-` and `_`, at most [`MAX_ID_LEN`] in all.
pub const fn is_valid_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_ID_LEN {
        return false;
    }
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        let first = rest.len() == bytes.len();
        let fits = byte.is_ascii_lowercase()
            || (!first && (byte.is_ascii_digit() || *byte == b'-' || *byte == b'_'));
        if !fits {
            return false;
        }
        rest = tail;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["a", "custom-logger", "wasi_http2", &"x".repeat(64)] {
            assert!(is_valid_id(good), "{good}");
        }
        for bad in [
            "",
            "9lives",
            "-a",
            "Custom",
            "a b",
            "a/b",
            "ä",
            "a\n",
            &"x".repeat(65),
        ] {
            assert!(!is_valid_id(bad), "{bad}");
        }
    }
}
