//! Holds a configuration against the JSON Schema of its plugin: [`check`].
//!
//! The schema comes from a file that nobody trusts yet. What the derive macro
//! of `wash-plugin-abi` makes is understood whole, and so is what people write
//! by hand with the same words. Any other word is passed over, as it would take
//! a whole library (regular expressions, addresses to fetch) to judge it: the
//! plugin checks its configuration itself when it starts.

use serde_json::{Map, Value};

use super::{near::nearest, places::Step};

/// How deep a schema may refer to others.
const DEEPEST: u32 = 64;

/// How many schemas are looked at, so that alternatives of alternatives do not
/// take for ever. Beyond, everything fits.
const MOST_STEPS: u32 = 100_000;

/// How much of a value is repeated in a message.
const LONGEST: usize = 60;

/// A part of a configuration that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The path from the plugin's table.
    pub(super) at: Vec<Step>,
    pub(super) problem: String,
    /// Whether the plugin will take it nevertheless.
    pub(super) is_warning: bool,
}

/// Checks a configuration against a schema, and returns all that does not fit.
pub(super) fn check(schema: &Value, config: &Value) -> Vec<Finding> {
    let mut checker = Checker {
        root: schema,
        steps: 0,
        at: Vec::new(),
        found: Vec::new(),
    };
    checker.value(schema, config, 0, true);
    checker.found
}

struct Checker<'a> {
    root: &'a Value,
    steps: u32,
    at: Vec<Step>,
    found: Vec<Finding>,
}

