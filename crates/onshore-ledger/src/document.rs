//! Which document a file is: a certificate, a proof, a proven read, evidence; told by the format it names.

use serde::Deserialize;

use crate::evidence::is_evidence;
use crate::tlog_proof::TLOG_PROOF_HEADER;
use crate::{Certificate, Error, ProofBundle, ReadProof, Result, TlogProof};

/// A document that `onshore verify` can check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// A migration certificate.
    Certificate(Box<Certificate>),
    /// A proof bundle.
    Proof(Box<ProofBundle>),
    /// A proven read.
    Read(Box<ReadProof>),
    /// A proof as other transparency logs write it.
    TlogProof(Box<TlogProof>),
    /// An evidence bundle, which is verified from its bytes ([`crate::verify_evidence`]).
    Evidence,
}

impl Document {
    /// Parses a file's bytes without believing them; nothing is verified yet.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if is_evidence(bytes) {
            return Ok(Self::Evidence);
        }
        if bytes.starts_with(TLOG_PROOF_HEADER.as_bytes()) {
            let text = std::str::from_utf8(bytes).map_err(|_| Error::TlogProofMalformed)?;
            return Ok(Self::TlogProof(Box::new(TlogProof::parse(text)?)));
        }
        let peek: Peek = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Error::DocumentUnknown {
                found: String::new(),
            },
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Error::DocumentNotJson(error),
        })?;
        let format = peek
            .format
            .or_else(|| peek.body?.format)
            .unwrap_or_default();
        match format.as_str() {
            "onshore-certificate/1" | "onshore-certificate/2" => serde_json::from_slice(bytes)
                .map(|certificate| Self::Certificate(Box::new(certificate)))
                .map_err(Error::Json),
            "onshore-proof/1" => serde_json::from_slice(bytes)
                .map(|proof| Self::Proof(Box::new(proof)))
                .map_err(Error::Json),
            "onshore-read/1" => serde_json::from_slice(bytes)
                .map(|read| Self::Read(Box::new(read)))
                .map_err(Error::Json),
            _ => Err(Error::DocumentUnknown {
                found: shorten(&format),
            }),
        }
    }
}

/// As much of a document as tells its kind.
#[derive(Deserialize)]
struct Peek {
    format: Option<String>,
    body: Option<PeekBody>,
}

#[derive(Deserialize)]
struct PeekBody {
    format: Option<String>,
}

/// A stranger's text goes into an error message only so far.
fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
