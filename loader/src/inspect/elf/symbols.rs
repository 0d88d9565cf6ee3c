//! Whether the tables by which the dynamic linker finds symbols are in the
//! file, and lead nowhere else.

use std::collections::BTreeSet;

use object::elf;

use super::super::binary::damaged;
use super::image::{Image, outside};
use super::segments::blank;
use crate::rejection::RejectionCause;

type Result<T> = std::result::Result<T, RejectionCause>;

/// The symbols of a library, of which every one lies in the file.
#[derive(Debug)]
pub(super) struct Symbols<'a> {
    table: &'a [u8],
    entry_len: usize,
    strings: &'a [u8],
    len: usize,
    /// Whether only some symbols are known to be there: those that others can
    /// find. What a library takes from others may come behind them.
    is_open: bool,
}

/// What is known of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    /// Its address in the library, or where it lies in a thread's variables.
    pub(super) value: u64,
    /// Whether the library has it; if not, it takes it from another.
    pub(super) is_defined: bool,
}

impl<'a> Symbols<'a> {
    /// Reads the tables of symbols, strings and hashes.
    ///
    /// # Errors
    ///
    /// If one is missing, or leads out of the file.
    pub(super) fn parse(image: &Image<'a>) -> Result<Self> {
        let missing = |what: &str| damaged(format!("it has no {what}"));
        let address = image
            .value(elf::DT_STRTAB)
            .ok_or_else(|| missing("table of names"))?;
        let len = image.value(elf::DT_STRSZ).unwrap_or_default();
        let strings = image.table("table of names", address, len)?;
        if strings.iter().all(|byte| *byte == 0) {
            return Err(blank("table of names"));
        }
        // Then each name in it has an end.
        if strings.last() != Some(&0) {
            return Err(damaged("its table of names has no end"));
        }
        let address = image
            .value(elf::DT_SYMTAB)
            .ok_or_else(|| missing("table of symbols"))?;
        let table = image
            .from(address)
            .ok_or_else(|| outside("table of symbols"))?;
        let entry_len = if image.word_len() == 8 { 24 } else { 16 };
        let is_other = |len: u64| len != entry_len as u64;
        if image.value(elf::DT_SYMENT).is_some_and(is_other) {
            return Err(damaged("its symbols are not as large as those of its kind"));
        }
        let most = table.len() / entry_len;
        let (len, is_open) = match (image.value(elf::DT_GNU_HASH), image.value(elf::DT_HASH)) {
            (Some(gnu), hash) => {
                let found = gnu_hash(image, gnu, most)?;
                match hash {
                    Some(hash) => (self::hash(image, hash, most)?.max(found), false),
                    None => (found, true),
                }
            }
            (None, Some(hash)) => (self::hash(image, hash, most)?, false),
            (None, None) => return Err(missing("table of hashes, by which symbols are found")),
        };
        let symbols = Self {
            table,
            entry_len,
            strings,
            len,
            is_open,
        };
        symbols.check(image)?;
        Ok(symbols)
    }

    /// How many symbols are known to be there.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The table of names.
    pub(super) fn strings(&self) -> &'a [u8] {
        self.strings
    }

    /// The symbol of a number, or `None` if there is none.
    pub(super) fn get(&self, image: &Image<'_>, number: u64) -> Option<Symbol> {
        let number = usize::try_from(number).ok()?;
        if number >= self.len && !self.is_open {
            return None;
        }
        let entry = self.table.get(number.checked_mul(self.entry_len)?..)?;
        let entry = entry.get(..self.entry_len)?;
        // Where the numbers lie differs between the two classes.
        let (section, value) = match image.word_len() {
            8 => (6, 8),
            _ => (14, 4),
        };
        Some(Symbol {
            value: image.word(entry, value)?,
            is_defined: image.u16(entry, section)? != elf::SHN_UNDEF.0,
        })
    }

    /// Whether a symbol of that name is there for others to find.
    pub(super) fn defines(&self, image: &Image<'_>, name: &[u8]) -> bool {
        (0..self.len).any(|number| {
            let is_it = || {
                let at = image.u32(self.table, number.checked_mul(self.entry_len)?)?;
                let text = self.strings.get(usize::try_from(at).ok()?..)?;
                text.strip_prefix(name)?.first().copied()
            };
            is_it() == Some(0)
                && self
                    .get(image, number as u64)
                    .is_some_and(|symbol| symbol.is_defined)
        })
    }

    fn check(&self, image: &Image<'_>) -> Result<()> {
        let mut is_blank = true;
        for entry in self.table.chunks_exact(self.entry_len).take(self.len) {
            let name = image.u32(entry, 0).unwrap_or_default();
            if name as usize >= self.strings.len() {
                return Err(outside("table of names"));
            }
            is_blank &= name == 0;
        }
        match self.len > 1 && is_blank {
            true => Err(blank("table of symbols")),
            false => Ok(()),
        }
    }
}

