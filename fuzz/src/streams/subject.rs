//! What a run is about: a component and its plugin, and the calls that are made.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::slice::from_ref;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::values::{Rng, show};
use wash_plugin_loader::LoadedPlugin;
use wash_runtime::engine::Engine;
use wash_runtime::wasmtime::component::Val;

use super::IDLE;
use super::given::Idle;
use super::pipe::{Kind, Pipe};
use crate::component::{Component, Outcome};
use crate::draw::{Call, Function};
use crate::oracle::Encoded;
use crate::plugin;
use crate::resources::Numbers;
use crate::script::{Answer, Script, Seen};
use crate::world::{Called, World};

/// Longer than anything takes: what hangs is found.
const LONG: Duration = Duration::from_secs(120);

pub(super) struct Subject {
    pub(super) component: Component,
    pub(super) script: Arc<Script>,
    plugin: Arc<LoadedPlugin>,
    /// What the plugin serves of [`INTERFACE`](super::INTERFACE).
    served: Vec<Called>,
    numbers: Numbers,
    /// What the next call is to be given: by which function, and the number.
    giving: Vec<(usize, u32)>,
}

/// What the plugin read of a component's stream or future, piece by piece, and
/// how much it asked for.
pub(super) type Taken = Vec<(usize, Encoded)>;

impl Subject {
    pub(super) async fn start(
        engine: &Engine,
        world: &World,
        count: usize,
    ) -> Result<(Self, Vec<Pipe>)> {
        let (plugin, script) = plugin::load(world)?;
        let loaded = Arc::clone(&plugin);
        let mut component = Component::start(engine, world, plugin, Arc::clone(&script)).await?;
        let mut pipes = Vec::new();
        for n in 0..count {
            for kind in [Kind::Stream, Kind::Future] {
                pipes.push(Pipe::new(n, kind, &mut component)?);
            }
        }
        let this = Self {
            component,
            script,
            plugin: loaded,
            served: world.called.clone(),
            numbers: Numbers::default(),
            giving: Vec::new(),
        };
        Ok((this, pipes))
    }

    /// Values for a stream or a future, with numbers for resources that nobody has.
    pub(super) fn draw(&mut self, pipe: &Pipe, rng: &mut Rng) -> Result<Vec<Val>> {
        let items = pipe.draw(rng);
        let numbered = self
            .component
            .numbered(from_ref(&pipe.list), &[Val::List(items)])?;
        match numbered.as_slice() {
            [Val::List(items)] => Ok(items.clone()),
            other => bail!("{} is no list", show(&other)),
        }
    }

    /// The next call of a function of the plugin returns this stream or future.
    pub(super) fn gives(&mut self, function: String, source: plugin::Source) -> Result<()> {
        let number = self.numbers.another();
        self.script.streams.add(number, source);
        let result = Encoded {
            bytes: number.to_le_bytes().to_vec(),
            lent: None,
        };
        let answer = Answer {
            result,
            ..Answer::default()
        };
        let function = self.index(&function)?;
        self.script.answer_to(function, answer);
        self.giving.push((function, number));
        Ok(())
    }

    /// After a call: what nobody asked for was not given.
    fn withdraw(&mut self, seen: &[Seen]) {
        for (function, number) in self.giving.drain(..) {
            if !seen.iter().any(|seen| seen.function == function) {
                self.script.streams.withdraw(number);
            }
        }
    }

    fn index(&self, function: &str) -> Result<usize> {
        let found = self.served.iter().find(|called| called.name == function);
        Ok(found.context("the plugin has no such function")?.index)
    }

    pub(super) async fn call(&mut self, called: &Called, arguments: Vec<Val>) -> Result<Outcome> {
        let function = self.component.own_function(called)?;
        let call = plain(&function, arguments);
        let called = self.component.call(&call, Answer::default());
        let outcome = tokio::time::timeout(LONG, called)
            .await
            .with_context(|| format!("{call} does not end"))??;
        self.withdraw(&outcome.seen);
        Ok(outcome)
    }

