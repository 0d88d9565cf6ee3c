//! A type, and streams or futures of it.

use std::fmt;
use std::slice::from_ref;

use anyhow::{Result, bail};
use e2e::values::{self, Rng, show};
use wash_runtime::wasmtime::component::{Type, Val};

use super::INTERFACE;
use super::subject::Taken;
use crate::component::Component;
use crate::draw;
use crate::oracle::{self, Side, Wrong, is_number};
use crate::world::Called;

/// How many numbers a stream of them has, at most: more than are asked for at once.
const MANY: usize = 3000;

/// What is wrong with a number of items.
pub(super) const COUNT: &str = "it is another number of items than was asked for";

/// What carries values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Stream,
    Future,
}

pub(super) struct Pipe {
    n: usize,
    pub(super) kind: Kind,
    /// A list of what is carried.
    pub(super) list: Type,
    item: Type,
}

impl Pipe {
    pub(super) fn new(n: usize, kind: Kind, component: &mut Component) -> Result<Self> {
        let drain = called(format!("drain{n}"));
        let results = component.own_function(&drain)?.results;
        let [list] = <[Type; 1]>::try_from(results).unwrap_or_else(|all| panic!("{all:?}"));
        let Type::List(of) = &list else {
            bail!("{list:?} is no list");
        };
        Ok(Self {
            n,
            kind,
            item: of.ty(),
            list,
        })
    }

    /// What is carried.
    pub(super) fn item(&self) -> &Type {
        &self.item
    }

    /// What is read at once.
    pub(super) fn carrier(&self) -> &Type {
        match self.kind {
            Kind::Stream => &self.list,
            Kind::Future => &self.item,
        }
    }

    /// The items in what was read, of which so many were asked for.
    pub(super) fn items(&self, read: Vec<Val>, max: usize) -> Result<Vec<Val>, Wrong> {
        match (self.kind, read.as_slice()) {
            (Kind::Future, _) => Ok(read),
            (Kind::Stream, [Val::List(items)]) if (1..=max).contains(&items.len()) => {
                Ok(items.clone())
            }
            _ => Err(Wrong::Bad(COUNT.to_owned())),
        }
    }

    /// The values in what the plugin read; `None` if there are too many.
    pub(super) fn taken(&self, taken: Taken) -> Result<Option<Vec<Val>>> {
        let mut got = Vec::new();
        for (max, encoded) in taken {
            let values = oracle::decode(from_ref(self.carrier()), &encoded, Side::Plugin);
            match values.and_then(|values| self.items(values, max)) {
                Ok(some) => got.extend(some),
                Err(Wrong::TooMuch) => return Ok(None),
                Err(wrong) => bail!("what was read is wrong: {wrong:?}: {}", show(&encoded)),
            }
        }
        Ok(Some(got))
    }

    /// Some values to be carried; one, of a future.
    pub(super) fn draw(&self, rng: &mut Rng) -> Vec<Val> {
        if self.kind == Kind::Future {
            return draw::random(from_ref(&self.item), rng);
        }
        let list = match is_number(&self.item) && rng.below(4) == 0 {
            true => values::random(&self.list, rng, MANY),
            false => draw::random(from_ref(&self.list), rng).remove(0),
        };
        match list {
            Val::List(items) => items,
            other => panic!("{other:?} is no list"),
        }
    }

    /// Whether the items can be lent.
    pub(super) fn can_be_lent(&self) -> bool {
        self.kind == Kind::Stream && is_number(&self.item)
    }

    /// Whether a plugin can read it that has not made it.
    pub(super) fn is_portable(&self) -> bool {
        let mut kinds = crate::tally::Tally::default();
        kinds.count_kinds(std::iter::once(&self.item));
        !kinds.kinds.contains_key("own")
    }

    fn function(&self, of_stream: &str, of_future: &str) -> String {
        let name = match self.kind {
            Kind::Stream => of_stream,
            Kind::Future => of_future,
        };
        format!("{name}{}", self.n)
    }

    /// The plugin's function that gives one.
    pub(super) fn gives(&self) -> String {
        self.function("give", "hand")
    }

    /// The plugin's function that takes one.
    pub(super) fn takes(&self) -> String {
        self.function("take", "catch")
    }

    /// The guest's function that reads one of the plugin's.
    pub(super) fn drains(&self) -> String {
        self.function("drain", "wait")
    }

    /// The guest's function that writes to one of its own.
    pub(super) fn feeds(&self) -> String {
        self.function("feed", "fill")
    }

    /// The guest's function that passes one on.
    pub(super) fn passes(&self) -> String {
        self.function("pass", "relay")
    }

    pub(super) fn called(&self, function: String) -> Called {
        called(function)
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} of {:?}", self.kind, self.n, self.item)
    }
}

/// A function that the guest has of its own.
fn called(export: String) -> Called {
    Called {
        interface: INTERFACE.to_owned(),
        name: export.clone(),
        export,
        // None of the plugin's.
        index: usize::MAX,
        is_async: true,
        is_concurrent: true,
    }
}
