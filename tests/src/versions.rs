//! Versions of one plugin library, made by writing to its bytes.

use std::fs;

use wash_plugin_loader::{Loaded, Scan, admit, library};

use crate::artifacts;

/// The mark in the library of `versions-plugin`, but for the six characters
/// of the version.
const MARK: &[u8] = b"versions-mark-";

/// The library of `versions-plugin` as this version, of six characters.
///
/// # Panics
///
/// If there is no mark in it.
#[must_use]
pub fn bytes(version: &str) -> Vec<u8> {
    assert_eq!(version.len(), 6);
    let library = artifacts::test_plugin("versions-plugin");
    let mut bytes = fs::read(library).expect("the library can be read");
    let marks = replace(&mut bytes, MARK, version.as_bytes());
    assert!(marks > 0, "the library of versions-plugin has no mark");
    bytes
}

/// Writes `text` behind each place where `mark` is, and says how many there
/// were.
pub fn replace(bytes: &mut [u8], mark: &[u8], text: &[u8]) -> usize {
    let mut at = 0;
    let mut count = 0;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.windows(mark.len()).position(|part| part == mark))
    {
        let start = at + found + mark.len();
        if let Some(room) = bytes.get_mut(start..start + text.len()) {
            room.copy_from_slice(text);
            count += 1;
        }
        at = start;
    }
    count
}

/// Loads a library of these bytes.
///
/// # Panics
///
/// If it cannot be loaded.
#[must_use]
pub fn load(bytes: &[u8]) -> Loaded {
    let folder = tempfile::tempdir().expect("there is room for a library");
    let path = folder.path().join("plugin.so");
    fs::write(&path, bytes).expect("there is room for a library");
    let scan = Scan::file(&path).expect("it is there");
    let candidate = scan.candidates.into_iter().next().expect("it is a file");
    let inspected = candidate.inspect().expect("it is a plugin");
    let admission = admit(vec![inspected], &[]);
    let admitted = admission.admitted.into_iter().next().expect("it fits");
    library::load(admitted).expect("it can be loaded")
}
