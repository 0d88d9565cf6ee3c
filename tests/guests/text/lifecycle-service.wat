;; A service that makes the plugin log, and is done.
(component
  (import "test:lifecycle/probe@0.1.0" (instance $host
    (export "emit-log" (func))
  ))
  (core func $emit-log (canon lower (func $host "emit-log")))

  (core module $main
    (import "host" "emit-log" (func $emit-log))
    ;; Returns the case `ok`.
    (func (export "run") (result i32)
      (call $emit-log)
      (i32.const 0)
    )
  )
  (core instance $main (instantiate $main
    (with "host" (instance (export "emit-log" (func $emit-log))))
  ))

  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.3" (instance $exports))
)
