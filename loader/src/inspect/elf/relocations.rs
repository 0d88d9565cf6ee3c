//! What the dynamic linker writes into a library, and calls of it, while it
//! loads it.
//!
//! It does so unasked and unchecked, so all of it is checked here: that each
//! place is one that can be written to, that each symbol is there, and that
//! what is called is code.

use std::collections::BTreeMap;

use object::elf::{self, DynamicTag};

use super::super::binary::damaged;
use super::image::{Image, outside};
use super::segments::blank;
use super::symbols::Symbols;
use crate::rejection::RejectionCause;

type Result<T> = std::result::Result<T, RejectionCause>;

/// A library has a handful of functions that run when it is loaded.
const MAX_FUNCTIONS: u64 = 1 << 16;

/// More entries that say nothing than this, in bytes, are a page of the file
/// that was not written.
const MAX_EMPTY: usize = 4096;

/// A place that the linker writes an address of the library itself to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pointer {
    /// The place.
    pub(super) place: u64,
    /// What is written there.
    pub(super) target: u64,
}

/// What was seen while the relocations were checked.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether thread-local variables of the library lie at fixed places in
    /// each thread.
    pub(super) has_static_tls: bool,
    /// Whether some relocations are packed in the form of `DT_RELR`.
    pub(super) is_packed: bool,
}

/// The kinds of relocations of a processor that are looked at.
#[derive(Clone, Copy)]
struct Kinds {
    /// An address of the library.
    relative: u64,
    /// The place of a thread-local variable, as seen from each thread.
    tls: u64,
    /// A function to call, whose result is written.
    indirect: u64,
}

fn kinds(machine: elf::Machine) -> Option<Kinds> {
    let (relative, tls, indirect) = match machine {
        elf::EM_X86_64 => (8, 18, 37),
        elf::EM_AARCH64 => (1027, 1030, 1032),
        elf::EM_RISCV => (3, 11, 58),
        elf::EM_LOONGARCH => (3, 11, 12),
        elf::EM_S390 => (12, 56, 61),
        elf::EM_PPC64 => (22, 73, 248),
        _ => return None,
    };
    Some(Kinds {
        relative,
        tls,
        indirect,
    })
}

/// Checks what is relocated and what is called, and shows each address that is
/// written.
///
/// # Errors
///
/// If a table leads out of the file, a place is not in the library, or what is
/// called is not code; and what `see` returns.
pub(super) fn check(
    image: &Image<'_>,
    symbols: &Symbols<'_>,
    mut see: impl FnMut(Pointer) -> Result<()>,
) -> Result<Seen> {
    let mut walk = Walk {
        image,
        symbols,
        kinds: kinds(image.machine()),
        functions: BTreeMap::new(),
        seen: Seen::default(),
        may_write_anywhere: image.value(elf::DT_TEXTREL).is_some()
            || image.value(elf::DT_FLAGS).unwrap_or_default() & elf::DF_TEXTREL.0 != 0,
    };
    walk.list(elf::DT_INIT_ARRAY, elf::DT_INIT_ARRAYSZ)?;
    walk.list(elf::DT_FINI_ARRAY, elf::DT_FINI_ARRAYSZ)?;
    for (tag, what) in [
        (elf::DT_INIT, "function that runs when it is loaded"),
        (elf::DT_FINI, "function that runs when the host ends"),
    ] {
        if let Some(address) = image.value(tag) {
            walk.check_code(address, what)?;
        }
    }
    walk.tables(&mut see)?;
    walk.check_functions()?;
    Ok(walk.seen)
}

struct Walk<'a, 'b> {
    image: &'b Image<'a>,
    symbols: &'b Symbols<'a>,
    kinds: Option<Kinds>,
    /// The places of functions that the linker calls, and whether one is
    /// written there.
    functions: BTreeMap<u64, bool>,
    seen: Seen,
    may_write_anywhere: bool,
}

