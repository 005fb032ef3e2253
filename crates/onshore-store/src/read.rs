//! Reading: opens a version for one permit and streams the range it names. Every frame is checked against its CRC32C
//! and opened with its seal before a byte of it goes out; what does not hold is an error, never other bytes.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use onshore_db::{View, params};
use onshore_keys::Secret;
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, ByteRange, ObjectKey, VersionId};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::bucket::Bucket;
use crate::commit::permitted_bucket;
use crate::customer_key::CustomerKey;
use crate::facts::{Body, Facts, Held, Place, Sealed, damaged};
use crate::files::{self, Files};
use crate::frame::{Cipher, frame_of, last_frame, position, stored_len, stored_offset};
use crate::kms_keys::Named;
use crate::lock::{self, Lock};
use crate::object::{ContentHeaders, ObjectHead, Tags};
use crate::reclaim;
use crate::replication::ReplicationState;
use crate::said::{CLASS_TAG, Said};
use crate::tenant_keys::TenantKey;
use crate::version::{self, Kind, Naming, VersionWish};
use crate::{Error, Store, columns, permits};

/// How many frames one trip to a blocking thread reads: long enough to make the trip cheap, short enough that a
/// stream that is stopped has not read far ahead.
const FRAMES_PER_TRIP: u64 = 16;
/// The first trip is short: the client waits for it.
const FRAMES_FIRST_TRIP: u64 = 4;

/// The record that a leaf of the ledger commits to, and the salt of the commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The record.
    pub record: serde_json::Value,
    /// The salt.
    pub salt: [u8; 32],
}

/// The bytes of a range, in chunks of at most 64 KiB.
#[must_use = "a body is read by polling it"]
pub struct BodyStream {
    ready: VecDeque<Bytes>,
    ahead: Ahead,
}

enum Ahead {
    Reading(JoinHandle<Trip>),
    Done,
}

/// A reader that comes back with what it read.
type Trip = (Reader, Result<Vec<Bytes>, Error>);

/// A version, opened.
pub(crate) struct Opened {
    pub(crate) facts: Facts,
    pub(crate) data_keys: Vec<Secret>,
    tags: Tags,
    pub(crate) bucket: Bucket,
    held: Held,
}

impl Store {
    /// Opens the version the permit names and streams exactly the range it names. The first bytes are read and checked
    /// before this returns.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`]; [`Error::VersionGone`]; [`Error::LabelChanged`]; [`Error::CustomerKeyMissing`],
    /// [`Error::CustomerKeyWrong`], [`Error::CustomerKeyUnexpected`]; [`Error::Corrupt`], also from the stream.
    pub async fn read(
        &self,
        permit: Permit,
        range: ByteRange,
    ) -> Result<(ObjectHead, BodyStream), Error> {
        self.read_with(permit, range, None).await
    }

