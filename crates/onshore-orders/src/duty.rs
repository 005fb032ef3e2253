//! Duties that begin with a number of persons. What an export asks for before it goes is the rule pack's; what it has come to since
//! the first of January is told here.

use crate::Language;
use crate::records::Organisation;

/// A duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duty {
    /// What it is called.
    pub what: &'static str,
    /// What it asks for.
    pub text: &'static str,
    /// The same in Chinese.
    pub text_zh: &'static str,
    /// Where that is known from.
    pub source: &'static str,
    /// The same in Chinese.
    pub source_zh: &'static str,
    /// Who is counted for it.
    pub of: Counted,
    /// The fewest persons with which it begins.
    pub from: u64,
    /// Whether it is of those alone who operate critical information infrastructure, or of those alone who do not; none where that
    /// makes no difference.
    pub critical: Option<bool>,
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Everybody whose data is held.
    Held,
    /// Those of whom something has left since the first of January, and nothing sensitive.
    Exported,
    /// Those of whom something sensitive has left since the first of January.
    ExportedSensitive,
}

/// How many persons there are of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Whose data is held.
    pub held: u64,
    /// Of whom something has left since the first of January, and nothing sensitive.
    pub exported: u64,
    /// Of whom something sensitive has left since then.
    pub exported_sensitive: u64,
    /// Whether whoever is counted operates critical information infrastructure.
    pub is_critical: bool,
}

/// All duties, with those who are held first.
pub const DUTIES: &[Duty] = &[
    Duty {
        what: "storage-at-home",
        text: "store personal data in the country",
        text_zh: "在境内存储个人信息",
        source: "PIPL article 40",
        source_zh: "《个人信息保护法》第四十条",
        of: Counted::Held,
        from: 1_000_000,
        critical: Some(false),
    },
    Duty {
        what: "critical-storage-at-home",
        text: "store personal data and important data in the country, however few persons there are",
        text_zh: "无论人数多少，均须在境内存储个人信息和重要数据",
        source: "CSL article 39 (37 before 2026) and PIPL article 40",
        source_zh: "《网络安全法》第三十九条（2026年以前为第三十七条）、《个人信息保护法》第四十条",
        of: Counted::Held,
        from: 1,
        critical: Some(true),
    },
    Duty {
        what: "protection-officer",
        text: "name an officer for personal data and report that within 30 working days",
        text_zh: "指定个人信息保护负责人，并在三十个工作日内报送",
        source: "PIPL article 52",
        source_zh: "《个人信息保护法》第五十二条",
        of: Counted::Held,
        from: 1_000_000,
        critical: None,
    },
    Duty {
        what: "listing-review",
        text: "file for a review before listing abroad",
        text_zh: "赴国外上市前申报网络安全审查",
        source: "Cybersecurity Review Measures article 7",
        source_zh: "《网络安全审查办法》第七条",
        of: Counted::Held,
        from: 1_000_001,
        critical: None,
    },
    Duty {
        what: "audit",
        text: "have the handling of personal data audited every two years",
        text_zh: "每两年对个人信息处理活动进行合规审计",
        source: "Measures for personal data audits",
        source_zh: "《个人信息保护合规审计管理办法》",
        of: Counted::Held,
        from: 10_000_001,
        critical: None,
    },
    Duty {
        what: "important-data-duties",
        text: "fulfil the duties of whoever handles important data, with a yearly risk assessment",
        text_zh: "履行重要数据处理者的义务，每年开展风险评估",
        source: "Network Data Regulations article 28",
        source_zh: "《网络数据安全管理条例》第二十八条",
        of: Counted::Held,
        from: 10_000_001,
        critical: None,
    },
    Duty {
        what: "export-contract",
        text: "file the standard contract within 10 working days, or be certified",
        text_zh: "在十个工作日内备案标准合同，或者通过认证",
        source: "Order 16 articles 5(4) and 8(1)",
        source_zh: "《促进和规范数据跨境流动规定》第五条第四项、第八条",
        of: Counted::Exported,
        from: 100_000,
        critical: Some(false),
    },
    Duty {
        what: "export-assessment",
        text: "declare a security assessment to the cyberspace administration",
        text_zh: "向网信部门申报数据出境安全评估",
        source: "Order 16 article 7(2)",
        source_zh: "《促进和规范数据跨境流动规定》第七条第二项",
        of: Counted::Exported,
        from: 1_000_000,
        critical: Some(false),
    },
    Duty {
        what: "sensitive-export-contract",
        text: "file the standard contract within 10 working days, or be certified",
        text_zh: "在十个工作日内备案标准合同，或者通过认证",
        source: "Order 16 article 8(2)",
        source_zh: "《促进和规范数据跨境流动规定》第八条",
        of: Counted::ExportedSensitive,
        from: 1,
        critical: Some(false),
    },
    Duty {
        what: "sensitive-export-assessment",
        text: "declare a security assessment to the cyberspace administration",
        text_zh: "向网信部门申报数据出境安全评估",
        source: "Order 16 article 7(2)",
        source_zh: "《促进和规范数据跨境流动规定》第七条第二项",
        of: Counted::ExportedSensitive,
        from: 10_000,
        critical: Some(false),
    },
    Duty {
        what: "critical-export-assessment",
        text: "declare a security assessment to the cyberspace administration, however few persons there are",
        text_zh: "无论人数多少，均须向网信部门申报数据出境安全评估",
        source: "Order 16 article 7(1)",
        source_zh: "《促进和规范数据跨境流动规定》第七条第一项",
        of: Counted::Exported,
        from: 1,
        critical: Some(true),
    },
    Duty {
        what: "critical-sensitive-export-assessment",
        text: "declare a security assessment to the cyberspace administration, however few persons there are",
        text_zh: "无论人数多少，均须向网信部门申报数据出境安全评估",
        source: "Order 16 article 7(1)",
        source_zh: "《促进和规范数据跨境流动规定》第七条第一项",
        of: Counted::ExportedSensitive,
        from: 1,
        critical: Some(true),
    },
];

