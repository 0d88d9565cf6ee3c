//! The target `streams`: what streams and futures carry arrives, whichever side
//! made it, and also if a component passes it on unread. Damage to it is an error,
//! or what the oracle reads. Each end is given up once, and each resource comes
//! back or is dropped.

mod given;
mod pipe;
mod wit;

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

use crate::component::{Component, Outcome};
use crate::damage::Damage;
use crate::draw::{Call, Function};
use crate::guest::DAMAGE;
use crate::handles;
use crate::oracle::{self, Encoded, Side, Wrong, same};
use crate::plugin;
use crate::resources::Numbers;
use crate::script::{Answer, Script, Seen};
use crate::tally::Tally;
use crate::world::{Called, World};
use given::{Given, Idle};
use pipe::{Kind, Pipe};
use wit::Piped;

pub(crate) use wit::{IDLE, INTERFACE};

/// How often each thing is tried with each type.
const ROUNDS: usize = 2;
/// How often with damage.
const DAMAGED: usize = 3;
/// Longer than anything takes: what hangs is found.
const LONG: Duration = Duration::from_secs(120);

/// Has streams and futures of what a document's world has, with values that
/// follow from `seed`.
///
/// # Errors
///
/// What was found: a value that did not arrive, a damaged one that is read in
/// two ways, an end that is given up twice or never, or a world that cannot be
/// served.
pub async fn run(engine: &Engine, wit: &str, seed: u64) -> Result<Tally> {
    let mut rng = Rng::new(&format!("streams {seed}"));
    let mut tally = Tally::default();
    let Some(Piped { world, count }) = Piped::read(wit, &mut rng)? else {
        return Ok(tally);
    };
    tally.worlds = 1;
    let (mut subject, pipes) = Subject::start(engine, &world, count).await?;
    for pipe in &pipes {
        tally.functions += 1;
        tally.count_kinds([pipe.item()].into_iter());
        let tried = subject.try_all(pipe, &mut rng, &mut tally).await;
        tried.with_context(|| format!("{pipe}"))?;
    }
    subject.component.stop().await?;
    subject.script.streams.check()?;
    ensure!(subject.script.lent() == 0, "something is still lent");
    Ok(tally)
}

struct Subject {
    component: Component,
    script: Arc<Script>,
    plugin: Arc<LoadedPlugin>,
    /// What the plugin serves of [`INTERFACE`].
    served: Vec<Called>,
    numbers: Numbers,
    /// What the next call is to be given: by which function, and the number.
    giving: Vec<(usize, u32)>,
}

/// What the plugin read of a component's stream or future, piece by piece, and
/// how much it asked for.
type Taken = Vec<(usize, Encoded)>;

