//! Guests in each of the component model's string encodings: a plugin sees
//! UTF-8, and the guest gets back what it gave.

use std::sync::Arc;

use e2e::values::{large_strings, show, strings};
use e2e::{Builder, Instance, TestHost, artifacts, compiled_in, string};
use wash_runtime::wasmtime::component::Val;

const STRINGS: &str = "test:strings/strings@0.1.0";

fn implementations() -> [(&'static str, Builder); 2] {
    let library = TestHost::builder().library(artifacts::test_plugin("strings-plugin"));
    let compiled_in = TestHost::builder().plugin(Arc::new(compiled_in::Strings));
    [("compiled in", compiled_in), ("library", library)]
}

async fn echo(instance: &mut Instance, function: &str, value: Val) -> Result<(), String> {
    let func = instance.func(STRINGS, function).unwrap();
    let args = [value];
    match instance.call(func, &args).await {
        Ok(results) if results == args => Ok(()),
        Ok(results) => Err(format!("{} became {}", show(&args), show(&results))),
        Err(error) => Err(format!("{}: {error:#}", show(&args))),
    }
}

async fn suite(guest: &str) {
    for (name, builder) in implementations() {
        let host = builder.guest(guest, [STRINGS]).start().await;
        let host = host.unwrap_or_else(|error| panic!("{guest}, {name}: {error:#}"));
        let mut instance = host.instance().await.unwrap();
        let mut problems = Vec::new();

        let mut single = strings();
        single.extend(large_strings());
        // Two at a time: one after another must not show through.
        let lists = [
            Vec::new(),
            vec![String::new(); 1000],
            strings(),
            strings().into_iter().rev().collect(),
            large_strings(),
        ];
        for text in &single {
            problems.extend(echo(&mut instance, "echo", string(text)).await.err());
        }
        for list in lists {
            let list = Val::List(list.into_iter().map(Val::String).collect());
            problems.extend(echo(&mut instance, "echo-list", list).await.err());
        }
        assert!(
            problems.is_empty(),
            "{guest}, {name}:\n{}",
            problems.join("\n")
        );
        host.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_with_utf8() {
    suite("utf8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_with_utf16() {
    suite("utf16").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_with_latin1_or_utf16() {
    suite("latin1").await;
}
