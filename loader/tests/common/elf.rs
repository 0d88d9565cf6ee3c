//! Shared objects made by hand: everything that a plugin has before it is
//! loaded, and nothing behind it.

use wash_plugin_abi::{abi, manifest};

pub const X86_64: u16 = 62;
pub const AARCH64: u16 = 183;
pub const HOST: u16 = if cfg!(target_arch = "aarch64") {
    AARCH64
} else {
    X86_64
};
pub const FOREIGN: u16 = if cfg!(target_arch = "aarch64") {
    X86_64
} else {
    AARCH64
};

pub const ET_EXEC: u16 = 2;
pub const ET_DYN: u16 = 3;

/// A manifest as it is written into a library.
#[derive(Clone)]
pub struct Note {
    pub id: String,
    pub abi: u32,
    pub wit: String,
    pub world: String,
    pub functions: Vec<(String, bool)>,
    pub config_schema: String,
}

impl Note {
    /// A plugin that serves one interface, `PACKAGE/api@0.1.0`.
    pub fn new(id: &str, package: &str) -> Self {
        Self {
            id: id.to_owned(),
            abi: abi::REVISION,
            wit: format!(
                "package {package}@0.1.0;\n\ninterface api {{\n  get: func(key: string) -> \
                 option<string>;\n  put: func(key: string, value: list<u8>);\n}}\n\nworld plugin \
                 {{\n  export api;\n}}\n"
            ),
            world: format!("{package}/plugin@0.1.0"),
            functions: vec![
                (format!("{package}/api@0.1.0#get"), false),
                (format!("{package}/api@0.1.0#put"), true),
            ],
            config_schema: String::new(),
        }
    }

    pub fn abi(mut self, revision: u32) -> Self {
        self.abi = revision;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        use manifest::tag;
        let mut description = manifest::FORMAT.to_le_bytes().to_vec();
        let mut entry = |tag: u32, payload: &[u8]| {
            if !payload.is_empty() {
                description.extend(tag.to_le_bytes());
                description.extend((payload.len() as u32).to_le_bytes());
                description.extend(payload);
                description.resize(description.len().next_multiple_of(4), 0);
            }
        };
        entry(tag::ID, self.id.as_bytes());
        entry(tag::VERSION, b"1.2.3");
        entry(tag::DESCRIPTION, b"A plugin to be looked at");
        entry(tag::LICENSE, b"Apache-2.0");
        entry(tag::AUTHORS, b"A. Author <a@example.org>:B. Author");
        entry(tag::ABI_REVISION, &self.abi.to_le_bytes());
        entry(tag::SDK, b"wash-plugin-abi 0.1.0");
        entry(tag::COMPILER, b"rustc 1.95.0");
        entry(tag::TARGET, b"x86_64-unknown-linux-gnu");
        entry(tag::WIT, self.wit.as_bytes());
        entry(tag::WORLD, self.world.as_bytes());
        entry(tag::CONFIG_SCHEMA, self.config_schema.as_bytes());
        for (name, is_async) in &self.functions {
            entry(
                tag::FUNCTION,
                &[&[u8::from(*is_async)], name.as_bytes()].concat(),
            );
        }
        note(manifest::NOTE_OWNER, manifest::NOTE_TYPE, &description)
    }
}

