//! When a migration will be done, and how likely by a date: from what was measured of it, by sizes of objects, from what is left,
//! from how its source grows, and from the pace it is held to.
//!
//! What an object costs is the time that one stream is busy with it: measured for each class of sizes, for an object of the
//! small ones and for a byte of the large ones. How much of that a second of the clock gets done is the speed; it wavers, and what
//! has wavered slowly may waver on: the deviation of its mean is told by the long-run variance of stretches of equal length
//! (Newey and West, *Econometrica* 55, 1987), and the speed to come follows a Student distribution around the mean so far. The
//! time left is how long that speed takes under the timetable.

use distrs::StudentsT;
use onshore_types::Timestamp;
use onshore_types::pace::Pace;
use serde::{Deserialize, Serialize};

/// How many classes of sizes there are.
pub const SIZE_CLASSES: usize = 5;

/// Up to which size, exclusive, an object belongs to each class but the last.
pub const CLASS_ENDS: [u64; SIZE_CLASSES - 1] = [64 << 10, 1 << 20, 16 << 20, 256 << 20];

/// From this class on it is the byte that costs, before it the object.
const FIRST_BY_BYTE: usize = 2;

/// Into how many stretches of equal length what was measured is cut at most.
const STRETCHES_MAX: usize = 96;

/// With fewer of them the deviation is not believed to be small.
const STRETCHES_FEW: usize = 8;

/// How far a forecast looks.
const HORIZON_MS: f64 = 400.0 * DAY_MS;

const DAY_MS: f64 = 86_400_000.0;

/// How finely a timetable is followed.
const STEP_MS: f64 = 600_000.0;

/// Beyond this a source that wavers slowly cannot be told from one that has changed.
const PERSISTENCE_MAX: f64 = 0.97;

/// How many deviations from the mean a chance is computed for.
const DEVIATIONS_MAX: f64 = 30.0;

/// What no measurement tells: the relative deviation of a speed at least.
const DEVIATION_MIN: f64 = 0.04;

/// A stretch that came so near to what the pace allowed tells of the pace and not of the source.
const HELD_BACK: f64 = 0.9;

/// Objects and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// How many objects.
    pub objects: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What was brought of a class in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// How much.
    pub load: Load,
    /// How long streams were busy with it, in milliseconds.
    pub busy_ms: u64,
}

/// A stretch of time in which a job worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// When it ended.
    pub ended: Timestamp,
    /// How long it was, in milliseconds.
    pub lasted_ms: u64,
    /// What was brought in it, by class.
    pub brought: [Brought; SIZE_CLASSES],
}

/// What a forecast is made from.
#[derive(Debug, Clone)]
pub struct Outlook<'o> {
    /// The present.
    pub now: Timestamp,
    /// What was measured, the oldest first.
    pub stretches: &'o [Stretch],
    /// What is left, by class.
    pub left: [Load; SIZE_CLASSES],
    /// How many bytes a day the source grows by.
    pub growth_bytes_per_day: u64,
    /// What the job is held to.
    pub pace: &'o Pace,
}

/// Why there is no forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum NoForecast {
    /// Nothing was measured yet.
    #[error("nothing has been brought yet, so no rate is known")]
    NothingMeasured,
    /// Nothing is left.
    #[error("nothing is left to be brought")]
    NothingLeft,
}

/// When it will be done.
#[derive(Debug, Clone)]
pub struct Forecast<'o> {
    outlook: Outlook<'o>,
    /// What is left, in milliseconds of one stream.
    work: f64,
    bytes_left: f64,
    /// How many milliseconds of streams a millisecond of the clock gets done.
    speed: f64,
    /// The deviation of the logarithm of the speed to come.
    deviation: f64,
    /// The degrees of freedom of its distribution.
    freedom: f64,
}

/// Returns the class of an object of so many bytes.
#[must_use]
pub fn size_class(size_bytes: u64) -> usize {
    CLASS_ENDS
        .iter()
        .take_while(|end| size_bytes >= **end)
        .count()
}

