//! Says which version of it answers. A test makes versions of the library by
//! writing other digits over its mark.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wash_plugin_abi::anyhow::bail;
use wash_plugin_abi::serde::Deserialize;
use wash_plugin_abi::{Call, ConfigSchema, Plugin, Result};

wash_plugin_abi::bindgen!({
    path: "../../wit/versions",
    world: "plugin",
    async: ["test:versions/stamps#slow"],
});
use exports::test::versions::stamps::{Guest, GuestToken, Token as TokenHandle};

/// The version: `versions-mark-` and six characters.
#[used]
static MARK: [u8; 20] = *b"versions-mark-000000";

/// The six characters.
fn version() -> String {
    // Read where a test writes it, not remembered by the compiler.
    let mark = black_box(&MARK);
    String::from_utf8_lossy(mark.last_chunk::<6>().unwrap_or(&[0; 6])).into_owned()
}

/// What a test may have it do.
#[derive(Deserialize, ConfigSchema)]
#[serde(crate = "wash_plugin_abi::serde")]
struct Config {
    /// A file. While it is there, `slow` waits.
    holds: Option<String>,
}

struct Versions {
    /// The versions before that handed something over, the first one first.
    before: Mutex<String>,
    holds: Option<PathBuf>,
}

impl Plugin for Versions {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            before: Mutex::default(),
            holds: config.holds.map(PathBuf::from),
        })
    }

    async fn export_state(&self) -> Result<Option<Vec<u8>>> {
        if version() == "silent" {
            return Ok(None);
        }
        let before = self.before();
        Ok(Some(format!("{before}{} ", version()).into_bytes()))
    }

    async fn import_state(&self, state: &[u8]) -> Result<()> {
        if version() == "closed" {
            bail!("this version takes nothing over");
        }
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) =
            String::from_utf8(state.to_vec())?;
        Ok(())
    }

    async fn start(&self) -> Result<()> {
        match version().as_str() {
            "broken" => bail!("this version is broken"),
            _ => Ok(()),
        }
    }
}

impl Versions {
    fn before(&self) -> String {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.clone()
    }
}

/// Between looks at a file.
const PAUSE: Duration = Duration::from_millis(5);

struct Token(String);

impl Guest for Versions {
    type Token = Token;

    fn stamp(&self, _: &Call<'_>) -> String {
        version()
    }

    fn history(&self, _: &Call<'_>) -> String {
        self.before()
    }

    async fn slow(&self, _: &Call<'_>, milliseconds: u32) -> String {
        let before = version();
        tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
        while self.holds.as_ref().is_some_and(|file| file.exists()) {
            tokio::time::sleep(PAUSE).await;
        }
        assert_eq!(before, version(), "a call is of one version");
        before
    }

    fn take(&self, _: &Call<'_>, token: TokenHandle) -> String {
        token
            .get::<Token>()
            .map_or_else(|| "nobody".to_owned(), |token| token.0.clone())
    }
}

impl GuestToken<Versions> for Token {
    fn new(_: &Versions, _: &Call<'_>) -> Self {
        Self(version())
    }

    fn made_by(&self, _: &Versions, _: &Call<'_>) -> String {
        self.0.clone()
    }
}

wash_plugin_abi::export!(Versions);
