//! Images as spikes: rate and latency codes over pixels in row-major order.

use super::SampleSelection;
use super::files::read_idx;
use crate::error::{Error, ErrorKind};
use crate::npz::read_npz;
use std::ops::Range;
use std::path::Path;

/// How a pixel becomes spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// A regular train of at most num/den spikes a tick at full scale: a spike at tick t where
    /// floor((t + 1) p num / (P den)) is above floor(t p num / (P den)) for pixel p of full scale P.
    Rate {
        /// Numerator.
        num: u32,
        /// Denominator, at least `num`.
        den: u32,
    },
    /// One spike at tick floor((P - p) (window - 1) / P), the earlier the brighter; pixels below `least` are silent.
    Latency {
        /// Length of the window in ticks.
        window: u32,
        /// Smallest pixel that fires.
        least: u32,
    },
}

/// Images and labels of the samples to run.
#[derive(Clone, Debug)]
pub(super) struct Images {
    pixels: usize,
    values: Vec<u16>,
    labels: Vec<u32>,
    full_scale: u32,
    coding: Coding,
}

impl Images {
    pub(super) fn load(
        path: &Path,
        label_path: Option<&Path>,
        full_scale: u32,
        coding: Coding,
        samples: &SampleSelection,
        limit: Option<usize>,
    ) -> Result<Self, Error> {
        let fault =
            |what: String, hint: &str| Error::one(ErrorKind::Invalid, path.display().to_string(), what, hint);
        if let Coding::Latency { least, .. } = coding
            && least > full_scale
        {
            let what = format!("`least` is {least}, above full_scale {full_scale}: no pixel would ever fire");
            return Err(fault(what, "choose a smaller `least`"));
        }
        let is_npz = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"));
        if is_npz && label_path.is_some() {
            return Err(fault(
                "an NPZ file brings its labels along; `labels` names another file".into(),
                "remove `labels`",
            ));
        }
        let (images, labels, index) = if is_npz {
            let index_name = match samples {
                SampleSelection::All => None,
                SampleSelection::Index(name) => Some(name.as_str()),
            };
            let names: Vec<&str> = ["images", "labels"].into_iter().chain(index_name).collect();
            let mut arrays = read_npz(path, &names)?;
            let index = index_name.map(|name| {
                arrays.get(name).cloned().ok_or_else(|| {
                    fault(format!("there is no array `{name}`"), "see `samples` in the configuration")
                })
            });
            let images =
                arrays.remove("images").ok_or_else(|| fault("there is no array `images`".into(), ""))?;
            (images, arrays.remove("labels"), index.transpose()?)
        } else {
            if let SampleSelection::Index(name) = samples {
                return Err(fault(
                    format!("IDX files hold no index array `{name}`"),
                    "remove `samples`, or use an NPZ file",
                ));
            }
            (read_idx(path)?, label_path.map(read_idx).transpose()?, None)
        };
        let count = images.shape.first().copied().unwrap_or(0);
        let pixels =
            images.shape.iter().skip(1).try_fold(1usize, |product, d| product.checked_mul(*d)).unwrap_or(0);
        if count.checked_mul(pixels) != Some(images.values.len()) || pixels == 0 {
            let what = format!("images have the shape {:?}, which makes no pixels", images.shape);
            return Err(fault(what, "wanted (images, height, width) or (images, pixels)"));
        }
        if let Some(labels) = &labels
            && labels.values.len() != count
        {
            let what = format!("{count} images but {} labels", labels.values.len());
            return Err(fault(what, "images and labels must belong together"));
        }
        let chosen: Vec<usize> = match &index {
            None => (0..count).collect(),
            Some(index) => {
                if let Some(bad) = index.values.iter().find(|i| **i < 0 || **i as usize >= count) {
                    return Err(fault(format!("the index array names image {bad} of {count}"), ""));
                }
                index.values.iter().map(|&i| i as usize).collect()
            }
        };
        let chosen = &chosen[..chosen.len().min(limit.unwrap_or(usize::MAX))];
        let mut values = Vec::with_capacity(chosen.len() * pixels);
        for &image in chosen {
            for (pixel, &value) in images.values[image * pixels..(image + 1) * pixels].iter().enumerate() {
                if !(0..=i64::from(full_scale)).contains(&value) {
                    let what = format!("pixel {pixel} of image {image} is {value}; full_scale is {full_scale}");
                    return Err(fault(what, "set full_scale to the largest pixel value"));
                }
                values.push(value as u16);
            }
        }
        let labels = match labels {
            None => Vec::new(),
            Some(labels) => {
                let picked = chosen.iter().map(|&i| u32::try_from(labels.values[i]));
                picked.collect::<Result<_, _>>().map_err(|_| fault("a label is negative".into(), ""))?
            }
        };
        Ok(Self { pixels, values, labels, full_scale, coding })
    }

