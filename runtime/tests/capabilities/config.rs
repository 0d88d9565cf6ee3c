//! `wasi:config`: what a component reads, of what was configured where.

use std::collections::HashMap;

use wash_runtime::{
    plugin::{wasi_config::DynamicConfig, wasi_keyvalue::InMemoryKeyValue},
    types::Workload,
    wit::WitInterface,
};

use crate::{Guests, configure};

fn map(entries: &[(&str, &str)]) -> HashMap<String, String> {
    let entries = entries.iter();
    entries
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// Each key says where it is configured: in the interface, in the resources, in
/// the environment.
fn layers(workload: &mut Workload) {
    configure(
        workload,
        "config",
        &[("i", "1"), ("ir", "1"), ("ie", "1"), ("ire", "1")],
    );
    let resources = &mut workload.components[0].local_resources;
    resources.config = map(&[("r", "2"), ("ir", "2"), ("re", "2"), ("ire", "2")]);
    resources.environment = map(&[("e", "3"), ("ie", "3"), ("re", "3"), ("ire", "3")]);
}

async fn all(guests: &Guests) -> Vec<(String, String)> {
    guests.call("w", "config-all", ()).await
}

fn pairs(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    let entries = entries.iter();
    entries
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

#[tokio::test]
async fn resources_override_the_interface() {
    let guests = Guests::any().await;
    guests.start("w", layers).await;
    assert_eq!(
        all(&guests).await,
        pairs(&[
            ("i", "1"),
            ("ie", "1"),
            ("ir", "2"),
            ("ire", "2"),
            ("r", "2"),
            ("re", "2"),
        ])
    );
    for (key, value) in [("i", Some("1")), ("ir", Some("2")), ("e", None), ("", None)] {
        let got: Option<String> = guests.call("w", "config", (key,)).await;
        assert_eq!(got.as_deref(), value, "{key}");
    }
}

#[tokio::test]
async fn the_environment_overrides_both_if_it_is_copied() {
    for (copy, expected) in [(true, "3"), (false, "2")] {
        let config = DynamicConfig::builder().copy_environment(copy).build();
        let guests = Guests::on(InMemoryKeyValue::new(), config).await;
        guests.start("w", layers).await;
        let got: Option<String> = guests.call("w", "config", ("ire",)).await;
        assert_eq!(got.as_deref(), Some(expected));
        let got: Option<String> = guests.call("w", "config", ("e",)).await;
        assert_eq!(got.is_some(), copy);
    }
}

#[tokio::test]
async fn the_configuration_of_other_interfaces_is_not_read() {
    let guests = Guests::any().await;
    guests
        .start("w", |workload| {
            configure(workload, "keyvalue", &[("url", "secret")])
        })
        .await;
    assert_eq!(all(&guests).await, []);
}

#[tokio::test]
async fn a_named_declaration_overrides_the_one_without_a_name() {
    let guests = Guests::any().await;
    guests
        .start("w", |workload| {
            configure(workload, "config", &[("a", "plain"), ("b", "plain")]);
            workload.host_interfaces.push(WitInterface {
                name: Some("extra".to_owned()),
                config: map(&[("b", "named")]),
                ..WitInterface::from("wasi:config/store@0.2.0-rc.1")
            });
        })
        .await;
    assert_eq!(all(&guests).await, pairs(&[("a", "plain"), ("b", "named")]));
}

#[tokio::test]
async fn workloads_do_not_see_one_another() {
    let guests = Guests::any().await;
    for id in ["one", "two"] {
        guests
            .start(id, |workload| configure(workload, "config", &[("id", id)]))
            .await;
    }
    for id in ["one", "two"] {
        let got: Option<String> = guests.call(id, "config", ("id",)).await;
        assert_eq!(got.as_deref(), Some(id));
    }
}
