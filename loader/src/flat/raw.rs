//! Arguments as they are passed, read by a [`Plan`]: [`Raw`].
#![allow(
    unsafe_code,
    reason = "the component's memory is referred to between the taking of the arguments and their reading"
)]

use std::ptr::NonNull;
use std::slice::Iter;

use wash_plugin_abi::abi::{self, Buffer, LENT_AT, Slice};
use wash_runtime::wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wash_runtime::wasmtime::{Result, ValRaw, bail, ensure};

use super::lent::LEND_FROM;
use super::plan::{Kind, Plan, Step};
use super::values::{append, check_char, make_room, next, next_pair, no_case, write, write_part};
use super::{is_aligned, pair_bytes, slice, strings};

/// A function's arguments, `N` core values, where they are passed: the processor
/// would wait for the component's writes, were they copied.
#[derive(Debug)]
pub(crate) struct Raw<const N: usize> {
    values: NonNull<[ValRaw; N]>,
    /// The component's memory.
    memory: Slice,
    encoding: StringEncoding,
}

// SAFETY: they are plain values, and whoever reads them promises that they are
// still there.
unsafe impl<const N: usize> Send for Raw<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Sync for Raw<N> {}

/// How much may be copied: a store's hostcall fuel, which wasmtime charges for
/// what it lifts itself.
struct Fuel(usize);

impl Fuel {
    fn consume(&mut self, bytes: usize) -> Result<()> {
        match self.0.checked_sub(bytes) {
            Some(left) => self.0 = left,
            None => bail!(
                "too much data is being copied between the host and the guest: \
                 fuel allocated for hostcalls has been exhausted"
            ),
        }
        Ok(())
    }
}

impl<const N: usize> Raw<N> {
    #[inline]
    pub(super) fn new(values: &[ValRaw; N], memory: &[u8], encoding: StringEncoding) -> Self {
        Self {
            values: NonNull::from_ref(values),
            memory: Slice::new(memory),
            encoding,
        }
    }

    /// Reads the arguments to a buffer; with `lends`, long ones stay where they
    /// are: whether there are some. `fuel` is the store's for a call.
    ///
    /// # Safety
    ///
    /// The call that the arguments were taken of must not have returned, nor the
    /// component run since; with `lends`, it must not run until the buffer is not
    /// read any more.
    #[inline]
    pub(crate) unsafe fn read(
        &self,
        plan: &Plan,
        buffer: &mut Buffer,
        fuel: impl FnOnce() -> usize,
        lends: bool,
    ) -> Result<bool> {
        if plan.is_short {
            // SAFETY: the caller's promise: the values are as they were.
            read_short(unsafe { self.values.as_ref() }, plan, buffer)?;
            return Ok(false);
        }
        // SAFETY: the caller's promise is the same.
        unsafe { self.read_all(plan, buffer, fuel(), lends) }
    }

    /// The same for any values that there is a plan for.
    ///
    /// # Safety
    ///
    /// As for [`Self::read`].
    unsafe fn read_all(
        &self,
        plan: &Plan,
        buffer: &mut Buffer,
        fuel: usize,
        lends: bool,
    ) -> Result<bool> {
        // SAFETY: the caller's promise: values and memory are as they were.
        let (values, memory) = unsafe { (self.values.as_ref(), self.memory.as_bytes()) };
        make_room(buffer, plan.size)?;
        let mut fuel = Fuel(fuel);
        let mut src = values.iter();
        let mut is_lent = false;
        let mut steps = plan.steps.iter();
        // Again behind each value that makes the buffer grow.
        while let Some(step) = read_numbers(&mut steps, &mut src, buffer.as_mut_slice())? {
            let (ptr, len) = next_pair(&mut src)?;
            let (offset, len) = match step.kind {
                Kind::Numbers { size } => {
                    ensure!(is_aligned(ptr, size), "list pointer is not aligned");
                    let bytes = slice(memory, ptr, len.saturating_mul(size))?;
                    fuel.consume(bytes.len())?;
                    if lends && may_stay(ptr, bytes.len()) {
                        is_lent = true;
                        (LENT_AT + ptr, len)
                    } else {
                        (append(buffer, bytes, size)?, len)
                    }
                }
                _ => {
                    let text = strings::find(self.encoding, memory, ptr, len)?;
                    fuel.consume(text.bytes.len())?;
                    if lends && text.is_utf8() && may_stay(ptr, len) {
                        std::str::from_utf8(text.bytes)?;
                        is_lent = true;
                        (LENT_AT + ptr, len)
                    } else {
                        text.copy(buffer)?
                    }
                }
            };
            write(buffer.as_mut_slice(), step.at, pair_bytes(offset, len)?)?;
        }
        if is_lent {
            abi::lend_args(buffer, self.memory)?;
        }
        Ok(is_lent)
    }
}