impl Walk<'_, '_> {
    /// Notes the places of a list of functions.
    fn list(&mut self, at: DynamicTag, len: DynamicTag) -> Result<()> {
        const WHAT: &str = "list of functions to run";
        let Some(address) = self.image.value(at) else {
            return Ok(());
        };
        let len = self.image.value(len).unwrap_or_default();
        let word = self.image.word_len() as u64;
        if !len.is_multiple_of(word) || len / word > MAX_FUNCTIONS {
            return Err(damaged(format!("its {WHAT} has {len} bytes")));
        }
        self.image.table(WHAT, address, len.max(1))?;
        let places = (0..len / word).filter_map(|i| address.checked_add(i * word));
        self.functions.extend(places.map(|place| (place, false)));
        Ok(())
    }

    /// Goes through the tables of relocations.
    fn tables(&mut self, see: &mut impl FnMut(Pointer) -> Result<()>) -> Result<()> {
        let word = self.image.word_len() as u64;
        let value = |tag| self.image.value(tag);
        let with_addend = (elf::DT_RELA, elf::DT_RELASZ, elf::DT_RELAENT, 3 * word);
        let without = (elf::DT_REL, elf::DT_RELSZ, elf::DT_RELENT, 2 * word);
        let counts = [elf::DT_RELACOUNT, elf::DT_RELCOUNT];
        for ((at, len, entry, size), count) in [with_addend, without].into_iter().zip(counts) {
            let Some(address) = value(at) else { continue };
            if value(entry).is_some_and(|len| len != size) {
                return Err(damaged(
                    "its relocations are not as large as those of its kind",
                ));
            }
            let len = value(len).unwrap_or_default();
            let relative = value(count).unwrap_or_default();
            self.table(address, len, size, relative, see)?;
        }
        if let Some(address) = value(elf::DT_JMPREL) {
            let len = value(elf::DT_PLTRELSZ).unwrap_or_default();
            // Either kind, as this entry says.
            let size = match value(elf::DT_PLTREL).unwrap_or_default() == elf::DT_RELA.0 as u64 {
                true => 3 * word,
                false => 2 * word,
            };
            self.table(address, len, size, 0, see)?;
        }
        if let Some(address) = value(elf::DT_RELR) {
            self.seen.is_packed = true;
            let len = value(elf::DT_RELRSZ).unwrap_or_default();
            self.packed(address, len, see)?;
        }
        Ok(())
    }

