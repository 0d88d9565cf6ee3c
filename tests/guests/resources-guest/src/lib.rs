//! Uses counters in the ways that a test names, and tells what it saw.

use exports::test::resources::scenarios::Guest;
use test::resources::counters::{self, Counter, Lent, MaybeLent, Pair};
use test::resources::shelf;

wit_bindgen::generate!({
    path: "../../wit/resources",
    world: "guest",
    ownership: Owning,
});

struct Scenarios;

impl Guest for Scenarios {
    fn run(name: String) -> String {
        match name.as_str() {
            "methods" => {
                let counter = Counter::new(5);
                format!(
                    "{} {} {}",
                    counter.next(),
                    counter.next_later(),
                    counter.next()
                )
            }
            "fallible" => {
                let good = Counter::try_new(7).map(|counter| counter.next());
                let bad = Counter::try_new(-1).map(|counter| counter.next());
                format!("{good:?} {bad:?}")
            }
            "merge" => {
                let (given, lent) = (Counter::new(3), Counter::new(4));
                let merged = Counter::merge(given, &lent);
                format!(
                    "{} {} alive {}",
                    merged.next(),
                    lent.next(),
                    counters::alive()
                )
            }
            "aggregates" => {
                let even = counters::make_pair(10);
                let odd = counters::make_pair(11);
                let right = even.right.as_ref().map(Counter::next);
                let sums = (
                    counters::take_pair(even),
                    counters::take_pair(Pair {
                        left: odd.left,
                        right: Some(Counter::new(100)),
                    }),
                );
                format!("{right:?} {sums:?} alive {}", counters::alive())
            }
            "lists" => {
                let many = counters::make_many(1000);
                let lent = counters::lend_many(&many.iter().collect::<Vec<_>>());
                let alive = counters::alive();
                let taken = counters::take_many(many);
                format!("{lent} {alive} {taken} alive {}", counters::alive())
            }
            "lent inside" => {
                let many = counters::make_many(5);
                let [a, b, c, d, e] = many.as_slice() else {
                    return format!("{} counters", many.len());
                };
                let lent = |name: &'static str, one, more| Lent {
                    name: name.to_owned(),
                    one,
                    more,
                };
                let all = [
                    MaybeLent::One(a),
                    MaybeLent::None,
                    MaybeLent::Named(lent("b", b, vec![c, a])),
                ];
                let looked = counters::look(&all, &lent("e", e, vec![d, d]));
                // What was lent is the component's still.
                format!("{looked} {} {}", a.next(), counters::take_many(many))
            }
            "shelf" => {
                shelf::put(Counter::new(1));
                shelf::put(Counter::new(2));
                let got: Vec<_> = std::iter::from_fn(shelf::get).map(|c| c.next()).collect();
                format!("{got:?} alive {}", counters::alive())
            }
            // The rest leaves counters behind, on purpose.
            "keep" => {
                std::mem::forget(counters::make_many(10));
                format!("alive {}", counters::alive())
            }
            "on the shelf" => {
                shelf::put(Counter::new(1));
                format!("alive {}", counters::alive())
            }
            "keep and trap" => {
                std::mem::forget(counters::make_many(10));
                std::process::abort();
            }
            "forged" => {
                // SAFETY: a handle is a number, which the host looks up: one that
                // the component does not have is what is tried.
                let forged = unsafe { Counter::from_handle(4711) };
                let number = forged.next();
                std::mem::forget(forged);
                format!("{number}")
            }
            "dropped twice" => {
                let counter = Counter::new(1);
                // SAFETY: as above, here one that is gone.
                let again = unsafe { Counter::from_handle(counter.handle()) };
                drop(counter);
                format!("{}", again.next())
            }
            "count" => format!("alive {}", counters::alive()),
            other => format!("there is no scenario {other:?}"),
        }
    }
}

export!(Scenarios);
