//! What this machine's dynamic linker would refuse, told before it is asked.

use std::fs;

use wash_plugin_loader::{Inspected, Rejection, Stage, admit, library};

use crate::common::{Directory, Elf, Note, cc};

fn plugin() -> Elf {
    Elf::plugin(&Note::new("a", "a:a"))
}

/// What is wrong with a library, and what to do about it.
fn told(elf: &Elf) -> Vec<(String, String)> {
    let plugin = match Inspected::from_bytes("a.so", elf.bytes()) {
        Ok(plugin) => plugin,
        Err(rejection) => return vec![both(&rejection)],
    };
    let rejections = admit(vec![plugin], &[]).rejections;
    for rejection in &rejections {
        assert_eq!(rejection.stage(), Stage::Admit);
        assert_eq!(rejection.id(), Some("a"));
    }
    rejections.iter().map(both).collect()
}

fn both(rejection: &Rejection) -> (String, String) {
    (rejection.cause().to_string(), rejection.hint())
}

#[track_caller]
fn assert_told(elf: &Elf, reason: &str, hint: &str) {
    let all = told(elf);
    let [(text, advice)] = all.as_slice() else {
        panic!("{all:?}");
    };
    assert!(text.contains(reason), "{text}");
    assert!(advice.contains(hint), "{advice}");
}

#[cfg(target_env = "gnu")]
#[test]
fn a_newer_c_library_is_asked_for_by_name() {
    let versions = |all: &[&str]| {
        let all = all.iter();
        let all = all.map(|version| ("libc.so.6".to_owned(), (*version).to_owned()));
        Elf {
            versions: all.collect(),
            ..plugin()
        }
    };
    assert_eq!(told(&versions(&["GLIBC_2.17"])), []);
    let elf = versions(&["GLIBC_2.17", "GLIBC_2.100", "GLIBC_2.99"]);
    assert_told(
        &elf,
        "it needs GLIBC_2.99 and GLIBC_2.100 of `libc.so.6`, and this machine has GLIBC_2.",
        "-unknown-linux-gnu.2.",
    );
    // A library that has none of the kind.
    assert_told(
        &versions(&["ODD_1.0"]),
        "it needs ODD_1.0 of `libc.so.6`, and this machine has none such",
        "update the package that has `libc.so.6`",
    );
    let linkage = Inspected::from_bytes("a.so", elf.bytes()).unwrap();
    assert_eq!(linkage.linkage().versions.len(), 3);
    assert_eq!(linkage.linkage().versions[1].version, "GLIBC_2.100");
}

/// What patchelf leaves if it replaces one and not the other.
#[test]
fn versions_of_a_library_that_is_not_needed_are_refused() {
    let elf = Elf {
        versions: vec![("libm.so.6".to_owned(), "GLIBC_2.29".to_owned())],
        ..plugin()
    };
    assert_told(&elf, "it needs versions of `libm.so.6`", "copy the file");
}

#[cfg(target_env = "gnu")]
#[test]
fn another_c_library_is_named() {
    for library in ["libc.so", "libc.musl-x86_64.so.1"] {
        let elf = Elf {
            needed: vec![library.to_owned(), "libgfortran.so.99".to_owned()],
            ..plugin()
        };
        assert_told(
            &elf,
            &format!("it is built for musl (it needs `{library}`), and this host runs on glibc"),
            "get or build the plugin for glibc",
        );
    }
}

#[test]
fn a_compilers_runtime_has_to_be_there() {
    let elf = Elf {
        needed: vec!["libc.so.6".to_owned(), "libgfortran.so.99".to_owned()],
        ..plugin()
    };
    assert_told(
        &elf,
        "it needs `libgfortran.so.99`, which this machine does not have",
        "install the package",
    );
    // It is the system's, though: nobody has to allow it.
    let plugin = Inspected::from_bytes("a.so", elf.bytes()).unwrap();
    assert!(plugin.linkage().foreign().is_empty());
}

