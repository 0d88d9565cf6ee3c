//! What a document holds: the world of a plugin, as its manifest has it, and a
//! guest that calls what can be called.

use anyhow::{Context as _, Result, ensure};
use e2e::values::Rng;
use wit_parser::{Function, Resolve, SizeAlign, Type, TypeDefKind, WorldId, WorldItem};

use crate::elf::{Elf, Note};
use crate::guest::{self, Guest};
use crate::makers;
use crate::plugin::MAX_FUNCTIONS;

/// In bytes, of what a value takes beside what it points to.
const MAX_SIZE: usize = 4096;
/// How many functions of a world are called.
const MAX_CALLED: usize = 32;

/// A world, its plugin's description and its guest.
#[derive(Debug)]
pub struct World {
    /// The plugin's library, as far as it is looked at before it is loaded.
    pub library: Vec<u8>,
    /// Its manifest, as the plugin reports it once it is loaded.
    pub note: Vec<u8>,
    /// How many functions the plugin serves.
    pub served: usize,
    /// The guest, as a component.
    pub guest: Vec<u8>,
    /// What the guest calls.
    pub called: Vec<Called>,
    /// Those of them that give as many resources of a type as are wanted.
    pub makers: Vec<Called>,
    /// The interfaces that it needs for that.
    pub needs: Vec<String>,
}

/// A function that the guest calls.
#[derive(Clone, Debug)]
pub struct Called {
    /// What the guest exports to have it called.
    pub export: String,
    /// The interface, as `namespace:package/interface@version`.
    pub interface: String,
    /// Its name there.
    pub name: String,
    /// Its place in the plugin's call table.
    pub index: usize,
    /// Whether the plugin may answer later.
    pub is_async: bool,
    /// Whether it is an `async func`.
    pub is_concurrent: bool,
}

/// A function of the world.
#[derive(Clone)]
pub(crate) struct Import<'a> {
    pub(crate) function: &'a Function,
    pub(crate) called: Called,
}

impl World {
    /// Reads a document with a `world plugin`; `rng` decides what the document
    /// does not say. `None` if nothing in it can be called.
    ///
    /// # Errors
    ///
    /// If it is no such document.
    pub fn read(wit: &str, rng: &mut Rng) -> Result<Option<Self>> {
        let wit = &makers::add(wit)?;
        let (resolve, world) = parse(wit)?;
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);

        let served = served(&resolve, world, rng)?;
        let all = served.iter().filter(|import| {
            let types = import.function.params.iter().map(|param| &param.ty);
            let mut types = types.chain(&import.function.result);
            types.all(|ty| is_small(&sizes, ty) && crosses(&resolve, ty))
        });
        let (mut makers, mut imports): (Vec<Import<'_>>, Vec<Import<'_>>) = all
            .cloned()
            .partition(|import| import.called.interface == makers::INTERFACE);
        if imports.is_empty() || served.len() > MAX_FUNCTIONS {
            return Ok(None);
        }
        while imports.len() > MAX_CALLED {
            imports.swap_remove(rng.below(imports.len()));
        }
        let made = called(&makers);
        imports.append(&mut makers);
        let Guest { component } = guest::make(wit, &resolve, &sizes, &imports, &[], rng)
            .context("there is no guest for it")?;
        let mut this = Self::new(wit, &resolve, world, &served, component)?;
        this.called = called(&imports);
        this.makers = made;
        this.needs
            .extend(this.called.iter().map(|c| c.interface.clone()));
        this.needs.sort();
        this.needs.dedup();
        Ok(Some(this))
    }

    /// Of which nothing is called, and which needs the resources that there are.
    pub(crate) fn new(
        wit: &str,
        resolve: &Resolve,
        world: WorldId,
        served: &[Import<'_>],
        guest: Vec<u8>,
    ) -> Result<Self> {
        ensure!(!guest.is_empty(), "the guest is empty");
        let functions = served.iter().map(|import| {
            let Called {
                interface, name, ..
            } = &import.called;
            (format!("{interface}#{name}"), import.called.is_async)
        });
        let note = Note {
            wit: wit.to_owned(),
            world: "fuzz:harness/plugin".to_owned(),
            functions: functions.collect(),
            ..Note::new("fuzz", "fuzz:harness")
        };
        let resources = makers::resources(resolve, world)?.into_iter();
        Ok(Self {
            library: Elf::plugin(&note).bytes(),
            note: note.bytes(),
            served: served.len(),
            guest,
            called: Vec::new(),
            makers: Vec::new(),
            needs: resources.map(|resource| resource.interface).collect(),
        })
    }
}

pub(crate) fn called(imports: &[Import<'_>]) -> Vec<Called> {
    imports.iter().map(|import| import.called.clone()).collect()
}

/// All that a plugin of the world serves, in the order of its call table.
pub(crate) fn served<'a>(
    resolve: &'a Resolve,
    world: WorldId,
    rng: &mut Rng,
) -> Result<Vec<Import<'a>>> {
    let mut served = Vec::new();
    for item in resolve.worlds[world].exports.values() {
        let WorldItem::Interface { id, .. } = item else {
            anyhow::bail!("the world exports more than interfaces");
        };
        let interface = resolve.id_of(*id).context("an interface has no name")?;
        for (name, function) in &resolve.interfaces[*id].functions {
            let is_concurrent = function.kind.is_async();
            let index = served.len();
            served.push(Import {
                function,
                called: Called {
                    // Not `f`: there may be 32 before it.
                    export: format!("call{index}"),
                    interface: interface.clone(),
                    name: name.clone(),
                    index,
                    is_async: is_concurrent || rng.below(3) == 0,
                    is_concurrent,
                },
            });
        }
    }
    Ok(served)
}

/// Larger values take long, and say nothing that several do not.
pub(crate) fn is_small(sizes: &SizeAlign, ty: &Type) -> bool {
    sizes.size(ty).size_wasm32() <= MAX_SIZE
}

/// A document, and the world of a plugin in it.
pub(crate) fn parse(wit: &str) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("plugin.wit", wit)?;
    let world = resolve.select_world(&[package], Some("plugin"))?;
    Ok((resolve, world))
}

/// Whether values of the type cross today, and the targets know them.
pub(crate) fn crosses(resolve: &Resolve, ty: &Type) -> bool {
    let id = match ty {
        Type::ErrorContext => return false,
        Type::Id(id) => *id,
        _ => return true,
    };
    let all = |ty: &Type| crosses(resolve, ty);
    match &resolve.types[id].kind {
        TypeDefKind::Type(ty) | TypeDefKind::List(ty) | TypeDefKind::Option(ty) => all(ty),
        TypeDefKind::Record(record) => record.fields.iter().all(|field| all(&field.ty)),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().all(all),
        TypeDefKind::Variant(variant) => {
            variant.cases.iter().filter_map(|c| c.ty.as_ref()).all(all)
        }
        TypeDefKind::Result(result) => [&result.ok, &result.err].into_iter().flatten().all(all),
        TypeDefKind::FixedLengthList(ty, _) => all(ty),
        TypeDefKind::Map(key, value) => all(key) && all(value),
        TypeDefKind::Enum(_) | TypeDefKind::Flags(_) | TypeDefKind::Handle(_) => true,
        _ => false,
    }
}
