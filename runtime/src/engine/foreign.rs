//! Errors of wasmtime in words for whoever operates the host.
//!
//! wasmtime says what is wrong in the words of those who write hosts ("not found
//! in the linker", "use `func_wrap_concurrent`"), and only as text. So its text
//! is read here, and nowhere else. What is not recognised stays as it is.

/// The import that wasmtime could not complete.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unlinked {
    /// The imported interface.
    import: String,
    /// The function or resource in it, if it is about one.
    export: Option<String>,
    /// What is wrong with that, in wasmtime's words.
    cause: String,
}

/// Returns an error that says which import of `label`, a component or service,
/// is not complete, and what to do about it.
pub(in crate::engine) fn explain_link(error: wasmtime::Error, label: &str) -> wasmtime::Error {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    match Unlinked::read(&chain) {
        Some(unlinked) => {
            tracing::debug!("{label} cannot be linked: {error:#}");
            wasmtime::Error::msg(unlinked.told(label))
        }
        None => error,
    }
}

/// Returns an error that says why there can be no instance, where that is the
/// address space: what the operating system says of it names no remedy.
pub(crate) fn explain_instance(error: wasmtime::Error) -> wasmtime::Error {
    let is_space = error
        .chain()
        .any(|cause| cause.to_string().contains("mmap failed to reserve"));
    if !is_space {
        return error;
    }
    tracing::debug!("no instance: {error:#}");
    wasmtime::Error::msg(
        "the operating system refuses the address space that WebAssembly needs: 4 GiB for each \
         memory, of which little is used. Raise the limit of virtual memory: `ulimit -v unlimited` \
         in the shell that starts the host, or LimitAS=infinity in its systemd unit",
    )
}

impl Unlinked {
    fn read(chain: &[String]) -> Option<Self> {
        let quoted = |text: &str, before: &str| {
            let (_, rest) = text.split_once(before)?;
            let (_, rest) = rest.split_once('`')?;
            rest.split_once('`').map(|(name, _)| name.to_owned())
        };
        let mut found = Self::default();
        for text in chain {
            if text.contains("a matching implementation was not found in the linker") {
                found.import = quoted(text, "component imports ")?;
            } else if text.ends_with("has the wrong type") {
                found.export = quoted(text, "instance export ");
            }
        }
        found.cause = chain.last()?.clone();
        (!found.import.is_empty()).then_some(found)
    }

    fn told(&self, label: &str) -> String {
        let import = &self.import;
        let what = match &self.export {
            Some(export) => format!("`{import}#{export}`"),
            None => format!("`{import}`"),
        };
        let rebuild = "build the component against the WIT of the host or plugin that serves it, \
                       or use a version of the plugin that matches the component";
        let kind = |imported: &str, served: &str| {
            format!("{label} imports {what} as {imported}, and it is served as {served}: {rebuild}")
        };
        let cause = self.cause.as_str();
        let missing = cause.strip_suffix(" implementation is missing");
        match missing {
            Some("function") if self.export.is_some() => format!(
                "{label} imports the function {what}, which neither the host nor a plugin that is \
                 bound to it serves: {rebuild}"
            ),
            Some("resource") => format!(
                "{label} imports the resource {what}, which neither the host nor a plugin that is \
                 bound to it serves: {rebuild}"
            ),
            Some(_) => format!(
                "{label} imports {what}, which neither the host nor a plugin that is bound to it \
                 serves: add a plugin that serves it"
            ),
            None if cause.contains("declared `async func` in WIT") => {
                kind("an `async func`", "a plain `func`")
            }
            None if cause.contains("type mismatch with async") => {
                kind("a plain `func`", "an `async func`")
            }
            None if cause.contains("mismatched resource types") => format!(
                "{label} imports {what} with a resource that another interface serves: {rebuild}"
            ),
            None => format!(
                "{label} imports {what} with another type than it is served with ({cause}): \
                 {rebuild}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{
        Engine,
        component::{Component, Linker},
    };

    use super::*;

    /// What is told of a component whose import is linked by `link`.
    fn told(component: &str, link: impl FnOnce(&mut Linker<()>)) -> String {
        let mut config = wasmtime::Config::new();
        config.wasm_component_model_async(true);
        let engine = Engine::new(&config).unwrap();
        let bytes = wat::parse_str(component).unwrap();
        let component = Component::new(&engine, bytes).unwrap();
        let mut linker = Linker::new(&engine);
        link(&mut linker);
        let error = linker.instantiate_pre(&component).err().unwrap();
        explain_link(error, "component 'c' of workload 'w'").to_string()
    }

    const IMPORTS: &str = r#"(component (import "a:b/c@1.0.0" (instance
        (export "f" (func (param "x" u32))))))"#;
    const IMPORTS_ASYNC: &str = r#"(component (import "a:b/c@1.0.0" (instance
        (export "f" (func async (param "x" u32))))))"#;

    #[test]
    fn what_is_missing_is_named() {
        let text = told(IMPORTS, |linker| {
            linker.instance("a:b/c@1.0.0").unwrap();
        });
        assert!(
            text.starts_with(
                "component 'c' of workload 'w' imports the function `a:b/c@1.0.0#f`, which neither \
                 the host nor a plugin that is bound to it serves: build the component against"
            ),
            "{text}"
        );
        let text = told(r#"(component (import "f" (func)))"#, |_| {});
        assert!(
            text.contains("imports `f`, which neither the host"),
            "{text}"
        );
    }

    #[test]
    fn other_types_and_kinds_are_named() {
        let plain = |linker: &mut Linker<()>| {
            let mut instance = linker.instance("a:b/c@1.0.0").unwrap();
            instance.func_wrap("f", |_, (_,): (u32,)| Ok(())).unwrap();
        };
        let text = told(IMPORTS_ASYNC, plain);
        assert!(
            text.contains(
                "imports `a:b/c@1.0.0#f` as an `async func`, and it is served as a plain"
            ),
            "{text}"
        );
        let text = told(IMPORTS, |linker| {
            let mut instance = linker.instance("a:b/c@1.0.0").unwrap();
            instance
                .func_wrap_concurrent("f", |_, (_,): (u32,)| Box::pin(async { Ok(()) }))
                .unwrap();
        });
        assert!(
            text.contains("imports `a:b/c@1.0.0#f` as a plain `func`, and it is served as an"),
            "{text}"
        );
        let text = told(IMPORTS, |linker| {
            let mut instance = linker.instance("a:b/c@1.0.0").unwrap();
            instance
                .func_wrap("f", |_, (_,): (String,)| Ok(()))
                .unwrap();
        });
        assert!(
            text.contains("imports `a:b/c@1.0.0#f` with another type than it is served with"),
            "{text}"
        );
        assert!(!text.contains("linker"), "{text}");
    }

    #[test]
    fn a_lack_of_address_space_has_a_remedy() {
        let error = wasmtime::Error::msg("Cannot allocate memory (os error 12)")
            .context("mmap failed to reserve 0x104000000 bytes");
        let told = format!("{:#}", explain_instance(error));
        assert!(
            told.contains("ulimit -v") && !told.contains("mmap"),
            "{told}"
        );
        let error = wasmtime::Error::msg("unreachable");
        assert_eq!(explain_instance(error).to_string(), "unreachable");
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let error = wasmtime::Error::msg("out of memory").context("cannot instantiate");
        assert_eq!(
            format!("{:#}", explain_link(error, "component 'c'")),
            "cannot instantiate: out of memory"
        );
    }
}
