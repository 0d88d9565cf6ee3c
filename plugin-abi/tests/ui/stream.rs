wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { read: func() -> stream<u8>; }
    world w { export i; }
" });

fn main() {}
