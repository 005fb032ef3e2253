//! Plans of Terraform: what they make, and where, held against an order and a residency.

use onshore_orders::guard::state::assets;
use onshore_orders::guard::{Judged, Rules, Weight, judge};
use onshore_orders::{Language, Order};
use onshore_types::Jurisdiction;
use proptest::prelude::*;
use serde_json::{Value, json};

fn order() -> Order {
    toml::from_str(onshore_orders::TIANJIN_2021).expect("it reads")
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a test hands over what it writes in place"
)]
fn plan(changes: Value) -> Value {
    json!({ "format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {}, "resource_changes": changes })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a test hands over what it writes in place"
)]
fn change(address: &str, provider: &str, kind: &str, actions: Value, after: Value) -> Value {
    json!({
        "address": address, "mode": "managed", "type": kind, "name": "it",
        "provider_name": format!("registry.terraform.io/hashicorp/{provider}"),
        "change": { "actions": actions, "before": null, "after": after, "after_unknown": {} },
    })
}

fn judged(plan: &Value, orders: &[Order], residency: Option<&str>) -> Judged {
    let rules = Rules {
        orders,
        providers: &[],
        residency: residency.map(|code| Jurisdiction::parse(code).expect("a code")),
        now: "2022-01-01T00:00:00Z".parse().expect("an instant"),
        language: Language::En,
    };
    judge(plan, &rules).expect("a plan")
}

fn rules_of(judged: &Judged) -> Vec<&'static str> {
    judged.findings.iter().map(|one| one.rule).collect()
}

#[test]
fn each_provider_is_judged_by_its_regions() {
    for (provider, kind, member, inside, abroad) in [
        ("aws", "aws_s3_bucket", "region", "cn-north-1", "us-east-1"),
        (
            "aws",
            "aws_ebs_volume",
            "availability_zone",
            "cn-northwest-1a",
            "eu-central-1b",
        ),
        (
            "alicloud",
            "alicloud_oss_bucket",
            "region",
            "cn-shanghai",
            "ap-southeast-1",
        ),
        (
            "alicloud",
            "alicloud_db_instance",
            "zone_id",
            "cn-beijing-h",
            "cn-hongkong-b",
        ),
        (
            "tencentcloud",
            "tencentcloud_cbs_storage",
            "availability_zone",
            "ap-guangzhou-3",
            "ap-hongkong-2",
        ),
        (
            "huaweicloud",
            "huaweicloud_obs_bucket",
            "region",
            "cn-north-4",
            "ap-southeast-1",
        ),
        (
            "azurerm",
            "azurerm_storage_account",
            "location",
            "China North 2",
            "West Europe",
        ),
        (
            "azurerm",
            "azurerm_managed_disk",
            "location",
            "chinaeast3",
            "southeastasia",
        ),
    ] {
        for (place, expected) in [
            (inside, vec![]),
            (abroad, vec!["residency.place"]),
            ("mars-north-1", vec!["residency.place"]),
        ] {
            let plan = plan(json!([change(
                "x.it",
                provider,
                kind,
                json!(["create"]),
                json!({ member: place })
            )]));
            assert_eq!(
                rules_of(&judged(&plan, &[], Some("CN"))),
                expected,
                "{kind} {place}"
            );
            assert_eq!(rules_of(&judged(&plan, &[], None)), Vec::<&str>::new());
        }
    }
    let google = |place: &str| {
        plan(json!([change(
            "x.it",
            "google-beta",
            "google_storage_bucket",
            json!(["create"]),
            json!({ "location": place })
        )]))
    };
    assert!(!judged(&google("EUROPE-WEST3"), &[], Some("DE")).has_violations());
    assert!(judged(&google("EUROPE-WEST1"), &[], Some("DE")).has_violations());
    assert!(!judged(&google("europe-west12"), &[], Some("EU")).has_violations());
    assert!(judged(&google("EU"), &[], Some("DE")).has_violations());
}