    /// What is allowed but surely not meant.
    pub(super) fn warnings(&self, ticks: u32) -> Vec<String> {
        let mut warnings = Vec::new();
        let most = self.values.iter().copied().max().map_or(0, u32::from);
        if 2 * most < self.full_scale {
            warnings.push(format!(
                "the largest pixel is {most}, full_scale is {}: few inputs will spike",
                self.full_scale
            ));
        }
        if let Coding::Latency { window, .. } = self.coding
            && window > ticks
        {
            warnings.push(format!(
                "the window of {window} ticks is longer than the run's {ticks}: late spikes are not sent"
            ));
        }
        warnings
    }

    pub(super) fn len(&self) -> usize {
        self.values.len().checked_div(self.pixels).unwrap_or(0)
    }

    pub(super) fn pixels(&self) -> usize {
        self.pixels
    }

    pub(super) fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Spikes of the ticks from `start` on, `chunk.len()` of them.
    pub(super) fn encode(&self, sample: usize, start: u64, chunk: &mut [Vec<u32>]) {
        let pixels = &self.values[sample * self.pixels..(sample + 1) * self.pixels];
        let ticks = start..start + chunk.len() as u64;
        for (input, &pixel) in pixels.iter().enumerate() {
            encode_pixel(u64::from(pixel), u64::from(self.full_scale), self.coding, &ticks, |tick| {
                chunk[(tick - start) as usize].push(input as u32);
            });
        }
    }
}

fn encode_pixel(pixel: u64, full_scale: u64, coding: Coding, ticks: &Range<u64>, mut spike: impl FnMut(u64)) {
    match coding {
        Coding::Rate { num, den } => {
            let (num, den) = (pixel * u64::from(num), full_scale * u64::from(den));
            // Spike k of the train falls on the last tick t with floor(t num / den) < k.
            let spikes_before = |tick: u64| tick * num / den;
            for k in spikes_before(ticks.start) + 1..=spikes_before(ticks.end) {
                spike((k * den).div_ceil(num) - 1);
            }
        }
        Coding::Latency { window, least } => {
            let tick = (full_scale - pixel) * (u64::from(window) - 1) / full_scale;
            if pixel >= u64::from(least) && ticks.contains(&tick) {
                spike(tick);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_coding_is_its_formula() {
        for (num, den) in [(1u64, 1u64), (1, 2), (2, 3), (1, 7)] {
            for pixel in 0..=16u64 {
                let mut got = Vec::new();
                let coding = Coding::Rate { num: num as u32, den: den as u32 };
                for start in [0, 13, 14] {
                    let end = if start == 0 {
                        13
                    } else if start == 13 {
                        14
                    } else {
                        40
                    };
                    encode_pixel(pixel, 16, coding, &(start..end), |t| got.push(t));
                }
                let sum = |t: u64| t * pixel * num / (16 * den);
                let wanted: Vec<u64> = (0..40).filter(|&t| sum(t + 1) > sum(t)).collect();
                assert_eq!(got, wanted, "pixel {pixel}, {num}/{den}");
            }
        }
    }

    #[test]
    fn latency_coding_fires_once_the_earlier_the_brighter() {
        let coding = Coding::Latency { window: 10, least: 1 };
        let first = |pixel| {
            let mut got = Vec::new();
            encode_pixel(pixel, 16, coding, &(0..10), |t| got.push(t));
            assert!(got.len() <= 1);
            got.first().copied()
        };
        assert_eq!((first(16), first(0)), (Some(0), None));
        assert!((1..16).all(|p| first(p) >= first(p + 1)));
    }
}
