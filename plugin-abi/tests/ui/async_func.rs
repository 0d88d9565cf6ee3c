wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { read: async func() -> u32; }
    world w { export i; }
" });

fn main() {}
