//! Types that are as large as 2 to the power of their depth, if they are written out.

use wash_plugin_abi::Call;
use wash_plugin_abi::io::StreamReader;

wash_plugin_abi::bindgen!({ inline: "
    package test:types;
    interface deep {
        record r0 { n: u8 }
        record r1 { a: list<r0>, b: list<r0> }
        record r2 { a: list<r1>, b: list<r1> }
        record r3 { a: list<r2>, b: list<r2> }
        record r4 { a: list<r3>, b: list<r3> }
        record r5 { a: list<r4>, b: list<r4> }
        record r6 { a: list<r5>, b: list<r5> }
        record r7 { a: list<r6>, b: list<r6> }
        record r8 { a: list<r7>, b: list<r7> }
        record r9 { a: list<r8>, b: list<r8> }
        record r10 { a: list<r9>, b: list<r9> }
        record r11 { a: list<r10>, b: list<r10> }
        record r12 { a: list<r11>, b: list<r11> }
        record r13 { a: list<r12>, b: list<r12> }
        record r14 { a: list<r13>, b: list<r13> }
        record r15 { a: list<r14>, b: list<r14> }
        record r16 { a: list<r15>, b: list<r15> }
        record r17 { a: list<r16>, b: list<r16> }
        record r18 { a: list<r17>, b: list<r17> }
        record r19 { a: list<r18>, b: list<r18> }
        record r20 { a: list<r19>, b: list<r19> }
        record r21 { a: list<r20>, b: list<r20> }
        record r22 { a: list<r21>, b: list<r21> }
        record r23 { a: list<r22>, b: list<r22> }
        record r24 { a: list<r23>, b: list<r23> }
        record r25 { a: list<r24>, b: list<r24> }
        record r26 { a: list<r25>, b: list<r25> }
        record r27 { a: list<r26>, b: list<r26> }
        record r28 { a: list<r27>, b: list<r27> }
        record r29 { a: list<r28>, b: list<r28> }
        record r30 { a: list<r29>, b: list<r29> }
        record r31 { a: list<r30>, b: list<r30> }
        record r32 { a: list<r31>, b: list<r31> }
        record r33 { a: list<r32>, b: list<r32> }
        record r34 { a: list<r33>, b: list<r33> }
        record r35 { a: list<r34>, b: list<r34> }
        record r36 { a: list<r35>, b: list<r35> }
        record r37 { a: list<r36>, b: list<r36> }
        record r38 { a: list<r37>, b: list<r37> }
        record r39 { a: list<r38>, b: list<r38> }
        record r40 { a: list<r39>, b: list<r39> }
        all: func(deepest: r40) -> stream<r40>;
    }
    world plugin { export deep; }
" });

use exports::test::types::deep::{Guest, R40};

struct Deep;

impl Guest for Deep {
    fn all(&self, _: &Call<'_>, deepest: R40) -> StreamReader<R40> {
        StreamReader::from_iter([deepest])
    }
}

#[test]
fn types_are_read_in_time() {
    // It is compiled, which is what is tested.
    let _ = <Deep as Guest>::all;
}

mod long_tuples {
    use wash_plugin_abi::Call;

    wash_plugin_abi::bindgen!({ inline: "
        package test:tuples;
        interface tuples {
            record holds {
                all: tuple<u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>
            }
            variant either { one(holds), other }
            last: func(of: either) -> result<u8, holds>;
        }
        world plugin { export tuples; }
    " });

    use exports::test::tuples::tuples::{Either, Guest, Holds};

    struct Tuples;

    impl Guest for Tuples {
        fn last(&self, _: &Call<'_>, of: Either) -> Result<u8, Holds> {
            match of.clone() {
                Either::One(holds) => Err(holds),
                Either::Other => Ok(1),
            }
        }
    }

    #[test]
    fn a_type_with_a_tuple_that_rust_cannot_print_is_a_type() {
        // It is compiled, and what is printed is its name.
        let _ = <Tuples as Guest>::last;
        let all = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
        assert_eq!(format!("{:?}", Either::One(Holds { all })), "Either { .. }");
    }
}
