//! Many short lists, first in, first out, in one piece of memory: what was freed last is used next, while it is near.

/// No node.
const NONE: u32 = u32::MAX;

/// One list: its last node, whose successor is its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List(u32);

impl List {
    pub(super) const EMPTY: List = List(NONE);

    pub(super) fn is_empty(self) -> bool {
        self.0 == NONE
    }
}

#[derive(Clone, Copy, Debug)]
struct Node<T> {
    item: T,
    next: u32,
}

/// The nodes of the lists.
#[derive(Clone, Debug)]
pub(super) struct Lists<T> {
    nodes: Vec<Node<T>>,
    /// First of the free nodes, each of which names the next.
    free: u32,
}

impl<T: Copy> Lists<T> {
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), free: NONE }
    }

    fn node(&mut self, item: T) -> u32 {
        let id = self.free;
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.item = item;
            self.free = node.next;
            return id;
        }
        self.nodes.push(Node { item, next: NONE });
        self.nodes.len() as u32 - 1
    }

    /// Puts an item at the list's end.
    #[inline]
    pub(super) fn push(&mut self, list: &mut List, item: T) {
        let new = self.node(item);
        let first =
            if list.is_empty() { new } else { std::mem::replace(&mut self.nodes[list.0 as usize].next, new) };
        self.nodes[new as usize].next = first;
        list.0 = new;
    }

    /// Puts an item before the first that is to come later; at the end if there is none.
    #[inline]
    pub(super) fn insert(&mut self, list: &mut List, item: T, is_later: impl Fn(&T) -> bool) {
        if list.is_empty() || !is_later(&self.nodes[list.0 as usize].item) {
            return self.push(list, item);
        }
        let mut before = list.0;
        let later = loop {
            let next = self.nodes[before as usize].next;
            if is_later(&self.nodes[next as usize].item) {
                break next;
            }
            before = next;
        };
        let new = self.node(item);
        self.nodes[before as usize].next = new;
        self.nodes[new as usize].next = later;
    }

    /// The list's first item.
    #[inline]
    pub(super) fn first(&self, list: List) -> Option<T> {
        let last = self.nodes.get(list.0 as usize)?;
        Some(self.nodes[last.next as usize].item)
    }

    /// Takes the list's first item.
    #[inline]
    pub(super) fn pop(&mut self, list: &mut List) -> Option<T> {
        let first = self.nodes.get(list.0 as usize)?.next;
        let node = &mut self.nodes[first as usize];
        let (item, second) = (node.item, std::mem::replace(&mut node.next, self.free));
        self.free = first;
        if first == list.0 {
            *list = List::EMPTY;
        } else {
            self.nodes[list.0 as usize].next = second;
        }
        Some(item)
    }

    /// Forgets all nodes; the lists must be forgotten with them.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.free = NONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn lists_are_queues(steps in prop::collection::vec((0usize..3, 0u8..4, 0u32..20), 0..200)) {
            let mut lists = Lists::new();
            let mut mine = [List::EMPTY; 3];
            let mut oracle = [(); 3].map(|()| VecDeque::new());
            for (which, what, item) in steps {
                let (list, oracle) = (&mut mine[which], &mut oracle[which]);
                match what {
                    0 => {
                        lists.push(list, item);
                        oracle.push_back(item);
                    }
                    1 => {
                        lists.insert(list, item, |&other| other > item);
                        // At the end if the last is not later, whatever the others are.
                        let end = oracle.back().is_none_or(|&last| last <= item);
                        let later = oracle.iter().position(|&other| other > item).filter(|_| !end);
                        oracle.insert(later.unwrap_or(oracle.len()), item);
                    }
                    _ => prop_assert_eq!(lists.pop(list), oracle.pop_front()),
                }
                prop_assert_eq!(lists.first(*list), oracle.front().copied());
                prop_assert_eq!(list.is_empty(), oracle.is_empty());
            }
        }
    }
}
