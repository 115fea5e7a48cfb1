//! Gives the vertices of a rate-weighted hypergraph their cores on a mesh.
//!
//! A *vertex* is a neuron (or, inside the search, a cluster of them), a *net* the vertices that its sources reach. A spike travels
//! as a tree: along its source's row to every column with a pin of its net, in each column up and down to the outermost
//! pins, so a net costs rate times links, and the *cost* of a placement is the sum over all nets and sources. It is kept
//! exactly, move by move (`state`), and counted anew from nothing but the network by [`Cost::count`].
//!
//! ```text
//! starts (orders, layers, spectral, cores swapped) -> trials (soft, hard, multilevel) -> the winner -> relief of links
//! ```
//! [`place`] searches freely under each core's room; [`improve`] begins with a placement that keeps further [`Limits`] and
//! keeps them. Work is counted in visits of nets, never timed: a seed gives the same placement everywhere. Inside the search costs
//! are whole numbers; reals order coordinates, rate clusters, and set temperatures and prices, by operations every machine
//! rounds alike.
//!
//! This crate has never heard of neuron models, chips, packets, files or threads.

mod anneal;
#[doc(hidden)]
pub mod bench;
mod coarsen;
mod cost;
mod curve;
mod grid;
mod list;
mod metric;
mod portfolio;
mod problem;
mod random;
mod relief;
mod search;
mod spectral;
mod starts;
mod state;

pub use cost::{Cost, priced};
pub use curve::hilbert_curve;
pub use grid::Grid;
pub use list::Lists;
pub use metric::LinkPrices;
pub use portfolio::{Effort, Objective, Options, PlaceError, Placement, Step, improve, place};
pub use problem::{Hint, Problem};
pub use starts::in_order;
pub use state::Limits;
