//! WIT's names and types in Rust, as `wash_plugin_abi::bindgen!` has them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use wit_parser::{
    Handle, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem,
};

/// Words that Rust keeps for itself.
pub(super) const KEYWORDS: [&str; 53] = [
    "_", "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// How deep types and values are written out.
pub(super) const MAX_DEPTH: usize = 32;

/// Returns the name in the spelling of functions and modules.
pub(super) fn snake(name: &str) -> String {
    identifier(name.to_ascii_lowercase().replace('-', "_"))
}

/// Returns the name in the spelling of types.
pub(super) fn camel(name: &str) -> String {
    let mut camel = String::new();
    for word in name.split('-') {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(&letters.as_str().to_ascii_lowercase());
    }
    identifier(camel)
}

/// A keyword gets an underscore behind it, but for `gen`, which the macro can
/// still name.
fn identifier(name: String) -> String {
    match KEYWORDS.contains(&name.as_str()) && name != "gen" {
        true => format!("{name}_"),
        false => name,
    }
}

/// Whether a type is that of a parameter, which borrows from the call, or of
/// something else, which owns what it holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Param,
    Owned,
}

/// Writes the types of one plugin.
pub(super) struct Types<'a> {
    pub(super) resolve: &'a Resolve,
    /// The interfaces that the plugin exports.
    exports: Vec<InterfaceId>,
    /// The short names of those that have one.
    aliases: BTreeMap<InterfaceId, String>,
}

/// What a module cannot be called at the top of a plugin's file.
const TAKEN: [&str; 6] = ["alloc", "core", "exports", "std", "wash_plugin_abi", "wasi"];

impl<'a> Types<'a> {
    pub(super) fn new(resolve: &'a Resolve, world: WorldId) -> Result<Self> {
        let world = resolve
            .worlds
            .get(world)
            .context("there is no such world")?;
        let exports = world.exports.values();
        let exports = exports.filter_map(|item| match item {
            WorldItem::Interface { id, .. } => Some(*id),
            _ => None,
        });
        let mut this = Self {
            resolve,
            exports: exports.collect(),
            aliases: BTreeMap::new(),
        };
        this.aliases = this.short_names();
        Ok(this)
    }

    /// The last parts of the exported interfaces' paths, where they are unique.
    fn short_names(&self) -> BTreeMap<InterfaceId, String> {
        let name = |id: InterfaceId| {
            let interface = self.resolve.interfaces.get(id)?;
            interface.name.as_deref().map(snake)
        };
        let mut packages = self.resolve.packages.iter();
        let namespaces: Vec<String> = packages
            .by_ref()
            .map(|(_, package)| snake(&package.name.namespace))
            .collect();
        let named = self.exports.iter().filter_map(|id| Some((*id, name(*id)?)));
        let named: Vec<(InterfaceId, String)> = named.collect();
        let is_free = |name: &str| {
            named.iter().filter(|(_, other)| other == name).count() == 1
                && !namespaces.iter().any(|taken| taken == name)
                && !TAKEN.contains(&name)
        };
        let free = named.iter().filter(|(_, name)| is_free(name));
        free.cloned().collect()
    }

    /// Returns the path of an interface's module, as short as it can be: with
    /// [`uses`](Self::uses) before it.
    pub(super) fn module(&self, id: InterfaceId) -> Result<String> {
        match self.aliases.get(&id) {
            Some(alias) => Ok(alias.clone()),
            None => self.full_path(id),
        }
    }

    /// Returns the lines that bring the short names into a file that has them.
    pub(super) fn uses(&self, text: &str) -> Result<String> {
        let mut lines = Vec::new();
        for (id, alias) in &self.aliases {
            if text.contains(&format!("{alias}::")) {
                lines.push(format!("use {};\n", self.full_path(*id)?));
            }
        }
        lines.sort();
        Ok(lines.concat())
    }

    fn full_path(&self, id: InterfaceId) -> Result<String> {
        let interface = self.resolve.interfaces.get(id);
        let interface = interface.context("there is no such interface")?;
        let name = interface
            .name
            .as_ref()
            .context("an interface has no name")?;
        let packages = &self.resolve.packages;
        let package = interface.package.and_then(|id| packages.get(id));
        let package = &package.context("an interface has no package")?.name;
        let same = packages.iter().filter(|(_, other)| {
            other.name.namespace == package.namespace && other.name.name == package.name
        });
        let mut package_module = package.name.replace('-', "_").to_ascii_lowercase();
        if same.count() > 1
            && let Some(version) = &package.version
        {
            package_module = format!("{package_module}{version}").replace(['.', '-', '+'], "_");
        }
        let exports = match self.exports.contains(&id) {
            true => "exports::",
            false => "",
        };
        Ok(format!(
            "{exports}{}::{}::{}",
            snake(&package.namespace),
            identifier(package_module),
            snake(name)
        ))
    }

