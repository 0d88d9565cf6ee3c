;; Imports wasi:logging with a `log` of another type that flattens to the same
;; core values: the message is a list of bytes. Only a comparison of component
;; types can tell.
(component
  (import "wasi:logging/logging" (instance $logging
    (type $cases (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $cases)))
    (export "log" (func
      (param "level" $level) (param "context" string) (param "message" (list u8))
    ))
  ))

  (core module $allocator
    (memory (export "memory") 1)
    (data (i32.const 16) "mismatch")
    ;; One message at a time: the host asks once for each call of `run`.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (if (i32.gt_u (local.get 3) (i32.const 32768)) (then (unreachable)))
      (i32.const 1024)
    )
  )
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "realloc" (core func $realloc))

  (core func $log (canon lower (func $logging "log") (memory $memory)))

  (core module $main
    (import "logging" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "allocator" "memory" (memory 1))

    ;; Logs the message, then returns it.
    (func (export "run") (param i32 i32) (result i32)
      (call $log
        (i32.const 2) (i32.const 16) (i32.const 8)
        (local.get 0) (local.get 1))
      (i32.store (i32.const 32) (local.get 0))
      (i32.store (i32.const 36) (local.get 1))
      (i32.const 32)
    )
  )
  (core instance $main (instantiate $main
    (with "logging" (instance (export "log" (func $log))))
    (with "allocator" (instance $allocator))
  ))

  (func $run (param "message" string) (result string)
    (canon lift (core func $main "run")
      (memory $memory) (realloc (core func $realloc)))
  )
  (instance $exports (export "run" (func $run)))
  (export "demo:guest/run@0.1.0" (instance $exports))
)
