//! The destination's side of a verification: what is stored is read back, as any tenant would read it inside the
//! region, and compared with what was hashed on the way in.

use futures_util::TryStreamExt;
use onshore_policy::{Flow, Subject, Transfer};
use onshore_registry::{EntryOutcome, EntryState, JobEntry};
use onshore_store::ErrorKind;
use onshore_types::{ByteRange, ObjectKey, VersionId};
use ring::digest::{Context, SHA256};

use crate::Error;
use crate::job::Work;
use crate::outcome::Exception;

/// How often an object whose label is tightened meanwhile is described anew.
const LOOKS_MAX: u32 = 3;

/// What reading back found.
enum Found {
    Same,
    Exception(Exception),
}

/// Reads back what this job stored and saves what became of the object.
pub(crate) async fn read_back(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
    version: VersionId,
    stored: EntryOutcome,
) -> Result<(), Error> {
    let outcome = match compare(work, key, version, stored.sha256).await? {
        Found::Same => EntryOutcome {
            state: EntryState::Copied,
            ..stored
        },
        Found::Exception(exception) => exception.outcome(),
    };
    work.save(entry.listed.id(), outcome).await
}

async fn compare(
    work: &Work,
    key: &ObjectKey,
    version: VersionId,
    expected: Option<[u8; 32]>,
) -> Result<Found, Error> {
    for _ in 0..LOOKS_MAX {
        match hash(work, key, version).await {
            Ok(Some(found)) if Some(found) == expected => return Ok(Found::Same),
            Ok(Some(_)) => {
                return Ok(Found::Exception(Exception::new(
                    "destination-differs",
                    "what is read back is not what was stored: check the disk",
                )));
            }
            Ok(None) => return Ok(replaced()),
            Err(Error::Store(error)) => match error.kind() {
                ErrorKind::Conflict => {}
                ErrorKind::Corrupt => {
                    return Ok(Found::Exception(Exception::new(
                        "destination-damaged",
                        "what is stored is damaged on disk: check the disk",
                    )));
                }
                _ => return Err(Error::Store(error)),
            },
            Err(other) => return Err(other),
        }
    }
    Ok(replaced())
}

fn replaced() -> Found {
    Found::Exception(Exception::new(
        "replaced",
        "somebody replaced or removed the object at the destination before it was verified",
    ))
}

/// Returns the SHA-256 of the version; none when the key has another version by now.
async fn hash(work: &Work, key: &ObjectKey, version: VersionId) -> Result<Option<[u8; 32]>, Error> {
    let Some(found) = work.find(key, Some(version)).await? else {
        return Ok(None);
    };
    let range = ByteRange::whole(found.size_bytes);
    let home = work.parts.gate.home();
    let permit = work
        .parts
        .gate
        .permit(Transfer {
            principal: work.principal,
            operation: "Migrate",
            flow: Flow::Read,
            subject: Subject {
                bucket: Some(work.bucket.id),
                owner: Some(work.bucket.tenant),
                key: Some(key.clone()),
                version: Some(version),
                label: found.label,
                range,
            },
            from: home,
            to: home,
        })
        .await?;
    let outflow = work.parts.gate.watch(&permit);
    let (_, mut body) = work.parts.store.read(permit, range).await?;
    let mut hash = Context::new(&SHA256);
    while let Some(chunk) = body.try_next().await? {
        outflow.sent(chunk.len() as u64);
        hash.update(&chunk);
    }
    Ok(hash.finish().as_ref().try_into().ok())
}
