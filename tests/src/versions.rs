//! Versions of one plugin library, made by writing to its bytes.

use std::fs;
use std::sync::OnceLock;

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
    let (library, places) = LIBRARY.get_or_init(|| {
        let library = artifacts::test_plugin("versions-plugin");
        let library = fs::read(library).expect("the library can be read");
        let places = places(&library, MARK);
        assert!(!places.is_empty(), "versions-plugin has no mark");
        (library, places)
    });
    let mut bytes = library.clone();
    for place in places {
        bytes[*place..][..version.len()].copy_from_slice(version.as_bytes());
    }
    bytes
}

/// The library, and where the version is in it: looking for that takes long where
/// nothing is optimised.
static LIBRARY: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();

/// Writes `text` behind each place where `mark` is, and says how many there
/// were.
pub fn replace(bytes: &mut [u8], mark: &[u8], text: &[u8]) -> usize {
    let mut count = 0;
    for place in places(bytes, mark) {
        if let Some(room) = bytes.get_mut(place..place + text.len()) {
            room.copy_from_slice(text);
            count += 1;
        }
    }
    count
}

/// Finds where each `mark` ends.
fn places(bytes: &[u8], mark: &[u8]) -> Vec<usize> {
    let found = bytes.windows(mark.len()).enumerate();
    let found = found.filter(|(_, part)| part.first() == mark.first() && *part == mark);
    found.map(|(at, _)| at + mark.len()).collect()
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
