//! What the variables of other clouds' tools say, and what those of Amazon's say besides credentials: region and endpoint. The metadata service of a cloud
//! machine is not asked for the region: off a cloud that costs seconds and answers nothing.

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;

use crate::dialect::Variables;
use crate::{Credentials, Error, Resolved};

pub(crate) fn region_provider(profile: Option<&str>) -> RegionProviderChain {
    let mut from_profile = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        from_profile = from_profile.profile_name(profile);
    }
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(from_profile.build())
}

pub(crate) fn endpoint() -> Option<String> {
    variable(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
}

/// Returns what the variables of a cloud's own tools say. Half of an access key is a mistake, not none.
pub(crate) fn of_tools(variables: &Variables) -> Result<Resolved, Error> {
    let (access_key, secret_key) = (
        variable(variables.access_key),
        variable(variables.secret_key),
    );
    let credentials = match (access_key, secret_key) {
        (Some(access_key), Some(secret_key)) => Some(Credentials::new(
            access_key,
            secret_key,
            variable(variables.session_token),
        )),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(Error::Environment {
                what: format!(
                    "of {} and {} one is set and the other is not",
                    variables.access_key.join(" or "),
                    variables.secret_key.join(" or ")
                ),
            });
        }
    };
    Ok(Resolved {
        credentials,
        region: variable(variables.region),
        endpoint: None,
    })
}

/// Returns the first of the variables that is set.
fn variable(names: &[&str]) -> Option<String> {
    names
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}
