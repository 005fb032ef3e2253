//! Staging: takes a body in, hashes and seals it once for all writers, and puts it on stable storage. Nothing is told
//! of it until a unit of work commits it; what is not committed is removed.
//!
//! Memory is bounded: small bodies stay in memory and go into the database with their commit, larger ones pass
//! in batches through three lanes, one for the MD5, one that looks what is in them and one for all the rest, while the next
//! ones arrive. No thread waits for a slow client.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use md5::{Digest as _, Md5};
use onshore_classify::Scanner;
use onshore_db::CrashPoint;
use onshore_keys::{KEY_LEN_BYTES, Secret};
use onshore_policy::{Flow, Permit};
use onshore_types::selection::Residence;
use onshore_types::{BucketId, Label, ObjectKey};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::checks::{Checks, Findings, Hasher};
use crate::checksum::{Checksum, ChecksumClaim};
use crate::customer_key::CustomerKey;
use crate::facts::{Body, Place};
use crate::files::Draft;
use crate::frame::{BodyId, Cipher, PLAIN_BYTES, Position};
use crate::lane::{self, Batch, Lane};
use crate::object::NewObject;
use crate::plain::{PlainBody, PlainReader};
use crate::reclaim::Reclaimer;
use crate::said::Said;
use crate::scan::{Looked, Scan};
use crate::scanning::{self, Patience, Turns};
use crate::{BodyError, Error, Store, permits};

/// Bodies up to this size are kept in the database.
pub const INLINE_BYTES_MAX: u64 = 64 << 10;
/// How much is gathered before it is handed over.
const BATCH_BYTES: usize = 1 << 20;
/// Chunks below this size are put together.
const CHUNK_BYTES_MIN: usize = 4096;
/// How many batches of one body may be on their way through the lanes.
const BATCHES_MAX: usize = 4;
/// So much of a small body says whether it is text.
const HEAD_BYTES: usize = 4096;
/// The highest part number.
pub(crate) const PART_NUMBER_MAX: u32 = 10_000;

/// A body on stable storage (or small, in memory) that no object has yet. Move it into the unit of work that commits
/// it, or share it with that: whatever becomes of the unit, dropping it removes what no row tells of.
pub struct Staged {
    pub(crate) bucket: BucketId,
    pub(crate) key: ObjectKey,
    pub(crate) part: u32,
    pub(crate) id: BodyId,
    pub(crate) stored: Stored,
    pub(crate) secret: Secret,
    pub(crate) findings: Findings,
    pub(crate) checksums: Vec<Checksum>,
    /// What was found in it; none in a part, which is looked through with the others as a whole.
    pub(crate) looked: Option<Looked>,
}

/// Where a staged body is.
pub(crate) enum Stored {
    Inline(Vec<u8>),
    File { _leftover: Leftover },
}

/// A whole file; when this is dropped it is asked whether the file belongs to somebody.
pub(crate) struct Leftover {
    body: BodyId,
    reclaimer: Reclaimer,
}

impl Drop for Leftover {
    fn drop(&mut self) {
        self.reclaimer.doubt_staged(self.body);
    }
}

