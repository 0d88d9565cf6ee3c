//! Writes a manifest while the plugin is compiled.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "runs in the compiler, where a panic is a compile error"
)]

use super::{FORMAT, NOTE_OWNER, NOTE_TYPE, tag};

/// An entry of a manifest that is being written.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// A tag and its text. An empty text is left out.
    Text(u32, &'a str),
    /// A tag and its number.
    Number(u32, u32),
    /// A function: its full name, and whether it is asynchronous.
    Function(&'a str, bool),
    /// Functions, in order.
    Functions(&'a [(&'a str, bool)]),
    /// A tag and its text, in pieces. An empty text is left out.
    Pieces(u32, &'a [Piece]),
}

/// A part of a text that is put together while the plugin is compiled.
///
/// Pieces nest, because a `const` of a generic type can name another type's
/// pieces, but cannot copy them into an array of the right length.
#[derive(Clone, Copy, Debug)]
pub enum Piece {
    /// Text.
    Text(&'static str),
    /// More pieces.
    All(&'static [Piece]),
}

impl Piece {
    /// Length of the text that `pieces` make.
    pub const fn len(pieces: &[Self]) -> usize {
        let mut len = 0;
        let mut i = 0;
        while i < pieces.len() {
            len += match pieces[i] {
                Self::Text(text) => text.len(),
                Self::All(pieces) => Self::len(pieces),
            };
            i += 1;
        }
        len
    }
}

/// A manifest as it stands in the library.
#[repr(C, align(4))]
#[derive(Debug)]
pub struct Note<const N: usize>(pub [u8; N]);

/// Length of the note's head: three sizes, and the owner padded to 4.
const HEAD: usize = 12 + 8;

const fn padded(len: usize) -> usize {
    len.div_ceil(4) * 4
}

const fn entry_len(payload: usize) -> usize {
    8 + padded(payload)
}

const fn description_len(entries: &[Entry<'_>]) -> usize {
    let mut len = 4;
    let mut i = 0;
    while i < entries.len() {
        len += match entries[i] {
            Entry::Text(_, text) if text.is_empty() => 0,
            Entry::Text(_, text) => entry_len(text.len()),
            Entry::Number(..) => entry_len(4),
            Entry::Function(name, _) => entry_len(1 + name.len()),
            Entry::Pieces(_, pieces) => match Piece::len(pieces) {
                0 => 0,
                len => entry_len(len),
            },
            Entry::Functions(functions) => {
                let mut sum = 0;
                let mut j = 0;
                while j < functions.len() {
                    sum += entry_len(1 + functions[j].0.len());
                    j += 1;
                }
                sum
            }
        };
        i += 1;
    }
    len
}

/// Length of the whole note.
pub const fn note_len(entries: &[Entry<'_>]) -> usize {
    HEAD + description_len(entries)
}

struct Out<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Out<N> {
    const fn put(&mut self, bytes: &[u8]) {
        let (_, rest) = self.bytes.split_at_mut(self.at);
        let (room, _) = rest.split_at_mut(bytes.len());
        room.copy_from_slice(bytes);
        self.at += bytes.len();
    }

    const fn number(&mut self, number: usize) {
        assert!(number <= u32::MAX as usize);
        self.put(&(number as u32).to_le_bytes());
    }

    const fn pieces(&mut self, pieces: &[Piece]) {
        let mut i = 0;
        while i < pieces.len() {
            match pieces[i] {
                Piece::Text(text) => self.put(text.as_bytes()),
                Piece::All(pieces) => self.pieces(pieces),
            }
            i += 1;
        }
    }

    const fn pad(&mut self) {
        self.at = padded(self.at);
    }

    const fn function(&mut self, name: &str, is_async: bool) {
        self.number(tag::FUNCTION as usize);
        self.number(1 + name.len());
        self.put(&[is_async as u8]);
        self.put(name.as_bytes());
        self.pad();
    }
}

/// The whole note; `N` must be [`note_len`] of the same entries.
pub const fn note_bytes<const N: usize>(entries: &[Entry<'_>]) -> [u8; N] {
    let mut out = Out {
        bytes: [0; N],
        at: 0,
    };
    out.number(NOTE_OWNER.len() + 1);
    out.number(description_len(entries));
    out.number(NOTE_TYPE as usize);
    out.put(NOTE_OWNER.as_bytes());
    out.at = HEAD;
    out.number(FORMAT as usize);
    let mut i = 0;
    while i < entries.len() {
        match entries[i] {
            Entry::Text(_, text) if text.is_empty() => {}
            Entry::Text(tag, text) => {
                out.number(tag as usize);
                out.number(text.len());
                out.put(text.as_bytes());
                out.pad();
            }
            Entry::Number(tag, number) => {
                out.number(tag as usize);
                out.number(4);
                out.put(&number.to_le_bytes());
            }
            Entry::Function(name, is_async) => out.function(name, is_async),
            Entry::Pieces(tag, pieces) => {
                let len = Piece::len(pieces);
                if len > 0 {
                    out.number(tag as usize);
                    out.number(len);
                    out.pieces(pieces);
                    out.pad();
                }
            }
            Entry::Functions(functions) => {
                let mut j = 0;
                while j < functions.len() {
                    out.function(functions[j].0, functions[j].1);
                    j += 1;
                }
            }
        }
        i += 1;
    }
    assert!(
        out.at == N,
        "the note's length must be note_len of its entries"
    );
    out.bytes
}
