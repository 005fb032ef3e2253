//! The words in which findings are told.

use onshore_classify::{Category, Confidence, Ground, Subject};

pub(super) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Named => "named",
        Confidence::Checked => "checked",
        Confidence::Certain => "certain",
    }
}

pub(super) fn subject(subject: Subject) -> &'static str {
    match subject {
        Subject::Person => "person",
        Subject::Organisation => "organisation",
        Subject::Device => "device",
        Subject::Place => "place",
        Subject::Secret => "secret",
    }
}

pub(super) fn category(category: Category) -> &'static str {
    match category {
        Category::Economic => "economic",
        Category::Scientific => "scientific",
        Category::Technological => "technological",
    }
}

pub(super) fn ground(ground: Ground) -> &'static str {
    match ground {
        Ground::NationalSecurity => "national-security",
        Ground::PublicInterest => "public-interest",
    }
}
