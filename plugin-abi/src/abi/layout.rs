//! Freezes the layouts: a change that moves a byte does not compile.

use std::mem::{align_of, offset_of, size_of};

use super::*;

const WORD: usize = size_of::<usize>();

macro_rules! frozen {
    ($ty:ty { size: $size:expr, $($field:ident @ $offset:expr),* $(,)? }) => {
        const _: () = {
            assert!(size_of::<$ty>() == $size);
            assert!(align_of::<$ty>() == align_of::<usize>());
            $(assert!(offset_of!($ty, $field) == $offset);)*
        };
    };
}

const _: () = assert!(
    WORD == 8,
    "revision 1 of the ABI is defined for 64-bit targets"
);
const _: () = assert!(size_of::<Status>() == 4);
const _: () = assert!(size_of::<Slice>() == 16);
const _: () = assert!(size_of::<OutBuf>() == 32);

frozen!(WakerV1 { size: 16, data @ 0, vtable @ 8 });
frozen!(WakerVtableV1 { size: 40, size @ 0, clone @ 8, wake @ 16, wake_by_ref @ 24, drop @ 32 });
frozen!(FutureV1 { size: 16, data @ 0, vtable @ 8 });
frozen!(FutureVtableV1 { size: 24, size @ 0, poll @ 8, drop @ 16 });
frozen!(PendingV1 { size: 32, waker @ 0, future @ 16 });
frozen!(HostV1 { size: 24, size @ 0, data @ 8, extension @ 16 });
frozen!(LogV1 { size: 24, size @ 0, enabled @ 8, log @ 16 });
frozen!(LogRecordV1 {
    size: 80, size @ 0, level @ 8, line @ 12, target @ 16, message @ 32, file @ 48,
    fields @ 64, fields_len @ 72,
});
frozen!(LogFieldV1 { size: 48, name @ 0, kind @ 16, reserved @ 20, bits @ 24, text @ 32 });
frozen!(ThreadV1 { size: 16, size @ 0, started @ 8 });
frozen!(PluginV1 {
    size: 88, size @ 0, manifest @ 8, create @ 24, destroy @ 32, start @ 40, stop @ 48,
    workload_bound @ 56, item_bound @ 64, workload_resolved @ 72, workload_unbound @ 80,
});
frozen!(CallV1 { size: 24, size @ 0, functions @ 8, functions_len @ 16 });
frozen!(CallContextV1 { size: 48, size @ 0, workload_id @ 8, component_id @ 24, workload @ 40 });
frozen!(CallContextV1Flags { size: 56, context @ 0, flags @ 48 });
frozen!(LentArgsV1 { size: 8, size @ 0 });
frozen!(LentV1 { size: 32, bytes @ 0, data @ 16, drop @ 24 });
frozen!(ResourceV1 { size: 32, size @ 0, drop @ 8, release @ 16, live @ 24 });
frozen!(StreamV1 { size: 48, size @ 0, read @ 8, ready @ 16, write @ 24, flush @ 32, drop @ 40 });
frozen!(ChannelV1 { size: 24, size @ 0, read @ 8, drop @ 16 });
frozen!(GuestV1 { size: 16, size @ 0, call @ 8 });
frozen!(GuestCallV1 {
    size: 72, size @ 0, workload_id @ 8, component_id @ 24, interface @ 40, function @ 56,
});
