//! How a host that runs is asked and told things: over a local socket that
//! only its own user can reach.

pub(crate) mod client;
mod place;
mod protocol;
pub(crate) mod server;
pub(crate) mod show;

#[cfg(test)]
mod tests;
