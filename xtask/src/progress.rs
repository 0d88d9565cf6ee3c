//! How far a task is: a bar on a terminal, plain lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The steps of a command, each announced with its number when it begins.
#[derive(Debug)]
pub(crate) struct Steps {
    command: &'static str,
    done: usize,
    all: usize,
}

impl Steps {
    pub(crate) fn new(command: &'static str, all: usize) -> Self {
        let done = 0;
        Self { command, done, all }
    }

    /// Begins the next step.
    pub(crate) fn next(&mut self, what: &str) {
        self.done += 1;
        eprintln!(
            "\n[{}, step {} of {}] {what}",
            self.command, self.done, self.all
        );
    }
}

/// Counts the parts of one task.
#[derive(Debug)]
pub(crate) struct Progress {
    task: &'static str,
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(task: &'static str, steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        let style = ProgressStyle::with_template("{prefix:>10} [{bar:20}] {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(task);
        Self { task, bar }
    }

    /// A step is done.
    pub(crate) fn done(&self, what: &str) {
        self.bar.inc(1);
        self.say(what);
    }

    /// Runs something that shows a progress of its own, such as cargo.
    pub(crate) fn aside<T>(&self, what: &str, run: impl FnOnce() -> T) -> T {
        self.bar.suspend(|| {
            eprintln!("{}: {what}", self.task);
            run()
        })
    }

    fn say(&self, what: &str) {
        if self.bar.is_hidden() {
            eprintln!("{}: {what}", self.task);
        } else {
            self.bar.set_message(what.to_owned());
        }
    }

    /// Every step is done; one line stays.
    pub(crate) fn finish(self, summary: &str) {
        let line = format!("{}: {summary} ({})", self.task, seconds(self.bar.elapsed()));
        self.bar.finish_and_clear();
        eprintln!("{line}");
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
