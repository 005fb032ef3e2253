//! The policy of a bucket: put, shown, taken away. It is compiled when it is put; what does not compile is refused.

use onshore_policy::iam::{Compiled, Kind, Publicity};
use onshore_store::Setting;
use onshore_types::BucketName;

use crate::fault::{Code, Fault};
use crate::ops::allowing::block_of;
use crate::ops::{Asked, Operations};

impl Operations {
    /// Returns the policy of a bucket as it was put.
    pub(crate) async fn policy(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<String, Fault> {
        let bucket = self.readable_bucket(asked, name).await?;
        let policy = bucket.policy.ok_or_else(no_policy)?;
        Ok(policy.to_string())
    }

    /// Says whether the policy of a bucket lets in whoever comes.
    pub(crate) async fn policy_publicity(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<Publicity, Fault> {
        let bucket = self.readable_bucket(asked, name).await?;
        let policy = bucket.policy.as_deref().ok_or_else(no_policy)?;
        Ok(self.compiled(name, policy)?.publicity())
    }

    /// Gives a bucket a policy.
    pub(crate) async fn set_policy(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        document: String,
    ) -> Result<(), Fault> {
        let bucket = self.readable_bucket(asked, name).await?;
        let compiled = self.compiled(name, &document)?;
        let blocks = block_of(&bucket)?.block_public_policy.unwrap_or(false);
        if compiled.publicity() == Publicity::Public && blocks {
            return Err(Fault::new(
                Code::AccessDenied,
                "Access Denied: the policy lets in everybody, and public policies are blocked by the BlockPublicPolicy setting in the bucket's public access block.",
            ));
        }
        self.set_document(asked, name, Setting::Policy, document)
            .await
    }

    fn compiled(&self, name: &BucketName, document: &str) -> Result<Compiled, Fault> {
        let partition = &self.gate.region().partition;
        Compiled::parse(document, &Kind::Bucket { name }, partition)
            .map_err(|fault| Fault::new(Code::MalformedPolicy, fault.to_string()))
    }
}

fn no_policy() -> Fault {
    Fault::new(Code::NoSuchBucketPolicy, "The bucket policy does not exist")
}
