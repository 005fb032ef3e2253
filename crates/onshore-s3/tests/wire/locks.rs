//! Locks against a clock that is set wrong.

use crate::client::Client;
use crate::world::World;

const DAY: i64 = 24 * 60 * 60;
const DECADE: i64 = 3650 * DAY;

/// Stores a version that is locked for a day, and returns its path.
async fn locked(client: &Client) -> String {
    client
        .put("/bkt")
        .header("x-amz-bucket-object-lock-enabled", "true")
        .send()
        .await
        .expect_status(200);
    let stored = client
        .put("/bkt/key")
        .header("x-amz-object-lock-mode", "COMPLIANCE")
        .header(
            "x-amz-object-lock-retain-until-date",
            "2026-05-06T12:00:00Z",
        )
        .header("content-md5", "ndTkYSaMgDT1yFZOFVxnpg==")
        .body("x")
        .send()
        .await
        .expect_status(200);
    format!("/bkt/key?versionId={}", stored.header("x-amz-version-id"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_leaps_ahead_lifts_no_lock() {
    let world = World::new("leap").await;
    let client = world.tenant("alpha").await;
    let version = locked(&client).await;
    world.clock.leap(DECADE);
    let refused = client.delete(&version).send().await;
    refused.expect_code(403, "AccessDenied");
    let shorter = "<Retention><Mode>GOVERNANCE</Mode>\
         <RetainUntilDate>2037-01-01T00:00:00Z</RetainUntilDate></Retention>";
    let refused = client
        .put(&version.replace('?', "?retention&"))
        .header("x-amz-bypass-governance-retention", "true")
        .body(shorter)
        .send()
        .await;
    refused.expect_code(403, "AccessDenied");
    client.get(&version).send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_with_its_day() {
    let world = World::new("lock-ends").await;
    let client = world.tenant("alpha").await;
    let version = locked(&client).await;
    world.clock.advance(DAY - 1);
    let refused = client.delete(&version).send().await;
    refused.expect_code(403, "AccessDenied");
    world.clock.advance(1);
    client.delete(&version).send().await.expect_status(204);
}
