//! The legal table: complete, dated, and on both sides of each of its borders.

use std::sync::Arc;

use onshore_classify::{
    Category, Findings, Ground, LegalTable, Options, Outcome, Scanner, ToldTerm, ToldTerms, kinds,
};
use onshore_types::{Label, Level, Timestamp};

fn day(text: &str) -> Timestamp {
    text.parse().expect("a day")
}

fn findings(text: &str) -> Findings {
    scan(Scanner::new(Options::default()), text)
}

fn scan(mut scanner: Scanner, text: &str) -> Findings {
    scanner.push(text.as_bytes());
    match scanner.finish() {
        Outcome::Done(findings) => *findings,
        Outcome::Whole(whole) => panic!("a text is no {}", whole.format()),
    }
}

fn label(text: &str, on: &str) -> String {
    let judgement = LegalTable::shipped().judge(&findings(text), day(on));
    judgement.label.to_string()
}

#[test]
fn every_kind_has_a_rule_on_every_day_since_the_law() {
    let table = LegalTable::shipped();
    let borders = table.rules().iter().flat_map(|rule| {
        let after = [Some(rule.from), rule.until].into_iter().flatten();
        after.flat_map(|border| [border, border.plus_millis(-1)])
    });
    let days: Vec<Timestamp> = borders
        .chain([day("2100-01-01")])
        .filter(|on| *on >= day("2021-11-02"))
        .collect();
    for id in kinds() {
        for on in &days {
            assert!(
                table
                    .rules()
                    .iter()
                    .any(|rule| rule.is_in_force(*on) && rule.kinds.iter().any(|kind| kind == id)),
                "{id} on {on}"
            );
        }
    }
}

#[test]
fn every_rule_is_of_a_kind_that_can_be_found() {
    for rule in LegalTable::shipped().rules() {
        for kind in &rule.kinds {
            assert!(kinds().any(|known| known == kind), "{kind}");
        }
        assert!(!rule.source.is_empty());
        assert!(rule.until.is_none_or(|until| until > rule.from));
    }
}

#[test]
fn the_number_of_a_resident_is_sensitive_until_the_standard_of_2025() {
    let number = "身份证号 11010519491231002X";
    assert_eq!(
        label(number, "2025-10-31T23:59:59.999+08:00"),
        "sensitive-personal"
    );
    assert_eq!(label(number, "2025-11-01T00:00:00+08:00"), "personal");
    assert_eq!(label(number, "2026-11-29"), "personal");
}

#[test]
fn accounts_are_sensitive_and_say_by_which_rule() {
    let judgement = LegalTable::shipped().judge(
        &findings("卡号 6222021234567890128, 手机 13800138000"),
        day("2026-11-29"),
    );
    assert_eq!(judgement.label.to_string(), "sensitive-personal");
    let first = judgement.reasons.first().expect("a reason");
    assert_eq!((first.kind, first.count), ("payment-card", 1));
    assert!(first.rule.source.contains("article 28"));
    assert_eq!(judgement.table_version, LegalTable::shipped().version());
    assert_eq!(judgement.reasons.len(), 2);
}

#[test]
fn what_is_of_nobody_is_of_no_class() {
    for nobody in [
        "",
        "信用代码 91420000737944946L",
        "AKIAIOSFODNN7EXAMPLE",
        "listen 203.0.113.7:443",
        "坐标 39.90420, 116.40740",
    ] {
        let judgement = LegalTable::shipped().judge(&findings(nobody), day("2026-11-29"));
        assert_eq!(judgement.label, Label::GENERAL, "{nobody}");
        assert_eq!(judgement.reasons, [], "{nobody}");
    }
}

#[test]
fn what_tells_of_nobody_alone_tells_of_somebody_beside_a_person() {
    let place = "坐标 39.90420, 116.40740\n";
    assert_eq!(
        label(&format!("{place}手机 13800138000"), "2026-11-29"),
        "personal"
    );
    let track = place.repeat(10);
    assert_eq!(label(&track, "2026-11-29"), "general");
    assert_eq!(
        label(&format!("{track}手机 13800138000"), "2026-11-29"),
        "sensitive-personal"
    );
    assert_eq!(
        label(&"from 203.0.113.7\n".repeat(9), "2026-11-29"),
        "general"
    );
    assert_eq!(
        label(&"from 203.0.113.7\n".repeat(10), "2026-11-29"),
        "personal"
    );
}

