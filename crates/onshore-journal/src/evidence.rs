//! Everything that was recorded in a span of time, in one file (`onshore_ledger::verify_evidence` reads it): planned in a
//! first pass, which finds what its leaves speak of elsewhere, and written in a second one, page by page.

use std::collections::BTreeSet;

use onshore_db::{View, params};
use onshore_ledger::{
    EvidenceContext, EvidenceFormat, EvidenceHead, EvidenceLeaf, EvidenceWriter, Hash, RangeProof,
    Salt, inclusion_path, leaf_hash, node_from_tiles,
};
use onshore_types::{LeafIndex, Timestamp};
use serde::Deserialize;

use crate::journal::Published;
use crate::marks::{Mark, first_at, marked};
use crate::{Error, Journal};

/// Leaves read at once.
const PAGE: u64 = 4096;

/// A span of time; its end is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
}

/// Whether a bundle shows the records behind its leaves, which tell names of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// They are shown, as far as the journal keeps them.
    Shown,
    /// Only leaves.
    Withheld,
}

/// What a bundle will hold.
#[derive(Debug, Clone)]
pub struct EvidencePlan {
    span: Span,
    head: Published,
    first: LeafIndex,
    end: LeafIndex,
    context: Vec<LeafIndex>,
}

impl EvidencePlan {
    /// Returns how many leaves it holds, those from elsewhere included.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.end - self.first + self.context.len() as u64
    }
}

/// As much of a leaf as tells what it speaks of.
#[derive(Deserialize)]
struct Peek {
    kind: String,
    epoch: Option<u64>,
    approval: Option<String>,
    opened: Option<u64>,
}

/// A leaf and what the journal keeps behind it.
struct Row {
    index: LeafIndex,
    leaf: Vec<u8>,
    salt: Option<[u8; 32]>,
    record: Option<Vec<u8>>,
}

