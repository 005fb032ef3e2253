//! Asks the configured witnesses to cosign the newest checkpoint (C2SP tlog-witness), all at once and at most so often,
//! and hands what they said to the journal. Nothing waits for them: a witness that is down or slow costs its word and
//! nothing else, and is asked again in the next round. A witness that knows more of the log than there is, or another
//! log, is reported loudly: then somebody put an old copy of the data folder back, or the log was rewritten.
//!
//! They hear the name, the size and the root of the ledger and the time of the request, and nothing of what is in it.

mod link;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use onshore_journal::{Cosignature, Head, Journal};
use onshore_ledger::{Note, NoteSignature, PolicyWitness, parse_cosigned_size};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::link::{Asked, ask};
use crate::notify::{EventTarget, TargetError};
use crate::patience::cause;
use crate::{Error, Parts};

/// How long a witness may take to answer, naming and connecting included.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A witness and where it is asked.
#[derive(Debug, Clone)]
pub struct WitnessTarget {
    /// The witness, as the policy knows it.
    pub witness: PolicyWitness,
    /// Its submission prefix.
    pub target: EventTarget,
}

/// The engine that asks witnesses. Clones share its parts.
#[derive(Debug, Clone)]
pub struct WitnessEngine {
    journal: Journal,
    targets: Arc<Vec<WitnessTarget>>,
    interval: Duration,
}

/// What a witness said.
enum Said {
    /// It cosigned.
    Cosigned(Cosignature),
    /// It cosigned more than there is, or another log.
    Contradicts(&'static str, u64),
    /// Nothing that helps.
    Nothing(String),
}

impl WitnessEngine {
    /// Makes an engine that asks at most so often.
    #[must_use]
    pub fn new(parts: &Parts, targets: Vec<WitnessTarget>, interval: Duration) -> Self {
        Self {
            journal: parts.gate.journal().clone(),
            targets: Arc::new(targets),
            interval,
        }
    }

    /// Asks until told to stop; whoever was not asked then is asked after the next start.
    pub async fn run(self, stop: CancellationToken) {
        if self.targets.is_empty() {
            return;
        }
        // What each witness cosigned last, as far as it is known; what is not, the witness tells.
        let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
        loop {
            let head = self.journal.head();
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = self.round(&head, &mut sizes) => asked,
            };
            let missing = asked.unwrap_or_else(|error| {
                tracing::error!(%error, "cosignatures could not be kept; the witnesses are asked again");
                true
            });
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.interval) => {}
            }
            if !missing {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.journal.await_published(head.size) => {}
                }
            }
        }
    }

    /// Asks everybody about one checkpoint, and returns whether anybody's word is missing.
    async fn round(&self, head: &Head, sizes: &mut BTreeMap<String, u64>) -> Result<bool, Error> {
        let asking = self.targets.iter().map(|target| {
            let known = sizes.get(target.witness.key.name()).copied().unwrap_or(0);
            let said = timeout(ANSWER_MAX, self.ask(target, head, known));
            async move {
                said.await
                    .unwrap_or_else(|_| Said::Nothing("it does not answer in time".to_owned()))
            }
        });
        let said = join_all(asking).await;
        let mut cosigned = Vec::new();
        for (target, said) in self.targets.iter().zip(said) {
            let name = target.witness.name.clone();
            let result = match said {
                Said::Cosigned(cosignature) => {
                    sizes.insert(target.witness.key.name().to_owned(), head.size);
                    cosigned.push(cosignature);
                    "cosigned"
                }
                Said::Contradicts(how, size) => {
                    tracing::error!(
                        witness = %name, size, ours = head.size,
                        "THE WITNESS {how}: the data folder was rolled back, or the ledger was rewritten"
                    );
                    "contradicts"
                }
                Said::Nothing(why) => {
                    tracing::warn!(witness = %name, %why, "a witness did not cosign; it is asked again");
                    "failed"
                }
            };
            metrics::counter!("onshore_witness_answers_total", "witness" => name, "result" => result)
                .increment(1);
        }
        let is_missing = cosigned.len() < self.targets.len();
        if !cosigned.is_empty() {
            self.journal.keep_cosigned(head, cosigned).await?;
        }
        let witnessed = self.journal.witnessed().map_or(0, |head| head.size);
        metrics::gauge!("onshore_ledger_size").set(as_number(self.journal.head().size));
        metrics::gauge!("onshore_ledger_witnessed_size").set(as_number(witnessed));
        Ok(is_missing)
    }

    /// Asks one witness: a second time where it told what it cosigned last.
    async fn ask(&self, target: &WitnessTarget, head: &Head, known: u64) -> Said {
        let mut old_size = known.min(head.size);
        for _ in 0..2 {
            let request = match self.journal.ask(head, old_size).await {
                Ok(request) => request.to_string(),
                Err(error) => return Said::Nothing(cause(&error)),
            };
            let asked = match ask(&target.target, request).await {
                Ok(asked) => asked,
                Err(error) => return Said::Nothing(cause(&error)),
            };
            match asked {
                Asked {
                    status: 200, body, ..
                } => return cosigned(target, head, &body),
                Asked {
                    status: 409, body, ..
                } => match parse_cosigned_size(&body) {
                    Ok(size) if size > head.size => {
                        return Said::Contradicts("COSIGNED MORE THAN THERE IS", size);
                    }
                    Ok(size) if size == old_size => {
                        return Said::Contradicts("COSIGNED ANOTHER ROOT AT THIS SIZE", size);
                    }
                    Ok(size) => old_size = size,
                    Err(_) => return Said::Nothing("it answers 409 without a size".to_owned()),
                },
                Asked { status: 422, .. } => {
                    return Said::Contradicts(
                        "DOES NOT SEE THAT THE LEDGER EXTENDS WHAT IT COSIGNED",
                        old_size,
                    );
                }
                Asked { status, .. } => return Said::Nothing(format!("it answers {status}")),
            }
        }
        Said::Nothing("others ask it at the same time".to_owned())
    }
}

/// Reads an answer: signatures by keys that are not the witness's are ignored.
fn cosigned(target: &WitnessTarget, head: &Head, body: &[u8]) -> Said {
    let key = &target.witness.key;
    let line = std::str::from_utf8(body)
        .ok()
        .and_then(|text| NoteSignature::parse_lines(text).ok())
        .and_then(|lines| lines.into_iter().find(|line| key.is_of(line)));
    let Some(line) = line else {
        return Said::Nothing("it answers without a cosignature of its key".to_owned());
    };
    let checked = Note::parse(&head.note)
        .map(|note| note.with([line.clone()]))
        .and_then(|note| key.cosigned_at(&note));
    match checked {
        Ok(Some(time_s)) => Said::Cosigned(Cosignature {
            witness: key.to_string(),
            time_s,
            line,
        }),
        Ok(None) | Err(_) => Said::Nothing("its cosignature is wrong".to_owned()),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a metric is a float; no ledger has so many leaves"
)]
fn as_number(size: u64) -> f64 {
    size as f64
}

impl WitnessTarget {
    /// Whether it can be asked this way: by HTTP alone.
    ///
    /// # Errors
    /// [`TargetError::Address`].
    pub fn new(witness: PolicyWitness, target: EventTarget) -> Result<Self, TargetError> {
        if target.is_webhook() {
            Ok(Self { witness, target })
        } else {
            Err(TargetError::Address)
        }
    }
}
