//! The first `src/lib.rs` of a plugin: each function of its world, with some
//! value for its author to replace.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use wit_parser::{Function, FunctionKind, InterfaceId, Type, TypeDefKind, TypeId};

use super::{
    rust::{Mode, Types, camel, snake},
    source::Source,
};
use crate::wit::functional;

/// The longest line that is not broken.
const WIDTH: usize = 100;

/// What else the file has under a name of its own.
const TAKEN: [&str; 12] = [
    "Box", "Call", "Err", "None", "Ok", "Option", "Plugin", "Result", "Self", "Some", "String",
    "Vec",
];

/// Returns the file of a plugin that serves this world.
///
/// # Errors
///
/// Fails if the world exports what a plugin cannot serve.
pub(super) fn file(name: &str, source: &Source) -> Result<String> {
    let resolve = &source.resolve;
    let types = Types::new(resolve, source.world)?;
    let world = resolve.worlds.get(source.world);
    let exports = world.context("there is no such world")?.exports.values();
    let interfaces = functional(resolve, exports);
    let mut stubs = Stubs {
        plugin: plugin_type(name),
        resources: BTreeMap::new(),
        types,
        waiting: Vec::new(),
    };
    stubs.name_resources(&interfaces)?;
    let mut body = String::new();
    for id in &interfaces {
        body.push_str(&stubs.interface(*id)?);
    }
    let plugin = &stubs.plugin;
    let mut structs = String::new();
    for (id, name) in &stubs.resources {
        let of = stubs.types.def(*id)?.name.clone().unwrap_or_default();
        write!(
            structs,
            "/// What is behind a component's `{of}`.\n\
             #[allow(dead_code, reason = \"perhaps no function makes one yet\")]\n\
             struct {name};\n\n"
        )?;
    }
    let mut options = Vec::new();
    if let Some(world) = source.world_name() {
        options.push(format!("world: {world:?}"));
    }
    if !stubs.waiting.is_empty() {
        options.push(format!("async: {:?}", stubs.waiting));
    }
    let macro_call = match options.as_slice() {
        [] => "wash_plugin_abi::bindgen!();".to_owned(),
        options => format!("wash_plugin_abi::bindgen!({{ {} }});", options.join(", ")),
    };
    let uses = stubs.types.uses(&body)?;
    let after = if uses.is_empty() { "" } else { "\n" };
    Ok(format!(
        "\
//! The plugin `{name}`. What it serves is said in `wit/`; each function below
//! returns some value for you to replace.

use wash_plugin_abi::{{Call, Plugin, Result}};

{macro_call}

{uses}{after}\
/// The plugin. There is one, whatever number of components it serves.
struct {plugin};

{structs}\
impl Plugin for {plugin} {{
    /// Make this a struct that derives `serde::Deserialize` and `ConfigSchema` to
    /// have a configuration.
    type Config = ();

    fn new((): ()) -> Result<Self> {{
        Ok(Self)
    }}
}}

{body}wash_plugin_abi::export!({plugin});
"
    ))
}

/// The type of a plugin.
pub(super) fn plugin_type(name: &str) -> String {
    let name = camel(name);
    match TAKEN.contains(&name.as_str()) {
        true => format!("The{name}"),
        false => name,
    }
}

struct Stubs<'a> {
    plugin: String,
    /// The types that are behind the resources.
    resources: BTreeMap<TypeId, String>,
    types: Types<'a>,
    /// The functions that have to be asynchronous.
    waiting: Vec<String>,
}

/// What a function belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Free,
    Method(TypeId),
    Static(TypeId),
    Constructor(TypeId),
}

impl Kind {
    fn of(function: &Function) -> Self {
        match function.kind {
            FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => Self::Free,
            FunctionKind::Method(id) | FunctionKind::AsyncMethod(id) => Self::Method(id),
            FunctionKind::Static(id) | FunctionKind::AsyncStatic(id) => Self::Static(id),
            FunctionKind::Constructor(id) => Self::Constructor(id),
        }
    }

    fn resource(self) -> Option<TypeId> {
        match self {
            Self::Free => None,
            Self::Method(id) | Self::Static(id) | Self::Constructor(id) => Some(id),
        }
    }
}

