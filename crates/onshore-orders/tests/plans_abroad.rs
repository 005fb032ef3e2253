//! Plans that keep data abroad without saying so in a member that names a place, and plans that do not.

use onshore_orders::guard::{Judged, Rules, Weight, judge};
use onshore_orders::{Language, Order};
use onshore_types::Jurisdiction;
use serde_json::{Value, json};

#[expect(
    clippy::needless_pass_by_value,
    reason = "a test hands over what it writes in place"
)]
fn made(address: &str, after: Value) -> Value {
    let kind = address.rsplit('.').nth(1).expect("a type");
    let provider = kind.split('_').next().expect("a provider");
    json!({
        "address": address, "mode": "managed", "type": kind, "name": "it",
        "provider_name": format!("registry.terraform.io/hashicorp/{provider}"),
        "change": { "actions": ["create"], "before": null, "after": after, "after_unknown": {} },
    })
}

/// A plan whose providers are in a region.
fn plan(region: Option<&str>, changes: &[Value]) -> Value {
    let config = |name: &str| json!({ "name": name, "expressions": region.map(|region| json!({ "region": { "constant_value": region } })) });
    json!({
        "format_version": "1.2", "planned_values": {}, "resource_changes": changes,
        "configuration": { "provider_config": {
            "aws": config("aws"), "google": config("google"), "alicloud": config("alicloud"), "tencentcloud": config("tencentcloud"),
        }, "root_module": {} },
    })
}

fn judged(plan: &Value, residency: &str) -> Judged {
    let rules = Rules {
        orders: &[],
        providers: &[],
        residency: Some(Jurisdiction::parse(residency).expect("a code")),
        now: "2026-01-01T00:00:00Z".parse().expect("an instant"),
        language: Language::En,
    };
    judge(plan, &rules).expect("a plan")
}

fn rules(judged: &Judged) -> Vec<&'static str> {
    judged.findings.iter().map(|one| one.rule).collect()
}

fn of_one(region: Option<&str>, address: &str, after: Value, residency: &str) -> Judged {
    judged(&plan(region, &[made(address, after)]), residency)
}

#[test]
fn replicas_abroad_are_found_under_the_names_that_providers_give_them() {
    let table = |to: &str| json!({ "region": "cn-north-1", "replica": [{ "region_name": to }] });
    let found = of_one(None, "aws_dynamodb_table.t", table("us-east-1"), "CN");
    assert_eq!(rules(&found), ["residency.target"]);
    assert!(found.has_violations());
    let home = of_one(None, "aws_dynamodb_table.t", table("cn-northwest-1"), "CN");
    assert_eq!(rules(&home), Vec::<&str>::new());
    let global =
        json!({ "replica": [{ "region_name": "cn-north-1" }, { "region_name": "us-east-1" }] });
    let found = of_one(
        Some("cn-north-1"),
        "aws_dynamodb_global_table.t",
        global,
        "CN",
    );
    assert_eq!(rules(&found), ["residency.target"]);
    let bucket = |to: &str| json!({ "replica_rules": [{ "destination_bucket": to }] });
    let home = Some("ap-guangzhou");
    for (to, expected) in [
        ("qcs::cos:na-siliconvalley::x-125", vec!["residency.target"]),
        ("qcs::cos:ap-shanghai::x-125", vec![]),
        ("qcs::cos", vec!["residency.target"]),
        ("x-125", vec!["residency.target"]),
    ] {
        let found = of_one(home, "tencentcloud_cos_bucket.b", bucket(to), "CN");
        assert_eq!(rules(&found), expected, "{to}");
    }
}

