//! Where a value stands in a TOML file: [`Places`].

use std::{collections::BTreeMap, fmt};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A step from a value to one in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// To the value of a key of a table.
    Key(String),
    /// To an element of a list, counted from 0.
    Index(usize),
}

/// A path as TOML writes it: `plugins.kv.servers[0].url`.
pub(crate) struct TomlPath<'a>(pub(crate) &'a [Step]);

impl fmt::Display for TomlPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    let is_bare = !key.is_empty()
                        && key
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
                    match is_bare {
                        true => f.write_str(key)?,
                        false => write!(f, "{key:?}")?,
                    }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A place in a text, both counted from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// The place of a byte.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text
            .char_indices()
            .take_while(|(index, _)| *index < offset)
            .map(|(_, c)| c);
        let mut place = Self { line: 1, column: 1 };
        for c in before {
            if c == '\n' {
                place = Self {
                    line: place.line + 1,
                    column: 1,
                };
            } else {
                place.column += 1;
            }
        }
        place
    }
}

/// The places of all keys and list elements of a TOML document, by their paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(BTreeMap<Vec<Step>, Place>);

impl Places {
    pub(crate) fn new(text: &str, table: &DeTable<'_>) -> Self {
        let mut walk = Walk {
            text,
            lines: text.match_indices('\n').map(|(at, _)| at + 1).collect(),
            places: BTreeMap::new(),
        };
        walk.table(&mut Vec::new(), table);
        Self(walk.places)
    }

    /// The place of a value, or of the nearest one around it.
    pub(crate) fn find(&self, path: &[Step]) -> Option<Place> {
        (1..=path.len())
            .rev()
            .find_map(|len| self.0.get(path.get(..len)?).copied())
    }
}

/// A walk through a document.
struct Walk<'a> {
    text: &'a str,
    /// Where each line but the first begins.
    lines: Vec<usize>,
    places: BTreeMap<Vec<Step>, Place>,
}

impl Walk<'_> {
    fn note(&mut self, path: &[Step], offset: usize) {
        let above = self.lines.partition_point(|start| *start <= offset);
        let start = match above.checked_sub(1) {
            Some(last) => self.lines.get(last).copied().unwrap_or_default(),
            None => 0,
        };
        let before = self.text.get(start..offset).unwrap_or_default();
        let place = Place {
            line: above + 1,
            column: before.chars().count() + 1,
        };
        self.places.insert(path.to_vec(), place);
    }

    fn table(&mut self, path: &mut Vec<Step>, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            path.push(Step::Key(key.get_ref().clone().into_owned()));
            self.note(path, key.span().start);
            self.value(path, value);
            path.pop();
        }
    }

    fn value(&mut self, path: &mut Vec<Step>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::Index(index));
                    self.note(path, item.span().start);
                    self.value(path, item);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_element_has_its_place() {
        let text = "# ä\n[plugins.a]\nk = 1\nt = { x = [1, 2] }\n\n[[plugins.a.l]]\nz = 1\n\
                    [[plugins.a.l]]\nz = 2\n";
        let document = DeTable::parse(text).unwrap();
        let places = Places::new(text, document.get_ref());
        let key = |key: &str| Step::Key(key.to_owned());
        let root = [key("plugins"), key("a")];
        let find = |steps: &[Step]| {
            let path = [&root, steps].concat();
            let place = places.find(&path).unwrap();
            (place.line, place.column)
        };
        assert_eq!(find(&[]), (2, 10));
        assert_eq!(find(&[key("k")]), (3, 1));
        assert_eq!(find(&[key("t"), key("x"), Step::Index(1)]), (4, 15));
        assert_eq!(find(&[key("l"), Step::Index(1), key("z")]), (9, 1));
        assert_eq!(find(&[key("missing")]), (2, 10), "the table around it");
        assert_eq!(Place::of("ää = 1", "ää".len()).column, 3);
    }

    #[test]
    fn paths_are_written_as_in_toml() {
        let path = [
            Step::Key("a b".to_owned()),
            Step::Key("c".to_owned()),
            Step::Index(2),
            Step::Key("d".to_owned()),
        ];
        assert_eq!(TomlPath(&path).to_string(), "\"a b\".c[2].d");
    }
}
