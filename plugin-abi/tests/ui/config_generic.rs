use wash_plugin_abi::ConfigSchema;

#[derive(ConfigSchema)]
struct Config<T> {
    value: T,
}

fn main() {}
