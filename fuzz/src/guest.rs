//! A guest for a world: each of its exports passes its arguments on to the
//! import that it stands for, and returns what comes back.
//!
//! An export has the import's own types, so the canonical ABI gives both the
//! same core parameters, be they values or a pointer to them, and nothing has
//! to be known of the types to pass them on. Only a result that goes through
//! memory is different: the import is told where to write it, and the export
//! says where it is.
//!
//! A resource that is lent to the guest would have to be dropped by it. So the
//! export is given what the import is lent, which is a number in both cases.

mod streams;
mod types;

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use e2e::values::Rng;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Resolve, SizeAlign, Type};

pub(crate) use self::types::{Used, has_borrow, path};
use crate::makers;
use crate::streams::INTERFACE;
use crate::world::Import;

/// A guest.
#[derive(Debug)]
pub(crate) struct Guest {
    /// As a component.
    pub(crate) component: Vec<u8>,
}

/// Its memory, in pages of 64 KiB. As much as a call may need, and no more than
/// is quickly zeroed.
const MAX_PAGES: u32 = 64;

/// The guest that imports these functions of a document's world, and has streams
/// and futures of what is `carried`.
pub(crate) fn make(
    wit: &str,
    resolve: &Resolve,
    sizes: &SizeAlign,
    imports: &[Import<'_>],
    carried: &[Type],
    rng: &mut Rng,
) -> Result<Guest> {
    let mut module = wat::parse_str(module(resolve, sizes, imports, carried))?;
    let world = world(resolve, imports, carried)?;
    // The document's own package comes first in it.
    let wit = wit.replacen("world plugin {", &format!("{world}\nworld plugin {{"), 1);
    let mut resolve = Resolve::default();
    let package = resolve.push_str("guest.wit", &wit)?;
    let guest = resolve.select_world(&[package], Some("guest"))?;
    let encoding = [
        StringEncoding::UTF8,
        StringEncoding::UTF16,
        StringEncoding::CompactUTF16,
    ][rng.below(3)];
    embed_component_metadata(&mut module, &resolve, guest, encoding)?;
    let component = ComponentEncoder::default()
        .module(&module)?
        .encode()
        .context("the module does not fit its world")?;
    Ok(Guest { component })
}

/// A world that imports the interfaces of these functions, and exports functions
/// with the same types, under names of their own; and [`DAMAGE`], and a
/// [`dropper`] for each type of resources.
fn world(resolve: &Resolve, imports: &[Import<'_>], carried: &[Type]) -> Result<String> {
    let mut used = Used::new(resolve);
    let mut interfaces = Vec::new();
    let mut exports = String::new();
    for import in imports {
        interfaces.push(path(&import.called.interface));
        let kind = match import.called.is_concurrent {
            true => "async func",
            false => "func",
        };
        let mut params = Vec::new();
        for (i, param) in import.function.params.iter().enumerate() {
            params.push(format!("p{i}: {}", used.ty(&param.ty)?));
        }
        let params = params.join(", ");
        let result = match &import.function.result {
            Some(ty) => format!(" -> {}", used.ty(ty)?),
            None => String::new(),
        };
        let name = &import.called.export;
        writeln!(exports, "  export {name}: {kind}({params}){result};")?;
        if let Some(made) = makers::made(resolve, import) {
            let (name, ty) = (dropper(name), used.ty(&made.handle)?);
            writeln!(exports, "  export {name}: func(a: {ty});")?;
        }
    }
    for (n, ty) in carried.iter().enumerate() {
        interfaces.push(path(INTERFACE));
        exports += &streams::exports(&mut used, n, ty)?;
    }
    interfaces.sort();
    interfaces.dedup();
    let imports: String = interfaces
        .iter()
        .map(|interface| format!("  import {interface};\n"))
        .collect();
    Ok(format!(
        "world guest {{\n{imports}{}{exports}  export {DAMAGE}: func(what: u32, at: u32, value: u32);\n}}\n",
        used.text
    ))
}

/// The export that drops a resource, of the type that an export makes.
pub(crate) fn dropper(export: &str) -> String {
    format!("{export}-drop")
}

fn module(
    resolve: &Resolve,
    sizes: &SizeAlign,
    imports: &[Import<'_>],
    carried: &[Type],
) -> String {
    let mut text = "(module\n".to_owned();
    for import in imports {
        let signature = resolve.wasm_signature(AbiVariant::GuestImport, import.function);
        writeln!(
            text,
            "(import {:?} {:?} (func $import-{} {}))",
            import.called.interface,
            import.function.name,
            import.called.export,
            core_types(&signature)
        )
        .unwrap();
        if let Some(made) = makers::made(resolve, import) {
            let (interface, name) = (made.interface, format!("[resource-drop]{}", made.resource));
            let export = &import.called.export;
            writeln!(
                text,
                "(import {interface:?} {name:?} (func $drop-{export} (param i32)))"
            )
            .unwrap();
        }
    }
    text += &streams::imports(carried.len());
    text += DAMAGER;
    text += &ALLOCATOR.replace("MAX_PAGES", &MAX_PAGES.to_string());
    for import in imports {
        text += &function(resolve, sizes, import);
        if makers::made(resolve, import).is_some() {
            let export = &import.called.export;
            let name = dropper(export);
            writeln!(
                text,
                "(func (export {name:?}) (param i32) (call $drop-{export} (local.get 0)))"
            )
            .unwrap();
        }
    }
    if !carried.is_empty() {
        text += streams::WAIT;
    }
    for (n, ty) in carried.iter().enumerate() {
        text += &streams::functions(sizes, n, ty);
    }
    text + ")"
}

fn function(resolve: &Resolve, sizes: &SizeAlign, import: &Import<'_>) -> String {
    let name = &import.called.export;
    let inner = resolve.wasm_signature(AbiVariant::GuestImport, import.function);
    let outer = resolve.wasm_signature(AbiVariant::GuestExport, import.function);
    let mut text = format!(
        "(func (export \"{name}\") {} (local $result i32)\n",
        core_types(&outer)
    );
    text += "call $damage-memory\n";
    for (i, ty) in outer.params.iter().enumerate() {
        match ty {
            WasmType::I32 | WasmType::Pointer | WasmType::Length => writeln!(
                text,
                "(select (global.get $value) (local.get {i}) (i32.eq (global.get $param) (i32.const {i})))"
            ),
            _ => writeln!(text, "local.get {i}"),
        }
        .unwrap();
    }
    if let (true, Some(result)) = (inner.retptr, &import.function.result) {
        let (size, align) = (
            sizes.size(result).size_wasm32(),
            sizes.align(result).align_wasm32(),
        );
        writeln!(
            text,
            "(local.tee $result (call $realloc (i32.const 0) (i32.const 0) (i32.const {align}) (i32.const {size})))\n\
             call $import-{name}\nlocal.get $result)"
        )
        .unwrap();
    } else {
        writeln!(text, "call $import-{name})").unwrap();
    }
    let results = list("param", &outer.results);
    writeln!(
        text,
        "(func (export \"cabi_post_{name}\") {results} (call $reset))"
    )
    .unwrap();
    text
}

/// The export that has the guest damage the next call's arguments: see
/// [`Damage`](crate::damage::Damage).
pub(crate) const DAMAGE: &str = "damage";

/// Damages the arguments in memory, or notes which core parameter is to have
/// another value.
const DAMAGER: &str = r#"
(global $what (mut i32) (i32.const 0))
(global $at (mut i32) (i32.const 0))
(global $value (mut i32) (i32.const 0))
(global $param (mut i32) (i32.const -1))
(func (export "damage") (param i32 i32 i32)
  (global.set $what (local.get 0))
  (global.set $at (local.get 1))
  (global.set $value (local.get 2))
  (global.set $param (select (local.get 1) (i32.const -1) (i32.eqz (local.get 0)))))
(func $damage-memory (local $used i32) (local $at i32)
  (local.set $used (i32.sub (global.get $next) (i32.const 64)))
  (if (i32.or (i32.eqz (global.get $what)) (i32.eqz (local.get $used))) (then (return)))
  (local.set $at (i32.add (i32.const 64) (i32.rem_u (global.get $at) (local.get $used))))
  (if (i32.eq (global.get $what) (i32.const 1))
    (then (i32.store8 (local.get $at) (global.get $value)))
    (else (i32.store (i32.and (local.get $at) (i32.const -4)) (global.get $value)))))
"#;

/// Hands memory out one piece after the other. When a call is over, it takes all
/// of it back, and there is no more damage.
const ALLOCATOR: &str = r#"
(memory (export "memory") 1 MAX_PAGES)
(global $next (mut i32) (i32.const 64))
(func $reset
  (global.set $what (i32.const 0))
  (global.set $param (i32.const -1))
  (global.set $next (i32.const 64)))
(func $realloc (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32) (local $end i64)
  (if (i32.and (i32.ne (local.get $old) (i32.const 0)) (i32.le_u (local.get $size) (local.get $old-size)))
    (then (return (local.get $old))))
  (local.set $at (i32.and
    (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
    (i32.sub (i32.const 0) (local.get $align))))
  (local.set $end (i64.add (i64.extend_i32_u (local.get $at)) (i64.extend_i32_u (local.get $size))))
  (if (i64.gt_u (local.get $end) (i64.const 0x7fff_ffff)) (then unreachable))
  (loop $grow
    (if (i64.gt_u (local.get $end) (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))
      (then
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
        (br $grow))))
  (global.set $next (i32.wrap_i64 (local.get $end)))
  (if (i32.ne (local.get $old) (i32.const 0))
    (then (memory.copy (local.get $at) (local.get $old) (local.get $old-size))))
  (local.get $at))
"#;

fn core_types(signature: &WasmSignature) -> String {
    let (params, results) = (&signature.params, &signature.results);
    format!("{} {}", list("param", params), list("result", results))
}

fn list(what: &str, types: &[WasmType]) -> String {
    let names = types.iter().map(|ty| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => " i32",
        WasmType::I64 | WasmType::PointerOrI64 => " i64",
        WasmType::F32 => " f32",
        WasmType::F64 => " f64",
    });
    match types {
        [] => String::new(),
        _ => format!("({what}{})", names.collect::<String>()),
    }
}
