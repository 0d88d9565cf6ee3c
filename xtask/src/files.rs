//! Writing into the target directory, where tests and hosts may read at the same
//! time: a file is there whole or not at all.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Creates a folder, with those above it.
pub(crate) fn create_dir(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Replaces a file at once, and makes its folder. A file that is the same
/// already stays, so that nothing is built again for it.
pub(crate) fn write(path: &Path, contents: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    create_dir(path.parent().unwrap_or(path))?;
    replace(path, |new| fs::write(new, contents))
}

/// Puts a copy of `library` into `folder`. A file that is the same already stays,
/// so that whoever watches the folder sees changes only.
pub(crate) fn install(library: &Path, folder: &Path) -> Result<PathBuf> {
    let name = library.file_name().unwrap_or(library.as_os_str());
    let path = folder.join(name);
    let contents =
        fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    if fs::read(&path).is_ok_and(|old| old == contents) {
        return Ok(path);
    }
    create_dir(folder)?;
    // A copy rather than a link: the compiler may write into its output, and a
    // library that changes while it is loaded ends its process.
    replace(&path, |new| {
        fs::write(new, &contents)?;
        make_executable(new)
    })?;
    Ok(path)
}

/// Removes libraries that are not in `keep`: what an earlier build left behind
/// would be loaded, too.
pub(crate) fn retain_libraries(folder: &Path, keep: &[PathBuf]) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        let is_library = path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().ends_with(std::env::consts::DLL_SUFFIX));
        if is_library && !keep.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn replace(path: &Path, write: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<()> {
    let mut name = OsStr::new(".new-").to_owned();
    name.push(path.file_name().unwrap_or_default());
    let new = path.with_file_name(name);
    write(&new)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// As linkers do, and writable by nobody but the owner: a host may refuse to load
/// anything else.
#[cfg(unix)]
pub(crate) fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
pub(crate) fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
