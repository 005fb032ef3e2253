//! The bounds hold whatever persons there are and however they are written down, and what is kept is read as what it is or
//! refused.

use std::collections::{BTreeMap, BTreeSet};

use onshore_classify::persons::{
    BadPersons, Collector, Count, ObjectPersons, PersonKey, PersonKind, Record, Standing, Tally,
    Telling, Union,
};
use proptest::prelude::*;

const PLENTY: usize = 1 << 20;

fn collector(identifiers_max: usize) -> Collector {
    Collector::new(PersonKey::new(&[42; 32]), identifiers_max)
}

fn kind(detector: &str) -> PersonKind {
    PersonKind::of(detector).expect("it counts persons")
}

fn hit(collector: &mut Collector, record: Record, detector: &str, value: &str) {
    collector.hit(record, kind(detector), value.as_bytes(), Standing::Sure);
}

fn object(rows: &[&[(&str, &str)]]) -> ObjectPersons {
    let mut collector = collector(PLENTY);
    for (number, row) in (0..).zip(rows) {
        for (detector, value) in *row {
            hit(&mut collector, Record::Row(number), detector, value);
        }
    }
    collector.finish(|_| true)
}

fn tally<'a>(objects: impl IntoIterator<Item = &'a ObjectPersons>) -> Tally {
    let mut union = Union::new();
    objects.into_iter().for_each(|object| union.add(object));
    union.tally()
}

fn exactly(count: u64) -> Count {
    Count {
        lower: count,
        upper: count,
    }
}

fn resident(person: u32) -> String {
    let plain = format!("11010519{:02}0101{:03}", person / 1000 % 100, person % 1000);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = plain
        .bytes()
        .zip(weights)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    let check = "10X98765432"
        .chars()
        .nth(sum as usize % 11)
        .expect("a check");
    format!("{plain}{check}")
}

/// The same number as it was before the year 2000.
fn first_generation(resident: &str) -> String {
    format!("{}{}", &resident[..6], &resident[8..17])
}

#[test]
fn one_person_is_counted_once_in_whatever_system_and_form() {
    let id = resident(7);
    let old = first_generation(&id);
    let core = object(&[
        &[("cn.resident-id", &id), ("cn.mobile", "13800138000")],
        &[("cn.resident-id", &id)],
    ]);
    let branch = object(&[&[
        ("cn.resident-id-15", &old),
        ("phone", "+86 138 0013 8000"),
        ("e-mail", "Ann@example.com"),
    ]]);
    let newsletter = object(&[
        &[("e-mail", "ann@EXAMPLE.com")],
        &[("cn.mobile", "13800138000")],
    ]);
    for objects in [
        vec![&core],
        vec![&core, &core],
        vec![&core, &branch],
        vec![&newsletter, &branch, &core],
    ] {
        assert_eq!(tally(objects).persons, exactly(1));
    }
    // Nothing says any more that both identifiers are of one person, nor that they are not.
    let apart = Count { lower: 1, upper: 2 };
    assert_eq!(tally([&newsletter]).persons, apart);
    assert_eq!(tally([]).persons, exactly(0));
}

#[test]
fn what_several_share_makes_no_one_of_them() {
    let rows: Vec<[(String, String); 2]> = (0..100)
        .map(|person| {
            [
                ("cn.mobile".to_owned(), format!("138{person:08}")),
                ("e-mail".to_owned(), "info@shop.example".to_owned()),
            ]
        })
        .collect();
    let mut shop = collector(PLENTY);
    for (number, row) in (0..).zip(&rows) {
        for (detector, value) in row {
            hit(&mut shop, Record::Row(number), detector, value);
        }
    }
    assert_eq!(tally([&shop.finish(|_| true)]).persons.upper, 100);
    // Two persons of one household.
    let household = object(&[
        &[
            ("cn.resident-id", &resident(1)),
            ("cn.mobile", "13800138000"),
        ],
        &[
            ("cn.resident-id", &resident(2)),
            ("cn.mobile", "13800138000"),
        ],
    ]);
    assert_eq!(tally([&household]).persons, exactly(2));
}

