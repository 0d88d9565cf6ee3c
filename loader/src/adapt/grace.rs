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
    /// This thread's place, once it has one: to be read without a check.
    static MINE: Cell<Option<&'static Place>> = const { Cell::new(None) };
    /// Gives the place back when the thread ends.
    static KEEPER: Keeper = Keeper::claim();
}

struct Keeper(&'static Place);

impl Keeper {
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
        Self(place)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Calls that come even later have no place.
        MINE.set(None);
        self.0.is_taken.store(false, Ordering::Release);
    }
}

/// A call that is under way on this thread.
#[derive(Debug)]
pub(super) struct Entered(
    Kind,
    /// Not to be sent: the note is the thread's.
    PhantomData<*const ()>,
);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Noted(&'static Place),
    /// Inside of another call, which is noted.
    Inner,
    Homeless,
}

/// Notes that a call begins.
#[inline]
pub(super) fn enter() -> Entered {
    let Some(place) = MINE.get() else {
        return enter_first();
    };
    note(place)
}

#[inline]
fn note(place: &'static Place) -> Entered {
    // Nobody else writes it.
    let steps = place.steps.load(Ordering::Relaxed);
    if steps % 2 == 1 {
        return Entered(Kind::Inner, PhantomData);
    }
    place.steps.store(steps.wrapping_add(1), Ordering::Relaxed);
    if HAS_BARRIER.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
    Entered(Kind::Noted(place), PhantomData)
}

/// The thread has no place: not yet, or no more.
#[cold]
fn enter_first() -> Entered {
    match KEEPER.try_with(|keeper| keeper.0) {
        Ok(place) => {
            MINE.set(Some(place));
            note(place)
        }
        Err(_) => {
            HOMELESS.fetch_add(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            Entered(Kind::Homeless, PhantomData)
        }
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        match self.0 {
            Kind::Noted(place) => {
                let steps = place.steps.load(Ordering::Relaxed);
                place.steps.store(steps.wrapping_add(1), Ordering::Release);
            }
            Kind::Inner => {}
            Kind::Homeless => {
                HOMELESS.fetch_sub(1, Ordering::SeqCst);
            }
        }
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
