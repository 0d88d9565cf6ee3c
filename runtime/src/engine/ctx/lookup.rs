//! Finding a sibling plugin from within a call.

use std::{
    any::{Any, type_name},
    sync::Arc,
};

use wasmtime::format_err;

use super::Ctx;
use crate::plugin::HostPlugin;

impl Ctx {
    /// A plugin that is bound to the running component, by its id and type.
    ///
    /// Plugins of the host that are not bound to this component are not found.
    ///
    /// # Errors
    ///
    /// `plugin {id} not found`, or `failed to downcast plugin to type {T}` if
    /// the plugin of this id is of another type.
    pub fn try_get_plugin<T: HostPlugin>(&self, plugin_id: &str) -> wasmtime::Result<Arc<T>> {
        let plugin: Arc<dyn Any + Send + Sync> = Arc::clone(self.bound(plugin_id)?) as _;
        plugin.downcast().map_err(|_| wrong_type::<T>())
    }

    /// As [`try_get_plugin`](Self::try_get_plugin), for a plugin that is known
    /// to be there.
    ///
    /// # Panics
    ///
    /// Where `try_get_plugin` would fail, with its error's text.
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "documented: the caller vouches that the plugin is bound"
    )]
    pub fn get_plugin<T: HostPlugin>(&self, plugin_id: &str) -> Arc<T> {
        self.try_get_plugin(plugin_id)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`get_plugin`](Self::get_plugin), borrowed.
    ///
    /// # Panics
    ///
    /// Where [`try_get_plugin`](Self::try_get_plugin) would fail, with its
    /// error's text.
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "documented: the caller vouches that the plugin is bound"
    )]
    pub fn get_plugin_ref<T: HostPlugin>(&self, plugin_id: &str) -> &T {
        self.bound(plugin_id)
            .and_then(|plugin| {
                let plugin: &dyn Any = plugin.as_ref();
                plugin.downcast_ref().ok_or_else(wrong_type::<T>)
            })
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn bound(&self, plugin_id: &str) -> wasmtime::Result<&Arc<dyn HostPlugin + Send + Sync>> {
        let plugins = (*self.plugins).as_ref();
        plugins
            .and_then(|plugins| plugins.get(plugin_id))
            .ok_or_else(|| format_err!("plugin {plugin_id} not found"))
    }
}

fn wrong_type<T>() -> wasmtime::Error {
    format_err!("failed to downcast plugin to type {}", type_name::<T>())
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use super::Ctx;
    use crate::{plugin::HostPlugin, wit::WitWorld};

    struct Here(u8);
    struct Other;

    impl HostPlugin for Here {
        fn id(&self) -> &'static str {
            "here"
        }
        fn world(&self) -> WitWorld {
            WitWorld::default()
        }
    }

    impl HostPlugin for Other {
        fn id(&self) -> &'static str {
            "other"
        }
        fn world(&self) -> WitWorld {
            WitWorld::default()
        }
    }

    fn ctx() -> Ctx {
        let plugin: Arc<dyn HostPlugin + Send + Sync> = Arc::new(Here(7));
        Ctx::builder("workload", "component")
            .with_plugins(HashMap::from([(plugin.id(), plugin)]))
            .build()
    }

    #[test]
    fn a_bound_plugin_is_found_as_its_own_type() {
        let ctx = ctx();
        assert_eq!(ctx.try_get_plugin::<Here>("here").unwrap().0, 7);
        assert_eq!(ctx.get_plugin::<Here>("here").0, 7);
        assert_eq!(ctx.get_plugin_ref::<Here>("here").0, 7);
    }

    #[test]
    fn errors_say_what_was_looked_up() {
        let ctx = ctx();
        let missing = ctx.try_get_plugin::<Here>("absent").err().unwrap();
        assert_eq!(missing.to_string(), "plugin absent not found");
        let wrong = ctx.try_get_plugin::<Other>("here").err().unwrap();
        assert_eq!(
            wrong.to_string(),
            format!(
                "failed to downcast plugin to type {}",
                std::any::type_name::<Other>()
            )
        );
    }

    #[test]
    #[should_panic(expected = "plugin absent not found")]
    fn the_infallible_lookup_panics() {
        let _ = ctx().get_plugin::<Here>("absent");
    }

    #[test]
    #[should_panic(expected = "failed to downcast plugin to type")]
    fn the_borrowing_lookup_panics() {
        let ctx = ctx();
        let _: &Other = ctx.get_plugin_ref("here");
    }
}
