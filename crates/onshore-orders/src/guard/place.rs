//! Where a resource of a plan is, and where else it brings data, held against where data must stay (docs/decisions/0066).
//!
//! A place that a plan could name and does not counts as abroad. What has no place of its own is where its parent is; where the plan
//! does not tell that, somebody must look: the parent was judged in the plan that made it.

use onshore_types::{Jurisdiction, Place, Timestamp};
use serde_json::Value;

use super::configured::{Configured, Given, Seen};
use super::members::{DEPTH_MAX, is_unknown};
use super::tables::{Paired, Parent, Silent, Table, TypeKind};
use super::words::Words;
use super::{PlanFinding, Weight};
use crate::{Day, UtcOffset};

/// Where data must stay, and by what it is known where a resource of one provider is.
#[derive(Clone, Copy)]
pub(super) struct Residency<'a> {
    pub(super) inside: Jurisdiction,
    pub(super) now: Timestamp,
    pub(super) provider: &'a str,
    pub(super) table: &'a Table<'a>,
    pub(super) configured: &'a Configured<'a>,
    pub(super) words: Words,
}

/// Where a resource is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Placed {
    /// Which member says it, and what it says.
    At(String, String),
    /// It has no place beside those that its blocks name.
    ByBlocks,
    /// It should be said and is not: why.
    Unsaid(String),
    /// Another resource says it, of which this plan does not tell where it is.
    Elsewhere(String),
}

impl<'a> Residency<'a> {
    /// Holds a resource of a known type.
    pub(super) fn hold(&self, one: Seen<'a>, kind: TypeKind) -> Vec<PlanFinding> {
        let (words, mut findings) = (self.words, Vec::new());
        let mut find = |weight, rule, message: String| {
            findings.push(PlanFinding {
                weight,
                rule,
                address: one.address.to_owned(),
                message: words.stays_in(&message, self.inside),
            });
        };
        let placed = self.placed(one, 0);
        let targets = self.targets(one);
        let open = self.table.open_targets(one.unknown);
        match &placed {
            Placed::At(_, value) if self.stays(value) => {}
            Placed::At(member, value) => find(
                Weight::Violation,
                "residency.place",
                words.placed(member, value, &self.told(value)),
            ),
            Placed::ByBlocks if !targets.is_empty() || !open.is_empty() => {}
            Placed::ByBlocks => {
                if self.table.worldwide(one.kind, one.after).is_none() {
                    find(Weight::Violation, "residency.place", words.nowhere());
                }
            }
            Placed::Unsaid(why) => find(Weight::Violation, "residency.place", words.say_it(why)),
            Placed::Elsewhere(why) => find(Weight::Unknown, "unknown.place", why.clone()),
        }
        if let Some(path) = self.table.worldwide(one.kind, one.after) {
            find(Weight::Violation, "residency.target", words.worldwide(path));
        }
        for (weight, rule, what) in [self.pair(one, &placed), self.nearest(one, &placed, &open)]
            .into_iter()
            .flatten()
        {
            find(weight, rule, what);
        }
        if let Some(path) = self.table.brings(one.kind, one.after) {
            find(Weight::Unknown, "unknown.target", words.brings_by(path));
        }
        let toward = self
            .table
            .toward(one.kind)
            .map(|to| self.parent(one, to, 0));
        let says_nothing = targets.is_empty() && open.is_empty();
        match toward {
            Some(Placed::At(member, value)) if !self.stays(&value) => find(
                Weight::Violation,
                "residency.target",
                words.placed(&member, &value, &self.told(&value)),
            ),
            Some(Placed::At(..)) => {}
            Some(Placed::Elsewhere(why) | Placed::Unsaid(why)) => {
                find(Weight::Unknown, "unknown.target", why);
            }
            Some(Placed::ByBlocks) | None if kind == TypeKind::Replica && says_nothing => {
                find(Weight::Unknown, "unknown.target", words.brings_somewhere());
            }
            Some(Placed::ByBlocks) | None => {}
        }
        for (member, value) in targets {
            if !self.stays(&value) {
                let what = words.placed(&member, &value, &self.told(&value));
                find(Weight::Violation, "residency.target", what);
            }
        }
        for member in open {
            find(Weight::Violation, "residency.target", words.open(&member));
        }
        findings
    }

    /// Holds a resource of a type of which nothing is known: what is plainly abroad, by its own members or its provider's region, must
    /// not be; what no table tells is for somebody to look at.
    pub(super) fn hold_plainly(&self, one: Seen<'a>) -> Vec<PlanFinding> {
        let mut told = Vec::new();
        if let Placed::At(member, value) = self.placed(one, 0) {
            told.push(("residency.place", member, value));
        }
        let targets = self.targets(one);
        let to_target = |(member, value)| ("residency.target", member, value);
        told.extend(targets.into_iter().map(to_target));
        told.into_iter()
            .filter(|(_, _, value)| self.table.country(value).is_some() && !self.stays(value))
            .map(|(rule, member, value)| PlanFinding {
                weight: Weight::Violation,
                rule,
                address: one.address.to_owned(),
                message: self.words.stays_in(
                    &self.words.placed(&member, &value, &self.told(&value)),
                    self.inside,
                ),
            })
            .collect()
    }