    /// Returns the path of a named type.
    pub(super) fn named(&self, def: &TypeDef, ending: &str) -> Result<String> {
        let (Some(name), TypeOwner::Interface(owner)) = (&def.name, def.owner) else {
            bail!("a type belongs to no interface");
        };
        Ok(format!("{}::{}{ending}", self.module(owner)?, camel(name)))
    }

    /// Returns a type where it is used.
    pub(super) fn ty(&self, ty: &Type, mode: Mode) -> Result<String> {
        self.ty_within(ty, mode, MAX_DEPTH)
    }

    fn ty_within(&self, ty: &Type, mode: Mode, depth: usize) -> Result<String> {
        let depth = depth
            .checked_sub(1)
            .context("a type is nested too deeply")?;
        let is_param = mode == Mode::Param;
        Ok(match ty {
            Type::Bool => "bool".to_owned(),
            Type::U8 => "u8".to_owned(),
            Type::U16 => "u16".to_owned(),
            Type::U32 => "u32".to_owned(),
            Type::U64 => "u64".to_owned(),
            Type::S8 => "i8".to_owned(),
            Type::S16 => "i16".to_owned(),
            Type::S32 => "i32".to_owned(),
            Type::S64 => "i64".to_owned(),
            Type::F32 => "f32".to_owned(),
            Type::F64 => "f64".to_owned(),
            Type::Char => "char".to_owned(),
            Type::String if is_param => "&str".to_owned(),
            Type::String => "String".to_owned(),
            Type::ErrorContext => "wash_plugin_abi::ErrorContext<'_>".to_owned(),
            Type::Id(id) => self.defined(*id, mode, depth)?,
        })
    }

    fn defined(&self, id: TypeId, mode: Mode, depth: usize) -> Result<String> {
        let def = self.def(id)?;
        let of = |ty: &Type| self.ty_within(ty, mode, depth);
        let or_unit = |ty: &Option<Type>| match ty {
            Some(ty) => of(ty),
            None => Ok("()".to_owned()),
        };
        Ok(match &def.kind {
            TypeDefKind::Record(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Flags(_) => {
                match mode == Mode::Param && self.lends(&Type::Id(id), depth)? {
                    true => self.named(def, "<'_>")?,
                    false => self.named(def, "")?,
                }
            }
            TypeDefKind::Type(ty) => of(ty)?,
            TypeDefKind::Tuple(tuple) => {
                let types: Result<String> =
                    tuple.types.iter().map(|ty| Ok(of(ty)? + ", ")).collect();
                let types = types?;
                match tuple.types.len() {
                    1 => format!("({})", types.trim_end()),
                    _ => format!("({})", types.trim_end_matches(", ")),
                }
            }
            TypeDefKind::Option(ty) => format!("Option<{}>", of(ty)?),
            TypeDefKind::Result(result) => format!(
                "std::result::Result<{}, {}>",
                or_unit(&result.ok)?,
                or_unit(&result.err)?
            ),
            TypeDefKind::List(ty) if mode == Mode::Param && self.is_number(ty) => {
                format!("&[{}]", of(ty)?)
            }
            TypeDefKind::List(ty) => format!("Vec<{}>", of(ty)?),
            TypeDefKind::FixedLengthList(ty, len) => {
                let borrows = mode == Mode::Param && self.is_number(ty);
                format!("{}[{}; {len}]", if borrows { "&" } else { "" }, of(ty)?)
            }
            TypeDefKind::Map(key, value) => {
                format!("std::collections::BTreeMap<{}, {}>", of(key)?, of(value)?)
            }
            TypeDefKind::Handle(Handle::Own(id)) => self.named(self.def(*id)?, "")?,
            TypeDefKind::Handle(Handle::Borrow(id)) => self.named(self.def(*id)?, "Borrow<'_>")?,
            TypeDefKind::Stream(ty) => {
                format!(
                    "wash_plugin_abi::io::StreamReader<{}>",
                    self.payload(ty, depth)?
                )
            }
            TypeDefKind::Future(ty) => {
                format!(
                    "wash_plugin_abi::io::FutureReader<{}>",
                    self.payload(ty, depth)?
                )
            }
            TypeDefKind::Resource | TypeDefKind::Unknown => bail!("a type has no form in Rust"),
        })
    }

    fn payload(&self, ty: &Option<Type>, depth: usize) -> Result<String> {
        match ty {
            Some(ty) => self.ty_within(ty, Mode::Owned, depth),
            None => Ok("()".to_owned()),
        }
    }

    pub(super) fn def(&self, id: TypeId) -> Result<&'a TypeDef> {
        self.resolve.types.get(id).context("there is no such type")
    }

