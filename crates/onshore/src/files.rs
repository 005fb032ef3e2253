//! How many files the process may have open: every connection is one, and so is every body that is read or written.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is kept for the bodies that blocking threads have open at once, the database and whatever else is opened.
const KEPT_FOR_FILES: u64 = 1280;

/// Raises the limit as far as the system lets an ordinary process raise it, and returns it.
pub(crate) fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let raised = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => wanted,
        Err(_) => limit,
    };
    raised.current.unwrap_or(u64::MAX)
}

/// Returns how many connections may be held under a limit: the rest is for files, at least half of it where it is low.
pub(crate) fn connections_max(files_max: u64) -> usize {
    let room = files_max
        .saturating_sub(KEPT_FOR_FILES)
        .max(files_max / 2)
        .max(1);
    usize::try_from(room).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::connections_max;

    #[test]
    fn connections_leave_room_for_files() {
        for (files, connections) in [(0, 1), (2, 1), (1024, 512), (20_000, 18_720)] {
            assert_eq!(connections_max(files), connections, "{files}");
        }
    }
}
