//! Rule packs that were activated, each with the files it was read from: what was in force on a day can be read again.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_policy::PackFiles;
use onshore_types::{PackName, PrincipalId, Timestamp};

use crate::rows::{bytes16, count, parsed, time};
use crate::support::{person, vouched, written};
use crate::{Error, Registry, Vouched};

/// That a rule pack is in force from an instant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackActivation {
    /// Its number, from one; zero before it is saved.
    pub id: u64,
    /// Which pack; none where from then on the rules of the border stand alone.
    pub pack: Option<ActivatedPack>,
    /// From when on.
    pub as_of: Timestamp,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// On whose word.
    pub by: PrincipalId,
    /// Where it takes two people: that of the first, and of the second once he has spoken. Until then it is a proposal and nothing is in
    /// force by it.
    pub words: Option<(Vouched, Option<Vouched>)>,
}

impl PackActivation {
    /// Whether it waits for the word of a second person.
    #[must_use]
    pub fn is_proposal(&self) -> bool {
        matches!(self.words, Some((_, None)))
    }
}

/// A pack that was activated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivatedPack {
    /// Its name.
    pub name: PackName,
    /// Which version, as its authors count.
    pub version: String,
    /// Its files.
    pub files: PackFiles,
}

const COLUMNS: &str = "SELECT id, pack, version, files, as_of_ms, recorded_ms, by, proposer, approved_ms, approved_by, approver FROM pack_activations";

impl Registry {
    /// Saves an activation and returns it with its number. Of several of one instant the one recorded last counts.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_pack_activation(
        &self,
        unit: &Unit<'_>,
        activation: PackActivation,
    ) -> Result<PackActivation, Error> {
        let (name, version, files) = match &activation.pack {
            Some(pack) => (
                pack.name.as_str(),
                pack.version.as_str(),
                serde_json::to_string(&pack.files).expect("names and texts are JSON"),
            ),
            None => ("", "", String::new()),
        };
        let id = unit.one(
            "INSERT INTO pack_activations (pack, version, files, as_of_ms, recorded_ms, by, proposer)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
            params![
                name,
                version,
                files,
                activation.as_of.as_millis(),
                activation.recorded.as_millis(),
                activation.by.as_bytes(),
                activation
                    .words
                    .as_ref()
                    .map(|(proposed, _)| written(&proposed.person))
            ],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(PackActivation {
            id: id.map_or(0, i64::cast_unsigned),
            ..activation
        })
    }

    /// Has a proposal be in force from an instant on, by the word of a second person.
    ///
    /// # Errors
    /// Those of the database.
    pub fn approve_pack_activation(
        &self,
        unit: &Unit<'_>,
        (id, as_of): (u64, Timestamp),
        approved: &Vouched,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE pack_activations SET as_of_ms = ?2, approved_ms = ?3, approved_by = ?4, approver = ?5 WHERE id = ?1",
            params![
                id.cast_signed(),
                as_of.as_millis(),
                approved.at.as_millis(),
                approved.by.as_bytes(),
                written(&approved.person)
            ],
        )?;
        Ok(())
    }

    /// Returns all activations, in the order in which they take effect; not those that wait for a second word.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`].
    pub fn pack_activations(&self, view: &View<'_>) -> Result<Vec<PackActivation>, Error> {
        Ok(view.all(
            &format!(
                "{COLUMNS} WHERE proposer IS NULL OR approver IS NOT NULL ORDER BY as_of_ms, id"
            ),
            [],
            activation,
        )?)
    }

    /// Returns activations that wait for a second word, or did until they lapsed.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`].
    pub fn pack_proposals(&self, view: &View<'_>) -> Result<Vec<PackActivation>, Error> {
        Ok(view.all(
            &format!("{COLUMNS} WHERE proposer IS NOT NULL AND approver IS NULL ORDER BY id"),
            [],
            activation,
        )?)
    }
}

fn activation(row: &Row<'_>) -> Result<PackActivation, RowError> {
    let name: String = row.get("pack")?;
    let pack = if name.is_empty() {
        None
    } else {
        let files: String = row.get("files")?;
        let files = serde_json::from_str(&files)
            .map_err(|error| onshore_db::unreadable(Box::new(error)))?;
        Some(ActivatedPack {
            name: parsed(row, "pack")?,
            version: row.get("version")?,
            files,
        })
    };
    let recorded = time(row, "recorded_ms")?;
    let by = PrincipalId::from_bytes(bytes16(row, "by")?);
    let words = match row.get::<_, Option<String>>("proposer")? {
        None => None,
        Some(_) => {
            let proposed = Vouched {
                by,
                person: person(row, "proposer")?,
                at: recorded,
            };
            Some((proposed, vouched(row)?))
        }
    };
    Ok(PackActivation {
        id: count(row, "id")?,
        pack,
        as_of: time(row, "as_of_ms")?,
        recorded,
        by,
        words,
    })
}
