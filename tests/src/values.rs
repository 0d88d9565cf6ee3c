//! Values to call functions with, made from the functions' types: the edges of
//! each type, large ones, and others that a seed determines.

use std::iter;

use wash_runtime::wasmtime::component::{Type, Val};

/// Pseudo-random numbers (xorshift64*), the same for the same seed everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// From a seed; two functions of one suite should not have the same.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        // FNV-1a.
        let hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash | 1)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.number() >> 33).expect("31 bits fit") % limit.max(1)
    }
}

/// Characters at which some encoding, or the type itself, has an edge.
const CHARS: [char; 16] = [
    '\0',
    '\n',
    'a',
    '\u{7f}',
    '\u{80}',
    '\u{e9}',
    '\u{ff}',
    '\u{100}',
    '\u{7ff}',
    '\u{800}',
    '\u{d7ff}',
    '\u{e000}',
    '\u{feff}',
    '\u{ffff}',
    '\u{10000}',
    '\u{10ffff}',
];

/// Strings at the edges of their encodings.
#[must_use]
pub fn strings() -> Vec<String> {
    let mut all: Vec<String> = [
        "",
        "a",
        "\0",
        "a\0b\0",
        "caf\u{e9}",
        // Latin-1 until the last character: what is written has to be widened.
        "\u{e9}\u{e9}\u{e9}\u{20ac}",
        "\u{1f980}",
        "a\u{1f980}\u{e9}\u{20ac}z",
        "e\u{301}",
        "\u{202e}right to left",
        "\u{feff}a mark in front",
    ]
    .map(str::to_owned)
    .into();
    all.extend(CHARS.map(String::from));
    all.push(CHARS.iter().collect());
    // Every length around the sizes that buffers tend to have.
    for length in [15, 16, 17, 127, 128, 129, 4095, 4096, 4097] {
        all.push("x".repeat(length));
        all.push("\u{20ac}".repeat(length));
    }
    all
}

/// A mebibyte each.
#[must_use]
pub fn large_strings() -> Vec<String> {
    let ascii = "0123456789abcdef".repeat(1 << 16);
    let mixed = "a\u{e9}\u{20ac}\u{1f980}......".repeat(1 << 16);
    // Widened only when almost all of it has been written.
    let late = format!("{}\u{10ffff}", "\u{ff}".repeat((1 << 19) - 2));
    vec![ascii, mixed, late]
}

const F32: [u32; 14] = [
    0,
    0x8000_0000, // -0
    0x3f80_0000,
    0xbfc0_0000,
    0x0000_0001, // the smallest that is not normal
    0x807f_ffff, // the largest that is not normal, negative
    0x0080_0000, // the smallest that is normal
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000, // infinity
    0xff80_0000,
    0x7fc0_0000, // NaN
    0xffc1_2345, // NaN with a sign and a payload
    0x7fff_ffff,
];

const F64: [u64; 14] = [
    0,
    0x8000_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0xbff8_0000_0000_0000,
    0x0000_0000_0000_0001,
    0x800f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0xffef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0xfff8_1234_5678_9abc,
    0x7fff_ffff_ffff_ffff,
];

macro_rules! number_edges {
    ($val:ident $ty:ident) => {
        [
            0,
            1,
            <$ty>::MAX,
            <$ty>::MAX - 1,
            <$ty>::MIN,
            <$ty>::MIN + 1,
            <$ty>::MAX / 2,
        ]
        .map(Val::$val)
        .into()
    };
}

