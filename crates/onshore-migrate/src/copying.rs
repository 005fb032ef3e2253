//! Brings what was listed: plans it page by page, hands each key to the server's own hands or to a worker that asks, and ends when all
//! is done.

use std::sync::Arc;

use onshore_orders::Load;
use onshore_registry::{EntryKind, JobEntry};
use onshore_sources::Coverage;
use onshore_types::{ObjectKey, VersionId};
use tokio::task::JoinSet;

use crate::job::Work;
use crate::leases::{Group, Hands, Share};
use crate::options::Readers;
use crate::outcome::Exception;
use crate::plan::{Step, plan};
use crate::pool::{Planned, Pool};
use crate::{Error, large, marker, object, read_back};

/// How many objects of a job are under way at the same time. With what each of them holds (two megabytes of batches in
/// the store, and what the connection buffers) a job stays below 64 MiB.
pub(crate) const OBJECTS_AT_ONCE: usize = 8;

/// How many entries are planned at once.
const PLANNED_AT_ONCE: u32 = 256;

/// How many keys are planned ahead, so that workers find something.
const AHEAD: usize = 512;

/// Brings everything that waits, several keys at a time; the versions of a key come one after the other, the oldest first.
pub(crate) async fn copy(work: &Arc<Work>) -> Result<(), Error> {
    let pool = Arc::new(Pool::default());
    let open = work.desk.as_ref().map(|desk| desk.open(work, &pool));
    let share = match (work.options.readers, open.is_some()) {
        (Readers::Workers, true) => Share::ServersOwn,
        (Readers::Workers, false) | (Readers::All, _) => Share::Everything,
    };
    let mut under_way: JoinSet<Result<(), Error>> = JoinSet::new();
    let mut plans = Plans::default();
    work.meter.begin(work.parts.gate.now());
    loop {
        while pool.waiting() < AHEAD && plans.go_on(under_way.is_empty() && pool.is_idle()) {
            for group in plans.next(work).await? {
                pool.push(group);
            }
        }
        while under_way.len() < OBJECTS_AT_ONCE
            && let Some(group) = pool.take_own(share)
        {
            let work = Arc::clone(work);
            under_way.spawn(async move { bring_group(&work, group.items).await });
        }
        if under_way.is_empty() && plans.is_through && pool.is_idle() {
            break;
        }
        tokio::select! {
            Some(done) = under_way.join_next() => done.map_err(|_| Error::Stopping)??,
            failed = pool.changed(&work.parts.gate) => failed?,
        }
        work.meter.save_when_due(&work.parts).await?;
    }
    work.meter.save_rest(&work.parts).await
}

/// What of a job was planned.
#[derive(Debug, Default)]
struct Plans {
    /// The key that the next page begins with.
    from: String,
    /// Whether there are no more pages.
    is_through: bool,
    /// Whether the next page tells of the same key, and what was planned of it must be done before.
    must_rest: bool,
}

impl Plans {
    /// Whether the next page can be planned.
    fn go_on(&self, is_all_done: bool) -> bool {
        !self.is_through && (!self.must_rest || is_all_done)
    }

    /// Plans the next page.
    async fn next(&mut self, work: &Arc<Work>) -> Result<Vec<Group<Planned>>, Error> {
        let mut page = work
            .parts
            .registry
            .waiting_entries(work.job.id, self.from.clone(), PLANNED_AT_ONCE)
            .await?;
        let Some(last) = page.last() else {
            self.is_through = true;
            return Ok(Vec::new());
        };
        let last = last.listed.key.clone();
        let is_full = u32::try_from(page.len()) == Ok(PLANNED_AT_ONCE);
        let is_one_key = page.first().is_some_and(|first| first.listed.key == last);
        // The last key of a full page may have more versions than the page holds: it comes with the next page, or by itself.
        if is_full && !is_one_key && work.coverage == Coverage::Versions {
            page.retain(|entry| entry.listed.key != last);
            self.from = last;
        } else if is_full && is_one_key && work.coverage == Coverage::Versions {
            self.from = last;
        } else {
            // The least key behind another is that with a zero byte.
            self.from = last + "\0";
        }
        self.must_rest = is_full && is_one_key;
        Ok(plan_page(work, page)
            .await?
            .into_iter()
            .map(group)
            .collect())
    }
}

/// Says who may bring the versions of a key: a worker brings bytes of objects, and nothing else.
fn group(items: Vec<Planned>) -> Group<Planned> {
    let is_for_any = |(entry, step): &Planned| {
        entry.listed.kind == EntryKind::Object
            && matches!(step, Step::Copy(_))
            && ObjectKey::parse(entry.listed.key.as_str()).is_ok()
    };
    let hands = if items.iter().all(is_for_any) {
        Hands::Any
    } else {
        Hands::Server
    };
    let sizes = items.iter().map(|(entry, _)| entry.listed.size_bytes);
    Group {
        size_bytes: sizes.fold(0, u64::saturating_add),
        items,
        hands,
    }
}

