;; Its one function traps as soon as it is called.
(component
  (core module $main
    (memory (export "memory") 1)
    ;; One message at a time, wherever it fits: nothing ever reads it.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024)
    )
    (func (export "run") (param i32 i32) (result i32)
      (unreachable)
    )
  )
  (core instance $main (instantiate $main))
  (alias core export $main "memory" (core memory $memory))
  (alias core export $main "realloc" (core func $realloc))

  (func $run (param "message" string) (result string)
    (canon lift (core func $main "run")
      (memory $memory) (realloc (core func $realloc)))
  )
  (instance $exports (export "run" (func $run)))
  (export "demo:guest/run@0.1.0" (instance $exports))
)
