//! An order on a day: who is bound, what is frozen, by when each contract must be left, and how far it is. Each answer says
//! why in one sentence that names clause and source.

mod over_time;
mod words;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

pub use self::over_time::OverTime;
use self::words::Words;
use crate::asset::AssetTally;
use crate::contract::{Contract, Renewal};
use crate::deadline::Terms;
use crate::language::{Language, Said};
use crate::order::{Exemption, FreezeKind, Order};
use crate::ownership::{Control, Organisations};
use crate::records::{Id, Organisation, Provider};
use crate::timeline::Earlier;
use crate::{Day, Error};

/// What orders are held against.
#[derive(Debug)]
pub struct Judge<'a> {
    organisations: Organisations<'a>,
    providers: HashMap<&'a Id, &'a Provider>,
    /// What organisations and providers were before, the earliest first.
    earlier_organisations: HashMap<&'a Id, Vec<&'a Earlier<Organisation>>>,
    earlier_providers: HashMap<&'a Id, Vec<&'a Earlier<Provider>>>,
    /// The days on which organisations became what they are.
    turns: Vec<Day>,
}

/// An order on a day. Who controls whom is found once.
#[derive(Debug)]
pub struct OnDay<'a> {
    judge: &'a Judge<'a>,
    order: &'a Order,
    on: Day,
    language: Language,
    control: Rc<Option<Control>>,
    /// Who controlled whom earlier, by how much had changed by then: contracts were signed on many days.
    earlier: RefCell<HashMap<Changed, Rc<Option<Control>>>>,
}

/// On how many days holdings had begun or ended, and on how many somebody had become another, by some day.
type Changed = (usize, usize);

/// How far a contract is on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing of it is planned.
    NotStarted,
    /// Something is planned, and nothing moves.
    Planned,
    /// Something moves or has moved.
    Moving,
    /// Everything has moved, and not everything is proven.
    Moved,
    /// Everything is proven to have arrived, and what was there is deleted.
    Proven,
    /// Its day is over.
    Late,
    /// It is not held to the order.
    Exempt,
}

/// Whether an order binds an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The clause that binds it; none where nothing does.
    pub bound_by: Option<Id>,
    /// Whether it is bound and not held to the order.
    pub is_exempt: bool,
    /// What it may not do.
    pub frozen: Vec<FreezeKind>,
    /// Why, with the source.
    pub why: String,
}

/// What an order says of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The clause that binds it; none where nothing does.
    pub bound_by: Option<Id>,
    /// Whether it may not be renewed.
    pub is_frozen: bool,
    /// The last day on which it must be left.
    pub due: Option<Day>,
    /// How far it is; none where it is not bound.
    pub status: Option<Status>,
    /// What was signed while it was frozen, the first one first.
    pub breaches: Vec<Breach>,
    /// On which day something else was recorded of it, where the order bound it, or it was in breach, by what was recorded before.
    pub corrected: Option<Day>,
    /// Why, with the source.
    pub why: String,
}

/// That a contract was signed or renewed while an order froze that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which of both.
    pub what: FreezeKind,
    /// On which day.
    pub signed: Day,
    /// The clause that froze it.
    pub clause: Id,
}

/// What somebody is about to do.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What.
    pub what: FreezeKind,
    /// Who.
    pub organisation: &'a Id,
    /// With which provider, where it is a contract.
    pub provider: Option<&'a Id>,
    /// Which contract, where it is one already.
    pub contract: Option<&'a Id>,
}

/// That an order freezes what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Which order.
    pub order: Id,
    /// The clause that says so.
    pub clause: Id,
    /// What is frozen.
    pub what: FreezeKind,
    /// Why, with the source.
    pub why: Said,
}

impl<'a> Judge<'a> {
    /// Takes the organisations and providers that are known.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where two organisations have one id.
    pub fn new(
        organisations: &'a [Organisation],
        providers: &'a [Provider],
    ) -> Result<Self, Error> {
        Ok(Self {
            organisations: Organisations::new(organisations)?,
            providers: providers.iter().map(|one| (&one.id, one)).collect(),
            earlier_organisations: HashMap::new(),
            earlier_providers: HashMap::new(),
            turns: Vec::new(),
        })
    }

