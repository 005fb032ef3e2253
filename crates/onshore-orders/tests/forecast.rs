//! Forecasts held against replays of migrations: seeded, with sources that waver, storms, and sizes that differ.

use onshore_orders::{
    Brought, Forecast, Load, NoForecast, Outlook, SIZE_CLASSES, Stretch, size_class,
};
use onshore_types::Timestamp;
use onshore_types::pace::Pace;

/// The sizes of the objects of each class.
const SIZES: [u64; SIZE_CLASSES] = [8 << 10, 256 << 10, 4 << 20, 64 << 20, 512 << 20];

/// From this class on what is brought is counted by bytes.
const LARGE: usize = 2;

/// How many streams there are.
const STREAMS: f64 = 8.0;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

/// Numbers drawn from a seed (splitmix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().max(1e-12).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// How a source wavers: by how much, and how much of that is left a minute later.
#[derive(Clone, Copy)]
struct Regime {
    sigma: f64,
    persistence: f64,
}

const REGIMES: [Regime; 4] = [
    Regime {
        sigma: 0.15,
        persistence: 0.3,
    },
    Regime {
        sigma: 0.35,
        persistence: 0.8,
    },
    Regime {
        sigma: 0.35,
        persistence: 0.95,
    },
    Regime {
        sigma: 0.5,
        persistence: 0.9,
    },
];

/// What is left of a class, in milliseconds of one stream.
fn work(class: usize, left: Load, cost_ms: f64) -> f64 {
    let objects = if class < LARGE {
        left.objects as f64
    } else {
        left.bytes as f64 / SIZES[class] as f64
    };
    objects * cost_ms
}

/// What was known when the forecast was asked for, and how it came out.
struct Replay {
    now: Timestamp,
    stretches: Vec<Stretch>,
    left: [Load; SIZE_CLASSES],
    all_bytes: u64,
    ended: Timestamp,
}

/// Plays a migration to its end, and stops once on the way to look.
fn play(regime: Regime, draw: &mut Draw) -> Replay {
    let mut left = [Load::default(); SIZE_CLASSES];
    let mut costs = [0.0; SIZE_CLASSES];
    for class in 0..SIZE_CLASSES {
        let objects = 3.0 * 10_f64.powf(5.5 - class as f64) * draw.normal().exp();
        left[class] = Load {
            objects: objects as u64,
            bytes: objects as u64 * SIZES[class],
        };
        let latency = 30.0 * (0.3 * draw.normal()).exp();
        costs[class] = latency + SIZES[class] as f64 / (20e3 * (0.3 * draw.normal()).exp());
    }
    let all_bytes = left.iter().map(|left| left.bytes).sum();
    let whole: f64 = (0..SIZE_CLASSES)
        .map(|class| work(class, left[class], costs[class]))
        .sum();
    // The quick ones are looked at more finely.
    let stretch_ms = MINUTE_MS as f64 * 4.0 / 10_f64.powf(0.3 + 0.9 * draw.unit());
    let look_at = whole * (0.1 + 0.4 * draw.unit());
    let mut wavering = draw.normal() * regime.sigma;
    let (mut storm, mut at_ms, mut done) = (0_u32, 0_u64, 0.0);
    let (mut stretches, mut looked) = (Vec::new(), None);
    let mut over = [0.0; SIZE_CLASSES];
    loop {
        let fresh = (1.0 - regime.persistence * regime.persistence).sqrt() * regime.sigma;
        wavering = regime.persistence * wavering + fresh * draw.normal();
        if storm == 0 && draw.unit() < 0.002 {
            storm = 3 + (draw.unit() * 20.0) as u32;
        }
        let held = if storm > 0 { 0.1 } else { 1.0 };
        storm = storm.saturating_sub(1);
        let works: Vec<f64> = (0..SIZE_CLASSES)
            .map(|class| work(class, left[class], costs[class]))
            .collect();
        let waits: f64 = works.iter().sum();
        let could = STREAMS * wavering.exp() * held * stretch_ms;
        let is_last = could >= waits;
        let does = could.min(waits);
        let lasted = (stretch_ms * does / could).max(1.0);
        let mut brought = [Brought::default(); SIZE_CLASSES];
        for class in 0..SIZE_CLASSES {
            let share = does * works[class] / waits;
            let objects = share / costs[class];
            let load = if is_last {
                left[class]
            } else if class < LARGE {
                let whole = (objects + over[class])
                    .floor()
                    .min(left[class].objects as f64);
                over[class] += objects - whole;
                Load {
                    objects: whole as u64,
                    bytes: whole as u64 * SIZES[class],
                }
            } else {
                let bytes = ((objects * SIZES[class] as f64) as u64).min(left[class].bytes);
                Load { objects: 0, bytes }
            };
            brought[class] = Brought {
                load,
                busy_ms: (STREAMS * lasted * share / does) as u64,
            };
            left[class].bytes -= load.bytes;
            left[class].objects = if class < LARGE {
                left[class].objects - load.objects
            } else {
                left[class].bytes.div_ceil(SIZES[class])
            };
        }
        done += does;
        at_ms += lasted as u64;
        let now = Timestamp::from_millis(at_ms.cast_signed());
        stretches.push(Stretch {
            ended: now,
            lasted_ms: lasted as u64,
            brought,
        });
        if looked.is_none() && done >= look_at {
            looked = Some((now, stretches.clone(), left));
        }
        if is_last {
            let (now, stretches, left) = looked.unwrap_or((now, stretches, left));
            let ended = Timestamp::from_millis(at_ms.cast_signed());
            return Replay {
                now,
                stretches,
                left,
                all_bytes,
                ended,
            };
        }
    }
}

