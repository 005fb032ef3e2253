//! The fifteen templates: which columns each has, which of them are needed always, of which form they are, and what they refer to. What
//! is needed under conditions, the authority's own rules ask.

/// The templates, as a file that is read.
const TEMPLATES: &str = include_str!("templates.txt");

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its code, such as `B_02.01`.
    pub code: &'static str,
    /// What it lists.
    pub title: &'static str,
    /// Its columns.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its code, such as `c0010`.
    pub code: &'static str,
    /// Whether it is needed.
    pub need: Need,
    /// Of which form it is.
    pub form: Form,
    /// In which template and column its value must be.
    pub refers: Option<(&'static str, &'static str)>,
}

/// Whether a column is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It is part of what makes a row one of its own.
    Key,
    /// It is needed.
    Must,
    /// It may be empty.
    May,
}

/// Of which form a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// A legal entity identifier.
    Lei,
    /// A day, such as 2025-12-31.
    Date,
    /// A code of a list, such as `eba_CT:x12`.
    Code,
    /// A country: `eba_GA:` and ISO 3166-1.
    Country,
    /// Money: `eba_CU:` and ISO 4217.
    Currency,
    /// A number.
    Number,
}

impl Template {
    /// Returns the name of its file.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{}.csv", self.code.to_ascii_lowercase())
    }

    /// Returns the place of a column.
    #[must_use]
    pub fn place(&self, code: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.code == code)
    }
}

/// Returns all templates in their order.
#[must_use]
pub fn templates() -> Vec<Template> {
    let mut all: Vec<Template> = Vec::new();
    for line in TEMPLATES.lines() {
        match (line.split_once(' '), all.last_mut()) {
            (Some((code, rest)), Some(template)) if code.starts_with('c') => {
                template.columns.push(column(code, rest));
            }
            (Some((code, title)), _) => all.push(Template {
                code,
                title,
                columns: Vec::new(),
            }),
            (None, _) => {}
        }
    }
    all
}

fn column(code: &'static str, rest: &'static str) -> Column {
    let (what, refers) = match rest.split_once(" -> ") {
        Some((what, target)) => (what, target.rsplit_once('.')),
        None => (rest, None),
    };
    let (need, form) = what.split_once(' ').unwrap_or((what, ""));
    Column {
        code,
        need: match need {
            "key" => Need::Key,
            "must" => Need::Must,
            _ => Need::May,
        },
        form: match form {
            "lei" => Form::Lei,
            "date" => Form::Date,
            "code" => Form::Code,
            "country" => Form::Country,
            "currency" => Form::Currency,
            "number" => Form::Number,
            _ => Form::Text,
        },
        refers,
    }
}
