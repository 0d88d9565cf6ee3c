//! Which function a result is of: for the error if it cannot be passed on.

use wash_runtime::wasmtime::Error;

use super::plan::Plan;
use crate::intern::Interner;

/// A function of a plugin. There is one for each that was ever linked, and it
/// stays: so a result can refer to it, also when its plugin has been updated
/// meanwhile, and a call pays nothing for that.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    plugin: String,
    /// As `namespace:package/interface@version`.
    interface: String,
    function: String,
    /// What the type of its result is called.
    result: String,
    /// How its result is written to memory.
    pub(super) plan: Option<Plan>,
}

static KNOWN: Interner<Origin> = Interner::new();

impl Origin {
    pub(crate) fn new(
        plugin: &str,
        interface: &str,
        function: &str,
        result: &str,
        plan: Option<Plan>,
    ) -> &'static Self {
        KNOWN.get(Self {
            plugin: plugin.to_owned(),
            interface: interface.to_owned(),
            function: function.to_owned(),
            result: result.to_owned(),
            plan,
        })
    }

    /// The error if its result cannot be passed on: the plugin wrote something
    /// else, or the component has no room for it.
    #[cold]
    pub(super) fn blame(&self, error: Error) -> Error {
        let Self {
            plugin,
            interface,
            function,
            result,
            plan: _,
        } = self;
        error.context(format!(
            "what plugin `{plugin}` returned from `{interface}#{function}` cannot be passed on as `{result}`"
        ))
    }
}
