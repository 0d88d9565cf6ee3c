//! The target `calls`: what a component and a plugin of the same world say to
//! each other arrives, and damage to it is an error or another value, the same
//! one that the oracle reads. A resource is given, comes back and is dropped as
//! often as it should be.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::values::{Rng, show};
use wash_runtime::engine::Engine;

use crate::component::{Component, Outcome};
use crate::damage::{Damage, damage};
use crate::direct::Direct;
use crate::draw::{Call, Drawn, Function};
use crate::guest::DAMAGE;
use crate::oracle::{self, Side, Wrong, same};
use crate::plugin;
use crate::script::{Answer, Script, Seen};
use crate::tally::Tally;
use crate::world::{Called, World};

/// How many arguments and results each function of a world is tried with.
const ROUNDS: usize = 3;
/// How often each result is damaged, and the arguments.
const DAMAGED: usize = 4;

/// An engine for the guests of any number of runs.
///
/// # Errors
///
/// If there can be none.
pub fn engine() -> Result<Engine> {
    Engine::builder()
        .with_pooling_allocator(false)
        .with_compilation_cache(1, std::time::Duration::from_secs(1))
        .build()
}

/// Calls what a document's world has, with values that follow from `seed`.
///
/// # Errors
///
/// What was found: a value that did not arrive, a damaged one that is read in
/// two ways, a resource that is dropped twice or never, or a world that cannot
/// be served.
pub async fn run(engine: &Engine, wit: &str, seed: u64) -> Result<Tally> {
    let mut rng = Rng::new(&seed.to_string());
    let mut tally = Tally::default();
    let Some(world) = World::read(wit, &mut rng)? else {
        return Ok(tally);
    };
    tally.worlds = 1;
    let (mut subject, script) = Subject::start(engine, &world).await?;
    let mut functions = Vec::new();
    for called in &world.called {
        let function = subject.component.function(engine, called)?;
        tally.functions += 1;
        tally.count_kinds(function.passed.iter().chain(&function.results));
        functions.push(function);
    }
    let mut all = Vec::new();
    for function in &functions {
        for _ in 0..ROUNDS {
            match Drawn::new(function, &mut rng) {
                Some(drawn) => all.push((function, drawn)),
                None => tally.skipped += 1,
            }
        }
    }
    let place = |function: &Function<'_>| {
        let Called {
            interface, name, ..
        } = function.called;
        format!("in `{interface}#{name}`")
    };
    // First with one instance: what one function gives, another is given.
    for (function, drawn) in &all {
        let arrived = subject.try_whole(function, drawn, &mut rng, &mut tally);
        arrived.await.with_context(|| place(function))?;
    }
    for (function, drawn) in &all {
        let arrived = subject.try_damaged(function, drawn, &mut rng, &mut tally);
        arrived.await.with_context(|| place(function))?;
    }
    subject.component.stop().await?;
    ensure!(
        script.lent() == 0,
        "{} results are still lent",
        script.lent()
    );
    Ok(tally)
}

struct Subject {
    component: Component,
    direct: Direct,
}

impl Subject {
    async fn start(engine: &Engine, world: &World) -> Result<(Self, Arc<Script>)> {
        let (plugin, script) = plugin::load(world)?;
        let component = Component::start(engine, world, plugin, Arc::clone(&script)).await?;
        let direct = Direct::new(engine, component.compiled(), world)?;
        Ok((Self { component, direct }, script))
    }

