//! `wash-host plugin new`: a crate that builds, and its first guest.

mod guest;
mod published;
mod rust;
mod sample;
mod source;
mod stubs;
mod value;

use std::{
    env, fs,
    path::{Path, PathBuf},
};
use wash_plugin_loader::Untrusted;

use wit_parser::InterfaceId;

use crate::{
    cli::New,
    code::Code,
    failure::{Failure, Result},
    output,
    wit::GuestWorld,
};
use guest::Guest;
use source::Source;

/// Where the crate for plugins' authors is in the checkout that this program
/// was built from.
const ABI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-abi");

/// Names that cargo refuses, or that the plugin could not be told by.
const RESERVED: [&str; 10] = [
    "alloc",
    "build",
    "core",
    "deps",
    "examples",
    "incremental",
    "proc-macro",
    "std",
    "test",
    "wash-plugin-abi",
];

/// The `src/lib.rs` of the example.
const EXAMPLE: &str = include_str!("../../templates/plugin/example.rs");

/// The `Cargo.toml` of all.
const MANIFEST: &str = include_str!("../../templates/plugin/Cargo.toml");

pub(crate) fn command(options: &New) -> Result<u8> {
    check_name(&options.name)?;
    let folder = Path::new(&options.name);
    if fs::symlink_metadata(folder).is_ok() {
        return Err(Failure::message(
            Code::Io,
            format!("`{}` is there already, and is left as it is", options.name),
        )
        .help("choose another name, or another directory to run this in"));
    }
    let abi = abi_path(options.abi.as_deref())?;
    let plugin = Plugin::make(options, &abi)?;
    plugin.write(folder)?;
    output::write(plugin.next_steps().as_bytes())?;
    Ok(0)
}

/// Checks that it is a name for a crate, a plugin and a WIT package alike.
fn check_name(name: &str) -> Result<()> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let problem = if !name.split('-').all(is_word) {
        "a plugin's name has lower-case letters, digits and single hyphens, and a letter at the \
         beginning of each word"
    } else if name.len() > 64 {
        "a plugin's name has at most 64 characters"
    } else if rust::KEYWORDS.contains(&name) {
        "Rust keeps this word for itself"
    } else if RESERVED.contains(&name) {
        "cargo cannot build a crate of this name beside others"
    } else {
        return Ok(());
    };
    let message = format!("`{name}` cannot be the name of a plugin: {problem}");
    let suggested: String = name
        .to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| is_word(word))
        .collect::<Vec<_>>()
        .join("-");
    let suggested = match suggested.as_str() {
        "" => "my-plugin".to_owned(),
        same if same == name => format!("my-{same}"),
        _ => suggested,
    };
    Err(Failure::message(Code::Usage, message).help(format!("call it `{suggested}`, say")))
}

/// Finds the crate `wash-plugin-abi`, which is in no registry.
fn abi_path(given: Option<&Path>) -> Result<PathBuf> {
    let path = given.unwrap_or(Path::new(ABI));
    let found = fs::canonicalize(path).ok();
    let found = found.filter(|path| path.join("Cargo.toml").is_file());
    found.ok_or_else(|| {
        let message = match given {
            Some(path) => format!("there is no crate in {}", Untrusted::path(path)),
            None => "the checkout that this program was built from is not there any more, and \
                     with it the crate `wash-plugin-abi`"
                .to_owned(),
        };
        Failure::message(Code::Missing, message)
            .help("add --abi PATH with the folder `plugin-abi` of a checkout")
    })
}

/// A plugin that is not written yet.
struct Plugin {
    name: String,
    serves: Vec<String>,
    /// By their paths in the crate.
    files: Vec<(String, Vec<u8>)>,
    /// How its guest can be called: the arguments of `wash-host call`.
    call: Option<String>,
}

impl Plugin {
    fn make(options: &New, abi: &Path) -> Result<Self> {
        let name = options.name.clone();
        // With the versions of the checkout, the crate builds offline, too.
        let lock = abi
            .parent()
            .and_then(|checkout| fs::read(checkout.join("Cargo.lock")).ok());
        let abi = abi.to_str().ok_or_else(|| {
            Failure::message(
                Code::Io,
                format!(
                    "the path {} is not Unicode, which Cargo.toml has to be",
                    Untrusted::path(abi)
                ),
            )
        })?;
        let (source, lib) = source(options)?;
        let broken = |error: anyhow::Error| {
            let error = error.context("there is no guest for this WIT");
            Failure::new(Code::Workload, error)
        };
        let world = GuestWorld::of_plugin(source.resolve.clone(), source.world).map_err(broken)?;
        let guest = Guest::new(&world).map_err(broken)?;
        let call = call(&world, &guest.exports);
        let serves = source.serves();
        let manifest = MANIFEST
            .replace("{name}", &name)
            .replace("{serves}", &escape(&serves.join(", ")))
            .replace("{abi}", &escape(abi));
        let mut files = vec![
            ("Cargo.toml".to_owned(), manifest.into_bytes()),
            (".gitignore".to_owned(), b"/target\n/plugins\n".to_vec()),
            ("src/lib.rs".to_owned(), lib.into_bytes()),
            ("guest.wasm".to_owned(), guest.component),
            ("guest.wit".to_owned(), world.text.into_bytes()),
        ];
        files.extend(lock.map(|lock| ("Cargo.lock".to_owned(), lock)));
        for (path, text) in source.files().map_err(broken)? {
            files.push((format!("wit/{path}"), text.into_bytes()));
        }
        Ok(Self {
            name,
            serves,
            files,
            call,
        })
    }

