wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { read: func(); }
    world one { export i; }
    world two { export i; }
" });

fn main() {}