#[test]
fn only_what_is_made_is_prohibited_and_leaving_is_free() {
    let orders = [order()];
    let act = |actions: Value| {
        let plan = plan(json!([change(
            "alicloud_oss_bucket.it",
            "alicloud",
            "alicloud_oss_bucket",
            actions,
            json!({ "region": "cn-beijing" })
        )]));
        rules_of(&judged(&plan, &orders, Some("CN")))
    };
    assert_eq!(act(json!(["create"])), ["order.prohibited"]);
    assert_eq!(act(json!(["delete", "create"])), ["order.prohibited"]);
    assert_eq!(act(json!(["create", "delete"])), ["order.prohibited"]);
    for free in [
        json!(["no-op"]),
        json!(["delete"]),
        json!(["read"]),
        json!(["forget"]),
    ] {
        assert_eq!(act(free), Vec::<&str>::new());
    }
    // Leaving may need a change: somebody must look, and nothing is refused.
    assert_eq!(act(json!(["update"])), ["order.changed"]);
    let aws = plan(json!([change(
        "aws_s3_bucket.it",
        "aws",
        "aws_s3_bucket",
        json!(["create"]),
        json!({ "region": "cn-north-1" })
    )]));
    assert!(!judged(&aws, &orders, Some("CN")).has_violations());
    let host = plan(json!([change(
        "aws_ec2_host.it",
        "aws",
        "aws_ec2_host",
        json!(["create"]),
        json!({ "availability_zone": "cn-north-1a" })
    )]));
    let found = judged(&host, &orders, Some("CN"));
    assert_eq!(rules_of(&found), ["order.frozen"]);
    assert!(
        found.findings[0].message.contains("hardware-freeze")
            && found.findings[0].message.contains("biz360")
    );
    // Before the order, and after it is withdrawn, nothing of it is asked.
    let mut order = order();
    order.withdrawn = Some(onshore_orders::order::Withdrawal {
        from: "2022-01-01".parse().expect("a day"),
        reason: "replaced".to_owned(),
    });
    assert!(!judged(&host, &[order], Some("CN")).has_violations());
}

fn changed(kind: &str, provider: &str, before: Value, after: Value) -> Vec<&'static str> {
    let mut one = change("x.it", provider, kind, json!(["update"]), after);
    one["change"]["before"] = before;
    rules_of(&judged(&plan(json!([one])), &[order()], None))
}

#[test]
fn what_grows_or_is_renewed_at_a_prohibited_provider_is_refused() {
    let disk = |before: Value, after: Value| changed("alicloud_disk", "alicloud", before, after);
    for (before, after, expected) in [
        (
            json!({ "size": 100 }),
            json!({ "size": 101 }),
            "order.prohibited",
        ),
        (
            json!({ "size": "100" }),
            json!({ "size": "200" }),
            "order.prohibited",
        ),
        (json!({}), json!({ "size": 1 }), "order.prohibited"),
        (
            json!({ "size": 100 }),
            json!({ "size": 100 }),
            "order.changed",
        ),
        (
            json!({ "size": 100 }),
            json!({ "size": 40 }),
            "order.changed",
        ),
        (
            json!({ "size": 100 }),
            json!({ "size": null }),
            "order.changed",
        ),
        (
            json!({ "auto_renew": false }),
            json!({ "auto_renew": true }),
            "order.frozen",
        ),
        (
            json!({ "auto_renew": true }),
            json!({ "auto_renew": true }),
            "order.changed",
        ),
        (
            json!({ "auto_renew": true }),
            json!({ "auto_renew": false }),
            "order.changed",
        ),
        (
            json!({ "renewal_status": "Normal" }),
            json!({ "renewal_status": "AutoRenewal" }),
            "order.frozen",
        ),
        (
            json!({ "period": 1 }),
            json!({ "period": 12 }),
            "order.frozen",
        ),
        (
            json!({ "b": [{ "size": 1 }] }),
            json!({ "b": [{ "size": 1 }, { "size": 1 }] }),
            "order.prohibited",
        ),
    ] {
        assert_eq!(
            disk(before.clone(), after.clone()),
            [expected],
            "{before} {after}"
        );
    }
    let aws = changed(
        "aws_ebs_volume",
        "aws",
        json!({ "size": 1 }),
        json!({ "size": 2 }),
    );
    assert_eq!(aws, Vec::<&str>::new(), "nothing prohibits it");
    let renewed = changed(
        "tencentcloud_instance",
        "tencentcloud",
        json!({ "instance_charge_type_prepaid_renew_flag": "NOTIFY_AND_MANUAL_RENEW" }),
        json!({ "instance_charge_type_prepaid_renew_flag": "NOTIFY_AND_AUTO_RENEW" }),
    );
    assert_eq!(renewed, ["order.frozen"]);
}

