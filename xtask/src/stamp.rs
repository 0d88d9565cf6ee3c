//! Whether a file is up to date: beside it is a digest of everything it was made
//! from, and of itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::files;

/// A digest of inputs, each of them with its name and its length.
#[derive(Default)]
pub(crate) struct Inputs(Sha256);

impl Inputs {
    pub(crate) fn add(&mut self, name: &str, contents: &[u8]) -> &mut Self {
        for part in [name.as_bytes(), contents] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds a file, or each file below a folder.
    pub(crate) fn add_path(&mut self, path: &Path) -> Result<&mut Self> {
        let failed = || format!("cannot read {}", path.display());
        if path.is_dir() {
            let mut entries: Vec<PathBuf> = fs::read_dir(path)
                .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
                .with_context(failed)?;
            entries.sort();
            for entry in entries {
                self.add_path(&entry)?;
            }
        } else {
            let contents = fs::read(path).with_context(failed)?;
            self.add(&path.to_string_lossy(), &contents);
        }
        Ok(self)
    }

    /// The stamp that `output` has if it was made from these inputs and nobody
    /// touched it since.
    fn stamp(self, output: &[u8]) -> String {
        let output = Sha256::digest(output);
        format!("inputs {:x}\noutput {output:x}\n", self.0.finalize())
    }
}

/// Whether `output` exists and was made from `inputs`.
pub(crate) fn is_fresh(output: &Path, inputs: Inputs) -> bool {
    match (fs::read(output), fs::read_to_string(beside(output))) {
        (Ok(contents), Ok(stamp)) => stamp == inputs.stamp(&contents),
        _ => false,
    }
}

/// Writes `output` and its stamp.
pub(crate) fn write(output: &Path, contents: &[u8], inputs: Inputs) -> Result<()> {
    files::write(output, contents)?;
    files::write(&beside(output), inputs.stamp(contents).as_bytes())
}

fn beside(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.stamp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(contents: &[u8]) -> Inputs {
        let mut inputs = Inputs::default();
        inputs.add("name", contents);
        inputs
    }

    #[test]
    fn a_change_of_input_or_output_is_noticed() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        files::create_dir(&folder)?;
        let output = folder.join("output");

        write(&output, b"made", inputs(b"source"))?;
        assert!(is_fresh(&output, inputs(b"source")));
        assert!(!is_fresh(&output, inputs(b"other source")));

        fs::write(&output, b"touched")?;
        assert!(!is_fresh(&output, inputs(b"source")));

        fs::remove_dir_all(&folder)?;
        Ok(())
    }
}
