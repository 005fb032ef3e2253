//! Identifiers of the People's Republic of China, Hong Kong, Macau and Taiwan.

use super::digits::{is_day, number, weighted};
use crate::detector::{Detector, Evidence, Form, Mark, Subject, Vector};

/// What stands before numbers that only look like those of persons.
pub(super) const NOT_OF_PERSONS: &[&str] = &[
    "order",
    "订单",
    "trace",
    "流水",
    "serial",
    "序列",
    "sku",
    "tracking",
    "运单",
    "单号",
    "waybill",
    "快递",
    "uuid",
    "guid",
    "imei",
    "txn",
    "transaction",
    "交易号",
    "invoice",
    "发票",
    "timestamp",
    "时间戳",
    "created",
    "updated",
    "ts",
    "hash",
    "checksum",
    "md5",
    "sha",
    "digest",
    "barcode",
    "条码",
    "条形码",
    "ean",
    "gtin",
    "isbn",
    "upc",
    "size",
    "bytes",
    "字节",
    "大小",
    "length",
    "offset",
    "seq",
    "elapsed",
    "duration",
    "took",
    "耗时",
    "amount",
    "金额",
    "price",
    "单价",
    "total",
    "合计",
    "version",
    "版本",
    "build",
    "batch",
    "批次",
    "货号",
    "商品",
    "product",
    "item",
    "request",
    "session",
    "req",
    "reqid",
    "requestid",
    "ref",
    "reference",
    "ticket",
    "case",
    "voucher",
    "receipt",
    "parcel",
    "shipment",
    "batchno",
    "编号",
    "编码",
    "批号",
    "工单",
    "凭证",
    "参考号",
    "合同",
    "资产",
    "文号",
    "案号",
    "票号",
    "port",
    "pid",
    "tid",
    "span",
];

/// What credit codes are called.
const CREDIT_CODE_WORDS: &[&str] = &[
    "信用代码",
    "social credit",
    "uscc",
    "税号",
    "纳税人识别号",
    "企业代码",
    "tyshxydm",
    "xydm",
    "nsrsbh",
    "credit_code",
    "creditcode",
];

/// Words that may stand before anything that is of somebody: they bear out what they are for and speak against nothing.
pub(crate) const WEAK: &[&str] = &[
    "联系",
    "客户",
    "用户",
    "收件",
    "收货",
    "寄件",
    "账号",
    "账户",
    "帐号",
    "证件",
    "contact",
    "call",
    "台湾",
    "台灣",
    "臺灣",
    "转账",
    "转帐",
    "付款",
    "收款",
    "开户",
    "打款",
    "汇款",
    "position",
    "location",
    "residence",
    "支付宝",
    "alipay",
    "微信",
    "wechat",
];

/// What mobile numbers are called. Many are known in messengers and to banks by them.
const MOBILE_WORDS: &[&str] = &[
    "手机",
    "手機",
    "电话",
    "電話",
    "mobile",
    "phone",
    "tel",
    "telephone",
    "联系",
    "聯絡",
    "致电",
    "拨打",
    "来电",
    "短信",
    "call",
    "contact",
    "sms",
    "whatsapp",
    "微信",
    "wechat",
    "支付宝",
    "alipay",
    "账号",
    "账户",
    "用户",
    "客户",
    "收件",
    "收货",
    "寄件",
    "cell",
    "msisdn",
    "回拨",
    "sjh",
    "sjhm",
    "shouji",
    "lxdh",
    "dianhua",
];

/// In which numbers a birth stands, behind six digits.
pub(crate) const WITH_BIRTH: &[&str] = &[
    "cn.resident-id",
    "cn.residence-permit",
    "cn.foreigner-residence-card",
];

