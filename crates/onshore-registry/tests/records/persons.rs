//! Whose data was exported: each person once, whatever is exported how often, through restarts and units that fail.

use std::sync::Arc;

use onshore_classify::persons::{
    Collector, Count, ObjectPersons, PersonKey, PersonKind, Record, Standing, Telling,
};
use onshore_db::Database;
use onshore_keys::FileRootKey;
use onshore_registry::{Error, ExportedPersons, ExportedVersion, Registry};
use onshore_types::{Jurisdiction, Label, Place, TenantId, Timestamp, VersionId};

use crate::house::{House, NOW, wait};

fn key() -> PersonKey {
    PersonKey::new(&[5; 32])
}

fn persons(numbers: impl IntoIterator<Item = u32>) -> ObjectPersons {
    let mail = PersonKind::of("e-mail").expect("it counts");
    let mut collector = Collector::new(key(), usize::MAX);
    for number in numbers {
        let value = format!("p{number}@example.com");
        let row = Record::Row(number.into());
        collector.hit(row, mail, value.as_bytes(), Standing::Sure);
        if number.is_multiple_of(10) {
            collector.tell(row, Telling::Sensitive);
        }
    }
    collector.finish(|_| true)
}

fn exported(house: &House, version: u32, to: &str, time: Timestamp) -> ExportedVersion {
    let mut id = [0; 16];
    let (head, _) = id.split_at_mut(4);
    head.copy_from_slice(&version.to_be_bytes());
    ExportedVersion {
        tenant: house.tenant.id,
        version: VersionId::from_bytes(id),
        label: Label::PERSONAL,
        to: Place::In(Jurisdiction::parse(to).expect("a country")),
        approval: None,
        time,
    }
}

fn export(house: &House, exported: ExportedVersion, persons: Option<ObjectPersons>) {
    house
        .write(move |registry, unit| registry.count_exported(unit, &exported, persons.as_ref()))
        .expect("counted");
}

fn told(house: &House, time: Timestamp) -> ExportedPersons {
    wait(house.registry.exported_persons([house.tenant.id], time)).expect("told")
}

fn upper(told: &ExportedPersons, place: &str) -> u64 {
    let tally = told.by_place.get(place);
    tally.map_or(0, |tally| tally.persons.persons.upper)
}

#[test]
fn a_person_counts_once_for_each_place_and_once_for_all() {
    let house = House::new();
    export(
        &house,
        exported(&house, 1, "US", NOW),
        Some(persons(0..100)),
    );
    export(
        &house,
        exported(&house, 1, "US", NOW),
        Some(persons(0..100)),
    );
    export(
        &house,
        exported(&house, 2, "US", NOW),
        Some(persons(50..150)),
    );
    export(
        &house,
        exported(&house, 1, "DE", NOW),
        Some(persons(0..100)),
    );
    let nobody = exported(&house, 3, "DE", NOW);
    export(&house, nobody, Some(persons(0..0)));
    let told = told(&house, NOW);
    assert_eq!((upper(&told, "US"), upper(&told, "DE")), (150, 100));
    assert_eq!(
        told.all.persons.persons,
        Count {
            lower: 1,
            upper: 150
        }
    );
    assert_eq!(told.all.persons.sensitive.upper, 15);
    assert_eq!(told.all.unknown_versions, 0);
    // Another tenant has exported nothing.
    let other = TenantId::from_bytes([9; 16]);
    let of_other = wait(house.registry.exported_persons([other], NOW)).expect("told");
    assert_eq!(of_other, ExportedPersons::default());
}

#[test]
fn the_year_is_that_of_beijing() {
    let house = House::new();
    let last: Timestamp = "2027-12-31T23:59:59.999+08:00".parse().expect("an instant");
    let first: Timestamp = "2028-01-01T00:00:00+08:00".parse().expect("an instant");
    export(
        &house,
        exported(&house, 1, "US", last),
        Some(persons(0..10)),
    );
    assert_eq!(upper(&told(&house, last), "US"), 10);
    assert_eq!(told(&house, first), ExportedPersons::default());
    export(
        &house,
        exported(&house, 1, "US", first),
        Some(persons(0..10)),
    );
    export(
        &house,
        exported(&house, 2, "US", first),
        Some(persons(10..11)),
    );
    assert_eq!(upper(&told(&house, last), "US"), 10);
    assert_eq!(upper(&told(&house, first), "US"), 11);
}

