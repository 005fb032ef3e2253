//! One round of a drill: what tenants, operators and auditors do all day, done once, each thing told apart.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use onshore_api::{
    AskedOperation, CreateKey, CreateKmsKey, CreateTenant, CreateToken, Done, ExplanationView,
    HolderView, KeyView, KmsKeyStateView, KmsKeyView, LedgerKeyView, Question, RoleWord,
    TenantView, TokenView,
};
use onshore_ledger::{ProofBundle, VerifierKey};
use onshore_types::{BucketName, ObjectKey};

use super::s3::S3;
use crate::cli::TargetArgs;
use crate::client::Client;

/// Whose the objects of a drill are.
const TENANT: &str = "onshore-drill";
/// An address of documentation: nobody is there, and it is inside nothing.
const ABROAD: &str = "192.0.2.1";
/// Longer than what is kept inline: a file is written and read.
const BODY_BYTES: usize = 100_000;
const KEY: &str = "drill";
const KEY_NAMED: &str = "drill-under-a-named-key";

/// What was tried, and how it went.
type Outcomes = Vec<(&'static str, Result<()>)>;

/// What a round needs.
pub(super) struct Round<'a> {
    pub(super) target: &'a TargetArgs,
    pub(super) client: &'a Client,
    pub(super) endpoint: String,
    pub(super) region: String,
}

