wash_plugin_abi::bindgen!({
    world: "plugn",
    inline: "
        package a:b;
        interface i { read: func(); }
        world plugin { export i; }
    ",
});

fn main() {}
