//! Computes the partition that a producer chooses for a key.

/// Hash functions of the common producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// Java's default, and `murmur2` and `murmur2_random` of librdkafka.
    Murmur2,
    /// The default of librdkafka: `consistent` and `consistent_random`.
    Crc32,
}

impl Partitioner {
    pub(crate) const ALL: [Partitioner; 2] = [Partitioner::Murmur2, Partitioner::Crc32];

    /// librdkafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Partitioner::Murmur2 => "murmur2",
            Partitioner::Crc32 => "consistent",
        }
    }

    /// The partition of a key in a topic with `partitions` partitions.
    pub fn partition(self, key: &[u8], partitions: i32) -> i32 {
        let partitions = partitions.max(1).cast_unsigned();
        let hash = match self {
            Partitioner::Murmur2 => murmur2(key) & 0x7fff_ffff,
            Partitioner::Crc32 => {
                let mut crc = flate2::Crc::new();
                crc.update(key);
                crc.sum()
            }
        };
        (hash % partitions).cast_signed()
    }
}

/// Equals `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let bytes = rest.iter().rev();
        hash ^= bytes.fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are from Kafka's own test.
    #[test]
    fn keys_are_hashed_as_by_java_and_by_librdkafka() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
        // The check value of CRC-32.
        let partition = |partitions| Partitioner::Crc32.partition(b"123456789", partitions);
        assert_eq!(partition(1000), (0xcbf4_3926_u32 % 1000).cast_signed());
        assert_eq!(Partitioner::Murmur2.partition(b"21", 1), 0);
    }
}
