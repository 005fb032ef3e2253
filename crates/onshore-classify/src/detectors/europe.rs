//! Identifiers of Europe.

use super::china::NOT_OF_PERSONS;
use super::digits::{is_day, is_one_digit, luhn, mod_97, number, value, weighted};
use crate::detector::{Detector, Evidence, Form, Mark, Subject, Vector};

/// What VAT numbers are called.
const VAT_WORDS: &[&str] = &[
    "vat",
    "ust",
    "ust-id",
    "ust-idnr",
    "ustid",
    "umsatzsteuer",
    "mwst",
    "tva",
    "iva",
    "nip",
    "btw",
    "partita",
    "cif",
    "nif",
];

/// What telephone numbers are called.
const PHONE_WORDS: &[&str] = &[
    "tel",
    "telephone",
    "telefon",
    "téléphone",
    "telephon",
    "teléfono",
    "telefono",
    "telefoon",
    "phone",
    "mobile",
    "mobil",
    "handy",
    "móvil",
    "portable",
    "cellulare",
    "gsm",
    "cell",
    "call",
    "fax",
    "contact",
    "电话",
    "電話",
    "座机",
    "热线",
    "传真",
    "固话",
    "联系",
];

/// What Dutch citizen service numbers are called.
const BSN_WORDS: &[&str] = &["bsn", "burgerservice", "sofi"];

/// What German tax identification numbers are called.
const TAX_ID_WORDS: &[&str] = &[
    "steuer",
    "steuerid",
    "steuerliche identifikationsnummer",
    "idnr",
    "tax id",
    "tax_id",
    "taxid",
    "tax number",
    "tax_number",
    "tin",
];

/// What numbers of the French social security are called.
const NIR_WORDS: &[&str] = &[
    "nir",
    "sécurité sociale",
    "securite sociale",
    "sécu",
    "insee",
    "vitale",
    "numero_secu",
];

