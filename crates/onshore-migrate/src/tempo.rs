//! How much of a source is asked for at the same time: as much as it takes. A source that says that it is too much (503, SlowDown) gets
//! half as much from then on, never less than one request; and for as many answers as there are requests under way, one more.
//! That is how TCP shares a line: additive increase, multiplicative decrease.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many requests a job's source gets at the same time.
#[derive(Debug)]
pub(crate) struct Tempo {
    most: f64,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    limit: f64,
    under_way: u32,
    /// How often it was slowed down.
    slowings: u64,
}

/// A request's turn; it ends with the value.
#[derive(Debug)]
pub(crate) struct Turn<'t> {
    tempo: &'t Tempo,
    /// How often the source had been slowed down when it began.
    slowings: u64,
}

impl Tempo {
    pub(crate) fn new(most: u32) -> Self {
        let most = f64::from(most.max(1));
        Self {
            most,
            state: Mutex::new(State {
                limit: most,
                under_way: 0,
                slowings: 0,
            }),
            freed: Notify::new(),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        loop {
            if let Some(turn) = self.try_turn() {
                return turn;
            }
            self.freed.notified().await;
        }
    }

    fn try_turn(&self) -> Option<Turn<'_>> {
        let mut state = self.lock();
        if f64::from(state.under_way) + 1.0 > state.limit {
            return None;
        }
        state.under_way += 1;
        if f64::from(state.under_way) + 1.0 <= state.limit {
            // There is room for the next who waits too.
            self.freed.notify_one();
        }
        Some(Turn {
            tempo: self,
            slowings: state.slowings,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Ends the turn: the source had enough. What was asked before it was last slowed down complains of that once more and counts
    /// for nothing.
    pub(crate) fn complained(self) {
        let mut state = self.tempo.lock();
        if self.slowings == state.slowings {
            state.limit = (state.limit / 2.0).max(1.0);
            state.slowings += 1;
        }
    }

    /// Ends the turn: the source answered.
    pub(crate) fn answered(self) {
        let mut state = self.tempo.lock();
        state.limit = (state.limit + 1.0 / state.limit).min(self.tempo.most);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.tempo.lock().under_way -= 1;
        self.tempo.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Tempo;

    fn limit(tempo: &Tempo) -> f64 {
        tempo.lock().limit
    }

    #[tokio::test]
    async fn a_storm_halves_it_once_and_never_below_one_and_answers_bring_it_back() {
        let tempo = Tempo::new(8);
        let mut storm = Vec::new();
        for _ in 0..5 {
            storm.push(tempo.turn().await);
        }
        for turn in storm {
            turn.complained();
        }
        assert_eq!(limit(&tempo), 4.0);
        for _ in 0..20 {
            tempo.turn().await.complained();
        }
        assert_eq!(limit(&tempo), 1.0);
        // About as many answers as there are requests under way bring one more.
        let mut answers = 0;
        while limit(&tempo) < 8.0 {
            tempo.turn().await.answered();
            answers += 1;
        }
        assert!((20..40).contains(&answers), "{answers}");
        tempo.turn().await.answered();
        assert_eq!(limit(&tempo), 8.0);
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_it_takes_and_nobody_is_forgotten() {
        let tempo = Arc::new(Tempo::new(6));
        tempo.turn().await.complained();
        let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let (tempo, running, most) =
                (Arc::clone(&tempo), Arc::clone(&running), Arc::clone(&most));
            tasks.spawn(async move {
                let turn = tempo.turn().await;
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                drop(turn);
            });
        }
        tasks.join_all().await;
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }
}