#[test]
fn what_nobody_knows_is_said_until_somebody_does() {
    let house = House::new();
    let version = exported(&house, 1, "US", NOW);
    let is_counted = || {
        house
            .write(move |registry, unit| registry.is_export_counted(unit, &version, None))
            .expect("read")
    };
    assert!(!is_counted());
    export(&house, version, None);
    export(&house, version, None);
    assert!(!is_counted());
    assert_eq!(told(&house, NOW).all.unknown_versions, 1);
    export(&house, version, Some(persons(0..10)));
    // Whoever has forgotten takes nothing back.
    export(&house, version, None);
    assert!(is_counted());
    let told = told(&house, NOW);
    assert_eq!((told.all.unknown_versions, upper(&told, "US")), (0, 10));
}

#[test]
fn a_unit_that_fails_counts_nobody() {
    let house = House::new();
    let version = exported(&house, 1, "US", NOW);
    let failed: Result<(), Error> = house.write(move |registry, unit| {
        registry.count_exported(unit, &version, Some(&persons(0..10)))?;
        Err(Error::NoSuchTenant("nobody".to_owned()))
    });
    assert!(failed.is_err());
    assert_eq!(told(&house, NOW), ExportedPersons::default());
}

#[test]
fn very_many_exports_are_joined_and_lose_nobody() {
    let house = House::new();
    // Ever more, each overlapping the one before by half: several times what lies unjoined at most.
    let (each, step) = (40_000, 20_000);
    for version in 0..12_u32 {
        let numbers = version * step..version * step + each;
        export(
            &house,
            exported(&house, version, "US", NOW),
            Some(persons(numbers)),
        );
        let so_far = u64::from(version * step + each);
        let told = told(&house, NOW);
        assert_eq!(upper(&told, "US"), so_far);
        assert_eq!(told.all.persons.sensitive.upper, so_far / 10);
    }
    let kept = house
        .write(|_, unit| {
            let kept = unit.one(
                "SELECT (SELECT sum(length(kept)) FROM exported_persons), (SELECT sum(length(kept)) FROM exported_joined)",
                [],
                |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)),
            );
            Ok(kept?)
        })
        .expect("read");
    let (loose, joined) = kept
        .map(|(loose, joined)| (loose.unwrap_or(0), joined.unwrap_or(0)))
        .expect("a row");
    assert!(joined > 0, "nothing was joined");
    assert!(loose <= joined.max(1 << 20), "{loose} {joined}");
    // What is among the joined is known to be counted.
    export(
        &house,
        exported(&house, 0, "US", NOW),
        Some(persons(0..40_000)),
    );
    assert_eq!(upper(&told(&house, NOW), "US"), 260_000);
}

#[test]
fn racing_exports_count_as_one_after_the_other() {
    let house = House::new();
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let house = &house;
            scope.spawn(move || {
                for turn in 0..10_u32 {
                    let version = (thread + turn) % 10;
                    let numbers = version * 10..version * 10 + 15;
                    let to = if turn % 2 == 0 { "US" } else { "DE" };
                    export(
                        house,
                        exported(house, version, to, NOW),
                        Some(persons(numbers)),
                    );
                }
            });
        }
    });
    let told = told(&house, NOW);
    assert_eq!(told.all.persons.persons.upper, 105);
    assert!(upper(&told, "US") <= 105 && upper(&told, "DE") <= 105);
}

#[test]
fn the_key_and_the_counts_outlive_a_restart_and_another_root_key() {
    let house = House::new();
    let kind = PersonKind::of("e-mail").expect("it counts");
    let of = |registry: &Registry| {
        let key = registry.person_key().expect("a key");
        key.pseudonym(kind, b"ann@example.com")
    };
    let before = of(&house.registry);
    assert!(before.is_some());
    assert_eq!(of(&house.registry), before);
    assert_ne!(of(&House::new().registry), before);
    export(&house, exported(&house, 1, "US", NOW), Some(persons(0..10)));
    let House {
        folder,
        db,
        registry,
        tenant,
    } = house;
    drop((db, registry));
    let root = |name: &str| FileRootKey::open_or_create(&folder.path().join(name)).expect("a key");
    let open = |name: &str| {
        let path = folder.path().join("onshore.db");
        let options = onshore_db::Options::default();
        let db = Database::open(&path, &[onshore_registry::SCHEMA], options).expect("a database");
        (Registry::new(db.clone(), Arc::new(root(name))), db)
    };
    let (registry, db) = open("root.key");
    assert_eq!(of(&registry), before);
    let told = wait(registry.exported_persons([tenant.id], NOW)).expect("told");
    assert_eq!(upper(&told, "US"), 10);
    let (old, new) = (root("root.key"), root("new.key"));
    let other = registry.clone();
    db.write_blocking(move |unit| other.seal_anew(unit, &old, &new))
        .expect("sealed");
    drop((registry, db));
    let (registry, _db) = open("new.key");
    assert_eq!(of(&registry), before);
    drop(registry);
}

