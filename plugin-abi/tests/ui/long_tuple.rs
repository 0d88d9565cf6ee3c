wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i {
        get: func() -> tuple<u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>;
    }
    world w { export i; }
" });

fn main() {}
