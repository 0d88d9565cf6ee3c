//! Reads a manifest, as input from a stranger.

use super::{FORMAT, Function, MAX_LEN, Manifest, NOTE_OWNER, NOTE_TYPE, is_valid_id, tag};

/// Why bytes are not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It ends before it should.
    #[error("it is cut off at byte {at}")]
    CutOff {
        /// Where, from the start of the note's description.
        at: usize,
    },
    /// It is larger than [`MAX_LEN`].
    #[error("it has {len} bytes, more than the {MAX_LEN} allowed")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
    /// Its format is not [`FORMAT`].
    #[error("its format is {found}, and this host reads format {FORMAT}")]
    Format {
        /// The format that it says it has.
        found: u32,
    },
    /// An entry that must be there is not.
    #[error("it has no {name}")]
    Missing {
        /// What is missing.
        name: &'static str,
    },
    /// An entry stands there twice.
    #[error("it has two entries with tag {tag}")]
    Repeated {
        /// The entry's tag.
        tag: u32,
    },
    /// An entry's bytes are not what its tag wants.
    #[error("its {name} is malformed: {problem}")]
    Malformed {
        /// Which entry.
        name: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The id is not one.
    #[error(
        "its id {id:?} is not valid: an id is a lower-case letter, then lower-case letters, digits, `-` and `_`, 64 at most"
    )]
    InvalidId {
        /// What stands there.
        id: String,
    },
}

