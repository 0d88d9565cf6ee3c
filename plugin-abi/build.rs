//! Tells the manifest which compiler and target a plugin is built with.
//!
//! A plugin and this crate are compiled by the same compiler in one build, so
//! what is true here is true of the plugin.

use std::{env, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default();
    let version = match version.trim() {
        "" => "rustc (version unknown)",
        known => known,
    };
    println!("cargo:rustc-env=WASH_PLUGIN_COMPILER={version}");
    println!(
        "cargo:rustc-env=WASH_PLUGIN_TARGET={}",
        env::var("TARGET").unwrap_or_default()
    );
}