/// An ELF note.
pub fn note(owner: &str, ty: u32, description: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [owner.len() as u32 + 1, description.len() as u32, ty] {
        out.extend(word.to_le_bytes());
    }
    out.extend(owner.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(description);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// What a shared object is made of.
#[derive(Clone)]
pub struct Elf {
    pub machine: u16,
    pub ty: u16,
    pub is_64: bool,
    pub big_endian: bool,
    /// The contents of a `PT_NOTE` segment.
    pub notes: Option<Vec<u8>>,
    /// The contents of the section `.note.wash.plugin`.
    pub note_section: Option<Vec<u8>>,
    pub needed: Vec<String>,
    pub runpath: String,
    /// `DT_FLAGS_1`
    pub flags_1: u64,
    /// Versions of symbols that it needs: the library, and the version.
    pub versions: Vec<(String, String)>,
    /// `p_memsz` of a `PT_TLS` segment whose variables lie at fixed places.
    pub static_tls: Option<usize>,
    /// The alignment of its segment.
    pub page_len: usize,
    /// Flags of a `PT_GNU_STACK` segment.
    pub stack: usize,
    /// Whether it exports the symbol by which a host finds the plugin.
    pub has_door: bool,
}

impl Elf {
    pub fn empty() -> Self {
        Self {
            machine: HOST,
            ty: ET_DYN,
            is_64: cfg!(target_pointer_width = "64"),
            big_endian: false,
            notes: None,
            note_section: None,
            needed: vec!["libc.so.6".to_owned()],
            runpath: String::new(),
            flags_1: 0,
            versions: Vec::new(),
            static_tls: None,
            page_len: 0x10000,
            stack: 6,
            has_door: true,
        }
    }

    pub fn plugin(note: &Note) -> Self {
        Self {
            notes: Some(note.bytes()),
            ..Self::empty()
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        Writer {
            elf: self,
            out: Vec::new(),
        }
        .write()
    }
}

struct Writer<'a> {
    elf: &'a Elf,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn put(&mut self, number: u64, len: usize) {
        let bytes = if self.elf.big_endian {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        };
        let part = if self.elf.big_endian {
            &bytes[8 - len..]
        } else {
            &bytes[..len]
        };
        self.out.extend(part);
    }

    /// A number of the class's size.
    fn word(&mut self, number: usize) {
        self.put(number as u64, self.elf.word());
    }

    fn write(mut self) -> Vec<u8> {
        let elf = self.elf;
        let word = elf.word();
        let (header, segment, section) = if elf.is_64 {
            (64, 56, 64)
        } else {
            (52, 32, 40)
        };
        let notes = elf.notes.clone().unwrap_or_default();
        let segments = 3 + usize::from(elf.notes.is_some()) + usize::from(elf.static_tls.is_some());

        let mut strings = vec![0];
        let mut name = |text: &str| {
            strings.extend(text.as_bytes());
            strings.push(0);
            strings.len() - text.len() - 1
        };
        let mut dynamic = Vec::new();
        for library in &elf.needed {
            dynamic.push((1, name(library)));
        }
        if !elf.runpath.is_empty() {
            dynamic.push((29, name(&elf.runpath)));
        }
        let door = name(abi::QUERY_SYMBOL);
        let versions: Vec<_> = elf
            .versions
            .iter()
            .map(|(library, version)| (name(library), name(version)))
            .collect();
        let notes_at = header + segments * segment;
        let strings_at = notes_at + notes.len();
        // Code that returns nothing, so that it can even be called.
        let code_at = (strings_at + strings.len()).next_multiple_of(8);
        let code: &[u8] = match elf.machine {
            AARCH64 => &[0, 0, 0x80, 0xd2, 0xc0, 3, 0x5f, 0xd6],
            _ => &[0x31, 0xc0, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc],
        };
        let symbols_at = code_at + code.len();
        let symbol = if elf.is_64 { 24 } else { 16 };
        let symbols = 1 + usize::from(elf.has_door);
        let hash_at = symbols_at + symbols * symbol;
        let versions_at = (hash_at + 4 * (3 + symbols)).next_multiple_of(8);
        let relocations_at = versions_at + 32 * versions.len();
        let relocations = usize::from(elf.static_tls.is_some()) * 3 * word;
        dynamic.push((5, strings_at));
        dynamic.push((10, strings.len()));
        dynamic.push((6, symbols_at));
        dynamic.push((11, symbol));
        dynamic.push((4, hash_at));
        if !versions.is_empty() {
            dynamic.push((0x6fff_fffe, versions_at));
            dynamic.push((0x6fff_ffff, versions.len()));
        }
        if relocations > 0 {
            dynamic.push((7, relocations_at));
            dynamic.push((8, relocations));
            dynamic.push((9, 3 * word));
            // It may be written to whatever the segments say (`DT_TEXTREL`).
            dynamic.push((22, 0));
        }
        dynamic.push((0x6fff_fffb, elf.flags_1 as usize));
        dynamic.push((0, 0));
        let dynamic_at = (relocations_at + relocations).next_multiple_of(8);
        let dynamic_len = dynamic.len() * 2 * word;
        let section_note = elf.note_section.clone().unwrap_or_default();
        let section_note_at = dynamic_at + dynamic_len;
        let names = b"\0.note.wash.plugin\0.shstrtab\0";
        let names_at = section_note_at + section_note.len();
        let sections_at = (names_at + names.len()).next_multiple_of(8);
        let sections = if elf.note_section.is_some() { 3 } else { 0 };
        let len = sections_at + sections * section;

        self.out.extend([0x7f, b'E', b'L', b'F']);
        self.out
            .extend([1 + u8::from(elf.is_64), 1 + u8::from(elf.big_endian), 1]);
        self.out.resize(16, 0);
        self.put(elf.ty.into(), 2);
        self.put(elf.machine.into(), 2);
        self.put(1, 4);
        self.word(0);
        self.word(header);
        self.word(if sections > 0 { sections_at } else { 0 });
        self.put(0, 4);
        for half in [
            header,
            segment,
            segments,
            section,
            sections,
            2 * sections / 3,
        ] {
            self.put(half as u64, 2);
        }
        self.segment(1, 5, 0, len, elf.page_len);
        self.segment(2, 4, dynamic_at, dynamic_len, 8);
        if elf.notes.is_some() {
            self.segment(4, 4, notes_at, notes.len(), 4);
        }
        self.segment(0x6474_e551, elf.stack, 0, 0, 16);
        if let Some(len) = elf.static_tls {
            // All of it is zeros, which are not in the file.
            self.program_header(7, 4, dynamic_at, 0, len, 8);
        }
        self.out.extend(&notes);
        self.out.extend(&strings);
        self.out.resize(code_at, 0);
        self.out.extend(code);
        self.out.resize(symbols_at + symbol, 0);
        if elf.has_door {
            self.symbol(door, code_at);
        }
        // One chain, of all symbols but the first, which stands for none.
        self.put(1, 4);
        self.put(symbols as u64, 4);
        self.put(symbols as u64 - 1, 4);
        self.out.resize(self.out.len() + 4 * symbols, 0);
        self.out.resize(versions_at, 0);
        for (index, (library, version)) in versions.iter().enumerate() {
            let next = if index + 1 < versions.len() { 32 } else { 0 };
            for (number, len) in [(1, 2), (1, 2), (*library, 4), (16, 4), (next, 4)] {
                self.put(number as u64, len);
            }
            for (number, len) in [(0, 4), (0, 2), (2 + index, 2), (*version, 4), (0, 4)] {
                self.put(number as u64, len);
            }
        }
        if relocations > 0 {
            // The place of a variable, of no symbol, in each thread.
            let kind = if elf.machine == AARCH64 { 1030 } else { 18 };
            for number in [code_at, kind, 0] {
                self.word(number);
            }
        }
        self.out.resize(dynamic_at, 0);
        for (tag, value) in dynamic {
            self.word(tag);
            self.word(value);
        }
        self.out.extend(&section_note);
        self.out.extend(names);
        self.out.resize(sections_at, 0);
        if sections > 0 {
            self.section(0, 0, 0, 0);
            self.section(1, 7, section_note_at, section_note.len());
            self.section(19, 3, names_at, names.len());
        }
        self.out
    }

    /// A segment whose place in the file is its address.
    fn segment(&mut self, ty: u64, flags: usize, at: usize, len: usize, align: usize) {
        self.program_header(ty, flags, at, len, len, align);
    }

    fn program_header(
        &mut self,
        ty: u64,
        flags: usize,
        at: usize,
        len: usize,
        memory_len: usize,
        align: usize,
    ) {
        self.put(ty, 4);
        if self.elf.is_64 {
            self.put(flags as u64, 4);
        }
        for number in [at, at, at, len, memory_len] {
            self.word(number);
        }
        if !self.elf.is_64 {
            self.put(flags as u64, 4);
        }
        self.word(align);
    }

    /// A function that others can find.
    fn symbol(&mut self, name: usize, at: usize) {
        self.put(name as u64, 4);
        if self.elf.is_64 {
            self.put(0x12, 2);
            self.put(1, 2);
            self.word(at);
            self.word(0);
        } else {
            self.word(at);
            self.word(0);
            self.put(0x12, 2);
            self.put(1, 2);
        }
    }

    fn section(&mut self, name: u64, ty: u64, at: usize, len: usize) {
        self.put(name, 4);
        self.put(ty, 4);
        for number in [0, at, at, len] {
            self.word(number);
        }
        self.put(0, 4);
        self.put(0, 4);
        self.word(4);
        self.word(0);
    }
}

impl Elf {
    fn word(&self) -> usize {
        if self.is_64 { 8 } else { 4 }
    }
}
