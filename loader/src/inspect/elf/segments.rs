//! Whether the parts that the dynamic linker goes by are in the file: what the
//! program headers tell of, and the sections.
//!
//! A file whose copy broke off has the right length and zeros for the rest, so
//! a part that is there has to say something, too.

use object::{
    Endianness, elf,
    read::elf::{FileHeader, SectionHeader},
};

use super::super::binary::damaged;
use super::image::{Image, Segment, outside};
use crate::rejection::RejectionCause;

type Result<T> = std::result::Result<T, RejectionCause>;

/// The smallest page of memory that a machine has.
const PAGE: u64 = 4096;
/// Nothing needs a larger alignment.
const MAX_ALIGN: u64 = 1 << 30;

/// Checks the segments.
///
/// # Errors
///
/// If the dynamic linker would refuse them, or read where nothing is.
pub(super) fn check(image: &Image<'_>) -> Result<()> {
    if image.loaded().next().is_none() {
        return Err(damaged("it has no segment to load"));
    }
    for segment in image.loaded() {
        check_loaded(segment)?;
    }
    for segment in image.segments() {
        match segment.kind {
            elf::PT_DYNAMIC => check_mapped(image, segment, "dynamic segment")?,
            elf::PT_TLS => check_tls(image, segment)?,
            elf::PT_GNU_RELRO => check_relro(image, segment)?,
            elf::PT_PHDR => {
                check_mapped(image, segment, "table of program headers")?;
                if segment.offset != image.headers_at() {
                    return Err(damaged(
                        "its table of program headers is not where its header says",
                    ));
                }
            }
            elf::PT_GNU_EH_FRAME => {
                check_mapped(image, segment, "table for unwinding")?;
                // Its first byte is its version. Without the table, a panic in
                // the plugin could not be caught, and would end the host.
                if image.at(segment.address, 1).is_some_and(|b| b == [0]) {
                    return Err(blank("table for unwinding"));
                }
            }
            _ => {}
        }
    }
    check_stack(image)
}

fn check_loaded(segment: &Segment) -> Result<()> {
    let align = segment.align;
    if align > MAX_ALIGN || align > 1 && !align.is_power_of_two() {
        return Err(damaged(format!("a segment is aligned to {align} bytes")));
    }
    if !align.is_multiple_of(PAGE) || align == 0 {
        return Err(damaged("a segment to load is not aligned to a page"));
    }
    if segment.address % align != segment.offset % align {
        return Err(damaged(
            "a segment's address and its place in the file do not go together",
        ));
    }
    Ok(())
}

/// Checks that a part is where the linker looks for it, which is by its
/// address, and not just where its offset says.
fn check_mapped(image: &Image<'_>, segment: &Segment, what: &str) -> Result<()> {
    let holder = image
        .holder(segment.address, segment.memory_len.max(1))
        .ok_or_else(|| outside(what))?;
    let is_same_place = segment.address.checked_sub(holder.address)
        == segment.offset.checked_sub(holder.offset)
        && segment.address >= holder.address;
    if segment.file_len == 0
        || !is_same_place
        || image.at(segment.address, segment.file_len).is_none()
    {
        return Err(outside(what));
    }
    if segment.is_writable() && !holder.is_writable() {
        return Err(damaged(format!(
            "its {what} is to be written to, and lies where nothing can be"
        )));
    }
    Ok(())
}

fn check_tls(image: &Image<'_>, segment: &Segment) -> Result<()> {
    if segment.memory_len == 0 {
        return Ok(());
    }
    if segment.memory_len < segment.file_len {
        return Err(damaged(
            "its thread-local variables are smaller in memory than in the file",
        ));
    }
    if segment.align > MAX_ALIGN || segment.align > 1 && !segment.align.is_power_of_two() {
        return Err(damaged(format!(
            "its thread-local variables are aligned to {} bytes",
            segment.align
        )));
    }
    // What follows the file's part is zeros, which take no room anywhere.
    match segment.file_len {
        0 => Ok(()),
        _ => check_mapped(
            image,
            &Segment {
                memory_len: segment.file_len,
                ..*segment
            },
            "thread-local variables",
        ),
    }
}

