//! A source in memory that does to its reader what sources do, and worse.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use md5::{Digest, Md5};
use onshore_migrate::OpenSource;
use onshore_sources::{
    ByteStream, Coverage, Credentials, Described, Details, Entry, Error, EtagMeaning, Fetched,
    ListCursor, Obstacle, Oddity, Page, Source, SourceAccess, SourceRetention, Turn, TurnKind,
};
use onshore_types::{ByteRange, Timestamp};

const PAGE_LEN: usize = 3;

/// What a source does with one of its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mischief {
    #[default]
    None,
    /// Vouches for other bytes than it sends, each time.
    WrongBytes,
    /// The same, the first time only.
    WrongBytesOnce,
    /// Sends other bytes each time and vouches for nothing.
    OtherBytesEachTime,
    /// Becomes another object while it is read, the first time.
    ChangesOnce,
    /// Becomes another object each time it is read.
    ChangesAlways,
    /// Does not answer so many times.
    Storm(u32),
    /// Never answers.
    Silent,
    /// Is gone when it is asked for.
    Disappears,
    /// May not be read.
    Forbidden,
    /// The credentials run out with it.
    CredentialsExpire,
    /// Sends fewer bytes than it says, and ends cleanly.
    EndsEarly,
    /// Sends more bytes than it says.
    EndsLate,
    /// Breaks off in the middle, once.
    BreaksOnce,
    /// Another object of this index appears once this one is read.
    MakesAnother,
    /// The objects of these names, a letter each, are gone once this one is read.
    RemovesAll(&'static str),
}

/// What a source says of an object's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Vouch {
    #[default]
    Md5,
    /// Parts of this size.
    Parts(usize),
    Nothing,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    pub(crate) vouch: Vouch,
    pub(crate) mischief: Mischief,
    pub(crate) class: Option<String>,
    pub(crate) obstacle: Option<Obstacle>,
    pub(crate) is_held: bool,
    pub(crate) retention: Option<SourceRetention>,
    pub(crate) generation: u32,
    pub(crate) asked: u32,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    oddities: Vec<Oddity>,
    listings: u32,
    restless: bool,
    storm_of_listings: u32,
    forgets_cursors: bool,
    repeats_last: bool,
    takes_at_once: Option<usize>,
    streams: Arc<()>,
    refused: u32,
    opened: Vec<(String, u64)>,
    /// Of a source that keeps versions: those of each key, the newest first.
    versions: BTreeMap<String, Vec<Kept>>,
    keeps_versions: bool,
}

/// A version of a key.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) id: String,
    /// None for a delete marker.
    pub(crate) object: Option<Object>,
    pub(crate) modified: i64,
}

/// A source in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
}

impl Fake {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    pub(crate) fn put(&self, key: &str, object: Object) {
        let mut state = self.lock();
        let generation = state.objects.get(key).map_or(0, |old| old.generation + 1);
        state.objects.insert(
            key.to_owned(),
            Object {
                generation,
                ..object
            },
        );
    }

    pub(crate) fn put_bytes(&self, key: &str, bytes: &[u8]) {
        self.put(
            key,
            Object {
                bytes: bytes.to_vec(),
                ..Object::default()
            },
        );
    }

    pub(crate) fn put_mischief(&self, key: &str, mischief: Mischief) {
        let bytes = format!("the bytes of {key}").into_bytes();
        self.put(
            key,
            Object {
                bytes,
                mischief,
                ..Object::default()
            },
        );
    }

    pub(crate) fn remove(&self, key: &str) {
        self.lock().objects.remove(key);
    }

    /// From now on the source tells of versions.
    pub(crate) fn keep_versions(&self) {
        self.lock().keeps_versions = true;
    }

    /// Puts a version, or a delete marker, in front of the others of its key.
    pub(crate) fn put_version(&self, key: &str, id: &str, object: Option<Object>) {
        let mut state = self.lock();
        let versions = state.versions.entry(key.to_owned()).or_default();
        let modified = 1_700_000_000_000 + 1000 * i64::try_from(versions.len()).expect("few");
        let id = id.to_owned();
        versions.insert(
            0,
            Kept {
                id,
                object,
                modified,
            },
        );
    }

