//! When the last call has ended that may have seen what is no longer there.
//!
//! A call finds its function without a lock, and without writing to memory
//! that other threads write. So whoever exchanges the function has to learn in
//! another way when nobody can be using the old one any more: each thread notes
//! in a place of its own that a call begins or ends, and [`passed`] waits for
//! those that were under way.
//!
//! The note has to be visible before the function is looked up. On Linux the
//! waiting side sees to that, with [`membarrier(2)`], so that a call pays for
//! two plain writes; elsewhere each call has a fence.
//!
//! [`membarrier(2)`]: https://man7.org/linux/man-pages/man2/membarrier.2.html

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, compiler_fence, fence};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How often [`passed`] looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Where a thread notes its calls. Never freed, but used again once its thread
/// is gone.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Place {
    /// How often a call has begun or ended: odd while one runs.
    steps: AtomicU64,
    is_taken: AtomicBool,
}

static PLACES: Mutex<Vec<&'static Place>> = Mutex::new(Vec::new());

/// Calls of threads that are ending, and have no place any more.
static HOMELESS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static MINE: Mine = Mine::claim();
}

/// This thread's place, and how many of its calls are inside of one another.
struct Mine {
    place: &'static Place,
    depth: Cell<u32>,
}

impl Mine {
    fn claim() -> Self {
        let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let free = places
            .iter()
            .find(|place| !place.is_taken.swap(true, Ordering::Acquire));
        let place = match free {
            Some(place) => place,
            None => {
                let place: &'static Place = Box::leak(Box::new(Place {
                    steps: AtomicU64::new(0),
                    is_taken: AtomicBool::new(true),
                }));
                places.push(place);
                place
            }
        };
        Self {
            place,
            depth: Cell::new(0),
        }
    }

    fn step(&self, order: Ordering) {
        // Nobody else writes it.
        let steps = self.place.steps.load(Ordering::Relaxed);
        self.place.steps.store(steps.wrapping_add(1), order);
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        self.place.is_taken.store(false, Ordering::Release);
    }
}

/// A call that is under way on this thread.
#[derive(Debug)]
pub(super) struct Entered {
    has_place: bool,
    /// Not to be sent: the note is the thread's.
    _thread: PhantomData<*const ()>,
}

/// Notes that a call begins.
pub(super) fn enter() -> Entered {
    let noted = MINE.try_with(|mine| {
        let depth = mine.depth.get();
        mine.depth.set(depth + 1);
        if depth == 0 {
            mine.step(Ordering::Relaxed);
        }
    });
    let has_place = noted.is_ok();
    if !has_place {
        HOMELESS.fetch_add(1, Ordering::SeqCst);
    }
    if HAS_BARRIER.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
    Entered {
        has_place,
        _thread: PhantomData,
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if !self.has_place {
            HOMELESS.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        // It had a place when it began, and the thread's end comes after this.
        let _ = MINE.try_with(|mine| {
            let depth = mine.depth.get() - 1;
            mine.depth.set(depth);
            if depth == 0 {
                mine.step(Ordering::Release);
            }
        });
    }
}

/// Whether [`barrier`] makes fences in calls needless.
static HAS_BARRIER: AtomicBool = AtomicBool::new(false);

/// Prepares the process. Until then, calls have a fence.
pub(super) fn prepare() {
    static PREPARED: OnceLock<()> = OnceLock::new();
    PREPARED.get_or_init(|| HAS_BARRIER.store(register(), Ordering::SeqCst));
}

#[cfg(target_os = "linux")]
fn register() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};
    membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn register() -> bool {
    false
}

/// Every thread's writes before this are visible after it, and the other way
/// round.
fn barrier() {
    fence(Ordering::SeqCst);
    #[cfg(target_os = "linux")]
    if HAS_BARRIER.load(Ordering::SeqCst) {
        use rustix::thread::{MembarrierCommand, membarrier};
        // It cannot fail once it is registered.
        if membarrier(MembarrierCommand::PrivateExpedited).is_err() {
            tracing::error!("membarrier failed: a plugin's old generation stays in memory");
            // Never to pass is safe.
            HOMELESS.fetch_add(1, Ordering::SeqCst);
        }
    }
    fence(Ordering::SeqCst);
}

/// Waits until every call has ended that was under way when this began.
pub(super) async fn passed() {
    barrier();
    let mut busy: Vec<(&'static Place, u64)> = PLACES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .map(|place| (*place, place.steps.load(Ordering::Acquire)))
        .filter(|(_, steps)| steps % 2 == 1)
        .collect();
    loop {
        busy.retain(|(place, steps)| place.steps.load(Ordering::Acquire) == *steps);
        if busy.is_empty() && HOMELESS.load(Ordering::SeqCst) == 0 {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    async fn passes_now() -> bool {
        tokio::time::timeout(Duration::from_millis(50), passed())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_call_is_waited_for_and_a_later_one_is_not() {
        prepare();
        let (begun, is_begun) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let calls = std::thread::spawn(move || {
            let outer = enter();
            // One inside of it ends, and changes nothing.
            drop(enter());
            begun.send(()).unwrap();
            ends.recv().unwrap();
            drop(outer);
            let _next = enter();
            begun.send(()).unwrap();
            ends.recv().unwrap();
        });
        is_begun.recv().unwrap();
        assert!(!passes_now().await);
        let mut waiting = std::pin::pin!(passed());
        tokio::select! {
            () = &mut waiting => panic!("the call has not ended"),
            // It has begun to wait by now.
            () = tokio::time::sleep(PAUSE) => {}
        }
        end.send(()).unwrap();
        // The next call runs by now; it began after the one that is waited for.
        is_begun.recv().unwrap();
        waiting.await;
        end.send(()).unwrap();
        calls.join().unwrap();
        assert!(passes_now().await);
    }
}
