//! What only a whole column tells: one value that looks like a name is none, a column of them is.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::detector::{ColumnDetector, Subject, Without};

pub(crate) const COLUMNS: &[ColumnDetector] = &[
    ColumnDetector {
        id: "cn.name",
        title: "names of persons",
        subject: Subject::Person,
        header: &[
            "姓名",
            "名字",
            "name",
            "客户",
            "联系人",
            "收件人",
            "收货人",
            "户主",
            "法人",
            "学生",
            "患者",
            "员工",
        ],
        against: &[],
        without: Without::Enough,
        holds: is_name,
        vectors: &[
            "张伟",
            "欧阳娜娜",
            "王小明",
            "李雷",
            "司马光",
            "陳志豪",
            "阿卜杜拉·买买提",
        ],
        not: &[
            "张",
            "红色的",
            "订单编号",
            "Zhang Wei",
            "王小明先生",
            "12",
            "",
            "仓库一号",
            "公司",
            "时间戳",
            "车牌",
        ],
    },
    ColumnDetector {
        id: "cn.address",
        title: "addresses",
        subject: Subject::Person,
        header: &["地址", "住址", "address", "住所", "籍贯", "户籍"],
        against: &[],
        without: Without::Enough,
        holds: is_address,
        vectors: &[
            "北京市朝阳区建国路88号",
            "广东省深圳市南山区科技园2栋301室",
            "浙江省杭州市西湖区文三路",
            "上海市浦东新区世纪大道100号",
            "广东深圳南山区科技园2栋",
            "海南省广州县牧野龙街O座 415868",
            "44285 頭份市新生路4號9樓",
            "連江民族街15號4樓",
            "文三路138号",
        ],
        not: &[
            "北京",
            "路由器",
            "建国路",
            "市场部",
            "号码",
            "省钱",
            "http://example.cn/路",
            "2号线",
            "路由器3号",
        ],
    },
    ColumnDetector {
        id: "name",
        title: "names of persons",
        subject: Subject::Person,
        header: &[
            "name",
            "surname",
            "vorname",
            "nachname",
            "prénom",
            "prenom",
            "nom",
            "nombre",
            "apellido",
            "nome",
            "cognome",
            "voornaam",
            "achternaam",
            "naam",
            "imię",
            "imie",
            "nazwisko",
            "patient",
            "employee",
            "customer",
            "recipient",
            "contact",
            "kunde",
            "client",
            "cliente",
            "klant",
            "klient",
            "passenger",
            "beneficiar",
            "bénéficiaire",
            "holder",
            "guest",
            "owner",
            "applicant",
            "insured",
            "attendee",
            "participant",
            "inhaber",
            "empfänger",
            "ansprechpartner",
            "mitarbeiter",
            "versichert",
            "titulaire",
            "destinataire",
            "salarié",
            "titular",
            "destinatario",
            "empleado",
            "paciente",
            "intestatario",
            "dipendente",
            "nominativo",
            "paziente",
            "rekeninghouder",
            "medewerker",
            "ontvanger",
            "pracownik",
            "odbiorca",
            "posiadacz",
        ],
        against: &[
            "file",
            "host",
            "product",
            "company",
            "user",
            "table",
            "column",
            "field",
            "city",
            "country",
            "state",
            "brand",
            "domain",
            "class",
            "event",
            "item",
            "tag",
            "bank",
            "school",
            "department",
            "project",
            "app",
            "service",
            "server",
            "bucket",
            "object",
            "street",
            "firm",
            "number",
            "nummer",
            "type",
            "phone",
            "mail",
            "date",
            "article",
            "species",
            "place",
            "shop",
            "store",
            "vendor",
            "supplier",
            "step",
            "job",
            "model",
            "sheet",
            "font",
            "style",
            "color",
            "colour",
            "theme",
            "team",
            "language",
            "currency",
            "hotel",
            "produkt",
            "produit",
            "producto",
            "prodotto",
            "projekt",
            "projet",
            "proyecto",
            "progetto",
            "firma",
            "firmen",
            "unternehmen",
            "société",
            "empresa",
            "azienda",
            "bedrijf",
            "stadt",
            "ortsname",
            "ville",
            "ciudad",
            "città",
            "plaats",
            "miasto",
            "pays",
            "país",
            "paese",
            "sprache",
            "langue",
            "idioma",
            "lingua",
            "marke",
            "marque",
            "marca",
        ],
        without: Without::Nothing,
        holds: is_western_name,
        vectors: &[
            "Karsten Wieloch-Bolnbach",
            "Isabella Siering MBA.",
            "Lex van Vliet",
            "Stéphanie Georges",
            "pan Marek Narożna",
            "O'Brien",
            "J. R. Smith",
            "SMITH JOHN",
        ],
        not: &[
            "",
            "12",
            "report.pdf",
            "www.example.com",
            "Otto GmbH",
            "Smith & Sons",
            "a red cup",
            "Miller Ltd",
            "Row 7",
            "X",
        ],
    },
    ColumnDetector {
        id: "address",
        title: "addresses",
        subject: Subject::Person,
        header: &[
            "address",
            "street",
            "adresse",
            "straße",
            "strasse",
            "anschrift",
            "rue",
            "calle",
            "dirección",
            "direccion",
            "domicilio",
            "indirizzo",
            "adres",
            "straat",
            "ulica",
            "residence",
            "residenza",
            "domicile",
            "wohnsitz",
        ],
        against: &["mail", "url", "wallet", "memory", "host"],
        without: Without::Nothing,
        holds: is_western_address,
        vectors: &[
            "743 Rachel Burgs",
            "Oderwaldstr. 8533",
            "rue Manon Bruneau",
            "avenue Julie Ledoux 12",
            "Vicolo Accardo, 4 Piano 0",
            "Gielpad 868",
            "ul. Parkowa 80/63",
            "Pasaje Ana Sofía Guijarro 43",
        ],
        not: &[
            "",
            "12",
            "London",
            "a@b.com",
            "10.0.0.1",
            "00:1b:44:11:3a:b7",
            "0x7ffe 12",
        ],
    },
    ColumnDetector {
        id: "cn.wechat",
        title: "WeChat id",
        subject: Subject::Person,
        header: &["微信", "wechat", "weixin"],
        against: &["支付", "pay"],
        without: Without::Nothing,
        holds: is_wechat_id,
        vectors: &["zhang_san-1990", "wxid_a1b2c3d4e5f622", "lisi2020"],
        not: &["", "1abcdef", "abc", "13800138000", "two words", "a@b.cn"],
    },
    ColumnDetector {
        id: "medical",
        title: "what is said of health",
        subject: Subject::Person,
        header: &[
            "诊断",
            "病历",
            "病史",
            "疾病",
            "病症",
            "症状",
            "处方",
            "用药",
            "血型",
            "过敏",
            "体检",
            "diagnos",
            "disease",
            "medical",
            "prescription",
            "medication",
            "blood_type",
            "blood type",
            "bloodtype",
            "allerg",
            "symptom",
            "krankheit",
            "befund",
        ],
        against: &["company", "price", "medical_device"],
        without: Without::Nothing,
        holds: says_something,
        vectors: &["2型糖尿病", "E11.9", "A+"],
        not: &["", "-", "无", "null"],
    },
    ColumnDetector {
        id: "biometric",
        title: "biometric features",
        subject: Subject::Person,
        header: &[
            "指纹",
            "人脸",
            "虹膜",
            "声纹",
            "掌纹",
            "fingerprint",
            "face_embedding",
            "faceembedding",
            "face_feature",
            "faceprint",
            "iris",
            "voiceprint",
            "biometric",
        ],
        // Keys and files have fingerprints too.
        against: &[
            "key", "cert", "ssh", "gpg", "sha", "md5", "file", "host", "browser", "device",
        ],
        without: Without::Nothing,
        holds: is_feature,
        vectors: &["AAECAwQFBgc=", "0.12;0.98"],
        not: &["", "-", "无", "null", "d41d8cd98f00b204e9800998ecf8427e"],
    },
    ColumnDetector {
        id: "religion",
        title: "belief",
        subject: Subject::Person,
        header: &["宗教", "信仰", "religio", "faith", "konfession"],
        against: &[],
        without: Without::Nothing,
        holds: says_something,
        vectors: &["佛教", "none"],
        not: &["", "-", "无", "null"],
    },
];

