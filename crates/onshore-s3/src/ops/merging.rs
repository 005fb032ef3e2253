//! A listing of a bucket that is here in part and elsewhere in part, as if all were here: two runs of names in the order of
//! their bytes become one, without a name twice and without a gap, in pages of the length that was asked for.
//!
//! No I/O: whoever goes through it asks both sides for what [`Merging::step`] says and hands over what they answer.

use onshore_store::{ListEntry, ListPage, ListQuery, ListStart};

use crate::origin::OriginEntry;

/// No character comes behind it.
const LAST_CHARACTER: char = char::MAX;

/// No key is longer.
const KEY_BYTES_MAX: usize = 1024;

/// A page in the making.
#[derive(Debug)]
pub(crate) struct Merging<'a> {
    query: &'a ListQuery,
    told: Vec<Told>,
    here: ListStart,
    there: Option<String>,
    is_over: bool,
}

/// What is to be asked for next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Where the run that is here begins.
    pub(crate) here: ListStart,
    /// Behind what the run that is elsewhere begins.
    pub(crate) there: Option<String>,
    /// How many of each.
    pub(crate) limit: usize,
}

/// A name in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Object(ListEntry),
    Common(String),
}

impl Told {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Object(entry) => entry.key.as_str(),
            Self::Common(name) => name,
        }
    }
}

impl<'a> Merging<'a> {
    pub(crate) fn new(query: &'a ListQuery) -> Self {
        let there = match &query.start {
            ListStart::First => None,
            ListStart::After(name) | ListStart::Beyond(name) => Some(match roll_up(query, name) {
                Some(common) => behind_all(&common),
                None => name.clone(),
            }),
        };
        Self {
            query,
            told: Vec::new(),
            here: query.start.clone(),
            there,
            is_over: query.limit == 0,
        }
    }

    /// Returns the common prefix that the listing begins within, and the key behind which it does: whether anything of it
    /// is elsewhere has to be looked for by itself, since what is elsewhere is asked for behind all of it.
    pub(crate) fn begun_within(&self) -> Option<(String, &'a str)> {
        match &self.query.start {
            ListStart::After(key) => Some((roll_up(self.query, key)?, key)),
            ListStart::First | ListStart::Beyond(_) => None,
        }
    }

    /// Returns what is to be asked for; none where the page is whole.
    pub(crate) fn step(&self) -> Option<Step> {
        // One more than the page has shows whether another follows.
        let limit = (self.query.limit + 1).saturating_sub(self.told.len());
        (!self.is_over && limit > 0).then(|| Step {
            here: self.here.clone(),
            there: self.there.clone(),
            limit,
        })
    }

