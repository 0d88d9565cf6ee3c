//! What a guest does with streams and futures. It is told what to do by calls
//! of its exports, which last until all is done: it waits for each of its reads
//! and writes, and while the plugin still reads.

use std::fmt::Write as _;

use anyhow::Result;
use wit_parser::{SizeAlign, Type};

use super::types::Used;
use crate::streams::{IDLE, INTERFACE};

/// What the guest's world exports, for the type of that number.
pub(super) fn exports(used: &mut Used<'_>, n: usize, carries: &Type) -> Result<String> {
    let ty = used.ty(carries)?;
    Ok(format!(
        "  export drain{n}: async func(total: u32, most: u32) -> list<{ty}>;
  export feed{n}: async func(items: list<{ty}>, most: u32) -> u32;
  export pass{n}: async func();
  export wait{n}: async func() -> list<{ty}>;
  export fill{n}: async func(value: list<{ty}>);
  export relay{n}: async func();
"
    ))
}

/// What the guest's module imports for the types of those numbers.
pub(super) fn imports(count: usize) -> String {
    let mut text = String::new();
    let mut import = |name: &str, alias: &str, ty: &str| {
        writeln!(text, "(import {INTERFACE:?} {name:?} (func ${alias} {ty}))").unwrap();
    };
    let (gives, takes) = ("(result i32)", "(param i32)");
    let (new, copies) = ("(result i64)", "(param i32 i32 i32) (result i32)");
    let copies_one = "(param i32 i32) (result i32)";
    for n in 0..count {
        import(&format!("give{n}"), &format!("give{n}"), gives);
        import(&format!("take{n}"), &format!("take{n}"), takes);
        import(&format!("hand{n}"), &format!("hand{n}"), gives);
        import(&format!("catch{n}"), &format!("catch{n}"), takes);
        for (function, builtin, ty) in [
            ("give", "stream-read", copies),
            ("give", "stream-drop-readable", takes),
            ("take", "stream-new", new),
            ("take", "stream-write", copies),
            ("take", "stream-drop-writable", takes),
            ("hand", "future-read", copies_one),
            ("hand", "future-drop-readable", takes),
            ("catch", "future-new", new),
            ("catch", "future-write", copies_one),
            ("catch", "future-drop-writable", takes),
        ] {
            // What may have to wait says so, and is waited for in `$settled`.
            let is_async = ["read", "write"].iter().any(|end| builtin.ends_with(end));
            let kind = if is_async { "[async-lower]" } else { "" };
            import(
                &format!("{kind}[{builtin}-0]{function}{n}"),
                &format!("{builtin}{n}"),
                ty,
            );
        }
    }
    if count > 0 {
        import(IDLE, "idle", gives);
        let read = format!("[async-lower][stream-read-0]{IDLE}");
        import(&read, "read-idle", copies);
        import(
            &format!("[stream-drop-readable-0]{IDLE}"),
            "drop-idle",
            takes,
        );
        text += WAITABLES;
    }
    text
}

/// The functions for a type, of that number and size.
pub(super) fn functions(sizes: &SizeAlign, n: usize, carries: &Type) -> String {
    let size = sizes.size(carries).size_wasm32();
    let align = sizes.align(carries).align_wasm32();
    FUNCTIONS
        .replace("{n}", &n.to_string())
        .replace("{size}", &size.to_string())
        .replace("{align}", &align.to_string())
}

const WAITABLES: &str = r#"
(import "$root" "[waitable-set-new]" (func $set-new (result i32)))
(import "$root" "[waitable-set-wait]" (func $set-wait (param i32 i32) (result i32)))
(import "$root" "[waitable-set-drop]" (func $set-drop (param i32)))
(import "$root" "[waitable-join]" (func $join (param i32 i32)))
"#;

/// `$settled` is what a read or write at an end has come to, if it is not there
/// yet: it has said -1 then. `$wait-for-plugin` ends when the plugin is done.
pub(super) const WAIT: &str = r#"
(func $settled (param $end i32) (param $said i32) (result i32)
  (local $set i32)
  (if (i32.ne (local.get $said) (i32.const -1)) (then (return (local.get $said))))
  (local.set $set (call $set-new))
  (call $join (local.get $end) (local.get $set))
  (drop (call $set-wait (local.get $set) (i32.const 40)))
  (call $join (local.get $end) (i32.const 0))
  (call $set-drop (local.get $set))
  (i32.load (i32.const 44)))
