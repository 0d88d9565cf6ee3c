//! The schema that is a constant is the one that schemars makes at run time.

#![allow(dead_code, reason = "only the types' shapes are used")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Value, json};
use wash_plugin_abi::ConfigSchema;
use wash_plugin_abi::manifest::Piece;

/// All kinds of fields.
///
/// With a second paragraph.
#[derive(Deserialize, ConfigSchema, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Everything {
    /// Must be there.
    required_text: String,
    #[serde(default)]
    count: u32,
    #[serde(rename = "ratio!")]
    ratio: f64,
    maybe: Option<bool>,
    list: Vec<String>,
    table: BTreeMap<String, i64>,
    path: PathBuf,
    mode: Mode,
    nested: Nested,
    #[serde(skip)]
    hidden: u8,
}

#[derive(Deserialize, ConfigSchema, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    ReadOnly,
    #[serde(rename = "RW")]
    ReadWrite,
}

#[derive(Deserialize, ConfigSchema, schemars::JsonSchema)]
#[serde(default)]
struct Nested {
    port: u16,
    offset: i8,
}

impl Default for Nested {
    fn default() -> Self {
        Self {
            port: 1,
            offset: -1,
        }
    }
}

/// All kinds of defaults.
#[derive(Deserialize, ConfigSchema, schemars::JsonSchema)]
struct Defaults {
    #[serde(default)]
    number: u32,
    /// Described.
    #[serde(default)]
    text: String,
    #[serde(default)]
    maybe: Option<u8>,
    #[serde(default)]
    list: Vec<u8>,
    #[serde(default)]
    level: Level,
    #[serde(default = "Defaults::host")]
    #[config(default = "localhost")]
    host: String,
    #[serde(default = "Defaults::port")]
    #[config(default = 8080)]
    port: u16,
    #[serde(default = "Defaults::offset")]
    #[config(default = -1.5)]
    offset: f64,
    #[serde(default = "somewhere")]
    elsewhere: String,
    /// Whose default is its own affair.
    #[serde(default)]
    nested: Nested,
}

#[derive(Default, Deserialize, ConfigSchema, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Low,
    #[default]
    VeryHigh,
}

fn somewhere() -> String {
    "else".to_owned()
}

fn text(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::All(pieces) => text(pieces),
        })
        .collect()
}

/// Brings both to one form where JSON Schema can say a thing in two ways, and
/// removes what only a running program can know: default values.
fn normal(schema: Value) -> Value {
    match schema {
        Value::Object(mut map) => {
            map.remove("$schema");
            map.remove("default");
            // "a field's description beside its type's schema"
            if let Some(Value::Array(all)) = map.remove("allOf") {
                for part in all {
                    let Value::Object(part) = part else {
                        panic!("allOf of {part}")
                    };
                    for (key, value) in part {
                        map.entry(key).or_insert(value);
                    }
                }
            }
            // Ours gives a nested type its title; schemars does so only at the root.
            map.remove("title");
            // "this or null"
            if let Some(Value::Array(any)) = map.remove("anyOf") {
                let [Value::Object(one), null] = any.as_slice() else {
                    panic!("anyOf of {any:?}")
                };
                assert_eq!(*null, json!({"type": "null"}));
                map.extend(one.clone());
                let ty = map.remove("type").unwrap();
                map.insert("type".into(), json!([ty, "null"]));
            }
            let mut map: serde_json::Map<_, _> = map
                .into_iter()
                .map(|(key, value)| (key, normal(value)))
                .collect();
            if let Some(Value::Array(required)) = map.get_mut("required") {
                required.sort_by_key(Value::to_string);
            }
            Value::Object(map)
        }
        Value::Array(items) => items.into_iter().map(normal).collect(),
        other => other,
    }
}

fn same<T: ConfigSchema + schemars::JsonSchema>() -> Value {
    let ours: Value = serde_json::from_str(&text(T::SCHEMA)).unwrap();
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let theirs = settings.into_generator().into_root_schema_for::<T>();
    let (ours, theirs) = (normal(ours), normal(theirs.into()));
    assert_eq!(ours, theirs, "\nours: {ours:#}\nschemars': {theirs:#}");
    ours
}

#[test]
fn the_constant_schema_is_schemars() {
    let schema = same::<Everything>();
    assert_eq!(
        schema["properties"]["mode"]["enum"],
        json!(["read_only", "RW"])
    );
    assert_eq!(schema["additionalProperties"], json!(false));
    same::<Nested>();
    same::<Mode>();
}

#[test]
fn defaults_are_in_the_schema() {
    let schema: Value = serde_json::from_str(&text(Defaults::SCHEMA)).unwrap();
    assert_eq!(schema.get("required"), None);
    // Held against what serde makes of nothing.
    let made = Defaults::from_json(b"{}").unwrap();
    let level = match made.level {
        Level::VeryHigh => "very-high",
        Level::Low => "low",
    };
    for (key, expected) in [
        ("number", Some(json!(made.number))),
        ("text", Some(json!(made.text))),
        ("maybe", Some(json!(made.maybe))),
        ("list", Some(json!(made.list))),
        ("level", Some(json!(level))),
        ("host", Some(json!(made.host))),
        ("port", Some(json!(made.port))),
        ("offset", Some(json!(made.offset))),
        ("elsewhere", None),
        ("nested", None),
    ] {
        let default = schema["properties"][key].get("default");
        assert_eq!(default, expected.as_ref(), "{key}");
    }
    assert_eq!((made.host.as_str(), made.port), ("localhost", 8080));
    same::<Defaults>();
}

#[test]
fn a_configuration_that_does_not_fit_says_where() {
    let Err(error) = Everything::from_json(br#"{"required-text": 5}"#) else {
        panic!("it fits")
    };
    assert_eq!(
        error.to_string(),
        "invalid type: integer `5`, expected a string at line 1 column 19"
    );
    let Err(error) = Everything::from_json(br#"{"prefix": "x"}"#) else {
        panic!("it fits")
    };
    assert!(
        error
            .to_string()
            .starts_with("unknown field `prefix`, expected one of"),
        "{error}"
    );
}
