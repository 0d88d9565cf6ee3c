//! Sizes of memory on the command line: [`memory`].

/// The largest size, in MiB: the field that carries it has 31 bits.
const MOST: u64 = i32::MAX as u64;

/// The memory that each instance of a component may have unless `--memory-limit`
/// or the workload file says otherwise, in MiB.
///
/// Enough for what runtimes of garbage-collected languages begin with, several
/// times over, and little enough that one request cannot take the machine's
/// memory.
pub(crate) const DEFAULT_MEMORY_MIB: i32 = 256;

/// Reads a size such as `64M` or `1.5G`, or `none`. Returns MiB; 0 for `none`.
pub(crate) fn memory(text: &str) -> Result<i32, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(0);
    }
    let wrong = || "it has to be a size such as 64M or 1G, or none".to_owned();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or("it needs a unit: M for MiB, or G for GiB")?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim_start().to_ascii_lowercase().as_str() {
        "m" | "mi" | "mb" | "mib" => 1.0,
        "g" | "gi" | "gb" | "gib" => 1024.0,
        _ => return Err(wrong()),
    };
    let mib = (number * factor).ceil();
    if mib < 1.0 {
        return Err("it has to be at least 1M; use none for no limit".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest integer, and both bounds are checked"
    )]
    let mib = mib as u64;
    match i32::try_from(mib) {
        Ok(mib) => Ok(mib),
        Err(_) => Err(format!(
            "it has to be at most {MOST}M; use none for no limit"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, mib) in [
            ("1M", 1),
            ("64MiB", 64),
            ("1.5G", 1536),
            ("2 Gi", 2048),
            ("0.1m", 1),
            ("none", 0),
        ] {
            assert_eq!(memory(text), Ok(mib), "{text}");
        }
        for text in [
            "",
            "64",
            "0M",
            "0",
            "-1M",
            "1T",
            "M",
            "1.2.3M",
            "99999999999G",
            "nanM",
            "infG",
        ] {
            assert!(memory(text).is_err(), "{text}");
        }
    }
}
