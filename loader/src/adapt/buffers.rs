//! Calls of a plugin's functions with buffers, not from a component.

use std::sync::Arc;

use anyhow::Context as _;
use wash_plugin_abi::abi::Lent;

use super::LoadedPlugin;
use super::call::{Begun, Caller};
use super::link;
use super::resources::Taken;
use crate::flat::PooledFrame;

impl LoadedPlugin {
    /// Calls a function with a buffer of arguments, as a component of this
    /// workload: the buffer of its result, and what is lent with it. For tests
    /// that hold another way to read buffers against this crate's.
    ///
    /// # Errors
    ///
    /// If it is not started, has no such function, or fails.
    #[doc(hidden)]
    pub async fn call_with_buffer(
        &self,
        workload_id: &str,
        (interface, function): (&str, &str),
        args: &[u8],
    ) -> anyhow::Result<(Vec<u8>, Option<Vec<u8>>)> {
        let generation = self.current()?;
        let world = Arc::clone(generation.loaded.world());
        let served = world.served().find(|served| served.id == interface);
        let served = served.with_context(|| format!("it does not serve `{interface}`"))?;
        let function = served.functions.iter().find(|f| f.name == function);
        let function = function.with_context(|| format!("`{interface}` has no such function"))?;
        let caller = Caller {
            workload_id: workload_id.to_owned(),
            component_id: workload_id.to_owned(),
        };
        let target = link::target(&generation.instance, served, function, &caller, None)?.shared();
        let mut frame = PooledFrame::take();
        frame.args.extend(args)?;
        let results = if function.is_async {
            match target.begin::<0>(frame, Taken::default()) {
                Begun::Ended(ended) => ended?,
                Begun::Running(running) => running.await?,
            }
        } else {
            target.call::<0>(frame, Taken::default())?
        };
        let lent = results.0.lent.as_ref().map(Lent::as_bytes);
        Ok((results.0.out.as_slice().to_vec(), lent.map(<[u8]>::to_vec)))
    }
}
