//! Finds and reads the WIT, and says where in it something is.

use std::path::{Path, PathBuf};

use wit_component::WitPrinter;
use wit_parser::{PackageId, ParseError, Resolve, ResolveError, Span, WorldId};

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

/// What stands for a file's name where the WIT is in the macro's call.
const INLINE: &str = "inline WIT";

pub(super) fn load(options: &Options) -> Result<Source> {
    let mut resolve = Resolve::default();
    let mut files = Vec::new();
    let mut package = None;

    if options.inline.is_none() || options.path.is_some() {
        let path = options
            .path
            .as_ref()
            .map_or_else(|| String::from("wit"), |path| path.value());
        let at = options
            .path
            .as_ref()
            .map_or_else(proc_macro2::Span::call_site, syn::LitStr::span);
        let full = base().join(&path);
        if !full.exists() {
            return Err(syn::Error::new(
                at,
                format_args!(
                    "there is no `{path}` in the folder of the package's Cargo.toml: put the WIT there, or name its file or folder by `path`"
                ),
            ));
        }
        let (id, sources) = resolve
            .push_path(full)
            .map_err(|problem| syn::Error::new(at, invalid(&path, &resolve, &problem, "")))?;
        package = Some(id);
        files.extend(
            sources
                .paths()
                .map(|path| path.to_string_lossy().into_owned()),
        );
    }
    if let Some(inline) = &options.inline {
        let text = inline.value();
        let id = resolve.push_str(INLINE, &text).map_err(|problem| {
            syn::Error::new(inline.span(), invalid(INLINE, &resolve, &problem, &text))
        })?;
        package = Some(id);
    }
    let package = package.ok_or_else(|| error("name the WIT by `path` or `inline`"))?;
    let world = select(&resolve, package, options)?;
    let wit = print(&resolve, world)?;
    Ok(Source {
        resolve,
        world,
        wit,
        files,
    })
}

/// The folder that paths are relative to.
fn base() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default()
}

/// The world that the plugin serves.
fn select(resolve: &Resolve, package: PackageId, options: &Options) -> Result<WorldId> {
    let wanted = options.world.as_ref().map(|world| world.value());
    let problem = match resolve.select_world(&[package], wanted.as_deref()) {
        Ok(world) => return Ok(world),
        Err(problem) => problem,
    };
    let (name, worlds) = match resolve.packages.get(package) {
        Some(package) => (
            package.name.to_string(),
            package
                .worlds
                .keys()
                .map(|world| format!("`{world}`"))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        None => Default::default(),
    };
    let message = match (&wanted, worlds.as_str()) {
        (None, "") => format!(
            "the package `{name}` has no world: add `world NAME {{ export INTERFACE; }}`, where `export` is what the plugin serves"
        ),
        (None, _) => format!(
            "the package `{name}` has several worlds: choose one of {worlds} by `world: \"…\"`"
        ),
        (Some(wanted), "") => {
            format!("there is no world `{wanted}`, and the package `{name}` has none: {problem:#}")
        }
        (Some(wanted), _) => {
            format!("there is no world `{wanted}`; the package `{name}` has {worlds}")
        }
    };
    Err(syn::Error::new(options.world_span(), message))
}

/// Says what is wrong with the WIT, with the place and the line in question.
/// `inline` is the text of WIT that is in no file.
fn invalid(path: &str, resolve: &Resolve, problem: &anyhow::Error, inline: &str) -> String {
    let found = problem.chain().find_map(|layer| {
        let parse = layer
            .downcast_ref::<ParseError>()
            .map(|e| (e.kind().span(), e.to_string()));
        parse.or_else(|| {
            layer
                .downcast_ref::<ResolveError>()
                .map(|e| (e.kind().span(), e.to_string()))
        })
    });
    let Some((span, what)) = found else {
        return format!("the WIT in `{path}` cannot be read: {problem:#}");
    };
    let Some(place) = place(resolve, span) else {
        return format!("the WIT in `{path}` is not valid: {what}");
    };
    let line = line(&place, inline).unwrap_or_default();
    format!("the WIT is not valid at {place}: {what}{line}")
}

/// Where something is: file, line and column. The file is named as it is seen from
/// the package's folder.
pub(super) fn place(resolve: &Resolve, span: Span) -> Option<String> {
    if !span.is_known() {
        return None;
    }
    let place = resolve.render_location(span);
    let base = base();
    let relative = Path::new(&place).strip_prefix(&base);
    Some(relative.map_or_else(
        |_| place.clone(),
        |path| path.to_string_lossy().into_owned(),
    ))
}

/// The line at `place`, with a mark under its column, as the lines of a message.
fn line(place: &str, inline: &str) -> Option<String> {
    let (rest, column) = place.rsplit_once(':')?;
    let (file, number) = rest.rsplit_once(':')?;
    let (number, column): (usize, usize) = (number.parse().ok()?, column.parse().ok()?);
    let text = match file {
        INLINE => inline.to_owned(),
        _ => std::fs::read_to_string(base().join(file)).ok()?,
    };
    let line = text.lines().nth(number.checked_sub(1)?)?;
    // A generated file may have all in one line.
    if line.len() > 200 {
        return None;
    }
    let indent = line.len() - line.trim_start().len();
    let mark = " ".repeat(column.saturating_sub(1).saturating_sub(indent));
    Some(format!("\n  {}\n  {mark}^", line.trim()))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with the WIT that these arguments of the macro name.
    fn problem(arguments: &str) -> String {
        let options = syn::parse_str(arguments).unwrap();
        load(&options).err().unwrap().to_string()
    }

    #[test]
    fn an_error_in_a_file_names_the_file_and_has_the_line() {
        let problem = problem("{ path: \"tests/broken.wit\" }");
        let mut lines = problem.lines();
        let first = lines.next().unwrap();
        assert!(
            first.starts_with("the WIT is not valid at tests/broken.wit:5:8: "),
            "{first}"
        );
        assert_eq!(lines.next(), Some("  read func() -> u32;"));
        assert_eq!(lines.next(), Some("       ^"));
    }

    #[test]
    fn a_package_without_worlds_is_told_of() {
        let problem = problem("{ inline: \"package a:b; interface i {}\" }");
        assert!(
            problem.starts_with("the package `a:b` has no world: add "),
            "{problem}"
        );
    }
}
