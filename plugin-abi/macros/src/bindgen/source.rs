//! Finds and reads the WIT.

use std::path::PathBuf;

use wit_component::WitPrinter;
use wit_parser::{PackageId, Resolve, WorldId};

use super::options::Options;
use super::{Result, error, lookup};

pub(super) struct Source {
    pub(super) resolve: Resolve,
    pub(super) world: WorldId,
    /// The packages that the world needs, as one document.
    pub(super) wit: String,
    /// The files that were read.
    pub(super) files: Vec<String>,
}

pub(super) fn load(options: &Options) -> Result<Source> {
    let mut resolve = Resolve::default();
    let mut files = Vec::new();
    let mut package = None;

    if options.inline.is_none() || options.path.is_some() {
        let base = std::env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .unwrap_or_default();
        let path = options
            .path
            .as_ref()
            .map_or_else(|| String::from("wit"), |path| path.value());
        let (id, sources) = resolve.push_path(base.join(&path)).map_err(|problem| {
            let at = options
                .path
                .as_ref()
                .map_or_else(proc_macro2::Span::call_site, |p| p.span());
            syn::Error::new(
                at,
                format_args!("the WIT in `{path}` cannot be read: {problem:#}"),
            )
        })?;
        package = Some(id);
        files.extend(
            sources
                .paths()
                .map(|path| path.to_string_lossy().into_owned()),
        );
    }
    if let Some(inline) = &options.inline {
        let id = resolve
            .push_str("inline", &inline.value())
            .map_err(|problem| syn::Error::new(inline.span(), format_args!("{problem:#}")))?;
        package = Some(id);
    }
    let package = package.ok_or_else(|| error("name the WIT by `path` or `inline`"))?;

    let wanted = options.world.as_ref().map(|world| world.value());
    let world = resolve
        .select_world(&[package], wanted.as_deref())
        .map_err(|problem| {
            let at = options
                .world
                .as_ref()
                .map_or_else(proc_macro2::Span::call_site, |w| w.span());
            syn::Error::new(at, format_args!("{problem:#}"))
        })?;
    let wit = print(&resolve, world)?;
    Ok(Source {
        resolve,
        world,
        wit,
        files,
    })
}

/// The world's package and all that it depends on, without docs.
fn print(resolve: &Resolve, world: WorldId) -> Result<String> {
    let main = lookup(resolve, world)?
        .package
        .ok_or_else(|| error("the world belongs to no package"))?;
    let mut needed = Vec::new();
    collect(resolve, main, &mut needed);
    needed.retain(|package| *package != main);

    let mut printer = WitPrinter::default();
    printer.emit_docs(false);
    printer
        .print(resolve, main, &needed)
        .map_err(|problem| error(format_args!("the WIT cannot be printed: {problem:#}")))?;
    Ok(printer.output.to_string())
}

fn collect(resolve: &Resolve, package: PackageId, into: &mut Vec<PackageId>) {
    if into.contains(&package) {
        return;
    }
    into.push(package);
    for dependency in resolve.package_direct_deps(package) {
        collect(resolve, dependency, into);
    }
}
