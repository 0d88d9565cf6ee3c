//! Interfaces and worlds: how they are read, printed and compared.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use semver::Version;
use wash_runtime::wit::{WitInterface, WitWorld};

fn interface(text: &str) -> WitInterface {
    WitInterface::from(text)
}

fn named(text: &str, name: &str) -> WitInterface {
    WitInterface {
        name: Some(name.to_string()),
        ..interface(text)
    }
}

fn configured(text: &str, config: &[(&str, &str)]) -> WitInterface {
    WitInterface {
        config: config
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        ..interface(text)
    }
}

fn world(imports: &[&str], exports: &[&str]) -> WitWorld {
    WitWorld {
        imports: imports.iter().map(|text| interface(text)).collect(),
        exports: exports.iter().map(|text| interface(text)).collect(),
    }
}

fn hash(interface: &WitInterface) -> u64 {
    let mut hasher = DefaultHasher::new();
    interface.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn parsing() {
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        &'static [&'static str],
        Option<&'static str>,
    );
    let table: &[Row] = &[
        (
            "wasi:keyvalue/store@0.2.0",
            "wasi",
            "keyvalue",
            &["store"],
            Some("0.2.0"),
        ),
        (
            "wasi:keyvalue/store,atomics",
            "wasi",
            "keyvalue",
            &["store", "atomics"],
            None,
        ),
        (
            "wasi:keyvalue/ store , ,atomics,",
            "wasi",
            "keyvalue",
            &["store", "atomics"],
            None,
        ),
        ("wasi:keyvalue", "wasi", "keyvalue", &[], None),
        ("wasi:keyvalue/", "wasi", "keyvalue", &[], None),
        (
            "wasi:config@0.2.0-rc.1",
            "wasi",
            "config",
            &[],
            Some("0.2.0-rc.1"),
        ),
        ("a:b/c@not-a-version", "a", "b", &["c"], None),
        ("a:b/c@0.1", "a", "b", &["c"], None),
        ("a:b/c@1.0.0@2.0.0", "a", "b", &["c"], None),
        ("foo:bar:baz/x", "foo", "bar:baz", &["x"], None),
        ("keyvalue/store", "", "keyvalue", &["store"], None),
        ("a:b/c/d", "a", "b", &["c/d"], None),
        ("", "", "", &[], None),
    ];
    for (text, namespace, package, interfaces, version) in table {
        let expected = WitInterface {
            namespace: namespace.to_string(),
            package: package.to_string(),
            interfaces: interfaces.iter().map(|name| name.to_string()).collect(),
            version: version.map(|version| Version::parse(version).unwrap()),
            config: HashMap::new(),
            name: None,
        };
        assert_eq!(interface(text), expected, "{text}");
        assert_eq!(WitInterface::from(text.to_string()), expected, "{text}");
    }
}

#[test]
fn printing() {
    let table = [
        (
            interface("wasi:keyvalue/store@0.2.0"),
            "wasi:keyvalue/store@0.2.0",
        ),
        (
            interface("wasi:keyvalue/store,batch,atomics"),
            "wasi:keyvalue/atomics,batch,store",
        ),
        (interface("wasi:keyvalue"), "wasi:keyvalue"),
        (
            named("wasi:keyvalue/store@0.2.0", "cache"),
            "wasi:keyvalue [cache]/store@0.2.0",
        ),
        (named("wasi:keyvalue", "cache"), "wasi:keyvalue [cache]"),
        (configured("a:b/c", &[("k", "v")]), "a:b/c"),
    ];
    for (interface, expected) in table {
        assert_eq!(interface.to_string(), expected);
    }
}

#[test]
fn instance() {
    let table = [
        (
            interface("wasi:keyvalue/store@0.2.0"),
            "wasi:keyvalue@0.2.0",
        ),
        (interface("wasi:keyvalue/store"), "wasi:keyvalue"),
        (
            named("wasi:keyvalue/store@0.2.0", "cache"),
            "wasi:keyvalue/cache@0.2.0",
        ),
        (named("wasi:keyvalue/store", "cache"), "wasi:keyvalue/cache"),
    ];
    for (interface, expected) in table {
        assert_eq!(interface.instance(), expected);
    }
}

#[test]
fn merging() {
    let mut merged = configured("a:b/c@1.0.0", &[("kept", "1"), ("changed", "1")]);
    assert!(merged.merge(&configured(
        "a:b/d@1.0.0",
        &[("changed", "2"), ("new", "2")]
    )));
    assert_eq!(
        merged,
        configured(
            "a:b/c,d@1.0.0",
            &[("kept", "1"), ("changed", "2"), ("new", "2")]
        )
    );

    for other in [
        interface("a:b/d"),
        interface("a:x/d@1.0.0"),
        named("a:b/d@1.0.0", "n"),
    ] {
        let before = merged.clone();
        assert!(!merged.merge(&other), "{other}");
        assert_eq!(merged, before);
    }
}

#[test]
fn equality_and_hash_agree() {
    let equal = [
        (interface("a:b/x,y,z"), interface("a:b/z,x,y")),
        (
            configured("a:b/x", &[("k", "v"), ("l", "w")]),
            configured("a:b/x", &[("l", "w"), ("k", "v")]),
        ),
    ];
    for (a, b) in &equal {
        assert_eq!(a, b);
        assert_eq!(hash(a), hash(b));
    }
    let different = [
        interface("a:b/x"),
        interface("a:b/x,y"),
        interface("a:b/x@1.0.0"),
        interface("a:b/x@1.0.1"),
        interface("x:b/x"),
        interface("a:x/x"),
        named("a:b/x", "n"),
        configured("a:b/x", &[("k", "v")]),
        configured("a:b/x", &[("k", "w")]),
        configured("a:b/x", &[("v", "k")]),
    ];
    let set: HashSet<_> = different.iter().cloned().collect();
    assert_eq!(set.len(), different.len());
    let hashes: HashSet<_> = different.iter().map(hash).collect();
    assert_eq!(hashes.len(), different.len());
}

