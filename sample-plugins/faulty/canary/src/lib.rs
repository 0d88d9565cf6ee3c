//! Shows whether a library's code ran: what the dynamic linker runs before
//! anyone can object leaves a file behind.

use std::path::PathBuf;

/// The environment variable that names the file. Without it nothing happens.
pub const VARIABLE: &str = "FAULTY_CANARY";

/// Adds the constructor to the library that this is used in.
///
/// A macro, because the linker may leave out a static of a dependency.
#[macro_export]
macro_rules! canary {
    () => {
        #[allow(unsafe_code, reason = "a constructor is found by its section")]
        #[used]
        #[cfg_attr(
            target_vendor = "apple",
            unsafe(link_section = "__DATA,__mod_init_func")
        )]
        #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
        static CONSTRUCTOR: extern "C" fn() = {
            extern "C" fn constructor() {
                $crate::sing(env!("CARGO_PKG_NAME"));
            }
            constructor
        };
    };
}

/// Leaves the file, with the name of the package in it.
#[doc(hidden)]
pub fn sing(package: &str) {
    if let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        // There is nobody to tell of an error; the test misses the file.
        let _ = std::fs::write(path, package);
    }
}
