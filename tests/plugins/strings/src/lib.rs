//! Returns every string that it is given: whatever encoding the guest has, a
//! plugin sees UTF-8.

use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../wit/strings", world: "plugin" });
use exports::test::strings::strings::Guest;

struct Strings;

impl Plugin for Strings {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl Guest for Strings {
    fn echo(&self, _call: &Call<'_>, s: &str) -> String {
        s.to_owned()
    }

    fn echo_list(&self, _call: &Call<'_>, l: Vec<&str>) -> Vec<String> {
        l.into_iter().map(str::to_owned).collect()
    }
}

wash_plugin_abi::export!(Strings);
