//! Writes the worlds that `tests/names.rs` compiles.
//!
//! They follow from a number. `FUZZ_NAMES_SEED=7 FUZZ_NAMES_WORLDS=200 cargo test -p
//! fuzz-names` compiles others, and more of them.

mod world;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use wit_parser::Resolve;
use world::{Numbers, World};

/// How many worlds there are, unless `FUZZ_NAMES_WORLDS` says more. All of them are one
/// compilation of some seconds.
const COUNT: u64 = 24;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=build");
    let (seed, count) = (
        number("FUZZ_NAMES_SEED", 1)?,
        number("FUZZ_NAMES_WORLDS", COUNT)?,
    );
    let mut numbers = Numbers(seed);
    let mut worlds = Vec::new();
    for _ in 0..20 * count {
        let world = World::new(&mut numbers);
        if (worlds.len() as u64) < count && is_valid(&world.wit) {
            worlds.push(world);
        }
    }
    if (worlds.len() as u64) < count {
        return Err("most of the worlds that are made are not valid WIT".into());
    }
    let folder = env::var_os("OUT_DIR").ok_or("cargo gives no OUT_DIR")?;
    fs::write(PathBuf::from(folder).join("worlds.rs"), program(&worlds)?)?;
    Ok(())
}

/// A number from the environment.
fn number(variable: &str, otherwise: u64) -> Result<u64, Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-env-changed={variable}");
    match env::var(variable) {
        Ok(value) => Ok(value
            .parse()
            .map_err(|_| format!("{variable} is `{value}`: set it to a number, or unset it"))?),
        Err(_) => Ok(otherwise),
    }
}

/// A module for each world, with what an author might write beside the macro, which must
/// mean what it means elsewhere.
fn program(worlds: &[World]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    for (number, World { wit, is_async }) in worlds.iter().enumerate() {
        writeln!(
            out,
            "mod w{number} {{\n\
             wash_plugin_abi::bindgen!({{ async: {is_async}, world: \"plugin\", inline: r#\"{wit}\"# }});\n\
             pub(super) fn author(text: &str, number: u8) -> std::option::Option<String> {{\n\
             core::option::Option::Some(format!(\"{{text}} {{number}}\"))\n\
             }}\n}}"
        )?;
    }
    let authors: Vec<_> = (0..worlds.len()).map(|n| format!("w{n}::author")).collect();
    writeln!(
        out,
        "pub const AUTHORS: [fn(&str, u8) -> Option<String>; {}] = [{}];",
        authors.len(),
        authors.join(", ")
    )?;
    Ok(out)
}

/// Whether WIT has such a world. Two names that differ in case alone are none.
fn is_valid(wit: &str) -> bool {
    let mut resolve = Resolve::default();
    let Ok(package) = resolve.push_str("world.wit", wit) else {
        return false;
    };
    resolve.select_world(&[package], Some("plugin")).is_ok()
}