    /// Does as [`Store::read`], with the key that the client keeps.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_with(
        &self,
        permit: Permit,
        range: ByteRange,
        customer: Option<CustomerKey>,
    ) -> Result<(ObjectHead, BodyStream), Error> {
        permits::flow(&permit, &[Flow::Read])?;
        permits::range(&permit, range)?;
        let version = permits::version(&permit)?;
        let pin = self.inner.reclaimer.pin(*version.as_bytes());
        let key = self.tenant_key(permits::bucket(&permit)?).await?;
        let (head, pieces) = self.inner.db.glance(|view| {
            let opened = open(view, &permit, &key)?;
            let encryption = &opened.facts.encryption;
            encryption.check(customer.as_ref())?;
            let named = match self
                .inner
                .kms_keys
                .usable(view, opened.bucket.tenant, encryption)
            {
                // It was there when this was written, and keys are never removed.
                Err(Error::NoSuchKmsKey) => {
                    return Err(damaged(version, "the key that it names is missing"));
                }
                named => named?,
            };
            let outer = Outer {
                customer: customer.as_ref(),
                named: named.as_ref(),
            };
            let pieces = pieces(view, version, &opened, range, outer)?;
            Ok::<_, Error>((opened.into_head(version), pieces))
        })?;
        let reader = Reader {
            files: self.inner.files.clone(),
            version,
            pieces,
            open: None,
            _pin: pin,
        };
        Ok((head, reader.start().await?))
    }

    /// Tells what is known of the version the permit names, besides its bytes.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`]; [`Error::VersionGone`]; [`Error::LabelChanged`]; [`Error::Corrupt`].
    pub async fn head(&self, permit: Permit) -> Result<ObjectHead, Error> {
        let version = permits::version(&permit)?;
        let opened = self.open_permitted(permit).await?;
        Ok(opened.into_head(version))
    }

    /// Says how many bytes are said of a version, as [`ObjectHead::said_bytes`] does, before it is judged whether they may go
    /// anywhere.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::VersionGone`]; [`Error::Corrupt`].
    pub async fn said_bytes(&self, bucket: BucketId, version: VersionId) -> Result<u64, Error> {
        let said = |facts: &Facts, tags: &Tags| Said::of_version(facts, tags).len_bytes();
        self.tell_of(bucket, version, said).await
    }

    /// Whether a read of a version tells of it besides its bytes: by metadata of a user, or headers that say more than what
    /// kind of content it is. A class says nothing that its label does not.
    ///
    /// # Errors
    /// As [`Store::said_bytes`].
    pub async fn tells_beside(&self, bucket: BucketId, version: VersionId) -> Result<bool, Error> {
        let beside = |facts: &Facts, _: &Tags| {
            let plain = ContentHeaders {
                content_type: facts.content.content_type.clone(),
                ..ContentHeaders::default()
            };
            facts.content != plain || facts.user_metadata.keys().any(|name| name != CLASS_TAG)
        };
        self.tell_of(bucket, version, beside).await
    }

    async fn tell_of<T>(
        &self,
        bucket: BucketId,
        version: VersionId,
        tell: impl FnOnce(&Facts, &Tags) -> T,
    ) -> Result<T, Error> {
        let key = self.tenant_key(bucket).await?;
        self.inner.db.glance(|view| {
            let (sealed, _) = sealed_of(view, version)?;
            let owner_key = key.for_owner(version.as_bytes())?;
            let (facts, _, tags) = Facts::open(version, bucket, &owner_key, &sealed)?;
            Ok(tell(&facts, &tags))
        })
    }

    /// Returns the record and salt that open the ledger's commitment to the version the permit names.
    ///
    /// # Errors
    /// As [`Store::head`].
    pub async fn disclose(&self, permit: Permit) -> Result<Disclosure, Error> {
        let version = permits::version(&permit)?;
        let opened = self.open_permitted(permit).await?;
        Ok(Disclosure {
            record: opened.facts.record(version),
            salt: opened.facts.salt.0,
        })
    }

    async fn open_permitted(&self, permit: Permit) -> Result<Opened, Error> {
        permits::flow(&permit, &[Flow::Inspect, Flow::Read])?;
        let key = self.tenant_key(permits::bucket(&permit)?).await?;
        self.inner.db.glance(|view| open(view, &permit, &key))
    }
}

impl Opened {
    fn into_head(self, version: VersionId) -> ObjectHead {
        self.facts
            .head(version, &self.bucket, &self.held, self.tags)
    }
}

/// Opens the version a permit names and compares it with what was judged.
pub(crate) fn open(view: &View<'_>, permit: &Permit, key: &TenantKey) -> Result<Opened, Error> {
    let version = permits::version(permit)?;
    // From the very state that the rest is read from: what was judged is compared with it.
    let bucket = permitted_bucket(view, permit)?;
    let (sealed, beside) = sealed_of(view, version)?;
    let owner_key = key.for_owner(version.as_bytes())?;
    let (facts, data_keys, tags) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
    let naming = same_object(view, &bucket, permits::key(permit)?, &facts, version)?;
    permits::label(permit, bucket.effective(facts.label_now()))?;
    Ok(Opened {
        facts,
        data_keys,
        tags,
        bucket,
        held: Held {
            naming,
            lock: beside.lock,
            replication: beside.replication,
        },
    })
}

/// What stands beside what is sealed of a version, and may change.
pub(crate) struct Beside {
    pub(crate) lock: Lock,
    pub(crate) replication: Option<ReplicationState>,
}

/// Returns what is sealed of a version, and what stands beside it.
pub(crate) fn sealed_of(view: &View<'_>, version: VersionId) -> Result<(Sealed, Beside), Error> {
    view.one(
        "SELECT facts, wrapped, tags, hold, retain_mode, retain_until, replication FROM versions WHERE id = ?1",
        params![version.as_bytes()],
        |row| {
            let sealed = Sealed {
                facts: row.get(0)?,
                wrapped: row.get(1)?,
                tags: row.get(2)?,
            };
            let beside = Beside {
                lock: lock::from_row(row, 3)?,
                replication: ReplicationState::of_row(row, 6)?,
            };
            Ok((sealed, beside))
        },
    )?
    .ok_or(Error::VersionGone)
}

