use wash_plugin_abi::ConfigSchema;

#[derive(ConfigSchema)]
struct Config {
    #[serde(flatten)]
    value: String,
}

fn main() {}
