//! What the host measures, handed to plugins and to the HTTP handler.

/// The instruments that a host hands out at its start.
///
/// This version of the runtime records nothing yet; the type is here so that
/// plugins can take part in [`inject_meters`](crate::plugin::HostPlugin::inject_meters)
/// and keep compiling when instruments are added.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Meters {}

impl Meters {
    /// Meters that record nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