impl Staged {
    /// Returns the size.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.findings.whole.len_bytes
    }

    /// Returns the ETag an object with this body has, without quotes.
    #[must_use]
    pub fn etag(&self) -> String {
        self.findings.etag()
    }

    /// Returns the SHA-256.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.findings.whole.sha256.unwrap_or_default()
    }

    /// Returns the label that an object with this body has, for what was said of it: what is found makes it stricter, and what
    /// nobody has looked at yet is unclassified.
    #[must_use]
    pub fn label(&self, said: Label) -> Label {
        let scan = self.looked.as_ref().map(|looked| &looked.scan);
        Scan::applied(scan, said)
    }

    /// Says where those live whom it tells of.
    #[must_use]
    pub fn residences(&self) -> BTreeSet<Residence> {
        self.looked
            .as_ref()
            .map(Looked::residences)
            .unwrap_or_default()
    }

    /// Returns the checksums that are kept with it.
    #[must_use]
    pub fn checksums(&self) -> &[Checksum] {
        &self.checksums
    }

    /// Wraps its data key under a key that the client keeps: nobody opens it without that key any more.
    ///
    /// # Errors
    /// [`Error::Keys`].
    pub fn lock_with(&mut self, customer: &CustomerKey) -> Result<(), Error> {
        self.secret = customer.wrap(self.id, &self.secret)?;
        Ok(())
    }

    /// Compares checksums that were announced after the body, in a trailer.
    ///
    /// # Errors
    /// [`Error::ChecksumMismatch`], [`Error::ChecksumNotComputed`] for one that [`Checks::wanted`] did not name.
    pub fn verify(&self, claims: &[ChecksumClaim]) -> Result<(), Error> {
        self.findings.compare(claims)
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged")
            .field("bucket", &self.bucket)
            .field("size_bytes", &self.size_bytes())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Takes in the body of an object, and has it looked through on its way, with what is said of the object.
    ///
    /// # Errors
    /// [`Error::BodyLength`] and the mismatches of [`Checks`]; [`Error::Body`] when the stream fails;
    /// [`Error::StorageFull`]. Nothing stays in any of these cases.
    pub async fn stage(
        &self,
        permit: &Permit,
        object: &NewObject,
        body: impl Stream<Item = Result<Bytes, BodyError>> + Send,
        checks: &Checks,
        mut scanner: Scanner,
    ) -> Result<Staged, Error> {
        let announced = checks.expected_len()?.unwrap_or_default();
        self.check_announced(permit, announced)?;
        let said = Said::of_new(permits::key(permit)?, object);
        said.hand_to(&mut scanner);
        let scanner = scanning::hasten(scanner);
        let mut staged = self.take_in(permit, 1, body, checks, Some(scanner)).await?;
        staged.looked = staged.looked.map(|looked| looked.with_said(said.digest()));
        Ok(staged)
    }

    /// Takes in the body of a part of an upload.
    ///
    /// # Errors
    /// As [`Store::stage`], and [`Error::BadPartNumber`].
    pub async fn stage_part(
        &self,
        permit: &Permit,
        number: u32,
        body: impl Stream<Item = Result<Bytes, BodyError>> + Send,
        checks: &Checks,
    ) -> Result<Staged, Error> {
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            return Err(Error::BadPartNumber);
        }
        self.take_in(permit, number, body, checks, None).await
    }

    async fn take_in(
        &self,
        permit: &Permit,
        part: u32,
        body: impl Stream<Item = Result<Bytes, BodyError>> + Send,
        checks: &Checks,
        scanner: Option<Scanner>,
    ) -> Result<Staged, Error> {
        permits::flow(permit, &[Flow::Store])?;
        let (bucket, key) = (permits::bucket(permit)?, permits::key(permit)?.clone());
        // Known to every commit from here on, so that no unit of work has to ask the key provider.
        self.tenant_key(bucket).await?;

        let id = BodyId::draw();
        let secret = Secret::random::<KEY_LEN_BYTES>();
        let cipher = Cipher::new(secret.clone(), id, part).map_err(Error::Keys)?;
        let expected = checks.expected_len()?;
        let mut sealing = Sealing::new(
            self,
            Body {
                id,
                part,
                size_bytes: 0,
                place: Place::File,
            },
            secret.clone(),
            Small {
                cipher,
                hasher: checks.hasher(),
                scanner,
            },
        );
        if let Err(error) = sealing.feed(body, Intake::new(expected)).await {
            sealing.give_up().await;
            return Err(error);
        }
        let (findings, looked, stored) = sealing.end(checks).await?;
        Ok(Staged {
            bucket,
            key,
            part,
            id,
            stored,
            secret,
            checksums: findings.kept(&checks.claims),
            findings,
            looked,
        })
    }
}

/// Compares how much arrives with how much was announced, as early as it can be known.
struct Intake {
    expected: Option<u64>,
    got: u64,
}

impl Intake {
    fn new(expected: Option<u64>) -> Self {
        Self { expected, got: 0 }
    }

    fn count(&mut self, len_bytes: usize) -> Result<(), Error> {
        self.got = self.got.saturating_add(len_bytes as u64);
        match self.expected {
            Some(expected) if self.got > expected => self.mismatch(expected),
            _ => Ok(()),
        }
    }

