//! Runs the README: a new user will, so its commands must work.
//!
//! Its `sh` blocks run one after the other, in a folder where the checkout is
//! called `wash-plugins`; a block behind a comment `<!-- file: PATH -->` is
//! written to that file, as a reader copies it. Lines that only documentation
//! tests understand (`# …` in Rust) are an error: GitHub shows them, and what is
//! tested would not be what is read. What a block leaves running ends with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;
use crate::{cmd, demo, files};

/// What the tests themselves are part of.
const NOT_AGAIN: &str = "cargo xtask ";

/// However a block ends, what it started in the background ends, too: all of
/// its process group but itself.
const CLEAN_UP: &str = "trap 'status=$?; trap \"\" TERM; kill 0; wait; exit $status' EXIT\n";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let path = workspace.root.join("README.md");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let steps = steps(&text)?;
    // The README's first command; the others use what it leaves behind.
    demo::run(workspace)?;

    // Beside no workspace, as a new user's folder is; gone when this ends.
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = folder.path();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&workspace.root, folder.join("wash-plugins"))
        .context("cannot link to the checkout")?;

    let programs = workspace.target.join("debug");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&inherited)))
            .context("the path of the target directory cannot stand in PATH")?;
    for step in steps {
        match step {
            Step::File { path, contents } => files::write(&folder.join(path), contents.as_bytes())?,
            Step::Shell(script) => {
                let mut shell = Command::new("sh");
                shell
                    .args(["-euc", &format!("{CLEAN_UP}{script}")])
                    .current_dir(folder)
                    .env("PATH", &path)
                    .env_remove("CARGO_TARGET_DIR")
                    // What plugins have in common is built once.
                    .env("CARGO_BUILD_BUILD_DIR", folder.join("build"))
                    // All that a plugin depends on, the workspace has downloaded.
                    .env("CARGO_NET_OFFLINE", "true");
                #[cfg(unix)]
                std::os::unix::process::CommandExt::process_group(&mut shell, 0);
                cmd::echo(&mut shell).context("a command of README.md does not work")?;
            }
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    File { path: PathBuf, contents: String },
    Shell(String),
}

fn steps(text: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut file: Option<&str> = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(named) = line
            .strip_prefix("<!-- file: ")
            .and_then(|l| l.strip_suffix(" -->"))
        {
            file = Some(named);
            continue;
        }
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if language.starts_with("rust")
            && let Some(hidden) = body.iter().find(|line| is_hidden(line))
        {
            bail!(
                "a Rust block of the page has the line `{hidden}`, which rustdoc hides and GitHub shows: write the block so that it needs none"
            );
        }
        let contents: String = body.iter().flat_map(|line| [*line, "\n"]).collect();
        match file.take() {
            Some(path) if Path::new(path).is_relative() => {
                steps.push(Step::File {
                    path: path.into(),
                    contents,
                });
            }
            Some(path) => bail!("README.md names the file {path}, which is not in its folder"),
            None if language == "sh" && !contents.starts_with(NOT_AGAIN) => {
                steps.push(Step::Shell(contents));
            }
            None => {}
        }
    }
    Ok(steps)
}

/// Whether rustdoc does not show the line.
fn is_hidden(line: &str) -> bool {
    let line = line.trim();
    line == "#" || line.starts_with("# ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_no_lines_that_only_rustdoc_hides() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
        for entry in fs::read_dir(root.join("docs")).unwrap() {
            pages.push(entry.unwrap().path());
        }
        for page in pages {
            let text = fs::read_to_string(&page).unwrap();
            steps(&text).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        }
        for hidden in ["# use a::b;", "    # }", "#"] {
            let error = steps(&format!("```rust\n{hidden}\n```\n")).unwrap_err();
            assert!(error.to_string().contains(hidden.trim()), "{error}");
        }
        steps("```rust\n#[test]\n#![allow(x)]\n```\n```sh\n# a comment\n```\n").unwrap();
    }

    #[test]
    fn blocks_become_files_and_commands() {
        let text = "\
text
```sh
cargo xtask test
```
<!-- file: a/b.rs -->
```rust,ignore
#[test]
fn shown() {}
```
```toml
not = \"a file\"
```
```sh
ls a
```
";
        let file = Step::File {
            path: "a/b.rs".into(),
            contents: "#[test]\nfn shown() {}\n".into(),
        };
        assert_eq!(steps(text).unwrap(), [file, Step::Shell("ls a\n".into())]);
    }
}
