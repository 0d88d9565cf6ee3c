use std::path::PathBuf;

use super::*;

const HEAD: &str = "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\n";

/// A directory with a component, and where a workload file in it would be.
fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("app.wasm"),
        wat::parse_str("(component)").unwrap(),
    )
    .unwrap();
    let path = directory.path().join("workload.yaml");
    (directory, path)
}

fn parse_all(text: &str) -> Result<Vec<Source>> {
    let (_directory, path) = directory();
    read(&path, text, &[("EXTRA".to_owned(), "1".to_owned())])
}

fn parse(text: &str) -> Result<Source> {
    let [source] = parse_all(text)?.try_into().unwrap();
    Ok(source)
}

fn error(text: &str) -> String {
    let text = parse(text).unwrap_err().text();
    text.split_once("is not valid: ")
        .unwrap_or(("", &text))
        .1
        .to_owned()
}

#[test]
fn a_whole_workload_is_read() {
    let text = format!(
        "{HEAD}metadata:
  name: demo
  namespace: test
  annotations: {{ note: hi }}
  labels: {{ a: b }}
spec:
  components:
    - name: app
      image: ./app.wasm
      imagePullPolicy: Always
      localResources:
        environment: {{ config: {{ LEVEL: debug, EXTRA: '0' }} }}
        config: {{ key: value }}
        memoryLimitMb: 64
        allowedHosts: ['*.example.com']
        volumeMounts: [{{ name: data, mountPath: /data, readOnly: true }}]
  service:
    image: file://app.wasm
    maxRestarts: 3
  hostInterfaces:
    - namespace: wasi
      package: logging
      interfaces: [logging]
      version: 0.1.0-draft
      name: main
      config: {{ level: info }}
  volumes:
    - {{ name: data, hostPath: {{ path: data }} }}
    - {{ name: scratch, ephemeral: {{}} }}
"
    );
    let Source {
        workload,
        items,
        is_bare,
    } = parse(&text).unwrap();
    assert!(!is_bare);
    assert_eq!(
        (workload.name.as_str(), workload.namespace.as_str()),
        ("demo", "test")
    );
    assert_eq!(workload.annotations["note"], "hi");
    assert_eq!(items.len(), 2);
    assert_eq!(items[1].label, "component `app` (./app.wasm)");
    let service = workload.service.unwrap();
    assert_eq!(
        (
            service.max_restarts,
            service.local_resources.memory_limit_mb
        ),
        (3, -1)
    );
    let resources = &workload.components[0].local_resources;
    assert_eq!(resources.environment["LEVEL"], "debug");
    assert_eq!(resources.environment["EXTRA"], "1", "the command line wins");
    assert_eq!(resources.config["key"], "value");
    assert_eq!((resources.memory_limit_mb, resources.cpu_limit), (64, -1));
    assert_eq!(resources.allowed_hosts.len(), 1);
    assert!(resources.volume_mounts[0].read_only);
    let interface = &workload.host_interfaces[0];
    assert_eq!(
        interface.to_string(),
        "wasi:logging [main]/logging@0.1.0-draft"
    );
    assert_eq!(interface.config["level"], "info");
    let VolumeType::HostPath(data) = &workload.volumes[0].volume_type else {
        panic!()
    };
    assert!(data.local_path.starts_with('/') && data.local_path.ends_with("/data"));
    assert!(matches!(
        workload.volumes[1].volume_type,
        VolumeType::EmptyDir(_)
    ));
}

#[test]
fn a_deployment_is_read() {
    let text = "apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: WorkloadDeployment
metadata: { name: demo }
spec:
  replicas: 2
  template:
    spec:
      components: [{ name: app, image: app.wasm }]
";
    let source = parse(text).unwrap();
    assert_eq!(source.workload.namespace, "default");
    assert_eq!(source.workload.components[0].name, "app");
}

