//! Key/mask tables of a mapping: keys for its neurons, trees for their spikes, tables compressed and replayed.
//!
//! The neurons of a core that send to the same cores share a block of keys; blocks follow each other by core, so that a
//! core's keys have a prefix in common.

use super::{MapOptions, Mapping, Watch, map_watched};
use crate::chip::{ChipImage, ChipSpec};
use crate::error::{Error, ErrorKind, Problem};
use crate::network::Network;
use serde::Serialize;
use spikemesh_router::tables::{TableReport, TablesTooLong, replay};
use spikemesh_router::{EndpointId, KeyBlock, KeyRoutes, KeyTables, KeyedRequest, RouteRequest, TreeKind};
use std::collections::BTreeMap;

/// Tables of a mapping, in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct MappingTables {
    /// Name of the trees.
    pub trees: &'static str,
    /// Links of all trees, each counted once a neuron.
    pub links: u64,
    /// Links that one unicast packet to each destination would cross, likewise.
    pub links_unicast: u64,
    /// Blocks of keys.
    pub blocks: usize,
    /// Keys that were walked through the compressed tables.
    pub keys_replayed: u64,
    /// Entries of each router.
    pub entries: TableReport,
    /// Mappings that were made anew because tables were too long.
    pub repairs: u32,
}

/// Builds, compresses to at most `most` entries a router, and replays the tables of an image.
///
/// # Errors
/// A table that is still longer, with router and lengths; a destination that no live way leads to; more keys than 32 bits
/// hold.
pub fn tables(image: &ChipImage, kind: TreeKind, most: usize) -> Result<MappingTables, Error> {
    let built = build(image, kind, most)?;
    built.entries.met().map_err(|long| too_long(image, &long, 0))?;
    Ok(built)
}

/// Maps anew so often where tables stay too long.
const REPAIRS: u32 = 3;

/// As [`map_watched`], and builds the tables of the mapping. Where a search was asked for and tables are too long, links to
/// those routers become dearer and the search begins anew, up to three times; the mapping whose tables are over by least stays.
/// The tables of the mapping that is returned come with it, or why there are none.
///
/// # Errors
/// As [`map_watched`].
pub fn map_with_tables(
    network: &Network,
    spec: &ChipSpec,
    options: &MapOptions,
    (kind, most): (TreeKind, usize),
    watch: Watch<'_>,
) -> Result<(Mapping, Result<MappingTables, Error>), Error> {
    let first = map_watched(network, spec, options, watch)?;
    let tables = build(&first.image, kind, most);
    let mut best = match tables {
        Ok(tables) => (first, tables),
        Err(error) => return Ok((first, Err(error))),
    };
    let over = |tables: &MappingTables| -> usize {
        tables.entries.routers.iter().map(|r| r.after.saturating_sub(most)).sum()
    };
    // Relief of the busiest link takes links that are all alike.
    let may_repair = options.search.as_ref().is_some_and(|search| search.link_weight == 0.0);
    let mut crowded: BTreeMap<[u16; 2], u32> = options.crowded.iter().copied().collect();
    let mut repairs = 0;
    let mut last = best.1.clone();
    while may_repair && repairs < REPAIRS && over(&best.1) > 0 {
        if best.0.arrangement.as_ref().is_some_and(|found| found.stopped) {
            break;
        }
        repairs += 1;
        for router in last.entries.routers.iter().filter(|r| r.after > most) {
            let quarters = crowded.entry([router.router.x, router.router.y]).or_default();
            *quarters = 2 * *quarters + 2;
        }
        let options = MapOptions { crowded: crowded.clone().into_iter().collect(), ..options.clone() };
        // What the dearer links make impossible, the mapping there is did without.
        let Ok(mapping) = map_watched(network, spec, &options, watch) else { break };
        last = match build(&mapping.image, kind, most) {
            Ok(tables) => tables,
            // A tree that no live way leads along, say: what there is stays.
            Err(_) => break,
        };
        if over(&last) < over(&best.1) {
            best = (mapping, last.clone());
        }
    }
    let (mapping, mut tables) = best;
    tables.repairs = repairs;
    let checked = match tables.entries.met() {
        Ok(()) => Ok(tables),
        Err(long) => Err(too_long(&mapping.image, &long, repairs)),
    };
    Ok((mapping, checked))
}

