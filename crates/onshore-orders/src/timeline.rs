//! A record over time. Each of its revisions says from which day on it holds, and of each day the last word counts: a revision of a
//! day adds a segment that begins there, and one without a day corrects the newest segment as if it had always been so. What was
//! corrected is kept beside it (`docs/decisions/0065`).

use onshore_types::Timestamp;

use crate::records::{Holding, Organisation};
use crate::{Day, UtcOffset, sector};

/// A revision of a record, and since when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<T> {
    /// What it says.
    pub record: T,
    /// The first day of which it says so; none where that is from the beginning.
    pub from: Option<Day>,
    /// When it was recorded.
    pub recorded: Timestamp,
}

/// A record as it was told of, revision for revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline<T> {
    revisions: Vec<Told<T>>,
}

/// What was recorded of days that had come and of which a later revision said something else.
#[derive(Debug, Clone, Copy)]
pub struct Corrected<'a, T> {
    /// What it was.
    pub was: &'a Told<T>,
    /// When something else was recorded.
    pub at: Timestamp,
}

/// What held before something else did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier<T> {
    /// What it was.
    pub record: T,
    /// The first day on which it was no longer.
    pub until: Day,
}

impl<T> Timeline<T> {
    /// Begins with the first revision of a record.
    #[must_use]
    pub fn new(first: Told<T>) -> Self {
        Self {
            revisions: vec![first],
        }
    }

    /// Takes the next revision.
    pub fn push(&mut self, next: Told<T>) {
        self.revisions.push(next);
    }

    /// Returns the revision, where it is the only one and no day is asked of it.
    #[must_use]
    pub(crate) fn only(&self) -> Option<&Told<T>> {
        match &self.revisions[..] {
            [only] if only.from.is_none() => Some(only),
            _ => None,
        }
    }

    /// Returns every revision, in the order in which they were recorded.
    #[must_use]
    pub fn revisions(&self) -> &[Told<T>] {
        &self.revisions
    }

    /// Returns what holds on a day; none before the first.
    #[must_use]
    pub fn on(&self, day: Day) -> Option<&Told<T>> {
        self.revisions
            .iter()
            .rev()
            .find(|told| told.from <= Some(day))
    }

    /// Returns the segments that have begun by a day, in the order of their days.
    #[must_use]
    pub fn segments(&self, until: Day) -> Vec<&Told<T>> {
        self.sorted(until).0
    }

    /// Returns what was recorded of days until this one and corrected since, in the order in which that was done: what counts no longer,
    /// and what was found afterwards to have ended.
    #[must_use]
    pub fn corrected(&self, until: Day) -> Vec<Corrected<'_, T>> {
        self.sorted(until).1
    }

    /// Returns what was known of a day at some time between two instants.
    #[must_use]
    pub fn known_of(&self, day: Day, since: Timestamp, until: Timestamp) -> Vec<&Told<T>> {
        let of_it: Vec<_> = self
            .revisions
            .iter()
            .filter(|told| told.from <= Some(day) && told.recorded <= until)
            .collect();
        let nexts = of_it.iter().skip(1).map(|next| Some(next.recorded));
        let ended = nexts.chain(std::iter::once(None));
        of_it
            .iter()
            .zip(ended)
            .filter(|(_, ended)| ended.is_none_or(|ended| since < ended))
            .map(|(told, _)| *told)
            .collect()
    }

    /// Returns each revision, and when another one replaced it.
    fn replaced(&self) -> impl Iterator<Item = (&Told<T>, Option<Timestamp>)> {
        let nexts = self
            .revisions
            .iter()
            .skip(1)
            .map(|next| Some(next.recorded));
        self.revisions
            .iter()
            .zip(nexts.chain(std::iter::once(None)))
    }

    fn sorted(&self, until: Day) -> (Vec<&Told<T>>, Vec<Corrected<'_, T>>) {
        let mut segments: Vec<&Told<T>> = Vec::new();
        let mut corrected = Vec::new();
        for next in self
            .revisions
            .iter()
            .filter(|told| told.from <= Some(until))
        {
            let keeps = segments.partition_point(|one| one.from < next.from);
            let at = next.recorded;
            let over = segments.drain(keeps..);
            corrected.extend(over.map(|was| Corrected { was, at }));
            let cut = segments
                .last()
                .filter(|_| next.from < Some(Day::at(at, UtcOffset::UTC)));
            corrected.extend(cut.map(|was| Corrected { was, at }));
            segments.push(next);
        }
        (segments, corrected)
    }
}

impl<T: Clone> Timeline<T> {
    /// Returns what holds on a day, and what held before it.
    #[must_use]
    pub fn until(&self, day: Day) -> Option<(T, Vec<Earlier<T>>)> {
        let segments = self.segments(day);
        let last = segments.last()?.record.clone();
        let earlier = segments.windows(2).filter_map(|two| match two {
            [one, next] => Some(Earlier {
                record: one.record.clone(),
                until: next.from?,
            }),
            _ => None,
        });
        Some((last, earlier.collect()))
    }
}

impl Timeline<Organisation> {
    /// Returns the organisation as it is on a day, with the most users and the most sensitive data of any revision that counts by when it was
    /// replaced, and since when less is on record. What one person typed down another threshold is not passed by.
    #[must_use]
    pub fn with_most(
        &self,
        day: Day,
        counts: impl Fn(Option<Timestamp>) -> bool,
    ) -> Option<(Organisation, Option<Timestamp>)> {
        let mut most = self.on(day)?.record.clone();
        let mut lowered = None;
        for (told, replaced) in self.replaced() {
            let was = &told.record;
            let is_more =
                was.users > most.users || (was.much_sensitive_data && !most.much_sensitive_data);
            if is_more && counts(replaced) {
                most.users = most.users.max(was.users);
                most.much_sensitive_data |= was.much_sensitive_data;
                lowered = replaced;
            }
        }
        Some((most, lowered))
    }