/// The edges of a type; each edge of each part at least once.
#[must_use]
pub fn edges(ty: &Type) -> Vec<Val> {
    match ty {
        Type::Bool => vec![Val::Bool(false), Val::Bool(true)],
        Type::S8 => number_edges!(S8 i8),
        Type::U8 => number_edges!(U8 u8),
        Type::S16 => number_edges!(S16 i16),
        Type::U16 => number_edges!(U16 u16),
        Type::S32 => number_edges!(S32 i32),
        Type::U32 => number_edges!(U32 u32),
        Type::S64 => number_edges!(S64 i64),
        Type::U64 => number_edges!(U64 u64),
        Type::Float32 => F32.map(|bits| Val::Float32(f32::from_bits(bits))).into(),
        Type::Float64 => F64.map(|bits| Val::Float64(f64::from_bits(bits))).into(),
        Type::Char => CHARS.map(Val::Char).into(),
        Type::String => strings().into_iter().map(Val::String).collect(),
        Type::List(list) => {
            let elements = edges(&list.ty());
            let mut all: Vec<Val> = vec![Val::List(Vec::new())];
            all.extend(
                elements
                    .iter()
                    .map(|element| Val::List(vec![element.clone()])),
            );
            all.push(Val::List(elements));
            all
        }
        Type::FixedLengthList(list) => {
            let elements = edges(&list.ty());
            let columns = (0..list.len() as usize).map(|i| {
                let mut column = elements.clone();
                column.rotate_left(i % elements.len());
                column
            });
            rows(columns.collect()).map(Val::FixedLengthList).collect()
        }
        Type::Map(map) => {
            let entries: Vec<(Val, Val)> =
                iter::zip(edges(&map.key()), edges(&map.value()).into_iter().cycle()).collect();
            let entries = with_keys_once(entries);
            let mut all = vec![Val::Map(Vec::new()), Val::Map(entries.clone())];
            all.extend(entries.into_iter().map(|entry| Val::Map(vec![entry])));
            all
        }
        Type::Record(record) => {
            let names: Vec<String> = record.fields().map(|field| field.name.to_owned()).collect();
            let columns = record.fields().map(|field| edges(&field.ty)).collect();
            rows(columns)
                .map(|row| Val::Record(names.iter().cloned().zip(row).collect()))
                .collect()
        }
        Type::Tuple(tuple) => rows(tuple.types().map(|ty| edges(&ty)).collect())
            .map(Val::Tuple)
            .collect(),
        Type::Variant(variant) => variant
            .cases()
            .flat_map(|case| {
                let name = case.name.to_owned();
                payloads(case.ty)
                    .into_iter()
                    .map(move |p| Val::Variant(name.clone(), p))
            })
            .collect(),
        Type::Enum(of) => of.names().map(|name| Val::Enum(name.to_owned())).collect(),
        Type::Option(option) => iter::once(None)
            .chain(payloads(Some(option.ty())))
            .map(Val::Option)
            .collect(),
        Type::Result(result) => {
            let ok = payloads(result.ok()).into_iter().map(Ok);
            let err = payloads(result.err()).into_iter().map(Err);
            ok.chain(err).map(Val::Result).collect()
        }
        Type::Flags(flags) => {
            let names: Vec<String> = flags.names().map(str::to_owned).collect();
            let every = |n: usize| names.iter().step_by(n).cloned().collect();
            let mut all = vec![Vec::new(), names.clone(), every(2), every(3)];
            all.extend(names.iter().map(|name| vec![name.clone()]));
            all.into_iter().map(Val::Flags).collect()
        }
        other => panic!("no test value has the type {other:?}"),
    }
}

fn payloads(ty: Option<Type>) -> Vec<Option<Box<Val>>> {
    match ty {
        Some(ty) => edges(&ty)
            .into_iter()
            .map(|value| Some(Box::new(value)))
            .collect(),
        None => vec![None],
    }
}

/// As many rows as the longest column; shorter ones begin again.
fn rows(columns: Vec<Vec<Val>>) -> impl Iterator<Item = Vec<Val>> {
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).map(move |row| {
        columns
            .iter()
            .map(|column| column[row % column.len()].clone())
            .collect()
    })
}

/// Arguments for a function: the edges of each parameter.
#[must_use]
pub fn edge_arguments(params: &[Type]) -> Vec<Vec<Val>> {
    match params {
        [] => vec![Vec::new()],
        _ => rows(params.iter().map(edges).collect()).collect(),
    }
}

/// Arguments for a function: each large where its type can be, otherwise an edge.
#[must_use]
pub fn large_arguments(params: &[Type]) -> Vec<Vec<Val>> {
    let mut columns: Vec<Vec<Val>> = params.iter().map(large).collect();
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    for (column, ty) in iter::zip(&mut columns, params) {
        if column.is_empty() {
            *column = edges(ty).into_iter().take(longest).collect();
        }
    }
    // Without a large one there is nothing to do, which is no row at all.
    rows(columns).collect()
}

