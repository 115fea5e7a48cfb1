//! Published measurements beside what this program says of the same events.
//!
//! A case names what was measured, what the emulator or a price table gives for it, and how far the two may differ. A
//! case without a tolerance is reported: its source does not give all that a judgement needs.

mod analytic;
mod packets;
mod plot;
mod recurrent;

pub use analytic::analytic;
pub use packets::{packets, steps};
pub use plot::plots;
pub use recurrent::recurrent;

use serde::Serialize;

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// Within the tolerance.
    #[serde(rename = "met")]
    Met,
    /// Outside of it.
    #[serde(rename = "MISSED")]
    Missed,
    /// Not judged.
    #[serde(rename = "reported")]
    Reported,
}

impl Verdict {
    /// Name.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::Reported => "reported",
        }
    }
}

/// A measurement and our value of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// Cases of the same group are about one chip and one kind of quantity.
    pub group: &'static str,
    /// What was measured.
    pub name: String,
    /// Unit of both values.
    pub unit: &'static str,
    /// As published.
    pub measured: f64,
    /// Ours.
    pub ours: f64,
    /// How far ours may be off, in percent of the measured value; `None` is not judged.
    pub tolerance_percent: Option<f64>,
    /// Where the measured value comes from, and what is assumed.
    pub source: &'static str,
}

impl Case {
    /// How far ours is off, in percent of the measured value.
    pub fn difference_percent(&self) -> f64 {
        100.0 * (self.ours / self.measured - 1.0)
    }

    /// How the case ended.
    pub fn verdict(&self) -> Verdict {
        match self.tolerance_percent {
            None => Verdict::Reported,
            Some(most) if self.difference_percent().abs() <= most => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }
}