    /// Goes through one table. The linker takes the first `relative` entries to
    /// be addresses of the library, and does not look whether they are.
    fn table(
        &mut self,
        address: u64,
        len: u64,
        entry_len: u64,
        relative: u64,
        see: &mut impl FnMut(Pointer) -> Result<()>,
    ) -> Result<()> {
        const WHAT: &str = "table of relocations";
        if len == 0 {
            return Ok(());
        }
        if !len.is_multiple_of(entry_len) || len / entry_len < relative {
            return Err(damaged(format!("its {WHAT} has {len} bytes")));
        }
        let table = self.image.table(WHAT, address, len)?;
        if table.iter().all(|byte| *byte == 0) {
            return Err(blank(WHAT));
        }
        let word = self.image.word_len();
        let entry_len = usize::try_from(entry_len).map_err(|_| outside(WHAT))?;
        let has_addend = entry_len == 3 * word;
        let mut empty = 0;
        for (index, entry) in table.chunks_exact(entry_len).enumerate() {
            let (Some(place), Some(info)) =
                (self.image.word(entry, 0), self.image.word(entry, word))
            else {
                return Err(outside(WHAT));
            };
            let (symbol, kind) = match word {
                8 => (info >> 32, info & 0xffff_ffff),
                _ => (info >> 8, info & 0xff),
            };
            let addend = match has_addend {
                true => self.image.word(entry, 2 * word),
                false => self.image.word_at(place),
            };
            let is_relative = self.kinds.as_ref().map(|kinds| kind == kinds.relative);
            if (index as u64) < relative && is_relative == Some(false) {
                return Err(damaged(format!(
                    "its {WHAT} does not begin as it says: not all of it was written"
                )));
            }
            // It says nothing: a linker had reserved too many, but not a page
            // of them.
            if kind == 0 && symbol == 0 {
                empty += entry_len;
                if empty >= MAX_EMPTY {
                    return Err(blank(WHAT));
                }
                continue;
            }
            self.entry(place, symbol, kind, addend, see)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        place: u64,
        symbol: u64,
        kind: u64,
        addend: Option<u64>,
        see: &mut impl FnMut(Pointer) -> Result<()>,
    ) -> Result<()> {
        self.check_place(place)?;
        let Some(kinds) = self.kinds else {
            self.called(place);
            return Ok(());
        };
        let found = self
            .symbols
            .get(self.image, symbol)
            .ok_or_else(|| damaged("a relocation names a symbol that it does not have"))?;
        if kind == kinds.relative {
            let target = addend.unwrap_or_default();
            return self.pointer(Pointer { place, target }, see);
        }
        if kind == kinds.indirect {
            self.check_code(
                addend.unwrap_or_default(),
                "function that chooses another one while it is loaded",
            )?;
        }
        if kind == kinds.tls && (symbol == 0 || found.is_defined) {
            self.seen.has_static_tls = true;
        }
        self.called(place);
        Ok(())
    }

    /// Goes through the table that has a bit for each place.
    fn packed(
        &mut self,
        address: u64,
        len: u64,
        see: &mut impl FnMut(Pointer) -> Result<()>,
    ) -> Result<()> {
        const WHAT: &str = "table of packed relocations";
        let word = self.image.word_len();
        let table = self.image.table(WHAT, address, len)?;
        let mut next = 0_u64;
        for entry in table.chunks_exact(word) {
            let entry = self.image.word(entry, 0).ok_or_else(|| outside(WHAT))?;
            if entry & 1 == 0 {
                self.written(entry, see)?;
                next = entry.saturating_add(word as u64);
                continue;
            }
            let places = word as u64 * 8 - 1;
            for bit in 0..places {
                if entry >> (bit + 1) & 1 == 1 {
                    self.written(next.saturating_add(bit * word as u64), see)?;
                }
            }
            next = next.saturating_add(places * word as u64);
        }
        Ok(())
    }

    /// A place whose own content is an address of the library.
    fn written(&mut self, place: u64, see: &mut impl FnMut(Pointer) -> Result<()>) -> Result<()> {
        self.check_place(place)?;
        let target = self.image.word_at(place).unwrap_or_default();
        self.pointer(Pointer { place, target }, see)
    }

    fn pointer(
        &mut self,
        pointer: Pointer,
        see: &mut impl FnMut(Pointer) -> Result<()>,
    ) -> Result<()> {
        if self.functions.contains_key(&pointer.place) {
            self.check_code(pointer.target, "function that runs when it is loaded")?;
            self.called(pointer.place);
        }
        see(pointer)
    }

    /// Notes that something is written to a place.
    fn called(&mut self, place: u64) {
        if let Some(is_written) = self.functions.get_mut(&place) {
            *is_written = true;
        }
    }

    fn check_place(&self, place: u64) -> Result<()> {
        match self.image.holder(place, self.image.word_len() as u64) {
            Some(holder) if holder.is_writable() || self.may_write_anywhere => Ok(()),
            Some(_) => Err(damaged(
                "a relocation is to be written to where nothing can be",
            )),
            None => Err(damaged("a relocation is to be written to outside of it")),
        }
    }

    /// Checks that there is code at an address, and not zeros.
    fn check_code(&self, address: u64, what: &str) -> Result<()> {
        // There, functions have a descriptor among the data.
        if self.image.machine() == elf::EM_PPC64 {
            return Ok(());
        }
        let is_code = self
            .image
            .holder(address, 1)
            .is_some_and(|holder| holder.is_executable());
        // The shortest ones have a byte or two.
        let code = self.image.from(address).unwrap_or_default();
        let code = code.get(..4).unwrap_or(code);
        match code.iter().all(|byte| *byte == 0) {
            false if is_code => Ok(()),
            true if is_code && !code.is_empty() => Err(blank(what)),
            _ => Err(damaged(format!("its {what} is not in its code"))),
        }
    }

    /// Each function of the lists has to be written there: what stands in the
    /// file is no address yet.
    fn check_functions(&self) -> Result<()> {
        match self.functions.values().all(|is_written| *is_written) {
            true => Ok(()),
            false => Err(damaged(
                "its list of functions to run has one that leads nowhere",
            )),
        }
    }
}
