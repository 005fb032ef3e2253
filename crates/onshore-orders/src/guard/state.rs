//! Which assets there are, by a state of Terraform: the file itself (version 4), or what `terraform show -json` prints of it.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::tables::{Table, tables};
use crate::Error;
use crate::asset::AssetKind;

/// Members that name a resource at its provider, the surest first.
const NAMES: [&str; 6] = [
    "bucket",
    "bucket_name",
    "identifier",
    "name",
    "instance_name",
    "id",
];

/// What a state tells of assets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateAssets {
    /// Resources that are assets, in the order of the state.
    pub found: Vec<FoundAsset>,
    /// Types of which nothing is known here: whether they are assets is for somebody to say.
    pub unknown: BTreeSet<String>,
}

/// A resource that is an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAsset {
    /// Where it stands in the state.
    pub address: String,
    /// What it is.
    pub kind: AssetKind,
    /// Its name at the provider, or else its address.
    pub name: String,
    /// In which country it is, where that is known.
    pub place: Option<String>,
}

/// Reads a state.
///
/// # Errors
/// [`Error::Contradiction`] where it is none.
pub fn assets(state: &Value) -> Result<StateAssets, Error> {
    let tables = tables()?;
    let mut told = StateAssets::default();
    let version = state.get("version").and_then(Value::as_u64);
    let resources = state.get("resources").and_then(Value::as_array);
    let root = state
        .get("values")
        .and_then(|values| values.get("root_module"));
    match (version, resources, root) {
        (Some(4), Some(resources), _) => {
            for resource in resources {
                of_file(resource, &tables, &mut told);
            }
        }
        (_, _, Some(root)) => of_module(root, &tables, 0, &mut told),
        _ => {
            return Err(Error::contradiction(
                "it is not a state of Terraform: a file of version 4, or what `terraform show -json` prints of it",
            ));
        }
    }
    Ok(told)
}

/// Returns the country of a region of a provider of Terraform, where both are known.
///
/// # Errors
/// None that a table which reads could have.
pub fn country_of(provider: &str, region: &str) -> Result<Option<String>, Error> {
    let tables = tables()?;
    let found = tables.get(provider).and_then(|table| table.country(region));
    Ok(found.map(|country| country.to_string()))
}

/// A resource of a state's own file, with an instance for each of its count.
fn of_file(resource: &Value, tables: &HashMap<&str, Table<'_>>, told: &mut StateAssets) {
    let text = |name: &str| {
        resource
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if text("mode") == "data" {
        return;
    }
    let module = match text("module") {
        "" => String::new(),
        module => format!("{module}."),
    };
    let base = format!("{module}{}.{}", text("type"), text("name"));
    let instances = resource.get("instances").and_then(Value::as_array);
    for instance in instances.into_iter().flatten() {
        let address = match instance.get("index_key") {
            Some(key) => format!("{base}[{key}]"),
            None => base.clone(),
        };
        let values = instance.get("attributes").unwrap_or(&Value::Null);
        note((text("type"), &address), values, tables, told);
    }
}

/// A module of a state as it is shown, and those within it.
fn of_module(
    module: &Value,
    tables: &HashMap<&str, Table<'_>>,
    depth: usize,
    told: &mut StateAssets,
) {
    let list = |name: &str| {
        module
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for resource in list("resources") {
        let text = |name: &str| {
            resource
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        if text("mode") != "data" {
            let values = resource.get("values").unwrap_or(&Value::Null);
            note((text("type"), text("address")), values, tables, told);
        }
    }
    if depth < super::members::DEPTH_MAX {
        for child in list("child_modules") {
            of_module(child, tables, depth + 1, told);
        }
    }
}

fn note(
    (kind, address): (&str, &str),
    values: &Value,
    tables: &HashMap<&str, Table<'_>>,
    told: &mut StateAssets,
) {
    let known = tables.values().find(|table| table.kind(kind).is_some());
    let Some(table) = known else {
        told.unknown.insert(kind.to_owned());
        return;
    };
    let Some(is) = table.assets.get(kind) else {
        return;
    };
    let text = |name: &str| {
        let value = values.get(name).and_then(Value::as_str);
        value.filter(|text| !text.trim().is_empty())
    };
    let name = NAMES.into_iter().find_map(text).unwrap_or(address);
    let place = table
        .places(kind)
        .iter()
        .find_map(|member| table.country(text(member)?));
    told.found.push(FoundAsset {
        address: address.to_owned(),
        kind: *is,
        name: name.to_owned(),
        place: place.map(|place| place.to_string()),
    });
}