/// Compares the row that the transfer was judged by with the sealed facts: the row alone proves nothing.
fn same_object(
    view: &View<'_>,
    bucket: &Bucket,
    judged: &ObjectKey,
    facts: &Facts,
    version: VersionId,
) -> Result<Naming, Error> {
    if facts.key != *judged {
        return Err(Error::PermitMismatch("key"));
    }
    let row = version::find(view, bucket, judged, VersionWish::Id(version))?
        .filter(|row| row.kind == Kind::Object)
        .ok_or(Error::VersionGone)?;
    if row.size_bytes == facts.size_bytes
        && row.label == facts.label_now()
        && row.etag == facts.etag
    {
        Ok(row.naming)
    } else {
        Err(damaged(version, "its row differs from its facts"))
    }
}

/// The keys outside of the house's own that data keys are wrapped under.
#[derive(Clone, Copy)]
struct Outer<'a> {
    /// The one that a client keeps.
    customer: Option<&'a CustomerKey>,
    /// The one that the tenant names.
    named: Option<&'a Named>,
}

/// A run of frames of one body that a range needs.
struct Piece {
    cipher: Cipher,
    body: Body,
    /// The bytes wanted, counted from the start of the body.
    start: u64,
    end: u64,
    next_frame: u64,
    last_wanted: u64,
    /// What a small body is sealed as.
    inline: Option<Vec<u8>>,
}

fn pieces(
    view: &View<'_>,
    version: VersionId,
    opened: &Opened,
    range: ByteRange,
    outer: Outer<'_>,
) -> Result<VecDeque<Piece>, Error> {
    let size_bytes = opened.facts.size_bytes;
    if range.end() > size_bytes || (range.len_bytes == 0 && size_bytes != 0) {
        return Err(Error::BadRange);
    }
    let mut pieces = VecDeque::new();
    let mut offset = 0_u64;
    for (body, secret) in opened.facts.bodies.iter().zip(&opened.data_keys) {
        let (from, until) = (offset, offset.saturating_add(body.size_bytes));
        offset = until;
        // The one frame of an empty object is opened too: that it is empty must hold as well.
        let wanted = (from < range.end() && until > range.start) || size_bytes == 0;
        if !wanted {
            continue;
        }
        let start = range.start.max(from) - from;
        let end = range.end().min(until) - from;
        let secret =
            opened
                .facts
                .encryption
                .data_key(body.id, secret, outer.customer, outer.named)?;
        pieces.push_back(Piece {
            cipher: Cipher::new(secret, body.id, body.part)
                .map_err(|_| damaged(version, "a data key has another length"))?,
            start,
            end,
            next_frame: frame_of(start),
            last_wanted: last_frame(end),
            inline: inline(view, version, body)?,
            body: body.clone(),
        });
    }
    if offset == size_bytes {
        Ok(pieces)
    } else {
        Err(damaged(version, "its bodies do not add up to its size"))
    }
}

/// Returns what a small body is sealed as.
pub(crate) fn inline(
    view: &View<'_>,
    version: VersionId,
    body: &Body,
) -> Result<Option<Vec<u8>>, Error> {
    if body.place == Place::File {
        return Ok(None);
    }
    let row = view.one(
        "SELECT body, sealed FROM bodies WHERE owner = ?1 AND part = ?2",
        params![version.as_bytes(), body.part],
        |row| Ok((columns::bytes16(row, 0)?, row.get::<_, Option<Vec<u8>>>(1)?)),
    )?;
    match row {
        Some((id, Some(sealed))) if id == body.id.0 => Ok(Some(sealed)),
        _ => Err(damaged(version, "a body's row is missing")),
    }
}

/// Reads the frames of a range in order. Everything here may block.
struct Reader {
    files: Files,
    version: VersionId,
    pieces: VecDeque<Piece>,
    open: Option<File>,
    _pin: reclaim::Pin,
}

impl Reader {
    /// Makes the first trip and returns the stream.
    async fn start(mut self) -> Result<BodyStream, Error> {
        if self.pieces.iter().all(|piece| piece.inline.is_some()) && self.pieces.len() <= 1 {
            // A small body is here already: opening it costs less than a trip to another thread.
            let ready = self.trip(FRAMES_PER_TRIP)?.into();
            return Ok(BodyStream {
                ready,
                ahead: Ahead::Done,
            });
        }
        let first = spawn_blocking(move || self.travel(FRAMES_FIRST_TRIP));
        let (reader, chunks) = first.await.map_err(|_| Error::Stopping)?;
        Ok(BodyStream {
            ready: chunks?.into(),
            ahead: reader.go_on(),
        })
    }

    fn go_on(self) -> Ahead {
        if self.pieces.is_empty() {
            Ahead::Done
        } else {
            Ahead::Reading(spawn_blocking(move || self.travel(FRAMES_PER_TRIP)))
        }
    }

