//! tinyODIN's LIF: a 12-bit signed potential that every event moves at once.
//!
//! ```text
//! time reference (one a tick):  V >= 0: V = max(0, V - leak_str);  V < 0: V = min(0, V + leak_str)
//! synaptic event:               V = clamp(V + w, -2048, 2047)       w has 4 bits, two's complement
//! after either:                 V >= 0 and V >= thr (as unsigned 12 bits): spike, V = 0
//! ```
//! The neuron is discrete; its whole numbers are exact and nothing is rounded. Events act in the order of delivery,
//! ascending by axon, then comes the tick's time reference. A clamp that changes V is counted as a saturation. Source:
//! open RTL of tinyODIN 1865653, simulated; equal on all recorded cases.

use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::fixed::clip;
use crate::registers::{Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct TinyOdin {
    leak: Vec<i32>,
    threshold: Vec<i32>,
    v: Vec<i32>,
}

impl TinyOdin {
    fn fire(&mut self, i: usize, step: &mut Step<'_>) {
        if self.v[i] >= 0 && self.v[i] >= self.threshold[i] {
            self.v[i] = 0;
            step.spike(i, 1, i as u32 + 1);
        }
    }
}

impl NeuronModel for TinyOdin {
    const INFO: ModelInfo = ModelInfo {
        name: "tiny-odin",
        title: "tinyODIN LIF, 12-bit potential, acts on every event",
        equation: "event: V = clamp(V + w, -2048, 2047); tick: V moves toward 0 by leak_str; spike V >= thr, V = 0",
        source: "tinyODIN RTL 1865653, module lif_neuron",
        registers: &[
            Register::new("leak_str", 0, 127, "step toward 0 at each time reference (7 bits)").decay().or(0),
            Register::new("thr", 0, 4095, "threshold, inclusive; above 2047 never fires").threshold(),
        ],
        channels: &["w"],
        variables: &["V"],
        discipline: Discipline::PerEvent,
        exact_sums: false,
        example: Example { registers: &[("leak_str", 1), ("thr", 60)], drive: &[7], ticks: 200 },
    };

    fn new(p: &Parameters) -> Self {
        Self { leak: p.each("leak_str"), threshold: p.each("thr"), v: vec![0; p.neurons()] }
    }

    fn step(&mut self, _inputs: &[i32], step: &mut Step<'_>) {
        for i in 0..self.v.len() {
            let v = self.v[i];
            self.v[i] = if v >= 0 { (v - self.leak[i]).max(0) } else { (v + self.leak[i]).min(0) };
            step.updated(v != 0);
            self.fire(i, step);
        }
    }

    fn event(&mut self, neuron: usize, weight: i32, step: &mut Step<'_>) {
        let (v, saturated) = clip(i64::from(self.v[neuron]) + i64::from(weight), -2048, 2047);
        step.note_if(saturated, neuron, OverflowKind::Saturation);
        self.v[neuron] = v as i32;
        self.fire(neuron, step);
    }

    fn reset(&mut self) {
        self.v.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I32(&self.v)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelKind;
    use crate::neuron::tests::Bench;

    #[test]
    fn rails_hold_and_a_threshold_beyond_them_never_fires() {
        let p =
            Parameters::new(ModelKind::TinyOdin, 1, [("thr", 4095.into()), ("leak_str", 3.into())]).unwrap();
        let mut bench = Bench::new(&p);
        for (weight, rail, tick) in [(7, 2047, 2044), (-8, -2048, -2045)] {
            (0..1_000).for_each(|_| bench.event(0, weight));
            assert_eq!(bench.model.membrane(0), rail);
            bench.step(&[0]);
            assert_eq!(bench.model.membrane(0), tick);
        }
        assert!(bench.spikes.is_empty() && bench.counters.saturations > 0);
    }

    #[test]
    fn a_threshold_of_zero_fires_on_the_leak_too() {
        let p = Parameters::new(ModelKind::TinyOdin, 1, [("thr", 0.into())]).unwrap();
        let mut bench = Bench::new(&p);
        bench.step(&[0]);
        assert_eq!(bench.spikes.len(), 1);
    }
}