/// What becomes read-only once it is relocated. The linker rounds it to pages.
fn check_relro(image: &Image<'_>, segment: &Segment) -> Result<()> {
    let what = "part that is read-only once it is relocated";
    let first = image
        .holder(segment.address, 1)
        .ok_or_else(|| outside(what))?;
    let end = image
        .loaded()
        .filter(|loaded| loaded.address >= first.address)
        .map(|loaded| {
            loaded
                .end()
                .div_ceil(loaded.align.max(PAGE))
                .saturating_mul(loaded.align.max(PAGE))
        })
        .max()
        .unwrap_or_default();
    if segment.end() > end {
        return Err(outside(what));
    }
    Ok(())
}

/// Where a library wants code on the stack, the linker makes the stacks of the
/// whole process executable, or refuses it.
fn check_stack(image: &Image<'_>) -> Result<()> {
    match image.segment(elf::PT_GNU_STACK) {
        Some(stack) if stack.is_executable() => Err(RejectionCause::ExecutableStack),
        _ => Ok(()),
    }
}

/// Checks that the section table says something, and that there is code where
/// it says so.
///
/// Loading a library needs no sections, but linkers put their table at the very
/// end: without it, this is not the file that somebody built.
///
/// # Errors
///
/// If it is beyond the end of the file, or zeros are in its place or in that of
/// the code.
pub(super) fn check_sections<H>(header: &H, endian: Endianness, image: &Image<'_>) -> Result<()>
where
    H: FileHeader<Endian = Endianness>,
{
    let sections = header
        .section_headers(endian, image.bytes())
        .map_err(|_| damaged("its section table lies beyond the end of the file; it is cut off"))?;
    if sections.is_empty() {
        return Ok(());
    }
    // Only the first one stands for none.
    let last = sections.last().map(|section| section.sh_type(endian));
    if sections.len() > 1 && last == Some(elf::SHT_NULL) {
        return Err(blank("section table"));
    }
    check_names(header, endian, image, sections)?;
    let code = sections.iter().filter(|section| {
        let flags = section.sh_flags(endian).0;
        flags & elf::SHF_EXECINSTR.0 != 0
            && section.sh_type(endian) == elf::SHT_PROGBITS
            // Room between parts that have to be so far apart is no damage.
            && section.sh_addralign(endian).into() <= PAGE
    });
    for section in code {
        let (offset, len) = (
            section.sh_offset(endian).into(),
            section.sh_size(endian).into(),
        );
        let code = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(len).ok())
            .and_then(|(offset, len)| image.bytes().get(offset..offset.checked_add(len)?))
            .ok_or_else(|| damaged("its code lies beyond the end of the file; it is cut off"))?;
        check_code(code, offset)?;
    }
    Ok(())
}

/// Checks that the sections' names are there.
fn check_names<H>(
    header: &H,
    endian: Endianness,
    image: &Image<'_>,
    sections: &[H::SectionHeader],
) -> Result<()>
where
    H: FileHeader<Endian = Endianness>,
{
    let index = header
        .shstrndx(endian, image.bytes())
        .map_err(|_| outside("table of section names"))?;
    if index == 0 {
        return Ok(());
    }
    let names = usize::try_from(index)
        .ok()
        .and_then(|index| sections.get(index))
        .and_then(|names| names.data(endian, image.bytes()).ok())
        .ok_or_else(|| outside("table of section names"))?;
    match names.iter().all(|byte| *byte == 0) {
        true => Err(blank("table of section names")),
        false => Ok(()),
    }
}

/// Checks that no page of the file that should have code has zeros alone.
fn check_code(code: &[u8], offset: u64) -> Result<()> {
    let to_page = usize::try_from((PAGE - offset % PAGE) % PAGE).unwrap_or_default();
    let pages = code.get(to_page..).unwrap_or_default();
    let pages = pages.chunks_exact(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let missing = pages
        .filter(|page| page.iter().all(|byte| *byte == 0))
        .count() as u64;
    match missing {
        0 => Ok(()),
        missing => Err(damaged(format!(
            "{} KiB of its code are zeros: not all of it was written",
            missing * PAGE / 1024
        ))),
    }
}

/// What is said of a part that is there and has only zeros.
pub(super) fn blank(what: &str) -> RejectionCause {
    damaged(format!(
        "its {what} is zeros: not all of the file was written"
    ))
}