    fn end(&self) -> Result<(), Error> {
        match self.expected {
            Some(expected) if self.got != expected => self.mismatch(expected),
            _ => Ok(()),
        }
    }

    fn mismatch(&self, expected: u64) -> Result<(), Error> {
        Err(Error::BodyLength {
            expected,
            got: self.got,
        })
    }
}

/// Gathers batches and has them hashed and sealed.
struct Sealing<'a> {
    store: &'a Store,
    /// The body as it will be, but for its size.
    body: Body,
    secret: Secret,
    batch: Vec<Bytes>,
    /// Small chunks, put together: each for itself would cost more than its bytes.
    small: BytesMut,
    batch_bytes: usize,
    work: Work,
}

/// Where the work stands.
enum Work {
    /// Everything so far is in the batch.
    Small(Box<Small>),
    /// Batches go through lanes.
    Large(Lanes),
    /// It failed or ended.
    Over,
}

/// What a body goes through.
struct Small {
    cipher: Cipher,
    hasher: Hasher,
    scanner: Option<Scanner>,
}

/// What a large body goes through, each beside the other.
struct Lanes {
    room: Arc<Semaphore>,
    md5: Option<Lane<Md5>>,
    scanner: Option<Lane<Looker>>,
    /// Whether the scanner unpacks.
    unpacks: Arc<AtomicBool>,
    turns: Turns,
    sealer: Lane<Sealer>,
}

impl<'a> Sealing<'a> {
    fn new(store: &'a Store, body: Body, secret: Secret, small: Small) -> Self {
        Self {
            store,
            body,
            secret,
            batch: Vec::new(),
            small: BytesMut::new(),
            batch_bytes: 0,
            work: Work::Small(Box::new(small)),
        }
    }