/// All routers whose tables are too long.
fn too_long(image: &ChipImage, long: &TablesTooLong, repairs: u32) -> Error {
    let tried = match repairs {
        0 => String::new(),
        1 => "; a mapping with dearer links to such routers did not help".to_owned(),
        n => format!("; {n} mappings with dearer links to such routers did not help"),
    };
    Error {
        kind: ErrorKind::DoesNotFit,
        problems: vec![Problem::new(
            format!("chip {}", image.spec.name),
            format!("{long}{tried}"),
            "search for a better placement (--effort best), take shorter trees (--trees steiner), or fewer neurons a core",
        )],
    }
}

/// Builds, compresses as far as needed, and replays; tables may stay too long.
fn build(image: &ChipImage, kind: TreeKind, most: usize) -> Result<MappingTables, Error> {
    let name = format!("chip {}", image.spec.name);
    let fault = |what: String, hint: &str| Error::one(ErrorKind::Invalid, name.clone(), what, hint);
    let mesh = image.spec.topology()?;
    // (Source, destinations) -> neurons that send so.
    let mut groups: BTreeMap<(u32, Vec<u32>), u32> = BTreeMap::new();
    let input = mesh.port(crate::chip::INPUT_PORT).expect("invariant: every chip has this port").0;
    let inputs = (input, &image.input_fan_out, image.network.inputs.len());
    let cores = image.cores.iter().map(|core| (core.core, &core.fan_out, core.config.neurons.len()));
    for (source, table, rows) in cores.chain([inputs]) {
        for row in 0..rows {
            let routes = table.routes_of(row).iter();
            let mut ends: Vec<u32> =
                routes.flat_map(|route| image.routes[*route as usize].destinations.iter().copied()).collect();
            ends.sort_unstable();
            ends.dedup();
            if !ends.is_empty() {
                *groups.entry((source, ends)).or_default() += 1;
            }
        }
    }
    let counts: Vec<u32> = groups.values().copied().collect();
    let blocks = KeyBlock::allocate(&counts).map_err(|e| {
        fault(e.to_string(), "a network of fewer neurons, or several boards with keys of their own")
    })?;
    let requests: Vec<KeyedRequest> = groups
        .into_keys()
        .zip(&blocks)
        .map(|((source, ends), keys)| KeyedRequest {
            keys: *keys,
            request: RouteRequest {
                source: EndpointId(source),
                destinations: ends.into_iter().map(EndpointId).collect(),
            },
        })
        .collect();
    let routes = KeyRoutes::compile(&mesh, kind, &requests).map_err(|errors| Error {
        kind: ErrorKind::Invalid,
        problems: errors
            .into_iter()
            .take(20)
            .map(|e| Problem::new(name.clone(), e.to_string(), "leave dead links out, or map elsewhere"))
            .collect(),
    })?;
    let arrivals = routes.arrivals(&mesh);
    let (compressed, entries) = KeyTables::compress(&mesh, &arrivals, most);
    let replayed = replay(&mesh, &routes, &compressed)
        .map_err(|e| Error::one(ErrorKind::Bug, name.clone(), e.to_string(), "please report this"))?;
    let times = |links: fn(&KeyRoutes, &spikemesh_router::Topology, usize) -> u64| -> u64 {
        counts.iter().enumerate().map(|(i, n)| u64::from(*n) * links(&routes, &mesh, i)).sum()
    };
    Ok(MappingTables {
        trees: kind.name(),
        links: times(|routes, _, i| routes.trees()[i].length() as u64),
        links_unicast: times(|routes, mesh, i| {
            let request = &routes.requests()[i].request;
            let from = mesh.endpoint_coord(request.source);
            let far = |to: &EndpointId| {
                let to = mesh.endpoint_coord(*to);
                u64::from(from.x.abs_diff(to.x)) + u64::from(from.y.abs_diff(to.y))
            };
            request.destinations.iter().map(far).sum()
        }),
        blocks: blocks.len(),
        keys_replayed: replayed.keys,
        entries,
        repairs: 0,
    })
}
