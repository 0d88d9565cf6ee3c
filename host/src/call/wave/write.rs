//! From a value to its text: [`write()`].

use wash_runtime::wasmtime::component::Val;

use super::KEYWORDS;

/// Writes a value. Control characters, and others that change how a terminal
/// shows text, are escaped.
pub(in crate::call) fn write(value: &Val) -> String {
    let mut out = String::new();
    push(&mut out, value);
    out
}

fn push(out: &mut String, value: &Val) {
    match value {
        Val::Bool(value) => out.push_str(&value.to_string()),
        Val::S8(value) => out.push_str(&value.to_string()),
        Val::U8(value) => out.push_str(&value.to_string()),
        Val::S16(value) => out.push_str(&value.to_string()),
        Val::U16(value) => out.push_str(&value.to_string()),
        Val::S32(value) => out.push_str(&value.to_string()),
        Val::U32(value) => out.push_str(&value.to_string()),
        Val::S64(value) => out.push_str(&value.to_string()),
        Val::U64(value) => out.push_str(&value.to_string()),
        Val::Float32(value) if value.is_nan() => out.push_str("nan"),
        Val::Float64(value) if value.is_nan() => out.push_str("nan"),
        Val::Float32(value) => out.push_str(&format!("{value:?}")),
        Val::Float64(value) => out.push_str(&format!("{value:?}")),
        Val::Char(value) => quoted(out, '\'', std::iter::once(*value)),
        Val::String(value) => quoted(out, '"', value.chars()),
        Val::List(values) | Val::FixedLengthList(values) => {
            sequence(out, "[]", values, push);
        }
        Val::Tuple(values) => sequence(out, "()", values, push),
        Val::Map(pairs) => sequence(out, "[]", pairs, |out, (key, value)| {
            out.push('(');
            push(out, key);
            out.push_str(", ");
            push(out, value);
            out.push(')');
        }),
        Val::Record(fields) => sequence(out, "{}", fields, |out, (name, value)| {
            out.push_str(name);
            out.push_str(": ");
            push(out, value);
        }),
        Val::Variant(case, payload) => {
            label(out, case);
            in_parentheses(out, payload.as_deref());
        }
        Val::Enum(case) => label(out, case),
        Val::Option(None) => out.push_str("none"),
        Val::Option(some) => {
            out.push_str("some");
            in_parentheses(out, some.as_deref());
        }
        Val::Result(Ok(value)) => {
            out.push_str("ok");
            in_parentheses(out, value.as_deref());
        }
        Val::Result(Err(value)) => {
            out.push_str("err");
            in_parentheses(out, value.as_deref());
        }
        Val::Flags(flags) => sequence(out, "{}", flags, |out, flag| label(out, flag)),
        // These have no text: what they are is all that can be told.
        Val::Resource(_) => out.push_str("<resource>"),
        Val::Future(_) => out.push_str("<future>"),
        Val::Stream(_) => out.push_str("<stream>"),
        Val::ErrorContext(_) => out.push_str("<error-context>"),
    }
}

fn in_parentheses(out: &mut String, payload: Option<&Val>) {
    if let Some(payload) = payload {
        out.push('(');
        push(out, payload);
        out.push(')');
    }
}

fn sequence<T>(out: &mut String, ends: &str, all: &[T], mut one: impl FnMut(&mut String, &T)) {
    let (open, close) = ends.split_at(1);
    out.push_str(open);
    for (index, item) in all.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        one(out, item);
    }
    out.push_str(close);
}

fn label(out: &mut String, name: &str) {
    if KEYWORDS.contains(&name) {
        out.push('%');
    }
    out.push_str(name);
}

fn quoted(out: &mut String, quote: char, text: impl Iterator<Item = char>) {
    out.push(quote);
    for c in text {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() || is_hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// Whether a character is not seen, but changes how others are shown.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}
