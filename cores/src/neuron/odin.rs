//! ODIN's LIF: an 8-bit unsigned potential that every event moves at once, with a calcium variable for learning.
//!
//! ```text
//! time reference (one a tick):  leak_en: V = max(0, V - leak_str)
//! synaptic event:               inhibitory V = max(0, V - |w|), excitatory V = min(255, V + w)   |w| has 3 bits
//! after either:                 V >= thr: spike, V = 0
//! calcium (ca_en):              +1 on a spike (at most 7), -1 (at least 0) at every caleak-th time reference (0: never),
//!                               neither where both fall on one event
//! v_up   = ca_en and V >= thetamem and ca_theta1 <= ca < ca_theta3        after the event
//! v_down = ca_en and V <  thetamem and ca_theta1 <= ca < ca_theta2
//! ```
//! The neuron is discrete; its whole numbers are exact and nothing is rounded. v_up and v_down say what a plastic
//! synapse does on its next event (SDSP). Events act in the order of delivery, ascending by axon, then comes the tick's
//! time reference. Source: open RTL of ODIN 1781931, simulated; equal on all recorded cases.

use super::{Discipline, Example, ModelInfo, NeuronModel, OverflowKind, Step, Values};
use crate::registers::{Parameters, Register};

/// The neurons of one core.
#[derive(Clone, Debug)]
pub(crate) struct Odin {
    leak: Vec<i32>,
    leak_enabled: Vec<u8>,
    threshold: Vec<i32>,
    calcium_enabled: Vec<u8>,
    membrane_theta: Vec<i32>,
    theta: [Vec<i32>; 3],
    calcium_leak: Vec<i32>,
    v: Vec<i32>,
    calcium: Vec<i32>,
    references: Vec<i32>,
}

impl Odin {
    fn after_event(&mut self, i: usize, is_reference: bool, step: &mut Step<'_>) {
        let fires = self.v[i] >= self.threshold[i];
        if fires {
            self.v[i] = 0;
            step.spike(i, 1, i as u32 + 1);
        }
        if self.calcium_enabled[i] == 0 {
            return;
        }
        let mut leaks = false;
        if is_reference && self.calcium_leak[i] > 0 {
            self.references[i] += 1;
            leaks = self.references[i] == self.calcium_leak[i];
            if leaks {
                self.references[i] = 0;
            }
        }
        match (fires, leaks) {
            (true, false) => self.calcium[i] = (self.calcium[i] + 1).min(7),
            (false, true) => self.calcium[i] = (self.calcium[i] - 1).max(0),
            _ => {}
        }
    }
}

impl NeuronModel for Odin {
    const INFO: ModelInfo = ModelInfo {
        name: "odin",
        title: "ODIN LIF, 8-bit potential, acts on every event, calcium for SDSP",
        equation: "event: V = max(0, V - |w|) or min(255, V + w); tick: leak; spike V >= thr, V = 0; calcium +1 on a spike, -1 every caleak ticks",
        source: "ODIN RTL 1781931, module lif_neuron; Frenkel et al. 2019",
        registers: &[
            Register::new("leak_str", 0, 127, "leak at each time reference (7 bits)").decay().or(0),
            Register::new("leak_en", 0, 1, "1: the leak acts").or(1),
            Register::new("thr", 0, 255, "threshold, inclusive").threshold(),
            Register::new("ca_en", 0, 1, "1: calcium and learning act").or(0),
            Register::new("thetamem", 0, 255, "membrane threshold of SDSP").or(0),
            Register::new("ca_theta1", 0, 7, "lower calcium threshold").or(0),
            Register::new("ca_theta2", 0, 7, "upper calcium threshold of depression").or(0),
            Register::new("ca_theta3", 0, 7, "upper calcium threshold of potentiation").or(0),
            Register::new("caleak", 0, 31, "time references between calcium leaks; 0 never").or(0),
        ],
        channels: &["w"],
        variables: &["V", "calcium", "caleak_cnt"],
        discipline: Discipline::PerEvent,
        exact_sums: false,
        example: Example {
            registers: &[
                ("leak_str", 1),
                ("thr", 60),
                ("ca_en", 1),
                ("thetamem", 30),
                ("ca_theta1", 1),
                ("ca_theta2", 4),
                ("ca_theta3", 7),
                ("caleak", 12),
            ],
            drive: &[5],
            ticks: 200,
        },
    };

