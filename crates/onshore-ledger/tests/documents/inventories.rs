//! Inventories whose issuer lies: pages that are missing, out of order or of other records than the certificate has.

use onshore_ledger::{
    Certificate, CertificateEntry, CertificateException, CertificateFormat, Error, Hash,
    IndependentCount, Inventory, InventoryChain, InventoryOrder, InventoryPage, Listing,
    PageDigest,
};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use crate::fixture::{body, entry, exception, issue, keys};

/// A record as a source lists it: its key, version and size, and whether it arrived.
type Listed<'l> = (&'l str, Option<&'l str>, u64, bool);

const LISTED: [&[Listed<'_>]; 3] = [
    &[("a", None, 3, true), ("b", Some("e1"), 5, true)],
    // The versions of a key go on on the next page.
    &[("b", Some("e2"), 0, true), ("c", None, 9, false)],
    &[("档案", None, 7, true)],
];

fn page(after: Option<&str>, listed: &[Listed<'_>]) -> InventoryPage {
    let mut digest = PageDigest::new();
    for (key, version, size, _) in listed {
        digest.add(key, *version, *size).expect("small");
    }
    let ends = listed.first().zip(listed.last());
    digest.page(
        after.map(str::to_owned),
        ends.map(|(first, last)| (first.0.to_owned(), last.0.to_owned())),
    )
}

fn chain(listed: &[&[Listed<'_>]]) -> Vec<InventoryPage> {
    let mut after = None;
    let chained = listed.iter().map(|listed| {
        let page = page(after, listed);
        after = listed.last().map(|last| last.0).or(after);
        page
    });
    chained.collect()
}

fn inventory(pages: &[InventoryPage]) -> Inventory {
    let mut chain = InventoryChain::new();
    for page in pages {
        chain.add(page).expect("in its place");
    }
    let totals = chain.finish();
    Inventory {
        began: "2021-09-01T08:00:00Z".to_owned(),
        ended: "2021-09-01T08:01:00Z".to_owned(),
        order: totals.order,
        pages: totals.pages,
        entries: totals.entries,
        bytes: totals.bytes,
        head: totals.head,
        leaf: Some(4),
    }
}

fn records(listed: &[&[Listed<'_>]]) -> (Vec<CertificateEntry>, Vec<CertificateException>) {
    let (mut objects, mut exceptions) = (Vec::new(), Vec::new());
    for (page, listed) in (0..).zip(listed) {
        for (key, version, size, arrived) in *listed {
            if *arrived {
                let entry = entry(key, *version, *size);
                objects.push(CertificateEntry {
                    page: Some(page),
                    ..entry
                });
            } else {
                let exception = exception(key);
                exceptions.push(CertificateException {
                    page: Some(page),
                    size: Some(*size),
                    ..exception
                });
            }
        }
    }
    (objects, exceptions)
}

/// Issues a certificate of what a source listed; the lies are told before it is signed.
fn certificate(
    listed: &[&[Listed<'_>]],
    lie: impl FnOnce(&mut Vec<CertificateEntry>, &mut Vec<CertificateException>),
) -> Certificate {
    let (mut objects, mut exceptions) = records(listed);
    lie(&mut objects, &mut exceptions);
    let mut body = body(&objects, exceptions);
    let pages = chain(listed);
    body.format = CertificateFormat::V2;
    body.inventories = vec![inventory(&pages), inventory(&pages)];
    Certificate {
        pages: vec![pages.clone(), pages],
        ..issue(body, objects)
    }
}

fn honest() -> Certificate {
    certificate(&LISTED, |_, _| {})
}

/// Signs anew after the certificate was changed.
fn reissued(change: impl FnOnce(&mut Certificate)) -> Result<u64, Error> {
    let mut changed = honest();
    change(&mut changed);
    let pages = changed.pages;
    let signed = Certificate {
        pages,
        ..issue(changed.body, changed.objects)
    };
    signed.verify(&keys()).map(|summary| summary.unlisted)
}

#[test]
fn pages_in_order_that_name_what_is_there_hold() {
    let summary = honest().verify(&keys()).expect("honest");
    assert_eq!(summary.unlisted, 0);
    assert_eq!(summary.body.inventories[1].order, InventoryOrder::ByKey);
    assert_eq!(
        (
            summary.body.inventories[1].entries,
            summary.body.inventories[1].bytes
        ),
        (5, 24)
    );
    // Empty pages and a source without anything.
    for listed in [
        &[][..],
        &[&[][..]][..],
        &[&[][..], LISTED[0], &[][..], LISTED[1]][..],
    ] {
        certificate(listed, |_, _| {})
            .verify(&keys())
            .expect("honest");
    }
}

#[test]
fn a_record_that_was_listed_cannot_be_left_out_or_changed() {
    let refused = |lie: fn(&mut Vec<CertificateEntry>, &mut Vec<CertificateException>)| {
        let found = certificate(&LISTED, lie).verify(&keys());
        assert!(
            matches!(found, Err(Error::InventoryRecordsMismatch { .. })),
            "{found:?}"
        );
    };
    refused(|objects, _| drop(objects.remove(1)));
    refused(|objects, _| drop(objects.pop()));
    refused(|_, exceptions| exceptions.clear());
    refused(|objects, _| objects[0].size += 1);
    refused(|objects, _| objects[0].version = Some("other".to_owned()));
    refused(|objects, _| objects[0].page = Some(1));
    refused(|objects, _| objects[0].page = None);
    refused(|_, exceptions| exceptions[0].size = None);
    refused(|objects, _| {
        objects.insert(
            1,
            CertificateEntry {
                page: Some(0),
                ..entry("aa", None, 1)
            },
        );
    });
    let beyond = certificate(&LISTED, |objects, _| objects[0].page = Some(3)).verify(&keys());
    assert!(matches!(beyond, Err(Error::InventoryBroken { page: 3 })));
    // What the last inventory does not name is counted.
    let more = certificate(&LISTED, |objects, _| {
        objects.insert(1, entry("aa", None, 1));
    });
    assert_eq!(more.verify(&keys()).expect("says so").unlisted, 1);
}

#[test]
fn a_page_cannot_be_left_out_changed_or_moved() {
    let broken = |change: fn(&mut Vec<InventoryPage>)| {
        for which in [0, 1] {
            let found = reissued(|certificate| change(&mut certificate.pages[which]));
            let is_refused = matches!(
                found,
                Err(Error::InventoryBroken { .. }
                    | Error::InventoryHeadMismatch
                    | Error::InventoryRecordsMismatch { .. })
            );
            assert!(is_refused, "{found:?}");
        }
    };
    broken(|pages| drop(pages.remove(1)));
    broken(|pages| drop(pages.pop()));
    broken(Vec::clear);
    broken(|pages| pages.swap(0, 1));
    broken(|pages| pages.push(page(Some("档案"), &[])));
    broken(|pages| pages[1].after = None);
    broken(|pages| pages[1].after = Some("a".to_owned()));
    broken(|pages| pages[2].last = Some("zz".to_owned()));
    broken(|pages| pages[0].first = None);
    broken(|pages| pages[1].entries += 1);
    broken(|pages| pages[1].bytes += 1);
    broken(|pages| pages[1].digest = Hash::of(b""));
    for change in [
        (|certificate| drop(certificate.pages.pop())) as fn(&mut Certificate),
        |certificate| drop(certificate.body.inventories.pop()),
    ] {
        assert!(matches!(reissued(change), Err(Error::CountMismatch { .. })));
    }
    for change in [
        (|inventory| inventory.pages += 1) as fn(&mut Inventory),
        |inventory| inventory.entries += 1,
        |inventory| inventory.bytes -= 1,
        |inventory| inventory.head = Hash::of(b""),
    ] {
        let found = reissued(|certificate| change(&mut certificate.body.inventories[1]));
        assert!(
            matches!(found, Err(Error::InventoryHeadMismatch)),
            "{found:?}"
        );
    }
}

#[test]
fn what_is_out_of_order_is_not_called_covered() {
    let listed: [&[Listed<'_>]; 2] = [&[("m", None, 1, true)], &[("b", None, 1, true)]];
    let sorted = |objects: &mut Vec<CertificateEntry>| {
        objects.sort_by(|one, other| one.order().cmp(&other.order()));
    };
    let unordered = certificate(&listed, |objects, _| sorted(objects));
    unordered.verify(&keys()).expect("and says so");
    assert_eq!(unordered.body.inventories[1].order, InventoryOrder::None);
    let mut claimed = unordered.body.clone();
    claimed.inventories[1].order = InventoryOrder::ByKey;
    let lied = Certificate {
        pages: unordered.pages,
        ..issue(claimed, unordered.objects)
    };
    assert!(matches!(
        lied.verify(&keys()),
        Err(Error::InventoryHeadMismatch)
    ));
    // A record that is not between the ends of its page, where pages are said to be in order.
    let mut outside = vec![page(None, &[("a", None, 1, true), ("d", None, 1, true)])];
    outside[0].last = Some("b".to_owned());
    let (objects, _) = records(&[&[("a", None, 1, true), ("d", None, 1, true)]]);
    let mut body = body(&objects, Vec::new());
    body.inventories = vec![inventory(&outside)];
    let lied = Certificate {
        pages: vec![outside],
        ..issue(body, objects)
    };
    assert!(matches!(
        lied.verify(&keys()),
        Err(Error::InventoryRecordsMismatch { page: 0 })
    ));
}

#[test]
fn an_independent_count_has_to_agree() {
    let whole: [&[Listed<'_>]; 1] = [&[("a", None, 3, true), ("b", None, 5, true)]];
    let counted = |objects, bytes| {
        let mut certificate = certificate(&whole, |_, _| {});
        certificate.body.listing = Listing::Counted;
        certificate.body.counted = Some(IndependentCount {
            by: "usage figure".to_owned(),
            objects,
            bytes,
        });
        let pages = certificate.pages;
        Certificate {
            pages,
            ..issue(certificate.body, certificate.objects)
        }
        .verify(&keys())
    };
    for agreeing in [counted(2, None), counted(2, Some(8))] {
        assert_eq!(agreeing.expect("as many").body.listing, Listing::Counted);
    }
    for other in [
        counted(3, None),
        counted(1, Some(8)),
        counted(2, Some(9)),
        counted(0, Some(0)),
    ] {
        assert!(matches!(other, Err(Error::CountMismatch { .. })));
    }
    let uncounted = reissued(|certificate| certificate.body.listing = Listing::Counted);
    assert!(matches!(uncounted, Err(Error::CompleteWithExceptions)));
}

#[test]
fn a_selection_misses_nothing_but_what_it_leaves_out() {
    let pages: [&[Listed<'_>]; 1] = [&[("a", None, 3, true), ("b", None, 5, false)]];
    let selected = |reason: &str, settings: Option<Value>| {
        let mut certificate = certificate(&pages, |_, _| {});
        certificate.body.listing = Listing::Selected;
        certificate.body.settings = settings;
        for exception in &mut certificate.body.exceptions {
            exception.reason = reason.to_owned();
        }
        let pages = certificate.pages;
        Certificate {
            pages,
            ..issue(certificate.body, certificate.objects)
        }
        .verify(&keys())
    };
    let asked = || Some(json!({ "options": { "select": { "persons": ["local"] } } }));
    let summary = selected("not-selected", asked()).expect("all that was asked for");
    assert_eq!(summary.body.listing, Listing::Selected);
    for (reason, settings) in [
        ("forbidden", asked()),
        ("not-selected", None),
        ("not-selected", Some(json!({ "options": {} }))),
    ] {
        let lie = selected(reason, settings);
        assert!(matches!(lie, Err(Error::CompleteWithExceptions)));
    }
}

proptest! {
    /// However a source cuts its listing into pages, the certificate holds, and without any one record it does not.
    #[test]
    fn no_record_of_any_listing_can_be_dropped(
        names in proptest::collection::btree_set("[a-d]{1,4}", 1..30), cuts in proptest::collection::vec(0_usize..8, 1..30), drop in 0_usize..30,
    ) {
        let listed: Vec<Listed<'_>> = names.iter().map(|name| (name.as_str(), None, name.len() as u64, true)).collect();
        let (mut pages, mut rest) = (Vec::new(), &listed[..]);
        for cut in cuts {
            let (page, behind) = rest.split_at(cut.min(rest.len()));
            pages.push(page);
            rest = behind;
        }
        pages.push(rest);
        let whole = certificate(&pages, |_, _| {});
        prop_assert_eq!(whole.body.inventories[1].order, InventoryOrder::ByKey);
        prop_assert!(whole.verify(&keys()).is_ok());
        let short = certificate(&pages, |objects, _| { objects.remove(drop % listed.len()); });
        let found = short.verify(&keys());
        let is_found = matches!(found, Err(Error::InventoryRecordsMismatch { .. }));
        prop_assert!(is_found);
    }
}
