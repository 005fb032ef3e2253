//! Listings against a model that looks at every key.

use std::collections::BTreeSet;

use onshore_store::{Bucket, ListPage, ListQuery, ListStart};
use proptest::prelude::*;

use crate::house::{House, run};

/// Lists a sorted set of keys as S3 does.
fn model(keys: &BTreeSet<String>, query: &ListQuery) -> (Vec<String>, Vec<String>, bool) {
    let (mut entries, mut common) = (Vec::new(), Vec::new());
    let delimiter = query.delimiter.as_deref().filter(|d| !d.is_empty());
    let roll_up = |key: &str| {
        let rest = key.strip_prefix(&query.prefix)?;
        let at = rest.find(delimiter?)?;
        Some(key[..query.prefix.len() + at + delimiter?.len()].to_owned())
    };
    for key in keys {
        if !key.starts_with(&query.prefix) {
            continue;
        }
        let rolled = roll_up(key);
        match &query.start {
            ListStart::First => {}
            ListStart::After(start) | ListStart::Beyond(start) if key <= start => continue,
            ListStart::Beyond(start)
                if rolled
                    .as_ref()
                    .is_some_and(|c| start.starts_with(c.as_str())) =>
            {
                continue;
            }
            ListStart::After(_) | ListStart::Beyond(_) => {}
        }
        if rolled.as_ref().is_some_and(|c| common.contains(c)) {
            continue;
        }
        if entries.len() + common.len() == query.limit {
            return (entries, common, query.limit > 0);
        }
        match rolled {
            Some(prefix) => common.push(prefix),
            None => entries.push(key.clone()),
        }
    }
    (entries, common, false)
}

async fn list(house: &House, bucket: &Bucket, query: &ListQuery) -> ListPage {
    house
        .store
        .list(house.permit_to_list(bucket), query.clone())
        .await
        .expect("a page")
}

fn names(page: &ListPage) -> Vec<String> {
    page.entries
        .iter()
        .map(|entry| entry.key.as_str().to_owned())
        .collect()
}

/// Keys from few characters, so that prefixes and delimiters meet; among them both ends of Unicode.
fn any_key() -> impl Strategy<Value = String> {
    let characters = [
        '/',
        'a',
        'b',
        '\u{1}',
        '\n',
        '\u{7f}',
        '\u{80}',
        'é',
        '\u{7ff}',
        '\u{800}',
        '\u{ffff}',
        '\u{10ffff}',
        '-',
        '%',
    ];
    prop::collection::vec(prop::sample::select(characters.to_vec()), 1..7)
        .prop_map(|c| c.into_iter().collect())
}

fn any_start() -> impl Strategy<Value = ListStart> {
    prop_oneof![
        2 => Just(ListStart::First),
        1 => any_key().prop_map(ListStart::After),
        1 => any_key().prop_map(ListStart::Beyond),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_listing_is_the_models(
        keys in prop::collection::btree_set(any_key(), 0..60),
        queries in prop::collection::vec(
            (
                prop_oneof![Just(String::new()), any_key()],
                prop::option::of(prop_oneof![3 => Just("/".to_owned()), 1 => Just(String::new()), 2 => any_key()]),
                any_start(),
                0..8usize,
            ),
            12,
        ),
    ) {
        run(async {
            let house = House::new();
            let bucket = house.bucket("listing", None).await;
            for key in &keys {
                house.write(&bucket, key, b"").await;
            }
            for (prefix, delimiter, start, limit) in queries {
                let query = ListQuery { prefix, delimiter, start, limit };
                let page = list(&house, &bucket, &query).await;
                let (entries, common, more) = model(&keys, &query);
                assert_eq!((names(&page), page.common_prefixes.clone(), page.next.is_some()), (entries, common, more), "{query:?}");

                // Page after page gives what one page gives.
                let whole = ListQuery { limit: 1000, ..query.clone() };
                let (all, all_common, _) = model(&keys, &whole);
                let (mut got, mut got_common) = (Vec::new(), Vec::new());
                let mut step = ListQuery { limit: 3, ..query };
                loop {
                    let page = list(&house, &bucket, &step).await;
                    got.extend(names(&page));
                    got_common.extend(page.common_prefixes);
                    match page.next {
                        Some(next) => step.start = ListStart::Beyond(next),
                        None => break,
                    }
                }
                assert_eq!((got, got_common), (all, all_common));
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_runs_beneath_common_prefixes_are_stepped_over() {
    let house = House::new();
    let bucket = house.bucket("runs", None).await;
    let mut keys = BTreeSet::new();
    for folder in ["a", "b", "c"] {
        for n in 0..40 {
            keys.insert(format!("{folder}/{n:03}"));
        }
        keys.insert(format!("{folder}.txt"));
    }
    for key in &keys {
        house.write(&bucket, key, b"x").await;
    }
    for limit in 1..8 {
        let query = ListQuery {
            delimiter: Some("/".to_owned()),
            limit,
            ..ListQuery::default()
        };
        let page = list(&house, &bucket, &query).await;
        let (entries, common, more) = model(&keys, &query);
        assert_eq!(
            (names(&page), page.common_prefixes, page.next.is_some()),
            (entries, common, more)
        );
    }
    let flat = list(
        &house,
        &bucket,
        &ListQuery {
            limit: 1000,
            ..ListQuery::default()
        },
    )
    .await;
    assert_eq!(names(&flat), keys.iter().cloned().collect::<Vec<_>>());
    let entry = &flat.entries[0];
    assert_eq!(
        (entry.size_bytes, entry.etag.as_str()),
        (1, "9dd4e461268c8034f5c8564e155c67a6")
    );
}
