//! Collecting who is told of in an object, as its bytes go by.

use super::flags::Flags;
use super::hubs::Hubs;
use super::key::PersonKey;
use super::kind::PersonKind;
use super::object::{Beyond, ObjectPersons, Writer};
use super::pile::{Pile, Stacked};

/// So many identifiers of a record are looked at together; a record with more links none of them.
const RECORD_MAX: usize = 64;
/// What may lie unsorted.
const LOOSE_MIN: usize = 1 << 10;
/// So many trials are told apart: one bit is for what is sure, one for all other trials.
const TRIALS_MAX: usize = 14;
const SURE: u16 = 1;
const OTHER_TRIALS: u16 = 1 << 15;

/// Where something was found: what stands in one record is about one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// A row of a table, an object of JSON, an element of a list, by number.
    Row(u64),
    /// A line of a text that is no table, by number. It is about one person only if nothing in it says otherwise: two
    /// identifiers of one kind do.
    Line(u64),
}

/// How sure it is that something is the identifier it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Sure,
    /// Whether it is shows at the end, together with all others that have this number.
    Trial(u32),
}

/// What something that is no identifier says of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Something that the law holds sensitive.
    Sensitive,
    /// That the person lives in the country.
    LivesHere,
    /// That the person lives abroad.
    LivesAbroad,
}

/// Collects the persons of one object. Memory is bounded: of identifiers beyond what fits, no pseudonym is kept, and each
/// time one stands somewhere may be another person.
#[derive(Debug)]
pub struct Collector {
    key: PersonKey,
    identifiers_max: usize,
    /// By rank of kind.
    kinds: Vec<Pile<Known>>,
    /// How many may be added before it is looked whether all still fit.
    room: usize,
    is_full: bool,
    beyond: Beyond,
    is_sensitive_throughout: bool,
    trials: Vec<u32>,
    hubs: Hubs,
    record: Option<Record>,
    mentions: Vec<Mention>,
    /// What is told in the record beside its identifiers.
    told: Flags,
    is_crowded: bool,
}

/// An identifier in a record.
#[derive(Debug, Clone, Copy)]
struct Mention {
    kind: PersonKind,
    pseudonym: u64,
    /// The trials it was found in.
    seen: u16,
    residence: Flags,
}

/// What is known of an identifier as long as trials are open, in the order of its bits: the pseudonym; in which trials it was
/// found; which trials explain it, and do so beside something sensitive; and the flags that no trial decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Known(u128);

impl Known {
    fn new(
        pseudonym: u64,
        seen: u16,
        explained: u16,
        sensitive_explained: u16,
        flags: Flags,
    ) -> Self {
        Self(
            u128::from(pseudonym) << 64
                | u128::from(seen) << 48
                | u128::from(explained) << 32
                | u128::from(sensitive_explained) << 16
                | u128::from(flags.byte()),
        )
    }

    fn pseudonym(self) -> u64 {
        (self.0 >> 64) as u64
    }

    fn mask(self, shift: u32) -> u16 {
        (self.0 >> shift & 0xFFFF) as u16
    }

    /// Returns the flags once it is known which trials hold; none if it is no identifier then.
    fn flags(self, held: u16) -> Option<Flags> {
        let flags = Flags::parse((self.0 & 0xFF) as u8)?;
        (self.mask(48) & held != 0).then(|| {
            flags
                .with(Flags::EXPLAINED.when(self.mask(32) & held != 0))
                .with(Flags::SENSITIVE_EXPLAINED.when(self.mask(16) & held != 0))
        })
    }
}

