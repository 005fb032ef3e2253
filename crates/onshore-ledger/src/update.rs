//! An update bundle: what the technology provider hands to the operator. Its manifest is a signed note that says everything
//! about the binary behind it; a bundle names no file and no path, so there is nothing in it that could lead anywhere.
//!
//! A bundle is one line that says how long the note is, the note, and the binary. It begins with letters, so that the system
//! would not run it even if somebody asked.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use ring::digest::{Context, SHA256};

use crate::{Error, Hash, Note, Result, Signer, VerifierKey};

const MANIFEST_HEAD: &str = "onshore-update/v1";
const BUNDLE_HEAD: &str = "onshore-update-bundle/v1 ";
/// The digits of the length of the note.
const LENGTH_DIGITS: usize = 8;
/// The bytes before the note: the head, eight digits, a newline.
const BUNDLE_HEAD_BYTES: usize = BUNDLE_HEAD.len() + LENGTH_DIGITS + 1;
/// The longest note.
const NOTE_BYTES_MAX: usize = 256 << 10;
/// How much of a binary is read at once.
const CHUNK_BYTES: usize = 1 << 16;

/// The version of a release: three numbers, compared as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl FromStr for ReleaseVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let malformed = || Error::UpdateMalformed("a version is written MAJOR.MINOR.PATCH");
        let numbers = text
            .split('.')
            .map(|word| word.parse().ok())
            .collect::<Option<Vec<u32>>>()
            .ok_or_else(malformed)?;
        let [major, minor, patch] = *numbers.as_slice() else {
            return Err(malformed());
        };
        let version = Self {
            major,
            minor,
            patch,
        };
        // `+1` and `01` parse as numbers too, and are other texts.
        if version.to_string() == text {
            Ok(version)
        } else {
            Err(malformed())
        }
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What a binary runs on: `x86_64-linux`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform(String);

