//! What the dynamic linker's refusals mean, in words of our own.
//!
//! Most of what it refuses was found before, in the file. What is left depends
//! on what else is in the process.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::image::Tried;
use crate::inspect::Linkage;
use crate::machine;
use crate::rejection::{RejectionCause, hint};

/// Bytes of static thread-local storage that loaded plugins have taken. They
/// are never given back, as libraries are never unloaded.
static STATIC_TLS: AtomicU64 = AtomicU64::new(0);

/// Notes that a library with this linkage was loaded.
pub(crate) fn note_static_tls(linkage: &Linkage) {
    if let Some(len) = linkage.static_tls {
        STATIC_TLS.fetch_add(len, Ordering::Relaxed);
    }
}

/// Why a library was refused. `text` is what the dynamic linker says.
pub(crate) fn refusal(text: &str, linkage: &Linkage) -> RejectionCause {
    refused(text, linkage, STATIC_TLS.load(Ordering::Relaxed))
}

fn refused(text: &str, linkage: &Linkage, taken: u64) -> RejectionCause {
    let behind = |start: &str| {
        let (_, rest) = text.split_once(start)?;
        rest.split([',', ' ', '\n'])
            .next()
            .filter(|name| !name.is_empty())
    };
    let inspect = "`wash-host plugin inspect FILE` shows what it needs";
    let (reason, advice) = if let (Some(needs), true) = (linkage.static_tls, text.contains("TLS")) {
        let room = machine::static_tls_room().map_or(String::new(), |room| {
            format!(", of about {room} that there are for all plugins and their versions")
        });
        (
            format!(
                "it needs {needs} bytes of static thread-local storage{room}; plugins that were \
                 loaded before have taken {taken}"
            ),
            format!(
                "restart the host, which frees what earlier versions have taken; or {}",
                hint::tls()
            ),
        )
    } else if let Some(symbol) = behind("undefined symbol: ") {
        (
            format!("it needs `{symbol}`, which no library that it needs has"),
            format!("link what has `{symbol}` into the plugin; {inspect}"),
        )
    } else if text.contains("cannot open shared object file") {
        let library = text.split(':').next().unwrap_or_default().trim();
        (
            format!("it needs `{library}`, which this machine does not have"),
            format!("install the package that has it, or link it into the plugin; {inspect}"),
        )
    } else {
        (
            format!("the dynamic linker refuses it: {text}"),
            format!("rebuild the plugin on a system like this one; {inspect}"),
        )
    };
    RejectionCause::Linker { reason, advice }
}

/// Why no library can be loaded, whichever it is: what was tried for one.
pub(crate) fn no_place(tried: Vec<Tried>) -> RejectionCause {
    let mut advice: Vec<&str> = Vec::new();
    for one in &tried {
        if !advice.contains(&one.advice) {
            advice.push(one.advice);
        }
    }
    RejectionCause::NoPlace {
        advice: advice.join("; or "),
        tried: tried.into_iter().map(|one| one.reason).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, linkage: &Linkage) -> (String, String) {
        match refused(text, linkage, 512) {
            RejectionCause::Linker { reason, advice } => (reason, advice),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_linker_says_is_told_in_other_words() {
        let plain = Linkage::default();
        let (reason, advice) = told("undefined symbol: odd_function, version ODD_1", &plain);
        assert_eq!(
            reason,
            "it needs `odd_function`, which no library that it needs has"
        );
        assert!(advice.contains("link what has `odd_function`"));
        let (reason, _) = told(
            "libodd.so.1: cannot open shared object file: No such file or directory",
            &plain,
        );
        assert_eq!(
            reason,
            "it needs `libodd.so.1`, which this machine does not have"
        );
        let (reason, _) = told("something new", &plain);
        assert_eq!(reason, "the dynamic linker refuses it: something new");
    }

    #[test]
    fn static_storage_that_is_used_up_is_named() {
        let linkage = Linkage {
            static_tls: Some(300),
            ..Linkage::default()
        };
        let (reason, advice) = told("cannot allocate memory in static TLS block", &linkage);
        assert!(reason.starts_with("it needs 300 bytes of static thread-local"));
        assert!(reason.ends_with("have taken 512"), "{reason}");
        assert!(advice.starts_with("restart the host"), "{advice}");
    }

    #[test]
    fn each_way_that_failed_is_told_with_its_advice() {
        let tried = |reason: &str, advice| Tried {
            reason: reason.to_owned(),
            advice,
        };
        let cause = no_place(vec![
            tried("no memory files", "allow them"),
            tried("no copy in /a", "set TMPDIR"),
            tried("no copy in /b", "set TMPDIR"),
        ]);
        assert_eq!(
            cause.to_string(),
            "it cannot be loaded: no memory files; no copy in /a; no copy in /b"
        );
        let RejectionCause::NoPlace { advice, .. } = cause else {
            panic!("{cause}")
        };
        assert_eq!(advice, "allow them; or set TMPDIR");
    }
}
