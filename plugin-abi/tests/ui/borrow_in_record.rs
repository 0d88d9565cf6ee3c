wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i {
        resource bucket;
        record lent { bucket: borrow<bucket> }
        look: func(lent: lent);
    }
    world w { export i; }
" });

fn main() {}