    fn new(p: &Parameters) -> Self {
        let zeros = || vec![0; p.neurons()];
        Self {
            leak: p.each("leak_str"),
            leak_enabled: p.each("leak_en"),
            threshold: p.each("thr"),
            calcium_enabled: p.each("ca_en"),
            membrane_theta: p.each("thetamem"),
            theta: ["ca_theta1", "ca_theta2", "ca_theta3"].map(|name| p.each(name)),
            calcium_leak: p.each("caleak"),
            v: zeros(),
            calcium: zeros(),
            references: zeros(),
        }
    }

    fn step(&mut self, _inputs: &[i32], step: &mut Step<'_>) {
        for i in 0..self.v.len() {
            step.updated(self.v[i] != 0 || self.calcium[i] != 0);
            if self.leak_enabled[i] == 1 {
                self.v[i] = (self.v[i] - self.leak[i]).max(0);
            }
            self.after_event(i, true, step);
        }
    }

    fn event(&mut self, neuron: usize, weight: i32, step: &mut Step<'_>) {
        let raw = self.v[neuron].saturating_add(weight);
        self.v[neuron] = raw.clamp(0, 255);
        step.note_if(raw != self.v[neuron], neuron, OverflowKind::Saturation);
        self.after_event(neuron, false, step);
    }

    fn reset(&mut self) {
        self.v.fill(0);
        self.calcium.fill(0);
        self.references.fill(0);
    }

    fn state(&self) -> Vec<Values<'_>> {
        vec![Values::I32(&self.v), Values::I32(&self.calcium), Values::I32(&self.references)]
    }

    fn membrane(&self, neuron: usize) -> i64 {
        self.v[neuron].into()
    }

    fn learning_flags(&self, neuron: usize) -> (bool, bool) {
        if self.calcium_enabled[neuron] == 0 {
            return (false, false);
        }
        let (ca, [low, down, up]) = (self.calcium[neuron], [0, 1, 2].map(|k| self.theta[k][neuron]));
        let high = self.v[neuron] >= self.membrane_theta[neuron];
        (high && (low..up).contains(&ca), !high && (low..down).contains(&ca))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelKind;
    use crate::neuron::tests::Bench;

    fn bench(given: &[(&str, i64)]) -> Bench {
        let given = given.iter().map(|&(name, value)| (name, value.into()));
        Bench::new(&Parameters::new(ModelKind::Odin, 1, given).unwrap())
    }

    fn state(bench: &Bench) -> Vec<i64> {
        bench.model.state().iter().map(|values| values.at(0)).collect()
    }

    #[test]
    fn the_potential_stays_within_eight_bits() {
        let mut bench = bench(&[("thr", 255), ("leak_en", 0)]);
        (0..40).for_each(|_| bench.event(0, 6));
        assert_eq!(state(&bench)[0], 240);
        bench.event(0, 7);
        bench.event(0, 7);
        assert_eq!(state(&bench)[0], 254);
        bench.event(0, 7);
        assert_eq!((bench.spikes.len(), state(&bench)[0], bench.counters.saturations), (1, 0, 1));
        bench.event(0, -7);
        assert_eq!((state(&bench)[0], bench.counters.saturations), (0, 2));
    }

    #[test]
    fn a_spike_and_a_calcium_leak_on_one_event_cancel() {
        let mut bench = bench(&[("thr", 0), ("ca_en", 1), ("caleak", 2)]);
        bench.step(&[0]);
        assert_eq!(state(&bench)[1..], [1, 1]);
        bench.step(&[0]);
        assert_eq!(state(&bench)[1..], [1, 0], "spike on a leak event, and the counter starts again");
    }

    #[test]
    fn without_calcium_nothing_learns() {
        let mut bench = bench(&[("thr", 0), ("ca_en", 0), ("caleak", 1), ("ca_theta3", 7), ("thetamem", 0)]);
        bench.step(&[0]);
        assert_eq!((state(&bench)[1..].to_vec(), bench.model.learning_flags(0)), (vec![0, 0], (false, false)));
    }
}
