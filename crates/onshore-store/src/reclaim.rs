//! Removes files that belong to no row: of bodies that were staged and never committed, of versions that were replaced
//! or removed. What was done is asked of the database, in a unit of work that runs after the one in question, and
//! nothing is unlinked before that unit is durable. What a crash leaves behind is swept at the next start.
//!
//! A version that somebody is reading keeps its files until the last reader is done.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use onshore_db::{Database, View, params};
use tokio::sync::oneshot;

use crate::Error;
use crate::files::Files;
use crate::frame::BodyId;

/// A version or an upload: whose files they are.
pub(crate) type Owner = [u8; 16];

/// The way to the thread that removes files. Clones share it; it ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Reclaimer {
    queue: Sender<Message>,
    pins: Pins,
}

#[derive(Debug)]
enum Message {
    /// These may belong to nobody any more.
    Doubt(Doubt),
    /// A reader is done.
    Unpinned,
    /// Tell when everything before this is settled.
    Drain(oneshot::Sender<()>),
}

#[derive(Debug, Clone)]
struct Doubt {
    /// Whose they were when their rows were removed; none for those of a staged body.
    owner: Option<Owner>,
    bodies: Vec<BodyId>,
}

type Pins = Arc<Mutex<Readers>>;

#[derive(Debug, Default)]
struct Readers {
    counts: HashMap<Owner, usize>,
    /// Whether files wait for readers to be done.
    waited_for: bool,
}

/// Keeps a version's files while somebody reads them.
#[derive(Debug)]
pub(crate) struct Pin {
    owner: Owner,
    reclaimer: Reclaimer,
}

impl Reclaimer {
    /// Removes what earlier runs left, and starts the thread.
    pub(crate) fn start(db: Database, files: Files) -> Result<Self, Error> {
        sweep(&db, &files)?;
        let (queue, messages) = channel();
        let pins = Pins::default();
        let worker = Worker {
            db,
            files,
            pins: Arc::clone(&pins),
        };
        std::thread::Builder::new()
            .name("onshore-reclaim".to_owned())
            .spawn(move || worker.run(&messages))
            .map_err(Error::Files)?;
        Ok(Self { queue, pins })
    }

    /// Says that the rows of these files are removed in the unit that runs at present.
    pub(crate) fn doubt(&self, owner: Owner, bodies: Vec<BodyId>) {
        if !bodies.is_empty() {
            self.send(Message::Doubt(Doubt {
                owner: Some(owner),
                bodies,
            }));
        }
    }

    /// Says that nobody holds this staged body any more, whether it was committed or not.
    pub(crate) fn doubt_staged(&self, body: BodyId) {
        self.send(Message::Doubt(Doubt {
            owner: None,
            bodies: vec![body],
        }));
    }

    /// Keeps the files of a version until the pin is dropped. Taken before the version is looked up: what the look
    /// finds is then there to be read.
    pub(crate) fn pin(&self, owner: Owner) -> Pin {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        *pins.counts.entry(owner).or_default() += 1;
        Pin {
            owner,
            reclaimer: self.clone(),
        }
    }

    /// Returns when everything that was in doubt is settled.
    pub(crate) async fn drain(&self) {
        let (done, settled) = oneshot::channel();
        self.send(Message::Drain(done));
        drop(settled.await);
    }

    fn send(&self, message: Message) {
        // The thread outlives every sender unless it panicked; then the next start sweeps.
        drop(self.queue.send(message));
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self
            .reclaimer
            .pins
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let readers = pins.counts.get(&self.owner).copied().unwrap_or_default();
        if readers > 1 {
            pins.counts.insert(self.owner, readers - 1);
            return;
        }
        pins.counts.remove(&self.owner);
        if pins.waited_for {
            self.reclaimer.send(Message::Unpinned);
        }
    }
}

struct Worker {
    db: Database,
    files: Files,
    pins: Pins,
}

