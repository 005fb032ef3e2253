//! Measures counting persons: how fast they are collected, what is kept of them, and how fast many objects are joined.
//! `cargo xtask bench --persons` runs it.
#![expect(clippy::print_stdout, reason = "what it measures is its product")]
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads what the system says of time and memory"
)]

use onshore_classify::persons::{
    Collector, ObjectPersons, PersonKey, PersonKind, Record, Standing, Union,
};

const PERSONS: u64 = 10_000_000;

/// Each in a process of its own: how many objects, and in how many of them each person is.
const JOINS: &[(u64, u64)] = &[(1, 1), (100, 1), (100, 3), (10_000, 1), (1_000_000, 1)];

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    if let [objects, overlap] = numbers.as_slice() {
        join(*objects, *overlap);
        return;
    }
    collect();
    let this = std::env::current_exe().expect("a path");
    for (objects, overlap) in JOINS {
        let arguments = [objects, overlap].map(u64::to_string);
        let status = std::process::Command::new(&this).args(arguments).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

/// Collects rows of an ID, a telephone number and an address of mail.
fn collect() {
    const ROWS: u64 = 1_000_000;
    let kinds = ["cn.resident-id", "cn.mobile", "e-mail"].map(kind);
    let rows: Vec<[String; 3]> = (0..ROWS)
        .map(|row| {
            [
                format!("{}{:06}1234", 110_105_199_001_u64, row),
                format!("138{row:08}"),
                format!("person{row}@mail.example.com"),
            ]
        })
        .collect();
    let begun = cpu_seconds();
    let mut collector = Collector::new(key(), 1 << 24);
    for (number, row) in (0..).zip(&rows) {
        for (kind, value) in kinds.iter().zip(row) {
            collector.hit(Record::Row(number), *kind, value.as_bytes(), Standing::Sure);
        }
    }
    let object = collector.finish(|_| true);
    let took = cpu_seconds() - begun;
    let hits = 3.0 * ROWS as f64;
    println!(
        "collecting {ROWS} rows of three identifiers: {:.0} ns an identifier, {:.1} bytes kept for each",
        took * 1e9 / hits,
        object.bytes().len() as f64 / hits,
    );
}

/// Joins so many objects, each person in so many of them.
fn join(objects: u64, overlap: u64) {
    let all: Vec<ObjectPersons> = (0..objects * overlap)
        .map(|number| {
            ObjectPersons::parse(kept(objects, number % objects)).expect("it is in the form")
        })
        .collect();
    let kept: usize = all.iter().map(|object| object.bytes().len()).sum();
    let before = resident_bytes();
    let begun = cpu_seconds();
    let mut union = Union::new();
    all.iter().for_each(|object| union.add(object));
    let tally = union.tally();
    let took = cpu_seconds() - begun;
    let memory = resident_bytes().saturating_sub(before);
    assert_eq!(tally.persons.upper, PERSONS);
    println!(
        "joining {:>7} objects, each of {PERSONS} persons in {overlap}: {took:.2} s of one core, {:.0} MB kept, {:.0} MB of memory",
        all.len(),
        kept as f64 / 1e6,
        memory as f64 / 1e6,
    );
}

/// Writes what is kept of one of so many objects, among which all persons are dealt out, in the form that stands in `object.rs`:
/// nothing is allocated but what is kept, so that memory is measured well.
fn kept(objects: u64, object: u64) -> Vec<u8> {
    let count = PERSONS / objects;
    let prefix_len = match count {
        0..0x100 => 0,
        0x100..0x1_0000 => 1,
        _ => 2,
    };
    let step = u64::MAX / PERSONS;
    let values = || (0..count).map(|place| (place * objects + object) * step + step / 3);
    let mut counts = vec![
        0_u64;
        if prefix_len == 0 {
            0
        } else {
            1 << (8 * prefix_len)
        }
    ];
    for value in values() {
        let prefix = value.checked_shr(64 - 8 * prefix_len as u32).unwrap_or(0) as usize;
        if let Some(count) = counts.get_mut(prefix) {
            *count += 1;
        }
    }
    let len = count as usize * (8 - prefix_len) + 3 * counts.len() + 20;
    let mut bytes = Vec::with_capacity(len);
    // A version, nobody beyond, one run: of addresses of mail, with no flags.
    bytes.extend([1, 0, 0, 1, 33, 0]);
    put(&mut bytes, count);
    counts.into_iter().for_each(|count| put(&mut bytes, count));
    values().for_each(|value| bytes.extend(value.to_be_bytes().iter().skip(prefix_len)));
    bytes.shrink_to_fit();
    bytes
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn kind(detector: &str) -> PersonKind {
    PersonKind::of(detector).expect("it counts persons")
}

fn key() -> PersonKey {
    PersonKey::new(&[7; 32])
}

/// Returns how long this process has computed: others on the machine do not disturb it.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split(' ')
        .skip(12)
        .take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}
