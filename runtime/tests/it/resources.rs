//! What a component may use: memory, fuel, directories.

use crate::common;

use std::sync::Arc;

use common::{
    engine,
    guests::{EMPTY, EXPORTS_A, NEEDS_2_MIB},
    workload,
};
use wash_runtime::{
    engine::Engine,
    host::http::NullServer,
    types::{
        AllowedIpName, EmptyDirVolume, HostPathVolume, Volume, VolumeMount, VolumeType, Workload,
    },
};

fn error_of(workload: Workload) -> String {
    format!(
        "{:#}",
        engine().initialize_workload("w", workload).unwrap_err()
    )
}

#[tokio::test]
async fn memory_is_limited() {
    for (limit, fits) in [(-1, true), (2, true), (1, false)] {
        let mut demo = workload(&[NEEDS_2_MIB], &[]);
        demo.components[0].local_resources.memory_limit_mb = limit;
        let unresolved = engine().initialize_workload("w", demo).unwrap();
        let id = unresolved.component_ids()[0].clone();
        let resolved = unresolved
            .resolve(None, Arc::new(NullServer::default()))
            .await
            .unwrap();
        let pre = resolved.instantiate_pre(&id).await.unwrap();
        let mut store = resolved.new_store(&id).await.unwrap();
        let instance = pre.instantiate_async(&mut store).await;
        assert_eq!(instance.is_ok(), fits, "limit {limit}");
    }
}

#[tokio::test]
async fn fuel_is_counted_and_not_rationed() {
    let counting = Engine::builder()
        .with_pooling_allocator(false)
        .with_fuel_consumption(true)
        .build()
        .unwrap();
    let unresolved = counting
        .initialize_workload("w", workload(&[EXPORTS_A], &[]))
        .unwrap();
    let id = unresolved.component_ids()[0].clone();
    let resolved = unresolved
        .resolve(None, Arc::new(NullServer::default()))
        .await
        .unwrap();
    let store = resolved.new_store(&id).await.unwrap();
    assert_eq!(store.get_fuel().unwrap(), u64::MAX);
}

#[test]
fn what_is_not_supported_is_refused_in_so_many_words() {
    let mut demo = workload(&[EMPTY], &[]);
    demo.components[0].local_resources.allowed_ip_name_lookups =
        [AllowedIpName("a.example".to_string())].into();
    assert_eq!(
        error_of(demo),
        "component 'c0' of workload 'demo': allowed_ip_name_lookups has 'a.example', but this \
         version of wash-runtime cannot tell names apart: allow all with '*', or leave the list \
         empty"
    );
}

#[tokio::test]
async fn volumes_are_mounted() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo = workload(&[EMPTY], &[]);
    demo.volumes = vec![
        Volume {
            name: "data".to_string(),
            volume_type: VolumeType::HostPath(HostPathVolume {
                local_path: directory.path().to_str().unwrap().to_string(),
            }),
        },
        Volume {
            name: "scratch".to_string(),
            volume_type: VolumeType::EmptyDir(EmptyDirVolume {}),
        },
    ];
    let mount = |name: &str| VolumeMount {
        name: name.to_string(),
        mount_path: format!("/{name}"),
        read_only: name == "data",
    };
    demo.components[0].local_resources.volume_mounts = vec![mount("data"), mount("scratch")];
    let mut unknown = demo.clone();
    unknown.components[0]
        .local_resources
        .volume_mounts
        .push(mount("other"));
    assert!(error_of(unknown).contains(
        "the mount at '/other' names the volume 'other', which the workload does not declare \
             (it declares: data, scratch)"
    ));

    let unresolved = engine().initialize_workload("w", demo.clone()).unwrap();
    let id = unresolved.component_ids()[0].clone();
    let resolved = unresolved
        .resolve(None, Arc::new(NullServer::default()))
        .await
        .unwrap();
    resolved.new_store(&id).await.unwrap();

    demo.volumes.pop();
    demo.volumes.push(demo.volumes[0].clone());
    assert!(error_of(demo).contains("volume 'data' is declared twice"));
}

#[test]
fn a_volume_needs_its_directory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cases = [
        ("/does/not/exist", "cannot open"),
        (file.path().to_str().unwrap(), "is not a directory"),
    ];
    for (path, reason) in cases {
        let mut demo = workload(&[EMPTY], &[]);
        demo.volumes.push(Volume {
            name: "data".to_string(),
            volume_type: VolumeType::HostPath(HostPathVolume {
                local_path: path.to_string(),
            }),
        });
        let error = error_of(demo);
        assert!(
            error.starts_with("workload 'demo': volume 'data': "),
            "{error}"
        );
        assert!(error.contains(reason), "{error}");
    }
}
