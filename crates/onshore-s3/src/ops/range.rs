//! Which bytes a request asks for. A `Range` that cannot be read, or that names several runs, asks for the whole, as S3
//! has it.

use onshore_types::ByteRange;

/// What is asked for, before the size is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    From { first: u64, last: Option<u64> },
    Last { len_bytes: u64 },
}

/// What is asked for, of an object of known size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolved {
    Whole,
    Run(ByteRange),
    Unsatisfiable,
}

impl Wanted {
    /// Reads the header.
    pub(crate) fn parse(header: Option<&str>) -> Self {
        header.and_then(parse).unwrap_or(Self::Whole)
    }

    /// Holds it against the size.
    pub(crate) fn resolve(self, size_bytes: u64) -> Resolved {
        match self {
            Self::Whole => Resolved::Whole,
            Self::From { first, .. } if first >= size_bytes => Resolved::Unsatisfiable,
            Self::From { first, last } => {
                let last = last.unwrap_or(u64::MAX).min(size_bytes - 1);
                Resolved::Run(ByteRange {
                    start: first,
                    len_bytes: last - first + 1,
                })
            }
            Self::Last { len_bytes } if len_bytes == 0 || size_bytes == 0 => {
                Resolved::Unsatisfiable
            }
            Self::Last { len_bytes } => {
                let len_bytes = len_bytes.min(size_bytes);
                Resolved::Run(ByteRange {
                    start: size_bytes - len_bytes,
                    len_bytes,
                })
            }
        }
    }
}

fn parse(header: &str) -> Option<Wanted> {
    let (unit, runs) = header.trim().split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = runs.split_once('-')?;
    if first.is_empty() {
        return Some(Wanted::Last {
            len_bytes: number(last)?,
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        None
    } else {
        Some(number(last)?)
    };
    if last.is_some_and(|last| last < first) {
        return None;
    }
    Some(Wanted::From { first, last })
}

fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // A number too large for any object stands for the largest.
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Resolved, Wanted};
    use onshore_types::ByteRange;

    fn resolve(header: &str, size: u64) -> Resolved {
        Wanted::parse(Some(header)).resolve(size)
    }

    fn run(start: u64, len_bytes: u64) -> Resolved {
        Resolved::Run(ByteRange { start, len_bytes })
    }

    #[test]
    fn single_runs_are_cut_to_the_object() {
        assert_eq!(resolve("bytes=0-0", 10), run(0, 1));
        assert_eq!(resolve("bytes=3-", 10), run(3, 7));
        assert_eq!(resolve("bytes=3-99", 10), run(3, 7));
        assert_eq!(resolve("bytes=3-99999999999999999999999", 10), run(3, 7));
        assert_eq!(resolve("bytes=9-9", 10), run(9, 1));
        assert_eq!(resolve("bytes=-3", 10), run(7, 3));
        assert_eq!(resolve("bytes=-30", 10), run(0, 10));
    }

    #[test]
    fn what_lies_behind_the_end_is_unsatisfiable() {
        for (header, size) in [
            ("bytes=10-", 10),
            ("bytes=10-20", 10),
            ("bytes=-0", 10),
            ("bytes=0-", 0),
            ("bytes=-1", 0),
            ("bytes=99999999999999999999999-", 10),
        ] {
            assert_eq!(resolve(header, size), Resolved::Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn what_is_no_single_run_is_the_whole() {
        for header in [
            "bytes=0-1,3-4",
            "bytes=",
            "bytes=-",
            "bytes=5-3",
            "items=0-1",
            "bytes=a-b",
            "0-1",
            "bytes=+1-2",
            "",
        ] {
            assert_eq!(resolve(header, 10), Resolved::Whole, "{header}");
        }
        assert_eq!(Wanted::parse(None).resolve(0), Resolved::Whole);
    }
}
