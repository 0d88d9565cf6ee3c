wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface api {
        use wasi:io/streams@0.2.0.{stream-error};
        read: func() -> result<u32, stream-error>;
    }
    world plugin { export api; }
    package wasi:io@0.2.0 {
        interface streams { enum stream-error { closed } }
    }
" });

fn main() {}
