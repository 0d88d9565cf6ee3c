wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i {
        read: fun() -> u32;
    }
    world w { export i; }
" });

fn main() {}
