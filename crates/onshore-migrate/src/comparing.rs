//! Holds what the source lists at the end of a way back against what is here, key by key in the order of their bytes.

use std::collections::VecDeque;

use onshore_policy::{Flow, Subject, Transfer};
use onshore_sources::{Beneath, BeneathEntry};
use onshore_store::{Error as StoreError, ListEntry, ListQuery, ListStart};
use onshore_types::{ByteRange, Label};
use serde::Serialize;

use crate::Error;
use crate::way_back::WayBack;

/// How many are listed at once.
const PAGE_LEN: usize = 1000;

/// How many are named.
const NAMED_MAX: usize = 20;

/// What the two sides have.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Comparison {
    same: u64,
    same_bytes: u64,
    /// Keys of which the sides have different objects.
    different: u64,
    /// Keys that are here alone.
    only_here: u64,
    /// Keys that are at the source alone.
    only_there: u64,
    /// The first of those that are not the same.
    named: Vec<Named>,
}

#[derive(Debug, Serialize)]
struct Named {
    key: String,
    how: &'static str,
}

/// What a listing tells of, a page at a time.
struct Here<'a> {
    way: &'a WayBack,
    label: Label,
    waiting: VecDeque<ListEntry>,
    next: Option<ListStart>,
}

struct There<'a> {
    way: &'a WayBack,
    waiting: VecDeque<BeneathEntry>,
    after: Option<String>,
    is_at_end: bool,
}

impl Comparison {
    /// Whether nothing differs.
    pub(crate) fn is_equal(&self) -> bool {
        self.different == 0 && self.only_here == 0 && self.only_there == 0
    }

    fn name(&mut self, key: &str, how: &'static str) {
        if self.named.len() < NAMED_MAX {
            let key = key.to_owned();
            self.named.push(Named { key, how });
        }
    }
}

/// Compares both sides beneath the prefix that the bucket was cut over from.
pub(crate) async fn compare(way: &WayBack) -> Result<Comparison, Error> {
    let mut found = Comparison::default();
    let mut here = Here {
        way,
        label: way.bucket.class.unwrap_or(Label::Unclassified),
        waiting: VecDeque::new(),
        next: Some(ListStart::First),
    };
    let mut there = There {
        way,
        waiting: VecDeque::new(),
        after: None,
        is_at_end: false,
    };
    loop {
        here.fill().await?;
        there.fill().await?;
        let order = match (here.waiting.front(), there.waiting.front()) {
            (None, None) => return Ok(found),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(one), Some(other)) => one.key.as_str().as_bytes().cmp(other.key.as_bytes()),
        };
        let one = order.is_le().then(|| here.waiting.pop_front()).flatten();
        let other = order.is_ge().then(|| there.waiting.pop_front()).flatten();
        match (one, other) {
            (Some(one), Some(other)) if is_same(way, &one, &other).await? => {
                found.same += 1;
                found.same_bytes += one.size_bytes;
            }
            (Some(one), Some(_)) => {
                found.different += 1;
                found.name(one.key.as_str(), "different");
            }
            (Some(one), None) => {
                found.only_here += 1;
                found.name(one.key.as_str(), "only here");
            }
            (None, Some(other)) => {
                found.only_there += 1;
                found.name(&other.key, "only there");
            }
            (None, None) => {}
        }
    }
}

/// Whether the sides have the same object. Where their ETags differ, since one of them encrypts what it keeps, it counts what the
/// source had when that was brought, or taken back.
async fn is_same(way: &WayBack, one: &ListEntry, other: &BeneathEntry) -> Result<bool, Error> {
    if one.size_bytes != other.size_bytes {
        return Ok(false);
    }
    if one.etag == other.etag {
        return Ok(true);
    }
    let there = way.source.describe(&other.key, None).await?.details;
    let known = way.known(&one.key).await?;
    Ok(known.as_deref() == Some(there.fingerprint.as_str()))
}

impl Here<'_> {
    async fn fill(&mut self) -> Result<(), Error> {
        while self.waiting.is_empty() {
            let Some(start) = self.next.take() else {
                return Ok(());
            };
            let (gate, bucket) = (&self.way.parts.gate, &self.way.bucket);
            let transfer = Transfer {
                principal: self.way.principal,
                operation: "Return",
                flow: Flow::List,
                subject: Subject {
                    bucket: Some(bucket.id),
                    owner: Some(bucket.tenant),
                    key: None,
                    version: None,
                    label: self.label,
                    range: ByteRange::whole(0),
                },
                from: gate.home(),
                to: gate.home(),
            };
            let permit = gate.permit(transfer).await?;
            let query = ListQuery {
                prefix: self.way.prefix.clone(),
                delimiter: None,
                start: start.clone(),
                limit: PAGE_LEN,
            };
            match self.way.parts.store.list(permit, query).await {
                Ok(page) => {
                    self.waiting.extend(page.entries);
                    self.next = page.next.map(ListStart::Beyond);
                }
                Err(StoreError::LabelChanged { now }) => {
                    self.label = self.label.join(now);
                    self.next = Some(start);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl There<'_> {
    async fn fill(&mut self) -> Result<(), Error> {
        while self.waiting.is_empty() && !self.is_at_end {
            let wanted = Beneath {
                prefix: self.way.prefix.clone(),
                delimiter: None,
                after: self.after.take(),
                limit: PAGE_LEN,
            };
            let page = self.way.source.list_beneath(&wanted).await?;
            self.waiting.extend(page.entries);
            self.is_at_end = page.until.is_none();
            self.after = page.until;
        }
        Ok(())
    }
}
