//! Panics stop here, and become an error that says what and where.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::abi::{OutBuf, Status};

thread_local! {
    /// Message and place of this thread's last panic, for who catches it.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `f`; a panic in it becomes [`Status::PANICKED`] with its message.
#[inline]
pub(crate) fn guard(out: &mut OutBuf, f: impl FnOnce(&mut OutBuf) -> Status) -> Status {
    // Whatever `f` leaves behind in `out` is replaced below; what it leaves in
    // the plugin's own state is the plugin's to keep sound, as in any catch.
    match catch_unwind(AssertUnwindSafe(|| f(out))) {
        Ok(status) => status,
        Err(payload) => told(out, payload),
    }
}

#[cold]
fn told(out: &mut OutBuf, payload: Box<dyn Any + Send>) -> Status {
    out.set_text(&message(payload));
    Status::PANICKED
}

/// As [`guard`], where there is nowhere to tell of it but the log.
pub(crate) fn guard_silent(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        message(payload);
    }
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let what = payload_text(&*payload).unwrap_or(NO_MESSAGE);
    let text = LAST
        .try_with(|last| last.take())
        .ok()
        .flatten()
        // One that the author has caught may be left there, and this one be
        // another thread's, passed on by `resume_unwind`.
        .filter(|last| last.starts_with(what))
        .unwrap_or_else(|| what.to_owned());
    discard(payload);
    text
}

/// Drops a payload, which is the author's type and may panic as it is dropped,
/// with a payload that may do the same.
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..MAX_PAYLOADS {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    // Whoever makes these without end is not to hold up the host.
    std::mem::forget(payload);
}

/// Payloads of payloads that are dropped.
const MAX_PAYLOADS: usize = 8;

/// Stands for a payload that is no text.
const NO_MESSAGE: &str = "a value that is not a message";

fn payload_text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Sends this library's panics to the host's log instead of standard error.
///
/// The library has its own copy of the standard library, so the hook is its
/// own too, and the host's stays as it is.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let what = payload_text(info.payload()).unwrap_or(NO_MESSAGE);
            let text = match info.location() {
                Some(place) => format!("{what}, at {}:{}", place.file(), place.line()),
                None => what.to_owned(),
            };
            tracing::error!(target: "panic", thread = std::thread::current().name(), "panicked: {text}");
            // Not there while the thread ends: then the log has it.
            let _ = LAST.try_with(|last| last.replace(Some(text)));
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::Buffer;

    fn caught(f: impl FnOnce()) -> String {
        let mut buffer = Buffer::new();
        let status = guard(buffer.out(), |_| {
            f();
            Status::OK
        });
        assert_eq!(status, Status::PANICKED);
        String::from_utf8(buffer.as_slice().to_vec()).unwrap()
    }

    /// A payload that panics as it is dropped, with another one like it.
    struct Again;

    impl Drop for Again {
        fn drop(&mut self) {
            std::panic::panic_any(Again);
        }
    }

    #[test]
    fn a_panic_is_told_and_never_another_one() {
        install_hook();
        let here = concat!("first, at ", file!());
        assert!(caught(|| panic!("first")).starts_with(here));
        let passed_on = caught(|| {
            let _ = catch_unwind(|| panic!("first"));
            std::panic::resume_unwind(Box::new("second"));
        });
        assert_eq!(passed_on, "second");
        assert!(caught(|| std::panic::panic_any(7)).starts_with(NO_MESSAGE));
        assert!(caught(|| std::panic::panic_any(Again)).starts_with(NO_MESSAGE));
    }
}
