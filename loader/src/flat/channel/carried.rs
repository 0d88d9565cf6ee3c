//! What one plugin gives and a plugin reads, with no component between that looks
//! at it: it is checked and copied as what goes through a component is, but from
//! buffer to buffer, and when no component's types are at hand. So what is
//! [`Carried`] is found out when the component passes the end on.

use std::collections::HashMap;
use std::sync::Arc;

use wash_plugin_abi::abi::{Buffer, Lent};
use wash_runtime::wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wash_runtime::wasmtime::{Result, ensure, error::format_err};

use super::super::cases::{discriminant, variant_layout};
use super::super::fixups::is_number;
use super::super::lower::{check_bool, check_char, check_flags};
use super::super::values::{append, no_case, write};
use super::super::{Frame, layout, pair, pair_bytes, placed, slice, written};

/// A type whose values mean the same to every plugin: without resources, and
/// without streams and futures.
#[derive(Debug)]
pub(crate) struct Carried {
    size: usize,
    align: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A copy of the bytes is all.
    Plain,
    Bool,
    Char,
    /// So many.
    Flags(usize),
    Text,
    List(Arc<Carried>),
    /// Values in place, by offset: those that are not plain.
    Parts(Box<[(usize, Arc<Carried>)]>),
    /// So many of one type, in place.
    Array(Arc<Carried>, usize),
    Cases {
        tag: usize,
        payload_at: usize,
        cases: Box<[Option<Arc<Carried>>]>,
    },
}

impl Carried {
    /// `None` if the type means something to one plugin alone.
    pub(super) fn new(types: &ComponentTypes, ty: InterfaceType) -> Option<Arc<Self>> {
        Finder {
            types,
            known: HashMap::new(),
        }
        .find(ty)
    }

    fn is_plain(&self) -> bool {
        matches!(self.kind, Kind::Plain)
    }

    /// Copies a value, the first in what a plugin wrote, to be the first in `to`.
    /// What it refers to may take so many bytes: all of it can be in one place,
    /// and is copied as often as it is referred to.
    pub(super) fn copy_value(&self, from: &Frame, to: &mut Buffer, most: usize) -> Result<()> {
        let mut copy = Copy::new(from, to, most);
        copy.to.extend(slice(copy.from, 0, self.size)?)?;
        copy.fix(self, 0, 0)
    }

    /// Copies `len` values at offset `at` of what a plugin wrote, to be a list, the
    /// first in `to`, of so many bytes with what they refer to.
    pub(super) fn copy_list(
        &self,
        from: &Frame,
        (at, len): (usize, usize),
        to: &mut Buffer,
        most: usize,
    ) -> Result<()> {
        let mut copy = Copy::new(from, to, most);
        copy.to.extend_zeros(size_of::<u64>())?;
        copy.list(self, (at, len), 0)
    }
}

/// Finds types, each once: written out, one can be as large as 2 to the power of
/// its depth.
struct Finder<'a> {
    types: &'a ComponentTypes,
    known: HashMap<InterfaceType, Option<Arc<Carried>>>,
}

impl Finder<'_> {
    fn find(&mut self, ty: InterfaceType) -> Option<Arc<Carried>> {
        if let Some(known) = self.known.get(&ty) {
            return known.clone();
        }
        let (size, align) = layout(self.types, &ty);
        let found = self
            .kind(ty)
            .map(|kind| Arc::new(Carried { size, align, kind }));
        self.known.insert(ty, found.clone());
        found
    }

    fn kind(&mut self, ty: InterfaceType) -> Option<Kind> {
        let types = self.types;
        Some(match ty {
            _ if is_number(&ty) => Kind::Plain,
            InterfaceType::Bool => Kind::Bool,
            InterfaceType::Char => Kind::Char,
            InterfaceType::Flags(i) => Kind::Flags(types[i].names.len()),
            InterfaceType::String => Kind::Text,
            InterfaceType::List(i) => Kind::List(self.find(types[i].element)?),
            InterfaceType::Map(i) => {
                let map = &types[i];
                let parts = [(0, map.key), (map.value_offset32 as usize, map.value)];
                let entry = Carried {
                    size: map.entry_abi.size32 as usize,
                    align: map.entry_abi.align32 as usize,
                    kind: self.parts(parts.into_iter())?,
                };
                Kind::List(Arc::new(entry))
            }
            InterfaceType::FixedLengthList(i) => {
                let of = self.find(types[i].element)?;
                match of.is_plain() {
                    true => Kind::Plain,
                    false => Kind::Array(of, types[i].size as usize),
                }
            }
            InterfaceType::Record(i) => {
                let fields = types[i].fields.iter().map(|field| field.ty);
                self.parts(placed(types, fields))?
            }
            InterfaceType::Tuple(i) => self.parts(placed(types, types[i].types.iter().copied()))?,
            InterfaceType::Enum(i) => {
                let none = types[i].names.iter().map(|_| None);
                self.cases(ty, none)?
            }
            InterfaceType::Variant(i) => {
                let payloads = types[i].cases.iter().map(|(_, payload)| *payload);
                self.cases(ty, payloads)?
            }
            InterfaceType::Option(i) => self.cases(ty, [None, Some(types[i].ty)].into_iter())?,
            InterfaceType::Result(i) => self.cases(ty, [types[i].ok, types[i].err].into_iter())?,
            _ => return None,
        })
    }

    fn parts(&mut self, parts: impl Iterator<Item = (usize, InterfaceType)>) -> Option<Kind> {
        let mut found = Vec::new();
        for (at, ty) in parts {
            let part = self.find(ty)?;
            if !part.is_plain() {
                found.push((at, part));
            }
        }
        Some(match found.is_empty() {
            true => Kind::Plain,
            false => Kind::Parts(found.into()),
        })
    }

    fn cases(
        &mut self,
        ty: InterfaceType,
        payloads: impl Iterator<Item = Option<InterfaceType>>,
    ) -> Option<Kind> {
        let (tag, payload_at) = variant_layout(self.types, ty).ok()?;
        let mut cases = Vec::new();
        for payload in payloads {
            cases.push(match payload {
                Some(ty) => Some(self.find(ty)?),
                None => None,
            });
        }
        Some(Kind::Cases {
            tag,
            payload_at,
            cases: cases.into(),
        })
    }
}

