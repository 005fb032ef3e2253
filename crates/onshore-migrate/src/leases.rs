//! Who has what of a job while it is brought: what waits, and what workers hold until when. A lease is a promise of this process
//! about what it hands out to whom, and it ends by itself; what was brought stands in the database alone. Pure: no clock, no I/O.
//!
//! The id of a lease is drawn anew for each, so it is what fences: whoever comes with one that ran out finds nothing under it, and what
//! he brings late is committed by nobody.

use std::collections::{BTreeMap, VecDeque};

use onshore_types::{IdentityName, LeaseId, PrincipalId, Timestamp};

/// How long a lease lasts from its grant, or from when it was last renewed, in milliseconds.
pub(crate) const LEASE_MS: i64 = 30_000;

/// Versions of one key, the oldest first, which are brought one after the other by the same hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group<T> {
    pub(crate) items: Vec<T>,
    pub(crate) size_bytes: u64,
    pub(crate) hands: Hands,
}

/// Who may bring a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    /// The server, and any worker.
    Any,
    /// The server alone.
    Server,
}

/// What the server takes of what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Whatever comes next.
    Everything,
    /// What no worker can bring.
    ServersOwn,
}

/// A worker, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Whose token it has.
    pub(crate) principal: PrincipalId,
    /// What it calls itself.
    pub(crate) worker: IdentityName,
}

/// How much a worker takes at once: at least one group, and no more once either is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appetite {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

/// What was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted<T> {
    pub(crate) until: Timestamp,
    /// Groups, each with the number of its first item; the items of a group are numbered on from there.
    pub(crate) groups: Vec<(u32, Vec<T>)>,
}

/// What a worker began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun<T> {
    pub(crate) item: T,
    pub(crate) holder: Holder,
}

/// What somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) holder: Holder,
    /// How many items he has not brought yet.
    pub(crate) items: usize,
}

/// Why something of a lease is not for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotHeld {
    /// The lease ran out, was given back, or never was his.
    Gone,
    /// There is no such item in it.
    NoSuchItem,
    /// It is being brought at the moment.
    Busy,
    /// An older version of its key comes first.
    OutOfTurn,
    /// It is done.
    Done,
}

/// What waits of a job, and who holds what.
#[derive(Debug)]
pub(crate) struct Leases<T> {
    waiting: VecDeque<Group<T>>,
    held: BTreeMap<LeaseId, Lease<T>>,
    is_closed: bool,
}

#[derive(Debug)]
struct Lease<T> {
    holder: Holder,
    until: Timestamp,
    taken: Vec<Taken<T>>,
}

#[derive(Debug)]
struct Taken<T> {
    /// The number of its first item.
    first: u32,
    group: Group<T>,
    /// How many of its items are done.
    done: usize,
    /// Whether its next item is being brought.
    is_busy: bool,
    /// How many commits of it are under way: as long as there are any, nobody takes it over.
    committing: u32,
}

impl<T> Default for Leases<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            held: BTreeMap::new(),
            is_closed: false,
        }
    }
}

impl<T: Clone> Leases<T> {
    /// Adds what was planned.
    pub(crate) fn push(&mut self, group: Group<T>) {
        self.waiting.push_back(group);
    }