pub(super) const DETECTORS: &[Detector] = &[
    Detector {
        id: "eu.iban",
        title: "bank account (IBAN)",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::LettersAndDigits,
            find: find_iban,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦DE89370400440532013000⟧, ⟦GB29 NWBK 6016 1331 9268 19⟧; ⟦FR1420041010050500013M02606⟧.",
                source: "ISO 13616 registry, examples",
            },
            Vector {
                text: "DE89370400440532013001, DE8937040044053201300, ZZ89370400440532013000, XDE89370400440532013000",
                source: "another check; too short; no country; within a word",
            },
        ],
    },
    Detector {
        id: "eu.vat",
        title: "VAT number",
        subject: Subject::Organisation,
        form: Form::Word {
            lens: &[10, 11, 12, 13, 14],
            holds: is_vat,
        },
        evidence: Evidence::Words(VAT_WORDS),
        vectors: &[
            Vector {
                text: "USt-IdNr. ⟦DE136695976⟧, TVA ⟦FR40303265045⟧, IVA ⟦ESX1234567R⟧, VAT ⟦DE123456789⟧",
                source: "Commission, VIES forms; made up but for the first two, the last with another check digit",
            },
            Vector {
                text: "DE123456789",
                source: "nothing says what it is, and it does not check",
            },
        ],
    },
    Detector {
        id: "eu.vat",
        title: "VAT number",
        subject: Subject::Organisation,
        form: Form::Word {
            lens: &[11, 12, 13, 14],
            holds: is_checked_vat,
        },
        evidence: Evidence::Check {
            fits: is_vat,
            chance_per_mille: 100,
            least: 1,
            words: VAT_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[
            Vector {
                text: "⟦DE136695976⟧, ⟦FR40303265045⟧, ⟦IT00743110157⟧, ⟦NL004495445B01⟧, ⟦PL8567346215⟧, ⟦ESB58378431⟧",
                source: "numbers of companies, as their countries publish them",
            },
            Vector {
                text: "DE136695975, FR41303265045, IT00743110158, NL004495446B01, PL8567346216, ESB58378432",
                source: "other check digits",
            },
        ],
    },
    Detector {
        id: "de.identity-card",
        title: "German identity card or passport",
        subject: Subject::Person,
        form: Form::Word {
            lens: &[9, 10],
            holds: is_german_document,
        },
        evidence: Evidence::Words(&[
            "personalausweis",
            "ausweis",
            "perso",
            "reisepass",
            "pass-nr",
            "passnummer",
        ]),
        vectors: &[
            Vector {
                text: "Personalausweis ⟦T220001293⟧, Ausweisnr. ⟦LZ6311T47⟧",
                source: "the ministry's specimens, with their check digit and without",
            },
            Vector {
                text: "Personalausweis T220001294, Ausweis A220001293;\nT220001293",
                source: "another check digit; a letter that is not used; nothing says what it is",
            },
        ],
    },
    Detector {
        id: "de.tax-id",
        title: "German tax identification number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[11], &[2, 3, 3, 3]],
            holds: is_german_tax_id,
        },
        evidence: Evidence::Words(TAX_ID_WORDS),
        vectors: &[
            Vector {
                text: "Steuer-ID ⟦86095742719⟧, IdNr. ⟦47 036 892 816⟧",
                source: "the ministry's example; made up",
            },
            Vector {
                text: "86095742719 and Steuer-ID 86095742718",
                source: "nothing says what it is; another check digit",
            },
        ],
    },
    Detector {
        id: "fr.nir",
        title: "French social security number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[15], &[13, 2], &[1, 2, 2, 2, 3, 3, 2]],
            holds: |digits| has_form_of_french_nir(digits) && is_french_nir(digits),
        },
        evidence: Evidence::Check {
            fits: has_form_of_french_nir,
            chance_per_mille: 11,
            least: 1,
            words: NIR_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[
            Vector {
                text: "⟦255081416802538⟧, ⟦2 55 08 14 168 025 38⟧",
                source: "the known example",
            },
            Vector {
                text: "255081416802539, 255991416802538",
                source: "another key; no month",
            },
        ],
    },
    Detector {
        id: "fr.nir",
        title: "French social security number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[15], &[13, 2], &[1, 2, 2, 2, 3, 3, 2]],
            holds: is_french_nir,
        },
        evidence: Evidence::Words(NIR_WORDS),
        vectors: &[Vector {
            text: "NIR ⟦755631416802586⟧",
            source: "provisional, and of a month that nobody knew; made up",
        }],
    },
    Detector {
        id: "es.dni",
        title: "Spanish identity number",
        subject: Subject::Person,
        form: Form::Word {
            lens: &[9],
            holds: is_spanish_id,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦12345678Z⟧ ⟦X1234567L⟧",
                source: "the ministry's examples: of citizens, of foreigners",
            },
            Vector {
                text: "12345678A, A1234567L",
                source: "another letter; no such beginning",
            },
        ],
    },
    Detector {
        id: "es.dni",
        title: "Spanish identity number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[9]],
            holds: |digits| digits.ends_with(b"X") && is_spanish_id(digits),
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "⟦00000010X⟧",
            source: "a letter that elsewhere is a check digit; made up",
        }],
    },
    Detector {
        id: "it.codice-fiscale",
        title: "Italian tax code",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::DigitsBetweenLetters,
            find: find_italian_code,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦RSSMRA85T10A562S⟧",
                source: "the revenue agency's example",
            },
            Vector {
                text: "RSSMRA85T10A562T, RSSMRA85X10A562S",
                source: "another check letter; no month",
            },
        ],
    },
    Detector {
        id: "nl.bsn",
        title: "Dutch citizen service number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[9]],
            holds: is_dutch_bsn,
        },
        evidence: Evidence::Words(BSN_WORDS),
        vectors: &[
            Vector {
                text: "BSN ⟦111222333⟧",
                source: "the known example for trials",
            },
            Vector {
                text: "111222333 and BSN 111222334",
                source: "nothing says what it is; another check digit",
            },
        ],
    },
    // A column of them needs no word: chance makes one of eleven.
    Detector {
        id: "nl.bsn",
        title: "Dutch citizen service number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[9]],
            holds: is_dutch_bsn,
        },
        evidence: Evidence::Check {
            fits: |digits| digits.iter().all(u8::is_ascii_digit),
            chance_per_mille: 91,
            least: 6,
            words: BSN_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[
            Vector {
                text: "⟦111222333⟧ ⟦123456782⟧ ⟦223456780⟧ ⟦346913561⟧ ⟦470370348⟧ ⟦593827120⟧",
                source: "six that hold; made up but for the first two",
            },
            Vector {
                text: "111222333 123456782 223456780 346913562 470370349 593827121",
                source: "three of six",
            },
        ],
    },
    Detector {
        id: "pl.pesel",
        title: "Polish PESEL",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[11]],
            holds: is_polish_pesel,
        },
        evidence: Evidence::Words(&["pesel"]),
        vectors: &[
            Vector {
                text: "PESEL: ⟦44051401359⟧",
                source: "the known example",
            },
            Vector {
                text: "44051401359 and PESEL 44051401358",
                source: "nothing says what it is; another check digit",
            },
        ],
    },
    Detector {
        id: "pl.pesel",
        title: "Polish PESEL",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[11]],
            holds: is_polish_pesel,
        },
        evidence: Evidence::Check {
            fits: has_form_of_polish_pesel,
            chance_per_mille: 100,
            least: 6,
            words: &["pesel"],
            against: NOT_OF_PERSONS,
        },
        vectors: &[Vector {
            text: "⟦44051401359⟧ ⟦02070803628⟧ ⟦90010112349⟧ ⟦85122434568⟧ ⟦78031567896⟧ ⟦02211045670⟧",
            source: "six that hold; made up but for the first two",
        }],
    },
    Detector {
        id: "de.tax-id",
        title: "German tax identification number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[11]],
            holds: is_german_tax_id,
        },
        evidence: Evidence::Check {
            fits: has_form_of_german_tax_id,
            chance_per_mille: 100,
            least: 6,
            words: TAX_ID_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[Vector {
            text: "⟦86095742719⟧ ⟦47036892816⟧ ⟦65929970489⟧ ⟦57549285017⟧ ⟦25768131411⟧ ⟦26754801923⟧",
            source: "six that hold, as manuals have them",
        }],
    },
    Detector {
        id: "phone",
        title: "telephone number with its country",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::PlusBeforeDigit,
            find: find_phone,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦+49 30 901820⟧, ⟦+33 1 42 92 81 00⟧ or ⟦+1-202-456-1111⟧",
                source: "ITU-T E.164, public offices",
            },
            Vector {
                text: "a+12345678, 2024-01-01T00:00:00+0100, +12 -34, +1 2",
                source: "a sum; a time zone; too short",
            },
        ],
    },
    Detector {
        id: "phone",
        title: "telephone number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[
                &[9],
                &[10],
                &[11],
                &[12],
                &[3, 3, 3],
                &[3, 3, 4],
                &[3, 4, 4],
                &[3, 7],
                &[3, 8],
                &[4, 6],
                &[4, 7],
                &[4, 8],
                &[5, 5],
                &[5, 6],
                &[2, 8],
            ],
            holds: |digits| digits.iter().all(u8::is_ascii_digit) && !is_one_digit(digits),
        },
        evidence: Evidence::WordsNext(PHONE_WORDS),
        vectors: &[
            Vector {
                text: "电话：⟦010-12345678⟧ 座机 ⟦0755-1234567⟧",
                source: "lines of Beijing and Shenzhen, made up",
            },
            Vector {
                text: "Tel. ⟦0301234567⟧; téléphone : ⟦0142928100⟧; phone: ⟦202-456-1111⟧; telefono ⟦3517289210⟧",
                source: "Germany, France, USA, Italy; public offices or made up",
            },
            Vector {
                text: "010-12345678, 202-456-1111; tel 12345678",
                source: "nothing says what they are; too short",
            },
        ],
    },
];

