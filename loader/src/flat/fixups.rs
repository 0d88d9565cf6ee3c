//! What is to be done for each element of a list beyond copying its bytes,
//! found once for the list.

use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wash_runtime::wasmtime::{Result, bail};

use super::values::describe;
use super::{layout, placed};

/// As many places as most records have; of an element with more, each part is
/// walked whole.
const MAX: usize = 8;

/// The elements of a list, or the entries of a map.
#[derive(Debug)]
pub(super) struct Elements {
    /// Bytes of each.
    pub(super) size: usize,
    pub(super) align: usize,
    fixups: Fixups,
}

impl Elements {
    /// Those of `ty`, a list or a map; `plain` as for [`Fixups`].
    #[inline]
    pub(super) fn of(
        types: &ComponentTypes,
        ty: InterfaceType,
        plain: fn(&InterfaceType) -> bool,
    ) -> Result<Self> {
        let elements = match ty {
            InterfaceType::List(i) => Self::of_type(types, types[i].element, plain),
            InterfaceType::FixedLengthList(i) => Self::of_type(types, types[i].element, plain),
            InterfaceType::Map(i) => {
                let map = &types[i];
                let entry = [(0, map.key), (map.value_offset32 as usize, map.value)];
                Self {
                    size: map.entry_abi.size32 as usize,
                    align: map.entry_abi.align32 as usize,
                    fixups: Fixups::of(types, &entry, plain),
                }
            }
            other => bail!("{} has no elements", describe(&other)),
        };
        Ok(elements)
    }

    /// Those of a list of `element`.
    #[inline]
    pub(super) fn of_type(
        types: &ComponentTypes,
        element: InterfaceType,
        plain: fn(&InterfaceType) -> bool,
    ) -> Self {
        let (size, align) = layout(types, &element);
        Self {
            size,
            align,
            fixups: Fixups::of(types, &[(0, element)], plain),
        }
    }

    pub(super) fn fixups(&self) -> &[(usize, InterfaceType)] {
        self.fixups.as_slice()
    }
}

/// The places in a list's element where copying bytes is not enough, by their
/// offset and type.
#[derive(Debug)]
pub(super) struct Fixups {
    places: [(usize, InterfaceType); MAX],
    len: usize,
}

impl Fixups {
    /// Those of an element that consists of `parts`, one or two, by offset,
    /// where `plain` says of a type without parts that a copy of its bytes is
    /// all there is to it.
    #[inline]
    fn of(
        types: &ComponentTypes,
        parts: &[(usize, InterfaceType)],
        plain: fn(&InterfaceType) -> bool,
    ) -> Self {
        let mut found = Self {
            // Not read: `len` is 0.
            places: [(0, InterfaceType::Bool); MAX],
            len: 0,
        };
        if !parts
            .iter()
            .all(|(at, ty)| found.add(types, *ty, *at, plain))
        {
            found.len = 0;
            for (at, ty) in parts {
                found.push(*at, *ty);
            }
        }
        found
    }

    fn as_slice(&self) -> &[(usize, InterfaceType)] {
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
            InterfaceType::FixedLengthList(i) => {
                let list = &types[i];
                let (size, _) = layout(types, &list.element);
                let before = self.len;
                // An element without places says that the others have none.
                self.add(types, list.element, at, plain)
                    && (self.len == before
                        || (1..list.size as usize)
                            .all(|n| self.add(types, list.element, at + n * size, plain)))
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