    /// Takes what they were before too, each one's in the order of days: what was done on an earlier day is held against what they
    /// were on it.
    #[must_use]
    pub fn remembering(
        mut self,
        organisations: &'a [Earlier<Organisation>],
        providers: &'a [Earlier<Provider>],
    ) -> Self {
        for one in organisations {
            let known = self.earlier_organisations.entry(&one.record.id);
            known.or_default().push(one);
            self.turns.push(one.until);
        }
        for one in providers {
            let known = self.earlier_providers.entry(&one.record.id);
            known.or_default().push(one);
        }
        self.turns.sort_unstable();
        self.turns.dedup();
        self
    }

    fn organisation_on(&self, id: &Id, day: Day) -> Option<&'a Organisation> {
        let earlier = self.earlier_organisations.get(id).into_iter().flatten();
        let then = earlier.copied().find(|one| day < one.until);
        then.map(|one| &one.record)
            .or_else(|| self.organisations.of(id))
    }

    fn provider_on(&self, id: &Id, day: Day) -> Option<&'a Provider> {
        let earlier = self.earlier_providers.get(id).into_iter().flatten();
        let then = earlier.copied().find(|one| day < one.until);
        then.map(|one| &one.record)
            .or_else(|| self.providers.get(id).copied())
    }

    /// Returns an order on a day.
    #[must_use]
    pub fn on<'b>(&'b self, order: &'b Order, on: Day) -> OnDay<'b>
    where
        'a: 'b,
    {
        OnDay {
            judge: self,
            order,
            on,
            language: Language::En,
            control: Rc::new(self.control(order, on)),
            earlier: RefCell::default(),
        }
    }

    /// Finds who is controlled by those whom an order means, where it asks that.
    fn control(&self, order: &Order, on: Day) -> Option<Control> {
        let addressees = &order.addressees;
        addressees.wants_control().then(|| {
            self.organisations.controlled(
                |organisation| {
                    let then = self.organisation_on(&organisation.id, on);
                    addressees.is_root(then.unwrap_or(organisation))
                },
                addressees.over_percent,
                on,
            )
        })
    }
}

