#[path = "engine/fake.rs"]
#[allow(dead_code)]
mod fake;
#[path = "engine/world.rs"]
#[allow(dead_code)]
mod world;

use onshore_migrate::{Engine, Parts, Patience, Sources};
use onshore_sources::{Credentials, Network, S3Spec, SourceAccess, SourceSpec};
use std::sync::Arc;

#[tokio::test]
async fn moto() {
    let world = world::World::new().await;
    let bucket = std::env::var("MOTO_BUCKET").unwrap();
    for round in 0..2 {
        let access = SourceAccess {
            source: SourceSpec::S3(S3Spec {
                bucket: bucket.clone(),
                prefix: String::new(),
                endpoint: Some("http://127.0.0.1:5999".into()),
                region: None,
                addressing: Default::default(),
            }),
            network: Network::Anywhere,
        };
        let order = onshore_gate::JobOrder {
            tenant: world.tenant.id,
            bucket: "bucket".parse().unwrap(),
            source: serde_json::to_value(&access).unwrap(),
            fingerprint: [3; 32],
            label: Some("personal".parse().unwrap()),
            credentials: Some(onshore_keys::Secret::new(
                Credentials::new("testing", "testing", None)
                    .to_bytes()
                    .to_vec(),
            )),
        };
        let onshore_gate::Ordered::New(job) =
            world.gate.order_job(world.operator, order).await.unwrap()
        else {
            panic!()
        };
        let engine = Engine::new(Parts {
            db: world.db.clone(),
            registry: world.registry.clone(),
            store: world.store.clone(),
            gate: world.gate.clone(),
            sources: Arc::new(Sources { roots: vec![] }),
            certificates: world.folder.path().join("certificates"),
            patience: Patience::default(),
        });
        let begin = std::time::Instant::now();
        let running = tokio::spawn(async move { engine.run(Default::default()).await });
        loop {
            let now = world.registry.job(job.id).await.unwrap();
            if now.state.is_ended() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        running.abort();
        let outcome = world.finish(job.id).await;
        println!(
            "round {round} state {:?} in {:?} detail {:?}",
            outcome.job.state,
            begin.elapsed(),
            outcome.job.detail
        );
        if let Some(c) = outcome.certificate.as_ref() {
            println!("{:?} {} bytes", c.body.counts, c.body.bytes);
            let mut methods = std::collections::BTreeMap::new();
            for o in &c.objects {
                *methods.entry(o.method.clone()).or_insert(0) += 1;
            }
            println!("{methods:?}");
            for e in c.body.exceptions.iter().take(20) {
                println!("{e:?}");
            }
            for o in &c.objects {
                if c.objects.len() < 60 {
                    let (head, bytes) = world.read(&o.key).await.unwrap();
                    println!(
                        "{:?} {} {} {:?} {:?} tags {} v {:?}",
                        o.key,
                        bytes.len(),
                        head.etag,
                        head.content,
                        head.user_metadata,
                        head.tag_count,
                        o.version
                    );
                    assert_eq!(Some(head.etag.as_str()), o.version.as_deref());
                }
            }
        }
    }
}
