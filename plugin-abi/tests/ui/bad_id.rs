wash_plugin_abi::bindgen!({ inline: "
    package a:b;
    interface i { read: func(); }
    world w { export i; }
" });

struct P;
impl wash_plugin_abi::Plugin for P {
    type Config = ();
    fn new((): ()) -> wash_plugin_abi::Result<Self> {
        Ok(P)
    }
}
impl exports::a::b::i::Guest for P {
    fn read(&self, _: &wash_plugin_abi::Call<'_>) {}
}
wash_plugin_abi::export!(P, id = "My Plugin");

fn main() {}
