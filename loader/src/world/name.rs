//! [`InterfaceName`].

use std::fmt;

/// The name of an interface, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceName {
    /// Namespace of the package.
    pub namespace: String,
    /// Name of the package.
    pub package: String,
    /// Name in the package.
    pub interface: String,
    /// Version of the package.
    pub version: Option<semver::Version>,
}

impl InterfaceName {
    /// Reads `namespace:package/interface@version`, as components name what
    /// they import and export; `None` if it is something else.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version.parse().ok()?)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/')?;
        let (namespace, package) = package.split_once(':')?;
        Some(Self {
            namespace: namespace.to_owned(),
            package: package.to_owned(),
            interface: interface.to_owned(),
            version,
        })
    }

    /// Whether it is of the package of streams and pollables, which the host
    /// itself serves to components.
    pub(super) fn is_wasi_io(&self) -> bool {
        self.namespace == "wasi" && self.package == "io"
    }

    /// Whether a component that imports `other` can be served by this one:
    /// the same interface, and a version that the component model calls
    /// compatible (0.x.y: the same x; x.y.z: the same x). An interface without
    /// a version serves all of them, as its types are compared all the same.
    pub fn serves(&self, other: &Self) -> bool {
        self.namespace == other.namespace
            && self.package == other.package
            && self.interface == other.interface
            && match (&self.version, &other.version) {
                (Some(ours), Some(theirs)) => compatible(ours, theirs),
                (None, _) => true,
                (Some(_), None) => false,
            }
    }
}

fn compatible(a: &semver::Version, b: &semver::Version) -> bool {
    if !a.pre.is_empty() || !b.pre.is_empty() {
        return a == b;
    }
    a.major == b.major
        && (a.major > 0 || (a.minor == b.minor && (a.minor > 0 || a.patch == b.patch)))
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            package,
            interface,
            version,
        } = self;
        write!(f, "{namespace}:{package}/{interface}")?;
        match version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(version: &str) -> InterfaceName {
        InterfaceName {
            namespace: "a".into(),
            package: "b".into(),
            interface: "c".into(),
            version: (!version.is_empty()).then(|| version.parse().unwrap()),
        }
    }

    #[test]
    fn versions_follow_the_component_model() {
        for (plugin, guest, fits) in [
            ("", "", true),
            ("", "0.1.0", true),
            ("0.2.0", "", false),
            ("0.2.0", "0.2.1", true),
            ("0.2.3", "0.2.1", true),
            ("0.2.0", "0.3.0", false),
            ("0.0.1", "0.0.2", false),
            ("1.0.0", "1.4.0", true),
            ("1.0.0", "2.0.0", false),
            ("0.2.0-draft", "0.2.0-draft", true),
            ("0.2.0-draft", "0.2.0", false),
        ] {
            assert_eq!(
                name(plugin).serves(&name(guest)),
                fits,
                "{plugin} serves {guest}"
            );
        }
    }
}
