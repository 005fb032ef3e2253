//! What the words of records look like in the document of the control API. Records themselves are described where they stand, by the types
//! that they are read as; here are those that are read from one text or number.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::deadline::DeadlineRule;
use crate::handover::Currency;
use crate::records::{Id, Share};
use crate::{Day, UtcOffset};

/// Schemas by the names under which others refer to them.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

macro_rules! words {
    ($($word:ty as $name:literal, $what:literal: $described:expr;)*) => {$(
        impl PartialSchema for $word {
            fn schema() -> RefOr<Schema> {
                let described: Object = $described.description(Some($what)).build();
                described.into()
            }
        }

        impl ToSchema for $word {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    )*};
}

words! {
    Id as "RecordId", "What a record is called, unique among its kind.": text().pattern(Some("^[a-z0-9][a-z0-9._-]{0,63}$"));
    Day as "Day", "A civil date, such as 2022-09-30.": text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
    UtcOffset as "UtcOffset", "How far clocks are from UTC, such as +08:00.": text().pattern(Some("^[+-](0[0-9]|1[0-4]):[0-5][0-9]$"));
    Currency as "CurrencyCode", "Money by its letters of ISO 4217, such as CNY.": text().pattern(Some("^[A-Z]{3}$"));
    DeadlineRule as "DeadlineRule", "A rule for deadlines over `expiry`, `effective`, days, `min` and `max`, such as `min(expiry + 2 months, 2022-09-30)`.":
        text().max_length(Some(300));
    Share as "Percent", "A share in percent, to the hundredth.":
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0.0)).maximum(Some(100.0));
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Returns the schema of a type and of all that it refers to, its own under a name that is given.
pub(crate) fn schemas_of<T: ToSchema>(name: &str) -> Schemas {
    let mut all = Schemas::new();
    T::schemas(&mut all);
    all.push((name.to_owned(), T::schema()));
    all
}