#[test]
fn google_names_places_by_configurations_defaults_and_replication() {
    let home = Some("europe-west3");
    for (address, after, residency, expected) in [
        (
            "google_spanner_instance.s",
            json!({ "config": "nam3" }),
            "DE",
            vec!["residency.place"],
        ),
        (
            "google_spanner_instance.s",
            json!({ "config": "regional-us-central1" }),
            "DE",
            vec!["residency.place"],
        ),
        (
            "google_spanner_instance.s",
            json!({ "config": "eur6" }),
            "DE",
            vec!["residency.place"],
        ),
        (
            "google_spanner_instance.s",
            json!({ "config": "eur6" }),
            "EU",
            vec![],
        ),
        // London is in it, whatever the beginning of its name says.
        (
            "google_spanner_instance.s",
            json!({ "config": "eur5" }),
            "EU",
            vec!["residency.place"],
        ),
        (
            "google_storage_bucket.s",
            json!({ "location": "EUR7" }),
            "EU",
            vec!["residency.place"],
        ),
        (
            "google_spanner_instance.s",
            json!({ "config": "nam-eur-asia1" }),
            "US",
            vec!["residency.place"],
        ),
        (
            "google_spanner_instance.s",
            json!({ "config": "projects/p/instanceConfigs/regional-europe-west3" }),
            "DE",
            vec![],
        ),
        (
            "google_spanner_instance.s",
            json!({}),
            "DE",
            vec!["residency.place"],
        ),
        (
            "google_secret_manager_secret.s",
            json!({ "replication": [{ "auto": [{}], "user_managed": [] }] }),
            "DE",
            vec!["residency.target"],
        ),
        (
            "google_secret_manager_secret.s",
            json!({ "replication": [{ "automatic": true }] }),
            "DE",
            vec!["residency.target"],
        ),
        (
            "google_secret_manager_secret.s",
            json!({ "replication": [{ "auto": [], "user_managed": [{ "replicas": [{ "location": "europe-west3" }] }] }] }),
            "DE",
            vec![],
        ),
        (
            "google_secret_manager_secret.s",
            json!({ "replication": [{ "user_managed": [{ "replicas": [{ "location": "us-east1" }] }] }] }),
            "DE",
            vec!["residency.target"],
        ),
        (
            "google_secret_manager_secret.s",
            json!({}),
            "DE",
            vec!["residency.place"],
        ),
        (
            "google_bigquery_dataset.d",
            json!({}),
            "DE",
            vec!["residency.place"],
        ),
        (
            "google_bigquery_dataset.d",
            json!({ "location": "europe-west3" }),
            "DE",
            vec![],
        ),
        ("google_bigquery_dataset.d", json!({}), "US", vec![]),
    ] {
        let found = of_one(home, address, after.clone(), residency);
        assert_eq!(rules(&found), expected, "{address} {after} {residency}");
        assert_eq!(found.has_violations(), !expected.is_empty());
    }
}

