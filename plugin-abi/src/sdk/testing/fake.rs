//! A component that a plugin calls, played by a test.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockWriteGuard};

use crate::abi::{Buffer, Status};
use crate::codec::{self, Decode, Encode};
use crate::event::{Item, ItemKind, Workload};
use crate::sdk::Component;

/// Reads the arguments, and writes the result or says why there is none.
type Function = Arc<dyn Fn(&[u8], &mut Buffer) -> Result<(), String> + Send + Sync>;

/// The functions of a component, by interface and name.
type Functions = HashMap<(String, String), Function>;

static COMPONENTS: LazyLock<RwLock<HashMap<Component, Functions>>> = LazyLock::new(RwLock::default);

fn components() -> RwLockWriteGuard<'static, HashMap<Component, Functions>> {
    COMPONENTS.write().unwrap_or_else(PoisonError::into_inner)
}

/// A stand-in for a component whose exports the plugin calls: closures answer for its
/// functions. It is there until it is dropped.
///
/// ```
/// # wash_plugin_abi::bindgen!({ inline: "
/// #     package demo:events@0.1.0;
/// #     interface source { subscribe: func(topic: string); }
/// #     interface handler { handle: func(topic: string, body: list<u8>) -> result<u32, string>; }
/// #     world plugin { export source; import handler; }
/// # " });
/// # use wash_plugin_abi::{Call, Component, Plugin, Result};
/// # struct Events;
/// # impl Plugin for Events {
/// #     type Config = ();
/// #     fn new((): ()) -> Result<Self> { Ok(Events) }
/// # }
/// # impl exports::demo::events::source::Guest for Events {
/// #     fn subscribe(&self, _: &Call<'_>, _topic: &str) {}
/// # }
/// use demo::events::handler::handle;
/// use wash_plugin_abi::testing::{self, FakeComponent};
///
/// # fn main() -> Result<()> {
/// let plugin = testing::start::<Events>(())?;
/// let component = FakeComponent::new("shop").export(
///     "demo:events/handler@0.1.0",
///     "handle",
///     |(_topic, body): (String, Vec<u8>)| -> Result<u32, String> { Ok(body.len() as u32) },
/// );
/// plugin.bind(component.workload(), &[], &[component.item()])?;
///
/// let answer = plugin.block_on(handle(&component.component(), "orders", b"one"))?;
/// assert_eq!(answer, Ok(3));
/// # Ok(())
/// # }
/// ```
pub struct FakeComponent {
    item: Item,
    component: Component,
}

impl FakeComponent {
    /// A component in a workload of its own, which has this name and an id that no other
    /// has.
    #[must_use]
    pub fn new(workload: &str) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let id = format!("{workload}-{number}");
        Self::in_workload(&Workload::new(id, workload, "default"), "component")
    }

    /// A component with this id in a workload.
    ///
    /// Tests run at the same time: a workload's id should be one test's alone.
    #[must_use]
    pub fn in_workload(workload: &Workload, id: &str) -> Self {
        let item = Item::new(id, Some(ItemKind::Component), workload.clone());
        let component = Component::of(&item);
        components().insert(component.clone(), Functions::new());
        Self { item, component }
    }

    /// Exports a function. `interface` and `function` are named as in the plugin's world:
    /// `namespace:package/interface@version`, without the version if the package has none.
    ///
    /// The function is called with the tuple of its parameters, such as
    /// `(String, Vec<u8>)`, and returns its result: the types that `bindgen!` made, `()` for
    /// none.
    #[must_use]
    pub fn export<A, R>(
        self,
        interface: &str,
        function: &str,
        answer: impl Fn(A) -> R + Send + Sync + 'static,
    ) -> Self
    where
        A: for<'a> Decode<'a>,
        R: Encode,
    {
        self.add(interface, function, move |args, out| {
            let args = codec::from_slice(args).map_err(|error| {
                format!("the closure takes other parameters than the function has: {error}")
            })?;
            let result = answer(args);
            codec::to_out(&result, out.out(), 0)
                .map_err(|error| format!("the result cannot be written: {error}"))
        })
    }

    /// Exports a function that traps when it is called; the plugin is told `message`.
    #[must_use]
    pub fn trap(self, interface: &str, function: &str, message: &str) -> Self {
        let message = message.to_owned();
        self.add(interface, function, move |_, _| Err(message.clone()))
    }

    fn add(
        mut self,
        interface: &str,
        function: &str,
        answer: impl Fn(&[u8], &mut Buffer) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        if !self.item.exports.iter().any(|known| known == interface) {
            self.item.exports.push(interface.to_owned());
        }
        components()
            .entry(self.component.clone())
            .or_default()
            .insert(
                (interface.to_owned(), function.to_owned()),
                Arc::new(answer),
            );
        self
    }

    /// Returns the workload that the component is part of.
    #[must_use]
    pub fn workload(&self) -> &Workload {
        &self.item.workload
    }

    /// Returns the component as hooks are told of it.
    #[must_use]
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// Returns the component as the plugin calls it.
    #[must_use]
    pub fn component(&self) -> Component {
        self.component.clone()
    }
}

impl Drop for FakeComponent {
    fn drop(&mut self) {
        components().remove(&self.component);
    }
}

impl fmt::Debug for FakeComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeComponent")
            .field("item", &self.item)
            .finish_non_exhaustive()
    }
}

/// Answers a call of a component where there is no host; `None` if no test plays the
/// component.
pub(crate) fn answer(
    component: &Component,
    interface: &str,
    function: &str,
    args: &[u8],
    out: &mut Buffer,
) -> Option<Status> {
    let found = {
        let all = COMPONENTS.read().unwrap_or_else(PoisonError::into_inner);
        let functions = all.get(component)?;
        let wanted = (interface.to_owned(), function.to_owned());
        functions.get(&wanted).cloned().ok_or_else(|| {
            let mut names: Vec<_> = functions
                .keys()
                .map(|(i, f)| format!("`{i}#{f}`"))
                .collect();
            names.sort();
            format!(
                "the fake component has no function `{interface}#{function}`; it has {}",
                match names.is_empty() {
                    true => String::from("none"),
                    false => names.join(", "),
                }
            )
        })
    };
    // Without the lock, as it may call the plugin, which calls another component.
    let answered = found.and_then(|answer| answer(args, out));
    Some(match answered {
        Ok(()) => Status::OK,
        Err(message) => {
            out.out().set_text(&message);
            Status::FAILED
        }
    })
}
