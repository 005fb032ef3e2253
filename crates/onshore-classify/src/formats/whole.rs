//! Formats that are read as a whole: their directory stands at the end, or they are full of references.

use std::io::{self, Read, Seek, SeekFrom};

use crate::formats::gather::Gather;
use crate::formats::{ole, parquet, pdf, sqlite, zip};
use crate::passage::Passage;

/// How much of the bytes is read at once.
const CHUNK_BYTES: usize = 1 << 18;

/// A format that is read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    Zip,
    Parquet,
    Pdf,
    /// The file within files that old office documents are.
    Ole,
    Sqlite,
}

impl Whole {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Parquet => "parquet",
            Self::Pdf => "pdf",
            Self::Ole => "ole",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Reads bytes in this format. An error is one of the reader.
pub(crate) fn read<R: Read + Seek>(
    format: Whole,
    mut bytes: R,
    gather: &mut Gather,
) -> io::Result<()> {
    let unreadable = gather.unreadable();
    match format {
        Whole::Zip => zip::read(&mut bytes, gather)?,
        Whole::Parquet => parquet::read(&mut bytes, gather)?,
        Whole::Pdf => pdf::read(&mut bytes, gather)?,
        Whole::Ole => ole::read(&mut bytes, gather)?,
        Whole::Sqlite => sqlite::read(&mut bytes, gather)?,
    }
    // A text is no less a text for what stands before it, and what was deleted from a database may still be in its file.
    if gather.unreadable() > unreadable || format == Whole::Sqlite {
        raw(bytes, gather)?;
    }
    Ok(())
}

/// Reads bytes as they are.
fn raw<R: Read + Seek>(mut bytes: R, gather: &mut Gather) -> io::Result<()> {
    bytes.seek(SeekFrom::Start(0))?;
    let mut passage = Passage::new(gather.wanted());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = bytes.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        passage.push(chunk.get(..read).unwrap_or_default());
    }
    gather.take_raw(passage.finish());
    Ok(())
}