impl Duty {
    /// Returns what it asks for, in a language.
    #[must_use]
    pub fn text_in(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.text,
            Language::Zh => self.text_zh,
        }
    }

    /// Returns where it is known from, in a language.
    #[must_use]
    pub fn source_in(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.source,
            Language::Zh => self.source_zh,
        }
    }
}

impl Counted {
    /// Returns what is counted, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Held => "persons held",
            Self::Exported => "persons exported since 1 January",
            Self::ExportedSensitive => {
                "persons of whom something sensitive was exported since 1 January"
            }
        }
    }

    /// Returns what is counted, in a language.
    #[must_use]
    pub fn words_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, _) => self.words(),
            (Language::Zh, Self::Held) => "所持有个人信息的人数",
            (Language::Zh, Self::Exported) => "自一月一日起出境的人数",
            (Language::Zh, Self::ExportedSensitive) => "自一月一日起敏感个人信息出境的人数",
        }
    }

    /// Whether it is counted anew from each first of January on.
    #[must_use]
    pub fn is_yearly(self) -> bool {
        match self {
            Self::Held => false,
            Self::Exported | Self::ExportedSensitive => true,
        }
    }
}

impl Counts {
    /// Returns how many there are of one.
    #[must_use]
    pub fn of(self, counted: Counted) -> u64 {
        match counted {
            Counted::Held => self.held,
            Counted::Exported => self.exported,
            Counted::ExportedSensitive => self.exported_sensitive,
        }
    }
}

/// Returns the duty of a name.
#[must_use]
pub fn duty(what: &str) -> Option<&'static Duty> {
    DUTIES.iter().find(|duty| duty.what == what)
}

/// Returns the duties that begin with so many persons.
pub fn begun(counts: Counts) -> impl Iterator<Item = &'static Duty> {
    DUTIES.iter().filter(move |duty| {
        let is_of_them = duty.critical.is_none_or(|is| is == counts.is_critical);
        is_of_them && counts.of(duty.of) >= duty.from
    })
}

/// Returns the duties that an organisation has by how many persons' data its record says it has, and by what it operates.
pub fn duties(organisation: &Organisation) -> impl Iterator<Item = &'static Duty> {
    begun(Counts {
        held: organisation.users.unwrap_or_default(),
        is_critical: organisation.critical_infrastructure,
        ..Counts::default()
    })
}
