//! Tuples.

use super::{CodecError, Decode, Encode, Layout, Reader, Writer, align_to, max};

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Layout),*> Layout for ($($name,)*) {
            const SIZE: usize = {
                let mut end = 0;
                $(end = align_to(end, $name::ALIGN) + $name::SIZE;)*
                align_to(end, Self::ALIGN)
            };
            const ALIGN: usize = {
                let mut align = 1;
                $(align = max(align, $name::ALIGN);)*
                align
            };
        }

        #[allow(non_snake_case, reason = "one name for an element and its type")]
        impl<'a, $($name: Decode<'a>),*> Decode<'a> for ($($name,)*) {
            #[inline]
            fn decode(reader: Reader<'a>, at: usize) -> Result<Self, CodecError> {
                let mut end = 0;
                $(
                    end = align_to(end, $name::ALIGN);
                    let $name = $name::decode(reader, at + end)?;
                    end += $name::SIZE;
                )*
                let _ = end;
                Ok(($($name,)*))
            }
        }

        #[allow(non_snake_case, reason = "one name for an element and its type")]
        impl<$($name: Encode),*> Encode for ($($name,)*) {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>, at: usize) -> Result<(), CodecError> {
                let ($($name,)*) = self;
                let mut end = 0;
                $(
                    end = align_to(end, $name::ALIGN);
                    $name.encode(writer, at + end)?;
                    end += $name::SIZE;
                )*
                let _ = end;
                Ok(())
            }
        }
    )*};
}

tuples! {
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
    (A B C D E F G H I)
    (A B C D E F G H I J)
    (A B C D E F G H I J K)
    (A B C D E F G H I J K L)
    (A B C D E F G H I J K L M)
    (A B C D E F G H I J K L M N)
    (A B C D E F G H I J K L M N O)
    (A B C D E F G H I J K L M N O P)
    (A B C D E F G H I J K L M N O P Q)
    (A B C D E F G H I J K L M N O P Q R)
    (A B C D E F G H I J K L M N O P Q R S)
    (A B C D E F G H I J K L M N O P Q R S T)
}
