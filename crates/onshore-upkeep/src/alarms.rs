//! Raises alarms: at each look it finds what somebody must be told today and was not told yet. Each is recorded once, with a leaf.

use std::time::Duration;

use onshore_orders::AlarmKind;
use tokio_util::sync::CancellationToken;

use crate::{Error, Parts};

/// The engine that raises alarms.
#[derive(Debug)]
pub struct AlarmEngine {
    parts: Parts,
    interval: Duration,
}

impl AlarmEngine {
    /// Makes an engine that looks so often.
    #[must_use]
    pub fn new(parts: Parts, interval: Duration) -> Self {
        Self { parts, interval }
    }

    /// Raises what is due until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.raise().await {
                tracing::error!(%error, "alarms could not be raised; it is tried again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.interval) => {}
            }
        }
    }

    async fn raise(&self) -> Result<(), Error> {
        for alarm in self.parts.gate.raise_alarms().await? {
            let (what, of, due) = (alarm.what.word(), alarm.of.as_str(), alarm.due);
            metrics::counter!("onshore_alarms_total", "what" => what).increment(1);
            match alarm.what {
                AlarmKind::LicenceLapsed => {
                    tracing::error!(what, of, %due, "{}", alarm.why);
                }
                AlarmKind::ContractDue | AlarmKind::LicenceEnds => {
                    tracing::warn!(what, of, %due, days_before = alarm.days_before, "a day comes near");
                }
            }
        }
        Ok(())
    }
}
