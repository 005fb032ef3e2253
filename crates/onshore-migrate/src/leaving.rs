//! An object that goes back to the cloud it, or its bucket, came from: judged as an export to the address that its bytes go to, read
//! as every reader reads it, and written there as it is here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use onshore_gate::Outflow;
use onshore_policy::{Flow, Subject, Transfer};
use onshore_sources::{Broken, Details, Error as SourceError, Outgoing, OutgoingPart, Source};
use onshore_store::{
    BodyStream, Description, Encryption, Error as StoreError, LegalHold, ObjectHead, RetentionMode,
};
use onshore_types::{ByteRange, ObjectKey};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::outcome::Exception;
use crate::way_back::{Fault, WayBack};

/// How long the source may take to answer once it has all bytes, and how long a body may stand still.
const ANSWER_MAX: Duration = Duration::from_secs(300);
const STANDING_MAX: Duration = Duration::from_secs(60);

/// How many chunks of a body wait for the wire.
const CHUNKS_AHEAD: usize = 8;

/// An object that may leave.
pub(crate) struct Leaving {
    head: ObjectHead,
    stream: BodyStream,
    outflow: Outflow,
}

/// Has the gate judge that an object goes back, and opens it.
pub(crate) async fn admit(
    way: &WayBack,
    key: &ObjectKey,
    here: &Description,
) -> Result<Leaving, Fault> {
    let (gate, store) = (&way.parts.gate, &way.parts.store);
    let range = ByteRange::whole(here.size_bytes);
    let transfer = Transfer {
        principal: way.principal,
        operation: "Return",
        flow: Flow::Read,
        subject: Subject {
            bucket: Some(way.bucket.id),
            owner: Some(way.bucket.tenant),
            key: Some(key.clone()),
            version: Some(here.version),
            label: here.label,
            range,
        },
        from: gate.home(),
        to: way.to,
    };
    let permit = gate.permit(transfer).await.map_err(|error| match error {
        onshore_gate::Error::Refused(refused) => {
            Fault::Exception(Exception::new("refused", refused.message))
        }
        other => Fault::Ours(other.into()),
    })?;
    let outflow = gate.watch(&permit);
    let (head, stream) = store.read(permit, range).await.map_err(of_store)?;
    Ok(Leaving {
        head,
        stream,
        outflow,
    })
}

impl Leaving {
    /// Whether this is what the source has, as far as its bytes go.
    pub(crate) fn is(&self, there: &Details) -> bool {
        there.size_bytes == self.head.size_bytes
            && there.etag.as_deref() == Some(self.head.etag.as_str())
    }

    /// Writes it at the source.
    pub(crate) async fn write(self, source: &dyn Source) -> Result<(), Fault> {
        let object = outgoing(&self.head);
        let (chunks, on_the_way) = mpsc::channel(CHUNKS_AHEAD);
        let sending = source.write(&object, on_the_way);
        let feeding = feed(self.stream, self.outflow, chunks);
        tokio::pin!(sending, feeding);
        tokio::select! {
            // It does not want the rest.
            answer = &mut sending => answer.map_err(Fault::Source),
            fed = &mut feeding => match fed {
                Ok(()) => match timeout(ANSWER_MAX, sending).await {
                    Ok(answer) => answer.map_err(Fault::Source),
                    Err(_) => Err(Fault::Source(too_slow())),
                },
                // It hears that the bytes broke off, and gives up what it had begun there.
                Err(fault) => {
                    let _or_left = timeout(STANDING_MAX, sending).await;
                    Err(fault)
                }
            },
        }
    }
}

/// Hands the bytes on as long as they may leave. Who takes no more has answered already.
async fn feed(
    mut stream: BodyStream,
    outflow: Outflow,
    chunks: mpsc::Sender<Result<Bytes, Broken>>,
) -> Result<(), Fault> {
    while let Some(chunk) = stream.next().await {
        let chunk = match (chunk, outflow.check()) {
            (Ok(chunk), Ok(())) => chunk,
            (Err(error), _) => {
                let _or_gone = chunks.send(Err(Broken)).await;
                return Err(of_store(error));
            }
            (Ok(_), Err(lapsed)) => {
                let _or_gone = chunks.send(Err(Broken)).await;
                return Err(Fault::Exception(Exception::new(
                    "refused",
                    lapsed.to_string(),
                )));
            }
        };
        outflow.sent(chunk.len() as u64);
        match timeout(STANDING_MAX, chunks.send(Ok(chunk))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(()),
            Err(_) => return Err(Fault::Source(too_slow())),
        }
    }
    Ok(())
}

fn too_slow() -> SourceError {
    SourceError::Unavailable {
        what: "timeout".to_owned(),
    }
}

fn of_store(error: StoreError) -> Fault {
    match error {
        StoreError::LabelChanged { .. } | StoreError::VersionGone => Fault::Later,
        StoreError::CustomerKeyMissing => Fault::Exception(Exception::new(
            "customer-key",
            "it is encrypted under a key that its client keeps, so nobody else can read it",
        )),
        StoreError::Corrupt { .. } => {
            Fault::Exception(Exception::new("damaged", "its bytes here are damaged"))
        }
        other => Fault::Ours(other.into()),
    }
}

fn outgoing(head: &ObjectHead) -> Outgoing {
    let content = &head.content;
    let described = [
        ("content-type", &content.content_type),
        ("cache-control", &content.cache_control),
        ("content-disposition", &content.content_disposition),
        ("content-encoding", &content.content_encoding),
        ("content-language", &content.content_language),
        ("expires", &content.expires),
        ("x-amz-website-redirect-location", &content.website_redirect),
    ];
    let mut headers: Vec<(String, String)> = described
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
        .collect();
    if let Some(retention) = &head.lock.retention {
        let mode = match retention.mode {
            RetentionMode::Governance => "GOVERNANCE",
            RetentionMode::Compliance => "COMPLIANCE",
        };
        headers.push(("x-amz-object-lock-mode".to_owned(), mode.to_owned()));
        headers.push((
            "x-amz-object-lock-retain-until-date".to_owned(),
            retention.until.to_string(),
        ));
    }
    if head.lock.hold == Some(LegalHold::On) {
        headers.push(("x-amz-object-lock-legal-hold".to_owned(), "ON".to_owned()));
    }
    // What came from a source has the ETag that it had there, and what is encrypted under a named key has none that is an MD5.
    let has_md5 = head.original.is_none() && matches!(head.encryption, Encryption::Service);
    Outgoing {
        key: head.key.as_str().to_owned(),
        size_bytes: head.size_bytes,
        md5: has_md5.then(|| of_hex(&head.etag)).flatten(),
        headers,
        user_metadata: head.user_metadata.clone(),
        tags: head.tags.clone(),
        parts: head
            .parts
            .iter()
            .map(|part| OutgoingPart {
                size_bytes: part.size_bytes,
                md5: of_hex(&part.md5),
            })
            .collect(),
    }
}

/// Returns an MD5 as S3 takes it.
fn of_hex(digits: &str) -> Option<String> {
    let bytes = hex::decode(digits).ok()?;
    (bytes.len() == 16).then(|| STANDARD.encode(bytes))
}
