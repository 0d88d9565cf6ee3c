//! What the plugin's streams and futures have to give.

use std::collections::VecDeque;
use std::slice::from_ref;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use e2e::values::Rng;
use wash_runtime::wasmtime::component::{Type, Val};

use super::pipe::{Kind, Pipe};
use crate::damage::damage;
use crate::oracle;
use crate::plugin::{Source, Step};
use crate::script::lock;

/// Values that are given a few at a time, and not always at once.
pub(super) struct Given {
    kind: Kind,
    carrier: Type,
    left: VecDeque<Val>,
    can_be_lent: bool,
    is_damaged: bool,
    /// When so many are left, there is nothing, for ever.
    stops_at: Option<usize>,
    rng: Rng,
}

impl Given {
    pub(super) fn new(pipe: &Pipe, items: Vec<Val>, is_damaged: bool, rng: &mut Rng) -> Self {
        Self {
            kind: pipe.kind,
            carrier: pipe.carrier().clone(),
            left: items.into(),
            can_be_lent: pipe.can_be_lent() && rng.below(2) == 0,
            is_damaged,
            stops_at: None,
            rng: Rng::new(&rng.number().to_string()),
        }
    }

    /// The same, that does not come to its end.
    pub(super) fn that_stops(mut self, rng: &mut Rng) -> Self {
        self.stops_at = Some(match self.kind {
            Kind::Stream => rng.below(self.left.len() + 1),
            Kind::Future => 1,
        });
        self
    }

    pub(super) fn source(mut self) -> impl FnMut(usize, &Waker) -> Step + Send {
        move |max, waker| self.step(max, waker)
    }

    fn step(&mut self, max: usize, waker: &Waker) -> Step {
        if self.stops_at.is_some_and(|at| self.left.len() <= at) {
            return Step::Pending;
        }
        if self.rng.below(3) == 0 {
            waker.wake_by_ref();
            return Step::Pending;
        }
        if self.left.is_empty() {
            return Step::Closed;
        }
        let most = self.left.len() - self.stops_at.unwrap_or(0);
        let values = match self.kind {
            Kind::Future => self.left.drain(..1).collect(),
            Kind::Stream => {
                let count = 1 + self.rng.below(most.min(max));
                vec![Val::List(self.left.drain(..count).collect())]
            }
        };
        let types = from_ref(&self.carrier);
        let mut given = oracle::encode(types, &values, &mut self.rng, self.can_be_lent);
        if self.is_damaged && self.rng.below(2) == 0 {
            match &mut given.lent {
                Some(lent) if self.rng.below(4) == 0 => damage(lent, &mut self.rng),
                _ => damage(&mut given.bytes, &mut self.rng),
            }
        }
        Step::Given(given)
    }
}

/// A stream with nothing in it, that ends when it is told.
#[derive(Clone, Default)]
pub(super) struct Idle(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    has_ended: bool,
    reader: Option<Waker>,
}

impl Idle {
    pub(super) fn source(&self) -> Source {
        let this = self.clone();
        Box::new(move |_, waker| {
            let mut state = lock(&this.0);
            if state.has_ended {
                return Step::Closed;
            }
            state.reader = Some(waker.clone());
            Step::Pending
        })
    }

    pub(super) fn end(&self) {
        let reader = {
            let mut state = lock(&self.0);
            state.has_ended = true;
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}