    fn travel(mut self, frames_max: u64) -> Trip {
        let chunks = self.trip(frames_max);
        (self, chunks)
    }

    fn trip(&mut self, frames_max: u64) -> Result<Vec<Bytes>, Error> {
        let mut chunks = Vec::new();
        let mut room = frames_max;
        while room > 0 {
            let Some(piece) = self.pieces.front_mut() else {
                break;
            };
            let count = room.min(piece.last_wanted - piece.next_frame + 1);
            let stored = match &piece.inline {
                Some(sealed) => piece.cut(sealed, count, self.version)?,
                None => {
                    let file = opened_file(&mut self.open, &self.files, piece, self.version)?;
                    piece.fetch(file, count, self.version)?
                }
            };
            piece.open_frames(stored, count, self.version, &mut chunks)?;
            room -= count;
            if piece.next_frame > piece.last_wanted {
                self.pieces.pop_front();
                self.open = None;
            }
        }
        Ok(chunks)
    }
}

fn opened_file<'a>(
    open: &'a mut Option<File>,
    files: &Files,
    piece: &Piece,
    version: VersionId,
) -> Result<&'a File, Error> {
    let file = match open.take() {
        Some(file) => file,
        None => files
            .read(piece.body.id)
            .map_err(|error| of_read(error, version))?,
    };
    Ok(open.insert(file))
}

/// Tells damage from a disk that cannot be read at present.
pub(crate) fn of_read(error: io::Error, version: VersionId) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => damaged(version, "a body's file is missing"),
        io::ErrorKind::UnexpectedEof => damaged(version, "a body's file is cut short"),
        _ => Error::Files(error),
    }
}

impl Piece {
    fn stored_len(&self, count: u64) -> usize {
        (self.next_frame..self.next_frame + count)
            .map(|frame| stored_len(frame, self.body.size_bytes))
            .sum()
    }

    fn fetch(&self, file: &File, count: u64, version: VersionId) -> Result<Vec<u8>, Error> {
        files::read_at(file, stored_offset(self.next_frame), self.stored_len(count))
            .map_err(|error| of_read(error, version))
    }

    fn cut(&self, sealed: &[u8], count: u64, version: VersionId) -> Result<Vec<u8>, Error> {
        let from = usize::try_from(stored_offset(self.next_frame)).unwrap_or(usize::MAX);
        let until = from.saturating_add(self.stored_len(count));
        let stored = sealed
            .get(from..until)
            .ok_or_else(|| damaged(version, "a body's row is cut short"))?;
        Ok(stored.to_vec())
    }

    /// Opens the next frames in place and hands over the wanted bytes of each, without copying them.
    fn open_frames(
        &mut self,
        mut stored: Vec<u8>,
        count: u64,
        version: VersionId,
        chunks: &mut Vec<Bytes>,
    ) -> Result<(), Error> {
        let mut wanted = Vec::new();
        let mut offset = 0;
        let mut rest = stored.as_mut_slice();
        for frame in self.next_frame..self.next_frame + count {
            let len_bytes = stored_len(frame, self.body.size_bytes).min(rest.len());
            let (this, behind) = rest.split_at_mut(len_bytes);
            let plain_len = self
                .cipher
                .open(frame, position(frame, self.body.size_bytes), this)
                .map_err(|damage| damaged(version, damage.as_str()))?;
            let first = frame.saturating_mul(crate::frame::PLAIN_BYTES as u64);
            let within = |byte: u64| {
                let byte = usize::try_from(byte.saturating_sub(first)).unwrap_or(usize::MAX);
                byte.min(plain_len)
            };
            wanted.push(offset + within(self.start)..offset + within(self.end));
            offset += len_bytes;
            rest = behind;
        }
        self.next_frame += count;
        let opened = Bytes::from(stored);
        chunks.extend(
            wanted
                .into_iter()
                .filter(|run| !run.is_empty())
                .map(|run| opened.slice(run)),
        );
        Ok(())
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            let Ahead::Reading(trip) = &mut self.ahead else {
                return Poll::Ready(None);
            };
            let trip = match Pin::new(trip).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(trip) => trip,
            };
            self.ahead = Ahead::Done;
            match trip {
                Ok((reader, Ok(chunks))) => {
                    self.ahead = reader.go_on();
                    self.ready = chunks.into();
                }
                Ok((_, Err(error))) => return Poll::Ready(Some(Err(error))),
                Err(_) => return Poll::Ready(Some(Err(Error::Stopping))),
            }
        }
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStream").finish_non_exhaustive()
    }
}
