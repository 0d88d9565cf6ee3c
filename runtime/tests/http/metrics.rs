//! Requests and traps are counted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use wash_runtime::observability::{REQUESTS, TRAPS};

use crate::support::{answer, dev};

/// Keeps counters by name and labels.
#[derive(Clone, Default)]
struct Counters(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name).or_default()))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn requests_and_traps_are_counted_by_workload_and_status() {
    let counters = Counters::default();
    metrics::with_local_recorder(&counters, || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let (host, ingress) = dev().await;
                for path in ["/", "/", "/trap", "/absent"] {
                    answer(ingress.addr(), path).await;
                }
                host.stop().await.unwrap();
            });
    });
    let counted: BTreeMap<_, _> = counters
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(name, count)| (name.clone(), count.load(Ordering::Relaxed)))
        .collect();
    let expected = BTreeMap::from([
        (format!("{REQUESTS} workload=demo status=200"), 2),
        (format!("{REQUESTS} workload=demo status=404"), 1),
        (format!("{REQUESTS} workload=demo status=500"), 1),
        (format!("{TRAPS} workload=demo"), 1),
    ]);
    assert_eq!(counted, expected);
}
