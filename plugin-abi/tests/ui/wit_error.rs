wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { read: func() -> strin; }
    world w { export i; }
" });

fn main() {}