/// What the provinces are called in short.
const PROVINCES: &[&str] = &[
    "北京",
    "天津",
    "上海",
    "重庆",
    "河北",
    "山西",
    "辽宁",
    "吉林",
    "黑龙江",
    "江苏",
    "浙江",
    "安徽",
    "福建",
    "江西",
    "山东",
    "河南",
    "湖北",
    "湖南",
    "广东",
    "广西",
    "海南",
    "四川",
    "贵州",
    "云南",
    "西藏",
    "陕西",
    "甘肃",
    "青海",
    "宁夏",
    "新疆",
    "内蒙古",
    "台湾",
    "臺灣",
    "香港",
    "澳门",
    "澳門",
];

/// Words of two or three characters that begin as names do.
const NOT_NAMES: &[&str] = &[
    "公司",
    "金额",
    "时间",
    "时间戳",
    "车牌",
    "国家",
    "国籍",
    "文件",
    "文件名",
    "方式",
    "项目",
    "温度",
    "容量",
    "常用",
    "安全",
    "成绩",
    "成本",
    "年级",
    "强度",
    "原因",
    "权限",
    "关系",
    "利率",
    "计划",
    "计数",
    "管理",
    "信息",
    "信用",
    "通知",
    "通话",
    "任务",
    "余额",
    "高度",
    "毛重",
    "平台",
    "平均",
    "水平",
    "马上",
    "石油",
    "江苏",
    "安徽",
    "云南",
    "甘肃",
    "贵州",
    "华为",
    "山东",
    "山西",
    "江西",
    "湖南",
    "党员",
    "经理",
    "顾问",
    "司机",
    "车辆",
    "商品",
    "包装",
    "路径",
    "步骤",
    "应用",
    "程序",
    "金色",
    "黄色",
    "蓝色",
    "白银",
    "黄金",
    "古巴",
    "钱包",
    "花费",
    "支付",
    "储存",
    "居住",
    "祖国",
    "和平",
    "向量",
    "支持",
    "段落",
    "万元",
    "张数",
    "强制",
];

