//! Guests in the text format that hand resources to one another.

use crate::guests::component;

/// Exports `demo:a/things` with a resource.
pub(crate) const THINGS: &str = r#"(component
    (component $inner
        (core module $state
            (global $drops (mut i32) (i32.const 0))
            (func (export "dtor") (param i32)
                (global.set $drops (i32.add (global.get $drops) (i32.const 1))))
            (func (export "drops") (result i32) global.get $drops)
            (func (export "get") (param i32) (result i32) local.get 0))
        (core instance $state (instantiate $state))
        (type $thing' (resource (rep i32) (dtor (func $state "dtor"))))
        (export $thing "thing" (type $thing'))
        (core func $new (canon resource.new $thing'))
        (core func $rep (canon resource.rep $thing'))
        (core func $drop (canon resource.drop $thing'))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (import "" "rep" (func $rep (param i32) (result i32)))
            (import "" "drop" (func $drop (param i32)))
            (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
            (func (export "take") (param $is-some i32) (param $thing i32) (result i32)
                (local $value i32)
                (if (i32.eqz (local.get $is-some)) (then (return (i32.const 0))))
                (local.set $value (call $rep (local.get $thing)))
                (call $drop (local.get $thing))
                local.get $value))
        (core instance $i (instantiate $m (with "" (instance
            (export "new" (func $new))
            (export "rep" (func $rep))
            (export "drop" (func $drop))))))
        (func (export "make") (param "n" u32) (result (own $thing))
            (canon lift (core func $i "make")))
        (func (export "get") (param "thing" (borrow $thing)) (result u32)
            (canon lift (core func $state "get")))
        (func (export "take") (param "thing" (option (own $thing))) (result u32)
            (canon lift (core func $i "take")))
        (func (export "drops") (result u32) (canon lift (core func $state "drops")))
    )
    (instance $things (instantiate $inner))
    (export "demo:a/things@0.1.0" (instance $things))
)"#;

const THINGS_IMPORT: &str = r#"(import "demo:a/things@0.1.0" (instance $things
        (export "thing" (type $thing (sub resource)))
        (export "make" (func (param "n" u32) (result (own $thing))))
        (export "get" (func (param "thing" (borrow $thing)) (result u32)))
        (export "take" (func (param "thing" (option (own $thing))) (result u32)))
        (export "drops" (func (result u32)))
    ))
    (alias export $things "thing" (type $thing))
    (core func $make (canon lower (func $things "make")))
    (core func $get (canon lower (func $things "get")))
    (core func $take (canon lower (func $things "take")))
    (core func $drops (canon lower (func $things "drops")))
    (core func $drop (canon resource.drop $thing))"#;

/// Makes, lends, gives away and drops things. `run` yields what was to be seen.
pub(crate) fn uses_things() -> String {
    component(
        "demo:a/runner@0.1.0",
        THINGS_IMPORT,
        r#"(import "" "make" (func $make (param i32) (result i32)))
           (import "" "get" (func $get (param i32) (result i32)))
           (import "" "take" (func $take (param i32 i32) (result i32)))
           (import "" "drops" (func $drops (result i32)))
           (import "" "drop" (func $drop (param i32)))
           (global $seen (mut i32) (i32.const 0))
           (func $see (param i32)
               (global.set $seen
                   (i32.add (i32.mul (global.get $seen) (i32.const 10)) (local.get 0))))
           (func (export "run") (result i32)
               (local $a i32) (local $b i32)
               (local.set $a (call $make (i32.const 5)))
               (local.set $b (call $make (i32.const 7)))
               (call $see (call $get (local.get $a)))
               (call $see (call $get (local.get $b)))
               (call $see (call $get (local.get $a)))
               (call $see (call $drops))
               (call $drop (local.get $a))
               (call $see (call $drops))
               (call $see (call $take (i32.const 1) (local.get $b)))
               (call $see (call $drops))
               (call $see (call $take (i32.const 0) (i32.const 0)))
               global.get $seen)"#,
        r#"(export "make" (func $make)) (export "get" (func $get)) (export "take" (func $take))
           (export "drops" (func $drops)) (export "drop" (func $drop))"#,
        r#"(func $run (result u32) (canon lift (core func $i "run")))
           (instance $exported (export "run" (func $run)))"#,
    )
}

/// Hands things on: exports `demo:a/keeper`, which uses the resource of
/// `demo:a/things`.
pub(crate) const KEEPER: &str = r#"(component
    (import "demo:a/things@0.1.0" (instance $things
        (export "thing" (type $thing (sub resource)))
        (export "get" (func (param "thing" (borrow $thing)) (result u32)))
    ))
    (alias export $things "thing" (type $thing))
    (core func $get (canon lower (func $things "get")))
    (core func $drop (canon resource.drop $thing))
    (core module $m
        (import "" "get" (func $get (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "look") (param i32) (result i32)
            (local $value i32)
            (local.set $value (call $get (local.get 0)))
            (call $drop (local.get 0))
            local.get $value)
        (func (export "pass") (param i32) (result i32) local.get 0))
    (core instance $i (instantiate $m (with "" (instance
        (export "get" (func $get))
        (export "drop" (func $drop))))))
    (func $look (param "thing" (borrow $thing)) (result u32)
        (canon lift (core func $i "look")))
    (func $keep (param "thing" (own $thing)) (result u32)
        (canon lift (core func $i "look")))
    (func $pass (param "thing" (own $thing)) (result (own $thing))
        (canon lift (core func $i "pass")))
    (instance $exported
        (export "look" (func $look))
        (export "keep" (func $keep))
        (export "pass" (func $pass)))
    (export "demo:a/keeper@0.1.0" (instance $exported))
)"#;

/// Uses a thing of one component with the help of another one.
pub(crate) fn uses_keeper() -> String {
    component(
        "demo:a/runner@0.1.0",
        &format!(
            r#"{THINGS_IMPORT}
               (import "demo:a/keeper@0.1.0" (instance $keeper
                   (export "look" (func (param "thing" (borrow $thing)) (result u32)))
                   (export "keep" (func (param "thing" (own $thing)) (result u32)))
                   (export "pass" (func (param "thing" (own $thing)) (result (own $thing))))))
               (core func $look (canon lower (func $keeper "look")))
               (core func $keep (canon lower (func $keeper "keep")))
               (core func $pass (canon lower (func $keeper "pass")))"#
        ),
        r#"(import "" "make" (func $make (param i32) (result i32)))
           (import "" "look" (func $look (param i32) (result i32)))
           (import "" "keep" (func $keep (param i32) (result i32)))
           (import "" "pass" (func $pass (param i32) (result i32)))
           (import "" "drops" (func $drops (result i32)))
           (func (export "run") (result i32)
               (local $a i32)
               (local.set $a (call $make (i32.const 5)))
               (i32.mul (call $look (local.get $a)) (i32.const 1000))
               (local.set $a (call $pass (local.get $a)))
               (i32.mul (call $drops) (i32.const 100))
               (i32.mul (call $keep (local.get $a)) (i32.const 10))
               (call $drops)
               i32.add i32.add i32.add)"#,
        r#"(export "make" (func $make)) (export "look" (func $look)) (export "keep" (func $keep))
           (export "pass" (func $pass)) (export "drops" (func $drops))"#,
        r#"(func $run (result u32) (canon lift (core func $i "run")))
           (instance $exported (export "run" (func $run)))"#,
    )
}

/// Exports `demo:a/reader`, whose `read` uses a resource of the host,
/// `token` of `demo:b/tokens`.
pub(crate) const READER: &str = r#"(component
    (import "demo:b/tokens@0.1.0" (instance $tokens
        (export "token" (type $token (sub resource)))
        (export "value" (func (param "token" (borrow $token)) (result u32)))))
    (alias export $tokens "token" (type $token))
    (core func $value (canon lower (func $tokens "value")))
    (core func $drop (canon resource.drop $token))
    (core module $m
        (import "" "value" (func $value (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "read") (param i32) (result i32)
            (local $value i32)
            (local.set $value (call $value (local.get 0)))
            (call $drop (local.get 0))
            local.get $value))
    (core instance $i (instantiate $m (with "" (instance
        (export "value" (func $value))
        (export "drop" (func $drop))))))
    (func $borrowed (param "token" (borrow $token)) (result u32)
        (canon lift (core func $i "read")))
    (func $owned (param "token" (own $token)) (result u32)
        (canon lift (core func $i "read")))
    (instance $exported
        (export "token" (type $token))
        (export "look" (func $borrowed))
        (export "take" (func $owned)))
    (export "demo:a/reader@0.1.0" (instance $exported))
)"#;

/// Makes a token, and has it read by the reader twice.
pub(crate) fn uses_reader() -> String {
    component(
        "demo:a/runner@0.1.0",
        r#"(import "demo:b/tokens@0.1.0" (instance $tokens
               (export "token" (type $token (sub resource)))
               (export "make" (func (result (own $token))))))
           (alias export $tokens "token" (type $token))
           (import "demo:a/reader@0.1.0" (instance $reader
               (alias outer 1 $token (type $outer))
               (export "token" (type $token (eq $outer)))
               (export "look" (func (param "token" (borrow $token)) (result u32)))
               (export "take" (func (param "token" (own $token)) (result u32)))))
           (core func $make (canon lower (func $tokens "make")))
           (core func $look (canon lower (func $reader "look")))
           (core func $take (canon lower (func $reader "take")))"#,
        r#"(import "" "make" (func $make (result i32)))
           (import "" "look" (func $look (param i32) (result i32)))
           (import "" "take" (func $take (param i32) (result i32)))
           (func (export "run") (result i32)
               (local $token i32)
               (local.set $token (call $make))
               (i32.add
                   (i32.mul (call $look (local.get $token)) (i32.const 100))
                   (call $take (local.get $token))))"#,
        r#"(export "make" (func $make)) (export "look" (func $look)) (export "take" (func $take))"#,
        r#"(func $run (result u32) (canon lift (core func $i "run")))
           (instance $exported (export "run" (func $run)))"#,
    )
}

/// Exports `demo:a/things`, whose functions take and return lists of them.
pub(crate) const LISTS: &str = r#"(component
    (component $inner
        (type $thing' (resource (rep i32)))
        (export $thing "thing" (type $thing'))
        (core module $memory
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 1024))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (global.get $next))
                (global.set $next (i32.add (local.get $at) (local.get 3)))
                local.get $at))
        (core instance $memory (instantiate $memory))
        (alias core export $memory "memory" (core memory $mem))
        (core func $realloc (alias core export $memory "realloc"))
        (core func $new (canon resource.new $thing'))
        (core module $m
            (import "" "memory" (memory 1))
            (import "" "new" (func $new (param i32) (result i32)))
            ;; Things from 1 to n, each with a name of two letters.
            (func (export "many") (param $n i32) (result i32)
                (local $i i32) (local $at i32)
                (i32.store (i32.const 8) (i32.const 64))
                (i32.store (i32.const 12) (local.get $n))
                (i32.store16 (i32.const 16) (i32.const 0x6b6f)) ;; "ok"
                (loop $l
                    (local.set $at (i32.add (i32.const 64)
                        (i32.mul (local.get $i) (i32.const 12))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (i32.store (local.get $at) (call $new (local.get $i)))
                    (i32.store offset=4 (local.get $at) (i32.const 16))
                    (i32.store offset=8 (local.get $at) (i32.const 2))
                    (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
                i32.const 8)
            ;; The sum of what they stand for, and of the lengths of the names.
            (func (export "total") (param $at i32) (param $n i32) (result i32)
                (local $sum i32)
                (loop $l
                    (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
                    (local.set $sum (i32.add (local.get $sum)
                        (i32.mul (i32.const 100) (i32.load offset=8 (local.get $at)))))
                    (local.set $at (i32.add (local.get $at) (i32.const 12)))
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (br_if $l (local.get $n)))
                local.get $sum))
        (core instance $i (instantiate $m (with "" (instance
            (export "memory" (memory $mem))
            (export "new" (func $new))))))
        (func (export "many") (param "n" u32) (result (list (tuple (own $thing) string)))
            (canon lift (core func $i "many") (memory $mem) (realloc $realloc)))
        (func (export "total") (param "things" (list (tuple (borrow $thing) string)))
            (result u32)
            (canon lift (core func $i "total") (memory $mem) (realloc $realloc)))
    )
    (instance $things (instantiate $inner))
    (export "demo:a/things@0.1.0" (instance $things))
)"#;

/// Has three things made, and lends them all at once.
pub(crate) const USES_LISTS: &str = r#"(component
    (import "demo:a/things@0.1.0" (instance $things
        (export "thing" (type $thing (sub resource)))
        (export "many" (func (param "n" u32) (result (list (tuple (own $thing) string)))))
        (export "total" (func (param "things" (list (tuple (borrow $thing) string)))
            (result u32)))))
    (core module $memory
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            local.get $at))
    (core instance $memory (instantiate $memory))
    (alias core export $memory "memory" (core memory $mem))
    (core func $realloc (alias core export $memory "realloc"))
    (core func $many (canon lower (func $things "many") (memory $mem) (realloc $realloc)))
    (core func $total (canon lower (func $things "total") (memory $mem)))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "many" (func $many (param i32 i32)))
        (import "" "total" (func $total (param i32 i32) (result i32)))
        (func (export "run") (result i32)
            (call $many (i32.const 3) (i32.const 8))
            (call $total (i32.load (i32.const 8)) (i32.load (i32.const 12)))))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $mem))
        (export "many" (func $many))
        (export "total" (func $total))))))
    (func $run (result u32) (canon lift (core func $i "run")))
    (instance $runner (export "run" (func $run)))
    (export "demo:a/runner@0.1.0" (instance $runner))
)"#;
