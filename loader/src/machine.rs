//! What this machine's dynamic linker would refuse of a library:
//! [`objections`].
//!
//! Where `dlopen` fails it has already mapped the library and those it needs,
//! and its messages are for people who know linkers. What it would say can be
//! read from the files before: the plugin's, and those of the machine's own
//! libraries.

#[cfg(target_os = "linux")]
mod libraries;

use crate::inspect::Linkage;
use crate::rejection::RejectionCause;

/// Everything that this machine's dynamic linker would object to.
#[cfg(not(target_os = "linux"))]
pub(crate) fn objections(_: &Linkage) -> Vec<RejectionCause> {
    Vec::new()
}

/// Everything that this machine's dynamic linker would object to.
#[cfg(target_os = "linux")]
pub(crate) fn objections(linkage: &Linkage) -> Vec<RejectionCause> {
    if let Some(cause) = linux::other_libc(linkage) {
        // What follows from it is not worth telling.
        return vec![cause];
    }
    let mut causes = linux::libraries(linkage);
    causes.extend(linux::page_size(linkage));
    causes.extend(linux::static_tls(linkage));
    causes
}

/// How many bytes of static thread-local storage there are for all libraries
/// that are loaded while the host runs; `None` if nothing is known of it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn static_tls_room() -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
pub(crate) use linux::static_tls_room;

#[cfg(target_os = "linux")]
mod linux {
    use super::libraries::{self, Library};
    use crate::inspect::{Linkage, is_system_name};
    use crate::rejection::RejectionCause;

    const HOST_LIBC: &str = match () {
        () if cfg!(target_env = "gnu") => "glibc",
        () if cfg!(target_env = "musl") => "musl",
        () => "another C library",
    };

    /// How much more than [`static_tls_room`] there may be: it is rounded up,
    /// and what the program's own libraries leave is added.
    const ROUNDING: u64 = 256;

    /// Objects if a library is built for another C library than this host.
    pub(super) fn other_libc(linkage: &Linkage) -> Option<RejectionCause> {
        let is_musl = |name: &str| {
            name == "libc.so" || name.starts_with("libc.musl-") || name.starts_with("ld-musl-")
        };
        let is_glibc = |name: &str| {
            name.starts_with("libc.so.") || name.starts_with("ld-linux") || name == "ld64.so.2"
        };
        let find =
            |is_it: &dyn Fn(&str) -> bool| linkage.needed.iter().find(|name| is_it(name)).cloned();
        let (found, library) = match HOST_LIBC {
            "glibc" => ("musl", find(&is_musl)?),
            "musl" => ("glibc", find(&is_glibc)?),
            _ => return None,
        };
        Some(RejectionCause::OtherLibc {
            found,
            library,
            host: HOST_LIBC,
        })
    }

    /// Objects to libraries that are not there, and to those that are older than
    /// those that the plugin was built with.
    pub(super) fn libraries(linkage: &Linkage) -> Vec<RejectionCause> {
        let mut causes = Vec::new();
        let mut missing = Vec::new();
        for name in &linkage.needed {
            // Others are looked for wherever the plugin says, and admitted only
            // by those who know what they do.
            if !is_system_name(name) {
                continue;
            }
            match libraries::find(name) {
                Some(library) => causes.extend(missing_versions(linkage, name, &library)),
                None if linkage.search_paths.is_empty() => missing.push(name.clone()),
                None => {}
            }
        }
        if !missing.is_empty() {
            causes.push(RejectionCause::MissingLibraries { libraries: missing });
        }
        if linkage.is_packed && !knows_packed_relocations() {
            causes.push(RejectionCause::PackedRelocations);
        }
        causes
    }

    fn missing_versions(
        linkage: &Linkage,
        name: &str,
        library: &Library,
    ) -> Option<RejectionCause> {
        let needed = linkage
            .versions
            .iter()
            .filter(|needed| needed.library == name && !needed.is_optional);
        let mut needed = needed.peekable();
        needed.peek()?;
        let has = library.versions()?;
        let mut missing: Vec<String> = needed
            .map(|needed| needed.version.clone())
            .filter(|version| !has.contains(version))
            .collect();
        missing.sort_by_key(|version| number(version));
        let last = missing.last()?;
        let kind = |version: &str| version.rsplit_once('_').map(|(kind, _)| kind.to_owned());
        let newest = has
            .iter()
            .filter(|version| kind(version) == kind(last) && !number(version).is_empty())
            .max_by_key(|version| number(version));
        Some(RejectionCause::MissingVersions {
            library: name.to_owned(),
            newest: newest.cloned(),
            versions: missing,
        })
    }

