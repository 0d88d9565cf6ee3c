//! The functions that a component exports, and which of them is meant.

use wash_runtime::wasmtime::{
    Engine,
    component::{
        Component,
        types::{ComponentFunc, ComponentItem},
    },
};

use super::types::signature;

/// A function that a component exports.
pub(super) struct Export {
    /// The interface that it is part of, such as `a:b/c@0.1.0`. `None` if it is
    /// exported by itself.
    pub(super) interface: Option<String>,
    pub(super) name: String,
    pub(super) ty: ComponentFunc,
}

impl Export {
    /// Returns all functions, in the component's order.
    pub(super) fn all(engine: &Engine, component: &Component) -> Vec<Self> {
        let mut all = Vec::new();
        for (name, export) in component.component_type().exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(ty) => all.push(Self {
                    interface: None,
                    name: name.to_owned(),
                    ty,
                }),
                ComponentItem::ComponentInstance(instance) => {
                    for (function, export) in instance.exports(engine) {
                        if let ComponentItem::ComponentFunc(ty) = export.ty {
                            all.push(Self {
                                interface: Some(name.to_owned()),
                                name: function.to_owned(),
                                ty,
                            });
                        }
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// Returns the function's full name: `a:b/c@0.1.0#run`, or `run`.
    pub(super) fn full_name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns the function with its parameters and result.
    pub(super) fn signature(&self) -> String {
        signature(&self.full_name(), &self.ty)
    }

    /// Whether this text names the function: `run`, or `c#run` with as much of
    /// the interface's name `a:b/c@0.1.0` as tells it from others.
    fn is_named(&self, text: &str) -> bool {
        let Some((wanted, name)) = text.rsplit_once('#') else {
            return self.name == text;
        };
        let Some(interface) = &self.interface else {
            return false;
        };
        let unversioned = interface.split('@').next().unwrap_or(interface);
        let short = unversioned.rsplit('/').next().unwrap_or(unversioned);
        self.name == name && [interface.as_str(), unversioned, short].contains(&wanted)
    }
}

/// Finds the one function that the text names.
///
/// # Errors
///
/// Says that there is none, or that there are several, with those that there
/// are.
pub(super) fn find<'a>(all: &'a [Export], text: &str) -> Result<&'a Export, String> {
    let named: Vec<&Export> = all.iter().filter(|export| export.is_named(text)).collect();
    match named.as_slice() {
        [one] => Ok(one),
        [] if all.is_empty() => Err("exports no functions".to_owned()),
        [] => Err(format!(
            "exports no function `{text}`; it exports{}",
            list(all)
        )),
        several => {
            // A function outside of interfaces has no other name.
            if let Some(bare) = several.iter().find(|export| export.interface.is_none()) {
                return Ok(bare);
            }
            let several = several.iter().copied();
            Err(format!(
                "exports several functions `{text}`:{}",
                list(several)
            ))
        }
    }
}

fn list<'a>(exports: impl IntoIterator<Item = &'a Export>) -> String {
    let lines = exports.into_iter();
    lines
        .map(|export| format!("\n  {}", export.signature()))
        .collect()
}