impl<'o> Forecast<'o> {
    /// Makes a forecast.
    ///
    /// # Errors
    /// [`NoForecast`] when there is nothing to make it from.
    pub fn new(outlook: Outlook<'o>) -> Result<Self, NoForecast> {
        if outlook.left.iter().all(|left| left.objects == 0) {
            return Err(NoForecast::NothingLeft);
        }
        let costs = Costs::of(outlook.stretches).ok_or(NoForecast::NothingMeasured)?;
        let free: Vec<&Stretch> = outlook
            .stretches
            .iter()
            .filter(|stretch| !is_held_back(stretch, outlook.pace))
            .collect();
        // Where the pace was all that showed, it is all that is known.
        let shown = if free.iter().any(|stretch| costs.of_stretch(stretch) > 0.0) {
            free
        } else {
            outlook.stretches.iter().collect()
        };
        let speeds = speeds(&shown, &costs);
        let mean = mean(&speeds.each);
        if mean <= 0.0 {
            return Err(NoForecast::NothingMeasured);
        }
        let work = outlook
            .left
            .iter()
            .zip(&costs.units)
            .map(|(left, unit)| unit.of(*left))
            .sum::<f64>();
        let stretches_to_come = (work / mean / speeds.length_ms).max(1.0);
        let wavering = Wavering::of(&speeds.each, mean);
        let count = speeds.each.len() as f64;
        let variance = wavering.of_mean(count) + wavering.of_mean(stretches_to_come);
        let mut deviation = (variance.sqrt() / mean)
            .hypot(DEVIATION_MIN)
            .hypot(costs.doubt(&outlook.left));
        if speeds.each.len() < STRETCHES_FEW {
            deviation = deviation.max(0.5 / count.sqrt());
        }
        // As many values as hang together count as one.
        let freedom = (1.0 / relative_variance_of_mean(wavering.persistence, count) - 1.0)
            .clamp(3.0, 60.0)
            .floor();
        let mean = (mean + wavering.carried_on(stretches_to_come)).max(mean * 0.1);
        Ok(Self {
            work,
            bytes_left: outlook.left.iter().map(|left| left.bytes as f64).sum(),
            speed: mean,
            deviation,
            freedom,
            outlook,
        })
    }

    /// Returns the instant by which it will be done with so much of a chance; none when that is beyond 400 days.
    #[must_use]
    pub fn done_by(&self, chance: f64) -> Option<Timestamp> {
        // The faster it has to be, the less likely it is.
        let quantile = StudentsT::ppf(1.0 - chance.clamp(0.001, 0.999), self.freedom);
        let takes = self.takes_ms((quantile * self.deviation).exp())?;
        Some(self.outlook.now.plus_millis(takes as i64))
    }

    /// Returns the chance of being done by an instant.
    #[must_use]
    pub fn chance_by(&self, date: Timestamp) -> f64 {
        match self.needed_factor(date) {
            Some(factor) => {
                // Beyond that nothing is left of a chance, and the series that computes it does not hold.
                let deviations =
                    (factor.ln() / self.deviation).clamp(-DEVIATIONS_MAX, DEVIATIONS_MAX);
                (1.0 - StudentsT::cdf(deviations, self.freedom)).clamp(0.0, 1.0)
            }
            None => 0.0,
        }
    }

    /// Returns how many times as fast as it was it would have to be to be done by an instant with so much of a chance; none when
    /// no speed would do, because the timetable does not let as much through.
    #[must_use]
    pub fn factor_for(&self, date: Timestamp, chance: f64) -> Option<f64> {
        let quantile = StudentsT::ppf(chance.clamp(0.001, 0.999), self.freedom);
        Some(self.needed_factor(date)? * (quantile * self.deviation).exp())
    }

    /// Returns the factor of the mean speed with which it is done exactly at an instant.
    fn needed_factor(&self, date: Timestamp) -> Option<f64> {
        let room = (date.as_millis() - self.outlook.now.as_millis()) as f64;
        let (mut slow, mut fast) = (-12.0_f64, 12.0_f64);
        let holds = |exponent: f64| {
            self.takes_ms(exponent.exp())
                .is_some_and(|takes| takes <= room)
        };
        if room <= 0.0 || !holds(fast) {
            return None;
        }
        while fast - slow > 1e-4 {
            let middle = f64::midpoint(slow, fast);
            if holds(middle) {
                fast = middle;
            } else {
                slow = middle;
            }
        }
        Some(fast.exp())
    }

