//! The fields of a frame by the names that its vendor gives them.

use std::borrow::Cow;

/// What a frame says of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// `units` divided by ten to the power of `places`: 23.4 is 234 with one place.
    Decimal {
        /// The digits.
        units: i64,
        /// How many of them stand behind the point.
        places: u8,
    },
    /// A word.
    Text(Cow<'static, str>),
    /// Several.
    List(Vec<Self>),
    /// Several, each with a name.
    Map(Fields),
}

/// Named values in the order in which the frame has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Cow<'static, str>, FieldValue)>);

impl Fields {
    /// Sets a field. The last value of a name stays.
    pub(crate) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<FieldValue>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name, value)),
        }
    }

    /// With one more field.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<FieldValue>) -> Self {
        self.set(name, value);
        self
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldValue)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A number with so many places behind the point.
pub(crate) fn decimal(units: impl Into<i64>, places: u8) -> FieldValue {
    FieldValue::Decimal { units: units.into(), places }
}

/// `n / d`, rounded half away from zero; 0 where it does not fit, which no 16-bit measurement reaches.
pub(crate) fn divided(n: i128, d: i128) -> i64 {
    let half = if n < 0 { -d / 2 } else { d / 2 };
    i64::try_from((n + half) / d).unwrap_or(0)
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&'static str> for FieldValue {
    fn from(value: &'static str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for FieldValue {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl From<Fields> for FieldValue {
    fn from(value: Fields) -> Self {
        Self::Map(value)
    }
}

impl From<Vec<Self>> for FieldValue {
    fn from(value: Vec<Self>) -> Self {
        Self::List(value)
    }
}

macro_rules! whole {
    ($($number:ty)*) => { $(
        impl From<$number> for FieldValue {
            fn from(value: $number) -> Self {
                Self::Int(i64::from(value))
            }
        }
    )* };
}
whole!(u8 i8 u16 i16 u32 i32 i64);