impl Platform {
    /// Returns the platform that this program was built for.
    #[must_use]
    pub fn here() -> Self {
        Self(format!(
            "{}-{}",
            std::env::consts::ARCH,
            std::env::consts::OS
        ))
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_word = |word: &str| {
            (1..=32).contains(&word.len())
                && word
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        match text.split_once('-') {
            Some((machine, system)) if is_word(machine) && is_word(system) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(Error::UpdateMalformed(
                "a platform is written MACHINE-SYSTEM, such as x86_64-linux",
            )),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an update bundle says of the binary in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateManifest {
    /// Which release.
    pub version: ReleaseVersion,
    /// What it runs on.
    pub platform: Platform,
    /// The SHA-256 of the binary.
    pub sha256: Hash,
    /// Its length.
    pub size_bytes: u64,
    /// The SHA-256 of the sources that are deposited with somebody for the operator.
    pub escrow: Hash,
    /// What is new, for people.
    pub notes: String,
}

/// A manifest that a known key signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedUpdate {
    /// What it says.
    pub manifest: UpdateManifest,
    /// Who signed it.
    pub signed_by: VerifierKey,
}

impl UpdateManifest {
    /// Returns the text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            version,
            platform,
            sha256,
            size_bytes,
            escrow,
            notes,
        } = self;
        format!(
            "{MANIFEST_HEAD}\nversion {version}\nplatform {platform}\nsha256 {sha256}\nsize {size_bytes}\nescrow {escrow}\n\n{notes}"
        )
    }

    /// Returns what stands for this manifest: the SHA-256 of its text, whoever signed it.
    #[must_use]
    pub fn digest(&self) -> Hash {
        Hash::of(self.text().as_bytes())
    }

    /// Signs the manifest and returns what stands before the binary in a bundle.
    pub fn seal(&self, signer: &Signer) -> Result<String> {
        Self::parse(&self.text())?;
        let note = signer.sign(&self.text())?;
        if note.len() > NOTE_BYTES_MAX {
            return Err(Error::UpdateMalformed("its release notes are too long"));
        }
        Ok(format!(
            "{BUNDLE_HEAD}{:0width$}\n{note}",
            note.len(),
            width = LENGTH_DIGITS
        ))
    }

    fn parse(text: &str) -> Result<Self> {
        let malformed = || Error::UpdateMalformed("its manifest does not read");
        let (head, notes) = text.split_once("\n\n").ok_or_else(malformed)?;
        let mut lines = head.split('\n');
        let mut after = |start: &str| {
            lines
                .next()
                .and_then(|line| line.strip_prefix(start))
                .ok_or_else(malformed)
        };
        after(MANIFEST_HEAD)?;
        let manifest = Self {
            version: after("version ")?.parse()?,
            platform: after("platform ")?.parse()?,
            sha256: after("sha256 ")?.parse()?,
            size_bytes: after("size ")?.parse().map_err(|_| malformed())?,
            escrow: after("escrow ")?.parse()?,
            notes: notes.to_owned(),
        };
        // One manifest has one text: what is left over, or written otherwise, is none.
        if manifest.text() == text {
            Ok(manifest)
        } else {
            Err(malformed())
        }
    }
}

/// Reads an update bundle to its end and returns what it says, if one of `keys` signed it and the binary is what was signed.
/// The reader then stands behind the binary.
pub fn verify_update(bundle: &mut impl Read, keys: &[VerifierKey]) -> Result<SignedUpdate> {
    let note = read_note(bundle)?;
    let signers = note.signers(keys)?;
    let signed_by = signers
        .first()
        .map(|key| (*key).clone())
        .ok_or(Error::SignatureMissing)?;
    let manifest = UpdateManifest::parse(note.claimed())?;
    copy_binary(&manifest, bundle, &mut io::sink())?;
    Ok(SignedUpdate {
        manifest,
        signed_by,
    })
}

/// Copies the binary out of a bundle whose manifest has this digest, and returns the manifest. What was copied is to be
/// thrown away on an error: it is known at the end alone whether it is what the manifest says.
pub fn unpack_update(
    bundle: &mut impl Read,
    digest_start: &[u8],
    binary: &mut impl io::Write,
) -> Result<UpdateManifest> {
    let manifest = UpdateManifest::parse(read_note(bundle)?.claimed())?;
    if digest_start.is_empty() || !manifest.digest().as_bytes().starts_with(digest_start) {
        return Err(Error::UpdateMalformed("it is another update"));
    }
    copy_binary(&manifest, bundle, binary)?;
    Ok(manifest)
}

fn read_note(bundle: &mut impl Read) -> Result<Note> {
    let mut head = [0; BUNDLE_HEAD_BYTES];
    bundle.read_exact(&mut head).map_err(cut_short)?;
    let digits = std::str::from_utf8(&head)
        .ok()
        .and_then(|head| head.strip_prefix(BUNDLE_HEAD)?.strip_suffix('\n'))
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or(Error::UpdateMalformed("it does not begin as a bundle does"))?;
    let len: usize = digits
        .parse()
        .ok()
        .filter(|len| *len <= NOTE_BYTES_MAX)
        .ok_or(Error::UpdateMalformed("its manifest is too long"))?;
    let mut note = vec![0; len];
    bundle.read_exact(&mut note).map_err(cut_short)?;
    let note = String::from_utf8(note)
        .map_err(|_| Error::UpdateMalformed("its manifest does not read"))?;
    Note::parse(&note)
}

fn copy_binary(
    manifest: &UpdateManifest,
    bundle: &mut impl Read,
    to: &mut impl io::Write,
) -> Result<()> {
    let mut context = Context::new(&SHA256);
    let mut left = manifest.size_bytes;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match bundle.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::UpdateIo(error)),
        };
        let bytes = chunk.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or(Error::UpdateMalformed(
                "there is more in it than its manifest says",
            ))?;
        context.update(bytes);
        to.write_all(bytes).map_err(Error::UpdateIo)?;
    }
    if left > 0 {
        return Err(Error::UpdateMalformed("it is cut short"));
    }
    if context.finish().as_ref() == manifest.sha256.as_bytes() {
        Ok(())
    } else {
        Err(Error::UpdateMalformed(
            "its binary is not the one that was signed",
        ))
    }
}

