//! Subjects, and what matches them.

use super::Error;

/// Whether a message can be about it.
pub(super) fn check(subject: &str) -> Result<(), Error> {
    names(subject)?;
    if subject.split('.').any(|name| name == "*" || name == ">") {
        return Err(invalid(
            subject,
            "a message is about one subject, so it has no '*' and no '>' in it",
        ));
    }
    Ok(())
}

/// Whether one can subscribe to it.
pub(super) fn check_pattern(subject: &str) -> Result<(), Error> {
    names(subject)?;
    let mut names = subject.split('.');
    names.next_back();
    if names.any(|name| name == ">") {
        return Err(invalid(
            subject,
            "'>' stands at the end, for all that follow",
        ));
    }
    Ok(())
}

fn names(subject: &str) -> Result<(), Error> {
    if subject.split('.').any(str::is_empty) {
        return Err(invalid(
            subject,
            "a subject is one or more names with dots between them, and no name is empty",
        ));
    }
    if subject.contains(char::is_whitespace) {
        return Err(invalid(subject, "a subject has no spaces in it"));
    }
    Ok(())
}

fn invalid(subject: &str, reason: &'static str) -> Error {
    Error::InvalidSubject {
        subject: subject.to_owned(),
        reason,
    }
}

/// Whether who subscribed to `pattern` gets messages about `subject`.
pub(super) fn matches(pattern: &str, subject: &str) -> bool {
    let mut names = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, names.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(name)) if wanted == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_nats() {
        for (pattern, subject, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a", "a.b", false),
            ("a.b", "a", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b.d", false),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn what_is_no_subject_is_refused() {
        for subject in ["", ".", "a.", ".a", "a..b", "a b", "a.\n"] {
            assert!(check(subject).is_err(), "{subject:?}");
            assert!(check_pattern(subject).is_err(), "{subject:?}");
        }
        for pattern in ["*", ">", "a.*", "a.>", "*.b.>"] {
            assert!(check(pattern).is_err(), "{pattern}");
            assert!(check_pattern(pattern).is_ok(), "{pattern}");
        }
        assert!(check_pattern("a.>.b").is_err());
        assert!(check("a.b-c.D_1").is_ok());
    }
}
