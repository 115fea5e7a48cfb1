//! Tables of links and cores, a header line each. Energies are of known prices, in attojoules, and add up to the causes
//! they are made of: cores to what happens in cores, links to hops.

use super::Report;
use std::fmt::Write;

/// One line a directed link.
pub fn links_csv(report: &Report<'_>) -> String {
    let mut out =
        String::from("link,from_x,from_y,to_x,to_y,class,packets,flits,stall_ps,peak_queue,energy_aj\n");
    let topology = report.topology;
    let links = topology.links().iter().zip(&report.recording.counters.noc.links);
    for (i, ((link, counters), energy_aj)) in links.zip(report.link_attojoules()).enumerate() {
        let (from, to) = (topology.coord(link.from), topology.coord(link.to));
        let class = &topology.link_classes()[link.class.index()].name;
        let _ = writeln!(
            out,
            "{i},{},{},{},{},{class},{},{},{},{},{energy_aj}",
            from.x,
            from.y,
            to.x,
            to.y,
            counters.packets,
            counters.flits,
            counters.stall_ps,
            counters.peak_queue
        );
    }
    out
}

/// One line a core in use.
pub fn cores_csv(report: &Report<'_>) -> String {
    let mut out = String::from(
        "core,x,y,neurons,in_axons,out_axons,synapse_words,synapses,axon_events,synaptic_operations,\
         updates_active,updates_idle,spikes,wraps,bias_wraps,clips,saturations,merged,dropped,learning_updates,\
         weight_changes,trace_updates,packets_sent,copies_received,energy_aj\n",
    );
    let cores = report.recording.counters.cores.iter().zip(report.uses);
    for (((core, c), held), energy_aj) in cores.zip(report.core_attojoules()) {
        let endpoint = spikemesh_router::EndpointId(*core);
        let at = report.topology.endpoint_coord(endpoint);
        let ends = &report.recording.counters.noc.endpoints[endpoint.index()];
        let _ = writeln!(
            out,
            "{core},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{energy_aj}",
            at.x,
            at.y,
            held.neurons,
            held.in_axons,
            held.out_axons,
            held.synapse_words,
            held.synapses,
            c.axon_events,
            c.synaptic_operations,
            c.updates_active,
            c.updates_idle,
            c.spikes,
            c.wraps,
            c.bias_wraps,
            c.clips,
            c.saturations,
            c.merged,
            c.dropped,
            c.learning_updates,
            c.weight_changes,
            c.trace_updates,
            ends.injected,
            ends.ejected
        );
    }
    out
}

/// One line a plastic synapse, by network numbers; `None` where nothing learns.
pub fn learned_csv(report: &Report<'_>) -> Option<String> {
    let learned = &report.recording.learned;
    if learned.is_empty() {
        return None;
    }
    let mut out = String::from("source,target,initial,learned\n");
    for weight in learned {
        let _ = writeln!(out, "{},{},{},{}", weight.source, weight.target, weight.initial, weight.learned);
    }
    Some(out)
}
