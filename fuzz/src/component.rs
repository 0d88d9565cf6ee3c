//! The component as the host runs it, and the resources that it has: some are
//! in the harness's hands, others stay in the component, which lent them.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::values::{Rng, show};
use e2e::{Instance, TestHost};
use wash_plugin_loader::LoadedPlugin;
use wash_runtime::engine::Engine;
use wash_runtime::types::WorkloadState;
use wash_runtime::wasmtime::component::types::ComponentItem;
use wash_runtime::wasmtime::component::{self, Func, ResourceAny, ResourceType, Type, Val};
use wash_runtime::wit::WitInterface;

use crate::draw::{Call, Drawn, Function};
use crate::guest::dropper;
use crate::handles;
use crate::oracle;
use crate::resources::Numbers;
use crate::script::{Answer, Script, Seen};
use crate::world::{Called, World};

/// An instance of the component, and what it has.
pub(crate) struct Component {
    host: TestHost,
    compiled: component::Component,
    instance: Instance,
    script: Arc<Script>,
    makers: Vec<Maker>,
    numbers: Numbers,
    /// What it returned, and what is passed to it.
    held: Vec<Held>,
    /// The numbers of those that it was given and that did not come back to the
    /// plugin.
    inside: Vec<u32>,
}

/// A function that gives resources of a type.
struct Maker {
    called: Called,
    results: Vec<Type>,
    /// Of what.
    ty: ResourceType,
}

/// A resource that the component returned.
struct Held {
    maker: usize,
    number: u32,
    resource: ResourceAny,
}

/// How a call went.
pub(crate) struct Outcome {
    pub(crate) returned: Result<Vec<Val>>,
    /// What the plugin saw of it.
    pub(crate) seen: Vec<Seen>,
}

impl Component {
    /// The component of this world in a host, whose plugin follows the script.
    pub(crate) async fn start(
        engine: &Engine,
        world: &World,
        plugin: Arc<LoadedPlugin>,
        script: Arc<Script>,
    ) -> Result<Self> {
        let host = TestHost::builder()
            .shared_engine(engine.clone())
            .plugin(plugin)
            .start()
            .await?;
        let needs = world.needs.iter();
        let needs = needs.map(|need| WitInterface::from(need.as_str()));
        let status = host
            .workload(TestHost::WORKLOAD, world.guest.clone(), needs.collect())
            .await;
        ensure!(
            status.workload_state == WorkloadState::Running,
            "the guest does not start: {}",
            status.message
        );
        let mut this = Self {
            compiled: host.component().await?,
            instance: host.instance().await?,
            host,
            script,
            makers: Vec::new(),
            numbers: Numbers::default(),
            held: Vec::new(),
            inside: Vec::new(),
        };
        for called in &world.makers {
            let (_, results) = this.exported(called)?;
            let ty = match results.as_slice() {
                [Type::List(list)] => list.ty(),
                other => bail!("`{}` makes {other:?}", called.name),
            };
            let Type::Own(ty) = ty else {
                bail!("`{}` makes no resources", called.name);
            };
            let called = called.clone();
            this.makers.push(Maker {
                called,
                results,
                ty,
            });
        }
        Ok(this)
    }

    pub(crate) fn compiled(&self) -> &component::Component {
        &self.compiled
    }

