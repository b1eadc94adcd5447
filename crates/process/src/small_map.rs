//! Pure: a map that is small for the few entries that most processes have, and stays fast for many.

use std::collections::BTreeMap;

/// From this many entries on a tree is worth its size.
const FEW: usize = 8;

/// Keys with values, in order of the keys where there are many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SmallMap<K, V> {
    Few(Vec<(K, V)>),
    Many(BTreeMap<K, V>),
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<K: Ord + Copy, V> SmallMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::Few(few) => few.iter().find(|(other, _)| other == key).map(|(_, value)| value),
            Self::Many(many) => many.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Self::Few(few) => few.iter_mut().find(|(other, _)| other == key).map(|(_, value)| value),
            Self::Many(many) => many.get_mut(key),
        }
    }

    /// Enters a value; the one that was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(place) = self.get_mut(&key) {
            return Some(std::mem::replace(place, value));
        }
        match self {
            Self::Few(few) if few.len() < FEW => {
                few.reserve_exact(1);
                few.push((key, value));
            }
            Self::Few(few) => {
                let mut many: BTreeMap<K, V> = std::mem::take(few).into_iter().collect();
                many.insert(key, value);
                *self = Self::Many(many);
            }
            Self::Many(many) => {
                many.insert(key, value);
            }
        }
        None
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::Few(few) => {
                let place = few.iter().position(|(other, _)| other == key)?;
                Some(few.remove(place).1)
            }
            Self::Many(many) => many.remove(key),
        }
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        match self {
            Self::Few(few) => few.retain(|(key, value)| keep(key, value)),
            Self::Many(many) => many.retain(|key, value| keep(key, value)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (few, many) = match self {
            Self::Few(few) => (Some(few), None),
            Self::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().map(|(key, value)| (key, value));
        few.chain(many.into_iter().flatten())
    }

    /// What is in the map, in order of the keys.
    pub(crate) fn into_sorted(self) -> Vec<(K, V)> {
        match self {
            Self::Few(mut few) => {
                few.sort_unstable_by_key(|(key, _)| *key);
                few
            }
            Self::Many(many) => many.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_map_with_few_and_with_many() {
        for count in [1, FEW, FEW + 1, 100] {
            let mut map = SmallMap::default();
            for key in (0..count).rev() {
                assert_eq!(map.insert(key, key * 10), None);
            }
            assert_eq!(map.insert(0, 7), Some(0));
            assert_eq!((map.len(), map.get(&0), map.get(&count)), (count, Some(&7), None));
            assert_eq!(map.remove(&0), Some(7));
            assert_eq!(map.remove(&0), None);
            map.retain(|key, _| key % 2 == 0);
            let expected: Vec<_> = (1..count).filter(|key| key % 2 == 0).map(|key| (key, key * 10)).collect();
            assert_eq!(map.iter().count(), expected.len());
            assert_eq!(map.into_sorted(), expected);
        }
    }
}