/// The number of some countries with its check digits.
fn is_checked_vat(word: &[u8]) -> bool {
    let Some((country, own)) = word.split_at_checked(2) else {
        return false;
    };
    is_vat(word)
        && match country {
            b"DE" => checks_11_10(own),
            b"FR" => {
                let (key, siren) = (own.get(..2).and_then(number), own.get(2..).and_then(number));
                match (key, siren) {
                    (Some(key), Some(siren)) => (12 + 3 * (siren % 97)) % 97 == key,
                    _ => false,
                }
            }
            b"IT" => luhn(own),
            b"NL" => {
                let last = own.get(8).and_then(|byte| value(*byte));
                weighted(own.get(..8).unwrap_or_default(), &[9, 8, 7, 6, 5, 4, 3, 2])
                    .is_some_and(|sum| Some(sum % 11) == last)
                    || mod_97(word.iter()) == Some(1)
            }
            b"PL" => {
                let last = own.last().and_then(|byte| value(*byte));
                weighted(own, &[6, 5, 7, 2, 3, 4, 5, 6, 7]).map(|sum| sum % 11) == last
            }
            b"ES" => is_spanish_id(own) || is_spanish_company(own),
            _ => false,
        }
}

/// Orden EHA/451/2008: a letter, seven digits, and a check as of cards that is a digit or a letter.
fn is_spanish_company(own: &[u8]) -> bool {
    let (Some((first, rest)), Some(check)) = (own.split_first(), own.last()) else {
        return false;
    };
    let Some(digits) = rest.get(..7).filter(|digits| number(digits).is_some()) else {
        return false;
    };
    // The check of cards over the seven digits and the check.
    let expected = (b'0'..=b'9').find(|last| {
        let mut whole = digits.to_vec();
        whole.push(*last);
        luhn(&whole)
    });
    let as_letter = expected.and_then(|digit| b"JABCDEFGHI".get(usize::from(digit - b'0')));
    b"ABCDEFGHJNPQRSUVW".contains(first) && (expected == Some(*check) || as_letter == Some(check))
}