#[test]
fn frozen_procurement_is_hardware_of_ones_own_wherever_it_is() {
    let made = |provider: &str, kind: &str, after: Value| {
        let one = change("x.it", provider, kind, json!(["create"]), after);
        let found = judged(&plan(json!([one])), &[order()], None);
        let told = |one: &onshore_orders::guard::PlanFinding| {
            let what = one.message.split(' ').next().unwrap_or_default();
            format!("{} {what}", one.rule)
        };
        found.findings.iter().map(told).collect::<Vec<_>>()
    };
    for (provider, kind, what) in [
        ("aws", "aws_ec2_host", "procure.server"),
        ("azurerm", "azurerm_dedicated_host", "procure.server"),
        ("azurerm", "azurerm_databox_edge_device", "procure.storage"),
        ("azurerm", "azurerm_stack_hci_cluster", "procure.datacentre"),
        ("google", "google_compute_node_group", "procure.server"),
    ] {
        assert_eq!(
            made(provider, kind, json!({})),
            [format!("order.frozen {what}")]
        );
    }
    let frozen = "order.frozen procure.server".to_owned();
    assert_eq!(
        made(
            "aws",
            "aws_instance",
            json!({ "instance_type": "m5.metal" })
        ),
        std::slice::from_ref(&frozen)
    );
    assert_eq!(
        made("aws", "aws_instance", json!({ "tenancy": "dedicated" })),
        std::slice::from_ref(&frozen)
    );
    assert!(
        made(
            "aws",
            "aws_instance",
            json!({ "instance_type": "m5.large" })
        )
        .is_empty()
    );
    assert!(
        made("aws", "aws_rds_reserved_instance", json!({})).is_empty(),
        "nothing prohibits it"
    );
    let bought = made("alicloud", "alicloud_reserved_instance", json!({}));
    assert_eq!(bought.len(), 2);
    assert_eq!(bought[0], "order.frozen contract.new");
    let grown = changed(
        "google_compute_node_group",
        "google",
        json!({ "initial_node_count": 1, "size": 1 }),
        json!({ "initial_node_count": 1, "size": 2 }),
    );
    assert_eq!(grown, ["order.frozen"]);
    let same = changed(
        "google_compute_node_group",
        "google",
        json!({ "size": 2 }),
        json!({ "size": 1 }),
    );
    assert_eq!(same, Vec::<&str>::new());
    let metal = changed(
        "aws_instance",
        "aws",
        json!({ "instance_type": "m5.large" }),
        json!({ "instance_type": "m5.metal" }),
    );
    assert_eq!(metal, ["order.frozen"]);
}