/// The description of the first plugin note in `notes`, the contents of an
/// ELF note section or segment; `None` if there is no such note.
///
/// # Errors
///
/// If the note is cut off or too large.
pub fn note_description(mut notes: &[u8]) -> Result<Option<&[u8]>, ManifestError> {
    while let Some((head, rest)) = notes.split_first_chunk::<12>() {
        let [n0, n1, n2, n3, d0, d1, d2, d3, t0, t1, t2, t3] = *head;
        let owner_len = u32::from_le_bytes([n0, n1, n2, n3]) as usize;
        let len = u32::from_le_bytes([d0, d1, d2, d3]) as usize;
        let ty = u32::from_le_bytes([t0, t1, t2, t3]);
        let Some((owner, rest)) = split_padded(rest, owner_len) else {
            return Ok(None);
        };
        let ours = ty == NOTE_TYPE && owner.strip_suffix(&[0]) == Some(NOTE_OWNER.as_bytes());
        if ours && len > MAX_LEN {
            return Err(ManifestError::TooLarge { len });
        }
        match split_padded(rest, len) {
            Some((description, _)) if ours => return Ok(Some(description)),
            Some((_, rest)) => notes = rest,
            None if ours => return Err(ManifestError::CutOff { at: rest.len() }),
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// `len` bytes, and what follows their padding to 4 (which the last entry may
/// lack).
fn split_padded(bytes: &[u8], len: usize) -> Option<(&[u8], &[u8])> {
    let (head, _) = bytes.split_at_checked(len)?;
    let next = len.checked_next_multiple_of(4)?.min(bytes.len());
    Some((head, bytes.get(next..)?))
}

impl Manifest {
    /// Reads the description of a plugin's note.
    ///
    /// # Errors
    ///
    /// If it is not a manifest of [`FORMAT`], or an entry is missing or
    /// malformed. Unknown entries are skipped.
    pub fn parse(description: &[u8]) -> Result<Self, ManifestError> {
        if description.len() > MAX_LEN {
            return Err(ManifestError::TooLarge {
                len: description.len(),
            });
        }
        let cut_off = |rest: &[u8]| ManifestError::CutOff {
            at: description.len() - rest.len(),
        };
        let Some((format, mut rest)) = description.split_first_chunk::<4>() else {
            return Err(cut_off(description));
        };
        let format = u32::from_le_bytes(*format);
        if format != FORMAT {
            return Err(ManifestError::Format { found: format });
        }

        let mut texts = Texts::default();
        let mut abi_revision = None;
        let mut functions = Vec::new();
        while !rest.is_empty() {
            let Some((head, tail)) = rest.split_first_chunk::<8>() else {
                return Err(cut_off(rest));
            };
            let [t0, t1, t2, t3, l0, l1, l2, l3] = *head;
            let tag = u32::from_le_bytes([t0, t1, t2, t3]);
            let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let Some((payload, tail)) = split_padded(tail, len) else {
                return Err(cut_off(rest));
            };
            rest = tail;
            match tag {
                tag::ABI_REVISION => {
                    let number = payload.try_into().map_err(|_| ManifestError::Malformed {
                        name: "ABI revision",
                        problem: "it is not a number of 4 bytes",
                    })?;
                    if abi_revision.replace(u32::from_le_bytes(number)).is_some() {
                        return Err(ManifestError::Repeated { tag });
                    }
                }
                tag::FUNCTION => functions.push(parse_function(payload)?),
                _ => texts.put(tag, payload)?,
            }
        }

        let id = texts
            .take(tag::ID)?
            .ok_or(ManifestError::Missing { name: "id" })?;
        if !is_valid_id(&id) {
            return Err(ManifestError::InvalidId { id });
        }
        let required = |text: Option<String>, name| text.ok_or(ManifestError::Missing { name });
        let version = required(texts.take(tag::VERSION)?, "version")?;
        if !is_version_text(&version) {
            return Err(ManifestError::Malformed {
                name: "version",
                problem: "it has other characters than a semantic version",
            });
        }
        Ok(Self {
            id,
            version,
            description: texts.take(tag::DESCRIPTION)?.unwrap_or_default(),
            license: texts.take(tag::LICENSE)?.unwrap_or_default(),
            authors: texts
                .take(tag::AUTHORS)?
                .map(|authors| authors.split(':').map(str::to_owned).collect())
                .unwrap_or_default(),
            repository: texts.take(tag::REPOSITORY)?.unwrap_or_default(),
            abi_revision: abi_revision.ok_or(ManifestError::Missing {
                name: "ABI revision",
            })?,
            sdk: texts.take(tag::SDK)?.unwrap_or_default(),
            compiler: texts.take(tag::COMPILER)?.unwrap_or_default(),
            target: texts.take(tag::TARGET)?.unwrap_or_default(),
            wit: required(texts.take(tag::WIT)?, "WIT")?,
            world: required(texts.take(tag::WORLD)?, "world")?,
            functions,
            config_schema: texts.take(tag::CONFIG_SCHEMA)?.unwrap_or_default(),
        })
    }
}

/// Returns whether a text has only characters that a semantic version can have,
/// so that it can stand in a list or a log.
fn is_version_text(text: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    !text.is_empty() && text.chars().all(is_known)
}

/// The text entries, by tag; those that are not known are left out.
#[derive(Default)]
struct Texts<'a>(Vec<(u32, &'static str, &'a [u8])>);

impl<'a> Texts<'a> {
    fn put(&mut self, tag: u32, payload: &'a [u8]) -> Result<(), ManifestError> {
        let name = match tag {
            tag::ID => "id",
            tag::VERSION => "version",
            tag::DESCRIPTION => "description",
            tag::LICENSE => "licence",
            tag::AUTHORS => "list of authors",
            tag::SDK => "SDK version",
            tag::COMPILER => "compiler version",
            tag::TARGET => "target",
            tag::WIT => "WIT",
            tag::WORLD => "world",
            tag::CONFIG_SCHEMA => "configuration schema",
            tag::REPOSITORY => "repository",
            _ => return Ok(()),
        };
        if self.0.iter().any(|(known, ..)| *known == tag) {
            return Err(ManifestError::Repeated { tag });
        }
        self.0.push((tag, name, payload));
        Ok(())
    }

    fn take(&self, tag: u32) -> Result<Option<String>, ManifestError> {
        self.0
            .iter()
            .find(|(known, ..)| *known == tag)
            .map(|(_, name, payload)| text(name, payload))
            .transpose()
    }
}

fn text(name: &'static str, payload: &[u8]) -> Result<String, ManifestError> {
    String::from_utf8(payload.to_vec()).map_err(|_| ManifestError::Malformed {
        name,
        problem: "it is not UTF-8",
    })
}

fn parse_function(payload: &[u8]) -> Result<Function, ManifestError> {
    const NAME: &str = "list of functions";
    let Some((flags, name)) = payload.split_first() else {
        return Err(ManifestError::Malformed {
            name: NAME,
            problem: "an entry is empty",
        });
    };
    let full = text(NAME, name)?;
    let Some((interface, function)) = full.split_once('#') else {
        return Err(ManifestError::Malformed {
            name: NAME,
            problem: "an entry has no `#` between interface and function",
        });
    };
    Ok(Function {
        interface: interface.to_owned(),
        name: function.to_owned(),
        is_async: flags & 1 == 1,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Note, note_bytes, note_len};
    use super::*;

    const ENTRIES: &[Entry<'_>] = &[
        Entry::Text(tag::ID, "logger"),
        Entry::Text(tag::VERSION, "1.2.3"),
        Entry::Text(tag::DESCRIPTION, ""),
        Entry::Text(tag::AUTHORS, "A <a@example.org>:B"),
        Entry::Number(tag::ABI_REVISION, 1),
        Entry::Text(tag::WIT, "package a:b;"),
        Entry::Text(tag::WORLD, "a:b/w"),
        Entry::Functions(&[("a:b/i@0.1.0#f", false), ("a:b/i@0.1.0#g", true)]),
        Entry::Text(999, "from the future"),
    ];
    static NOTE: Note<{ note_len(ENTRIES) }> = Note(note_bytes(ENTRIES));

    #[test]
    fn what_is_written_is_read() {
        let description = note_description(&NOTE.0).unwrap().unwrap();
        let manifest = Manifest::parse(description).unwrap();
        assert_eq!(manifest.id, "logger");
        assert_eq!(manifest.version, "1.2.3");
        assert_eq!(manifest.description, "");
        assert_eq!(manifest.authors, ["A <a@example.org>", "B"]);
        assert_eq!(manifest.abi_revision, 1);
        assert_eq!(manifest.world, "a:b/w");
        let functions: Vec<_> = manifest
            .functions
            .iter()
            .map(|f| (f.interface.as_str(), f.name.as_str(), f.is_async))
            .collect();
        assert_eq!(
            functions,
            [("a:b/i@0.1.0", "f", false), ("a:b/i@0.1.0", "g", true)]
        );
    }

    #[test]
    fn the_note_is_found_behind_others() {
        let mut notes = Vec::new();
        for word in [4_u32, 3, 1] {
            notes.extend_from_slice(&word.to_le_bytes());
        }
        notes.extend_from_slice(b"GNU\0abc\0");
        notes.extend_from_slice(&NOTE.0);
        assert!(note_description(&notes).unwrap().is_some());
        assert_eq!(note_description(&notes[..20]).unwrap(), None);
    }

    #[test]
    fn every_truncation_is_an_error_or_no_note() {
        for len in 0..NOTE.0.len() {
            if let Ok(Some(description)) = note_description(&NOTE.0[..len]) {
                assert!(Manifest::parse(description).is_err(), "cut at {len}");
            }
        }
        let description = note_description(&NOTE.0).unwrap().unwrap();
        let whole = Manifest::parse(description).unwrap();
        for len in 0..description.len() {
            if let Ok(part) = Manifest::parse(&description[..len]) {
                // Cut between two entries, or in the last one's padding.
                assert_eq!(part.id, whole.id);
            }
        }
    }

    #[test]
    fn no_byte_flip_panics() {
        let mut bytes = NOTE.0.to_vec();
        for i in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                bytes[i] ^= flip;
                if let Ok(Some(description)) = note_description(&bytes) {
                    let _ = Manifest::parse(description);
                }
                bytes[i] ^= flip;
            }
        }
    }

    fn description(entries: &[(u32, &[u8])]) -> Vec<u8> {
        let mut out = FORMAT.to_le_bytes().to_vec();
        for (tag, payload) in entries {
            out.extend_from_slice(&tag.to_le_bytes());
            out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
            out.extend_from_slice(payload);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    #[test]
    fn each_problem_is_named() {
        let id: (u32, &[u8]) = (tag::ID, b"a");
        let cases: &[(Vec<u8>, &str)] = &[
            (vec![2, 0, 0, 0], "its format is 2"),
            (description(&[]), "it has no id"),
            (description(&[id]), "it has no version"),
            (description(&[id, id]), "two entries with tag 1"),
            (description(&[(tag::ID, b"A")]), "its id \"A\" is not valid"),
            (
                description(&[id, (tag::VERSION, "1.0\u{202e}".as_bytes())]),
                "its version is malformed",
            ),
            (
                description(&[id, (tag::VERSION, b"1.0\nINFO forged")]),
                "its version is malformed",
            ),
            (
                description(&[(tag::ID, b"\xff")]),
                "its id is malformed: it is not UTF-8",
            ),
            (
                description(&[(tag::ABI_REVISION, b"1")]),
                "its ABI revision is malformed",
            ),
            (description(&[(tag::FUNCTION, b"")]), "an entry is empty"),
            (description(&[(tag::FUNCTION, b"\0a")]), "no `#`"),
        ];
        for (bytes, expected) in cases {
            let error = Manifest::parse(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
