//! WAVE, the component model's text for values: `"text"`, `[1, 2]`,
//! `{name: "x", age: some(3)}`, `ok(())`.
//!
//! [`read()`] goes by the type that is wanted, so that what is wrong can be told
//! in terms of it. Strings have one line. A map is a list of pairs. What stands
//! for something in the host, such as a resource, has no text.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// Names that mean something else in WAVE. A case or flag of such a name has a
/// `%` before it.
const KEYWORDS: [&str; 8] = ["true", "false", "some", "none", "ok", "err", "inf", "nan"];

#[cfg(test)]
mod tests;