#[test]
fn a_region_is_followed_through_modules_and_what_is_known_of_others() {
    let judged_with = |expressions: Value, unknown: Value, call: Value| {
        let mut one = change(
            "module.a[0].module.b.aws_s3_bucket.it",
            "aws",
            "aws_s3_bucket",
            json!(["create"]),
            json!({}),
        );
        one["change"]["after_unknown"] = unknown;
        let mut plan = plan(json!([one]));
        plan["variables"] = json!({ "home": { "value": "cn-north-1" }, "places": { "value": { "one": "cn-north-1", "two": "us-east-1" } } });
        plan["prior_state"] = json!({ "values": { "root_module": { "resources": [
            { "address": "data.aws_region.current", "values": { "name": "cn-northwest-1" } },
            { "address": "data.aws_region.many[0]", "values": { "name": "cn-north-1" } },
            { "address": "data.aws_region.many[1]", "values": { "name": "us-east-1" } },
        ] } } });
        plan["configuration"] = json!({
            "provider_config": {
                "module.a.module.b:aws": { "name": "aws", "module_address": "module.a.module.b", "expressions": { "region": { "references": ["var.region"] } } },
            },
            "root_module": { "module_calls": {
                "a": { "expressions": call, "module": {
                    "variables": { "place": { "default": "us-west-2" } },
                    "module_calls": { "b": { "expressions": { "region": { "references": ["var.place"] } }, "module": {
                        "variables": { "region": {} },
                        "resources": [{ "address": "aws_s3_bucket.it", "provider_config_key": "module.a.module.b:aws", "expressions": expressions }],
                    } } },
                } },
                "names": { "module": { "outputs": { "home": { "expression": { "constant_value": "cn-north-1" } } } } },
            } },
        });
        rules_of(&judged(&plan, &[], Some("CN")))
    };
    let none = || json!({});
    let inside = Vec::<&str>::new();
    let abroad = vec!["residency.place"];
    for (call, expected) in [
        (json!({ "place": { "references": ["var.home"] } }), &inside),
        (
            json!({ "place": { "constant_value": "cn-north-1" } }),
            &inside,
        ),
        (
            json!({ "place": { "constant_value": "eu-west-1" } }),
            &abroad,
        ),
        (
            json!({ "place": { "references": ["var.places.one", "var.places"] } }),
            &inside,
        ),
        (
            json!({ "place": { "references": ["var.places.two", "var.places"] } }),
            &abroad,
        ),
        (
            json!({ "place": { "references": ["module.names.home", "module.names"] } }),
            &inside,
        ),
        (
            json!({ "place": { "references": ["data.aws_region.current.name", "data.aws_region.current"] } }),
            &inside,
        ),
        // Not all of its counts say the same.
        (
            json!({ "place": { "references": ["data.aws_region.many.name", "data.aws_region.many"] } }),
            &abroad,
        ),
        // Two references make something else of both.
        (
            json!({ "place": { "references": ["var.home", "var.places"] } }),
            &abroad,
        ),
        (
            json!({ "place": { "references": ["local.home"] } }),
            &abroad,
        ),
        (
            json!({ "place": { "references": ["each.value"] } }),
            &abroad,
        ),
        (json!({ "place": {} }), &abroad),
        // The default of the variable is abroad.
        (json!({}), &abroad),
    ] {
        assert_eq!(
            &judged_with(none(), none(), call.clone()),
            expected,
            "{call}"
        );
    }
    let home = || json!({ "place": { "references": ["var.home"] } });
    // What it says itself goes before its provider's region, known or not.
    let own = json!({ "region": { "references": ["var.elsewhere"] } });
    assert_eq!(judged_with(own, json!({ "region": true }), home()), abroad);
    let own = json!({ "region": { "constant_value": "us-east-1" } });
    assert_eq!(judged_with(own, none(), home()), abroad);
    // A ring of variables ends.
    let ring = json!({ "place": { "references": ["module.a.x", "module.a"] } });
    assert_eq!(judged_with(none(), none(), ring), abroad);
}

#[test]
fn targets_are_found_however_deep_and_what_is_not_known_is_abroad() {
    let replicated = json!({ "region": "cn-north-1", "replica": [{ "name": "x", "kms": [{ "destination_region": "us-west-2" }] }] });
    let plan_of = |after: Value, unknown: Value| {
        let mut one = change(
            "aws_dynamodb_table.it",
            "aws",
            "aws_dynamodb_table",
            json!(["create"]),
            after,
        );
        one["change"]["after_unknown"] = unknown;
        plan(json!([one]))
    };
    let found = judged(&plan_of(replicated, json!({})), &[], Some("CN"));
    assert_eq!(rules_of(&found), ["residency.target"]);
    assert!(
        found.findings[0]
            .message
            .contains("replica.kms.destination_region")
    );
    let found = judged(
        &plan_of(
            json!({ "region": "cn-north-1", "copy": [{ "destination_vault_arn": "arn:aws:backup:eu-west-1:1:backup-vault:v" }] }),
            json!({}),
        ),
        &[],
        Some("CN"),
    );
    assert_eq!(rules_of(&found), ["residency.target"]);
    for (arn, expected) in [
        ("arn:aws-cn:s3:::b", 0),
        ("arn:aws:s3:::b", 1),
        ("arn:aws-cn:backup:cn-north-1:1:v", 0),
        ("arn:", 1),
    ] {
        let found = judged(
            &plan_of(
                json!({ "region": "cn-north-1", "destination_bucket_arn": arn }),
                json!({}),
            ),
            &[],
            Some("CN"),
        );
        assert_eq!(found.findings.len(), expected, "{arn}");
    }
    let open = judged(
        &plan_of(json!({}), json!({ "region": true })),
        &[],
        Some("CN"),
    );
    assert_eq!(rules_of(&open), ["residency.place"]);
    assert!(open.findings[0].message.contains("not known before"));
    let open = judged(
        &plan_of(
            json!({ "region": "cn-north-1" }),
            json!({ "rule": [{ "destination_region": true }] }),
        ),
        &[],
        Some("CN"),
    );
    assert_eq!(rules_of(&open), ["residency.target"]);
    assert_eq!(
        rules_of(&judged(&plan_of(json!({}), json!({})), &[], Some("CN"))),
        ["residency.place"]
    );
}