pub(super) const DETECTORS: &[Detector] = &[
    Detector {
        id: "cn.residence-permit",
        title: "residence permit for residents of Hong Kong, Macau or Taiwan",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[18]],
            holds: is_residence_permit,
        },
        evidence: Evidence::Words(&["居住证", "居住證", "residence permit", "港澳台"]),
        vectors: &[
            Vector {
                text: "港澳台居民居住证 ⟦810000199408230021⟧",
                source: "Measures of 2018, article 5: 810000, 820000 or 830000; made up",
            },
            Vector {
                text: "居住证 810000199408230022, 居住证 11010519491231002X\n810000199408230021",
                source: "another check digit; a region; nothing says that it is no resident's own number",
            },
        ],
    },
    Detector {
        id: "cn.resident-id",
        title: "resident identity number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[18], &[6, 8, 4], &[6, 4, 4, 4], &[3, 3, 8, 4]],
            holds: is_resident_id,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦11010519491231002X⟧",
                source: "GB 11643-1999, annex",
            },
            Vector {
                text: "身份证号：⟦11010519491231002x⟧。",
                source: "a small letter",
            },
            Vector {
                text: "⟦110105 19491231 002X⟧, ⟦110105-19491231-002X⟧",
                source: "in groups",
            },
            Vector {
                text: "号码⟦１１０１０５１９４９１２３１００２Ｘ⟧。",
                source: "full-width digits",
            },
            Vector {
                text: "440524 18800101 0014",
                source: "born in 1880",
            },
            Vector {
                text: "11010519491231002, 110105194912310021, 11010519491331002X",
                source: "a digit short; another check digit; a thirteenth month",
            },
            Vector {
                text: "ID⟦11010519491231002X⟧, id_⟦11010519491231002x⟧_1, a/cust⟦11010519491231002X⟧.pdf, ⟦11010519491231002X⟧Y",
                source: "letters and underscores touch it",
            },
            Vector {
                text: "1.11010519491231002X, a1.11010519491231002Xb, a211010519491231002X, a110105194912310021b",
                source: "within something longer; another check digit",
            },
        ],
    },
    Detector {
        id: "cn.foreigner-residence-card",
        title: "foreigner's permanent residence card",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[18]],
            holds: is_residence_card,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦91103619870512001X⟧",
                source: "the form of 2023: 9, province, country, birth, order, check; made up",
            },
            Vector {
                text: "911036198705120018",
                source: "another check digit",
            },
        ],
    },
    Detector {
        id: "cn.foreigner-residence-card",
        title: "foreigner's permanent residence card",
        subject: Subject::Person,
        form: Form::Word {
            lens: &[15],
            holds: |word| letters_then_digits(word, 3),
        },
        evidence: Evidence::Words(&["永久居留", "居留证", "residence", "prc card"]),
        vectors: &[
            Vector {
                text: "永久居留证 ⟦FRA110087051201⟧",
                source: "the form before 2023; made up",
            },
            Vector {
                text: "part FRA110087051201",
                source: "nothing says what it is",
            },
        ],
    },
    Detector {
        id: "cn.social-credit-code",
        title: "unified social credit code",
        subject: Subject::Organisation,
        form: Form::Word {
            lens: &[18],
            holds: is_credit_code,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦91420000737944946L⟧ ⟦9131000063159284XQ⟧",
                source: "real codes",
            },
            Vector {
                text: "91420000737944946M",
                source: "another check character",
            },
        ],
    },
    Detector {
        id: "cn.social-credit-code",
        title: "unified social credit code",
        subject: Subject::Organisation,
        form: Form::Digits {
            groups: &[&[18]],
            holds: |word| is_common_credit_code(word) && is_credit_code(word),
        },
        evidence: Evidence::Check {
            fits: is_common_credit_code,
            chance_per_mille: 33,
            least: 1,
            words: CREDIT_CODE_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[Vector {
            text: "税号 ⟦911101087000000030⟧",
            source: "of digits alone; made up",
        }],
    },
    Detector {
        id: "cn.social-credit-code",
        title: "unified social credit code",
        subject: Subject::Organisation,
        form: Form::Digits {
            groups: &[&[18]],
            holds: has_form_of_credit_code,
        },
        evidence: Evidence::WordsNext(CREDIT_CODE_WORDS),
        vectors: &[Vector {
            text: "统一社会信用代码 ⟦311101087000000031⟧",
            source: "of digits alone, and fails the check; made up",
        }],
    },
    Detector {
        id: "cn.social-credit-code",
        title: "unified social credit code",
        subject: Subject::Organisation,
        form: Form::Word {
            lens: &[18],
            holds: has_form_of_credit_code,
        },
        evidence: Evidence::Words(CREDIT_CODE_WORDS),
        vectors: &[
            Vector {
                text: "统一社会信用代码：⟦91350211M0000XUF46⟧",
                source: "a real code that fails the check of GB 32100",
            },
            Vector {
                text: "91350211M0000XUF46",
                source: "the same, and nothing says what it is",
            },
        ],
    },
    Detector {
        id: "cn.mobile",
        title: "mobile number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[11], &[3, 4, 4]],
            holds: is_mobile,
        },
        evidence: Evidence::Check {
            fits: |_| true,
            chance_per_mille: 78,
            least: 1,
            words: MOBILE_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[
            Vector {
                text: "电话⟦13800138000⟧或⟦139-0013-9000⟧",
                source: "numbers known from manuals",
            },
            Vector {
                text: "12800138000, 138001380001, 1380013800, 0.13800138000",
                source: "another beginning; too long; too short; a fraction",
            },
            Vector {
                text: "订单联系电话⟦13800138000⟧, order phone ⟦13800138000⟧, 电话订单号13800138000",
                source: "of several words the last says what it is",
            },
            Vector {
                text: "SKU-13800138000, sku: 13800138000, x13800138000, 1380-013-8000, motel138001380001",
                source: "what only looks like one",
            },
            Vector {
                text: "tel⟦13800138000⟧, my_phone_⟦13800138000⟧b, WX⟦13800138000⟧, tel-⟦13800138000⟧, mobile⟦008613800138000⟧",
                source: "letters touch it and say what it is",
            },
        ],
    },
    Detector {
        id: "cn.mobile",
        title: "mobile number",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::PlusBeforeDigit,
            find: find_mobile_with_country,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦+8613800138000⟧, ⟦+86 138 0013 8000⟧, ⟦+86-13800138000⟧",
                source: "with the country's code",
            },
            Vector {
                text: "1+8613800138000, +8612800138000",
                source: "a sum; no mobile number",
            },
        ],
    },
    Detector {
        id: "cn.mobile",
        title: "mobile number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[15], &[4, 11], &[4, 3, 4, 4]],
            holds: is_mobile_from_abroad,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦008613800138000⟧, mobile=⟦008613800138000⟧, ⟦0086-13800138000⟧, ⟦0086 138 0013 8000⟧",
                source: "with the country's code as it is dialled",
            },
            Vector {
                text: "0086138001380001, 008612800138000, 00861380013800",
                source: "too long; another beginning; too short",
            },
        ],
    },
    Detector {
        id: "cn.resident-id-15",
        title: "resident identity number of the first generation",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[15]],
            holds: is_old_resident_id,
        },
        evidence: Evidence::Words(&[
            "身份证",
            "身份證",
            "证件",
            "resident",
            "id card",
            "idcard",
            "id_card",
            "id_no",
            "idno",
            "sfz",
            "sfzh",
            "sfzhm",
            "zjhm",
            "shenfenzheng",
        ]),
        vectors: &[
            Vector {
                text: "身份证 ⟦110105491231002⟧",
                source: "the annex's number without century and check",
            },
            Vector {
                text: "110105491231002",
                source: "nothing says what it is",
            },
            Vector {
                text: "身份证 110105491331002",
                source: "a thirteenth month",
            },
        ],
    },
    Detector {
        id: "cn.passport",
        title: "passport of the People's Republic",
        subject: Subject::Person,
        form: Form::Word {
            lens: &[9],
            holds: is_passport,
        },
        evidence: Evidence::Words(&["护照", "護照", "passport"]),
        vectors: &[
            Vector {
                text: "护照号码 ⟦E12345678⟧, passport: ⟦EA1234567⟧",
                source: "ordinary, old and new; made up",
            },
            Vector {
                text: "E12345678",
                source: "nothing says what it is",
            },
            Vector {
                text: "护照 X12345678",
                source: "no such kind",
            },
        ],
    },
    Detector {
        id: "cn.travel-permit",
        title: "travel permit for Hong Kong, Macau or Taiwan",
        subject: Subject::Person,
        form: Form::Word {
            lens: &[9, 11],
            holds: is_permit,
        },
        evidence: Evidence::Words(&[
            "通行证",
            "通行證",
            "回乡证",
            "回鄉證",
            "台胞证",
            "台胞證",
            "travel permit",
            "home return",
        ]),
        vectors: &[
            Vector {
                text: "往来港澳通行证：⟦C12345678⟧ 回乡证 ⟦H1234567800⟧",
                source: "made up",
            },
            Vector {
                text: "C12345678",
                source: "nothing says what it is",
            },
        ],
    },
    Detector {
        id: "cn.travel-permit",
        title: "travel permit for Taiwan's residents",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[8]],
            holds: |_| true,
        },
        evidence: Evidence::WordsNext(&["台胞证", "台胞證", "台湾居民来往大陆通行证"]),
        vectors: &[Vector {
            text: "台胞证 ⟦01234567⟧",
            source: "made up",
        }],
    },
    Detector {
        id: "hk.identity-card",
        title: "Hong Kong identity card",
        subject: Subject::Person,
        form: Form::Word {
            lens: &[8, 9],
            holds: is_hong_kong_id,
        },
        evidence: Evidence::Words(&[
            "身份证",
            "身份證",
            "hkid",
            "identity card",
            "香港身份",
            "证件",
        ]),
        vectors: &[
            Vector {
                text: "HKID: ⟦A1234563⟧, 香港身份證 ⟦AB9876543⟧, 香港身份證號碼：⟦A123456(3)⟧ HKID ⟦A123456（3）⟧",
                source: "the known example; made up; the check in brackets",
            },
            Vector {
                text: "HKID: A1234564",
                source: "another check digit",
            },
            Vector {
                text: "A1234563",
                source: "nothing says what it is",
            },
        ],
    },
    Detector {
        id: "tw.national-id",
        title: "identity number of Taiwan",
        subject: Subject::Person,
        form: Form::Word {
            lens: &[10],
            holds: is_taiwan_id,
        },
        evidence: Evidence::Words(&[
            "身分證",
            "身份證",
            "身份证",
            "身分证",
            "统一编号",
            "統一編號",
            "居留證",
            "台湾",
            "台灣",
            "臺灣",
            "national id",
        ]),
        vectors: &[
            Vector {
                text: "身分證字號：⟦A123456789⟧, 居留證 ⟦A800000014⟧",
                source: "the known example; of a foreigner since 2021, made up",
            },
            Vector {
                text: "身分證字號 A123456788, A323456789;\nA123456789",
                source: "another check digit; no such second place; nothing says what it is",
            },
        ],
    },
    Detector {
        id: "cn.wechat",
        title: "WeChat id",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::Prefix("wxid_"),
            find: find_wechat_own,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "wx: ⟦wxid_a1b2c3d4e5f622⟧。",
                source: "as it is given out, made up",
            },
            Vector {
                text: "let wxid_ = 1; my_wxid_a1b2c3d4e5f622; wxid_list",
                source: "program text",
            },
        ],
    },
    Detector {
        id: "cn.wechat",
        title: "WeChat id",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::Prefix("微信"),
            find: |text, at| find_wechat_named(text, at + "微信".len()),
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "微信号：⟦zhang_san-1990⟧，微信 ⟦lisi2020⟧",
                source: "as its owner chose it, made up",
            },
            Vector {
                text: "微信支付 pay_order1, 微信：13800138000, 微信 app, 微信号：1abcdef, 微信 Android",
                source: "no id; a mobile number; too short; a digit first; a word",
            },
        ],
    },
    Detector {
        id: "cn.plate",
        title: "vehicle plate",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::CapitalBehindForeign,
            find: find_plate,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "车牌⟦京A12345⟧，⟦沪A·D12345⟧，⟦粤Z·1234港⟧，⟦闽P-52701⟧",
                source: "ordinary, new energy, cross-border, with a hyphen; made up",
            },
            Vector {
                text: "京ABC是学校，云A12，赛A123456789，京A1234I",
                source: "letters alone; too short; no province; no such letter behind the first",
            },
        ],
    },
    Detector {
        id: "cn.qq",
        title: "QQ number",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[5], &[6], &[7], &[8], &[9], &[10], &[11]],
            holds: |digits| digits.first() != Some(&b'0'),
        },
        evidence: Evidence::WordsNext(&["qq"]),
        vectors: &[
            Vector {
                text: "QQ：⟦12345678⟧",
                source: "made up",
            },
            Vector {
                text: "号 12345678",
                source: "nothing says what it is",
            },
        ],
    },
];

