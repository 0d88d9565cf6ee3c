//! A library as the dynamic linker sees it: segments at their addresses, and
//! the entries of the dynamic segment.
//!
//! The linker goes by addresses, and a file has offsets. Everything here is
//! looked up by address, so that what is checked is what the linker reads.

use object::{
    Endianness,
    elf::{self, DynamicTag, Machine, ProgramType},
    read::elf::{Dyn, FileHeader, ProgramHeader},
};

use super::super::binary::{broken, damaged};
use crate::rejection::RejectionCause;

type Result<T> = std::result::Result<T, RejectionCause>;

/// A library has a handful of segments; more than this cost time for nothing.
const MAX_SEGMENTS: usize = 1024;
/// A library has some dozens of dynamic entries, and one for each library that
/// it needs.
const MAX_ENTRIES: usize = 1 << 16;

/// A segment, with its numbers as the program header has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) kind: ProgramType,
    pub(super) flags: elf::ProgramFlags,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_len: u64,
    pub(super) memory_len: u64,
    pub(super) align: u64,
}

impl Segment {
    /// Whether the linker maps it so that it can be written to.
    pub(super) fn is_writable(&self) -> bool {
        self.flags.0 & elf::PF_W.0 != 0
    }

    /// Whether code in it can run.
    pub(super) fn is_executable(&self) -> bool {
        self.flags.0 & elf::PF_X.0 != 0
    }

    /// The address behind its last byte in memory. [`Image::parse`] made sure
    /// that there is one.
    pub(super) fn end(&self) -> u64 {
        self.address.saturating_add(self.memory_len)
    }

    /// Whether so many bytes at an address lie in it, once it is in memory.
    pub(super) fn holds(&self, address: u64, len: u64) -> bool {
        address >= self.address
            && address
                .checked_add(len)
                .is_some_and(|end| end <= self.end())
    }
}

/// A library as the dynamic linker sees it.
#[derive(Debug)]
pub(super) struct Image<'a> {
    bytes: &'a [u8],
    segments: Vec<Segment>,
    dynamic: Vec<(DynamicTag, u64)>,
    is_64: bool,
    is_little: bool,
    machine: Machine,
    headers_at: u64,
}

