//! The target `inspect`: libraries that nobody would build. They are looked at,
//! or refused with a reason and what to do next.

use anyhow::{Result, ensure};
use e2e::values::Rng;
use wash_plugin_loader::{Inspected, Rejection, admit};

use crate::damage::damage;
use crate::elf::{Elf, Note};
use crate::tally::Tally;

/// How many libraries a run looks at.
const LIBRARIES: usize = 50;

/// What they are made from.
const DOCUMENTS: [&str; 4] = [
    include_str!("../seeds/calls/edges-async.wit"),
    include_str!("../seeds/calls/edges-fixed.wit"),
    include_str!("../seeds/calls/edges-parts.wit"),
    include_str!("../seeds/calls/edges-scalar.wit"),
];

/// What WIT is made of, and a library's names.
const WORDS: [&str; 48] = [
    "package",
    "interface",
    "world",
    "export",
    "import",
    "include",
    "use",
    "as",
    "type",
    "record",
    "variant",
    "enum",
    "flags",
    "resource",
    "func",
    "async",
    "static",
    "constructor",
    "list",
    "option",
    "result",
    "tuple",
    "map",
    "stream",
    "future",
    "own",
    "borrow",
    "string",
    "u8",
    "self",
    "error-context",
    "with",
    "from",
    "{",
    "}",
    "(",
    ")",
    "<",
    ">",
    ":",
    ";",
    ",",
    "->",
    "_",
    "@0.2.0",
    "%",
    "4294967295",
    "wasi:io/streams@0.2.0",
];

/// Looks at libraries that follow from `seed`.
///
/// # Errors
///
/// What was found.
pub fn run(seed: u64) -> Result<Tally> {
    let mut rng = Rng::new(&seed.to_string());
    let mut tally = Tally::default();
    for _ in 0..LIBRARIES {
        tally.damaged += 1;
        match Inspected::from_bytes("fuzz.so", library(&mut rng)) {
            Ok(inspected) => {
                tally.worlds += 1;
                for interface in inspected.world().served() {
                    tally.functions += interface.functions.len() as u64;
                    for function in &interface.functions {
                        let listed = inspected.manifest().functions.get(function.index);
                        let is_it = listed.is_some_and(|listed| listed.name == function.name);
                        ensure!(is_it, "`{}` is listed in another place", function.name);
                    }
                }
                for rejection in admit(vec![inspected], &[]).rejections {
                    says_why(&rejection)?;
                }
            }
            Err(rejection) => {
                tally.refused += 1;
                says_why(&rejection)?;
            }
        }
    }
    Ok(tally)
}

fn says_why(rejection: &Rejection) -> Result<()> {
    let (text, hint) = (rejection.to_string(), rejection.hint());
    ensure!(text.contains("fuzz.so"), "it does not say of what: {text}");
    ensure!(!hint.is_empty(), "it does not say what to do next: {text}");
    Ok(())
}

fn library(rng: &mut Rng) -> Vec<u8> {
    let mut note = Note {
        wit: DOCUMENTS[rng.below(DOCUMENTS.len())].to_owned(),
        world: "fuzz:harness/plugin".to_owned(),
        functions: Vec::new(),
        ..Note::new("fuzz", "fuzz:harness")
    };
    let target = rng.below(3);
    if target == 0 {
        edit(&mut note.wit, rng);
    }
    note.functions = functions(&note.wit, rng);
    if target == 1 {
        match rng.below(6) {
            0 => edit(&mut note.id, rng),
            1 => edit(&mut note.world, rng),
            2 => edit(&mut note.config_schema, rng),
            3 => note.functions.truncate(rng.below(note.functions.len() + 1)),
            4 => note.functions.reverse(),
            _ => {
                let at = rng.below(note.functions.len());
                if let Some((name, is_async)) = note.functions.get_mut(at) {
                    edit(name, rng);
                    *is_async = !*is_async;
                }
            }
        }
    }
    let mut elf = Elf::plugin(&note);
    if rng.below(4) == 0 {
        elf.note_section = elf.notes.take();
    }
    let mut bytes = elf.bytes();
    if target == 2 {
        // Half of it in the headers, where the offsets are.
        if rng.below(2) == 0 {
            let mut head: Vec<u8> = bytes.drain(..bytes.len().min(512)).collect();
            damage(&mut head, rng);
            head.append(&mut bytes);
            bytes = head;
        } else {
            damage(&mut bytes, rng);
        }
    }
    bytes
}

/// The functions of the first interface in it, as far as its text says.
fn functions(wit: &str, rng: &mut Rng) -> Vec<(String, bool)> {
    let names = wit.lines().filter_map(|line| {
        let (name, rest) = line.trim().split_once(": ")?;
        let is_async = rest.starts_with("async func(");
        let name = format!("edges:edges/types#{name}");
        (is_async || rest.starts_with("func(")).then_some((name, is_async))
    });
    let mut all: Vec<_> = names.collect();
    let at = rng.below(all.len() * 4);
    if let Some((_, is_async)) = all.get_mut(at) {
        *is_async = true;
    }
    all
}

/// Changes a text as a person with bad intentions would.
fn edit(text: &mut String, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let word = WORDS[rng.below(WORDS.len())];
        let place = |text: &str, rng: &mut Rng| text.floor_char_boundary(rng.below(text.len() + 1));
        match rng.below(6) {
            0 => text.insert_str(place(text, rng), word),
            1 => {
                let (a, b) = (place(text, rng), place(text, rng));
                let end = text.floor_char_boundary(a.max(b).min(a.min(b) + 40));
                text.replace_range(a.min(b)..end.max(a.min(b)), "");
            }
            2 => {
                let lines: Vec<&str> = text.lines().collect();
                let line = lines
                    .get(rng.below(lines.len()))
                    .copied()
                    .unwrap_or_default();
                let line = format!("\n{line}\n");
                text.insert_str(place(text, rng), &line);
            }
            3 => {
                // Another word in the place of one, also a name for a name.
                let words: Vec<&str> = text.split(' ').collect();
                let from = words[rng.below(words.len())].to_owned();
                let to = match rng.below(2) {
                    0 => word.to_owned(),
                    _ => words[rng.below(words.len())].to_owned(),
                };
                if !from.is_empty() {
                    *text = text.replacen(&from, &to, 1 + rng.below(3));
                }
            }
            4 => {
                let many = word.repeat(1 + rng.below(300));
                text.insert_str(place(text, rng), &many);
            }
            _ => text.insert(
                place(text, rng),
                char::from_u32(u32::try_from(rng.below(0x3000)).unwrap()).unwrap_or('?'),
            ),
        }
    }
}
