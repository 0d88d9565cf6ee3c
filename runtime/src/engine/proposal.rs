//! [`WasmProposal`].

use std::str::FromStr;

use wasmtime::Config;

/// A WebAssembly proposal that an engine can enable.
///
/// Some are enabled already: component-model-async and component-model-map
/// always, others when wasmtime enables them by default. Always enabled, too,
/// and not in wasmCloud's own crate, are the component model's lists of a fixed
/// length and error contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WasmProposal {
    /// Asynchronous functions, streams and futures in the component model.
    ComponentModelAsync,
    /// The `map` type in the component model.
    ComponentModelMap,
    /// Garbage-collected types.
    Gc,
    /// Exceptions.
    ExceptionHandling,
    /// 128-bit arithmetic.
    WideArithmetic,
    /// Shared memories and atomic instructions.
    Threads,
    /// Tail calls.
    TailCall,
}

/// Why a text is not a [`WasmProposal`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown WebAssembly proposal '{name}'; known are {}", known())]
pub struct ParseWasmProposalError {
    name: String,
}

impl WasmProposal {
    const ALL: [Self; 7] = [
        Self::ComponentModelAsync,
        Self::ComponentModelMap,
        Self::Gc,
        Self::ExceptionHandling,
        Self::WideArithmetic,
        Self::Threads,
        Self::TailCall,
    ];

    /// The name that [`FromStr`] reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ComponentModelAsync => "component-model-async",
            Self::ComponentModelMap => "component-model-map",
            Self::Gc => "gc",
            Self::ExceptionHandling => "exception-handling",
            Self::WideArithmetic => "wide-arithmetic",
            Self::Threads => "threads",
            Self::TailCall => "tail-call",
        }
    }

    pub(super) fn enable(self, config: &mut Config) {
        match self {
            Self::ComponentModelAsync => config.wasm_component_model_async(true),
            Self::ComponentModelMap => config.wasm_component_model_map(true),
            Self::Gc => config.wasm_gc(true),
            Self::ExceptionHandling => config.wasm_exceptions(true),
            Self::WideArithmetic => config.wasm_wide_arithmetic(true),
            Self::Threads => config.wasm_threads(true).shared_memory(true),
            Self::TailCall => config.wasm_tail_call(true),
        };
    }
}

/// Letter case does not matter, and `_` is as good as `-`.
impl FromStr for WasmProposal {
    type Err = ParseWasmProposalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim().to_ascii_lowercase().replace('_', "-");
        Self::ALL
            .into_iter()
            .find(|proposal| proposal.name() == name)
            .ok_or_else(|| ParseWasmProposalError {
                name: text.to_string(),
            })
    }
}

fn known() -> String {
    WasmProposal::ALL.map(WasmProposal::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::WasmProposal;

    #[test]
    fn names_are_read_in_any_case_and_with_underscores() {
        for proposal in WasmProposal::ALL {
            let name = proposal.name();
            assert_eq!(name.parse(), Ok(proposal));
            assert_eq!(name.to_uppercase().replace('-', "_").parse(), Ok(proposal));
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        let error = "stringref".parse::<WasmProposal>().unwrap_err().to_string();
        assert!(
            error.contains("'stringref'") && error.contains("tail-call"),
            "{error}"
        );
    }
}
