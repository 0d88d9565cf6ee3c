//! The code of docs/PLUGINS.md: each of its Rust blocks stands in this file, line by line,
//! so what a reader copies is compiled and run here.

use wash_plugin_abi::testing;

mod resources {
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};

    use wash_plugin_abi::{Call, Plugin, Result};

    wash_plugin_abi::bindgen!({ inline: "
        package demo:store@0.1.0;

        interface buckets {
          resource bucket {
            constructor(name: string);
            get: func(key: string) -> option<string>;
            set: func(key: string, value: string);
          }
          total: func(bucket: borrow<bucket>) -> u32;
          open: func(name: string) -> bucket;
        }

        world store {
          export buckets;
        }
    " });

    use exports::demo::store::buckets::{self, Guest, GuestBucket};

    struct Store {
        prefix: String,
    }

    struct Bucket {
        name: String,
        values: Mutex<HashMap<String, String>>,
    }

    impl Plugin for Store {
        type Config = ();
        fn new((): ()) -> Result<Self> {
            Ok(Store {
                prefix: "shop/".into(),
            })
        }
    }

    impl GuestBucket<Store> for Bucket {
        fn new(plugin: &Store, _call: &Call<'_>, name: &str) -> Self {
            Bucket {
                name: format!("{}{name}", plugin.prefix),
                values: Mutex::default(),
            }
        }

        fn get(&self, _plugin: &Store, _call: &Call<'_>, key: &str) -> Option<String> {
            self.lock().get(key).cloned()
        }

        fn set(&self, _plugin: &Store, _call: &Call<'_>, key: &str, value: &str) {
            self.lock().insert(key.to_owned(), value.to_owned());
        }
    }

    impl Guest for Store {
        type Bucket = Bucket;

        fn total(&self, _call: &Call<'_>, bucket: buckets::BucketBorrow<'_>) -> u32 {
            bucket
                .get::<Bucket>()
                .map_or(0, |bucket| bucket.lock().len() as u32)
        }

        fn open(&self, call: &Call<'_>, name: &str) -> buckets::Bucket {
            buckets::Bucket::new(Bucket::new(self, call, name))
        }
    }

    impl Bucket {
        fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
            self.values.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[test]
    fn buckets_keep_values() -> Result<()> {
        let plugin = wash_plugin_abi::testing::start::<Store>(())?;
        let bucket = plugin.open(&plugin.call(), "orders");
        let value = bucket.get::<Bucket>().unwrap();
        value.set(&plugin, &plugin.call(), "one", "1");
        let lent = wash_plugin_abi::testing::lend(&bucket);
        assert_eq!(plugin.total(&plugin.call(), lent), 1);
        assert_eq!(value.name, "shop/orders");
        Ok(())
    }

    #[test]
    fn a_method_gets_the_plugin() {
        let plugin = wash_plugin_abi::testing::start::<Store>(()).unwrap();
        let call = plugin.call();
        let bucket = <Bucket as GuestBucket<Store>>::new(&plugin, &call, "a");
        assert_eq!(bucket.get(&plugin, &call, "one"), None);
        assert_eq!(bucket.name, "shop/a");
    }
}

mod slow {
    use std::time::Duration;

    use wash_plugin_abi::{Call, Plugin, Result, tracing};

    wash_plugin_abi::bindgen!({
        async: ["demo:slow/work#fetch", "demo:slow/work#sum"],
        inline: "
            package demo:slow;
            interface work {
              fetch: func(name: string) -> result<string, string>;
              sum: func(numbers: list<u64>) -> u64;
            }
            world plugin { export work; }
        ",
    });
    use exports::demo::slow::work::Guest;

    struct Slow;

    impl Plugin for Slow {
        type Config = ();
        fn new((): ()) -> Result<Self> {
            Ok(Slow)
        }

        async fn start(&self) -> Result<()> {
            tracing::info!(limit = 10, "ready");
            Ok(())
        }
    }

    impl Guest for Slow {
        async fn fetch(&self, call: &Call<'_>, name: &str) -> Result<String, String> {
            tokio::time::sleep(Duration::from_millis(1)).await;
            tracing::debug!(workload = call.workload_id(), name, "fetched");
            Ok(format!("{name} is here"))
        }

        async fn sum(&self, _call: &Call<'_>, numbers: &[u64]) -> u64 {
            let numbers = numbers.to_vec();
            let sum = tokio::task::spawn_blocking(move || numbers.iter().sum());
            sum.await.unwrap_or(0)
        }
    }

    #[test]
    fn it_fetches() -> Result<()> {
        let plugin = wash_plugin_abi::testing::start::<Slow>(())?;
        let call = plugin.call();
        let fetched = plugin.block_on(plugin.fetch(&call, "it"));
        assert_eq!(fetched.as_deref(), Ok("it is here"));
        assert_eq!(plugin.block_on(plugin.sum(&call, &[1, 2])), 3);
        plugin.stop()
    }
}

mod streams {
    use wash_plugin_abi::io::StreamReader;
    use wash_plugin_abi::{Call, Plugin, Result};

    wash_plugin_abi::bindgen!({ inline: "
        package demo:lines;
        interface lines {
          split: async func(text: stream<u8>) -> stream<string>;
        }
        world plugin { export lines; }
    " });
    use exports::demo::lines::lines::Guest;

    struct Lines;

    impl Plugin for Lines {
        type Config = ();
        fn new((): ()) -> Result<Self> {
            Ok(Lines)
        }
    }

    impl Guest for Lines {
        async fn split(&self, _call: &Call<'_>, text: StreamReader<u8>) -> StreamReader<String> {
            let text = text.collect().await;
            let text = String::from_utf8_lossy(&text).into_owned();
            StreamReader::from_iter(text.lines().map(str::to_owned).collect::<Vec<_>>())
        }
    }

    #[test]
    fn lines_are_split() -> Result<()> {
        let plugin = wash_plugin_abi::testing::start::<Lines>(())?;
        let text = StreamReader::from_bytes("one\ntwo\n");
        let lines = plugin.block_on(async {
            let lines = plugin.split(&plugin.call(), text).await;
            lines.collect().await
        });
        assert_eq!(lines, ["one", "two"]);
        Ok(())
    }
}

mod config {
    use wash_plugin_abi::testing::{self, json};
    use wash_plugin_abi::{Call, ConfigSchema, Plugin, Result, serde::Deserialize};

    wash_plugin_abi::bindgen!({ inline: "
        package demo:greet;
        interface greet { hello: func(name: string) -> string; }
        world plugin { export greet; }
    " });
    use exports::demo::greet::greet::Guest;

    /// How people are greeted.
    #[derive(Deserialize, ConfigSchema)]
    #[serde(crate = "wash_plugin_abi::serde", deny_unknown_fields)]
    struct Config {
        /// What stands in front of the name.
        #[serde(default = "hello")]
        greeting: String,
    }

    fn hello() -> String {
        "hello".into()
    }

    struct Greeter(Config);

    impl Plugin for Greeter {
        type Config = Config;
        fn new(config: Config) -> Result<Self> {
            Ok(Greeter(config))
        }
    }

    impl Guest for Greeter {
        fn hello(&self, _call: &Call<'_>, name: &str) -> String {
            format!("{}, {name}", self.0.greeting)
        }
    }

    #[test]
    fn the_greeting_is_configured() -> Result<()> {
        let plugin = testing::start::<Greeter>(json!({"greeting": "hi"}))?;
        assert_eq!(plugin.hello(&plugin.call(), "Ada"), "hi, Ada");
        let error = testing::start::<Greeter>(json!({"greting": "hi"}))
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains("unknown field `greting`"));
        Ok(())
    }
}

mod components {
    use std::sync::{Mutex, PoisonError};

    use wash_plugin_abi::testing::{self, FakeComponent};
    use wash_plugin_abi::{Call, Component, Item, Plugin, Result};

    wash_plugin_abi::bindgen!({ inline: "
        package demo:events@0.1.0;

        interface source {
          publish: async func(topic: string) -> u32;
        }
        interface handler {
          handle: func(topic: string) -> result<u32, string>;
        }

        world events {
          export source;
          import handler;
        }
    " });
    use demo::events::handler::handle;
    use exports::demo::events::source::Guest;

    #[derive(Default)]
    struct Events {
        handlers: Mutex<Vec<Component>>,
    }

    impl Plugin for Events {
        type Config = ();
        fn new((): ()) -> Result<Self> {
            Ok(Events::default())
        }

        async fn workload_resolved(&self, item: &Item) -> Result<()> {
            if item
                .exports
                .iter()
                .any(|name| name == "demo:events/handler@0.1.0")
            {
                self.lock().push(Component::of(item));
            }
            Ok(())
        }

        async fn workload_unbound(&self, workload_id: &str) -> Result<()> {
            self.lock()
                .retain(|handler| handler.workload_id() != workload_id);
            Ok(())
        }
    }

    impl Events {
        fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Component>> {
            self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Guest for Events {
        async fn publish(&self, _call: &Call<'_>, topic: &str) -> u32 {
            let handlers = self.lock().clone();
            let mut handled = 0;
            for handler in &handlers {
                if let Ok(Ok(_)) = handle(handler, topic).await {
                    handled += 1;
                }
            }
            handled
        }
    }

    #[test]
    fn events_reach_components() -> Result<()> {
        let plugin = testing::start::<Events>(())?;
        let component = FakeComponent::new("shop").export(
            "demo:events/handler@0.1.0",
            "handle",
            |(topic,): (String,)| -> Result<u32, String> { Ok(topic.len() as u32) },
        );
        plugin.bind(component.workload(), &[], &[component.item()])?;
        assert_eq!(plugin.block_on(plugin.publish(&plugin.call(), "orders")), 1);
        plugin.unbind(component.workload())?;
        assert_eq!(plugin.block_on(plugin.publish(&plugin.call(), "orders")), 0);
        Ok(())
    }

    #[test]
    fn a_component_that_is_played_wrongly_says_how() {
        let plugin = testing::start::<Events>(()).unwrap();
        let name = "demo:events/handler@0.1.0";
        let called = |component: &FakeComponent| {
            let answer = plugin.block_on(handle(&component.component(), "orders"));
            answer.unwrap_err().message
        };
        let component = FakeComponent::new("shop");
        assert!(called(&component).contains("has no function `demo:events/handler@0.1.0#handle`"));
        let component = component.trap(name, "handle", "it trapped");
        assert_eq!(called(&component), "it trapped");
        let other = |(_, _): (String, String)| 0_u8;
        let component = component.export(name, "handle", other);
        assert!(called(&component).contains("other parameters"));
        let gone = component.component();
        drop(component);
        let error = plugin.block_on(handle(&gone, "orders")).unwrap_err();
        assert!(error.message.contains("cannot call components"), "{error}");
    }
}

mod hand_over {
    use std::sync::atomic::{AtomicU64, Ordering};

    use wash_plugin_abi::{Call, Plugin, Result};

    wash_plugin_abi::bindgen!({ inline: "
        package demo:count;
        interface counter { next: func() -> u64; }
        world plugin { export counter; }
    " });
    use exports::demo::count::counter::Guest;

    pub(super) struct Counter(AtomicU64);

    impl Plugin for Counter {
        type Config = ();
        fn new((): ()) -> Result<Self> {
            Ok(Counter(AtomicU64::new(0)))
        }

        async fn export_state(&self) -> Result<Option<Vec<u8>>> {
            let next = self.0.load(Ordering::Relaxed);
            Ok(Some(next.to_le_bytes().to_vec()))
        }

        async fn import_state(&self, state: &[u8]) -> Result<()> {
            let next = u64::from_le_bytes(state.try_into()?);
            self.0.store(next, Ordering::Relaxed);
            Ok(())
        }
    }

    impl Guest for Counter {
        fn next(&self, _call: &Call<'_>) -> u64 {
            self.0.fetch_add(1, Ordering::Relaxed)
        }
    }

    #[test]
    fn a_new_version_counts_on() -> Result<()> {
        let previous = wash_plugin_abi::testing::start::<Counter>(())?;
        previous.next(&previous.call());
        let new = wash_plugin_abi::testing::start::<Counter>(())?;
        assert!(previous.hand_over(&new)?);
        assert_eq!(new.next(&new.call()), 1);
        Ok(())
    }
}

#[test]
fn a_configuration_is_a_table() {
    let error = testing::start::<hand_over::Counter>(7).err().unwrap();
    assert!(error.to_string().contains("and this is 7"), "{error}");
    let error = testing::start::<hand_over::Counter>(testing::json!({"a": 1})).err();
    assert!(format!("{:#}", error.unwrap()).contains("takes no configuration"));
}

#[test]
fn callers_have_the_ids_that_a_test_gives_them() {
    let caller = testing::Caller::new("w", "c");
    let moved = Box::new(caller);
    let call = moved.call();
    assert_eq!((call.workload_id(), call.component_id()), ("w", "c"));
}

/// The lines of a text that are not empty, without their indentation.
fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn the_guides_code_is_this_code() {
    let guide = include_str!("../../../docs/PLUGINS.md");
    let here = lines(include_str!("guide.rs"));
    let mut blocks = 0;
    for block in guide.split("\n```rust\n").skip(1) {
        let block = block.split("\n```").next().unwrap();
        let wanted = lines(block);
        assert!(
            here.windows(wanted.len()).any(|found| found == wanted),
            "this block of docs/PLUGINS.md is not in guide.rs, or is formatted otherwise:\n{block}"
        );
        blocks += 1;
    }
    assert!(blocks > 5);
    assert_eq!(
        guide.matches("```rust").count(),
        blocks,
        "blocks begin with ```rust alone"
    );
}
