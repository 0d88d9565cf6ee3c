//! The handler of the signals by which the kernel ends a process that accesses memory which
//! is not there: says which plugin it was, and passes the signal on.
#![allow(
    unsafe_code,
    reason = "a signal's handler is a raw function, and what it reads and calls is C's"
)]

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;

use libc::{sigaction, siginfo_t};
use wash_runtime::wasmtime::Engine;

use super::{CURRENT, Place};

/// The signals: macOS raises SIGBUS at the end of a stack.
#[cfg(target_vendor = "apple")]
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];
#[cfg(not(target_vendor = "apple"))]
const SIGNALS: [c_int; 1] = [libc::SIGSEGV];

/// As far from the stack's pointer, an access is one to the stack. The compiler touches each
/// page of a large frame in turn, so it is a page at most; pages have 4 to 64 KiB.
const NEAR: usize = 64 * 1024;

/// Bytes of a stack for signals' handlers: more than the kernel writes there, with all the
/// registers of a large machine, and than ours and wasmtime's need.
const SIGNAL_STACK: usize = 64 * 1024;

/// A stack on which signals of one thread are handled. Dropped on that thread, it is given
/// up.
pub(super) struct SignalStack(Box<[u8]>);

impl SignalStack {
    /// Gives this thread one, unless it has one.
    pub(super) fn install() -> Option<Self> {
        let mut known = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: the call writes all of it if it returns 0.
        let has_one = unsafe {
            libc::sigaltstack(ptr::null(), known.as_mut_ptr()) != 0
                || known.assume_init_ref().ss_flags & libc::SS_DISABLE == 0
        };
        if has_one {
            return None;
        }
        let mut memory = vec![0; SIGNAL_STACK].into_boxed_slice();
        let stack = libc::stack_t {
            ss_sp: memory.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: memory.len(),
        };
        // SAFETY: the memory is there until the stack is disabled again in `drop`.
        let installed = unsafe { libc::sigaltstack(&stack, ptr::null_mut()) == 0 };
        installed.then_some(Self(memory))
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let none = libc::stack_t {
            ss_sp: ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: self.0.len(),
        };
        // SAFETY: the thread that drops this is the one that installed it, as it is kept in
        // a thread-local, and it is in no signal's handler.
        unsafe { libc::sigaltstack(&none, ptr::null_mut()) };
    }
}

/// What handled the signals before.
struct Previous([UnsafeCell<MaybeUninit<sigaction>>; SIGNALS.len()]);

// SAFETY: they are written once, before the handler that reads them is installed.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous =
    Previous([const { UnsafeCell::new(MaybeUninit::uninit()) }; SIGNALS.len()]);

/// Installs the handler in front of those that are there.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // wasmtime installs its own with the first engine, and keeps what it does not
        // understand from handlers of before: at the end of a component's stack it aborts.
        // So it has to be the one behind this. An engine that cannot be made is no reason
        // not to go on.
        drop(Engine::new(&wash_runtime::wasmtime::Config::new()));
        for (signal, previous) in SIGNALS.iter().zip(&PREVIOUS.0) {
            // SAFETY: nobody reads the slot before `sigaction` below has set the handler;
            // `sigaction` writes all of it. A `sigaction` of zeros is a valid one.
            unsafe {
                if libc::sigaction(*signal, ptr::null(), previous.get().cast()) != 0 {
                    continue;
                }
                let mut ours: sigaction = std::mem::zeroed();
                // On the thread's alternate stack, as its own may be at its end; and not
                // blocked meanwhile, as the handler behind this may access the same memory
                // again.
                ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
                ours.sa_sigaction = handler as *const () as usize;
                libc::sigemptyset(&mut ours.sa_mask);
                libc::sigaction(*signal, &ours, ptr::null_mut());
            }
        }
    });
}

/// # Safety
///
/// Called by the kernel alone, for one of [`SIGNALS`]. It only does what may be done in a
/// signal's handler: it reads a thread-local that needs no setting up, and writes.
unsafe extern "C" fn handler(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let place = CURRENT.replace(ptr::null());
    // SAFETY: `run` borrows the place until it has set another one, on this thread.
    if let Some(place) = unsafe { place.as_ref() } {
        // SAFETY: the kernel's promise: both are of this signal.
        tell(place, unsafe { is_at_end_of_stack(info, context) });
    }
    // SAFETY: the slots were written before this was installed, and the kernel's promise.
    unsafe { pass_on(signal, info, context) }
}

/// Says to standard error who it was.
fn tell(place: &Place, is_overflow: Option<bool>) {
    let what = match is_overflow {
        Some(true) => {
            ", overflowed its stack, and the host cannot go on\n  help: recurse less deeply there, and \
             keep large values in a `Box` or `Vec`; a plugin's function has 2 MiB of stack\n"
        }
        Some(false) => {
            ", accessed memory that is not its own, and the host cannot go on\n  help: look for \
             unsafe code or a C library in it; run the plugin's tests with AddressSanitizer\n"
        }
        None => {
            ", overflowed its stack or accessed memory that is not its own, and the host cannot go on\n"
        }
    };
    for text in ["\nerror: ", place.text(), what] {
        // SAFETY: the text is valid for the call. Nothing can be done about an error.
        unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    }
}

/// Whether the access was one beside the stack's pointer; `None` where this machine's
/// registers are not known here.
///
/// # Safety
///
/// `info` and `context` must be what the kernel called a handler with.
unsafe fn is_at_end_of_stack(info: *const siginfo_t, context: *const c_void) -> Option<bool> {
    // SAFETY: the caller's promise.
    let (address, pointer) = unsafe { ((*info).si_addr().addr(), stack_pointer(context)?) };
    Some(address.abs_diff(pointer) < NEAR)
}

/// The stack's pointer at the signal.
///
/// # Safety
///
/// `context` must be what the kernel called a handler with.
unsafe fn stack_pointer(context: *const c_void) -> Option<usize> {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the caller's promise.
    let pointer: u64 = unsafe {
        cfg_select! {
            all(target_os = "linux", target_arch = "x86_64") => {
                let registers = &(*context).uc_mcontext.gregs;
                registers.get(libc::REG_RSP as usize)?.cast_unsigned()
            }
            all(target_os = "linux", target_arch = "aarch64") => (*context).uc_mcontext.sp,
            all(target_vendor = "apple", target_arch = "x86_64") => {
                (*(*context).uc_mcontext).__ss.__rsp
            }
            all(target_vendor = "apple", target_arch = "aarch64") => {
                (*(*context).uc_mcontext).__ss.__sp
            }
            _ => {
                let _ = context;
                return None;
            }
        }
    };
    usize::try_from(pointer).ok()
}

/// Does what would have been done without this handler.
///
/// # Safety
///
/// The arguments must be the kernel's, and [`PREVIOUS`] must be written.
unsafe fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let index = SIGNALS.iter().position(|known| *known == signal);
    let Some(previous) = index.and_then(|index| PREVIOUS.0.get(index)) else {
        return;
    };
    // SAFETY: the caller's promise, and a handler has one of these two types, which its
    // flags tell apart.
    unsafe {
        let previous = (*previous.get()).assume_init_ref();
        let function = previous.sa_sigaction;
        if function == libc::SIG_DFL || function == libc::SIG_IGN {
            // The access is made again, and ends the process as it would have.
            libc::sigaction(signal, previous, ptr::null_mut());
        } else if previous.sa_flags & libc::SA_SIGINFO != 0 {
            let function: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                std::mem::transmute(function);
            function(signal, info, context);
        } else {
            let function: extern "C" fn(c_int) = std::mem::transmute(function);
            function(signal);
        }
    }
}