static ARE_NOT_NAMES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| NOT_NAMES.iter().copied().collect());

/// Words in names that are written small, or are no names.
const PARTICLES: &[&str] = &[
    "van", "von", "de", "der", "den", "del", "della", "di", "da", "dos", "du", "la", "le", "el",
    "y", "e", "af", "ten", "ter", "zu", "zur", "pan", "pani", "bin", "ibn", "al",
];
/// What companies and offices are called by, and persons not.
const COMPANIES: &[&str] = &[
    "gmbh",
    "ag",
    "kg",
    "ohg",
    "ltd",
    "inc",
    "llc",
    "plc",
    "corp",
    "corporation",
    "company",
    "co",
    "group",
    "spa",
    "srl",
    "bv",
    "nv",
    "sas",
    "sarl",
    "sons",
    "and",
    "und",
    "et",
    "fundacja",
    "stichting",
    "industrias",
    "university",
    "bank",
    "hospital",
    "street",
    "road",
    "engineer",
    "manager",
    "officer",
];
/// What streets are called.
const STREETS: &[&str] = &[
    "street",
    "road",
    "avenue",
    "lane",
    "drive",
    "boulevard",
    "square",
    "rue",
    "place",
    "chemin",
    "impasse",
    "allée",
    "quai",
    "calle",
    "avenida",
    "plaza",
    "paseo",
    "camino",
    "carrer",
    "via",
    "viale",
    "piazza",
    "corso",
    "vicolo",
    "strada",
    "largo",
    "ulica",
    "ul",
    "aleja",
    "al",
    "plac",
    "pl",
    "osiedle",
    "os",
];

/// The most common family names, of which over nine in ten persons have one.
const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟\
    姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武戚莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷\
    詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦\
    麦褚娄窦戎岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚\
    鄢劳谌奚皮粟冼蔺楼盘满闻位厉伊仝区郜海阚花权强帅屠豆朴盖练廉禹井祖漆巴丰支卿国狄平计索宣晋相初门云容敬来扈晁芮都普阙浦戈伏鹿薄邸雍辜羊阿乌母裘亓修邰赫杭况那\
    宿鲜印逯隆茹诺战慕危玉银亢嵇公哈湛宾戎勾茅利於呼居揭干但尉冶斯元束檀衣信展阴昝智幸奉植衡富尧闭由";