/// GB 11643-1999: a province, a day, and the check of ISO 7064, MOD 11-2.
fn is_resident_id(digits: &[u8]) -> bool {
    is_province(digits) && is_birth(digits.get(6..14)) && checks_11_2(digits)
}

/// The same, with one of three regions that are no place of residence.
fn is_residence_permit(digits: &[u8]) -> bool {
    let is_region = [b"810000", b"820000", b"830000"]
        .iter()
        .any(|region| digits.starts_with(*region));
    is_region && is_birth(digits.get(6..14)) && checks_11_2(digits)
}

/// The form of 2023: 9, province, country in three digits, birth, order, check as above.
fn is_residence_card(digits: &[u8]) -> bool {
    digits.first() == Some(&b'9')
        && digits.get(1..).is_some_and(is_province)
        && is_birth(digits.get(6..14))
        && checks_11_2(digits)
}

fn checks_11_2(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let Some((check, rest)) = digits.split_last() else {
        return false;
    };
    weighted(rest, &WEIGHTS).and_then(|sum| b"10X98765432".get(sum as usize % 11)) == Some(check)
}

/// Six digits of region, year, month and day in two each, and three of order.
fn is_old_resident_id(digits: &[u8]) -> bool {
    let part = |from: usize| digits.get(from..from + 2).and_then(number);
    let birth = match (part(6), part(8), part(10)) {
        (Some(year), Some(month), Some(day)) => is_day(1900 + year, month, day),
        _ => false,
    };
    is_province(digits) && birth
}

