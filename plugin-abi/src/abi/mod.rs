//! What crosses the boundary between host and plugin, in C layout.
//!
//! Everything here is frozen for [`REVISION`] 1: a field is never moved,
//! retyped or removed, and the compiler checks the layouts below. What comes
//! later comes as another extension, found by its id. `docs/ABI.md` is the
//! written contract.
//!
//! The front door of a library is the [`abi_stable`] root module of
//! [`root`]; behind it, and behind the plain symbol [`QUERY_SYMBOL`] for
//! plugins that are not written in Rust, stands one function that finds an
//! extension's vtable by its id.

mod buffer;
mod channel;
pub mod foreign;
mod future;
mod guest;
mod host;
mod layout;
mod lend;
mod plugin;
pub mod root;
mod slice;
mod stream;
mod waker;

pub(crate) use buffer::NoRoom;
pub use buffer::{Buffer, OutBuf};
pub use channel::ChannelV1;
pub use future::{FutureV1, FutureVtableV1, PendingV1, WakerV1, WakerVtableV1};
pub use guest::{GuestCallV1, GuestV1};
pub use host::{
    ExtensionFn, HostV1, LEVEL_DEBUG, LEVEL_ERROR, LEVEL_INFO, LEVEL_TRACE, LEVEL_WARN, LogFieldV1,
    LogRecordV1, LogV1, ThreadV1,
};
pub(crate) use lend::Lending;
pub use lend::{
    CallContextV1Flags, FLAG_LEND, FLAG_LENT_ARGS, LENT_AT, Lent, LentArgsV1, LentV1, lend_args,
};
pub use plugin::{CallContextV1, CallFn, CallV1, LifecycleFn, PluginV1, ResourceV1, StateV1};
pub use slice::Slice;
pub use stream::StreamV1;
pub use waker::{lend_waker, with_waker};

/// The revision of the ABI that this crate speaks.
///
/// It is part of a library's manifest, so a host refuses a revision that it
/// does not know before any code of the library runs.
pub const REVISION: u32 = 1;

/// The plain symbol of a plugin: an [`root::QueryFn`].
pub const QUERY_SYMBOL: &str = "wash_plugin_query_v1";

/// Extension of a plugin: its life, a [`PluginV1`]. Required.
pub const EXT_PLUGIN: &str = "wash.plugin/1";
/// Extension of a plugin: the functions it serves, a [`CallV1`].
/// A library without it serves none.
pub const EXT_CALL: &str = "wash.call/1";
/// Extension of a plugin: the resources it gives out, a [`ResourceV1`].
/// A library without it serves no resources.
pub const EXT_RESOURCE: &str = "wash.resource/1";
/// Extension of a plugin: what it hands over when it is updated, a
/// [`StateV1`]. A library without it hands nothing over.
pub const EXT_STATE: &str = "wash.state/1";
/// Extension of a plugin: the streams and pollables it gives out, a
/// [`StreamV1`]. A library without it gives out none.
///
/// Extension of a host, too: the streams of components that a plugin has. A
/// host without it passes none.
pub const EXT_STREAM: &str = "wash.stream/1";
/// Extension of a plugin: the streams and futures of WASI 0.3 that it gives out,
/// a [`ChannelV1`]. A library whose interfaces have some must have it.
///
/// Extension of a host, too: those of components that a plugin has. In a host
/// without it, a plugin whose interfaces have some cannot be made.
pub const EXT_CHANNEL: &str = "wash.channel/1";
/// Extension of a plugin: it reads arguments that are lent, a [`LentArgsV1`]. A
/// library without it is given copies.
pub const EXT_LENT_ARGS: &str = "wash.lent-args/1";
/// Extension of a host: what components export, a [`GuestV1`].
/// In a host without it a plugin cannot call components.
pub const EXT_GUEST: &str = "wash.guest/1";
/// Extension of a host: its log, a [`LogV1`].
/// In a host without it a plugin's events are dropped.
pub const EXT_LOG: &str = "wash.log/1";
/// Extension of a host: what it does for threads that a plugin starts, a [`ThreadV1`].
/// In a host without it, a crash of such a thread names nobody.
pub const EXT_THREAD: &str = "wash.thread/1";

/// How an entry point ended.
///
/// A number rather than an `enum`, because what the other side returns is
/// input: a value that is none of the constants is treated as
/// [`Status::FAILED`].
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// Done; the result is in the out buffer.
    pub const OK: Self = Self(0);
    /// Not yet; the future was written to the pending slot.
    pub const PENDING: Self = Self(1);
    /// Failed; the out buffer holds the reason, as UTF-8.
    pub const FAILED: Self = Self(2);
    /// Panicked; the out buffer holds the message and place, as UTF-8.
    pub const PANICKED: Self = Self(3);
    /// The arguments could not be read; the out buffer says why, as UTF-8.
    pub const BAD_ARGUMENTS: Self = Self(4);
    /// Of a stream: it is at its end, or the other end does not listen any
    /// more. Only the functions of a [`StreamV1`] or [`ChannelV1`]
    /// return it.
    pub const CLOSED: Self = Self(5);
    /// Done; the result is in the out buffer, and what it refers to at
    /// [`LENT_AT`] is lent: see [`LentV1`]. Only for a host that asks for it
    /// with [`FLAG_LEND`].
    pub const OK_LENT: Self = Self(6);
}