    async fn feed(
        &mut self,
        body: impl Stream<Item = Result<Bytes, BodyError>> + Send,
        mut intake: Intake,
    ) -> Result<(), Error> {
        let mut body = pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            intake.count(chunk.len())?;
            self.gather(chunk);
            if self.batch_bytes >= BATCH_BYTES {
                self.hand_over().await?;
            }
        }
        intake.end()
    }

    fn gather(&mut self, chunk: Bytes) {
        self.batch_bytes += chunk.len();
        if chunk.len() < CHUNK_BYTES_MIN {
            self.small.extend_from_slice(&chunk);
        } else {
            self.close_small();
            self.batch.push(chunk);
        }
    }

    fn close_small(&mut self) {
        if !self.small.is_empty() {
            self.batch.push(self.small.split().freeze());
        }
    }

    /// Waits until the draft is gone, so that nothing stays when the caller hears of the error.
    async fn give_up(self) {
        if let Work::Large(lanes) = self.work {
            drop(lanes.sealer.end().await);
        }
    }

    /// Puts the batch into the lanes, as soon as there is room for it.
    async fn hand_over(&mut self) -> Result<(), Error> {
        self.close_small();
        let chunks = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let lanes = match std::mem::replace(&mut self.work, Work::Over) {
            Work::Small(small) => Lanes::new(self.store, self.body.id, *small),
            Work::Large(lanes) => lanes,
            Work::Over => return Err(Error::Stopping),
        };
        let done = lanes.push(chunks).await;
        // Kept after a failure too: who gives up waits for it.
        self.work = Work::Large(lanes);
        done
    }

    async fn end(mut self, checks: &Checks) -> Result<(Findings, Option<Looked>, Stored), Error> {
        if let Work::Small(_) = &self.work
            && self.batch_bytes as u64 <= INLINE_BYTES_MAX
        {
            return self.end_inline(checks).await;
        }
        if let Err(error) = self.hand_over().await {
            self.give_up().await;
            return Err(error);
        }
        let Work::Large(lanes) = self.work else {
            return Err(Error::Stopping);
        };
        let turns = lanes.turns.clone();
        let (sealer, scanner) = lanes.end().await?;
        let is_text = scanner.as_ref().is_none_or(Scanner::is_text);
        let turn = if is_text {
            Some(None)
        } else {
            turns.wait().await.map(Some)
        };
        let (body, secret, checks) = (self.body, self.secret, checks.clone());
        let inner = Arc::clone(&self.store.inner);
        let end = spawn_blocking(move || {
            let findings = sealer.finish(&checks)?;
            let _leftover = Leftover {
                body: body.id,
                reclaimer: inner.reclaimer.clone(),
            };
            inner.crash.reach(CrashPoint::Staged);
            let size_bytes = findings.whole.len_bytes;
            let again = || {
                let cipher = Cipher::new(secret, body.id, body.part).map_err(Error::Keys)?;
                let body = PlainBody {
                    cipher,
                    body: Body { size_bytes, ..body },
                    inline: None,
                };
                Ok(PlainReader::new(inner.files.clone(), vec![body]))
            };
            let look = |scanner: Scanner| match turn {
                Some(_turn) => scanning::end(scanner, size_bytes, Patience::Bounded, again),
                None => Ok(scanning::put_off(&scanner)),
            };
            let looked = scanner.map(look).transpose()?;
            Ok((findings, looked, Stored::File { _leftover }))
        });
        end.await.unwrap_or(Err(Error::Stopping))
    }

    async fn end_inline(
        mut self,
        checks: &Checks,
    ) -> Result<(Findings, Option<Looked>, Stored), Error> {
        self.close_small();
        let Work::Small(small) = self.work else {
            return Err(Error::Stopping);
        };
        let Small {
            cipher,
            mut hasher,
            scanner,
        } = *small;
        let plain = self.batch.concat();
        self.store.inner.files.check_room(plain.len())?;
        hasher.update(&plain);
        let mut sealed = Vec::with_capacity(plain.len() + 32);
        cipher
            .seal(0, Position::Last, &plain, &mut sealed)
            .map_err(Error::Keys)?;
        let findings = hasher.finish();
        checks.compare(&findings)?;
        let size_bytes = plain.len() as u64;
        let Some(mut scanner) = scanner else {
            return Ok((findings, None, Stored::Inline(sealed)));
        };
        scanner.push(plain.get(..HEAD_BYTES.min(plain.len())).unwrap_or_default());
        let is_text = scanner.is_text();
        let look = move |mut scanner: Scanner| {
            scanner.push(plain.get(HEAD_BYTES..).unwrap_or_default());
            let again = || Ok(Cursor::new(plain));
            scanning::end(scanner, size_bytes, Patience::Bounded, again)
        };
        // What is text costs less than a trip to another thread; what unfolds into more may cost anything.
        let looked = if is_text {
            look(scanner)
        } else if let Some(turn) = self.store.inner.turns.wait().await {
            let look = spawn_blocking(move || {
                let _turn = turn;
                look(scanner)
            });
            look.await.unwrap_or(Err(Error::Stopping))
        } else {
            Ok(scanning::put_off(&scanner))
        };
        Ok((findings, Some(looked?), Stored::Inline(sealed)))
    }
}

impl Lanes {
    fn new(store: &Store, id: BodyId, small: Small) -> Self {
        let Small {
            cipher,
            mut hasher,
            scanner,
        } = small;
        let unpacks = Arc::new(AtomicBool::new(false));
        let looker = |scanner| Looker {
            scanner,
            unpacks: Arc::clone(&unpacks),
        };
        Self {
            room: Arc::new(Semaphore::new(BATCHES_MAX)),
            md5: hasher.take_md5().map(Lane::new),
            scanner: scanner.map(looker).map(Lane::new),
            unpacks,
            turns: store.inner.turns.clone(),
            sealer: Lane::new(Sealer {
                hasher,
                frames: Frames {
                    store: store.clone(),
                    id,
                    cipher,
                    draft: None,
                    frame: 0,
                    sealed: Vec::new(),
                    open_at: 0,
                },
            }),
        }
    }

    async fn push(&self, chunks: Vec<Bytes>) -> Result<(), Error> {
        let room = Arc::clone(&self.room).acquire_owned().await;
        // Who gets no turn goes on nonetheless: no body waits for ever, and each costs no more than it may.
        let turn = if self.unpacks.load(Ordering::Relaxed) {
            self.turns.wait().await
        } else {
            None
        };
        let batch = Arc::new(Batch {
            chunks,
            _room: room.map_err(|_| Error::Stopping)?,
            _turn: turn,
        });
        if let Some(md5) = &self.md5 {
            md5.push(Arc::clone(&batch))?;
        }
        if let Some(scanner) = &self.scanner {
            scanner.push(Arc::clone(&batch))?;
        }
        self.sealer.push(batch)
    }

