//! The register of information: what holds, what does not, and the package that is filed.

use std::collections::BTreeMap;

use onshore_dora::{
    Filing, Lei, Register, Scope, TypedContract, TypedEntity, TypedProvider, contract_id, package,
    templates,
};

const BANK: &str = "529900T8BM49AURSDO55";

fn files(changes: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = [
        ("b_01.01.csv", format!("c0010,c0020,c0030,c0040,c0050,c0060\n{BANK},Bank,eba_GA:DE,eba_CT:x12,BaFin,2025-12-31\n")),
        (
            "b_01.02.csv",
            format!("c0010,c0020,c0030,c0040,c0050,c0060,c0070,c0080,c0090,c0100,c0110\n{BANK},Bank,eba_GA:DE,eba_CT:x12,eba_RP:x53,{BANK},2025-12-31,2020-01-01,9999-12-31,eba_CU:EUR,1000000\n"),
        ),
        ("b_02.01.csv", "c0010,c0020,c0030,c0040,c0050\nCA-1,eba_CO:x1,,eba_CU:EUR,12000\n".to_owned()),
        (
            "b_02.02.csv",
            format!("c0010,c0020,c0030,c0040,c0050,c0060,c0070,c0080\nCA-1,{BANK},P-1,eba_qCO:qx2000,F-1,eba_TA:S01,2024-02-29,2027-01-01\n"),
        ),
        ("b_03.01.csv", format!("c0010,c0020\nCA-1,{BANK}\n")),
        ("b_05.01.csv", "c0010,c0020,c0050,c0070,c0080\nP-1,eba_CT:x1,Provider,eba_CT:x212,eba_GA:US\n".to_owned()),
        (
            "b_06.01.csv",
            format!("c0010,c0020,c0030,c0040,c0050,c0070,c0080,c0090,c0100\nF-1,eba_TA:x1,Payments,{BANK},eba_BT:x28,2025-01-01,4,1,eba_ZZ:x791\n"),
        ),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text.into_bytes()))
    .collect();
    for (name, text) in changes {
        files.insert((*name).to_owned(), text.as_bytes().to_vec());
    }
    files
}

