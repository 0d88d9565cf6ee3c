//! From text to a value of a type: [`read`].

use std::str::FromStr;

use wash_runtime::wasmtime::component::{Type, Val, types};

use super::{super::types::name_of, KEYWORDS};

type Result<T> = std::result::Result<T, String>;

/// How much of the text is shown where something else was expected.
const SHOWN: usize = 24;

/// Reads a value of this type.
///
/// # Errors
///
/// Says what was expected, and what stands there instead.
pub(in crate::call) fn read(ty: &Type, text: &str) -> Result<Val> {
    let mut reader = Reader { rest: text };
    let value = reader.value(ty)?;
    reader.skip();
    match reader.rest {
        "" => Ok(value),
        _ => Err(reader.expected("nothing more")),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type) -> Result<Val> {
        self.skip();
        Ok(match ty {
            Type::Bool => match self.word() {
                Some("true") => Val::Bool(true),
                Some("false") => Val::Bool(false),
                word => return Err(self.instead(word, "true or false")),
            },
            Type::S8 => Val::S8(self.integer(i8::MIN, i8::MAX)?),
            Type::U8 => Val::U8(self.integer(u8::MIN, u8::MAX)?),
            Type::S16 => Val::S16(self.integer(i16::MIN, i16::MAX)?),
            Type::U16 => Val::U16(self.integer(u16::MIN, u16::MAX)?),
            Type::S32 => Val::S32(self.integer(i32::MIN, i32::MAX)?),
            Type::U32 => Val::U32(self.integer(u32::MIN, u32::MAX)?),
            Type::S64 => Val::S64(self.integer(i64::MIN, i64::MAX)?),
            Type::U64 => Val::U64(self.integer(u64::MIN, u64::MAX)?),
            Type::Float32 => Val::Float32(self.float()?),
            Type::Float64 => Val::Float64(self.float()?),
            Type::Char => Val::Char(self.char()?),
            Type::String => Val::String(self.string()?),
            Type::List(list) => Val::List(self.list(&list.ty())?),
            Type::FixedLengthList(list) => {
                let values = self.list(&list.ty())?;
                if values.len() != list.len() as usize {
                    let (there, wanted) = (values.len(), list.len());
                    return Err(format!("expected a list of {wanted}, and it has {there}"));
                }
                Val::FixedLengthList(values)
            }
            Type::Map(map) => Val::Map(self.map(map)?),
            Type::Record(record) => Val::Record(self.record(record)?),
            Type::Tuple(tuple) => Val::Tuple(self.tuple(tuple.types())?),
            Type::Variant(variant) => self.variant(variant)?,
            Type::Enum(cases) => {
                let names: Vec<&str> = cases.names().collect();
                Val::Enum(self.label(&names)?.to_owned())
            }
            Type::Option(option) => Val::Option(self.option(&option.ty())?),
            Type::Result(result) => self.result(result)?,
            Type::Flags(flags) => {
                let names: Vec<&str> = flags.names().collect();
                let one = |this: &mut Self| this.label(&names).map(str::to_owned);
                Val::Flags(self.sequence('{', '}', "flags in braces, such as {a, b}", one)?)
            }
            Type::Own(_)
            | Type::Borrow(_)
            | Type::Future(_)
            | Type::Stream(_)
            | Type::ErrorContext => {
                return Err(format!(
                    "{} has no text: only a component can pass one",
                    name_of(ty)
                ));
            }
        })
    }

    fn integer<T: FromStr + std::fmt::Display>(&mut self, min: T, max: T) -> Result<T> {
        let word = self.word();
        let number = word.filter(|word| !word.starts_with('+'));
        number
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| self.instead(word, &format!("a whole number from {min} to {max}")))
    }

    fn float<T: FromStr>(&mut self) -> Result<T> {
        let word = self.word();
        let is_number = |word: &str| {
            let digits = word.strip_prefix('-').unwrap_or(word);
            digits.starts_with(|c: char| c.is_ascii_digit()) || digits == "inf" || word == "nan"
        };
        word.filter(|word| is_number(word))
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| self.instead(word, "a number, such as 1.5"))
    }

    fn char(&mut self) -> Result<char> {
        let wanted = "a character in single quotes, such as 'a'";
        let start = self.rest;
        let read = self.quoted('\'', wanted)?;
        let mut all = read.chars();
        match (all.next(), all.next()) {
            (Some(c), None) => Ok(c),
            _ => {
                self.rest = start;
                Err(self.expected(wanted))
            }
        }
    }

    fn string(&mut self) -> Result<String> {
        self.quoted('"', "text in double quotes, such as \"text\"")
    }

    fn quoted(&mut self, quote: char, wanted: &str) -> Result<String> {
        let Some(mut rest) = self.rest.strip_prefix(quote) else {
            return Err(self.expected(wanted));
        };
        let mut text = String::new();
        loop {
            let mut chars = rest.chars();
            let Some(c) = chars.next() else {
                return Err(format!("expected {quote} at the end of the quoted text"));
            };
            rest = chars.as_str();
            match c {
                c if c == quote => break,
                '\\' => {
                    let (c, after) = escape(rest)?;
                    text.push(c);
                    rest = after;
                }
                c => text.push(c),
            }
        }
        self.rest = rest;
        Ok(text)
    }

    fn list(&mut self, ty: &Type) -> Result<Vec<Val>> {
        self.sequence('[', ']', "a list in brackets, such as [a, b]", |this| {
            this.value(ty)
        })
    }

    fn map(&mut self, map: &types::Map) -> Result<Vec<(Val, Val)>> {
        let (key, value) = (map.key(), map.value());
        self.sequence('[', ']', "a list of pairs, such as [(a, b)]", |this| {
            this.skip();
            this.open('(', "a pair in parentheses, such as (a, b)")?;
            let key = this.value(&key)?;
            this.comma(')')?;
            let value = this.value(&value)?;
            this.comma(')')?;
            this.close(')')?;
            Ok((key, value))
        })
    }

    fn tuple(&mut self, types: impl ExactSizeIterator<Item = Type>) -> Result<Vec<Val>> {
        let count = types.len();
        let wanted = format!("{count} values in parentheses, such as (a, b)");
        self.open('(', &wanted)?;
        let mut values = Vec::with_capacity(count);
        for ty in types {
            values.push(self.value(&ty)?);
            self.comma(')')?;
        }
        self.close(')')?;
        Ok(values)
    }

    fn record(&mut self, record: &types::Record) -> Result<Vec<(String, Val)>> {
        let fields: Vec<types::Field<'_>> = record.fields().collect();
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let wanted = format!("a record in braces, such as {{{}: …}}", names.join(": …, "));
        let mut given: Vec<Option<Val>> = vec![None; fields.len()];
        self.sequence('{', '}', &wanted, |this| {
            let name = this.label(&names)?;
            let field = fields.iter().zip(&mut given);
            let mut field = field.filter(|(field, _)| field.name == name);
            let Some((field, place)) = field.next() else {
                return Err(this.expected(&wanted));
            };
            this.skip();
            this.open(':', &format!("a colon after `{name}`"))?;
            let value = this.value(&field.ty);
            let value = value.map_err(|problem| format!("in `{name}`, {problem}"))?;
            match place.replace(value) {
                None => Ok(()),
                Some(_) => Err(format!("the field `{name}` is there twice")),
            }
        })?;
        let filled = fields.iter().zip(given).map(|(field, value)| {
            let value = match (value, &field.ty) {
                (Some(value), _) => value,
                (None, Type::Option(_)) => Val::Option(None),
                (None, _) => return Err(format!("the field `{}` is missing", field.name)),
            };
            Ok((field.name.to_owned(), value))
        });
        filled.collect()
    }

    fn variant(&mut self, variant: &types::Variant) -> Result<Val> {
        let cases: Vec<types::Case<'_>> = variant.cases().collect();
        let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
        let name = self.label(&names)?;
        let case = cases.iter().find(|case| case.name == name);
        let ty = case.and_then(|case| case.ty.as_ref());
        let payload = ty.map(|ty| self.payload(ty, name)).transpose()?;
        Ok(Val::Variant(name.to_owned(), payload))
    }

    fn option(&mut self, ty: &Type) -> Result<Option<Box<Val>>> {
        if self.keyword("none") {
            return Ok(None);
        }
        if self.keyword("some") {
            return self.payload(ty, "some").map(Some);
        }
        match ty {
            Type::Option(_) | Type::Result(_) => Err(self.expected("some(…) or none")),
            // What is not ambiguous can be given as it is.
            _ => Ok(Some(Box::new(self.value(ty)?))),
        }
    }

    fn result(&mut self, result: &types::ResultType) -> Result<Val> {
        let (ok, err) = (result.ok(), result.err());
        if self.keyword("ok") {
            let value = ok.map(|ty| self.payload(&ty, "ok")).transpose()?;
            return Ok(Val::Result(Ok(value)));
        }
        if self.keyword("err") {
            let value = err.map(|ty| self.payload(&ty, "err")).transpose()?;
            return Ok(Val::Result(Err(value)));
        }
        match ok {
            None | Some(Type::Option(_) | Type::Result(_)) => {
                Err(self.expected("ok, ok(…), err or err(…)"))
            }
            Some(ty) => Ok(Val::Result(Ok(Some(Box::new(self.value(&ty)?))))),
        }
    }

    /// The value in parentheses behind a case.
    fn payload(&mut self, ty: &Type, case: &str) -> Result<Box<Val>> {
        self.skip();
        self.open('(', &format!("a value in parentheses after `{case}`"))?;
        let value = self.value(ty);
        let value = value.map_err(|problem| format!("in `{case}`, {problem}"))?;
        self.close(')')?;
        Ok(Box::new(value))
    }

    /// Values between commas. One may stand behind the last.
    fn sequence<T>(
        &mut self,
        open: char,
        close: char,
        wanted: &str,
        mut one: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.open(open, wanted)?;
        let mut all = Vec::new();
        loop {
            self.skip();
            if let Some(rest) = self.rest.strip_prefix(close) {
                self.rest = rest;
                return Ok(all);
            }
            all.push(one(self)?);
            self.comma(close)?;
        }
    }

    /// One of these names.
    fn label<'n>(&mut self, names: &[&'n str]) -> Result<&'n str> {
        self.skip();
        let word = self.word();
        let name = word.map(|word| word.strip_prefix('%').unwrap_or(word));
        let found = names.iter().find(|known| Some(**known) == name);
        found.copied().ok_or_else(|| {
            let wanted = match names {
                [one] => format!("`{one}`"),
                _ => format!("one of `{}`", names.join("`, `")),
            };
            self.instead(word, &wanted)
        })
    }

    /// Takes a word, if it is this one, and not the beginning of another.
    fn keyword(&mut self, keyword: &str) -> bool {
        debug_assert!(KEYWORDS.contains(&keyword));
        let start = self.rest;
        if self.word() == Some(keyword) {
            return true;
        }
        self.rest = start;
        false
    }

    /// A name or a number.
    fn word(&mut self) -> Option<&'a str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "%+-._".contains(c);
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word).filter(|word| !word.is_empty())
    }

    fn open(&mut self, open: char, wanted: &str) -> Result<()> {
        match self.rest.strip_prefix(open) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.expected(wanted)),
        }
    }

    fn close(&mut self, close: char) -> Result<()> {
        self.skip();
        self.open(close, &format!("`{close}`"))
    }

    /// A comma, unless the end follows.
    fn comma(&mut self, close: char) -> Result<()> {
        self.skip();
        if self.rest.starts_with(close) {
            return Ok(());
        }
        self.open(',', &format!("a comma or `{close}`"))
    }

    /// Space, and comments to the end of their line.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix("//") else {
                return;
            };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    /// That something was expected where the reader is.
    fn expected(&self, wanted: &str) -> String {
        match self.rest.char_indices().nth(SHOWN) {
            _ if self.rest.is_empty() => format!("expected {wanted}, and the text ends there"),
            Some((end, _)) => {
                let shown = self.rest.get(..end).unwrap_or_default();
                format!("expected {wanted}, and there is `{shown}…`")
            }
            None => format!("expected {wanted}, and there is `{}`", self.rest),
        }
    }

    /// That something was expected instead of a word that was taken.
    fn instead(&self, word: Option<&str>, wanted: &str) -> String {
        match word {
            Some(word) => format!("expected {wanted}, and there is `{word}`"),
            None => self.expected(wanted),
        }
    }
}

/// The character of an escape, of which the backslash was read, and the rest.
fn escape(text: &str) -> Result<(char, &str)> {
    let mut chars = text.chars();
    let c = match chars.next() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some(c @ ('\\' | '\'' | '"')) => c,
        Some('u') => {
            let number = chars.as_str().strip_prefix('{');
            let (number, rest) = number
                .and_then(|rest| rest.split_once('}'))
                .ok_or("expected `\\u{…}` with the number of a character")?;
            let c = u32::from_str_radix(number, 16).ok();
            let c = c.and_then(char::from_u32);
            let c = c.ok_or_else(|| format!("`\\u{{{number}}}` is not a character"))?;
            return Ok((c, rest));
        }
        other => {
            let other = other.map(String::from).unwrap_or_default();
            return Err(format!(
                "`\\{other}` is not an escape; there are \\n, \\t, \\r, \\\\, \\', \\\" and \\u{{…}}"
            ));
        }
    };
    Ok((c, chars.as_str()))
}
