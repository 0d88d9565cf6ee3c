//! A library that is no plugin, and that would run as soon as it is loaded.

faulty_canary::canary!();
