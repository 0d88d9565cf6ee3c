//! Every type of value, through every implementation: what a guest gives to a
//! plugin comes back, and a library does what a compiled-in plugin does. One
//! of them serves the library by wasmtime's own values, another codec between.
//!
//! A program of its own, as hosts that other compilers built run it too:
//! `cargo xtask test` calls it by name.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use e2e::values::{self, Rng, same, show};
use e2e::{Builder, Instance, TestHost, artifacts, compiled_in};
use fuzz::by_values::ByValues;
use wash_plugin_loader::{Allow, PluginLoader};
use wash_runtime::wasmtime::Config;
use wash_runtime::wasmtime::component::{Type, Val};

const ECHO: &str = "test:values/echo@0.1.0";
const ECHO_ASYNC: &str = "test:values/echo-async@0.1.0";
const COLLECTIONS: &str = "test:values/collections@0.1.0";

/// The functions of all interfaces, as the WIT has them.
fn functions() -> Vec<(&'static str, String)> {
    let names = |text: &str| -> Vec<String> {
        let named = |line: &str| {
            let (name, rest) = line.trim().split_once(':')?;
            rest.trim_start()
                .starts_with("func(")
                .then(|| name.to_owned())
        };
        text.lines().filter_map(named).collect()
    };
    let echo = names(include_str!("../wit/values/echo.wit"));
    let echo_async = names(include_str!("../wit/values/echo-async.wit"));
    let all = echo.into_iter().map(|name| (ECHO, name));
    let collections = names(include_str!("../wit/values/collections.wit"));
    all.chain(echo_async.into_iter().map(|name| (ECHO_ASYNC, name)))
        .chain(collections.into_iter().map(|name| (COLLECTIONS, name)))
        .collect()
}

/// What a function is specified to return.
fn expected(function: &str, args: &[Val], result: Option<&Type>) -> Vec<Val> {
    match (function, args, result) {
        ("echo-constant", ..) => vec![Val::U32(42)],
        (_, _, None) => Vec::new(),
        (_, [arg], _) => vec![arg.clone()],
        (_, args, _) => vec![Val::Tuple(args.to_vec())],
    }
}

fn all_same(a: &[Val], b: &[Val]) -> bool {
    a.len() == b.len() && iter::zip(a, b).all(|(a, b)| same(a, b))
}

/// An implementation, and the guest that it serves.
struct Subject {
    name: String,
    host: TestHost,
    instance: Instance,
    calls: usize,
}

impl Subject {
    async fn new(name: impl Into<String>, builder: Builder) -> Self {
        let name = name.into();
        // Not every engine takes these by default.
        let mut engine = Config::new();
        engine
            .wasm_component_model_map(true)
            .wasm_component_model_fixed_length_lists(true);
        let needs = ["test:values/echo,echo-async,collections@0.1.0"];
        let started = builder
            .engine(engine)
            .guest("values-guest", needs)
            .start()
            .await;
        let host = started.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let instance = host.instance().await.unwrap();
        Self {
            name,
            host,
            instance,
            calls: 0,
        }
    }

    async fn types(&mut self, interface: &str, function: &str) -> (Vec<Type>, Option<Type>) {
        let func = self.instance.func(interface, function).unwrap();
        self.instance.types(func)
    }

    async fn call(
        &mut self,
        interface: &str,
        function: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, String> {
        self.calls += 1;
        let func = self.instance.func(interface, function).unwrap();
        match self.instance.call(func, args).await {
            Ok(results) => Ok(results),
            Err(error) => {
                // A trap is the end of an instance.
                self.instance = self.host.instance().await.unwrap();
                Err(format!("{error:#}"))
            }
        }
    }
}

/// The compiled-in implementation first: it is the yardstick.
async fn subjects() -> Vec<Subject> {
    let compiled_in = TestHost::builder().plugin(Arc::new(compiled_in::Values));
    let library = TestHost::builder().library(artifacts::test_plugin("values-plugin"));
    let by_values = PluginLoader::builder()
        .allow(Allow::NOTHING.with_insecure_permissions(true))
        .file(artifacts::test_plugin("values-plugin"));
    let by_values = by_values.build().unwrap().load().unwrap();
    let by_values = ByValues::new(Arc::clone(&by_values.plugins()[0]));
    let by_values = TestHost::builder().plugin(by_values);
    let mut all = vec![
        Subject::new("compiled in", compiled_in).await,
        Subject::new("library", library).await,
        Subject::new("library, by values", by_values).await,
    ];
    for (compiler, path) in artifacts::foreign("values-plugin") {
        let builder = TestHost::builder().library(path);
        all.push(Subject::new(format!("library by rustc {compiler}"), builder).await);
    }
    print!("{}", artifacts::foreign_notes());
    all
}

/// Calls each function with what `arguments` makes of its types, on every
/// implementation.
async fn run(arguments: impl Fn(&str, &[Type]) -> Vec<Vec<Val>>) {
    let mut subjects = subjects().await;
    let mut problems = BTreeMap::<_, Vec<String>>::new();
    for (interface, function) in functions() {
        let (params, result) = subjects[0].types(interface, &function).await;
        for args in arguments(&function, &params) {
            let wanted = expected(&function, &args, result.as_ref());
            for subject in &mut subjects {
                let problem = match subject.call(interface, &function, &args).await {
                    Ok(results) if all_same(&results, &wanted) => continue,
                    Ok(results) => format!("returned {}", show(&results)),
                    Err(error) => format!("failed: {error}"),
                };
                let place = format!("{}: {interface}#{function}", subject.name);
                let problem = format!("{} {problem}", show(&args));
                problems.entry(place).or_default().push(problem);
            }
        }
    }
    for subject in subjects {
        println!("{}: {} calls", subject.name, subject.calls);
        assert!(subject.calls > 0);
        subject.host.stop().await.unwrap();
    }
    let told: Vec<String> = problems
        .iter()
        .map(|(place, all)| format!("{place}: {} calls, first {}", all.len(), all[0]))
        .collect();
    assert!(problems.is_empty(), "went wrong:\n{}", told.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edges_of_every_type_come_back() {
    run(|_, params| values::edge_arguments(params)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_values_come_back() {
    run(|function, params| {
        let mut rng = Rng::new(function);
        (0..50)
            .map(|_| values::random_arguments(params, &mut rng))
            .collect()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_strings_and_lists_come_back() {
    run(|_, params| values::large_arguments(params)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sad_more_than_a_call_may_carry_is_a_trap() {
    // The engine limits what a guest can make its host allocate in one call.
    let args = [Val::String("x".repeat(129 << 20))];
    let mut errors = Vec::new();
    for mut subject in subjects().await {
        let error = subject
            .call(ECHO, "echo-none-string", &args)
            .await
            .unwrap_err();
        println!("{}: {error}", subject.name);
        assert!(error.contains("fuel"), "{}: {error}", subject.name);
        errors.push(error.lines().last().map(str::to_owned));
        // The next call, in a fresh instance, is as good as any.
        let results = subject.call(ECHO, "echo-constant", &[]).await;
        assert_eq!(results, Ok(vec![Val::U32(42)]));
        subject.host.stop().await.unwrap();
    }
    errors.dedup();
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn every_function_is_in_the_suite() {
    let all = functions();
    let count = |of| all.iter().filter(|(interface, _)| *interface == of).count();
    assert_eq!(count(ECHO), 71);
    assert_eq!(count(ECHO_ASYNC), 5);
    assert_eq!(count(COLLECTIONS), 28);
}
