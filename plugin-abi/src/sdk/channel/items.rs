//! Items of a stream in a buffer: a list.

use crate::abi::{OutBuf, Status};
use crate::codec::{self, CodecError, Decode, Encode, Reader};
use crate::sdk::lend;

/// Writes a stream's items, as a list: how that ended. Numbers are lent.
pub(super) fn write<T: Encode>(items: Vec<T>, out: &mut OutBuf, workload: u64) -> Status {
    if !lend::is_worth_it(&items) {
        return write_value(&items, out, workload);
    }
    ended(lend::lend(items, out, workload), out)
}

/// Writes a future's value: how that ended.
pub(super) fn write_value(value: &impl Encode, out: &mut OutBuf, workload: u64) -> Status {
    let written = codec::to_out(value, out, workload);
    ended(written.map(|()| Status::OK), out)
}

fn ended(written: Result<Status, CodecError>, out: &mut OutBuf) -> Status {
    written.unwrap_or_else(|error| {
        out.set_text(&format!("it cannot be written: {error}"));
        Status::FAILED
    })
}

/// Reads a stream's items.
pub(super) fn read<T: for<'a> Decode<'a>>(buffer: &[u8]) -> Result<Vec<T>, CodecError> {
    if T::SIZE > 0 {
        return codec::from_slice(buffer);
    }
    // Items without a payload: there is no list of them, but their number.
    let reader = Reader::new(buffer);
    let (_, len) = reader.pair(0)?;
    (0..len).map(|_| T::decode(reader, 0)).collect()
}
