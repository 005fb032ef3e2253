//! Files that are written and read from beginning to end, sealed where there is a key.
//!
//! A sealed file is [`BEGINNING`], a salt of 32 bytes, and frames: up to 64 KiB each, sealed with AES-256-GCM under a key
//! that HKDF-SHA-256 (RFC 5869) makes of the key and the salt. The nonce is the number of the frame in eight bytes, three
//! zeroes, and 1 for the last frame, else 0: so none can be left out, moved or cut off (Hoang, Reyhanitabar, Rogaway,
//! Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", STREAM).

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::sync::Arc;

use ring::aead::NONCE_LEN;
use ring::hkdf;

use crate::{DataKey, KEY_LEN_BYTES, Secret, TAG_LEN_BYTES};

/// What a sealed file begins with. No text does.
const BEGINNING: &[u8] = b"\xFFonshore sealed file 1\n";
const SALT_LEN_BYTES: usize = 32;
const FRAME_LEN_BYTES: usize = 1 << 16;
const INFO: &[u8] = b"onshore sealed file 1";

/// What files are sealed with, if they are.
#[derive(Clone, Default)]
pub struct FileSeal(Option<Arc<Secret>>);

impl FileSeal {
    /// Leaves files as they are.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Seals files with keys made of this one.
    #[must_use]
    pub fn new(key: Secret) -> Self {
        Self(Some(Arc::new(key)))
    }

    /// Whether files are sealed.
    #[must_use]
    pub fn is_sealing(&self) -> bool {
        self.0.is_some()
    }

    /// Writes into an empty file.
    ///
    /// # Errors
    /// Those of writing.
    pub fn writer(&self, file: File) -> io::Result<FileWriter> {
        let mut to = BufWriter::new(file);
        let frames = match &self.0 {
            None => None,
            Some(key) => {
                let salt = crate::random::<SALT_LEN_BYTES>();
                to.write_all(BEGINNING)?;
                to.write_all(&salt)?;
                Some(Frames::new(key, &salt)?)
            }
        };
        Ok(FileWriter {
            to,
            frames,
            frame: Vec::new(),
        })
    }

    /// Reads a file, sealed or not.
    ///
    /// # Errors
    /// Those of reading; [`io::ErrorKind::InvalidData`] for a sealed file where there is no key.
    pub fn reader(&self, file: File) -> io::Result<FileReader> {
        let file_len = file.metadata()?.len();
        let mut from = BufReader::with_capacity(FRAME_LEN_BYTES, file);
        let mut beginning = Vec::with_capacity(BEGINNING.len());
        from.by_ref()
            .take(BEGINNING.len() as u64)
            .read_to_end(&mut beginning)?;
        if beginning != BEGINNING {
            return Ok(FileReader {
                from,
                frames: None,
                frame: beginning,
                taken: 0,
                is_over: false,
                len_bytes: file_len,
            });
        }
        let key = self
            .0
            .as_ref()
            .ok_or_else(|| damaged("the file is sealed, and there is no key"))?;
        let mut salt = [0; SALT_LEN_BYTES];
        from.read_exact(&mut salt)?;
        Ok(FileReader {
            from,
            frames: Some(Frames::new(key, &salt)?),
            frame: Vec::new(),
            taken: 0,
            is_over: false,
            len_bytes: plain_len(file_len),
        })
    }
}

/// Returns how long what a sealed file of this length holds is.
fn plain_len(sealed: u64) -> u64 {
    let frames = sealed.saturating_sub((BEGINNING.len() + SALT_LEN_BYTES) as u64);
    let count = frames.div_ceil((FRAME_LEN_BYTES + TAG_LEN_BYTES) as u64);
    frames.saturating_sub(count * TAG_LEN_BYTES as u64)
}

impl fmt::Debug for FileSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSeal")
            .field("is_sealing", &self.is_sealing())
            .finish_non_exhaustive()
    }
}

/// The key of a file, and the number of its next frame.
#[derive(Debug)]
struct Frames {
    key: DataKey,
    next: u64,
}

impl Frames {
    fn new(key: &Secret, salt: &[u8]) -> io::Result<Self> {
        struct Len;
        impl hkdf::KeyType for Len {
            fn len(&self) -> usize {
                KEY_LEN_BYTES
            }
        }
        let mut made = [0; KEY_LEN_BYTES];
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(key.as_bytes())
            .expand(&[INFO], Len)
            .and_then(|made_of| made_of.fill(&mut made))
            .map_err(|_| io::Error::other("no key can be made for the file"))?;
        let key = DataKey::from_secret(Secret::new(made.to_vec())).map_err(io::Error::other)?;
        Ok(Self { key, next: 0 })
    }

    fn nonce(&mut self, is_last: bool) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(self.next.to_be_bytes()) {
            *to = from;
        }
        if let Some(last) = nonce.last_mut() {
            *last = u8::from(is_last);
        }
        self.next += 1;
        nonce
    }
}

/// A file being written. Without [`FileWriter::finish`] a sealed one is never whole.
#[derive(Debug)]
pub struct FileWriter {
    to: BufWriter<File>,
    frames: Option<Frames>,
    frame: Vec<u8>,
}

