;; Forwards test:lifecycle to the import of the same name.
(component
  (import "test:lifecycle/probe@0.1.0" (instance $host
    (export "events" (func (result (list string))))
    (export "whoami" (func (result (tuple string string))))
    (export "emit-log" (func))
  ))

  (core module $allocator
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))

    ;; A bump allocator that never looks back: each call gets a fresh instance.
    (func (export "realloc")
      (param $old i32) (param $old-size i32) (param $align i32) (param $size i32)
      (result i32)
      (local $new i32)
      (local.set $new
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get $align))
        )
      )
      (global.set $next (i32.add (local.get $new) (local.get $size)))
      (if (i32.gt_u (global.get $next) (i32.const 65536)) (then (unreachable)))
      (local.get $new)
    )
  )
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "realloc" (core func $realloc))

  (core func $host-events
    (canon lower (func $host "events") (memory $memory) (realloc (core func $realloc)))
  )
  (core func $host-whoami
    (canon lower (func $host "whoami") (memory $memory) (realloc (core func $realloc)))
  )
  (core func $host-emit-log (canon lower (func $host "emit-log")))

  (core module $forward
    (import "host" "events" (func $events (param i32)))
    (import "host" "whoami" (func $whoami (param i32)))

    ;; Both results fit at address 16.
    (func (export "events") (result i32)
      (call $events (i32.const 16))
      (i32.const 16)
    )
    (func (export "whoami") (result i32)
      (call $whoami (i32.const 16))
      (i32.const 16)
    )
  )
  (core instance $forward (instantiate $forward
    (with "host" (instance
      (export "events" (func $host-events))
      (export "whoami" (func $host-whoami))
    ))
  ))

  (func $events (result (list string))
    (canon lift (core func $forward "events") (memory $memory))
  )
  (func $whoami (result (tuple string string))
    (canon lift (core func $forward "whoami") (memory $memory))
  )
  (func $emit-log (canon lift (core func $host-emit-log)))
  (instance $probe
    (export "events" (func $events))
    (export "whoami" (func $whoami))
    (export "emit-log" (func $emit-log))
  )
  (export "test:lifecycle/probe@0.1.0" (instance $probe))
)
