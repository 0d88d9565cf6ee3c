//! The target `codec`: a plugin in Rust reads damaged arguments. What it cannot
//! read must be refused as such, and what it can must be what the oracle reads.
//!
//! The plugin is that of the suite of values, whose functions return what they
//! are given and have every type.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use e2e::values::{Rng, show};
use e2e::{TestHost, artifacts};
use wash_plugin_loader::LoadedPlugin;
use wash_plugin_loader::adapt::{CallError, CallFault};
use wash_runtime::engine::Engine;
use wash_runtime::wasmtime::component::types::ComponentItem;
use wash_runtime::wasmtime::component::{Type, Val};

use crate::damage::damage;
use crate::draw::random;
use crate::oracle::{self, Encoded, Side, Wrong, same};
use crate::tally::Tally;

/// How many calls a run makes.
const CALLS: usize = 50;

/// The plugin, and what it serves.
#[derive(Debug)]
pub struct Codec {
    plugin: Arc<LoadedPlugin>,
    /// Keeps the plugin running.
    host: TestHost,
    functions: Vec<Function>,
}

#[derive(Debug)]
struct Function {
    interface: String,
    name: String,
    params: Vec<Type>,
    results: Vec<Type>,
}

impl Codec {
    /// Loads and starts the plugin, which `cargo xtask plugins values-plugin`
    /// has built, as `cargo xtask guests values-guest` has its guest.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub async fn start(engine: &Engine) -> Result<Self> {
        let host = TestHost::builder()
            .shared_engine(engine.clone())
            .library(artifacts::test_plugin("values-plugin"))
            .guest(
                "values-guest",
                ["test:values/echo,echo-async,collections@0.1.0"],
            )
            .start()
            .await?;
        // The types of its functions are those that the guest imports.
        let guest = host.component().await?;
        let mut functions = Vec::new();
        for (interface, import) in guest.component_type().imports(engine.inner()) {
            let ComponentItem::ComponentInstance(instance) = import.ty else {
                continue;
            };
            for (name, export) in instance.exports(engine.inner()) {
                if let ComponentItem::ComponentFunc(ty) = export.ty {
                    functions.push(Function {
                        interface: interface.to_owned(),
                        name: name.to_owned(),
                        params: ty.params().map(|(_, ty)| ty).collect(),
                        results: ty.results().collect(),
                    });
                }
            }
        }
        let plugin = host.loaded().first().context("nothing was loaded")?;
        Ok(Self {
            plugin: Arc::clone(plugin),
            host,
            functions,
        })
    }

    /// Stops the plugin and its host.
    ///
    /// # Errors
    ///
    /// If they do not stop.
    pub async fn stop(self) -> Result<()> {
        self.host.stop().await
    }

    /// Calls some of the functions, with what follows from `seed`.
    ///
    /// # Errors
    ///
    /// What was found.
    pub async fn run(&self, seed: u64) -> Result<Tally> {
        let mut rng = Rng::new(&seed.to_string());
        let mut tally = Tally::default();
        for _ in 0..CALLS {
            let function = &self.functions[rng.below(self.functions.len())];
            let arguments = random(&function.params, &mut rng);
            let mut buffer = oracle::encode(&function.params, &arguments, &mut rng, false);
            if rng.below(8) > 0 {
                damage(&mut buffer.bytes, &mut rng);
                tally.damaged += 1;
            } else {
                tally.calls += 1;
            }
            self.call(function, &buffer, &mut tally)
                .await
                .with_context(|| {
                    let Function {
                        interface, name, ..
                    } = function;
                    let arguments = show(&arguments);
                    let bytes = show(&buffer.bytes);
                    format!("`{interface}#{name}` of {arguments}, as {bytes}")
                })?;
        }
        Ok(tally)
    }

    async fn call(&self, function: &Function, buffer: &Encoded, tally: &mut Tally) -> Result<()> {
        let Function {
            interface,
            name,
            params,
            results,
        } = function;
        tally.functions += 1;
        tally.count_kinds(params.iter());
        let called =
            self.plugin
                .call_with_buffer(TestHost::WORKLOAD, (interface, name), &buffer.bytes);
        let returned = called.await;
        if let Err(error) = &returned {
            tally.refused += 1;
            let fault = error.downcast_ref::<CallError>().map(|error| error.fault);
            if fault != Some(CallFault::BadArguments) {
                bail!("it is no error of its arguments: {error:#}");
            }
        }
        let read = match (oracle::decode(params, buffer, Side::Plugin), &returned) {
            (Ok(read), Ok(_)) => read,
            (Err(Wrong::Bad(_)), Err(_)) => return Ok(()),
            // No host would write that, so a plugin may refuse it or not.
            (Err(Wrong::Unaligned | Wrong::TooMuch), _) => {
                tally.skipped += 1;
                return Ok(());
            }
            (Ok(read), Err(error)) => bail!("it is {}, and refused: {error:#}", show(&read)),
            (Err(wrong), Ok(_)) => bail!("it is {wrong:?}, and taken"),
        };
        let (bytes, lent) = returned?;
        let echoed = oracle::decode(results, &Encoded { bytes, lent }, Side::Host);
        let echoed = match echoed {
            Ok(echoed) => echoed,
            Err(wrong) => bail!("its result is wrong: {wrong:?}"),
        };
        let wanted = match (read.as_slice(), results.as_slice()) {
            // It returns nothing, or something of its own.
            ([], _) | (_, []) => return Ok(()),
            ([one], _) => one.clone(),
            (all, _) => Val::Tuple(all.to_vec()),
        };
        same("it read", results, &echoed.map_maps(), &[wanted].map_maps())
    }
}

/// Maps as a plugin in Rust has them: of a key that comes twice, the last value
/// counts, and the order is that of the keys.
trait MapMaps {
    fn map_maps(&self) -> Vec<Val>;
}

impl MapMaps for [Val] {
    fn map_maps(&self) -> Vec<Val> {
        self.iter().map(with_keys_once).collect()
    }
}

fn with_keys_once(value: &Val) -> Val {
    let all = |values: &[Val]| values.map_maps();
    let payload = |payload: &Option<Box<Val>>| {
        let payload = payload.as_deref().map(with_keys_once);
        payload.map(Box::new)
    };
    match value {
        Val::Map(entries) => {
            let mut once = BTreeMap::new();
            for (key, value) in entries {
                let entry = (key.clone(), with_keys_once(value));
                once.insert(format!("{key:?}"), entry);
            }
            Val::Map(once.into_values().collect())
        }
        Val::List(values) => Val::List(all(values)),
        Val::FixedLengthList(values) => Val::FixedLengthList(all(values)),
        Val::Tuple(values) => Val::Tuple(all(values)),
        Val::Record(fields) => {
            let fields = fields.iter();
            Val::Record(
                fields
                    .map(|(n, v)| (n.clone(), with_keys_once(v)))
                    .collect(),
            )
        }
        Val::Variant(name, value) => Val::Variant(name.clone(), payload(value)),
        Val::Option(value) => Val::Option(payload(value)),
        Val::Result(Ok(value)) => Val::Result(Ok(payload(value))),
        Val::Result(Err(value)) => Val::Result(Err(payload(value))),
        other => other.clone(),
    }
}