    /// The same, while the plugin reads what it is given in that call: up to
    /// `enough` items, and then no more.
    pub(super) async fn call_and_take(
        &mut self,
        pipe: &Pipe,
        called: &Called,
        arguments: Vec<Val>,
        enough: usize,
        rng: &mut Rng,
    ) -> Result<(Outcome, Taken)> {
        let idle = Idle::default();
        self.gives(IDLE.to_owned(), idle.source())?;
        let takes = self.index(&pipe.takes())?;
        let function = self.component.own_function(called)?;
        let call = plain(&function, arguments);
        let script = Arc::clone(&self.script);
        let mut taken = Taken::new();
        let mut number = None;
        let outcome = {
            let reading = async {
                let end = loop {
                    match script.seen_number(takes) {
                        Some(end) => break end,
                        None => tokio::task::yield_now().await,
                    }
                };
                number = Some(end);
                let read = take(&script, pipe, end, enough, rng, &mut taken).await;
                script.streams.give_up(end);
                idle.end();
                read
            };
            let mut reading: Pin<Box<dyn Future<Output = Result<()>> + Send>> = Box::pin(reading);
            let mut calling = pin!(self.component.call(&call, Answer::default()));
            let both = async {
                let outcome = tokio::select! {
                    outcome = calling.as_mut() => outcome,
                    read = reading.as_mut() => {
                        let outcome = calling.await?;
                        // It says what happened; who reads is only told that it did.
                        if outcome.returned.is_ok() {
                            read.context("the plugin cannot read")?;
                        }
                        Ok(outcome)
                    }
                };
                outcome
            };
            let both = tokio::time::timeout(LONG, both);
            both.await
                .with_context(|| format!("{call} does not end"))??
        };
        if let Some(number) = number {
            // Again, if the call ended before.
            self.script.streams.give_up(number);
        }
        self.withdraw(&outcome.seen);
        Ok((outcome, taken))
    }

    /// Makes a call and gives it up before it ends.
    pub(super) async fn give_up(&mut self, called: &Called, arguments: Vec<Val>) -> Result<()> {
        let function = self.component.own_function(called)?;
        let call = plain(&function, arguments);
        {
            let mut calling = pin!(self.component.call(&call, Answer::default()));
            for _ in 0..3 {
                let polled = poll_fn(|cx| Poll::Ready(calling.as_mut().poll(cx))).await;
                if let Poll::Ready(outcome) = polled {
                    let returned = outcome?.returned;
                    bail!("it was not given up, and is {}", show(&returned));
                }
            }
        }
        let seen = self.script.seen();
        self.withdraw(&seen);
        Ok(())
    }

    /// Nothing of either side is left when an instance is gone.
    pub(super) fn ended(&self) -> Result<()> {
        let held: u64 = self
            .plugin
            .generations()
            .iter()
            .map(|generation| generation.held_streams)
            .sum();
        ensure!(held == 0, "the plugin still has {held} of the component's");
        self.script.streams.check()
    }
}

/// Reads a component's stream or future, until there are `enough` items.
async fn take(
    script: &Script,
    pipe: &Pipe,
    end: u32,
    enough: usize,
    rng: &mut Rng,
    taken: &mut Taken,
) -> Result<()> {
    let mut count = 0;
    while count < enough {
        let max = (1 + rng.below(9)).min(enough - count);
        let Some(encoded) = script.streams.read(end, max).await? else {
            ensure!(pipe.kind == Kind::Stream, "a future has no value");
            break;
        };
        count += match pipe.kind {
            Kind::Stream => encoded.bytes.get(4..8).map_or(0, |len| len[0].into()),
            // There is one value.
            Kind::Future => enough,
        };
        taken.push((max, encoded));
    }
    Ok(())
}

/// A call of which the plugin sees nothing by itself.
fn plain<'a>(function: &'a Function<'a>, arguments: Vec<Val>) -> Call<'a> {
    Call {
        function,
        arguments,
        made: Vec::new(),
        result: Vec::new(),
        answer: Answer::default(),
    }
}

pub(super) fn number(number: usize) -> Val {
    Val::U32(u32::try_from(number).unwrap())
}
