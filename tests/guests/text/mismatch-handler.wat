;; Exports a handler of messages whose function has another type.
(component
  (core module $module
    (func (export "handle-message")))
  (core instance $instance (instantiate $module))
  (func $handle-message (canon lift (core func $instance "handle-message")))
  (instance $handler (export "handle-message" (func $handle-message)))
  (export "wasmcloud:messaging/handler@0.2.0" (instance $handler)))
