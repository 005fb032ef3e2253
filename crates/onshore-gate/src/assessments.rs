//! Reports of impact assessments (PIPL article 56): the record has the digest, and the report itself is filed beside it, once and for good.

use onshore_db::View;
use onshore_ledger::Hash;
use onshore_orders::{Assessment, Id, Record, RecordKind};
use onshore_policy::{Principal, Role};
use onshore_registry::Registry;
use onshore_types::LeafIndex;
use serde_json::json;

use crate::acts::{Act, require};
use crate::{Error, Gate};

impl Gate {
    /// Files the report of an assessment: the one whose digest the assessment has.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Locked`] where it is filed already; a report that is another; an assessment that is not there;
    /// those of the keepers.
    pub async fn file_assessment_report(
        &self,
        by: Principal,
        id: Id,
        report: Vec<u8>,
    ) -> Result<(Assessment, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let sha256 = Hash::of(&report).to_string();
        self.act(by, move |registry, unit, now| {
            let assessment = assessment(registry, unit, &id)?;
            let told = &assessment.report_sha256;
            if *told != sha256 {
                return Err(Error::Record(onshore_orders::Error::Contradiction(format!(
                    "the SHA-256 of this report is {sha256}, and the assessment `{id}` is of {told}"
                ))));
            }
            if registry.has_assessment_report(unit, &id, &sha256)? {
                return Err(Error::Locked {
                    id,
                    until: assessment.kept_until,
                });
            }
            registry.save_assessment_report(unit, &id, (&sha256, &report), (by.id, now))?;
            let body = json!({ "sha256": sha256, "bytes": report.len() });
            let act = Act {
                kind: "assessment.filed",
                record: json!({ "assessment": id, "sha256": sha256, "bytes": report.len() }),
                body,
            };
            Ok((act, assessment))
        })
        .await
    }

    /// Returns the report of an assessment, if it was filed.
    ///
    /// # Errors
    /// An assessment that is not there; those of the keepers.
    pub async fn assessment_report(&self, id: Id) -> Result<Option<Vec<u8>>, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| {
                let told = assessment(&registry, view, &id)?.report_sha256;
                Ok::<_, Error>(registry.assessment_report(view, &id, &told)?)
            })
            .await
    }
}

fn assessment(registry: &Registry, view: &View<'_>, id: &Id) -> Result<Assessment, Error> {
    let kind = RecordKind::Assessment;
    match registry.record(view, kind, id)?.record {
        Record::Assessment(one) => Ok(*one),
        _ => Err(onshore_registry::Error::NoSuchRecord {
            kind,
            id: id.clone(),
        }
        .into()),
    }
}
