//! A lane: work that takes batches in their order, on a thread that may block, and on no thread while there is nothing
//! to take. Lanes go on beside each other, each as fast as it can: no batch waits until another lane is done with the
//! one before. How far they may fall behind is bounded by the room that every batch holds ([`Batch`]).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::spawn_blocking;

use crate::Error;
use crate::scanning::Turn;

/// What lanes take; the room it holds is given back when the last lane is done with it.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) _room: OwnedSemaphorePermit,
    /// Leave to unpack what is in it.
    pub(crate) _turn: Option<Turn>,
}

/// Work for a lane.
pub(crate) trait Work: Send + 'static {
    /// Takes a batch. May block.
    fn absorb(&mut self, chunks: &[Bytes]) -> Result<(), Error>;
}

/// A lane. When it is dropped, its work is dropped as soon as no thread has it.
pub(crate) struct Lane<W: Work> {
    shared: Arc<Shared<W>>,
}

struct Shared<W> {
    state: Mutex<State<W>>,
    /// Told when a thread lets go of the work.
    rested: Notify,
}

struct State<W> {
    waiting: VecDeque<Arc<Batch>>,
    work: At<W>,
}

/// Where the work is.
enum At<W> {
    /// Here, and nothing waits.
    Rest(W),
    /// On a thread.
    Thread,
    /// Over: this is why, until somebody asked.
    Failed(Option<Error>),
}

impl<W: Work> Lane<W> {
    pub(crate) fn new(work: W) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            work: At::Rest(work),
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                rested: Notify::new(),
            }),
        }
    }

    /// Puts a batch at the end of the line.
    ///
    /// # Errors
    /// What the work met with an earlier batch, once; [`Error::Stopping`] from then on.
    pub(crate) fn push(&self, batch: Arc<Batch>) -> Result<(), Error> {
        if let Some(work) = self.shared.take(batch)? {
            let held = Held {
                shared: Arc::clone(&self.shared),
                work: Some(work),
            };
            // Not under the lock: where no thread will ever run it, it is dropped at once, and says so under the lock.
            spawn_blocking(move || held.run());
        }
        Ok(())
    }

    /// Waits until all is taken, and returns the work.
    ///
    /// # Errors
    /// As [`Lane::push`].
    pub(crate) async fn end(self) -> Result<W, Error> {
        loop {
            // A permit is kept for whoever asks too late, so nothing is missed between looking and waiting.
            let rested = self.shared.rested.notified();
            {
                let mut state = self.shared.state();
                match std::mem::replace(&mut state.work, At::Failed(None)) {
                    At::Rest(work) => return Ok(work),
                    At::Failed(why) => return Err(why.unwrap_or(Error::Stopping)),
                    At::Thread => state.work = At::Thread,
                }
            }
            rested.await;
        }
    }
}

impl<W> Shared<W> {
    /// Puts a batch at the end of the line, and hands the work over where no thread has it.
    fn take(&self, batch: Arc<Batch>) -> Result<Option<W>, Error> {
        let mut state = self.state();
        match std::mem::replace(&mut state.work, At::Thread) {
            At::Failed(why) => {
                state.work = At::Failed(None);
                Err(why.unwrap_or(Error::Stopping))
            }
            At::Thread => {
                state.waiting.push_back(batch);
                Ok(None)
            }
            At::Rest(work) => {
                state.waiting.push_back(batch);
                Ok(Some(work))
            }
        }
    }

    /// Nothing panics while it holds the lock, and what is behind it is whole at every step.
    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rest(&self, work: At<W>, state: &mut State<W>) {
        state.work = work;
        self.rested.notify_one();
    }
}

/// The work while a thread has it. Should the thread panic, or never come to run, the lane has failed.
struct Held<W> {
    shared: Arc<Shared<W>>,
    work: Option<W>,
}

impl<W: Work> Held<W> {
    fn run(mut self) {
        while let Some(batch) = self.next() {
            let Some(work) = &mut self.work else { return };
            if let Err(error) = work.absorb(&batch.chunks) {
                // Gone before anybody hears of it: a draft is removed with it.
                self.work = None;
                self.fail(Some(error));
                return;
            }
        }
    }

    /// Returns the next batch, or lets go of the work where there is none.
    fn next(&mut self) -> Option<Arc<Batch>> {
        let mut state = self.shared.state();
        let next = state.waiting.pop_front();
        if next.is_none()
            && let Some(work) = self.work.take()
        {
            self.shared.rest(At::Rest(work), &mut state);
        }
        next
    }

    fn fail(&self, why: Option<Error>) {
        let mut state = self.shared.state();
        state.waiting.clear();
        self.shared.rest(At::Failed(why), &mut state);
    }
}

impl<W> Drop for Held<W> {
    fn drop(&mut self) {
        if self.work.take().is_some() {
            let mut state = self.shared.state();
            state.waiting.clear();
            self.shared.rest(At::Failed(None), &mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tokio::sync::Semaphore;

    use super::{Batch, Lane, Work};
    use crate::Error;

    struct Adds(Vec<u8>);

    impl Work for Adds {
        fn absorb(&mut self, chunks: &[Bytes]) -> Result<(), Error> {
            for chunk in chunks {
                match chunk.as_ref() {
                    b"!" => return Err(Error::BadPartNumber),
                    b"?" => panic!("asked to"),
                    bytes => self.0.extend_from_slice(bytes),
                }
            }
            Ok(())
        }
    }

    async fn batch(room: &Arc<Semaphore>, bytes: &'static [u8]) -> Arc<Batch> {
        let permit = Arc::clone(room).acquire_owned().await.expect("open");
        Arc::new(Batch {
            chunks: vec![Bytes::from_static(bytes)],
            _room: permit,
            _turn: None,
        })
    }

    #[tokio::test]
    async fn batches_are_taken_in_their_order_and_give_their_room_back() {
        let room = Arc::new(Semaphore::new(2));
        let (one, other) = (Lane::new(Adds(Vec::new())), Lane::new(Adds(Vec::new())));
        let mut expected = Vec::new();
        for bytes in [b"ab".as_slice(), b"c", b"def", b"g"].repeat(500) {
            let batch = batch(&room, bytes).await;
            one.push(Arc::clone(&batch)).expect("taken");
            other.push(batch).expect("taken");
            expected.extend_from_slice(bytes);
        }
        assert_eq!(one.end().await.expect("whole").0, expected);
        assert_eq!(other.end().await.expect("whole").0, expected);
        assert_eq!(room.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_failure_is_told_and_ends_the_lane() {
        let room = Arc::new(Semaphore::new(8));
        for (bytes, stops) in [(b"!".as_slice(), false), (b"?", true)] {
            let lane = Lane::new(Adds(Vec::new()));
            lane.push(batch(&room, b"a").await).expect("taken");
            lane.push(batch(&room, bytes).await).expect("taken");
            let told = match lane.push(batch(&room, b"b").await) {
                Ok(()) => lane.end().await.map(drop),
                told => told,
            };
            match told.expect_err("it failed") {
                Error::Stopping => assert!(stops),
                Error::BadPartNumber => assert!(!stops),
                other => panic!("{other}"),
            }
        }
        assert_eq!(room.available_permits(), 8);
    }
}
