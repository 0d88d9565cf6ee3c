;; A service that makes a token, waits for as long as the plugin has it wait, and
;; then asks who made the token.
(component
  (import "test:versions/stamps@0.1.0" (instance $stamps
    (export "token" (type $token (sub resource)))
    (export "[constructor]token" (func (result (own $token))))
    (export "[method]token.made-by" (func (param "self" (borrow $token)) (result string)))
    (export "slow" (func (param "milliseconds" u32) (result string)))
  ))
  (core module $memory
    (memory (export "memory") 1)
    ;; All texts are short, and read by nobody.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  )
  (core instance $memory (instantiate $memory))
  (core func $new (canon lower (func $stamps "[constructor]token")))
  (core func $made-by (canon lower (func $stamps "[method]token.made-by")
    (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core func $slow (canon lower (func $stamps "slow")
    (memory $memory "memory") (realloc (func $memory "realloc"))))

  (core module $main
    (import "host" "new" (func $new (result i32)))
    (import "host" "made-by" (func $made-by (param i32 i32)))
    (import "host" "slow" (func $slow (param i32 i32)))
    ;; Returns the case `ok`.
    (func (export "run") (result i32)
      (local $token i32)
      (local.set $token (call $new))
      (call $slow (i32.const 0) (i32.const 16))
      (call $made-by (local.get $token) (i32.const 16))
      (i32.const 0)
    )
  )
  (core instance $main (instantiate $main
    (with "host" (instance
      (export "new" (func $new))
      (export "made-by" (func $made-by))
      (export "slow" (func $slow))
    ))
  ))

  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports))
)
