//! Staging: takes a body in, hashes and seals it once for all writers, and puts it on stable storage. Nothing is told
//! of it until a unit of work commits it; what is not committed is removed.
//!
//! Memory is bounded: small bodies stay in memory and go into the database with their commit, larger ones pass
//! through in batches, one being hashed, sealed and written by a blocking thread while the next one arrives. No thread
//! waits for a slow client.

use std::fmt;
use std::pin::pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use onshore_db::CrashPoint;
use onshore_keys::{KEY_LEN_BYTES, Secret};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, ObjectKey};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::checks::{Checks, Findings, Hasher};
use crate::checksum::{Checksum, ChecksumClaim};
use crate::customer_key::CustomerKey;
use crate::files::Draft;
use crate::frame::{BodyId, Cipher, PLAIN_BYTES, Position};
use crate::reclaim::Reclaimer;
use crate::{BodyError, Error, Store, permits};

/// Bodies up to this size are kept in the database.
pub const INLINE_BYTES_MAX: u64 = 64 << 10;
/// How much is gathered before a blocking thread takes it.
const BATCH_BYTES: usize = 1 << 20;
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
    /// Takes in the body of an object.
    ///
    /// # Errors
    /// [`Error::BodyLength`] and the mismatches of [`Checks`]; [`Error::Body`] when the stream fails;
    /// [`Error::StorageFull`]. Nothing stays in any of these cases.
    pub async fn stage(
        &self,
        permit: &Permit,
        body: impl Stream<Item = Result<Bytes, BodyError>> + Send,
        checks: &Checks,
    ) -> Result<Staged, Error> {
        self.take_in(permit, 1, body, checks).await
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
        self.take_in(permit, number, body, checks).await
    }

    async fn take_in(
        &self,
        permit: &Permit,
        part: u32,
        body: impl Stream<Item = Result<Bytes, BodyError>> + Send,
        checks: &Checks,
    ) -> Result<Staged, Error> {
        permits::flow(permit, &[Flow::Store])?;
        let (bucket, key) = (permits::bucket(permit)?, permits::key(permit)?.clone());
        // Known to every commit from here on, so that no unit of work has to ask the key provider.
        self.tenant_key(bucket).await?;

        let id = BodyId::draw();
        let secret = Secret::random::<KEY_LEN_BYTES>();
        let cipher = Cipher::new(secret.clone(), id, part).map_err(Error::Keys)?;
        let expected = checks.expected_len()?;
        let mut sealing = Sealing::new(self, id, cipher, checks.hasher());
        if let Err(error) = sealing.feed(body, Intake::new(expected)).await {
            sealing.give_up().await;
            return Err(error);
        }
        let (findings, stored) = sealing.end(checks).await?;
        Ok(Staged {
            bucket,
            key,
            part,
            id,
            stored,
            secret,
            checksums: findings.kept(&checks.claims),
            findings,
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

/// Gathers batches and has them sealed.
struct Sealing<'a> {
    store: &'a Store,
    id: BodyId,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    work: Work,
}

/// Where the work stands.
enum Work {
    /// Everything so far is in the batch.
    Small(Box<(Cipher, Hasher)>),
    /// A blocking thread has the pipeline.
    Running(JoinHandle<Result<Pipeline, Error>>),
    /// It failed or ended.
    Over,
}

impl<'a> Sealing<'a> {
    fn new(store: &'a Store, id: BodyId, cipher: Cipher, hasher: Hasher) -> Self {
        Self {
            store,
            id,
            batch: Vec::new(),
            batch_bytes: 0,
            work: Work::Small(Box::new((cipher, hasher))),
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
            self.push(chunk).await?;
        }
        intake.end()
    }

    /// Waits until the draft is gone, so that nothing stays when the caller hears of the error.
    async fn give_up(self) {
        if let Work::Running(running) = self.work {
            drop(running.await);
        }
    }

    async fn push(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.batch_bytes += chunk.len();
        self.batch.push(chunk);
        if self.batch_bytes < BATCH_BYTES {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let pipeline = self.pipeline().await?;
        self.work = Work::Running(spawn_blocking(move || pipeline.make()?.absorb(&batch)));
        Ok(())
    }

    async fn end(mut self, checks: &Checks) -> Result<(Findings, Stored), Error> {
        let batch = std::mem::take(&mut self.batch);
        if let Work::Small(parts) = &mut self.work
            && self.batch_bytes as u64 <= INLINE_BYTES_MAX
        {
            let (cipher, hasher) = &mut **parts;
            let plain = batch.concat();
            self.store.inner.files.check_room(plain.len())?;
            hasher.update(&plain);
            let mut sealed = Vec::with_capacity(plain.len() + 32);
            cipher
                .seal(0, Position::Last, &plain, &mut sealed)
                .map_err(Error::Keys)?;
            let Work::Small(parts) = std::mem::replace(&mut self.work, Work::Over) else {
                return Err(Error::Stopping);
            };
            let findings = parts.1.finish();
            checks.compare(&findings)?;
            return Ok((findings, Stored::Inline(sealed)));
        }
        let pipeline = self.pipeline().await?;
        let checks = checks.clone();
        let (reclaimer, crash) = (
            self.store.inner.reclaimer.clone(),
            self.store.inner.crash.clone(),
        );
        let end = spawn_blocking(move || {
            let pipeline = pipeline.make()?.absorb(&batch)?;
            let (findings, stored) = pipeline.finish(&checks, reclaimer)?;
            crash.reach(CrashPoint::Staged);
            Ok((findings, stored))
        });
        end.await.unwrap_or(Err(Error::Stopping))
    }

    /// Takes the pipeline back from its thread, or says how to make it.
    async fn pipeline(&mut self) -> Result<Made, Error> {
        match std::mem::replace(&mut self.work, Work::Over) {
            Work::Small(parts) => Ok(Made::Later(Box::new(Recipe {
                store: self.store.clone(),
                id: self.id,
                cipher: parts.0,
                hasher: parts.1,
            }))),
            Work::Running(running) => {
                let pipeline = running.await.unwrap_or(Err(Error::Stopping))?;
                Ok(Made::Already(Box::new(pipeline)))
            }
            Work::Over => Err(Error::Stopping),
        }
    }
}

/// A pipeline, or what it takes to make one on a thread that may block.
enum Made {
    Already(Box<Pipeline>),
    Later(Box<Recipe>),
}

struct Recipe {
    store: Store,
    id: BodyId,
    cipher: Cipher,
    hasher: Hasher,
}

impl Made {
    fn make(self) -> Result<Pipeline, Error> {
        match self {
            Self::Already(pipeline) => Ok(*pipeline),
            Self::Later(recipe) => Ok(Pipeline {
                id: recipe.id,
                hasher: recipe.hasher,
                sealer: Sealer {
                    draft: recipe.store.inner.files.draft(recipe.id)?,
                    cipher: recipe.cipher,
                    frame: 0,
                    plain: Vec::with_capacity(PLAIN_BYTES),
                    sealed: Vec::new(),
                },
            }),
        }
    }
}

/// Hashes, seals and writes a body. Everything here may block.
struct Pipeline {
    id: BodyId,
    hasher: Hasher,
    sealer: Sealer,
}

/// Seals a body frame by frame and writes what is sealed.
struct Sealer {
    cipher: Cipher,
    draft: Draft,
    frame: u64,
    /// The frame being filled. A full one waits for the byte behind it: the last frame is sealed otherwise.
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

impl Pipeline {
    fn absorb(mut self, batch: &[Bytes]) -> Result<Self, Error> {
        let Self { hasher, sealer, .. } = &mut self;
        hasher.update_beside(batch, || sealer.absorb(batch))?;
        Ok(self)
    }

    fn finish(self, checks: &Checks, reclaimer: Reclaimer) -> Result<(Findings, Stored), Error> {
        let findings = self.hasher.finish();
        // Compared before the file becomes whole: a wrong body never costs a sync.
        checks.compare(&findings)?;
        self.sealer.finish()?;
        let _leftover = Leftover {
            body: self.id,
            reclaimer,
        };
        Ok((findings, Stored::File { _leftover }))
    }
}

impl Sealer {
    fn absorb(&mut self, batch: &[Bytes]) -> Result<(), Error> {
        for chunk in batch {
            let mut rest = chunk.as_ref();
            while !rest.is_empty() {
                if self.plain.len() == PLAIN_BYTES {
                    self.seal(Position::Inner)?;
                }
                let take = rest.len().min(PLAIN_BYTES - self.plain.len());
                let (now, later) = rest.split_at(take);
                self.plain.extend_from_slice(now);
                rest = later;
            }
        }
        self.write()
    }

    /// Seals what is left as the last frame, and makes the file whole.
    fn finish(mut self) -> Result<(), Error> {
        self.cipher
            .seal(self.frame, Position::Last, &self.plain, &mut self.sealed)
            .map_err(Error::Keys)?;
        self.draft.write(&self.sealed)?;
        self.draft.finish()
    }

    fn seal(&mut self, position: Position) -> Result<(), Error> {
        self.cipher
            .seal(self.frame, position, &self.plain, &mut self.sealed)
            .map_err(Error::Keys)?;
        self.plain.clear();
        self.frame += 1;
        if self.sealed.len() >= BATCH_BYTES {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Error> {
        self.draft.write(&self.sealed)?;
        self.sealed.clear();
        Ok(())
    }
}
