//! Whether an import and the export of its name have the same types.

use wasmtime::{
    Engine,
    component::{
        Component, ResourceType,
        types::{ComponentFunc, ComponentItem, Type},
    },
};

/// The names that a component gives to resources: interface and resource.
///
/// In two components, the types of one resource differ; its names are the same.
pub(super) struct ResourceNames {
    names: Vec<(ResourceType, String, String)>,
}

impl ResourceNames {
    /// Those of the imports, in order, and then those of the exports.
    pub(super) fn of(component: &Component) -> Self {
        let engine = component.engine();
        let ty = component.component_type();
        let mut names = Vec::new();
        let mut collect = |interface: &str, item: ComponentItem| {
            if let ComponentItem::ComponentInstance(instance) = item {
                for (name, export) in instance.exports(engine) {
                    if let ComponentItem::Resource(ty) = export.ty {
                        names.push((ty, interface.to_string(), name.to_string()));
                    }
                }
            }
        };
        for (name, import) in ty.imports(engine) {
            collect(name, import.ty);
        }
        for (name, export) in ty.exports(engine) {
            collect(name, export.ty);
        }
        Self { names }
    }

    /// Whether this is the interface that introduces the resource; others use
    /// it.
    pub(super) fn is_introduced_by(&self, resource: ResourceType, interface: &str) -> bool {
        self.names
            .iter()
            .find(|(ty, _, _)| *ty == resource)
            .is_some_and(|(_, first, _)| first == interface)
    }

    fn share_a_name(&self, own: ResourceType, other: &Self, others: ResourceType) -> bool {
        self.names
            .iter()
            .filter(|(ty, _, _)| *ty == own)
            .any(|(_, interface, name)| {
                other.names.iter().any(|(ty, other_interface, other_name)| {
                    *ty == others && interface == other_interface && name == other_name
                })
            })
    }
}

/// Compares the types of two components.
pub(super) struct Comparison<'a> {
    pub(super) importer: &'a ResourceNames,
    pub(super) exporter: &'a ResourceNames,
}

impl Comparison<'_> {
    /// What differs first between two functions, if anything does.
    pub(super) fn difference(
        &self,
        imported: &ComponentFunc,
        exported: &ComponentFunc,
    ) -> Option<String> {
        if imported.async_() != exported.async_() {
            return Some("one is an async function, and the other is not".to_string());
        }
        if imported.params().len() != exported.params().len() {
            return Some(format!(
                "{} parameters are imported, and {} are exported",
                imported.params().len(),
                exported.params().len()
            ));
        }
        for ((name, a), (other, b)) in imported.params().zip(exported.params()) {
            if name != other || !self.same(&a, &b) {
                return Some(format!("the parameter '{name}' is another one"));
            }
        }
        let same_results = imported.results().len() == exported.results().len()
            && imported
                .results()
                .zip(exported.results())
                .all(|(a, b)| self.same(&a, &b));
        (!same_results).then(|| "the result is another one".to_string())
    }

    fn same(&self, a: &Type, b: &Type) -> bool {
        match (a, b) {
            (Type::List(a), Type::List(b)) => self.same(&a.ty(), &b.ty()),
            (Type::FixedLengthList(a), Type::FixedLengthList(b)) => {
                a.len() == b.len() && self.same(&a.ty(), &b.ty())
            }
            (Type::Map(a), Type::Map(b)) => {
                self.same(&a.key(), &b.key()) && self.same(&a.value(), &b.value())
            }
            (Type::Record(a), Type::Record(b)) => {
                a.fields().len() == b.fields().len()
                    && a.fields()
                        .zip(b.fields())
                        .all(|(a, b)| a.name == b.name && self.same(&a.ty, &b.ty))
            }
            (Type::Tuple(a), Type::Tuple(b)) => {
                a.types().len() == b.types().len()
                    && a.types().zip(b.types()).all(|(a, b)| self.same(&a, &b))
            }
            (Type::Variant(a), Type::Variant(b)) => {
                a.cases().len() == b.cases().len()
                    && a.cases()
                        .zip(b.cases())
                        .all(|(a, b)| a.name == b.name && self.same_option(&a.ty, &b.ty))
            }
            (Type::Option(a), Type::Option(b)) => self.same(&a.ty(), &b.ty()),
            (Type::Result(a), Type::Result(b)) => {
                self.same_option(&a.ok(), &b.ok()) && self.same_option(&a.err(), &b.err())
            }
            (Type::Future(a), Type::Future(b)) => self.same_option(&a.ty(), &b.ty()),
            (Type::Stream(a), Type::Stream(b)) => self.same_option(&a.ty(), &b.ty()),
            (Type::Own(a), Type::Own(b)) | (Type::Borrow(a), Type::Borrow(b)) => {
                self.importer.share_a_name(*a, self.exporter, *b)
            }
            // Without types of their own inside; wasmtime compares them.
            (a, b) => a == b,
        }
    }

    fn same_option(&self, a: &Option<Type>, b: &Option<Type>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => self.same(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

/// Whether all values of a function can be used in another store: what refers
/// to a store cannot.
pub(super) fn is_plain(function: &ComponentFunc) -> bool {
    let plain = function.params().all(|(_, ty)| is_plain_type(&ty));
    plain && function.results().all(|ty| is_plain_type(&ty))
}

fn is_plain_type(ty: &Type) -> bool {
    let option = |ty: Option<Type>| ty.is_none_or(|ty| is_plain_type(&ty));
    match ty {
        Type::List(ty) => is_plain_type(&ty.ty()),
        Type::FixedLengthList(ty) => is_plain_type(&ty.ty()),
        Type::Map(ty) => is_plain_type(&ty.key()) && is_plain_type(&ty.value()),
        Type::Record(ty) => ty.fields().all(|field| is_plain_type(&field.ty)),
        Type::Tuple(ty) => ty.types().all(|ty| is_plain_type(&ty)),
        Type::Variant(ty) => ty.cases().all(|case| option(case.ty)),
        Type::Option(ty) => is_plain_type(&ty.ty()),
        Type::Result(ty) => option(ty.ok()) && option(ty.err()),
        Type::Own(_) | Type::Borrow(_) | Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
            false
        }
        _ => true,
    }
}

/// What is in an imported or exported instance.
pub(super) fn instance_exports(
    engine: &Engine,
    item: Option<ComponentItem>,
) -> Vec<(String, ComponentItem)> {
    match item {
        Some(ComponentItem::ComponentInstance(instance)) => instance
            .exports(engine)
            .map(|(name, export)| (name.to_string(), export.ty))
            .collect(),
        _ => Vec::new(),
    }
}
