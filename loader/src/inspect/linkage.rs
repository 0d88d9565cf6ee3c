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
}

/// The C library's parts and what compilers add to each program, without what
/// comes behind `.so`. They are in the process already, or the system's as much
/// as those are.
const SYSTEM: [&str; 14] = [
    "libanl",
    "libatomic",
    "libc",
    "libc++",
    "libc++abi",
    "libdl",
    "libgcc_s",
    "libm",
    "libmvec",
    "libpthread",
    "libresolv",
    "librt",
    "libstdc++",
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

fn is_system_name(name: &str) -> bool {
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
            "ld64.so.2",
            "ld.so.1",
        ] {
            assert!(is_system_name(name), "{name}");
        }
        for name in [
            "libodd.so",
            "libcurl.so.4",
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
