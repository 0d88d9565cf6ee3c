//! A world with names that a careless macro would trip over.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Names that are keywords or well known in Rust, that `bindgen!` uses, or that are
/// one in Rust's spelling and several in WIT's.
const NAMES: &[&str] = &[
    "a",
    "a-1",
    "a1",
    "A1",
    "a-b",
    "ab",
    "a-B",
    "abc",
    "ABC",
    "a-bc",
    "abstract",
    "alloc",
    "align",
    "a-l-i-g-n",
    "all",
    "args",
    "as",
    "async",
    "at",
    "await",
    "bits",
    "bool",
    "borrow",
    "box",
    "call",
    "char",
    "clone",
    "codec",
    "component",
    "context",
    "copy",
    "core",
    "crate",
    "debug",
    "decode",
    "default",
    "display",
    "drop",
    "dyn",
    "empty",
    "encode",
    "end",
    "eq",
    "err",
    "error",
    "expect",
    "export",
    "exports",
    "f",
    "f-0",
    "f0",
    "f0-params",
    "F1",
    "flags",
    "fn",
    "from",
    "func",
    "functions",
    "future",
    "gen",
    "get",
    "guest",
    "guest-guest",
    "guest-x",
    "hash",
    "i32",
    "impl",
    "in",
    "interface",
    "internal-bit-flags",
    "into",
    "iter",
    "layout",
    "let",
    "lifetime",
    "list",
    "main",
    "map",
    "match",
    "mod",
    "move",
    "name",
    "new",
    "none",
    "ok",
    "option",
    "ord",
    "own",
    "p",
    "p0",
    "p1",
    "package",
    "params",
    "partial-eq",
    "payload",
    "p-a-y-l-o-a-d",
    "plugin",
    "raw",
    "reader",
    "ref",
    "resource",
    "resources",
    "result",
    "results",
    "return",
    "s",
    "self",
    "send",
    "size",
    "s-i-z-e",
    "sized",
    "some",
    "static",
    "std",
    "str",
    "stream",
    "string",
    "struct",
    "super",
    "sync",
    "t",
    "tag",
    "t-a-g",
    "table",
    "this",
    "trait",
    "try",
    "tuple",
    "type",
    "u8",
    "union",
    "unsafe",
    "use",
    "usize",
    "value",
    "vec",
    "wash",
    "wash-call",
    "wash-plugin",
    "wash-plugin-abi",
    "wit",
    "world",
    "writer",
    "x",
    "X",
    "x-borrow",
    "x-resource",
    "yield",
];

/// Numbers that follow from a number (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T], otherwise: T) -> T {
        let index = self.below(all.len());
        all.get(index).copied().unwrap_or(otherwise)
    }
}

/// A WIT document with `world plugin`.
pub(crate) struct World {
    pub(crate) wit: String,
    /// Whether all its functions may answer later.
    pub(crate) is_async: bool,
}

/// What a type may be used for.
#[derive(Clone)]
struct Named {
    name: String,
    /// It is a resource, so it is used as a handle.
    is_resource: bool,
}

impl World {
    pub(crate) fn new(numbers: &mut Numbers) -> Self {
        let mut maker = Maker {
            numbers,
            out: String::new(),
        };
        let mut names = BTreeSet::new();
        let mut world = String::new();
        for package in 0..1 + maker.numbers.below(3) {
            let (namespace, name) = (maker.name(), maker.name());
            // Versions that are one when their marks are underscores.
            let version = maker
                .numbers
                .one_of(&["", "@1.0.0", "@1.0.0-a.b", "@1.0.0-a-b"], "");
            if !names.insert(format!("{namespace}:{name}{version}")) {
                continue;
            }
            _ = writeln!(maker.out, "package %{namespace}:%{name}{version} {{");
            let mut interfaces = BTreeSet::new();
            for number in 0..1 + maker.numbers.below(3) {
                let interface = maker.name();
                if !interfaces.insert(interface.clone()) {
                    continue;
                }
                let is_export = (package, number) == (0, 0) || maker.numbers.below(3) > 0;
                maker.interface(&interface, is_export);
                let direction = if is_export { "export" } else { "import" };
                _ = writeln!(
                    world,
                    "  {direction} %{namespace}:%{name}/%{interface}{version};"
                );
            }
            maker.out.push_str("}\n");
        }
        let is_async = maker.numbers.below(4) == 0;
        let wit = format!(
            "package fuzz:names;\nworld plugin {{\n{world}}}\n{}",
            maker.out
        );
        Self { wit, is_async }
    }
}

struct Maker<'a> {
    numbers: &'a mut Numbers,
    out: String,
}

