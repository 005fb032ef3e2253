//! Attributes of an object: what a client asks to be told of it, in one answer.

use http::HeaderMap;
use onshore_policy::Flow;
use onshore_store::{ObjectHead, VersionWish};
use onshore_types::{BucketName, ObjectKey};

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::ops::change::name_of;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, encryption};

/// What can be asked for.
const KNOWN: [&str; 5] = [
    "ETag",
    "Checksum",
    "ObjectParts",
    "StorageClass",
    "ObjectSize",
];

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Attributes(Vec<&'static str>);

impl Attributes {
    /// Reads the header `x-amz-object-attributes`.
    pub(crate) fn of(call: &Call) -> Result<Self, Fault> {
        let invalid = || Fault::new(Code::InvalidArgument, "Invalid attribute name specified.");
        let text = call.header("x-amz-object-attributes").ok_or_else(|| {
            Fault::new(
                Code::InvalidRequest,
                "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty",
            )
        })?;
        let wanted = text
            .split(',')
            .map(|name| {
                KNOWN
                    .iter()
                    .find(|known| **known == name.trim())
                    .copied()
                    .ok_or_else(invalid)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self(wanted))
    }

    /// Whether this one is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

impl Operations {
    /// Tells what is known of a version.
    pub(crate) async fn attributes(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
    ) -> Result<(ObjectHead, HeaderMap), Fault> {
        let customer = encryption::of_read(asked.call)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = self.target(asked, Flow::Inspect, name, key, wish).await?;
            let Some(description) = &target.description else {
                return Err(self.absent(asked, Flow::Inspect, &target).await);
            };
            if let Some(head) = self.inspect(asked, &target, description).await? {
                head.encryption
                    .check(customer.as_ref())
                    .map_err(|error| self.fault(asked.call, error))?;
                return Ok((head, name_of(description)));
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }
}
