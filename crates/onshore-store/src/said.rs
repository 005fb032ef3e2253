//! What is said of an object beside its bytes: its name, the headers that describe it, its metadata and its tags. People put
//! into names what is in files, so it is looked through with the bytes, and what is found in it makes the label stricter
//! (decision 0028). Whoever stages, begins an upload or sets tags hands over what was looked through; a hash of it is compared
//! with what is kept.

use std::collections::BTreeMap;
use std::num::ParseIntError;

use onshore_classify::{Outcome, Scanner};
use onshore_types::{Label, ObjectKey};
use ring::digest::{SHA256, digest};

use crate::Error;
use crate::facts::Facts;
use crate::object::{ContentHeaders, NewObject, ObjectHead, Tags};
use crate::scan::{By, Looked, ScanStanding};

/// The tag that declares a class.
pub const CLASS_TAG: &str = "onshore-class";

/// The tag, or user metadata, that declares how many persons an object tells of at most.
pub const PERSONS_TAG: &str = "onshore-persons";

/// What is said of an object, a line each.
pub(crate) struct Said {
    text: String,
    /// How many persons it tells of at most, as whoever wrote it says.
    persons: u64,
}

/// Reads how many persons are declared. A front refuses what is no number; of whoever writes past it, it says nothing.
#[must_use]
pub fn declared_persons(said: &BTreeMap<String, String>) -> Option<Result<u32, ParseIntError>> {
    said.get(PERSONS_TAG).map(|text| text.trim().parse())
}

/// The same, for counting; none is as good as nobody.
pub(crate) fn persons_said(said: &BTreeMap<String, String>) -> u64 {
    declared_persons(said)
        .and_then(Result::ok)
        .map_or(0, u64::from)
}

impl Said {
    /// Gathers what a writer says of a new object.
    pub(crate) fn of_new(key: &ObjectKey, object: &NewObject) -> Self {
        Self::of(key, &object.content, &object.user_metadata, &object.tags)
    }

    /// Gathers what is said of a version.
    pub(crate) fn of_version(facts: &Facts, tags: &Tags) -> Self {
        Self::of(&facts.key, &facts.content, &facts.user_metadata, tags)
    }

    fn of(
        key: &ObjectKey,
        content: &ContentHeaders,
        user_metadata: &BTreeMap<String, String>,
        tags: &Tags,
    ) -> Self {
        let mut said = Self::of_key(key);
        let ContentHeaders {
            content_type,
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
            expires,
            website_redirect,
        } = content;
        let headers = [
            content_type,
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
            expires,
            website_redirect,
        ];
        for header in headers.into_iter().flatten() {
            said.text.push_str(header);
            said.text.push('\n');
        }
        said.pairs(user_metadata);
        said.pairs(tags);
        said.persons = persons_said(user_metadata).max(persons_said(tags));
        said
    }

    fn of_text(text: String) -> Self {
        Self { text, persons: 0 }
    }

    fn of_key(key: &ObjectKey) -> Self {
        Self::of_text(key.as_str().to_owned() + "\n")
    }

    /// Persons that tags declare are counted where those that the bytes tell of are known.
    fn of_tags(tags: &Tags) -> Self {
        let mut said = Self::of_text(String::new());
        said.pairs(tags);
        said
    }

    /// A name may say what its value is: `phone`.
    fn pairs(&mut self, pairs: &BTreeMap<String, String>) {
        for (name, value) in pairs {
            for part in [name, ": ", value, "\n"] {
                self.text.push_str(part);
            }
        }
    }

    /// Returns its length in bytes.
    pub(crate) fn len_bytes(&self) -> u64 {
        u64::try_from(self.text.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, self.text.as_bytes()).as_ref());
        hash
    }

    /// Has it looked through with the bytes.
    pub(crate) fn hand_to(&self, scanner: &mut Scanner) {
        scanner.look_beside(&self.text);
        if self.persons > 0 {
            scanner.declare_persons(self.persons);
        }
    }

    fn look(&self, mut scanner: Scanner) -> Result<Looked, Error> {
        let by = By::scanner(&scanner);
        self.hand_to(&mut scanner);
        match scanner.finish() {
            Outcome::Done(findings) => {
                let looked = Looked::of(*findings, by, ScanStanding::Read);
                Ok(looked.with_said(self.digest()))
            }
            // There are no bytes.
            Outcome::Whole(_) => Err(Error::PermitMismatch("scanner")),
        }
    }
}

impl ObjectHead {
    /// Returns how many bytes are said of the object: its name, the headers that describe it, its metadata and its tags.
    #[must_use]
    pub fn said_bytes(&self) -> u64 {
        Said::of(&self.key, &self.content, &self.user_metadata, &self.tags).len_bytes()
    }
}

impl Looked {
    /// Looks through what a client says of the object that an upload will become.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`] for a scanner that was given bytes already.
    pub fn at_upload(scanner: Scanner, key: &ObjectKey, object: &NewObject) -> Result<Self, Error> {
        Said::of_new(key, object).look(scanner)
    }

    /// Looks through tags that an object is to have.
    ///
    /// # Errors
    /// As [`Looked::at_upload`].
    pub fn at_tags(scanner: Scanner, tags: &Tags) -> Result<Self, Error> {
        let looked = Said::of_tags(tags).look(scanner)?;
        // A front refuses a word that is no class; of whoever writes past it, it is no word at all.
        let class = tags.get(CLASS_TAG);
        let class = class.and_then(|word| Label::parse_declaration(word).ok());
        Ok(Self { class, ..looked })
    }

    /// Looks through what is said of a bucket: a setting.
    ///
    /// # Errors
    /// As [`Looked::at_upload`].
    pub fn at_setting(scanner: Scanner, document: &str) -> Result<Self, Error> {
        Said::of_text(document.to_owned()).look(scanner)
    }

    /// Looks through a key of which nothing else is there: that of a delete marker.
    ///
    /// # Errors
    /// As [`Looked::at_upload`].
    pub fn at_key(scanner: Scanner, key: &ObjectKey) -> Result<Self, Error> {
        Said::of_key(key).look(scanner)
    }

    pub(crate) fn is_of_key(&self, key: &ObjectKey) -> Result<(), Error> {
        self.is_of(&Said::of_key(key))
    }

    /// Checks that it was this that was looked through.
    pub(crate) fn is_of(&self, said: &Said) -> Result<(), Error> {
        if self.said == Some(said.digest()) {
            Ok(())
        } else {
            Err(Error::PermitMismatch("description of the object"))
        }
    }

    pub(crate) fn is_of_tags(&self, tags: &Tags) -> Result<(), Error> {
        self.is_of(&Said::of_tags(tags))
    }
}
