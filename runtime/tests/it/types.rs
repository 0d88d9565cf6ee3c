//! Allowed hosts, and the defaults of plain types.

use wash_runtime::types::{AllowedHost, Component, LocalResources, WorkloadState};

#[test]
fn allowed_hosts_match() {
    let table: &[(&str, &str, bool)] = &[
        ("*", "http://anything.example:81/path", true),
        ("example.com", "http://example.com/", true),
        ("EXAMPLE.com", "https://Example.COM/", true),
        ("example.com", "http://sub.example.com/", false),
        ("example.com:8080", "http://example.com:8080/", true),
        ("example.com:8080", "http://example.com/", false),
        ("example.com:443", "https://example.com/", true),
        ("https://example.com", "https://example.com:8443/x?y", true),
        ("https://example.com", "http://example.com/", false),
        ("*.example.com", "http://a.example.com/", true),
        ("*.example.com", "http://a.b.example.com/", true),
        ("*.example.com", "http://example.com/", false),
        ("*.example.com", "http://notexample.com/", false),
        (
            "https://*.example.com:8443",
            "https://a.example.com:8443/",
            true,
        ),
        (
            "https://*.example.com:8443",
            "https://a.example.com/",
            false,
        ),
        ("example.com.", "http://example.com/", true),
        ("example.com", "http://example.com./", true),
        ("*.example.com.", "http://a.example.com/", true),
        ("*.example.com", "http://a.example.com.:80/", true),
        ("*.example.com", "http://example.com./", false),
        ("[::1]:80", "http://[::1]/", true),
        ("[::1]", "http://[::2]/", false),
        ("example.com", "/no/host", false),
    ];
    for (pattern, uri, expected) in table {
        let parsed: AllowedHost = pattern.parse().unwrap();
        assert_eq!(
            parsed.matches(&uri.parse().unwrap()),
            *expected,
            "{pattern} {uri}"
        );
        // What is printed is read as the same again.
        assert_eq!(parsed.to_string().parse(), Ok(parsed), "{pattern}");
    }
}

#[test]
fn other_texts_are_refused_with_the_reason() {
    let table = [
        ("", "empty"),
        ("https://", "empty"),
        ("://example.com", "scheme"),
        ("example.com/path", "path"),
        ("example.com?query", "path"),
        ("user@example.com", "user"),
        ("example.com:port", "port"),
        ("example.com:70000", "port"),
        ("*example.com", "after '*'"),
        ("*.", "after '*'"),
        (".", "empty"),
        ("a.*.com", "beginning"),
        ("*.a.*", "beginning"),
        ("[::1]80", "after ']'"),
    ];
    for (pattern, reason) in table {
        let error = pattern.parse::<AllowedHost>().unwrap_err().to_string();
        assert!(
            error.contains(reason) && error.contains(&format!("'{pattern}'")),
            "{error}"
        );
    }
}

#[test]
fn defaults() {
    let resources = LocalResources::default();
    assert_eq!((resources.memory_limit_mb, resources.cpu_limit), (-1, -1));
    assert!(resources.allowed_hosts.is_empty());
    assert_eq!(Component::default().pool_size, 0);
}

#[test]
fn states_have_the_numbers_of_the_protocol() {
    let states = [
        WorkloadState::Unspecified,
        WorkloadState::Starting,
        WorkloadState::Running,
        WorkloadState::Completed,
        WorkloadState::Stopping,
        WorkloadState::Error,
        WorkloadState::NotFound,
    ];
    for (number, state) in states.into_iter().enumerate() {
        assert_eq!(state as usize, number, "{state:?}");
    }
}
