//! What another region of Onshore says beside a version that it brings: of what it is a replica, and how strict that is
//! there. Both headers are signed like every `x-amz-` header, and come together or not at all.

use onshore_store::{Bucket, Described, NewObject, VersionWish, Versioning};
use onshore_types::{Label, ObjectKey, VersionId};

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations};

const OF: &str = "x-amz-onshore-replica-of";
const LABEL: &str = "x-amz-onshore-replica-label";

/// Reads of what something is a replica, if it is one, and the label of that.
pub(crate) fn of_call(call: &Call) -> Result<Option<(VersionId, Label)>, Fault> {
    match (call.header(OF), call.header(LABEL)) {
        (None, None) => Ok(None),
        (Some(of), Some(label)) => {
            let of = of.parse().map_err(|_| not_right(OF))?;
            let label = label.parse().map_err(|_| not_right(LABEL))?;
            Ok(Some((of, label)))
        }
        (Some(_), None) | (None, Some(_)) => Err(Fault::new(
            Code::InvalidArgument,
            format!("The headers {OF} and {LABEL} come together."),
        )),
    }
}

/// Notes in what a writer says that it is a replica: it is at least as strict as what it is a replica of.
pub(crate) fn note(call: &Call, object: &mut NewObject) -> Result<(), Fault> {
    if let Some((of, label)) = of_call(call)? {
        object.replica_of = Some(of);
        object.declared = Some(match object.declared {
            Some(declared) => declared.join(label),
            None => label,
        });
    }
    Ok(())
}

/// Refuses the headers where they mean nothing.
pub(crate) fn refuse(call: &Call) -> Result<(), Fault> {
    if of_call(call)?.is_some() {
        return Err(Fault::new(
            Code::InvalidArgument,
            format!("This operation makes no replica: the header {OF} has no place here."),
        ));
    }
    Ok(())
}

impl Operations {
    /// Says of a replica before its body comes whether it can be taken.
    pub(crate) async fn check_replica(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        key: &ObjectKey,
        object: &NewObject,
    ) -> Result<(), Fault> {
        let Some(of) = object.replica_of else {
            return Ok(());
        };
        // Which refusal it is tells what is there, of any version.
        self.tellable_bucket(asked, bucket).await?;
        if bucket.versioning != Versioning::Enabled {
            let error = onshore_store::Error::ReplicationNeedsVersioning;
            return Err(self.fault(asked.call, error));
        }
        let wish = VersionWish::Id(of);
        let found = self.store.look(&bucket.name, key, wish).await;
        match found.map_err(|error| self.fault(asked.call, error))? {
            Some((_, Described::Object(_) | Described::Marker(_))) => {
                Err(self.fault(asked.call, onshore_store::Error::ReplicaExists))
            }
            Some((_, Described::Absent)) | None => Ok(()),
        }
    }
}

fn not_right(name: &str) -> Fault {
    Fault::new(
        Code::InvalidArgument,
        format!("The value of the header {name} cannot be one."),
    )
    .with_detail("ArgumentName", name.to_owned())
}
