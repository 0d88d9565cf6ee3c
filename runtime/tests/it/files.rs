//! Volumes, as a guest sees them.

use crate::common;

use std::{fs, path::Path, sync::Arc};

use common::{engine, wasi::FILES, workload};
use wash_runtime::{
    engine::{ctx::SharedCtx, workload::ResolvedWorkload},
    host::http::NullServer,
    types::{EmptyDirVolume, HostPathVolume, Volume, VolumeMount, VolumeType, Workload},
    wasmtime::{Store, component::Instance},
};

const READ: u32 = 1;
const WRITE: u32 = 2;
const CREATE: u32 = 1;

// One more than the case's number.
const NO_ENTRY: u32 = 21;
const NOT_PERMITTED: u32 = 32;
const READ_ONLY: u32 = 34;

/// A guest with its store.
struct Files {
    store: Store<SharedCtx>,
    instance: Instance,
}

impl Files {
    async fn new(workload: &ResolvedWorkload, component: &str) -> Self {
        let (store, instance) = workload.instantiate(component).await.unwrap();
        Self { store, instance }
    }

    async fn open(&mut self, path: &str, open: u32, flags: u32) -> u32 {
        let function = self.export("open");
        let function = self
            .instance
            .get_typed_func::<(&str, u32, u32), (u32,)>(&mut self.store, function)
            .unwrap();
        let called = function.call_async(&mut self.store, (path, open, flags));
        called.await.unwrap().0
    }

    async fn read(&mut self, path: &str) -> u32 {
        self.open(path, 0, READ).await
    }

    async fn create(&mut self, path: &str) -> u32 {
        self.open(path, CREATE, READ | WRITE).await
    }

    async fn link(&mut self, to: &str, at: &str) -> u32 {
        let function = self.export("link");
        let function = self
            .instance
            .get_typed_func::<(&str, &str), (u32,)>(&mut self.store, function)
            .unwrap();
        function
            .call_async(&mut self.store, (to, at))
            .await
            .unwrap()
            .0
    }

    async fn directories(&mut self) -> u32 {
        let function = self.export("directories");
        let function = self
            .instance
            .get_typed_func::<(), (u32,)>(&mut self.store, function)
            .unwrap();
        function.call_async(&mut self.store, ()).await.unwrap().0
    }

    fn export(&mut self, name: &str) -> wash_runtime::wasmtime::component::ComponentExportIndex {
        let files = self
            .instance
            .get_export_index(&mut self.store, None, "demo:a/files@0.1.0")
            .unwrap();
        self.instance
            .get_export_index(&mut self.store, Some(&files), name)
            .unwrap()
    }
}

fn host_path(name: &str, path: &Path) -> Volume {
    Volume {
        name: name.to_string(),
        volume_type: VolumeType::HostPath(HostPathVolume {
            local_path: path.to_str().unwrap().to_string(),
        }),
    }
}

fn empty_dir(name: &str) -> Volume {
    Volume {
        name: name.to_string(),
        volume_type: VolumeType::EmptyDir(EmptyDirVolume {}),
    }
}

fn mount(name: &str, read_only: bool) -> Vec<VolumeMount> {
    vec![VolumeMount {
        name: name.to_string(),
        mount_path: format!("/{name}"),
        read_only,
    }]
}

async fn resolve(workload: Workload) -> (ResolvedWorkload, Vec<Arc<str>>) {
    let unresolved = engine().initialize_workload("w", workload).unwrap();
    let ids = unresolved.component_ids();
    let handler = Arc::new(NullServer::default());
    (unresolved.resolve(None, handler).await.unwrap(), ids)
}

#[tokio::test]
async fn a_directory_of_the_host_is_read_and_written() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("given"), "").unwrap();
    let mut demo = workload(&[FILES], &[]);
    demo.volumes = vec![host_path("data", directory.path())];
    demo.components[0].local_resources.volume_mounts = mount("data", false);
    let (workload, ids) = resolve(demo).await;
    let mut files = Files::new(&workload, &ids[0]).await;
    assert_eq!(files.read("given").await, 0);
    assert_eq!(files.read("missing").await, NO_ENTRY);
    assert_eq!(files.create("made").await, 0);
    assert!(directory.path().join("made").is_file());
    drop((files, workload));
    assert!(
        directory.path().join("made").is_file(),
        "it outlives the workload"
    );
}