#[test]
fn what_goes_to_the_pair_of_a_region_of_azure_is_where_the_pair_is() {
    for (address, after, residency, expected) in [
        (
            "azurerm_storage_account.a",
            json!({ "location": "brazilsouth", "account_replication_type": "GRS" }),
            "BR",
            1,
        ),
        (
            "azurerm_storage_account.a",
            json!({ "location": "Brazil South", "account_replication_type": "grs" }),
            "BR",
            1,
        ),
        (
            "azurerm_storage_account.a",
            json!({ "location": "brazilsouth", "account_replication_type": "ZRS" }),
            "BR",
            0,
        ),
        (
            "azurerm_storage_account.a",
            json!({ "location": "brazilsoutheast", "account_replication_type": "GRS" }),
            "BR",
            0,
        ),
        (
            "azurerm_storage_account.a",
            json!({ "location": "eastasia", "account_replication_type": "RAGRS" }),
            "HK",
            1,
        ),
        (
            "azurerm_storage_account.a",
            json!({ "location": "chinanorth3", "account_replication_type": "RAGZRS" }),
            "CN",
            0,
        ),
        (
            "azurerm_storage_account.a",
            json!({ "location": "northeurope", "account_replication_type": "GRS" }),
            "IE",
            1,
        ),
        (
            "azurerm_storage_account.a",
            json!({ "location": "northeurope", "account_replication_type": "GRS" }),
            "EU",
            0,
        ),
        // A region that has no pair in the table.
        (
            "azurerm_storage_account.a",
            json!({ "location": "polandcentral", "account_replication_type": "GRS" }),
            "PL",
            1,
        ),
        (
            "azurerm_postgresql_flexible_server.p",
            json!({ "location": "brazilsouth", "geo_redundant_backup_enabled": true }),
            "BR",
            1,
        ),
        (
            "azurerm_postgresql_flexible_server.p",
            json!({ "location": "brazilsouth", "geo_redundant_backup_enabled": false }),
            "BR",
            0,
        ),
        (
            "azurerm_recovery_services_vault.v",
            json!({ "location": "brazilsouth", "storage_mode_type": "GeoRedundant" }),
            "BR",
            1,
        ),
        // Its default is to do so.
        (
            "azurerm_recovery_services_vault.v",
            json!({ "location": "brazilsouth" }),
            "BR",
            1,
        ),
        (
            "azurerm_recovery_services_vault.v",
            json!({ "location": "brazilsouth", "storage_mode_type": "LocallyRedundant" }),
            "BR",
            0,
        ),
    ] {
        let found = of_one(None, address, after.clone(), residency);
        let violations = vec!["residency.target"; expected];
        assert_eq!(rules(&found), violations, "{address} {after} {residency}");
        assert_eq!(found.has_violations(), expected > 0);
    }
    let mut open = made(
        "azurerm_storage_account.a",
        json!({ "location": "brazilsouth" }),
    );
    open["change"]["after_unknown"] = json!({ "account_replication_type": true });
    let found = judged(&plan(None, &[open]), "BR");
    assert_eq!(rules(&found), ["residency.target"]);
}

#[test]
fn periodic_backups_of_cosmos_go_to_the_pair_unless_they_say_otherwise() {
    let account = |backup: Value, unknown: Value| {
        let mut after =
            json!({ "location": "westeurope", "geo_location": [{ "location": "westeurope" }] });
        if !backup.is_null() {
            after["backup"] = backup;
        }
        let mut one = made("azurerm_cosmosdb_account.c", after);
        one["change"]["after_unknown"] = unknown;
        let found = judged(&plan(None, &[one]), "NL");
        assert_eq!(found.has_violations(), !found.findings.is_empty());
        rules(&found)
    };
    let of_type = |what: &str| json!([{ "type": what }]);
    let computed = json!({ "backup": [{ "storage_redundancy": true }] });
    let to_pair = ["residency.target"];
    for (backup, unknown, expected) in [
        (Value::Null, json!({}), &to_pair[..]),
        (json!([]), json!({}), &to_pair),
        (Value::Null, json!({ "backup": true }), &to_pair),
        (of_type("Periodic"), json!({}), &to_pair),
        (of_type("Periodic"), computed.clone(), &to_pair),
        (
            json!([{}]),
            json!({ "backup": [{ "type": true }] }),
            &to_pair,
        ),
        (
            json!([{ "type": "Periodic", "storage_redundancy": "Geo" }]),
            json!({}),
            &to_pair,
        ),
        (
            json!([{ "type": "Periodic", "storage_redundancy": "Local" }]),
            json!({}),
            &[],
        ),
        (
            json!([{ "type": "Periodic", "storage_redundancy": "Zone" }]),
            json!({}),
            &[],
        ),
        (of_type("Continuous"), json!({}), &[]),
        // The provider computes what it is not told, of what has none too.
        (of_type("Continuous"), computed, &[]),
    ] {
        assert_eq!(
            account(backup.clone(), unknown.clone()),
            expected,
            "{backup} {unknown}"
        );
    }
}

