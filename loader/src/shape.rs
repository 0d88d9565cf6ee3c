//! Types as they are compared: a component's and a plugin's in one form.

use std::fmt;

use wash_runtime::wasmtime::component::ResourceType;
use wash_runtime::wasmtime::component::types::Type as ComponentType;
use wit_parser::{Handle, Resolve, Type as WitType, TypeDefKind, TypeId, TypeOwner};

/// The structure of a WIT type, without the names of types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    kind: &'static str,
    /// Of a resource: which.
    resource: Option<String>,
    /// What it is made of: fields, cases, elements. A case may have no type.
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: String,
    ty: Option<Shape>,
}

/// Where two types differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    path: Vec<String>,
    pub(crate) left: String,
    pub(crate) right: String,
}

impl Difference {
    /// The place, as a path into `root`.
    pub(crate) fn place(&self, root: &str) -> String {
        self.path
            .iter()
            .rev()
            .fold(root.to_owned(), |place, step| format!("{step} of {place}"))
    }
}

impl Shape {
    fn leaf(kind: &'static str) -> Self {
        Self {
            kind,
            resource: None,
            parts: Vec::new(),
        }
    }

    fn of(kind: &'static str, parts: impl IntoIterator<Item = (String, Option<Self>)>) -> Self {
        let parts = parts
            .into_iter()
            .map(|(name, ty)| Part { name, ty })
            .collect();
        Self {
            kind,
            resource: None,
            parts,
        }
    }

    fn handle(kind: &'static str, resource: String) -> Self {
        Self {
            kind,
            resource: Some(resource),
            parts: Vec::new(),
        }
    }

    /// The structure of a type of a plugin's WIT.
    pub(crate) fn of_wit(resolve: &Resolve, ty: &WitType) -> Self {
        let id = match ty {
            WitType::Bool => return Self::leaf("bool"),
            WitType::U8 => return Self::leaf("u8"),
            WitType::U16 => return Self::leaf("u16"),
            WitType::U32 => return Self::leaf("u32"),
            WitType::U64 => return Self::leaf("u64"),
            WitType::S8 => return Self::leaf("s8"),
            WitType::S16 => return Self::leaf("s16"),
            WitType::S32 => return Self::leaf("s32"),
            WitType::S64 => return Self::leaf("s64"),
            WitType::F32 => return Self::leaf("f32"),
            WitType::F64 => return Self::leaf("f64"),
            WitType::Char => return Self::leaf("char"),
            WitType::String => return Self::leaf("string"),
            WitType::ErrorContext => return Self::leaf("error-context"),
            WitType::Id(id) => *id,
        };
        let Some(def) = resolve.types.get(id) else {
            return Self::leaf("(unknown)");
        };
        let of = |ty: &WitType| Some(Self::of_wit(resolve, ty));
        let part = |name: &str, ty: &WitType| (name.to_owned(), of(ty));
        match &def.kind {
            TypeDefKind::Type(ty) => Self::of_wit(resolve, ty),
            TypeDefKind::Record(record) => {
                Self::of("record", record.fields.iter().map(|f| part(&f.name, &f.ty)))
            }
            TypeDefKind::Tuple(tuple) => Self::of(
                "tuple",
                tuple
                    .types
                    .iter()
                    .enumerate()
                    .map(|(i, ty)| part(&i.to_string(), ty)),
            ),
            TypeDefKind::Variant(variant) => Self::of(
                "variant",
                variant
                    .cases
                    .iter()
                    .map(|c| (c.name.clone(), c.ty.as_ref().and_then(of))),
            ),
            TypeDefKind::Enum(of) => {
                Self::of("enum", of.cases.iter().map(|c| (c.name.clone(), None)))
            }
            TypeDefKind::Flags(flags) => {
                Self::of("flags", flags.flags.iter().map(|f| (f.name.clone(), None)))
            }
            TypeDefKind::Option(ty) => Self::of("option", [part("some", ty)]),
            TypeDefKind::Result(result) => Self::of(
                "result",
                [
                    (String::from("ok"), result.ok.as_ref().and_then(of)),
                    (String::from("error"), result.err.as_ref().and_then(of)),
                ],
            ),
            TypeDefKind::List(ty) => Self::of("list", [part("element", ty)]),
            TypeDefKind::Map(key, value) => {
                Self::of("map", [part("key", key), part("value", value)])
            }
            TypeDefKind::FixedLengthList(ty, len) => {
                Self::of("list", [part("element", ty), (len.to_string(), None)])
            }
            TypeDefKind::Future(ty) => Self::of(
                "future",
                [(String::from("payload"), ty.as_ref().and_then(of))],
            ),
            TypeDefKind::Stream(ty) => Self::of(
                "stream",
                [(String::from("payload"), ty.as_ref().and_then(of))],
            ),
            TypeDefKind::Resource => Self::leaf("resource"),
            TypeDefKind::Handle(Handle::Own(id)) => {
                Self::handle("own", resource_of_wit(resolve, *id))
            }
            TypeDefKind::Handle(Handle::Borrow(id)) => {
                Self::handle("borrow", resource_of_wit(resolve, *id))
            }
            TypeDefKind::Unknown => Self::leaf("(unknown)"),
        }
    }

