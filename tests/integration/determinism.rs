//! Same input, same bytes: for any number of threads, any build, any network level, fan-out and placement.
//!
//! The digests in `tests/data/pinned.json` are pinned. They may change when the arithmetic of a core, the rounding of
//! the mapper, the coding of stimuli or a preset's numbers change on purpose: the change then says so in CHANGELOG.md
//! and `BLESS=1 cargo test --test integration` writes the new ones (with `SPIKEMESH_DATA` set, those of MNIST too). They may never change because of threads,
//! builds, machines or refactoring.

#![cfg(feature = "nir")]

use crate::support::{check_pinned, config, digits_text, load_nir, run_image, run_network};
use spikemesh::network::random_network;
use spikemesh::run::Stimulus;
use spikemesh_router::Level;

/// Samples of the digits that the comparisons run; the pinned run takes all.
const SOME: Option<usize> = Some(60);

#[test]
fn pinned_digests_hold_for_every_number_of_threads() {
    let config = config(&digits_text());
    let network = load_nir(&config);
    let digests: Vec<_> = [1, 2, 3, 7]
        .map(|threads| {
            let (_, recording) = run_network(&network, &config, threads, None);
            (recording.digest.to_string(), recording.spike_digest.to_string())
        })
        .into();
    assert!(digests.iter().all(|d| *d == digests[0]), "{digests:?}");
    check_pinned("digits", &digests[0].0, &digests[0].1);
}

#[test]
fn spikes_do_not_depend_on_level_fan_out_or_placement() {
    let text = digits_text();
    let mut digests = Vec::new();
    for level in ["analytic", "packet"] {
        for fan_out in ["unicast", "multicast"] {
            for placement in ["row-major", "hilbert"] {
                let text = text
                    .replace(
                        "placement = \"hilbert\"",
                        &format!("placement = \"{placement}\"\nfan_out = \"{fan_out}\""),
                    )
                    .replace("[run]", &format!("[run]\nlevel = \"{level}\""));
                let config = config(&text);
                let (_, recording) = run_network(&load_nir(&config), &config, 2, SOME);
                digests.push((recording.spike_digest, recording.digest, recording.counters.noc.packets));
            }
        }
    }
    assert!(digests.iter().all(|d| d.0 == digests[0].0), "spike digests differ: {digests:#?}");
    let (unicast, multicast) = (digests[0].2, digests[2].2);
    assert!(multicast * 4 < unicast, "a tree saves packets: {multicast} against {unicast}");
}

#[test]
fn one_long_sample_is_the_same_on_several_threads() {
    // 100 cores make 13 blocks; within a sample threads share out the blocks of each tick.
    let text = "[network.random]\ninputs = 50\nneurons = 1600\nfan_in = 40\ninput_fan_in = 10\nweight = 0.2\ntau_ms = 20\n\
        delay = 3\nseed = 5\n[conventions]\ndt_ms = 1\nreset = \"subtract\"\nintegrator = \"exponential\"\n\
        [chip]\npreset = \"generic-28nm\"\nmesh = [10, 10]\nneurons_per_core = 16\n\
        [stimulus]\nkind = \"poisson\"\nchance = [1, 5]\n[run]\nticks = 120\nlevel = \"packet\"\n";
    let config = config(text);
    let spikemesh::config::NetworkSource::Random(spec) = &config.network else { panic!("a random network") };
    let network = random_network("random", spec, config.conventions).unwrap();
    let runs: Vec<_> = [1, 2, 3, 7].map(|threads| run_network(&network, &config, threads, None).1).into();
    assert!(runs[0].counters.core_total().spikes > 1000, "{:?}", runs[0].counters.core_total());
    for run in &runs {
        assert_eq!((run.digest, run.spike_digest), (runs[0].digest, runs[0].spike_digest));
        assert_eq!(run.counters, runs[0].counters);
    }
}

#[test]
fn samples_are_independent_of_each_other() {
    let config = config(&digits_text());
    let network = load_nir(&config);
    let (mapping, all) = run_network(&network, &config, 1, Some(8));
    let stimulus = Stimulus::load(&config.stimulus, &network, config.ticks, 1).unwrap();
    // The eighth sample alone, on a fresh chip, gives what it gave after seven others.
    let mut chip = spikemesh::chip::Chip::load(&mapping.image, Level::Analytic).unwrap();
    let mut outputs = vec![0; 10];
    let mut spikes = spikemesh::chip::TickSpikes::default();
    let mut train = stimulus.train(7);
    for tick in 0..stimulus.ticks() {
        chip.tick(train.tick(tick), false, &mut spikes);
        spikes.outputs.iter().for_each(|&o| outputs[o as usize] += 1);
    }
    assert_eq!(outputs, all.samples[7].outputs);
    // Levels agree on everything but time, on the whole of the counts.
    let (a, b) = [Level::Analytic, Level::Packet]
        .map(|l| run_image(&mapping, &stimulus.clone().limited(Some(8)), l, 2, None))
        .into();
    assert_eq!(a.counters.noc.hops, b.counters.noc.hops);
    assert_eq!(a.counters.noc.crossings, b.counters.noc.crossings);
    assert!(b.counters.tick_time_ps > a.counters.tick_time_ps, "contention takes time");
}
