//! [`WitInterface`]: parsing, printing and comparing.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use semver::Version;
use serde::{Deserialize, Serialize};

/// The interfaces of the incoming side of `wasi:http`, in 0.2 and in 0.3.
const INCOMING_HTTP: [&str; 2] = ["incoming-handler", "handler"];

/// One or several interfaces of one WIT package.
///
/// In a workload's `host_interfaces` it says what the workload needs from the
/// host and how it is configured; in a plugin's world it says what is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitInterface {
    /// The package's namespace: `wasi` in `wasi:keyvalue/store`.
    pub namespace: String,
    /// The package's name: `keyvalue` in `wasi:keyvalue/store`.
    pub package: String,
    /// The interfaces' names. Empty means the package as a whole.
    pub interfaces: HashSet<String>,
    /// The package's version. `None` matches every version.
    pub version: Option<Version>,
    /// What the workload configures for this interface. A plugin reads it when
    /// it binds.
    #[serde(default)]
    pub config: HashMap<String, String>,
    /// Tells several instances of the same interface apart, for a component
    /// that uses, say, two key-value stores.
    #[serde(default)]
    pub name: Option<String>,
}

impl WitInterface {
    /// The identity without interfaces and configuration:
    /// `ns:pkg[/name][@version]`.
    #[must_use]
    pub fn instance(&self) -> String {
        let mut out = format!("{}:{}", self.namespace, self.package);
        if let Some(name) = &self.name {
            out.push('/');
            out.push_str(name);
        }
        if let Some(version) = &self.version {
            out.push('@');
            out.push_str(&version.to_string());
        }
        out
    }

    /// Takes over the interfaces and the configuration of `other` if both are
    /// the same [`instance`](Self::instance), and says whether they were.
    ///
    /// Where both configure a key, `other` wins.
    pub fn merge(&mut self, other: &WitInterface) -> bool {
        if self.instance() != other.instance() {
            return false;
        }
        self.interfaces.extend(other.interfaces.iter().cloned());
        self.config
            .extend(other.config.iter().map(|(k, v)| (k.clone(), v.clone())));
        true
    }

    /// Whether both are of one package: equal namespace and name, and equal
    /// versions if both have one.
    #[must_use]
    pub fn same_package(&self, other: &WitInterface) -> bool {
        self.namespace == other.namespace
            && self.package == other.package
            && equal_if_both(&self.version, &other.version)
    }

    /// Whether everything in `other` is in `self`: the same package, the same
    /// name if both have one, and all of its interfaces.
    #[must_use]
    pub fn contains(&self, other: &WitInterface) -> bool {
        self.same_package(other)
            && equal_if_both(&self.name, &other.name)
            && self.interfaces.is_superset(&other.interfaces)
    }

    /// Whether this is the side of `wasi:http` that a component exports to be
    /// given requests: `incoming-handler` (0.2) or `handler` (0.3).
    #[must_use]
    pub fn is_incoming_http_handler(&self) -> bool {
        self.namespace == "wasi"
            && self.package == "http"
            && INCOMING_HTTP
                .iter()
                .any(|name| self.interfaces.contains(*name))
    }
}

/// Absence matches everything.
fn equal_if_both<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

/// Hashes as equality compares: over all fields, the sets in no order.
impl Hash for WitInterface {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.namespace.hash(state);
        self.package.hash(state);
        self.name.hash(state);
        self.version.hash(state);
        unordered_hash(&self.interfaces).hash(state);
        unordered_hash(&self.config).hash(state);
    }
}

/// Combines the hashes of all items so that their order does not matter. The
/// hasher has fixed keys: equal sets must hash equally in every map.
fn unordered_hash<T: Hash>(items: impl IntoIterator<Item = T>) -> u64 {
    items.into_iter().fold(0, |combined, item| {
        let mut hasher = DefaultHasher::new();
        item.hash(&mut hasher);
        combined ^ hasher.finish()
    })
}

/// Parses `namespace:package/interface,interface@version`.
///
/// Nothing is refused. What is missing stays empty, and a version that is not
/// a semantic version becomes `None`.
impl From<&str> for WitInterface {
    fn from(text: &str) -> Self {
        let (rest, version) = match text.split_once('@') {
            Some((rest, version)) => (rest, Version::parse(version).ok()),
            None => (text, None),
        };
        let (package, names) = rest.split_once('/').unwrap_or((rest, ""));
        let (namespace, package) = package.split_once(':').unwrap_or(("", package));
        Self {
            namespace: namespace.to_string(),
            package: package.to_string(),
            interfaces: names
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_string)
                .collect(),
            version,
            config: HashMap::new(),
            name: None,
        }
    }
}

impl From<String> for WitInterface {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// Prints `ns:pkg [name]/a,b@version`, the interfaces in alphabetical order.
///
/// Without a name the result parses back to the same interface (less its
/// configuration).
impl fmt::Display for WitInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.package)?;
        if let Some(name) = &self.name {
            write!(f, " [{name}]")?;
        }
        let mut names: Vec<&str> = self.interfaces.iter().map(String::as_str).collect();
        names.sort_unstable();
        if !names.is_empty() {
            write!(f, "/{}", names.join(","))?;
        }
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        Ok(())
    }
}
