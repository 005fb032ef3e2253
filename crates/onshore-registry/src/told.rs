//! What authorities told a tenant: words that make data important from the day they are told; and whether a tenant's persons
//! may be looked for by an identifier.

use onshore_classify::{Category, Ground, ToldTerm};
use onshore_db::{Row, RowError, Unit, View, params, unreadable};
use onshore_types::{Level, PrincipalId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Error, Person, Registry, Vouched, rows};

/// So many words can be told a tenant: all of them are looked for in everything.
pub(crate) const TOLD_TERMS_MAX: usize = 1000;

/// What an authority told a tenant, and how often that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The words, by their ids.
    pub terms: Vec<ToldTerm>,
    /// How often words were told or taken back: what was looked through before knows less.
    pub changes: u32,
}

/// The notices that a tenant got, as counts of changes of what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notices {
    /// The newest that told something: what was looked through before does not know it.
    pub newest: u32,
    /// The newest for which everything that is stored was looked through.
    pub settled: u32,
}

impl Notices {
    /// Whether everything that is stored was looked through since the newest.
    #[must_use]
    pub fn are_settled(&self) -> bool {
        self.settled >= self.newest
    }
}

/// Whether a tenant's persons may be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectFinding {
    /// Yes.
    On,
    /// No.
    Off,
}

/// A word as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    word: String,
    level: String,
    category: Option<Category>,
    ground: Ground,
    authority: String,
    /// Who would take it back, and is one of two people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proposed: Option<KeptWord>,
}

/// Somebody's word as it is kept beside a term.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptWord {
    by: [u8; 16],
    person: Person,
    at_ms: i64,
}

/// A word that a tenant was told, and who would take it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTerm {
    /// The word.
    pub term: ToldTerm,
    /// The first of the two people that it takes.
    pub proposed: Option<Vouched>,
}

impl Kept {
    fn of(term: &ToldTerm, proposed: Option<&Vouched>) -> Self {
        Self {
            word: term.word.clone(),
            level: word(term.level).to_owned(),
            category: term.category,
            ground: term.ground,
            authority: term.authority.clone(),
            proposed: proposed.map(|word| KeptWord {
                by: *word.by.as_bytes(),
                person: word.person.clone(),
                at_ms: word.at.as_millis(),
            }),
        }
    }

    fn text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|_| Error::Unreadable {
            what: "word that an authority told",
        })
    }
}

impl Registry {
    /// Keeps a word that an authority told, in place of one with the same id.
    ///
    /// # Errors
    /// [`Error::TooManyTerms`] beyond a thousand; those of the database.
    pub fn save_told_term(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        term: &ToldTerm,
    ) -> Result<(), Error> {
        let text = Kept::of(term, None).text()?;
        unit.execute(
            "INSERT OR REPLACE INTO told_terms (tenant, id, term) VALUES (?1, ?2, ?3)",
            params![tenant.as_bytes(), term.id, text],
        )?;
        let count = unit.one(
            "SELECT count(*) FROM told_terms WHERE tenant = ?1",
            params![tenant.as_bytes()],
            |row| row.get::<_, i64>(0),
        )?;
        if usize::try_from(count.unwrap_or_default()).unwrap_or(usize::MAX) > TOLD_TERMS_MAX {
            return Err(Error::TooManyTerms);
        }
        count_change(unit, tenant)?;
        unit.execute(
            "INSERT INTO told_notices (tenant, newest, settled)
             SELECT tenant, changes, 0 FROM told_changes WHERE tenant = ?1
             ON CONFLICT (tenant) DO UPDATE SET newest = excluded.newest",
            params![tenant.as_bytes()],
        )?;
        Ok(())
    }