    /// The structure of a type of a component.
    /// `resource` names its resource types.
    pub(crate) fn of_component(
        ty: &ComponentType,
        resource: &dyn Fn(&ResourceType) -> String,
    ) -> Self {
        let of = |ty: ComponentType| Some(Self::of_component(&ty, resource));
        match ty {
            ComponentType::Bool => Self::leaf("bool"),
            ComponentType::U8 => Self::leaf("u8"),
            ComponentType::U16 => Self::leaf("u16"),
            ComponentType::U32 => Self::leaf("u32"),
            ComponentType::U64 => Self::leaf("u64"),
            ComponentType::S8 => Self::leaf("s8"),
            ComponentType::S16 => Self::leaf("s16"),
            ComponentType::S32 => Self::leaf("s32"),
            ComponentType::S64 => Self::leaf("s64"),
            ComponentType::Float32 => Self::leaf("f32"),
            ComponentType::Float64 => Self::leaf("f64"),
            ComponentType::Char => Self::leaf("char"),
            ComponentType::String => Self::leaf("string"),
            ComponentType::ErrorContext => Self::leaf("error-context"),
            ComponentType::Own(ty) => Self::handle("own", resource(ty)),
            ComponentType::Borrow(ty) => Self::handle("borrow", resource(ty)),
            ComponentType::Record(record) => Self::of(
                "record",
                record.fields().map(|f| (f.name.to_owned(), of(f.ty))),
            ),
            ComponentType::Tuple(tuple) => Self::of(
                "tuple",
                tuple
                    .types()
                    .enumerate()
                    .map(|(i, ty)| (i.to_string(), of(ty))),
            ),
            ComponentType::Variant(variant) => Self::of(
                "variant",
                variant
                    .cases()
                    .map(|c| (c.name.to_owned(), c.ty.and_then(of))),
            ),
            ComponentType::Enum(of) => {
                Self::of("enum", of.names().map(|name| (name.to_owned(), None)))
            }
            ComponentType::Flags(flags) => {
                Self::of("flags", flags.names().map(|name| (name.to_owned(), None)))
            }
            ComponentType::Option(option) => {
                Self::of("option", [(String::from("some"), of(option.ty()))])
            }
            ComponentType::Result(result) => Self::of(
                "result",
                [
                    (String::from("ok"), result.ok().and_then(of)),
                    (String::from("error"), result.err().and_then(of)),
                ],
            ),
            ComponentType::List(list) => {
                Self::of("list", [(String::from("element"), of(list.ty()))])
            }
            ComponentType::Map(map) => Self::of(
                "map",
                [
                    (String::from("key"), of(map.key())),
                    (String::from("value"), of(map.value())),
                ],
            ),
            ComponentType::FixedLengthList(list) => Self::of(
                "list",
                [
                    (String::from("element"), of(list.ty())),
                    (list.len().to_string(), None),
                ],
            ),
            ComponentType::Future(future) => Self::of(
                "future",
                [(String::from("payload"), future.ty().and_then(of))],
            ),
            ComponentType::Stream(stream) => Self::of(
                "stream",
                [(String::from("payload"), stream.ty().and_then(of))],
            ),
        }
    }

