//! Who is told of in a text: hands what is found to a collector of persons, record by record.

use std::sync::{Arc, LazyLock};

use onshore_types::{Personal, Timestamp};

use crate::beside::Childhood;
use crate::detectors;
use crate::legal::{Beside, LegalRule, LegalTable};
use crate::persons::{Collector, ObjectPersons, PersonKey, PersonKind, Record, Standing, Telling};
use crate::text::Hit;

/// So many distinct identifiers of one text are told apart, and half as many at least; each takes 18 bytes. Those beyond
/// are reckoned as a person each.
const IDENTIFIERS_MAX: usize = 4 << 20;

/// By the place of a detector: the kind of identifier that it finds, where that counts persons.
static KINDS: LazyLock<Vec<Option<PersonKind>>> = LazyLock::new(|| {
    detectors::all()
        .map(|detector| PersonKind::of(detector.id))
        .collect()
});

/// By the place of a detector: from when until when the law holds what it finds sensitive by itself.
static SENSITIVE: LazyLock<Vec<Vec<&'static LegalRule>>> = LazyLock::new(|| {
    let is_of = |rule: &&LegalRule, id: &str| {
        rule.class == Personal::Sensitive
            && rule.beside == Beside::Anything
            && rule.kinds.iter().any(|kind| kind == id)
    };
    let rules = LegalTable::shipped().rules();
    detectors::all()
        .map(|detector| {
            rules
                .iter()
                .filter(|rule| is_of(rule, detector.id))
                .collect()
        })
        .collect()
});

/// How persons are counted.
#[derive(Debug)]
pub(crate) struct Counting {
    key: PersonKey,
    on: Timestamp,
    childhood: Option<Childhood>,
}

/// The persons of one text.
#[derive(Debug)]
pub(crate) struct Gathering {
    counting: Arc<Counting>,
    collector: Collector,
    /// The last record that somebody was told of in, and how many there were.
    record: Option<u64>,
    records: u64,
}

impl Counting {
    /// Says how persons are counted on a day.
    pub(crate) fn new(key: PersonKey, on: Timestamp) -> Self {
        Self {
            key,
            on,
            childhood: Childhood::on(on),
        }
    }

    fn is_child(&self, place: usize, number: &[u8]) -> bool {
        self.childhood
            .is_some_and(|childhood| childhood.is_of(place, number))
    }

    /// Whether the law holds it sensitive what a detector finds.
    fn is_sensitive(&self, place: usize) -> bool {
        SENSITIVE
            .get(place)
            .is_some_and(|rules| rules.iter().any(|rule| rule.is_in_force(self.on)))
    }
}

impl Gathering {
    pub(crate) fn new(counting: &Arc<Counting>) -> Self {
        Self {
            collector: Collector::new(counting.key.clone(), IDENTIFIERS_MAX),
            counting: Arc::clone(counting),
            record: None,
            records: 0,
        }
    }

    /// Takes what was found in a text whose records are rows, or lines.
    pub(crate) fn hit(&mut self, hit: &Hit, text: &[u8], row_or_line: fn(u64) -> Record) {
        let Some(Some(kind)) = KINDS.get(hit.place) else {
            return;
        };
        let Some(value) = text.get(hit.start..hit.end) else {
            return;
        };
        let record = row_or_line(hit.record);
        let trial = hit.trial.map(u32::try_from);
        let standing = match trial {
            Some(Ok(trial)) => Standing::Trial(trial),
            Some(Err(_)) | None => Standing::Sure,
        };
        self.collector.hit(record, *kind, value, standing);
        let is_sensitive =
            self.counting.is_sensitive(hit.place) || self.counting.is_child(hit.place, value);
        if is_sensitive {
            self.collector.tell(record, Telling::Sensitive);
        }
        if self.record != Some(hit.record) {
            self.record = Some(hit.record);
            self.records += 1;
        }
    }

    /// Ends. Where a column is of names, every record of so many that tells of nobody else is reckoned as a person; where
    /// something sensitive is told beside persons, it is told of all of them.
    pub(crate) fn finish(
        mut self,
        named_records: Option<u64>,
        is_sensitive: bool,
        holds: impl Fn(u32) -> bool,
    ) -> ObjectPersons {
        if let Some(records) = named_records {
            self.collector
                .reckon_with(records.saturating_sub(self.records));
        }
        if is_sensitive {
            self.collector.all_sensitive();
        }
        self.collector.finish(holds)
    }
}
