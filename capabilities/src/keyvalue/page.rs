//! [`Page`]: a part of a bucket's keys.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Some keys of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys, in no particular order.
    pub keys: Vec<String>,
    /// Leads to the next page. There is none after the last.
    pub cursor: Option<u64>,
}

impl Page {
    /// The page after `cursor` of keys that are all at hand. It has `size` keys
    /// unless it is the last, and they are sorted.
    ///
    /// A cursor is a place in the order of the keys' hashes, not a count of
    /// keys. So whoever deletes each page's keys before asking for the next
    /// still gets to see all of them.
    pub(super) fn of<'a>(
        keys: impl IntoIterator<Item = &'a str>,
        cursor: Option<u64>,
        size: usize,
    ) -> Self {
        Self::by(place, keys, cursor, size)
    }

    fn by<'a>(
        place: impl Fn(&str) -> u64,
        keys: impl IntoIterator<Item = &'a str>,
        cursor: Option<u64>,
        size: usize,
    ) -> Self {
        let mut places: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        let mut kept = 0;
        let mut is_last = true;
        for key in keys {
            let place = place(key);
            if cursor.is_some_and(|cursor| place <= cursor) {
                continue;
            }
            places.entry(place).or_default().push(key);
            kept += 1;
            // Keys at one place cannot be told apart by a cursor, so they stay
            // together, and a page may have a few more.
            while let Some(last) = places.last_entry()
                && kept - last.get().len() >= size
            {
                kept -= last.remove().len();
                is_last = false;
            }
        }
        let cursor = match places.last_key_value() {
            Some((place, _)) if !is_last => Some(*place),
            _ => None,
        };
        let mut keys: Vec<String> = places.into_values().flatten().map(str::to_owned).collect();
        keys.sort_unstable();
        Self { keys, cursor }
    }
}

/// Where a key is in the order of listing: the same in every process.
fn place(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("{n:04}")).collect()
    }

    fn refs(keys: &[String]) -> impl Iterator<Item = &str> {
        keys.iter().map(String::as_str)
    }

    #[test]
    fn the_pages_have_all_keys_once() {
        for count in [0, 1, 9, 10, 11, 20, 995] {
            let all = keys(count);
            let mut listed = Vec::new();
            let mut cursor = None;
            loop {
                let page = Page::of(refs(&all), cursor, 10);
                assert!(page.keys.is_sorted());
                assert!(page.keys.len() == 10 || page.cursor.is_none());
                listed.extend(page.keys);
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            listed.sort_unstable();
            assert_eq!(listed, all);
        }
    }

    #[test]
    fn deleting_what_was_listed_hides_nothing() {
        let mut left = keys(105);
        let mut listed = 0;
        let mut cursor = None;
        loop {
            let page = Page::of(refs(&left), cursor, 10);
            left.retain(|key| !page.keys.contains(key));
            listed += page.keys.len();
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((listed, left.len()), (105, 0));
    }

    #[test]
    fn keys_at_one_place_stay_together() {
        let all = keys(30);
        // Ten keys at each of three places.
        let place = |key: &str| key.parse::<u64>().unwrap() / 10;
        let first = Page::by(place, refs(&all), None, 4);
        assert_eq!((first.keys.len(), first.cursor), (10, Some(0)));
        let second = Page::by(place, refs(&all), Some(0), 12);
        assert_eq!((second.keys.len(), second.cursor), (20, None));
    }
}