/// Brings the versions of one key.
async fn bring_group(work: &Work, group: Vec<Planned>) -> Result<(), Error> {
    let Some((first, _)) = group.first() else {
        return Ok(());
    };
    let _alone = match work.take_key(&first.listed.key).await {
        Ok(lock) => lock,
        Err(Error::ChangedHere(changed)) => {
            let outcome = changed.exception().outcome();
            for (entry, _) in &group {
                work.save(entry.listed.id(), outcome.clone()).await?;
            }
            return Ok(());
        }
        Err(other) => return Err(other),
    };
    for (entry, step) in group {
        // Whoever pulled it meanwhile has brought it.
        if work.precedence_is_here() && work.is_done(&entry).await? {
            continue;
        }
        carry_out(work, &entry, step).await?;
    }
    Ok(())
}

/// Plans a page, saves what can be kept as it is, and returns what is to be done, key by key.
async fn plan_page(work: &Arc<Work>, page: Vec<JobEntry>) -> Result<Vec<Vec<Planned>>, Error> {
    let (registry, job, fingerprint) = (
        work.parts.registry.clone(),
        work.job.id,
        work.job.fingerprint,
    );
    let known = work
        .parts
        .db
        .read(move |view| {
            page.into_iter()
                .map(|entry| {
                    let known = registry.known_copy(view, &fingerprint, job, &entry.listed.id())?;
                    Ok((entry, known))
                })
                .collect::<Result<Vec<_>, Error>>()
        })
        .await?;
    let (mut kept, mut groups) = (Vec::new(), Vec::<Vec<Planned>>::new());
    for (entry, known) in known {
        let current = current(work, &entry, known.as_ref()).await?;
        match plan(&entry, known.as_ref(), current, work.job.label) {
            Step::Keep(outcome) => kept.push((entry.listed.id(), outcome)),
            step => match groups.last_mut() {
                Some(group) if is_of_key(group, &entry) => group.push((entry, step)),
                _ => groups.push(vec![(entry, step)]),
            },
        }
    }
    if !kept.is_empty() {
        let registry = work.parts.registry.clone();
        work.parts
            .db
            .write(move |unit| {
                for (id, outcome) in &kept {
                    registry.save_outcome(unit, job, id, outcome)?;
                }
                Ok::<_, Error>(())
            })
            .await?;
    }
    Ok(groups)
}

fn is_of_key(group: &[Planned], entry: &JobEntry) -> bool {
    group
        .first()
        .is_some_and(|(first, _)| first.listed.key == entry.listed.key)
}

/// Returns what the destination has of an entry: the current version of its key, or, where versions are brought, the one that
/// was made of this version, if it is still there.
async fn current(
    work: &Work,
    entry: &JobEntry,
    known: Option<&JobEntry>,
) -> Result<Option<VersionId>, Error> {
    let Ok(key) = ObjectKey::parse(entry.listed.key.as_str()) else {
        return Ok(None);
    };
    let made = entry
        .outcome
        .destination
        .or(known.and_then(|known| known.outcome.destination));
    let found = match (work.coverage, made) {
        (Coverage::Current, _) => work.find(&key, None).await?,
        (Coverage::Versions, None) => None,
        (Coverage::Versions, made @ Some(_)) => work.find(&key, made).await?,
    };
    Ok(found.map(|description| description.version))
}

async fn carry_out(work: &Work, entry: &JobEntry, step: Step) -> Result<(), Error> {
    match (step, ObjectKey::parse(entry.listed.key.as_str())) {
        (Step::ReadBack(version), Ok(key)) => {
            read_back::read_back(work, &key, entry, version, entry.outcome.clone()).await
        }
        (Step::Keep(outcome), _) => work.save(entry.listed.id(), outcome).await,
        (Step::Copy(_) | Step::ReadBack(_), _) => {
            if work.is_overtaken(entry).await? {
                return work.save(entry.listed.id(), overtaken().outcome()).await;
            }
            let since = work.parts.gate.now();
            match entry.listed.kind {
                EntryKind::Marker => marker::bring(work, entry).await?,
                EntryKind::Object | EntryKind::Gap => object::bring(work, entry).await?,
            }
            let size_bytes = entry.listed.size_bytes;
            if size_bytes < large::BYTES_MIN {
                let load = Load {
                    objects: 1,
                    bytes: size_bytes,
                };
                work.meter
                    .brought(size_bytes, load, (since, work.parts.gate.now()));
            }
            Ok(())
        }
    }
}

pub(crate) fn overtaken() -> Exception {
    Exception::new(
        "out-of-order",
        "newer versions of the key were brought before this one could be, and it would hide them: to have it in its place, \
         remove the key's versions here, or migrate into another bucket",
    )
}