#[test]
fn ranges_hold_as_often_as_they_say_and_chances_beat_the_rate_so_far() {
    let pace = Pace::default();
    let (mut inside, mut told) = (0_u32, 0_u32);
    let (mut ours, mut plain) = (0.0, 0.0);
    for seed in 0..400_u64 {
        let mut draw = Draw(seed.wrapping_mul(7919) + 13);
        let replay = play(
            REGIMES[usize::try_from(seed % 4).expect("small")],
            &mut draw,
        );
        let outlook = Outlook {
            now: replay.now,
            stretches: &replay.stretches,
            left: replay.left,
            growth_bytes_per_day: 0,
            pace: &pace,
        };
        let Ok(forecast) = Forecast::new(outlook) else {
            continue;
        };
        told += 1;
        let (early, late) = (forecast.done_by(0.1), forecast.done_by(0.9));
        inside += u32::from(
            early.is_some_and(|early| early <= replay.ended)
                && late.is_none_or(|late| replay.ended <= late),
        );
        // A date about when the rate so far would have it done.
        let bytes_left: u64 = replay.left.iter().map(|left| left.bytes).sum();
        let rate = (replay.all_bytes - bytes_left) as f64 / replay.now.as_millis() as f64;
        let rest_ms = bytes_left as f64 / rate;
        let date = replay
            .now
            .plus_millis((rest_ms * (0.6 + 0.8 * draw.unit())) as i64);
        let outcome = if replay.ended <= date { 1.0 } else { 0.0 };
        let by_rate = if replay.now.plus_millis(rest_ms as i64) <= date {
            1.0
        } else {
            0.0
        };
        ours += (forecast.chance_by(date) - outcome).powi(2);
        plain += (by_rate - outcome).powi(2);
    }
    assert!(told >= 380, "{told} forecasts");
    let held = f64::from(inside) / f64::from(told);
    assert!(
        (0.72..=0.88).contains(&held),
        "the range of eight in ten held {held:.3}"
    );
    let (ours, plain) = (ours / f64::from(told), plain / f64::from(told));
    assert!(ours < 0.85 * plain, "Brier {ours:.3} against {plain:.3}");
}

/// A job that did so many small objects a minute for two hours.
fn steady(objects: u64) -> Vec<Stretch> {
    (1..=120)
        .map(|minute| {
            let mut brought = [Brought::default(); SIZE_CLASSES];
            let load = Load {
                objects,
                bytes: objects * 1000,
            };
            brought[0] = Brought {
                load,
                busy_ms: 8 * MINUTE_MS,
            };
            Stretch {
                ended: Timestamp::from_millis(minute * MINUTE_MS.cast_signed()),
                lasted_ms: MINUTE_MS,
                brought,
            }
        })
        .collect()
}

fn left(objects: u64) -> [Load; SIZE_CLASSES] {
    let mut left = [Load::default(); SIZE_CLASSES];
    left[0] = Load {
        objects,
        bytes: objects * 1000,
    };
    left
}

fn hours(from: Timestamp, until: Option<Timestamp>) -> f64 {
    let until = until.expect("within 400 days");
    (until.as_millis() - from.as_millis()) as f64 / HOUR_MS as f64
}

