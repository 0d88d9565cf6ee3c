//! Which import goes to which component, decided by nothing but names.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context, bail};

/// An item of a workload.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: Arc<str>,
    /// For messages; not unique.
    pub(super) name: String,
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
    pub(super) is_service: bool,
}

/// An import that another component serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) interface: Arc<str>,
    pub(super) provider: Arc<str>,
}

/// All links of a workload, by importer.
#[derive(Debug, Default)]
pub(super) struct Graph {
    links: BTreeMap<Arc<str>, Vec<Link>>,
    /// All who have links, each after those that it imports from.
    order: Vec<Arc<str>>,
}

impl Graph {
    pub(super) fn new(nodes: &[Node]) -> anyhow::Result<Self> {
        let mut exporters: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for node in nodes {
            for interface in &node.exports {
                exporters.entry(interface).or_default().push(node);
            }
        }
        let mut links: BTreeMap<Arc<str>, Vec<Link>> = BTreeMap::new();
        for node in nodes {
            for interface in &node.imports {
                let others: Vec<&Node> = exporters
                    .get(interface.as_str())
                    .into_iter()
                    .flatten()
                    .copied()
                    .filter(|exporter| exporter.id != node.id)
                    .collect();
                match others.as_slice() {
                    [] => {}
                    [provider] => links.entry(Arc::clone(&node.id)).or_default().push(Link {
                        interface: Arc::from(interface.as_str()),
                        provider: Arc::clone(&provider.id),
                    }),
                    // A plugin may serve it.
                    _ if node.is_service => {}
                    _ => bail!(
                        "component '{}' imports interface '{interface}', which is exported by \
                         multiple components in the workload; cannot disambiguate the provider: \
                         '{}' imports it, and '{}' export it; leave one of these out, or compose \
                         them with the importer",
                        node.id,
                        node.name,
                        names(&others),
                    ),
                }
            }
        }
        let order = order(nodes, &links).context(
            "cannot put the components in an order in which each comes after those that it \
             imports from",
        )?;
        Ok(Self { links, order })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// What an item imports from others.
    pub(super) fn links_of(&self, importer: &str) -> impl Iterator<Item = &Link> {
        self.links.get(importer).into_iter().flatten()
    }

    /// Those that import from others, each after those that it imports from.
    pub(super) fn importers(&self) -> impl Iterator<Item = &Arc<str>> {
        self.order.iter().filter(|id| self.links.contains_key(*id))
    }

    /// Those that others import from.
    pub(super) fn providers(&self) -> impl Iterator<Item = &Arc<str>> {
        let providers: BTreeSet<&Arc<str>> = self
            .links
            .values()
            .flatten()
            .map(|link| &link.provider)
            .collect();
        providers.into_iter()
    }

    /// Those that may run in an item's store: what it imports from, and what
    /// these import from, and so on.
    pub(super) fn reachable(&self, importer: &str) -> Vec<Arc<str>> {
        let mut reachable: Vec<Arc<str>> = Vec::new();
        let mut open: Vec<&str> = vec![importer];
        while let Some(next) = open.pop() {
            for link in self.links_of(next) {
                if !reachable.contains(&link.provider) {
                    reachable.push(Arc::clone(&link.provider));
                    open.push(&link.provider);
                }
            }
        }
        reachable
    }
}

/// Providers first. What is left over when nobody without open imports is to
/// be found goes round in a circle.
fn order(nodes: &[Node], links: &BTreeMap<Arc<str>, Vec<Link>>) -> anyhow::Result<Vec<Arc<str>>> {
    let mut order: Vec<Arc<str>> = Vec::new();
    let mut left: Vec<&Node> = nodes.iter().collect();
    while !left.is_empty() {
        let (ready, blocked): (Vec<&Node>, Vec<&Node>) = left.iter().partition(|node| {
            links
                .get(&node.id)
                .into_iter()
                .flatten()
                .all(|link| order.contains(&link.provider))
        });
        if ready.is_empty() {
            bail!(
                "circular dependency detected among components: {}; compose them into one \
                 component, or have one of them import something else",
                circle(&blocked, links)
            );
        }
        order.extend(ready.iter().map(|node| Arc::clone(&node.id)));
        left = blocked;
    }
    Ok(order)
}

/// A circle among components of which each imports from another one.
fn circle(nodes: &[&Node], links: &BTreeMap<Arc<str>, Vec<Link>>) -> String {
    let mut path: Vec<&Node> = Vec::new();
    let mut next = nodes.first().copied();
    while let Some(node) = next {
        if let Some(start) = path.iter().position(|seen| seen.id == node.id) {
            let mut names: Vec<String> = path
                .iter()
                .skip(start)
                .map(|node| format!("'{}'", node.name))
                .collect();
            names.push(format!("'{}'", node.name));
            return names.join(" imports from ");
        }
        path.push(node);
        next = links
            .get(&node.id)
            .into_iter()
            .flatten()
            .find_map(|link| nodes.iter().find(|other| other.id == link.provider))
            .copied();
    }
    names(nodes)
}

fn names(nodes: &[&Node]) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    names.join("', '")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, imports: &[&str], exports: &[&str]) -> Node {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Node {
            id: Arc::from(format!("id-{name}")),
            name: name.to_string(),
            imports: own(imports),
            exports: own(exports),
            is_service: name == "service",
        }
    }

    fn ids(ids: impl IntoIterator<Item = Arc<str>>) -> Vec<String> {
        ids.into_iter().map(|id| id.to_string()).collect()
    }

    #[test]
    fn names_must_be_the_same_to_the_last_digit() {
        let nodes = [
            node("a", &["x:y/z@0.1.0", "x:y/w@0.1.0"], &[]),
            node("b", &[], &["x:y/z@0.1.0", "x:y/w@0.1.1", "x:y/w"]),
        ];
        let graph = Graph::new(&nodes).unwrap();
        let links: Vec<_> = graph.links_of("id-a").collect();
        assert_eq!(links.len(), 1);
        assert_eq!(
            (&*links[0].interface, &*links[0].provider),
            ("x:y/z@0.1.0", "id-b")
        );
    }

    #[test]
    fn nothing_is_linked_to_itself() {
        let graph = Graph::new(&[node("a", &["x"], &["x"])]).unwrap();
        assert!(graph.is_empty());
        // But to another one that does the same further on.
        let graph = Graph::new(&[node("a", &["x"], &["x"]), node("b", &[], &["x"])]).unwrap();
        assert_eq!(&*graph.links_of("id-a").next().unwrap().provider, "id-b");
    }

    #[test]
    fn providers_come_before_importers() {
        let graph = Graph::new(&[
            node("a", &["x", "y"], &[]),
            node("b", &["y"], &["x"]),
            node("c", &[], &["y"]),
            node("service", &["x"], &[]),
        ])
        .unwrap();
        assert_eq!(
            ids(graph.importers().cloned()),
            ["id-b", "id-a", "id-service"]
        );
        assert_eq!(ids(graph.providers().cloned()), ["id-b", "id-c"]);
        assert_eq!(ids(graph.reachable("id-service")), ["id-b", "id-c"]);
        assert_eq!(ids(graph.reachable("id-c")), [""; 0]);
    }

    #[test]
    fn two_exporters_are_one_too_many_for_a_component() {
        let exporters = [node("b", &[], &["x"]), node("c", &[], &["x"])];
        Graph::new(&exporters).unwrap();
        let with = |importer: Node| [&[importer][..], &exporters].concat();
        assert!(
            Graph::new(&with(node("service", &["x"], &[])))
                .unwrap()
                .is_empty()
        );
        let error = Graph::new(&with(node("a", &["x"], &[]))).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with(
                "component 'id-a' imports interface 'x', which is exported by multiple \
                 components in the workload; cannot disambiguate the provider: 'a' imports it, \
                 and 'b', 'c' export it"
            ),
            "{error}"
        );
    }

    #[test]
    fn a_circle_is_shown() {
        let error = Graph::new(&[
            node("entry", &["x"], &[]),
            node("a", &["y"], &["x"]),
            node("b", &["z"], &["y"]),
            node("c", &["x"], &["z"]),
        ])
        .unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.starts_with("cannot put the components in an order"),
            "{error}"
        );
        assert!(
            error.contains(
                "circular dependency detected among components: 'a' imports from 'b' imports \
                 from 'c' imports from 'a'"
            ),
            "{error}"
        );
    }
}
