//! The names that a component imports and exports: [`Names`].

use wasmparser::{
    Parser, Payload, Validator, WasmFeatures,
    component_types::{ComponentAnyTypeId, ComponentEntityType},
    types::Types,
};

/// The names that a component imports and exports, in its own order.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<String>,
}

/// An import of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) name: String,
    /// Whether someone has to serve it. An interface with nothing but types
    /// works without.
    pub(crate) must_be_served: bool,
}

impl Names {
    /// Reads the outermost component's names, without compiling it.
    ///
    /// # Errors
    ///
    /// What the bytes are instead of a component.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        if Parser::is_core_wasm(bytes) {
            return Err("it is a WebAssembly module, not a component".to_owned());
        }
        if !Parser::is_component(bytes) {
            return Err("it is not WebAssembly".to_owned());
        }
        let broken = |error: wasmparser::BinaryReaderError| {
            format!("it is not a valid WebAssembly component: {error}")
        };
        let types = Validator::new_with_features(WasmFeatures::all())
            .validate_all(bytes)
            .map_err(broken)?;
        let mut names = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(broken)? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let name = import.map_err(broken)?.name.name.to_owned();
                        let must_be_served = must_be_served(&types, &name);
                        names.imports.push(Import {
                            name,
                            must_be_served,
                        });
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        names
                            .exports
                            .push(export.map_err(broken)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(names)
    }

    /// The imports that are interfaces of a package, such as `a:b/c@0.1.0`.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &Import> {
        self.imports
            .iter()
            .filter(|import| is_interface(&import.name))
    }

    /// Whether it is a command: something that runs and ends.
    pub(crate) fn exports_run(&self) -> bool {
        self.exports
            .iter()
            .any(|name| name == "wasi:cli/run" || name.starts_with("wasi:cli/run@"))
    }
}

fn is_interface(name: &str) -> bool {
    name.contains(':') && name.contains('/')
}

/// Whether an imported instance has functions or resources.
fn must_be_served(types: &Types, import: &str) -> bool {
    let types = types.as_ref();
    match types.component_item_for_import(import).map(|item| item.ty) {
        Some(ComponentEntityType::Instance(instance)) => {
            types.get(instance).is_none_or(|instance| {
                instance.exports.values().any(|export| {
                    !matches!(
                        export.ty,
                        ComponentEntityType::Type {
                            referenced: ComponentAnyTypeId::Defined(_)
                                | ComponentAnyTypeId::Func(_),
                            ..
                        }
                    )
                })
            })
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_outermost_component() {
        let bytes = wat::parse_str(
            r#"(component
                (import "a:b/c@0.1.0" (instance (export "f" (func))))
                (import "a:b/types" (instance
                    (type $r (record (field "x" u8)))
                    (export "r" (type (eq $r)))))
                (import "a:b/resources" (instance (export "r" (type (sub resource)))))
                (import "plain" (func))
                (component (import "x:y/z" (instance)))
                (instance $run)
                (export "wasi:cli/run@0.2.3" (instance $run)))"#,
        )
        .unwrap();
        let names = Names::read(&bytes).unwrap();
        let interfaces: Vec<_> = names
            .interfaces()
            .map(|import| (import.name.as_str(), import.must_be_served))
            .collect();
        assert_eq!(
            interfaces,
            [
                ("a:b/c@0.1.0", true),
                ("a:b/types", false),
                ("a:b/resources", true)
            ]
        );
        assert_eq!(names.imports.len(), 4);
        assert!(names.exports_run());
    }

    #[test]
    fn what_is_no_component_is_named() {
        let module = wat::parse_str("(module)").unwrap();
        assert_eq!(
            Names::read(&module).unwrap_err(),
            "it is a WebAssembly module, not a component"
        );
        assert_eq!(Names::read(b"hello").unwrap_err(), "it is not WebAssembly");
        let mut cut = wat::parse_str("(component (import \"a:b/c\" (instance)))").unwrap();
        cut.truncate(cut.len() - 3);
        assert!(
            Names::read(&cut)
                .unwrap_err()
                .contains("not a valid WebAssembly component")
        );
    }
}