/// ICAO 9303 without what is easily mistaken: nine signs without vowels, the first a letter, and a check that may be left out.
fn is_german_document(word: &[u8]) -> bool {
    const SIGNS: &[u8] = b"0123456789CFGHJKLMNPRTVWXYZ";
    let Some(own) = word.get(..9) else {
        return false;
    };
    let sum: u32 = own
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(byte, weight)| {
            weight * value(*byte).unwrap_or(u32::from(byte.wrapping_sub(b'A')) + 10)
        })
        .sum();
    own.iter().all(|sign| SIGNS.contains(sign))
        && own.first().is_some_and(u8::is_ascii_uppercase)
        && word
            .get(9)
            .is_none_or(|check| value(*check) == Some(sum % 10))
}

/// ISO 13616: length by country, and the check by 97 of the word turned round.
fn find_iban(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const LENS: &[(&[u8; 2], usize)] = &[
        (b"AD", 24),
        (b"AE", 23),
        (b"AL", 28),
        (b"AT", 20),
        (b"BA", 20),
        (b"BE", 16),
        (b"BG", 22),
        (b"CH", 21),
        (b"CY", 28),
        (b"CZ", 24),
        (b"DE", 22),
        (b"DK", 18),
        (b"EE", 20),
        (b"ES", 24),
        (b"FI", 18),
        (b"FO", 18),
        (b"FR", 27),
        (b"GB", 22),
        (b"GE", 22),
        (b"GI", 23),
        (b"GL", 18),
        (b"GR", 27),
        (b"HR", 21),
        (b"HU", 28),
        (b"IE", 22),
        (b"IL", 23),
        (b"IS", 26),
        (b"IT", 27),
        (b"KZ", 20),
        (b"LI", 21),
        (b"LT", 20),
        (b"LU", 20),
        (b"LV", 21),
        (b"MC", 27),
        (b"MD", 24),
        (b"ME", 22),
        (b"MK", 19),
        (b"MT", 31),
        (b"NL", 18),
        (b"NO", 15),
        (b"PL", 28),
        (b"PT", 25),
        (b"QA", 29),
        (b"RO", 24),
        (b"RS", 22),
        (b"SA", 24),
        (b"SE", 24),
        (b"SI", 19),
        (b"SK", 24),
        (b"SM", 27),
        (b"TR", 26),
        (b"UA", 29),
        (b"VA", 22),
        (b"XK", 20),
    ];
    let country: [u8; 2] = *text.get(at..)?.first_chunk()?;
    let (_, len) = LENS.iter().find(|(known, _)| **known == country)?;
    if at
        .checked_sub(1)
        .and_then(|before| text.get(before))
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    {
        return None;
    }
    let mut word = Vec::with_capacity(*len);
    let mut end = at;
    for (place, byte) in text.get(at..)?.iter().enumerate() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' if word.len() < *len => {
                word.push(*byte);
                end = at + place + 1;
            }
            b' ' if word.len() < *len && word.len() % 4 == 0 && at + place == end => {}
            _ => break,
        }
    }
    let is_longer = text.get(end).is_some_and(u8::is_ascii_alphanumeric);
    if word.len() != *len || is_longer {
        return None;
    }
    let (front, back) = word.split_at(4);
    (mod_97(back.iter().chain(front)) == Some(1)).then_some((at, end))
}

