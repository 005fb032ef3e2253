//! The file that is filed: an xBRL report package of plain CSV (report packages 1.0, framework 4.0 of the EBA), in which the same tables are
//! the same bytes.

use std::fmt;
use std::str::FromStr;

use onshore_types::Timestamp;
use serde_json::json;

use crate::Day;
use crate::lei::Lei;
use crate::register::Register;

const TAXONOMY: &str = "http://www.eba.europa.eu/eu/fr/xbrl/crr/fws/dora/4.0/mod/dora.json";
/// Files in a package have no time of their own: the first day that the form of archives knows.
const DOS_DATE: u16 = 0x0021;

/// What a package says beside its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filing {
    /// Who files.
    pub entity: Lei,
    /// For itself or for a group.
    pub scope: Scope,
    /// In which country it is filed: two letters of ISO 3166-1.
    pub country: Country,
    /// As of which day the tables are.
    pub reference: Day,
    /// In which money: three letters of ISO 4217.
    pub currency: Currency,
    /// When the package is made.
    pub made: Timestamp,
}

/// For whom a register is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// For one entity.
    Individual,
    /// For a group.
    Consolidated,
}

/// A country, such as DE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country(String);

/// Money, such as EUR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency(String);

/// It is no such word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoWord(&'static str);

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::Individual => "IND",
            Self::Consolidated => "CON",
        }
    }
}

impl FromStr for Scope {
    type Err = NoWord;

    fn from_str(text: &str) -> Result<Self, NoWord> {
        match text {
            "individual" => Ok(Self::Individual),
            "consolidated" => Ok(Self::Consolidated),
            _ => Err(NoWord("a register is individual or consolidated")),
        }
    }
}

impl FromStr for Country {
    type Err = NoWord;

    fn from_str(text: &str) -> Result<Self, NoWord> {
        letters(text, 2)
            .map(Self)
            .ok_or(NoWord("a country is two large letters, such as DE"))
    }
}

impl FromStr for Currency {
    type Err = NoWord;

    fn from_str(text: &str) -> Result<Self, NoWord> {
        letters(text, 3)
            .map(Self)
            .ok_or(NoWord("money is three large letters, such as EUR"))
    }
}

fn letters(text: &str, len: usize) -> Option<String> {
    let are_letters = text.len() == len && text.bytes().all(|byte| byte.is_ascii_uppercase());
    are_letters.then(|| text.to_owned())
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Filing {
    /// Returns the name of the package, without `.zip`.
    #[must_use]
    pub fn name(&self) -> String {
        let (entity, scope, country) = (&self.entity, self.scope, &self.country.0);
        let made = self.made.written_as("%Y%m%d%H%M%S%3f");
        format!(
            "{entity}.{scope}_{country}_DORA010100_DORA_{}_{made}",
            self.reference
        )
    }

    fn parameters(&self) -> String {
        format!(
            "name,value\r\nentityID,rs:{}.{}\r\nrefPeriod,{}\r\nbaseCurrency,iso4217:{}\r\ndecimalsInteger,0\r\ndecimalsMonetary,-3\r\n",
            self.entity, self.scope, self.reference, self.currency.0
        )
    }
}

/// Packs a register. Every template is told as reported, also without rows.
#[must_use]
pub fn package(register: &Register, filing: &Filing) -> Vec<u8> {
    let manifest =
        json!({ "documentInfo": { "documentType": "https://xbrl.org/report-package/2023" } });
    let report = json!({ "documentInfo": { "documentType": "https://xbrl.org/2021/xbrl-csv", "extends": [TAXONOMY] } });
    let mut indicators = "templateID,reported\r\n".to_owned();
    for (template, _) in register.counts() {
        indicators.push_str(&format!("{},true\r\n", template.code));
    }
    let mut files = vec![
        (
            "META-INF/reportPackage.json".to_owned(),
            manifest.to_string().into_bytes(),
        ),
        (
            "reports/report.json".to_owned(),
            report.to_string().into_bytes(),
        ),
        (
            "reports/parameters.csv".to_owned(),
            filing.parameters().into_bytes(),
        ),
        (
            "reports/FilingIndicators.csv".to_owned(),
            indicators.into_bytes(),
        ),
    ];
    for (name, table) in register.written() {
        files.push((format!("reports/{name}"), table));
    }
    let root = filing.name();
    archive(
        files
            .into_iter()
            .map(|(name, bytes)| (format!("{root}/{name}"), bytes)),
    )
}

/// Writes an archive (ZIP) whose files are stored as they are.
fn archive(files: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    let mut count = 0_u16;
    for (name, bytes) in files {
        let place = size(archive.len());
        let mut head = Vec::new();
        // Version 2.0; names are UTF-8; stored; no time, the first day.
        for number in [20, 0x0800, 0, 0, DOS_DATE] {
            head.extend(number.to_le_bytes());
        }
        for number in [crc32(&bytes), size(bytes.len()), size(bytes.len())] {
            head.extend(number.to_le_bytes());
        }
        head.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        head.extend(0_u16.to_le_bytes());
        archive.extend(b"PK\x03\x04");
        archive.extend(&head);
        archive.extend(name.as_bytes());
        archive.extend(&bytes);
        directory.extend(b"PK\x01\x02");
        directory.extend(20_u16.to_le_bytes());
        directory.extend(&head);
        // No comment, the first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
        count = count.saturating_add(1);
    }
    let (place, len) = (size(archive.len()), size(directory.len()));
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    for number in [count, count] {
        archive.extend(number.to_le_bytes());
    }
    for number in [len, place] {
        archive.extend(number.to_le_bytes());
    }
    archive.extend(0_u16.to_le_bytes());
    archive
}

/// A register is far smaller than what the form of archives holds.
fn size(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn crc32(bytes: &[u8]) -> u32 {
    let rest = bytes.iter().fold(u32::MAX, |mut rest, byte| {
        rest ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = rest & 1;
            rest = (rest >> 1) ^ (0xEDB8_8320 * carry);
        }
        rest
    });
    !rest
}
