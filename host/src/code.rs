//! Exit codes: [`Code`].

/// Why `wash-host` ended, as its exit code says it.
///
/// The numbers are those of `sysexits.h` where it has one. They stay clear of
/// the small codes that guests use, because `wash-host run` passes on the
/// guest's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// The arguments make no sense. Clap's own code.
    Usage = 2,
    /// The component or workload file is not valid.
    Workload = 65,
    /// A file or directory that was named is missing.
    Missing = 66,
    /// A plugin was rejected.
    Rejected = 69,
    /// The guest failed while it ran, without a code of its own.
    Guest = 70,
    /// A plugin did not start.
    PluginStart = 71,
    /// The workload did not start.
    WorkloadStart = 72,
    /// The operating system refused to read or write something.
    Io = 74,
    /// A server that the host needs cannot be reached. It may be there later:
    /// supervisors that know this code try again.
    Unavailable = 75,
    /// The configuration of a plugin or of the host is not valid. It stays so
    /// until somebody corrects it: supervisors that know this code give up.
    Config = 78,
    /// Ended by SIGHUP.
    HungUp = 129,
    /// Ended by Ctrl-C.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

/// The codes, for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done; for `run`, the guest ended well or its workload was stopped
    1  for `call`, the function returned `err`
    2  the arguments make no sense
   65  the component or workload file is not valid
   66  a file or directory that was named is missing
   69  a plugin is rejected
   70  the guest failed while it ran (a trap, for example)
   71  a plugin did not start, although its configuration is valid
   72  the workload did not start
   74  the operating system refused to read or write something
   75  a server that the host needs, such as NATS or Redis, cannot be reached;
       it may help to try again later
   78  the configuration of a plugin or of the host is not valid; trying again
       does not help
  129  ended by SIGHUP
  130  ended by Ctrl-C (SIGINT)
  143  ended by SIGTERM
A signal always gives 128 plus its number, also after the host has stopped its
workloads and plugins in order: a systemd unit needs SuccessExitStatus=143.
Every other code of `run` is the guest's own. A guest gives 1 for every failure
if its compiler's library only tells success from failure, as most libraries for
WASI 0.2 do.";

impl Code {
    const ALL: [Self; 13] = [
        Self::Usage,
        Self::Workload,
        Self::Missing,
        Self::Rejected,
        Self::Guest,
        Self::PluginStart,
        Self::WorkloadStart,
        Self::Io,
        Self::Unavailable,
        Self::Config,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The code as a number.
    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    /// The code of a number, as another `wash-host` tells it.
    pub(crate) fn of(number: u8) -> Self {
        let found = Self::ALL.into_iter().find(|code| code.number() == number);
        found.unwrap_or(Self::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented() {
        for code in Code::ALL {
            assert_eq!(Code::of(code.number()), code);
            assert!(
                HELP.contains(&format!("\n{:>5}  ", code.number())),
                "{code:?}"
            );
        }
    }
}
