;; Forwards test:strings to the import of the same name, with strings that are
;; latin1+utf16 in the guest's memory.
;; Its lengths carry a tag in the highest bit, which a forwarder need not know.
(component
  (import "test:strings/strings@0.1.0" (instance $host
    (export "echo" (func (param "s" string) (result string)))
    (export "echo-list" (func (param "l" (list string)) (result (list string))))
  ))

  (core module $allocator
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))

    ;; A bump allocator. Some encodings grow and shrink a string while they
    ;; write it, so old contents move along.
    (func (export "realloc")
      (param $old i32) (param $old-size i32) (param $align i32) (param $size i32)
      (result i32)
      (local $new i32)
      (local $pages i32)
      (if (i32.le_u (local.get $size) (local.get $old-size))
        (then (if (local.get $old) (then (return (local.get $old)))))
      )
      (local.set $new
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get $align))
        )
      )
      (global.set $next (i32.add (local.get $new) (local.get $size)))
      (if (i32.lt_u (global.get $next) (local.get $new)) (then (unreachable)))
      (local.set $pages
        (i32.sub
          (i32.add (i32.shr_u (global.get $next) (i32.const 16)) (i32.const 1))
          (memory.size)
        )
      )
      (if (i32.gt_s (local.get $pages) (i32.const 0))
        (then
          (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1))
            (then (unreachable))
          )
        )
      )
      (memory.copy (local.get $new) (local.get $old) (local.get $old-size))
      (local.get $new)
    )

    ;; After each call, everything is free again.
    (func (export "reset") (param i32)
      (global.set $next (i32.const 1024))
    )
  )
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "realloc" (core func $realloc))
  (alias core export $allocator "reset" (core func $reset))

  (core func $host-echo
    (canon lower (func $host "echo")
      string-encoding=latin1+utf16 (memory $memory) (realloc (core func $realloc)))
  )
  (core func $host-echo-list
    (canon lower (func $host "echo-list")
      string-encoding=latin1+utf16 (memory $memory) (realloc (core func $realloc)))
  )

  (core module $forward
    (import "host" "echo" (func $echo (param i32 i32 i32)))
    (import "host" "echo-list" (func $echo-list (param i32 i32 i32)))

    ;; Both return a pair of pointer and length, which fits at address 16.
    (func (export "echo") (param i32 i32) (result i32)
      (call $echo (local.get 0) (local.get 1) (i32.const 16))
      (i32.const 16)
    )
    (func (export "echo-list") (param i32 i32) (result i32)
      (call $echo-list (local.get 0) (local.get 1) (i32.const 16))
      (i32.const 16)
    )
  )
  (core instance $forward (instantiate $forward
    (with "host" (instance
      (export "echo" (func $host-echo))
      (export "echo-list" (func $host-echo-list))
    ))
  ))

  (func $echo (param "s" string) (result string)
    (canon lift (core func $forward "echo")
      string-encoding=latin1+utf16 (memory $memory) (realloc (core func $realloc))
      (post-return (core func $reset)))
  )
  (func $echo-list (param "l" (list string)) (result (list string))
    (canon lift (core func $forward "echo-list")
      string-encoding=latin1+utf16 (memory $memory) (realloc (core func $realloc))
      (post-return (core func $reset)))
  )
  (instance $strings
    (export "echo" (func $echo))
    (export "echo-list" (func $echo-list))
  )
  (export "test:strings/strings@0.1.0" (instance $strings))
)