/// How many elements a long list has, of a type with one or a few values in it.
const LONG: usize = 100_000;

fn large(ty: &Type) -> Vec<Val> {
    match ty {
        Type::String => large_strings().into_iter().map(Val::String).collect(),
        Type::List(list) => {
            let element = list.ty();
            // A dynamic value takes far more memory than what it stands for.
            let length = if parts(&element) <= 4 {
                LONG
            } else {
                LONG / 20
            };
            let mut rng = Rng::new("long lists");
            vec![Val::List(
                (0..length).map(|_| random(&element, &mut rng, 2)).collect(),
            )]
        }
        _ => Vec::new(),
    }
}

/// How many values a value of the type consists of, about.
fn parts(ty: &Type) -> usize {
    match ty {
        Type::List(list) => 2 * parts(&list.ty()),
        Type::FixedLengthList(list) => list.len() as usize * parts(&list.ty()),
        Type::Map(map) => 2 * (parts(&map.key()) + parts(&map.value())),
        Type::Record(record) => record.fields().map(|field| parts(&field.ty)).sum(),
        Type::Tuple(tuple) => tuple.types().map(|ty| parts(&ty)).sum(),
        Type::Variant(variant) => variant
            .cases()
            .filter_map(|case| case.ty)
            .map(|ty| parts(&ty))
            .max()
            .unwrap_or(1),
        Type::Option(option) => 1 + parts(&option.ty()),
        Type::Result(result) => {
            1 + [result.ok(), result.err()]
                .iter()
                .flatten()
                .map(parts)
                .max()
                .unwrap_or(0)
        }
        _ => 1,
    }
}

/// Arguments for a function: any values.
#[must_use]
pub fn random_arguments(params: &[Type], rng: &mut Rng) -> Vec<Val> {
    params.iter().map(|ty| random(ty, rng, 12)).collect()
}

macro_rules! number {
    ($val:ident $ty:ident $rng:ident) => {{
        // Small and large numbers, as often as each other.
        let shift = $rng.below(64);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "any bits will do"
        )]
        Val::$val(($rng.number() >> shift) as $ty)
    }};
}

/// Any value of a type, with lists and strings of up to `longest` elements. In
/// the place of a resource is the number 0: which one it is, only who has some
/// can say.
#[must_use]
pub fn random(ty: &Type, rng: &mut Rng, longest: usize) -> Val {
    match ty {
        Type::Bool => Val::Bool(rng.below(2) == 1),
        Type::S8 => number!(S8 i8 rng),
        Type::U8 => number!(U8 u8 rng),
        Type::S16 => number!(S16 i16 rng),
        Type::U16 => number!(U16 u16 rng),
        Type::S32 => number!(S32 i32 rng),
        Type::U32 => number!(U32 u32 rng),
        Type::S64 => number!(S64 i64 rng),
        Type::U64 => number!(U64 u64 rng),
        Type::Float32 => {
            let Val::U32(bits) = number!(U32 u32 rng) else {
                unreachable!()
            };
            Val::Float32(f32::from_bits(bits))
        }
        Type::Float64 => Val::Float64(f64::from_bits(rng.number())),
        Type::Char => Val::Char(random_char(rng)),
        Type::String => {
            let length = rng.below(longest + 1);
            Val::String((0..length).map(|_| random_char(rng)).collect())
        }
        Type::List(list) => {
            let (length, ty) = (rng.below(longest + 1), list.ty());
            Val::List((0..length).map(|_| random(&ty, rng, longest / 2)).collect())
        }
        Type::FixedLengthList(list) => {
            let element = list.ty();
            let elements = (0..list.len()).map(|_| random(&element, rng, longest));
            Val::FixedLengthList(elements.collect())
        }
        Type::Map(map) => {
            let (key, value) = (map.key(), map.value());
            let entries = (0..rng.below(longest + 1))
                .map(|_| (random(&key, rng, longest), random(&value, rng, longest / 2)));
            Val::Map(with_keys_once(entries.collect()))
        }
        Type::Record(record) => Val::Record(
            record
                .fields()
                .map(|field| (field.name.to_owned(), random(&field.ty, rng, longest)))
                .collect(),
        ),
        Type::Tuple(tuple) => {
            Val::Tuple(tuple.types().map(|ty| random(&ty, rng, longest)).collect())
        }
        Type::Variant(variant) => {
            let case = variant.cases().nth(rng.below(variant.cases().len()));
            let case = case.expect("it is below the number of cases");
            let payload = random_payload(case.ty, rng, longest);
            Val::Variant(case.name.to_owned(), payload)
        }
        Type::Enum(of) => {
            let name = of.names().nth(rng.below(of.names().len()));
            Val::Enum(name.expect("it is below the number of cases").to_owned())
        }
        Type::Option(option) => Val::Option(match rng.below(3) {
            0 => None,
            _ => random_payload(Some(option.ty()), rng, longest),
        }),
        Type::Result(result) => Val::Result(match rng.below(2) {
            0 => Ok(random_payload(result.ok(), rng, longest)),
            _ => Err(random_payload(result.err(), rng, longest)),
        }),
        Type::Flags(flags) => {
            let bits = rng.number();
            let set = flags
                .names()
                .enumerate()
                .filter(|(i, _)| bits >> i & 1 == 1);
            Val::Flags(set.map(|(_, name)| name.to_owned()).collect())
        }
        Type::Own(_) | Type::Borrow(_) => Val::U32(0),
        other => panic!("no test value has the type {other:?}"),
    }
}

