wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    world w {
        export run: interface { go: func(); }
    }
" });

fn main() {}