    async fn try_whole(
        &mut self,
        function: &Function<'_>,
        drawn: &Drawn,
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<()> {
        let call = self.component.prepare(function, drawn, rng).await?;
        tally.calls += 1;
        tally.resources += (call.made.iter().flatten().count() + call.gives().len()) as u64;
        let arrived = self.arrives(&call).await;
        arrived.with_context(|| call.to_string())?;
        self.component.drop_one_in(3, rng).await
    }

    async fn try_damaged(
        &mut self,
        function: &Function<'_>,
        drawn: &Drawn,
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<()> {
        for _ in 0..DAMAGED {
            let damage = Damage::new(rng);
            if !function.params.is_empty() {
                // As without the plugin: what is in its memory beside the
                // arguments may be taken for some, and other resources for these.
                self.component.fresh().await?;
                let call = self.component.prepare(function, drawn, rng).await?;
                tally.damaged += 1;
                self.arrives_damaged(&call, damage, tally)
                    .await
                    .with_context(|| format!("{call}, with {damage:?}"))?;
            }
        }
        for _ in 0..DAMAGED {
            if !function.results.is_empty() {
                let call = self.component.prepare(function, drawn, rng).await?;
                let mut answer = call.answer.clone();
                match &mut answer.result.lent {
                    Some(lent) if rng.below(4) == 0 => damage(lent, rng),
                    _ => damage(&mut answer.result.bytes, rng),
                }
                tally.damaged += 1;
                let about = show(&answer.result);
                self.is_read_alike(&call, answer, tally)
                    .await
                    .with_context(|| format!("returned damaged: {about}"))?;
                // A number may stand for two of them now.
                self.component.drop_one_in(1, rng).await?;
            }
        }
        let call = self.component.prepare(function, drawn, rng).await?;
        if !call.takes(&call.arguments).is_empty() {
            let failed = self.fails(&call).await;
            failed.with_context(|| format!("{call}, but to fail"))?;
        }
        if function.called.is_async {
            let call = self.component.prepare(function, drawn, rng).await?;
            let given_up = self.is_given_up(&call).await;
            given_up.with_context(|| format!("{call}, but given up"))?;
        }
        Ok(())
    }

    /// What is passed and returned arrives, by the plugin and by wasmtime's own
    /// way.
    async fn arrives(&mut self, call: &Call<'_>) -> Result<()> {
        let Function {
            called,
            params,
            results,
            ..
        } = call.function;
        let answer = call.answer.clone();
        let Outcome { returned, seen } = self.component.call(call, answer).await?;
        let returned = returned?;
        let seen = once(&seen)?;
        ensure!(seen.function == called.index, "another function was called");
        ensure!(seen.aligned, "the arguments are not aligned");
        match oracle::decode(params, &seen.args, Side::Plugin) {
            Ok(read) => same("the plugin got", params, &read, &call.arguments)?,
            Err(wrong) => bail!("the arguments are wrong: {wrong:?}: {}", show(&seen.args)),
        }
        self.component.took(&call.takes(&call.arguments))?;
        let returned = self.component.receive(results, &returned, &call.gives())?;
        same("the component got", results, &returned, &call.result)?;
        self.component.check()?;

        let direct = self.direct.call(call, None).await;
        let direct = direct.context("without the plugin")?;
        let what = "without the plugin, the import got";
        same(what, params, &direct.args, &call.arguments)?;
        let what = "without the plugin, the component got";
        same(what, results, &direct.results, &call.result)
    }

    /// What a component passes that no good one would is an error, or what
    /// wasmtime takes it for.
    async fn arrives_damaged(
        &mut self,
        call: &Call<'_>,
        damage: Damage,
        tally: &mut Tally,
    ) -> Result<()> {
        let Function {
            params, results, ..
        } = call.function;
        self.component
            .call_bare(DAMAGE, &damage.arguments())
            .await?;
        let answer = call.answer.clone();
        let Outcome { returned, seen } = self.component.call(call, answer).await?;
        let direct = self.direct.call(call, Some(damage)).await;
        match (direct, returned, seen.as_slice()) {
            (Ok(direct), Ok(returned), [seen]) => {
                let read = match oracle::decode(params, &seen.args, Side::Plugin) {
                    Ok(read) => read,
                    Err(Wrong::TooMuch) => {
                        tally.skipped += 1;
                        return self.component.forget().await;
                    }
                    Err(wrong) => bail!("the arguments are wrong: {wrong:?}: {}", show(&seen.args)),
                };
                same("the plugin got", params, &read, &direct.args)?;
                self.component.took(&call.takes(&read))?;
                let returned = self.component.receive(results, &returned, &call.gives())?;
                same("the component got", results, &returned, &call.result)?;
                self.component.check()
            }
            (Err(_), Err(_), []) => {
                tally.refused += 1;
                self.component.fresh().await
            }
            (direct, returned, seen) => {
                let (direct, returned, seen) = (show(&direct), show(&returned), show(&seen));
                bail!("by values it is {direct}, by the plugin {returned}, which saw {seen}")
            }
        }
    }

    /// A damaged result is an error, or what the oracle reads. The number of a
    /// resource is the plugin's choice, so any is one, and given as often as it
    /// stands there; if there is an error, those before it are given.
    async fn is_read_alike(
        &mut self,
        call: &Call<'_>,
        answer: Answer,
        tally: &mut Tally,
    ) -> Result<()> {
        let Function {
            called, results, ..
        } = call.function;
        let Outcome { returned, seen } = self.component.call(call, answer).await?;
        let seen = once(&seen)?;
        self.component.took(&call.takes(&call.arguments))?;
        let (read, given) = oracle::read(results, &seen.answered, Side::Host);
        match (read, returned) {
            (Err(Wrong::TooMuch), _) => {
                tally.skipped += 1;
                self.component.forget().await
            }
            (Ok(read), Ok(returned)) => {
                let returned = self.component.receive(results, &returned, &given)?;
                same("the component got", results, &returned, &read)?;
                self.component.check()
            }
            (Err(_), Err(error)) => {
                tally.refused += 1;
                let Called {
                    interface, name, ..
                } = called;
                let text = format!("{error:#}");
                let says = text.contains(&format!("`{interface}#{name}`"));
                ensure!(says, "the error does not say where: {text}");
                self.component.lost(&given);
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

    /// If the plugin fails, it has taken nothing: the host drops what it was to
    /// be given.
    async fn fails(&mut self, call: &Call<'_>) -> Result<()> {
        let mut answer = call.answer.clone();
        answer.fails = true;
        let Outcome { returned, seen } = self.component.call(call, answer).await?;
        once(&seen)?;
        ensure!(returned.is_err(), "it does not fail: {}", show(&returned));
        self.component.fresh().await
    }

    /// Nor has it if the call is given up before it answers.
    async fn is_given_up(&mut self, call: &Call<'_>) -> Result<()> {
        let answer = call.answer.clone();
        let seen = self.component.give_up(call, answer).await?;
        once(&seen)?;
        self.component.fresh().await
    }
}

/// The one call that the plugin saw.
fn once(seen: &[Seen]) -> Result<&Seen> {
    match seen {
        [seen] => Ok(seen),
        seen => bail!("the plugin was called {} times", seen.len()),
    }
}
