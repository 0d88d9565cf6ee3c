//! From values to a buffer.

use std::slice::from_ref;

use e2e::values::Rng;
use wash_runtime::wasmtime::component::{Type, Val};

use super::{Encoded, LENT_AT, is_number};
use crate::layout::{self, Layout};

/// Writes a tuple of values. Where what pointers lead to lies is up to who
/// writes, so `rng` decides. If `lend`, a list of numbers or string may be
/// beside the buffer.
#[must_use]
pub fn encode(types: &[Type], values: &[Val], rng: &mut Rng, lend: bool) -> Encoded {
    let mut writer = Writer {
        out: Encoded::default(),
        lend,
        rng,
    };
    let root = writer.reserve(layout::fields(types), 1);
    assert_eq!(root, 0);
    writer.tuple(0, types, values);
    writer.out
}

struct Writer<'a> {
    out: Encoded,
    lend: bool,
    rng: &'a mut Rng,
}

impl Writer<'_> {
    fn reserve(&mut self, of: Layout, count: usize) -> usize {
        let at = self.out.bytes.len().next_multiple_of(of.align);
        self.out.bytes.resize(at + of.size * count, 0);
        at
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.out.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put_number(&mut self, at: usize, size: usize, number: usize) {
        self.put(at, &(number as u64).to_le_bytes()[..size]);
    }

    fn tuple(&mut self, at: usize, types: &[Type], values: &[Val]) {
        assert_eq!(types.len(), values.len());
        for ((ty, offset), value) in types.iter().zip(layout::offsets(types)).zip(values) {
            self.value(at + offset, ty, value);
        }
    }

    fn value(&mut self, at: usize, ty: &Type, value: &Val) {
        match (ty, value) {
            (Type::Bool, Val::Bool(v)) => self.put(at, &[u8::from(*v)]),
            (Type::U8, Val::U8(v)) => self.put(at, &v.to_le_bytes()),
            (Type::S8, Val::S8(v)) => self.put(at, &v.to_le_bytes()),
            (Type::U16, Val::U16(v)) => self.put(at, &v.to_le_bytes()),
            (Type::S16, Val::S16(v)) => self.put(at, &v.to_le_bytes()),
            (Type::U32, Val::U32(v)) => self.put(at, &v.to_le_bytes()),
            (Type::S32, Val::S32(v)) => self.put(at, &v.to_le_bytes()),
            (Type::U64, Val::U64(v)) => self.put(at, &v.to_le_bytes()),
            (Type::S64, Val::S64(v)) => self.put(at, &v.to_le_bytes()),
            (Type::Float32, Val::Float32(v)) => self.put(at, &v.to_bits().to_le_bytes()),
            (Type::Float64, Val::Float64(v)) => self.put(at, &v.to_bits().to_le_bytes()),
            (Type::Char, Val::Char(v)) => self.put(at, &u32::from(*v).to_le_bytes()),
            (Type::String, Val::String(text)) => {
                let to = self.place(text.as_bytes(), 1);
                self.pair(at, to, text.len());
            }
            (Type::List(list), Val::List(items)) => {
                let element = list.ty();
                if is_number(&element) && self.may_lend() {
                    let mut bytes = Vec::new();
                    for item in items {
                        bytes.extend(
                            encode(from_ref(&element), from_ref(item), self.rng, false).bytes,
                        );
                    }
                    self.out.lent = Some(bytes);
                    self.pair(at, LENT_AT, items.len());
                } else {
                    self.elements(at, &element, items);
                }
            }
            (Type::Map(map), Val::Map(entries)) => {
                let types = [map.key(), map.value()];
                let of = layout::fields(&types);
                self.gap();
                let to = self.reserve(of, entries.len());
                self.pair(at, to, entries.len());
                for (i, (key, value)) in entries.iter().enumerate() {
                    self.tuple(to + i * of.size, &types, &[key.clone(), value.clone()]);
                }
            }
            (Type::FixedLengthList(list), Val::FixedLengthList(items)) => {
                assert_eq!(items.len(), list.len() as usize);
                let (element, size) = (list.ty(), layout::of(&list.ty()).size);
                for (i, item) in items.iter().enumerate() {
                    self.value(at + i * size, &element, item);
                }
            }
            (Type::Record(record), Val::Record(fields)) => {
                let types: Vec<Type> = record.fields().map(|field| field.ty).collect();
                let values: Vec<Val> = fields.iter().map(|(_, value)| value.clone()).collect();
                self.tuple(at, &types, &values);
            }
            (Type::Tuple(tuple), Val::Tuple(values)) => {
                self.tuple(at, &tuple.types().collect::<Vec<_>>(), values);
            }
            (Type::Flags(flags), Val::Flags(set)) => {
                let bits = flags
                    .names()
                    .enumerate()
                    .filter(|(_, name)| set.iter().any(|set| set == name))
                    .fold(0, |bits, (i, _)| bits | 1 << i);
                self.put_number(at, layout::of(ty).size, bits);
            }
            (Type::Variant(variant), Val::Variant(name, payload)) => {
                let number = variant.cases().position(|case| case.name == name);
                self.case(at, ty, number.unwrap(), payload.as_deref());
            }
            (Type::Enum(of), Val::Enum(name)) => {
                let number = of.names().position(|case| case == name);
                self.case(at, ty, number.unwrap(), None);
            }
            (Type::Option(_), Val::Option(payload)) => {
                self.case(at, ty, usize::from(payload.is_some()), payload.as_deref());
            }
            (Type::Result(_), Val::Result(Ok(payload))) => self.case(at, ty, 0, payload.as_deref()),
            (Type::Result(_), Val::Result(Err(payload))) => {
                self.case(at, ty, 1, payload.as_deref())
            }
            (Type::Own(_) | Type::Borrow(_), Val::U32(number)) => {
                self.put(at, &number.to_le_bytes());
            }
            (ty, value) => panic!("{value:?} is not a {ty:?}"),
        }
    }

    fn case(&mut self, at: usize, ty: &Type, number: usize, payload: Option<&Val>) {
        let cases = layout::cases(ty);
        self.put_number(at, layout::tag(cases.len()), number);
        if let (Some(ty_of_payload), Some(payload)) = (&cases[number], payload) {
            self.value(at + layout::payload_at(ty), ty_of_payload, payload);
        }
    }

    fn elements(&mut self, at: usize, ty: &Type, items: &[Val]) {
        let of = layout::of(ty);
        self.gap();
        let to = self.reserve(of, items.len());
        self.pair(at, to, items.len());
        for (i, item) in items.iter().enumerate() {
            self.value(to + i * of.size, ty, item);
        }
    }

    fn pair(&mut self, at: usize, to: usize, len: usize) {
        self.put_number(at, 4, to);
        self.put_number(at + 4, 4, len);
    }

    /// Bytes that a pointer leads to: where.
    fn place(&mut self, bytes: &[u8], align: usize) -> usize {
        if self.may_lend() {
            self.out.lent = Some(bytes.to_vec());
            return LENT_AT;
        }
        self.gap();
        let to = self.reserve(Layout { size: 1, align }, bytes.len());
        self.put(to, bytes);
        to
    }

    fn may_lend(&mut self) -> bool {
        self.lend && self.out.lent.is_none() && self.rng.below(2) == 0
    }

    /// Bytes that belong to nothing.
    fn gap(&mut self) {
        for _ in 0..self.rng.below(8).saturating_sub(4) {
            self.out.bytes.push(0xee);
        }
    }
}
