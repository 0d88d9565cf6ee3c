//! A guest's strings, in the encoding that it chose.

use wash_plugin_abi::abi::Buffer;
use wash_runtime::wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wash_runtime::wasmtime::{Result, bail, ensure};

use super::{is_aligned, slice};

/// In latin1+utf16, the length's top bit says which of the two it is.
const UTF16_TAG: usize = 1 << 31;

/// A string in a guest's memory, which is not known to be one yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    encoding: StringEncoding,
    /// Bytes of a code unit.
    width: usize,
}

/// Finds the string of that address and length, as the guest passes both.
#[inline]
pub(super) fn find(
    encoding: StringEncoding,
    memory: &[u8],
    ptr: usize,
    len: usize,
) -> Result<Text<'_>> {
    let (units, width, align) = match encoding {
        StringEncoding::Utf8 => (len, 1, 1),
        StringEncoding::Utf16 => (len, 2, 2),
        StringEncoding::CompactUtf16 if len & UTF16_TAG == 0 => (len, 1, 2),
        StringEncoding::CompactUtf16 => (len ^ UTF16_TAG, 2, 2),
    };
    ensure!(
        is_aligned(ptr, align),
        "string pointer not aligned to {align}"
    );
    Ok(Text {
        bytes: slice(memory, ptr, units.saturating_mul(width))?,
        encoding,
        width,
    })
}

impl Text<'_> {
    /// Whether it is, if it is a string at all.
    #[inline]
    pub(super) fn is_utf8(&self) -> bool {
        matches!(self.encoding, StringEncoding::Utf8)
    }

    /// Appends it to `buffer` as UTF-8: its offset and length.
    pub(super) fn copy(&self, buffer: &mut Buffer) -> Result<(usize, usize)> {
        let offset = buffer.as_slice().len();
        match self.width {
            _ if self.is_utf8() => {
                std::str::from_utf8(self.bytes)?;
                buffer.extend(self.bytes)?;
            }
            2 => utf16(self.bytes, buffer)?,
            _ => {
                for byte in self.bytes {
                    push(buffer, char::from(*byte))?;
                }
            }
        }
        Ok((offset, buffer.as_slice().len() - offset))
    }
}

fn utf16(bytes: &[u8], buffer: &mut Buffer) -> Result<()> {
    let (units, _) = bytes.as_chunks::<2>();
    for unit in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        match unit {
            Ok(c) => push(buffer, c)?,
            Err(error) => bail!("the string is not UTF-16: {error}"),
        }
    }
    Ok(())
}

fn push(buffer: &mut Buffer, c: char) -> Result<()> {
    buffer.extend(c.encode_utf8(&mut [0; 4]).as_bytes())?;
    Ok(())
}
