//! PDF that is encrypted without a password: everybody may open it, and it only says what a viewer should forbid. With a
//! password nobody reads it here.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use md5::{Digest, Md5};
use ring::digest::{SHA256, SHA384, SHA512, digest};

use crate::formats::pdf::object::{Dictionary, Object};

/// What stands in the place of a password that is too short.
const PADDING: [u8; 32] = [
    0x28, 0xBF, 0x4E, 0x5E, 0x4E, 0x75, 0x8A, 0x41, 0x64, 0x00, 0x4E, 0x56, 0xFF, 0xFA, 0x01, 0x08,
    0x2E, 0x2E, 0x00, 0xB6, 0xD0, 0x68, 0x3E, 0x80, 0x2F, 0x0C, 0xA9, 0xFE, 0x64, 0x53, 0x69, 0x7A,
];
/// How often a newer password is hashed at least.
const ROUNDS_MIN: usize = 64;

/// The key of a file, and what is encrypted how.
#[derive(Debug)]
pub(super) struct Crypt {
    key: Vec<u8>,
    texts: Cipher,
    streams: Cipher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cipher {
    None,
    Rc4,
    Aes128,
    Aes256,
}

/// Which object something stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) number: u32,
    pub(super) generation: u16,
}

impl Crypt {
    /// Finds the key with an empty password, if that opens the file.
    pub(super) fn open(encrypt: &Dictionary, id: &[u8]) -> Option<Self> {
        let number = |name: &str| encrypt.value(name).and_then(Object::number);
        let (version, revision) = (number("V")?, number("R")?);
        if !encrypt.is("Filter", "Standard") {
            return None;
        }
        let (texts, streams) = if version >= 4.0 {
            (cipher(encrypt, "StrF"), cipher(encrypt, "StmF"))
        } else {
            (Cipher::Rc4, Cipher::Rc4)
        };
        let key = if revision >= 5.0 {
            wide_key(encrypt, revision >= 6.0)?
        } else {
            let bits = if version < 2.0 {
                40.0
            } else {
                number("Length").unwrap_or(40.0)
            };
            let bits = if version >= 4.0 { 128.0 } else { bits };
            let len = ((bits / 8.0) as usize).clamp(5, 16);
            narrow_key(encrypt, id, revision, len)?
        };
        Some(Self {
            key,
            texts,
            streams,
        })
    }

    pub(super) fn decrypt_stream(&self, id: Id, bytes: &[u8]) -> Vec<u8> {
        self.decrypt(self.streams, id, bytes)
    }

    /// Decrypts the texts in an object.
    pub(super) fn decrypt_texts(&self, id: Id, object: &mut Object) {
        match object {
            Object::Text(text) => *text = self.decrypt(self.texts, id, text),
            Object::Array(array) => {
                for object in array {
                    self.decrypt_texts(id, object);
                }
            }
            Object::Dictionary(dictionary) => {
                for (_, object) in &mut dictionary.0 {
                    self.decrypt_texts(id, object);
                }
            }
            Object::Null
            | Object::Number(_)
            | Object::Name(_)
            | Object::Reference(_)
            | Object::Word(_) => {}
        }
    }

    fn decrypt(&self, cipher: Cipher, id: Id, bytes: &[u8]) -> Vec<u8> {
        let salt: &[u8] = match cipher {
            Cipher::None => return bytes.to_vec(),
            Cipher::Aes256 => return unwrapped::<Aes256>(&self.key, bytes),
            Cipher::Rc4 => b"",
            Cipher::Aes128 => b"sAlT",
        };
        let mut hash = Md5::new();
        hash.update(&self.key);
        hash.update(id.number.to_le_bytes().get(..3).unwrap_or_default());
        hash.update(id.generation.to_le_bytes());
        hash.update(salt);
        let hash = hash.finalize();
        let key = hash.get(..(self.key.len() + 5).min(16)).unwrap_or_default();
        match cipher {
            Cipher::Rc4 => rc4(key, bytes),
            _ => unwrapped::<Aes128>(key, bytes),
        }
    }
}

fn cipher(encrypt: &Dictionary, name: &str) -> Cipher {
    let filter = encrypt
        .value(name)
        .and_then(Object::name)
        .unwrap_or(b"Identity");
    let filters = encrypt.value("CF").and_then(Object::dictionary);
    let method = filters
        .and_then(|filters| filters.0.iter().find(|(known, _)| known == filter))
        .and_then(|(_, filter)| filter.dictionary()?.value("CFM")?.name());
    match method {
        Some(b"V2") => Cipher::Rc4,
        Some(b"AESV2") => Cipher::Aes128,
        Some(b"AESV3") => Cipher::Aes256,
        _ => Cipher::None,
    }
}

/// Makes the key that files had until 2008, and looks whether it is the one.
fn narrow_key(encrypt: &Dictionary, id: &[u8], revision: f64, len: usize) -> Option<Vec<u8>> {
    let text = |name: &str| encrypt.value(name)?.text();
    let permissions = encrypt.value("P").and_then(Object::number)? as i64;
    let mut hash = Md5::new();
    hash.update(PADDING);
    hash.update(text("O")?.get(..32)?);
    hash.update(permissions.to_le_bytes().get(..4)?);
    hash.update(id);
    let is_plain = encrypt.value("EncryptMetadata") == Some(&Object::Word(b"false".to_vec()));
    if revision >= 4.0 && is_plain {
        hash.update([0xFF; 4]);
    }
    let mut key = hash.finalize().to_vec();
    key.truncate(len);
    if revision >= 3.0 {
        for _ in 0..50 {
            key = Md5::digest(&key).to_vec();
            key.truncate(len);
        }
    }
    let known = text("U")?;
    let is_it = if revision >= 3.0 {
        let hash = Md5::new().chain_update(PADDING).chain_update(id).finalize();
        let mut made = hash.to_vec();
        for round in 0..20 {
            let key: Vec<u8> = key.iter().map(|byte| byte ^ round).collect();
            made = rc4(&key, &made);
        }
        known.get(..16)? == made
    } else {
        known.get(..32)? == rc4(&key, &PADDING)
    };
    is_it.then_some(key)
}