/// The forms of the Commission's VIES, without the checks of each country.
fn is_vat(word: &[u8]) -> bool {
    let Some((country, number)) = word.split_at_checked(2) else {
        return false;
    };
    let digits = |from: usize, len: usize| {
        number
            .get(from..from + len)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    match (country, number.len()) {
        (b"DE" | b"PT" | b"EE" | b"EL", 9) => digits(0, 9),
        (b"FR", 11) => digits(2, 9),
        (b"ES", 9) => digits(1, 7),
        (b"IT" | b"LV" | b"HR", 11) => digits(0, 11),
        (b"NL", 12) => digits(0, 9) && number.get(9) == Some(&b'B') && digits(10, 2),
        (b"PL" | b"SK", 10) => digits(0, 10),
        (b"AT", 9) => number.first() == Some(&b'U') && digits(1, 8),
        (b"BE", 10) => digits(0, 10),
        (b"DK" | b"FI" | b"HU" | b"LU" | b"MT" | b"SI", 8) => digits(0, 8),
        (b"SE", 12) => digits(0, 12),
        _ => false,
    }
}

/// Abgabenordnung § 139b: no leading zero, one digit twice or thrice among ten, ISO 7064 MOD 11,10.
fn is_german_tax_id(digits: &[u8]) -> bool {
    has_form_of_german_tax_id(digits) && checks_11_10(digits)
}

fn has_form_of_german_tax_id(digits: &[u8]) -> bool {
    let Some(ten) = digits.get(..10) else {
        return false;
    };
    let mut counts = [0_u8; 10];
    for byte in ten {
        if let Some(count) = value(*byte).and_then(|digit| counts.get_mut(digit as usize)) {
            *count += 1;
        }
    }
    let repeated = counts.iter().filter(|count| **count > 1).count();
    let most = counts.iter().max().copied().unwrap_or_default();
    digits.len() == 11 && ten.first() != Some(&b'0') && repeated == 1 && most <= 3
}

/// ISO 7064, MOD 11,10.
fn checks_11_10(digits: &[u8]) -> bool {
    let Some((check, rest)) = digits.split_last() else {
        return false;
    };
    let product = rest.iter().try_fold(10, |product, byte| {
        let sum = match (value(*byte)? + product) % 10 {
            0 => 10,
            sum => sum,
        };
        Some(sum * 2 % 11)
    });
    product.map(|product| (11 - product) % 10) == value(*check)
}

/// INSEE: sex, year, month, department, commune, order, and a key of 97 less the rest by 97.
fn is_french_nir(digits: &[u8]) -> bool {
    let all: Option<u64> = digits
        .get(..13)
        .and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    let key = digits.get(13..15).and_then(number);
    let month = digits.get(3..5).and_then(number);
    matches!(
        digits.first(),
        Some(b'1' | b'2' | b'3' | b'4' | b'7' | b'8')
    ) && month.is_some_and(|month| matches!(month, 1..=12 | 20 | 30..=42 | 50..=99))
        && all.map(|all| 97 - all % 97) == key.map(u64::from)
}

/// What nearly all have: a sex, a month, a department, a commune and an order.
fn has_form_of_french_nir(digits: &[u8]) -> bool {
    let part = |from: usize, len: usize| digits.get(from..from + len).and_then(number);
    matches!(digits.first(), Some(b'1' | b'2'))
        && part(3, 2).is_some_and(|month| (1..=12).contains(&month))
        && part(5, 2).is_some_and(|department| (1..=99).contains(&department))
        && part(7, 3).is_some_and(|commune| (1..=990).contains(&commune))
        && part(10, 3).is_some_and(|order| order > 0)
}

/// Real Decreto 1553/2005: the number by 23 gives the letter; X, Y and Z stand for 0, 1 and 2 in front.
fn is_spanish_id(word: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let (Some((first, rest)), Some(letter)) = (word.split_first(), word.last()) else {
        return false;
    };
    let front = match first {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        digit => match value(*digit) {
            Some(digit) => digit,
            None => return false,
        },
    };
    rest.get(..7)
        .and_then(number)
        .and_then(|rest| LETTERS.get((front * 10_000_000 + rest) as usize % 23))
        == Some(letter)
}

/// Decreto Ministeriale of 23 December 1976: names, year, month, day, commune, check letter.
fn find_italian_code(text: &[u8], mark: usize) -> Option<(usize, usize)> {
    // The mark is the letter before the year's digits.
    let start = mark.checked_sub(5)?;
    let word = text.get(start..start + 16)?;
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    if is_word(start.checked_sub(1)) || is_word(Some(start + 16)) {
        return None;
    }
    // Digits may be written as letters where two persons would have the same code.
    let is_digit = |byte: &u8| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte);
    let are = |range: std::ops::Range<usize>, is: &dyn Fn(&u8) -> bool| {
        word.get(range).is_some_and(|part| part.iter().all(is))
    };
    let is_formed = are(0..6, &u8::is_ascii_uppercase)
        && are(6..8, &is_digit)
        && are(8..9, &|byte| b"ABCDEHLMPRST".contains(byte))
        && are(9..11, &is_digit)
        && are(11..12, &u8::is_ascii_uppercase)
        && are(12..15, &is_digit)
        && are(15..16, &u8::is_ascii_uppercase);
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let sum: Option<u32> = word
        .iter()
        .take(15)
        .enumerate()
        .map(|(at, byte)| {
            let value = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'Z' => byte - b'A',
                _ => return None,
            };
            // Places are counted from one, so the first is odd.
            if at % 2 == 0 {
                ODD.get(usize::from(value)).copied()
            } else {
                Some(u32::from(value))
            }
        })
        .sum();
    let check = word
        .last()
        .and_then(|byte| byte.checked_sub(b'A'))
        .map(u32::from);
    (is_formed && sum.map(|sum| sum % 26) == check).then_some((start, start + 16))
}

