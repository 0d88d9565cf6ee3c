;; Imports an interface in a version that came after the plugin's, as far as
;; the component model calls them compatible.
(component
  (import "test:calls/driver@0.1.7" (instance
    (export "run" (func (param "name" string) (result string))))))
