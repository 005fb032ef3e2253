//! A job that keeps up with its source: behind a listing that found nothing new it waits, and lists again, until somebody asks it to
//! finish. Then it ends as every job does.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::Error;
use crate::engine::glance;
use crate::job::Work;
use crate::phase::Phase;

/// Whether the job goes on after it has caught up.
pub(crate) async fn keeps_up(work: &Work) -> Result<bool, Error> {
    if work.options.watch_s.is_none() {
        return Ok(false);
    }
    Ok(!work.parts.registry.job(work.job.id).await?.is_finishing)
}

/// Returns the round from which on its last rounds are counted, where it stops keeping up in a phase.
pub(crate) fn round_of(work: &Work, phase: Phase) -> u32 {
    match phase {
        Phase::Listing(round) | Phase::Copying(round) | Phase::Watching(round)
            if work.options.watch_s.is_some() =>
        {
            round
        }
        _ => 0,
    }
}

/// Waits until the source is to be listed again, or somebody asks the job to finish.
pub(crate) async fn rest(work: &Work) -> Result<(), Error> {
    let Some(seconds) = work.options.watch_s else {
        return Ok(());
    };
    let mut is_time = pin!(sleep(Duration::from_secs(seconds.get().into())));
    let mut commits = work.parts.db.commits();
    loop {
        commits.mark_unchanged();
        if !keeps_up(work).await? {
            return Ok(());
        }
        tokio::select! {
            () = &mut is_time => return Ok(()),
            changed = glance(&mut commits) => if !changed {
                return Err(Error::Stopping);
            },
        }
    }
}

/// Lets what could not be brought before be tried again in the next round.
pub(crate) async fn retry(work: &Work) -> Result<(), Error> {
    let (registry, job) = (work.parts.registry.clone(), work.job.id);
    work.parts
        .db
        .write(move |unit| Ok(registry.retry_exceptions(unit, job)?))
        .await
}