#[test]
fn a_replication_is_asked_where_it_goes() {
    let replication = |after: Value, unknown: Value| {
        let mut one = change(
            "r.it",
            "aws",
            "aws_s3_bucket_replication_configuration",
            json!(["create"]),
            after,
        );
        one["change"]["after_unknown"] = unknown;
        rules_of(&judged(&plan(json!([one])), &[], Some("CN")))
    };
    let to = |arn: &str| json!({ "region": "cn-north-1", "bucket": "home", "rule": [{ "destination": [{ "bucket": arn }] }] });
    assert_eq!(
        replication(to("arn:aws-cn:s3:::there"), json!({})),
        Vec::<&str>::new()
    );
    assert_eq!(
        replication(to("arn:aws:s3:::there"), json!({})),
        ["residency.target"]
    );
    let open = json!({ "bucket": true, "rule": [{ "destination": [{ "bucket": true }] }] });
    assert_eq!(
        replication(json!({ "region": "cn-north-1" }), open),
        ["residency.target"]
    );
    assert_eq!(
        replication(json!({ "region": "cn-north-1" }), json!({})),
        ["unknown.target"]
    );
}

#[test]
fn regions_come_from_the_providers_configuration_also_in_nested_modules() {
    let mut plan = plan(json!([
        change(
            "aws_s3_bucket.root",
            "aws",
            "aws_s3_bucket",
            json!(["create"]),
            json!({})
        ),
        change(
            "module.a[\"x.[y]\"].module.b[0].aws_s3_bucket.deep[1]",
            "aws",
            "aws_s3_bucket",
            json!(["create"]),
            json!({})
        ),
        change(
            "module.a[\"x.[y]\"].aws_s3_bucket.other",
            "aws",
            "aws_s3_bucket",
            json!(["create"]),
            json!({})
        ),
    ]));
    plan["variables"] = json!({ "home": { "value": "cn-north-1" } });
    plan["configuration"] = json!({
        "provider_config": {
            "aws": { "name": "aws", "expressions": { "region": { "references": ["var.home"] } } },
            "aws.abroad": { "name": "aws", "alias": "abroad", "expressions": { "region": { "constant_value": "eu-west-1" } } },
        },
        "root_module": {
            "resources": [{ "address": "aws_s3_bucket.root", "provider_config_key": "aws" }],
            "module_calls": { "a": { "module": {
                "resources": [{ "address": "aws_s3_bucket.other", "provider_config_key": "aws" }],
                "module_calls": { "b": { "module": { "resources": [{ "address": "aws_s3_bucket.deep", "provider_config_key": "aws.abroad" }] } } },
            } } },
        },
    });
    let found = judged(&plan, &[], Some("CN"));
    let addresses: Vec<&str> = found
        .findings
        .iter()
        .map(|one| one.address.as_str())
        .collect();
    assert_eq!(
        addresses,
        ["module.a[\"x.[y]\"].module.b[0].aws_s3_bucket.deep[1]"]
    );
    assert!(found.findings[0].message.contains("eu-west-1"));
}

#[test]
fn what_is_not_known_is_told_and_never_passed_in_silence() {
    let plan_of = |provider: &str, kind: &str| {
        plan(json!([change(
            "x.it",
            provider,
            kind,
            json!(["create"]),
            json!({ "region": "cn-north-1" })
        )]))
    };
    for (provider, kind, rule) in [
        ("aws", "aws_braket_thing", "unknown.type"),
        ("ovh", "ovh_cloud", "unknown.provider"),
    ] {
        let found = judged(&plan_of(provider, kind), &[order()], Some("CN"));
        assert_eq!(rules_of(&found), [rule]);
        assert_eq!(found.findings[0].weight, Weight::Unknown);
    }
    // A type nobody knows is still made at a prohibited provider.
    let found = judged(
        &plan_of("tencentcloud", "tencentcloud_new"),
        &[order()],
        None,
    );
    assert_eq!(rules_of(&found), ["order.prohibited", "unknown.type"]);
    let rules = Rules {
        orders: &[],
        providers: &[],
        residency: None,
        now: "2022-01-01T00:00:00Z".parse().expect("an instant"),
        language: Language::En,
    };
    for bad in [
        json!({}),
        json!([]),
        json!("plan"),
        json!({ "format_version": "2.0", "resource_changes": [] }),
        json!({ "format_version": "1.0", "values": {} }),
        plan(json!([{ "type": "x" }])),
        plan(json!([change(
            "x.it",
            "aws",
            "aws_s3_bucket",
            json!(["obliterate"]),
            json!({})
        )])),
        plan(json!([change(
            "x.it",
            "aws",
            "aws_s3_bucket",
            json!([]),
            json!({})
        )])),
        plan(json!([change(
            "x.it",
            "aws",
            "aws_s3_bucket",
            json!("create"),
            json!({})
        )])),
    ] {
        assert!(judge(&bad, &rules).is_err(), "{bad}");
    }
    assert_eq!(
        judge(
            &json!({ "format_version": "1.0", "planned_values": {} }),
            &rules
        )
        .expect("nothing changes"),
        Judged::default()
    );
}

