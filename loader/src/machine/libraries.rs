//! The libraries that this machine's dynamic linker would find by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use crate::inspect::{is_for_this_machine, versions_of};

/// Larger ones are not read.
const MAX_LEN: u64 = 256 << 20;

/// What follows the name of a mapped file that another has replaced.
const DELETED: &str = " (deleted)";

/// Where libraries are whatever is configured, as different systems have it.
const DIRECTORIES: [&str; 5] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"];

const CACHE: &str = "/etc/ld.so.cache";
const CACHE_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";

/// A library of this machine.
#[derive(Debug)]
pub(super) struct Library(PathBuf);

/// A file's length and time, and the versions that it had then.
type Known = (u64, Option<SystemTime>, Option<Arc<BTreeSet<String>>>);

/// What was read before: most plugins need the same few libraries.
static KNOWN: LazyLock<Mutex<BTreeMap<PathBuf, Known>>> = LazyLock::new(Mutex::default);

impl Library {
    /// The names of the versions of symbols that it has; `None` if it cannot be
    /// read.
    pub(super) fn versions(&self) -> Option<Arc<BTreeSet<String>>> {
        let metadata = fs::metadata(&self.0).ok()?;
        let (len, time) = (metadata.len(), metadata.modified().ok());
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known_len, known_time, versions)) = known().get(&self.0)
            && (*known_len, *known_time) == (len, time)
        {
            return versions.clone();
        }
        let mut bytes = Vec::new();
        let file = File::open(&self.0).ok()?;
        file.take(MAX_LEN).read_to_end(&mut bytes).ok()?;
        let versions = versions_of(&bytes).map(|all| Arc::new(all.into_iter().collect()));
        known().insert(self.0.clone(), (len, time, versions.clone()));
        versions
    }
}

/// The library of a name without directories, such as `libc.so.6`; `None` if
/// the machine has none.
///
/// In the order of the dynamic linker: what is loaded already, what the
/// environment says, the cache, and the usual directories.
pub(super) fn find(name: &str) -> Option<Library> {
    let mapped = mapped();
    let by_name = |path: &PathBuf| path.file_name() == Some(OsStr::new(name));
    if let Some(path) = mapped.iter().find(|path| by_name(path)) {
        return Some(Library(path.clone()));
    }
    let environment = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let environment: Vec<PathBuf> = std::env::split_paths(&environment).collect();
    // A library may be loaded by another name than that of its file.
    let beside = mapped.iter().filter_map(|path| path.parent());
    let usual = DIRECTORIES.iter().map(Path::new);
    environment
        .iter()
        .map(|directory| directory.join(name))
        .chain(cached(name))
        .chain(beside.chain(usual).map(|directory| directory.join(name)))
        .find(|path| is_library(path))
        .map(Library)
}

/// The libraries that are in this process.
fn mapped() -> BTreeSet<PathBuf> {
    let maps = fs::read("/proc/self/maps").unwrap_or_default();
    maps.split(|byte| *byte == b'\n')
        .filter_map(|line| {
            // Five fields, and a path that may have blanks in it.
            let path = line.iter().position(|byte| *byte == b'/')?;
            let path = line.get(path..)?;
            let path = path.strip_suffix(DELETED.as_bytes()).unwrap_or(path);
            let name = path.rsplit(|byte| *byte == b'/').next()?;
            let is_library = name.windows(3).any(|part| part == b".so");
            is_library.then(|| PathBuf::from(OsStr::from_bytes(path)))
        })
        .collect()
}

/// The files that the dynamic linker's cache has for a name.
fn cached(name: &str) -> Vec<PathBuf> {
    let cache = fs::read(CACHE).unwrap_or_default();
    in_cache(&cache, name.as_bytes())
}

/// A cache may begin with one of an older format.
fn in_cache(cache: &[u8], name: &[u8]) -> Vec<PathBuf> {
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    let start = cache
        .windows(CACHE_MAGIC.len())
        .position(|window| window == CACHE_MAGIC);
    let Some(cache) = start.and_then(|start| cache.get(start..)) else {
        return Vec::new();
    };
    let number = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_ne_bytes(*bytes)).ok()
    };
    let text = |at: usize| cache.get(at..)?.split(|byte| *byte == 0).next();
    let entries = cache.get(HEADER..).unwrap_or_default().chunks_exact(ENTRY);
    entries
        .take(number(cache, CACHE_MAGIC.len()).unwrap_or_default())
        .filter_map(|entry| {
            let found = text(number(entry, 4)?)?;
            let path = text(number(entry, 8)?)?;
            (found == name).then(|| PathBuf::from(OsStr::from_bytes(path)))
        })
        .collect()
}

fn is_library(path: &Path) -> bool {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut head))
        .is_ok_and(|_| is_for_this_machine(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_read_as_it_is_written() {
        let name = b"libx.so.1\0/opt/lib/libx.so.1\0";
        let strings_at = 48 + 24;
        let mut cache = b"ld.so-1.7.0\0\0\0\0\0".to_vec();
        let start = cache.len();
        cache.extend(CACHE_MAGIC);
        cache.extend(1_u32.to_ne_bytes());
        cache.resize(start + 48, 0);
        for word in [0x303, strings_at, strings_at + 10, 0, 0, 0] {
            cache.extend((word as u32).to_ne_bytes());
        }
        cache.extend(name);
        assert_eq!(
            in_cache(&cache, b"libx.so.1"),
            [PathBuf::from("/opt/lib/libx.so.1")]
        );
        assert!(in_cache(&cache, b"libx.so").is_empty());
        for len in 0..cache.len() {
            let _ = in_cache(&cache[..len], b"libx.so.1");
        }
    }

    #[cfg(all(target_env = "gnu", not(miri)))]
    #[test]
    fn the_c_library_is_found_with_its_versions() {
        let versions = find("libc.so.6").unwrap().versions().unwrap();
        assert!(versions.contains("GLIBC_PRIVATE"));
        assert!(
            versions
                .iter()
                .any(|version| version.starts_with("GLIBC_2."))
        );
        assert!(find("libnobody-has-this.so.1").is_none());
    }
}