/// Unwraps the key that files have since.
fn wide_key(encrypt: &Dictionary, is_hardened: bool) -> Option<Vec<u8>> {
    let text = |name: &str| encrypt.value(name)?.text();
    let known = text("U")?;
    let (hash, salt, key_salt) = (known.get(..32)?, known.get(32..40)?, known.get(40..48)?);
    if hashed(salt, is_hardened)? != hash {
        return None;
    }
    let key = hashed(key_salt, is_hardened)?;
    let cipher = Aes256::new_from_slice(&key).ok()?;
    let mut before = [0; 16];
    let mut unwrapped = Vec::new();
    for block in text("UE")?.get(..32)?.chunks_exact(16) {
        unwrapped.extend(decrypted(&cipher, block, &mut before)?);
    }
    Some(unwrapped)
}

/// Hashes an empty password.
fn hashed(salt: &[u8], is_hardened: bool) -> Option<Vec<u8>> {
    let mut hash = digest(&SHA256, salt).as_ref().to_vec();
    if !is_hardened {
        return Some(hash);
    }
    let mut round = 0;
    loop {
        let cipher = Aes128::new_from_slice(hash.get(..16)?).ok()?;
        let mut before: [u8; 16] = *hash.get(16..)?.first_chunk()?;
        let mut wrapped = Vec::new();
        // Of 64 times the hash alone, where the password is empty.
        for block in hash.repeat(64).chunks_exact(16) {
            let mut mixed = Array::from(before);
            for (to, from) in mixed.iter_mut().zip(block) {
                *to ^= from;
            }
            cipher.encrypt_block(&mut mixed);
            before = mixed.into();
            wrapped.extend_from_slice(&before);
        }
        let sum: u32 = wrapped.iter().take(16).map(|byte| u32::from(*byte)).sum();
        let algorithm = match sum % 3 {
            0 => &SHA256,
            1 => &SHA384,
            _ => &SHA512,
        };
        hash = digest(algorithm, &wrapped).as_ref().to_vec();
        round += 1;
        let last = usize::from(wrapped.last().copied()?);
        if round >= ROUNDS_MIN && last + 32 <= round {
            hash.truncate(32);
            return Some(hash);
        }
    }
}

/// Decrypts blocks that stand behind a first one that is none of them, and takes the padding away.
fn unwrapped<C>(key: &[u8], bytes: &[u8]) -> Vec<u8>
where
    C: KeyInit + BlockCipherDecrypt<BlockSize = aes::cipher::consts::U16>,
{
    let Ok(cipher) = C::new_from_slice(key) else {
        return Vec::new();
    };
    let Some((first, rest)) = bytes.split_first_chunk::<16>() else {
        return Vec::new();
    };
    let mut before = *first;
    let mut out = Vec::with_capacity(rest.len());
    for block in rest.chunks_exact(16) {
        out.extend(decrypted(&cipher, block, &mut before).unwrap_or_default());
    }
    let padding = usize::from(out.last().copied().unwrap_or_default());
    if (1..=16).contains(&padding) {
        out.truncate(out.len().saturating_sub(padding));
    }
    out
}

fn decrypted<C>(cipher: &C, block: &[u8], before: &mut [u8; 16]) -> Option<[u8; 16]>
where
    C: BlockCipherDecrypt<BlockSize = aes::cipher::consts::U16>,
{
    let block: [u8; 16] = *block.first_chunk()?;
    let mut plain = Array::from(block);
    cipher.decrypt_block(&mut plain);
    for (to, from) in plain.iter_mut().zip(before.iter()) {
        *to ^= from;
    }
    *before = block;
    Some(plain.into())
}

fn rc4(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut state: Vec<u8> = (0..=u8::MAX).collect();
    let at = |state: &[u8], place: u8| state.get(usize::from(place)).copied().unwrap_or_default();
    let mut other = 0_u8;
    for (place, key) in (0..=u8::MAX).zip(key.iter().cycle()) {
        other = other.wrapping_add(at(&state, place)).wrapping_add(*key);
        state.swap(usize::from(place), usize::from(other));
    }
    let (mut place, mut other) = (0_u8, 0_u8);
    let decrypted = bytes.iter().map(|byte| {
        place = place.wrapping_add(1);
        other = other.wrapping_add(at(&state, place));
        state.swap(usize::from(place), usize::from(other));
        let sum = at(&state, place).wrapping_add(at(&state, other));
        byte ^ at(&state, sum)
    });
    decrypted.collect()
}

#[cfg(test)]
mod tests {
    use super::rc4;

    #[test]
    fn the_old_cipher_is_the_known_one() {
        assert_eq!(
            rc4(b"Key", b"Plaintext"),
            [0xBB, 0xF3, 0x16, 0xE8, 0xD9, 0x40, 0xAF, 0x0A, 0xD3]
        );
    }
}
