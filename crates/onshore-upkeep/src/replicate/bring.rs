//! Bringing one thing to another region: judged by its label of this moment and by the address that answers, then done.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use onshore_gate::{Lapsed, Outflow};
use onshore_policy::{Flow, Permit};
use onshore_sources::{
    Broken, Brought, Chunks, Replica, ReplicaChecksum, ReplicaLock, ReplicaOrigin, ReplicaPart,
};
use onshore_store::{
    BodyStream, Checksum, ChecksumAlgorithm, ChecksumKind, Encryption, LegalHold, ObjectHead,
    Replicating, ReplicationDeed, ReplicationEnd, RetentionMode, ToReplicate,
};
use onshore_types::{ByteRange, Timestamp};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{ReplicationEngine, Way};
use crate::operator::bringing;
use crate::{Error, Parts};

/// What leaves and permits call it.
const OPERATION: &str = "Replicate";
/// How often something is judged anew because its label changed, until the next round.
const JUDGED_MAX: usize = 3;
/// How long the region may take to answer, and how long a body may stand still.
const ANSWER_MAX: Duration = Duration::from_secs(300);
const STANDING_MAX: Duration = Duration::from_secs(60);
/// How many chunks of a body wait for the wire.
const CHUNKS_AHEAD: usize = 8;

/// What came of one attempt.
enum Attempt {
    End(ReplicationEnd),
    /// It became stricter while it was judged.
    Stricter(onshore_types::Label),
}

/// Why the bytes of a version did not come to their end here.
enum Cut {
    Lapsed(Lapsed),
    Store(onshore_store::Error),
}

/// The bytes of a version on their way out, cut into the parts it came in.
struct Body {
    stream: BodyStream,
    outflow: Outflow,
    /// What was read beyond the part before.
    rest: Bytes,
}

impl ReplicationEngine {
    /// Brings something to a region and notes how that ended. What cannot be at present is an error: it waits.
    pub(super) async fn bring(
        &self,
        name: &str,
        way: &Way,
        replicating: Replicating,
    ) -> Result<(), Error> {
        let end = self.end_of(way, &replicating).await?;
        let result = match end {
            ReplicationEnd::Done => "done",
            ReplicationEnd::Failed => "failed",
        };
        metrics::counter!("onshore_replication_total", "destination" => name.to_owned(), "result" => result)
            .increment(1);
        let (store, number) = (self.parts.store.clone(), replicating.number);
        self.parts
            .db
            .write(move |unit| {
                store
                    .settle_replication(unit, number, end)
                    .map_err(Error::from)
            })
            .await
    }

    async fn end_of(&self, way: &Way, replicating: &Replicating) -> Result<ReplicationEnd, Error> {
        let Some(mut found) = replicating.found.clone() else {
            return Ok(ReplicationEnd::Done);
        };
        for _ in 0..JUDGED_MAX {
            match self.attempt(way, replicating, &found).await {
                Ok(Attempt::End(end)) => return Ok(end),
                Ok(Attempt::Stricter(now)) => found.label = found.label.join(now),
                Err(error) => {
                    // One request that is signed wrongly may be the fault of what it carries: then others go through.
                    let is_its_own = matches!(
                        error,
                        Error::Region(onshore_sources::Error::Credentials { .. })
                    ) && super::answers(Some(way)).await;
                    return failed_or_waits(replicating, error, is_its_own);
                }
            }
        }
        Err(Error::Store(onshore_store::Error::LabelChanged {
            now: found.label,
        }))
    }

    async fn attempt(
        &self,
        way: &Way,
        replicating: &Replicating,
        found: &ToReplicate,
    ) -> Result<Attempt, Error> {
        let attempted = match replicating.deed {
            ReplicationDeed::Object => self.bring_version(way, replicating, found).await,
            ReplicationDeed::Marker => self.bring_marker(way, replicating, found).await,
            ReplicationDeed::Tags | ReplicationDeed::Hold | ReplicationDeed::Retention => {
                self.bring_change(way, replicating, found).await
            }
        };
        match attempted {
            Ok(()) => Ok(Attempt::End(ReplicationEnd::Done)),
            Err(Error::Store(onshore_store::Error::LabelChanged { now })) => {
                Ok(Attempt::Stricter(now))
            }
            // It is gone: there is nothing to bring any more.
            Err(Error::Store(
                onshore_store::Error::VersionGone | onshore_store::Error::NoSuchBucket,
            )) => Ok(Attempt::End(ReplicationEnd::Done)),
            Err(error) => Err(error),
        }
    }

