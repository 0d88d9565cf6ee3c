//! What the target tells the plugin to answer, and what the plugin tells the
//! target that it saw.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::oracle::Encoded;
use crate::plugin::Streams;
use crate::resources::Ledger;

/// What the plugin says to a call.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The result.
    pub result: Encoded,
    /// How often it is not ready yet, if the function may answer later.
    pub pending: usize,
    /// It fails instead.
    pub fails: bool,
}

/// What the plugin saw of a call.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The function's place in the call table.
    pub function: usize,
    /// The arguments.
    pub args: Encoded,
    /// The address was aligned as the ABI says.
    pub aligned: bool,
    /// What it answered: the result, and behind it what the ABI wants there.
    pub answered: Encoded,
}

/// What target and plugin share.
#[derive(Debug, Default)]
pub struct Script {
    pub(crate) next: Mutex<Answer>,
    /// The answers of some functions, by their place in the call table.
    pub(crate) others: Mutex<BTreeMap<usize, Answer>>,
    pub(crate) calls: Mutex<Vec<Seen>>,
    /// Results that are lent and not given back.
    pub(crate) lent: AtomicU64,
    /// The resources that it gave out. What a call gives and takes is noted by
    /// who knows the types.
    pub resources: Ledger,
    /// Its streams and futures.
    pub streams: Streams,
}

impl Script {
    /// What the plugin answers from now on.
    pub fn answer(&self, answer: Answer) {
        *lock(&self.next) = answer;
    }

    /// What one of its functions answers instead.
    pub fn answer_to(&self, function: usize, answer: Answer) {
        lock(&self.others).insert(function, answer);
    }

    pub(crate) fn answer_of(&self, function: usize) -> Answer {
        let other = lock(&self.others).get(&function).cloned();
        other.unwrap_or_else(|| lock(&self.next).clone())
    }

    /// The number that a function was called with, if it was, since the last time
    /// that calls were [`seen`](Self::seen).
    pub fn seen_number(&self, function: usize) -> Option<u32> {
        let calls = lock(&self.calls);
        let seen = calls.iter().find(|seen| seen.function == function)?;
        Some(u32::from_le_bytes(*seen.args.bytes.first_chunk()?))
    }

    /// The calls since the last time.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *lock(&self.calls))
    }

    /// How many results are lent just now.
    pub fn lent(&self) -> u64 {
        self.lent.load(Ordering::Relaxed)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
