//! Looking through one version for somebody who wants to see what was found in it. Its bytes are read here and go no further:
//! what comes out are findings, in which a value stands behind its mask. Nothing of them is kept.

use std::io::{Read, Seek, SeekFrom};

use onshore_classify::{Findings, Outcome, Scanner, Unread};
use onshore_policy::{Flow, Permit};
use tokio::task::spawn_blocking;

use crate::customer_key::Encryption;
use crate::plain::{PlainReader, of_reader};
use crate::read::open;
use crate::rescan::plain_bodies;
use crate::scanning::{WHOLE_BYTES_MAX, feed, hasten};
use crate::{Error, Store, permits};

/// What a look found.
#[derive(Debug)]
pub struct Sampled {
    /// What is in what was read.
    pub findings: Findings,
    /// How many bytes there are.
    pub size_bytes: u64,
    /// How many of them were read, from the beginning on: whoever waits is not kept waiting by more than 256 MiB.
    pub read_bytes: u64,
}

impl Store {
    /// Looks through the version the permit names, for what the scanner was told to show of it.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`]; [`Error::VersionGone`]; [`Error::LabelChanged`]; [`Error::CustomerKeyMissing`] where a client
    /// keeps the key; [`Error::KmsKeyDisabled`]; [`Error::Busy`] where too many look at once; [`Error::Corrupt`].
    pub async fn look_through(&self, permit: Permit, scanner: Scanner) -> Result<Sampled, Error> {
        permits::flow(&permit, &[Flow::Inspect])?;
        let version = permits::version(&permit)?;
        let pin = self.inner.reclaimer.pin(*version.as_bytes());
        let key = self.tenant_key(permits::bucket(&permit)?).await?;
        let turn = self.inner.turns.wait().await.ok_or(Error::Busy)?;
        let (bodies, size_bytes) = self.inner.db.glance(|view| {
            let opened = open(view, &permit, &key)?;
            let encryption = &opened.facts.encryption;
            if let Encryption::Customer { .. } = encryption {
                return Err(Error::CustomerKeyMissing);
            }
            let named = self
                .inner
                .kms_keys
                .usable(view, opened.bucket.tenant, encryption)?;
            let bodies = plain_bodies(
                view,
                version,
                &opened.facts,
                &opened.data_keys,
                named.as_ref(),
            )?;
            Ok::<_, Error>((bodies, opened.facts.size_bytes))
        })?;
        let reader = PlainReader::new(self.inner.files.clone(), bodies);
        let looked = spawn_blocking(move || {
            let (_pin, _turn) = (pin, turn);
            look(reader, size_bytes, hasten(scanner))
        });
        looked.await.unwrap_or(Err(Error::Stopping))
    }
}

fn look(
    mut reader: impl Read + Seek,
    size_bytes: u64,
    mut scanner: Scanner,
) -> Result<Sampled, Error> {
    feed(&mut scanner, &mut (&mut reader).take(WHOLE_BYTES_MAX))?;
    let findings = match scanner.finish() {
        Outcome::Done(findings) => *findings,
        Outcome::Whole(whole) if size_bytes > WHOLE_BYTES_MAX => whole.unread(Unread::OverLimit),
        Outcome::Whole(whole) => {
            reader.seek(SeekFrom::Start(0)).map_err(of_reader)?;
            whole.read(reader).map_err(of_reader)?
        }
    };
    Ok(Sampled {
        findings,
        size_bytes,
        read_bytes: size_bytes.min(WHOLE_BYTES_MAX),
    })
}