/// Those of them that are written otherwise in Hong Kong, Macau and Taiwan.
const TRADITIONAL_SURNAMES: &str = "陳黃張劉楊吳趙許鄭謝葉蘇呂賴蕭蔣鄧馮羅盧鍾簡莊顏龔嚴萬湯聶賀顧齊龍閻譚錢韓陸鄒孫馬賈範薑餘連塗歐遊溫甯諸";
const DOUBLE_SURNAMES: &[&str] = &[
    "欧阳", "上官", "司马", "诸葛", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "东方",
    "长孙", "宇文", "端木", "申屠", "南宫", "独孤",
];

/// The family names of one character.
static FAMILY_NAMES: LazyLock<Characters> = LazyLock::new(|| {
    Characters::of(
        [SURNAMES, TRADITIONAL_SURNAMES]
            .into_iter()
            .flat_map(str::chars),
    )
});

/// Some characters of Chinese, a bit for each that there is in its common block.
#[derive(Debug)]
struct Characters(Vec<u64>);

impl Characters {
    const FIRST: u32 = 0x4E00;

    fn of(letters: impl Iterator<Item = char>) -> Self {
        let mut bits = Vec::new();
        for letter in letters {
            if let Some((word, bit)) = Self::place(letter) {
                if bits.len() <= word {
                    bits.resize(word + 1, 0);
                }
                if let Some(bits) = bits.get_mut(word) {
                    *bits |= bit;
                }
            }
        }
        Self(bits)
    }

    fn has(&self, letter: char) -> bool {
        Self::place(letter)
            .and_then(|(word, bit)| Some(self.0.get(word)? & bit != 0))
            .unwrap_or(false)
    }

    fn place(letter: char) -> Option<(usize, u64)> {
        let place = u32::from(letter).checked_sub(Self::FIRST)?;
        Some(((place / 64) as usize, 1 << (place % 64)))
    }
}

fn is_han(letter: char) -> bool {
    matches!(letter, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}')
}

/// A family name of one character and a given name of one or two, or of two and one or two.
fn is_name(value: &str) -> bool {
    // What names are not made of.
    const NEVER: &str = "的了是在和与或及不单号码编类型部门市省县区路街室元个件箱瓶色";
    // No longer name has no dot.
    const LEN_MAX: usize = 12;
    let Some(first) = value.chars().next().filter(|first| is_han(*first)) else {
        return false;
    };
    // Of other peoples of the country: parts with a dot between them.
    if let Some((one, other)) = value.split_once('·') {
        let is_part = |part: &str| part.chars().all(|letter| is_han(letter) || letter == '·');
        let is_fit = |part: &str| (2..=12).contains(&part.chars().count());
        return [one, other]
            .iter()
            .all(|part| is_part(part) && is_fit(part));
    }
    if value.len() > LEN_MAX {
        return false;
    }
    let letters = value.chars().count();
    let has_double = || DOUBLE_SURNAMES.iter().any(|name| value.starts_with(name));
    let is_named = ((2..=3).contains(&letters) && FAMILY_NAMES.has(first))
        || ((3..=4).contains(&letters) && has_double());
    is_named
        && !ARE_NOT_NAMES.contains(value)
        && value
            .chars()
            .all(|letter| is_han(letter) && !NEVER.contains(letter))
}

