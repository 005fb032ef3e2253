//! What a country database in the format of MaxMind says of addresses. It is checked whole when it is opened, and every
//! record in it is read then: what does not read is refused there, so that a look afterwards only walks the tree. What a
//! record does not tell beyond doubt is an unknown place, which counts as abroad.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use onshore_types::{Jurisdiction, Place};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Error;

/// Where the countries of the world have their addresses.
pub struct Countries {
    reader: Reader<Vec<u8>>,
    /// What each record says, by where it stands.
    places: HashMap<usize, Place>,
}

/// A record, as far as it says where somebody is: `country.iso_code`, as MaxMind writes it, or `country_code`, as others do, with or without
/// a name in `country`.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Told<'a>>,
    country_code: Option<&'a str>,
    /// Whose people use the address, such as those of a base or an embassy.
    #[serde(borrow, default)]
    represented_country: Country<'a>,
    #[serde(default)]
    traits: Traits,
}

/// What stands where a country is told.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told<'a> {
    #[serde(borrow)]
    Country(Country<'a>),
    /// Its code, or its name.
    Text(&'a str),
}

#[derive(Deserialize, Default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

/// Marks of those who speak for somebody who may be anywhere.
#[derive(Deserialize, Default)]
struct Traits {
    #[serde(default)]
    is_anonymous_proxy: bool,
    #[serde(default)]
    is_satellite_provider: bool,
}

impl Countries {
    /// Reads a database.
    ///
    /// # Errors
    /// [`Error::CountryDatabase`] when it is damaged or something else; [`Error::NoCountries`] when it tells no country.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Error> {
        let unfit = |error: MaxMindDbError| Error::CountryDatabase(Box::new(error));
        let reader = Reader::from_source(bytes).map_err(unfit)?;
        // `Reader::verify` would do, if it took files without a description, as others than MaxMind write them. A tree of so many nodes has
        // no more ends than this: one whose branches meet again would have no end.
        let ends_max = 3 * reader.metadata().node_count as usize;
        let mut places = HashMap::new();
        let every = WithinOptions::default().include_networks_without_data();
        for (number, found) in reader.networks(every).map_err(unfit)?.enumerate() {
            if number > ends_max {
                return Err(unfit(MaxMindDbError::invalid_database(
                    "branches of the tree meet again",
                )));
            }
            let found = found.map_err(unfit)?;
            let Some(offset) = found.offset() else {
                continue;
            };
            if let Entry::Vacant(place) = places.entry(offset) {
                found.decode::<IgnoredAny>().map_err(unfit)?;
                let record = found.decode::<Record<'_>>().ok().flatten();
                place.insert(record.map_or(Place::Unknown, |record| record.place()));
            }
        }
        if places.values().all(|place| *place == Place::Unknown) {
            return Err(Error::NoCountries {
                kind: reader.metadata().database_type.clone(),
            });
        }
        Ok(Self { reader, places })
    }

    /// Returns where an address is; none where the database is silent.
    #[must_use]
    pub fn place_of(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        if let IpAddr::V6(v6) = address
            && !is_of_its_own(v6)
        {
            return None;
        }
        let found = self.reader.lookup(address).ok()?;
        let offset = found.offset()?;
        Some(self.places.get(&offset).copied().unwrap_or(Place::Unknown))
    }

    /// Returns what it calls itself.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// Returns when it was made, in seconds since 1970.
    #[must_use]
    pub fn built_s(&self) -> u64 {
        self.reader.metadata().build_epoch
    }
}

impl fmt::Debug for Countries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Countries")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

impl Record<'_> {
    fn place(&self) -> Place {
        let is_relay = self.traits.is_anonymous_proxy || self.traits.is_satellite_provider;
        let told = match self.country {
            Some(Told::Country(Country { iso_code })) => iso_code,
            Some(Told::Text(text)) if Jurisdiction::parse(text).is_ok() => Some(text),
            Some(Told::Text(_)) | None => None,
        };
        let code = told.or(self.country_code);
        let others = [self.represented_country.iso_code, self.country_code];
        if is_relay
            || others
                .into_iter()
                .flatten()
                .any(|other| Some(other) != code)
        {
            return Place::Unknown;
        }
        // `ZZ` is no country: a region that nobody configured must not find its own people in a database.
        code.and_then(|code| Jurisdiction::parse(code).ok())
            .filter(|country| *country != Jurisdiction::UNCONFIGURED)
            .map_or(Place::Unknown, Place::In)
    }
}

/// Whether an address is one of the world's own, and not one that holds an IPv4 address: databases answer for those with
/// the place of a Teredo server or a 6to4 relay, not of whoever is behind it.
fn is_of_its_own(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_global = first & 0xE000 == 0x2000;
    let is_teredo = (first, second) == (0x2001, 0);
    is_global && !is_teredo && first != 0x2002
}
