//! Files from someone who means ill: nothing panics, and nothing takes long.

use crate::common;

use common::{Elf, Note, elf, reason};
use wash_plugin_loader::{Inspected, RejectionCause};

fn plugin() -> Vec<u8> {
    let note = Note::new("custom-logger", "wasi:logging");
    let elf = Elf {
        note_section: Some(elf::note("GNU", 3, b"an id")),
        runpath: "/opt".to_owned(),
        ..Elf::plugin(&note)
    };
    elf.bytes()
}

#[test]
fn cut_off_at_every_length() {
    let whole = plugin();
    assert!(Inspected::from_bytes("x.so", whole.clone()).is_ok());
    for len in 0..whole.len() {
        let rejection = Inspected::from_bytes("x.so", whole[..len].to_vec()).unwrap_err();
        assert!(
            matches!(
                rejection.cause(),
                RejectionCause::NotALibrary { .. } | RejectionCause::Damaged { .. }
            ),
            "cut off at {len}: {rejection}"
        );
    }
}

/// A generator that needs no crate and repeats itself (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

#[test]
fn no_mutation_panics() {
    const INTERESTING: [u64; 8] = [
        0,
        1,
        0x7f,
        0xff,
        0xffff,
        0x7fff_ffff,
        u64::MAX >> 1,
        u64::MAX,
    ];
    let whole = plugin();
    let mut random = Random(0x5eed_5eed_5eed_5eed);
    let mut ready = 0;
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(4) {
            // Half of them in the headers, where the offsets are.
            let limit = if random.below(2) == 0 {
                256
            } else {
                bytes.len()
            };
            let at = random.below(limit);
            match random.below(3) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.next() as u8,
                _ => {
                    let number = INTERESTING[random.below(INTERESTING.len())].to_le_bytes();
                    let len = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                    bytes[at..at + len].copy_from_slice(&number[..len]);
                }
            }
        }
        match Inspected::from_bytes("x.so", bytes) {
            Ok(plugin) => {
                ready += 1;
                let _ = plugin.world().exports().count();
            }
            Err(rejection) => {
                assert!(!rejection.to_string().is_empty() && !rejection.hint().is_empty());
            }
        }
    }
    assert!(ready > 0, "some changes do no harm");
}

#[test]
fn huge_sizes_are_refused() {
    let whole = plugin();
    // Offset and size of the program headers, then of the first segment, the
    // dynamic segment and the notes.
    for (at, len) in [
        (32, 8),
        (56, 2),
        (64 + 32, 8),
        (64 + 56 + 32, 8),
        (64 + 112 + 8, 8),
        (64 + 112 + 32, 8),
    ] {
        let mut bytes = whole.clone();
        bytes[at..at + len].fill(0xff);
        let text = reason(bytes);
        assert!(text.starts_with("it is damaged: "), "at {at}: {text}");
    }
}

#[test]
fn endless_lists_are_refused() {
    let many = Elf {
        needed: vec!["libx.so".to_owned(); 2000],
        ..Elf::empty()
    };
    assert!(reason(many.bytes()).contains("more than 1024 libraries"));
    let long = Elf {
        needed: vec!["x".repeat(5000)],
        ..Elf::empty()
    };
    assert!(reason(long.bytes()).contains("5000 bytes"));
}

#[test]
fn a_large_note_segment_is_refused() {
    let large = Elf {
        notes: Some(vec![0; 9 << 20]),
        ..Elf::empty()
    };
    assert!(reason(large.bytes()).contains("notes of 9437184 bytes"));
}

#[test]
fn names_that_are_not_utf8_are_shown() {
    let elf = Elf {
        needed: vec!["lib\u{fffd}.so".to_owned()],
        ..Elf::plugin(&Note::new("a", "a:a"))
    };
    let mut bytes = elf.bytes();
    let at = bytes
        .windows(3)
        .position(|window| window == "\u{fffd}".as_bytes())
        .unwrap();
    bytes[at..at + 3].copy_from_slice(b"\xff\xfe\xfd");
    let plugin = Inspected::from_bytes("x.so", bytes).unwrap();
    assert!(plugin.linkage().needed[0].starts_with("lib\u{fffd}"));
}

#[test]
fn deeply_nested_wit_is_refused() {
    for (open, close) in [("list<", ">"), ("tuple<", ">"), ("option<", ">")] {
        let depth = 100_000;
        let ty = format!("{}u8{}", open.repeat(depth), close.repeat(depth));
        let note = Note {
            wit: format!(
                "package a:a;\n\ninterface api {{ f: func(x: {ty}); }}\n\nworld w {{ export api; }}\n"
            ),
            world: "a:a/w".to_owned(),
            ..Note::new("a", "a:a")
        };
        let text = reason(Elf::plugin(&note).bytes());
        assert!(
            text.starts_with("its plugin manifest is not valid"),
            "{text}"
        );
    }
}

/// Types that are each made of the one before: nested as deeply, but written
/// flat, and as large as 2 to the power of their number.
#[test]
fn deeply_nested_types_are_refused() {
    for kind in ["option<a{}>", "list<a{}>", "tuple<a{}, a{}>"] {
        for depth in [40, 50_000] {
            let mut types = "type a0 = u8;\n".to_owned();
            for i in 0..depth {
                let ty = kind.replace("{}", &i.to_string());
                types.push_str(&format!("type a{} = {ty};\n", i + 1));
            }
            let note = Note {
                wit: format!(
                    "package a:a;\ninterface api {{\n{types}f: func(x: a{depth});\n}}\n\
                     world w {{ export api; }}\n"
                ),
                world: "a:a/w".to_owned(),
                functions: vec![("a:a/api#f".to_owned(), false)],
                ..Note::new("a", "a:a")
            };
            let text = Inspected::from_bytes("x.so", Elf::plugin(&note).bytes())
                .err()
                .map(|rejection| rejection.to_string());
            match depth {
                // Written out, more than fits into any memory.
                _ if kind.starts_with("tuple") => {
                    let text = text.unwrap();
                    assert!(text.contains("more than 1000000 types"), "{text}");
                }
                40 => assert_eq!(text, None, "{kind}"),
                _ => assert!(text.unwrap().contains("nests more than 100 deep"), "{kind}"),
            }
        }
    }
}
