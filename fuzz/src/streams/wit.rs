//! Streams and futures of whatever types a document has: it is added an
//! interface that gives and takes them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use e2e::values::Rng;
use wit_parser::{Function, Resolve, SizeAlign, Type, TypeDefKind};

use crate::guest::{self, Guest, Used, has_borrow};
use crate::makers;
use crate::plugin::MAX_FUNCTIONS;
use crate::world::{Import, World, called, crosses, is_small, parse, served};

/// The interface that is added. For a type of the number N, it has `giveN` and
/// `takeN` for a stream, and `handN` and `catchN` for a future.
pub(crate) const INTERFACE: &str = "fuzz:streams/streams";
/// A function of it: its stream ends when a guest need not wait any more.
pub(crate) const IDLE: &str = "idle";

/// How many types of a document are tried.
const MOST: usize = 6;

/// A document's world, as a plugin serves it and a guest uses it.
pub(crate) struct Piped {
    pub(crate) world: World,
    /// How many types are carried.
    pub(crate) count: usize,
}

impl Piped {
    /// Reads a document with a `world plugin`. `None` if it is too large.
    pub(crate) fn read(wit: &str, rng: &mut Rng) -> Result<Option<Self>> {
        let (wit, count) = add(&makers::add(wit)?, rng)?;
        let (resolve, world) = parse(&wit)?;
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let served = served(&resolve, world, rng)?;
        if served.len() > MAX_FUNCTIONS {
            return Ok(None);
        }
        let of = |interface: &str| -> Vec<Import<'_>> {
            let all = served.iter();
            all.filter(|import| import.called.interface == interface)
                .cloned()
                .collect()
        };
        let (makers, streams) = (of(makers::INTERFACE), of(INTERFACE));
        let mut carried = Vec::new();
        for n in 0..count {
            let gives = streams.iter().find(|s| s.called.name == format!("give{n}"));
            let gives = gives.context("the interface is not there")?;
            carried.push(carries(&resolve, gives.function).context("it gives no stream")?);
        }
        let Guest { component } = guest::make(&wit, &resolve, &sizes, &makers, &carried, rng)
            .context("there is no guest for it")?;
        let mut world = World::new(&wit, &resolve, world, &served, component)?;
        world.called = called(&streams);
        world.makers = called(&makers);
        for interface in [makers::INTERFACE, INTERFACE] {
            if !of(interface).is_empty() {
                world.needs.push(interface.to_owned());
            }
        }
        Ok(Some(Self { world, count }))
    }
}

/// What the stream that a function returns carries.
fn carries(resolve: &Resolve, function: &Function) -> Option<Type> {
    match function.result {
        Some(Type::Id(id)) => match resolve.types[id].kind {
            TypeDefKind::Stream(carries) => carries,
            _ => None,
        },
        _ => None,
    }
}

/// Of which there are no streams yet.
fn is_char(resolve: &Resolve, ty: &Type) -> bool {
    match ty {
        Type::Id(id) => match &resolve.types[*id].kind {
            TypeDefKind::Type(of) => is_char(resolve, of),
            _ => false,
        },
        ty => *ty == Type::Char,
    }
}

/// Adds the interface, for bytes and some of the types that the document's
/// functions have: how many.
fn add(wit: &str, rng: &mut Rng) -> Result<(String, usize)> {
    let (resolve, world) = parse(wit)?;
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve);
    let mut used = Used::new(&resolve);
    let mut texts = BTreeSet::new();
    for Import { function, called } in served(&resolve, world, &mut Rng::new("any"))? {
        let types = function.params.iter().map(|param| &param.ty);
        for ty in types.chain(&function.result) {
            let is_lent = has_borrow(&resolve, ty);
            if called.interface != makers::INTERFACE
                && is_small(&sizes, ty)
                && crosses(&resolve, ty)
                && !is_char(&resolve, ty)
                && !is_lent
            {
                texts.insert(used.ty(ty)?);
            }
        }
    }
    texts.remove("u8");
    let mut texts: Vec<String> = texts.into_iter().collect();
    while texts.len() >= MOST {
        texts.swap_remove(rng.below(texts.len()));
    }
    texts.push("u8".to_owned());
    let head = "world plugin {";
    let mut text = wit.replacen(head, &format!("{head}\n  export {INTERFACE};"), 1);
    writeln!(text, "\npackage fuzz:streams {{\n  interface streams {{")?;
    text += &used.text;
    for (n, ty) in texts.iter().enumerate() {
        writeln!(text, "    give{n}: func() -> stream<{ty}>;")?;
        writeln!(text, "    take{n}: func(s: stream<{ty}>);")?;
        writeln!(text, "    hand{n}: func() -> future<{ty}>;")?;
        writeln!(text, "    catch{n}: func(f: future<{ty}>);")?;
    }
    writeln!(text, "    {IDLE}: func() -> stream<u8>;\n  }}\n}}")?;
    Ok((text, texts.len()))
}
