//! What was measured, and how it stands to its target.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

/// One measured number.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    /// Which measure it is of, as `--only` names it.
    pub(super) measure: &'static str,
    /// What it is.
    pub(super) name: String,
    /// The number.
    pub(super) value: f64,
    /// What it counts.
    pub(super) unit: &'static str,
    /// What it should be, if anything.
    pub(super) target: Option<Target>,
    /// What else a reader should know.
    pub(super) note: String,
}

/// A bound that a figure should keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// The more the better.
    AtLeast(f64),
    /// The less the better.
    AtMost(f64),
}

impl Target {
    /// How far `value` has come: 1 and more is a pass, whichever way the bound goes.
    fn ratio(self, value: f64) -> f64 {
        match self {
            Self::AtLeast(bound) => value / bound,
            Self::AtMost(bound) if value <= bound => {
                bound.max(f64::MIN_POSITIVE) / value.max(f64::MIN_POSITIVE)
            }
            Self::AtMost(bound) => bound / value,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {}", number(bound)),
            Self::AtMost(bound) => format!("≤ {}", number(bound)),
        }
    }
}

impl Figure {
    /// A figure that only informs.
    pub(super) fn new(
        measure: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self { measure, name: name.into(), value, unit, target: None, note: String::new() }
    }

    /// The same with a bound.
    pub(super) const fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// The same with a remark.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Whether it keeps its bound; without one it does.
    pub(super) fn passes(&self) -> bool {
        self.target.is_none_or(|target| target.ratio(self.value) >= 1.0)
    }

    fn verdict(&self) -> &'static str {
        match self.target {
            None => "",
            Some(_) if self.passes() => "pass",
            Some(_) => "short",
        }
    }

    pub(super) fn json(&self) -> Value {
        let (at_least, at_most) = match self.target {
            Some(Target::AtLeast(bound)) => (Some(bound), None),
            Some(Target::AtMost(bound)) => (None, Some(bound)),
            None => (None, None),
        };
        json!({
            "measure": self.measure, "name": self.name, "value": self.value, "unit": self.unit,
            "atLeast": at_least, "atMost": at_most,
            "ratioToTarget": self.target.map(|target| target.ratio(self.value)),
            "pass": self.target.map(|_| self.passes()), "note": self.note,
        })
    }

    fn cells(&self) -> [String; 7] {
        [
            self.measure.to_owned(),
            self.name.clone(),
            format!("{} {}", number(self.value), self.unit),
            self.target.map(Target::shown).unwrap_or_default(),
            self.target.map(|target| number(target.ratio(self.value))).unwrap_or_default(),
            self.verdict().to_owned(),
            self.note.clone(),
        ]
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.name, number(self.value), self.unit)?;
        if let Some(target) = self.target {
            write!(f, " ({}: {})", target.shown(), self.verdict())?;
        }
        if self.note.is_empty() { Ok(()) } else { write!(f, "; {}", self.note) }
    }
}

/// The figures as a Markdown table whose columns line up in a terminal too.
pub(super) fn table(figures: &[Figure]) -> String {
    let heads = ["measure", "figure", "value", "target", "ratio", "", "remark"].map(str::to_owned);
    let rows: Vec<[String; 7]> =
        std::iter::once(heads).chain(figures.iter().map(Figure::cells)).collect();
    let widths: [usize; 7] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text.push_str(&line(row, &widths));
        if index == 0 {
            text.push_str(&line(&widths.map(|width| "-".repeat(width)), &widths));
        }
    }
    text
}

fn line(cells: &[String; 7], widths: &[usize; 7]) -> String {
    let mut text = String::from("|");
    for (cell, width) in cells.iter().zip(widths) {
        let padding = " ".repeat(width - cell.chars().count());
        write!(text, " {cell}{padding} |").expect("a string takes all");
    }
    text.push('\n');
    text
}

/// A number with three significant digits at least, and thousands apart.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        size if size > 0.0 => 4,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if index > 0 && left.is_multiple_of(3) && digit.is_ascii_digit() && !grouped.ends_with('-')
        {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// The middle one of some numbers; of an even count the lower of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_up_to_and_with_itself() {
        let figure = |value, target| Figure::new("m", "n", value, "x").target(target).verdict();
        assert_eq!(figure(0.5, Target::AtLeast(0.5)), "pass");
        assert_eq!(figure(0.49, Target::AtLeast(0.5)), "short");
        assert_eq!(figure(15.0, Target::AtMost(15.0)), "pass");
        assert_eq!(figure(15.1, Target::AtMost(15.0)), "short");
        assert_eq!(figure(0.0, Target::AtMost(0.0)), "pass");
        assert_eq!(figure(1.0, Target::AtMost(0.0)), "short");
        assert_eq!(Figure::new("m", "n", 1.0, "x").verdict(), "");
    }

    #[test]
    fn numbers_read_easily() {
        assert_eq!(
            [0.0, 0.0123, 0.514, 12.34, 123.4, 1234.0, 1_234_567.8].map(number),
            ["0", "0.0123", "0.51", "12.3", "123", "1,234", "1,234,568"]
        );
        assert_eq!(number(-1234.0), "-1,234");
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 1.0);
        assert!(median(Vec::new()).is_nan());
    }
}