    /// Takes what both sides have: of what is elsewhere only what counts beside what is here, and where that run ended, if
    /// more follows.
    pub(crate) fn take(&mut self, here: ListPage, there: Vec<Told>, until: Option<String>) {
        let bound = match (here.next.clone(), until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let mut names: Vec<Told> = here
            .entries
            .into_iter()
            .map(Told::Object)
            .chain(here.common_prefixes.into_iter().map(Told::Common))
            .collect();
        // What is here stands before what is elsewhere under the same name, and stays.
        names.extend(there);
        names.sort_by(|one, other| one.name().cmp(other.name()));
        names.dedup_by(|next, first| next.name() == first.name());
        names.retain(|told| {
            bound.as_deref().is_none_or(|bound| told.name() <= bound) && self.is_ahead(told.name())
        });
        self.told.extend(names);
        match bound {
            None => self.is_over = true,
            Some(bound) => self.go_on_behind(&bound),
        }
    }

    /// Whether a name was told of neither in this page nor in an earlier one.
    fn is_ahead(&self, name: &str) -> bool {
        let is_behind_start = match &self.query.start {
            ListStart::First | ListStart::After(_) => true,
            ListStart::Beyond(marker) => {
                name > marker.as_str() && roll_up(self.query, marker).as_deref() != Some(name)
            }
        };
        is_behind_start && self.told.last().is_none_or(|last| last.name() < name)
    }

    fn go_on_behind(&mut self, bound: &str) {
        let is_told = |common: &String| {
            self.told
                .iter()
                .rev()
                .any(|told| matches!(told, Told::Common(name) if name == common))
        };
        let there = match roll_up(self.query, bound) {
            // All beneath it is told of with it, or it was all that the other side rolled up.
            Some(common) if common == bound || is_told(&common) => behind_all(&common),
            Some(_) | None => bound.to_owned(),
        };
        self.here = ListStart::Beyond(bound.to_owned());
        self.there = Some(match self.there.take() {
            Some(before) if before >= there => before,
            _ => there,
        });
    }

    pub(crate) fn into_page(mut self) -> ListPage {
        let mut page = ListPage::default();
        if self.told.len() > self.query.limit {
            self.told.truncate(self.query.limit);
            page.next = self.told.last().map(|told| told.name().to_owned());
        }
        for told in self.told {
            match told {
                Told::Object(entry) => page.entries.push(entry),
                Told::Common(name) => page.common_prefixes.push(name),
            }
        }
        page
    }
}

/// Rolls up what is elsewhere as the query has it; a side may have rolled up by a longer prefix, or not at all.
pub(crate) fn rolled_up(
    query: &ListQuery,
    entries: Vec<OriginEntry>,
    common_prefixes: Vec<String>,
) -> Vec<Told> {
    let mut names: Vec<Told> = entries
        .into_iter()
        .map(|entry| match roll_up(query, entry.key.as_str()) {
            Some(common) => Told::Common(common),
            None => Told::Object(listed(entry)),
        })
        .chain(
            common_prefixes
                .into_iter()
                .map(|common| Told::Common(roll_up(query, &common).unwrap_or(common))),
        )
        .collect();
    names.sort_by(|one, other| one.name().cmp(other.name()));
    names.dedup_by(|next, first| next.name() == first.name());
    names
}

fn listed(entry: OriginEntry) -> ListEntry {
    ListEntry {
        key: entry.key,
        version: None,
        size_bytes: entry.size_bytes,
        etag: entry.etag,
        modified: entry.modified,
        checksums: Vec::new(),
    }
}

fn roll_up(query: &ListQuery, key: &str) -> Option<String> {
    let delimiter = query
        .delimiter
        .as_deref()
        .filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(query.prefix.as_str())?;
    let at = rest.find(delimiter)?;
    key.get(..query.prefix.len() + at + delimiter.len())
        .map(str::to_owned)
}

/// Returns a text that stands behind every key which begins with this: as many of the last character as a key can have.
fn behind_all(prefix: &str) -> String {
    let mut text = prefix.to_owned();
    while text.len() + LAST_CHARACTER.len_utf8() <= KEY_BYTES_MAX {
        text.push(LAST_CHARACTER);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use onshore_store::{ListEntry, ListPage, ListQuery, ListStart};
    use onshore_types::{ObjectKey, Timestamp};
    use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
    use proptest::{collection, option};

    use super::{Merging, Told, roll_up, rolled_up};
    use crate::origin::{OriginEntry, OriginPage};

    /// What a bucket is made of.
    #[derive(Debug, Clone)]
    struct Sides {
        here: BTreeSet<String>,
        there: BTreeSet<String>,
        removed: BTreeSet<String>,
    }

    impl Sides {
        fn is_left(&self, key: &str) -> bool {
            self.there.contains(key) && !self.removed.contains(key)
        }

        fn all(&self) -> BTreeSet<String> {
            let there = self.there.iter().filter(|key| self.is_left(key));
            self.here.iter().chain(there).cloned().collect()
        }
    }

    fn at(key: &str) -> ListEntry {
        ListEntry {
            key: ObjectKey::parse(key).expect("a key"),
            version: None,
            size_bytes: 0,
            etag: "here".into(),
            modified: Timestamp::from_millis(0),
            checksums: Vec::new(),
        }
    }

    /// What a listing of these keys is, page by page, as the store has it.
    fn model(keys: &BTreeSet<String>, query: &ListQuery) -> (Vec<String>, bool) {
        let (begins, skipped) = match &query.start {
            ListStart::First => (None, None),
            ListStart::After(key) => (Some(key.clone()), None),
            ListStart::Beyond(marker) => (Some(marker.clone()), roll_up(query, marker)),
        };
        let names: BTreeSet<String> = keys
            .iter()
            .filter(|key| key.starts_with(&query.prefix))
            .filter(|key| begins.as_ref().is_none_or(|begins| *key > begins))
            .map(|key| roll_up(query, key).unwrap_or_else(|| key.clone()))
            .filter(|name| Some(name) != skipped.as_ref())
            .collect();
        let is_cut = names.len() > query.limit;
        (names.into_iter().take(query.limit).collect(), is_cut)
    }

    fn page_here(sides: &Sides, query: &ListQuery) -> ListPage {
        let (names, is_cut) = model(&sides.here, query);
        let mut page = ListPage {
            next: names.last().cloned().filter(|_| is_cut),
            ..ListPage::default()
        };
        for name in names {
            match sides.here.contains(&name) && roll_up(query, &name).is_none() {
                true => page.entries.push(at(&name)),
                false => page.common_prefixes.push(name),
            }
        }
        page
    }

    /// What the other side answers: at most so many names, rolled up or not, as it likes.
    fn page_there(
        sides: &Sides,
        query: &ListQuery,
        after: Option<&str>,
        cap: usize,
        rolls: bool,
    ) -> OriginPage {
        let wanted = ListQuery {
            delimiter: query.delimiter.clone().filter(|_| rolls),
            start: after.map_or(ListStart::First, |after| ListStart::After(after.to_owned())),
            limit: cap,
            ..query.clone()
        };
        let (names, is_cut) = model(&sides.there, &wanted);
        let mut page = OriginPage {
            until: names.last().cloned().filter(|_| is_cut),
            ..OriginPage::default()
        };
        for name in names {
            match roll_up(&wanted, &name) {
                Some(_) => page.common_prefixes.push(name),
                None => page.entries.push(OriginEntry {
                    key: ObjectKey::parse(name.as_str()).expect("a key"),
                    size_bytes: 0,
                    etag: "there".into(),
                    modified: Timestamp::from_millis(0),
                }),
            }
        }
        page
    }

    fn both(sides: &Sides, query: &ListQuery, cap: usize, rolls: bool) -> ListPage {
        let mut merging = Merging::new(query);
        let left_beneath = |prefix: &str, after: &str| {
            sides
                .there
                .iter()
                .any(|key| key.starts_with(prefix) && key.as_str() > after && sides.is_left(key))
        };
        let mut begun = merging
            .begun_within()
            .filter(|(common, key)| left_beneath(common, key))
            .map(|(common, _)| Told::Common(common));
        let mut steps = 0;
        while let Some(step) = merging.step() {
            steps += 1;
            assert!(steps < 500, "a listing that does not end");
            let there = page_there(
                sides,
                query,
                step.there.as_deref(),
                cap.min(step.limit),
                rolls,
            );
            let until = there.until.clone();
            let mut left = rolled_up(query, there.entries, there.common_prefixes);
            left.retain(|told| match told {
                Told::Object(entry) => sides.is_left(entry.key.as_str()),
                Told::Common(common) => left_beneath(common, ""),
            });
            left.extend(begun.take());
            let here = ListQuery {
                start: step.here,
                limit: step.limit,
                ..query.clone()
            };
            merging.take(page_here(sides, &here), left, until);
        }
        merging.into_page()
    }

    fn names(page: &ListPage) -> Vec<String> {
        let mut names: Vec<String> = page
            .entries
            .iter()
            .map(|entry| entry.key.to_string())
            .chain(page.common_prefixes.iter().cloned())
            .collect();
        names.sort();
        names
    }

    fn key() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("a"),
            Just("b"),
            Just("/"),
            Just("\u{e9}"),
            Just("\u{10ffff}"),
        ];
        collection::vec(part, 1..5).prop_map(|parts| parts.concat())
    }