#[test]
fn mistakes_are_named() {
    for (text, expected) in [
        ("", "it is empty"),
        ("a: 1\n", "it has no apiVersion"),
        (
            "apiVersion: v1\nkind: Pod\n",
            "its apiVersion is `v1`, not `runtime.wasmcloud.dev",
        ),
        (
            "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Host\n",
            "its kind is `Host`, not `Workload` or `WorkloadDeployment`",
        ),
        (
            &format!("{HEAD}metadata: {{ name: x }}\nspec: {{}}\n"),
            "neither components nor a service",
        ),
        (
            &format!("{HEAD}spec: {{ service: {{ image: app.wasm }} }}\n"),
            "it has no metadata.name",
        ),
        (
            &format!("{HEAD}spec:\n  component: []\n"),
            "unknown field `component`",
        ),
        (
            &format!(
                "{HEAD}metadata: {{ name: x }}\nspec:\n  components:\n    - name: a\n      \
                 image: app.wasm\n      localResources: {{ enviroment: {{}} }}\n"
            ),
            "unknown field `enviroment`",
        ),
        (
            &format!(
                "{HEAD}metadata: {{ name: x }}\nspec:\n  service:\n    image: \
                 ghcr.io/acme/app:1.0\n"
            ),
            "the image of the service, `ghcr.io/acme/app:1.0`, is not a local file",
        ),
        (
            &format!(
                "{HEAD}metadata: {{ name: x }}\nspec:\n  service: {{ image: app.wasm }}\n  \
                 hostInterfaces: [{{ namespace: a, package: b, interfaces: [c], version: x }}]\n"
            ),
            "the version `x` of the host interface a:b",
        ),
        (
            &format!(
                "{HEAD}metadata: {{ name: x }}\nspec:\n  service: {{ image: app.wasm }}\n  \
                 hostInterfaces: [{{ namespace: a, package: b, interfaces: [c], secretFrom: [] }}]\n"
            ),
            "`secretFrom` in the host interface a:b refers to a cluster",
        ),
        (
            &format!(
                "{HEAD}metadata: {{ name: x }}\nspec:\n  service: {{ image: app.wasm }}\n  \
                 volumes: [{{ name: v }}]\n"
            ),
            "the volume `v` needs either",
        ),
        (
            &format!(
                "{HEAD}metadata: {{ name: x }}\nspec:\n  service: {{ image: app.wasm, \
                 localResources: {{ allowedHosts: ['a/b'] }} }}\n"
            ),
            "in allowedHosts, 'a/b' is not an allowed host",
        ),
    ] {
        let told = error(text);
        assert!(told.contains(expected), "{told}\n\nshould say: {expected}");
    }
}

#[test]
fn a_missing_component_is_missing_input() {
    let text =
        format!("{HEAD}metadata: {{ name: x }}\nspec: {{ service: {{ image: none.wasm }} }}\n");
    let failure = parse(&text).unwrap_err();
    assert_eq!(failure.code(), Code::Missing);
    assert!(failure.text().contains("none.wasm does not exist"));
}

#[test]
fn registry_references_are_told_from_paths() {
    for remote in [
        "ghcr.io/a/b:1",
        "localhost:5000/a",
        "localhost/a",
        "oci://x/y",
        "https://a/b",
    ] {
        assert!(is_remote(remote), "{remote}");
    }
    for local in [
        "app.wasm",
        "./a/b.wasm",
        "../a",
        "/a/b",
        "sub/app.wasm",
        "file:///x",
    ] {
        assert!(!is_remote(local), "{local}");
    }
}

/// The hosts that the HTTP interface of a workload names.
fn hosts(source: &Source) -> Vec<&str> {
    let interfaces = source.workload.host_interfaces.iter();
    interfaces
        .filter_map(|interface| interface.config.get("host").map(String::as_str))
        .collect()
}

const HTTP: &str = "hostInterfaces: [{ namespace: wasi, package: http, interfaces: \
                    [incoming-handler], config: { host: HOST } }]\n";

