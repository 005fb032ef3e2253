//! Certificates are read anew on SIGHUP and when their files change; connections go on, and a certificate that cannot be
//! used leaves the one before it in force.

use std::time::Duration;

use anyhow::Result;
use onshore_tls::{Certificates, Renewal, Renewed};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// Returns what renews certificates until it is told to stop. SIGHUP is heard from now on.
pub(crate) fn renewal(
    certificates: Certificates,
    stop: CancellationToken,
) -> Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let when = tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => Renewal::Always,
                _ = looks.tick() => Renewal::IfChanged,
            };
            let certificates = certificates.clone();
            let renewed = tokio::task::spawn_blocking(move || certificates.renew(when)).await;
            match renewed {
                Ok(Ok(Renewed::Unchanged)) => {}
                Ok(Ok(Renewed::InForce { fingerprint })) => {
                    tracing::info!(sha256 = fingerprint, "the TLS certificate was read anew");
                }
                Ok(Err(error)) => {
                    tracing::error!(
                        error = format!("{:#}", anyhow::Error::new(error)),
                        "the new TLS certificate cannot be used; the old one stays in force"
                    );
                }
                Err(error) => tracing::error!(%error, "reading the TLS certificate anew failed"),
            }
        }
    })
}
