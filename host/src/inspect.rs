//! `wash-host plugin inspect`.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use serde::Serialize;
use serde_json::Value;
use wash_plugin_abi::manifest::Manifest;
use wash_plugin_loader::{
    Allow, Inspected, Linkage, Rejection, ReportEntry, Scan, State, Untrusted, UntrustedLines,
    admit_with,
};
use wit_parser::Resolve;

use crate::{
    cli::Whose,
    code::Code,
    failure::{Failure, Result},
    output,
    wit::GuestWorld,
};

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
    Wit(Whose),
}

impl Form {
    pub(crate) fn new(json: bool, wit: Option<Whose>) -> Self {
        match (json, wit) {
            (true, _) => Self::Json,
            (_, Some(whose)) => Self::Wit(whose),
            _ => Self::Text,
        }
    }
}

pub(crate) fn command(file: &Path, allow: Allow, form: Form) -> Result<u8> {
    let scan = Scan::file(file)?;
    let mut insecure = None;
    let plugin = match (
        scan.candidates.into_iter().next(),
        scan.rejections.into_iter().next(),
    ) {
        (Some(candidate), _) => match candidate.clone().inspect_with(allow) {
            // It can be looked at nevertheless.
            Err(rejection) if rejection.is_about_permissions() => {
                insecure = Some(rejection);
                candidate.inspect_with(Allow::ALL)
            }
            inspected => inspected,
        },
        (None, Some(rejection)) => Err(rejection),
        (None, None) => {
            return Err(Failure::message(
                Code::Missing,
                "there is nothing to inspect",
            ));
        }
    };
    let plugin = match plugin {
        Ok(plugin) => plugin,
        Err(rejection) => return rejected(rejection, None, form),
    };
    if let Form::Wit(whose) = form {
        let text = match whose {
            Whose::Guest => guest_wit(plugin.manifest())?,
            Whose::Plugin => plugin.manifest().wit.clone(),
        };
        output::line(output::printable(text.trim_end()).as_str())?;
        return Ok(0);
    }
    let mut details = Details::new(&plugin);
    // A plugin of another ABI revision, say, is shown whole, and refused.
    let refused = admit_with(vec![plugin], &[], allow).rejections;
    let mut all = insecure.into_iter().chain(refused);
    if let Some(rejection) = all.next() {
        let more = all.map(|more| more.cause().to_string());
        let reasons: Vec<String> = std::iter::once(rejection.cause().to_string())
            .chain(more)
            .collect();
        details.entry.state = State::Rejected;
        details.entry.reason = Some(reasons.join("; "));
        return rejected(rejection, Some(details), form);
    }
    match form {
        Form::Json => output::json(&details)?,
        _ => output::write(output::printable(&details.text()).as_bytes())?,
    }
    Ok(0)
}

/// The world of a component that uses the plugin.
fn guest_wit(manifest: &Manifest) -> Result<String> {
    let world = || -> anyhow::Result<GuestWorld> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("plugin.wit", &manifest.wit)?;
        let world = resolve.select_world(&[package], Some(&manifest.world))?;
        GuestWorld::of_plugin(resolve, world)
    };
    let world = world().map_err(|error| {
        let what = format!("the WIT of `{}` cannot be turned round", manifest.id);
        Failure::new(Code::Rejected, error.context(what))
            .help("add --wit=plugin, to see the plugin's own world")
    })?;
    Ok(format!(
        "// What a component that uses the plugin `{} {}` is built against.\n{}",
        manifest.id, manifest.version, world.text
    ))
}

/// Shows what is known of a file that is rejected.
fn rejected(rejection: Rejection, details: Option<Details>, form: Form) -> Result<u8> {
    match (form, details) {
        (Form::Json, Some(details)) => output::json(&details)?,
        (Form::Json, None) => output::json(&ReportEntry::from(&rejection))?,
        (_, Some(details)) => {
            output::write(output::printable(&details.text()).as_bytes())?;
            return Err(rejection.into());
        }
        (_, None) => return Err(rejection.into()),
    }
    Ok(Code::Rejected.number())
}

