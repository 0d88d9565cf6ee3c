//! From a buffer to values.

use wash_runtime::wasmtime::component::{Type, Val};

use super::{Encoded, LENT_AT, is_number};
use crate::layout;

/// Why a buffer holds no values of some types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is not what the ABI says.
    Bad(String),
    /// It may be, but not as a host lays it out: a list does not lie at the
    /// alignment of its elements.
    Unaligned,
    /// It may be, but there is more than is worth looking at.
    TooMuch,
}

/// Who reads a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A plugin, its arguments: lists lie at their alignment, so that it can
    /// read them in place.
    Plugin,
    /// The host, a result.
    Host,
}

/// How many values are worth looking at.
const ENOUGH: usize = 300_000;

/// Reads a tuple of values.
///
/// # Errors
///
/// If there is none, or too many.
pub fn decode(types: &[Type], from: &Encoded, side: Side) -> Result<Vec<Val>, Wrong> {
    decode_up_to(ENOUGH, types, from, side)
}

/// The same, of up to so many values and bytes of strings.
///
/// # Errors
///
/// If there is none, or there are more.
pub fn decode_up_to(
    budget: usize,
    types: &[Type],
    from: &Encoded,
    side: Side,
) -> Result<Vec<Val>, Wrong> {
    Reader::new(from, side, budget).tuple(0, types)
}

/// The same, and the numbers of the resources in the order in which they are
/// read: if there is an error, of those before it.
pub fn read(types: &[Type], from: &Encoded, side: Side) -> (Result<Vec<Val>, Wrong>, Vec<u32>) {
    let mut reader = Reader::new(from, side, ENOUGH);
    let read = reader.tuple(0, types);
    (read, reader.resources)
}

fn bad<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Bad(what.into()))
}

struct Reader<'a> {
    from: &'a Encoded,
    side: Side,
    /// How many values may still be read: the same bytes can be the elements
    /// of many lists.
    budget: usize,
    /// The numbers of the resources so far.
    resources: Vec<u32>,
}

impl<'a> Reader<'a> {
    fn new(from: &'a Encoded, side: Side, budget: usize) -> Self {
        Self {
            from,
            side,
            budget,
            resources: Vec::new(),
        }
    }

    fn bytes(&self, at: usize, len: usize) -> Result<&'a [u8], Wrong> {
        let bytes = &self.from.bytes;
        match at.checked_add(len) {
            Some(end) if end <= bytes.len() => Ok(&bytes[at..end]),
            _ => bad(format!("{len} bytes at {at} of {}", bytes.len())),
        }
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Wrong> {
        Ok(self.bytes(at, N)?.try_into().unwrap())
    }

