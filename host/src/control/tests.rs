//! What a host says of itself over the socket, beside what it knows.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::{fs, io, os::unix::fs::PermissionsExt, os::unix::net::UnixStream, sync::Arc};

use e2e::{artifacts, versions};
use wash_plugin_loader::{
    PluginLoader,
    live::{Change, LiveOptions, LivePlugins, LiveState, PluginStatus, Reconciled},
};
use wash_runtime::host::HostBuilder;

use super::{client::Running, protocol::Request, server};
use crate::{launch::Launcher, registry::HostRegistry, workload::Source};

/// A host with one plugin and one workload, served at a socket.
struct Fixture {
    folder: tempfile::TempDir,
    launcher: Arc<Launcher>,
    _control: server::Control,
}

impl Fixture {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.so"), versions::bytes("000001")).unwrap();
        fs::write(folder.path().join("b.so"), "no library").unwrap();
        let loader = PluginLoader::builder()
            .directory(folder.path())
            .skip_rejected(true)
            .metrics(true)
            .build()
            .unwrap();
        let loaded = loader.load().unwrap();
        let host = loaded
            .register(HostBuilder::new())
            .unwrap()
            .build()
            .unwrap();
        let host = host.start().await.unwrap();
        let registry = Arc::new(HostRegistry::new(&host, &[]));
        let options = LiveOptions {
            settle: std::time::Duration::ZERO,
            ..LiveOptions::default()
        };
        let live = LivePlugins::new(
            Arc::new(loader),
            &loaded,
            Arc::clone(&registry) as _,
            options,
        );
        let launcher = Arc::new(Launcher::new(host, live, registry, false));
        let guest = folder.path().join("guest.wasm");
        fs::write(&guest, artifacts::guest("versions-guest")).unwrap();
        let source = Source::read(&guest, &[]).unwrap();
        launcher.launch(source).await.unwrap();
        let socket = folder.path().join("socket");
        let listener = server::bind_at(&socket).unwrap();
        let control = server::run(listener, socket, &launcher, None);
        Self {
            folder,
            launcher,
            _control: control,
        }
    }

    async fn ask<T>(&self, request: Request) -> crate::failure::Result<T>
    where
        T: serde::de::DeserializeOwned + Send + 'static,
    {
        let host = Running::at(self.folder.path().join("socket"));
        tokio::task::spawn_blocking(move || host.ask(&request))
            .await
            .unwrap()
    }

    async fn stop(self) {
        Arc::clone(self.launcher.host()).stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_what_the_loader_knows() {
    let host = Fixture::start().await;
    let told: Vec<PluginStatus> = host.ask(Request::Plugins).await.unwrap();
    let known = host.launcher.live().status();
    assert_eq!(told, known);
    let [plugin, rejected] = known.as_slice() else {
        panic!("{known:?}")
    };
    assert_eq!(plugin.state, LiveState::Running);
    assert_eq!(plugin.workloads, ["guest"]);
    assert_eq!(plugin.generation, Some(1));
    assert_eq!(plugin.calls, Some(0));
    assert_eq!(rejected.state, LiveState::Rejected);

    fs::write(host.folder.path().join("a.so"), versions::bytes("000002")).unwrap();
    let done: Reconciled = host.ask(Request::Reload).await.unwrap();
    assert!(
        done.changes
            .iter()
            .any(|change| matches!(change, Change::Updated { generation: 2, .. })),
        "{done:?}"
    );
    // The version before may be retired between two looks.
    let told = loop {
        let before = host.launcher.live().status();
        let told: Vec<PluginStatus> = host.ask(Request::Plugins).await.unwrap();
        if before == host.launcher.live().status() {
            assert_eq!(told, before);
            break told;
        }
    };
    assert_eq!(told[0].generation, Some(2));
    assert_ne!(told[0].sha256, known[0].sha256);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_comes_back_with_its_code() {
    let host = Fixture::start().await;
    let failed = host
        .ask::<()>(Request::StopWorkload { id: "x".to_owned() })
        .await
        .unwrap_err();
    assert_eq!(failed.code(), crate::code::Code::Missing);
    assert_eq!(failed.text(), "there is no workload `x`");
    let path = host.folder.path().join("nothing.wasm");
    let env = Vec::new();
    let failed = host
        .ask::<super::protocol::WorkloadEntry>(Request::StartWorkload { path, env })
        .await
        .unwrap_err();
    assert!(failed.text().ends_with("nothing.wasm does not exist"));
    host.stop().await;
}

/// What another host put there meanwhile is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_another_is_not_removed() {
    let host = Fixture::start().await;
    let socket = host.folder.path().join("socket");
    fs::remove_file(&socket).unwrap();
    let listener = server::bind_at(&socket).unwrap();
    let other = server::run(listener, socket.clone(), &host.launcher, None);
    let Fixture {
        folder,
        launcher,
        _control: control,
    } = host;
    drop(control);
    assert!(socket.exists());
    drop(other);
    assert!(!socket.exists());
    Arc::clone(launcher.host()).stop().await.unwrap();
    drop(folder);
}

/// A plugin may come between the host's start and the first look at who waits.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_misses_no_plugin() {
    let host = Fixture::start().await;
    let launcher = &host.launcher;
    fs::write(host.folder.path().join("a.so"), versions::bytes("000002")).unwrap();
    let done: Reconciled = host.ask(Request::Reload).await.unwrap();
    assert_eq!(done.changes.len(), 1, "{done:?}");

    let guest = host.folder.path().join("late.wasm");
    fs::write(&guest, artifacts::guest("versions-guest")).unwrap();
    let source = Source::read(&guest, &[]).unwrap();
    let failure = crate::failure::Failure::message(crate::code::Code::Workload, "nobody serves it");
    launcher.wait(source, &failure).await;
    let starts = e2e::site::until("it starts", async || {
        let all = launcher.host().workload_statuses();
        all.iter().any(|workload| workload.workload_id == "late")
    });
    tokio::select! {
        () = launcher.retry() => panic!("it goes on"),
        () = starts => {}
    }
    host.stop().await;
}

