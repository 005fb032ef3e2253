//! Who is controlled by whom, through chains: an organisation is controlled where more than a given part of it is held by
//! those who control, and whoever it makes one of them counts in turn. Holdings in a ring add nothing by themselves.

use std::collections::HashMap;

use crate::records::{Id, Organisation, Share};
use crate::{Day, Error};

/// Organisations by their ids.
#[derive(Debug)]
pub struct Organisations<'a> {
    all: &'a [Organisation],
    by_id: HashMap<&'a Id, usize>,
    /// The days on which holdings begin or end.
    changes: Vec<Day>,
}

/// Who is controlled, on a day.
#[derive(Debug, Clone)]
pub struct Control {
    /// For each organisation, whether it is controlled or one of those who control, and what holds most of it.
    of: Vec<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Not by them.
    No,
    /// It is one of those who control.
    Root,
    /// So much of it is theirs; the last that came to it.
    By { last: usize, share: u32 },
}

impl<'a> Organisations<'a> {
    /// Takes organisations, each of which has an id of its own.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where two have the same.
    pub fn new(all: &'a [Organisation]) -> Result<Self, Error> {
        let mut by_id = HashMap::with_capacity(all.len());
        for (place, organisation) in all.iter().enumerate() {
            if by_id.insert(&organisation.id, place).is_some() {
                return Err(Error::contradiction(format!(
                    "there are two organisations `{}`",
                    organisation.id
                )));
            }
        }
        let holdings = all.iter().flat_map(|one| &one.owners);
        let mut changes: Vec<Day> = holdings
            .flat_map(|holding| std::iter::once(holding.from).chain(holding.until))
            .collect();
        changes.sort_unstable();
        changes.dedup();
        Ok(Self {
            all,
            by_id,
            changes,
        })
    }

    /// Returns on how many days holdings had begun or ended by a day: as often as that is the same, so is who controls whom.
    #[must_use]
    pub fn changes_until(&self, day: Day) -> usize {
        self.changes.partition_point(|change| *change <= day)
    }

