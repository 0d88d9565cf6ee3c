//! Guests in the text format that use files and sockets of WASI.

/// Exports `demo:a/files`, whose `open` opens a path in the first directory.
/// It yields 0, or one more than the number of the error's case.
pub(crate) const FILES: &str = r#"(component
    (import "wasi:filesystem/types@0.2.0" (instance $types
        (export "descriptor" (type $descriptor (sub resource)))
        (type $error-code' (enum
            "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist"
            "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io"
            "is-directory" "loop" "too-many-links" "message-size" "name-too-long" "no-device"
            "no-entry" "no-lock" "insufficient-memory" "insufficient-space" "not-directory"
            "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device" "overflow"
            "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy" "cross-device"))
        (export "error-code" (type $error-code (eq $error-code')))
        (type $path-flags' (flags "symlink-follow"))
        (export "path-flags" (type $path-flags (eq $path-flags')))
        (type $open-flags' (flags "create" "directory" "exclusive" "truncate"))
        (export "open-flags" (type $open-flags (eq $open-flags')))
        (type $descriptor-flags' (flags "read" "write" "file-integrity-sync"
            "data-integrity-sync" "requested-write-sync" "mutate-directory"))
        (export "descriptor-flags" (type $descriptor-flags (eq $descriptor-flags')))
        (export "[method]descriptor.open-at" (func
            (param "self" (borrow $descriptor)) (param "path-flags" $path-flags)
            (param "path" string) (param "open-flags" $open-flags)
            (param "flags" $descriptor-flags)
            (result (result (own $descriptor) (error $error-code)))))
        (export "[method]descriptor.symlink-at" (func
            (param "self" (borrow $descriptor)) (param "old-path" string)
            (param "new-path" string) (result (result (error $error-code)))))
    ))
    (alias export $types "descriptor" (type $descriptor))
    (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
        (alias outer 1 $descriptor (type $outer))
        (export "descriptor" (type $descriptor (eq $outer)))
        (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
    (core module $memory
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at
                (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            local.get $at))
    (core instance $memory (instantiate $memory))
    (alias core export $memory "memory" (core memory $mem))
    (core func $realloc (alias core export $memory "realloc"))
    (core func $open-at (canon lower (func $types "[method]descriptor.open-at")
        (memory $mem) (realloc $realloc)))
    (core func $symlink-at (canon lower (func $types "[method]descriptor.symlink-at")
        (memory $mem) (realloc $realloc)))
    (core func $get-directories (canon lower (func $preopens "get-directories")
        (memory $mem) (realloc $realloc)))
    (core func $drop (canon resource.drop $descriptor))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "open-at" (func $open-at (param i32 i32 i32 i32 i32 i32 i32)))
        (import "" "symlink-at" (func $symlink-at (param i32 i32 i32 i32 i32 i32)))
        (import "" "get-directories" (func $get-directories (param i32)))
        (import "" "drop" (func $drop (param i32)))
        (global $root (mut i32) (i32.const 0))
        (func $open-root
            (if (global.get $root) (then (return)))
            (call $get-directories (i32.const 8))
            (if (i32.eqz (i32.load (i32.const 12))) (then unreachable))
            (global.set $root (i32.load (i32.load (i32.const 8)))))
        (func (export "directories") (result i32)
            (call $get-directories (i32.const 8))
            (i32.load (i32.const 12)))
        (func (export "open")
            (param $path i32) (param $len i32) (param $open i32) (param $flags i32) (result i32)
            (call $open-root)
            (call $open-at (global.get $root) (i32.const 1) (local.get $path) (local.get $len)
                (local.get $open) (local.get $flags) (i32.const 8))
            (if (i32.load8_u (i32.const 8))
                (then (return (i32.add (i32.const 1) (i32.load8_u (i32.const 12))))))
            (call $drop (i32.load (i32.const 12)))
            i32.const 0)
        (func (export "link")
            (param $to i32) (param $to-len i32) (param $at i32) (param $at-len i32) (result i32)
            (call $open-root)
            (call $symlink-at (global.get $root) (local.get $to) (local.get $to-len)
                (local.get $at) (local.get $at-len) (i32.const 8))
            (if (i32.load8_u (i32.const 8))
                (then (return (i32.add (i32.const 1) (i32.load8_u (i32.const 9))))))
            i32.const 0)
    )
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $mem))
        (export "open-at" (func $open-at))
        (export "symlink-at" (func $symlink-at))
        (export "get-directories" (func $get-directories))
        (export "drop" (func $drop))))))
    (func $open (param "path" string) (param "open" u32) (param "flags" u32) (result u32)
        (canon lift (core func $i "open") (memory $mem) (realloc $realloc)))
    (func $link (param "to" string) (param "at" string) (result u32)
        (canon lift (core func $i "link") (memory $mem) (realloc $realloc)))
    (func $directories (result u32) (canon lift (core func $i "directories")))
    (instance $files
        (export "open" (func $open))
        (export "link" (func $link))
        (export "directories" (func $directories)))
    (export "demo:a/files@0.1.0" (instance $files))
)"#;

/// A guest whose `run` listens at, or else connects to, a port of 127.0.0.1 or
/// of all addresses. It yields 0, or one more than the number of the error's
/// case. What it opened stays open.
pub(crate) fn tcp(listens: bool, any_address: bool, port: u16) -> String {
    let ip = match any_address {
        true => "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)",
        false => "(i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)",
    };
    let address = format!(
        "(i32.const 0) (i32.const {port}) {ip} (i32.const 0) (i32.const 0) (i32.const 0) \
         (i32.const 0) (i32.const 0) (i32.const 0)"
    );
    let steps: &[(&str, bool)] = match listens {
        true => &[
            ("start-bind", true),
            ("finish-bind", false),
            ("start-listen", false),
            ("finish-listen", false),
        ],
        false => &[("start-connect", true), ("finish-connect", false)],
    };
    let mut imports = String::new();
    let mut lowered = String::new();
    let mut core_imports = String::new();
    let mut with = String::new();
    let mut calls = String::new();
    for (step, takes_address) in steps {
        // Where the error is: after the discriminant, as the value is aligned.
        let (ok, error_at) = match *step {
            "finish-connect" => ("(tuple (own $input) (own $output))", 12),
            _ => ("", 9),
        };
        let (params, core_params, args) = match takes_address {
            true => (
                r#"(param "network" (borrow $network)) (param "address" $address)"#,
                "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32",
                format!("(local.get $network) {address}"),
            ),
            false => ("", "", String::new()),
        };
        let params = match *step {
            "start-bind" => params.replace("\"address\"", "\"local-address\""),
            _ => params.replace("\"address\"", "\"remote-address\""),
        };
        imports += &format!(
            r#"(export "[method]tcp-socket.{step}" (func (param "self" (borrow $tcp-socket))
                {params} (result (result {ok} (error $error-code)))))
            "#
        );
        lowered += &format!(
            r#"(core func ${step} (canon lower (func $tcp "[method]tcp-socket.{step}")
                (memory $mem)))
            "#
        );
        core_imports += &format!(
            r#"(import "" "{step}" (func ${step} (param i32 {core_params} i32)))
            "#
        );
        with += &format!(r#"(export "{step}" (func ${step})) "#);
        // 8 is `would-block`: it is asked again until it is done.
        calls += &format!(
            "(loop $again
                (call ${step} (local.get $socket) {args} (i32.const 8))
                (if (i32.load8_u (i32.const 8)) (then
                    (br_if $again (i32.eq (i32.load8_u (i32.const {error_at})) (i32.const 8)))
                    (return (i32.add (i32.const 1) (i32.load8_u (i32.const {error_at})))))))
            "
        );
    }
    format!(
        r#"(component
            (import "wasi:sockets/network@0.2.0" (instance $net
                (export "network" (type (sub resource)))
                (type $e (enum "unknown" "access-denied" "not-supported" "invalid-argument"
                    "out-of-memory" "timeout" "concurrency-conflict" "not-in-progress"
                    "would-block" "invalid-state" "new-socket-limit" "address-not-bindable"
                    "address-in-use" "remote-unreachable" "connection-refused"
                    "connection-reset" "connection-aborted" "datagram-too-large"
                    "name-unresolvable" "temporary-resolver-failure"
                    "permanent-resolver-failure"))
                (export "error-code" (type (eq $e)))
                (type $f (enum "ipv4" "ipv6"))
                (export "ip-address-family" (type (eq $f)))
                (type $a4 (tuple u8 u8 u8 u8))
                (export "ipv4-address" (type $ipv4 (eq $a4)))
                (type $a6 (tuple u16 u16 u16 u16 u16 u16 u16 u16))
                (export "ipv6-address" (type $ipv6 (eq $a6)))
                (type $s4 (record (field "port" u16) (field "address" $ipv4)))
                (export "ipv4-socket-address" (type $socket4 (eq $s4)))
                (type $s6 (record (field "port" u16) (field "flow-info" u32)
                    (field "address" $ipv6) (field "scope-id" u32)))
                (export "ipv6-socket-address" (type $socket6 (eq $s6)))
                (type $s (variant (case "ipv4" $socket4) (case "ipv6" $socket6)))
                (export "ip-socket-address" (type (eq $s)))))
            (alias export $net "network" (type $network))
            (alias export $net "error-code" (type $error-code))
            (alias export $net "ip-address-family" (type $family))
            (alias export $net "ip-socket-address" (type $address))
            (import "wasi:sockets/instance-network@0.2.0" (instance $instance
                (alias outer 1 $network (type $n))
                (export "network" (type $network (eq $n)))
                (export "instance-network" (func (result (own $network))))))
            (import "wasi:io/streams@0.2.0" (instance $streams
                (export "input-stream" (type (sub resource)))
                (export "output-stream" (type (sub resource)))))
            (alias export $streams "input-stream" (type $input))
            (alias export $streams "output-stream" (type $output))
            (import "wasi:sockets/tcp@0.2.0" (instance $tcp
                (export "tcp-socket" (type $tcp-socket (sub resource)))
                (alias outer 1 $network (type $n))
                (export "network" (type $network (eq $n)))
                (alias outer 1 $error-code (type $e))
                (export "error-code" (type $error-code (eq $e)))
                (alias outer 1 $address (type $a))
                (export "ip-socket-address" (type $address (eq $a)))
                (alias outer 1 $input (type $in))
                (export "input-stream" (type $input (eq $in)))
                (alias outer 1 $output (type $out))
                (export "output-stream" (type $output (eq $out)))
                {imports}))
            (alias export $tcp "tcp-socket" (type $tcp-socket))
            (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
                (alias outer 1 $tcp-socket (type $t))
                (export "tcp-socket" (type $tcp-socket (eq $t)))
                (alias outer 1 $error-code (type $e))
                (export "error-code" (type $error-code (eq $e)))
                (alias outer 1 $family (type $f))
                (export "ip-address-family" (type $family (eq $f)))
                (export "create-tcp-socket" (func (param "address-family" $family)
                    (result (result (own $tcp-socket) (error $error-code)))))))
            (core module $memory (memory (export "memory") 1))
            (core instance $memory (instantiate $memory))
            (alias core export $memory "memory" (core memory $mem))
            (core func $create (canon lower (func $create "create-tcp-socket") (memory $mem)))
            (core func $network (canon lower (func $instance "instance-network")))
            {lowered}
            (core module $m
                (import "" "memory" (memory 1))
                (import "" "create" (func $create (param i32 i32)))
                (import "" "network" (func $network (result i32)))
                {core_imports}
                (func (export "run") (result i32)
                    (local $socket i32) (local $network i32)
                    (local.set $network (call $network))
                    (call $create (i32.const 0) (i32.const 8))
                    (if (i32.load8_u (i32.const 8))
                        (then (return (i32.add (i32.const 1) (i32.load8_u (i32.const 12))))))
                    (local.set $socket (i32.load (i32.const 12)))
                    {calls}
                    i32.const 0))
            (core instance $i (instantiate $m (with "" (instance
                (export "memory" (memory $mem))
                (export "create" (func $create))
                (export "network" (func $network))
                {with}))))
            (func $run (result u32) (canon lift (core func $i "run")))
            (instance $runner (export "run" (func $run)))
            (export "demo:a/runner@0.1.0" (instance $runner))
        )"#
    )
}
