use serde_json::json;

use super::*;

/// What is found, with its place.
fn found(schema: &Value, config: &Value) -> Vec<String> {
    check(schema, config)
        .into_iter()
        .map(|finding| {
            let place = super::super::places::TomlPath(&finding.at).to_string();
            format!("{place}: {}", finding.problem)
        })
        .collect()
}

fn schema() -> Value {
    json!({
        "title": "Config",
        "type": "object",
        "additionalProperties": false,
        "required": ["port"],
        "properties": {
            "port": {"type": "integer", "format": "uint16", "minimum": 0, "maximum": 65535},
            "count": {"allOf": [{"type": "integer", "format": "uint32", "minimum": 0}], "description": "n"},
            "prefix": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "mode": {"type": "string", "enum": ["fast", "safe"]},
            "ratio": {"type": "number"},
            "on": {"type": "boolean"},
            "servers": {"type": "array", "minItems": 1, "items": {
                "type": "object",
                "required": ["url"],
                "properties": {"url": {"type": "string"}, "weight": {"type": "integer"}},
                "additionalProperties": false,
            }},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    })
}

#[test]
fn what_fits_passes() {
    let config = json!({
        "port": 80, "count": 1, "prefix": "x", "mode": "fast", "ratio": 1, "on": true,
        "servers": [{"url": "a", "weight": -1}], "labels": {"any": "text"},
    });
    assert_eq!(found(&schema(), &config), [""; 0]);
    for anything in [
        json!(true),
        json!({}),
        json!("not a schema"),
        json!({"type": 5}),
    ] {
        assert_eq!(found(&anything, &config), [""; 0], "{anything}");
    }
}

#[test]
fn every_part_that_does_not_fit_is_told() {
    for (config, expected) in [
        (
            json!({}),
            ": the key `port` is missing: a whole number from 0 to 65535 is needed",
        ),
        (
            json!({"port": "80"}),
            "port: it is a text, and a whole number from 0 to 65535 is needed",
        ),
        (
            json!({"port": 80.5}),
            "port: it is a number with a fraction, and a whole number from 0 to 65535 is needed",
        ),
        (
            json!({"port": 70000}),
            "port: 70000 is out of range: a whole number from 0 to 65535 is needed",
        ),
        (
            json!({"port": 1, "count": 5_000_000_000_u64}),
            "count: 5000000000 is out of range: a whole number from 0 to 4294967295 is needed",
        ),
        (
            json!({"port": 1, "count": -1}),
            "count: -1 is out of range: a whole number from 0 to 4294967295 is needed",
        ),
        (
            json!({"port": 1, "prefix": 5}),
            "prefix: it is a whole number, and a text in quotes is needed",
        ),
        (
            json!({"port": 1, "mode": "fats"}),
            "mode: \"fats\" is not allowed; did you mean \"fast\"? use \"fast\" or \"safe\"",
        ),
        (
            json!({"port": 1, "on": "yes"}),
            "on: it is a text, and true or false is needed",
        ),
        (
            json!({"port": 1, "servers": []}),
            "servers: it has 0 elements, and at least 1 are needed",
        ),
        (
            json!({"port": 1, "servers": [{"url": "a"}, {"url": 5}]}),
            "servers[1].url: it is a whole number, and a text in quotes is needed",
        ),
        (
            json!({"port": 1, "servers": {"url": "a"}}),
            "servers: it is a table, and a list is needed",
        ),
        (
            json!({"port": 1, "labels": {"a": 1}}),
            "labels.a: it is a whole number, and a text in quotes is needed",
        ),
        (
            json!({"port": 1, "servers": [{"url": "a", "wieght": 1}]}),
            "servers[0].wieght: the plugin has no such key; did you mean `weight`? the keys are \
             `url`, `weight`",
        ),
    ] {
        assert_eq!(found(&schema(), &config), [expected], "{config}");
    }
    let all = found(&schema(), &json!({"prot": 1, "on": 1}));
    assert_eq!(
        all.len(),
        3,
        "the missing key, the mistyped one, and the wrong one: {all:?}"
    );
}

#[test]
fn alternatives_tell_what_they_want() {
    let schema = json!({"properties": {
        "size": {"oneOf": [{"type": "integer"}, {"const": "auto"}]},
        "nested": {"anyOf": [{"$ref": "#/$defs/nested"}, {"type": "null"}]},
    }, "$defs": {"nested": {"type": "object", "properties": {"x": {"type": "integer"}}}}});
    assert_eq!(
        found(&schema, &json!({"size": "big"})),
        ["size: \"big\" does not fit: a whole number or \"auto\" is needed"]
    );
    assert_eq!(found(&schema, &json!({"size": "auto"})), [""; 0]);
    assert_eq!(
        found(&schema, &json!({"nested": {"x": "1"}})),
        ["nested.x: it is a text, and a whole number is needed"]
    );
}

#[test]
fn a_key_that_is_ignored_is_a_warning_if_another_was_meant() {
    let schema = json!({"type": "object", "properties": {"prefix": {"type": "string"}}});
    let [finding] = check(&schema, &json!({"prefx": "x"})).try_into().unwrap();
    assert!(finding.is_warning && finding.problem.contains("did you mean `prefix`?"));
    assert_eq!(found(&schema, &json!({"something-else": 1})), [""; 0]);
}

#[test]
fn words_that_are_not_understood_refuse_nothing() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": "^x$", "format": "hostname"}},
        "patternProperties": {"^x-": {"type": "integer"}},
        "additionalProperties": false,
        "not": {"required": ["a"]},
    });
    assert_eq!(found(&schema, &json!({"a": "y", "x-1": 1})), [""; 0]);
}

#[test]
fn a_hostile_schema_takes_no_time() {
    let endless = json!({"$ref": "#", "allOf": [{"$ref": "#"}, {"$ref": "#"}]});
    assert_eq!(found(&endless, &json!({"a": 1})), [""; 0]);
    let wide: Vec<Value> = (0..1000).map(|_| json!({"$ref": "#/$defs/a"})).collect();
    let wide = json!({"$defs": {"a": {"anyOf": wide}}, "$ref": "#/$defs/a"});
    assert_eq!(found(&wide, &json!({"a": 1})), [""; 0]);
}