impl FileWriter {
    /// Writes what is left and returns the file.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(mut self) -> io::Result<File> {
        self.put(true)?;
        self.to.into_inner().map_err(io::IntoInnerError::into_error)
    }

    fn put(&mut self, is_last: bool) -> io::Result<()> {
        let Some(frames) = &mut self.frames else {
            return Ok(());
        };
        let nonce = frames.nonce(is_last);
        frames
            .key
            .seal(nonce, &[], &mut self.frame)
            .map_err(io::Error::other)?;
        self.to.write_all(&self.frame)?;
        self.frame.clear();
        Ok(())
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.frames.is_none() {
            return self.to.write(bytes);
        }
        // The last frame is known only when the file is finished, and may be full.
        if self.frame.len() == FRAME_LEN_BYTES {
            self.put(false)?;
        }
        let len = bytes.len().min(FRAME_LEN_BYTES - self.frame.len());
        self.frame.extend(bytes.iter().take(len));
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A file being read.
#[derive(Debug)]
pub struct FileReader {
    from: BufReader<File>,
    frames: Option<Frames>,
    /// Plain bytes on their way.
    frame: Vec<u8>,
    taken: usize,
    is_over: bool,
    len_bytes: u64,
}

impl FileReader {
    /// Whether the file is sealed.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.frames.is_some()
    }

    /// Returns how many bytes it gives in all.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    fn next_frame(&mut self) -> io::Result<()> {
        let Some(frames) = &mut self.frames else {
            return Ok(());
        };
        self.frame.clear();
        self.taken = 0;
        (&mut self.from)
            .take((FRAME_LEN_BYTES + TAG_LEN_BYTES) as u64)
            .read_to_end(&mut self.frame)?;
        // The last one has nothing behind it.
        self.is_over = io::BufRead::fill_buf(&mut self.from)?.is_empty();
        let nonce = frames.nonce(self.is_over);
        let len = frames
            .key
            .open(nonce, &[], &mut self.frame)
            .map_err(|_| damaged("a frame of the file does not open"))?;
        self.frame.truncate(len);
        Ok(())
    }
}

impl Read for FileReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.frame.len() {
            if self.frames.is_none() {
                return self.from.read(into);
            }
            if self.is_over || into.is_empty() {
                return Ok(0);
            }
            self.next_frame()?;
        }
        let len = self
            .frame
            .get(self.taken..)
            .unwrap_or_default()
            .read(into)?;
        self.taken += len;
        Ok(len)
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{Read, Write};
    use std::path::Path;

    use super::{FRAME_LEN_BYTES, FileSeal, TAG_LEN_BYTES};
    use crate::Secret;

    fn seal(byte: u8) -> FileSeal {
        FileSeal::new(Secret::new(vec![byte; 32]))
    }

    fn write(seal: &FileSeal, path: &Path, bytes: &[u8]) {
        let mut writer = seal
            .writer(File::create(path).expect("a file"))
            .expect("begun");
        for piece in bytes.chunks(50_001) {
            writer.write_all(piece).expect("written");
        }
        writer.finish().expect("finished");
    }

    fn read(seal: &FileSeal, path: &Path) -> std::io::Result<Vec<u8>> {
        let mut found = Vec::new();
        let mut reader = seal.reader(File::open(path)?)?;
        reader.read_to_end(&mut found)?;
        assert_eq!(reader.len_bytes(), found.len() as u64);
        Ok(found)
    }

    #[test]
    fn what_was_written_is_read_whatever_its_length_and_plain_files_are_read_as_they_are() {
        let folder = onshore_testkit::TempFolder::new("seal").expect("a folder");
        let path = folder.path().join("file");
        for len in [
            0,
            1,
            21,
            FRAME_LEN_BYTES - 1,
            FRAME_LEN_BYTES,
            FRAME_LEN_BYTES + 1,
            300_000,
        ] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            write(&seal(1), &path, &bytes);
            assert!(read(&seal(1), &path).expect("sealed") == bytes, "{len}");
            assert!(read(&seal(2), &path).is_err(), "{len} under another key");
            assert!(
                read(&FileSeal::none(), &path).is_err(),
                "{len} without a key"
            );
            write(&FileSeal::none(), &path, &bytes);
            assert!(fs::read(&path).expect("the file") == bytes, "{len} plain");
            assert!(
                read(&seal(1), &path).expect("plain") == bytes,
                "{len} plain"
            );
        }
    }

    #[test]
    fn frames_cannot_be_cut_off_left_out_moved_or_changed() {
        let folder = onshore_testkit::TempFolder::new("frames").expect("a folder");
        let path = folder.path().join("file");
        write(&seal(1), &path, &vec![7; 4 * FRAME_LEN_BYTES + 100]);
        let good = fs::read(&path).expect("the file");
        let sealed = FRAME_LEN_BYTES + TAG_LEN_BYTES;
        let head = good.len() - 4 * sealed - 100 - TAG_LEN_BYTES;
        let frame = |number: usize| {
            &good[head + number * sealed..good.len().min(head + (number + 1) * sealed)]
        };
        let made_of = |frames: &[usize]| {
            let mut bytes = good[..head].to_vec();
            frames
                .iter()
                .for_each(|number| bytes.extend(frame(*number)));
            bytes
        };
        assert!(made_of(&[0, 1, 2, 3, 4]) == good, "else this shows nothing");
        let mut bad = vec![
            made_of(&[]),
            made_of(&[0, 1, 2, 3]),
            made_of(&[0, 1, 2, 4]),
            made_of(&[1, 0, 2, 3, 4]),
            made_of(&[0, 1, 2, 3, 3, 4]),
            made_of(&[4]),
            good[..good.len() - 1].to_vec(),
        ];
        for at in [30, head + 5, head + 2 * sealed, good.len() - 1] {
            let mut changed = good.clone();
            changed[at] ^= 1;
            bad.push(changed);
        }
        for (number, bytes) in bad.iter().enumerate() {
            fs::write(&path, bytes).expect("written");
            assert!(read(&seal(1), &path).is_err(), "{number}");
        }
    }
}