fn is_birth(digits: Option<&[u8]>) -> bool {
    let part = |from: usize, to: usize| digits.and_then(|digits| number(digits.get(from..to)?));
    match (part(0, 4), part(4, 6), part(6, 8)) {
        (Some(year), Some(month), Some(day)) => is_day(year, month, day),
        _ => false,
    }
}

/// GB/T 2260: the first two digits are those of a province.
fn is_province(digits: &[u8]) -> bool {
    let province = digits.get(..2).and_then(number);
    province.is_some_and(|province| {
        matches!(province, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
    })
}

fn letters_then_digits(word: &[u8], letters: usize) -> bool {
    word.split_at_checked(letters).is_some_and(|(front, back)| {
        front.iter().all(u8::is_ascii_uppercase) && back.iter().all(u8::is_ascii_digit)
    })
}

/// GB 32100-2015 without its check: department and kind, region, body.
fn has_form_of_credit_code(word: &[u8]) -> bool {
    let is_known = |byte: &u8| credit_value(*byte).is_some();
    // Who registers, and what sort of organisation: the table of GB 32100.
    let is_registered = match (word.first(), word.get(1)) {
        (Some(b'1' | b'5' | b'N'), Some(kind)) => matches!(kind, b'1' | b'2' | b'3' | b'9'),
        (Some(b'9'), Some(kind)) => matches!(kind, b'1'..=b'3'),
        (Some(b'3'), Some(kind)) => matches!(kind, b'1'..=b'5' | b'9'),
        (Some(b'6' | b'7'), Some(kind)) => matches!(kind, b'1' | b'2' | b'9'),
        (Some(b'2' | b'4' | b'8' | b'A'), Some(kind)) => matches!(kind, b'1' | b'9'),
        (Some(b'Y'), Some(kind)) => *kind == b'1',
        _ => false,
    };
    word.len() == 18
        && is_registered
        && word.get(2..8).is_some_and(|region| {
            region.iter().all(u8::is_ascii_digit)
                && (is_province(region) || region.starts_with(b"10"))
        })
        && word.iter().all(is_known)
}

/// The check of GB 32100-2015: MOD 31 over an alphabet without I, O, S, V and Z.
fn is_credit_code(word: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [
        1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28,
    ];
    if !has_form_of_credit_code(word) {
        return false;
    }
    let sum: Option<u32> = word
        .iter()
        .zip(WEIGHTS)
        .map(|(byte, weight)| Some(credit_value(*byte)? * weight))
        .sum();
    let check = word.last().and_then(|byte| credit_value(*byte));
    sum.map(|sum| (31 - sum % 31) % 31) == check
}

/// The same of enterprises, traders, cooperatives, offices and associations: nearly all there are.
fn is_common_credit_code(word: &[u8]) -> bool {
    let is_common = word.starts_with(b"9")
        || word.starts_with(b"11")
        || word.starts_with(b"12")
        || word.starts_with(b"51")
        || word.starts_with(b"52")
        || word.starts_with(b"53");
    is_common && has_form_of_credit_code(word)
}

fn credit_value(byte: u8) -> Option<u32> {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let at = ALPHABET.iter().position(|known| *known == byte)?;
    u32::try_from(at).ok()
}

/// Numbering plan of the MIIT: 13x to 19x.
fn is_mobile(digits: &[u8]) -> bool {
    digits.len() == 11
        && digits.first() == Some(&b'1')
        && matches!(digits.get(1), Some(b'3'..=b'9'))
        && digits.iter().all(u8::is_ascii_digit)
}

/// A mobile number behind 0086.
fn is_mobile_from_abroad(digits: &[u8]) -> bool {
    digits.strip_prefix(b"0086").is_some_and(is_mobile)
}

/// Reads +86 and a mobile number, in one group or in three, behind a blank or a hyphen or nothing.
fn find_mobile_with_country(text: &[u8], at: usize) -> Option<(usize, usize)> {
    if at
        .checked_sub(1)
        .and_then(|before| text.get(before))
        .is_some_and(u8::is_ascii_alphanumeric)
    {
        return None;
    }
    let rest = text.get(at..)?.strip_prefix(b"+86")?;
    let mut digits = Vec::with_capacity(11);
    let mut len = 0;
    for (place, byte) in rest.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits.push(*byte);
                len = place + 1;
            }
            b' ' | b'-' if place == len && matches!(digits.len(), 0 | 3 | 7) => {}
            _ => break,
        }
        if digits.len() > 11 {
            return None;
        }
    }
    is_mobile(&digits).then_some((at, at + 3 + len))
}