#[test]
fn a_type_nobody_knows_is_refused_where_it_is_plainly_abroad() {
    for (region, address, after, residency, expected) in [
        (
            Some("us-east-1"),
            "aws_braket_thing.q",
            json!({}),
            "CN",
            vec!["residency.place", "unknown.type"],
        ),
        (
            None,
            "aws_braket_thing.q",
            json!({ "region": "us-east-1" }),
            "CN",
            vec!["residency.place", "unknown.type"],
        ),
        (
            Some("cn-north-1"),
            "aws_braket_thing.q",
            json!({ "copy": [{ "region_name": "us-east-1" }] }),
            "CN",
            vec!["residency.target", "unknown.type"],
        ),
        (
            Some("cn-north-1"),
            "aws_braket_thing.q",
            json!({}),
            "CN",
            vec!["unknown.type"],
        ),
        // What no table tells may be no place at all: somebody must look.
        (
            Some("cn-north-1"),
            "aws_braket_thing.q",
            json!({ "location": "shelf 4" }),
            "CN",
            vec!["unknown.type"],
        ),
        (
            None,
            "aws_braket_thing.q",
            json!({}),
            "CN",
            vec!["unknown.type"],
        ),
        (
            Some("us-east-1"),
            "aws_opensearch_domain.o",
            json!({}),
            "CN",
            vec!["residency.place"],
        ),
        (
            Some("us-west-1"),
            "alicloud_ots_table.o",
            json!({}),
            "CN",
            vec!["residency.place"],
        ),
        (Some("us-east-1"), "aws_iam_user.u", json!({}), "CN", vec![]),
    ] {
        let found = of_one(region, address, after.clone(), residency);
        assert_eq!(rules(&found), expected, "{address} {region:?} {after}");
        let is_refused = expected.iter().any(|rule| rule.starts_with("residency."));
        assert_eq!(found.has_violations(), is_refused);
    }
}

/// A plan with an account somewhere and a container in it, which refers to it as a configuration does.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a test hands over what it writes in place"
)]
fn contained(location: Option<&str>, reference: Value) -> Value {
    let mut changes = vec![made("azurerm_storage_container.c", json!({ "name": "c" }))];
    if let Some(location) = location {
        changes.push(made(
            "azurerm_storage_account.a",
            json!({ "name": "acc", "location": location, "account_replication_type": "LRS" }),
        ));
    }
    let mut plan = plan(None, &changes);
    plan["configuration"]["root_module"] = json!({ "resources": [
        { "address": "azurerm_storage_container.c", "expressions": { "storage_account_id": reference } },
    ] });
    plan
}

#[test]
fn what_has_no_place_of_its_own_is_where_its_parent_is() {
    let account =
        || json!({ "references": ["azurerm_storage_account.a.id", "azurerm_storage_account.a"] });
    let home = judged(&contained(Some("chinanorth3"), account()), "CN");
    assert_eq!(rules(&home), Vec::<&str>::new());
    let abroad = judged(&contained(Some("westeurope"), account()), "CN");
    assert_eq!(rules(&abroad), ["residency.place", "residency.place"]);
    assert!(
        abroad.findings[0]
            .message
            .contains("location of azurerm_storage_account.a")
    );
    // Where the plan does not tell it, somebody must look, and nothing is refused.
    for reference in [
        account(),
        json!({}),
        json!({ "references": ["var.account"] }),
        json!({ "references": ["local.account"] }),
    ] {
        let told = judged(&contained(None, reference.clone()), "CN");
        assert_eq!(rules(&told), ["unknown.place"], "{reference}");
        assert_eq!(told.findings[0].weight, Weight::Unknown);
        assert!(
            told.findings[0]
                .message
                .contains("place not known from this plan")
        );
    }
    // An account that stays as it is keeps new data where it is.
    let mut stays = contained(Some("westeurope"), account());
    stays["resource_changes"][1]["change"]["actions"] = json!(["no-op"]);
    assert_eq!(rules(&judged(&stays, "CN")), ["residency.place"]);
    // By name, as older versions of the provider have it, and by what was read.
    let mut named = contained(None, json!({}));
    named["resource_changes"][0]["change"]["after"]["storage_account_name"] = json!("old");
    for (location, expected) in [("chinaeast2", vec![]), ("westus", vec!["residency.place"])] {
        named["prior_state"] = json!({ "values": { "root_module": { "resources": [
            { "address": "data.azurerm_storage_account.o", "type": "azurerm_storage_account", "values": { "name": "old", "location": location } },
        ] } } });
        assert_eq!(rules(&judged(&named, "CN")), expected, "{location}");
    }
    // Something else of that name says nothing.
    named["prior_state"]["values"]["root_module"]["resources"][0]["type"] =
        json!("azurerm_resource_group");
    assert_eq!(rules(&judged(&named, "CN")), ["unknown.place"]);
}