/// The entries, those left out whose key came before.
fn with_keys_once(entries: Vec<(Val, Val)>) -> Vec<(Val, Val)> {
    let mut found: Vec<(Val, Val)> = Vec::new();
    for (key, value) in entries {
        if !found.iter().any(|(other, _)| same(other, &key)) {
            found.push((key, value));
        }
    }
    found
}

fn random_payload(ty: Option<Type>, rng: &mut Rng, longest: usize) -> Option<Box<Val>> {
    ty.map(|ty| Box::new(random(&ty, rng, longest)))
}

fn random_char(rng: &mut Rng) -> char {
    match rng.below(4) {
        0 => CHARS[rng.below(CHARS.len())],
        1 => char::from(u8::try_from(rng.below(256)).expect("it is below 256")),
        _ => u32::try_from(rng.below(0x11_0000))
            .ok()
            .and_then(char::from_u32)
            .unwrap_or('?'),
    }
}

/// Whether two values are the same to the last bit; `==` takes all NaNs for
/// equal.
#[must_use]
pub fn same(a: &Val, b: &Val) -> bool {
    let all = |a: &[Val], b: &[Val]| a.len() == b.len() && iter::zip(a, b).all(|(a, b)| same(a, b));
    let payload = |a: &Option<Box<Val>>, b: &Option<Box<Val>>| match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    match (a, b) {
        (Val::Float32(a), Val::Float32(b)) => a.to_bits() == b.to_bits(),
        (Val::Float64(a), Val::Float64(b)) => a.to_bits() == b.to_bits(),
        (Val::List(a), Val::List(b))
        | (Val::FixedLengthList(a), Val::FixedLengthList(b))
        | (Val::Tuple(a), Val::Tuple(b)) => all(a, b),
        // In any order.
        (Val::Map(a), Val::Map(b)) => {
            let has = |(key, value): &(Val, Val)| {
                let found = b.iter().find(|(other, _)| same(other, key));
                found.is_some_and(|(_, other)| same(value, other))
            };
            a.len() == b.len() && a.iter().all(has)
        }
        (Val::Record(a), Val::Record(b)) => {
            a.len() == b.len() && iter::zip(a, b).all(|((an, a), (bn, b))| an == bn && same(a, b))
        }
        (Val::Variant(an, a), Val::Variant(bn, b)) => an == bn && payload(a, b),
        (Val::Option(a), Val::Option(b)) => payload(a, b),
        (Val::Result(Ok(a)), Val::Result(Ok(b))) | (Val::Result(Err(a)), Val::Result(Err(b))) => {
            payload(a, b)
        }
        (a, b) => a == b,
    }
}

/// The value, cut where it gets long.
#[must_use]
pub fn show(value: &impl std::fmt::Debug) -> String {
    let mut text = format!("{value:?}");
    if text.len() > 300 {
        let end = text.floor_char_boundary(300);
        text.truncate(end);
        text.push('…');
    }
    text
}