/// Checks the table of `DT_HASH`, and returns how many symbols there are.
fn hash(image: &Image<'_>, address: u64, most: usize) -> Result<usize> {
    const WHAT: &str = "table of hashes";
    let table = image.from(address).ok_or_else(|| outside(WHAT))?;
    let number = |at: usize| image.u32(table, at).map(|number| number as usize);
    let (Some(buckets), Some(chains)) = (number(0), number(4)) else {
        return Err(outside(WHAT));
    };
    if buckets == 0 || chains == 0 {
        return Err(blank(WHAT));
    }
    if chains > most {
        return Err(outside("table of symbols"));
    }
    let start = |at: usize| at.checked_mul(4).and_then(|at| at.checked_add(8));
    let entries = buckets
        .checked_add(chains)
        .and_then(start)
        .and_then(|end| table.get(8..end))
        .ok_or_else(|| outside(WHAT))?;
    let entries: Vec<usize> = entries
        .chunks_exact(4)
        .filter_map(|entry| image.u32(entry, 0))
        .map(|entry| entry as usize)
        .collect();
    let (heads, links) = entries.split_at(buckets);
    // Each symbol is in one chain, or in none; else one goes in a circle.
    let mut seen = vec![false; chains];
    for head in heads {
        let mut at = *head;
        while at != 0 {
            let (Some(seen), Some(next)) = (seen.get_mut(at), links.get(at)) else {
                return Err(outside("table of symbols"));
            };
            if std::mem::replace(seen, true) {
                return Err(damaged("its table of hashes goes in a circle"));
            }
            at = *next;
        }
    }
    Ok(chains)
}

/// Checks the table of `DT_GNU_HASH`, and returns how many symbols are known to
/// be there.
fn gnu_hash(image: &Image<'_>, address: u64, most: usize) -> Result<usize> {
    const WHAT: &str = "table of hashes";
    let table = image.from(address).ok_or_else(|| outside(WHAT))?;
    let number = |at: usize| image.u32(table, at).map(|number| number as usize);
    let (Some(buckets), Some(first), Some(bloom)) = (number(0), number(4), number(8)) else {
        return Err(outside(WHAT));
    };
    // The linker ends the process if it is not a power of two.
    if buckets == 0 || !bloom.is_power_of_two() {
        return Err(match buckets | bloom {
            0 => blank(WHAT),
            _ => damaged("its table of hashes is malformed"),
        });
    }
    let heads_at = bloom
        .checked_mul(image.word_len())
        .and_then(|len| len.checked_add(16))
        .ok_or_else(|| outside(WHAT))?;
    let chains_at = buckets
        .checked_mul(4)
        .and_then(|len| len.checked_add(heads_at))
        .ok_or_else(|| outside(WHAT))?;
    let heads = table
        .get(heads_at..chains_at)
        .ok_or_else(|| outside(WHAT))?;
    let heads: BTreeSet<usize> = heads
        .chunks_exact(4)
        .filter_map(|head| image.u32(head, 0))
        .map(|head| head as usize)
        .filter(|head| *head != 0)
        .collect();
    let mut len = first.min(most);
    for head in heads {
        if head < first {
            return Err(outside("table of symbols"));
        }
        // Chains follow one another, and each ends with an odd hash. This one
        // ends where the one before it did.
        if head < len {
            continue;
        }
        let mut at = head;
        loop {
            let entry = at
                .checked_sub(first)
                .and_then(|chain| chain.checked_mul(4))
                .and_then(|chain| chain.checked_add(chains_at))
                .and_then(number)
                .ok_or_else(|| outside(WHAT))?;
            at += 1;
            if at > most {
                return Err(outside("table of symbols"));
            }
            if entry & 1 == 1 {
                break;
            }
        }
        len = len.max(at);
    }
    Ok(len)
}