proptest! {
    /// Whatever stands around it, a bucket abroad is found.
    #[test]
    fn a_bucket_abroad_is_found_among_others(before in 0_usize..5, after in 0_usize..5, address in "[a-z\\[\\]\".]{1,30}") {
        let home = || change("aws_s3_bucket.home", "aws", "aws_s3_bucket", json!(["create"]), json!({ "region": "cn-north-1" }));
        let mut all: Vec<Value> = (0..before).map(|_| home()).collect();
        all.push(change(&address, "aws", "aws_s3_bucket", json!(["create"]), json!({ "region": "us-east-1" })));
        all.extend((0..after).map(|_| home()));
        let found = judged(&plan(json!(all)), &[], Some("CN"));
        prop_assert_eq!(found.findings.len(), 1);
        prop_assert_eq!(&found.findings[0].address, &address);
        prop_assert_eq!(found.judged, before + after + 1);
    }
}

#[test]
fn a_state_tells_of_assets_in_either_form() {
    let bucket = json!({ "bucket": "logs", "bucket_region": "cn-north-1", "id": "logs" });
    let file = json!({
        "version": 4,
        "resources": [
            { "mode": "managed", "type": "aws_s3_bucket", "name": "logs", "instances": [{ "attributes": bucket }] },
            { "mode": "managed", "module": "module.db", "type": "aws_db_instance", "name": "it", "instances": [
                { "index_key": 0, "attributes": { "identifier": "orders", "availability_zone": "eu-west-1a" } },
                { "index_key": "b", "attributes": { "identifier": "", "availability_zone": "mars-1" } },
            ] },
            { "mode": "managed", "type": "aws_vpc", "name": "net", "instances": [{ "attributes": {} }] },
            { "mode": "managed", "type": "aws_s3_object", "name": "o", "instances": [{ "attributes": { "bucket": "logs" } }] },
            { "mode": "data", "type": "aws_s3_bucket", "name": "theirs", "instances": [{ "attributes": { "bucket": "theirs" } }] },
            { "mode": "managed", "type": "acme_cupboard", "name": "c", "instances": [{ "attributes": {} }] },
        ],
    });
    let told = assets(&file).expect("a state");
    let found: Vec<_> = told
        .found
        .iter()
        .map(|one| (one.kind.word(), one.name.as_str(), one.place.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("bucket", "logs", Some("CN")),
            ("database", "orders", Some("IE")),
            ("database", "module.db.aws_db_instance.it[\"b\"]", None),
        ]
    );
    assert!(told.unknown.contains("acme_cupboard") && !told.unknown.contains("aws_s3_object"));
    let shown = json!({ "format_version": "1.0", "values": { "root_module": {
        "resources": [{ "address": "aws_s3_bucket.logs", "mode": "managed", "type": "aws_s3_bucket", "values": bucket }],
        "child_modules": [{ "resources": [{ "address": "module.x.alicloud_oss_bucket.a", "mode": "managed", "type": "alicloud_oss_bucket",
            "values": { "bucket": "a", "location": "oss-cn-shanghai" } }] }],
    } } });
    let told = assets(&shown).expect("a state");
    assert_eq!(told.found.len(), 2);
    assert_eq!(told.found[0].address, "aws_s3_bucket.logs");
    for bad in [
        json!({}),
        json!({ "version": 3, "resources": [] }),
        json!([]),
    ] {
        assert!(assets(&bad).is_err(), "{bad}");
    }
}
