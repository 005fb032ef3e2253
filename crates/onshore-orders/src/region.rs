//! A region: where it is, which licence whoever runs it must hold, and who does, from when until when.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::licence::Licence;
use crate::record::{RecordKind, Registered};
use crate::records::{Id, texts};
use crate::{Day, Error, Language, Said, UtcOffset};

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// What it is called: that of this server has the id of its configuration.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Where it is, such as CN-BJ.
    pub place: String,
    /// Where its days end.
    pub offset: UtcOffset,
    /// The class of licence that its operator must hold; none where the law of the place asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence_class: Option<String>,
    /// Who runs it: who is its operator of record, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<Operating>,
}

/// That somebody is a region's operator of record for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Operating {
    /// Who.
    pub organisation: Id,
    /// The first day.
    pub from: Day,
    /// The first day on which it is no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

/// Whether whoever runs a region may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionStanding {
    /// The operator of record.
    pub operator: Option<Id>,
    /// The licence on which that rests, if the region asks for one.
    pub licence: Option<Id>,
    /// The first day on which no licence of theirs holds any longer: the next one, or, where none holds, since when that is so.
    pub lapses: Option<Day>,
    /// Whether new tenants may come.
    pub is_open: bool,
    /// Why, in one sentence.
    pub why: String,
}

impl Region {
    /// Returns who is operator of record on a day.
    #[must_use]
    pub fn operator(&self, on: Day) -> Option<&Operating> {
        self.operators
            .iter()
            .find(|one| on.is_within(one.from, one.until))
    }

    /// Says why somebody cannot become operator of record; nothing where they can.
    #[must_use]
    pub fn refuses(&self, operating: &Operating, licences: &[Licence]) -> Option<Said> {
        let class = self.licence_class.as_deref()?;
        let Operating {
            organisation, from, ..
        } = operating;
        match self.licence(class, organisation, *from, licences) {
            Some(_) => None,
            None => Some(Said::of(|language| {
                let (region, why) = (
                    &self.id,
                    self.unlicensed(class, organisation, *from, language),
                );
                match language {
                    Language::En => format!(
                        "`{organisation}` cannot be operator of record of `{region}` from {from} on: {why}"
                    ),
                    Language::Zh => format!(
                        "`{organisation}` 不能自 {from} 起登记为 `{region}` 的运营者：{why}"
                    ),
                }
            })),
        }
    }

    /// Says whether whoever runs it on a day may, and why in a language.
    #[must_use]
    pub fn standing(&self, licences: &[Licence], on: Day, language: Language) -> RegionStanding {
        let operator = self.operator(on);
        let closed = |lapses: Option<Day>, why: String| RegionStanding {
            operator: operator.map(|one| one.organisation.clone()),
            licence: None,
            lapses,
            is_open: false,
            why,
        };
        let Some(Operating {
            organisation, from, ..
        }) = operator
        else {
            let why = match language {
                Language::En => format!("`{}` has no operator of record on {on}.", self.id),
                Language::Zh => format!("`{}` 在 {on} 没有登记的运营者。", self.id),
            };
            return closed(None, why);
        };
        let Some(class) = &self.licence_class else {
            return RegionStanding {
                operator: Some(organisation.clone()),
                licence: None,
                lapses: None,
                is_open: true,
                why: match language {
                    Language::En => format!(
                        "`{organisation}` runs `{}`, which asks for no licence.",
                        self.id
                    ),
                    Language::Zh => {
                        format!("`{organisation}` 运营 `{}`，该区域不要求许可证。", self.id)
                    }
                },
            };
        };
        let Some(licence) = self.licence(class, organisation, on, licences) else {
            let ended = licences
                .iter()
                .filter(|one| one.holder == *organisation && one.is_for(class, &self.place))
                .filter_map(Licence::ends)
                .filter(|end| *end <= on)
                .max();
            let since = ended.map_or(*from, |end| end.max(*from));
            return closed(
                Some(since),
                self.unlicensed(class, organisation, on, language),
            );
        };
        let lapses = self.lapses(class, organisation, on, licences);
        let until = lapses.map(|day| match language {
            Language::En => format!(" before {day}"),
            Language::Zh => format!("，至 {day} 前"),
        });
        let until = until.unwrap_or_default();
        RegionStanding {
            operator: Some(organisation.clone()),
            licence: Some(licence.id.clone()),
            lapses,
            is_open: true,
            why: match language {
                Language::En => format!(
                    "`{organisation}` runs `{}` on the {class} licence `{}` of {}{until}.",
                    self.id, licence.id, licence.authority
                ),
                Language::Zh => format!(
                    "`{organisation}` 凭 {} 颁发的 {class} 许可证 `{}` 运营 `{}`{until}。",
                    licence.authority, licence.id, self.id
                ),
            },
        }
    }

    fn unlicensed(&self, class: &str, organisation: &Id, on: Day, language: Language) -> String {
        match language {
            Language::En => format!(
                "`{organisation}` holds no {class} licence for {} on {on}.",
                self.place
            ),
            Language::Zh => format!(
                "`{organisation}` 在 {on} 没有适用于 {} 的 {class} 许可证。",
                self.place
            ),
        }
    }

    fn licence<'a>(
        &self,
        class: &str,
        organisation: &Id,
        on: Day,
        licences: &'a [Licence],
    ) -> Option<&'a Licence> {
        licences
            .iter()
            .find(|one| one.holder == *organisation && one.covers(class, &self.place, on))
    }

    /// Returns the first day that no licence covers, where each may follow another.
    fn lapses(&self, class: &str, organisation: &Id, on: Day, licences: &[Licence]) -> Option<Day> {
        let mut day = on;
        // Each turn uses one licence up.
        for _ in 0..=licences.len() {
            let end = licences
                .iter()
                .filter(|one| one.holder == *organisation && one.covers(class, &self.place, day))
                .map(Licence::ends);
            let mut latest = None;
            for end in end {
                latest = latest.max(Some(end?));
            }
            match latest {
                Some(end) => day = end,
                None => return Some(day),
            }
        }
        Some(day)
    }
}

impl Registered for Region {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[
            ("name", Some(&self.name)),
            ("place", Some(&self.place)),
            ("licence_class", self.licence_class.as_ref()),
        ])?;
        let mut all: Vec<&Operating> = self.operators.iter().collect();
        all.sort_by_key(|one| one.from);
        for one in &all {
            if one.until.is_some_and(|until| until <= one.from) {
                return Err(Error::contradiction(format!(
                    "`{}` ceases to be operator before they begin",
                    one.organisation
                )));
            }
        }
        for pair in all.windows(2) {
            if let [one, next] = pair
                && one.until.is_none_or(|until| next.from < until)
            {
                return Err(Error::contradiction(format!(
                    "on {} both `{}` and `{}` would be operators of record; there is one at a time",
                    next.from, one.organisation, next.organisation
                )));
            }
        }
        Ok(())
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        self.operators
            .iter()
            .map(|one| (RecordKind::Organisation, &one.organisation))
            .collect()
    }
}