    async fn permit(
        &self,
        way: &Way,
        flow: Flow,
        replicating: &Replicating,
        found: &ToReplicate,
    ) -> Result<Permit, Error> {
        let gate = &self.parts.gate;
        let to = gate.place_of_address(way.address);
        let len_bytes = match flow {
            Flow::Read => found.size_bytes,
            // What is told of it is paid for as its bytes are.
            Flow::Inspect if !gate.is_inside(to) => self.said_bytes(replicating).await?,
            Flow::Inspect | Flow::Store | Flow::List | Flow::Change => 0,
        };
        let transfer = bringing(gate, OPERATION, flow, replicating, found, len_bytes, to);
        Ok(gate.permit(transfer).await?)
    }

    /// Says how many bytes are said of a version; of a delete marker its name alone is.
    async fn said_bytes(&self, replicating: &Replicating) -> Result<u64, Error> {
        match replicating.deed {
            ReplicationDeed::Marker => {
                let name = replicating.key.as_str().len();
                Ok(u64::try_from(name).unwrap_or(u64::MAX))
            }
            ReplicationDeed::Object
            | ReplicationDeed::Tags
            | ReplicationDeed::Hold
            | ReplicationDeed::Retention => {
                let store = &self.parts.store;
                Ok(store
                    .said_bytes(replicating.bucket, replicating.version)
                    .await?)
            }
        }
    }

    async fn bring_version(
        &self,
        way: &Way,
        replicating: &Replicating,
        found: &ToReplicate,
    ) -> Result<(), Error> {
        let Parts { store, gate, .. } = &*self.parts;
        let permit = self.permit(way, Flow::Read, replicating, found).await?;
        let outflow = gate.watch(&permit);
        let (head, stream) = store
            .read(permit, ByteRange::whole(found.size_bytes))
            .await?;
        let replica = replica_of(replicating, &head, gate.now());
        let mut body = Body {
            stream,
            outflow,
            rest: Bytes::new(),
        };
        if !replica.parts.is_empty() {
            return bring_parts(way, &replica, &mut body).await;
        }
        let (chunks, on_the_way) = mpsc::channel(CHUNKS_AHEAD);
        let sending = way.door.put(&replica, on_the_way);
        carry(sending, body.send(replica.size_bytes, chunks)).await?;
        Ok(())
    }

    async fn bring_marker(
        &self,
        way: &Way,
        replicating: &Replicating,
        found: &ToReplicate,
    ) -> Result<(), Error> {
        let permit = self.permit(way, Flow::Inspect, replicating, found).await?;
        if !self.parts.store.confirm_replication(&permit, replicating)? {
            return Ok(());
        }
        let origin = origin_of(replicating, found.label);
        answered(way.door.hide(&origin)).await?;
        Ok(())
    }

    /// Brings what stands beside a version by now.
    async fn bring_change(
        &self,
        way: &Way,
        replicating: &Replicating,
        found: &ToReplicate,
    ) -> Result<(), Error> {
        let Parts { store, gate, .. } = &*self.parts;
        let permit = self.permit(way, Flow::Inspect, replicating, found).await?;
        let (judged, basis) = (permit.transfer().clone(), permit.basis());
        let head = store.head(permit).await?;
        // Tags that came between the judgement and the look are judged anew.
        let is_more =
            !gate.is_inside(judged.to) && head.said_bytes() > judged.subject.range.len_bytes;
        if is_more || !gate.is_counted(judged, basis).await? {
            return Err(Error::Store(onshore_store::Error::LabelChanged {
                now: head.label,
            }));
        }
        let origin = origin_of(replicating, head.label);
        let lock = lock_of(&head, gate.now());
        match replicating.deed {
            ReplicationDeed::Tags => answered(way.door.tag(&origin, &head.tags)).await,
            ReplicationDeed::Hold => match lock.hold {
                Some(hold) => answered(way.door.hold(&origin, hold)).await,
                None => Ok(()),
            },
            ReplicationDeed::Retention => match (head.lock.retention, lock.retention) {
                // It is over here, and there.
                (Some(_), None) => Ok(()),
                (_, retention) => answered(way.door.retain(&origin, retention)).await,
            },
            ReplicationDeed::Object | ReplicationDeed::Marker => Ok(()),
        }
    }
}