#[test]
fn whoever_stands_beside_everybody_explains_nobody() {
    let mut rows = collector(PLENTY);
    let clerk = resident(1);
    for person in 0..10_000_u32 {
        let row = Record::Row(person.into());
        hit(&mut rows, row, "cn.resident-id", &clerk);
        hit(&mut rows, row, "cn.mobile", &format!("138{person:08}"));
    }
    let upper = tally([&rows.finish(|_| true)]).persons.upper;
    assert!((9_990..=10_001).contains(&upper), "{upper}");
    // Two hundred of them, of whom each takes some with him before he is noticed.
    let mut rows = collector(PLENTY);
    for person in 0..10_000_u32 {
        let row = Record::Row(person.into());
        let courier = format!("139{:08}", person * 7 % 200);
        hit(&mut rows, row, "cn.mobile", &courier);
        hit(&mut rows, row, "e-mail", &format!("c{person}@example.com"));
    }
    let upper = tally([&rows.finish(|_| true)]).persons.upper;
    assert!((7_500..=10_200).contains(&upper), "{upper}");
    // Whoever comes in many rows with the same few companions is one.
    let mut rows = collector(PLENTY);
    for row in 0..10_000_u32 {
        hit(&mut rows, Record::Row(row.into()), "cn.resident-id", &clerk);
        let phone = format!("1380000000{}", row % 3);
        hit(&mut rows, Record::Row(row.into()), "cn.mobile", &phone);
    }
    assert_eq!(tally([&rows.finish(|_| true)]).persons, exactly(1));
}

#[test]
fn a_line_of_prose_about_two_persons_links_nothing() {
    let (ann, bob) = (resident(1), resident(2));
    let values: [(&str, &str); 3] = [
        ("cn.resident-id", &ann),
        ("cn.resident-id", &bob),
        ("cn.mobile", "13800138000"),
    ];
    let mut line = collector(PLENTY);
    for (detector, value) in values {
        hit(&mut line, Record::Line(1), detector, value);
    }
    let count = Count { lower: 2, upper: 3 };
    assert_eq!(tally([&line.finish(|_| true)]).persons, count);
    // On lines of their own they are two.
    let mut lines = collector(PLENTY);
    hit(&mut lines, Record::Line(1), "cn.resident-id", &ann);
    hit(&mut lines, Record::Line(1), "cn.mobile", "13800138000");
    hit(&mut lines, Record::Line(2), "cn.resident-id", &bob);
    assert_eq!(tally([&lines.finish(|_| true)]).persons, exactly(2));
}

#[test]
fn what_shows_to_be_no_identifier_neither_counts_nor_explains() {
    let trial = |holds: [bool; 2]| {
        let mut collector = collector(PLENTY);
        let row = Record::Row(1);
        let mobile = kind("cn.mobile");
        collector.hit(row, mobile, b"13800138000", Standing::Trial(7));
        hit(&mut collector, row, "e-mail", "ann@example.com");
        collector.hit(
            row,
            kind("payment-card"),
            b"4111111111111111",
            Standing::Trial(9),
        );
        tally([&collector.finish(|trial| if trial == 7 { holds[0] } else { holds[1] })])
            .persons
            .upper
    };
    assert_eq!(trial([true, true]), 1);
    assert_eq!(trial([false, true]), 1);
    assert_eq!(trial([false, false]), 1);
    // Nothing but a trial.
    let only = |holds| {
        let mut collector = collector(PLENTY);
        collector.hit(
            Record::Row(1),
            kind("cn.mobile"),
            b"13800138000",
            Standing::Trial(7),
        );
        tally([&collector.finish(|_| holds)]).persons
    };
    assert_eq!(only(true), exactly(1));
    assert_eq!(only(false), exactly(0));
    // So many trials that they are not told apart: nobody is lost.
    let mut many = collector(PLENTY);
    for number in 0..40_u32 {
        let mail = format!("a{number}@example.com");
        let phone = format!("138{number:08}");
        let row = Record::Row(number.into());
        let trial = Standing::Trial(number);
        many.hit(row, kind("cn.mobile"), phone.as_bytes(), trial);
        hit(&mut many, row, "e-mail", &mail);
    }
    assert!(tally([&many.finish(|_| false)]).persons.upper >= 40);
}

