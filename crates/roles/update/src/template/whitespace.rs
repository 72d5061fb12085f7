//! Blanks around tags: `~` eats them, and a block tag or comment alone on its line takes the line with it.
//! Read first: [`control`]. Follows Handlebars 4.

use super::parse::{Block, Node, Strip, Text};

/// Handles the blanks of a body and of all bodies in it.
pub(super) fn control(body: &mut [Node], root: bool) {
    for at in 0..body.len() {
        let (before, behind) = (ends_line(body, at, root), begins_line(body, at, root));
        let Some(seen) = inside(&mut body[at]) else { continue };
        if seen.strip.behind {
            omit_right(body, Some(at), true);
        }
        if seen.strip.before {
            omit_left(body, Some(at), true);
        }
        if seen.comment && before && behind {
            omit_right(body, Some(at), false);
            omit_left(body, Some(at), false);
        }
        if seen.open_alone && before {
            if let Node::Block(block) = &mut body[at] {
                omit_right(first_body(block), None, false);
            }
            omit_left(body, Some(at), false);
        }
        if seen.close_alone && behind {
            omit_right(body, Some(at), false);
            if let Node::Block(block) = &mut body[at] {
                omit_left(last_body(block), None, false);
            }
        }
    }
}

/// What a node wants from its surroundings.
#[derive(Default)]
struct Seen {
    strip: Strip,
    comment: bool,
    /// Whether a line may end behind the opening tag, or begin before the closing one.
    open_alone: bool,
    close_alone: bool,
}

fn inside(node: &mut Node) -> Option<Seen> {
    match node {
        Node::Text(_) => None,
        Node::Output { strip, .. } => Some(Seen { strip: *strip, ..Seen::default() }),
        Node::Comment { strip } => Some(Seen { strip: *strip, comment: true, ..Seen::default() }),
        Node::Block(block) => Some(block_inside(block)),
    }
}

/// The first body of a block: of an inverse one its only body.
fn first_body(block: &mut Block) -> &mut Vec<Node> {
    if block.program.is_some() { block.program.get_or_insert_default() } else { block.inverse.get_or_insert_default() }
}

/// The body that the closing tag ends, as the surroundings see it.
fn last_body(block: &mut Block) -> &mut Vec<Node> {
    if block.inverse.is_some() { block.inverse.get_or_insert_default() } else { block.program.get_or_insert_default() }
}

/// The body behind the first `else`.
fn first_inverse(block: &mut Block) -> &mut Vec<Node> {
    let chained = block.chained;
    let inverse = block.inverse.get_or_insert_default();
    if chained { inner(inverse).program.get_or_insert_default() } else { inverse }
}

/// The body behind the last `else`.
fn last_inverse(block: &mut Block) -> &mut Vec<Node> {
    let chained = block.chained;
    let inverse = block.inverse.get_or_insert_default();
    if !chained {
        return inverse;
    }
    let inner = inner(inverse);
    if inner.chained { last_inverse(inner) } else { inner.program.get_or_insert_default() }
}

/// The block of an `else if`, which is all that its body holds.
fn inner(inverse: &mut [Node]) -> &mut Block {
    match inverse {
        [Node::Block(inner)] => inner,
        _ => unreachable!("the parser puts one block behind an else if"),
    }
}

fn block_inside(block: &mut Block) -> Seen {
    for body in [&mut block.program, &mut block.inverse].into_iter().flatten() {
        control(body, false);
    }
    let both = block.program.is_some() && block.inverse.is_some();
    let strip = Strip { before: block.open.before, behind: block.close.behind };
    let open_alone = begins_line(first_body(block), usize::MAX, false);
    let close_alone = {
        let body = if both { first_inverse(block) } else { first_body(block) };
        let end = body.len();
        ends_line(body, end, false)
    };
    if block.open.behind {
        omit_right(first_body(block), None, true);
    }
    if both {
        if block.middle.before {
            omit_left(first_body(block), None, true);
        }
        if block.middle.behind {
            omit_right(first_inverse(block), None, true);
        }
        if block.close.before {
            omit_left(last_inverse(block), None, true);
        }
        let end = first_body(block).len();
        if ends_line(first_body(block), end, false) && begins_line(first_inverse(block), usize::MAX, false) {
            omit_left(first_body(block), None, false);
            omit_right(first_inverse(block), None, false);
        }
    } else if block.close.before {
        omit_left(first_body(block), None, true);
    }
    Seen { strip, comment: false, open_alone, close_alone }
}

/// Tells whether only blanks stand between the start of a line and a node.
fn ends_line(body: &[Node], at: usize, root: bool) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|at| body.get(at)) else { return root };
    let Node::Text(text) = before else { return false };
    let kept = text.original.trim_end();
    let blanks = &text.original[kept.len()..];
    blanks.contains('\n') || (at < 2 && root && kept.is_empty())
}

/// Tells whether only blanks stand between a node and the end of its line; `usize::MAX` is before the first.
fn begins_line(body: &[Node], at: usize, root: bool) -> bool {
    let next = at.wrapping_add(1);
    let Some(behind) = body.get(next) else { return root };
    let Node::Text(text) = behind else { return false };
    let kept = text.original.trim_start();
    let blanks = &text.original[..text.original.len() - kept.len()];
    blanks.contains('\n') || (body.get(next + 1).is_none() && root && kept.is_empty())
}

fn omit_right(body: &mut [Node], at: Option<usize>, all: bool) {
    let Some(Node::Text(text)) = body.get_mut(at.map_or(0, |at| at + 1)) else { return };
    if !all && text.right_stripped {
        return;
    }
    let kept = if all {
        text.value.trim_start()
    } else {
        let rest = text.value.trim_start_matches([' ', '\t']);
        let rest = rest.strip_prefix('\r').unwrap_or(rest);
        rest.strip_prefix('\n').unwrap_or(rest)
    };
    replace(text, kept.to_owned(), |text| &mut text.right_stripped);
}

fn omit_left(body: &mut [Node], at: Option<usize>, all: bool) {
    let place = at.unwrap_or(body.len()).checked_sub(1);
    let Some(Node::Text(text)) = place.and_then(|place| body.get_mut(place)) else { return };
    if !all && text.left_stripped {
        return;
    }
    let kept = if all { text.value.trim_end() } else { text.value.trim_end_matches([' ', '\t']) };
    replace(text, kept.to_owned(), |text| &mut text.left_stripped);
}

fn replace(text: &mut Text, kept: String, mark: impl Fn(&mut Text) -> &mut bool) {
    *mark(text) = kept != text.value;
    text.value = kept;
}
