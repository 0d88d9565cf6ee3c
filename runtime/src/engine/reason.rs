//! Why something failed, in one line.

use std::error::Error;

/// How wasmtime begins the text of a
/// [`WasmBacktrace`](wasmtime::WasmBacktrace), which it adds to the causes of a
/// trap.
const BACKTRACE: &str = "error while executing at wasm backtrace:";

/// The causes of an error, the outermost first, without the guest's backtrace:
/// it has many lines, and the reason is for lists.
pub(crate) fn reason<'a>(causes: impl IntoIterator<Item = &'a (dyn Error + 'static)>) -> String {
    let causes = causes.into_iter().map(ToString::to_string);
    let causes: Vec<String> = causes
        .filter(|cause| !cause.starts_with(BACKTRACE))
        .collect();
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_is_no_reason() {
        let engine = wasmtime::Engine::default();
        let text = r#"(module (func (export "run") unreachable))"#;
        let module = wasmtime::Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
        let run = instance
            .get_typed_func::<(), ()>(&mut store, "run")
            .unwrap();
        let error = run.call(&mut store, ()).unwrap_err().context("it failed");
        assert!(error.chain().any(|c| c.to_string().starts_with(BACKTRACE)));
        let expected = "it failed: wasm trap: wasm `unreachable` instruction executed";
        assert_eq!(reason(error.chain()), expected);
        // As an error of anyhow's, too.
        assert_eq!(reason(anyhow::Error::from(error).chain()), expected);
    }
}
