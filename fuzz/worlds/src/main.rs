//! Random WIT documents, by wit-smith: for each number that it reads from a
//! line of its input, it writes a line with a length, and then a document of so
//! many bytes. The same number gives the same document.
//!
//! A document is all that a plugin's manifest needs: the packages that
//! wit-smith made up, and `world plugin`, which exports their interfaces.
//!
//! wit-smith knows no maps, and rarely uses the types that it names: so some
//! lists become maps here, some tuples and the like records and variants, and
//! some numbers resources.

use std::io::{self, BufRead, Write};
use std::panic;

mod handles;
mod name;

use anyhow::{Context as _, Result, bail, ensure};
use arbitrary::Unstructured;
use wit_component::{Output as _, WitPrinter};
use wit_parser::decoding::DecodedWasm;
use wit_parser::{Resolve, Type, TypeDefKind, TypeOwner};
use wit_smith::Config;

/// Larger documents take long, and say nothing that several do not.
const MAX_LEN: usize = 64 * 1024;

fn main() -> Result<()> {
    // wit-smith panics at some of its own documents: that is no finding here.
    panic::set_hook(Box::new(|_| {}));
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let seed = line.trim().parse().context("a line is not a number")?;
        let text = document(seed)?;
        write!(out, "{}\n{text}", text.len())?;
        out.flush()?;
    }
    Ok(())
}

/// A document that follows from `seed`: of several, the first that is as rich
/// as it wants, since most of wit-smith's have a function or two on numbers.
fn document(seed: u64) -> Result<String> {
    let mut numbers = Numbers(seed);
    let wanted = 1 + numbers.below(60);
    let mut best: Option<(usize, String)> = None;
    for attempts in 1..1000 {
        let numbers = Numbers(numbers.next());
        if let Ok(Ok((richness, text))) = panic::catch_unwind(|| attempt(numbers))
            && best.as_ref().is_none_or(|(most, _)| richness > *most)
        {
            best = Some((richness, text));
        }
        match best {
            Some((richness, text)) if richness >= wanted || attempts >= 60 => return Ok(text),
            _ => {}
        }
    }
    bail!("wit-smith makes no document of what follows from {seed}");
}

fn attempt(mut numbers: Numbers) -> Result<(usize, String)> {
    let config = Config {
        max_packages: 1 + numbers.below(3),
        max_files_per_package: 1,
        max_pkg_items: 2 + numbers.below(8),
        max_world_items: 1,
        max_interface_items: 4 + numbers.below(20),
        max_resource_items: 1 + numbers.below(4),
        max_type_size: [8, 30, 100, 400][numbers.below(4)],
        // Up to more parameters than core functions take, and more cases than
        // a byte has numbers for.
        max_type_parts: match numbers.below(32) {
            0 => 300,
            _ => 2 + numbers.below(18),
        },
        async_: numbers.below(3) == 0,
        fixed_length_lists: true,
        ..Config::default()
    };
    let len = 1 << (9 + numbers.below(8));
    let bytes: Vec<u8> = (0..len / 8)
        .flat_map(|_| numbers.next().to_le_bytes())
        .collect();
    let wasm = wit_smith::smith(&config, &mut Unstructured::new(&bytes))?;
    let DecodedWasm::WitPackage(mut resolve, _) = wit_parser::decoding::decode(&wasm)? else {
        bail!("it is no package");
    };
    add_maps(&mut resolve, &mut numbers);
    handles::add(&mut resolve, &mut numbers);
    name::types(&mut resolve, &mut numbers);
    print(&mut resolve)
}

/// Makes maps of some lists.
fn add_maps(resolve: &mut Resolve, numbers: &mut Numbers) {
    const KEYS: [Type; 8] = [
        Type::Bool,
        Type::U8,
        Type::S16,
        Type::U32,
        Type::S64,
        Type::Char,
        Type::String,
        Type::String,
    ];
    for (_, def) in resolve.types.iter_mut() {
        if let TypeDefKind::List(element) = def.kind
            && numbers.below(6) == 0
        {
            def.kind = TypeDefKind::Map(KEYS[numbers.below(KEYS.len())], element);
        }
    }
}

/// The packages, and the world of a plugin that serves all their interfaces;
/// with the number of functions and types.
fn print(resolve: &mut Resolve) -> Result<(usize, String)> {
    let mut exports = String::new();
    let mut functions = 0;
    for (_, interface) in resolve.interfaces.iter() {
        let (Some(name), Some(package)) = (&interface.name, interface.package) else {
            continue;
        };
        let package = &resolve.packages[package].name;
        let (namespace, package, version) = (&package.namespace, &package.name, &package.version);
        let version = version
            .as_ref()
            .map(|v| format!("@{v}"))
            .unwrap_or_default();
        exports += &format!("  export %{namespace}:%{package}/%{name}{version};\n");
        functions += interface.functions.len();
    }
    ensure!(functions > 0, "there is nothing to call");
    let mut printer = WitPrinter::default();
    let packages: Vec<_> = resolve.packages.iter().map(|(id, _)| id).collect();
    for package in packages {
        resolve.packages[package].worlds.clear();
        printer.output.push_str("\n");
        printer.print_package(resolve, package, false)?;
    }
    let text = format!(
        "package fuzz:harness;\n\nworld plugin {{\n{exports}}}\n{}",
        printer.output
    );
    ensure!(text.len() <= MAX_LEN, "it is too large");
    check(&text)?;
    Ok((functions + resolve.types.len(), text))
}

/// It is what a plugin's manifest may have, and the same when read again.
fn check(text: &str) -> Result<()> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("plugin.wit", text)?;
    resolve.select_world(&[package], Some("plugin"))?;
    // A type of a world would have no interface to be imported from.
    let stray = resolve
        .types
        .iter()
        .any(|(_, ty)| matches!(ty.owner, TypeOwner::World(_)));
    ensure!(!stray, "the world has types");
    Ok(())
}

/// Numbers that follow from a number (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