/// As its owner may choose it: six to twenty letters, digits, hyphens and underscores, a letter first.
fn is_wechat_id(value: &str) -> bool {
    (6..=20).contains(&value.len())
        && value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Anything but what stands for nothing.
fn says_something(value: &str) -> bool {
    const NOTHING: &[&str] = &[
        "-",
        "--",
        "/",
        "无",
        "null",
        "NULL",
        "none given",
        "n/a",
        "N/A",
    ];
    !value.is_empty() && !NOTHING.contains(&value)
}

/// The same, and no checksum: files and browsers are said to have fingerprints, too.
fn is_feature(value: &str) -> bool {
    let is_checksum =
        matches!(value.len(), 32 | 40 | 64) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    says_something(value) && !is_checksum
}

/// A division of the country, and behind it something smaller or a street; or a street with a number. A code of the post may
/// stand before it.
fn is_address(value: &str) -> bool {
    let value = value.trim_start_matches(|sign: char| sign.is_ascii_digit() || sign == ' ');
    if !value.chars().next().is_some_and(is_han) {
        return false;
    }
    let is_street = |sign: char| matches!(sign, '路' | '街' | '巷' | '弄' | '道');
    // Where what begins behind a place names something smaller, or a street.
    let is_next = |from: usize| {
        let rest = value.get(from..).unwrap_or_default();
        let mut before = None;
        rest.chars().enumerate().any(|(at, sign)| {
            let is_avenue = sign == '道' && before == Some('大');
            let is_smaller = matches!(
                sign,
                '市' | '区' | '區' | '县' | '縣' | '镇' | '鎮' | '乡' | '鄉' | '村' | '号' | '號'
            );
            before = Some(sign);
            at > 0 && (is_smaller || is_avenue || (is_street(sign) && sign != '道'))
        })
    };
    // Where the first division of the country ends.
    let divided = value.char_indices().skip(1).find_map(|(at, sign)| {
        let before = value.get(..at).unwrap_or_default();
        let is_division = match sign {
            '省' | '市' | '县' | '縣' => true,
            '区' => ["自治", "特别行政"]
                .iter()
                .any(|kind| before.ends_with(kind)),
            '州' => before.ends_with("自治"),
            _ => false,
        };
        is_division.then_some(at + sign.len_utf8())
    });
    let divided = divided.or_else(|| {
        let province = PROVINCES.iter().find(|name| value.starts_with(**name));
        province.map(|name| name.len())
    });
    divided.is_some_and(is_next) || is_numbered_street(value, is_street)
}

/// A street of two characters or more, and behind it the number of a house.
fn is_numbered_street(value: &str, is_street: impl Fn(char) -> bool) -> bool {
    let street = value
        .char_indices()
        .skip(2)
        .find(|(_, sign)| is_street(*sign));
    let behind = street.and_then(|(at, sign)| value.get(at + sign.len_utf8()..));
    behind.is_some_and(|behind| {
        let number = behind.find(['号', '號']);
        let before = number.and_then(|at| behind.get(..at));
        before.is_some_and(|before| before.ends_with(|sign: char| sign.is_ascii_digit()))
    })
}

/// One to five words with a capital first, and small ones between them; no digit, and nothing that companies are called by.
fn is_western_name(value: &str) -> bool {
    const LEN_MAX: usize = 60;
    let is_sign = |letter: char| letter.is_alphabetic() || matches!(letter, '-' | '\'' | '’' | '.');
    let is_word = |word: &str| {
        let own = word.trim_end_matches(['.', ',']);
        let is_capital = own.chars().next().is_some_and(char::is_uppercase);
        own.chars().all(is_sign)
            && (is_capital || PARTICLES.contains(&own) || own.starts_with("d'"))
    };
    let is_company = |word: &str| {
        let letters = word.chars().filter(|letter| letter.is_alphabetic());
        let own: String = letters.flat_map(char::to_lowercase).collect();
        COMPANIES.contains(&own.as_str())
    };
    // A host has a dot within it, initials have one behind each letter.
    let is_host = |word: &str| word.trim_end_matches('.').contains('.') && word.len() > 6;
    let words = value.split_whitespace();
    (2..=LEN_MAX).contains(&value.chars().count())
        && (1..=5).contains(&words.clone().count())
        && value.chars().any(char::is_uppercase)
        && words
            .clone()
            .all(|word| is_word(word) && !is_company(word) && !is_host(word))
}

/// Words and a number of a house among them, or a word that streets are called.
fn is_western_address(value: &str) -> bool {
    const LEN_MAX: usize = 160;
    let words = value
        .split([' ', ',', '\n'])
        .filter(|word| !word.is_empty());
    let is_number = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_digit())
            && word.len() <= 8
            && !word.contains([':', '.'])
    };
    let is_name = |word: &str| {
        word.chars().count() > 2
            && word
                .chars()
                .all(|letter| letter.is_alphabetic() || matches!(letter, '.' | '-' | '\''))
    };
    let is_street = |word: &str| {
        let own = word.trim_end_matches('.').to_lowercase();
        STREETS.contains(&own.as_str())
    };
    value.chars().count() <= LEN_MAX
        && !value.chars().any(is_han)
        && words.clone().count() >= 2
        && words.clone().any(is_name)
        && words.clone().any(|word| is_number(word) || is_street(word))
}

#[cfg(test)]
mod tests {
    use super::COLUMNS;

    #[test]
    fn every_column_knows_its_own() {
        for column in COLUMNS {
            for value in column.vectors {
                assert!((column.holds)(value), "{} {value}", column.id);
            }
            for value in column.not {
                assert!(!(column.holds)(value), "{} {value}", column.id);
            }
        }
    }
}