    fn sides() -> impl Strategy<Value = Sides> {
        let keys = || collection::btree_set(key(), 0..12);
        (keys(), keys(), keys()).prop_map(|(here, there, removed)| Sides {
            removed: removed.difference(&here).cloned().collect(),
            here,
            there,
        })
    }

    proptest! {
        /// Page after page, a listing of both sides is that of their union without what was removed, whatever is asked for
        /// and however the other side cuts its pages.
        #[test]
        fn both_sides_list_as_one(
            sides in sides(), prefix in prop_oneof![Just(String::new()), key()], delimiter in option::of(prop_oneof![Just("/"), Just("b")]),
            start in option::of(key()), limit in 1..6_usize, cap in 1..5_usize, rolls in proptest::bool::ANY,
        ) {
            let mut query = ListQuery {
                prefix,
                delimiter: delimiter.map(str::to_owned),
                start: start.map_or(ListStart::First, ListStart::After),
                limit,
            };
            let whole = ListQuery { limit: usize::MAX, ..query.clone() };
            let (expected, _) = model(&sides.all(), &whole);
            let mut told = Vec::new();
            loop {
                let page = both(&sides, &query, cap, rolls);
                let found = names(&page);
                assert!(found.len() == limit || page.next.is_none(), "a page that is not full goes on");
                for entry in &page.entries {
                    let is_here = sides.here.contains(entry.key.as_str());
                    assert_eq!(entry.etag == "here", is_here, "what is here goes before what is there");
                }
                told.extend(found);
                let Some(next) = page.next else { break };
                query.start = ListStart::Beyond(next);
            }
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn nothing_is_asked_for_a_page_of_nothing() {
        let query = ListQuery::default();
        assert_eq!(Merging::new(&query).step(), None);
        assert_eq!(Merging::new(&query).into_page(), ListPage::default());
    }
}
