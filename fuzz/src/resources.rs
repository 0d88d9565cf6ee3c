//! The plugin's account of its resources: each number that it gives out is
//! dropped or comes back, once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, ensure};

/// How often each number is out. A number may be given more than once, and one
/// that is dropped too often is out less than never.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<BTreeMap<u32, i64>>);

impl Ledger {
    fn edit<R>(&self, f: impl FnOnce(&mut BTreeMap<u32, i64>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, number: u32, by: i64) {
        self.edit(|out| {
            let times = out.entry(number).or_default();
            *times += by;
            if *times == 0 {
                out.remove(&number);
            }
        });
    }

    /// A component has been given it.
    pub fn gave(&self, number: u32) {
        self.add(number, 1);
    }

    /// It came back, as an argument.
    pub fn came_back(&self, number: u32) {
        self.add(number, -1);
    }

    /// The host dropped it.
    pub fn dropped(&self, number: u32) {
        self.add(number, -1);
    }

    /// How many are out.
    pub fn live(&self) -> u64 {
        self.edit(|out| {
            out.values()
                .filter_map(|times| u64::try_from(*times).ok())
                .sum()
        })
    }

    /// Nothing is out any more, whatever was.
    pub fn clear(&self) {
        self.edit(BTreeMap::clear);
    }

    /// Those that are out must be those that the component has.
    ///
    /// # Errors
    ///
    /// If not: one was dropped that the component has, or more than once, or
    /// never.
    pub fn check(&self, has: impl IntoIterator<Item = u32>) -> Result<()> {
        let mut wanted = BTreeMap::<u32, i64>::new();
        for number in has {
            *wanted.entry(number).or_default() += 1;
        }
        let wrong: Vec<String> = self.edit(|out| {
            let times = |map: &BTreeMap<u32, i64>, number| map.get(number).copied().unwrap_or(0);
            let numbers = out
                .keys()
                .chain(wanted.keys().filter(|n| !out.contains_key(n)));
            numbers
                .map(|number| (number, times(out, number), times(&wanted, number)))
                .filter(|(_, out, has)| out != has)
                .map(|(number, out, has)| format!("{number:#x} is out {out} and there {has} times"))
                .collect()
        });
        ensure!(wrong.is_empty(), "resources: {}", wrong.join(", "));
        Ok(())
    }
}

/// Numbers for resources, each once: the edges first.
#[derive(Debug, Default)]
pub struct Numbers(u32);

const EDGES: [u32; 5] = [u32::MAX, 0, 1, 0x7fff_ffff, 0x8000_0000];

impl Numbers {
    /// Another one.
    pub fn another(&mut self) -> u32 {
        loop {
            let count = self.0;
            self.0 = count.wrapping_add(1);
            if let Some(edge) = EDGES.get(count as usize) {
                return *edge;
            }
            // Odd, so that no two counts give the same.
            let number = count.wrapping_mul(0x9e37_79b1);
            if !EDGES.contains(&number) {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_dropped_or_comes_back_once() {
        let ledger = Ledger::default();
        for number in [1, 2, 3] {
            ledger.gave(number);
        }
        ledger.check([1, 2, 3]).unwrap();
        ledger.came_back(1);
        ledger.dropped(2);
        assert_eq!(ledger.live(), 1);
        let never = ledger.check([]).unwrap_err();
        assert!(never.to_string().contains("0x3 is out 1 "), "{never}");
        ledger.dropped(3);
        ledger.check([]).unwrap();
        ledger.dropped(3);
        let twice = ledger.check([]).unwrap_err();
        assert!(twice.to_string().contains("0x3 is out -1 "), "{twice}");
    }

    #[test]
    fn numbers_come_once() {
        let mut numbers = Numbers::default();
        let many: std::collections::BTreeSet<u32> = (0..1000).map(|_| numbers.another()).collect();
        assert_eq!(many.len(), 1000);
        assert!(EDGES.iter().all(|edge| many.contains(edge)));
    }
}
