//! Friendly names.

use uuid::Uuid;

const ADJECTIVES: [&str; 16] = [
    "amber", "brave", "calm", "crisp", "eager", "fair", "gentle", "keen", "lucid", "merry",
    "nimble", "proud", "quiet", "rapid", "sunny", "vivid",
];
const NOUNS: [&str; 16] = [
    "alder", "badger", "canyon", "delta", "ember", "falcon", "glacier", "harbor", "island",
    "lantern", "meadow", "otter", "pebble", "river", "summit", "willow",
];

/// Two random words and a number, such as `keen-otter-4711`.
pub(super) fn friendly_name() -> String {
    let random = Uuid::new_v4().as_u128();
    let word = |words: &[&'static str; 16], bits: u128| {
        words
            .iter()
            .cycle()
            .nth((bits % 16) as usize)
            .copied()
            .unwrap_or_default()
    };
    // The lowest 48 bits of a version 4 id are random.
    format!(
        "{}-{}-{}",
        word(&ADJECTIVES, random),
        word(&NOUNS, random >> 4),
        (random >> 8) % 10_000,
    )
}
