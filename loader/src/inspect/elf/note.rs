//! Whether the manifest that a library's code reports is the one in its file.
//!
//! The code has the address of a manifest in its vtable. Tools that edit a
//! library, such as patchelf, may move the file's note or leave blanks in its
//! place, and do not know of that address.

use wash_plugin_abi::abi::PluginV1;
use wash_plugin_abi::manifest::{NOTE_OWNER, NOTE_TYPE, note_description};

use super::image::Image;
use super::relocations::Pointer;
use crate::rejection::RejectionCause;

/// How long a note is before its description.
const HEAD: usize = 12 + 8;
/// A vtable with more entries is something else.
const MAX_ENTRIES: u64 = 256;

/// Checks an address that the library has, if it is that of a manifest: then
/// the file's has to be there. `description` is that of the file's note.
///
/// # Errors
///
/// If another manifest is there, or what was one.
pub(super) fn check(
    image: &Image<'_>,
    description: &[u8],
    pointer: Pointer,
) -> Result<(), RejectionCause> {
    let there = image.from(pointer.target).unwrap_or_default();
    if !is_note(there) && !is_in_vtable(image, description.len(), pointer) {
        return Ok(());
    }
    match note_description(there) {
        Ok(Some(found)) if found == description => Ok(()),
        _ => Err(RejectionCause::ManifestEdited),
    }
}

/// Whether a plugin's note begins there.
fn is_note(bytes: &[u8]) -> bool {
    let Some((head, owner)) = bytes.split_first_chunk::<12>() else {
        return false;
    };
    let [a, b, c, d, _, _, _, _, kind @ ..] = *head;
    u32::from_le_bytes([a, b, c, d]) as usize == NOTE_OWNER.len() + 1
        && u32::from_le_bytes(kind) == NOTE_TYPE
        && owner.starts_with(NOTE_OWNER.as_bytes())
}

/// Whether the address stands where a [`PluginV1`] has that of its manifest:
/// between the vtable's size and the manifest's.
fn is_in_vtable(image: &Image<'_>, description_len: usize, pointer: Pointer) -> bool {
    let word = image.word_len() as u64;
    let before = pointer.place.checked_sub(word);
    let size = before.and_then(|place| image.word_at(place));
    let least = size_of::<PluginV1>() as u64;
    let is_size = |size| (least..least + MAX_ENTRIES * word).contains(&size) && size % word == 0;
    size.is_some_and(is_size)
        && image.word_at(pointer.place.saturating_add(word))
            == Some((HEAD + description_len) as u64)
}
