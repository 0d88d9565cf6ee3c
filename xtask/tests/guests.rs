//! Each guest is a valid component that imports and exports what the tests count
//! on, and each folder of `tests/wit/` can be read by itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wasmparser::{Validator, WasmFeatures};
use wit_component::DecodedWasm;
use wit_parser::Resolve;

const LOGGING: &str = "wasi:logging/logging";
const PROBE: &str = "test:lifecycle/probe@0.1.0";
const RUN: &str = "demo:guest/run@0.1.0";
const STRINGS: &str = "test:strings/strings@0.1.0";

/// Name, imports beside WASI's own, exports.
const GUESTS: &[(&str, &[&str], &[&str])] = &[
    (
        "bench-guest",
        &["test:bench/calls-async@0.1.0", "test:bench/calls@0.1.0"],
        &["test:bench/cases@0.1.0"],
    ),
    (
        "capabilities-guest",
        &[
            "wasi:config/store",
            "wasi:keyvalue/atomics",
            "wasi:keyvalue/batch",
            "wasi:keyvalue/store",
            LOGGING,
        ],
        &["test:capabilities/tour@0.1.0"],
    ),
    ("latin1", &[STRINGS], &[STRINGS]),
    ("lifecycle", &[PROBE], &[PROBE]),
    ("lifecycle-service", &[PROBE], &["wasi:cli/run"]),
    ("log-command", &[LOGGING], &["wasi:cli/run"]),
    ("log-guest", &[LOGGING], &[RUN]),
    ("mismatch", &[LOGGING], &[RUN]),
    ("mismatch-count", &[LOGGING], &[RUN]),
    (
        "resources-guest",
        &[
            "test:resources/counters@0.1.0",
            "test:resources/shelf@0.1.0",
        ],
        &["test:resources/scenarios@0.1.0"],
    ),
    ("trap", &[], &[RUN]),
    ("utf16", &[STRINGS], &[STRINGS]),
    ("utf8", &[STRINGS], &[STRINGS]),
    (
        "values-guest",
        &[
            "test:values/collections@0.1.0",
            "test:values/echo-async@0.1.0",
            "test:values/echo@0.1.0",
            "test:values/types@0.1.0",
        ],
        &[
            "test:values/collections@0.1.0",
            "test:values/echo-async@0.1.0",
            "test:values/echo@0.1.0",
        ],
    ),
];

/// Folder, worlds.
const WIT: &[(&str, &[&str])] = &[
    ("bench", &["guest", "host", "plugin"]),
    ("capabilities", &["capabilities-guest"]),
    ("guest", &["bare", "log-command", "log-guest"]),
    ("lifecycle", &["guest", "plugin"]),
    ("logging", &["imports", "logger-plugin"]),
    ("resources", &["guest", "plugin"]),
    ("strings", &["guest", "host", "plugin"]),
    ("values", &["guest", "host", "plugin"]),
];

#[test]
fn guests_are_valid_and_have_their_worlds() -> Result<()> {
    for (name, imports, exports) in GUESTS {
        let path = guests().join(format!("{name}.wasm"));
        let bytes = fs::read(&path)
            .with_context(|| format!("{} is missing: run `cargo xtask guests`", path.display()))?;
        // As the runtime has them beyond the defaults.
        let features = WasmFeatures::default()
            | WasmFeatures::CM_MAP
            | WasmFeatures::CM_FIXED_LENGTH_LISTS
            | WasmFeatures::CM_ERROR_CONTEXT;
        Validator::new_with_features(features)
            .validate_all(&bytes)
            .with_context(|| format!("{name} is not valid"))?;

        let DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes)? else {
            bail!("{name} is a WIT package, no component");
        };
        let world = resolve.worlds.get(world).context("no world")?;
        let names = |items: &mut dyn Iterator<Item = &wit_parser::WorldKey>| -> BTreeSet<String> {
            let name = |key| resolve.name_world_key(key);
            items.map(|key| without_wasi_version(name(key))).collect()
        };
        let mut imported = names(&mut world.imports.keys());
        imported.retain(|import| !import.starts_with("wasi:") || is_capability(import));
        assert_eq!(imported, set(imports), "imports of {name}");
        let exported = names(&mut world.exports.keys());
        assert_eq!(exported, set(exports), "exports of {name}");
    }
    Ok(())
}

#[test]
fn libraries_import_nothing_of_wasi_but_logging() -> Result<()> {
    for name in ["log-guest", "values-guest"] {
        let bytes = fs::read(guests().join(format!("{name}.wasm")))
            .context("run `cargo xtask guests` first")?;
        let decoded = wit_component::decode(&bytes)?;
        let resolve = decoded.resolve();
        let packages: Vec<String> = resolve
            .package_names
            .keys()
            .map(ToString::to_string)
            .filter(|package| package.starts_with("wasi:") && package != "wasi:logging")
            .collect();
        assert!(packages.is_empty(), "{name} needs {packages:?}");
    }
    Ok(())
}

#[test]
fn each_wit_folder_stands_alone() -> Result<()> {
    for (folder, worlds) in WIT {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/wit")
            .join(folder);
        let mut resolve = Resolve::default();
        let (package, _) = resolve
            .push_dir(&path)
            .with_context(|| format!("{} is wrong", path.display()))?;
        let package = resolve.packages.get(package).context("no package")?;
        let found: BTreeSet<String> = package.worlds.keys().cloned().collect();
        assert_eq!(found, set(worlds), "worlds of {folder}");
    }
    Ok(())
}

/// Whether an interface of WASI's comes from a plugin, not from the runtime.
fn is_capability(import: &str) -> bool {
    ["wasi:config/", "wasi:keyvalue/", "wasi:logging/"]
        .iter()
        .any(|package| import.starts_with(package))
}

/// The release of WASI is the adapter's affair.
fn without_wasi_version(name: String) -> String {
    match name.split_once('@') {
        Some((interface, _)) if name.starts_with("wasi:") => interface.to_owned(),
        _ => name,
    }
}

/// Beside the folder that cargo gives integration tests.
fn guests() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("guests")
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}
