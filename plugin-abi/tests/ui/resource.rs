wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface store { resource bucket { get: func() -> u32; } }
    world w { export store; }
" });

fn main() {}
