//! Formats that are read as a whole: their directory stands at the end, or they are full of references.

use std::io::{self, Read, Seek};

use crate::formats::gather::Gather;
use crate::formats::{ole, parquet, pdf, zip};

/// A format that is read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    Zip,
    Parquet,
    Pdf,
    /// The file within files that old office documents are.
    Ole,
}

impl Whole {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Parquet => "parquet",
            Self::Pdf => "pdf",
            Self::Ole => "ole",
        }
    }
}

/// Reads bytes in this format. An error is one of the reader.
pub(crate) fn read<R: Read + Seek>(format: Whole, bytes: R, gather: &mut Gather) -> io::Result<()> {
    match format {
        Whole::Zip => zip::read(bytes, gather),
        Whole::Parquet => parquet::read(bytes, gather),
        Whole::Pdf => pdf::read(bytes, gather),
        Whole::Ole => ole::read(bytes, gather),
    }
}