/// The test of eleven: weights 9 to 2 and minus one.
fn is_dutch_bsn(digits: &[u8]) -> bool {
    let (Some(sum), Some(last)) = (
        weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]),
        digits.last().and_then(|byte| value(*byte)),
    ) else {
        return false;
    };
    sum >= last && (sum - last).is_multiple_of(11) && !is_one_digit(digits)
}

/// Ustawa o ewidencji ludności: birth with the century in the month, order, check.
fn is_polish_pesel(digits: &[u8]) -> bool {
    let check = digits.last().and_then(|byte| value(*byte));
    has_form_of_polish_pesel(digits)
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]).map(|sum| (10 - sum % 10) % 10)
            == check
}

fn has_form_of_polish_pesel(digits: &[u8]) -> bool {
    let part = |from: usize| digits.get(from..from + 2).and_then(number);
    let (Some(year), Some(month), Some(day)) = (part(0), part(2), part(4)) else {
        return false;
    };
    let century = match month {
        1..=12 => 1900,
        21..=32 => 2000,
        81..=92 => 1900,
        _ => return false,
    };
    is_day(century + year, month % 20, day)
}

/// ITU-T E.164: a country's code and eight to fifteen digits in all, in groups.
fn find_phone(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'_')) {
        return None;
    }
    let (mut digits, mut end, mut last_group) = (0, at + 1, 0);
    for (place, byte) in text.get(at + 1..)?.iter().take(32).enumerate() {
        let here = at + 1 + place;
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                last_group = if here == end { last_group + 1 } else { 1 };
                end = here + 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' if here - end < 2 => {}
            _ => break,
        }
    }
    let is_longer = text
        .get(end)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    ((8..=15).contains(&digits) && last_group >= 2 && !is_longer && text.get(at + 1) != Some(&b'0'))
        .then_some((at, end))
}