#[test]
fn contains() {
    let table = [
        (interface("a:b/x,y"), interface("a:b/x"), true),
        (interface("a:b/x"), interface("a:b/x,y"), false),
        (interface("a:b/x"), interface("a:b"), true),
        (interface("a:b"), interface("a:b/x"), false),
        (interface("a:b/x"), interface("a:c/x"), false),
        (interface("a:b/x"), interface("c:b/x"), false),
        // Versions: equal, or absent on one side.
        (interface("a:b/x@0.1.0"), interface("a:b/x@0.1.0"), true),
        (interface("a:b/x@0.1.0"), interface("a:b/x"), true),
        (interface("a:b/x"), interface("a:b/x@0.1.0"), true),
        (interface("a:b/x@0.1.0"), interface("a:b/x@0.1.1"), false),
        (
            interface("a:b/x@0.1.0-rc.1"),
            interface("a:b/x@0.1.0"),
            false,
        ),
        // Names likewise.
        (named("a:b/x", "n"), named("a:b/x", "n"), true),
        (named("a:b/x", "n"), interface("a:b/x"), true),
        (interface("a:b/x"), named("a:b/x", "n"), true),
        (named("a:b/x", "n"), named("a:b/x", "m"), false),
        // Configuration plays no part.
        (
            configured("a:b/x", &[("k", "v")]),
            configured("a:b/x", &[("k", "w")]),
            true,
        ),
    ];
    for (a, b, expected) in &table {
        assert_eq!(a.contains(b), *expected, "{a} contains {b}");
    }
}

#[test]
fn incoming_http() {
    let table = [
        ("wasi:http/incoming-handler@0.2.0", true),
        ("wasi:http/handler@0.3.0", true),
        ("wasi:http/incoming-handler,outgoing-handler", true),
        ("wasi:http/outgoing-handler", false),
        ("wasi:http", false),
        ("my:http/incoming-handler", false),
    ];
    for (text, expected) in table {
        assert_eq!(
            interface(text).is_incoming_http_handler(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn serde_round_trip() {
    let mut original = configured("a:b/x,y@1.2.3-rc.1", &[("k", "v")]);
    original.name = Some("n".to_string());
    let json = serde_json::to_string(&original).unwrap();
    assert_eq!(
        serde_json::from_str::<WitInterface>(&json).unwrap(),
        original
    );

    let short = r#"{"namespace":"a","package":"b","interfaces":["x"],"version":null}"#;
    assert_eq!(
        serde_json::from_str::<WitInterface>(short).unwrap(),
        interface("a:b/x")
    );
}

#[test]
fn includes_needs_one_entry() {
    let world = WitWorld {
        imports: HashSet::from([named("a:b/x", "n"), interface("a:c/x,y@1.0.0")]),
        exports: HashSet::from([interface("a:d/x"), interface("a:d/y")]),
    };
    let table = [
        (interface("a:b/x"), true),
        (named("a:b/x", "n"), true),
        (named("a:b/x", "m"), false),
        (interface("a:c/y"), true),
        (interface("a:c/y@1.0.1"), false),
        (interface("a:d/x"), true),
        // Both are there, but in two entries.
        (interface("a:d/x,y"), false),
        (interface("a:e/x"), false),
    ];
    for (needed, expected) in &table {
        assert_eq!(world.includes(needed), *expected, "{needed}");
    }
}

#[test]
fn includes_bidirectional_pools_entries() {
    let world = world(&["a:b/x", "a:c/v1@1.0.0"], &["a:b/y", "a:c/v2@2.0.0"]);
    let table = [
        (interface("a:b/x"), true),
        (interface("a:b/x,y"), true),
        (interface("a:b/x,z"), false),
        (interface("a:c/v1,v2"), true),
        (interface("a:c/v1,v2@1.0.0"), false),
        // Names play no part.
        (named("a:b/x", "n"), true),
        // Nothing is missing of what lists nothing.
        (interface("other:package"), true),
    ];
    for (needed, expected) in &table {
        assert_eq!(world.includes_bidirectional(needed), *expected, "{needed}");
    }
}

#[test]
fn provides_looks_at_imports() {
    let world = world(&["a:b/x"], &["a:b/y"]);
    assert!(world.provides(&interface("a:b/x")));
    assert!(!world.provides(&interface("a:b/y")));
    assert!(!world.provides(&interface("a:b/x,y")));
}

#[test]
fn satisfies() {
    let table: &[(&[&str], &[&str], bool)] = &[
        (&["a:b/x"], &["a:b/x"], true),
        (&["a:b/x"], &["a:b/y"], false),
        (&[], &["a:b/x"], false),
        (&[], &[], true),
        (&["a:b/x@1.0.0", "a:b/x,y@2.0.0"], &["a:b/x@1.0.0"], true),
        // Which of the two is meant?
        (&["a:b/x@1.0.0", "a:b/x,y@2.0.0"], &["a:b/x"], false),
        (&["a:b/x@1.0.0", "a:b/x,y@1.0.0"], &["a:b/x"], true),
    ];
    for (exports, imports, expected) in table {
        let host = world(&[], exports);
        let guest = world(imports, &[]);
        assert_eq!(host.satisfies(&guest), *expected, "{exports:?} {imports:?}");
    }
    assert!(!world(&["a:b/x"], &[]).satisfies(&world(&["a:b/x"], &[])));
}
