;; Imports an interface in a version that is not compatible with the plugin's.
(component
  (import "test:calls/driver@0.2.0" (instance
    (export "run" (func (param "name" string) (result string))))))