impl Worker {
    fn run(self, messages: &Receiver<Message>) {
        let mut inbox = Vec::new();
        let mut doubts: Vec<Doubt> = Vec::new();
        let mut orphaned: Vec<Doubt> = Vec::new();
        loop {
            if inbox.is_empty() {
                match messages.recv() {
                    Ok(message) => inbox.push(message),
                    Err(_) => return,
                }
            }
            inbox.extend(messages.try_iter());
            let mut drains = Vec::new();
            for message in inbox.drain(..) {
                match message {
                    Message::Doubt(doubt) => doubts.push(doubt),
                    Message::Drain(done) => drains.push(done),
                    Message::Unpinned => {}
                }
            }
            orphaned.extend(self.settle(&mut doubts));
            // What was removed before the question was answered has been said by now.
            inbox.extend(messages.try_iter());
            leave_to_removals(&mut orphaned, &inbox);
            self.remove_unpinned(&mut orphaned);
            for done in drains {
                // Whoever asked may have stopped waiting.
                let _: Result<(), ()> = done.send(());
            }
        }
    }

    /// Takes out of doubt what can be known, and returns what belongs to nobody, durably.
    fn settle(&self, doubts: &mut Vec<Doubt>) -> Vec<Doubt> {
        if doubts.is_empty() {
            return Vec::new();
        }
        let asked = doubts.clone();
        let answer = self.db.write_blocking(move |unit| {
            asked
                .into_iter()
                .map(|doubt| {
                    Ok(Doubt {
                        owner: doubt.owner,
                        bodies: orphans(unit, doubt.bodies)?,
                    })
                })
                .collect::<Result<Vec<_>, Error>>()
        });
        match answer {
            Ok(orphaned) => {
                doubts.clear();
                orphaned
            }
            Err(Error::Database(error)) if error.kind() == onshore_db::ErrorKind::StorageFull => {
                // The answer was part of a transaction that came to nothing: ask again next time.
                Vec::new()
            }
            Err(error) => {
                tracing::warn!(%error, "files may stay behind until the next start");
                doubts.clear();
                Vec::new()
            }
        }
    }

    /// Removes files nobody reads. Whoever pinned their owner after the rows were gone has found nothing to read.
    fn remove_unpinned(&self, orphaned: &mut Vec<Doubt>) {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let (pinned, free): (Vec<_>, Vec<_>) = orphaned.drain(..).partition(|doubt| {
            doubt
                .owner
                .is_some_and(|owner| pins.counts.contains_key(&owner))
        });
        pins.waited_for = !pinned.is_empty();
        drop(pins);
        *orphaned = pinned;
        for body in free.into_iter().flat_map(|doubt| doubt.bodies) {
            self.files.remove(body);
        }
    }
}

/// Takes out of the staged bodies that belong to nobody those that were committed and removed since: they may have
/// readers, and whoever removed them has said whose.
fn leave_to_removals(orphaned: &mut [Doubt], inbox: &[Message]) {
    let coming = inbox.iter().filter_map(|message| match message {
        Message::Doubt(doubt) => Some(doubt),
        Message::Drain(_) | Message::Unpinned => None,
    });
    let removed: HashSet<BodyId> = orphaned
        .iter()
        .chain(coming)
        .filter(|doubt| doubt.owner.is_some())
        .flat_map(|doubt| doubt.bodies.iter().copied())
        .collect();
    for doubt in orphaned.iter_mut().filter(|doubt| doubt.owner.is_none()) {
        doubt.bodies.retain(|body| !removed.contains(body));
    }
}

/// Removes every whole file that belongs to no row.
fn sweep(db: &Database, files: &Files) -> Result<(), Error> {
    let mut removed = 0_usize;
    files.each_shard(|bodies| {
        let orphans = db.read_blocking(|view| orphans(view, bodies))?;
        removed += orphans.len();
        for body in orphans {
            files.remove(body);
        }
        Ok(())
    })?;
    if removed > 0 {
        tracing::info!(
            removed,
            "removed files of writes that were never acknowledged"
        );
    }
    Ok(())
}

pub(crate) fn orphans(
    view: &View<'_>,
    bodies: impl IntoIterator<Item = BodyId>,
) -> Result<Vec<BodyId>, Error> {
    let mut orphans = Vec::new();
    for body in bodies {
        let row = view.one(
            "SELECT 1 FROM bodies WHERE body = ?1 AND sealed IS NULL",
            params![body.0],
            |_| Ok(()),
        )?;
        if row.is_none() {
            orphans.push(body);
        }
    }
    Ok(orphans)
}