impl Journal {
    /// Finds what a bundle over a span has to hold, under a checkpoint that covers it: one that witnesses cosigned where
    /// there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn plan_evidence(&self, span: Span) -> Result<EvidencePlan, Error> {
        let journal = self.clone();
        tokio::task::spawn_blocking(move || journal.plan_blocking(span))
            .await
            .map_err(|_| Error::Interrupted)?
    }

    fn plan_blocking(&self, span: Span) -> Result<EvidencePlan, Error> {
        let committed = self.inner.db.read_blocking(|view| {
            view.one("SELECT coalesce(max(idx) + 1, 0) FROM leaves", [], |row| {
                row.get::<_, i64>(0)
            })
        })?;
        let size = committed.map_or(0, i64::cast_unsigned);
        let (first, end) = self
            .inner
            .db
            .read_blocking(|view| bounds(view, span, size))?;
        let mut found = BTreeSet::new();
        let mut next = first;
        while next < end {
            let page = self.inner.db.read_blocking(|view| rows(view, next, end))?;
            let Some(last) = page.last() else { break };
            next = last.index + 1;
            for row in &page {
                self.spoken_of(row, first..end, &mut found)?;
            }
        }
        let newest = found.iter().copied().chain([end.saturating_sub(1)]).max();
        let head = self.head_over(newest.unwrap_or(0))?;
        Ok(EvidencePlan {
            span,
            head,
            first,
            end,
            context: found.into_iter().collect(),
        })
    }

    /// Finds the leaves from elsewhere that a leaf speaks of.
    fn spoken_of(
        &self,
        row: &Row,
        run: std::ops::Range<LeafIndex>,
        found: &mut BTreeSet<LeafIndex>,
    ) -> Result<(), Error> {
        let peek: Peek = serde_json::from_slice(&row.leaf).map_err(onshore_ledger::Error::Json)?;
        let mut wanted: Vec<(Mark, String)> = Vec::new();
        wanted.extend(peek.epoch.map(|epoch| (Mark::Epoch, epoch.to_string())));
        wanted.extend(peek.approval.map(|approval| (Mark::Approval, approval)));
        if peek.kind == "export.opened" {
            wanted.push((Mark::Closing, row.index.to_string()));
        }
        let marked = self.inner.db.read_blocking(|view| {
            wanted
                .iter()
                .map(|(mark, value)| Ok((*mark, marked(view, *mark, value)?)))
                .collect::<Result<Vec<_>, onshore_db::Error>>()
        })?;
        for (mark, leaves) in marked {
            // What happens to an approval later is no part of the span; how an export ended is.
            let is_wanted =
                |leaf: &u64| !run.contains(leaf) && (mark == Mark::Closing || *leaf < run.start);
            found.extend(leaves.into_iter().filter(is_wanted));
        }
        found.extend(peek.opened.filter(|opened| !run.contains(opened)));
        Ok(())
    }

    /// Writes a planned bundle, in pieces.
    ///
    /// # Errors
    /// Those of the database, the tiles, and of whoever takes the pieces.
    pub fn write_evidence<E: From<Error>>(
        &self,
        plan: &EvidencePlan,
        records: Records,
        mut take: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut writer = EvidenceWriter::new();
        let (head, paths) = self.with_tiles(&plan.head, |head| self.proofs(plan, head))?;
        let mut piece = line(&mut writer, &head)?;
        let mut next = plan.first;
        while next < plan.end {
            let page = self
                .inner
                .db
                .read_blocking(|view| rows(view, next, plan.end))
                .map_err(Error::from)?;
            let Some(last) = page.last() else { break };
            next = last.index + 1;
            for row in page {
                let (leaf, record, salt) = row.told(records)?;
                let told = EvidenceLeaf { leaf, record, salt };
                piece.extend(line(&mut writer, &told)?);
            }
            take(std::mem::take(&mut piece))?;
        }
        for (&index, path) in plan.context.iter().zip(paths) {
            let found = self
                .inner
                .db
                .read_blocking(|view| rows(view, index, index + 1))
                .map_err(Error::from)?;
            let row = found.into_iter().next().ok_or(Error::NoSuchLeaf {
                index,
                size: plan.head.size,
            })?;
            let (leaf, record, salt) = row.told(records)?;
            let told = EvidenceContext {
                index,
                leaf,
                path,
                record,
                salt,
            };
            piece.extend(line(&mut writer, &told)?);
        }
        piece.extend(writer.finish(self.signer()).map_err(Error::from)?);
        take(piece)
    }

    /// Proves the run, and each leaf from elsewhere, under one checkpoint.
    fn proofs(
        &self,
        plan: &EvidencePlan,
        head: &Published,
    ) -> Result<(EvidenceHead, Vec<Vec<Hash>>), Error> {
        let mut read = |tile: &_| self.tile(tile);
        let mut node = |node| node_from_tiles(head.size, node, &mut read);
        let range = RangeProof::new(plan.first, plan.end, head.size, &mut node)?;
        let paths = plan
            .context
            .iter()
            .map(|index| inclusion_path(*index, head.size, &mut node))
            .collect::<Result<_, _>>()?;
        // A damaged tile must not become a proof that nobody can check.
        let mut check = range.begin(plan.first)?;
        let mut next = plan.first;
        while next < plan.end {
            let page = self
                .inner
                .db
                .read_blocking(|view| rows(view, next, plan.end))?;
            let Some(last) = page.last() else { break };
            next = last.index + 1;
            for row in &page {
                check.append(leaf_hash(&row.leaf))?;
            }
        }
        check.finish(head.size, &head.root)?;
        let head = EvidenceHead {
            format: EvidenceFormat::V1,
            from: plan.span.from.to_string(),
            to: plan.span.to.to_string(),
            first: plan.first,
            count: plan.end - plan.first,
            range,
            context: plan.context.len() as u64,
            checkpoint: head.note.clone(),
        };
        Ok((head, paths))
    }
}

impl Row {
    fn told(self, records: Records) -> Result<(String, Option<String>, Option<Salt>), Error> {
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_| onshore_ledger::Error::LeafNotCanonical)
        };
        let leaf = text(self.leaf)?;
        match (records, self.salt, self.record) {
            (Records::Shown, Some(salt), Some(record)) => {
                Ok((leaf, Some(text(record)?), Some(Salt::new(salt))))
            }
            _ => Ok((leaf, None, None)),
        }
    }
}

fn line(writer: &mut EvidenceWriter, line: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    Ok(writer.line(line)?)
}

/// Returns the leaves of a span with their neighbours on either side, as far as there are any.
fn bounds(
    view: &View<'_>,
    span: Span,
    size: u64,
) -> Result<(LeafIndex, LeafIndex), onshore_db::Error> {
    let first = first_at(view, span.from, size)?.saturating_sub(1);
    let end = first_at(view, span.to.max(span.from), size)?
        .saturating_add(1)
        .min(size);
    Ok((first, end))
}

/// Reads a page of leaves with what is kept behind them.
fn rows(view: &View<'_>, from: LeafIndex, end: LeafIndex) -> Result<Vec<Row>, onshore_db::Error> {
    let until = end.min(from.saturating_add(PAGE));
    view.all(
        "SELECT idx, body, salt, record FROM leaves LEFT JOIN records USING (idx)
         WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
        params![from.cast_signed(), until.cast_signed()],
        |row| {
            Ok(Row {
                index: row.get::<_, i64>(0)?.cast_unsigned(),
                leaf: row.get(1)?,
                salt: row.get(2)?,
                record: row.get(3)?,
            })
        },
    )
}
