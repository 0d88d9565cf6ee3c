wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { read: func(); }
    interface j { later: async func(); }
    world w { import j; export i; }
" });

fn main() {}