#[test]
fn a_steady_job_is_done_when_its_rate_says() {
    let (stretches, pace) = (steady(600), Pace::default());
    let now = stretches[119].ended;
    let outlook = |growth_bytes_per_day| Outlook {
        now,
        stretches: &stretches,
        left: left(600 * 60 * 10),
        growth_bytes_per_day,
        pace: &pace,
    };
    let forecast = Forecast::new(outlook(0)).expect("measured");
    assert!((hours(now, forecast.done_by(0.5)) - 10.0).abs() < 0.1);
    assert!(
        forecast.done_by(0.1) < forecast.done_by(0.5)
            && forecast.done_by(0.5) < forecast.done_by(0.9)
    );
    let in_hours = |hours: i64| now.plus_millis(hours * HOUR_MS);
    assert!(forecast.chance_by(in_hours(9)) < 0.05 && forecast.chance_by(in_hours(11)) > 0.95);
    assert_eq!(forecast.chance_by(now), 0.0);
    for chance in [0.1, 0.3, 0.5, 0.8, 0.9] {
        let by = forecast.done_by(chance).expect("soon");
        assert!((forecast.chance_by(by) - chance).abs() < 0.01, "{chance}");
    }
    let twice = forecast.factor_for(in_hours(5), 0.9).expect("some speed");
    assert!((2.0..2.4).contains(&twice), "{twice}");
    // Half of what is done comes anew: it takes twice as long.
    let growing = Forecast::new(outlook(300 * 60 * 24 * 1000)).expect("measured");
    assert!((hours(now, growing.done_by(0.5)) - 20.0).abs() < 0.3);
    // And what grows faster than it is brought is never done.
    let never = Forecast::new(outlook(700 * 60 * 24 * 1000)).expect("measured");
    assert_eq!(never.done_by(0.5), None);
    assert!(never.chance_by(in_hours(4000)) < 0.001);
}

#[test]
fn a_timetable_is_followed() {
    let stretches = steady(600);
    // Midnight of a Thursday in UTC, two hours later; nothing may go but from 12:00 to 18:00.
    let now = stretches[119].ended;
    let pace = Pace {
        at_most: Some("0".parse().expect("a rate")),
        windows: vec!["mon-sun 12:00-18:00 1GiB".parse().expect("a window")],
        ..Pace::default()
    };
    let outlook = Outlook {
        now,
        stretches: &stretches,
        left: left(600 * 60 * 10),
        growth_bytes_per_day: 0,
        pace: &pace,
    };
    let forecast = Forecast::new(outlook).expect("measured");
    // Six hours of today from 12:00 on, four of tomorrow: until 16:00, 38 hours from 02:00.
    assert!((hours(now, forecast.done_by(0.5)) - 38.0).abs() < 0.4);
    // Before noon no speed does.
    assert_eq!(forecast.factor_for(now.plus_millis(9 * HOUR_MS), 0.9), None);
    assert_eq!(forecast.chance_by(now.plus_millis(9 * HOUR_MS)), 0.0);
}

#[test]
fn what_a_pace_held_back_does_not_count_as_slow() {
    let mut stretches = steady(600);
    let pace = Pace {
        windows: vec!["thu 00:00-01:00 1000".parse().expect("a window")],
        ..Pace::default()
    };
    // The first hour went at exactly what the window allows, a sixtieth of the second.
    for stretch in &mut stretches[..59] {
        stretch.brought[0].load = Load {
            objects: 60,
            bytes: 60_000,
        };
        stretch.brought[0].busy_ms = 8 * MINUTE_MS / 10;
    }
    let now = stretches[119].ended;
    let outlook = Outlook {
        now,
        stretches: &stretches,
        left: left(600 * 60 * 10),
        growth_bytes_per_day: 0,
        pace: &pace,
    };
    let takes = hours(now, Forecast::new(outlook).expect("measured").done_by(0.5));
    assert!((takes - 10.0).abs() < 0.5, "{takes}");
}

#[test]
fn nothing_is_told_from_nothing() {
    let (pace, now) = (Pace::default(), Timestamp::from_millis(0));
    let none = |stretches: &[Stretch], left| {
        let outlook = Outlook {
            now,
            stretches,
            left,
            growth_bytes_per_day: 0,
            pace: &pace,
        };
        Forecast::new(outlook).err()
    };
    assert_eq!(none(&steady(600), left(0)), Some(NoForecast::NothingLeft));
    assert_eq!(none(&[], left(5)), Some(NoForecast::NothingMeasured));
    assert_eq!(none(&steady(0), left(5)), Some(NoForecast::NothingMeasured));
    // Large objects, of which none was brought yet, are guessed at, with a wide range.
    let mut large = left(0);
    large[4] = Load {
        objects: 1,
        bytes: 1 << 40,
    };
    let stretches = steady(600);
    let outlook = Outlook {
        now,
        stretches: &stretches,
        left: large,
        growth_bytes_per_day: 0,
        pace: &pace,
    };
    let forecast = Forecast::new(outlook).expect("guessed");
    let early = forecast.done_by(0.1).expect("soon");
    let late = forecast.done_by(0.9);
    assert!(late.is_none_or(|late| late.as_millis() > 5 * early.as_millis()));
    assert_eq!(
        [0, 65_535, 65_536, 1 << 20, 1 << 30].map(size_class),
        [0, 0, 1, 2, 4]
    );
}