/// GA 36-2018: kinds E, G, D, S, P, K with eight digits, or E with a letter and seven.
fn is_passport(word: &[u8]) -> bool {
    let kind = word.first();
    (letters_then_digits(word, 1) && matches!(kind, Some(b'E' | b'G' | b'D' | b'S' | b'P' | b'K')))
        || (letters_then_digits(word, 2) && kind == Some(&b'E'))
}

fn is_permit(word: &[u8]) -> bool {
    let kind = word.first();
    match word.len() {
        9 => {
            (letters_then_digits(word, 1)
                && matches!(kind, Some(b'C' | b'W' | b'H' | b'M' | b'T' | b'L')))
                || (letters_then_digits(word, 2) && matches!(kind, Some(b'C' | b'W')))
        }
        _ => letters_then_digits(word, 1) && matches!(kind, Some(b'H' | b'M')),
    }
}

/// One or two letters, six digits, and a check by 11: a blank stands for a missing letter and counts 36.
fn is_hong_kong_id(word: &[u8]) -> bool {
    let letters = word.len().saturating_sub(7);
    let value = |byte: u8| match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'Z' => Some(u32::from(byte - b'A') + 10),
        _ => None,
    };
    let is_formed = word.split_at_checked(letters).is_some_and(|(front, back)| {
        front.iter().all(u8::is_ascii_uppercase)
            && back
                .get(..6)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
            && back
                .last()
                .is_some_and(|check| check.is_ascii_digit() || *check == b'A')
    });
    if !is_formed || !(1..=2).contains(&letters) {
        return false;
    }
    let blank = if letters == 1 { 36 * 9 } else { 0 };
    let weights = (1..=word.len()).rev();
    let sum: Option<usize> = word
        .iter()
        .zip(weights)
        .map(|(byte, weight)| Some(value(*byte)? as usize * weight))
        .sum();
    sum.is_some_and(|sum| (sum + blank) % 11 == 0)
}