#[test]
fn a_bound_is_never_too_low_and_says_when_it_is_exact() {
    let house = House::new();
    let first = exported(&house, 1, "US", NOW);
    let second = exported(&house, 2, "US", NOW);
    let bounds = |exported: ExportedVersion, persons: ObjectPersons| {
        house
            .write(move |registry, unit| registry.exported_bounds(unit, &exported, Some(&persons)))
            .expect("bounded")
    };
    let exactly = |exported: ExportedVersion, persons: ObjectPersons| {
        let tenant = house.tenant.id;
        house
            .write(move |registry, unit| {
                registry.exported_exactly(unit, &[tenant], &exported, Some(&persons))
            })
            .expect("joined")
    };
    let alone = bounds(first, persons(1..100));
    assert_eq!(
        (alone.non_sensitive, alone.sensitive),
        (99, 9),
        "of each tenth something sensitive was found"
    );
    assert!(alone.is_exact);
    export(&house, first, Some(persons(1..100)));
    house
        .write(move |registry, unit| {
            registry.save_exported_bounds(unit, (first.tenant, first.time), alone)
        })
        .expect("saved");
    let again = bounds(first, persons(1..100));
    assert_eq!(again.non_sensitive, 99, "what has left adds nobody");
    let with = bounds(second, persons(1..100));
    assert_eq!(with.non_sensitive, 198, "what has not may add everybody");
    assert!(!with.is_exact);
    let joined = exactly(second, persons(1..100));
    assert!(joined.is_exact && joined.non_sensitive <= 99);
    // The same version under a stricter label: those persons' sensitive data leaves too.
    let stricter = ExportedVersion {
        label: "sensitive-personal".parse().expect("a label"),
        ..first
    };
    assert_eq!(bounds(stricter, persons(1..100)).sensitive, 108);
    assert_eq!(exactly(stricter, persons(1..100)).sensitive, 108);
    assert_eq!(exactly(stricter, persons(1..100)).non_sensitive, 99);
}

/// Persons of whom nothing sensitive was found: those whose numbers end in no zero.
fn plain(numbers: impl IntoIterator<Item = u32>) -> ObjectPersons {
    persons(
        numbers
            .into_iter()
            .map(|number| number / 9 * 10 + number % 9 + 1),
    )
}

#[test]
fn whoever_is_told_of_in_what_is_sensitive_and_in_what_is_not_counts_in_both() {
    let house = House::new();
    let of = |version: u32, label: &str| ExportedVersion {
        label: label.parse().expect("a label"),
        ..exported(&house, version, "US", NOW)
    };
    let counted = || {
        let now = told(&house, NOW);
        (now.non_sensitive, now.sensitive)
    };
    export(&house, of(1, "personal"), Some(plain(0..20)));
    assert_eq!(counted(), (20, 0));
    // The same persons, and others.
    export(&house, of(2, "sensitive-personal"), Some(plain(10..25)));
    assert_eq!(counted(), (20, 15), "nobody is taken back");
    let report = told(&house, NOW).all.persons.sensitive;
    assert_eq!((report.lower > 0, report.upper), (true, 15));
    // What was not sensitive when it left and is now counts in both, and so does what was and is loosened.
    export(&house, of(1, "sensitive-personal"), Some(plain(0..20)));
    assert_eq!(counted(), (20, 25));
    export(&house, of(2, "personal"), Some(plain(10..25)));
    assert_eq!(counted(), (25, 25));
    let so_far = house.registry.exported_so_far(vec![house.tenant.id], NOW);
    assert_eq!(wait(so_far).expect("told"), counted());
}

