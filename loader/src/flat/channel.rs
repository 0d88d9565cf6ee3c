//! Streams and futures of WASI 0.3 among a function's values.
//!
//! wasmtime's ends have the type of what they carry, which here comes with the
//! component. Bytes are `u8`, as most streams are; what has no payload is `()`;
//! everything else is an [`Item`], whose size is found when it is copied. Items
//! that were read together stay in one buffer, and are copied in one piece.
#![allow(
    unsafe_code,
    reason = "wasmtime's ComponentType, Lift and Lower are unsafe to implement"
)]

mod carried;
mod given;
mod item;
mod taken;

use std::sync::Arc;

use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wash_runtime::wasmtime::component::{FutureReader, Lift, StreamReader};
use wash_runtime::wasmtime::{Result, ValRaw, bail};

pub(crate) use carried::Carried;
pub(crate) use given::Channel;
pub(crate) use item::Item;
pub(crate) use taken::Payload;

use super::lift::Lifter;
use super::values::describe;

/// A stream or future among a component's arguments, whose number is still to be
/// written to the buffer.
#[derive(Debug)]
pub(crate) struct End {
    /// Where its number belongs.
    pub(crate) at: usize,
    pub(crate) readable: Readable,
    /// What it carries, if a plugin may have given that.
    pub(crate) carried: Option<Arc<Carried>>,
}

/// The readable end that a component gave.
#[derive(Debug)]
pub(crate) enum Readable {
    Bytes(StreamReader<u8>),
    Units(StreamReader<()>),
    Items(StreamReader<Item>),
    Value(FutureReader<Item>),
    /// Of a future without a payload.
    Signal(FutureReader<()>),
}

/// What a stream or future carries.
fn payload(types: &ComponentTypes, ty: InterfaceType) -> Result<Option<InterfaceType>> {
    Ok(match ty {
        InterfaceType::Stream(i) => types[types[i].ty].payload,
        InterfaceType::Future(i) => types[types[i].ty].payload,
        other => bail!("{} carries nothing", describe(&other)),
    })
}

impl Lifter<'_, '_, '_> {
    /// Takes the readable end of that index from the component.
    pub(super) fn channel(&mut self, ty: InterfaceType, index: u32, at: usize) -> Result<()> {
        let index = &ValRaw::u32(index);
        let carries = payload(self.types, ty)?;
        let is_stream = matches!(ty, InterfaceType::Stream(_));
        let cx = &mut *self.cx;
        let readable = match (is_stream, carries) {
            (true, Some(InterfaceType::U8)) => {
                Readable::Bytes(Lift::linear_lift_from_flat(cx, ty, index)?)
            }
            (true, None) => Readable::Units(Lift::linear_lift_from_flat(cx, ty, index)?),
            (true, Some(_)) => Readable::Items(Lift::linear_lift_from_flat(cx, ty, index)?),
            (false, None) => Readable::Signal(Lift::linear_lift_from_flat(cx, ty, index)?),
            (false, Some(_)) => Readable::Value(Lift::linear_lift_from_flat(cx, ty, index)?),
        };
        let carried = match readable {
            Readable::Items(_) | Readable::Value(_) => {
                carries.and_then(|ty| Carried::new(self.types, ty))
            }
            Readable::Bytes(_) | Readable::Units(_) | Readable::Signal(_) => None,
        };
        self.ends.push(End {
            at,
            readable,
            carried,
        });
        Ok(())
    }
}