    /// Removes a version for good.
    pub(crate) fn remove_version(&self, key: &str, id: &str) {
        if let Some(versions) = self.lock().versions.get_mut(key) {
            versions.retain(|kept| kept.id != id);
        }
    }

    pub(crate) fn put_oddity(&self, oddity: Oddity) {
        self.lock().oddities.push(oddity);
    }

    /// From now on something new appears before each listing.
    pub(crate) fn make_restless(&self) {
        self.lock().restless = true;
    }

    /// The next listings do not answer.
    pub(crate) fn storm_listings(&self, times: u32) {
        self.lock().storm_of_listings = times;
    }

    /// The next position to go on from is not known any longer.
    pub(crate) fn forget_cursors_once(&self) {
        self.lock().forgets_cursors = true;
    }

    /// From now on it hands out no more than so many bodies at the same time.
    pub(crate) fn take_at_once(&self, bodies: usize) {
        self.lock().takes_at_once = Some(bodies);
    }

    /// How often it was asked for more.
    pub(crate) fn refused(&self) -> u32 {
        self.lock().refused
    }

    /// From now on each page names the last object of the page before once more.
    pub(crate) fn repeat_between_pages(&self) {
        self.lock().repeats_last = true;
    }

    /// Which objects were opened, and from which byte on.
    pub(crate) fn opened(&self) -> Vec<(String, u64)> {
        self.lock().opened.clone()
    }

    pub(crate) fn forget_opened(&self) {
        self.lock().opened.clear();
    }

    pub(crate) fn bytes(&self, key: &str) -> Vec<u8> {
        self.lock()
            .objects
            .get(key)
            .expect("an object")
            .bytes
            .clone()
    }
}

impl Fake {
    fn describe_now(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(Details, Option<Obstacle>), Error> {
        let mut state = self.lock();
        let object = state
            .object(key, version)
            .ok_or(Error::Gone { what: "404".into() })?;
        match object.mischief {
            Mischief::Storm(times) if object.asked < times => {
                object.asked += 1;
                return Err(unavailable());
            }
            Mischief::Silent => return Err(unavailable()),
            Mischief::Disappears => {
                return Err(Error::Gone {
                    what: "404 NoSuchKey".into(),
                });
            }
            Mischief::Forbidden => {
                return Err(Error::Forbidden {
                    what: "403 AccessDenied".into(),
                });
            }
            Mischief::CredentialsExpire => {
                return Err(Error::Credentials {
                    what: "400 ExpiredToken".into(),
                });
            }
            _ => {}
        }
        let (etag, etag_meaning) = etag(object);
        let part_sizes = match object.vouch {
            Vouch::Parts(size) => Some(
                object
                    .bytes
                    .chunks(size)
                    .map(|part| part.len() as u64)
                    .collect(),
            ),
            Vouch::Md5 | Vouch::Nothing => None,
        };
        let obstacle = object.obstacle;
        let details = Details {
            fingerprint: fingerprint(object),
            version: version.map(str::to_owned),
            is_held: object.is_held,
            retention: object.retention,
            modified: Some(Timestamp::from_millis(1_700_000_000_000)),
            etag: Some(etag),
            etag_meaning,
            size_bytes: object.bytes.len() as u64,
            content_type: Some("text/plain".into()),
            user_metadata: object
                .class
                .iter()
                .map(|class| ("onshore-class".to_owned(), class.clone()))
                .chain([("origin".to_owned(), "fake".to_owned())])
                .collect(),
            tags: [("kind".to_owned(), "test".to_owned())].into(),
            part_sizes,
            ..Details::default()
        };
        Ok((details, obstacle))
    }
}

impl State {
    fn object(&mut self, key: &str, version: Option<&str>) -> Option<&mut Object> {
        let Some(version) = version else {
            return self.objects.get_mut(key);
        };
        let versions = self.versions.get_mut(key)?;
        let kept = versions.iter_mut().find(|kept| kept.id == version)?;
        kept.object.as_mut()
    }

