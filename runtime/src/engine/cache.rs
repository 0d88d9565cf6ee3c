//! Compiled components, kept by digest.

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use wasmtime::component::Component;

/// Keeps compiled components until they have not been used for some time, or
/// there are too many.
pub(super) struct CompilationCache {
    capacity: usize,
    ttl: Duration,
    entries: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    component: Component,
    /// A hash of the bytes: a digest is whatever the caller says, and two
    /// components under one digest must not be mixed up.
    content: u64,
    last_use: Instant,
}

impl CompilationCache {
    pub(super) fn new(capacity: u64, ttl: Duration) -> Self {
        Self {
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
            ttl,
            entries: Mutex::default(),
        }
    }

    /// The component compiled from `bytes`, by `compile` if it is not here.
    ///
    /// The cache is not locked meanwhile: two callers may compile the same
    /// component, but none waits for another's.
    pub(super) fn get_or_compile(
        &self,
        digest: &str,
        bytes: &[u8],
        compile: impl FnOnce() -> wasmtime::Result<Component>,
    ) -> wasmtime::Result<Component> {
        let content = content_hash(bytes);
        let now = Instant::now();
        {
            let mut entries = self.lock();
            entries.retain(|_, entry| now.duration_since(entry.last_use) < self.ttl);
            match entries.get_mut(digest) {
                Some(entry) if entry.content == content => {
                    entry.last_use = now;
                    return Ok(entry.component.clone());
                }
                Some(_) => tracing::warn!(
                    digest,
                    "another component was given under this digest before; compiling this one"
                ),
                None => {}
            }
        }
        let component = compile()?;
        if self.capacity > 0 {
            let mut entries = self.lock();
            if entries.len() >= self.capacity && !entries.contains_key(digest) {
                remove_oldest(&mut entries);
            }
            entries.insert(
                digest.to_string(),
                Entry {
                    component: component.clone(),
                    content,
                    last_use: now,
                },
            );
        }
        Ok(component)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // No code that could panic runs under the lock.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CompilationCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompilationCache")
            .field("capacity", &self.capacity)
            .field("ttl", &self.ttl)
            .field("len", &self.lock().len())
            .finish()
    }
}

fn remove_oldest(entries: &mut HashMap<String, Entry>) {
    let oldest = entries
        .iter()
        .min_by_key(|(_, entry)| entry.last_use)
        .map(|(digest, _)| digest.clone());
    if let Some(digest) = oldest {
        entries.remove(&digest);
    }
}

fn content_hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use wasmtime::{Engine, component::Component};

    use super::CompilationCache;

    struct Compiler {
        engine: Engine,
        compiled: Cell<u32>,
    }

    impl Compiler {
        fn new() -> Self {
            Self {
                engine: Engine::default(),
                compiled: Cell::new(0),
            }
        }

        fn get(&self, cache: &CompilationCache, digest: &str, bytes: &[u8]) -> u32 {
            cache
                .get_or_compile(digest, bytes, || {
                    self.compiled.set(self.compiled.get() + 1);
                    Component::new(&self.engine, wat::parse_str("(component)").unwrap())
                })
                .unwrap();
            self.compiled.get()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_component_is_compiled_once_until_it_is_idle_for_too_long() {
        let compiler = Compiler::new();
        let cache = CompilationCache::new(10, Duration::from_secs(60));
        assert_eq!(compiler.get(&cache, "d", b"one"), 1);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(compiler.get(&cache, "d", b"one"), 1);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(compiler.get(&cache, "d", b"one"), 1, "use keeps it");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(compiler.get(&cache, "d", b"one"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_recently_used_goes_first() {
        let compiler = Compiler::new();
        let cache = CompilationCache::new(2, Duration::from_secs(60));
        for (digest, compiled) in [("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4)] {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(compiler.get(&cache, digest, b"one"), compiled, "{digest}");
        }
    }

    #[tokio::test]
    async fn other_bytes_under_the_same_digest_are_compiled() {
        let compiler = Compiler::new();
        let cache = CompilationCache::new(2, Duration::from_secs(60));
        assert_eq!(compiler.get(&cache, "d", b"one"), 1);
        assert_eq!(compiler.get(&cache, "d", b"two"), 2);
        assert_eq!(compiler.get(&cache, "d", b"two"), 2);
    }
}
