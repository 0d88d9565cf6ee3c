//! Lends a large result to the host, instead of copying it to the out buffer.
#![allow(
    unsafe_code,
    reason = "what is lent is behind a pointer until the host gives it back"
)]

use std::ffi::c_void;

use super::panic;
use crate::abi::{LentV1, OutBuf, Slice, Status};
use crate::codec::{self, CodecError, Encode};

/// As long as this, in bytes, a list or string costs more to copy than to lend.
const LEND_FROM: usize = 2048;

/// What keeps lent bytes alive.
struct Keeper<R> {
    lent: LentV1,
    results: R,
}

/// Whether there is something in `results` that is worth it.
#[inline]
pub(super) fn is_worth_it(results: &impl Encode) -> bool {
    results.lendable().len() >= LEND_FROM
}

/// Writes `results` to `out`, and keeps them where they are until the host has
/// read what is lent of them.
#[cold]
pub(super) fn lend<R: Encode>(
    results: R,
    out: &mut OutBuf,
    workload: u64,
) -> Result<Status, CodecError> {
    let keeper = Box::into_raw(Box::new(Keeper {
        lent: LentV1 {
            bytes: Slice::EMPTY,
            data: std::ptr::null_mut(),
            drop: drop_keeper::<R>,
        },
        results,
    }));
    // SAFETY: it was a box until just now. From here on the results stay where
    // they are and nobody changes them, so the bytes do too.
    let written = unsafe {
        let bytes = (*keeper).results.lendable();
        (*keeper).lent.bytes = Slice::new(bytes);
        (*keeper).lent.data = keeper.cast();
        codec::to_out_beside(&(*keeper).results, bytes, out, workload)
    };
    // SAFETY: as above.
    let lent = unsafe { &raw const (*keeper).lent };
    let address = lent.expose_provenance().to_le_bytes();
    match written.and_then(|()| Ok(out.append(&address)?)) {
        Ok(()) => Ok(Status::OK_LENT),
        Err(error) => {
            // SAFETY: nobody else knows of it.
            drop(unsafe { Box::from_raw(keeper) });
            Err(error)
        }
    }
}

/// # Safety
///
/// As [`LentV1::drop`]: `data` comes from [`lend`], once.
unsafe extern "C" fn drop_keeper<R>(data: *mut c_void) {
    panic::guard_silent(|| {
        // SAFETY: `lend` took it out of a box, and this is the only time.
        drop(unsafe { Box::from_raw(data.cast::<Keeper<R>>()) });
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::abi::{Buffer, LENT_AT, Lent};
    use crate::codec::{Layout, Reader, Writer};

    /// A result that tells when it is dropped.
    struct Counted(Option<Vec<u32>>, Arc<AtomicU32>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Layout for Counted {
        const SIZE: usize = Option::<Vec<u32>>::SIZE;
        const ALIGN: usize = Option::<Vec<u32>>::ALIGN;
    }

    impl Encode for Counted {
        fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
            self.0.encode(writer, at)
        }

        fn lendable(&self) -> &[u8] {
            self.0.lendable()
        }
    }

    #[test]
    fn a_long_list_is_lent_and_dropped_once_when_it_is_given_back() {
        let dropped = Arc::new(AtomicU32::new(0));
        let list: Vec<u32> = (0..1000).collect();
        let results = Counted(Some(list.clone()), Arc::clone(&dropped));
        assert!(is_worth_it(&results));
        let address = results.0.as_ref().unwrap().as_ptr();
        let mut out = Buffer::new();
        assert_eq!(lend(results, out.out(), 7).unwrap(), Status::OK_LENT);
        // The option, the pair, and the address of what is lent.
        assert_eq!(out.as_slice().len(), 12 + 8);
        let reader = Reader::new(out.as_slice());
        assert_eq!(reader.bytes(0).unwrap(), [1]);
        assert_eq!(reader.pair(4).unwrap(), (LENT_AT, 1000));

        // SAFETY: `lend` has written it.
        let lent = unsafe { Lent::take(&out) }.unwrap();
        assert_eq!(lent.as_bytes().as_ptr(), address.cast());
        assert_eq!(lent.as_bytes(), bytemuck::cast_slice::<u32, u8>(&list));
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(lent);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_is_short_or_no_list_of_numbers_is_not_worth_it() {
        assert!(is_worth_it(&"x".repeat(LEND_FROM)));
        assert!(!is_worth_it(&"x".repeat(LEND_FROM - 1)));
        assert!(!is_worth_it(&vec![String::from("x"); LEND_FROM]));
        assert!(!is_worth_it(&vec![true; LEND_FROM]));
        assert!(is_worth_it(&Err::<u32, _>(vec![0_u64; LEND_FROM / 8])));
    }

    #[test]
    fn nothing_is_taken_from_a_buffer_without_an_address() {
        let mut out = Buffer::new();
        // SAFETY: there is no address in it that could be followed.
        assert!(unsafe { Lent::take(&out) }.is_err());
        out.extend_zeros(8).unwrap();
        // SAFETY: as above.
        assert!(unsafe { Lent::take(&out) }.is_err());
    }
}
