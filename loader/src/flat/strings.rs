//! A guest's strings, in the encoding that it chose.

use wash_plugin_abi::abi::Buffer;
use wash_runtime::wasmtime::component::__internal::LiftContext;
use wash_runtime::wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wash_runtime::wasmtime::{Result, bail, ensure};

use super::{is_aligned, slice};

/// In latin1+utf16, the length's top bit says which of the two it is.
const UTF16_TAG: usize = 1 << 31;

/// Appends the guest's string to `buffer` as UTF-8: its offset and length.
pub(super) fn lift(
    cx: &mut LiftContext<'_>,
    buffer: &mut Buffer,
    ptr: usize,
    len: usize,
) -> Result<(usize, usize)> {
    let encoding = cx.options().string_encoding;
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
    let bytes = slice(cx.memory(), ptr, units.saturating_mul(width))?;
    cx.consume_fuel(bytes.len())?;

    let offset = buffer.as_slice().len();
    match (encoding, width) {
        (StringEncoding::Utf8, _) => {
            std::str::from_utf8(bytes)?;
            buffer.extend(bytes)?;
        }
        (_, 2) => utf16(bytes, buffer)?,
        _ => {
            for byte in bytes {
                push(buffer, char::from(*byte))?;
            }
        }
    }
    Ok((offset, buffer.as_slice().len() - offset))
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
