//! Examinations: one version or one part is read from end to end and compared with everything that is known of it: the
//! CRC32C and the seal of each frame, the SHA-256 of the whole, the sizes of files, the rows beside the sealed facts.
//! Nothing of it is handed out; the answer is whether it is sound.
//!
//! It goes in steps of a mebibyte, so that whoever examines can go slowly and stop. What looks damaged because it was
//! removed meanwhile is not.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;

use onshore_db::{Row, RowError, View, params};
use onshore_keys::Secret;
use onshore_types::{BucketId, Label, TenantId, UploadId, VersionId};
use ring::digest::{self, SHA256};
use tokio::task::spawn_blocking;

use crate::columns::{self, checksums_column, size_column};
use crate::customer_key::Encryption;
use crate::facts::{Body, Facts, Place, Sealed, damaged};
use crate::files;
use crate::frame::{self, Cipher, last_frame, position, stored_len, stored_offset};
use crate::lock;
use crate::part::PartFacts;
use crate::read::of_read;
use crate::reclaim::{Owner, Pin};
use crate::{Error, Store};

/// How many frames one step reads.
const FRAMES_PER_STEP: u64 = 16;

/// What is examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Examined {
    /// A version.
    Version(VersionId),
    /// A part of an upload under way.
    Part {
        /// The upload.
        upload: UploadId,
        /// The number of the part.
        number: u32,
    },
}

/// Whether something is what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soundness {
    /// It is, to the last bit.
    Whole,
    /// Its facts are, and the checksums of what is sealed hold; a client keeps the key that opens it.
    Sealed,
    /// It is not.
    Damaged(&'static str),
    /// It was removed meanwhile.
    Gone,
}

/// An examination under way.
pub struct Examination {
    store: Store,
    examined: Examined,
    finding: Finding,
    pin: Pin,
}

/// What came of a step.
#[derive(Debug)]
pub enum Progress {
    /// So many bytes were read, and there is more to read.
    Read(Examination, u64),
    /// It is over, after so many bytes more.
    Over(Soundness, u64),
}

/// What is known so far.
enum Finding {
    Open(Box<Reading>),
    Over(Soundness),
}

/// Bodies that are still to be read.
struct Reading {
    runs: VecDeque<Run>,
    /// Of the bytes of all of them.
    whole: Option<Comparison>,
    /// What it is if all of it holds.
    sound: Soundness,
}

/// A body that is read frame by frame.
struct Run {
    body: Body,
    opener: Opener,
    inline: Option<Vec<u8>>,
    open: Option<File>,
    next_frame: u64,
    /// Of the bytes of this one alone.
    own: Option<Comparison>,
}

/// A SHA-256 that grows with what is read, and what it is to come to.
struct Comparison {
    hash: digest::Context,
    expected: String,
}

/// How frames are looked at.
enum Opener {
    Seal(Box<Cipher>),
    /// A client keeps the key.
    ChecksumAlone,
}

/// The row of a body.
struct BodyRow {
    id: [u8; 16],
    sealed: Option<Vec<u8>>,
}

impl Store {
    /// Begins to examine something: its record is opened and compared here.
    ///
    /// # Errors
    /// [`Error::Keys`]; [`Error::Files`]; those of the database. Damage is no error here.
    pub async fn examine(&self, examined: Examined) -> Result<Examination, Error> {
        let owner = owner_of(examined);
        let pin = self.inner.reclaimer.pin(owner);
        let store = self.clone();
        let opened = self
            .inner
            .db
            .read(move |view| match examined {
                Examined::Version(version) => version_of(&store, view, version),
                Examined::Part { upload, number } => part_of(&store, view, upload, number),
            })
            .await;
        let finding = match opened {
            Ok(Some(reading)) => Finding::Open(Box::new(reading)),
            Ok(None) => Finding::Over(Soundness::Gone),
            Err(error) => Finding::Over(Soundness::Damaged(damage_of(error)?)),
        };
        Ok(Examination {
            store: self.clone(),
            examined,
            finding,
            pin,
        })
    }