impl<'a> Checker<'a> {
    /// `alone`: no other schema says more of the same value.
    fn value(&mut self, schema: &'a Value, value: &Value, depth: u32, alone: bool) {
        self.steps += 1;
        if depth > DEEPEST || self.steps > MOST_STEPS {
            return;
        }
        let Value::Object(schema) = schema else {
            if *schema == Value::Bool(false) {
                self.wrong("nothing may be given here: remove it".to_owned());
            }
            return;
        };
        if let Some(target) = self.target(schema) {
            self.value(target, value, depth + 1, alone && schema.len() == 1);
        }
        let parts = list(schema, "allOf");
        for part in parts {
            self.value(part, value, depth + 1, alone && parts.len() == 1);
        }
        for word in ["anyOf", "oneOf"] {
            let alternatives = list(schema, word);
            if !alternatives.is_empty() {
                self.any(alternatives, value, depth, alone);
            }
        }
        if !is_of_type(schema, value) {
            let wanted = describe(schema);
            self.wrong(format!("it is {}, and {wanted} is needed", kind(value)));
            return;
        }
        self.choice(schema, value);
        match value {
            Value::Number(_) => self.number(schema, value),
            Value::String(text) => self.size(schema, text.chars().count(), "Length", "characters"),
            Value::Array(items) => self.items(schema, items, depth),
            Value::Object(table) => {
                let others = ["$ref", "allOf", "anyOf", "oneOf"];
                let alone = alone && !others.iter().any(|word| schema.contains_key(*word));
                self.table(schema, table, depth, alone);
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The schema that `$ref` names, if it is in the same document.
    fn target(&self, schema: &Map<String, Value>) -> Option<&'a Value> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }

    /// Checks that one of several schemas fits. `oneOf` is the same here: which
    /// words are passed over decides whether a second one fits, too.
    fn any(&mut self, alternatives: &'a [Value], value: &Value, depth: u32, alone: bool) {
        let before = self.found.len();
        let mut nearest: Option<Vec<Finding>> = None;
        for alternative in alternatives {
            self.value(
                alternative,
                value,
                depth + 1,
                alone && alternatives.len() == 1,
            );
            let found = self.found.split_off(before);
            if !found.iter().any(|finding| !finding.is_warning) {
                self.found.extend(found);
                return;
            }
            // What it says of the value's parts helps; that the value as a whole
            // is of another type does not.
            let is_about_parts = found.iter().all(|finding| finding.at.len() > self.at.len());
            let is_only = alternatives.iter().filter(|other| !is_null(other)).count() == 1;
            if (is_about_parts || (is_only && !is_null(alternative)))
                && nearest
                    .as_ref()
                    .is_none_or(|least| found.len() < least.len())
            {
                nearest = Some(found);
            }
        }
        match nearest {
            Some(found) => self.found.extend(found),
            None => {
                let wanted = describe_any(alternatives);
                self.wrong(match scalar(value) {
                    Some(given) => format!("{given} does not fit: {wanted} is needed"),
                    None => format!("it is {}, and {wanted} is needed", kind(value)),
                });
            }
        }
    }

    fn choice(&mut self, schema: &Map<String, Value>, value: &Value) {
        let allowed = choices(schema);
        if allowed.is_empty() || allowed.contains(&value) {
            return;
        }
        let meant = value.as_str().and_then(|given| {
            nearest(given, allowed.iter().filter_map(|allowed| allowed.as_str()))
        });
        let given = scalar(value).unwrap_or_else(|| kind(value).to_owned());
        self.wrong(format!(
            "{given} is not allowed; {}use {}",
            did_you_mean(meant.map(|meant| format!("{meant:?}"))),
            describe(schema)
        ));
    }

    fn number(&mut self, schema: &Map<String, Value>, value: &Value) {
        let Some(number) = value.as_f64() else { return };
        let at_least = bound(schema, "minimum").is_none_or(|least| number >= least);
        let at_most = bound(schema, "maximum").is_none_or(|most| number <= most);
        let above = bound(schema, "exclusiveMinimum").is_none_or(|least| number > least);
        let below = bound(schema, "exclusiveMaximum").is_none_or(|most| number < most);
        let fits = format_range(schema).is_none_or(|(least, most)| {
            value
                .as_i64()
                .is_none_or(|n| i128::from(n) >= least && i128::from(n) <= most)
        });
        if !(at_least && at_most && above && below && fits) {
            self.wrong(format!(
                "{value} is out of range: {} is needed",
                describe(schema)
            ));
        }
    }

    fn size(&mut self, schema: &Map<String, Value>, size: usize, of: &str, unit: &str) {
        let limit = |word: &str| -> Option<usize> {
            let limit = schema.get(&format!("{word}{of}"))?.as_u64()?;
            Some(usize::try_from(limit).unwrap_or(usize::MAX))
        };
        if let Some(least) = limit("min").filter(|least| size < *least) {
            self.wrong(format!(
                "it has {size} {unit}, and at least {least} are needed"
            ));
        }
        if let Some(most) = limit("max").filter(|most| size > *most) {
            self.wrong(format!(
                "it has {size} {unit}, and at most {most} are allowed"
            ));
        }
    }

    fn items(&mut self, schema: &'a Map<String, Value>, items: &[Value], depth: u32) {
        self.size(schema, items.len(), "Items", "elements");
        let first = list(schema, "prefixItems");
        for (index, item) in items.iter().enumerate() {
            if let Some(of) = first.get(index).or_else(|| schema.get("items")) {
                self.at.push(Step::Index(index));
                self.value(of, item, depth + 1, true);
                self.at.pop();
            }
        }
    }

    fn table(
        &mut self,
        schema: &'a Map<String, Value>,
        table: &Map<String, Value>,
        depth: u32,
        alone: bool,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let known = |key: &str| properties.and_then(|properties| properties.get(key));
        for required in list(schema, "required").iter().filter_map(Value::as_str) {
            if !table.contains_key(required) {
                let wanted = known(required)
                    .map(|schema| self.describe_key(schema))
                    .unwrap_or_default();
                // One that was mistyped is told where it stands.
                self.wrong(format!("the key `{required}` is missing{wanted}"));
            }
        }
        // Which keys a pattern allows is not known here.
        let has_patterns = schema.contains_key("patternProperties");
        let others = schema.get("additionalProperties");
        let is_closed = others == Some(&Value::Bool(false));
        for (key, value) in table {
            self.at.push(Step::Key(key.clone()));
            match (known(key), others) {
                (Some(of), _) => self.value(of, value, depth + 1, true),
                (None, _) if has_patterns => {}
                (None, Some(Value::Object(_))) => {
                    if let Some(of) = others {
                        self.value(of, value, depth + 1, true);
                    }
                }
                (None, _) if is_closed || alone && others.is_none() => {
                    let names = properties
                        .into_iter()
                        .flat_map(Map::keys)
                        .map(String::as_str);
                    self.unknown(key, names, !is_closed);
                }
                _ => {}
            }
            self.at.pop();
        }
    }

    fn unknown<'k>(
        &mut self,
        key: &str,
        known: impl Iterator<Item = &'k str> + Clone,
        is_warning: bool,
    ) {
        let meant = nearest(key, known.clone());
        // A plugin that takes any key may know it.
        if is_warning && meant.is_none() {
            return;
        }
        let keys: Vec<String> = known.map(|key| format!("`{key}`")).collect();
        let keys = match keys.as_slice() {
            [] => "the plugin knows no keys here".to_owned(),
            keys => format!("the keys are {}", keys.join(", ")),
        };
        let meant = did_you_mean(meant.map(|meant| format!("`{meant}`")));
        let problem = format!("the plugin has no such key; {meant}{keys}");
        self.found.push(Finding {
            at: self.at.clone(),
            problem,
            is_warning,
        });
    }

    fn wrong(&mut self, problem: String) {
        self.found.push(Finding {
            at: self.at.clone(),
            problem,
            is_warning: false,
        });
    }

    /// What a missing key is for.
    fn describe_key(&self, schema: &'a Value) -> String {
        let Some(schema) = schema.as_object() else {
            return String::new();
        };
        let mut shape = schema;
        if let [Value::Object(only)] = list(schema, "allOf") {
            shape = only;
        }
        if let Some(Value::Object(target)) = self.target(shape) {
            shape = target;
        }
        format!(": {} is needed", describe(shape))
    }
}

/// The elements of a list in a schema.
fn list<'s>(schema: &'s Map<String, Value>, word: &str) -> &'s [Value] {
    schema
        .get(word)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn bound(schema: &Map<String, Value>, word: &str) -> Option<f64> {
    schema.get(word)?.as_f64()
}

/// The types that a schema allows; empty for all.
fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of_type(schema: &Map<String, Value>, value: &Value) -> bool {
    let types = types(schema);
    types.is_empty()
        || types.iter().any(|ty| match *ty {
            "string" => value.is_string(),
            // serde takes no `1.0` for an integer, and any integer for a number.
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            _ => true,
        })
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// The values that a schema lists.
fn choices(schema: &Map<String, Value>) -> Vec<&Value> {
    match schema.get("const") {
        Some(only) => vec![only],
        None => list(schema, "enum").iter().collect(),
    }
}

/// The range of an integer that a format names.
fn format_range(schema: &Map<String, Value>) -> Option<(i128, i128)> {
    let bits = |bits: u32| (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1);
    Some(match schema.get("format")?.as_str()? {
        "uint8" => (0, u8::MAX.into()),
        "uint16" => (0, u16::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "uint64" | "uint" => (0, u64::MAX.into()),
        "int8" => bits(8),
        "int16" => bits(16),
        "int32" => bits(32),
        "int64" | "int" => bits(64),
        _ => return None,
    })
}

/// What a schema wants, with an article: "a text".
fn describe(schema: &Map<String, Value>) -> String {
    let allowed = choices(schema);
    if !allowed.is_empty() {
        let allowed: Vec<String> = allowed.iter().map(|value| value.to_string()).collect();
        return or(&allowed);
    }
    let alternatives = [list(schema, "anyOf"), list(schema, "oneOf")].concat();
    if !alternatives.is_empty() {
        return describe_any(&alternatives);
    }
    let types: Vec<String> = types(schema)
        .into_iter()
        .filter(|ty| *ty != "null")
        .map(|ty| match ty {
            "string" => "a text in quotes".to_owned(),
            "integer" => format!("a whole number{}", range(schema)),
            "number" => format!("a number{}", range(schema)),
            "boolean" => "true or false".to_owned(),
            "array" => "a list".to_owned(),
            "object" => "a table".to_owned(),
            other => format!("a value of type {other}"),
        })
        .collect();
    match types.as_slice() {
        [] => "a value".to_owned(),
        types => or(types),
    }
}

fn describe_any(alternatives: &[Value]) -> String {
    let mut wanted: Vec<String> = alternatives
        .iter()
        .filter(|alternative| !is_null(alternative))
        .filter_map(Value::as_object)
        .map(describe)
        .collect();
    wanted.dedup();
    match wanted.as_slice() {
        [] => "another value".to_owned(),
        wanted => or(wanted),
    }
}

/// The bounds of a number: " from 0 to 255".
fn range(schema: &Map<String, Value>) -> String {
    let format = format_range(schema);
    let least = schema.get("minimum").map(Value::to_string);
    let most = schema.get("maximum").map(Value::to_string);
    // The bounds of 64 bits tell nobody anything.
    let is_small = format.is_some_and(|(_, most)| most <= u32::MAX.into());
    let least = least.or_else(|| Some(format.filter(|_| is_small)?.0.to_string()));
    let most = most.or_else(|| Some(format.filter(|_| is_small)?.1.to_string()));
    let above = schema
        .get("exclusiveMinimum")
        .map(|least| format!(" greater than {least}"));
    let below = schema
        .get("exclusiveMaximum")
        .map(|most| format!(" less than {most}"));
    let closed = match (least, most) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least}"),
        (None, Some(most)) => format!(" up to {most}"),
        (None, None) => String::new(),
    };
    [Some(closed), above, below].into_iter().flatten().collect()
}

/// `a, b or c`
fn or(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn did_you_mean(meant: Option<String>) -> String {
    meant.map_or_else(String::new, |meant| format!("did you mean {meant}? "))
}

/// A value as it was written, if it is short.
fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::Array(_) | Value::Object(_) => return None,
        other => other.to_string(),
    };
    (text.len() <= LONGEST).then_some(text)
}

/// What a value is, with an article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