impl Subject {
    async fn start(engine: &Engine, world: &World, count: usize) -> Result<(Self, Vec<Pipe>)> {
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

    async fn try_all(&mut self, pipe: &Pipe, rng: &mut Rng, tally: &mut Tally) -> Result<()> {
        for _ in 0..ROUNDS {
            self.is_given(pipe, false, rng, tally).await?;
            self.is_taken(pipe, false, rng, tally).await?;
            self.is_passed_on(pipe, rng, tally).await?;
            self.component.drop_one_in(3, rng).await?;
        }
        for _ in 0..DAMAGED {
            self.is_given(pipe, true, rng, tally).await?;
            self.is_taken(pipe, true, rng, tally).await?;
        }
        self.is_abandoned(pipe, rng).await
    }

    /// What the plugin gives, the component gets.
    async fn is_given(
        &mut self,
        pipe: &Pipe,
        is_damaged: bool,
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<()> {
        let items = self.draw(pipe, rng)?;
        let what = format!("given {}", show(&items));
        let given = Given::new(pipe, items.clone(), is_damaged, rng);
        self.gives(pipe.gives(), Box::new(given.source()))?;
        let arguments = match pipe.kind {
            Kind::Stream => {
                // Some give up before the end.
                let total = match rng.below(4) {
                    0 => rng.below(items.len() + 1),
                    _ => items.len() + 1,
                };
                vec![number(total), number(1 + rng.below(items.len() + 2))]
            }
            Kind::Future => Vec::new(),
        };
        let drains = pipe.called(pipe.drains());
        let outcome = self.call(&drains, arguments).await?;
        tally.calls += 1;
        let got = self.got(pipe, outcome, is_damaged, tally).await;
        got.with_context(|| what.clone())?;
        self.ended().context(what)
    }

    /// Whether the component got what the plugin was read.
    async fn got(
        &mut self,
        pipe: &Pipe,
        outcome: Outcome,
        is_damaged: bool,
        tally: &mut Tally,
    ) -> Result<()> {
        let (read, numbers) = self.was_read(pipe);
        tally.damaged += u64::from(is_damaged);
        match (read, outcome.returned) {
            (Err(Wrong::TooMuch), _) => {
                tally.skipped += 1;
                self.component.forget().await
            }
            (Ok(read), Ok(returned)) => {
                let list = from_ref(&pipe.list);
                tally.resources += numbers.len() as u64;
                let returned = self.component.receive(list, &returned, &numbers)?;
                same("the component got", list, &returned, &[Val::List(read)])?;
                self.component.check()
            }
            (Err(wrong), Err(error)) => {
                ensure!(is_damaged, "it is {wrong:?}: {error:#}");
                tally.refused += 1;
                let text = format!("{error:#}");
                ensure!(
                    text.contains("plugin `fuzz`"),
                    "it does not say who: {text}"
                );
                self.component.lost(&numbers);
                self.component.fresh().await
            }
            (Ok(read), Err(error)) => {
                bail!("it is {}, and the host says {error:#}", show(&read));
            }
            (Err(wrong), Ok(returned)) => {
                bail!("it is {wrong:?}, and the host returns {}", show(&returned));
            }
        }
    }

    /// What the host read of the plugin's, as the oracle reads it, and the resources
    /// in that; if there is an error, those before it.
    fn was_read(&self, pipe: &Pipe) -> (Result<Vec<Val>, Wrong>, Vec<u32>) {
        let (mut items, mut numbers) = (Vec::new(), Vec::new());
        for read in self.script.streams.reads() {
            let (values, given) = oracle::read(from_ref(pipe.carrier()), &read.given, Side::Host);
            let some = match values.and_then(|values| pipe.items(values, read.max)) {
                Ok(some) => some,
                // Before any of it is given.
                Err(Wrong::Bad(what)) if what == pipe::COUNT => {
                    return (Err(Wrong::Bad(what)), numbers);
                }
                Err(wrong) => {
                    numbers.extend(given);
                    return (Err(wrong), numbers);
                }
            };
            numbers.extend(given);
            items.extend(some);
        }
        (Ok(items), numbers)
    }

    /// What the component gives, the plugin gets.
    async fn is_taken(
        &mut self,
        pipe: &Pipe,
        is_damaged: bool,
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<()> {
        let items = self.draw(pipe, rng)?;
        let types = from_ref(&pipe.list);
        let items = [Val::List(items)];
        let chosen = self.component.choose(types, &items, rng);
        let (mut arguments, _) = chosen.await.context("there are no resources for it")?;
        let what = format!("taken {}", show(&arguments));
        let [Val::List(items)] = arguments.as_slice() else {
            bail!("{} is no list", show(&arguments));
        };
        let items = items.clone();
        if pipe.kind == Kind::Stream {
            arguments.push(number(1 + rng.below(items.len() + 2)));
        }
        if is_damaged {
            let damage = Damage::new(rng).arguments();
            self.component.call_bare(DAMAGE, &damage).await?;
        }
        // Some is not read.
        let enough = match rng.below(3) {
            0 => rng.below(items.len() + 1),
            _ => usize::MAX,
        };
        let feeds = pipe.called(pipe.feeds());
        let (outcome, taken) = self
            .call_and_take(pipe, &feeds, arguments, enough, rng)
            .await?;
        tally.calls += 1;
        tally.damaged += u64::from(is_damaged);
        let checked = self.took(pipe, &items, outcome, taken, is_damaged, tally);
        checked.await.with_context(|| what.clone())?;
        self.ended().context(what)
    }

    async fn took(
        &mut self,
        pipe: &Pipe,
        items: &[Val],
        outcome: Outcome,
        taken: Taken,
        is_damaged: bool,
        tally: &mut Tally,
    ) -> Result<()> {
        let mut got = Vec::new();
        for (max, encoded) in taken {
            let values = oracle::decode(from_ref(pipe.carrier()), &encoded, Side::Plugin);
            match values.and_then(|values| pipe.items(values, max)) {
                Ok(some) => got.extend(some),
                Err(Wrong::TooMuch) => {
                    tally.skipped += 1;
                    return self.component.forget().await;
                }
                Err(wrong) => bail!("what was read is wrong: {wrong:?}: {}", show(&encoded)),
            }
        }
        let types = from_ref(&pipe.list);
        let got = [Val::List(got)];
        let numbers = handles::numbers(types, &got, true);
        tally.resources += numbers.len() as u64;
        self.component.took(&numbers)?;
        match outcome.returned {
            Ok(returned) => {
                let [Val::List(got)] = &got else {
                    bail!("it is no list");
                };
                if !is_damaged {
                    let wanted = items.get(..got.len()).unwrap_or(items);
                    same(
                        "the plugin got",
                        types,
                        &[Val::List(got.clone())],
                        &[Val::List(wanted.to_vec())],
                    )?;
                }
                if let [Val::U32(passed)] = returned.as_slice() {
                    let passed = *passed as usize;
                    let fits = (got.len()..=items.len()).contains(&passed);
                    ensure!(fits, "{passed} were passed, and {} read", got.len());
                }
            }
            Err(error) => {
                ensure!(is_damaged, "it fails: {error:#}");
                tally.refused += 1;
            }
        }
        // What was not read is the component's, or nobody's.
        self.component.fresh().await
    }

    /// What a component passes on from the plugin to the plugin, which it has not
    /// looked at.
    async fn is_passed_on(&mut self, pipe: &Pipe, rng: &mut Rng, tally: &mut Tally) -> Result<()> {
        let is_damaged = rng.below(3) == 0;
        let items = self.draw(pipe, rng)?;
        let what = format!("passed on {}", show(&items));
        let given = Given::new(pipe, items, is_damaged, rng);
        self.gives(pipe.gives(), Box::new(given.source()))?;
        let passes = pipe.called(pipe.passes());
        let all = usize::MAX;
        let (outcome, taken) = self
            .call_and_take(pipe, &passes, Vec::new(), all, rng)
            .await?;
        tally.calls += 1;
        tally.damaged += u64::from(is_damaged);
        let (read, _) = self.was_read(pipe);
        let checked = passed_on(pipe, read, &outcome, taken);
        tally.refused += u64::from(checked.with_context(|| what)?);
        self.component.forget().await?;
        self.ended().context("passed on")
    }

    /// A call that is given up, in whichever direction.
    async fn is_abandoned(&mut self, pipe: &Pipe, rng: &mut Rng) -> Result<()> {
        let items = self.draw(pipe, rng)?;
        // More than there are.
        let total = number(items.len() + 1);
        let given = Given::new(pipe, items, false, rng).that_stops(rng);
        self.gives(pipe.gives(), Box::new(given.source()))?;
        let arguments = match pipe.kind {
            Kind::Stream => vec![total, number(1 + rng.below(4))],
            Kind::Future => Vec::new(),
        };
        let drains = pipe.called(pipe.drains());
        self.give_up(&drains, arguments).await?;
        let (_, numbers) = self.was_read(pipe);
        self.component.lost(&numbers);
        self.component.fresh().await.context("it was given up")?;
        self.ended()
    }

    /// Values for a stream or a future, with numbers for resources that nobody has.
    fn draw(&mut self, pipe: &Pipe, rng: &mut Rng) -> Result<Vec<Val>> {
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
    fn gives(&mut self, function: String, source: plugin::Source) -> Result<()> {
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

    async fn call(&mut self, called: &Called, arguments: Vec<Val>) -> Result<Outcome> {
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
    async fn call_and_take(
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
    async fn give_up(&mut self, called: &Called, arguments: Vec<Val>) -> Result<()> {
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
    fn ended(&self) -> Result<()> {
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

/// Whether what was passed on was refused, as it had to be.
fn passed_on(
    pipe: &Pipe,
    read: Result<Vec<Val>, Wrong>,
    outcome: &Outcome,
    taken: Taken,
) -> Result<bool> {
    let mut got = Vec::new();
    for (max, encoded) in taken {
        let values = oracle::decode(from_ref(pipe.carrier()), &encoded, Side::Plugin);
        match values.and_then(|values| pipe.items(values, max)) {
            Ok(some) => got.extend(some),
            Err(Wrong::TooMuch) => return Ok(false),
            Err(wrong) => bail!("what was read is wrong: {wrong:?}: {}", show(&encoded)),
        }
    }
    let error = outcome.returned.as_ref().err();
    let text = error.map(|error| format!("{error:#}"));
    if !pipe.is_portable() {
        let text = text.context("it is passed on, although it means nothing to others")?;
        ensure!(
            text.contains("without reading it"),
            "it does not say why: {text}"
        );
        return Ok(true);
    }
    match (read, text) {
        (Err(Wrong::TooMuch), _) => Ok(false),
        (Ok(read), None) => {
            let types = from_ref(&pipe.list);
            same(
                "the plugin got",
                types,
                &[Val::List(got)],
                &[Val::List(read)],
            )?;
            Ok(false)
        }
        (Err(_), Some(text)) => {
            ensure!(
                text.contains("plugin `fuzz`"),
                "it does not say who: {text}"
            );
            Ok(true)
        }
        (read, text) => bail!("it is {}, and the host says {text:?}", show(&read)),
    }
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

fn number(number: usize) -> Val {
    Val::U32(u32::try_from(number).unwrap())
}