(func $wait-for-plugin (local $s i32) (local $said i32)
  (local.set $s (call $idle))
  (loop $more
    (local.set $said (call $settled (local.get $s)
      (call $read-idle (local.get $s) (i32.const 32) (i32.const 1))))
    (br_if $more (i32.eqz (i32.and (local.get $said) (i32.const 15)))))
  (call $drop-idle (local.get $s)))
(func $least (param $a i32) (param $b i32) (result i32)
  (select (local.get $a) (local.get $b) (i32.lt_u (local.get $a) (local.get $b))))
"#;

/// What a read or write returns: how many items, times 16, and whether there may
/// be more, 0.
const FUNCTIONS: &str = r#"
(func (export "drain{n}") (param $total i32) (param $most i32) (result i32)
  (local $s i32) (local $at i32) (local $list i32) (local $count i32) (local $said i32)
  call $reset
  (local.set $list (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 8)))
  (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const {align})
    (i32.mul (local.get $total) (i32.const {size}))))
  (local.set $s (call $give{n}))
  (block $done
    (loop $more
      (br_if $done (i32.eq (local.get $count) (local.get $total)))
      (local.set $said (call $settled (local.get $s) (call $stream-read{n}
        (local.get $s)
        (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const {size})))
        (call $least (local.get $most) (i32.sub (local.get $total) (local.get $count))))))
      (local.set $count (i32.add (local.get $count) (i32.shr_u (local.get $said) (i32.const 4))))
      (br_if $more (i32.eqz (i32.and (local.get $said) (i32.const 15))))))
  (call $stream-drop-readable{n} (local.get $s))
  (i32.store (local.get $list) (local.get $at))
  (i32.store offset=4 (local.get $list) (local.get $count))
  local.get $list)
(func (export "feed{n}") (param $at i32) (param $len i32) (param $most i32) (result i32)
  (local $both i64) (local $end i32) (local $count i32) (local $said i32)
  call $damage-memory
  (local.set $both (call $stream-new{n}))
  (local.set $end (i32.wrap_i64 (i64.shr_u (local.get $both) (i64.const 32))))
  (call $take{n} (i32.wrap_i64 (local.get $both)))
  (block $done
    (loop $more
      (br_if $done (i32.eq (local.get $count) (local.get $len)))
      (local.set $said (call $settled (local.get $end) (call $stream-write{n}
        (local.get $end)
        (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const {size})))
        (call $least (local.get $most) (i32.sub (local.get $len) (local.get $count))))))
      (local.set $count (i32.add (local.get $count) (i32.shr_u (local.get $said) (i32.const 4))))
      (br_if $more (i32.eqz (i32.and (local.get $said) (i32.const 15))))))
  (call $stream-drop-writable{n} (local.get $end))
  call $wait-for-plugin
  call $reset
  local.get $count)
(func (export "pass{n}")
  (call $take{n} (call $give{n}))
  call $wait-for-plugin)
(func (export "wait{n}") (result i32)
  (local $f i32) (local $at i32) (local $list i32)
  call $reset
  (local.set $list (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 8)))
  (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const {align}) (i32.const {size})))
  (local.set $f (call $hand{n}))
  (i32.store offset=4 (local.get $list)
    (i32.eqz (i32.and (i32.const 15)
      (call $settled (local.get $f) (call $future-read{n} (local.get $f) (local.get $at))))))
  (call $future-drop-readable{n} (local.get $f))
  (i32.store (local.get $list) (local.get $at))
  local.get $list)
(func (export "fill{n}") (param $at i32) (param $len i32)
  (local $both i64) (local $end i32)
  call $damage-memory
  (local.set $both (call $future-new{n}))
  (local.set $end (i32.wrap_i64 (i64.shr_u (local.get $both) (i64.const 32))))
  (call $catch{n} (i32.wrap_i64 (local.get $both)))
  (drop (call $settled (local.get $end) (call $future-write{n} (local.get $end) (local.get $at))))
  (call $future-drop-writable{n} (local.get $end))
  call $wait-for-plugin
  call $reset)
(func (export "relay{n}")
  (call $catch{n} (call $hand{n}))
  call $wait-for-plugin)
"#;
