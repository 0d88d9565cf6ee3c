//! What a host serves, taken all together.

use std::collections::HashSet;

use super::Host;
use crate::{
    engine,
    wit::{WitInterface, WitWorld},
};

/// The interfaces that every component has without a plugin.
const WASI_INTERFACES: [&str; 7] = [
    "wasi:cli/environment,exit,stderr,stdin,stdout,terminal-input,terminal-output,terminal-stderr,terminal-stdin,terminal-stdout",
    "wasi:clocks/monotonic-clock,wall-clock",
    "wasi:filesystem/preopens,types",
    "wasi:http/outgoing-handler,types",
    "wasi:io/error,poll,streams",
    "wasi:random/insecure,insecure-seed,random",
    "wasi:sockets/instance-network,ip-name-lookup,network,tcp,tcp-create-socket,udp,udp-create-socket",
];

impl Host {
    /// What the plugins serve, and the WASI interfaces that every component
    /// has.
    ///
    /// Each plugin's interfaces are on the side on which its own world lists
    /// them; those of WASI are exports.
    #[must_use]
    pub fn wit_world(&self) -> WitWorld {
        let mut world = WitWorld {
            imports: HashSet::new(),
            exports: WASI_INTERFACES
                .iter()
                .map(|text| WitInterface::from(*text))
                .collect(),
        };
        for plugin in self.plugins.all().values() {
            let plugin = plugin.world();
            world.imports.extend(plugin.imports);
            world.exports.extend(plugin.exports);
        }
        world
    }

    /// The interfaces of a component, imported or exported, that plugins of
    /// this host serve, one entry each; made to fill
    /// [`Workload::host_interfaces`](crate::types::Workload::host_interfaces).
    ///
    /// A component that uses `wasi:http` also gets an entry for the HTTP
    /// handler.
    ///
    /// # Errors
    ///
    /// If the bytes are not a component.
    pub fn intersect_interfaces(&self, bytes: &[u8]) -> anyhow::Result<HashSet<WitInterface>> {
        let plugins = self.plugins.all();
        let worlds: Vec<WitWorld> = plugins.values().map(|plugin| plugin.world()).collect();
        let mut interfaces = HashSet::new();
        for interface in engine::interfaces(bytes)? {
            if interface.namespace == "wasi" && interface.package == "http" {
                interfaces.insert(WitInterface::from(
                    "wasi:http/incoming-handler,outgoing-handler",
                ));
            }
            if worlds.iter().any(|world| world.includes(&interface)) {
                interfaces.insert(interface);
            }
        }
        Ok(interfaces)
    }

    /// Logs what the plugins serve.
    pub fn log_interfaces(&self) {
        for (id, plugin) in self.plugins.all().iter() {
            let world = plugin.world();
            for interface in world.imports.iter().chain(&world.exports) {
                tracing::info!(plugin = id, %interface, "host interface");
            }
        }
    }
}