    /// A function, with its types.
    pub(crate) fn function<'a>(
        &mut self,
        engine: &Engine,
        called: &'a Called,
    ) -> Result<Function<'a>> {
        let (params, results) = self.exported(called)?;
        Ok(Function {
            called,
            params,
            passed: imported(engine, &self.compiled, called)?,
            results,
        })
    }

    /// A function that it has of its own.
    pub(crate) fn own_function<'a>(&mut self, called: &'a Called) -> Result<Function<'a>> {
        let (params, results) = self.exported(called)?;
        Ok(Function {
            called,
            passed: params.clone(),
            params,
            results,
        })
    }

    fn exported(&mut self, called: &Called) -> Result<(Vec<Type>, Vec<Type>)> {
        let func = self.instance.bare_func(&called.export)?;
        let (params, result) = self.instance.types(func);
        Ok((params, result.into_iter().collect()))
    }

    /// A fresh instance. Of the one before, nothing is left.
    pub(crate) async fn fresh(&mut self) -> Result<()> {
        self.replace().await?;
        self.check().context("an instance is gone")
    }

    /// The same, if it is not known what the one before had.
    pub(crate) async fn forget(&mut self) -> Result<()> {
        self.replace().await?;
        self.script.resources.clear();
        Ok(())
    }

    async fn replace(&mut self) -> Result<()> {
        self.instance = self.host.instance().await?;
        self.held.clear();
        self.inside.clear();
        Ok(())
    }

    /// What the plugin has given must be what the component has.
    pub(crate) fn check(&self) -> Result<()> {
        let held = self.held.iter().map(|held| held.number);
        let has = held.chain(self.inside.iter().copied());
        self.script.resources.check(has)
    }

    /// Chooses the resources for a call: arguments that the component has, and
    /// results that it does not have yet.
    pub(crate) async fn prepare<'a>(
        &mut self,
        function: &'a Function<'a>,
        drawn: &Drawn,
        rng: &mut Rng,
    ) -> Result<Call<'a>> {
        let made = self.choose(&function.params, &drawn.arguments, rng);
        let (arguments, made) = made.await.context("there are no resources for it")?;
        let result = self.numbered(&function.results, &drawn.result)?;
        Ok(Call {
            function,
            arguments,
            made,
            answer: Answer {
                result: oracle::encode(&function.results, &result, rng, drawn.lend),
                pending: drawn.pending,
                fails: false,
            },
            result,
        })
    }

    /// The values with numbers that no resource has yet.
    pub(crate) fn numbered(&mut self, types: &[Type], values: &[Val]) -> Result<Vec<Val>> {
        handles::map(types, values, &mut |_, _| {
            Ok(Val::U32(self.numbers.another()))
        })
    }

    /// The arguments with numbers of resources that are there, and these by
    /// maker, in the order in which they came.
    pub(crate) async fn choose(
        &mut self,
        types: &[Type],
        values: &[Val],
        rng: &mut Rng,
    ) -> Result<(Vec<Val>, Vec<Vec<u32>>)> {
        let mut wanted = vec![0; self.makers.len()];
        handles::map(types, values, &mut |ty, value| {
            wanted[self.maker(ty)?] += 1;
            Ok(value.clone())
        })?;
        let mut made = Vec::new();
        for (maker, wanted) in wanted.into_iter().enumerate() {
            let of_maker = |held: &&Held| held.maker == maker;
            let there = self.held.iter().filter(of_maker).count();
            if there < wanted {
                self.make(maker, wanted - there).await?;
            }
            let held = self.held.iter().filter(of_maker);
            let mut numbers: Vec<u32> = held.map(|held| held.number).collect();
            while numbers.len() > wanted {
                numbers.remove(rng.below(numbers.len()));
            }
            made.push(numbers);
        }
        let mut left = made.clone();
        let arguments = handles::map(types, values, &mut |ty, _| {
            let left = &mut left[self.maker(ty)?];
            Ok(Val::U32(left.swap_remove(rng.below(left.len()))))
        })?;
        Ok((arguments, made))
    }

    /// Has the plugin give the component resources.
    async fn make(&mut self, maker: usize, count: usize) -> Result<()> {
        let numbers: Vec<u32> = (0..count).map(|_| self.numbers.another()).collect();
        let values = [Val::List(numbers.iter().copied().map(Val::U32).collect())];
        let Maker {
            called, results, ..
        } = &self.makers[maker];
        let (export, results) = (called.export.clone(), results.clone());
        self.script.answer(Answer {
            result: oracle::encode(&results, &values, &mut Rng::new("made"), false),
            ..Answer::default()
        });
        let func = self.instance.bare_func(&export)?;
        let returned = self.instance.call(func, &[]).await?;
        self.script.seen();
        self.receive(&results, &returned, &numbers)?;
        Ok(())
    }

    fn maker(&self, ty: &Type) -> Result<usize> {
        let (Type::Own(ty) | Type::Borrow(ty)) = ty else {
            bail!("{ty:?} is no resource");
        };
        let found = self.makers.iter().position(|maker| maker.ty == *ty);
        found.with_context(|| format!("nothing makes a {ty:?}"))
    }

    /// Makes a call. What it changes is still to be noted.
    pub(crate) async fn call(&mut self, call: &Call<'_>, answer: Answer) -> Result<Outcome> {
        let (func, arguments) = self.begin(call, answer)?;
        let returned = self.instance.call(func, &arguments).await;
        Ok(Outcome {
            returned,
            seen: self.script.seen(),
        })
    }

    /// Makes a call that the plugin never answers, and gives it up: what the
    /// plugin saw.
    pub(crate) async fn give_up(&mut self, call: &Call<'_>, answer: Answer) -> Result<Vec<Seen>> {
        let answer = Answer {
            pending: usize::MAX,
            ..answer
        };
        let (func, arguments) = self.begin(call, answer)?;
        let mut called = pin!(self.instance.call(func, &arguments));
        for _ in 0..3 {
            let polled = poll_fn(|cx| Poll::Ready(called.as_mut().poll(cx))).await;
            if let Poll::Ready(returned) = polled {
                bail!("it was not given up, and is {}", show(&returned));
            }
        }
        Ok(self.script.seen())
    }

    /// Hands the arguments over to the component, which is to call this.
    fn begin(&mut self, call: &Call<'_>, answer: Answer) -> Result<(Func, Vec<Val>)> {
        let Function { params, called, .. } = call.function;
        self.script.answer(answer);
        let arguments = handles::map(params, &call.arguments, &mut |ty, value| {
            let (maker, number) = (self.maker(ty)?, handles::number(value)?);
            let mut held = self.held.iter();
            let at = held.position(|held| held.maker == maker && held.number == number);
            let at = at.context("the component does not have it")?;
            self.inside.push(number);
            Ok(Val::Resource(self.held.remove(at).resource))
        })?;
        Ok((self.instance.bare_func(&called.export)?, arguments))
    }

    /// Calls a function that has nothing to do with the plugin.
    pub(crate) async fn call_bare(&mut self, function: &str, arguments: &[Val]) -> Result<()> {
        let func = self.instance.bare_func(function)?;
        self.instance.call(func, arguments).await?;
        Ok(())
    }

    /// These are the plugin's again.
    pub(crate) fn took(&mut self, numbers: &[u32]) -> Result<()> {
        for number in numbers {
            let at = self.inside.iter().position(|inside| inside == number);
            let at = at.with_context(|| format!("{number:#x} came back from nowhere"))?;
            self.inside.swap_remove(at);
            self.script.resources.came_back(*number);
        }
        Ok(())
    }

    /// The plugin has given these, and the component has trapped.
    pub(crate) fn lost(&mut self, numbers: &[u32]) {
        for number in numbers {
            self.script.resources.gave(*number);
        }
    }

    /// The plugin has given these, which are in what the component returned:
    /// that, with numbers.
    pub(crate) fn receive(
        &mut self,
        types: &[Type],
        returned: &[Val],
        numbers: &[u32],
    ) -> Result<Vec<Val>> {
        self.lost(numbers);
        let mut numbers = numbers.iter();
        handles::map(types, returned, &mut |ty, value| {
            let Val::Resource(resource) = value else {
                bail!("the component returned {value:?} for a resource");
            };
            let number = numbers.next();
            let number = *number.context("there are more resources than were given")?;
            self.held.push(Held {
                maker: self.maker(ty)?,
                number,
                resource: *resource,
            });
            Ok(Val::U32(number))
        })
    }

    /// Drops one of so many that the harness has, on average: itself, or it has
    /// the component do so.
    pub(crate) async fn drop_one_in(&mut self, count: usize, rng: &mut Rng) -> Result<()> {
        for held in mem::take(&mut self.held) {
            if rng.below(count) > 0 {
                self.held.push(held);
            } else if rng.below(2) == 0 {
                self.instance.drop_resource(held.resource).await?;
            } else {
                let export = dropper(&self.makers[held.maker].called.export);
                self.call_bare(&export, &[Val::Resource(held.resource)])
                    .await?;
            }
        }
        self.check().context("some were dropped")
    }

    /// The end of the component and its host. The plugin must have all back.
    pub(crate) async fn stop(self) -> Result<()> {
        let Self {
            host,
            instance,
            script,
            ..
        } = self;
        drop(instance);
        script.resources.check([]).context("the last is gone")?;
        host.stop().await?;
        script.resources.check([]).context("the host has stopped")
    }
}

/// The parameters of a function that the component imports.
fn imported(
    engine: &Engine,
    component: &component::Component,
    called: &Called,
) -> Result<Vec<Type>> {
    let types = component.component_type();
    for (name, import) in types.imports(engine.inner()) {
        if let ComponentItem::ComponentInstance(import) = import.ty
            && name == called.interface
        {
            for (name, export) in import.exports(engine.inner()) {
                if let ComponentItem::ComponentFunc(func) = export.ty
                    && name == called.name
                {
                    return Ok(func.params().map(|(_, ty)| ty).collect());
                }
            }
        }
    }
    bail!("the component does not import `{}`", called.name)
}
