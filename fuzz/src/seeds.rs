//! What is kept of a run, so that it can be run again.

use anyhow::{Context as _, Result};

/// A document, and the number that values and damage follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The number.
    pub seed: u64,
    /// The document.
    pub wit: String,
}

const HEAD: &str = "// seed: ";

impl Seed {
    /// As it stands in a file: a document with the number in its first line.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{HEAD}{}\n{}", self.seed, self.wit)
    }

    /// Reads that.
    ///
    /// # Errors
    ///
    /// If there is no number.
    pub fn from_text(text: &str) -> Result<Self> {
        let (head, wit) = text.split_once('\n').unwrap_or((text, ""));
        let seed = head
            .strip_prefix(HEAD)
            .and_then(|seed| seed.trim().parse().ok());
        Ok(Self {
            seed: seed.with_context(|| format!("the first line is not `{HEAD}NUMBER`"))?,
            wit: wit.to_owned(),
        })
    }
}