/// Whether these bytes can, and should, be read where they are.
#[inline]
pub(super) fn may_stay(ptr: usize, bytes: usize) -> bool {
    bytes >= LEND_FROM && ptr.saturating_add(bytes) < LENT_AT
}

/// Reads a few numbers, which many functions take and nothing else.
#[inline]
fn read_short(values: &[ValRaw], plan: &Plan, buffer: &mut Buffer) -> Result<()> {
    make_room(buffer, plan.size)?;
    let root = buffer.as_mut_slice();
    for (step, value) in plan.steps.iter().zip(values) {
        match step.kind {
            Kind::Eight => write(root, step.at, value.get_u64().to_le_bytes())?,
            _ => write(root, step.at, value.get_u32().to_le_bytes())?,
        }
    }
    Ok(())
}

/// Reads values to the root of the buffer, up to the next that is more than a
/// number: its step.
#[inline]
fn read_numbers<'p>(
    steps: &mut Iter<'p, Step>,
    src: &mut Iter<'_, ValRaw>,
    root: &mut [u8],
) -> Result<Option<&'p Step>> {
    for step in steps {
        let at = step.at;
        // The canonical ABI ignores the bits above a small number's own.
        match &step.kind {
            Kind::Four => write(root, at, next(src)?.get_u32().to_le_bytes())?,
            Kind::Eight => write(root, at, next(src)?.get_u64().to_le_bytes())?,
            Kind::One => write_part(root, at, 1, next(src)?.get_u32())?,
            Kind::Two => write_part(root, at, 2, next(src)?.get_u32())?,
            Kind::Bool => write_part(root, at, 1, (next(src)?.get_u32() != 0).into())?,
            Kind::Char => {
                let value = check_char(next(src)?.get_u32())?;
                write(root, at, value.to_le_bytes())?;
            }
            Kind::Flags { size, .. } => write_part(root, at, *size, next(src)?.get_u32())?,
            Kind::Cases { tag, cases } => {
                let number = next(src)?.get_u32();
                if number as usize >= cases.len() {
                    return Err(no_case(number));
                }
                write_part(root, at, *tag, number)?;
            }
            Kind::Text | Kind::Numbers { .. } => return Ok(Some(step)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use wit_parser::{Resolve, SizeAlign};

    use super::*;

    const WIT: &str = "
        package a:b;
        interface c {
            enum level { low, high }
            flags options { one, two, three }
            record all { a: u8, b: s16, c: f64, d: bool, e: char, f: level, g: options }
            mixed: func(all: all, text: string, numbers: list<u16>) -> all;
            cases: func(a: option<u32>);
            few: func(a: u32, b: s64, c: f32);
        }
    ";

    fn plan(function: &str) -> Option<Plan> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("a.wit", WIT).unwrap();
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let interface = resolve.packages[package].interfaces["c"];
        let function = &resolve.interfaces[interface].functions[function];
        Plan::of_params(&resolve, &sizes, function)
    }

    fn mixed(text: (u32, u32), numbers: (u32, u32)) -> [ValRaw; 11] {
        let u32s = [text.0, text.1, numbers.0, numbers.1].map(ValRaw::u32);
        [
            // Bits above a number's own do not count.
            ValRaw::u32(0xff07),
            ValRaw::i32(-2),
            ValRaw::f64(1.5_f64.to_bits()),
            ValRaw::u32(9),
            ValRaw::u32('é'.into()),
            ValRaw::u32(1),
            ValRaw::u32(5),
            u32s[0],
            u32s[1],
            u32s[2],
            u32s[3],
        ]
    }

    fn read(
        values: &[ValRaw; 11],
        memory: &[u8],
        fuel: usize,
        lends: bool,
    ) -> Result<(bool, Vec<u8>)> {
        let raw = Raw::new(values, memory, StringEncoding::Utf8);
        let mut buffer = Buffer::new();
        // SAFETY: values and memory are the test's.
        let is_lent = unsafe { raw.read(&plan("mixed").unwrap(), &mut buffer, || fuel, lends)? };
        Ok((is_lent, buffer.as_slice().to_vec()))
    }

    #[test]
    fn values_come_to_their_places() {
        let mut memory = vec![b'x'; 100];
        memory[50..54].copy_from_slice(&[1, 0, 2, 0]);
        let (is_lent, bytes) = read(&mixed((0, 3), (50, 2)), &memory, 7, true).unwrap();
        assert!(!is_lent, "both are short");
        assert_eq!(bytes[..4], [7, 0, 0xfe, 0xff]);
        assert_eq!(bytes[8..16], 1.5_f64.to_le_bytes());
        assert_eq!(bytes[16..26], [1, 0, 0, 0, 0xe9, 0, 0, 0, 1, 5]);
        // The root has 48 bytes.
        assert_eq!(
            bytes[32..48],
            [48, 0, 0, 0, 3, 0, 0, 0, 52, 0, 0, 0, 2, 0, 0, 0]
        );
        assert_eq!(bytes[48..], *b"xxx\0\x01\0\x02\0");
    }

    #[test]
    fn what_is_long_is_lent_if_it_may_be() {
        let memory = vec![b'x'; 100];
        let values = mixed((1, 99), (2, 40));
        let (is_lent, bytes) = read(&values, &memory, 1000, true).unwrap();
        assert!(is_lent);
        assert_eq!(
            bytes[32..48],
            [1, 0, 0, 0x80, 99, 0, 0, 0, 2, 0, 0, 0x80, 40, 0, 0, 0]
        );
        let address = memory.as_ptr().expose_provenance().to_le_bytes();
        assert_eq!(bytes[48..56], address);
        assert_eq!(bytes[56..], 100_u64.to_le_bytes());
        let (is_lent, bytes) = read(&values, &memory, 1000, false).unwrap();
        assert!(!is_lent);
        assert_eq!(bytes.len(), 48 + 99 + 1 + 80);
    }

    #[test]
    fn sad_wrong_values() {
        let memory = vec![0xff; 100];
        let refused = |values: [ValRaw; 11], fuel| {
            let error = read(&values, &memory, fuel, true).unwrap_err();
            error.to_string()
        };
        let fine = || mixed((0, 0), (0, 50));
        assert!(read(&fine(), &memory, 100, true).is_ok());
        assert!(refused(fine(), 99).contains("fuel allocated for hostcalls"));
        assert!(refused(mixed((0, 40), (0, 0)), 100).contains("utf-8"));
        assert!(refused(mixed((61, 40), (0, 0)), 100).contains("out of bounds"));
        assert!(refused(mixed((0, 0), (1, 20)), 100).contains("not aligned"));
        let mut values = fine();
        values[4] = ValRaw::u32(0xd800);
        assert!(refused(values, 100).contains("Unicode scalar value"));
        let mut values = fine();
        values[5] = ValRaw::u32(2);
        assert!(refused(values, 100).contains("2 is not the number of a case"));
    }

    #[test]
    fn few_numbers() {
        let values = [
            ValRaw::u32(1),
            ValRaw::i64(-2),
            ValRaw::f32(1.5_f32.to_bits()),
        ];
        let raw = Raw::new(&values, &[], StringEncoding::Utf8);
        let plan = plan("few").unwrap();
        assert!(plan.is_short);
        let mut buffer = Buffer::new();
        // SAFETY: the values are here, and there is no memory.
        assert!(!unsafe { raw.read(&plan, &mut buffer, || 0, true) }.unwrap());
        let bytes = buffer.as_slice();
        assert_eq!(bytes[..8], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[8..16], (-2_i64).to_le_bytes());
        assert_eq!(bytes[16..20], 1.5_f32.to_le_bytes());
        assert!(bytes.len() >= 24);
    }

    #[test]
    fn core_values_that_cases_share_have_no_plan() {
        assert!(plan("cases").is_none());
    }
}