fn faults(changes: &[(&str, &str)]) -> Vec<String> {
    match Register::read(&files(changes)) {
        Ok(register) => register.check().iter().map(ToString::to_string).collect(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn there_are_fifteen_templates_and_each_reference_is_to_a_column() {
    let all = templates();
    assert_eq!(all.len(), 15);
    for template in &all {
        for column in &template.columns {
            if let Some((code, of)) = column.refers {
                let found = all.iter().find(|one| one.code == code);
                assert!(
                    found.is_some_and(|one| one.place(of).is_some()),
                    "{code} {of}"
                );
            }
        }
    }
    assert_eq!(all[4].columns.len(), 18);
}

#[test]
fn what_holds_has_no_faults() {
    assert_eq!(faults(&[]), Vec::<String>::new());
}

#[test]
fn each_fault_is_told_with_its_place() {
    for (name, text, said) in [
        (
            "b_02.01.csv",
            "c0010,c0020,c0040,c0050\nCA-1,eba_CO:x1,eba_CU:EUR,\n",
            "B_02.01 row 2, column c0050: it is needed",
        ),
        (
            "b_02.01.csv",
            "c0010,c0020,c0040,c0050\nCA-1,eba_CO:x1,eba_CU:EUR,12k\n",
            "column c0050: `12k` is not a number",
        ),
        (
            "b_02.01.csv",
            "c0010,c0020,c0040,c0050\nCA-1,x1,eba_CU:EUR,1\n",
            "column c0020: `x1` is not a code",
        ),
        (
            "b_02.01.csv",
            "c0010,c0020,c0040,c0050\nCA-1,eba_CO:x1,EUR,1\n",
            "column c0040",
        ),
        (
            "b_02.01.csv",
            "c0010,c0020,c0040,c0050\nCA-1,eba_CO:x1,eba_CU:EUR,1\nCA-1,eba_CO:x1,eba_CU:EUR,1\n",
            "row 3: its key is that of row 2",
        ),
        (
            "b_02.01.csv",
            "c0010,c0020,c0030,c0040,c0050\nCA-1,eba_CO:x3,CA-9,eba_CU:EUR,1\n",
            "`CA-9` is not in B_02.01 c0010",
        ),
        (
            "b_03.01.csv",
            "c0010,c0020\nCA-2,529900T8BM49AURSDO55\n",
            "B_03.01 row 2, column c0010: `CA-2` is not in B_02.01 c0010",
        ),
        (
            "b_03.01.csv",
            "c0010,c0020\nCA-1,529900T8BM49AURSDO56\n",
            "is not a LEI",
        ),
        (
            "b_03.01.csv",
            "c0010,c0099\nCA-1,x\n",
            "the template has no such column",
        ),
        ("b_03.01.csv", "c0010,c0010\nCA-1,x\n", "it is there twice"),
        (
            "b_03.01.csv",
            "c0010,c0020\nCA-1\n",
            "B_03.01 row 2: it has 1 cells",
        ),
        (
            "b_05.01.csv",
            "c0010,c0020,c0050,c0070,c0080\nP-1,eba_CT:x1,P,eba_CT:x212,eba_GA:usa\n",
            "is not a country",
        ),
        (
            "b_05.01.csv",
            "c0010,c0020,c0050,c0070,c0080\n",
            "B_02.02 row 2, column c0030: `P-1` is not in B_05.01 c0010",
        ),
        (
            "b_01.01.csv",
            "c0010,c0020\n",
            "B_01.01 row 1: it has no row",
        ),
        ("b_08.01.csv", "c0010\n", "there is no such table"),
    ] {
        let told = faults(&[(name, text)]).join("\n");
        assert!(told.contains(said), "{name} {text}: {told}");
    }
    for (start, end) in [
        ("2023-02-29", "2027-01-01"),
        ("2027-01-02", "2027-01-01"),
        ("2024-02-29", "+024-03-01"),
        ("2024-02-29T00", "2027-01-01"),
    ] {
        let text = format!(
            "c0010,c0020,c0030,c0040,c0050,c0060,c0070,c0080\nCA-1,{BANK},P-1,eba_CT:x1,F-1,eba_TA:S01,{start},{end}\n"
        );
        assert!(
            !faults(&[("b_02.02.csv", &text)]).is_empty(),
            "{start} {end}"
        );
    }
    assert!(
        Register::read(&BTreeMap::from([(
            "b_01.01.csv".to_owned(),
            vec![0xff, b'\n']
        )]))
        .is_err()
    );
}

#[test]
fn a_package_is_named_and_filled_as_authorities_take_it() {
    let register = Register::read(&files(&[])).expect("it reads");
    let filing = Filing {
        entity: register.entity().expect("an entity"),
        scope: Scope::Consolidated,
        country: "DE".parse().expect("a country"),
        reference: "2025-12-31".parse().expect("a day"),
        currency: "EUR".parse().expect("money"),
        made: "2026-01-15T17:48:03.429Z".parse().expect("an instant"),
    };
    assert_eq!(
        filing.name(),
        format!("{BANK}.CON_DE_DORA010100_DORA_2025-12-31_20260115174803429")
    );
    let packed = package(&register, &filing);
    assert_eq!(packed, package(&register, &filing));
    let text = String::from_utf8_lossy(&packed);
    for said in [
        "META-INF/reportPackage.json",
        "reports/report.json",
        "entityID,rs:529900T8BM49AURSDO55.CON\r\n",
        "baseCurrency,iso4217:EUR",
        "B_99.01,true",
        "reports/b_02.02.csv",
        "fws/dora/4.0/mod/dora.json",
    ] {
        assert!(text.contains(said), "{said}");
    }
    // What is written is read again as it was.
    let again: BTreeMap<String, Vec<u8>> = register.written().into_iter().collect();
    assert_eq!(Register::read(&again), Ok(register));
}

#[test]
fn check_digits_are_asked() {
    assert!(BANK.parse::<Lei>().is_ok());
    for bad in [
        "",
        "529900T8BM49AURSDO5",
        "529900t8bm49aursdo55",
        "529900T8BM49AURSD055",
        "529900T8BM49AURSDO556",
    ] {
        assert!(bad.parse::<Lei>().is_err(), "{bad}");
    }
}

fn entity(lei: Option<&str>) -> TypedEntity {
    TypedEntity {
        lei: lei.map(str::to_owned),
        name: "Bank".to_owned(),
        place: Some("DE-BE".to_owned()),
    }
}

fn contract(id: &str, codes: &[&str]) -> TypedContract {
    TypedContract {
        id: id.to_owned(),
        provider: TypedProvider {
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
            name: "Cloud".to_owned(),
        },
        service: "eba_TA:S17, eba_TA:S18".to_owned(),
        start: "2024-01-01".parse().expect("a day"),
        end: None,
        notice_days: Some(90),
        data_location: Some("IE".to_owned()),
    }
}

#[test]
fn contracts_that_are_in_no_table_have_rows_and_what_they_lack_is_told_by_its_place() {
    let register = Register::read(&files(&[])).expect("tables");
    let of = [
        contract("ca-1", &["P-1"]),
        contract("by-hand", &["P-0", "P-1"]),
    ];
    let (with, added) = register.clone().with_typed(&entity(Some(BANK)), &of);
    // What an arrangement of the tables is, has its rows there; the provider of the tables is the one that has one of the codes.
    assert_eq!(added, ["by-hand"]);
    let told: Vec<String> = with.check().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "B_02.01 row 3, column c0020: it is needed",
            "B_02.01 row 3, column c0040: it is needed",
            "B_02.01 row 3, column c0050: it is needed",
            "B_02.02 row 3, column c0050: it is needed",
            "B_02.02 row 4, column c0050: it is needed",
        ]
    );
    // The rows read as they were made, under numbers that are the same, and name the contract again.
    let again = Register::read(&with.written().into_iter().collect()).expect("tables");
    assert_eq!(again, with);
    let found = again.arrangements();
    let found = found
        .iter()
        .find(|one| one.reference == "by-hand")
        .expect("it");
    assert_eq!(contract_id(&found.reference), "by-hand");
    assert_eq!(
        (found.entity.as_deref(), found.provider.as_deref()),
        (Some(BANK), Some("P-1"))
    );
    assert_eq!(
        (found.end, found.notice_days, found.data_location.as_deref()),
        (None, Some(90), Some("IE"))
    );
    assert_eq!(found.services, ["eba_TA:S17", "eba_TA:S18"]);
    assert_eq!(
        again.with_typed(&entity(Some(BANK)), &of),
        (with, Vec::new())
    );
}

#[test]
fn records_alone_make_tables_and_nothing_is_made_up() {
    let mut of = contract("c-1", &[BANK]);
    of.service = "storage".to_owned();
    of.data_location = Some("somewhere".to_owned());
    let nameless = contract("c-2", &[]);
    let (made, added) = Register::empty().with_typed(&entity(None), &[of, nameless]);
    assert_eq!(added, ["c-1", "c-2"]);
    let told: Vec<String> = made.check().iter().map(ToString::to_string).collect();
    for lacking in [
        "B_01.01 row 2, column c0010: it is needed",
        "B_01.01 row 2, column c0050: it is needed",
        "B_01.02 row 2, column c0010: it is needed",
        "B_02.02 row 2, column c0060: it is needed",
        "B_03.01 row 2, column c0020: it is needed",
        "B_03.02 row 3, column c0020: it is needed",
        "B_05.01 row 2, column c0070: it is needed",
        "B_05.01 row 3, column c0010: it is needed",
    ] {
        assert!(
            told.iter().any(|one| one == lacking),
            "{lacking}: {told:#?}"
        );
    }
    // A code that is a LEI says so; a place that is no country is none.
    let written: BTreeMap<String, Vec<u8>> = made.written().into_iter().collect();
    let text = |name: &str| String::from_utf8(written[name].clone()).expect("text");
    assert!(text("b_05.01.csv").contains(&format!("{BANK},eba_qCO:qx2000,,,Cloud")));
    assert!(text("b_01.01.csv").contains(",Bank,eba_GA:DE,"));
    assert!(!text("b_02.02.csv").contains("somewhere") && !text("b_02.02.csv").contains("storage"));
}