    /// Returns the notices that a tenant got; none where it got none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn notices(&self, view: &View<'_>, tenant: TenantId) -> Result<Option<Notices>, Error> {
        Ok(view.one(
            "SELECT newest, settled FROM told_notices WHERE tenant = ?1",
            params![tenant.as_bytes()],
            |row| notices(row, 0),
        )?)
    }

    /// Returns the notices of every tenant that ever got one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn all_notices(&self, view: &View<'_>) -> Result<Vec<(TenantId, Notices)>, Error> {
        Ok(view.all(
            "SELECT tenant, newest, settled FROM told_notices",
            [],
            |row| {
                let tenant = TenantId::from_bytes(rows::bytes16(row, "tenant")?);
                Ok((tenant, notices(row, 1)?))
            },
        )?)
    }

    /// Notes that everything stored was looked through by what all tenants had been told after so many changes, unless
    /// somebody was told something since. Says whether it was noted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settle_notices(&self, unit: &Unit<'_>, changes: u64) -> Result<bool, Error> {
        let now = unit.one(
            "SELECT coalesce(sum(changes), 0) FROM told_changes",
            [],
            |row| row.get::<_, i64>(0),
        )?;
        if now.and_then(|now| u64::try_from(now).ok()) != Some(changes) {
            return Ok(false);
        }
        unit.execute("UPDATE told_notices SET settled = newest", [])?;
        Ok(true)
    }

    /// Looks a word up.
    ///
    /// # Errors
    /// Those of the database.
    pub fn told_term(
        &self,
        view: &View<'_>,
        tenant: TenantId,
        id: &str,
    ) -> Result<Option<KnownTerm>, Error> {
        Ok(view.one(
            "SELECT id, term FROM told_terms WHERE tenant = ?1 AND id = ?2",
            params![tenant.as_bytes(), id],
            known_term,
        )?)
    }

    /// Keeps who would take a word back, in place of whoever else would.
    ///
    /// # Errors
    /// Those of the database.
    pub fn propose_taking_back(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        term: &ToldTerm,
        proposed: &Vouched,
    ) -> Result<(), Error> {
        let text = Kept::of(term, Some(proposed)).text()?;
        unit.execute(
            "UPDATE told_terms SET term = ?3 WHERE tenant = ?1 AND id = ?2",
            params![tenant.as_bytes(), term.id, text],
        )?;
        Ok(())
    }

    /// Forgets a word, and says whether it was there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_told_term(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        id: &str,
    ) -> Result<bool, Error> {
        let removed = unit.execute(
            "DELETE FROM told_terms WHERE tenant = ?1 AND id = ?2",
            params![tenant.as_bytes(), id],
        )?;
        if removed > 0 {
            count_change(unit, tenant)?;
        }
        Ok(removed > 0)
    }

    /// Returns what authorities told a tenant.
    ///
    /// # Errors
    /// Those of the database.
    pub fn told(&self, view: &View<'_>, tenant: TenantId) -> Result<Told, Error> {
        let terms = view.all(
            "SELECT id, term FROM told_terms WHERE tenant = ?1 ORDER BY id",
            params![tenant.as_bytes()],
            |row| known_term(row).map(|known| known.term),
        )?;
        let changes = view.one(
            "SELECT changes FROM told_changes WHERE tenant = ?1",
            params![tenant.as_bytes()],
            |row| row.get(0),
        )?;
        Ok(Told {
            terms,
            changes: changes.unwrap_or_default(),
        })
    }

    /// Returns what authorities told every tenant that was ever told something.
    ///
    /// # Errors
    /// Those of the database.
    pub fn all_told(&self, view: &View<'_>) -> Result<Vec<(TenantId, Told)>, Error> {
        let tenants = view.all("SELECT tenant FROM told_changes", [], |row| {
            rows::bytes16(row, "tenant").map(TenantId::from_bytes)
        })?;
        tenants
            .into_iter()
            .map(|tenant| Ok((tenant, self.told(view, tenant)?)))
            .collect()
    }

    /// Lets a tenant's persons be looked for, or not.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_subject_finding(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        finding: SubjectFinding,
    ) -> Result<(), Error> {
        let statement = match finding {
            SubjectFinding::On => "INSERT OR IGNORE INTO subject_finding (tenant) VALUES (?1)",
            SubjectFinding::Off => "DELETE FROM subject_finding WHERE tenant = ?1",
        };
        unit.execute(statement, params![tenant.as_bytes()])?;
        Ok(())
    }

    /// Whether a tenant's persons may be looked for; they may not unless that was said.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn subject_finding(&self, tenant: TenantId) -> Result<SubjectFinding, Error> {
        self.db
            .read(move |view| {
                let found = view.one(
                    "SELECT 1 FROM subject_finding WHERE tenant = ?1",
                    params![tenant.as_bytes()],
                    |_| Ok(()),
                )?;
                Ok(match found {
                    Some(()) => SubjectFinding::On,
                    None => SubjectFinding::Off,
                })
            })
            .await
    }
}

fn notices(row: &Row<'_>, column: usize) -> Result<Notices, RowError> {
    Ok(Notices {
        newest: row.get(column)?,
        settled: row.get(column + 1)?,
    })
}

fn count_change(unit: &Unit<'_>, tenant: TenantId) -> Result<(), Error> {
    unit.execute(
        "INSERT INTO told_changes (tenant, changes) VALUES (?1, 1)
         ON CONFLICT (tenant) DO UPDATE SET changes = changes + 1",
        params![tenant.as_bytes()],
    )?;
    Ok(())
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Core => "core",
        // What an authority told is never general.
        Level::Important | Level::General => "important",
    }
}

fn known_term(row: &Row<'_>) -> Result<KnownTerm, RowError> {
    let (id, text): (String, String) = (row.get(0)?, row.get(1)?);
    let kept: Kept = serde_json::from_str(&text).map_err(|error| unreadable(Box::new(error)))?;
    let term = ToldTerm {
        id,
        word: kept.word,
        level: match kept.level.as_str() {
            "core" => Level::Core,
            "important" => Level::Important,
            _ => return Err(unreadable("an unknown level".into())),
        },
        category: kept.category,
        ground: kept.ground,
        authority: kept.authority,
    };
    let proposed = kept.proposed.map(|word| Vouched {
        by: PrincipalId::from_bytes(word.by),
        person: word.person,
        at: Timestamp::from_millis(word.at_ms),
    });
    Ok(KnownTerm { term, proposed })
}