    /// Whether what is examined is still there.
    async fn is_there(&self, examined: Examined) -> Result<bool, Error> {
        self.inner
            .db
            .read(move |view| has_record(view, examined))
            .await
    }
}

/// Whether there is a record of this.
pub(crate) fn has_record(view: &View<'_>, examined: Examined) -> Result<bool, Error> {
    let row = match examined {
        Examined::Version(version) => view.one(
            "SELECT 1 FROM versions WHERE id = ?1",
            params![version.as_bytes()],
            |_| Ok(()),
        )?,
        Examined::Part { upload, number } => view.one(
            "SELECT 1 FROM parts WHERE upload = ?1 AND number = ?2",
            params![upload.as_bytes(), number],
            |_| Ok(()),
        )?,
    };
    Ok(row.is_some())
}

impl Examination {
    /// Reads on.
    ///
    /// # Errors
    /// As [`Store::examine`].
    pub async fn step(self) -> Result<Progress, Error> {
        let Self {
            store,
            examined,
            finding,
            pin,
        } = self;
        let reading = match finding {
            Finding::Over(soundness) => return Ok(Progress::Over(soundness, 0)),
            Finding::Open(reading) => reading,
        };
        let files = store.inner.files.clone();
        let (reading, read) = spawn_blocking(move || {
            let mut reading = reading;
            let read = reading.read_on(&files, owner_of(examined));
            (reading, read)
        })
        .await
        .map_err(|_| Error::Stopping)?;
        let (read_bytes, soundness) = match read {
            Ok(read_bytes) if reading.runs.is_empty() => (read_bytes, reading.end()),
            Ok(read_bytes) => {
                let rest = Self {
                    store,
                    examined,
                    finding: Finding::Open(reading),
                    pin,
                };
                return Ok(Progress::Read(rest, read_bytes));
            }
            Err(error) => (0, Soundness::Damaged(damage_of(error)?)),
        };
        match soundness {
            Soundness::Damaged(_) if !store.is_there(examined).await? => {
                Ok(Progress::Over(Soundness::Gone, read_bytes))
            }
            soundness => Ok(Progress::Over(soundness, read_bytes)),
        }
    }
}

impl Reading {
    /// Reads some frames and returns how many bytes they have on disk.
    fn read_on(&mut self, files: &files::Files, owner: Owner) -> Result<u64, Error> {
        let Some(run) = self.runs.front_mut() else {
            return Ok(0);
        };
        let last = last_frame(run.body.size_bytes);
        let until = last.min(run.next_frame.saturating_add(FRAMES_PER_STEP - 1));
        let mut read_bytes = 0;
        while run.next_frame <= until {
            let mut stored = run.stored(files, owner)?;
            read_bytes += stored.len() as u64;
            let plain = run.opened(&mut stored, owner)?;
            let comparisons = [&mut run.own, &mut self.whole].into_iter().flatten();
            for comparison in comparisons {
                comparison.hash.update(plain.unwrap_or_default());
            }
            run.next_frame += 1;
        }
        if run.next_frame > last {
            run.end(owner)?;
            self.runs.pop_front();
        }
        Ok(read_bytes)
    }

    fn end(self) -> Soundness {
        if self.whole.is_none_or(Comparison::holds) {
            self.sound
        } else {
            Soundness::Damaged("its SHA-256 is another")
        }
    }
}

impl Comparison {
    fn new(expected: String) -> Self {
        Self {
            hash: digest::Context::new(&SHA256),
            expected,
        }
    }

    fn holds(self) -> bool {
        hex::encode(self.hash.finish()) == self.expected
    }
}

impl Run {
    fn new(body: Body, opener: Opener, inline: Option<Vec<u8>>, sha256: Option<String>) -> Self {
        Self {
            body,
            opener,
            inline,
            open: None,
            next_frame: 0,
            own: sha256.map(Comparison::new),
        }
    }

