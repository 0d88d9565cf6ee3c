//! What is to be done for each element of a list beyond copying its bytes,
//! found once for the list.

use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType};

use super::placed;

/// As many places as most records have; an element with more is walked whole.
const MAX: usize = 8;

/// The places in a list's element where copying bytes is not enough, by their
/// offset and type.
#[derive(Debug)]
pub(super) struct Fixups {
    places: [(usize, InterfaceType); MAX],
    len: usize,
}

impl Fixups {
    /// Those of an element of type `ty`, where `plain` says of a type without
    /// parts that a copy of its bytes is all there is to it.
    pub(super) fn of(
        types: &ComponentTypes,
        ty: InterfaceType,
        plain: fn(&InterfaceType) -> bool,
    ) -> Self {
        let mut found = Self {
            // Not read: `len` is 0.
            places: [(0, InterfaceType::Bool); MAX],
            len: 0,
        };
        if !found.add(types, ty, 0, plain) {
            found.len = 0;
            found.push(0, ty);
        }
        found
    }

    pub(super) fn as_slice(&self) -> &[(usize, InterfaceType)] {
        self.places.get(..self.len).unwrap_or_default()
    }

    /// False if there are too many.
    fn add(
        &mut self,
        types: &ComponentTypes,
        ty: InterfaceType,
        at: usize,
        plain: fn(&InterfaceType) -> bool,
    ) -> bool {
        match ty {
            InterfaceType::Record(i) => {
                let fields = types[i].fields.iter().map(|field| field.ty);
                self.add_fields(types, fields, at, plain)
            }
            InterfaceType::Tuple(i) => {
                self.add_fields(types, types[i].types.iter().copied(), at, plain)
            }
            _ => plain(&ty) || self.push(at, ty),
        }
    }

    fn add_fields(
        &mut self,
        types: &ComponentTypes,
        fields: impl Iterator<Item = InterfaceType>,
        at: usize,
        plain: fn(&InterfaceType) -> bool,
    ) -> bool {
        placed(types, fields).all(|(place, ty)| self.add(types, ty, at + place, plain))
    }

    fn push(&mut self, at: usize, ty: InterfaceType) -> bool {
        match self.places.get_mut(self.len) {
            Some(place) => {
                *place = (at, ty);
                self.len += 1;
                true
            }
            None => false,
        }
    }
}

/// Whether every bit pattern of a type's bytes is a value of it, and the same
/// one here and there.
#[inline]
pub(super) fn is_number(ty: &InterfaceType) -> bool {
    matches!(
        ty,
        InterfaceType::U8
            | InterfaceType::S8
            | InterfaceType::U16
            | InterfaceType::S16
            | InterfaceType::U32
            | InterfaceType::S32
            | InterfaceType::U64
            | InterfaceType::S64
            | InterfaceType::Float32
            | InterfaceType::Float64
    )
}
