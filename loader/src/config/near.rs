//! The name that was probably meant: [`nearest`].

/// Names that are longer are not compared: no key is, and comparing takes the
/// product of both lengths.
const LONGEST: usize = 80;

/// Finds the name that is most like `given`. Upper and lower case, `_` and `-`
/// count as the same.
///
/// Returns `None` if no name is like it: if more than a third of its letters
/// would have to change.
pub(crate) fn nearest<'a>(
    given: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let given = normal(given);
    let most = (given.chars().count() / 3).max(1);
    names
        .into_iter()
        .filter(|name| name.len() <= LONGEST && given.len() <= LONGEST)
        .map(|name| (strsim::damerau_levenshtein(&given, &normal(name)), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

fn normal(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_is_found() {
        let names = ["prefix", "level", "max-size"];
        for (given, meant) in [
            ("prefx", Some("prefix")),
            ("perfix", Some("prefix")),
            ("Level", Some("level")),
            ("max_size", Some("max-size")),
            ("timeout", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, names), meant, "{given}");
        }
        assert_eq!(nearest("a", ["b"]), Some("b"), "one letter may change");
        assert_eq!(nearest(&"a".repeat(1 << 20), names), None);
    }
}
