//! The configuration's JSON Schema, known while the plugin is compiled.
//!
//! The manifest must be readable without running the library, and the schema
//! is part of it. schemars makes its schemas at run time, so they cannot be in
//! it; the derive macro here makes the same ones (a test compares them) as
//! constants.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use crate::manifest::Piece;
use Piece::{All, Text};

/// A configuration: read from JSON by serde, and described by a JSON Schema.
///
/// Derive it beside [`Deserialize`](serde::Deserialize), for a struct with
/// named fields or an enum of unit variants. Doc comments become descriptions;
/// serde's `rename`, `rename_all`, `default`, `skip` and `deny_unknown_fields`
/// are understood, and what is not is an error of the compiler.
///
/// A default is in the schema where the compiler can know it: for
/// `serde(default)`, that of a number, `bool`, text, list, map, `Option` or an
/// enum with a `#[default]` variant. The default of a function is a constant if
/// it is written as one, and the derive macro makes the function:
///
/// ```
/// # use wash_plugin_abi::ConfigSchema;
/// #[derive(serde::Deserialize, ConfigSchema)]
/// struct Config {
///     /// The port to listen at.
///     #[serde(default = "Config::port")]
///     #[config(default = 8080)]
///     port: u16,
/// }
///
/// let config = Config::from_json(b"{}")?;
/// assert_eq!(config.port, 8080);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// The default of any other function belongs into the doc comment.
///
/// A schema by hand is possible too: implement the trait, and put the text
/// into `SCHEMA`.
pub trait ConfigSchema: DeserializeOwned {
    /// The schema's text, in pieces; none for a type that takes no
    /// configuration.
    const SCHEMA: &'static [Piece];

    /// What stands in the schema of a field whose default is that of this type:
    /// `,"default":` and the value as JSON. None if the value is not known to
    /// the compiler.
    const DEFAULT: &'static [Piece] = &[];

    /// Reads a configuration. What the operator did not write is `{}`.
    ///
    /// # Errors
    ///
    /// If the JSON does not fit the type; the error names field and place.
    fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl ConfigSchema for () {
    const SCHEMA: &'static [Piece] = &[];

    fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        use serde::de::Error;
        let given: BTreeMap<String, serde::de::IgnoredAny> = serde_json::from_slice(json)?;
        match given.keys().next() {
            None => Ok(()),
            Some(key) => Err(serde_json::Error::custom(format_args!(
                "this plugin takes no configuration, and {key:?} was given"
            ))),
        }
    }
}

macro_rules! schemas {
    ($($ty:ty = $text:literal, $default:literal;)*) => {$(
        impl ConfigSchema for $ty {
            const SCHEMA: &'static [Piece] = &[Text($text)];
            const DEFAULT: &'static [Piece] = &[Text(concat!(",\"default\":", $default))];
        }
    )*};
}

schemas! {
    bool = r#"{"type":"boolean"}"#, "false";
    String = r#"{"type":"string"}"#, "\"\"";
    PathBuf = r#"{"type":"string"}"#, "\"\"";
    u8 = r#"{"type":"integer","format":"uint8","minimum":0,"maximum":255}"#, "0";
    u16 = r#"{"type":"integer","format":"uint16","minimum":0,"maximum":65535}"#, "0";
    u32 = r#"{"type":"integer","format":"uint32","minimum":0}"#, "0";
    u64 = r#"{"type":"integer","format":"uint64","minimum":0}"#, "0";
    usize = r#"{"type":"integer","format":"uint","minimum":0}"#, "0";
    i8 = r#"{"type":"integer","format":"int8","minimum":-128,"maximum":127}"#, "0";
    i16 = r#"{"type":"integer","format":"int16","minimum":-32768,"maximum":32767}"#, "0";
    i32 = r#"{"type":"integer","format":"int32"}"#, "0";
    i64 = r#"{"type":"integer","format":"int64"}"#, "0";
    isize = r#"{"type":"integer","format":"int"}"#, "0";
    f32 = r#"{"type":"number","format":"float"}"#, "0.0";
    f64 = r#"{"type":"number","format":"double"}"#, "0.0";
    serde_json::Value = "true", "null";
}

impl<T: ConfigSchema> ConfigSchema for Option<T> {
    const SCHEMA: &'static [Piece] = &[
        Text(r#"{"anyOf":["#),
        All(T::SCHEMA),
        Text(r#",{"type":"null"}]}"#),
    ];
    const DEFAULT: &'static [Piece] = &[Text(r#","default":null"#)];
}

impl<T: ConfigSchema> ConfigSchema for Vec<T> {
    const SCHEMA: &'static [Piece] = &[
        Text(r#"{"type":"array","items":"#),
        All(T::SCHEMA),
        Text("}"),
    ];
    const DEFAULT: &'static [Piece] = &[Text(r#","default":[]"#)];
}

impl<T: ConfigSchema> ConfigSchema for BTreeMap<String, T> {
    const SCHEMA: &'static [Piece] = &[
        Text(r#"{"type":"object","additionalProperties":"#),
        All(T::SCHEMA),
        Text("}"),
    ];
    const DEFAULT: &'static [Piece] = &[Text(r#","default":{}"#)];
}

impl<T: ConfigSchema> ConfigSchema for HashMap<String, T> {
    const SCHEMA: &'static [Piece] = <BTreeMap<String, T> as ConfigSchema>::SCHEMA;
    const DEFAULT: &'static [Piece] = <BTreeMap<String, T> as ConfigSchema>::DEFAULT;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_is_an_empty_object() {
        <()>::from_json(b"{}").unwrap();
        let error = <()>::from_json(br#"{"prefix": 1}"#)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "this plugin takes no configuration, and \"prefix\" was given"
        );
    }
}