#[test]
fn sensitive_is_who_something_sensitive_is_told_of() {
    let mut rows = collector(PLENTY);
    for person in 0..10 {
        let row = Record::Row(person.into());
        hit(&mut rows, row, "cn.resident-id", &resident(person));
        hit(&mut rows, row, "cn.mobile", &format!("1380000000{person}"));
        if person < 3 {
            rows.tell(row, Telling::Sensitive);
        }
    }
    let rows = rows.finish(|_| true);
    assert_eq!(tally([&rows]).persons, exactly(10));
    assert_eq!(tally([&rows]).sensitive, exactly(3));
    // A list of patients by telephone: three of them, two of whom are known otherwise and still patients.
    let mut patients = collector(PLENTY);
    for (number, phone) in (0..).zip(["13800000001", "13800000002", "13900000000"]) {
        hit(&mut patients, Record::Row(number), "cn.mobile", phone);
        patients.tell(Record::Row(number), Telling::Sensitive);
    }
    let patients = patients.finish(|_| true);
    let both = tally([&rows, &patients]);
    assert_eq!(both.persons.upper, 11);
    assert!((4..=6).contains(&both.sensitive.upper), "{both:?}");
    // A letter: its diagnosis stands in no line with its name.
    let mut letter = collector(PLENTY);
    hit(
        &mut letter,
        Record::Line(1),
        "cn.resident-id",
        &resident(50),
    );
    letter.tell(Record::Line(9), Telling::Sensitive);
    assert_eq!(tally([&letter.finish(|_| true)]).sensitive, exactly(1));
}

#[test]
fn where_a_person_lives_is_what_the_evidence_says() {
    let mut rows = collector(PLENTY);
    let all: [(&str, &str, Option<Telling>); 5] = [
        ("cn.mobile", "13800138000", None),
        ("phone", "+49 30 901820", None),
        ("e-mail", "ann@example.com", None),
        ("e-mail", "bob@example.com", Some(Telling::LivesHere)),
        ("phone", "+33 1 42 76 40 40", Some(Telling::LivesHere)),
    ];
    for (number, (detector, value, telling)) in (0..).zip(all) {
        hit(&mut rows, Record::Row(number), detector, value);
        if let Some(telling) = telling {
            rows.tell(Record::Row(number), telling);
        }
    }
    let tally = tally([&rows.finish(|_| true)]);
    let by_residence = (tally.local, tally.abroad, tally.residence_unknown);
    assert_eq!(by_residence, (2, 1, 2));
}

#[test]
fn more_than_fits_is_said_to_be_more() {
    for identifiers_max in [0, 1, 7, 100, 5000] {
        let mut rows = collector(identifiers_max);
        for turn in 0..2 {
            for person in 0..10_000_u32 {
                let row = Record::Row(u64::from(person) + turn * 10_000);
                hit(&mut rows, row, "cn.resident-id", &resident(person));
                hit(&mut rows, row, "cn.mobile", &format!("138{person:08}"));
            }
        }
        let object = rows.finish(|_| true);
        let persons = tally([&object]).persons;
        assert!(persons.lower <= 10_000, "{persons:?}");
        assert!((10_000..=20_000).contains(&persons.upper), "{persons:?}");
        assert!(object.bytes().len() <= identifiers_max * 10 + 2000);
    }
    // Whoever comes again and again fits.
    let mut log = collector(100);
    for line in 0..100_000_u64 {
        let mail = format!("user{}@example.com", line % 40);
        hit(&mut log, Record::Line(line), "e-mail", &mail);
    }
    assert_eq!(tally([&log.finish(|_| true)]).persons.upper, 40);
}

#[test]
fn a_record_without_end_takes_no_memory_and_loses_nobody() {
    let mut line = collector(PLENTY);
    for person in 0..5000_u32 {
        hit(
            &mut line,
            Record::Row(1),
            "cn.resident-id",
            &resident(person),
        );
        hit(&mut line, Record::Row(1), "cn.mobile", "13800138000");
    }
    line.tell(Record::Row(1), Telling::Sensitive);
    let tally = tally([&line.finish(|_| true)]);
    assert_eq!(
        tally.persons,
        Count {
            lower: 5000,
            upper: 5001
        }
    );
    assert_eq!(tally.sensitive.upper, 5001);
}

/// A person as the world has it.
#[derive(Debug, Clone)]
struct Person {
    number: u32,
    has_id: bool,
    phones: u32,
    mails: u32,
}

