//! A guest with one of the two plugins behind it, ready to be timed.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use e2e::{Builder, Instance, TestHost};
use tokio::runtime::{self, Runtime};
use wash_runtime::wasmtime::component::{Func, Val};

use crate::compiled_in::CompiledIn;

pub(crate) struct Subject {
    runtime: Arc<Runtime>,
    instance: Instance,
    run: Func,
    /// Kept, as the guest is its.
    _host: Arc<TestHost>,
}

const NEEDS: [&str; 1] = ["test:bench/calls,calls-async@0.1.0"];

impl Subject {
    pub(crate) fn compiled_in() -> Result<Self> {
        let [subject] = Self::new(TestHost::builder().plugin(Arc::new(CompiledIn::new())))?;
        Ok(subject)
    }

    /// Two instances on one plugin.
    pub(crate) fn compiled_in_twice() -> Result<[Self; 2]> {
        Self::new(TestHost::builder().plugin(Arc::new(CompiledIn::new())))
    }

    pub(crate) fn loaded(plugin: &Path) -> Result<Self> {
        let [subject] = Self::new(TestHost::builder().library(plugin.to_owned()))?;
        Ok(subject)
    }

    /// As [`compiled_in_twice`](Self::compiled_in_twice).
    pub(crate) fn loaded_twice(plugin: &Path) -> Result<[Self; 2]> {
        Self::new(TestHost::builder().library(plugin.to_owned()))
    }

    fn new<const N: usize>(builder: Builder) -> Result<[Self; N]> {
        let runtime = Arc::new(runtime::Builder::new_multi_thread().enable_all().build()?);
        let host = Arc::new(runtime.block_on(builder.guest("bench-guest", NEEDS).start())?);
        let mut subjects = Vec::new();
        for _ in 0..N {
            let mut instance = runtime.block_on(host.instance())?;
            let run = instance.func("test:bench/cases@0.1.0", "run")?;
            let (runtime, host) = (Arc::clone(&runtime), Arc::clone(&host));
            subjects.push(Self {
                runtime,
                instance,
                run,
                _host: host,
            });
        }
        subjects
            .try_into()
            .map_err(|_| anyhow::anyhow!("the number of instances is wrong"))
    }

    /// Lets the guest make so many calls: how many nanoseconds they took.
    pub(crate) fn run(&mut self, case: &str, times: u32, size: u32) -> Result<u64> {
        let args = [
            Val::String(case.to_owned()),
            Val::U32(times),
            Val::U32(size),
        ];
        let start = Instant::now();
        self.runtime.block_on(self.instance.call(self.run, &args))?;
        Ok(u64::try_from(start.elapsed().as_nanos())?)
    }
}

/// Lets two guests make so many calls each, on two threads: how many
/// nanoseconds the slower one took.
pub(crate) fn at_once(subjects: &mut [Subject; 2], case: &str, times: u32) -> Result<u64> {
    let [first, second] = subjects;
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| second.run(case, times, 0));
        (first.run(case, times, 0), other.join())
    });
    let second = second.map_err(|_| anyhow::anyhow!("a thread panicked"))?;
    Ok(first?.max(second?))
}
