//! One part of a path against one part of a pattern, on sets of positions: every node is asked once for every place it could
//! start at, so the work is bounded by the product of the lengths.

use regex::Regex;

/// One part between two slashes.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// `**`: any number of parts.
    Globstar,
    /// A text.
    Text(String),
    /// A pattern.
    Nodes(Vec<Node>),
    /// A pattern that can match nothing.
    Never,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    /// One character.
    Literal(char),
    /// Any one character.
    Any,
    /// Any characters; at least one if said so.
    Star { some: bool },
    /// One character of a set.
    Class(Class),
    /// `?(…)`, `@(…)`, `+(…)`, `*(…)`: the alternatives for the first time and for further times.
    Group { first: Vec<Vec<Node>>, more: Vec<Vec<Node>>, least: usize, repeats: bool },
    /// `!(…)`: anything that no alternative, with all that follows, matches.
    Not { alternatives: Vec<Vec<Node>>, no_dot: bool },
    /// The next character is no dot.
    NoDot,
    /// The whole text is neither `.` nor `..`.
    NoTraversal,
    /// The end of the text.
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Class {
    pub negated: bool,
    pub ranges: Vec<(char, char)>,
    pub named: Vec<Regex>,
    /// Named sets that are written as what they are not.
    pub named_not: Vec<Regex>,
}

impl Class {
    fn has(&self, character: char, nocase: bool) -> bool {
        let cases = [character].into_iter().chain(character.to_lowercase()).chain(character.to_uppercase());
        let cases: Vec<char> = if nocase { cases.collect() } else { vec![character] };
        let plain = !self.ranges.is_empty() || !self.named.is_empty();
        let any = |named: &[Regex]| cases.iter().any(|c| named.iter().any(|named| named.is_match(c.encode_utf8(&mut [0; 4]))));
        let in_range = cases.iter().any(|c| self.ranges.iter().any(|(from, to)| (*from..=*to).contains(c)));
        let within = in_range || any(&self.named);
        (plain && within != self.negated) || (!self.named_not.is_empty() && any(&self.named_not) == self.negated)
    }
}

/// What a text is matched with; counts the work.
pub(super) struct Matcher<'a> {
    pub text: &'a [char],
    pub nocase: bool,
    pub budget: usize,
}

impl Matcher<'_> {
    /// Tells whether the nodes cover the whole text. A text for which the budget does not suffice is not matched.
    pub fn whole(&mut self, nodes: &[Node]) -> bool {
        let mut start = vec![false; self.text.len() + 1];
        start[0] = true;
        // Inside a negation, giving up would be a match.
        self.ends(nodes, start).last().copied().unwrap_or(false) && self.budget > 0
    }

    /// Returns where the nodes may end when they may start at these places.
    fn ends(&mut self, nodes: &[Node], mut places: Vec<bool>) -> Vec<bool> {
        for node in nodes {
            self.budget = self.budget.saturating_sub(places.len());
            if self.budget == 0 || !places.contains(&true) {
                return vec![false; places.len()];
            }
            places = self.step(node, places);
        }
        places
    }

    fn step(&mut self, node: &Node, places: Vec<bool>) -> Vec<bool> {
        let length = self.text.len();
        let forward = |fits: &dyn Fn(char) -> bool| {
            let mut next = vec![false; length + 1];
            for (at, character) in self.text.iter().enumerate() {
                next[at + 1] = places[at] && fits(*character);
            }
            next
        };
        match node {
            Node::Literal(wanted) => forward(&|c| c == *wanted || (self.nocase && same(c, *wanted))),
            Node::Any => forward(&|_| true),
            Node::Class(class) => forward(&|c| class.has(c, self.nocase)),
            Node::Star { some } => {
                let first = places.iter().position(|place| *place).unwrap_or(length) + usize::from(*some);
                (0..=length).map(|at| at >= first).collect()
            }
            Node::NoDot => (0..=length).map(|at| places[at] && self.text.get(at) != Some(&'.')).collect(),
            Node::NoTraversal => {
                let bad = matches!(self.text, ['.'] | ['.', '.']);
                (0..=length).map(|at| places[at] && !(bad && at == 0)).collect()
            }
            Node::End => (0..=length).map(|at| places[at] && at == length).collect(),
            Node::Group { first, more, least, repeats } => self.group(first, more, *least, *repeats, places),
            Node::Not { alternatives, no_dot } => self.not(alternatives, *no_dot, &places),
        }
    }

    fn any_of(&mut self, alternatives: &[Vec<Node>], places: &[bool]) -> Vec<bool> {
        let mut all = vec![false; places.len()];
        for nodes in alternatives {
            let ends = self.ends(nodes, places.to_vec());
            all.iter_mut().zip(ends).for_each(|(all, end)| *all |= end);
        }
        all
    }

    fn group(&mut self, first: &[Vec<Node>], more: &[Vec<Node>], least: usize, repeats: bool, places: Vec<bool>) -> Vec<bool> {
        let mut frontier = self.any_of(first, &places);
        let mut all = frontier.clone();
        while repeats && frontier.contains(&true) && self.budget > 0 {
            let next = self.any_of(more, &frontier);
            frontier = next.iter().zip(&all).map(|(next, known)| *next && !known).collect();
            all.iter_mut().zip(&frontier).for_each(|(all, new)| *all |= new);
        }
        if least == 0 {
            all.iter_mut().zip(places).for_each(|(all, place)| *all |= place);
        }
        all
    }

    fn not(&mut self, alternatives: &[Vec<Node>], no_dot: bool, places: &[bool]) -> Vec<bool> {
        let length = self.text.len();
        let mut all = vec![false; length + 1];
        for at in 0..=length {
            if !places[at] || all[at] || (no_dot && self.text.get(at) == Some(&'.')) {
                continue;
            }
            let mut here = vec![false; length + 1];
            here[at] = true;
            if !self.any_of(alternatives, &here)[length] {
                all[at..].fill(true);
            }
        }
        all
    }
}

pub(super) fn same(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}
