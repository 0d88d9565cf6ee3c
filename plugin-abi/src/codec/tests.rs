//! Values survive the buffer, and no buffer is ever more than an error.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::*;
use crate::abi::Buffer;

fn round<T>(value: T) -> Vec<u8>
where
    T: Encode + for<'a> Decode<'a> + PartialEq + Debug,
{
    let mut buffer = Buffer::new();
    to_out(&value, buffer.out(), 0).unwrap();
    assert_eq!(from_slice::<T>(buffer.as_slice()).unwrap(), value);
    buffer.as_slice().to_vec()
}

#[test]
fn layouts_are_the_canonical_abis() {
    // Worked out by hand from CanonicalABI.md, "Alignment" and "Element Size".
    assert_eq!((<(u8, u32, u8)>::SIZE, <(u8, u32, u8)>::ALIGN), (12, 4));
    assert_eq!((<Option<u64>>::SIZE, <Option<u64>>::ALIGN), (16, 8));
    assert_eq!((<Option<u8>>::SIZE, <Option<u8>>::ALIGN), (2, 1));
    assert_eq!(
        (<Result<(), String>>::SIZE, <Result<(), String>>::ALIGN),
        (12, 4)
    );
    assert_eq!((<Result<u8, u16>>::SIZE, <Result<u8, u16>>::ALIGN), (4, 2));
    assert_eq!((<Result<(), ()>>::SIZE, <Result<(), ()>>::ALIGN), (1, 1));
    assert_eq!((<(bool, char)>::SIZE, <(bool, char)>::ALIGN), (8, 4));
    assert_eq!(
        (
            discriminant_size(256),
            discriminant_size(257),
            discriminant_size(65537)
        ),
        (1, 2, 4)
    );
}

#[test]
fn values_survive() {
    round(u64::MAX);
    round(i64::MIN);
    round('\u{10ffff}');
    round(String::from("grüße \u{0} \u{1f980}"));
    round(String::new());
    round(vec![i16::MIN, -1, 0, i16::MAX]);
    round(vec![true, false]);
    round(vec![Some(String::from("a")), None]);
    round((
        1_u8,
        vec![vec![1_u8], vec![]],
        Err::<u32, _>(String::from("no")),
    ));
    round(Some(Some(None::<u32>)));
    round([[1_u8, 2], [3, 4]]);
    round([String::from("a"), String::new()]);
    round(vec![[true; 3], [false; 3]]);
    let map = |entries: &[(&str, u64)]| -> BTreeMap<String, u64> {
        let owned = entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), *value));
        owned.collect()
    };
    round(map(&[]));
    round(map(&[("a", 1), ("", u64::MAX), ("grüße", 0)]));
    round(Some(map(&[("a", 1)])));
    round(BTreeMap::from([(
        1_u8,
        vec![BTreeMap::from([('a', true)])],
    )]));
    assert_eq!(round((1_u8, 2_u32)), [1, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(round((1_u8, [2_u16, 3])), [1, 0, 2, 0, 3, 0]);
    // As `list<tuple<u8, u32>>`.
    let one = [8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];
    assert_eq!(round(BTreeMap::from([(1_u8, 2_u32)])), one);
    assert_eq!(round(vec![7_u16]), [8, 0, 0, 0, 1, 0, 0, 0, 7, 0]);
}

#[test]
fn nan_payloads_survive() {
    let mut buffer = Buffer::new();
    let bits = 0x7ff8_dead_beef_0001;
    to_out(&vec![f64::from_bits(bits)], buffer.out(), 0).unwrap();
    let back: &[f64] = from_slice(buffer.as_slice()).unwrap();
    assert_eq!(back[0].to_bits(), bits);
}

#[test]
fn numbers_and_strings_are_borrowed() {
    let mut buffer = Buffer::new();
    to_out(&("text", vec![1_u64, 2]), buffer.out(), 0).unwrap();
    let (text, numbers): (&str, &[u64]) = from_slice(buffer.as_slice()).unwrap();
    let range = buffer.as_slice().as_ptr_range();
    assert!(range.contains(&text.as_ptr()));
    assert!(range.contains(&numbers.as_ptr().cast()));
    assert_eq!((text, numbers), ("text", &[1, 2][..]));
}

#[test]
fn wrong_buffers_are_errors() {
    assert_eq!(
        from_slice::<u32>(&[1, 2, 3]),
        Err(CodecError::OutOfBounds { at: 0, len: 4 })
    );
    assert_eq!(
        from_slice::<bool>(&[2]),
        Err(CodecError::NoSuchCase {
            value: 2,
            ty: "bool"
        })
    );
    assert_eq!(
        from_slice::<char>(&0xd800_u32.to_le_bytes()),
        Err(CodecError::NotAChar { value: 0xd800 })
    );
    assert_eq!(
        from_slice::<&str>(&[8, 0, 0, 0, 1, 0, 0, 0, 0xff]),
        Err(CodecError::NotUtf8 { at: 8 })
    );
    assert_eq!(
        from_slice::<Option<u8>>(&[9, 0]),
        Err(CodecError::NoSuchCase {
            value: 9,
            ty: "option"
        })
    );
    let huge = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    assert!(from_slice::<Vec<u64>>(&huge).is_err());
    assert!(from_slice::<Vec<()>>(&huge).is_err());
    assert!(from_slice::<Vec<String>>(&huge).is_err());
}

#[test]
fn a_value_that_is_cut_off_is_an_error_where_it_is_not_read_too() {
    let none = [0; 8];
    assert_eq!(from_slice::<Option<u32>>(&none), Ok(None));
    assert_eq!(
        from_slice::<Option<u32>>(&none[..7]),
        Err(CodecError::OutOfBounds { at: 0, len: 8 })
    );
    assert!(from_slice::<Result<(), String>>(&none).is_err());
}

#[test]
fn an_unaligned_list_is_an_error_not_a_panic() {
    let mut buffer = Buffer::new();
    buffer
        .extend(&[9, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4])
        .unwrap();
    assert_eq!(
        from_slice::<&[u32]>(buffer.as_slice()),
        Err(CodecError::Unaligned { at: 9 })
    );
}

#[test]
fn of_a_key_that_comes_twice_the_last_value_counts() {
    let mut buffer = Buffer::new();
    to_out(&vec![(1_u8, 2_u8), (1, 3)], buffer.out(), 0).unwrap();
    let map: BTreeMap<u8, u8> = from_slice(buffer.as_slice()).unwrap();
    assert_eq!(map, BTreeMap::from([(1, 3)]));
}

#[test]
fn a_fixed_length_list_of_numbers_is_borrowed() {
    let mut buffer = Buffer::new();
    to_out(&[1_u32, 2, 3], buffer.out(), 0).unwrap();
    let read: &[u32; 3] = from_slice(buffer.as_slice()).unwrap();
    assert_eq!(read, &[1, 2, 3]);
    assert!(from_slice::<&[u32; 4]>(buffer.as_slice()).is_err());
    assert!(from_slice::<[u32; 4]>(buffer.as_slice()).is_err());
    assert!(from_slice::<[Option<u32>; 2]>(buffer.as_slice()).is_err());
}