/// As another user, on a thread that has become one: only root can.
fn as_another_user<T: Send>(act: impl FnOnce() -> T + Send) -> Option<T> {
    use rustix::process::Uid;
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let nobody = Uid::from_raw(65534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody)
                .is_ok()
                .then(act)
        });
        other.join().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_user_cannot_connect() {
    let host = Fixture::start().await;
    let socket = host.folder.path().join("socket");
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    assert_eq!(
        fs::metadata(&socket).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // Even where the directory lets everybody in.
    mode(host.folder.path(), 0o755);
    let refused = as_another_user(|| UnixStream::connect(&socket).unwrap_err().kind());
    let Some(refused) = refused else {
        println!("skipped: only root can act as another user");
        return;
    };
    assert_eq!(refused, io::ErrorKind::PermissionDenied);
    // And even where the socket does, nothing is answered.
    mode(&socket, 0o666);
    let answered = as_another_user(|| {
        use io::{Read, Write};
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(b"{\"request\":\"status\"}\n").ok();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok();
        answer
    });
    assert_eq!(answered.unwrap(), "");
    let status: super::protocol::HostStatus = host.ask(Request::Status).await.unwrap();
    assert_eq!(status.plugins, 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_no_reason_to_list_all_again() {
    let host = Fixture::start().await;
    let all = host.launcher.live().status();
    let before = &all[0];
    let mut after = before.clone();
    after.calls = Some(7);
    after.seconds = Some(0.5);
    after.live_resources = Some(3);
    after.generations[0].pending_calls = 2;
    after.generations[0].faults.failures = 1;
    assert_ne!(*before, after);
    assert_eq!(
        super::show::without_counters(before),
        super::show::without_counters(&after)
    );
    after.generation = Some(2);
    assert_ne!(
        super::show::without_counters(before),
        super::show::without_counters(&after)
    );
    host.stop().await;
}