impl Stacked for Known {
    fn is_alike(self, other: Self) -> bool {
        self.pseudonym() == other.pseudonym()
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Collector {
    /// Begins. It keeps so many distinct identifiers at most, and half as many at least. Each takes 16 bytes, and an eighth
    /// more.
    #[must_use]
    pub fn new(key: PersonKey, identifiers_max: usize) -> Self {
        Self {
            key,
            identifiers_max,
            kinds: PersonKind::all().map(|_| Pile::new(LOOSE_MIN)).collect(),
            room: identifiers_max,
            is_full: identifiers_max == 0,
            beyond: Beyond::default(),
            is_sensitive_throughout: false,
            trials: Vec::new(),
            hubs: Hubs::default(),
            record: None,
            mentions: Vec::new(),
            told: Flags::NONE,
            is_crowded: false,
        }
    }

    /// Takes an identifier that was found in a record. All of a record comes together.
    pub fn hit(&mut self, record: Record, kind: PersonKind, value: &[u8], standing: Standing) {
        self.go_to(record);
        let Some((pseudonym, residence)) = self.key.look_at(kind, value) else {
            return;
        };
        let seen = self.bit(standing);
        let alike = self
            .mentions
            .iter_mut()
            .find(|mention| mention.kind == kind && mention.pseudonym == pseudonym.0);
        if let Some(mention) = alike {
            mention.seen |= seen;
            return;
        }
        if self.mentions.len() == RECORD_MAX {
            self.is_crowded = true;
            self.keep_mentions();
        }
        self.mentions.push(Mention {
            kind,
            pseudonym: pseudonym.0,
            seen,
            residence,
        });
    }

    /// Takes what something else in a record says of its person. Outside of tables what is sensitive tells of everybody in
    /// the object: a letter names its person once.
    pub fn tell(&mut self, record: Record, telling: Telling) {
        self.go_to(record);
        let is_of_record = matches!(record, Record::Row(_)) && !self.is_crowded;
        match telling {
            Telling::Sensitive if is_of_record => self.told = self.told.with(Flags::SENSITIVE),
            Telling::Sensitive => self.is_sensitive_throughout = true,
            Telling::LivesHere => self.told = self.told.with(Flags::LOCAL),
            Telling::LivesAbroad => self.told = self.told.with(Flags::ABROAD),
        }
    }

    /// Reckons with so many more persons of whom no identifier tells: rows with nothing but a name.
    pub fn reckon_with(&mut self, persons: u64) {
        self.beyond.persons = self.beyond.persons.saturating_add(persons);
    }

    /// Holds that everybody in the object is told of in a sensitive way.
    pub fn all_sensitive(&mut self) {
        self.is_sensitive_throughout = true;
    }

    /// Ends, and says who is told of, now that it is known which trials hold.
    #[must_use]
    pub fn finish(mut self, holds: impl Fn(u32) -> bool) -> ObjectPersons {
        self.end_record();
        let mut held = SURE | OTHER_TRIALS;
        for (trial, bit) in self.trials.iter().zip(1..) {
            held |= u16::from(holds(*trial)) << bit;
        }
        let mut writer = Writer::default();
        for (kind, pile) in PersonKind::all().zip(&mut self.kinds) {
            let is_sensitive = self.is_sensitive_throughout;
            let known = pile.settled().iter().filter_map(|known| {
                let flags = known.flags(held)?;
                let sensitive = Flags::SENSITIVE
                    .with(Flags::SENSITIVE_EXPLAINED.when(flags.has(Flags::EXPLAINED)));
                Some((known.pseudonym(), flags.with(sensitive.when(is_sensitive))))
            });
            writer.kind(kind, known);
        }
        if self.is_sensitive_throughout {
            self.beyond.sensitive = self.beyond.persons;
        }
        writer.finish(self.beyond)
    }

    fn bit(&mut self, standing: Standing) -> u16 {
        let Standing::Trial(trial) = standing else {
            return SURE;
        };
        let place = self.trials.iter().position(|known| *known == trial);
        let place = place.unwrap_or(self.trials.len());
        if place >= TRIALS_MAX {
            return OTHER_TRIALS;
        }
        if place == self.trials.len() {
            self.trials.push(trial);
        }
        1 << (place + 1)
    }

    fn go_to(&mut self, record: Record) {
        if self.record != Some(record) {
            self.end_record();
            self.record = Some(record);
        }
    }

    fn end_record(&mut self) {
        self.keep_mentions();
        self.told = Flags::NONE;
        self.is_crowded = false;
    }

    fn keep_mentions(&mut self) {
        let mut mentions = std::mem::take(&mut self.mentions);
        mentions.sort_unstable_by_key(|mention| mention.kind.rank());
        let is_about_one = mentions
            .chunk_by(|one, other| one.kind == other.kind)
            .all(|group| group.len() == 1);
        let are_linked = !self.is_crowded
            && match self.record {
                Some(Record::Row(_)) => true,
                Some(Record::Line(_)) | None => is_about_one,
            };
        let is_linked = |place: usize| {
            let kind = mentions.get(place).map(|mention| mention.kind);
            let of = |place: Option<usize>| Some(mentions.get(place?)?.kind);
            are_linked && of(place.checked_sub(1)) != kind && of(Some(place + 1)) != kind
        };
        let linked = || (0..).zip(&mentions).filter(|(place, _)| is_linked(*place));
        let told = linked().fold(self.told, |told, (_, mention)| told.with(mention.residence));
        for (place, mention) in (0..).zip(&mentions) {
            if !is_linked(place) {
                let sensitive = Flags::SENSITIVE.when(self.told.has(Flags::SENSITIVE));
                self.keep(mention, 0, sensitive);
                continue;
            }
            // The trials that explain it: those of what ranks higher.
            let explained = linked()
                .take_while(|(higher, _)| *higher < place)
                .filter(|(_, other)| self.hubs.is_of_one(other.pseudonym, mention.pseudonym))
                .fold(0, |trials, (_, other)| trials | other.seen & !OTHER_TRIALS);
            self.keep(mention, explained, told);
        }
        mentions.clear();
        self.mentions = mentions;
    }

    fn keep(&mut self, mention: &Mention, explained: u16, told: Flags) {
        let is_sensitive = told.has(Flags::SENSITIVE);
        let known = Known::new(
            mention.pseudonym,
            mention.seen,
            explained,
            if is_sensitive { explained } else { 0 },
            mention.residence.with(told),
        );
        let Some(pile) = self.kinds.get_mut(mention.kind.rank()) else {
            return;
        };
        if self.is_full {
            let is_explained = explained & SURE != 0;
            if !pile.teach(known) && !is_explained {
                self.beyond.persons = self.beyond.persons.saturating_add(1);
                let sensitive = u64::from(is_sensitive);
                self.beyond.sensitive = self.beyond.sensitive.saturating_add(sensitive);
            }
            return;
        }
        pile.add(known);
        self.room = self.room.saturating_sub(1);
        if self.room == 0 {
            self.look_for_room();
        }
    }

    /// Brings everything in order. What came more than once makes room; if that is too little, nothing more is kept.
    fn look_for_room(&mut self) {
        let kept: usize = self.kinds.iter_mut().map(|pile| pile.settled().len()).sum();
        self.is_full = kept >= self.identifiers_max.div_ceil(2);
        self.room = self.identifiers_max.saturating_sub(kept);
    }
}