#[test]
fn a_database_is_followed_to_its_server_through_modules_and_counts() {
    let judged_with = |locations: &[&str]| {
        let mut changes = vec![made(
            "module.app.azurerm_mssql_database.d",
            json!({ "storage_account_type": "Local" }),
        )];
        for (at, location) in locations.iter().enumerate() {
            let mut server = made("azurerm_mssql_server.s", json!({ "location": location }));
            server["address"] = json!(format!("azurerm_mssql_server.s[{at}]"));
            server["change"]["actions"] = json!(["no-op"]);
            changes.push(server);
        }
        let mut plan = plan(None, &changes);
        plan["configuration"]["root_module"] = json!({ "module_calls": { "app": {
            "expressions": { "server": { "references": ["azurerm_mssql_server.s[0].id", "azurerm_mssql_server.s[0]", "azurerm_mssql_server.s"] } },
            "module": { "resources": [
                { "address": "azurerm_mssql_database.d", "expressions": { "server_id": { "references": ["var.server"] } } },
            ] },
        } } });
        judged(&plan, "CN")
    };
    assert_eq!(rules(&judged_with(&["chinanorth3"])), Vec::<&str>::new());
    assert_eq!(rules(&judged_with(&["westus"])), ["residency.place"]);
    assert_eq!(
        rules(&judged_with(&["chinanorth3", "chinanorth3"])),
        Vec::<&str>::new()
    );
    // Which of them it is the plan does not tell.
    assert_eq!(
        rules(&judged_with(&["chinanorth3", "westus"])),
        ["unknown.place"]
    );
    // A default that goes to the pair is judged by the place of the server.
    let mut changes = [
        made("azurerm_mssql_database.d", json!({ "server_id": "/s" })),
        made(
            "azurerm_mssql_server.s",
            json!({ "id": "/s", "location": "brazilsouth" }),
        ),
    ];
    assert_eq!(
        rules(&judged(&plan(None, &changes), "BR")),
        ["residency.target"]
    );
    changes[0]["change"]["after"]["storage_account_type"] = json!("Zone");
    assert_eq!(
        rules(&judged(&plan(None, &changes), "BR")),
        Vec::<&str>::new()
    );
}

#[test]
fn a_replication_between_accounts_ends_where_the_other_account_is() {
    for (to, expected) in [("chinaeast3", vec![]), ("westus", vec!["residency.target"])] {
        let mut others = [
            made(
                "azurerm_storage_account.a",
                json!({ "id": "/a", "location": "chinanorth3" }),
            ),
            made(
                "azurerm_storage_account.b",
                json!({ "id": "/b", "location": to }),
            ),
        ];
        for other in &mut others {
            other["change"]["actions"] = json!(["no-op"]);
        }
        let replication = made(
            "azurerm_storage_object_replication.r",
            json!({ "source_storage_account_id": "/a", "destination_storage_account_id": "/b" }),
        );
        let [a, b] = others;
        let found = judged(&plan(None, &[replication, a, b]), "CN");
        assert_eq!(rules(&found), expected, "{to}");
    }
}