/// Brings a version in the parts it came in, so that it has the same `ETag` there.
async fn bring_parts(way: &Way, replica: &Replica, body: &mut Body) -> Result<(), Error> {
    let Some(upload) = answered(way.door.begin(replica)).await? else {
        return Ok(());
    };
    let done = bring_each_part(way, replica, &upload, body).await;
    if done.is_err() {
        // What cannot be given up now is left to the region's own lifecycle.
        let _or_left = answered(way.door.abort(replica, &upload)).await;
    }
    done
}

async fn bring_each_part(
    way: &Way,
    replica: &Replica,
    upload: &str,
    body: &mut Body,
) -> Result<(), Error> {
    let mut etags = Vec::with_capacity(replica.parts.len());
    for part in &replica.parts {
        let (chunks, on_the_way): (_, Chunks) = mpsc::channel(CHUNKS_AHEAD);
        let sending = way.door.put_part(replica, upload, part, on_the_way);
        etags.push(carry(sending, body.send(part.size_bytes, chunks)).await?);
    }
    match answered(way.door.complete(replica, upload, etags)).await? {
        Brought::Now => Ok(()),
        Brought::Before => {
            let _or_left = answered(way.door.abort(replica, upload)).await;
            Ok(())
        }
    }
}

/// Waits for an answer, not without end.
async fn answered<T>(
    asking: impl Future<Output = Result<T, onshore_sources::Error>>,
) -> Result<T, Error> {
    match timeout(ANSWER_MAX, asking).await {
        Ok(answer) => answer.map_err(Error::Region),
        Err(_) => Err(too_slow()),
    }
}

/// Sends a body and waits for the answer. As long as bytes move nobody hurries them.
async fn carry<T>(
    sending: impl Future<Output = Result<T, onshore_sources::Error>>,
    body: impl Future<Output = Result<(), Error>>,
) -> Result<T, Error> {
    tokio::pin!(sending, body);
    tokio::select! {
        // It does not want the rest.
        answer = &mut sending => answer.map_err(Error::Region),
        all = &mut body => {
            all?;
            answered(sending).await
        }
    }
}

fn too_slow() -> Error {
    Error::Region(onshore_sources::Error::Unavailable {
        what: "timeout".to_owned(),
    })
}

impl Body {
    /// Sends the next bytes, as many as are wanted. Who takes no more has answered already.
    async fn send(
        &mut self,
        len_bytes: u64,
        chunks: mpsc::Sender<Result<Bytes, Broken>>,
    ) -> Result<(), Error> {
        let mut left = len_bytes;
        while left > 0 {
            let mut chunk = match self.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(()),
                Err(cut) => {
                    let _or_gone = chunks.send(Err(Broken)).await;
                    return Err(match cut {
                        Cut::Lapsed(lapsed) => Error::Lapsed(lapsed),
                        Cut::Store(error) => Error::Store(error),
                    });
                }
            };
            if chunk.len() as u64 > left {
                let wanted = usize::try_from(left).unwrap_or(usize::MAX);
                self.rest = chunk.split_off(wanted.min(chunk.len()));
            }
            left -= chunk.len() as u64;
            self.outflow.sent(chunk.len() as u64);
            match timeout(STANDING_MAX, chunks.send(Ok(chunk))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(too_slow()),
            }
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Cut> {
        self.outflow.check().map_err(Cut::Lapsed)?;
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest)));
        }
        let chunk = self.stream.next().await.transpose().map_err(Cut::Store)?;
        // While it was read the approval may have gone.
        self.outflow.check().map_err(Cut::Lapsed)?;
        Ok(chunk)
    }
}

/// Says of an error whether what was to be brought has failed, or waits for a better time.
fn failed_or_waits(
    replicating: &Replicating,
    error: Error,
    is_its_own: bool,
) -> Result<ReplicationEnd, Error> {
    let has_failed = is_its_own
        || match &error {
            Error::Gate(onshore_gate::Error::Refused(_)) | Error::Lapsed(_) => true,
            Error::Store(error) => matches!(error, onshore_store::Error::Corrupt { .. }),
            Error::Region(error) => match error {
                onshore_sources::Error::Unavailable { .. }
                | onshore_sources::Error::Credentials { .. }
                | onshore_sources::Error::Elsewhere { .. }
                | onshore_sources::Error::Environment { .. } => false,
                onshore_sources::Error::Changed
                | onshore_sources::Error::Gone { .. }
                | onshore_sources::Error::Forbidden { .. }
                | onshore_sources::Error::Unsupported { .. }
                | onshore_sources::Error::Protocol { .. }
                | onshore_sources::Error::PrivateEndpoint { .. }
                | onshore_sources::Error::LedInside { .. }
                | onshore_sources::Error::OutsideRoots
                | onshore_sources::Error::Spec { .. } => true,
            },
            Error::Gate(_)
            | Error::Journal(_)
            | Error::Target(_)
            | Error::KeyTooLong
            | Error::Db(_) => false,
        };
    if !has_failed {
        return Err(error);
    }
    tracing::warn!(
        version = %replicating.version, target = %replicating.target, %error,
        "a version was not brought to another region"
    );
    Ok(ReplicationEnd::Failed)
}

