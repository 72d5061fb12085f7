use crate::GitError;

/// Applies a delta to its base. The result's announced size is checked against the limit before anything is made.
pub(crate) fn apply(base: &[u8], delta: &[u8], limit: u64) -> Result<Vec<u8>, GitError> {
    let wrong = |text: &str| GitError::malformed("delta", text);
    let mut at = 0;
    if length(delta, &mut at)? != base.len() as u64 {
        return Err(wrong("it was made for another base"));
    }
    let size = length(delta, &mut at)?;
    if size > limit {
        return Err(GitError::TooLarge { what: "an object", limit });
    }
    let mut result = Vec::new();
    while let Some(&command) = delta.get(at) {
        at += 1;
        let piece = if command & 0x80 != 0 {
            let (mut offset, mut count) = (0usize, 0usize);
            for bit in 0..7 {
                if command & (1 << bit) != 0 {
                    let byte = usize::from(*delta.get(at).ok_or_else(|| wrong("a copy is cut off"))?);
                    at += 1;
                    if bit < 4 { offset |= byte << (8 * bit) } else { count |= byte << (8 * (bit - 4)) }
                }
            }
            let count = if count == 0 { 0x10000 } else { count };
            base.get(offset..offset + count).ok_or_else(|| wrong("it copies from behind its base"))?
        } else if command != 0 {
            let count = usize::from(command);
            let piece = delta.get(at..at + count).ok_or_else(|| wrong("an insertion is cut off"))?;
            at += count;
            piece
        } else {
            return Err(wrong("it has a reserved command"));
        };
        if (result.len() + piece.len()) as u64 > size {
            return Err(wrong("it makes more than it announced"));
        }
        result.extend_from_slice(piece);
    }
    if result.len() as u64 != size {
        return Err(wrong("it makes less than it announced"));
    }
    Ok(result)
}

fn length(delta: &[u8], at: &mut usize) -> Result<u64, GitError> {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let byte = *delta.get(*at).ok_or_else(|| GitError::malformed("delta", "its header is cut off"))?;
        *at += 1;
        if shift > 56 {
            return Err(GitError::malformed("delta", "its header is too long"));
        }
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
}