#[test]
fn a_larger_machine_at_a_prohibited_provider_is_procured() {
    let order: Order = toml::from_str(onshore_orders::TIANJIN_2021).expect("it reads");
    let changed = |address: &str, before: Value, after: Value| {
        let mut one = made(address, after);
        one["change"]["actions"] = json!(["update"]);
        one["change"]["before"] = before;
        let rules = Rules {
            orders: std::slice::from_ref(&order),
            providers: &[],
            residency: None,
            now: "2022-01-01T00:00:00Z".parse().expect("an instant"),
            language: Language::En,
        };
        judge(&plan(None, &[one]), &rules).expect("a plan")
    };
    let kind = |name: &str| json!({ "instance_type": name });
    for (before, after, expected) in [
        ("ecs.g6.large", "ecs.g6.xlarge", "order.prohibited"),
        ("ecs.g6.large", "ecs.g6.16xlarge", "order.prohibited"),
        ("ecs.g6.large", "ecs.r6.large", "order.prohibited"),
        ("ecs.g6.xlarge", "ecs.g6.large", "order.changed"),
        ("ecs.g6.xlarge", "ecs.g7.xlarge", "order.changed"),
        ("ecs.g6.xlarge", "ecs.g6.xlarge", "order.changed"),
    ] {
        let found = changed("alicloud_instance.i", kind(before), kind(after));
        assert_eq!(rules(&found), [expected], "{before} {after}");
        assert_eq!(found.has_violations(), expected == "order.prohibited");
    }
    let class = |name: &str| json!({ "flavor": name });
    let found = changed(
        "huaweicloud_rds_instance.r",
        class("rds.pg.n1.large.2"),
        class("rds.pg.n1.large.4"),
    );
    assert_eq!(rules(&found), ["order.prohibited"]);
    let memory = |size: u32| json!({ "mem_size": size });
    assert_eq!(
        rules(&changed(
            "tencentcloud_mysql_instance.m",
            memory(1000),
            memory(2000)
        )),
        ["order.prohibited"]
    );
    assert_eq!(
        rules(&changed(
            "tencentcloud_mysql_instance.m",
            memory(2000),
            memory(1000)
        )),
        ["order.changed"]
    );
}

#[test]
fn backups_that_google_keeps_where_it_likes_are_found() {
    let sql = |settings: Value| json!({ "region": "europe-west3", "settings": [settings] });
    let backups = |more: Value| {
        let mut block = json!({ "enabled": true });
        block
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        sql(json!({ "backup_configuration": [block] }))
    };
    let snapshot = json!({ "name": "s", "zone": "europe-west3-a" });
    for (address, after, residency, expected) in [
        (
            "google_sql_database_instance.a",
            backups(json!({})),
            "DE",
            vec!["residency.target"],
        ),
        (
            "google_sql_database_instance.b",
            backups(json!({})),
            "EU",
            vec![],
        ),
        (
            "google_sql_database_instance.c",
            backups(json!({ "location": "europe-west3" })),
            "DE",
            vec![],
        ),
        (
            "google_sql_database_instance.d",
            backups(json!({ "location": "us" })),
            "EU",
            vec!["residency.target"],
        ),
        (
            "google_sql_database_instance.e",
            backups(json!({ "enabled": false })),
            "DE",
            vec![],
        ),
        (
            "google_sql_database_instance.f",
            sql(json!({})),
            "DE",
            vec![],
        ),
        (
            "google_compute_snapshot.g",
            snapshot.clone(),
            "DE",
            vec!["residency.target"],
        ),
        ("google_compute_snapshot.h", snapshot, "EU", vec![]),
        (
            "google_compute_snapshot.i",
            json!({ "zone": "southamerica-east1-a" }),
            "BR",
            vec!["residency.target"],
        ),
    ] {
        let found = of_one(None, address, after, residency);
        assert_eq!(rules(&found), expected, "{address}: {:?}", found.findings);
    }
    let mut unknown = made("google_sql_database_instance.u", backups(json!({})));
    let open = json!({ "settings": [{ "backup_configuration": [{ "location": true }] }] });
    unknown["change"]["after_unknown"] = open;
    let found = judged(&plan(None, &[unknown]), "EU");
    assert_eq!(rules(&found), ["residency.target"]);
    assert!(found.findings[0].message.contains("is not known before"));
}

