//! What another region of Onshore says beside a version that it brings: of what it is a replica, when that was written,
//! how strict it is there. The three headers are signed like every `x-amz-` header, and come together or not at all.

use onshore_store::{Bucket, Described, NewObject, Origin, VersionWish, Versioning};
use onshore_types::{Label, ObjectKey, Timestamp};

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations};

const OF: &str = "x-amz-onshore-replica-of";
const MODIFIED: &str = "x-amz-onshore-replica-modified";
const LABEL: &str = "x-amz-onshore-replica-label";

/// Reads of what something is a replica, if it is one, and the label of that.
pub(crate) fn of_call(call: &Call) -> Result<Option<(Origin, Label)>, Fault> {
    let said = [OF, MODIFIED, LABEL].map(|name| call.header(name));
    match said {
        [None, None, None] => Ok(None),
        [Some(of), Some(modified), Some(label)] => {
            let origin = Origin {
                version: of.parse().map_err(|_| not_right(OF))?,
                modified: modified
                    .parse()
                    .map(Timestamp::from_millis)
                    .map_err(|_| not_right(MODIFIED))?,
            };
            let label = label.parse().map_err(|_| not_right(LABEL))?;
            Ok(Some((origin, label)))
        }
        _ => Err(Fault::new(
            Code::InvalidArgument,
            format!("The headers {OF}, {MODIFIED} and {LABEL} come together."),
        )),
    }
}

/// Notes in what a writer says that it is a replica: it is at least as strict as what it is a replica of.
pub(crate) fn note(call: &Call, object: &mut NewObject) -> Result<(), Fault> {
    if let Some((origin, label)) = of_call(call)? {
        object.replica_of = Some(origin);
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
        let Some(origin) = &object.replica_of else {
            return Ok(());
        };
        if bucket.versioning != Versioning::Enabled {
            let error = onshore_store::Error::ReplicationNeedsVersioning;
            return Err(self.fault(asked.call, error));
        }
        let wish = VersionWish::Id(origin.version);
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
