wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { read: func(); }
    interface j { resource r; use-it: func(r: borrow<r>); }
    world w { import j; export i; }
" });

fn main() {}
