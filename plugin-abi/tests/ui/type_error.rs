wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i {
        record holds { of: stream<error-context> }
        get: func() -> u8;
    }
    world w { export i; }
" });

fn main() {}
