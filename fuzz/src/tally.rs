//! What runs have done, for a person to judge them by.

use std::collections::BTreeMap;
use std::fmt;

use wash_runtime::wasmtime::component::Type;

/// What a run has done.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Worlds with something to call.
    pub worlds: u64,
    /// Functions that were called.
    pub functions: u64,
    /// Calls whose values had to arrive.
    pub calls: u64,
    /// Resources that were passed or returned by those.
    pub resources: u64,
    /// Calls whose results or arguments were damaged.
    pub damaged: u64,
    /// How many of those were errors.
    pub refused: u64,
    /// Calls that were not compared: more, or laid out otherwise, than the oracle reads.
    pub skipped: u64,
    /// How often each kind of type was met in what was called.
    pub kinds: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts types, and the types in them.
    pub(crate) fn count_kinds<'a>(&mut self, types: impl Iterator<Item = &'a Type>) {
        for ty in types {
            count(ty, &mut self.kinds);
        }
    }

    /// Adds what another run has done.
    pub fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.functions += other.functions;
        self.calls += other.calls;
        self.resources += other.resources;
        self.damaged += other.damaged;
        self.refused += other.refused;
        self.skipped += other.skipped;
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            worlds,
            functions,
            calls,
            resources,
            damaged,
            refused,
            skipped,
            kinds: _,
        } = self;
        write!(
            f,
            "{worlds} worlds, {functions} functions, {calls} calls with {resources} resources, {damaged} with damage ({refused} refused), {skipped} not compared"
        )
    }
}

/// Counts a type and the types in it.
fn count(ty: &Type, kinds: &mut BTreeMap<&'static str, u64>) {
    let (kind, parts): (_, Vec<Type>) = match ty {
        Type::Bool => ("bool", vec![]),
        Type::U8 | Type::S8 => ("8-bit", vec![]),
        Type::U16 | Type::S16 => ("16-bit", vec![]),
        Type::U32 | Type::S32 => ("32-bit", vec![]),
        Type::U64 | Type::S64 => ("64-bit", vec![]),
        Type::Float32 | Type::Float64 => ("float", vec![]),
        Type::Char => ("char", vec![]),
        Type::String => ("string", vec![]),
        Type::List(list) => ("list", vec![list.ty()]),
        Type::Map(map) => ("map", vec![map.key(), map.value()]),
        Type::FixedLengthList(list) => ("fixed-length list", vec![list.ty()]),
        Type::Record(record) => ("record", record.fields().map(|field| field.ty).collect()),
        Type::Tuple(tuple) => ("tuple", tuple.types().collect()),
        Type::Variant(variant) => ("variant", variant.cases().filter_map(|c| c.ty).collect()),
        Type::Enum(_) => ("enum", vec![]),
        Type::Option(option) => ("option", vec![option.ty()]),
        Type::Result(result) => (
            "result",
            result.ok().into_iter().chain(result.err()).collect(),
        ),
        Type::Flags(_) => ("flags", vec![]),
        Type::Own(_) => ("own", vec![]),
        Type::Borrow(_) => ("borrow", vec![]),
        Type::Future(_) => ("future", vec![]),
        Type::Stream(_) => ("stream", vec![]),
        Type::ErrorContext => ("error-context", vec![]),
    };
    *kinds.entry(kind).or_default() += 1;
    for part in &parts {
        count(part, kinds);
    }
}
