//! Noxim's destinations, with every draw in its order.

use crate::glibc::GlibcRand;
use crate::report::{Fault, Row};

/// Where packets go.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// Anywhere but to oneself; the nodes of the list get a part of all packets each.
    Random(Vec<(u32, f64)>),
    /// A fixed destination for every source.
    Permutation(Vec<u32>),
    /// A few steps away.
    Local,
}

impl Pattern {
    /// The pattern of a row on a mesh of k x k.
    pub(crate) fn read(row: &Row<'_>, k: u32) -> Result<Pattern, Fault> {
        let name = row.text("traffic")?;
        let hot = hotspots(row.text("hotspots")?, k * k)?;
        if name == "random" {
            return Ok(Pattern::Random(hot));
        }
        if name == "ulocal" {
            return Ok(Pattern::Local);
        }
        let nodes = k * k;
        let bits = nodes.trailing_zeros();
        let bitwise = !name.starts_with("transpose");
        let map = |id: u32| {
            let (x, y) = (id % k, id / k);
            Some(match name {
                "transpose1" => (k - 1 - x) * k + (k - 1 - y),
                "transpose2" => x * k + y,
                "bitreversal" => id.reverse_bits() >> (32 - bits),
                "shuffle" => (id << 1 | id >> (bits - 1)) & (nodes - 1),
                "butterfly" => {
                    let ends = id & 1 != id >> (bits - 1);
                    if ends { id ^ 1 ^ 1 << (bits - 1) } else { id }
                }
                _ => return None,
            })
        };
        if bitwise && !nodes.is_power_of_two() {
            return Err(Fault::new("traffic", format!("`{name}` on {nodes} nodes, no power of two")));
        }
        let to: Option<Vec<_>> = (0..nodes).map(map).collect();
        to.map(Pattern::Permutation).ok_or_else(|| Fault::new("traffic", format!("`{name}` is not known")))
    }

    /// Whether a packet draws its channel before its length.
    pub(crate) fn draws_channel_first(&self) -> bool {
        matches!(self, Pattern::Permutation(_))
    }

    /// The destination of the next packet.
    pub(crate) fn destination(&self, source: u32, k: u32, rand: &mut GlibcRand) -> Result<u32, String> {
        match self {
            Pattern::Permutation(to) => Ok(to[source as usize]),
            Pattern::Random(hot) => Ok(anywhere(hot, source, k * k, rand)),
            Pattern::Local => nearby(source, k, rand),
        }
    }
}

fn anywhere(hot: &[(u32, f64)], source: u32, nodes: u32, rand: &mut GlibcRand) -> u32 {
    let u = rand.real();
    let mut start = 0.0;
    loop {
        let mut to = rand.between(0, nodes - 1);
        for &(node, part) in hot {
            if u >= start && u < start + part {
                to = if source == node { to } else { node };
                break;
            }
            // Not set back when the destination is drawn again.
            start += part;
        }
        if to != source {
            return to;
        }
    }
}

fn nearby(source: u32, k: u32, rand: &mut GlibcRand) -> Result<u32, String> {
    let u = rand.real();
    let far = (1..=2 * k - 2).find(|&hops| u < 1.0 - 0.5_f64.powi(hops as i32 + 1));
    let hops = far.ok_or("a packet would go further than the mesh is wide; the measured program aborts")?;
    let mut sign = || if rand.odd() { -1 } else { 1 };
    let (mut dy, mut dx) = (sign(), sign());
    let (mut x, mut y) = ((source % k) as i32, (source / k) as i32);
    let last = k as i32 - 1;
    let stop = |at: i32, step: i32| if at + step < 0 || at + step > last { 0 } else { step };
    for _ in 0..hops {
        (dx, dy) = (stop(x, dx), stop(y, dy));
        if rand.odd() { x += dx } else { y += dy }
    }
    Ok((y * k as i32 + x) as u32)
}

/// Nodes and parts in a list like `[(27, 0.2), (36, 0.1)]`; nothing is an empty list.
fn hotspots(text: &str, nodes: u32) -> Result<Vec<(u32, f64)>, Fault> {
    let wrong = || Fault::new("hotspots", format!("`{text}` is not a list of (node, part)"));
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or_else(wrong)?;
    let mut found = Vec::new();
    for pair in inner.split(')').map(|p| p.trim_start_matches([',', ' '])).filter(|p| !p.trim().is_empty()) {
        let (node, part) = pair.strip_prefix('(').and_then(|p| p.split_once(',')).ok_or_else(wrong)?;
        let node: u32 = node.trim().parse().map_err(|_| wrong())?;
        let part: f64 = part.trim().parse().map_err(|_| wrong())?;
        if node >= nodes || !(0.0..=1.0).contains(&part) {
            return Err(wrong());
        }
        found.push((node, part));
    }
    Ok(found)
}