    fn is_number(&self, ty: &Type) -> bool {
        match ty {
            Type::Id(id) => match self.resolve.types.get(*id).map(|def| &def.kind) {
                Some(TypeDefKind::Type(ty)) => self.is_number(ty),
                _ => false,
            },
            Type::Bool | Type::Char | Type::String | Type::ErrorContext => false,
            _ => true,
        }
    }

    pub(super) fn is_text(&self, ty: &Type) -> bool {
        match ty {
            Type::String => true,
            Type::Id(id) => match self.resolve.types.get(*id).map(|def| &def.kind) {
                Some(TypeDefKind::Type(ty)) => self.is_text(ty),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether something in the type is lent for the call.
    fn lends(&self, ty: &Type, depth: usize) -> Result<bool> {
        let is_lent = |ty: &Type, def: Option<&TypeDef>| {
            *ty == Type::ErrorContext
                || def.is_some_and(|def| matches!(def.kind, TypeDefKind::Handle(Handle::Borrow(_))))
        };
        self.any(ty, depth, &is_lent)
    }

    /// Whether there is a `pollable` in the type: only a function that may
    /// answer later can wait for one.
    pub(super) fn has_pollable(&self, ty: &Type) -> Result<bool> {
        let is_pollable = |_: &Type, def: Option<&TypeDef>| {
            let Some(TypeDefKind::Handle(Handle::Borrow(id))) = def.map(|def| &def.kind) else {
                return false;
            };
            let origin = self.origin(*id).and_then(|id| self.def(id));
            origin.is_ok_and(|def| def.name.as_deref() == Some("pollable") && self.is_wasi_io(def))
        };
        self.any(ty, MAX_DEPTH, &is_pollable)
    }

    /// Whether the type is such a one, or something in it is.
    fn any(
        &self,
        ty: &Type,
        depth: usize,
        such: &dyn Fn(&Type, Option<&TypeDef>) -> bool,
    ) -> Result<bool> {
        let depth = depth
            .checked_sub(1)
            .context("a type is nested too deeply")?;
        let Type::Id(id) = ty else {
            return Ok(such(ty, None));
        };
        let def = self.def(*id)?;
        if such(ty, Some(def)) {
            return Ok(true);
        }
        let parts: Vec<&Type> = match &def.kind {
            TypeDefKind::Type(ty)
            | TypeDefKind::List(ty)
            | TypeDefKind::FixedLengthList(ty, _)
            | TypeDefKind::Option(ty) => vec![ty],
            TypeDefKind::Map(key, value) => vec![key, value],
            TypeDefKind::Record(record) => record.fields.iter().map(|field| &field.ty).collect(),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().collect(),
            TypeDefKind::Variant(variant) => variant
                .cases
                .iter()
                .filter_map(|case| case.ty.as_ref())
                .collect(),
            TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).collect(),
            _ => Vec::new(),
        };
        for part in parts {
            if self.any(part, depth, such)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The resource that another name stands for.
    pub(super) fn origin(&self, id: TypeId) -> Result<TypeId> {
        match self.def(id)?.kind {
            TypeDefKind::Type(Type::Id(other)) => self.origin(other),
            _ => Ok(id),
        }
    }

    pub(super) fn is_wasi_io(&self, def: &TypeDef) -> bool {
        let TypeOwner::Interface(owner) = def.owner else {
            return false;
        };
        let interface = self.resolve.interfaces.get(owner);
        let package = interface.and_then(|interface| interface.package);
        let package = package.and_then(|id| self.resolve.packages.get(id));
        package.is_some_and(|package| package.name.namespace == "wasi" && package.name.name == "io")
    }
}
