//! The program that makes worlds, as it runs: see `fuzz/worlds/`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

/// It ends with this, as its input does.
pub(crate) struct Worlds {
    _child: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Worlds {
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}: use `cargo xtask fuzz`", program.display()))?;
        let ask = child.stdin.take().context("it has no input")?;
        let answer = child.stdout.take().context("it has no output")?;
        Ok(Self {
            _child: child,
            ask,
            answer: BufReader::new(answer),
        })
    }

    /// The document of a seed.
    pub(crate) fn get(&mut self, seed: u64) -> Result<String> {
        writeln!(self.ask, "{seed}")?;
        let mut line = String::new();
        self.answer.read_line(&mut line)?;
        let len = line.trim().parse();
        let len = len.context("the maker of worlds has ended")?;
        let mut text = vec![0; len];
        self.answer.read_exact(&mut text)?;
        Ok(String::from_utf8(text)?)
    }
}