    /// Returns the next frame as it is on disk.
    fn stored(&mut self, files: &files::Files, owner: Owner) -> Result<Vec<u8>, Error> {
        let offset = stored_offset(self.next_frame);
        let len_bytes = stored_len(self.next_frame, self.body.size_bytes);
        if let Some(sealed) = &self.inline {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            return sealed
                .get(from..from.saturating_add(len_bytes))
                .map(<[u8]>::to_vec)
                .ok_or_else(|| damage(owner, "a body's row is cut short"));
        }
        let of_file = |error: io::Error| of_read(error, VersionId::from_bytes(owner));
        let file = match self.open.take() {
            Some(file) => file,
            None => files.read(self.body.id).map_err(of_file)?,
        };
        let file = self.open.insert(file);
        files::read_at(file, offset, len_bytes).map_err(of_file)
    }

    /// Checks a frame, and returns its plain bytes where it can be opened.
    fn opened<'a>(&self, stored: &'a mut [u8], owner: Owner) -> Result<Option<&'a [u8]>, Error> {
        let of_damage = |found: frame::Damage| damage(owner, found.as_str());
        match &self.opener {
            Opener::ChecksumAlone => frame::check(stored).map(|()| None).map_err(of_damage),
            Opener::Seal(cipher) => {
                let place = position(self.next_frame, self.body.size_bytes);
                let plain_len = cipher
                    .open(self.next_frame, place, stored)
                    .map_err(of_damage)?;
                Ok(stored.get(..plain_len))
            }
        }
    }

    /// Checks that nothing lies behind the last frame, and the hash.
    fn end(&mut self, owner: Owner) -> Result<(), Error> {
        let last = last_frame(self.body.size_bytes);
        let expected = stored_offset(last) + stored_len(last, self.body.size_bytes) as u64;
        let len_bytes = match (&self.inline, &self.open) {
            (Some(sealed), _) => sealed.len() as u64,
            (None, Some(file)) => file.metadata().map_err(Error::Files)?.len(),
            (None, None) => expected,
        };
        if len_bytes != expected {
            return Err(damage(owner, "a body is longer than its facts say"));
        }
        if self.own.take().is_none_or(Comparison::holds) {
            Ok(())
        } else {
            Err(damage(owner, "a part's SHA-256 is another"))
        }
    }
}

/// Opens the record of a version and compares it with the rows that tell of it.
fn version_of(
    store: &Store,
    view: &View<'_>,
    version: VersionId,
) -> Result<Option<Reading>, Error> {
    let row = view.one(
        "SELECT bucket, facts, wrapped, tags, hold, retain_mode, retain_until FROM versions WHERE id = ?1",
        params![version.as_bytes()],
        |row| {
            let sealed = Sealed {
                facts: row.get(1)?,
                wrapped: row.get(2)?,
                tags: row.get(3)?,
            };
            lock::from_row(row, 4)?;
            Ok((BucketId::from_bytes(columns::bytes16(row, 0)?), sealed))
        },
    )?;
    let Some((bucket, sealed)) = row else {
        return Ok(None);
    };
    // Whether its bucket reads is no matter of the version.
    let held = view.one(
        "SELECT tenant FROM buckets WHERE id = ?1",
        params![bucket.as_bytes()],
        |row| columns::bytes16(row, 0).map(TenantId::from_bytes),
    )?;
    let Some(tenant) = held else {
        return Err(damaged(version, "its bucket is missing"));
    };
    let keys = &store.inner.keys;
    let owner_key = keys.in_view(view, bucket)?.for_owner(version.as_bytes())?;
    let (facts, data_keys, _) = Facts::open(version, bucket, &owner_key, &sealed)?;
    compare_rows(view, bucket, version, &facts)?;
    let bodies: u64 = facts.bodies.iter().map(|body| body.size_bytes).sum();
    if bodies != facts.size_bytes {
        return Err(damaged(version, "its bodies do not add up to its size"));
    }
    // Whether a key may be used is no matter of what lies under it.
    let named = match store.inner.kms_keys.of(view, tenant, &facts.encryption) {
        Err(Error::NoSuchKmsKey | Error::Keys(_)) => {
            return Err(damaged(version, "the key that it names is missing"));
        }
        named => named?,
    };
    let mut rows = body_rows(view, *version.as_bytes())?;
    let mut runs = VecDeque::new();
    for (body, secret) in facts.bodies.into_iter().zip(data_keys) {
        let secret = match &named {
            Some(named) => named
                .unwrap(body.id, &secret)
                .map_err(|_| damaged(version, "its data keys do not open"))?,
            None => secret,
        };
        let opener = opener(&facts.encryption, &body, secret, *version.as_bytes())?;
        let inline = inline_of(&mut rows, &body, *version.as_bytes())?;
        runs.push_back(Run::new(body, opener, inline, None));
    }
    if !rows.is_empty() {
        return Err(damaged(version, "a body's row is not one of its facts"));
    }
    let sound = sound_if_whole(&facts.encryption);
    Ok(Some(Reading {
        runs,
        whole: facts
            .sha256
            .filter(|_| sound == Soundness::Whole)
            .map(Comparison::new),
        sound,
    }))
}

