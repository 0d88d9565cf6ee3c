wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { read: func(); }
    interface j { write: func(data: stream<u8>); }
    world w { import j; export i; }
" });

fn main() {}
