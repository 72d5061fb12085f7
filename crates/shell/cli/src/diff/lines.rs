//! Differences of texts, line by line.

use std::collections::VecDeque;

/// How many equal lines stand around a difference.
const CONTEXT: usize = 3;
/// Most pairs of lines that are compared; beyond it everything between the first and the last difference is one.
const MOST: usize = 4_000_000;

/// One line of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// Returns the differences with some lines around them, `-` and `+` in front.
pub(super) fn unified(before: &str, after: &str, colored: bool) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut out = String::new();
    let mut waiting: VecDeque<&str> = VecDeque::new();
    let (mut rest, mut skipped) = (0, false);
    let paint = |text: String, code: &str| if colored { format!("\x1b[{code}m{text}\x1b[0m\n") } else { format!("{text}\n") };
    for line in lines(&before, &after) {
        match line {
            Line::Same(text) if rest > 0 => {
                rest -= 1;
                out.push_str(&format!("    {text}\n"));
            }
            Line::Same(text) => {
                waiting.push_back(text);
                if waiting.len() > CONTEXT {
                    waiting.pop_front();
                    skipped = true;
                }
            }
            Line::Gone(text) | Line::New(text) => {
                if std::mem::take(&mut skipped) {
                    out.push_str(&paint("  …".to_owned(), "2"));
                }
                waiting.drain(..).for_each(|text| out.push_str(&format!("    {text}\n")));
                rest = CONTEXT;
                let (sign, code) = if matches!(line, Line::Gone(_)) { ('-', "31") } else { ('+', "32") };
                out.push_str(&paint(format!("  {sign} {text}"), code));
            }
        }
    }
    out
}

/// The longest common subsequence, between the lines that are equal at both ends.
fn lines<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<Line<'a>> {
    let start = before.iter().zip(after).take_while(|(one, other)| one == other).count();
    let (old, new) = (&before[start..], &after[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    let mut found: Vec<Line<'a>> = before[..start].iter().map(|line| Line::Same(line)).collect();
    if old.len().saturating_mul(new.len()) > MOST {
        found.extend(old.iter().map(|line| Line::Gone(line)));
        found.extend(new.iter().map(|line| Line::New(line)));
    } else {
        found.extend(common(old, new));
    }
    found.extend(before[before.len() - end..].iter().map(|line| Line::Same(line)));
    found
}

fn common<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    // length[i][j]: how many lines old[i..] and new[j..] have in common.
    let width = new.len() + 1;
    let mut length = vec![0u32; (old.len() + 1) * width];
    for one in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            length[one * width + other] = match old[one] == new[other] {
                true => length[(one + 1) * width + other + 1] + 1,
                false => length[(one + 1) * width + other].max(length[one * width + other + 1]),
            };
        }
    }
    let (mut one, mut other) = (0, 0);
    let mut found = Vec::new();
    while one < old.len() || other < new.len() {
        if one < old.len() && other < new.len() && old[one] == new[other] {
            found.push(Line::Same(old[one]));
            (one, other) = (one + 1, other + 1);
        } else if other == new.len() || one < old.len() && length[(one + 1) * width + other] >= length[one * width + other + 1] {
            found.push(Line::Gone(old[one]));
            one += 1;
        } else {
            found.push(Line::New(new[other]));
            other += 1;
        }
    }
    found
}