/// Opens the record of a part and compares it with the row of its body.
fn part_of(
    store: &Store,
    view: &View<'_>,
    upload: UploadId,
    number: u32,
) -> Result<Option<Reading>, Error> {
    let row = view.one(
        "SELECT u.bucket, u.key, p.facts FROM parts p JOIN uploads u ON u.id = p.upload
         WHERE p.upload = ?1 AND p.number = ?2",
        params![upload.as_bytes(), number],
        |row| {
            Ok((
                BucketId::from_bytes(columns::bytes16(row, 0)?),
                columns::key(row, 1)?,
                row.get::<_, Vec<u8>>(2)?,
            ))
        },
    )?;
    let Some((bucket, key, sealed)) = row else {
        return Ok(None);
    };
    let Some(underway) = store.underway(view, bucket, &key, upload)? else {
        return Ok(None);
    };
    let facts = PartFacts::open(&underway.owner_key, upload, number, &sealed)?;
    let owner = *upload.as_bytes();
    let encryption = &underway.new.object.encryption;
    let opener = opener(encryption, &facts.body, Secret::new(facts.data_key), owner)?;
    let mut rows = body_rows_of(view, owner, number)?;
    let inline = inline_of(&mut rows, &facts.body, owner)?;
    let sound = sound_if_whole(encryption);
    let sha256 = facts.part.sha256.filter(|_| sound == Soundness::Whole);
    Ok(Some(Reading {
        runs: VecDeque::from([Run::new(facts.body, opener, inline, sha256)]),
        whole: None,
        sound,
    }))
}

/// Compares the row that tells of a version with its facts.
fn compare_rows(
    view: &View<'_>,
    bucket: BucketId,
    version: VersionId,
    facts: &Facts,
) -> Result<(), Error> {
    let read = |row: &Row<'_>| -> Result<_, RowError> {
        Ok((
            columns::label(row, 0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, i64>(4)?,
        ))
    };
    let (id, key) = (version.as_bytes(), facts.key.as_str().as_bytes());
    let current = view.one(
        "SELECT label, size, etag, checksums, modified FROM objects WHERE bucket = ?1 AND key = ?2 AND version = ?3",
        params![bucket.as_bytes(), key, id],
        read,
    )?;
    let row = match current {
        Some(row) => Some(row),
        None => view.one(
            "SELECT label, size, etag, checksums, modified FROM history
             WHERE version = ?3 AND bucket = ?1 AND key = ?2 AND kind = 'object'",
            params![bucket.as_bytes(), key, id],
            read,
        )?,
    };
    let told: (Label, i64, String, String, i64) =
        row.ok_or_else(|| damaged(version, "no row tells of it"))?;
    let known = (
        facts.label_now(),
        size_column(facts.size_bytes),
        facts.etag.clone(),
        checksums_column(&facts.checksums),
        facts.modified.as_millis(),
    );
    if told == known {
        Ok(())
    } else {
        Err(damaged(version, "its row differs from its facts"))
    }
}