    /// Returns how many groups wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits and nobody holds what is not done.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.held.values().all(|lease| lease.open_items() == 0)
    }

    /// Takes what the server brings itself.
    pub(crate) fn take_own(&mut self, share: Share) -> Option<Group<T>> {
        let is_for_me = |group: &Group<T>| match share {
            Share::Everything => true,
            Share::ServersOwn => group.hands == Hands::Server,
        };
        let at = self.waiting.iter().position(is_for_me)?;
        self.waiting.remove(at)
    }

    /// Grants a lease of what waits; none where nothing waits that a worker may bring.
    pub(crate) fn grant(
        &mut self,
        id: LeaseId,
        holder: Holder,
        appetite: Appetite,
        now: Timestamp,
    ) -> Option<Granted<T>> {
        self.expire(now);
        if self.is_closed {
            return None;
        }
        let (mut taken, mut kept) = (Vec::new(), VecDeque::new());
        let (mut items, mut bytes) = (0_usize, 0_u64);
        for group in self.waiting.drain(..) {
            let is_enough = items >= appetite.items || bytes >= appetite.bytes;
            if group.hands == Hands::Server || is_enough {
                kept.push_back(group);
                continue;
            }
            let first = u32::try_from(items).unwrap_or(u32::MAX);
            items += group.items.len();
            bytes = bytes.saturating_add(group.size_bytes);
            taken.push(Taken {
                first,
                group,
                done: 0,
                is_busy: false,
                committing: 0,
            });
        }
        self.waiting = kept;
        if taken.is_empty() {
            return None;
        }
        let until = later(now);
        let groups = taken
            .iter()
            .map(|taken| (taken.first, taken.group.items.clone()))
            .collect();
        self.held.insert(
            id,
            Lease {
                holder,
                until,
                taken,
            },
        );
        Some(Granted { until, groups })
    }

    /// Renews a lease, and returns until when it lasts now.
    pub(crate) fn renew(
        &mut self,
        id: LeaseId,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<Timestamp, NotHeld> {
        self.expire(now);
        let lease = self.lease_of(id, by)?;
        lease.until = later(now);
        Ok(lease.until)
    }

    /// Takes a lease back from whoever has no more use for it.
    pub(crate) fn give_back(
        &mut self,
        id: LeaseId,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<(), NotHeld> {
        self.lease_of(id, by)?.until = now;
        self.expire(now);
        Ok(())
    }

    /// Begins an item, which nobody else begins until it is released or settled.
    pub(crate) fn begin(
        &mut self,
        id: LeaseId,
        number: u32,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<Begun<T>, NotHeld> {
        let begun = self.look(id, number, by, now)?;
        let taken = self.taken(id, number).ok_or(NotHeld::NoSuchItem)?;
        if taken.is_busy {
            return Err(NotHeld::Busy);
        }
        taken.is_busy = true;
        Ok(begun)
    }

    /// Looks at an item that it is somebody's turn to bring, and begins nothing.
    pub(crate) fn look(
        &mut self,
        id: LeaseId,
        number: u32,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<Begun<T>, NotHeld> {
        self.expire(now);
        let holder = self.lease_of(id, by)?.holder.clone();
        let taken = self.taken(id, number).ok_or(NotHeld::NoSuchItem)?;
        let at = usize::try_from(number - taken.first).unwrap_or(usize::MAX);
        match at.cmp(&taken.done) {
            std::cmp::Ordering::Less => Err(NotHeld::Done),
            std::cmp::Ordering::Greater => Err(NotHeld::OutOfTurn),
            std::cmp::Ordering::Equal => {
                let item = taken.group.items.get(at).ok_or(NotHeld::NoSuchItem)?;
                let item = item.clone();
                Ok(Begun { item, holder })
            }
        }
    }

    /// Lets an item be begun again.
    pub(crate) fn release(&mut self, id: LeaseId, number: u32) {
        if let Some(taken) = self.taken(id, number) {
            taken.is_busy = false;
        }
    }

    /// Enters the commit of something of an item; `false` where the lease no longer holds it. From then on nobody takes it over until
    /// it is left or settled.
    pub(crate) fn enter(&mut self, id: LeaseId, number: u32, now: Timestamp) -> bool {
        let until = self.held.get(&id).map(|lease| lease.until);
        if self.is_closed || until.is_none_or(|until| until <= now) {
            return false;
        }
        match self.taken(id, number) {
            Some(taken) if taken.number() == Some(number) => {
                taken.committing += 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Leaves a commit that was entered.
    pub(crate) fn leave(&mut self, id: LeaseId, number: u32) {
        if let Some(taken) = self.taken(id, number) {
            taken.committing = taken.committing.saturating_sub(1);
        }
    }

    /// Notes that an item is done.
    pub(crate) fn settle(&mut self, id: LeaseId, number: u32) {
        if let Some(taken) = self.taken(id, number)
            && taken.number() == Some(number)
        {
            taken.done += 1;
            taken.is_busy = false;
        }
    }

    /// Leaves an item, and what follows it in its group, to the server.
    pub(crate) fn keep(&mut self, id: LeaseId, number: u32) {
        let Some(lease) = self.held.get_mut(&id) else {
            return;
        };
        let at = lease.taken.iter().position(|taken| taken.has(number));
        if let Some(taken) = at.map(|at| lease.taken.remove(at))
            && let Some(rest) = taken.rest()
        {
            self.waiting.push_front(Group {
                hands: Hands::Server,
                ..rest
            });
        }
    }

    /// Takes back what is held longer than it was granted for, to be handed out next.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let over: Vec<LeaseId> = self
            .held
            .iter()
            .filter(|(_, lease)| lease.until <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            let Some(mut lease) = self.held.remove(&id) else {
                continue;
            };
            let (committing, free): (Vec<_>, Vec<_>) = lease
                .taken
                .drain(..)
                .partition(|taken| taken.committing > 0);
            for rest in free.into_iter().rev().filter_map(Taken::rest) {
                self.waiting.push_front(rest);
            }
            if !committing.is_empty() {
                lease.taken = committing;
                self.held.insert(id, lease);
            }
        }
    }

    /// Returns when the next lease runs out under which there is something to take back. What is being committed is looked at when
    /// that is through.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        let is_open =
            |taken: &Taken<T>| taken.committing == 0 && taken.done < taken.group.items.len();
        let open = |lease: &&Lease<T>| lease.taken.iter().any(is_open);
        self.held
            .values()
            .filter(open)
            .map(|lease| lease.until)
            .min()
    }

    /// Whether a lease is one of these, whoever's.
    pub(crate) fn knows(&self, id: LeaseId) -> bool {
        self.held.contains_key(&id)
    }

    /// Returns who holds how much.
    pub(crate) fn held(&self) -> Vec<Held> {
        let held = self.held.values().map(|lease| Held {
            holder: lease.holder.clone(),
            items: lease.open_items(),
        });
        held.collect()
    }

    /// Ends it: nothing more is handed out, and nothing that is held is committed.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    fn lease_of(&mut self, id: LeaseId, by: PrincipalId) -> Result<&mut Lease<T>, NotHeld> {
        let is_closed = self.is_closed;
        self.held
            .get_mut(&id)
            .filter(|lease| lease.holder.principal == by && !is_closed)
            .ok_or(NotHeld::Gone)
    }

    fn taken(&mut self, id: LeaseId, number: u32) -> Option<&mut Taken<T>> {
        let lease = self.held.get_mut(&id)?;
        lease.taken.iter_mut().find(|taken| taken.has(number))
    }
}

impl<T> Lease<T> {
    fn open_items(&self) -> usize {
        let open = |taken: &Taken<T>| taken.group.items.len().saturating_sub(taken.done);
        self.taken.iter().map(open).sum()
    }
}

impl<T> Taken<T> {
    fn has(&self, number: u32) -> bool {
        let at = number.checked_sub(self.first).map(usize::try_from);
        at.is_some_and(|at| at.is_ok_and(|at| at < self.group.items.len()))
    }

    /// Returns the number of the item whose turn it is.
    fn number(&self) -> Option<u32> {
        let done = u32::try_from(self.done).ok()?;
        let number = self.first.checked_add(done)?;
        self.has(number).then_some(number)
    }

    /// Returns what of the group is not done.
    fn rest(self) -> Option<Group<T>> {
        let Self { group, done, .. } = self;
        let items: Vec<T> = group.items.into_iter().skip(done).collect();
        (!items.is_empty()).then_some(Group {
            items,
            size_bytes: group.size_bytes,
            hands: group.hands,
        })
    }
}

fn later(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(LEASE_MS))
}

#[cfg(test)]
mod tests {
    use onshore_types::{LeaseId, PrincipalId, Timestamp};

    use super::{Appetite, Group, Hands, Holder, LEASE_MS, Leases, NotHeld, Share};

    const A_LOT: Appetite = Appetite {
        items: 100,
        bytes: u64::MAX,
    };

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn id(number: u8) -> LeaseId {
        LeaseId::from_bytes([number; 16])
    }

    fn who(number: u8) -> Holder {
        Holder {
            principal: PrincipalId::from_bytes([number; 16]),
            worker: "w".parse().expect("a name"),
        }
    }

    fn by(number: u8) -> PrincipalId {
        who(number).principal
    }

    fn group(items: &[&'static str]) -> Group<&'static str> {
        Group {
            items: items.to_vec(),
            size_bytes: 10,
            hands: Hands::Any,
        }
    }

    fn leases(groups: &[&[&'static str]]) -> Leases<&'static str> {
        let mut leases = Leases::default();
        for items in groups {
            leases.push(group(items));
        }
        leases
    }

    #[test]
    fn what_ran_out_is_handed_out_again_and_fences_who_had_it() {
        let mut leases = leases(&[&["a"], &["b"]]);
        let granted = leases.grant(id(1), who(1), A_LOT, at(0)).expect("granted");
        assert_eq!(granted.groups, [(0, vec!["a"]), (1, vec!["b"])]);
        assert_eq!(granted.until, at(LEASE_MS));
        assert!(leases.grant(id(2), who(2), A_LOT, at(1)).is_none());
        leases.begin(id(1), 0, by(1), at(2)).expect("it is his");
        let last = at(LEASE_MS - 1);
        assert!(leases.enter(id(1), 0, last));
        leases.settle(id(1), 0);
        leases.leave(id(1), 0);
        assert!(!leases.enter(id(1), 1, at(LEASE_MS)), "it has run out");
        let over = leases.grant(id(2), who(2), A_LOT, at(LEASE_MS));
        assert_eq!(over.expect("taken over").groups, [(0, vec!["b"])]);
        let late = leases.begin(id(1), 1, by(1), at(LEASE_MS));
        assert_eq!(late, Err(NotHeld::Gone));
        assert!(!leases.enter(id(1), 1, at(LEASE_MS)));
        assert!(leases.enter(id(2), 0, at(LEASE_MS)));
    }

    #[test]
    fn a_renewal_holds_it_and_nobody_else_renews_it() {
        let mut leases = leases(&[&["a"]]);
        leases.grant(id(1), who(1), A_LOT, at(0)).expect("granted");
        assert_eq!(
            leases.renew(id(1), by(1), at(20_000)),
            Ok(at(20_000 + LEASE_MS))
        );
        assert_eq!(
            leases.renew(id(1), by(2), at(20_000)),
            Err(NotHeld::Gone),
            "another's"
        );
        assert!(leases.enter(id(1), 0, at(LEASE_MS + 1)));
        assert_eq!(
            leases.renew(id(9), by(1), at(0)),
            Err(NotHeld::Gone),
            "none such"
        );
    }

    #[test]
    fn what_is_being_committed_is_taken_over_by_nobody() {
        let mut leases = leases(&[&["a", "b"], &["c"]]);
        leases.grant(id(1), who(1), A_LOT, at(0)).expect("granted");
        leases.begin(id(1), 0, by(1), at(1)).expect("it is his");
        assert!(leases.enter(id(1), 0, at(2)));
        leases.expire(at(LEASE_MS));
        assert_eq!(
            leases.take_own(Share::Everything).map(|group| group.items),
            Some(vec!["c"])
        );
        assert_eq!(leases.take_own(Share::Everything), None);
        assert!(!leases.is_idle());
        assert_eq!(
            leases.next_expiry(),
            None,
            "it is looked at when it is through"
        );
        leases.settle(id(1), 0);
        leases.leave(id(1), 0);
        assert_eq!(leases.next_expiry(), Some(at(LEASE_MS)));
        leases.expire(at(LEASE_MS));
        let rest = leases.take_own(Share::Everything).map(|group| group.items);
        assert_eq!(rest, Some(vec!["b"]), "what was committed is done");
        assert!(leases.is_idle());
    }

    #[test]
    fn versions_of_a_key_come_in_turn_and_one_at_a_time() {
        let mut leases = leases(&[&["old", "new"]]);
        leases.grant(id(1), who(1), A_LOT, at(0)).expect("granted");
        assert_eq!(
            leases.begin(id(1), 1, by(1), at(1)),
            Err(NotHeld::OutOfTurn)
        );
        assert_eq!(
            leases.begin(id(1), 2, by(1), at(1)),
            Err(NotHeld::NoSuchItem)
        );
        let begun = leases.begin(id(1), 0, by(1), at(1)).expect("its turn");
        assert_eq!(begun.item, "old");
        assert_eq!(leases.begin(id(1), 0, by(1), at(1)), Err(NotHeld::Busy));
        leases.release(id(1), 0);
        leases.begin(id(1), 0, by(1), at(1)).expect("again");
        assert!(!leases.enter(id(1), 1, at(1)), "not its turn");
        leases.settle(id(1), 0);
        assert_eq!(leases.begin(id(1), 0, by(1), at(1)), Err(NotHeld::Done));
        leases.begin(id(1), 1, by(1), at(1)).expect("its turn");
        leases.settle(id(1), 1);
        assert!(leases.is_idle());
        assert_eq!(leases.next_expiry(), None);
    }

    #[test]
    fn what_only_the_server_can_bring_is_leased_to_nobody() {
        let mut leases = leases(&[&["a"], &["b"]]);
        leases.push(Group {
            hands: Hands::Server,
            ..group(&["folder"])
        });
        let one = Appetite { items: 1, bytes: 1 };
        let granted = leases.grant(id(1), who(1), one, at(0)).expect("granted");
        assert_eq!(granted.groups, [(0, vec!["a"])]);
        let own = leases.take_own(Share::ServersOwn).map(|group| group.items);
        assert_eq!(own, Some(vec!["folder"]));
        assert_eq!(leases.take_own(Share::ServersOwn), None);
        leases.keep(id(1), 0);
        let own = leases.take_own(Share::ServersOwn).map(|group| group.items);
        assert_eq!(own, Some(vec!["a"]), "what a worker could not bring");
        assert_eq!(leases.waiting(), 1);
    }

    #[test]
    fn what_is_given_back_waits_and_what_is_closed_commits_nothing() {
        let mut leases = leases(&[&["a"]]);
        leases.grant(id(1), who(1), A_LOT, at(0)).expect("granted");
        assert_eq!(leases.held().first().map(|held| held.items), Some(1));
        leases.give_back(id(1), by(1), at(1)).expect("it is his");
        assert_eq!(leases.waiting(), 1);
        leases.grant(id(2), who(1), A_LOT, at(2)).expect("granted");
        leases.close();
        assert!(!leases.enter(id(2), 0, at(3)));
        assert_eq!(leases.renew(id(2), by(1), at(3)), Err(NotHeld::Gone));
        assert!(leases.grant(id(3), who(1), A_LOT, at(3)).is_none());
    }
}
