//! The target `streams`: what streams and futures carry arrives, whichever side
//! made it, and also if a component passes it on unread. Damage to it is an error,
//! or what the oracle reads. Each end is given up once, and each resource comes
//! back or is dropped.

mod given;
mod pipe;
mod subject;
mod wit;

use std::slice::from_ref;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::values::{Rng, show};
use wash_runtime::engine::Engine;
use wash_runtime::wasmtime::component::Val;

use crate::component::Outcome;
use crate::damage::Damage;
use crate::guest::DAMAGE;
use crate::handles;
use crate::oracle::{self, Side, Wrong, same};
use crate::tally::Tally;
use given::Given;
use pipe::{Kind, Pipe};
use subject::{Subject, Taken, number};
use wit::Piped;

pub(crate) use wit::{IDLE, INTERFACE};

/// How often each thing is tried with each type.
const ROUNDS: usize = 2;
/// How often with damage.
const DAMAGED: usize = 3;

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

impl Subject {
    async fn try_all(&mut self, pipe: &Pipe, rng: &mut Rng, tally: &mut Tally) -> Result<()> {
        for _ in 0..ROUNDS {
            self.is_given(pipe, false, rng, tally).await?;
            self.is_taken(pipe, false, rng, tally).await?;
            self.is_passed_on(pipe, false, rng, tally).await?;
            self.component.drop_one_in(3, rng).await?;
        }
        for _ in 0..DAMAGED {
            self.is_given(pipe, true, rng, tally).await?;
            self.is_taken(pipe, true, rng, tally).await?;
            self.is_passed_on(pipe, true, rng, tally).await?;
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
        // Some give up before the end.
        let total = match (pipe.kind, rng.below(4)) {
            (Kind::Stream, 0) => rng.below(items.len() + 1),
            _ => items.len() + 1,
        };
        let most = 1 + rng.below(items.len() + 2);
        let wanted: Vec<Val> = items.iter().take(total).cloned().collect();
        let given = Given::new(pipe, items, is_damaged, rng);
        self.gives(pipe.gives(), Box::new(given.source()))?;
        let arguments = match pipe.kind {
            Kind::Stream => vec![number(total), number(most)],
            Kind::Future => Vec::new(),
        };
        let drains = pipe.called(pipe.drains());
        let outcome = self.call(&drains, arguments).await?;
        tally.calls += 1;
        let wanted = (!is_damaged).then_some(wanted);
        let got = self.got(pipe, outcome, wanted, tally).await;
        got.with_context(|| what.clone())?;
        self.ended().context(what)
    }

    /// Whether the component got what was read of the plugin, and that was all
    /// that was `wanted`, if nothing was damaged.
    async fn got(
        &mut self,
        pipe: &Pipe,
        outcome: Outcome,
        wanted: Option<Vec<Val>>,
        tally: &mut Tally,
    ) -> Result<()> {
        let (read, numbers) = self.was_read(pipe);
        tally.damaged += u64::from(wanted.is_none());
        match (read, outcome.returned) {
            (Err(Wrong::TooMuch), _) => {
                tally.skipped += 1;
                self.component.forget().await
            }
            (Ok(read), Ok(returned)) => {
                let list = from_ref(&pipe.list);
                tally.resources += numbers.len() as u64;
                let returned = self.component.receive(list, &returned, &numbers)?;
                let wanted = [Val::List(wanted.unwrap_or(read))];
                same("the component got", list, &returned, &wanted)?;
                self.component.check()
            }
            (Err(wrong), Err(error)) => {
                ensure!(wanted.is_none(), "it is {wrong:?}: {error:#}");
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
        let wanted = items.get(..enough).unwrap_or(&items).to_vec();
        let wanted = (!is_damaged).then_some(wanted);
        let checked = self.took(pipe, outcome, taken, wanted, tally);
        checked.await.with_context(|| what.clone())?;
        self.ended().context(what)
    }

    /// Whether the plugin got what was `wanted`, if nothing was damaged.
    async fn took(
        &mut self,
        pipe: &Pipe,
        outcome: Outcome,
        taken: Taken,
        wanted: Option<Vec<Val>>,
        tally: &mut Tally,
    ) -> Result<()> {
        let Some(got) = pipe.taken(taken)? else {
            tally.skipped += 1;
            return self.component.forget().await;
        };
        let (types, count) = (from_ref(&pipe.list), got.len());
        let got = [Val::List(got)];
        let numbers = handles::numbers(types, &got, true);
        tally.resources += numbers.len() as u64;
        self.component.took(&numbers)?;
        match (outcome.returned, wanted) {
            (Ok(returned), wanted) => {
                if let Some(wanted) = wanted {
                    same("the plugin got", types, &got, &[Val::List(wanted)])?;
                }
                if let [Val::U32(passed)] = returned.as_slice() {
                    let passed = *passed as usize;
                    ensure!(passed >= count, "{passed} were passed, and {count} read");
                }
            }
            (Err(_), None) => tally.refused += 1,
            (Err(error), Some(_)) => bail!("it fails: {error:#}"),
        }
        // What was not read is the component's, or nobody's.
        self.component.fresh().await
    }

    /// What a component passes on from the plugin to the plugin, which it has not
    /// looked at.
    async fn is_passed_on(
        &mut self,
        pipe: &Pipe,
        is_damaged: bool,
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<()> {
        let items = self.draw(pipe, rng)?;
        let what = format!("passed on {}", show(&items));
        let wanted = (!is_damaged).then(|| items.clone());
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
        let checked = passed_on(pipe, read, wanted, &outcome, taken);
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
}

/// Whether what was passed on was refused, as it had to be; if not, it is what was
/// read of the plugin, and all that was `wanted`, if nothing was damaged.
fn passed_on(
    pipe: &Pipe,
    read: Result<Vec<Val>, Wrong>,
    wanted: Option<Vec<Val>>,
    outcome: &Outcome,
    taken: Taken,
) -> Result<bool> {
    let got = pipe.taken(taken)?;
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
    match (read, got, text) {
        (Err(Wrong::TooMuch), ..) | (_, None, _) => Ok(false),
        (Ok(read), Some(got), None) => {
            let types = from_ref(&pipe.list);
            let wanted = [Val::List(wanted.unwrap_or(read))];
            same("the plugin got", types, &[Val::List(got)], &wanted)?;
            Ok(false)
        }
        (Err(_), _, Some(text)) => {
            ensure!(wanted.is_none(), "it fails: {text}");
            ensure!(
                text.contains("plugin `fuzz`"),
                "it does not say who: {text}"
            );
            Ok(true)
        }
        (read, _, text) => bail!("it is {}, and the host says {text:?}", show(&read)),
    }
}