    /// Returns an organisation.
    #[must_use]
    pub fn of(&self, id: &Id) -> Option<&'a Organisation> {
        self.by_id.get(id).and_then(|place| self.all.get(*place))
    }

    /// Returns whom some control on a day, with more than a part.
    #[must_use]
    pub fn controlled(&self, by: impl Fn(&Organisation) -> bool, over: Share, on: Day) -> Control {
        let mut holdings: HashMap<usize, Vec<(usize, u32)>> = HashMap::new();
        for (place, organisation) in self.all.iter().enumerate() {
            let in_force = organisation
                .owners
                .iter()
                .filter(|holding| on.is_within(holding.from, holding.until));
            for holding in in_force {
                if let Some(owner) = self.by_id.get(&holding.owner) {
                    let share = holding.percent.hundredths();
                    holdings.entry(*owner).or_default().push((place, share));
                }
            }
        }
        let mut of = vec![Held::No; self.all.len()];
        let mut sums = vec![0_u32; self.all.len()];
        let mut reached = Vec::new();
        for (place, organisation) in self.all.iter().enumerate() {
            if by(organisation)
                && let Some(held) = of.get_mut(place)
            {
                *held = Held::Root;
                reached.push(place);
            }
        }
        while let Some(owner) = reached.pop() {
            for (place, share) in holdings.get(&owner).into_iter().flatten() {
                let (Some(held), Some(sum)) = (of.get_mut(*place), sums.get_mut(*place)) else {
                    continue;
                };
                *sum = sum.saturating_add(*share);
                match held {
                    Held::No if *sum > over.hundredths() => {
                        *held = Held::By {
                            last: owner,
                            share: *sum,
                        };
                        reached.push(*place);
                    }
                    Held::By { share, .. } => *share = *sum,
                    Held::No | Held::Root => {}
                }
            }
        }
        Control { of }
    }

    /// Says through whom an organisation is controlled: itself last; none where it is not.
    #[must_use]
    pub fn chain(&self, control: &Control, id: &Id) -> Option<Vec<&'a Id>> {
        let mut place = *self.by_id.get(id)?;
        let mut chain = Vec::new();
        if !matches!(control.of.get(place), Some(Held::By { .. })) {
            return None;
        }
        // Whoever was reached was reached from somebody before: the way back ends at a root.
        while let Some(organisation) = self.all.get(place) {
            chain.push(&organisation.id);
            match control.of.get(place) {
                Some(Held::By { last, .. }) => place = *last,
                Some(Held::Root | Held::No) | None => break,
            }
        }
        chain.reverse();
        Some(chain)
    }

    /// Returns how much of an organisation is held by those who control, in all; none where it is not controlled.
    #[must_use]
    pub fn share(&self, control: &Control, id: &Id) -> Option<f64> {
        match control.of.get(*self.by_id.get(id)?)? {
            Held::By { share, .. } => Some(f64::from(*share) / 100.0),
            Held::Root | Held::No => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Organisations;
    use crate::Day;
    use crate::records::{Holding, Id, Organisation, OrganisationKind, Share};

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    fn organisation(id: &str, owners: &[(&str, f64)]) -> Organisation {
        Organisation {
            id: id.parse().expect("an id"),
            name: id.to_owned(),
            lei: None,
            kind: if id == "state" {
                OrganisationKind::StateOrgan
            } else {
                OrganisationKind::Company
            },
            region: None,
            sector: None,
            users: None,
            critical_infrastructure: false,
            much_sensitive_data: false,
            tenants: Vec::new(),
            owners: owners
                .iter()
                .map(|(owner, percent)| Holding {
                    owner: owner.parse().expect("an id"),
                    percent: Share::try_from(*percent).expect("a share"),
                    from: day("2000-01-01"),
                    until: None,
                })
                .collect(),
        }
    }

    fn chain(all: &[Organisation], id: &str) -> Option<String> {
        let organisations = Organisations::new(all).expect("one of each");
        let control = organisations.controlled(
            |one| one.kind == OrganisationKind::StateOrgan,
            Share::HALF,
            day("2021-08-12"),
        );
        let id: Id = id.parse().expect("an id");
        let chain = organisations.chain(&control, &id)?;
        Some(
            chain
                .iter()
                .map(|id| id.as_str())
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    #[test]
    fn control_goes_through_chains_and_needs_more_than_half() {
        let all = [
            organisation("state", &[]),
            organisation("holding", &[("state", 50.01)]),
            organisation("half", &[("state", 50.0)]),
            organisation("port", &[("holding", 51.0), ("fund", 49.0)]),
            organisation("fund", &[]),
            // Neither alone has more than half; both are the state's.
            organisation("joint", &[("holding", 30.0), ("port", 21.0)]),
            organisation("below-half", &[("half", 100.0)]),
        ];
        assert_eq!(chain(&all, "port").as_deref(), Some("state holding port"));
        assert_eq!(
            chain(&all, "joint").as_deref(),
            Some("state holding port joint")
        );
        for not in ["half", "fund", "below-half", "state", "nobody"] {
            assert_eq!(chain(&all, not), None, "{not}");
        }
    }

    #[test]
    fn a_ring_controls_itself_and_is_not_the_states() {
        let ring = [
            organisation("state", &[]),
            organisation("a", &[("b", 100.0)]),
            organisation("b", &[("c", 100.0)]),
            organisation("c", &[("a", 60.0), ("state", 40.0)]),
        ];
        assert_eq!(chain(&ring, "a"), None);
        let mut ring = ring;
        ring[3] = organisation("c", &[("a", 40.0), ("state", 60.0)]);
        assert_eq!(chain(&ring, "a").as_deref(), Some("state c b a"));
    }

    proptest! {
        /// Whatever holds whatever, in rings too: it ends, every chain begins with the state, and more in the hands of
        /// the state never frees anybody.
        #[test]
        fn control_is_found_and_grows(holdings in proptest::collection::vec((1_usize..12, 0_usize..12, 1_u32..60), 0..40), more in 1_usize..12) {
            let names: Vec<String> = std::iter::once("state".to_owned())
                .chain((1..12).map(|number| format!("o{number}")))
                .collect();
            let build = |extra: Option<usize>| -> Vec<Organisation> {
                names.iter().enumerate().map(|(place, name)| {
                    let owners: Vec<(&str, f64)> = holdings.iter()
                        .filter(|(of, by, _)| *of == place && by != of)
                        .map(|(_, by, share)| (names[*by].as_str(), f64::from(*share)))
                        .chain((extra == Some(place)).then_some(("state", 51.0)))
                        .collect();
                    organisation(name, &owners)
                }).collect()
            };
            let (before, after) = (build(None), build(Some(more)));
            prop_assert!(chain(&after, &names[more]).is_some());
            for name in &names {
                if let Some(found) = chain(&before, name) {
                    prop_assert!(found.starts_with("state "));
                    prop_assert!(chain(&after, name).is_some(), "{name} got free");
                }
            }
        }
    }
}
