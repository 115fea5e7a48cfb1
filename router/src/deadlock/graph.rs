//! Directed graphs of channels: whether they have a cycle, and the shortest.

/// Fills in the vertices an edge leads to from a vertex.
pub(super) type Successors<'a> = dyn Fn(usize, &mut Vec<usize>) + 'a;

const UNSEEN: u32 = u32::MAX;

/// The strongly connected component of each vertex that lies on a cycle (Tarjan 1972, without recursion); `None` for all
/// others.
fn cyclic_components(count: usize, successors: &Successors<'_>) -> Vec<Option<u32>> {
    struct Frame {
        vertex: usize,
        next: Vec<usize>,
    }
    let mut component = vec![None; count];
    let mut order = vec![UNSEEN; count];
    let mut low = vec![0u32; count];
    let mut on_stack = vec![false; count];
    let (mut stack, mut frames) = (Vec::new(), Vec::<Frame>::new());
    let (mut clock, mut components) = (0, 0);
    for root in 0..count {
        if order[root] != UNSEEN {
            continue;
        }
        let mut enter = Some(root);
        loop {
            if let Some(vertex) = enter.take() {
                (order[vertex], low[vertex]) = (clock, clock);
                clock += 1;
                stack.push(vertex);
                on_stack[vertex] = true;
                let mut next = Vec::new();
                successors(vertex, &mut next);
                frames.push(Frame { vertex, next });
            }
            let Some(frame) = frames.last_mut() else { break };
            let vertex = frame.vertex;
            if let Some(next) = frame.next.pop() {
                if next == vertex {
                    // A cycle of one, whatever component it lies in.
                    component[vertex].get_or_insert(UNSEEN);
                } else if order[next] == UNSEEN {
                    enter = Some(next);
                } else if on_stack[next] {
                    low[vertex] = low[vertex].min(order[next]);
                }
                continue;
            }
            frames.pop();
            if let Some(parent) = frames.last() {
                low[parent.vertex] = low[parent.vertex].min(low[vertex]);
            }
            if low[vertex] == order[vertex] {
                let start = stack.iter().rposition(|&v| v == vertex).unwrap_or(0);
                let alone = stack.len() - start == 1;
                for member in stack.drain(start..) {
                    on_stack[member] = false;
                    if !alone || component[member].is_some() {
                        component[member] = Some(components);
                    }
                }
                components += 1;
            }
        }
    }
    component
}

/// The shortest cycle, as its vertices in order; `None` if there is none. The first vertex found wins among equals.
pub(super) fn shortest_cycle(count: usize, successors: &Successors<'_>) -> Option<Vec<usize>> {
    let component = cyclic_components(count, successors);
    let mut best: Option<Vec<usize>> = None;
    let mut parent = vec![(usize::MAX, 0usize); count]; // (search, vertex before)
    let mut next = Vec::new();
    for start in (0..count).filter(|&v| component[v].is_some()) {
        let limit = best.as_ref().map_or(usize::MAX, Vec::len);
        let mut level = vec![start];
        let mut length = 0;
        let found = 'search: loop {
            length += 1;
            if level.is_empty() || length >= limit {
                break None;
            }
            let mut after = Vec::new();
            for &vertex in &level {
                next.clear();
                successors(vertex, &mut next);
                for &to in &next {
                    if to == start {
                        break 'search Some(vertex);
                    }
                    if component[to] == component[start] && parent[to].0 != start {
                        parent[to] = (start, vertex);
                        after.push(to);
                    }
                }
            }
            level = after;
        };
        if let Some(mut vertex) = found {
            let mut cycle = vec![vertex];
            while vertex != start {
                vertex = parent[vertex].1;
                cycle.push(vertex);
            }
            cycle.reverse();
            best = Some(cycle);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortest(count: usize, edges: &[(usize, usize)]) -> Option<Vec<usize>> {
        shortest_cycle(count, &|from, out| out.extend(edges.iter().filter(|e| e.0 == from).map(|e| e.1)))
    }

    #[test]
    fn the_shortest_of_several_cycles_is_found() {
        assert_eq!(shortest(4, &[(0, 1), (1, 2), (0, 2), (2, 3)]), None);
        let two = [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 4), (0, 4)];
        assert_eq!(shortest(7, &two), Some(vec![4, 5, 6]));
        let chord = [(0, 1), (1, 2), (2, 3), (3, 0), (2, 1)];
        assert_eq!(shortest(4, &chord), Some(vec![1, 2]));
        assert_eq!(shortest(3, &[(0, 1), (1, 1), (1, 2)]), Some(vec![1]));
    }

    #[test]
    fn a_chain_of_any_length_does_not_overflow_the_stack() {
        let count = 1 << 20;
        let chain = |from: usize, out: &mut Vec<usize>| out.extend((from + 1 < count).then_some(from + 1));
        assert_eq!(shortest_cycle(count, &chain), None);
    }
}