#[test]
fn a_column_of_names_is_personal() {
    let given = "伟芳娜敏静丽强磊军洋勇艳杰娟涛";
    let rows: String = given
        .chars()
        .map(|letter| format!("王{letter},1\n"))
        .collect();
    assert_eq!(
        label(&format!("姓名,编号\n{rows}"), "2026-11-29"),
        "personal"
    );
}

#[test]
fn a_bad_table_is_refused() {
    assert!(LegalTable::parse("version = 1").is_err());
    let rule = "[[rules]]\nof = [\"b\"]\nclass = \"none\"\nsource = \"s\"\nfrom = \"2020-01-01\"\n";
    assert!(LegalTable::parse(&format!("version = 1\n[groups]\na = []\n{rule}")).is_err());
    assert!(LegalTable::parse(&format!("version = 1\n[groups]\nb = []\n{rule}")).is_ok());
    assert!(
        LegalTable::parse(&format!("version = 1\n[groups]\nb = []\n{rule}more = 1\n")).is_err()
    );
}

#[test]
fn words_of_health_are_of_somebody_only_beside_a_person() {
    let words = "诊断：2型糖尿病，高血压病史，既往史无特殊，处方如下。\n";
    assert_eq!(label(&words.repeat(20), "2026-11-29"), "general");
    let person = "张三，手机 13800138000\n";
    assert_eq!(
        label(&format!("{person}{words}"), "2026-11-29"),
        "sensitive-personal"
    );
    // Far from the person, and a word alone.
    let far = "路漫漫其修远兮，吾将上下而求索。\n".repeat(20);
    assert_eq!(
        label(&format!("{person}{far}{words}"), "2026-11-29"),
        "personal"
    );
    assert_eq!(
        label(&format!("{person}门诊时间另行通知"), "2026-11-29"),
        "personal"
    );
}

#[test]
fn a_column_of_diagnoses_beside_numbers_of_persons_is_sensitive() {
    let rows: String = (0..20)
        .map(|at| format!("138001380{at:02},E11.{at}\n"))
        .collect();
    assert_eq!(
        label(&format!("手机,诊断\n{rows}"), "2026-11-29"),
        "sensitive-personal"
    );
    let bare: String = (0..20).map(|at| format!("{at},E11.{at}\n")).collect();
    assert_eq!(
        label(&format!("编号,诊断\n{bare}"), "2026-11-29"),
        "general"
    );
}

#[test]
fn a_child_makes_it_sensitive_until_it_is_fourteen() {
    // Born on the thirty-first of December 2015; made up.
    let number = "身份证号 110105201512310015";
    for (on, expected) in [
        ("2029-12-30T15:59:59Z", "sensitive-personal"),
        ("2029-12-30T16:00:00Z", "personal"),
    ] {
        let on = day(on);
        let options = Options {
            on,
            ..Options::default()
        };
        let found = scan(Scanner::new(options), number);
        let judgement = LegalTable::shipped().judge(&found, on);
        assert_eq!(judgement.label.to_string(), expected, "{on}");
    }
}

#[test]
fn marks_and_what_an_authority_told_make_the_level() {
    assert_eq!(
        label("机密★10年\n关于某事的通知", "2026-11-29"),
        "important"
    );
    assert_eq!(
        label("绝密★长期\n手机 13800138000", "2026-11-29"),
        "core,personal"
    );
    // Words hint, and are told, and make no label.
    let hints = findings("本报告含稀土储量和稀土萃取工艺。");
    assert_eq!(hints.important.len(), 2);
    assert_eq!(
        label("本报告含稀土储量和稀土萃取工艺。", "2026-11-29"),
        "general"
    );
    let told = ToldTerms::new(
        vec![ToldTerm {
            id: "notice-7".to_owned(),
            word: "天舟工程".to_owned(),
            level: Level::Important,
            category: Some(Category::Technological),
            ground: Ground::NationalSecurity,
            authority: "made up".to_owned(),
        }],
        1,
    )
    .expect("a word");
    let told = Arc::new(told);
    // Also where the text is cut into windows, and once.
    for before in [0, (1 << 18) - 6, (1 << 18) - 3, 300_000] {
        let scanner = Scanner::new(Options::default()).with_told(told.clone());
        let found = scan(
            scanner,
            &format!("{}天舟工程 {}", " ".repeat(before), " ".repeat(9000)),
        );
        assert_eq!(found.important.len(), 1, "{before}");
        assert_eq!(found.important.first().map(|found| found.count), Some(1));
        let judgement = LegalTable::shipped().judge(&found, day("2026-11-29"));
        assert_eq!(judgement.label.to_string(), "important");
    }
}