    /// Returns the known trades of all revisions that count by when they were replaced, each once: what one person types over another word
    /// takes no authority away.
    #[must_use]
    pub fn trades(&self, counts: impl Fn(Option<Timestamp>) -> bool) -> Vec<&'static str> {
        let mut all = Vec::new();
        for (told, replaced) in self.replaced() {
            let trade = told.record.sector.as_deref().and_then(sector::known);
            all.extend(trade.filter(|trade| counts(replaced) && !all.contains(trade)));
        }
        all
    }

    /// Returns the organisation as it is on a day, with who held it as each segment says of its own days, and what it was before.
    #[must_use]
    pub fn organisation(&self, day: Day) -> Option<(Organisation, Vec<Earlier<Organisation>>)> {
        let (mut last, earlier) = self.until(day)?;
        if earlier.is_empty() {
            return Some((last, earlier));
        }
        let mut owners: Vec<Holding> = Vec::new();
        let mut from = None;
        for one in &earlier {
            owners.extend(within(&one.record.owners, from, Some(one.until)));
            from = Some(one.until);
        }
        owners.extend(within(&last.owners, from, None));
        last.owners = owners;
        Some((last, earlier))
    }
}

/// Returns what of holdings lies between two days.
fn within(
    holdings: &[Holding],
    from: Option<Day>,
    until: Option<Day>,
) -> impl Iterator<Item = Holding> {
    holdings.iter().filter_map(move |holding| {
        let from = from.map_or(holding.from, |from| from.max(holding.from));
        let until = match (holding.until, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        until.is_none_or(|until| from < until).then(|| Holding {
            from,
            until,
            ..holding.clone()
        })
    })
}

#[cfg(test)]
mod tests {
    use onshore_types::Timestamp;

    use super::{Timeline, Told};
    use crate::Day;

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    fn line(revisions: &[(&'static str, Option<&str>)]) -> Timeline<&'static str> {
        let mut told = revisions
            .iter()
            .enumerate()
            .map(|(number, (record, from))| Told {
                record: *record,
                from: from.map(day),
                recorded: Timestamp::from_millis(number as i64),
            });
        let mut line = Timeline::new(told.next().expect("one"));
        told.for_each(|one| line.push(one));
        line
    }

    fn on(line: &Timeline<&'static str>, text: &str) -> Option<&'static str> {
        line.on(day(text)).map(|told| told.record)
    }

    #[test]
    fn of_each_day_the_last_word_counts() {
        let line = line(&[
            ("a", None),
            ("b", Some("2021-06-01")),
            ("c", Some("2022-01-01")),
            ("c, corrected", Some("2022-01-01")),
        ]);
        assert_eq!(on(&line, "2021-05-31"), Some("a"));
        assert_eq!(on(&line, "2021-06-01"), Some("b"));
        assert_eq!(on(&line, "2021-12-31"), Some("b"));
        assert_eq!(on(&line, "2022-01-01"), Some("c, corrected"));
        let told = |until| {
            let segments = line.segments(day(until));
            let all: Vec<_> = segments.iter().map(|one| one.record).collect();
            all.join("; ")
        };
        assert_eq!(told("2022-01-01"), "a; b; c, corrected");
        assert_eq!(told("2021-12-31"), "a; b");
        let corrected = line.corrected(day("2022-01-01"));
        assert_eq!(corrected.len(), 1);
        assert_eq!(corrected[0].was.record, "c");
        assert_eq!(corrected[0].at.as_millis(), 3);
        assert!(line.corrected(day("2021-12-31")).is_empty());
    }

    #[test]
    fn a_revision_of_an_earlier_day_corrects_all_that_follows() {
        let line = line(&[
            ("a", None),
            ("b", Some("2021-06-01")),
            ("c", Some("2022-01-01")),
            ("d", Some("2021-03-01")),
        ]);
        assert_eq!(on(&line, "2021-02-28"), Some("a"));
        assert_eq!(on(&line, "2021-03-01"), Some("d"));
        assert_eq!(on(&line, "2022-06-01"), Some("d"));
        let corrected = line.corrected(day("2022-06-01"));
        let told: Vec<_> = corrected.iter().map(|one| one.was.record).collect();
        assert_eq!(told, ["b", "c"]);
    }

    #[test]
    fn what_is_told_of_days_gone_by_corrects_them() {
        let told = |from: Option<&str>, recorded: &str| Told {
            record: recorded.to_owned(),
            from: from.map(day),
            recorded: recorded.parse().expect("an instant"),
        };
        let first = told(None, "2021-01-01T00:00:00Z");
        for (from, count) in [("2021-06-01", 0), ("2021-05-31", 1)] {
            let mut line = Timeline::new(first.clone());
            line.push(told(Some(from), "2021-06-01T00:00:00Z"));
            assert_eq!(line.corrected(day("2022-01-01")).len(), count, "{from}");
            let at = |text: &str| text.parse().expect("an instant");
            let known = |since, until| {
                let of = line.known_of(day("2021-07-01"), at(since), at(until));
                of.len()
            };
            assert_eq!(known("2021-05-01T00:00:00Z", "2021-05-31T23:59:59Z"), 1);
            assert_eq!(known("2021-05-31T23:59:59Z", "2021-06-01T00:00:00Z"), 2);
            assert_eq!(known("2021-06-01T00:00:00Z", "2021-07-01T00:00:00Z"), 1);
            assert_eq!(known("2020-05-31T23:59:59Z", "2020-06-01T00:00:00Z"), 0);
        }
    }
}
