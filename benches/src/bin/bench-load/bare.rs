//! Libraries opened as anybody would.
#![allow(unsafe_code, reason = "opening a library runs its constructors")]

use std::path::Path;

use anyhow::Result;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// Opens a library for the rest of the process.
pub(crate) fn dlopen(path: &Path) -> Result<()> {
    // SAFETY: the library is the workspace's own, and has no constructors that
    // need anything.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }?;
    std::mem::forget(library);
    Ok(())
}
