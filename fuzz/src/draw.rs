//! What functions are called with and return, drawn at random.

use std::fmt;

use e2e::values::{self, Rng, show};
use wash_runtime::wasmtime::component::{Type, Val};

use crate::handles;
use crate::layout;
use crate::oracle;
use crate::script::Answer;
use crate::world::Called;

/// Larger values take long, and do not fit into the guest.
const MAX_BUFFER: usize = 32 * 1024;
const MAX_PARTS: usize = 5000;
/// Elements of a list, at most; fewer further inside.
const LONGEST: usize = 9;

/// A function that the guest calls, with its types.
#[derive(Debug)]
pub struct Function<'a> {
    /// Which.
    pub called: &'a Called,
    /// The types of its parameters, as the guest exports it.
    pub params: Vec<Type>,
    /// The same as it imports it: it may lend what it was given.
    pub passed: Vec<Type>,
    /// The type of its result, if it has one.
    pub results: Vec<Type>,
}

/// Arguments and a result, but for which resources are in them.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) arguments: Vec<Val>,
    pub(crate) result: Vec<Val>,
    pub(crate) lend: bool,
    pub(crate) pending: usize,
}

impl Drawn {
    /// Some for the function; `None` if they are too large.
    pub(crate) fn new(function: &Function<'_>, rng: &mut Rng) -> Option<Self> {
        let Function {
            params, results, ..
        } = function;
        let drawn = Self {
            arguments: random(params, rng),
            result: random(results, rng),
            lend: rng.below(2) == 0,
            pending: match function.called.is_async {
                true => rng.below(3),
                false => 0,
            },
        };
        let mut size = |types, values| oracle::encode(types, values, rng, false).bytes.len();
        let size = size(params, &drawn.arguments).max(size(results, &drawn.result));
        (size <= MAX_BUFFER).then_some(drawn)
    }
}

/// A call to be made.
#[derive(Debug)]
pub struct Call<'a> {
    /// Of which function.
    pub function: &'a Function<'a>,
    /// What it is called with.
    pub arguments: Vec<Val>,
    /// The resources in that, by what makes them and in the order in which it
    /// does for an instance that has none.
    pub made: Vec<Vec<u32>>,
    /// What it returns.
    pub result: Vec<Val>,
    /// The same, as the plugin returns it.
    pub answer: Answer,
}

impl Call<'_> {
    /// The numbers of the resources that it returns.
    #[must_use]
    pub fn gives(&self) -> Vec<u32> {
        handles::numbers(&self.function.results, &self.result, false)
    }

    /// Those of the resources among such arguments that are the plugin's when it
    /// has answered.
    #[must_use]
    pub fn takes(&self, arguments: &[Val]) -> Vec<u32> {
        handles::numbers(&self.function.passed, arguments, true)
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (arguments, result) = (show(&self.arguments), show(&self.result));
        write!(f, "called with {arguments}, to return {result}")
    }
}

/// Any values of these types, of no more parts than are quickly made.
pub(crate) fn random(types: &[Type], rng: &mut Rng) -> Vec<Val> {
    let mut longest = rng.below(LONGEST + 1);
    let most = |longest| {
        let parts = types.iter().map(|ty| most_parts(ty, longest));
        parts.fold(0, usize::saturating_add)
    };
    while longest > 0 && most(longest) > MAX_PARTS {
        longest /= 2;
    }
    types
        .iter()
        .map(|ty| values::random(ty, rng, longest))
        .collect()
}

/// How many parts a random value has at most, in lists of up to so many
/// elements, and half as many further inside.
fn most_parts(ty: &Type, longest: usize) -> usize {
    let of = |ty: &Type| most_parts(ty, longest);
    let parts = match ty {
        Type::List(list) => longest.saturating_mul(most_parts(&list.ty(), longest / 2)),
        Type::Map(map) => {
            let inside = |ty| most_parts(ty, longest / 2);
            longest.saturating_mul(inside(&map.key()).saturating_add(inside(&map.value())))
        }
        Type::FixedLengthList(list) => (list.len() as usize).saturating_mul(of(&list.ty())),
        Type::Record(record) => record
            .fields()
            .fold(0, |sum, field| of(&field.ty).saturating_add(sum)),
        Type::Tuple(tuple) => tuple.types().fold(0, |sum, ty| of(&ty).saturating_add(sum)),
        Type::Variant(_) | Type::Option(_) | Type::Result(_) => {
            let payloads = layout::cases(ty).into_iter().flatten();
            payloads.map(|ty| of(&ty)).max().unwrap_or(0)
        }
        _ => 0,
    };
    parts.saturating_add(1)
}