/// A row as somebody wrote it.
#[derive(Debug, Clone)]
struct Row {
    object: usize,
    person: usize,
    /// Which of the identifiers, and how they are written.
    choice: u8,
    writing: u8,
    is_sensitive: bool,
    has_shared_phone: bool,
    has_shared_mail: bool,
    is_line: bool,
}

fn person() -> impl Strategy<Value = Person> {
    (any::<bool>(), 0_u32..3, 0_u32..3).prop_map(|(has_id, phones, mails)| Person {
        number: 0,
        has_id: has_id || phones + mails == 0,
        phones,
        mails,
    })
}

fn row(persons: usize) -> impl Strategy<Value = Row> {
    let place = (0_usize..4, 0..persons);
    let look = (any::<u8>(), any::<u8>());
    let facts = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (place, look, facts).prop_map(
        |((object, person), (choice, writing), (sensitive, phone, mail, line))| Row {
            object,
            person,
            choice,
            writing,
            is_sensitive: sensitive,
            has_shared_phone: phone,
            has_shared_mail: mail,
            is_line: line,
        },
    )
}

impl Row {
    /// Returns its identifiers. The one that ranks highest is the person's own, as the bounds take it.
    fn identifiers(&self, person: &Person) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        if person.has_id && (self.choice & 1 == 1 || person.phones + person.mails == 0) {
            let id = resident(person.number);
            all.push(match self.writing % 4 {
                0 => ("cn.resident-id", id),
                1 => ("cn.resident-id-15", first_generation(&id)),
                2 => (
                    "cn.resident-id",
                    format!("{}-{}", &id[..6], &id[6..]).to_lowercase(),
                ),
                _ => ("cn.resident-id", id.chars().map(wide).collect()),
            });
        }
        if let Some(phone) = u32::from(self.choice >> 1 & 3).checked_rem(person.phones)
            && (all.is_empty() || self.choice & 8 == 8)
        {
            let phone = format!("138{:06}{phone:02}", person.number);
            all.push(match self.writing / 4 % 3 {
                0 => ("cn.mobile", phone),
                1 => ("phone", format!("+86 {phone}")),
                _ => ("cn.mobile", format!("0086-{phone}")),
            });
        } else if self.has_shared_phone && !all.is_empty() {
            all.push(("cn.mobile", "13999999999".to_owned()));
        }
        if let Some(mail) = u32::from(self.choice >> 4 & 3).checked_rem(person.mails)
            && (all.is_empty() || self.choice & 64 == 64)
        {
            let mail = format!("p{}.{mail}@example.com", person.number);
            all.push(match self.writing / 16 % 2 {
                0 => ("e-mail", mail),
                _ => ("e-mail", mail.to_uppercase()),
            });
        } else if self.has_shared_mail && !all.is_empty() {
            all.push(("e-mail", "info@example.com".to_owned()));
        }
        all
    }
}

fn wide(letter: char) -> char {
    char::from_u32(u32::from(letter) + 0xFEE0).unwrap_or(letter)
}

fn world() -> impl Strategy<Value = (Vec<Person>, Vec<Row>)> {
    prop::collection::vec(person(), 1..40).prop_flat_map(|mut persons| {
        for (number, person) in (0..).zip(&mut persons) {
            person.number = number;
        }
        let rows = prop::collection::vec(row(persons.len()), 0..120);
        (Just(persons), rows)
    })
}