fn cut_short(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::UpdateMalformed("it is cut short"),
        _ => Error::UpdateIo(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{Platform, ReleaseVersion, UpdateManifest, unpack_update, verify_update};
    use crate::{Error, Hash, Signer};

    const BINARY: &[u8] = b"\x7fELF of no machine";

    fn signer(seed: u8) -> Signer {
        Signer::from_seed("provider.example", &[seed; 32]).expect("a signer")
    }

    fn manifest() -> UpdateManifest {
        UpdateManifest {
            version: "1.2.3".parse().expect("a version"),
            platform: Platform::here(),
            sha256: Hash::of(BINARY),
            size_bytes: BINARY.len() as u64,
            escrow: Hash::of(b"sources"),
            notes: "What is new.\n\nversion 9.9.9\n".to_owned(),
        }
    }

    fn bundle() -> Vec<u8> {
        let head = manifest().seal(&signer(1)).expect("sealed");
        [head.as_bytes(), BINARY].concat()
    }

    #[test]
    fn a_bundle_says_what_was_signed_and_gives_its_binary_back() {
        let keys = [signer(2).verifier(), signer(1).verifier()];
        let signed = verify_update(&mut bundle().as_slice(), &keys).expect("holds");
        assert_eq!(signed.manifest, manifest());
        assert_eq!(signed.signed_by, signer(1).verifier());
        let (digest, mut binary) = (manifest().digest(), Vec::new());
        let (start, _) = digest.as_bytes().split_at(16);
        unpack_update(&mut bundle().as_slice(), start, &mut binary).expect("unpacked");
        assert_eq!(binary, BINARY);
        assert!(unpack_update(&mut bundle().as_slice(), &[], &mut Vec::new()).is_err());
        let other = Hash::of(b"other");
        assert!(
            unpack_update(&mut bundle().as_slice(), other.as_bytes(), &mut Vec::new()).is_err()
        );
    }

    #[test]
    fn no_flipped_bit_no_cut_and_nothing_more_is_taken() {
        let (good, keys) = (bundle(), [signer(1).verifier()]);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                if let Some(byte) = bad.get_mut(at) {
                    *byte ^= 1 << bit;
                }
                assert!(
                    verify_update(&mut bad.as_slice(), &keys).is_err(),
                    "{at} {bit}"
                );
            }
            let (cut, _) = good.split_at(at);
            assert!(verify_update(&mut &*cut, &keys).is_err(), "{at}");
        }
        let more = [good.as_slice(), b"x"].concat();
        assert!(verify_update(&mut more.as_slice(), &keys).is_err());
    }

    #[test]
    fn a_key_that_is_not_known_signs_nothing() {
        for keys in [vec![], vec![signer(2).verifier()]] {
            let refused = verify_update(&mut bundle().as_slice(), &keys);
            assert!(matches!(refused, Err(Error::SignatureMissing)));
        }
    }

    #[test]
    fn versions_are_numbers_and_nothing_that_leads_anywhere() {
        let parse = |text: &str| text.parse::<ReleaseVersion>();
        assert!(parse("0.9.10").expect("good") > parse("0.9.9").expect("good"));
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "+1.2.3",
            "1.2.-3",
            "../1.2.3",
            "1.2.3/..",
            "1.2.3\n",
            "1.2.4294967296",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for bad in [
            "",
            "x86_64",
            "-linux",
            "x86_64-",
            "../x-linux",
            "a-b-c",
            "A-linux",
            "x y-linux",
        ] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
