wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface api {
        use wasi:io/poll@0.2.0.{pollable};
        wait: func(until: list<borrow<pollable>>);
    }
    world plugin { export api; }
    package wasi:io@0.2.0 {
        interface poll { resource pollable; }
    }
" });

fn main() {}
