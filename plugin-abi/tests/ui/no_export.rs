wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { type t = u32; }
    world w { import i; }
" });

fn main() {}