    /// Returns how long it takes at a factor of the mean speed, in milliseconds.
    fn takes_ms(&self, factor: f64) -> Option<f64> {
        let speed = self.speed * factor;
        let growth = self.work / self.bytes_left.max(1.0)
            * self.outlook.growth_bytes_per_day as f64
            / DAY_MS;
        if self.outlook.pace.is_free() {
            let takes = self.work / (speed - growth);
            return (0.0..=HORIZON_MS).contains(&takes).then_some(takes);
        }
        let bytes_for_work = self.bytes_left / self.work;
        let (mut left, mut at) = (self.work, 0.0);
        while at < HORIZON_MS {
            let now = self.outlook.now.plus_millis(at as i64);
            let rate = self
                .outlook
                .pace
                .at(now)
                .map_or(f64::INFINITY, |rate| rate.bytes_per_s() as f64 / 1000.0);
            let held = if bytes_for_work > 0.0 {
                speed.min(rate / bytes_for_work)
            } else {
                speed
            };
            let net = held - growth;
            if net > 0.0 && left <= net * STEP_MS {
                return Some(at + left / net);
            }
            left -= net * STEP_MS;
            at += STEP_MS;
        }
        None
    }
}

/// What a unit of a class costs, in milliseconds of one stream.
#[derive(Debug, Clone, Copy)]
struct Unit {
    is_by_byte: bool,
    cost: f64,
    is_measured: bool,
}

impl Unit {
    fn of(self, load: Load) -> f64 {
        self.cost
            * if self.is_by_byte {
                load.bytes
            } else {
                load.objects
            } as f64
    }
}

/// What each class costs.
struct Costs {
    units: [Unit; SIZE_CLASSES],
}

impl Costs {
    fn of(stretches: &[Stretch]) -> Option<Self> {
        let mut sums = [Brought::default(); SIZE_CLASSES];
        for stretch in stretches {
            for (sum, brought) in sums.iter_mut().zip(&stretch.brought) {
                sum.load.objects += brought.load.objects;
                sum.load.bytes += brought.load.bytes;
                sum.busy_ms += brought.busy_ms;
            }
        }
        let mut classes: Vec<Option<Unit>> = sums
            .iter()
            .enumerate()
            .map(|(class, sum)| measured(class, sum))
            .collect();
        let all_bytes: u64 = sums.iter().map(|sum| sum.load.bytes).sum();
        let all_busy: u64 = sums.iter().map(|sum| sum.busy_ms).sum();
        if classes.iter().all(Option::is_none) {
            return None;
        }
        for class in 0..SIZE_CLASSES {
            if classes.get(class).is_some_and(Option::is_some) {
                continue;
            }
            // The nearest class of the same kind that was measured, else what a byte costs on the whole.
            let is_by_byte = class >= FIRST_BY_BYTE;
            let nearest = (0..SIZE_CLASSES)
                .filter_map(|other| Some((other, classes.get(other).copied().flatten()?)))
                .filter(|(_, unit)| unit.is_measured && unit.is_by_byte == is_by_byte)
                .min_by_key(|(other, _)| other.abs_diff(class));
            let on_the_whole = all_busy as f64 / (all_bytes as f64).max(1.0);
            let typical = if is_by_byte {
                1.0
            } else {
                typical_bytes(class)
            };
            let cost = nearest.map_or(on_the_whole * typical, |(_, unit)| unit.cost);
            if let Some(place) = classes.get_mut(class) {
                *place = Some(Unit {
                    is_by_byte,
                    cost,
                    is_measured: false,
                });
            }
        }
        let units: Vec<Unit> = classes.into_iter().flatten().collect();
        Some(Self {
            units: units.try_into().ok()?,
        })
    }

    fn of_stretch(&self, stretch: &Stretch) -> f64 {
        stretch
            .brought
            .iter()
            .zip(&self.units)
            .map(|(brought, unit)| unit.of(brought.load))
            .sum()
    }

    /// How much more deviation there is because what is left is of classes that were not measured.
    fn doubt(&self, left: &[Load; SIZE_CLASSES]) -> f64 {
        let (mut all, mut guessed) = (0.0, 0.0);
        for (left, unit) in left.iter().zip(&self.units) {
            all += unit.of(*left);
            if !unit.is_measured {
                guessed += unit.of(*left);
            }
        }
        if all > 0.0 { guessed / all } else { 1.0 }
    }
}

