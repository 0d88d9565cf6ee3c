//! What is to be done for the values of a function, found once: [`Plan`].
//!
//! Other than a walk over a component's types, a plan is made with the plugin's
//! WIT at hand, before the first call. It is for what most functions have:
//! numbers, text, lists of numbers, and records of those; results may have cases
//! as well. A function with something else has none.

use wit_parser::{FlagsRepr, Function, Int, Resolve, SizeAlign, Type, TypeDefKind, TypeId};

/// A plan with more steps is not shorter than a walk.
const MAX_STEPS: usize = 64;

/// The steps for a tuple of parameters, or for a result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Plan {
    /// Bytes that the values take, without what they refer to.
    pub(super) size: usize,
    pub(super) steps: Box<[Step]>,
    /// Whether all of them are numbers of four or eight bytes, and few.
    pub(super) is_short: bool,
}

/// As many bytes as few numbers take.
const SHORT: usize = 64;

/// What is to be done for one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step {
    /// Where the value lies.
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A number of one byte, two, four or eight. In memory, nothing is to be done.
    One,
    Two,
    Four,
    Eight,
    Bool,
    Char,
    /// So many, in so many bytes.
    Flags {
        count: usize,
        size: usize,
    },
    /// An enum or the like, with the size of its discriminant. Only in memory do
    /// its cases have steps.
    Cases {
        tag: usize,
        cases: Box<[Box<[Step]>]>,
    },
    Text,
    /// A list of numbers of so many bytes.
    Numbers {
        size: usize,
    },
}

impl Plan {
    /// That for reading a function's parameters from core values.
    pub(crate) fn of_params(
        resolve: &Resolve,
        sizes: &SizeAlign,
        function: &Function,
    ) -> Option<Self> {
        let types = || function.params.iter().map(|param| &param.ty);
        let mut planner = Planner::new(resolve, sizes, true);
        planner.fields(types(), 0)?;
        let size = sizes.record(types()).size.size_wasm32();
        Some(Self::new(size, planner.steps))
    }

    /// That for writing a function's result to memory, if it has one.
    pub(crate) fn of_result(
        resolve: &Resolve,
        sizes: &SizeAlign,
        function: &Function,
    ) -> Option<Self> {
        let result = function.result.as_ref()?;
        let mut planner = Planner::new(resolve, sizes, false);
        planner.add(result, 0)?;
        let size = sizes.size(result).size_wasm32();
        Some(Self::new(size, planner.steps))
    }

    fn new(size: usize, steps: Vec<Step>) -> Self {
        let are_numbers = steps
            .iter()
            .all(|step| matches!(step.kind, Kind::Four | Kind::Eight));
        Self {
            size,
            steps: steps.into(),
            is_short: are_numbers && size <= SHORT,
        }
    }
}

struct Planner<'a> {
    resolve: &'a Resolve,
    sizes: &'a SizeAlign,
    /// Whether the values are core values, and not in memory.
    is_flat: bool,
    steps: Vec<Step>,
    /// How many more there may be.
    left: usize,
}

impl<'a> Planner<'a> {
    fn new(resolve: &'a Resolve, sizes: &'a SizeAlign, is_flat: bool) -> Self {
        Self {
            resolve,
            sizes,
            is_flat,
            steps: Vec::new(),
            left: MAX_STEPS,
        }
    }

    /// Adds a value of this type; `None` if there is no plan for it.
    fn add(&mut self, ty: &Type, at: usize) -> Option<()> {
        match ty {
            Type::Id(id) => self.defined(*id, at),
            Type::Bool => self.step(at, Kind::Bool),
            Type::Char => self.step(at, Kind::Char),
            Type::String => self.step(at, Kind::Text),
            Type::ErrorContext => None,
            _ if !self.is_flat => Some(()),
            number => match self.sizes.size(number).size_wasm32() {
                1 => self.step(at, Kind::One),
                2 => self.step(at, Kind::Two),
                4 => self.step(at, Kind::Four),
                _ => self.step(at, Kind::Eight),
            },
        }
    }

    fn defined(&mut self, id: TypeId, at: usize) -> Option<()> {
        let resolve = self.resolve;
        match &resolve.types.get(id)?.kind {
            TypeDefKind::Type(ty) => self.add(ty, at),
            TypeDefKind::Record(record) => {
                self.fields(record.fields.iter().map(|field| &field.ty), at)
            }
            TypeDefKind::Tuple(tuple) => self.fields(tuple.types.iter(), at),
            TypeDefKind::Flags(flags) => {
                let size = match flags.repr() {
                    FlagsRepr::U8 => 1,
                    FlagsRepr::U16 => 2,
                    FlagsRepr::U32(1) => 4,
                    FlagsRepr::U32(_) => return None,
                };
                let count = flags.flags.len();
                self.step(at, Kind::Flags { count, size })
            }
            TypeDefKind::Enum(of) => self.cases(of.tag(), of.cases.iter().map(|_| None), at),
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| case.ty.as_ref());
                self.cases(variant.tag(), cases, at)
            }
            TypeDefKind::Option(ty) => self.cases(Int::U8, [None, Some(ty)].into_iter(), at),
            TypeDefKind::Result(result) => {
                let cases = [result.ok.as_ref(), result.err.as_ref()];
                self.cases(Int::U8, cases.into_iter(), at)
            }
            TypeDefKind::List(element) => {
                let size = self.number(element)?;
                self.step(at, Kind::Numbers { size })
            }
            _ => None,
        }
    }

    fn fields<'t>(&mut self, types: impl Iterator<Item = &'t Type>, at: usize) -> Option<()> {
        for (offset, ty) in self.sizes.field_offsets(types) {
            self.add(ty, at + offset.size_wasm32())?;
        }
        Some(())
    }

    fn cases<'t>(
        &mut self,
        tag: Int,
        types: impl Iterator<Item = Option<&'t Type>> + Clone,
        at: usize,
    ) -> Option<()> {
        let payload_at = self.sizes.payload_offset(tag, types.clone()).size_wasm32();
        let before = std::mem::take(&mut self.steps);
        let mut cases = Vec::new();
        for ty in types {
            if let Some(ty) = ty {
                // Core values of several cases share places.
                if self.is_flat {
                    return None;
                }
                self.add(ty, at + payload_at)?;
            }
            cases.push(std::mem::take(&mut self.steps).into());
        }
        self.steps = before;
        let tag = match tag {
            Int::U8 => 1,
            Int::U16 => 2,
            Int::U32 => 4,
            Int::U64 => return None,
        };
        let cases = cases.into();
        self.step(at, Kind::Cases { tag, cases })
    }

    /// Bytes of a number's type.
    fn number(&self, ty: &Type) -> Option<usize> {
        match ty {
            Type::Bool | Type::Char | Type::String | Type::ErrorContext => None,
            Type::Id(id) => match &self.resolve.types.get(*id)?.kind {
                TypeDefKind::Type(ty) => self.number(ty),
                _ => None,
            },
            number => Some(self.sizes.size(number).size_wasm32()),
        }
    }

    fn step(&mut self, at: usize, kind: Kind) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        self.steps.push(Step { at, kind });
        Some(())
    }
}