impl Stubs<'_> {
    /// Finds a name for the type behind each resource that has functions.
    fn name_resources(&mut self, interfaces: &[InterfaceId]) -> Result<()> {
        for id in interfaces {
            let interface = self.types.resolve.interfaces.get(*id);
            let interface = interface.context("there is no such interface")?;
            for (name, id) in &interface.types {
                if !matches!(self.types.def(*id)?.kind, TypeDefKind::Resource) {
                    continue;
                }
                let is_used = |name: &str, this: &Self| {
                    TAKEN.contains(&name)
                        || name == this.plugin
                        || this.resources.values().any(|other| other == name)
                };
                let mut of = camel(name);
                if is_used(&of, self) {
                    of = format!(
                        "{}{of}",
                        camel(interface.name.as_deref().unwrap_or_default())
                    );
                }
                while is_used(&of, self) {
                    of.push_str("Resource");
                }
                self.resources.insert(*id, of);
            }
        }
        Ok(())
    }

    /// Writes what the plugin implements for an interface.
    fn interface(&mut self, id: InterfaceId) -> Result<String> {
        let interface = self.types.resolve.interfaces.get(id);
        let interface = interface.context("there is no such interface")?;
        let name = self.types.resolve.id_of(id).unwrap_or_default();
        let module = self.types.module(id)?;
        let plugin = self.plugin.clone();

        let resources = interface.types.iter();
        let resources: Vec<(&String, TypeId)> = resources
            .map(|(name, id)| (name, *id))
            .filter(|(_, id)| {
                let mut functions = interface.functions.values();
                functions.any(|function| Kind::of(function).resource() == Some(*id))
            })
            .collect();
        let mut text = format!("impl {module}::Guest for {plugin} {{\n");
        for (resource, id) in &resources {
            let behind = self.behind(*id);
            writeln!(text, "    type {} = {behind};\n", camel(resource))?;
        }
        text.push_str(&self.functions(&name, interface.functions.values(), None)?);
        text.push_str("}\n\n");
        for (resource, id) in resources {
            let behind = self.behind(id);
            let of = format!("{module}::Guest{}", camel(resource));
            writeln!(text, "impl {of}<{plugin}> for {behind} {{")?;
            text.push_str(&self.functions(&name, interface.functions.values(), Some(id))?);
            text.push_str("}\n\n");
        }
        Ok(text.replace("\n\n}\n", "\n}\n"))
    }

    fn behind(&self, id: TypeId) -> String {
        self.resources
            .get(&id)
            .cloned()
            .unwrap_or_else(|| "()".to_owned())
    }

    /// The functions of a resource, or those of none.
    fn functions<'f>(
        &mut self,
        interface: &str,
        functions: impl Iterator<Item = &'f Function>,
        of: Option<TypeId>,
    ) -> Result<String> {
        let mut text = String::new();
        for function in functions {
            if Kind::of(function).resource() == of {
                let stub = self.function(interface, function);
                let stub = stub.with_context(|| format!("in `{interface}#{}`", function.name))?;
                text.push_str(&stub);
                text.push('\n');
            }
        }
        Ok(text)
    }

    fn function(&mut self, interface: &str, function: &Function) -> Result<String> {
        let kind = Kind::of(function);
        let mut params = Vec::new();
        if matches!(kind, Kind::Free | Kind::Method(_)) {
            params.push("&self".to_owned());
        }
        if kind != Kind::Free {
            params.push(format!("_plugin: &{}", self.plugin));
        }
        params.push("_call: &Call<'_>".to_owned());
        let this = usize::from(matches!(kind, Kind::Method(_)));
        let mut is_async = function.kind.is_async();
        for param in function.params.iter().skip(this) {
            let mut name = snake(&param.name);
            if name == "call" || name == "plugin" {
                name.push('_');
            }
            params.push(format!(
                "_{name}: {}",
                self.types.ty(&param.ty, Mode::Param)?
            ));
            if !is_async && self.types.has_pollable(&param.ty)? {
                let plain = function.name.rsplit(']').next().unwrap_or(&function.name);
                self.waiting.push(format!("{interface}#{plain}"));
                is_async = true;
            }
        }
        let (result, value) = self.result(kind, function)?;
        let name = match kind {
            Kind::Constructor(_) => "new".to_owned(),
            _ => snake(function.item_name()),
        };
        let mut text = String::new();
        for line in function
            .docs
            .contents
            .iter()
            .flat_map(|docs| docs.trim().lines())
        {
            writeln!(text, "{}", format!("    /// {}", line.trim()).trim_end())?;
        }
        let keyword = if is_async { "async fn" } else { "fn" };
        let line = format!("    {keyword} {name}({}){result} {{", params.join(", "));
        let is_long = line.len() > WIDTH;
        if !is_long {
            writeln!(text, "{line}")?;
        } else {
            writeln!(text, "    {keyword} {name}(")?;
            for param in params {
                writeln!(text, "        {param},")?;
            }
            writeln!(text, "    ){result} {{")?;
        }
        match value {
            None if is_long => text.push_str("    }\n"),
            Some(value) => writeln!(text, "        {value}\n    }}")?,
            // An empty body closes where it opens.
            None => {
                text.truncate(text.trim_end().len());
                text.push_str("}\n");
            }
        }
        Ok(text)
    }

    /// What a function returns: its type, and a value of it.
    fn result(&self, kind: Kind, function: &Function) -> Result<(String, Option<String>)> {
        if matches!(kind, Kind::Constructor(_)) {
            if let Some(Type::Id(id)) = function.result
                && let TypeDefKind::Result(result) = &self.types.def(id)?.kind
            {
                let error = match &result.err {
                    Some(ty) => self.types.ty(ty, Mode::Owned)?,
                    None => "()".to_owned(),
                };
                let ty = format!(" -> std::result::Result<Self, {error}>");
                return Ok((ty, Some("Ok(Self)".to_owned())));
            }
            return Ok((" -> Self".to_owned(), Some("Self".to_owned())));
        }
        let Some(ty) = &function.result else {
            return Ok((String::new(), None));
        };
        let value = self.types.value(ty, &|id| self.behind(id));
        // There is no value that could be made of nothing.
        let value = value.unwrap_or_else(|_| "panic!(\"not written yet\")".to_owned());
        let ty = self.types.ty(ty, Mode::Owned)?;
        Ok((format!(" -> {ty}"), Some(value)))
    }
}