impl Maker<'_> {
    fn name(&mut self) -> String {
        self.numbers.one_of(NAMES, "x").to_owned()
    }

    /// Several names, none twice.
    fn names(&mut self, count: usize) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for _ in 0..count {
            let name = self.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// An interface; one that the plugin calls has no resources.
    fn interface(&mut self, name: &str, is_export: bool) {
        _ = writeln!(self.out, " interface %{name} {{");
        let count = 4 + self.numbers.below(12);
        let names = self.names(count);
        let mut types: Vec<Named> = Vec::new();
        for name in names {
            let kind = self.numbers.below(if is_export { 8 } else { 7 });
            match kind {
                0 => self.record(&name, &types),
                1 => self.variant(&name, &types),
                2 => self.listed("enum", &name),
                3 => self.listed("flags", &name),
                4 => {
                    let ty = self.ty(&types, false);
                    _ = writeln!(self.out, "  type %{name} = {ty};");
                }
                7 => self.resource(&name, &types),
                _ => {
                    self.function(&format!("%{name}"), &types, "func");
                    continue;
                }
            }
            let is_resource = kind == 7;
            types.push(Named { name, is_resource });
        }
        // There is always something to serve.
        self.function("%last", &types, "func");
        self.out.push_str(" }\n");
    }

    fn record(&mut self, name: &str, types: &[Named]) {
        _ = write!(self.out, "  record %{name} {{ ");
        let count = 1 + self.numbers.below(5);
        for field in self.names(count) {
            let ty = self.ty(types, false);
            _ = write!(self.out, "%{field}: {ty}, ");
        }
        self.out.push_str("}\n");
    }

    fn variant(&mut self, name: &str, types: &[Named]) {
        _ = write!(self.out, "  variant %{name} {{ ");
        let count = 1 + self.numbers.below(6);
        for case in self.names(count) {
            let ty = self.ty(types, false);
            match self.numbers.below(2) {
                0 => _ = write!(self.out, "%{case}, "),
                _ => _ = write!(self.out, "%{case}({ty}), "),
            }
        }
        self.out.push_str("}\n");
    }

    fn listed(&mut self, kind: &str, name: &str) {
        let count = 1 + self.numbers.below(8);
        let cases: Vec<_> = self.names(count).iter().map(|n| format!("%{n}")).collect();
        _ = writeln!(self.out, "  {kind} %{name} {{ {} }}", cases.join(", "));
    }

    fn resource(&mut self, name: &str, types: &[Named]) {
        _ = writeln!(self.out, "  resource %{name} {{");
        if self.numbers.below(2) == 0 {
            let params = self.params(types);
            _ = writeln!(self.out, "   constructor({params});");
        }
        let count = self.numbers.below(5);
        for function in self.names(count) {
            let kind = self.numbers.one_of(&["func", "static func"], "func");
            self.function(&format!("%{function}"), types, kind);
        }
        self.out.push_str("  }\n");
    }

    fn function(&mut self, name: &str, types: &[Named], kind: &str) {
        let params = self.params(types);
        let result = match self.numbers.below(3) {
            0 => String::new(),
            1 => format!(" -> {}", self.ty(types, false)),
            _ => {
                let (ok, err) = (self.ty(types, false), self.ty(types, false));
                format!(" -> result<{ok}, {err}>")
            }
        };
        _ = writeln!(self.out, "   {name}: {kind}({params}){result};");
    }

    fn params(&mut self, types: &[Named]) -> String {
        let count = self.numbers.below(4);
        let params: Vec<_> = self
            .names(count)
            .iter()
            .map(|name| format!("%{name}: {}", self.ty(types, true)))
            .collect();
        params.join(", ")
    }

    /// A type; where it is a parameter's, it may be lent.
    fn ty(&mut self, types: &[Named], is_param: bool) -> String {
        let plain = [
            "bool", "u8", "s32", "u64", "f32", "char", "string", "list<u8>",
        ];
        let inner = match self.numbers.below(types.len() + 2).checked_sub(2) {
            Some(index) => match types.get(index) {
                Some(Named { name, is_resource }) => match *is_resource && is_param {
                    true if self.numbers.below(2) == 0 => format!("borrow<%{name}>"),
                    _ => format!("%{name}"),
                },
                None => String::from("u32"),
            },
            None => self.numbers.one_of(&plain, "u32").to_owned(),
        };
        match self.numbers.below(6) {
            0 => format!("list<{inner}>"),
            1 => format!("option<{inner}>"),
            2 => format!("tuple<{inner}, u8>"),
            _ => inner,
        }
    }
}
