//! One at a time brings a key: the job that copies everything, and whoever was asked for this key just now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// The keys of a bucket that are being brought.
#[derive(Debug, Default)]
pub(crate) struct KeyLocks {
    held: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A key that nobody else brings meanwhile.
#[derive(Debug)]
pub(crate) struct KeyLock {
    locks: Arc<KeyLocks>,
    key: String,
    guard: Option<OwnedMutexGuard<()>>,
}

impl KeyLocks {
    /// Waits until nobody else brings the key.
    pub(crate) async fn lock(self: &Arc<Self>, key: &str) -> KeyLock {
        let of_key = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(held.entry(key.to_owned()).or_default())
        };
        // Made before it is waited for, so that whoever gives up waiting clears up too.
        let mut lock = KeyLock {
            locks: Arc::clone(self),
            key: key.to_owned(),
            guard: None,
        };
        lock.guard = Some(of_key.lock_owned().await);
        lock
    }
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        self.guard = None;
        let mut held = self
            .locks
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Whoever waits holds a share of it too.
        if held
            .get(&self.key)
            .is_some_and(|of_key| Arc::strong_count(of_key) == 1)
        {
            held.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::KeyLocks;

    #[tokio::test]
    async fn one_at_a_time_holds_a_key_and_none_is_remembered_after() {
        let locks = Arc::new(KeyLocks::default());
        let first = locks.lock("a").await;
        let other = locks.lock("b").await;
        let waiting = {
            let locks = Arc::clone(&locks);
            tokio::spawn(async move { locks.lock("a").await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(other);
        drop(first);
        drop(waiting.await.expect("no panic"));
        assert!(locks.held.lock().expect("sound").is_empty());
    }
}
