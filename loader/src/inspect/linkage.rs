//! What a library makes the dynamic linker do: [`Linkage`].

/// What a library makes the dynamic linker do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linkage {
    /// The libraries that it needs (`DT_NEEDED`, `DT_FILTER`, `DT_AUXILIARY`;
    /// `LC_LOAD_DYLIB` and its like), as it names them.
    pub needed: Vec<String>,
    /// Where it has them looked for (`DT_RPATH`, `DT_RUNPATH`; `LC_RPATH`),
    /// beside the system's own directories.
    pub search_paths: Vec<String>,
    /// The versions of symbols that it needs of those libraries, such as
    /// `GLIBC_2.34` of `libc.so.6` (`DT_VERNEED`; ELF only).
    pub versions: Vec<SymbolVersion>,
    /// How many bytes of thread-local variables it has at fixed places of each
    /// thread (the initial-exec model of thread-local storage); `None` if it
    /// has none such. A running program has room for few of them, and each
    /// version of a plugin that is loaded takes its share for good.
    pub static_tls: Option<u64>,
    /// The size of the memory pages that it is built for, in bytes; `None` if
    /// the format does not say. A machine with larger pages cannot load it.
    pub page_len: Option<u64>,
    /// Whether it has relocations in the packed form of `DT_RELR`, which
    /// dynamic linkers before glibc 2.36 and musl 1.2.4 silently skip.
    pub is_packed: bool,
    /// Whether it exports no symbol by which a host of this revision of the ABI
    /// finds a plugin. It is always `false` for Mach-O, where that shows when
    /// the library is loaded.
    pub lacks_entry: bool,
}

/// A version of symbols that a library needs of another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SymbolVersion {
    /// The library that has to have it, as it is named in
    /// [`Linkage::needed`].
    pub library: String,
    /// The version's name, such as `GLIBC_2.34`.
    pub version: String,
    /// Whether it does without (a weak version).
    pub is_optional: bool,
}

/// The C library's parts and the runtimes that compilers add to programs,
/// without what comes behind `.so`. They are in the process already, or the
/// system's as much as those are. Sanitizers' runtimes are none of them: they
/// end a program that they were not linked into.
const SYSTEM: [&str; 21] = [
    "libanl",
    "libatomic",
    "libc",
    "libc++",
    "libc++abi",
    "libdl",
    "libgcc_s",
    "libgfortran",
    "libgomp",
    "libitm",
    "libm",
    "libmvec",
    "libomp",
    "libpthread",
    "libquadmath",
    "libresolv",
    "librt",
    "libssp",
    "libstdc++",
    "libunwind",
    "libutil",
];

/// What the dynamic linker itself is called, as far as it has names that do not
/// begin as most do.
const LINKERS: [&str; 2] = ["ld", "ld64"];

/// Where macOS keeps its own, which nobody can write to.
const SYSTEM_PATHS: [&str; 2] = ["/usr/lib/", "/System/Library/"];

impl Linkage {
    /// The libraries that are not the system's.
    #[must_use]
    pub fn foreign(&self) -> Vec<String> {
        let is_system = if cfg!(target_vendor = "apple") {
            is_system_path
        } else {
            is_system_name
        };
        let foreign = self.needed.iter().filter(|name| !is_system(name));
        foreign.cloned().collect()
    }
}

pub(crate) fn is_system_name(name: &str) -> bool {
    // With a slash it is a path, of which only the end is a name.
    let Some((stem, version)) = name.split_once(".so").filter(|_| !name.contains('/')) else {
        return false;
    };
    let is_version = version.chars().all(|c| c == '.' || c.is_ascii_digit());
    let is_linker =
        LINKERS.contains(&stem) || stem.starts_with("ld-linux") || stem.starts_with("ld-musl-");
    let is_known = SYSTEM.contains(&stem) || stem.starts_with("libc.musl-");
    is_version && (is_known || is_linker)
}

fn is_system_path(name: &str) -> bool {
    SYSTEM_PATHS.iter().any(|path| name.starts_with(path))
        && !name.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_systems() {
        for name in [
            "libc.so.6",
            "libc.so",
            "libm.so.6",
            "libgcc_s.so.1",
            "ld-linux-x86-64.so.2",
            "ld-linux-aarch64.so.1",
            "libc.musl-x86_64.so.1",
            "libstdc++.so.6",
            "libmvec.so.1",
            "libgomp.so.1",
            "libgfortran.so.5",
            "libquadmath.so.0",
            "libitm.so.1",
            "libssp.so.0",
            "libomp.so.5",
            "libunwind.so.1",
            "ld64.so.2",
            "ld.so.1",
        ] {
            assert!(is_system_name(name), "{name}");
        }
        for name in [
            "libodd.so",
            "libcurl.so.4",
            "libasan.so.8",
            "libgompx.so.1",
            "libc",
            "libc.so.6/../../x",
            "/tmp/libc.so.6",
            "./libc.so.6",
            "libc.so.evil",
            "",
        ] {
            assert!(!is_system_name(name), "{name}");
        }
        assert!(is_system_path("/usr/lib/libSystem.B.dylib"));
        for path in [
            "@rpath/libodd.dylib",
            "/usr/local/lib/libodd.dylib",
            "/usr/lib/../local/lib/libodd.dylib",
        ] {
            assert!(!is_system_path(path), "{path}");
        }
    }
}
