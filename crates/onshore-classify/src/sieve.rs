//! Where words of a dictionary may stand in a text: most of it is passed over by a look at two characters at once.

use std::collections::BTreeSet;

/// How long the hash of two characters is.
const HASH_BITS: u32 = 13;
/// Two characters of three bytes each, as all of Chinese are.
const PAIR_BYTES: usize = 6;

/// Passes over what has no word of some in it.
#[derive(Debug)]
pub(crate) struct Sieve {
    /// Which pairs of characters the words have, as bits by a hash of them: the first pair of each.
    pairs: Box<[u64; 1 << (HASH_BITS - 6)]>,
    /// Where in the words those pairs stand.
    offsets: Vec<usize>,
}

impl Sieve {
    /// Takes words that each have two such characters in a row. Returns none if one has not.
    pub(crate) fn new<'a>(words: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut pairs = Box::new([0_u64; 1 << (HASH_BITS - 6)]);
        let mut offsets = BTreeSet::new();
        for word in words {
            let mut windows = word.as_bytes().windows(PAIR_BYTES).enumerate();
            let (offset, hash) =
                windows.find_map(|(at, window)| Some((at, hash_of(window.first_chunk()?)?)))?;
            pairs[hash / 64] |= 1 << (hash % 64);
            offsets.insert(offset);
        }
        let offsets = offsets.into_iter().rev().collect();
        Some(Self { pairs, offsets })
    }

    /// Tells where in a text a word may begin, place after place.
    pub(crate) fn each(&self, text: &[u8], mut tell: impl FnMut(usize)) {
        if text.is_ascii() {
            return;
        }
        let mut at = 0;
        while let Some(rest) = text.get(at..)
            && let Some(pair) = rest.first_chunk::<PAIR_BYTES>()
        {
            if let Some(hash) = hash_of(pair)
                && self.pairs[hash / 64] & 1 << (hash % 64) != 0
            {
                let begins = self
                    .offsets
                    .iter()
                    .filter_map(|offset| at.checked_sub(*offset));
                begins.for_each(&mut tell);
            }
            at += match rest.first_chunk::<8>() {
                _ if is_character(pair) => 3,
                Some(eight) if eight.is_ascii() => eight.len(),
                _ => 1,
            };
        }
    }
}

/// Whether some bytes begin with a character of three.
fn is_character(pair: &[u8; PAIR_BYTES]) -> bool {
    pair[0] >= 0xE0 && pair[1] & 0xC0 == 0x80 && pair[2] & 0xC0 == 0x80
}

/// Returns the hash of two characters of three bytes each.
fn hash_of(pair: &[u8; PAIR_BYTES]) -> Option<usize> {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let [a, b, c, d, e, f] = *pair;
    if a < 0xE0 || d < 0xE0 {
        return None;
    }
    let number = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    Some((number.wrapping_mul(MULTIPLIER) >> (u64::BITS - HASH_BITS)) as usize)
}

#[cfg(test)]
mod tests {
    use super::Sieve;

    fn places(sieve: &Sieve, text: &[u8]) -> Vec<usize> {
        let mut places = Vec::new();
        sieve.each(text, |at| places.push(at));
        places
    }

    #[test]
    fn no_word_is_passed_over() {
        let words = ["稀土储量", "SCADA点表", "毒株"];
        let sieve = Sieve::new(words.into_iter()).expect("words of Chinese");
        for word in words {
            for before in ["", "a", "ab", "1234567", "床前", "é", "\u{1F600}", "😀x"] {
                let text = format!("{before}{word}");
                let found = places(&sieve, text.as_bytes());
                assert!(found.contains(&before.len()), "{text}");
                let broken = [before.as_bytes(), &[0xE4, 0xBD], text.as_bytes()].concat();
                let found = places(&sieve, &broken);
                assert!(found.contains(&(2 * before.len() + 2)), "{text}");
            }
        }
        for text in ["", "plain words", "床前明月光，疑是地上霜。", "毒", "株毒"] {
            assert_eq!(places(&sieve, text.as_bytes()), [0; 0], "{text}");
        }
        assert!(Sieve::new(["plain"].into_iter()).is_none());
    }
}