    /// Waits until everything is hashed, written and looked at.
    async fn end(self) -> Result<(Sealer, Option<Scanner>), Error> {
        let mut sealer = self.sealer.end().await?;
        if let Some(md5) = self.md5 {
            sealer.hasher.put_md5(Some(md5.end().await?));
        }
        let scanner = match self.scanner {
            Some(looker) => Some(looker.end().await?.scanner),
            None => None,
        };
        Ok((sealer, scanner))
    }
}

/// Looks through a body on its way.
struct Looker {
    scanner: Scanner,
    unpacks: Arc<AtomicBool>,
}

impl lane::Work for Looker {
    fn absorb(&mut self, chunks: &[Bytes]) -> Result<(), Error> {
        chunks.iter().for_each(|chunk| self.scanner.push(chunk));
        let unpacks = !self.scanner.is_text() && !self.scanner.needs_whole();
        self.unpacks.store(unpacks, Ordering::Relaxed);
        Ok(())
    }
}

impl lane::Work for Md5 {
    fn absorb(&mut self, chunks: &[Bytes]) -> Result<(), Error> {
        chunks.iter().for_each(|chunk| self.update(chunk));
        Ok(())
    }
}

/// Hashes a body, but for its MD5, and seals it. Everything here may block.
struct Sealer {
    hasher: Hasher,
    frames: Frames,
}

/// Seals a body frame by frame and writes what is sealed.
struct Frames {
    store: Store,
    id: BodyId,
    cipher: Cipher,
    /// None before the first byte: opening a file may block.
    draft: Option<Draft>,
    frame: u64,
    /// Sealed frames, and behind them the one being filled. A full one waits for the byte behind it: the last frame is
    /// sealed otherwise.
    sealed: Vec<u8>,
    /// Where the frame being filled begins.
    open_at: usize,
}

impl lane::Work for Sealer {
    fn absorb(&mut self, chunks: &[Bytes]) -> Result<(), Error> {
        chunks.iter().try_for_each(|chunk| {
            self.hasher.update(chunk);
            self.frames.fill(chunk)
        })
    }
}

impl Sealer {
    /// Compares, and makes the file whole.
    fn finish(self, checks: &Checks) -> Result<Findings, Error> {
        let findings = self.hasher.finish();
        // Compared before the file becomes whole: a wrong body never costs a sync.
        checks.compare(&findings)?;
        self.frames.finish()?;
        Ok(findings)
    }
}

impl Frames {
    fn fill(&mut self, mut plain: &[u8]) -> Result<(), Error> {
        while !plain.is_empty() {
            if self.sealed.len() - self.open_at == PLAIN_BYTES {
                self.seal(Position::Inner)?;
                if self.open_at >= BATCH_BYTES {
                    self.write()?;
                }
            }
            let filled = self.sealed.len() - self.open_at;
            let (now, later) = plain.split_at(plain.len().min(PLAIN_BYTES - filled));
            self.sealed.extend_from_slice(now);
            plain = later;
        }
        Ok(())
    }

    /// Seals what is left as the last frame, and makes the file whole.
    fn finish(mut self) -> Result<(), Error> {
        self.seal(Position::Last)?;
        self.write()?;
        self.draft.take().map_or(Ok(()), Draft::finish)
    }

    fn seal(&mut self, position: Position) -> Result<(), Error> {
        self.cipher
            .seal_from(self.frame, position, self.open_at, &mut self.sealed)
            .map_err(Error::Keys)?;
        self.frame += 1;
        self.open_at = self.sealed.len();
        Ok(())
    }

    fn write(&mut self) -> Result<(), Error> {
        let draft = match &mut self.draft {
            Some(draft) => draft,
            none => none.insert(self.store.inner.files.draft(self.id)?),
        };
        draft.write(&self.sealed)?;
        self.sealed.clear();
        self.open_at = 0;
        Ok(())
    }
}