#[tokio::test]
async fn what_is_mounted_read_only_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("given"), "text").unwrap();
    let mut demo = workload(&[FILES], &[]);
    demo.volumes = vec![host_path("data", directory.path())];
    demo.components[0].local_resources.volume_mounts = mount("data", true);
    let (workload, ids) = resolve(demo).await;
    let mut files = Files::new(&workload, &ids[0]).await;
    assert_eq!(files.read("given").await, 0);
    for refused in [
        files.create("made").await,
        files.open("given", 0, READ | WRITE).await,
        // Truncation.
        files.open("given", 8, READ).await,
        files.link("given", "link").await,
    ] {
        assert!([NOT_PERMITTED, READ_ONLY].contains(&refused), "{refused}");
    }
    assert_eq!(
        fs::read_to_string(directory.path().join("given")).unwrap(),
        "text"
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn nothing_outside_is_reached() {
    let outside = tempfile::tempdir().unwrap();
    let directory = outside.path().join("data");
    fs::create_dir(&directory).unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "").unwrap();
    fs::create_dir(directory.join("inner")).unwrap();
    std::os::unix::fs::symlink(&secret, directory.join("absolute")).unwrap();
    std::os::unix::fs::symlink("../secret", directory.join("relative")).unwrap();
    std::os::unix::fs::symlink(outside.path(), directory.join("directory")).unwrap();
    std::os::unix::fs::symlink("..", directory.join("inner/up")).unwrap();

    let mut demo = workload(&[FILES], &[]);
    demo.volumes = vec![host_path("data", &directory)];
    demo.components[0].local_resources.volume_mounts = mount("data", false);
    let (workload, ids) = resolve(demo).await;
    let mut files = Files::new(&workload, &ids[0]).await;
    for path in [
        "../secret",
        "inner/../../secret",
        secret.to_str().unwrap(),
        "absolute",
        "relative",
        "directory/secret",
        "inner/up/../secret",
    ] {
        assert_eq!(files.read(path).await, NOT_PERMITTED, "{path}");
        assert_eq!(files.create(path).await, NOT_PERMITTED, "{path}");
    }
    // A link that the guest makes itself.
    files.link("../secret", "own").await;
    assert_ne!(files.read("own").await, 0);
    assert_ne!(
        files.link(secret.to_str().unwrap(), "own-absolute").await,
        0
    );
    assert_eq!(
        files.read("inner/up/inner").await,
        0,
        "what stays inside is fine"
    );
}

#[tokio::test]
async fn an_empty_directory_is_shared_and_goes_with_its_workload() {
    let mut demo = workload(&[FILES, FILES], &[]);
    demo.volumes = vec![empty_dir("scratch")];
    for component in &mut demo.components {
        component.local_resources.volume_mounts = mount("scratch", false);
    }
    let (first, ids) = resolve(demo.clone()).await;
    let (second, other_ids) = resolve(demo).await;
    let name = format!("made-{}", ids[0]);
    assert_eq!(Files::new(&first, &ids[0]).await.create(&name).await, 0);
    assert_eq!(Files::new(&first, &ids[1]).await.read(&name).await, 0);
    let mut elsewhere = Files::new(&second, &other_ids[0]).await;
    assert_eq!(
        elsewhere.read(&name).await,
        NO_ENTRY,
        "each workload has its own"
    );

    let find = || {
        fs::read_dir(std::env::temp_dir())
            .unwrap()
            .filter_map(Result::ok)
            .any(|entry| entry.path().join(&name).exists())
    };
    assert!(find());
    drop(first);
    assert!(!find());
}

#[tokio::test]
async fn directories_of_linked_components_are_everybodys() {
    let importer = FILES.replacen(
        "(component",
        r#"(component (import "demo:a/one@0.1.0" (instance (export "ping" (func))))"#,
        1,
    );
    let provider = common::guests::EXPORTS_A;
    for (mounts, directories) in [(["scratch", "scratch"], 1), (["scratch", "other"], 2)] {
        let mut demo = workload(&[&importer, provider], &[]);
        demo.volumes = vec![empty_dir("scratch"), empty_dir("other")];
        for (component, name) in demo.components.iter_mut().zip(mounts) {
            component.local_resources.volume_mounts = mount(name, false);
        }
        let (workload, ids) = resolve(demo).await;
        let mut files = Files::new(&workload, &ids[0]).await;
        assert_eq!(files.directories().await, directories);
    }
}
