//! Emulates neuromorphic mesh chips: spiking networks are mapped onto a virtual chip, run in fixed point with every
//! spike crossing an emulated router mesh, and priced event by event.
//!
//! ```text
//! network file -> Network -> (mapper, with ChipSpec) -> ChipImage -> Chip -> (run) -> Recording of whole counts
//!              -> (energy) -> EnergyReport -> Report -> text | JSON | CSV | HTML
//! ```
//! Nothing later is ever read by anything earlier. Cores (`spikemesh-cores`) and mesh (`spikemesh-router`) know nothing
//! of each other; they meet in `chip/interface.rs` alone. Emulation is integers; joules and seconds are computed from
//! counts afterwards. The same input gives the same bytes for any number of threads.
//!
//! ```
//! use spikemesh::chip::{Chip, ChipSpec, TickSpikes};
//! use spikemesh::mapper::{MapOptions, map};
//! use spikemesh::network::{Conventions, Integrator, RandomNetwork, Reset, random_network};
//!
//! let conventions = Conventions { dt_s: 1e-3, reset: Reset::Zero, integrator: Integrator::Euler };
//! let shape = RandomNetwork {
//!     inputs: 10, neurons: 100, fan_in: 20, input_fan_in: 10, weight: 0.3, tau_ms: 20.0, delay: 0, seed: 1,
//! };
//! let network = random_network("example", &shape, conventions)?;
//! let mapping = map(&network, &ChipSpec::preset("generic-28nm")?, &MapOptions::default())?;
//! let mut chip = Chip::load(&mapping.image, spikemesh_router::Level::Analytic)?;
//! let mut spikes = TickSpikes::default();
//! for _ in 0..20 {
//!     chip.tick(&[0, 1, 2, 3, 4, 5, 6, 7], false, &mut spikes);
//! }
//! assert!(chip.counters().core_total().spikes > 0);
//! # Ok::<(), spikemesh::Error>(())
//! ```

pub mod chip;
pub mod cli;
mod codec;
pub mod config;
pub mod digest;
pub mod energy;
mod error;
pub mod mapper;
pub mod network;
mod npz;
pub mod report;
pub mod route;
pub mod run;
pub mod sanafe;
mod toml_reader;
pub mod validate;

pub use error::{EXIT_LOST_PACKETS, Error, ErrorKind, Problem};