/// A letter for a place, sex or sort, seven digits and a check by 10; the letter stands for two digits.
fn is_taiwan_id(word: &[u8]) -> bool {
    // Places were named as their letters came up.
    const LETTERS: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let Some((letter, digits)) = word.split_first() else {
        return false;
    };
    let Some(place) = LETTERS.iter().position(|known| known == letter) else {
        return false;
    };
    let Ok(value) = u32::try_from(place + 10) else {
        return false;
    };
    let is_known = matches!(digits.first(), Some(b'1' | b'2' | b'8' | b'9'));
    let sum = weighted(digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    is_known && sum.is_some_and(|sum| (value / 10 + value % 10 * 9 + sum).is_multiple_of(10))
}

/// Reads an id of WeChat as it is given out.
fn find_wechat_own(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return None;
    }
    let own = text.get(at + "wxid_".len()..)?;
    let is_in = |byte: &&u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let len = own.iter().take(32).take_while(is_in).count();
    let is_longer = own
        .get(len)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    ((10..=20).contains(&len) && !is_longer).then_some((at, at + "wxid_".len() + len))
}

/// Reads an id of WeChat behind what says so: six to twenty letters, digits, hyphens and underscores, a letter first. What is only
/// letters is a word.
fn find_wechat_named(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const BETWEEN: [&str; 9] = ["号码", "号", "ID", "id", "：", ":", "是", " ", "为"];
    let mut start = at;
    for _ in 0..4 {
        let rest = text.get(start..)?;
        match BETWEEN
            .iter()
            .find(|word| rest.starts_with(word.as_bytes()))
        {
            Some(word) => start += word.len(),
            None => break,
        }
    }
    let id = text.get(start..)?;
    let is_in = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let len = id.iter().take(21).take_while(is_in).count();
    let own = id.get(..len)?;
    let is_named = own.first().is_some_and(u8::is_ascii_alphabetic)
        && own.iter().any(|byte| !byte.is_ascii_alphabetic());
    let is_own = own.starts_with(b"wxid_");
    (start > at && (6..=20).contains(&len) && is_named && !is_own).then_some((start, start + len))
}