impl Round<'_> {
    /// Tries everything once. What depends on something that failed is tried all the same, and fails with it.
    pub(super) async fn run(&self) -> Outcomes {
        let mut outcomes = vec![
            ("a token is issued and revoked", self.token().await),
            ("a key is made", Ok(())),
        ];
        let key = match self.key().await {
            Ok(key) => key,
            Err(error) => {
                if let Some((_, outcome)) = outcomes.last_mut() {
                    *outcome = Err(error);
                }
                return outcomes;
            }
        };
        let bucket = format!("onshore-drill-{}", hex::encode(onshore_keys::random::<8>()));
        match self.s3(&key) {
            Ok(s3) => self.objects(&s3, &bucket, &mut outcomes).await,
            Err(error) => outcomes.push(("S3 answers", Err(error))),
        }
        outcomes.push(("the key is removed", self.remove_key(&key).await));
        outcomes
    }

    async fn objects(&self, s3: &S3, bucket: &str, outcomes: &mut Outcomes) {
        let body = Bytes::from(body());
        let object = format!("/{bucket}/{KEY}");
        let named = format!("/{bucket}/{KEY_NAMED}");
        let made = s3
            .send(Method::PUT, &format!("/{bucket}"), "", &[], Bytes::new())
            .await
            .and_then(|answer| done(answer.status));
        outcomes.push(("a bucket is made", made));
        let class = [("x-amz-meta-onshore-class", "personal")];
        let put = s3
            .send(Method::PUT, &object, "", &class, body.clone())
            .await;
        let leaf = put.as_ref().ok().and_then(|answer| answer.leaf);
        outcomes.push((
            "an object is stored",
            put.and_then(|answer| done(answer.status)),
        ));
        outcomes.push((
            "it is read back as it was written",
            read_back(s3, &object, &body).await,
        ));
        outcomes.push(("it is listed", listed(s3, bucket).await));
        outcomes.push((
            "a named key is unwrapped",
            self.under_named_key(s3, &named, &body).await,
        ));
        outcomes.push((
            "a read inside is allowed",
            self.verdict(bucket, None, "allowed").await,
        ));
        outcomes.push((
            "a read abroad is refused",
            self.verdict(bucket, Some(ABROAD), "refused").await,
        ));
        outcomes.push(("its leaf is proven", self.proven(leaf).await));
        let removed = async {
            for path in [&object, &named] {
                let answer = s3.send(Method::DELETE, path, "", &[], Bytes::new()).await?;
                done(answer.status)?;
                let gone = s3.send(Method::GET, path, "", &[], Bytes::new()).await?;
                ensure!(
                    gone.status == StatusCode::NOT_FOUND,
                    "it is there still: {}",
                    gone.status
                );
            }
            let path = format!("/{bucket}");
            let answer = s3
                .send(Method::DELETE, &path, "", &[], Bytes::new())
                .await?;
            done(answer.status)
        };
        outcomes.push(("it is removed", removed.await));
    }

    async fn token(&self) -> Result<()> {
        let asked = CreateToken {
            role: RoleWord::Auditor,
            tenant: None,
            person: None,
            provider: None,
        };
        let made: TokenView = self.client.send(Method::POST, "/v1/tokens", &asked).await?;
        let holder = self.client.as_holder_of(&made.token);
        let said: HolderView = holder.get("/v1/whoami").await?;
        ensure!(
            said.principal == made.principal,
            "the token is somebody else's"
        );
        let path = format!("/v1/tokens/{}", made.principal);
        let _: Done = self.client.delete(&path).await?;
        let after: Result<HolderView> = holder.get("/v1/whoami").await;
        ensure!(after.is_err(), "a revoked token is taken still");
        Ok(())
    }

    /// Makes a key of the drill's own tenant: its secret is sealed by the root key.
    async fn key(&self) -> Result<KeyView> {
        let tenants: Vec<TenantView> = self.client.list("/v1/tenants").await?;
        if !tenants.iter().any(|tenant| tenant.name.as_str() == TENANT) {
            let asked = CreateTenant {
                name: TENANT.parse()?,
                group: None,
            };
            let _: TenantView = self
                .client
                .send(Method::POST, "/v1/tenants", &asked)
                .await?;
        }
        let path = format!("/v1/tenants/{TENANT}/keys");
        self.client
            .send(Method::POST, &path, &CreateKey::default())
            .await
    }

    async fn remove_key(&self, key: &KeyView) -> Result<()> {
        let path = format!("/v1/tenants/{TENANT}/keys/{}", key.access_key);
        let _: Done = self.client.delete(&path).await?;
        Ok(())
    }

    fn s3(&self, key: &KeyView) -> Result<S3> {
        let secret = key.secret_key.clone();
        let secret = secret.context("the server keeps the secret half of the new key")?;
        let keys = (key.access_key.to_string(), secret);
        S3::new(
            &self.endpoint,
            &self.region,
            keys,
            self.target.ca.as_deref(),
        )
    }

    /// Stores something under a named key of the tenant, and reads it back: both unwrap keys.
    async fn under_named_key(&self, s3: &S3, path: &str, body: &Bytes) -> Result<()> {
        let keys = format!("/v1/tenants/{TENANT}/kms-keys");
        let known: Vec<KmsKeyView> = self.client.list(&keys).await?;
        let key = match known
            .into_iter()
            .find(|key| key.state == KmsKeyStateView::Enabled)
        {
            Some(key) => key,
            None => {
                let asked = CreateKmsKey::default();
                self.client.send(Method::POST, &keys, &asked).await?
            }
        };
        let id = key.id.to_string();
        let headers = [
            ("x-amz-meta-onshore-class", "personal"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", id.as_str()),
        ];
        let answer = s3
            .send(Method::PUT, path, "", &headers, body.clone())
            .await?;
        done(answer.status)?;
        read_back(s3, path, body).await
    }

    /// Asks the gate what it would say of a read from an address, or from where the server itself is.
    async fn verdict(&self, bucket: &str, from: Option<&str>, wanted: &str) -> Result<()> {
        let question = Question {
            bucket: BucketName::parse(bucket)?,
            key: Some(ObjectKey::parse(KEY)?),
            from_address: from.unwrap_or("127.0.0.1").parse()?,
            operation: AskedOperation::Get,
        };
        let said: ExplanationView = self
            .client
            .send(Method::POST, "/v1/explain", &question)
            .await?;
        ensure!(
            said.verdict == wanted,
            "it is {} by {}: {}",
            said.verdict,
            said.rule,
            said.cause
        );
        Ok(())
    }

    async fn proven(&self, leaf: Option<u64>) -> Result<()> {
        let leaf = leaf.context("nothing was stored, so there is no leaf")?;
        let key: LedgerKeyView = self.client.get("/v1/ledger/key").await?;
        let key: VerifierKey = key.key.parse()?;
        let bundle: ProofBundle = self
            .client
            .get(&format!("/v1/ledger/proofs/{leaf}"))
            .await?;
        let verified = bundle.verify(&[key])?;
        ensure!(verified.index == leaf, "another leaf is proven");
        Ok(())
    }
}

async fn read_back(s3: &S3, path: &str, body: &Bytes) -> Result<()> {
    let answer = s3.send(Method::GET, path, "", &[], Bytes::new()).await?;
    done(answer.status)?;
    ensure!(answer.body == *body, "other bytes came back");
    Ok(())
}

async fn listed(s3: &S3, bucket: &str) -> Result<()> {
    let path = format!("/{bucket}");
    let answer = s3
        .send(Method::GET, &path, "list-type=2", &[], Bytes::new())
        .await?;
    done(answer.status)?;
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(
        text.contains(&format!("<Key>{KEY}</Key>")),
        "the listing does not name it"
    );
    Ok(())
}

fn done(status: StatusCode) -> Result<()> {
    if status.is_success() {
        return Ok(());
    }
    bail!("it is answered {status}")
}

/// Returns a body that no other round has.
fn body() -> Vec<u8> {
    let start = onshore_keys::random::<32>();
    start.iter().copied().cycle().take(BODY_BYTES).collect()
}