#[test]
fn who_comes_into_a_version_after_it_left_is_counted_when_it_leaves_again() {
    let house = House::new();
    let version = exported(&house, 1, "US", NOW);
    let is_counted = |with: ObjectPersons| {
        house
            .write(move |registry, unit| registry.is_export_counted(unit, &version, Some(&with)))
            .expect("read")
    };
    export(&house, version, Some(plain(0..10)));
    assert!(is_counted(plain(0..10)) && !is_counted(plain(0..11)));
    // As many, and others.
    assert!(!is_counted(plain(1..11)));
    export(&house, version, Some(plain(1..11)));
    assert!(is_counted(plain(1..11)));
    let now = told(&house, NOW);
    assert_eq!((upper(&now, "US"), now.non_sensitive), (11, 11));
}

#[test]
fn what_left_before_classes_were_told_apart_counts_as_not_sensitive_too() {
    let is_of_classes = |step: &str| step.contains("non-sensitive before");
    let steps: &'static [&'static str] = onshore_registry::SCHEMA.steps;
    let at = steps.iter().position(|step| is_of_classes(step));
    let (before, _) = steps.split_at(at.expect("there is such a step"));
    let schema = onshore_db::Schema {
        steps: before,
        ..onshore_registry::SCHEMA
    };
    let folder = onshore_testkit::TempFolder::new("registry-before").expect("a folder");
    let path = folder.path().join("onshore.db");
    let open = |schema| {
        let options = onshore_db::Options::default();
        Database::open(&path, &[schema], options).expect("a database")
    };
    let (tenant, year) = (TenantId::from_bytes([1; 16]), 2027);
    let old = open(schema);
    let written: Result<(), Error> = old.write_blocking(move |unit| {
        unit.execute("INSERT INTO tenants (id, name, created_ms) VALUES (?1, 'north', 0)", [tenant.as_bytes()])?;
        // Persons 0 to 19 left as they were labelled personal, 10 to 24 as sensitive; one version was joined, one lies loose.
        let kept = |numbers| plain(numbers).bytes().to_vec();
        for (place, version, loose) in [
            ("US", 1_u8, None),
            ("US", 2, Some(kept(10..25))),
            ("sensitive", 2, Some(kept(10..25))),
        ] {
            unit.execute(
                "INSERT INTO exported_persons (year, tenant, place, version, is_known, kept) VALUES (?1, ?2, ?3, ?4, 1, ?5)",
                onshore_db::params![year, tenant.as_bytes(), place, [version; 16], loose],
            )?;
        }
        unit.execute(
            "INSERT INTO exported_joined (year, tenant, place, loose_bytes, kept) VALUES (?1, ?2, 'US', 0, ?3)",
            onshore_db::params![year, tenant.as_bytes(), kept(0..20)],
        )?;
        unit.execute(
            "INSERT INTO exported_bounds (year, tenant, non_sensitive, sensitive, changes, is_exact) VALUES (?1, ?2, 10, 15, 2, 1)",
            onshore_db::params![year, tenant.as_bytes()],
        )?;
        Ok(())
    });
    written.expect("written");
    drop(old);
    let db = open(onshore_registry::SCHEMA);
    let key = FileRootKey::open_or_create(&folder.path().join("root.key")).expect("a key");
    let registry = Registry::new(db.clone(), Arc::new(key));
    let told = || wait(registry.exported_persons([tenant], NOW)).expect("told");
    let now = told();
    assert_eq!((now.non_sensitive, now.sensitive), (25, 15));
    assert_eq!(now.by_place.keys().collect::<Vec<_>>(), ["US"]);
    // What leaves once more is nobody new, and the bound is none too low.
    let again = ExportedVersion {
        tenant,
        version: VersionId::from_bytes([1; 16]),
        label: Label::PERSONAL,
        to: Place::In(Jurisdiction::parse("US").expect("a country")),
        approval: None,
        time: NOW,
    };
    let of = registry.clone();
    let bounds: Result<_, Error> = db.write_blocking(move |unit| {
        let bounds = of.exported_bounds(unit, &again, Some(&plain(0..20)))?;
        of.count_exported(unit, &again, Some(&plain(0..20)))?;
        Ok(bounds)
    });
    let bounds = bounds.expect("bounded");
    assert!(bounds.non_sensitive >= 25 && !bounds.is_exact, "{bounds:?}");
    let now = told();
    assert_eq!((now.non_sensitive, now.sensitive), (25, 15));
}