impl OnDay<'_> {
    /// Returns it with its sentences in a language.
    #[must_use]
    pub fn said_in(self, language: Language) -> Self {
        Self { language, ..self }
    }

    fn words(&self) -> Words<'_> {
        self.words_in(self.language)
    }

    fn words_in(&self, language: Language) -> Words<'_> {
        Words {
            order: self.order,
            language,
        }
    }

    /// Says whether the order binds an organisation, and what it may not do.
    #[must_use]
    pub fn organisation(&self, id: &Id) -> Standing {
        let how = match self.binds(id) {
            Ok(how) => how,
            Err(why) => {
                return Standing {
                    bound_by: None,
                    is_exempt: false,
                    frozen: Vec::new(),
                    why,
                };
            }
        };
        let exemption = self.order.exempts(id, None, self.on);
        let frozen = match exemption {
            Some(_) => Vec::new(),
            None => FreezeKind::ALL
                .into_iter()
                .filter(|what| self.order.freezes(*what, self.on).is_some())
                .collect(),
        };
        let but = exemption
            .map(|one| self.words().exempt(one))
            .unwrap_or_default();
        Standing {
            bound_by: Some(self.order.addressees.clause.clone()),
            is_exempt: exemption.is_some(),
            frozen,
            why: self.words().sentence(&[&format!("{how}{but}")]),
        }
    }

    /// Says what the order asks of a contract, so many of whose assets are so far.
    #[must_use]
    pub fn contract(&self, contract: &Contract, tally: &AssetTally) -> Finding {
        self.said(self.found(contract, tally))
    }

    /// Returns a finding whose sentence says too what was signed while it was frozen.
    fn said(&self, mut finding: Finding) -> Finding {
        for breach in &finding.breaches {
            finding.why.push_str(&self.words().breach(breach));
        }
        finding
    }

    fn found(&self, contract: &Contract, tally: &AssetTally) -> Finding {
        let breaches = self.breaches(contract, contract.signed());
        let (how, clause) = match self.binds_contract(contract, tally) {
            Ok(bound) => bound,
            Err(why) => {
                return Finding {
                    bound_by: None,
                    is_frozen: false,
                    due: None,
                    status: None,
                    breaches,
                    corrected: None,
                    why,
                };
            }
        };
        let exemption = self
            .order
            .exempts(&contract.organisation, Some(&contract.id), self.on);
        let is_frozen = exemption.is_none()
            && self
                .order
                .freezes(FreezeKind::ContractRenew, self.on)
                .is_some();
        let (due, by_when) = self.due(contract, &breaches);
        let (status, far) = self.status(contract, tally, due, exemption);
        Finding {
            bound_by: Some(clause),
            is_frozen,
            due,
            status: Some(status),
            breaches,
            corrected: None,
            why: self.words().sentence(&[&how, &by_when, &far]),
        }
    }

    /// Finds what of a contract, which was new on a day, was signed while the order froze that.
    fn breaches(&self, contract: &Contract, new: Day) -> Vec<Breach> {
        let signed = std::iter::once((FreezeKind::ContractNew, new));
        let renewed = contract
            .renewals
            .iter()
            .map(|renewal| (FreezeKind::ContractRenew, renewal.signed));
        signed
            .chain(renewed)
            .filter_map(|(what, signed)| self.breach(contract, what, signed))
            .collect()
    }

    fn breach(&self, contract: &Contract, what: FreezeKind, signed: Day) -> Option<Breach> {
        let order = self.order;
        if signed > self.on || is_over(order, self.on) {
            return None;
        }
        let freeze = order.freezes(what, signed)?;
        let provider = self.judge.provider_on(&contract.provider, signed)?;
        order.prohibits(provider, signed)?;
        let (who, which) = (&contract.organisation, &contract.id);
        if order.exempts(who, Some(which), signed).is_some() {
            return None;
        }
        let control = self.control_on(signed);
        self.binds_on(who, signed, control.as_ref().as_ref()).ok()?;
        Some(Breach {
            what,
            signed,
            clause: freeze.clause.clone(),
        })
    }

    fn control_on(&self, day: Day) -> Rc<Option<Control>> {
        if day == self.on {
            return Rc::clone(&self.control);
        }
        let all = &self.judge.organisations;
        let mut earlier = self.earlier.borrow_mut();
        let found = earlier
            .entry((
                all.changes_until(day),
                self.judge.turns.partition_point(|turn| *turn <= day),
            ))
            .or_insert_with(|| Rc::new(self.judge.control(self.order, day)));
        Rc::clone(found)
    }

    /// Says what of the order freezes what somebody is about to do.
    #[must_use]
    pub fn freezes(&self, asked: &Asked<'_>) -> Option<Frozen> {
        self.binds(asked.organisation).ok()?;
        let freeze = self.order.freezes(asked.what, self.on)?;
        if self
            .order
            .exempts(asked.organisation, asked.contract, self.on)
            .is_some()
        {
            return None;
        }
        let of_whom = match asked.what {
            FreezeKind::ContractNew | FreezeKind::ContractRenew => {
                let id = asked.provider?;
                let prohibited = match self.judge.providers.get(id) {
                    Some(provider) => self.order.prohibits(provider, self.on),
                    // An order names whom it names, known here or not.
                    None => self.order.prohibits_by_name(id, self.on),
                }?;
                Some((id, prohibited))
            }
            FreezeKind::Datacentre | FreezeKind::Server | FreezeKind::Storage => None,
        };
        let control = self.control.as_ref().as_ref();
        Some(Frozen {
            order: self.order.id.clone(),
            clause: freeze.clause.clone(),
            what: asked.what,
            why: Said::of(|language| {
                let words = self.words_in(language);
                let how = self.binds_said(words, asked.organisation, self.on, control);
                words.frozen(freeze, of_whom, &how.unwrap_or_else(|how| how))
            }),
        })
    }

    /// Says how the order binds an organisation, or why it does not.
    fn binds(&self, id: &Id) -> Result<String, String> {
        self.binds_on(id, self.on, self.control.as_ref().as_ref())
    }

    fn binds_on(&self, id: &Id, on: Day, control: Option<&Control>) -> Result<String, String> {
        self.binds_said(self.words(), id, on, control)
    }

    fn binds_said(
        &self,
        words: Words<'_>,
        id: &Id,
        on: Day,
        control: Option<&Control>,
    ) -> Result<String, String> {
        let order = self.order;
        if on < order.effective {
            return Err(words.not_yet());
        }
        if let Some(withdrawn) = &order.withdrawn
            && is_over(order, on)
        {
            return Err(words.withdrawn(withdrawn));
        }
        let addressees = &order.addressees;
        let clause = &addressees.clause;
        let Some(organisation) = self.judge.organisation_on(id, on) else {
            return Err(words.no_organisation(id));
        };
        if addressees.named.contains(id) {
            return Ok(words.named(id, clause));
        }
        if !addressees.has_rule() || !addressees.fits(organisation) {
            return Err(words.not_addressed(id, clause));
        }
        let since = words.parts(&addressees.parts(organisation));
        let Some(control) = control else {
            return Ok(words.addressed(id, clause) + &since);
        };
        let all = &self.judge.organisations;
        match (all.chain(control, id), all.share(control, id)) {
            (Some(chain), Some(share)) => Ok(words.controlled(id, clause, share, &chain) + &since),
            _ => Err(words.not_controlled(id, clause, addressees.over_percent, on)),
        }
    }

    fn binds_contract(
        &self,
        contract: &Contract,
        tally: &AssetTally,
    ) -> Result<(String, Id), String> {
        let how = self.binds(&contract.organisation)?;
        let (order, words) = (self.order, self.words());
        if self.on < contract.start {
            return Err(words.begins(&contract.id, contract.start));
        }
        let Some(provider) = self.judge.providers.get(&contract.provider) else {
            return Err(words.no_provider(&contract.provider));
        };
        let Some(prohibited) = order.prohibits(provider, self.on) else {
            return Err(words.not_prohibited(&provider.id, self.on));
        };
        // What had ended before is left already where all that was there is known and has arrived, or is deleted.
        let is_left =
            (tally.assets > 0 && tally.assets == tally.proven) || self.is_deleted(contract);
        if let Some(end) = contract.end_with(|renewal| renewal.signed <= self.on)
            && end < order.effective
            && is_left
        {
            return Err(words.ended_before(&contract.id, end));
        }
        let (from, clause) = (prohibited.from, &prohibited.clause);
        Ok((
            words.prohibited(&how, &provider.id, from, clause),
            clause.clone(),
        ))
    }

    /// By which day it must be left. A renewal counts from the day on which it was signed, and what was signed against the order
    /// buys no time.
    fn due(&self, contract: &Contract, breaches: &[Breach]) -> (Option<Day>, String) {
        let (rule, clause) = (&self.order.deadline.rule, &self.order.deadline.clause);
        let words = self.words();
        let is_breach = |renewal: &Renewal| {
            breaches
                .iter()
                .any(|one| one.what == FreezeKind::ContractRenew && one.signed == renewal.signed)
        };
        let end = contract.end_with(|renewal| renewal.signed <= self.on && !is_breach(renewal));
        let terms = Terms {
            expiry: end,
            effective: self.order.effective,
        };
        let Some(day) = rule.day(&terms) else {
            return (None, words.no_day(rule, clause));
        };
        let expiry = end.filter(|_| rule.follows_expiry());
        let by = words.rule(rule, clause, expiry);
        // Nobody is late before an order binds.
        if day < self.order.effective {
            let first = self.order.effective;
            return (Some(first), words.due_at_first(first, day, &by));
        }
        (Some(day), words.due(day, &by))
    }

    fn is_deleted(&self, contract: &Contract) -> bool {
        let deletion = contract.deletion.as_ref();
        deletion.is_some_and(|deletion| deletion.filed <= self.on)
    }

    fn status(
        &self,
        contract: &Contract,
        tally: &AssetTally,
        due: Option<Day>,
        exemption: Option<&Exemption>,
    ) -> (Status, String) {
        let deletion = contract.deletion.as_ref();
        let deletion = deletion.filter(|deletion| deletion.filed <= self.on);
        let deleted = deletion.is_some();
        let AssetTally {
            assets,
            planned,
            moving,
            moved,
            proven,
            ..
        } = *tally;
        let taken_out = tally
            .last_taken_out
            .map(|at| Day::at(at, self.order.offset));
        let far = self.words().far(tally, deletion, taken_out);
        // Nothing recorded is not everything proven.
        if deleted && assets > 0 && proven == assets {
            return (Status::Proven, far);
        }
        if let Some(exemption) = exemption {
            let but = self.words().exempt(exemption);
            return (Status::Exempt, format!("{far}{but}"));
        }
        if due.is_some_and(|due| due < self.on) {
            return (Status::Late, far);
        }
        let status = if assets > 0 && moved == assets {
            Status::Moved
        } else if moving > 0 {
            Status::Moving
        } else if planned > 0 {
            Status::Planned
        } else {
            Status::NotStarted
        };
        (status, far)
    }
}

/// Whether an order was withdrawn by a day.
fn is_over(order: &Order, on: Day) -> bool {
    order
        .withdrawn
        .as_ref()
        .is_some_and(|withdrawn| withdrawn.from <= on)
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::NotStarted,
        Self::Planned,
        Self::Moving,
        Self::Moved,
        Self::Proven,
        Self::Late,
        Self::Exempt,
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::Planned => "planned",
            Self::Moving => "moving",
            Self::Moved => "moved",
            Self::Proven => "proven",
            Self::Late => "late",
            Self::Exempt => "exempt",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
