//! Calls that wait for one another: they only end if they overlap.

use tokio::sync::watch;
use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../wit/concurrent", world: "plugin" });
use exports::test::concurrent::meeting::{Guest, GuestRoom, Room as RoomHandle, RoomBorrow};

/// Who is waiting.
#[derive(Default)]
struct Waiting(watch::Sender<u32>);

impl Waiting {
    /// Waits until so many have come.
    async fn meet(&self, count: u32) {
        let mut waiting = self.0.subscribe();
        self.0.send_modify(|waiting| *waiting += 1);
        // The sender is this one.
        let _ = waiting.wait_for(|waiting| *waiting >= count).await;
    }
}

#[derive(Default)]
struct Meeting(Waiting);

struct Room {
    name: String,
    waiting: Waiting,
}

impl Plugin for Meeting {
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self::default())
    }
}

impl Guest for Meeting {
    type Room = Room;

    async fn meet(&self, _: &Call<'_>, name: &str, count: u32) -> String {
        self.0.meet(count).await;
        format!("{name} met")
    }

    async fn many(
        &self,
        _: &Call<'_>,
        a: u8,
        b: i64,
        c: f32,
        d: &str,
        e: &[u16],
        f: Option<char>,
    ) -> String {
        format!("{a} {b} {c} {d} {e:?} {f:?}")
    }

    async fn nothing(&self, _: &Call<'_>) {}

    #[allow(clippy::panic, reason = "it is what the test is about")]
    async fn panics(&self, _: &Call<'_>) {
        panic!("on purpose");
    }
}

impl GuestRoom<Meeting> for Room {
    fn new(_: &Meeting, _: &Call<'_>, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            waiting: Waiting::default(),
        }
    }

    async fn meet(&self, _: &Meeting, _: &Call<'_>, count: u32) -> String {
        self.waiting.meet(count).await;
        format!("met in {}", self.name)
    }

    fn waiting(&self, _: &Meeting, _: &Call<'_>) -> u32 {
        *self.waiting.0.borrow()
    }

    async fn join(
        _: &Meeting,
        _: &Call<'_>,
        given: RoomHandle,
        lent: RoomBorrow<'_>,
    ) -> RoomHandle {
        let name = |room: Option<&Self>| room.map_or_else(String::new, |room| room.name.clone());
        RoomHandle::new(Self {
            name: format!("{} and {}", name(given.get()), name(lent.get())),
            waiting: Waiting::default(),
        })
    }
}

wash_plugin_abi::export!(Meeting);
