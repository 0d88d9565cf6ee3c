wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i {
        last: func() -> error-context;
    }
    world w { export i; }
" });

fn main() {}