#[test]
fn a_database_of_firestore_is_where_its_location_says() {
    for (location, residency, expected) in [
        ("europe-west3", "DE", vec![]),
        ("europe-west3", "FR", vec!["residency.place"]),
        ("nam5", "US", vec![]),
        ("nam7", "US", vec![]),
        ("eur3", "EU", vec![]),
        ("eur3", "DE", vec!["residency.place"]),
    ] {
        let after = json!({ "location_id": location });
        let found = of_one(None, "google_firestore_database.f", after, residency);
        assert_eq!(rules(&found), expected, "{location}: {:?}", found.findings);
    }
}

#[test]
fn a_region_abroad_is_found_in_types_that_no_table_has() {
    for (region, address, after) in [
        (
            "cn-beijing",
            "alicloud_rds_instance_cross_backup_policy.a",
            json!({ "cross_backup_region": "us-west-1" }),
        ),
        (
            "cn-beijing",
            "alicloud_ecs_auto_snapshot_policy.b",
            json!({ "target_copy_regions": ["cn-shanghai", "us-west-1"] }),
        ),
        (
            "cn-north-1",
            "aws_dlm_lifecycle_policy.c",
            json!({ "policy_details": [{ "schedule": [{ "cross_region_copy_rule": [{ "target": "us-east-1" }] }] }] }),
        ),
        (
            "ap-beijing",
            "tencentcloud_cbs_snapshot_cross_copy.d",
            json!({ "destination_regions": ["na-siliconvalley"] }),
        ),
    ] {
        let found = of_one(Some(region), address, after, "CN");
        assert_eq!(
            rules(&found),
            ["residency.target", "unknown.type"],
            "{address}"
        );
        assert!(found.has_violations(), "{address}");
    }
    let image = json!({ "location": "Germany West Central", "target_region": [{ "name": "East US" }, { "name": "germanynorth" }] });
    let found = of_one(None, "azurerm_shared_image_version.e", image, "DE");
    assert_eq!(rules(&found), ["residency.target", "unknown.type"]);
    // What is called like a region and is none, and where data comes from, are no targets.
    let names = json!({ "name": "us-web-1", "source_region": "us-west-1", "zone_name": "us.example.com", "bucket_regional_domain_name": "us-web.oss-cn-beijing.aliyuncs.com" });
    let found = of_one(Some("cn-beijing"), "alicloud_thing.f", names, "CN");
    assert_eq!(rules(&found), ["unknown.type"]);
}

#[test]
fn a_vault_that_replicates_into_another_is_for_somebody_to_look_at() {
    let vault = |policy: Value| json!({ "region": "cn-north-4", "name": "v", "policy": policy });
    for (policy, expected) in [
        (
            json!([{ "id": "p", "destination_vault_id": "0d2c" }]),
            vec!["unknown.target"],
        ),
        (json!([{ "id": "p", "destination_vault_id": "" }]), vec![]),
        (json!([]), vec![]),
    ] {
        let found = of_one(None, "huaweicloud_cbr_vault.v", vault(policy), "CN");
        assert_eq!(rules(&found), expected);
    }
}

#[test]
fn a_plan_that_does_not_hold_all_says_so_and_what_waits_is_judged() {
    let abroad = json!({ "bucket": "b", "region": "us-east-1" });
    let mut plan = plan(Some("cn-north-1"), &[]);
    plan["complete"] = json!(false);
    plan["deferred_changes"] = json!([
        { "reason": "provider_config_unknown", "resource_change": made("aws_s3_bucket.later", abroad) },
    ]);
    let found = judged(&plan, "CN");
    assert_eq!(rules(&found), ["residency.place", "unknown.plan"]);
    assert_eq!(found.judged, 1);
    plan["deferred_changes"] = json!([]);
    plan["errored"] = json!(true);
    let found = judged(&plan, "CN");
    assert_eq!(rules(&found), ["unknown.plan"]);
    assert!(found.findings[0].message.contains("ended with an error"));
}
