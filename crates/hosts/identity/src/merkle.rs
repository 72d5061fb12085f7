//! The Merkle tree of RFC 6962: appending is amortised constant, roots and proofs of any past size are logarithmic.
//! Read first: [`Tree`].

use sha2::{Digest as _, Sha256};

pub(crate) type Hash = [u8; 32];

/// All complete subtrees by height; a leaf's hash has height 0.
#[derive(Default)]
pub(crate) struct Tree {
    levels: Vec<Vec<Hash>>,
}

/// Returns a leaf's hash.
pub(crate) fn leaf(body: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(body).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

impl Tree {
    pub(crate) fn size(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// Appends a leaf's hash.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for height in 0.. {
            if height == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let level = &mut self.levels[height];
            level.push(hash);
            let [.., left, right] = level.as_slice() else { return };
            if level.len() % 2 == 1 {
                return;
            }
            hash = node(left, right);
        }
    }

    /// Returns the root of the first `size` leaves.
    pub(crate) fn root(&self, size: usize) -> Hash {
        if size == 0 { Sha256::digest([]).into() } else { self.subtree(0, size) }
    }

    /// Returns the proof that a leaf is among the first `size`, from the leaf upwards.
    pub(crate) fn inclusion(&self, index: usize, size: usize) -> Vec<Hash> {
        let (mut low, mut high) = (0, size);
        let mut path = Vec::new();
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                path.push(self.subtree(middle, high));
                high = middle;
            } else {
                path.push(self.subtree(low, middle));
                low = middle;
            }
        }
        path.reverse();
        path
    }

    /// Returns the proof that the first `old` leaves are the beginning of the first `size`.
    pub(crate) fn consistency(&self, old: usize, size: usize) -> Vec<Hash> {
        if old == 0 || old >= size {
            return Vec::new();
        }
        let (mut low, mut high) = (0, size);
        let mut path = Vec::new();
        // Descends to the subtree that ends exactly where the old tree ended.
        while high != old {
            let middle = low + split(high - low);
            if old <= middle {
                path.push(self.subtree(middle, high));
                high = middle;
            } else {
                path.push(self.subtree(low, middle));
                low = middle;
            }
        }
        if low != 0 {
            path.push(self.subtree(low, high));
        }
        path.reverse();
        path
    }

    fn subtree(&self, low: usize, high: usize) -> Hash {
        let width = high - low;
        if width.is_power_of_two() {
            // RFC 6962 only ever splits off complete subtrees at multiples of their own width.
            let height = width.trailing_zeros() as usize;
            return self.levels[height][low >> height];
        }
        let middle = low + split(width);
        node(&self.subtree(low, middle), &self.subtree(middle, high))
    }
}

/// The largest power of two below a width of at least 2.
fn split(width: usize) -> usize {
    1 << (usize::BITS - 1 - (width - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, word for word.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let middle = split(many.len());
                node(&naive(&many[..middle]), &naive(&many[middle..]))
            }
        }
    }

    /// RFC 9162, 2.1.3.2.
    fn rebuilt(mut index: usize, size: usize, leaf: Hash, path: &[Hash]) -> Hash {
        let (mut last, mut hash) = (size - 1, leaf);
        for each in path {
            if index % 2 == 1 || index == last {
                hash = node(each, &hash);
                while index.is_multiple_of(2) && index != 0 {
                    (index, last) = (index >> 1, last >> 1);
                }
            } else {
                hash = node(&hash, each);
            }
            (index, last) = (index >> 1, last >> 1);
        }
        hash
    }

    /// RFC 9162, 2.1.4.2: both roots from one proof.
    fn both(old: usize, new: usize, old_root: Hash, path: &[Hash]) -> (Hash, Hash) {
        let mut path = path.to_vec();
        if old.is_power_of_two() {
            path.insert(0, old_root);
        }
        let (mut index, mut last) = (old - 1, new - 1);
        while index % 2 == 1 {
            (index, last) = (index >> 1, last >> 1);
        }
        let (mut first, mut second) = (path[0], path[0]);
        for each in &path[1..] {
            if index % 2 == 1 || index == last {
                (first, second) = (node(each, &first), node(each, &second));
                while index.is_multiple_of(2) && index != 0 {
                    (index, last) = (index >> 1, last >> 1);
                }
            } else {
                second = node(&second, each);
            }
            (index, last) = (index >> 1, last >> 1);
        }
        (first, second)
    }

    #[test]
    fn every_root_and_proof_of_every_size_is_the_definition() {
        let leaves: Vec<Hash> = (0..40_u8).map(|number| leaf(&[number])).collect();
        let mut tree = Tree::default();
        leaves.iter().for_each(|each| tree.push(*each));
        for size in 0..=leaves.len() {
            let root = tree.root(size);
            assert_eq!(root, naive(&leaves[..size]), "{size}");
            for (index, each) in leaves.iter().enumerate().take(size) {
                assert_eq!(rebuilt(index, size, *each, &tree.inclusion(index, size)), root, "{index} of {size}");
            }
            for old in 1..size {
                assert_eq!(both(old, size, tree.root(old), &tree.consistency(old, size)), (tree.root(old), root), "{old} to {size}");
            }
        }
        assert_eq!(hex::encode(Tree::default().root(0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