proptest! {
    #[test]
    fn the_truth_lies_between_the_bounds(
        (persons, rows) in world(),
        identifiers_max in prop::sample::select(vec![5_usize, 50, PLENTY]),
        removed in 0_usize..4,
    ) {
        let mut objects = BTreeMap::new();
        let mut truth = BTreeMap::<usize, (BTreeSet<usize>, BTreeSet<usize>)>::new();
        for (number, row) in (0..).zip(&rows) {
            let person = &persons[row.person];
            let identifiers = row.identifiers(person);
            prop_assert!(!identifiers.is_empty());
            let object = objects
                .entry(row.object)
                .or_insert_with(|| collector(identifiers_max));
            // What is sensitive in a line tells of all in its object: such truths are another test's.
            let is_line = row.is_line && !row.is_sensitive;
            let record = if is_line { Record::Line(number) } else { Record::Row(number) };
            for (detector, value) in identifiers {
                hit(object, record, detector, &value);
            }
            let (all, sensitive) = truth.entry(row.object).or_default();
            all.insert(row.person);
            if row.is_sensitive {
                object.tell(record, Telling::Sensitive);
                sensitive.insert(row.person);
            }
        }
        let kept: BTreeMap<usize, Vec<u8>> = objects
            .into_iter()
            .map(|(place, object)| (place, object.finish(|_| true).bytes().to_vec()))
            .collect();
        let read = |but: Option<usize>| -> Vec<ObjectPersons> {
            let kept = kept.iter().filter(|(place, _)| Some(**place) != but);
            kept.map(|(_, bytes)| ObjectPersons::parse(bytes.clone()).expect("it was kept")).collect()
        };
        // All objects, and all but one that is removed.
        for but in [None, Some(removed)] {
            let left = truth.iter().filter(|(place, _)| Some(**place) != but);
            let (all, sensitive) = left.fold(
                (BTreeSet::new(), BTreeSet::new()),
                |(all, sensitive), (_, (more, more_sensitive))| (&all | more, &sensitive | more_sensitive),
            );
            let objects = read(but);
            let tally = tally(&objects);
            let holds = |count: Count, truth: usize| {
                count.lower <= truth as u64 && truth as u64 <= count.upper
            };
            prop_assert!(holds(tally.persons, all.len()), "{:?} {}", tally, all.len());
            prop_assert!(holds(tally.sensitive, sensitive.len()), "{:?} {}", tally, sensitive.len());
            prop_assert_eq!(tally.local + tally.abroad + tally.residence_unknown, tally.persons.upper);
            // Joined they are as they were apart, in whatever order.
            let mut union = Union::new();
            objects.iter().rev().for_each(|object| union.add(object));
            let joined = union.joined();
            let again = ObjectPersons::parse(joined.bytes().to_vec());
            prop_assert_eq!(again.as_ref(), Ok(&joined));
            let mut union = Union::new();
            union.add(&joined);
            prop_assert_eq!(union.tally(), tally);
        }
    }

    #[test]
    fn what_was_altered_is_refused_or_is_something_else_whole(
        count in 0_u32..700,
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut rows = collector(PLENTY);
        for person in 0..count {
            hit(&mut rows, Record::Row(person.into()), "cn.resident-id", &resident(person));
            hit(&mut rows, Record::Row(person.into()), "e-mail", &format!("a{}@b.cn", person % 50));
        }
        let kept = rows.finish(|_| true).bytes().to_vec();
        let mut altered = kept.clone();
        let at = at.index(kept.len());
        altered[at] ^= flip;
        if let Ok(read) = ObjectPersons::parse(altered.clone()) {
            prop_assert_eq!(read.bytes(), altered.as_slice());
            let mut union = Union::new();
            union.add(&read);
            let tally = union.tally();
            prop_assert!(tally.persons.lower <= tally.persons.upper);
        }
        prop_assert!(ObjectPersons::parse(kept[..cut.index(kept.len())].to_vec()).is_err());
        let longer = [kept.as_slice(), &[0]].concat();
        prop_assert!(ObjectPersons::parse(longer).is_err());
    }

    #[test]
    fn noise_is_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        if let Ok(read) = ObjectPersons::parse(bytes) {
            tally([&read]);
        }
    }
}

#[test]
fn lies_about_lengths_are_refused_without_room_for_them() {
    let huge = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
    for bytes in [
        vec![],
        vec![2, 0, 0, 0],
        vec![1, 0, 1, 0],
        vec![1, 0, 0, 0x80, 0],
        [&[1, 0, 0], huge.as_slice()].concat(),
        [&[1, 0, 0, 1, 1, 0], huge.as_slice()].concat(),
        [&[1, 0, 0, 1, 1, 0], huge.as_slice(), &[0; 70_000]].concat(),
        vec![1, 0, 0, 1, 1, 0, 0],
        vec![1, 0, 0, 1, 1, 32, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        vec![1, 0, 0, 1, 99, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
    ] {
        assert!(ObjectPersons::parse(bytes).is_err());
    }
    assert_eq!(
        ObjectPersons::parse(vec![2, 0, 0, 0]),
        Err(BadPersons::UnknownVersion)
    );
    let empty = ObjectPersons::parse(vec![1, 0, 0, 0]).expect("nobody");
    assert!(empty.is_empty());
}
