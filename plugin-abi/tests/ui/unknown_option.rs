wash_plugin_abi::bindgen!({ wrld: "w" });

fn main() {}
