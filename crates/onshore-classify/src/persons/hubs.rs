//! Noticing what stands beside everybody: the telephone of the clerk in each row, the account that all pay into. It says
//! nothing of whom it stands beside, however high it ranks.

/// So many identifiers of other kinds stand beside those of one person at most.
const COMPANIONS_MAX: u32 = 8;
/// How many are watched at once, as a power of two.
const SLOT_BITS: u32 = 12;

/// Watches who stands beside whom, in bounded memory: of two that want the same slot the one stays that comes more often,
/// so that what stands in every row is never lost sight of.
#[derive(Debug, Default)]
pub(crate) struct Hubs {
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    pseudonym: u64,
    /// A bit for each companion, by the first bits of its pseudonym.
    companions: u64,
    /// How much more often it came than others that want the slot.
    lead: u32,
}

impl Hubs {
    /// Whether one tells of the same person as another that stands beside it.
    pub(crate) fn is_of_one(&mut self, pseudonym: u64, companion: u64) -> bool {
        if self.slots.is_empty() {
            self.slots.resize(1 << SLOT_BITS, Slot::default());
        }
        let place = (pseudonym >> (u64::BITS - SLOT_BITS)) as usize;
        let Some(slot) = self.slots.get_mut(place) else {
            return true;
        };
        let bit = 1 << (companion >> (u64::BITS - 6));
        if slot.lead == 0 {
            *slot = Slot {
                pseudonym,
                companions: 0,
                lead: 0,
            };
        }
        if slot.pseudonym != pseudonym {
            slot.lead -= 1;
            return true;
        }
        slot.lead = slot.lead.saturating_add(1);
        slot.companions |= bit;
        slot.companions.count_ones() <= COMPANIONS_MAX
    }
}