    /// The number at the end of a version: 2 and 34 of `GLIBC_2.34`.
    fn number(version: &str) -> Vec<u32> {
        let number = version
            .rsplit_once('_')
            .map_or(version, |(_, number)| number);
        let parts: Result<_, _> = number.split('.').map(str::parse).collect();
        parts.unwrap_or_default()
    }

    /// Whether the dynamic linker applies relocations in the form of `DT_RELR`.
    /// glibc has a version of symbols for it that does not stand for any.
    fn knows_packed_relocations() -> bool {
        let versions = match HOST_LIBC {
            "glibc" => libraries::find("libc.so.6").and_then(|libc| libc.versions()),
            _ => None,
        };
        versions.is_none_or(|has| has.iter().any(|version| version == "GLIBC_ABI_DT_RELR"))
    }

    /// Objects if the machine's pages are larger than the library's.
    pub(super) fn page_size(linkage: &Linkage) -> Option<RejectionCause> {
        let host = rustix::param::page_size() as u64;
        let plugin = linkage.page_len.filter(|plugin| *plugin < host)?;
        Some(RejectionCause::PageSize { plugin, host })
    }

    /// Objects to more static thread-local storage than there is for a single
    /// library. What others have taken of it is not known before.
    pub(super) fn static_tls(linkage: &Linkage) -> Option<RejectionCause> {
        let needs = linkage.static_tls?;
        let room = static_tls_room()?;
        let most = if room == 0 { 0 } else { room + ROUNDING };
        (needs > most).then_some(RejectionCause::StaticTls { needs, room })
    }

    /// How many bytes of static thread-local storage there are for all libraries
    /// that are loaded while the host runs; `None` if nothing is known of it.
    pub(crate) fn static_tls_room() -> Option<u64> {
        match HOST_LIBC {
            "glibc" => Some(glibc_room(
                &std::env::var("GLIBC_TUNABLES").unwrap_or_default(),
            )),
            // It gives each thread what the program had when it was started.
            "musl" => Some(0),
            _ => None,
        }
    }

    /// What glibc 2.32 and later keep, as `_dl_tls_static_surplus_init` has it:
    /// a share for each of the namespaces of `dlmopen`, and some for anybody.
    /// Earlier ones have a hundred bytes more.
    fn glibc_room(tunables: &str) -> u64 {
        let tunable = |name: &str, default: u64| {
            let value = tunables.split(':').rev().find_map(|setting| {
                let value = setting.strip_prefix(name)?.strip_prefix('=')?;
                match value.strip_prefix("0x") {
                    Some(digits) => u64::from_str_radix(digits, 16).ok(),
                    None => value.parse().ok(),
                }
            });
            value.unwrap_or(default).min(1 << 30)
        };
        let namespaces = tunable("glibc.rtld.nns", 4).clamp(1, 16);
        144 * namespaces + 160 * (namespaces - 1) + tunable("glibc.rtld.optional_static_tls", 512)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn versions_are_compared_by_their_numbers() {
            assert!(number("GLIBC_2.9") < number("GLIBC_2.34"));
            assert!(number("GLIBCXX_3.4.9") < number("GLIBCXX_3.4.30"));
            assert!(number("GLIBC_PRIVATE").is_empty());
        }

        #[test]
        fn what_glibc_keeps_for_later_can_be_tuned() {
            assert_eq!(glibc_room(""), 1568);
            assert_eq!(glibc_room("glibc.rtld.optional_static_tls=2048"), 3104);
            assert_eq!(
                glibc_room("glibc.malloc.check=3:glibc.rtld.optional_static_tls=0x1000"),
                5152
            );
            assert_eq!(glibc_room("glibc.rtld.nns=1"), 656);
        }
    }
}