    /// The first place where the two differ, as deep as it can be told.
    pub(crate) fn difference(&self, other: &Self) -> Option<Difference> {
        if self == other {
            return None;
        }
        let names = |shape: &Self| -> Vec<String> {
            shape.parts.iter().map(|part| part.name.clone()).collect()
        };
        if self.kind == other.kind && self.resource == other.resource && names(self) == names(other)
        {
            for (mine, theirs) in self.parts.iter().zip(&other.parts) {
                if let (Some(a), Some(b)) = (&mine.ty, &theirs.ty)
                    && let Some(mut found) = a.difference(b)
                {
                    found.path.push(self.step(&mine.name));
                    return Some(found);
                }
            }
        }
        Some(Difference {
            path: Vec::new(),
            left: self.to_string(),
            right: other.to_string(),
        })
    }

    /// What a part of this type is called.
    fn step(&self, name: &str) -> String {
        match self.kind {
            "record" => format!("field `{name}`"),
            "variant" => format!("case `{name}`"),
            "tuple" => format!("element {name}"),
            _ => format!("the {name}"),
        }
    }
}

/// A resource type by the interface that defines it, without its version: as
/// [`resource_name`].
fn resource_of_wit(resolve: &Resolve, id: TypeId) -> String {
    let unknown = || String::from("(unknown)");
    let Some(def) = resolve.types.get(id) else {
        return unknown();
    };
    match (&def.kind, def.owner, &def.name) {
        (TypeDefKind::Type(WitType::Id(other)), ..) => resource_of_wit(resolve, *other),
        (_, TypeOwner::Interface(owner), Some(name)) => resolve
            .id_of(owner)
            .map_or_else(unknown, |interface| resource_name(&interface, name)),
        _ => unknown(),
    }
}

/// How a resource type is called where types are compared. Versions that are
/// not compatible are refused before.
pub(crate) fn resource_name(interface: &str, name: &str) -> String {
    format!(
        "{}.{name}",
        interface.split('@').next().unwrap_or(interface)
    )
}

/// As it is written in WIT, with the structure in the place of a type's name.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        if let Some(resource) = &self.resource {
            return write!(f, "<{resource}>");
        }
        if self.parts.is_empty() {
            return Ok(());
        }
        let named = matches!(self.kind, "record" | "variant" | "enum" | "flags");
        f.write_str(if named { " { " } else { "<" })?;
        for (i, part) in self.parts.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match (self.kind, &part.ty) {
                ("record", Some(ty)) => write!(f, "{}: {ty}", part.name)?,
                ("variant", Some(ty)) => write!(f, "{}({ty})", part.name)?,
                (_, Some(ty)) => write!(f, "{ty}")?,
                (_, None) if self.kind == "result" => f.write_str("_")?,
                (_, None) => f.write_str(&part.name)?,
            }
        }
        f.write_str(if named { " }" } else { ">" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(inner: &'static str) -> Shape {
        let list = Shape::of(
            "list",
            [(String::from("element"), Some(Shape::leaf(inner)))],
        );
        Shape::of(
            "record",
            [
                (String::from("a"), Some(Shape::leaf("u8"))),
                (String::from("b"), Some(list)),
            ],
        )
    }

    #[test]
    fn a_difference_is_told_with_its_place() {
        assert_eq!(record("u8").difference(&record("u8")), None);
        let found = record("u8").difference(&record("string")).unwrap();
        assert_eq!(
            (found.left.as_str(), found.right.as_str()),
            ("u8", "string")
        );
        assert_eq!(
            found.place("parameter `x`"),
            "the element of field `b` of parameter `x`"
        );
    }

    #[test]
    fn types_that_differ_in_kind_are_told_whole() {
        let found = record("u8").difference(&Shape::leaf("bool")).unwrap();
        assert_eq!(found.left, "record { a: u8, b: list<u8> }");
        assert_eq!(found.right, "bool");
        assert_eq!(found.place("the result"), "the result");
    }
}
