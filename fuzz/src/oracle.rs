//! What a call's buffer must hold for some values, and which values a buffer
//! holds: as `docs/ABI.md` says it, one value at a time. A resource is its
//! number here, as a `Val::U32`.

mod decode;
mod encode;

use e2e::values::{Rng, show};
use wash_runtime::wasmtime::component::{Type, Val};

pub use decode::{Side, Wrong, decode, decode_up_to, read};
pub use encode::encode;

/// The offset at which lent bytes are read.
const LENT_AT: usize = 1 << 31;

/// Values as they lie in a buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The buffer.
    pub bytes: Vec<u8>,
    /// The bytes of a list or string that are beside it.
    pub lent: Option<Vec<u8>>,
}

/// Whether values of these types are the same to the last bit, and in the same
/// order: if the same is written for both.
///
/// # Errors
///
/// Says `what` differs if they are not.
pub fn same(what: &str, types: &[Type], found: &[Val], wanted: &[Val]) -> anyhow::Result<()> {
    let written = |values| encode(types, values, &mut Rng::new("same"), false);
    let all_same = found.len() == wanted.len() && written(found) == written(wanted);
    anyhow::ensure!(all_same, "{what} {}, not {}", show(&found), show(&wanted));
    Ok(())
}

pub(crate) fn is_number(ty: &Type) -> bool {
    matches!(
        ty,
        Type::U8
            | Type::S8
            | Type::U16
            | Type::S16
            | Type::U32
            | Type::S32
            | Type::U64
            | Type::S64
            | Type::Float32
            | Type::Float64
    )
}