fn opener(
    encryption: &Encryption,
    body: &Body,
    secret: Secret,
    owner: Owner,
) -> Result<Opener, Error> {
    match encryption {
        Encryption::Customer { .. } => Ok(Opener::ChecksumAlone),
        Encryption::Service | Encryption::Kms { .. } => Cipher::new(secret, body.id, body.part)
            .map(|cipher| Opener::Seal(Box::new(cipher)))
            .map_err(|_| damage(owner, "a data key has another length")),
    }
}

fn sound_if_whole(encryption: &Encryption) -> Soundness {
    match encryption {
        Encryption::Customer { .. } => Soundness::Sealed,
        Encryption::Service | Encryption::Kms { .. } => Soundness::Whole,
    }
}

fn body_rows(view: &View<'_>, owner: Owner) -> Result<Vec<(u32, BodyRow)>, Error> {
    Ok(view.all(
        "SELECT part, body, sealed FROM bodies WHERE owner = ?1",
        params![owner],
        body_row,
    )?)
}

fn body_rows_of(view: &View<'_>, owner: Owner, part: u32) -> Result<Vec<(u32, BodyRow)>, Error> {
    Ok(view.all(
        "SELECT part, body, sealed FROM bodies WHERE owner = ?1 AND part = ?2",
        params![owner, part],
        body_row,
    )?)
}

fn body_row(row: &Row<'_>) -> Result<(u32, BodyRow), RowError> {
    let body = BodyRow {
        id: columns::bytes16(row, 1)?,
        sealed: row.get(2)?,
    };
    Ok((row.get(0)?, body))
}

/// Takes the row of a body out of those there are, and returns what it holds if it is a small one.
fn inline_of(
    rows: &mut Vec<(u32, BodyRow)>,
    body: &Body,
    owner: Owner,
) -> Result<Option<Vec<u8>>, Error> {
    let missing = || damage(owner, "a body's row is missing");
    let at = rows
        .iter()
        .position(|(part, row)| *part == body.part && row.id == body.id.0)
        .ok_or_else(missing)?;
    let (_, row) = rows.swap_remove(at);
    match (body.place, row.sealed) {
        (Place::Inline, Some(sealed)) => Ok(Some(sealed)),
        (Place::File, None) => Ok(None),
        (Place::Inline, None) | (Place::File, Some(_)) => Err(missing()),
    }
}

fn owner_of(examined: Examined) -> Owner {
    match examined {
        Examined::Version(version) => *version.as_bytes(),
        Examined::Part { upload, .. } => *upload.as_bytes(),
    }
}

/// Says what is damaged; whose it is, the examination knows.
fn damage(owner: Owner, what: &'static str) -> Error {
    damaged(VersionId::from_bytes(owner), what)
}

/// Tells damage from what keeps everything from being examined.
fn damage_of(error: Error) -> Result<&'static str, Error> {
    match error {
        Error::Corrupt { what, .. } => Ok(what),
        Error::CorruptRecord(_) => Ok("its record does not open"),
        Error::NoSuchBucket => Ok("its tenant's key is missing"),
        Error::Keys(onshore_keys::Error::DoesNotOpen) => Ok("its tenant's key does not open"),
        Error::Database(error) if error.kind() == onshore_db::ErrorKind::Corrupt => {
            Ok("its record cannot be read")
        }
        Error::Files(error)
            if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) =>
        {
            Ok("a body's file cannot be read")
        }
        other => Err(other),
    }
}

impl fmt::Debug for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Examination")
            .field("examined", &self.examined)
            .finish_non_exhaustive()
    }
}