    /// A few versions at a time, so that the versions of a key fall into several pages.
    fn page_of_versions(&self, after: Option<&ListCursor>) -> Page {
        let from: usize = after.map_or(0, |after| after.as_str().parse().expect("a number"));
        let all: Vec<Entry> = self
            .versions
            .iter()
            .flat_map(|(key, versions)| {
                versions.iter().enumerate().map(|(newer, kept)| Entry {
                    key: key.clone(),
                    size_bytes: kept
                        .object
                        .as_ref()
                        .map_or(0, |object| object.bytes.len() as u64),
                    fingerprint: kept.object.as_ref().map_or_else(String::new, fingerprint),
                    modified: Some(Timestamp::from_millis(kept.modified)),
                    place: Some(Turn {
                        version: kept.id.clone(),
                        newer: u32::try_from(newer).expect("few"),
                        kind: match kept.object {
                            Some(_) => TurnKind::Object,
                            None => TurnKind::Marker,
                        },
                    }),
                })
            })
            .collect();
        let until = all.len().min(from + PAGE_LEN);
        Page {
            entries: all[from..until].to_vec(),
            oddities: self.oddities.clone(),
            next: (until < all.len()).then(|| ListCursor::from_kept(until.to_string())),
        }
    }
}

fn unavailable() -> Error {
    Error::Unavailable {
        what: "503 SlowDown".into(),
    }
}

fn etag(object: &Object) -> (String, EtagMeaning) {
    match object.vouch {
        Vouch::Md5 => {
            let md5: [u8; 16] = Md5::digest(&object.bytes).into();
            (hex_of(&md5), EtagMeaning::Md5(md5))
        }
        Vouch::Parts(size) => {
            let mut whole = Md5::new();
            let parts = object
                .bytes
                .chunks(size)
                .inspect(|part| whole.update(Md5::digest(part)))
                .count();
            let md5: [u8; 16] = whole.finalize().into();
            let meaning = EtagMeaning::Composite {
                md5,
                parts: u32::try_from(parts).expect("few"),
            };
            (format!("{}-{parts}", hex_of(&md5)), meaning)
        }
        Vouch::Nothing => (format!("opaque {}", object.generation), EtagMeaning::Opaque),
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fingerprint(object: &Object) -> String {
    format!("{} {}", object.bytes.len(), object.generation)
}

#[async_trait]
impl Source for Fake {
    fn coverage(&self) -> Coverage {
        if self.lock().keeps_versions {
            Coverage::Versions
        } else {
            Coverage::Current
        }
    }

    async fn list(&self, after: Option<&ListCursor>) -> Result<Page, Error> {
        let mut state = self.lock();
        if state.keeps_versions {
            return Ok(state.page_of_versions(after));
        }
        if state.storm_of_listings > 0 {
            state.storm_of_listings -= 1;
            return Err(unavailable());
        }
        let mut page = Page::default();
        if after.is_none() {
            state.listings += 1;
            if state.restless {
                let key = format!("zz new {}", state.listings);
                state.objects.insert(key, Object::default());
            }
            page.oddities.clone_from(&state.oddities);
        }
        if after.is_some() && std::mem::take(&mut state.forgets_cursors) {
            return Err(Error::Protocol {
                what: "the position is not known".to_owned(),
            });
        }
        let from = after.map(ListCursor::as_str).unwrap_or_default();
        let mut rest = state
            .objects
            .iter()
            .filter(|(key, _)| key.as_str() > from || (state.repeats_last && key.as_str() == from))
            .peekable();
        while let Some((key, object)) = rest.next() {
            page.entries.push(Entry {
                key: key.clone(),
                size_bytes: object.bytes.len() as u64,
                fingerprint: fingerprint(object),
                modified: Some(Timestamp::from_millis(1_700_000_000_000)),
                place: None,
            });
            if page.entries.len() == PAGE_LEN && rest.peek().is_some() {
                page.next = Some(ListCursor::from_kept(key.clone()));
                break;
            }
        }
        Ok(page)
    }

    async fn fetch(&self, key: &str, version: Option<&str>) -> Result<Fetched, Error> {
        let (details, obstacle) = self.describe_now(key, version)?;
        let body = match obstacle {
            Some(obstacle) => Err(obstacle),
            None => {
                let whole = ByteRange::whole(details.size_bytes);
                Ok(Source::open(self, key, &details, whole).await?)
            }
        };
        Ok(Fetched { details, body })
    }

    async fn describe(&self, key: &str, version: Option<&str>) -> Result<Described, Error> {
        let (details, obstacle) = self.describe_now(key, version)?;
        Ok(Described { details, obstacle })
    }

    async fn open(
        &self,
        key: &str,
        details: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error> {
        let mut state = self.lock();
        // Each body under way holds one, and so does the source itself.
        if state
            .takes_at_once
            .is_some_and(|most| Arc::strong_count(&state.streams) > most)
        {
            state.refused += 1;
            return Err(unavailable());
        }
        state.opened.push((key.to_owned(), range.start));
        let object = state
            .object(key, details.version.as_deref())
            .ok_or(Error::Gone { what: "404".into() })?;
        if fingerprint(object) != details.fingerprint {
            return Err(Error::Changed);
        }
        object.asked += 1;
        let mut bytes = object.bytes.clone();
        let mut end = None;
        match object.mischief {
            Mischief::WrongBytes => flip(&mut bytes, 0),
            Mischief::WrongBytesOnce if object.asked == 1 => flip(&mut bytes, 0),
            Mischief::OtherBytesEachTime => flip(&mut bytes, object.asked),
            Mischief::ChangesOnce if object.asked == 1 => change(object, &mut bytes, &mut end),
            Mischief::ChangesAlways => change(object, &mut bytes, &mut end),
            Mischief::EndsEarly => bytes.truncate(bytes.len() - 1),
            Mischief::EndsLate => bytes.push(b'!'),
            Mischief::BreaksOnce if object.asked == 1 => {
                bytes.truncate(bytes.len() / 2);
                end = Some(unavailable());
            }
            Mischief::MakesAnother => {
                let another = Object {
                    bytes: b"another".to_vec(),
                    ..Object::default()
                };
                state.objects.insert(format!("{key} another"), another);
            }
            Mischief::RemovesAll(names) => {
                state
                    .objects
                    .retain(|key, _| !names.split("").any(|name| name == key));
            }
            _ => {}
        }
        let is_to_end = range.end() == details.size_bytes;
        let from = usize::try_from(range.start)
            .expect("small")
            .min(bytes.len());
        let until = if is_to_end {
            bytes.len()
        } else {
            usize::try_from(range.end())
                .expect("small")
                .min(bytes.len())
        };
        let chunks: Vec<Result<Bytes, Error>> = bytes[from..until]
            .chunks(100_000)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .chain(end.map(Err))
            .collect();
        let under_way = Arc::clone(&state.streams);
        Ok(Box::pin(stream::iter(chunks).map(move |chunk| {
            let _held = &under_way;
            chunk
        })))
    }
}

fn flip(bytes: &mut [u8], seed: u32) {
    if let Some(byte) = bytes.first_mut() {
        *byte ^= u8::try_from(seed % 128).expect("small") | 0x80;
    }
}

/// Half of the old object goes out, and a new one is there.
fn change(object: &mut Object, bytes: &mut Vec<u8>, end: &mut Option<Error>) {
    bytes.truncate(bytes.len() / 2);
    *end = Some(Error::Changed);
    object.generation += 1;
    object.bytes.extend_from_slice(b" and more");
}

#[async_trait]
impl OpenSource for Fake {
    async fn open(
        &self,
        _: &SourceAccess,
        _: Option<&Credentials>,
    ) -> Result<Arc<dyn Source>, Error> {
        Ok(Arc::new(self.clone()))
    }

    async fn open_at_one_address(
        &self,
        _: &SourceAccess,
        _: Option<&Credentials>,
    ) -> Result<(Arc<dyn Source>, IpAddr), Error> {
        Ok((Arc::new(self.clone()), Ipv4Addr::LOCALHOST.into()))
    }
}