fn measured(class: usize, sum: &Brought) -> Option<Unit> {
    let is_by_byte = class >= FIRST_BY_BYTE;
    let units = if is_by_byte {
        sum.load.bytes
    } else {
        sum.load.objects
    };
    (units > 0 && sum.busy_ms > 0).then(|| Unit {
        is_by_byte,
        cost: sum.busy_ms as f64 / units as f64,
        is_measured: true,
    })
}

/// The middle of a class that is counted by objects.
fn typical_bytes(class: usize) -> f64 {
    CLASS_ENDS.get(class).map_or(1.0, |end| *end as f64 / 4.0)
}

fn is_held_back(stretch: &Stretch, pace: &Pace) -> bool {
    let bytes: u64 = stretch
        .brought
        .iter()
        .map(|brought| brought.load.bytes)
        .sum();
    pace.at(stretch.ended).is_some_and(|rate| {
        bytes as f64 * 1000.0 >= HELD_BACK * rate.bytes_per_s() as f64 * stretch.lasted_ms as f64
    })
}

/// Speeds of stretches of equal length.
struct Speeds {
    each: Vec<f64>,
    length_ms: f64,
}

fn speeds(stretches: &[&Stretch], costs: &Costs) -> Speeds {
    let total: u64 = stretches.iter().map(|stretch| stretch.lasted_ms).sum();
    let longest = stretches
        .iter()
        .map(|stretch| stretch.lasted_ms)
        .max()
        .unwrap_or(1);
    let length_ms = (total as f64 / STRETCHES_MAX as f64)
        .max(longest as f64)
        .max(1.0);
    let (mut each, mut work, mut lasted) = (Vec::new(), 0.0, 0.0);
    for stretch in stretches {
        work += costs.of_stretch(stretch);
        lasted += stretch.lasted_ms as f64;
        if lasted >= length_ms {
            each.push(work / lasted);
            (work, lasted) = (0.0, 0.0);
        }
    }
    // What is left over counts by itself only where there is nothing else.
    if each.is_empty() && lasted > 0.0 {
        each.push(work / lasted);
    }
    Speeds { each, length_ms }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / (values.len() as f64).max(1.0)
}

/// How values waver: each hangs together with the one before it (an autoregression of the first order).
struct Wavering {
    variance: f64,
    /// How much of a deviation is left in the next value.
    persistence: f64,
    /// How far the last value is from the mean.
    last: f64,
}

impl Wavering {
    fn of(values: &[f64], mean: f64) -> Self {
        let count = values.len() as f64;
        let covariance = |lag: usize| {
            let pairs = values.iter().zip(values.iter().skip(lag));
            pairs
                .map(|(one, other)| (one - mean) * (other - mean))
                .sum::<f64>()
                / count.max(1.0)
        };
        let own = covariance(0);
        let found = if own > 0.0 { covariance(1) / own } else { 0.0 };
        // What is found in few values is too small (Kendall, Biometrika 41, 1954).
        let persistence =
            (found + (1.0 + 3.0 * found) / count.max(4.0)).clamp(0.0, PERSISTENCE_MAX);
        let shrunk = relative_variance_of_mean(persistence, count);
        Self {
            variance: own / (1.0 - shrunk).max(0.1),
            persistence,
            last: values.last().map_or(0.0, |last| last - mean),
        }
    }

    /// Returns the mean of so many values to come, relative to the mean so far.
    fn carried_on(&self, to_come: f64) -> f64 {
        let left = self.persistence;
        self.last * left * (1.0 - left.powf(to_come)) / (to_come * (1.0 - left))
    }

    /// Returns the variance of the mean of so many values.
    fn of_mean(&self, count: f64) -> f64 {
        self.variance * relative_variance_of_mean(self.persistence, count)
    }
}

fn relative_variance_of_mean(persistence: f64, count: f64) -> f64 {
    let (left, count) = (persistence, count.max(1.0));
    let whole = (1.0 + left) / (1.0 - left);
    let ends = 2.0 * left * (1.0 - left.powf(count)) / (count * (1.0 - left).powi(2));
    (whole - ends) / count
}