    /// Finds which members say where else data goes, and what they say; those that say where the resource itself is are none.
    fn targets(&self, one: Seen<'a>) -> Vec<(String, String)> {
        let mut targets = self.table.targets(one.after);
        for found in self.table.spoken(one.after) {
            if !targets.contains(&found) {
                targets.push(found);
            }
        }
        let places = self.table.places(one.kind);
        targets.retain(|(path, _)| !places.contains(&path.as_str()));
        targets
    }

    fn stays(&self, value: &str) -> bool {
        let country = self.table.country(value);
        country.is_some_and(|country| self.inside.contains(Place::In(country), self.now))
    }

    fn told(&self, value: &str) -> String {
        self.words.country(self.table.country(value))
    }

    /// Holds the pair of the region where a resource is, where its data goes there as well.
    fn pair(&self, one: Seen<'a>, placed: &Placed) -> Option<(Weight, &'static str, String)> {
        let words = self.words;
        let violation = |what| Some((Weight::Violation, "residency.target", what));
        let by = match self.table.goes_to_pair(one.kind, one.after, one.unknown)? {
            Paired::By(member, text) => words.by(member, text.as_deref()),
            Paired::Open(member) => return violation(words.open_pair(member)),
        };
        let Placed::At(_, region) = placed else {
            return Some((Weight::Unknown, "unknown.target", words.pair_untold(&by)));
        };
        match self.table.pair(region, Day::at(self.now, UtcOffset::UTC)) {
            Some(pair) if self.stays(pair) => None,
            Some(pair) => violation(words.pair(&by, region, pair, &self.told(pair))),
            None => violation(words.pair_unknown(&by, region)),
        }
    }

    /// Holds the multi-region nearest to where a resource is, where its data goes there because nothing says otherwise.
    fn nearest(
        &self,
        one: Seen<'a>,
        placed: &Placed,
        open: &[String],
    ) -> Option<(Weight, &'static str, String)> {
        let words = self.words;
        let violation = |what| Some((Weight::Violation, "residency.target", what));
        let member = match self.table.silent(one.kind, one.after, one.unknown)? {
            Silent::Nearest(member) => member,
            Silent::Open(member) if open.contains(&member) => return None,
            Silent::Open(member) => return violation(words.open(&member)),
        };
        let Placed::At(_, region) = placed else {
            let what = words.nearest_untold(&member);
            return Some((Weight::Unknown, "unknown.target", what));
        };
        match self.table.near(region) {
            Some(near) if self.stays(near) => None,
            near => {
                let told = self.told(near.unwrap_or_default());
                violation(words.nearest(&member, region, near, &told))
            }
        }
    }

    /// Finds the member that says where a resource is, and what it says; or why that is not known. What the configuration names itself
    /// goes before the region of the provider, also where it is not known yet.
    fn placed(&self, one: Seen<'a>, depth: usize) -> Placed {
        let (words, members) = (self.words, self.table.places(one.kind));
        let says = |member: &str| one.after.get(member).and_then(Value::as_str);
        let own = members
            .iter()
            .find_map(|member| Some((*member, says(member)?)));
        if let Some((member, value)) = own {
            return Placed::At(member.to_owned(), value.to_owned());
        }
        for member in members {
            match self.configured.member(one.address, member) {
                Given::Nothing => {}
                Given::Value(value) => return Placed::At((*member).to_owned(), value),
                Given::Open => return Placed::Unsaid(words.open(member)),
            }
        }
        if let Some(parent) = self.table.parent(one.kind) {
            return self.parent(one, parent, depth);
        }
        if let Some(region) = self.table.otherwise(one.kind) {
            return Placed::At(words.place_of_the_silent(), region.to_owned());
        }
        let is_open = |member: &&&str| is_unknown(one.unknown.get(**member));
        let open = members.iter().find(is_open);
        let open = open.map(|member| words.open(member));
        if self.table.says_itself(one.kind) {
            return match open {
                Some(open) => Placed::Unsaid(open),
                None if members.is_empty() => Placed::ByBlocks,
                None => Placed::Unsaid(words.says_no(members)),
            };
        }
        if let Some(region) = self.configured.region(one.address, self.provider) {
            return Placed::At(words.region_of_provider(), region);
        }
        Placed::Unsaid(open.unwrap_or_else(|| words.neither()))
    }

    /// Finds where the resource is that another names, in all of its counts.
    fn parent(&self, one: Seen<'a>, parent: &Parent<'_>, depth: usize) -> Placed {
        let (words, members) = (self.words, &parent.members);
        let elsewhere = || Placed::Elsewhere(words.where_parent_is(parent.kind, members));
        if depth > DEPTH_MAX {
            return elsewhere();
        }
        let named = parent
            .members
            .iter()
            .map(|member| self.configured.named(one, member, parent.kind))
            .find(|named| !named.is_empty())
            .unwrap_or_default();
        let mut places = named.into_iter().map(|seen| {
            let placed = self.placed(seen, depth + 1);
            (seen.address, placed)
        });
        let Some((address, Placed::At(member, value))) = places.next() else {
            return elsewhere();
        };
        let is_same = |(_, placed)| matches!(placed, Placed::At(_, other) if other == value);
        if places.all(is_same) {
            Placed::At(words.of(&member, address), value)
        } else {
            elsewhere()
        }
    }
}
