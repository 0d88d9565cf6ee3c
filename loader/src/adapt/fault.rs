//! What a component is told when a call to a plugin does not end well.

/// A call to a plugin did not end well. The component that made it traps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` {fault} in `{interface}#{function}`: {message}")]
pub struct CallError {
    /// The plugin's id.
    pub plugin: String,
    /// What happened.
    pub fault: CallFault,
    /// The interface, as `namespace:package/interface@version`.
    pub interface: String,
    /// The function in it.
    pub function: String,
    /// What the plugin said.
    pub message: String,
}

/// How a call to a plugin ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallFault {
    /// The plugin said that it failed.
    Failed,
    /// The plugin panicked.
    Panicked,
    /// The plugin could not read the arguments.
    BadArguments,
    /// The plugin answered what the ABI does not know.
    Unknown,
}

impl std::fmt::Display for CallFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::BadArguments => "could not read the arguments",
            Self::Unknown => "broke the ABI",
        })
    }
}
