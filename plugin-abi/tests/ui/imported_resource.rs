wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface types { resource bucket; }
    interface store { use types.{bucket}; open: func() -> bucket; }
    world w { export store; }
" });

fn main() {}