/// What a plugin says of itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(flatten)]
    entry: ReportEntry,
    size: usize,
    description: String,
    license: String,
    authors: Vec<String>,
    repository: String,
    sdk: String,
    compiler: String,
    target: String,
    world: String,
    functions: Vec<Function>,
    needed: Vec<String>,
    /// The versions of symbols that it needs, by library.
    versions: BTreeMap<String, Vec<String>>,
    search_paths: Vec<String>,
    /// Bytes of thread-local variables at fixed places in each thread; null if
    /// there are none.
    static_tls: Option<u64>,
    /// As JSON, or as text if it is not; null if there is none.
    config_schema: Value,
}

#[derive(Serialize)]
struct Function {
    interface: String,
    name: String,
    r#async: bool,
}

/// The versions of symbols that a library needs, in the order of their numbers.
fn versions(linkage: &Linkage) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for needed in &linkage.versions {
        let of_library = all.entry(needed.library.clone()).or_default();
        of_library.push(needed.version.clone());
    }
    let number = |version: &String| -> Vec<u32> {
        let parts = version.split(['_', '.']);
        parts.filter_map(|part| part.parse().ok()).collect()
    };
    for of_library in all.values_mut() {
        of_library.sort_by_key(number);
    }
    all
}

impl Details {
    fn new(plugin: &Inspected) -> Self {
        let manifest: &Manifest = plugin.manifest();
        Self {
            entry: ReportEntry::from(plugin),
            size: plugin.bytes().len(),
            description: manifest.description.clone(),
            license: manifest.license.clone(),
            authors: manifest.authors.clone(),
            repository: manifest.repository.clone(),
            sdk: manifest.sdk.clone(),
            compiler: manifest.compiler.clone(),
            target: manifest.target.clone(),
            world: manifest.world.clone(),
            functions: manifest
                .functions
                .iter()
                .map(|function| Function {
                    interface: function.interface.clone(),
                    name: function.name.clone(),
                    r#async: function.is_async,
                })
                .collect(),
            needed: plugin.linkage().needed.clone(),
            versions: versions(plugin.linkage()),
            search_paths: plugin.linkage().search_paths.clone(),
            static_tls: plugin.linkage().static_tls,
            config_schema: match manifest.config_schema.as_str() {
                "" => Value::Null,
                text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
            },
        }
    }

    fn text(&self) -> String {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let mut out = String::new();
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                // Writing to a string cannot fail.
                let _ = writeln!(out, "{name:<14}{}", UntrustedLines(value));
            }
        };
        field("id", &or_dash(&self.entry.id));
        field("version", &or_dash(&self.entry.version));
        field("state", self.entry.state.as_str());
        field("reason", &self.entry.reason.clone().unwrap_or_default());
        field("description", &self.description);
        field("path", &self.entry.path);
        field("size", &format!("{} bytes", self.size));
        field("sha256", &or_dash(&self.entry.sha256));
        field(
            "abi",
            &self
                .entry
                .abi
                .map(|abi| abi.to_string())
                .unwrap_or_default(),
        );
        field("sdk", &self.sdk);
        field("compiler", &self.compiler);
        field("target", &self.target);
        field("licence", &self.license);
        field("authors", &self.authors.join(", "));
        field("repository", &self.repository);
        field("world", &self.world);
        field(
            "imports",
            &self.entry.imports.clone().unwrap_or_default().join(", "),
        );
        let needs = self.needed.iter().map(|library| {
            // Newer libraries have all that older ones have.
            match self.versions.get(library).and_then(|all| all.last()) {
                Some(newest) => format!("{library} ({newest})"),
                None => library.clone(),
            }
        });
        field("needs", &needs.collect::<Vec<_>>().join(", "));
        field("search paths", &self.search_paths.join(", "));
        if let Some(len) = self.static_tls {
            field(
                "static TLS",
                &format!("{len} bytes, for each version that is loaded"),
            );
        }

        let mut interface = "";
        for function in &self.functions {
            if function.interface != interface {
                interface = &function.interface;
                let _ = writeln!(out, "\nexports {}", Untrusted(interface));
            }
            let mark = if function.r#async { "  (async)" } else { "" };
            let _ = writeln!(out, "  {}{mark}", Untrusted(&function.name));
        }
        if !self.config_schema.is_null() {
            let schema = format!("{:#}", self.config_schema).replace('\n', "\n  ");
            let _ = writeln!(
                out,
                "\nconfiguration, [plugins.{}]:\n  {schema}",
                or_dash(&self.entry.id)
            );
        }
        out
    }
}
