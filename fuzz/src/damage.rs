//! Damage, as a seed has it: to bytes, and to what a guest passes.

use e2e::values::Rng;
use wash_runtime::wasmtime::component::Val;

/// Numbers at which lengths, offsets and discriminants tend to break.
const NUMBERS: [u32; 12] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0xd800,
    0x11_0000,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
];

/// What a guest does to the arguments that it was given before it passes them
/// on: something that no component of a good compiler would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// 0: another core parameter, the one of this number, if it is 32 bits wide;
    /// 1: another byte in the arguments' memory; 2: another four bytes there.
    what: u32,
    at: u32,
    value: u32,
}

impl Damage {
    /// Some damage.
    pub fn new(rng: &mut Rng) -> Self {
        let what = u32::try_from(rng.below(3)).unwrap();
        let limit = if what == 0 { 16 } else { 400 };
        let value = match rng.below(4) {
            0 => NUMBERS[rng.below(NUMBERS.len())],
            1 => u32::try_from(rng.below(256)).unwrap(),
            // The handle of another resource.
            2 => u32::try_from(rng.below(10)).unwrap(),
            _ => 64 + u32::try_from(rng.below(400)).unwrap(),
        };
        Self {
            what,
            at: u32::try_from(rng.below(limit)).unwrap(),
            value,
        }
    }

    /// For the guest's export.
    #[must_use]
    pub fn arguments(self) -> [Val; 3] {
        [self.what, self.at, self.value].map(Val::U32)
    }
}

/// Changes a few of the bytes, or how many there are.
pub fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len());
        match rng.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.extend((0..rng.below(16)).map(|_| 0x55)),
            2 | 3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(rng.below(256)).unwrap();
                }
            }
            5 => word(bytes, at, NUMBERS[rng.below(NUMBERS.len())]),
            // Somewhere inside, or just behind: pointers to other things.
            6 => {
                let inside = rng.below(bytes.len() + 9);
                word(bytes, at, u32::try_from(inside).unwrap());
            }
            _ => {
                let from = rng.below(bytes.len());
                if let Some(byte) = bytes.get(from).copied()
                    && let Some(place) = bytes.get_mut(at)
                {
                    *place = byte;
                }
            }
        }
    }
}

/// Writes a number where offsets and lengths lie.
fn word(bytes: &mut [u8], at: usize, number: u32) {
    let at = at & !3;
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&number.to_le_bytes());
    }
}
