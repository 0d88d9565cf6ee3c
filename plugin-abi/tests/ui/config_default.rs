use wash_plugin_abi::ConfigSchema;

#[derive(ConfigSchema)]
struct Config {
    #[serde(default = "port")]
    #[config(default = 8080)]
    port: u16,
}

fn main() {}
