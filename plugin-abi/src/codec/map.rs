//! Maps: they lie as lists of tuples of key and value do.

use std::collections::BTreeMap;

use super::{CodecError, Decode, Encode, Layout, Reader, Writer, align_to};

impl<K, V> Layout for BTreeMap<K, V> {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
}

/// Where the value is in an entry, whose key is at its start.
const fn value_at<K: Layout, V: Layout>() -> usize {
    align_to(K::SIZE, V::ALIGN)
}

/// Of a key that comes twice, the last value counts, as for components.
impl<'a, K: Decode<'a> + Ord, V: Decode<'a>> Decode<'a> for BTreeMap<K, V> {
    fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
        let (at, len) = reader.pair(at)?;
        let size = <(K, V)>::SIZE;
        reader.array(at, len, size)?;
        let mut map = Self::new();
        for entry in (0..len).map(|i| at + i * size) {
            let key = K::decode(reader, entry)?;
            map.insert(key, V::decode(reader, entry + value_at::<K, V>())?);
        }
        Ok(map)
    }
}

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
        let size = <(K, V)>::SIZE;
        let bytes = self.len().checked_mul(size).ok_or(CodecError::NoRoom)?;
        let start = writer.reserve(bytes, <(K, V)>::ALIGN)?;
        for (i, (key, value)) in self.iter().enumerate() {
            let entry = start + i * size;
            key.encode(writer, entry)?;
            value.encode(writer, entry + value_at::<K, V>())?;
        }
        writer.put_pair(at, start, self.len())
    }
}