impl<'a> Image<'a> {
    /// Reads the segments and the dynamic entries.
    ///
    /// # Errors
    ///
    /// If a segment lies beyond the end of the file or overlaps another, or if
    /// there are too many of them.
    pub(super) fn parse<H>(header: &H, endian: Endianness, bytes: &'a [u8]) -> Result<Self>
    where
        H: FileHeader<Endian = Endianness>,
    {
        let headers = header.program_headers(endian, bytes).map_err(broken)?;
        if headers.is_empty() {
            return Err(damaged("it has no segments"));
        }
        if headers.len() > MAX_SEGMENTS {
            return Err(damaged(format!("it has {} segments", headers.len())));
        }
        let mut image = Self {
            bytes,
            segments: Vec::with_capacity(headers.len()),
            dynamic: Vec::new(),
            is_64: header.is_type_64(),
            is_little: header.is_little_endian(),
            machine: header.e_machine(endian),
            headers_at: header.e_phoff(endian).into(),
        };
        for header in headers {
            image.add(Segment {
                kind: header.p_type(endian),
                flags: header.p_flags(endian),
                offset: header.p_offset(endian).into(),
                address: header.p_vaddr(endian).into(),
                file_len: header.p_filesz(endian).into(),
                memory_len: header.p_memsz(endian).into(),
                align: header.p_align(endian).into(),
            })?;
        }
        for header in headers {
            let entries = header.dynamic(endian, bytes).map_err(broken)?;
            let entries = entries.unwrap_or_default().iter();
            let entries = entries
                .map(|entry| (entry.tag(endian), entry.val(endian)))
                .take_while(|(tag, _)| *tag != elf::DT_NULL);
            image.dynamic.extend(entries.take(MAX_ENTRIES + 1));
        }
        if image.dynamic.len() > MAX_ENTRIES {
            return Err(damaged(format!(
                "its dynamic segment has more than {MAX_ENTRIES} entries"
            )));
        }
        Ok(image)
    }

    /// Adds a segment, unless it is not wholly there.
    fn add(&mut self, segment: Segment) -> Result<()> {
        // Loading it would fail, or worse: a page beyond the end of the file
        // is a SIGBUS when it is touched.
        if self.contents(&segment).is_none() {
            return Err(damaged(
                "a segment lies beyond the end of the file; it is cut off",
            ));
        }
        if segment.address.checked_add(segment.memory_len).is_none() {
            return Err(damaged("a segment lies beyond the end of memory"));
        }
        if segment.kind == elf::PT_LOAD {
            if segment.memory_len < segment.file_len {
                return Err(damaged("a segment is smaller in memory than in the file"));
            }
            // The linker takes them to be in order: it reserves memory from the
            // first to the last.
            if self.loaded().any(|other| other.end() > segment.address) {
                return Err(damaged("its segments overlap, or are out of order"));
            }
        } else if [
            elf::PT_DYNAMIC,
            elf::PT_TLS,
            elf::PT_GNU_RELRO,
            elf::PT_PHDR,
        ]
        .contains(&segment.kind)
            && self.segment(segment.kind).is_some()
        {
            return Err(damaged(format!(
                "it has two segments of type {:#x}, of which there can be one",
                segment.kind.0
            )));
        }
        self.segments.push(segment);
        Ok(())
    }

    /// The whole file.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The processor that the library is built for.
    pub(super) fn machine(&self) -> Machine {
        self.machine
    }

    /// Where in the file the program headers are.
    pub(super) fn headers_at(&self) -> u64 {
        self.headers_at
    }

    /// The size of an address in bytes.
    pub(super) fn word_len(&self) -> usize {
        if self.is_64 { 8 } else { 4 }
    }

    /// All segments, as they stand in the file.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segments that the linker maps, in the order of their addresses.
    pub(super) fn loaded(&self) -> impl Iterator<Item = &Segment> {
        self.segments
            .iter()
            .filter(|segment| segment.kind == elf::PT_LOAD)
    }

    /// The segment of a type that a library has once.
    pub(super) fn segment(&self, kind: ProgramType) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.kind == kind)
    }

    /// The entries of the dynamic segment, without the one that ends it.
    pub(super) fn dynamic(&self) -> &[(DynamicTag, u64)] {
        &self.dynamic
    }

    /// The value of a dynamic entry. Where a tag stands twice, linkers go by
    /// the last one.
    pub(super) fn value(&self, wanted: DynamicTag) -> Option<u64> {
        let mut entries = self.dynamic.iter().rev();
        entries
            .find(|(tag, _)| *tag == wanted)
            .map(|(_, value)| *value)
    }

    /// The mapped segment that holds so many bytes at an address, in memory.
    pub(super) fn holder(&self, address: u64, len: u64) -> Option<&Segment> {
        self.loaded().find(|segment| segment.holds(address, len))
    }

    /// A segment's part of the file.
    pub(super) fn contents(&self, segment: &Segment) -> Option<&'a [u8]> {
        let start = usize::try_from(segment.offset).ok()?;
        let len = usize::try_from(segment.file_len).ok()?;
        self.bytes.get(start..start.checked_add(len)?)
    }

    /// The bytes of the file that are mapped from an address to the end of its
    /// segment.
    pub(super) fn from(&self, address: u64) -> Option<&'a [u8]> {
        let segment = self.holder(address, 1)?;
        let skipped = address.checked_sub(segment.address)?;
        self.contents(segment)?
            .get(usize::try_from(skipped).ok()?..)
    }

    /// The bytes of the file that are mapped at an address.
    pub(super) fn at(&self, address: u64, len: u64) -> Option<&'a [u8]> {
        self.from(address)?.get(..usize::try_from(len).ok()?)
    }

    /// The bytes of a table that the dynamic segment tells of.
    ///
    /// # Errors
    ///
    /// If it is not in the file.
    pub(super) fn table(&self, what: &str, address: u64, len: u64) -> Result<&'a [u8]> {
        self.at(address, len).ok_or_else(|| outside(what))
    }

    /// The number of 16 bits at an offset in `bytes`.
    pub(super) fn u16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..)?.first_chunk::<2>()?;
        Some(match self.is_little {
            true => u16::from_le_bytes(*bytes),
            false => u16::from_be_bytes(*bytes),
        })
    }

    /// The number of 32 bits at an offset in `bytes`.
    pub(super) fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..)?.first_chunk::<4>()?;
        Some(match self.is_little {
            true => u32::from_le_bytes(*bytes),
            false => u32::from_be_bytes(*bytes),
        })
    }

    /// The number of an address's size at an offset in `bytes`.
    pub(super) fn word(&self, bytes: &[u8], at: usize) -> Option<u64> {
        if !self.is_64 {
            return self.u32(bytes, at).map(u64::from);
        }
        let bytes = bytes.get(at..)?.first_chunk::<8>()?;
        Some(match self.is_little {
            true => u64::from_le_bytes(*bytes),
            false => u64::from_be_bytes(*bytes),
        })
    }

    /// The number of an address's size that the file has at an address.
    pub(super) fn word_at(&self, address: u64) -> Option<u64> {
        self.word(self.at(address, self.word_len() as u64)?, 0)
    }
}

/// What is said of a part that is not in the file.
pub(super) fn outside(what: &str) -> RejectionCause {
    damaged(format!("its {what} lies outside of what the file has"))
}
