//! What is known of a file, for reports.

/// What is known of a file; nothing, if it could not even be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) id: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) sha256: Option<String>,
    pub(crate) abi: Option<u32>,
    pub(crate) exports: Option<Vec<String>>,
    pub(crate) imports: Option<Vec<String>>,
}