#[test]
fn every_document_can_be_a_workload() {
    let workload = |name: &str| {
        format!(
            "{HEAD}metadata: {{ name: {name} }}\nspec:\n  components: [{{ name: app, image: \
             app.wasm }}]\n"
        )
    };
    let text = format!(
        "# all\napiVersion: v1\nkind: Service\nmetadata: {{ name: s }}\nspec: {{ ports: [] }}\n\
         ---\n{}---\n---\n{}...\n",
        workload("one"),
        workload("two")
    );
    let names: Vec<String> = parse_all(&text)
        .unwrap()
        .into_iter()
        .map(|source| source.workload.name)
        .collect();
    assert_eq!(names, ["one", "two"]);
    // A mistake is told with its line in the file.
    let wrong = text.replacen("image: app.wasm }]\n...", "imag: app.wasm }]\n...", 1);
    let told = error(&wrong);
    assert!(told.contains("imag") && told.contains("18:29"), "{told}");
    let told = error(
        "apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
    );
    assert_eq!(
        told,
        "none of its 2 resources is a `Workload` or `WorkloadDeployment`: it has a Pod (v1), the \
         Service `s` (v1)"
    );
    let told = error(&format!(
        "{}---\napiVersion: runtime.wasmcloud.dev/v2\nkind: Workload\n",
        workload("x")
    ));
    assert!(
        told.starts_with("its apiVersion is `runtime.wasmcloud.dev/v2`"),
        "{told}"
    );
}

#[test]
fn what_kubectl_adds_is_passed_over() {
    let item = "apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: WorkloadReplicaSet
metadata:
  creationTimestamp: null
  generation: 2
  managedFields: [{ manager: kubectl, fieldsV1: { f:spec: {} } }]
  name: demo
  namespace: test
  annotations: null
  finalizers: [x]
  uid: 5a1e
spec:
  replicas: 1
  template:
    labels: { a: b }
    annotations: { note: hi }
    spec:
      hostInterfaces: null
      volumes: null
      components:
      - name: app
        image: app.wasm
        precompiledUrl: http://x/y.cwasm
        maxConcurrency: 4
        localResources: { environment: null, config: null }
status: { conditions: [] }
";
    let source = parse(item).unwrap();
    assert_eq!(
        (
            source.workload.name.as_str(),
            source.workload.namespace.as_str()
        ),
        ("demo", "test")
    );
    assert_eq!(source.workload.annotations["note"], "hi");
    assert_eq!(source.workload.components[0].max_concurrency, 4);
    let indented: String = item.lines().map(|line| format!("  {line}\n")).collect();
    let list = format!(
        "apiVersion: v1\nkind: List\nmetadata: {{ resourceVersion: '' }}\nitems:\n- {}",
        indented.trim_start()
    );
    assert_eq!(parse(&list).unwrap().workload.name, "demo");
    let told = error(&list.replace("precompiledUrl", "precompiled"));
    assert!(
        told.starts_with("in the item `demo` of a list, unknown field `precompiled`"),
        "{told}"
    );
}

#[test]
fn a_port_is_no_part_of_a_hosts_name() {
    for (host, expected) in [
        ("hello.example", "hello.example"),
        ("hello.localhost.direct:8000", "hello.localhost.direct"),
        ("hello.example:port", "hello.example:port"),
    ] {
        let text = format!(
            "{HEAD}metadata: {{ name: x }}\nspec:\n  service: {{ image: app.wasm }}\n  {}",
            HTTP.replace("HOST", host)
        );
        assert_eq!(hosts(&parse(&text).unwrap()), [expected]);
    }
    // Another interface's configuration is its own.
    let text = format!(
        "{HEAD}metadata: {{ name: x }}\nspec:\n  service: {{ image: app.wasm }}\n  {}",
        HTTP.replace("HOST", "redis:6379")
            .replace("package: http", "package: keyvalue")
    );
    assert_eq!(hosts(&parse(&text).unwrap()), ["redis:6379"]);
}

#[test]
fn the_files_own_limit_wins() {
    let text = |resources: &str| {
        format!(
            "{HEAD}metadata: {{ name: x }}\nspec:\n  service: {{ image: app.wasm{resources} }}\n"
        )
    };
    for (resources, expected) in [
        ("", 256),
        (", localResources: { memoryLimitMb: 8 }", 8),
        (", localResources: { memoryLimitMb: -1 }", 0),
        (", localResources: { memoryLimitMb: 0 }", 0),
    ] {
        let mut source = parse(&text(resources)).unwrap();
        source.limit_memory(256);
        let service = source.workload.service.unwrap();
        assert_eq!(
            service.local_resources.memory_limit_mb, expected,
            "{resources}"
        );
    }
}