struct Copy<'a> {
    from: &'a [u8],
    lent: Option<&'a [u8]>,
    to: &'a mut Buffer,
    /// How many bytes may still be copied.
    left: usize,
}

impl<'a> Copy<'a> {
    fn new(from: &'a Frame, to: &'a mut Buffer, most: usize) -> Self {
        Self {
            from: from.out.as_slice(),
            lent: from.lent.as_ref().map(Lent::as_bytes),
            to,
            left: most,
        }
    }

    /// Does what is left to do for a value that was copied from offset `src` to
    /// offset `dst`.
    fn fix(&mut self, ty: &Carried, src: usize, dst: usize) -> Result<()> {
        match &ty.kind {
            Kind::Plain => Ok(()),
            Kind::Bool => check_bool(self.from, src),
            Kind::Char => check_char(self.from, src),
            Kind::Flags(count) => check_flags(self.from, src, ty.size, *count),
            Kind::Text => {
                let (at, len) = pair(self.from, src)?;
                let bytes = written(self.from, self.lent, at, len)?;
                std::str::from_utf8(bytes)?;
                self.put(bytes, 1, len, dst).map(drop)
            }
            Kind::List(element) => {
                let list = pair(self.from, src)?;
                self.list(element, list, dst)
            }
            Kind::Parts(parts) => parts
                .iter()
                .try_for_each(|(at, part)| self.fix(part, src + at, dst + at)),
            Kind::Array(element, len) => self.elements(element, (src, dst), *len),
            Kind::Cases {
                tag,
                payload_at,
                cases,
            } => {
                let number = discriminant(*tag, self.from, src)?;
                match cases.get(number as usize) {
                    Some(Some(payload)) => self.fix(payload, src + payload_at, dst + payload_at),
                    Some(None) => Ok(()),
                    None => Err(no_case(number)),
                }
            }
        }
    }

    /// Copies the elements of a list, which is to be at `dst`.
    fn list(&mut self, of: &Carried, (at, len): (usize, usize), dst: usize) -> Result<()> {
        ensure!(of.size > 0 || len == 0, "a list's elements have no size");
        let bytes = written(self.from, self.lent, at, len.saturating_mul(of.size))?;
        let offset = self.put(bytes, of.align, len, dst)?;
        match of.is_plain() {
            true => Ok(()),
            false => self.elements(of, (at, offset), len),
        }
    }

    fn elements(&mut self, of: &Carried, (src, dst): (usize, usize), len: usize) -> Result<()> {
        (0..len).try_for_each(|i| self.fix(of, src + i * of.size, dst + i * of.size))
    }

    /// Appends bytes, and has the list or string at `dst` be there.
    fn put(&mut self, bytes: &[u8], align: usize, len: usize, dst: usize) -> Result<usize> {
        let left = self.left.checked_sub(bytes.len());
        self.left = left.ok_or_else(|| format_err!("it is more than a call may copy"))?;
        let offset = append(self.to, bytes, align)?;
        write(self.to.as_mut_slice(), dst, pair_bytes(offset, len)?)?;
        Ok(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::pool::PooledFrame;
    use super::*;

    #[test]
    fn text_that_many_items_refer_to_is_not_copied_without_bound() {
        const ITEMS: usize = 100;
        const LEN: usize = 1000;
        let text = Carried {
            size: size_of::<u64>(),
            align: align_of::<u32>(),
            kind: Kind::Text,
        };
        let mut given = PooledFrame::take();
        let shared = ITEMS * size_of::<u64>();
        for _ in 0..ITEMS {
            given.out.extend(&pair_bytes(shared, LEN).unwrap()).unwrap();
        }
        given.out.extend(&[b'a'; LEN]).unwrap();

        let copy = |most| {
            let mut to = PooledFrame::take();
            let copied = text.copy_list(&given, (0, ITEMS), &mut to.args, most);
            copied.map(|()| to.args.as_slice().len())
        };
        let whole = shared + ITEMS * LEN;
        assert!(copy(whole).unwrap() >= whole);
        let error = copy(whole - 1).unwrap_err().to_string();
        assert_eq!(error, "it is more than a call may copy");
    }
}
