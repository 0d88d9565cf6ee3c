//! The first guest of a new plugin: a component that has each of the plugin's
//! functions, and passes on what it is called with.
//!
//! No WebAssembly compiler is needed for it. An interface that is imported and
//! exported has the same types on both sides, so the canonical ABI gives the two
//! functions the same core parameters, be they values or a pointer to them, and
//! nothing has to be known of the types to pass them on. Only a result that goes
//! through memory is different: the import is told where to write it, and the
//! export says where it is.
//!
//! Resources, streams and futures are not passed on like that: an interface that
//! has them is imported, and not exported.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{
    Function, InterfaceId, Resolve, SizeAlign,
    abi::{AbiVariant, WasmSignature, WasmType},
};

use crate::wit::{GuestWorld, functional, is_plain, path};

/// A guest, and what it can be called with.
pub(super) struct Guest {
    pub(super) component: Vec<u8>,
    /// The interfaces that it exports, in the order of the plugin's world.
    pub(super) exports: Vec<InterfaceId>,
}

impl Guest {
    /// Makes the guest of a world that imports a plugin's interfaces.
    ///
    /// # Errors
    ///
    /// Fails if there is no component for the world.
    pub(super) fn new(world: &GuestWorld) -> Result<Self> {
        let mut resolve = world.resolve.clone();
        let guest = resolve
            .worlds
            .get(world.world)
            .context("there is no such world")?;
        let imports = functional(&resolve, guest.imports.values());
        let passed = |id: &InterfaceId| has_plain_functions(&resolve, *id);
        let exports: Vec<InterfaceId> = imports.iter().copied().filter(passed).collect();

        let mut text = "package local:caller;\n\nworld caller {\n".to_owned();
        for (keyword, interfaces) in [("import", &imports), ("export", &exports)] {
            for id in interfaces {
                writeln!(text, "  {keyword} {};", path(&resolve, *id)?)?;
            }
        }
        text.push_str("}\n");
        let package = resolve.push_str("caller.wit", &text)?;
        let caller = resolve.select_world(&[package], Some("caller"))?;
        let mut module = wat::parse_str(module(&resolve, &exports)?)?;
        embed_component_metadata(&mut module, &resolve, caller, StringEncoding::UTF8)?;
        let component = ComponentEncoder::default()
            .module(&module)?
            .encode()
            .context("the guest does not fit the plugin's world")?;
        Ok(Self { component, exports })
    }
}

/// Whether the interface's functions can be called with text alone.
fn has_plain_functions(resolve: &Resolve, id: InterfaceId) -> bool {
    let Some(interface) = resolve.interfaces.get(id) else {
        return false;
    };
    // A resource would have to be exported with the interface.
    let types = interface.types.values();
    let mut types = types.filter_map(|id| resolve.types.get(*id));
    let has_resource = types.any(|def| matches!(def.kind, wit_parser::TypeDefKind::Resource));
    let mut functions = interface.functions.values();
    !has_resource
        && functions.all(|function| {
            let params = function.params.iter().map(|param| &param.ty);
            let mut types = params.chain(&function.result);
            types.all(|ty| is_plain(resolve, ty))
        })
}

/// Hands memory out one piece after the other, and takes all of it back when a
/// call is over.
const ALLOCATOR: &str = r#"
(memory (export "memory") 1)
(global $next (mut i32) (i32.const 64))
(func $reset (global.set $next (i32.const 64)))
(func $realloc (export "cabi_realloc")
  (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32) (local $end i64)
  (if (i32.and (i32.ne (local.get $old) (i32.const 0)) (i32.le_u (local.get $size) (local.get $old-size)))
    (then (return (local.get $old))))
  (local.set $at (i32.and
    (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
    (i32.sub (i32.const 0) (local.get $align))))
  (local.set $end
    (i64.add (i64.extend_i32_u (local.get $at)) (i64.extend_i32_u (local.get $size))))
  (if (i64.gt_u (local.get $end) (i64.const 0x7fff_ffff)) (then unreachable))
  (loop $grow
    (if (i64.gt_u (local.get $end) (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))
      (then
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
        (br $grow))))
  (global.set $next (i32.wrap_i64 (local.get $end)))
  (memory.copy (local.get $at) (local.get $old) (local.get $old-size))
  (local.get $at))
"#;

/// The core module.
fn module(resolve: &Resolve, exports: &[InterfaceId]) -> Result<String> {
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let (mut imports, mut functions) = (String::new(), String::new());
    let mut number = 0;
    for id in exports {
        let interface = resolve.interfaces.get(*id).context("no such interface")?;
        let name = resolve.id_of(*id).context("an interface has no name")?;
        for function in interface.functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
            writeln!(
                imports,
                "(import {name:?} {:?} (func $f{number} {}))",
                function.name,
                core_types(&signature)
            )?;
            functions.push_str(&pass_on(resolve, &sizes, &name, function, number)?);
            number += 1;
        }
    }
    Ok(format!("(module\n{imports}{ALLOCATOR}{functions})"))
}

/// The export that calls the import of this number.
fn pass_on(
    resolve: &Resolve,
    sizes: &SizeAlign,
    interface: &str,
    function: &Function,
    number: usize,
) -> Result<String> {
    let inner = resolve.wasm_signature(AbiVariant::GuestImport, function);
    let outer = resolve.wasm_signature(AbiVariant::GuestExport, function);
    let name = format!("{interface}#{}", function.name);
    let mut text = format!(
        "(func (export {name:?}) {} (local $result i32)\n",
        core_types(&outer)
    );
    for index in 0..outer.params.len() {
        writeln!(text, "local.get {index}")?;
    }
    match (&function.result, inner.retptr) {
        (Some(result), true) => {
            let size = sizes.size(result).size_wasm32();
            let align = sizes.align(result).align_wasm32();
            writeln!(
                text,
                "(local.tee $result (call $realloc \
                   (i32.const 0) (i32.const 0) (i32.const {align}) (i32.const {size})))\n\
                 call $f{number}\nlocal.get $result)"
            )?;
        }
        _ => writeln!(text, "call $f{number})")?,
    }
    let name = format!("cabi_post_{name}");
    let results = list("param", &outer.results);
    writeln!(text, "(func (export {name:?}) {results} call $reset)")?;
    Ok(text)
}

fn core_types(signature: &WasmSignature) -> String {
    let params = list("param", &signature.params);
    format!("{params} {}", list("result", &signature.results))
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
