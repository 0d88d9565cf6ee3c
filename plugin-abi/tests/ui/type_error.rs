wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i {
        resource r;
        record holds { of: list<borrow<r>> }
        resource s {
            get: func() -> holds;
        }
    }
    world w { export i; }
" });

fn main() {}
