wash_plugin_abi::bindgen!({ path: "no-such-folder" });

fn main() {}