#[cfg(target_env = "gnu")]
#[test]
fn static_thread_local_storage_is_told_and_bounded() {
    let needs = |len| Elf {
        static_tls: Some(len),
        ..plugin()
    };
    assert_eq!(told(&needs(256)), []);
    assert_told(
        &needs(4096),
        "it needs 4096 bytes of static thread-local storage, and the dynamic linker keeps about \
         1568",
        "disable_initial_exec_tls",
    );
}

/// As compilers make it.
#[cfg(target_env = "gnu")]
#[test]
fn variables_at_fixed_places_are_found_in_code() {
    let directory = Directory::new();
    let code = |model: &str| {
        format!(
            "static __thread char room[300] __attribute__((tls_model(\"{model}\")));\n\
             char *wash_test_room(void) {{ return room; }}\n{}",
            cc::PLUGIN
        )
    };
    for (id, model, expected) in [
        ("fixed", "initial-exec", Some(300)),
        ("found", "global-dynamic", None),
    ] {
        let path = cc::build(&directory, id, &code(model), &[]);
        let plugin = Inspected::from_bytes(&path, fs::read(&path).unwrap()).unwrap();
        assert_eq!(plugin.linkage().static_tls, expected, "{id}");
    }
    // Another's variable takes no room of its own.
    let code = format!(
        "#include <errno.h>\nextern __thread int wash_test_other \
         __attribute__((tls_model(\"initial-exec\")));\nint wash_test_get(void) {{ return \
         wash_test_other; }}\n{}",
        cc::PLUGIN
    );
    let path = cc::build(&directory, "others", &code, &[]);
    let plugin = Inspected::from_bytes(&path, fs::read(&path).unwrap()).unwrap();
    assert_eq!(plugin.linkage().static_tls, None);
}

/// Each version that is loaded takes its share, and none is given back.
#[cfg(target_env = "gnu")]
#[test]
fn static_thread_local_storage_is_used_up_and_then_named() {
    let directory = Directory::new();
    let code = format!(
        "static __thread char room[300] __attribute__((tls_model(\"initial-exec\")));\n\
         char *wash_test_room(void) {{ return room; }}\n{}",
        cc::PLUGIN
    );
    let path = cc::build(&directory, "greedy", &code, &[]);
    let bytes = fs::read(path).unwrap();
    let load = || {
        let plugin = Inspected::from_bytes("a.so", bytes.clone()).unwrap();
        let admitted = admit(vec![plugin], &[]).admitted.remove(0);
        // It has no tables, and so is refused once it is loaded.
        both(&library::load(admitted).unwrap_err())
    };
    let mut all = (0..20).map(|_| load());
    let (reason, hint) = all.find(|(reason, _)| reason.contains("static")).unwrap();
    assert!(
        reason.starts_with("it cannot be loaded: it needs 300 bytes of static thread-local"),
        "{reason}"
    );
    assert!(!reason.ends_with("have taken 0"), "{reason}");
    assert!(hint.starts_with("restart the host"), "{hint}");
    assert!(hint.contains("optional_static_tls"), "{hint}");
}

#[test]
fn what_its_linker_was_told_is_heeded() {
    let stack = Elf {
        stack: 7,
        ..plugin()
    };
    assert_told(&stack, "wants an executable stack", "-z noexecstack");
    let closed = Elf {
        flags_1: 0x40,
        ..plugin()
    };
    assert_told(&closed, "not to be loaded by a program", "-z nodlopen");
    let hidden = Elf {
        has_door: false,
        ..plugin()
    };
    assert_told(
        &hidden,
        "exports neither an abi_stable root module nor the symbol `wash_plugin_query_v1`",
        "version script",
    );
    let pages = Elf {
        page_len: 512,
        ..plugin()
    };
    assert_told(&pages, "not aligned to a page", "copy the file");
}