/// GA 36-2018: a province, a letter, perhaps a dot or a hyphen, five characters, or six for new energy; the last may be
/// one of a few words.
fn find_plate(text: &[u8], letter: usize) -> Option<(usize, usize)> {
    const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使";
    const LAST: [&str; 5] = ["港", "澳", "学", "警", "领"];
    const BETWEEN: [&str; 4] = ["·", "•", "-", " "];
    let start = letter.checked_sub(3)?;
    let province = str::from_utf8(text.get(start..letter)?).ok()?;
    if province.chars().count() != 1 || !PROVINCES.contains(province) {
        return None;
    }
    let is_plain =
        |byte: &u8| matches!(byte, b'A'..=b'H' | b'J'..=b'N' | b'P'..=b'Z' | b'0'..=b'9');
    let mut at = letter + 1;
    let rest = text.get(at..)?;
    if let Some(between) = BETWEEN
        .iter()
        .find(|between| rest.starts_with(between.as_bytes()))
    {
        at += between.len();
    }
    let body = text.get(at..)?;
    let mut len = body
        .iter()
        .take(7)
        .take_while(|byte| is_plain(byte))
        .count();
    let digits = body
        .iter()
        .take(len)
        .filter(|byte| byte.is_ascii_digit())
        .count();
    let last = body
        .get(len..)
        .and_then(|rest| LAST.iter().find(|last| rest.starts_with(last.as_bytes())));
    let count = len + usize::from(last.is_some());
    len += last.map_or(0, |last| last.len());
    let is_longer = last.is_none() && body.get(len).is_some_and(u8::is_ascii_alphanumeric);
    ((count == 5 || count == 6) && digits >= 3 && !is_longer).then_some((start, at + len))
}