    /// Writes all files, or none.
    fn write(&self, folder: &Path) -> Result<()> {
        let written = self.files.iter().try_for_each(|(path, contents)| {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, contents)
        });
        written.map_err(|error| {
            let _ = fs::remove_dir_all(folder);
            let message = format!("cannot write the crate to {}", Untrusted::path(folder));
            let error = anyhow::Error::new(error).context(message);
            Failure::new(Code::Io, error).help("run this in a directory that you can write to")
        })
    }

    /// Says what was made, and what to do with it.
    fn next_steps(&self) -> String {
        let name = &self.name;
        let program = program();
        let library = format!(
            "{}{}{}",
            env::consts::DLL_PREFIX,
            name.replace('-', "_"),
            env::consts::DLL_SUFFIX
        );
        let call = match &self.call {
            Some(call) => format!("  {program} call --plugins plugins guest.wasm {call}\n"),
            None => String::new(),
        };
        let guest = match &self.call {
            Some(_) => {
                "guest.wasm is a component that has the plugin's functions and passes each call on \
                 to it.\n"
            }
            None => {
                "guest.wasm is a component that imports what the plugin serves. It has no function \
                 to\ncall, as resources, streams and futures cannot be written as text: build a \
                 component\nof your own against guest.wit.\n"
            }
        };
        format!(
            "\
Created the plugin `{name}`, which serves {serves}.

Build it, and call it through its first guest:

  cd {name}
  cargo build
  mkdir -p plugins
  cp target/debug/{library} plugins/
  {program} plugin list plugins
{call}
src/lib.rs is where the plugin's functions are written; wit/ says which ones there are.
{guest}guest.wit is the WIT that components for the plugin are built against.
",
            serves = self.serves.join(", ")
        )
    }
}

/// The WIT and the first code.
fn source(options: &New) -> Result<(Source, String)> {
    let failed = |error: anyhow::Error, what: String, help: &str| {
        Failure::new(Code::Workload, error.context(what)).help(help)
    };
    let source = match (&options.wit, &options.interface) {
        (Some(path), _) => {
            if let Err(error) = fs::metadata(path) {
                return Err(Failure::unreadable("WIT", path, error));
            }
            Source::from_path(path, options.world.as_deref()).map_err(|error| {
                let what = format!(
                    "cannot make a plugin for the WIT in {}",
                    Untrusted::path(path)
                );
                failed(
                    error,
                    what,
                    "correct the WIT, or name another world with --world",
                )
            })?
        }
        (None, Some(interface)) => Source::published(interface).map_err(|error| {
            Failure::new(Code::Usage, error)
                .help("give the WIT of any other interface by --wit FILE")
        })?,
        (None, None) => {
            let source = Source::example(&options.name);
            let source = source.map_err(|error| Failure::new(Code::Workload, error))?;
            let code = EXAMPLE
                .replace("`{name}`", &format!("`{}`", options.name))
                .replace("{package}", &rust::snake(&options.name))
                .replace("{Plugin}", &stubs::plugin_type(&options.name));
            return Ok((source, code));
        }
    };
    let code = stubs::file(&options.name, &source).map_err(|error| {
        failed(
            error,
            "a plugin cannot serve this WIT".to_owned(),
            "leave out of the world what is named here",
        )
    })?;
    Ok((source, code))
}

/// The first function that can be called, with arguments.
fn call(world: &GuestWorld, exports: &[InterfaceId]) -> Option<String> {
    let resolve = &world.resolve;
    let functions = exports.iter().flat_map(|id| {
        let interface = resolve.interfaces.get(*id);
        interface
            .into_iter()
            .flat_map(|interface| interface.functions.values())
    });
    let all: Vec<_> = functions.collect();
    // Not one that would have to be told from another.
    let is_unique = |name: &str| all.iter().filter(|other| other.name == name).count() == 1;
    all.iter()
        .filter(|function| is_unique(&function.name))
        .find_map(|function| {
            let mut words = vec![function.name.clone()];
            for param in &function.params {
                words.push(quote(&sample::wave(resolve, &param.ty)?));
            }
            Some(words.join(" "))
        })
}

/// How the reader can call this program.
fn program() -> String {
    let name = env::args().next().unwrap_or_default();
    if !name.is_empty() && !name.contains(std::path::MAIN_SEPARATOR) {
        return quote(&name);
    }
    let path = env::current_exe().ok();
    let path = path.and_then(|path| path.to_str().map(quote));
    path.unwrap_or_else(|| "wash-host".to_owned())
}

/// A word of the shell.
fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// The inside of a TOML string.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for name in ["a", "shouter", "my-plugin2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for (name, help) in [
            ("", "call it `my-plugin`, say"),
            ("My_Plugin", "call it `my-plugin`, say"),
            ("a--b", "call it `a-b`, say"),
            ("-a", "call it `a`, say"),
            ("a-2", "call it `a`, say"),
            ("../x", "call it `x`, say"),
            ("a/b", "call it `a-b`, say"),
            ("fn", "call it `my-fn`, say"),
            ("std", "call it `my-std`, say"),
            ("\u{e4}", "call it `my-plugin`, say"),
        ] {
            let failure = check_name(name).expect_err(name);
            assert_eq!(failure.help_text(), help, "{name}");
        }
        assert!(check_name(&"a".repeat(65)).is_err());
    }

    #[test]
    fn words_of_the_shell_and_of_toml() {
        assert_eq!(quote("a-b/c.so"), "a-b/c.so");
        assert_eq!(quote("\"it's\""), r#"'"it'\''s"'"#);
        assert_eq!(escape("a\"\\\n"), r#"a\"\\\u000A"#);
    }
}
