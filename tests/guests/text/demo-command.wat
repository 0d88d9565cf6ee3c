;; A command that logs a greeting and says on standard output how many messages
;; it has logged. The demonstration runs it, so it is text: no compiler for
;; WebAssembly is needed to make it.
(component
  (import "wasi:logging/logging" (instance $logging
    (type $levels (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $levels)))
    (export "log" (func
      (param "level" $level) (param "context" string) (param "message" string)))
  ))
  (import "wasi:io/error@0.2.0" (instance $io-error
    (export "error" (type (sub resource)))
  ))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $reasons (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $reasons)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output-stream)) (param "contents" (list u8))
      (result (result (error $stream-error)))))
  ))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $outer-stream))
    (export "output-stream" (type $output-stream (eq $outer-stream)))
    (export "get-stdout" (func (result (own $output-stream))))
  ))

  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 0x000) "demo-command")
    (data (i32.const 0x100) "Hello from a WebAssembly component!")
    (data (i32.const 0x200) "demo-command: 1 logged\n")
  )
  (core instance $memory (instantiate $memory))
  (core func $log (canon lower (func $logging "log") (memory $memory "memory")))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower
    (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory $memory "memory")))
  (core func $drop-stream (canon resource.drop $output-stream))

  (core module $main
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "host" "get-stdout" (func $get-stdout (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "drop-stream" (func $drop-stream (param i32)))
    (import "host" "memory" (memory 1))

    ;; Where a result is written to.
    (global $result i32 (i32.const 0x300))

    ;; Returns whether standard output failed: 0 is the case `ok`.
    (func (export "run") (result i32)
      (local $stdout i32)
      ;; The level `info`, the context, the message.
      (call $log (i32.const 2) (i32.const 0x000) (i32.const 12) (i32.const 0x100) (i32.const 35))
      (local.set $stdout (call $get-stdout))
      (call $write (local.get $stdout) (i32.const 0x200) (i32.const 23) (global.get $result))
      (call $drop-stream (local.get $stdout))
      (i32.load8_u (global.get $result))
    )
  )
  (core instance $main (instantiate $main
    (with "host" (instance
      (export "log" (func $log))
      (export "get-stdout" (func $get-stdout))
      (export "write" (func $write))
      (export "drop-stream" (func $drop-stream))
      (export "memory" (memory $memory "memory"))
    ))
  ))

  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $exports))
)