    fn number(&self, at: usize, size: usize) -> Result<usize, Wrong> {
        let bytes = self.bytes(at, size)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |n, byte| n << 8 | usize::from(*byte)))
    }

    fn tuple(&mut self, at: usize, types: &[Type]) -> Result<Vec<Val>, Wrong> {
        let offsets = layout::offsets(types);
        // All of it is there, also the padding at its end.
        self.bytes(at, layout::fields(types).size)?;
        types
            .iter()
            .zip(offsets)
            .map(|(ty, offset)| self.value(at + offset, ty))
            .collect()
    }

    fn spend(&mut self, count: usize) -> Result<(), Wrong> {
        match self.budget.checked_sub(count) {
            Some(rest) => self.budget = rest,
            None => return Err(Wrong::TooMuch),
        }
        Ok(())
    }

    fn value(&mut self, at: usize, ty: &Type) -> Result<Val, Wrong> {
        self.spend(1)?;
        Ok(match ty {
            Type::Bool => match self.number(at, 1)? {
                0 => Val::Bool(false),
                1 => Val::Bool(true),
                n => return bad(format!("bool {n}")),
            },
            Type::U8 => Val::U8(u8::from_le_bytes(self.array(at)?)),
            Type::S8 => Val::S8(i8::from_le_bytes(self.array(at)?)),
            Type::U16 => Val::U16(u16::from_le_bytes(self.array(at)?)),
            Type::S16 => Val::S16(i16::from_le_bytes(self.array(at)?)),
            Type::U32 => Val::U32(u32::from_le_bytes(self.array(at)?)),
            Type::S32 => Val::S32(i32::from_le_bytes(self.array(at)?)),
            Type::U64 => Val::U64(u64::from_le_bytes(self.array(at)?)),
            Type::S64 => Val::S64(i64::from_le_bytes(self.array(at)?)),
            Type::Float32 => Val::Float32(f32::from_le_bytes(self.array(at)?)),
            Type::Float64 => Val::Float64(f64::from_le_bytes(self.array(at)?)),
            Type::Char => {
                let number = u32::from_le_bytes(self.array(at)?);
                match char::from_u32(number) {
                    Some(c) => Val::Char(c),
                    None => return bad(format!("char {number:#x}")),
                }
            }
            Type::String => {
                let (to, len) = (self.number(at, 4)?, self.number(at + 4, 4)?);
                let bytes = match &self.from.lent {
                    Some(lent) if to >= LENT_AT => lent_bytes(lent, to, len)?,
                    _ => self.bytes(to, len)?,
                };
                self.spend(len)?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => Val::String(text.to_owned()),
                    Err(error) => return bad(error.to_string()),
                }
            }
            Type::List(list) => Val::List(self.list(at, &[list.ty()])?),
            Type::Map(map) => Val::Map(
                self.list(at, &[map.key(), map.value()])?
                    .into_iter()
                    .map(|entry| match entry {
                        Val::Tuple(pair) => (pair[0].clone(), pair[1].clone()),
                        other => panic!("{other:?} is no entry"),
                    })
                    .collect(),
            ),
            Type::FixedLengthList(list) => {
                let (element, size) = (list.ty(), layout::of(&list.ty()).size);
                let items = (0..list.len() as usize).map(|i| self.value(at + i * size, &element));
                Val::FixedLengthList(items.collect::<Result<_, _>>()?)
            }
            Type::Record(record) => {
                let types: Vec<Type> = record.fields().map(|field| field.ty).collect();
                let names = record.fields().map(|field| field.name.to_owned());
                Val::Record(names.zip(self.tuple(at, &types)?).collect())
            }
            Type::Tuple(tuple) => Val::Tuple(self.tuple(at, &tuple.types().collect::<Vec<_>>())?),
            Type::Flags(flags) => {
                let bits = self.number(at, layout::of(ty).size)?;
                // What a component passes may have bits that mean nothing.
                if self.side == Side::Host && bits >> flags.names().len() != 0 {
                    return bad(format!("flags {bits:#b} of {}", flags.names().len()));
                }
                let set = flags
                    .names()
                    .enumerate()
                    .filter(|(i, _)| bits >> i & 1 == 1);
                Val::Flags(set.map(|(_, name)| name.to_owned()).collect())
            }
            Type::Variant(variant) => {
                let (number, payload) = self.case(at, ty)?;
                let name = variant.cases().nth(number).unwrap().name.to_owned();
                Val::Variant(name, payload)
            }
            Type::Enum(of) => {
                let (number, _) = self.case(at, ty)?;
                Val::Enum(of.names().nth(number).unwrap().to_owned())
            }
            Type::Option(_) => Val::Option(self.case(at, ty)?.1),
            Type::Result(_) => Val::Result(match self.case(at, ty)? {
                (0, payload) => Ok(payload),
                (_, payload) => Err(payload),
            }),
            Type::Own(_) | Type::Borrow(_) => {
                let number = u32::from_le_bytes(self.array(at)?);
                self.resources.push(number);
                Val::U32(number)
            }
            other => panic!("{other:?} is no value"),
        })
    }

    fn case(&mut self, at: usize, ty: &Type) -> Result<(usize, Option<Box<Val>>), Wrong> {
        let cases = layout::cases(ty);
        let number = self.number(at, layout::tag(cases.len()))?;
        let payload = match cases.get(number) {
            None => return bad(format!("case {number} of {}", cases.len())),
            Some(None) => None,
            Some(Some(payload)) => {
                let value = self.value(at + layout::payload_at(ty), payload)?;
                Some(Box::new(value))
            }
        };
        Ok((number, payload))
    }

    /// The elements of a list, or the entries of a map as tuples.
    fn list(&mut self, at: usize, types: &[Type]) -> Result<Vec<Val>, Wrong> {
        let (to, len) = (self.number(at, 4)?, self.number(at + 4, 4)?);
        let of = layout::fields(types);
        let bytes = len.saturating_mul(of.size);
        if let (Some(lent), [element]) = (&self.from.lent, types)
            && to >= LENT_AT
            && (is_plain(element) || len == 0)
        {
            let beside = Encoded {
                bytes: lent_bytes(lent, to, bytes)?.to_vec(),
                lent: None,
            };
            self.spend(bytes)?;
            let mut reader = Reader::new(&beside, self.side, usize::MAX);
            return (0..len)
                .map(|i| reader.value(i * of.size, element))
                .collect();
        }
        self.bytes(to, bytes)?;
        if self.side == Side::Plugin && to % of.align != 0 {
            return Err(Wrong::Unaligned);
        }
        let places = (0..len).map(|i| to + i * of.size);
        match types {
            [element] => places.map(|at| self.value(at, element)).collect(),
            _ => places
                .map(|at| Ok(Val::Tuple(self.tuple(at, types)?)))
                .collect(),
        }
    }
}

fn lent_bytes(lent: &[u8], to: usize, len: usize) -> Result<&[u8], Wrong> {
    let at = to - LENT_AT;
    match at.checked_add(len) {
        Some(end) if end <= lent.len() => Ok(&lent[at..end]),
        _ => bad(format!(
            "{len} bytes at {at} of {} that are lent",
            lent.len()
        )),
    }
}

/// Whether a value is nothing but numbers, with no pointer among them.
fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::Record(record) => record.fields().all(|field| is_plain(&field.ty)),
        Type::Tuple(tuple) => tuple.types().all(|ty| is_plain(&ty)),
        ty => is_number(ty),
    }
}
