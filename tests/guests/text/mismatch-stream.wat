;; Imports a function that returns a stream of something else than the plugin's,
;; which is one core value all the same.
(component
  (import "test:channels/pipes@0.1.0" (instance $pipes
    (export "count" (func (param "len" u64) (result (stream string))))
  ))
  (core func $count (canon lower (func $pipes "count")))
  (core module $module
    (import "pipes" "count" (func (param i64) (result i32)))
    (func (export "run"))
  )
  (core instance $main (instantiate $module
    (with "pipes" (instance (export "count" (func $count))))
  ))
  (func $run (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "test:guest/run" (instance $exports))
)
