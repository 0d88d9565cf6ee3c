//! [`Target`]: what a library is made for, as far as its headers say.

use std::{borrow::Cow, fmt};

use object::{elf, macho};

/// A processor and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    architecture: Cow<'static, str>,
    bits: u8,
    little_endian: bool,
}

impl Target {
    /// What this host is made for.
    #[must_use]
    pub fn host() -> Self {
        Self {
            architecture: Cow::Borrowed(std::env::consts::ARCH),
            bits: if cfg!(target_pointer_width = "64") {
                64
            } else {
                32
            },
            little_endian: cfg!(target_endian = "little"),
        }
    }

    pub(super) fn elf(machine: elf::Machine, bits: u8, little_endian: bool) -> Self {
        let architecture = match (machine, bits) {
            (elf::EM_386, _) => "x86",
            // With 32 bits it is the x32 ABI.
            (elf::EM_X86_64, _) => "x86_64",
            (elf::EM_ARM, _) => "arm",
            (elf::EM_AARCH64, _) => "aarch64",
            (elf::EM_RISCV, 32) => "riscv32",
            (elf::EM_RISCV, _) => "riscv64",
            (elf::EM_LOONGARCH, 32) => "loongarch32",
            (elf::EM_LOONGARCH, _) => "loongarch64",
            (elf::EM_PPC, _) => "powerpc",
            (elf::EM_PPC64, _) => "powerpc64",
            (elf::EM_S390, _) => "s390x",
            (elf::EM_SPARCV9, _) => "sparc64",
            (elf::EM_MIPS, 32) => "mips",
            (elf::EM_MIPS, _) => "mips64",
            _ => return Self::unknown(machine.0.into(), bits, little_endian),
        };
        Self {
            architecture: Cow::Borrowed(architecture),
            bits,
            little_endian,
        }
    }

    pub(super) fn macho(cpu: macho::CpuType, bits: u8, little_endian: bool) -> Self {
        let architecture = match cpu {
            macho::CPU_TYPE_X86 => "x86",
            macho::CPU_TYPE_X86_64 => "x86_64",
            macho::CPU_TYPE_ARM => "arm",
            macho::CPU_TYPE_ARM64 => "aarch64",
            macho::CPU_TYPE_POWERPC => "powerpc",
            macho::CPU_TYPE_POWERPC64 => "powerpc64",
            _ => return Self::unknown(cpu.0, bits, little_endian),
        };
        Self {
            architecture: Cow::Borrowed(architecture),
            bits,
            little_endian,
        }
    }

    fn unknown(number: u32, bits: u8, little_endian: bool) -> Self {
        let architecture = Cow::Owned(format!("processor number {number}"));
        Self {
            architecture,
            bits,
            little_endian,
        }
    }
}

/// `aarch64 (64-bit, little-endian)`
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endian = if self.little_endian { "little" } else { "big" };
        write!(
            f,
            "{} ({}-bit, {endian}-endian)",
            self.architecture, self.bits
        )
    }
}
