//! The capabilities of the test libraries as plugins that are compiled into
//! the host, to compare with.

mod logger;
mod strings;
mod values;

pub use logger::CustomLogger;
pub use strings::Strings;
pub use values::Values;

use std::collections::HashSet;

use wash_runtime::wit::{WitInterface, WitWorld};

fn serves<const N: usize>(interfaces: [&str; N]) -> WitWorld {
    WitWorld {
        imports: HashSet::from(interfaces.map(WitInterface::from)),
        exports: HashSet::new(),
    }
}
