//! Listings of a bucket that is here in part and elsewhere in part: both sides are asked, first the other one, so that what
//! comes here between the two is seen at least once.

use onshore_policy::Flow;
use onshore_store::{Beside, Bucket, ListPage, ListQuery};
use onshore_types::Label;

use crate::fault::Fault;
use crate::ops::merging::{Merging, Told, rolled_up};
use crate::ops::pulling::of_silent;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, is_stale, whole_bucket};
use crate::origin::{OriginPage, OriginQuery};

/// How many keys beneath a prefix are looked at in one go for one that is left.
const LOOKED_AT: usize = 1000;

impl Operations {
    /// Lists keys of both sides, as if all were here.
    pub(crate) async fn list_both(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        query: &ListQuery,
    ) -> Result<ListPage, Fault> {
        let mut merging = Merging::new(query);
        let mut begun = None;
        if let Some((common, key)) = merging.begun_within()
            && self
                .is_any_left(asked, bucket, &common, Some(key.to_owned()))
                .await?
        {
            begun = Some(Told::Common(common));
        }
        while let Some(step) = merging.step() {
            let wanted = OriginQuery {
                prefix: query.prefix.clone(),
                delimiter: query.delimiter.clone(),
                after: step.there,
                limit: step.limit,
            };
            let OriginPage {
                entries,
                common_prefixes,
                until,
            } = self.elsewhere(bucket, wanted).await?;
            let mut there = rolled_up(query, entries, common_prefixes);
            let names = there.iter().map(|told| told.name().to_owned()).collect();
            let here = ListQuery {
                start: step.here,
                limit: step.limit,
                ..query.clone()
            };
            let (here, beside) = self.list_here(asked, bucket, here, names).await?;
            there = self.left(asked, bucket, there, beside).await?;
            there.extend(begun.take());
            merging.take(here, there, until);
        }
        Ok(merging.into_page())
    }

    /// Returns what counts of what is elsewhere, beside what is here.
    async fn left(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        there: Vec<Told>,
        beside: Vec<Beside>,
    ) -> Result<Vec<Told>, Fault> {
        let mut left = Vec::with_capacity(there.len());
        for (told, beside) in there.into_iter().zip(beside) {
            let counts = match beside {
                Beside::Counts => true,
                Beside::Removed => false,
                Beside::Doubtful => self.is_any_left(asked, bucket, told.name(), None).await?,
            };
            if counts {
                left.push(told);
            }
        }
        Ok(left)
    }

    /// Whether anything beneath a prefix is elsewhere that was not removed here.
    async fn is_any_left(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        prefix: &str,
        mut after: Option<String>,
    ) -> Result<bool, Fault> {
        loop {
            let wanted = OriginQuery {
                prefix: prefix.to_owned(),
                delimiter: None,
                after: after.take(),
                limit: LOOKED_AT,
            };
            let page = self.elsewhere(bucket, wanted).await?;
            let names = page.entries.iter().map(|entry| entry.key.to_string());
            let nothing = ListQuery {
                prefix: prefix.to_owned(),
                ..ListQuery::default()
            };
            let (_, beside) = self
                .list_here(asked, bucket, nothing, names.collect())
                .await?;
            if beside.contains(&Beside::Counts) {
                return Ok(true);
            }
            match page.until {
                Some(until) => after = Some(until),
                None => return Ok(false),
            }
        }
    }

    async fn elsewhere(&self, bucket: &Bucket, wanted: OriginQuery) -> Result<OriginPage, Fault> {
        self.origin
            .list(bucket.id, wanted)
            .await
            .map_err(|silent| of_silent(&silent))
    }

    async fn list_here(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        query: ListQuery,
        names: Vec<String>,
    ) -> Result<(ListPage, Vec<Beside>), Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let subject = whole_bucket(bucket, Label::Unclassified);
            let permit = self.permit(asked, Flow::List, subject).await?;
            match self
                .store
                .list_beside(permit, query.clone(), names.clone())
                .await
            {
                Ok(found) => return Ok(found),
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }
}
