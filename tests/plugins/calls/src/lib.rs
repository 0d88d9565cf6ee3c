//! Calls the components that it is bound to, in the ways that a test names.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;
use wash_plugin_abi::serde::Deserialize;
use wash_plugin_abi::{
    Call, Component, ConfigSchema, GuestError, Interface, Item, Plugin, Result, Workload,
};

wash_plugin_abi::bindgen!({
    path: "../../wit/calls",
    world: "plugin",
    async: true,
});
use exports::test::calls::driver::Guest;
use test::calls::shapes::{self, Color, Everything, Joined, Marks};

#[derive(Deserialize, ConfigSchema)]
#[serde(crate = "wash_plugin_abi::serde")]
struct Config {
    /// A file. While it is there, workloads are refused.
    refuses: Option<String>,
}

/// The components that can be called, by their ids.
struct Calls {
    refuses: Option<String>,
    components: Mutex<HashMap<String, Component>>,
    /// How many calls of `hold` there are.
    held: watch::Sender<u32>,
}

/// Counts as one of them.
struct Held<'a>(&'a watch::Sender<u32>);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}

impl Plugin for Calls {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            refuses: config.refuses,
            components: Mutex::default(),
            held: watch::Sender::default(),
        })
    }

    async fn workload_bound(&self, _: &Workload, _: &[Interface]) -> Result<()> {
        match &self.refuses {
            Some(file) if Path::new(file).exists() => {
                wash_plugin_abi::anyhow::bail!("it is told to refuse")
            }
            _ => Ok(()),
        }
    }

    async fn workload_resolved(&self, item: &Item) -> Result<()> {
        if item.exports == ["test:calls/shapes@0.1.0"] {
            let mut components = self
                .components
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            components.insert(item.id.clone(), Component::of(item));
        }
        Ok(())
    }
}

fn everything(name: Option<&str>, outcome: std::result::Result<u32, String>) -> Everything {
    Everything {
        marks: Marks::A | Marks::I,
        color: Color::Blue,
        name: name.map(str::to_owned),
        outcome,
        pair: (255, vec!["one".into(), String::new(), "drei ü".into()]),
    }
}

/// Every value comes back as it was, or else the report says which did not.
async fn round_trips(component: &Component) -> std::result::Result<String, GuestError> {
    let said = shapes::many(
        component,
        true,
        200,
        -100,
        60_000,
        -30_000,
        4_000_000_000,
        -2_000_000_000,
        u64::MAX,
        i64::MIN,
        1.5,
        -2.25,
        '🦀',
        "grüße",
    )
    .await?;
    let numbers = (
        shapes::negate(component, 100).await?,
        shapes::half(component, -5.0).await?,
        shapes::shift(component, 'é').await?,
    );
    let joined = [
        Joined::None,
        Joined::Small(200),
        Joined::Single(-0.5),
        Joined::Big(u64::MAX - 1),
        Joined::Double(f64::MIN),
        Joined::Text("text ü".into()),
        Joined::Many(vec![1, 65_535, 3]),
        Joined::Nested(None),
        Joined::Nested(Some(Ok(i64::MIN))),
        Joined::Nested(Some(Err('🦀'))),
    ];
    for value in &joined {
        let back = shapes::echo(component, value.clone()).await?;
        if back != *value {
            return Ok(format!("{value:?} came back as {back:?}"));
        }
        for record in [
            everything(Some("name"), Ok(7)),
            everything(None, Err("wrong".into())),
        ] {
            let (x, y) = shapes::both(component, record.clone(), value.clone()).await?;
            if (&x, &y) != (&record, value) {
                return Ok(format!("{record:?} {value:?} came back as {x:?} {y:?}"));
            }
        }
    }
    let large = vec![0_u8; 1_000_000];
    let sizes = shapes::sizes(component, vec![&large, &[], &[1, 2]]).await?;
    shapes::nothing(component).await?;
    Ok(format!("{said} {numbers:?} {sizes:?}"))
}

impl Calls {
    async fn try_run(
        &self,
        component: &Component,
        name: &str,
    ) -> std::result::Result<String, GuestError> {
        Ok(match name {
            "round trips" => round_trips(component).await?,
            "fresh instances" => {
                let first = shapes::calls(component).await?;
                let second = shapes::calls(component).await?;
                format!("{first} {second}")
            }
            "at once" => {
                let calls: Vec<_> = (0..20)
                    .map(|n| {
                        let component = component.clone();
                        tokio::spawn(async move { shapes::negate(&component, n).await })
                    })
                    .collect();
                let mut sum = 0;
                for call in calls {
                    if let Ok(negative) = call.await {
                        sum += i32::from(negative?);
                    }
                }
                format!("{sum}")
            }
            "trap" => {
                shapes::traps(component).await?;
                "no trap".into()
            }
            "give up" => {
                let mut held = self.held.subscribe();
                let given_up = tokio::select! {
                    ended = shapes::waits(component) => { ended?; false }
                    one = held.wait_for(|held| *held == 1) => one.is_ok(),
                };
                // So is what the component waited for.
                let none = held.wait_for(|held| *held == 0).await.is_ok();
                format!("{given_up} {none}")
            }
            other => format!("there is no scenario {other:?}"),
        })
    }
}

impl Guest for Calls {
    async fn hold(&self, _: &Call<'_>) {
        self.held.send_modify(|held| *held += 1);
        let _held = Held(&self.held);
        std::future::pending().await
    }

    async fn run(&self, call: &Call<'_>, name: &str) -> String {
        let wanted = match name.strip_prefix("of ") {
            Some(id) => id,
            None => call.component_id(),
        };
        let found = {
            let components = self
                .components
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            components.get(wanted).cloned()
        };
        let Some(component) = found else {
            return format!("{wanted} exports nothing to call");
        };
        let name = if name.starts_with("of ") {
            "fresh instances"
        } else {
            name
        };
        match self.try_run(&component, name).await {
            Ok(text) => text,
            Err(error) => format!("error: {error}"),
        }
    }
}

wash_plugin_abi::export!(Calls);
