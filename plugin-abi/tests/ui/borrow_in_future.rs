wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i {
        record noted { context: error-context }
        look: func() -> future<noted>;
    }
    world w { export i; }
" });

fn main() {}
