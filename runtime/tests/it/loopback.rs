//! The loopback of a workload: its guests see each other there and nobody else,
//! with WASI 0.2 and 0.3.

use crate::common;

use std::{
    collections::HashMap,
    io::Read,
    net::{SocketAddr, TcpStream},
    sync::{Arc, LazyLock},
};

use common::workload;
use tokio::task::JoinHandle;
use wash_runtime::{
    engine::{Engine, workload::ResolvedWorkload},
    host::http::NullServer,
    types::{Component, LocalResources, Service, Workload},
};

const GUESTS: [&str; 2] = ["sockets-p2", "sockets-p3"];
const PORT: u16 = 7000;

/// Shared, so that each guest is compiled once.
static ENGINE: LazyLock<Engine> = LazyLock::new(common::engine);

/// A workload of a service of this name and a component.
struct Demo {
    workload: ResolvedWorkload,
    service: Arc<str>,
    component: Arc<str>,
}

impl Demo {
    async fn new(guest: &str, name: &str) -> Self {
        let bytes = common::guest(guest);
        let digest = Some(guest.to_string());
        let local_resources = LocalResources {
            environment: HashMap::from([("NAME".to_string(), name.to_string())]),
            ..LocalResources::default()
        };
        let workload = Workload {
            service: Some(Service {
                bytes: bytes.clone(),
                digest: digest.clone(),
                local_resources,
                max_restarts: 0,
            }),
            components: vec![Component {
                name: "client".to_string(),
                bytes,
                digest,
                ..Component::default()
            }],
            ..workload(&[], &[])
        };
        let unresolved = ENGINE.initialize_workload(name, workload).unwrap();
        let service = unresolved.service_id().unwrap();
        let component = unresolved.component_ids()[0].clone();
        let handler = Arc::new(NullServer::default());
        Self {
            workload: unresolved.resolve(None, handler).await.unwrap(),
            service,
            component,
        }
    }

    /// Runs the service, until the task is aborted.
    async fn serve(&self) -> JoinHandle<()> {
        let (mut store, instance) = self.workload.instantiate(&self.service).await.unwrap();
        let run = ["wasi:cli/run@0.2.12", "wasi:cli/run@0.3.2"]
            .into_iter()
            .find_map(|interface| {
                let interface = instance.get_export_index(&mut store, None, interface)?;
                instance.get_export_index(&mut store, Some(&interface), "run")
            });
        let run = instance
            .get_typed_func::<(), (Result<(), ()>,)>(&mut store, run.unwrap())
            .unwrap();
        tokio::spawn(async move {
            let ended = run.call_async(&mut store, ()).await;
            panic!("the service ended: {ended:?}");
        })
    }

    /// Has the component ask who is at a port.
    async fn ask(&self, protocol: &str, port: u16) -> Result<String, String> {
        let (mut store, instance) = self.workload.instantiate(&self.component).await.unwrap();
        let ask = ["client", "async-client"].into_iter().find_map(|name| {
            let name = format!("test:sockets/{name}@0.1.0");
            let interface = instance.get_export_index(&mut store, None, &name)?;
            instance.get_export_index(&mut store, Some(&interface), "ask")
        });
        let ask = instance
            .get_typed_func::<(&str, u16), (Result<String, String>,)>(&mut store, ask.unwrap())
            .unwrap();
        ask.call_async(&mut store, (protocol, port))
            .await
            .unwrap()
            .0
    }

    /// Asks until somebody is there.
    async fn wait(&self) -> String {
        loop {
            match self.ask("udp", PORT).await {
                Ok(told) => return told,
                Err(error) => assert!(is_refused(&error), "{error}"),
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Each version's bindings show an error in their own way.
fn is_refused(error: &str) -> bool {
    ["connection-refused", "ConnectionRefused"]
        .iter()
        .any(|name| error.contains(name))
}

fn any_port(told: &str) -> u16 {
    let (_, rest) = told.split_once("any is ").unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn services_of_workloads_listen_at_the_same_port() {
    for guest in GUESTS {
        let (one, other) = (
            Demo::new(guest, "one").await,
            Demo::new(guest, "other").await,
        );
        let services = [one.serve().await, other.serve().await];
        for (demo, name) in [(&one, "one"), (&other, "other")] {
            let any = any_port(&demo.wait().await);
            for (protocol, port) in [("tcp", PORT), ("udp", PORT), ("tcp", any)] {
                assert_eq!(
                    demo.ask(protocol, port).await.unwrap(),
                    format!("{name} at {port}, any is {any}, from {port}"),
                    "{guest} {protocol}"
                );
            }
        }
        for service in services {
            service.abort();
        }
    }
}

#[tokio::test]
async fn a_port_is_open_for_as_long_as_the_service_runs() {
    for guest in GUESTS {
        let demo = Demo::new(guest, "one").await;
        let idle = Demo::new(guest, "idle").await;
        for run in 0..2 {
            let service = demo.serve().await;
            let any = any_port(&demo.wait().await);
            service.abort();
            assert!(service.await.unwrap_err().is_cancelled());
            for (protocol, port) in [("tcp", PORT), ("udp", PORT), ("tcp", any)] {
                for nobody in [&demo, &idle] {
                    let error = nobody.ask(protocol, port).await.unwrap_err();
                    assert!(is_refused(&error), "{run} {error}");
                }
            }
        }
    }
}

/// The ports of 127.0.0.1 at which this process listens. In these tests, only
/// guests do.
#[cfg(target_os = "linux")]
fn listening() -> Vec<u16> {
    let mine: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect();
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    (table.lines().skip(1))
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let port = fields[1].strip_prefix("0100007F:")?;
            let listens = fields[3] == "0A" && mine.contains(&format!("socket:[{}]", fields[9]));
            listens.then(|| u16::from_str_radix(port, 16).unwrap())
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_does_not_hear_of_strangers() {
    for guest in GUESTS {
        let demo = Demo::new(guest, "one").await;
        let service = demo.serve().await;
        let any = any_port(&demo.wait().await);
        let ports = listening();
        assert!(ports.len() >= 2, "{ports:?}");
        for port in ports {
            let heard = tokio::task::spawn_blocking(move || {
                let mut heard = Vec::new();
                TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))
                    .and_then(|mut stream| stream.read_to_end(&mut heard))
                    .ok();
                heard
            });
            assert_eq!(heard.await.unwrap(), b"", "{guest}");
        }
        for port in [PORT, any] {
            assert!(demo.ask("tcp", port).await.is_ok());
        }
        service.abort();
    }
}
