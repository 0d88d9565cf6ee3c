//! The versions of symbols that a library needs of others, and has itself.

use object::elf;

use super::super::binary::{damaged, push_name};
use super::super::linkage::SymbolVersion;
use super::image::{Image, outside};
use super::symbols::Symbols;
use crate::rejection::RejectionCause;

type Result<T> = std::result::Result<T, RejectionCause>;

/// A library with more versions is damaged.
const MAX_VERSIONS: usize = 1 << 14;

/// Of a version: whatever needs it can do without.
const VER_FLG_WEAK: u16 = 2;
/// Of a version: it stands for the library itself.
const VER_FLG_BASE: u16 = 1;
/// Of a symbol's version: the symbol is not the one that others find.
const HIDDEN: u16 = 0x8000;

const WHAT: &str = "table of versions";

/// The versions that a library needs, of which library each.
///
/// # Errors
///
/// If a table leads out of the file, or a symbol has a version that is in none:
/// the dynamic linker would read beyond its own.
pub(super) fn needed(
    image: &Image<'_>,
    symbols: &Symbols<'_>,
    libraries: &[String],
) -> Result<Vec<SymbolVersion>> {
    let mut found = Vec::new();
    let mut known = vec![0, 1];
    for (_, number) in defined_by(image, symbols.strings())? {
        known.push(number);
    }
    if let Some(address) = image.value(elf::DT_VERNEED) {
        let table = image.from(address).ok_or_else(|| outside(WHAT))?;
        let mut at = 0;
        let mut left = MAX_VERSIONS;
        loop {
            let library = text(image, symbols.strings(), table, at, 4)?;
            let count = image.u16(table, at + 2).ok_or_else(|| outside(WHAT))?;
            let mut part = step(image, table, at, at, 8)?;
            for index in 0..count {
                left = left.checked_sub(1).ok_or_else(too_many)?;
                let version = text(image, symbols.strings(), table, part, 8)?;
                let flags = image.u16(table, part + 4).ok_or_else(|| outside(WHAT))?;
                known.push(image.u16(table, part + 6).ok_or_else(|| outside(WHAT))? & !HIDDEN);
                found.push(SymbolVersion {
                    library: library.clone(),
                    version,
                    is_optional: flags & VER_FLG_WEAK != 0,
                });
                if index + 1 < count {
                    part = step(image, table, part, part, 12)?;
                }
            }
            // The linker ends the process if nobody brings that library.
            if !libraries.contains(&library) {
                return Err(damaged(format!(
                    "it needs versions of `{library}`, which is not among the libraries that it \
                     needs; a tool may have changed one list and not the other"
                )));
            }
            match image.u32(table, at + 12) {
                Some(0) => break,
                Some(_) => at = step(image, table, at, at, 12)?,
                None => return Err(outside(WHAT)),
            }
            left = left.checked_sub(1).ok_or_else(too_many)?;
        }
    }
    check_symbols(image, symbols, known)?;
    Ok(found)
}

/// The names of the versions that a library has.
///
/// # Errors
///
/// If its tables lead out of the file.
pub(super) fn defined(image: &Image<'_>, symbols: &Symbols<'_>) -> Result<Vec<String>> {
    let all = defined_by(image, symbols.strings())?;
    Ok(all.into_iter().map(|(name, _)| name).collect())
}

fn defined_by(image: &Image<'_>, strings: &[u8]) -> Result<Vec<(String, u16)>> {
    let Some(address) = image.value(elf::DT_VERDEF) else {
        return Ok(Vec::new());
    };
    let table = image.from(address).ok_or_else(|| outside(WHAT))?;
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        if found.len() > MAX_VERSIONS {
            return Err(too_many());
        }
        let flags = image.u16(table, at + 2).ok_or_else(|| outside(WHAT))?;
        let number = image.u16(table, at + 4).ok_or_else(|| outside(WHAT))? & !HIDDEN;
        let name = step(image, table, at, at, 12)?;
        let name = text(image, strings, table, name, 0)?;
        if flags & VER_FLG_BASE == 0 {
            found.push((name, number));
        }
        match image.u32(table, at + 16) {
            Some(0) => return Ok(found),
            Some(_) => at = step(image, table, at, at, 16)?,
            None => return Err(outside(WHAT)),
        }
    }
}

/// The version of each symbol has to be one of those.
fn check_symbols(image: &Image<'_>, symbols: &Symbols<'_>, known: Vec<u16>) -> Result<()> {
    let Some(address) = image.value(elf::DT_VERSYM) else {
        return Ok(());
    };
    let table = image.table(WHAT, address, symbols.len() as u64 * 2)?;
    let mut is_known = vec![false; usize::from(u16::MAX) + 1];
    for number in known {
        if let Some(is_known) = is_known.get_mut(usize::from(number)) {
            *is_known = true;
        }
    }
    let all_known = table.chunks_exact(2).all(|entry| {
        image
            .u16(entry, 0)
            .and_then(|number| is_known.get(usize::from(number & !HIDDEN)))
            .is_some_and(|is_known| *is_known)
    });
    match all_known {
        true => Ok(()),
        false => Err(damaged(
            "a symbol of it has a version that it does not list",
        )),
    }
}

/// Where an entry's offset, at `field` of it, leads to from `base`.
fn step(image: &Image<'_>, table: &[u8], base: usize, at: usize, field: usize) -> Result<usize> {
    image
        .u32(table, at + field)
        .and_then(|offset| base.checked_add(offset as usize))
        .filter(|at| *at < table.len())
        .ok_or_else(|| outside(WHAT))
}

/// The text whose place in the table of names is at `field` of an entry.
fn text(
    image: &Image<'_>,
    strings: &[u8],
    table: &[u8],
    at: usize,
    field: usize,
) -> Result<String> {
    let name = image
        .u32(table, at + field)
        .and_then(|name| strings.get(name as usize..))
        .and_then(|text| text.split(|byte| *byte == 0).next())
        .ok_or_else(|| outside(WHAT))?;
    let mut names = Vec::new();
    push_name(&mut names, name)?;
    Ok(names.pop().unwrap_or_default())
}

fn too_many() -> RejectionCause {
    damaged(format!(
        "it has more than {MAX_VERSIONS} versions of symbols"
    ))
}
