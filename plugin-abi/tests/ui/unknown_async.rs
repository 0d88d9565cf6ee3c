wash_plugin_abi::bindgen!({
    inline: "
        package a:b;
        interface i { read: func(); write: func(); }
        world w { export i; }
    ",
    async: ["a:b/i#raed"],
});

fn main() {}