fn origin_of(replicating: &Replicating, label: onshore_types::Label) -> ReplicaOrigin {
    ReplicaOrigin {
        bucket: replicating.target.clone(),
        key: replicating.key.clone(),
        version: replicating.version,
        label,
    }
}

fn replica_of(replicating: &Replicating, head: &ObjectHead, now: Timestamp) -> Replica {
    // S3 takes one checksum with a body, and one with each part: that of the whole, or beside the one that it computes by
    // itself the one that the client sent.
    let whole = head.checksums.first();
    let of_part = |checksums: &[Checksum]| {
        let is_wanted = |checksum: &&Checksum| match whole.map(|whole| whole.algorithm) {
            Some(ChecksumAlgorithm::Crc64Nvme) => {
                checksum.algorithm != ChecksumAlgorithm::Crc64Nvme
            }
            algorithm => algorithm == Some(checksum.algorithm),
        };
        let of_client = checksums.iter().find(is_wanted);
        let chosen = of_client.or_else(|| checksums.first());
        chosen.map(shown).into_iter().collect()
    };
    let content = &head.content;
    let content_type = content.content_type.clone();
    let content_type = content_type.unwrap_or_else(|| "binary/octet-stream".to_owned());
    let mut headers = vec![("content-type", content_type)];
    for (name, value) in [
        ("cache-control", &content.cache_control),
        ("content-disposition", &content.content_disposition),
        ("content-encoding", &content.content_encoding),
        ("content-language", &content.content_language),
        ("expires", &content.expires),
        ("x-amz-website-redirect-location", &content.website_redirect),
    ] {
        headers.extend(value.clone().map(|value| (name, value)));
    }
    let kms_key = match &head.encryption {
        Encryption::Service | Encryption::Customer { .. } => None,
        Encryption::Kms {
            key,
            context,
            bucket_key,
        } => {
            let context = context.clone();
            headers.extend(context.map(|text| ("x-amz-server-side-encryption-context", text)));
            if *bucket_key {
                let name = "x-amz-server-side-encryption-bucket-key-enabled";
                headers.push((name, "true".to_owned()));
            }
            Some(replicating.kms_key.clone().unwrap_or_else(|| key.clone()))
        }
    };
    Replica {
        origin: origin_of(replicating, head.label),
        size_bytes: head.size_bytes,
        etag: head.etag.clone(),
        headers,
        user_metadata: head.user_metadata.clone(),
        tags: head.tags.clone(),
        checksums: whole.map(shown).into_iter().collect(),
        parts: head
            .parts
            .iter()
            .map(|part| ReplicaPart {
                number: part.number,
                size_bytes: part.size_bytes,
                checksums: of_part(&part.checksums),
            })
            .collect(),
        lock: lock_of(head, now),
        kms_key,
    }
}

fn shown(checksum: &Checksum) -> ReplicaChecksum {
    ReplicaChecksum {
        algorithm: checksum.algorithm.as_str(),
        kind: match checksum.kind {
            ChecksumKind::FullObject => "FULL_OBJECT",
            ChecksumKind::Composite => "COMPOSITE",
        },
        value: STANDARD.encode(&checksum.value),
    }
}

fn lock_of(head: &ObjectHead, now: Timestamp) -> ReplicaLock {
    let retention = head
        .lock
        .retention
        .filter(|retention| retention.until > now);
    ReplicaLock {
        hold: head.lock.hold.map(|hold| match hold {
            LegalHold::On => "ON",
            LegalHold::Off => "OFF",
        }),
        retention: retention.map(|retention| {
            let mode = match retention.mode {
                RetentionMode::Governance => "GOVERNANCE",
                RetentionMode::Compliance => "COMPLIANCE",
            };
            (mode, retention.until)
        }),
    }
}
